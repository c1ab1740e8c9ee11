// What a PC's firmware keeps in CMOS about the machine: memory sizes, equipment, checksum (the layout of the IBM AT and of RBIL's
// CMOS list). Sizes that no longer fit are capped, as firmware does it.

const KIB = 1024;
const MIB = 1024 * KIB;

/** Drive types of CMOS byte 10h. */
export const FLOPPY_TYPES = { none: 0, 360: 1, 1200: 2, 720: 3, 1440: 4, 2880: 5 } as const;
export type FloppyType = (typeof FLOPPY_TYPES)[keyof typeof FLOPPY_TYPES];

export interface CmosFacts {
  /** RAM below 4 GiB, and above. */
  ramBytes: number;
  highRamBytes?: number;
  /** Types of drives A: and B:. */
  floppies?: readonly [FloppyType, FloppyType];
}

/** 128 bytes for Rtc146818. */
export function cmosImage({ ramBytes, highRamBytes = 0, floppies = [0, 0] }: CmosFacts): Uint8Array {
  const cmos = new Uint8Array(128);
  const put16 = (index: number, value: number): void => {
    cmos[index] = value & 0xff;
    cmos[index + 1] = value >> 8;
  };
  const extendedKib = Math.min(Math.max(ramBytes - MIB, 0) / KIB, 0xffff);
  const above16M = Math.min(Math.max(ramBytes - 16 * MIB, 0) / (64 * KIB), 0xffff);
  const above4G = Math.min(highRamBytes / (64 * KIB), 0xffffff);
  const floppyCount = floppies.filter((type) => type !== 0).length;
  cmos[0x10] = (floppies[0] << 4) | floppies[1];
  // Equipment: FPU, PS/2 pointing device; bit 0 and bits 7:6, the diskette drives.
  cmos[0x14] = 0x06 | (floppyCount > 0 ? 1 | ((floppyCount - 1) << 6) : 0);
  put16(0x15, Math.min(ramBytes / KIB, 640));
  put16(0x17, extendedKib);
  put16(0x30, extendedKib);
  put16(0x34, above16M);
  put16(0x5b, above4G & 0xffff);
  cmos[0x5d] = above4G >>> 16;
  let sum = 0;
  for (const byte of cmos.subarray(0x10, 0x2e)) sum += byte;
  cmos[0x2e] = sum >> 8;
  cmos[0x2f] = sum & 0xff;
  return cmos;
}
