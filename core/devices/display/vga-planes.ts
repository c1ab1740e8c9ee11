// The VGA's 256 KiB of display memory as four 64 KiB planes, and the graphics controller's data path between them and the CPU
// (IBM PS/2 Hardware Interface Technical Reference, "Graphics Controller"): write modes 0-3, read modes 0-1, latches, odd/even and chain 4.
// Not modelled: the odd/even page bit, which all known software leaves so that it does nothing.
import type { VgaRegisters } from "./vga-registers.ts";

export const PLANE_BYTES = 0x10000;
/** Addresses whose changes are noted together: about a line of most modes. */
const BLOCK_BITS = 6;
const BLOCK = 1 << BLOCK_BITS;

/** Four plane bits spread over the four bytes of a word. */
const SPREAD = Uint32Array.from({ length: 16 }, (_, bits) =>
  [0, 1, 2, 3].reduce((sum, plane) => sum + (bits & (1 << plane) ? 0xff * 2 ** (8 * plane) : 0), 0),
);

export class VgaPlanes {
  /** Byte 4 * address + plane: one word holds what one address has in all planes. */
  readonly bytes: Uint8Array = new Uint8Array(4 * PLANE_BYTES);
  private readonly words = new Uint32Array(this.bytes.buffer);
  private readonly registers: VgaRegisters;
  /** The latches: all four planes of the address read last. */
  latch = 0;
  /** Set when display memory has changed, and by plane (bits 0-3) which; cleared by whoever has drawn it. */
  isChanged = true;
  changedPlanes = 15;
  /** By block of addresses. */
  private readonly changedBlocks = new Uint8Array(PLANE_BYTES / BLOCK).fill(1);

  constructor(registers: VgaRegisters) {
    this.registers = registers;
  }

  /** Turns an offset into the 128 KiB window at A0000h into an address, or -1 where the adapter does not answer. */
  private addressOf(offset: number): number {
    const { graphics, misc } = this.registers;
    if ((misc & 2) === 0) return -1;
    switch (((graphics[6] ?? 0) >> 2) & 3) {
      case 0:
        return offset & 0xffff;
      case 1:
        return offset < 0x10000 ? offset : -1;
      case 2:
        return offset >= 0x10000 && offset < 0x18000 ? offset - 0x10000 : -1;
      default:
        return offset >= 0x18000 && offset < 0x20000 ? offset - 0x18000 : -1;
    }
  }

  read(offset: number): number {
    const address = this.addressOf(offset);
    if (address < 0) return 0xff;
    const { graphics, sequencer } = this.registers;
    const mode = graphics[5] ?? 0;
    let plane = graphics[4] ?? 0;
    let at = address;
    if ((sequencer[4] ?? 0) & 8) {
      plane = address & 3;
      at = address & 0xfffc;
    } else if (mode & 0x10) {
      plane = (plane & 2) | (address & 1);
      at = address & 0xfffe;
    }
    this.latch = this.words[at] ?? 0;
    if (mode & 8) {
      const differs = (this.latch ^ (SPREAD[graphics[2] ?? 0] ?? 0)) & (SPREAD[graphics[7] ?? 0] ?? 0);
      return ~(differs | (differs >>> 8) | (differs >>> 16) | (differs >>> 24)) & 0xff;
    }
    return (this.latch >>> (8 * plane)) & 0xff;
  }

  write(offset: number, value: number): void {
    const address = this.addressOf(offset);
    if (address < 0) return;
    const { sequencer } = this.registers;
    const memoryMode = sequencer[4] ?? 0;
    let planes = sequencer[2] ?? 0;
    let at = address;
    if (memoryMode & 8) {
      planes &= 1 << (address & 3);
      at = address & 0xfffc;
    } else if ((memoryMode & 4) === 0) {
      planes &= address & 1 ? 0b1010 : 0b0101;
      at = address & 0xfffe;
    }
    const old = this.words[at] ?? 0;
    const mask = SPREAD[planes & 15] ?? 0;
    const now = ((old & ~mask) | (this.combine(value) & mask)) >>> 0;
    if (now === old) return;
    this.words[at] = now;
    this.isChanged = true;
    this.changedPlanes |= planes;
    this.changedBlocks[at >> BLOCK_BITS] = 1;
  }

  /** True if a byte at one of these addresses has changed; from a higher one to a lower one, everything counts. */
  isRangeChanged(from: number, to: number): boolean {
    const [first, last] = from <= to ? [from >> BLOCK_BITS, to >> BLOCK_BITS] : [0, this.changedBlocks.length - 1];
    for (let block = first; block <= last; block++) if (this.changedBlocks[block] !== 0) return true;
    return false;
  }

  markAll(): void {
    this.isChanged = true;
    this.changedPlanes = 15;
    this.changedBlocks.fill(1);
  }

  markDrawn(): void {
    this.isChanged = false;
    this.changedPlanes = 0;
    this.changedBlocks.fill(0);
  }

  /** What a CPU byte becomes in the four planes: rotation, set/reset, logic with the latches, bit mask. */
  private combine(value: number): number {
    const { graphics } = this.registers;
    const mode = (graphics[5] ?? 0) & 3;
    if (mode === 1) return this.latch;
    const setReset = SPREAD[graphics[0] ?? 0] ?? 0;
    let bitMask = graphics[8] ?? 0;
    let word: number;
    if (mode === 2) {
      word = SPREAD[value & 15] ?? 0;
    } else {
      const count = (graphics[3] ?? 0) & 7;
      const rotated = ((value >>> count) | (value << (8 - count))) & 0xff;
      if (mode === 3) {
        bitMask &= rotated;
        word = setReset;
      } else {
        const enabled = SPREAD[graphics[1] ?? 0] ?? 0;
        word = (Math.imul(rotated, 0x01010101) & ~enabled) | (setReset & enabled);
      }
    }
    switch (((graphics[3] ?? 0) >> 3) & 3) {
      case 1:
        word &= this.latch;
        break;
      case 2:
        word |= this.latch;
        break;
      case 3:
        word ^= this.latch;
        break;
      default: // the value as it is
    }
    const masked = Math.imul(bitMask, 0x01010101);
    return (word & masked) | (this.latch & ~masked);
  }
}
