// The mode pages of a CD drive: MODE SENSE and MODE SELECT, 6 and 10. SPC-3 (T10 1416D) 6.7 to 6.10, MMC-4 (T10 1545D) 7.
import { INVALID_FIELD, INVALID_PARAMETER, PARAMETER_LIST_LENGTH, SAVING_NOT_SUPPORTED, type Sense } from "./atapi-sense.ts";

interface ModePage {
  code: number;
  /** From the third byte on: after code and length. */
  initial: readonly number[];
  changeable: readonly number[];
}

/** The speed of the drive in kbyte/s: 24 times that of an audio CD. */
const SPEED = [0x10, 0x8a] as const;

const PAGES: readonly ModePage[] = [
  // Read error recovery: flags, retry count.
  { code: 0x01, initial: [0x00, 0x05, 0, 0, 0, 0], changeable: [0x3f, 0xff, 0, 0, 0, 0] },
  // CD audio control: flags, and routing and volume of four ports.
  {
    code: 0x0e,
    initial: [0x04, 0, 0, 0, 0, 0x4b, 0x01, 0xff, 0x02, 0xff, 0, 0, 0, 0],
    changeable: [0x02, 0, 0, 0, 0, 0, 0x0f, 0xff, 0x0f, 0xff, 0x0f, 0xff, 0x0f, 0xff],
  },
  // Power condition: timers off.
  { code: 0x1a, initial: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], changeable: [0, 0x03, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] },
  // Timeouts: 7.5 minutes.
  { code: 0x1d, initial: [0, 0, 0x04, 0, 0, 0x3c, 0, 0x3c], changeable: [0, 0, 0x07, 0, 0xff, 0xff, 0xff, 0xff] },
  // Capabilities: reads CD-R, CD-RW and DVD-ROM; multi-session, mode 2; a tray that ejects and locks; 256 KiB of buffer. Bit 1 of
  // the fifth byte, the lock's state, is put in when the page is read.
  {
    code: 0x2a,
    initial: [0x0b, 0x00, 0x70, 0x00, 0x29, 0x00, ...SPEED, 0, 0, 0x01, 0x00, ...SPEED, 0, 0, 0, 0],
    changeable: new Array<number>(18).fill(0),
  },
];
const CAPABILITIES = 0x2a;
const ALL_PAGES = 0x3f;
const LOCK_STATE = 0x02;
/** More than any list that could be right. */
export const PARAMETER_LIST_LIMIT = 512;

export const MODE_VALUES_BYTES = PAGES.reduce((sum, page) => sum + page.initial.length, 0);

export class ModePages {
  /** All pages' values, one after the other. */
  values = new Uint8Array(0);

  constructor() {
    this.reset();
  }

  reset(): void {
    this.values = Uint8Array.from(PAGES.flatMap((page) => page.initial));
  }

  private offsetOf(page: ModePage): number {
    return PAGES.slice(0, PAGES.indexOf(page)).reduce((sum, { initial }) => sum + initial.length, 0);
  }

  /** Whether values could have come from MODE SELECT. */
  static isPossible(values: Uint8Array): boolean {
    const initial = PAGES.flatMap((page) => page.initial);
    const changeable = PAGES.flatMap((page) => page.changeable);
    return values.length === initial.length && values.every((value, i) => ((value ^ (initial[i] ?? 0)) & ~(changeable[i] ?? 0)) === 0);
  }

  /** The answer to MODE SENSE. `control`: 0 current values, 1 what can be changed, 2 defaults, 3 saved values. */
  sense(code: number, control: number, hasLongHeader: boolean, mediumType: number, isLocked: boolean): Uint8Array | Sense {
    if (control === 3) return SAVING_NOT_SUPPORTED;
    const pages = PAGES.filter((page) => code === ALL_PAGES || page.code === code);
    if (pages.length === 0) return INVALID_FIELD;
    const body = pages.flatMap((page) => {
      const at = this.offsetOf(page);
      const current = [...this.values.subarray(at, at + page.initial.length)];
      if (page.code === CAPABILITIES && isLocked) current[4] = (current[4] ?? 0) | LOCK_STATE;
      return [page.code, page.initial.length, ...(control === 0 ? current : control === 1 ? page.changeable : page.initial)];
    });
    const header = hasLongHeader ? [0, 0, mediumType, 0, 0, 0, 0, 0] : [0, mediumType, 0, 0];
    const length = header.length + body.length - (hasLongHeader ? 2 : 1);
    header[hasLongHeader ? 1 : 0] = length & 0xff; // all pages together are shorter than 256 bytes
    return Uint8Array.from([...header, ...body]);
  }

  /** Takes a MODE SELECT parameter list, all of it or nothing; null when it was right. */
  select(list: Uint8Array, hasLongHeader: boolean): Sense | null {
    const headerLength = hasLongHeader ? 8 : 4;
    if (list.length === 0) return null;
    if (list.length < headerLength) return PARAMETER_LIST_LENGTH;
    const descriptors = hasLongHeader ? (list[6] ?? 0) * 256 + (list[7] ?? 0) : (list[3] ?? 0);
    const next = Uint8Array.from(this.values);
    for (let at = headerLength + descriptors; at < list.length; ) {
      const page = PAGES.find(({ code }) => code === ((list[at] ?? 0) & 0x3f));
      const length = list[at + 1] ?? 0;
      if (at + 2 + length > list.length) return PARAMETER_LIST_LENGTH;
      if (!page || length !== page.initial.length) return INVALID_PARAMETER;
      const valuesAt = this.offsetOf(page);
      for (let i = 0; i < length; i++) {
        const value = list[at + 2 + i] ?? 0;
        if (((value ^ (next[valuesAt + i] ?? 0)) & ~(page.changeable[i] ?? 0)) !== 0) return INVALID_PARAMETER;
        next[valuesAt + i] = value;
      }
      at += 2 + length;
    }
    this.values = next;
    return null;
  }
}
