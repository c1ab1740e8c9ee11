// Random guest programs for comparing engines: loops of random instructions over registers, flags, vectors, the x87 stack and two
// stretches of memory, one of which lies across a page border. They end in HLT after a bounded number of rounds, whatever the
// instructions do.
import { SeededRandom } from "./seeded-random.ts";

export interface RandomProgram {
  bits: 32 | 64;
  code: number[];
}

/** Where programs expect their memory; RSI and RDI point into it. */
export const DATA = 0x60000;
export const DATA_BYTES = 0x3000;
const SI_AT = DATA + 0xff8;
const DI_AT = DATA + 0x2000;
const RBP = 5;
const RSI = 6;
const RDI = 7;

/** One instruction: opcode bytes and how its operands are made. */
type Maker = (g: Generator) => number[];

class Generator {
  readonly r: SeededRandom;
  readonly bits: 32 | 64;
  constructor(seed: number, bits: 32 | 64) {
    this.r = new SeededRandom(seed);
    this.bits = bits;
  }
  /** A register that programs may change. */
  free(): number {
    const low = [0, 1, 2, 3] as const;
    return this.bits === 64 && this.r.below(2) ? 8 + this.r.below(7) : this.r.pick(low);
  }
  byte(): number {
    return this.r.below(256);
  }
  imm(size: number): number[] {
    const kind = this.r.below(4);
    const fill = kind === 0 ? 0 : kind === 1 ? 0xff : -1;
    return Array.from({ length: size }, (_, n) => (fill >= 0 && n > 0 ? fill : this.byte()));
  }
  /** Prefixes, opcode, ModRM with `reg` and a register or memory operand. `size`: 1, 2, 4 or 8; mandatory prefix first. */
  modrm(opcode: number[], reg: number, o: { size?: number; prefix?: number; rm?: number; memory?: boolean; imm?: number[]; vector?: boolean }): number[] {
    const isMemory = o.memory ?? this.r.below(3) === 0;
    const size = o.size ?? 4;
    const rm = o.rm ?? (o.vector ? this.r.below(this.bits === 64 ? 16 : 8) : this.free());
    const bytes: number[] = [];
    if (size === 2 && !o.vector) bytes.push(0x66);
    if (o.prefix) bytes.push(o.prefix);
    let rex = size === 8 ? 8 : 0;
    if (reg & 8) rex |= 4;
    const tail: number[] = [];
    if (!isMemory) {
      if (rm & 8) rex |= 1;
      tail.push(0xc0 | ((reg & 7) << 3) | (rm & 7));
    } else if (this.r.below(4) === 0) {
      // [base + index * 1 + disp8] with an index that is 0 to 255 at most: AL was extended into it, or it is the other pointer's 0.
      tail.push(0x44 | ((reg & 7) << 3), 0x20 | (this.r.below(2) ? RSI : RDI), this.r.below(128));
    } else if (this.r.below(2)) tail.push(0x40 | ((reg & 7) << 3) | RSI, this.byte() & 0x7f);
    else tail.push(0x80 | ((reg & 7) << 3) | RDI, this.byte(), this.r.below(4), 0, 0);
    if (this.bits === 64 && (rex || (size === 1 && this.r.below(2)))) bytes.push(0x40 | rex);
    return [...bytes, ...opcode, ...tail, ...(o.imm ?? [])];
  }
  size(): number {
    return this.r.pick(this.bits === 64 ? [1, 2, 4, 4, 8, 8] : [1, 2, 4, 4]);
  }
  wide(): number {
    return this.r.pick(this.bits === 64 ? [2, 4, 4, 8, 8] : [2, 4, 4]);
  }
  xmm(): number {
    return this.r.below(this.bits === 64 ? 16 : 8);
  }
}

