// What a drive says of the disc in it: one session with one data track of 2048-byte sectors, a CD-ROM or, when too large for one, a
// DVD-ROM. MMC-4 (T10 1545D): READ TOC/PMA/ATIP, READ SUB-CHANNEL, READ DISC and TRACK INFORMATION, READ DVD STRUCTURE.

/** A CD cannot hold more sectors than this (99 minutes). */
const CD_SECTORS = 445_500;
const LEAD_OUT = 0xaa;
/** Q sub-channel: position data of a data track that may not be copied. */
const ADR_CONTROL = 0x14;
const PREGAP = 150;

export function isDvd(sectorCount: number): boolean {
  return sectorCount > CD_SECTORS;
}

/** Minute, second and frame of an address; a DVD's may be beyond what the format can say. */
export function toMsf(lba: number): [minute: number, second: number, frame: number] {
  const frames = lba + PREGAP;
  const minute = Math.floor(frames / (75 * 60));
  return minute > 255 ? [255, 59, 74] : [minute, Math.floor(frames / 75) % 60, frames % 75];
}

/** Null if the address is none. */
export function fromMsf(minute: number, second: number, frame: number): number | null {
  const lba = (minute * 60 + second) * 75 + frame - PREGAP;
  return second < 60 && frame < 75 && lba >= 0 ? lba : null;
}

function address(lba: number, isMsf: boolean): number[] {
  return isMsf ? [0, ...toMsf(lba)] : [lba >>> 24, (lba >>> 16) & 0xff, (lba >>> 8) & 0xff, lba & 0xff];
}

function withLength(body: readonly number[]): Uint8Array {
  return Uint8Array.from([body.length >>> 8, body.length & 0xff, ...body]);
}

/** READ TOC/PMA/ATIP; null for a format or track that this disc does not have. */
export function tableOfContents(format: number, isMsf: boolean, start: number, sectorCount: number): Uint8Array | null {
  const track = (number: number, lba: number): number[] => [0, ADR_CONTROL, number, 0, ...address(lba, isMsf)];
  switch (format) {
    case 0:
      if (start > 1 && start !== LEAD_OUT) return null;
      return withLength([1, 1, ...(start <= 1 ? track(1, 0) : []), ...track(LEAD_OUT, sectorCount)]);
    case 1: // sessions
      return withLength([1, 1, ...track(1, 0)]);
    case 2: {
      const point = (number: number, ...value: number[]): number[] => [1, ADR_CONTROL, 0, number, 0, 0, 0, 0, ...value];
      const points = [point(0xa0, 1, 0, 0), point(0xa1, 1, 0, 0), point(0xa2, ...toMsf(sectorCount)), point(1, ...toMsf(0))];
      return withLength([1, 1, ...points.flat()]);
    }
    default:
      return null;
  }
}

/** READ SUB-CHANNEL: no audio is ever played. Null for a format that there is not. */
export function subChannel(format: number, isMsf: boolean, wantsQ: boolean, lba: number): Uint8Array | null {
  const header = [0, 0x15];
  if (!wantsQ) return Uint8Array.from([...header, 0, 0]);
  switch (format) {
    case 1: // position
      return Uint8Array.from([...header, 0, 12, 1, ADR_CONTROL, 1, 1, ...address(lba, isMsf), ...relative(lba, isMsf)]);
    case 2: // catalogue number
    case 3: // recording code
      return Uint8Array.from([...header, 0, 20, format, format === 3 ? ADR_CONTROL : 0, format === 3 ? 1 : 0, ...new Array<number>(17).fill(0)]);
    default:
      return null;
  }
}

/** Within the track, which starts at 0: in MSF without the pregap. */
function relative(lba: number, isMsf: boolean): number[] {
  return isMsf ? [0, Math.floor(lba / 4500) & 0xff, Math.floor(lba / 75) % 60, lba % 75] : address(lba, false);
}

/** READ DISC INFORMATION: complete, not erasable. */
export function discInformation(): Uint8Array {
  const data = new Uint8Array(34);
  data.set([0, 32, 0x0e, 1, 1, 1, 1, 0x20]);
  data.fill(0xff, 16, 24); // no further session can start
  return data;
}

/** READ TRACK INFORMATION of the one track. */
export function trackInformation(sectorCount: number): Uint8Array {
  const data = new Uint8Array(36);
  data.set([0, 34, 1, 1, 0, 0x04, 0x01]); // uninterrupted data track, mode 1
  new DataView(data.buffer).setUint32(24, sectorCount);
  return data;
}

/** READ HEADER: mode and address of a sector. */
export function sectorHeader(lba: number, isMsf: boolean): Uint8Array {
  return Uint8Array.from([1, 0, 0, 0, ...address(lba, isMsf)]);
}

/** READ DVD STRUCTURE: physical format, copyright, manufacturer. Null for a format that there is not. */
export function dvdStructure(format: number, sectorCount: number): Uint8Array | null {
  if (format === 1) return Uint8Array.from([0, 6, 0, 0, 0, 0, 0, 0]);
  if (format !== 0 && format !== 4) return null;
  const data = new Uint8Array(4 + 2048);
  const view = new DataView(data.buffer);
  view.setUint16(0, data.length - 2);
  if (format === 0) {
    data.set([0x01, 0x02, 0x01, 0x00], 4); // DVD-ROM 1.0; 120 mm, 10 Mbit/s; one embossed layer
    view.setUint32(8, 0x030000);
    view.setUint32(12, 0x030000 + Math.max(0, sectorCount - 1));
  }
  return data;
}
