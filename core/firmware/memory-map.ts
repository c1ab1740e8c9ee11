// Which guest-physical memory is what, as firmware reports it (ACPI 6.4, 15: INT 15h E820h): usable RAM, the hole from 640 KiB to
// 1 MiB, the ACPI tables at the top of RAM. RAM ends at E0000000h at the latest: above are devices.

export const RAM_END_MAX = 0xe0000000;
/** Extended BIOS data area: the last KiB of conventional memory. */
export const EBDA = 0x9fc00;
export const HIGH_MEMORY = 0x100000;
/** ACPI tables at the end of RAM; the last page of them is the FACS, which the operating system may write. */
export const ACPI_BYTES = 0x10000;
export const ACPI_NVS_BYTES = 0x1000;
/** Less RAM than this has no room for anything. */
export const RAM_MIN = 0x400000;

export const E820_RAM = 1;
export const E820_RESERVED = 2;
export const E820_ACPI = 3;
export const E820_NVS = 4;

export interface MemoryRange {
  base: number;
  length: number;
  type: number;
}

/** Where RAM ends on a machine with that much of it. */
export function ramEnd(ramBytes: number): number {
  return Math.floor(Math.min(ramBytes, RAM_END_MAX) / 0x1000) * 0x1000;
}

/** Sorted, without overlaps. Throws RangeError for less than RAM_MIN. */
export function memoryMap(ramBytes: number): MemoryRange[] {
  const end = ramEnd(ramBytes);
  if (end < RAM_MIN) throw new RangeError(`${ramBytes} bytes of RAM are too few`);
  return [
    { base: 0, length: EBDA, type: E820_RAM },
    { base: EBDA, length: 0xa0000 - EBDA, type: E820_RESERVED },
    { base: 0xf0000, length: 0x10000, type: E820_RESERVED },
    { base: HIGH_MEMORY, length: end - ACPI_BYTES - HIGH_MEMORY, type: E820_RAM },
    { base: end - ACPI_BYTES, length: ACPI_BYTES - ACPI_NVS_BYTES, type: E820_ACPI },
    { base: end - ACPI_NVS_BYTES, length: ACPI_NVS_BYTES, type: E820_NVS },
  ];
}
