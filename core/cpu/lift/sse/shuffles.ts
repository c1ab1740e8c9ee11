// Moving lanes about: pack, unpack, shuffles by register and by immediate, blends, insertion and extraction. Intel SDM vol. 2.
// Lane numbers that are immediates are known only at run time, so they index memory or select a byte control from tables.ts.
import { c32, I32, i32, I64, i64, type Node, simd, simdLane, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { binary, joined, unary } from "./packed-integer.ts";
import { I16, I32X, I64X, I8 } from "./simd-op.ts";
import { dwordSelector, highWordSelector, lowWordSelector, PSHUFD_TABLE, PSHUFHW_TABLE, PSHUFLW_TABLE } from "./tables.ts";
import { bytes, dwords, enterMmx, imm8, iota, isMmx, knownImm8, lanes16, readVector, shuffle, words, writeGpr, writeVector, zero } from "./vector.ts";

const pack = (op: number): Lifter => joined((a, b) => simd(op, V128, a, b));

/** Interleaves lanes of `size` bytes from byte `from` of both; the high half of an MMX register starts at byte 4. */
function unpack(size: number, isHigh: boolean): Lifter {
  const lanes = (from: number) => Array.from({ length: 16 }, (_, i) => from + Math.floor(i / (2 * size)) * size + (i % size) + (i % (2 * size) >= size ? 16 : 0));
  return binary((a, b, l) => shuffle(a, b, lanes(isHigh ? (isMmx(l, 0) ? 4 : 8) : 0)));
}

const control = (table: number, imm: Node): Node => v128.load(i32.shl(imm, c32(4)), table);
const shuffleByTable = (table: number, selector: (imm: number, i: number) => number): Lifter =>
  unary((a, l) => {
    const known = knownImm8(l);
    return known === undefined ? v128.swizzle(a, control(table, imm8(l))) : shuffle(a, a, lanes16((i) => selector(known, i)));
  });

const pshufb = binary((a, b, l) => v128.swizzle(a, v128.and(b, bytes(...Array<number>(16).fill(isMmx(l, 0) ? 0x87 : 0x8f)))));
const shufps = binary((a, b, l) => {
  const known = knownImm8(l);
  if (known !== undefined) return shuffle(a, b, lanes16((i) => dwordSelector(known, i) + (i < 8 ? 0 : 16)));
  const by = l.f.let(control(PSHUFD_TABLE, imm8(l)));
  return shuffle(v128.swizzle(a, by), v128.swizzle(b, by), [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]);
});
/** Bit 0 picks the half of the first operand, bit 1 that of the second. */
const shufpd = binary((a, b, l) => {
  const known = knownImm8(l);
  if (known !== undefined) return shuffle(a, b, lanes16((i) => (i < 8 ? i + (known & 1) * 8 : 8 + i + ((known >> 1) & 1) * 8)));
  const isHigh = flags(i32.wrap(l.imm()), I64X.splat, I64X.eq, [1, 0, 2, 0]);
  const low = shuffle(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
  return v128.bitselect(shuffle(a, b, [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31]), low, isHigh);
});
/** Lane mask: lane i is all ones if the bit `masks[i]` of the immediate is set. `masks` are dwords. */
function flags(imm: Node, splat: number, eq: number, masks: readonly number[]): Node {
  const wide = splat === I64X.splat ? i64.extendU(imm) : imm;
  return simd(eq, V128, v128.and(simd(splat, V128, wide), dwords(...masks)), dwords(...masks));
}
const wordBits = (): Node => words(1, 2, 4, 8, 16, 32, 64, 128);
/** Lanes of `width` bytes from the second operand where the immediate's bit is set. */
const blend = (width: number, mask: (imm: Node) => Node): Lifter =>
  binary((a, b, l) => {
    const known = knownImm8(l);
    if (known === undefined) return v128.bitselect(b, a, mask(i32.wrap(l.imm())));
    return shuffle(a, b, lanes16((i) => i + ((known >> Math.floor(i / width)) & 1) * 16));
  });
/** The mask is the sign of each lane of XMM0. */
const blendBySign = (shrS: number, width: number): Lifter =>
  binary((a, b, l) => v128.bitselect(b, a, simd(shrS, V128, l.readV(2), c32(width - 1))));

/** The pair second:first shifted right by whole bytes. Selectors of 16 and more give 0, so two swizzles join up. */
const palignr = joined((a, b, l) => {
  const known = knownImm8(l);
  // 16 is a byte of zeros, or with both operands of 16 bytes the first's lowest.
  if (known !== undefined && isMmx(l, 0)) return shuffle(a, zero(), lanes16((i) => (i + known < 8 ? i + known + 8 : i + known < 16 ? i + known - 8 : 16)));
  if (known !== undefined) return known < 16 ? shuffle(b, a, lanes16((i) => i + known)) : shuffle(a, zero(), lanes16((i) => Math.min(i + known - 16, 16)));
  const imm = imm8(l);
  const up = simd(I8.addSatU, V128, iota(), simd(I8.splat, V128, imm));
  // As MMX `a` and `b` are one vector with the pair in the wrong order: the low half is to be the second operand.
  if (isMmx(l, 0)) return v128.swizzle(shuffle(a, b, [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]), up);
  return v128.or(v128.swizzle(b, up), v128.swizzle(a, simd(I8.add, V128, iota(), simd(I8.splat, V128, i32.sub(imm, c32(16))))));
});

// ---- single lanes ------------------------------------------------------------------------------

type LaneSize = 1 | 2 | 4 | 8;
const LANE_OPS = {
  1: { extract: I8.extractU, replace: I8.replace, type: I32 },
  2: { extract: I16.extractU, replace: I16.replace, type: I32 },
  4: { extract: I32X.extract, replace: I32X.replace, type: I32 },
  8: { extract: I64X.extract, replace: I64X.replace, type: I64 },
} as const;

/** Address of the lane that the immediate names, in the register operand `index`. */
function lane(l: Lift, index: number, size: number): Node {
  const lanes = (isMmx(l, index) ? 8 : 16) / size;
  return i32.add(l.registerAddress(index), i32.mul(i32.and(i32.wrap(l.imm()), c32(lanes - 1)), c32(size)));
}
/** To a general register, zero-extended, or to memory. Size 0: by the operand (PEXTRD and PEXTRQ). */
const extract = (laneSize: number): Lifter => (l) => {
  const size = laneSize || l.operand(0).memSize;
  const known = knownImm8(l);
  if (known !== undefined) {
    const number = known & ((isMmx(l, 1) ? 8 : 16) / size - 1);
    const { extract: op, type } = LANE_OPS[size as LaneSize];
    const lane = simdLane(op, type, number, readVector(l, 1));
    const value = l.f.let(type === I64 ? lane : i64.extendU(lane));
    if (l.inMemory(0)) l.write(0, value);
    else writeGpr(l, 0, value);
    if (isMmx(l, 1)) enterMmx(l);
    return;
  }
  const at = lane(l, 1, size);
  const value = l.f.let(size === 1 ? i64.load8u(at) : size === 2 ? i64.load16u(at) : size === 4 ? i64.load32u(at) : i64.load(at));
  if (l.inMemory(0)) l.write(0, value);
  else writeGpr(l, 0, value);
  if (isMmx(l, 1)) enterMmx(l);
};
const insert = (laneSize: number): Lifter => (l) => {
  const size = laneSize || l.operand(1).memSize;
  const value = l.read(1);
  const known = knownImm8(l);
  if (known !== undefined) {
    const number = known & ((isMmx(l, 0) ? 8 : 16) / size - 1);
    const { replace, type } = LANE_OPS[size as LaneSize];
    writeVector(l, 0, simdLane(replace, V128, number, readVector(l, 0), type === I64 ? value : i32.wrap(value)));
    return;
  }
  const at = lane(l, 0, size);
  if (size === 1) l.f.store8(at, value);
  else if (size === 2) l.f.store16(at, value);
  else if (size === 4) l.f.store32(at, value);
  else l.f.store(at, value);
  if (!isMmx(l, 0)) return;
  l.f.store16(l.registerAddress(0), c32(0xffff), 8);
  enterMmx(l);
};
/** Immediate: source lane (7:6, register only), destination lane (5:4), lanes to clear (3:0). */
const insertps: Lifter = (l) => {
  const known = knownImm8(l);
  if (known !== undefined) {
    const value = l.inMemory(1) ? i32.wrap(l.read(1)) : simdLane(I32X.extract, I32, known >> 6, l.readV(1));
    const inserted = simdLane(I32X.replace, V128, (known >> 4) & 3, l.readV(0), l.f.let(value));
    const kept = [1, 2, 4, 8].map((bit) => (known & bit ? 0 : -1));
    l.setVector(0, (known & 15) === 0 ? inserted : v128.and(inserted, dwords(...kept)));
    return;
  }
  const imm = imm8(l);
  const value = l.f.let(l.inMemory(1) ? i32.wrap(l.read(1)) : i32.load(i32.add(l.registerAddress(1), i32.shl(i32.shrU(imm, c32(6)), c32(2)))));
  const at = l.f.let(l.registerAddress(0));
  l.f.store32(i32.add(at, i32.and(i32.shrU(imm, c32(2)), c32(12))), value);
  l.f.store(at, v128.andnot(v128.load(at), flags(imm, I32X.splat, I32X.eq, [1, 2, 4, 8])));
};

const shuffled = (lanes: readonly number[]): Lifter => unary((a) => shuffle(a, a, lanes));

export const shuffles: Record<string, Lifter> = {
  packsswb: pack(I8.narrowS), packuswb: pack(I8.narrowU), packssdw: pack(I16.narrowS), packusdw: pack(I16.narrowU),
  punpcklbw: unpack(1, false), punpcklwd: unpack(2, false), punpckldq: unpack(4, false), punpcklqdq: unpack(8, false),
  punpckhbw: unpack(1, true), punpckhwd: unpack(2, true), punpckhdq: unpack(4, true), punpckhqdq: unpack(8, true),
  unpcklps: unpack(4, false), unpckhps: unpack(4, true), unpcklpd: unpack(8, false), unpckhpd: unpack(8, true),
  pshufb, shufps, shufpd, palignr,
  pshufd: shuffleByTable(PSHUFD_TABLE, dwordSelector), pshufhw: shuffleByTable(PSHUFHW_TABLE, highWordSelector),
  pshuflw: shuffleByTable(PSHUFLW_TABLE, lowWordSelector), pshufw: shuffleByTable(PSHUFLW_TABLE, lowWordSelector),
  pblendw: blend(2, (imm) => simd(I16.eq, V128, v128.and(simd(I16.splat, V128, imm), wordBits()), wordBits())),
  blendps: blend(4, (imm) => flags(imm, I32X.splat, I32X.eq, [1, 2, 4, 8])), blendpd: blend(8, (imm) => flags(imm, I64X.splat, I64X.eq, [1, 0, 2, 0])),
  pblendvb: blendBySign(I8.shrS, 8), blendvps: blendBySign(I32X.shrS, 32), blendvpd: blendBySign(I64X.shrS, 64),
  pextrb: extract(1), pextrw: extract(2), pextrd: extract(0), pextrq: extract(0), extractps: extract(4),
  pinsrb: insert(1), pinsrw: insert(2), pinsrd: insert(0), pinsrq: insert(0), insertps,
  movddup: shuffled([0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]),
  movsldup: shuffled([0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11]),
  movshdup: shuffled([4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]),
};