const of = (size: number, opcode: number): number => (size === 1 ? opcode : opcode | 1);
const integer: readonly Maker[] = [
  (g) => {
    const size = g.size();
    return g.modrm([of(size, g.r.below(8) * 8) | (g.r.below(2) << 1)], g.free(), { size });
  },
  (g) => {
    const size = g.size();
    return g.modrm([of(size, g.r.below(8) * 8)], g.free(), { size });
  },
  (g) => {
    const size = g.size();
    return g.modrm([of(size, 0x80)], g.r.below(8), { size, imm: g.imm(size === 8 ? 4 : size) });
  },
  (g) => g.modrm([0x83], g.r.below(8), { size: g.wide(), imm: g.imm(1) }),
  (g) => {
    const size = g.size();
    return g.modrm([of(size, g.r.pick([0x84, 0x88, 0x8a, 0x86]))], g.free(), { size });
  },
  (g) => {
    const size = g.size();
    return g.modrm([of(size, g.r.pick([0xd0, 0xd2]))], g.r.below(8), { size });
  },
  (g) => {
    const size = g.size();
    return g.modrm([of(size, 0xc0)], g.r.below(8), { size, imm: g.imm(1) });
  },
  (g) => {
    const size = g.size();
    return g.modrm([of(size, 0xf6)], g.r.pick([2, 3, 4, 5]), { size });
  },
  (g) => {
    const size = g.size();
    return g.modrm([of(size, 0xfe)], g.r.below(2), { size });
  },
  (g) => g.modrm([0x0f, 0xaf], g.free(), { size: g.wide() }),
  (g) => g.modrm([0x6b], g.free(), { size: g.wide(), imm: g.imm(1) }),
  (g) => g.modrm([0x0f, 0xb6 | g.r.below(2) | (g.r.below(2) << 3)], g.free(), { size: g.wide() }),
  (g) => g.modrm([0x8d], g.free(), { size: g.wide(), memory: true }),
  (g) => g.modrm([0x0f, 0x90 + g.r.below(16)], 0, { size: 1 }),
  (g) => g.modrm([0x0f, 0x40 + g.r.below(16)], g.free(), { size: g.wide() }),
  (g) => g.modrm([0x0f, g.r.pick([0xa3, 0xab, 0xb3, 0xbb])], g.free(), { size: g.wide(), memory: false }),
  (g) => g.modrm([0x0f, 0xba], 4 + g.r.below(4), { size: g.wide(), imm: g.imm(1) }),
  (g) => g.modrm([0x0f, 0xbc | g.r.below(2)], g.free(), { size: g.wide() }),
  (g) => {
    const size = g.size();
    return g.modrm([0x0f, of(size, g.r.pick([0xb0, 0xc0]))], g.free(), { size });
  },
  (g) => g.modrm([0x0f, g.r.pick([0xa4, 0xac])], g.free(), { size: g.r.pick(g.bits === 64 ? [4, 8] : [4, 4]), imm: g.imm(1) }),
  (g) => g.modrm([0x0f, g.r.pick([0xa5, 0xad])], g.free(), { size: g.r.pick(g.bits === 64 ? [4, 8] : [4, 4]) }),
  (g) => [g.r.pick([0x98, 0x99, 0x9f, 0x9e, 0xf8, 0xf9, 0xf5])],
  (g) => [0x0f, 0xc8 + g.r.below(4)],
  (g) => g.modrm([0x0f, 0xb8], g.free(), { size: 4, prefix: 0xf3 }),
  (g) => [0x50 + g.r.below(4), 0x58 + g.r.below(4)],
  (g) => [0x9c, 0x58 + g.r.below(4)],
];
const PACKED = [
  0xfc, 0xfd, 0xfe, 0xd4, 0xef, 0xdb, 0xdf, 0xeb, 0x74, 0x75, 0x76, 0x64, 0x65, 0x66, 0x60, 0x61, 0x62, 0x6c, 0x68, 0x69, 0x6a, 0x6d, 0xf4, 0xf5, 0xd5, 0xe5, 0xe4, 0xda,
  0xde, 0xea, 0xee, 0xd8, 0xd9, 0xdc, 0xdd, 0xe8, 0xe9, 0xec, 0xed, 0xf6, 0xe0, 0xe3, 0x63, 0x67, 0x6b, 0xf8, 0xfa, 0xfb, 0x14, 0x15, 0x54, 0x55, 0x56, 0x57,
] as const;
const vector: readonly Maker[] = [
  (g) => g.modrm([0x0f, g.r.pick(PACKED)], g.xmm(), { vector: true, prefix: 0x66, memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x58, 0x59, 0x5c, 0x5e, 0x51, 0x5d, 0x5f])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66, 0xf2, 0xf3]), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x58, 0x59, 0x5c])], g.xmm(), { vector: true, prefix: g.r.pick([0xf2, 0xf3]) }),
  (g) => g.modrm([0x0f, g.r.pick([0x10, 0x11])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66, 0xf2, 0xf3]) }),
  (g) => g.modrm([0x0f, g.r.pick([0x6f, 0x7f])], g.xmm(), { vector: true, prefix: 0xf3 }),
  (g) => g.modrm([0x0f, 0x70], g.xmm(), { vector: true, prefix: g.r.pick([0x66, 0xf2, 0xf3]), memory: false, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0xc6], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66]), memory: false, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, g.r.pick([0x71, 0x72, 0x73])], g.r.pick([2, 6]), { vector: true, prefix: 0x66, memory: false, imm: [g.r.below(70)] }),
  (g) => g.modrm([0x0f, g.r.pick([0x2e, 0x2f])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66]), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x12, 0x13, 0x16, 0x17])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66]), memory: true }),
  (g) => g.modrm([0x0f, 0x6e], g.xmm(), { size: g.bits === 64 ? 8 : 4, prefix: 0x66 }),
  (g) => g.modrm([0x0f, 0x7e], g.xmm(), { size: g.bits === 64 ? 8 : 4, prefix: 0x66 }),
  (g) => g.modrm([0x0f, 0x2a], g.xmm(), { size: 4, prefix: g.r.pick([0xf2, 0xf3]) }),
  (g) => g.modrm([0x0f, g.r.pick([0x5a, 0x5b, 0xe6])], g.xmm(), { vector: true, prefix: 0xf3, memory: false }),
  (g) => g.modrm([0x0f, 0x38, g.r.pick([0, 1, 2, 4, 8, 0x1c, 0x1d, 0x1e])], g.xmm(), { vector: true, prefix: 0x66, memory: false }),
];
/** Packs, shifts and shuffles by immediate, lanes in and out, MMX, control words and the rest of SSE to SSE4.2. */
const vectorMore: readonly Maker[] = [
  (g) => g.modrm([0x0f, g.r.pick(PACKED)], g.xmm(), { vector: true, prefix: 0x66 }),
  (g) => g.modrm([0x0f, g.r.pick([0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0x51])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66, 0xf2, 0xf3]), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f, 0x51])], g.xmm(), { vector: true, prefix: g.r.pick([0xf2, 0xf3]) }),
  (g) => g.modrm([0x0f, 0xc2], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66, 0xf2, 0xf3]), memory: false, imm: [g.r.below(8)] }),
  (g) => g.modrm([0x0f, g.r.pick([0xd0, 0x7c, 0x7d])], g.xmm(), { vector: true, prefix: g.r.pick([0x66, 0xf2]), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x12, 0x16])], g.xmm(), { vector: true, prefix: g.r.pick([0xf3, 0]), memory: false }),
  (g) => g.modrm([0x0f, 0x12], g.xmm(), { vector: true, prefix: 0xf2 }),
  (g) => g.modrm([0x0f, g.r.pick([0x2c, 0x2d])], g.free(), { prefix: g.r.pick([0xf2, 0xf3]), size: g.r.pick(g.bits === 64 ? [4, 8] : [4]), rm: g.xmm(), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x5a, 0x5b])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66]), memory: false }),
  (g) => g.modrm([0x0f, 0x5a], g.xmm(), { vector: true, prefix: g.r.pick([0xf2, 0xf3]) }),
  (g) => g.modrm([0x0f, 0xe6], g.xmm(), { vector: true, prefix: g.r.pick([0xf2, 0x66]), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x71, 0x72])], g.r.pick([2, 4, 6]), { vector: true, prefix: 0x66, memory: false, imm: [g.r.below(70)] }),
  (g) => g.modrm([0x0f, 0x73], g.r.pick([2, 3, 6, 7]), { vector: true, prefix: 0x66, memory: false, imm: [g.r.below(70)] }),
  (g) => g.modrm([0x0f, g.r.pick([0xd1, 0xd2, 0xd3, 0xe1, 0xe2, 0xf1, 0xf2, 0xf3])], g.xmm(), { vector: true, prefix: 0x66, memory: false }),
  (g) => g.modrm([0x0f, 0x3a, g.r.pick([0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x40, 0x41, 0x42, 0x21])], g.xmm(), { vector: true, prefix: 0x66, memory: false, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0x3a, 0x0f], g.xmm(), { vector: true, prefix: 0x66, memory: false, imm: [g.r.below(36)] }),
  (g) => g.modrm([0x0f, 0x3a, g.r.pick([0x14, 0x15, 0x16, 0x17])], g.xmm(), { prefix: 0x66, size: g.r.pick(g.bits === 64 ? [4, 8] : [4]), imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0x3a, g.r.pick([0x20, 0x22])], g.xmm(), { prefix: 0x66, size: g.r.pick(g.bits === 64 ? [4, 8] : [4]), imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0x3a, 0x21], g.xmm(), { vector: true, prefix: 0x66, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0xc4], g.xmm(), { prefix: 0x66, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0xc5], g.free(), { prefix: 0x66, rm: g.xmm(), memory: false, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, g.r.pick([0xd7, 0x50])], g.free(), { prefix: 0x66, rm: g.xmm(), memory: false }),
  (g) => g.modrm([0x0f, 0x38, g.r.pick([0x10, 0x14, 0x15, 0x17])], g.xmm(), { vector: true, prefix: 0x66, memory: false }),
  (g) => g.modrm([0x0f, 0x38, g.r.pick([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35])], g.xmm(), { vector: true, prefix: 0x66 }),
  (g) => g.modrm([0x0f, 0x3a, g.r.pick([0x60, 0x61, 0x62, 0x63])], g.xmm(), { vector: true, prefix: 0x66, memory: false, imm: [g.r.below(128)] }),
  (g) => g.modrm([0x0f, g.r.pick([0x2e, 0x2f])], g.xmm(), { vector: true, prefix: g.r.pick([0, 0x66]), memory: false }),
  (g) => {
    // MXCSR: now and then with rounding, FTZ and DAZ, seldom with an exception unmasked.
    const value = g.r.below(3) ? 0x1f80 | g.r.pick([0, 0x20, 0x3f]) : 0x1f80 | (g.r.next() & 0xe07f & (g.r.below(2) ? 0xffff : 0x9fff));
    return control(g, value & (g.r.below(20) ? -1 : ~(0x80 << g.r.below(6))), [0x0f, 0xae, 0x57]);
  },
  (g) => [0x0f, 0xae, 0x5f, g.byte() & 0x7c],
];
/** A control word stored at [rDI + disp8] and loaded from there by the instruction whose opcode and ModRM these are. */
function control(g: Generator, value: number, load: number[]): number[] {
  const at = g.byte() & 0x7c;
  return [0xc7, 0x47, at, value & 255, (value >> 8) & 255, 0, 0, ...load, at];
}
const mmx: readonly Maker[] = [
  (g) => g.modrm([0x0f, g.r.pick(PACKED.filter((op) => op !== 0x6c && op !== 0x6d && op > 0x57))], g.r.below(8), { vector: true, rm: g.r.below(8) }),
  (g) => g.modrm([0x0f, g.r.pick([0x6f, 0x7f])], g.r.below(8), { vector: true, rm: g.r.below(8) }),
  (g) => g.modrm([0x0f, g.r.pick([0x6e, 0x7e])], g.r.below(8), { size: g.r.pick(g.bits === 64 ? [4, 8] : [4]) }),
  (g) => g.modrm([0x0f, 0x70], g.r.below(8), { vector: true, rm: g.r.below(8), imm: [g.byte()] }),
  (g) => g.modrm([0x0f, g.r.pick([0x71, 0x72, 0x73])], g.r.pick([2, 6]), { vector: true, rm: g.r.below(8), memory: false, imm: [g.r.below(70)] }),
  (g) => g.modrm([0x0f, 0x38, g.r.pick([0, 1, 2, 4, 8, 0x1c, 0x1d, 0x1e])], g.r.below(8), { vector: true, rm: g.r.below(8) }),
  (g) => g.modrm([0x0f, 0x3a, 0x0f], g.r.below(8), { vector: true, rm: g.r.below(8), imm: [g.r.below(20)] }),
  (g) => g.modrm([0x0f, 0xc4], g.r.below(8), { imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0xc5], g.free(), { rm: g.r.below(8), memory: false, imm: [g.byte()] }),
  (g) => g.modrm([0x0f, 0xd7], g.free(), { rm: g.r.below(8), memory: false }),
  (g) => g.modrm([0x0f, 0xd6], g.r.below(8), { vector: true, prefix: g.r.pick([0xf2, 0xf3]), rm: g.r.below(8), memory: false }),
  (g) => g.modrm([0x0f, g.r.pick([0x2a, 0x2c, 0x2d])], g.r.below(8), { vector: true, prefix: g.r.pick([0, 0x66]), rm: g.r.below(8), memory: false }),
  () => [0x0f, 0x77],
];
const x87: readonly Maker[] = [
  (g) => [0xd9, g.r.pick([0xe8, 0xee, 0xeb, 0xe0, 0xe1])],
  (g) => [g.r.pick([0xd8, 0xdc, 0xde]), 0xc0 | (g.r.pick([0, 1, 4, 5, 6, 7]) << 3) | g.r.below(8)],
  (g) => [0xd9, 0xc0 | g.r.below(16)],
  (g) => [0xdd, 0xd0 | g.r.below(16)],
  (g) => g.modrm([g.r.pick([0xd9, 0xdd, 0xdb, 0xdf])], g.r.pick([0, 2, 3]), { memory: true }),
  (g) => g.modrm([g.r.pick([0xd8, 0xdc, 0xda, 0xde])], g.r.pick([0, 1, 4, 5]), { memory: true }),
  (g) => [g.r.pick([0xdb, 0xdf]), 0xe8 | g.r.below(8)],
];

