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
const x87: readonly Maker[] = [
  (g) => [0xd9, g.r.pick([0xe8, 0xee, 0xeb, 0xe0, 0xe1])],
  (g) => [g.r.pick([0xd8, 0xdc, 0xde]), 0xc0 | (g.r.pick([0, 1, 4, 5, 6, 7]) << 3) | g.r.below(8)],
  (g) => [0xd9, 0xc0 | g.r.below(16)],
  (g) => [0xdd, 0xd0 | g.r.below(16)],
  (g) => g.modrm([g.r.pick([0xd9, 0xdd, 0xdb, 0xdf])], g.r.pick([0, 2, 3]), { memory: true }),
  (g) => g.modrm([g.r.pick([0xd8, 0xdc, 0xda, 0xde])], g.r.pick([0, 1, 4, 5]), { memory: true }),
  (g) => [g.r.pick([0xdb, 0xdf]), 0xe8 | g.r.below(8)],
];

/** A program from a seed. The code runs at 1000h. */
export function randomProgram(seed: number, bits: 32 | 64): RandomProgram {
  const g = new Generator(seed, bits);
  const menu: Maker[] = [...integer, ...integer];
  if (g.r.below(2)) menu.push(...vector, ...vector);
  if (g.r.below(3) === 0) menu.push(...x87);
  const blockCount = 2 + g.r.below(6);
  const bodies = Array.from({ length: blockCount }, () =>
    Array.from({ length: 1 + g.r.below(12) }, () => menu[g.r.below(menu.length)]?.(g) ?? []).flat(),
  );
  // Each block ends with: dec ebp; jz end; jcc some block (all with 32-bit displacements); blocks fall through to the next.
  const END_BYTES = 2 + 6 + 6;
  const starts: number[] = [];
  let at = 0;
  for (const body of bodies) {
    starts.push(at);
    at += body.length + END_BYTES;
  }
  const end = at + 5;
  const code: number[] = [];
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
