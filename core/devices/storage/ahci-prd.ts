// The physical region descriptor table of an AHCI command (AHCI 1.3, 4.2.3.3): moves bytes between the regions and a buffer. The
// table is the guest's and hostile: it has at most 65,535 entries of 2 bytes to 4 MiB, each is looked at once for a call, and
// nothing outside RAM is touched.
import type { DmaView } from "../../memory/guest-memory.ts";

const ENTRY_BYTES = 16;
const BATCH = 256;
const COUNT_MASK = 0x3fffff;
const INTERRUPT = 0x80000000;

export interface PrdTable {
  /** Guest-physical address, and number of entries. */
  gpa: number;
  entries: number;
}

export interface PrdResult {
  /** Bytes moved: less than asked for when the table has come to its end. */
  bytes: number;
  /** A region that was used up asks for an interrupt. */
  wantsInterrupt: boolean;
  /** The table (`table`) or a region (`data`) is not RAM: moving stopped there. */
  fault: "table" | "data" | null;
}

/** Moves `data` to or from the table's bytes from `offset` on. */
export function movePrd(memory: DmaView, { gpa, entries }: PrdTable, offset: number, data: Uint8Array, isToMemory: boolean): PrdResult {
  const batch = new Uint8Array(Math.min(BATCH, entries) * ENTRY_BYTES);
  const view = new DataView(batch.buffer);
  const end = offset + data.length;
  let wantsInterrupt = false;
  let regionStart = 0;
  let bytes = 0;
  for (let index = 0; index < entries && bytes < data.length; index++) {
    const at = (index % BATCH) * ENTRY_BYTES;
    if (at === 0) {
      const length = Math.min(BATCH, entries - index) * ENTRY_BYTES;
      if (!memory.isRam(gpa + index * ENTRY_BYTES, length)) return { bytes, wantsInterrupt, fault: "table" };
      memory.read(gpa + index * ENTRY_BYTES, batch.subarray(0, length));
    }
    const flags = view.getUint32(at + 12, true);
    const regionEnd = regionStart + ((flags & COUNT_MASK) | 1) + 1;
    const from = Math.max(offset + bytes, regionStart);
    const to = Math.min(end, regionEnd);
    if (from < to) {
      const base = (view.getUint32(at, true) & ~1) >>> 0;
      const region = base + from - regionStart;
      if (view.getUint32(at + 4, true) !== 0 || !memory.isRam(region, to - from)) return { bytes, wantsInterrupt, fault: "data" };
      const part = data.subarray(from - offset, to - offset);
      if (isToMemory) memory.write(region, part);
      else memory.read(region, part);
      bytes += to - from;
      if (to === regionEnd && flags >= INTERRUPT) wantsInterrupt = true;
    }
    regionStart = regionEnd;
  }
  return { bytes, wantsInterrupt, fault: null };
}