const x87More: readonly Maker[] = [
  (g) => [0xd9, 0xe8 + g.r.below(7)],
  (g) => [g.r.pick([0xd8, 0xdc, 0xde]), 0xc0 | (g.r.pick([0, 1, 4, 5, 6, 7]) << 3) | g.r.below(3)],
  (g) => [0xd8, 0xd0 | g.r.below(16)],
  (g) => g.r.pick([[0xda, 0xe9], [0xde, 0xd9], [0xd9, 0xe4], [0xd9, 0xe5], [0xd9, 0xfa], [0xd9, 0xfc], [0xd9, 0xfd], [0xd9, 0xf8], [0xd9, 0xf5], [0xd9, 0xf4], [0xd9, 0xd0], [0x9b]]),
  (g) => g.modrm([g.r.pick([0xd9, 0xdd])], g.r.pick([0, 0, 2, 3, 3]), { memory: true }),
  (g) => g.modrm([g.r.pick([0xdb, 0xdf])], g.r.pick([0, 1, 2, 3]), { memory: true }),
  (g) => g.modrm([g.r.pick([0xdb, 0xdf, 0xdd])], g.r.pick([5, 7, 7]), { memory: true }),
  (g) => g.modrm([g.r.pick([0xd8, 0xdc])], g.r.below(8), { memory: true }),
  (g) => g.modrm([g.r.pick([0xda, 0xde])], g.r.below(8), { memory: true }),
  (g) => [g.r.pick([0xda, 0xdb]), 0xc0 | g.r.below(32)],
  (g) => g.r.pick([[0xdf, 0xe0], [0xdb, 0xe2], [0xd9, 0xf6], [0xd9, 0xf7]]),
  (g) => [0xdd, 0xc0 | g.r.below(8)],
  (g) => [0xdd, 0xd0 | g.r.below(16)],
  (g) => [0xd9, 0xc8 | g.r.below(8)],
  (g) => [0xdb, 0xe3, 0xd9, 0xe8, 0xd9, 0xeb, 0xd9, 0xe8, 0xd9, 0xee].slice(0, 2 + 2 * g.r.below(5)),
  (g) => control(g, 0x37f & (g.r.below(3) ? -1 : ~0x300 | g.r.pick([0, 0x200, 0x300])) | (g.r.below(4) ? 0 : g.r.below(4) << 10), [0xd9, 0x6f]),
  (g) => control(g, g.r.below(20) ? 0x37f : 0x37f & ~(1 << g.r.below(6)), [0xd9, 0x6f]),
  (g) => [0xd9, 0x7f, g.byte() & 0x7c],
];

