// What a CD drive says of itself: INQUIRY (SPC-3 6.4), GET CONFIGURATION, GET EVENT STATUS NOTIFICATION and MECHANISM STATUS (MMC-4,
// T10 1545D).
import { FIRMWARE_REVISION } from "./ata-identify.ts";
import { isDvd } from "./atapi-disc.ts";

export const PROFILE_CD_ROM = 0x0008;
export const PROFILE_DVD_ROM = 0x0010;
const MEDIA_CLASS = 4;

function ascii(text: string, length: number): number[] {
  return [...text.padEnd(length, " ").slice(0, length)].map((c) => (c >= " " && c <= "~" ? c.charCodeAt(0) : 0x3f));
}

/** Standard INQUIRY data, or a page of vital product data; null for one that there is not. */
export function inquiry(page: number | null, serialNumber: string): Uint8Array | null {
  switch (page) {
    case null: // CD/DVD, removable, ATAPI
      return Uint8Array.from([0x05, 0x80, 0x00, 0x32, 31, 0, 0, 0, ...ascii("RINGFNCE", 8), ...ascii("CD/DVD-ROM", 16), ...ascii(FIRMWARE_REVISION, 4)]);
    case 0x00:
      return Uint8Array.from([0x05, 0x00, 0, 2, 0x00, 0x80]);
    case 0x80:
      return Uint8Array.from([0x05, 0x80, 0, 20, ...ascii(serialNumber, 20)]);
    default:
      return null;
  }
}

/** GET CONFIGURATION. `request`: 0 all features, 1 those in force, 2 only the one at `start`. `sectorCount` null: no medium. */
export function configuration(request: number, start: number, sectorCount: number | null, isSerialAta: boolean): Uint8Array {
  const hasDvd = sectorCount !== null && isDvd(sectorCount);
  const hasCd = sectorCount !== null && !hasDvd;
  const profile = hasDvd ? PROFILE_DVD_ROM : hasCd ? PROFILE_CD_ROM : 0;
  const feature = (code: number, version: number, isCurrent: boolean, isPersistent: boolean, ...data: number[]) =>
    ({ code, isCurrent, bytes: [code >>> 8, code & 0xff, (version << 2) | (isPersistent ? 2 : 0) | (isCurrent ? 1 : 0), data.length, ...data] });
  const features = [
    feature(0x0000, 0, true, true, 0, PROFILE_DVD_ROM, hasDvd ? 1 : 0, 0, 0, PROFILE_CD_ROM, hasCd ? 1 : 0, 0), // profiles
    feature(0x0001, 2, true, true, 0, 0, 0, isSerialAta ? 7 : 2, 1, 0, 0, 0), // core: the interface, device busy events
    feature(0x0002, 1, true, true, 0x02, 0, 0, 0), // morphing
    feature(0x0003, 0, true, true, 0x29, 0, 0, 0), // removable: a tray that ejects and locks
    feature(0x0010, 0, profile !== 0, false, 0, 0, 0x08, 0x00, 0, hasDvd ? 16 : 1, 0, 0), // random readable, 2048-byte blocks
    feature(0x001d, 0, hasCd, false), // multi-read
    feature(0x001e, 2, hasCd, false, 0, 0, 0, 0), // CD read
    feature(0x001f, 0, hasDvd, false), // DVD read
    feature(0x0100, 0, true, true), // power management
    feature(0x0105, 0, true, true), // timeouts
  ];
  const wanted = features.filter(({ code, isCurrent }) => (request === 2 ? code === start : code >= start && (request === 0 || isCurrent)));
  const body = [0, 0, profile >>> 8, profile & 0xff, ...wanted.flatMap(({ bytes }) => bytes)];
  return Uint8Array.from([0, 0, body.length >>> 8, body.length & 0xff, ...body]);
}

export type MediaEvent = "none" | "ejectRequest" | "newMedia" | "mediaRemoval";
export const MEDIA_EVENTS: readonly MediaEvent[] = ["none", "ejectRequest", "newMedia", "mediaRemoval"];

/** GET EVENT STATUS NOTIFICATION: only media events are reported. */
export function eventStatus(classes: number, event: MediaEvent, hasMedium: boolean, isTrayOpen: boolean): Uint8Array {
  const supported = 1 << MEDIA_CLASS;
  if ((classes & supported) === 0) return Uint8Array.from([0, 2, 0x80, supported]);
  return Uint8Array.from([0, 6, MEDIA_CLASS, supported, MEDIA_EVENTS.indexOf(event), (hasMedium ? 2 : 0) | (isTrayOpen ? 1 : 0), 0, 0]);
}

/** MECHANISM STATUS: one slot, no changer. */
export function mechanismStatus(isTrayOpen: boolean): Uint8Array {
  return Uint8Array.from([0, isTrayOpen ? 0x10 : 0, 0, 0, 0, 1, 0, 0]);
}
