// What a PC's firmware keeps in CMOS about the machine: memory sizes, equipment, checksum (the layout of the IBM AT and of RBIL's
// CMOS list). Sizes that no longer fit are capped, as firmware does it.

const KIB = 1024;
const MIB = 1024 * KIB;

/** 128 bytes for Rtc146818. `ramBytes` is RAM below 4 GiB, `highRamBytes` RAM above. */
export function cmosImage(ramBytes: number, highRamBytes = 0): Uint8Array {
  const cmos = new Uint8Array(128);
  const put16 = (index: number, value: number): void => {
    cmos[index] = value & 0xff;
    cmos[index + 1] = value >> 8;
  };
  const extendedKib = Math.min(Math.max(ramBytes - MIB, 0) / KIB, 0xffff);
  const above16M = Math.min(Math.max(ramBytes - 16 * MIB, 0) / (64 * KIB), 0xffff);
  const above4G = Math.min(highRamBytes / (64 * KIB), 0xffffff);
  cmos[0x14] = 0x06; // equipment: FPU, PS/2 pointing device, no diskette
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
