// What the north bridge shows in the first megabyte and below 4 GiB: DRAM, ROM or the bus. 82441FX datasheet (290549), 3.2.18 PAM
// and 3.2.22 SMRAM; the system ROM lies at the top of 4 GiB and its last 128 KiB also below 1 MiB, as the PIIX3 decodes it.
// Left out: system management mode itself, so that DRAM under the VGA window shows only while D_OPEN is set.
import type { AccessSize, BusDevice } from "../bus/device.ts";
import type { MmioBus } from "../bus/mmio-bus.ts";
import { PAGE_SIZE, type PhysicalMap } from "../memory/physical-map.ts";

const TWO_32 = 0x1_0000_0000;
const VGA_WINDOW = { base: 0xa0000, length: 0x20000 };
const SHADOW = { base: 0xc0000, length: 0x40000 };
const SYSTEM_ROM_SHOWN = 0x20000;
export const ROM_MIN_BYTES = 0x10000;
export const ROM_MAX_BYTES = 0x100000;
export const VIDEO_ROM_MAX_BYTES = 0x10000;
const PAM_READ = 1, PAM_WRITE = 2;
const SMRAM_LOCKED = 0x10, SMRAM_OPEN = 0x40;

/** Ranges that a nibble of PAM0 to PAM6 rules: PAM0's high nibble the top 64 KiB, the others 16 KiB each from C0000h up. */
const SEGMENTS = [
  { register: 0, shift: 4, base: 0xf0000, length: 0x10000 },
  ...Array.from({ length: 12 }, (_, i) => ({ register: 1 + (i >> 1), shift: (i & 1) * 4, base: SHADOW.base + i * 0x4000, length: 0x4000 })),
];

/** A ROM's place in the machine's memory. */
export interface RomImage {
  host: number;
  /** A multiple of the page size. */
  sizeBytes: number;
}

export interface AddressDecodeOptions {
  map: PhysicalMap;
  mmio: MmioBus;
  /** The machine's memory, and where RAM starts in it. */
  bytes: Uint8Array;
  ramHost: number;
  systemRom?: RomImage;
  videoRom?: RomImage;
}

type Change = Parameters<PhysicalMap["remap"]>[0][number];

export class AddressDecode implements BusDevice {
  private readonly o: AddressDecodeOptions;
  private pam: Uint8Array = new Uint8Array(7);

  constructor(options: AddressDecodeOptions) {
    this.o = options;
    const { map, mmio, systemRom } = options;
    mmio.map(SHADOW.base, SHADOW.length, this, 0, "shadow ram");
    if (systemRom) map.map(TWO_32 - systemRom.sizeBytes, systemRom.sizeBytes, systemRom.host, true);
  }

  /** The registers as they are now: PAM0 to PAM6, and SMRAM. */
  update(pam: Uint8Array, smram: number): void {
    this.pam = Uint8Array.from(pam);
    const isOpen = (smram & (SMRAM_OPEN | SMRAM_LOCKED)) === SMRAM_OPEN;
    this.o.map.remap([
      { gpa: VGA_WINDOW.base, length: VGA_WINDOW.length, host: isOpen ? this.o.ramHost + VGA_WINDOW.base : null },
      ...SEGMENTS.flatMap(({ register, shift, base, length }) => this.segment(base, length, ((pam[register] ?? 0) >> shift) & 3)),
    ]);
  }

  private segment(base: number, length: number, access: number): Change[] {
    if (access & PAM_READ) return [{ gpa: base, length, host: this.o.ramHost + base, isReadOnly: (access & PAM_WRITE) === 0 }];
    return Array.from({ length: length / PAGE_SIZE }, (_, page) => {
      const gpa = base + page * PAGE_SIZE;
      return { gpa, length: PAGE_SIZE, host: this.romPage(gpa), isReadOnly: true };
    });
  }

  /** Host address of what answers on the bus, or null. */
  private romPage(gpa: number): number | null {
    const { systemRom, videoRom } = this.o;
    const fromTop = 0x100000 - gpa;
    if (systemRom && fromTop <= Math.min(SYSTEM_ROM_SHOWN, systemRom.sizeBytes)) return systemRom.host + systemRom.sizeBytes - fromTop;
    if (videoRom && gpa - SHADOW.base < videoRom.sizeBytes) return videoRom.host + (gpa - SHADOW.base);
    return null;
  }

  /** Where neither DRAM nor a ROM answers. */
  readReg(_bank: number, _offset: number, size: AccessSize): number {
    return 2 ** (8 * size) - 1;
  }

  /** Stores that did not go to DRAM directly: while reads come from elsewhere, DRAM may still take them. */
  writeReg(_bank: number, offset: number, size: AccessSize, value: number): void {
    const access = this.accessAt(SHADOW.base + offset);
    // Decoded code of this address came from the bus, so that none goes stale.
    if ((access & (PAM_WRITE | PAM_READ)) !== PAM_WRITE) return;
    for (let i = 0; i < size; i++) this.o.bytes[this.o.ramHost + SHADOW.base + offset + i] = value >>> (8 * i);
  }

  private accessAt(gpa: number): number {
    const index = gpa >= 0xf0000 ? 0 : 1 + ((gpa - SHADOW.base) >> 14);
    const segment = SEGMENTS[index];
    return segment ? ((this.pam[segment.register] ?? 0) >> segment.shift) & 3 : 0;
  }
}