/** Values on the x87 stack wherever a block of `balancedBody` begins and ends. */
const DEPTH = 4;
const balancedStart = (g: Generator): number[] => [0xdb, 0xe3, ...Array.from({ length: DEPTH }, () => g.modrm([0xdd], 0, { memory: true })).flat()];
/** x87 instructions that keep to a stack of 1 to 8 values, so that they compute with numbers and not with stack faults. */
function balancedBody(g: Generator): number[] {
  const code: number[] = [];
  let depth = DEPTH;
  const memory = (opcode: number, reg: number): void => void code.push(...g.modrm([opcode], reg, { memory: true }));
  const memoryBy = ([opcode, reg]: [number, number]): void => memory(opcode, reg);
  const st = (): number => g.r.below(depth);
  const load = (): void => {
    depth++;
    memoryBy(g.r.pick<[number, number]>([[0xdd, 0], [0xdd, 0], [0xd9, 0], [0xdb, 0], [0xdf, 0], [0xdf, 5]]));
  };
  const store = (): void => {
    memoryBy(g.r.pick<[number, number]>([[0xdd, 3], [0xdd, 3], [0xd9, 3], [0xdb, 7], [0xdb, 3], [0xdf, 7], [0xdd, 1]]));
    depth--;
  };
  for (let n = g.r.below(3); n > 0; n--) {
    store();
    load();
  }
  for (let n = 2 + g.r.below(12); n > 0; n--) {
    const kind = g.r.below(16);
    if (kind < 2 && depth < 8) load();
    else if (kind === 2 && depth < 8) {
      code.push(0xd9, g.r.below(2) ? 0xc0 | st() : 0xe8 + g.r.below(7));
      depth++;
    } else if (kind < 6) code.push(g.r.pick([0xd8, 0xdc]), 0xc0 | (g.r.pick([0, 0, 1, 1, 4, 5, 6, 7]) << 3) | st());
    else if (kind === 6 && depth > 1) {
      code.push(0xde, 0xc0 | (g.r.pick([0, 1, 4, 5, 6, 7]) << 3) | (1 + g.r.below(depth - 1)));
      depth--;
    } else if (kind === 7) memory(g.r.pick([0xd8, 0xdc, 0xdc, 0xda, 0xde]), g.r.below(3) ? g.r.pick([0, 1, 4, 5]) : g.r.pick([6, 7]));
    else if (kind === 8 || kind === 9) code.push(0xd9, 0xc8 | st());
    else if (kind === 10) code.push(0xd9, g.r.pick([0xe0, 0xe1, 0xfa, 0xfc, 0xe4, 0xe5, 0xfd]));
    else if (kind === 11) {
      const [opcode, modrm, pops] = g.r.pick<[number, number, number]>([[0xdb, 0xf0, 0], [0xdb, 0xe8, 0], [0xdf, 0xf0, 1], [0xdf, 0xe8, 1], [0xd8, 0xd0, 0], [0xd8, 0xd8, 1], [0xdd, 0xe0, 0], [0xdd, 0xe8, 1]]);
      if (pops < depth) {
        code.push(opcode, modrm | st());
        depth -= pops;
      }
    } else if (kind === 12) code.push(g.r.pick([0xda, 0xdb]), 0xc0 | (g.r.below(4) << 3) | st());
    else if (kind === 13 && depth > 1) store();
    else if (kind === 14) {
      const what = g.r.below(4);
      if (what < 2) memoryBy(g.r.pick<[number, number]>([[0xdd, 2], [0xd9, 2], [0xdb, 2], [0xdf, 2], [0xd9, 7], [0xdd, 7]]));
      else if (what === 2) code.push(0xdf, 0xe0);
      else if (depth > 1) {
        code.push(0xdd, 0xd8 | st());
        depth--;
      }
    } else if (kind === 15) {
      const what = g.r.below(12);
      if (what < 6) code.push(...(g.r.pick(integer)(g)));
      else if (what < 8) code.push(...control(g, 0x37f | (g.r.below(2) ? 0 : g.r.below(4) << 10), [0xd9, 0x6f]));
      else if (what === 8) code.push(...control(g, 0x7f | (g.r.pick([0, 2, 3]) << 8), [0xd9, 0x6f]));
      else if (what === 9) code.push(0xdb, 0xe2);
    }
  }
  while (depth > DEPTH) store();
  while (depth < DEPTH) load();
  return code;
}

/** A few operations on floats just loaded, from a known MXCSR on, whose flags then become part of the registers. */
function floatBody(g: Generator): number[] {
  const prefixes = g.r.pick([[0xf2], [0xf3], [0xf2, 0xf3], [0, 0x66], [0xf2, 0x66], [0xf3, 0]] as const);
  const code = control(g, 0x1f80 | (g.r.below(4) ? 0x20 : 0) | (g.r.below(5) ? 0 : g.r.pick([0x40, 0x8000, 0x8040, 0x2000, 0x6000])), [0x0f, 0xae, 0x57]);
  for (let n = 1 + g.r.below(3); n > 0; n--) code.push(...g.modrm([0x0f, 0x10], g.r.below(4), { vector: true, prefix: g.r.pick(prefixes), memory: true }));
  for (let n = 1 + g.r.below(5); n > 0; n--) {
    const prefix = g.r.pick(prefixes);
    const isScalar = prefix === 0xf2 || prefix === 0xf3;
    const rm = g.r.below(4);
    const kind = g.r.below(10);
    if (kind === 0) code.push(...g.modrm([0x0f, 0x28], g.r.below(4), { vector: true, rm, memory: false }));
    else if (kind === 1) code.push(...g.modrm([0x0f, 0x2e], g.r.below(4), { vector: true, prefix: prefix === 0xf2 ? 0x66 : 0, rm, memory: false }), 0x0f, 0x90 + g.r.below(16), 0xc0 + g.r.below(4));
    else if (kind === 2) code.push(...g.modrm([0x0f, 0xc2], g.r.below(4), { vector: true, prefix, rm, memory: false, imm: [g.r.below(8)] }));
    else if (kind === 3) code.push(...g.modrm([0x0f, 0x5a], g.r.below(4), { vector: true, prefix, rm, memory: false }));
    else code.push(...g.modrm([0x0f, g.r.pick([0x58, 0x59, 0x5c, 0x5e, 0x51, 0x5d, 0x5f])], g.r.below(4), { vector: true, prefix, rm, memory: isScalar && g.r.below(3) === 0 }));
  }
  const at = g.byte() & 0x7c;
  code.push(0x0f, 0xae, 0x5f, at, g.r.pick([0x03, 0x33]), 0x5f, at, 0xd1, 0xc3);
  return code;
}

/** A program from a seed. The code runs at 1000h. */
export function randomProgram(seed: number, bits: 32 | 64): RandomProgram {
  const g = new Generator(seed, bits);
  const menu: Maker[] = [...integer, ...integer];
  if (g.r.below(2)) menu.push(...vector, ...vector);
  if (g.r.below(3) === 0) menu.push(...x87);
  const more = g.r.below(6);
  if (more === 1) menu.splice(0, menu.length, ...integer.slice(0, 4), ...vector, ...vectorMore);
  if (more === 2) menu.splice(0, menu.length, ...integer.slice(0, 4), ...x87, ...x87More, ...x87More);
  if (more === 3) menu.push(...vector, ...vectorMore, ...mmx, ...(g.r.below(2) ? x87 : []));
  const isBalanced = more === 4;
  const blockCount = 2 + g.r.below(6);
  const bodies = Array.from({ length: blockCount }, () =>
    isBalanced ? balancedBody(g) : more === 5 ? floatBody(g) : Array.from({ length: 1 + g.r.below(12) }, () => menu[g.r.below(menu.length)]?.(g) ?? []).flat(),
  );
  const start = isBalanced ? balancedStart(g) : [];
  // Each block ends with: dec ebp; jz end; jcc some block (all with 32-bit displacements); blocks fall through to the next.
  const END_BYTES = 2 + 6 + 6;
  const starts: number[] = [];
  let at = start.length;
  for (const body of bodies) {
    starts.push(at);
    at += body.length + END_BYTES;
  }
  const end = at + 5;
  const code: number[] = [...start];
  const rel = (to: number, from: number): number[] => {
    const d = to - from;
    return [d & 255, (d >> 8) & 255, (d >> 16) & 255, (d >> 24) & 255];
  };
  bodies.forEach((body) => {
    code.push(...body, 0xff, 0xc8 | RBP);
    code.push(0x0f, 0x84, ...rel(end, code.length + 6));
    code.push(0x0f, 0x80 + g.r.below(16), ...rel(starts[g.r.below(blockCount)] as number, code.length + 6));
  });
  code.push(0xe9, ...rel(0, code.length + 5));
  code.push(0xf4);
  return { bits, code };
}

export const POINTERS = { si: SI_AT, di: DI_AT } as const;
