// Packed integer arithmetic, logic, comparison and shifts of MMX to SSE4.2. Intel SDM vol. 2. MMX forms run as the XMM form
// on the low half; those that join two sources first put both into one vector.
import { c32, c64, I32, i32, i64, type Node, select, simd, simdLane, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { I16, I32X, I64X, I8 } from "./simd-op.ts";
import { bytes, dwords, enterMmx, iota, isMmx, knownImm8, lanes16, lowI64, qwords, readVector, setZeroCarry, shuffle, words, writeGpr, writeVector, zero } from "./vector.ts";

type Combine = (a: Node, b: Node, l: Lift) => Node;

/** First operand = combination of both. */
export const binary = (combine: Combine): Lifter => (l) => {
  const a = readVector(l, 0);
  const b = readVector(l, 1);
  writeVector(l, 0, combine(a, b, l));
};
/** One WebAssembly operation does it. */
const packed = (op: number): Lifter => binary((a, b) => simd(op, V128, a, b));
/** First operand = function of the second. */
export const unary = (of: (a: Node, l: Lift) => Node): Lifter => (l) => writeVector(l, 0, of(readVector(l, 1), l));

/** For operations across lanes: as MMX, both sources become the one vector b:a, whose low half of the result is wanted. */
export const joined = (combine: Combine): Lifter =>
  binary((a, b, l) => {
    if (!isMmx(l, 0)) return combine(a, b, l);
    const both = l.f.let(shuffle(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]));
    return combine(both, both, l);
  });

const even16 = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29];
const odd16 = even16.map((n) => n + 2);
export const even32 = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
export const odd32 = even32.map((n) => n + 4);
const horizontal = (op: number, even: readonly number[], odd: readonly number[]): Lifter =>
  joined((a, b) => simd(op, V128, shuffle(a, b, even), shuffle(a, b, odd)));

const highWords = (low: number, high: number): Lifter => binary((a, b) => shuffle(simd(low, V128, a, b), simd(high, V128, a, b), odd16));
const mulDwords = (op: number): Lifter => binary((a, b) => simd(op, V128, shuffle(a, a, [...even32]), shuffle(b, b, [...even32])));

/** Counts at or over the width give zero, or copies of the sign. The count is an immediate or the low 64 bits of the source. */
function shift(op: number, width: number, isArithmetic = false): Lifter {
  return (l) => {
    const known = l.operand(1).kind === "imm" ? knownImm8(l) : undefined;
    if (known !== undefined) {
      const a = readVector(l, 0);
      if (known < width || isArithmetic) writeVector(l, 0, simd(op, V128, a, c32(Math.min(known, width - 1))));
      else writeVector(l, 0, zero());
      return;
    }
    const count = l.operand(1).kind === "imm" ? l.f.let(i64.and(l.imm(), c64(255))) : l.f.let(lowI64(readVector(l, 1)));
    const a = readVector(l, 0);
    const isOver = i64.gtU(count, c64(width - 1));
    if (isArithmetic) writeVector(l, 0, simd(op, V128, a, select(isOver, c32(width - 1), i32.wrap(count))));
    else writeVector(l, 0, select(isOver, zero(), simd(op, V128, a, i32.wrap(count))));
  };
}
/** PSLLDQ and PSRLDQ. */
const byteShift = (isLeft: boolean): Lifter => (l) => {
  const known = knownImm8(l);
  if (known !== undefined) {
    const by = Math.min(known, 16);
    writeVector(l, 0, shuffle(readVector(l, 0), zero(), lanes16((i) => (isLeft ? (i < by ? 16 : i - by) : Math.min(i + by, 16)))));
    return;
  }
  const imm = l.f.let(i32.and(i32.wrap(l.imm()), c32(255)));
  const count = simd(I8.splat, V128, select(i32.gtU(imm, c32(16)), c32(16), imm));
  writeVector(l, 0, v128.swizzle(readVector(l, 0), simd(isLeft ? I8.sub : I8.add, V128, iota(), count)));
};

/** Lanes of `a` negated, cleared or kept by the sign of those of `b`. */
const sign = (sub: number, shrS: number, width: number, eq: number): Lifter =>
  binary((a, b, l) => {
    const negative = l.f.let(simd(shrS, V128, b, c32(width - 1)));
    return v128.andnot(simd(sub, V128, v128.xor(a, negative), negative), simd(eq, V128, b, zero()));
  });

/** Widens lanes: PMOVSX and PMOVZX. */
const widen = (...ops: number[]): Lifter => unary((a) => ops.reduce((value, op) => simd(op, V128, value), a));

/** 8000h * 8000h saturates in WebAssembly but not in x86. */
const pmulhrsw = binary((a, b) => {
  const least = words(...Array<number>(8).fill(0x8000));
  return v128.xor(simd(I16.q15mulr, V128, a, b), v128.and(simd(I16.eq, V128, a, least), simd(I16.eq, V128, b, least)));
});
/** Unsigned bytes times signed bytes, neighbours added with signed saturation. Each product fits in 16 bits. */
const pmaddubsw = binary((a, b) => {
  const even = simd(I16.mul, V128, v128.and(a, words(...Array<number>(8).fill(255))), simd(I16.shrS, V128, simd(I16.shl, V128, b, c32(8)), c32(8)));
  const odd = simd(I16.mul, V128, simd(I16.shrU, V128, a, c32(8)), simd(I16.shrS, V128, b, c32(8)));
  return simd(I16.addSatS, V128, even, odd);
});
const psadbw = binary((a, b, l) => {
  const difference = simd(I8.sub, V128, simd(I8.maxU, V128, a, b), simd(I8.minU, V128, a, b));
  const sums = l.f.let(simd(I32X.extaddU, V128, simd(I16.extaddU, V128, difference)));
  return simd(I64X.add, V128, v128.and(sums, qwords(0xffffffffn)), simd(I64X.shrU, V128, sums, c32(32)));
});
/** Eight sums of four absolute differences between a window of `a` and four bytes of `b`, both placed by the immediate. */
const mpsadbw = binary((a, b, l) => {
  const imm = l.f.let(i32.wrap(l.imm()));
  const fromA = l.f.let(simd(I8.splat, V128, i32.and(imm, c32(4))));
  const fromB = l.f.let(i32.shl(i32.and(imm, c32(3)), c32(2)));
  let sum = zero();
  for (let k = 0; k < 4; k++) {
    const window = v128.swizzle(a, simd(I8.add, V128, bytes(...Array.from({ length: 16 }, (_, i) => i + k)), fromA));
    const byte = v128.swizzle(b, simd(I8.splat, V128, i32.add(fromB, c32(k))));
    const difference = simd(I8.sub, V128, simd(I8.maxU, V128, window, byte), simd(I8.minU, V128, window, byte));
    sum = simd(I16.add, V128, sum, simd(I16.extendLowU, V128, difference));
  }
  // Only the low eight bytes of each difference are widened, so window bytes past the vector never count.
  return sum;
});
/** Each word with its number below it, so that the least of them is the result and its place at once. */
const phminposuw = unary((a, l) => {
  const tag = (op: number, from: number) => v128.or(simd(I32X.shl, V128, simd(op, V128, a), c32(16)), dwords(from, from + 1, from + 2, from + 3));
  const min = (x: Node, lanes: number[]) => {
    const v = l.f.let(x);
    return simd(I32X.minU, V128, v, shuffle(v, v, lanes));
  };
  const four = min(simd(I32X.minU, V128, tag(I32X.extendLowU, 0), tag(I32X.extendHighU, 4)), [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]);
  const least = l.f.let(simdLane(I32X.extract, I32, 0, min(four, [4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15])));
  return simdLane(I32X.replace, V128, 0, zero(), i32.rotl(least, c32(16)));
});

const bitmask = (op: number): Lifter => (l) => {
  const mask = l.f.let(i64.extendU(simd(op, I32, readVector(l, 1))));
  writeGpr(l, 0, mask);
  if (isMmx(l, 1)) enterMmx(l);
};

const ptest: Lifter = (l) => {
  const a = readVector(l, 0);
  const b = readVector(l, 1);
  setZeroCarry(l, i32.eqz(v128.anyTrue(v128.and(a, b))), i32.eqz(v128.anyTrue(v128.andnot(b, a))));
};

const and = packed(78);
const andNot = binary((a, b) => v128.andnot(b, a));
const or = packed(80);
const xor = packed(81);

export const packedInteger: Record<string, Lifter> = {
  paddb: packed(I8.add), paddw: packed(I16.add), paddd: packed(I32X.add), paddq: packed(I64X.add),
  paddsb: packed(I8.addSatS), paddsw: packed(I16.addSatS), paddusb: packed(I8.addSatU), paddusw: packed(I16.addSatU),
  psubb: packed(I8.sub), psubw: packed(I16.sub), psubd: packed(I32X.sub), psubq: packed(I64X.sub),
  psubsb: packed(I8.subSatS), psubsw: packed(I16.subSatS), psubusb: packed(I8.subSatU), psubusw: packed(I16.subSatU),
  pavgb: packed(I8.avgrU), pavgw: packed(I16.avgrU),
  pminsb: packed(I8.minS), pminsw: packed(I16.minS), pminsd: packed(I32X.minS), pminub: packed(I8.minU), pminuw: packed(I16.minU), pminud: packed(I32X.minU),
  pmaxsb: packed(I8.maxS), pmaxsw: packed(I16.maxS), pmaxsd: packed(I32X.maxS), pmaxub: packed(I8.maxU), pmaxuw: packed(I16.maxU), pmaxud: packed(I32X.maxU),
  pcmpeqb: packed(I8.eq), pcmpeqw: packed(I16.eq), pcmpeqd: packed(I32X.eq), pcmpeqq: packed(I64X.eq),
  pcmpgtb: packed(I8.gtS), pcmpgtw: packed(I16.gtS), pcmpgtd: packed(I32X.gtS), pcmpgtq: packed(I64X.gtS),
  pmullw: packed(I16.mul), pmulld: packed(I32X.mul), pmaddwd: packed(I32X.dot), pmaddubsw, pmulhrsw,
  pmulhw: highWords(I32X.extmulLowS, I32X.extmulHighS), pmulhuw: highWords(I32X.extmulLowU, I32X.extmulHighU),
  pmuludq: mulDwords(I64X.extmulLowU), pmuldq: mulDwords(I64X.extmulLowS),
  psadbw, mpsadbw, phminposuw,
  pabsb: unary((a) => simd(I8.abs, V128, a)), pabsw: unary((a) => simd(I16.abs, V128, a)), pabsd: unary((a) => simd(I32X.abs, V128, a)),
  psignb: sign(I8.sub, I8.shrS, 8, I8.eq), psignw: sign(I16.sub, I16.shrS, 16, I16.eq), psignd: sign(I32X.sub, I32X.shrS, 32, I32X.eq),
  phaddw: horizontal(I16.add, even16, odd16), phaddd: horizontal(I32X.add, even32, odd32), phaddsw: horizontal(I16.addSatS, even16, odd16),
  phsubw: horizontal(I16.sub, even16, odd16), phsubd: horizontal(I32X.sub, even32, odd32), phsubsw: horizontal(I16.subSatS, even16, odd16),
  pand: and, pandn: andNot, por: or, pxor: xor,
  andps: and, andpd: and, andnps: andNot, andnpd: andNot, orps: or, orpd: or, xorps: xor, xorpd: xor,
  psllw: shift(I16.shl, 16), pslld: shift(I32X.shl, 32), psllq: shift(I64X.shl, 64),
  psrlw: shift(I16.shrU, 16), psrld: shift(I32X.shrU, 32), psrlq: shift(I64X.shrU, 64),
  psraw: shift(I16.shrS, 16, true), psrad: shift(I32X.shrS, 32, true),
  pslldq: byteShift(true), psrldq: byteShift(false),
  pmovsxbw: widen(I16.extendLowS), pmovsxbd: widen(I16.extendLowS, I32X.extendLowS), pmovsxbq: widen(I16.extendLowS, I32X.extendLowS, I64X.extendLowS),
  pmovsxwd: widen(I32X.extendLowS), pmovsxwq: widen(I32X.extendLowS, I64X.extendLowS), pmovsxdq: widen(I64X.extendLowS),
  pmovzxbw: widen(I16.extendLowU), pmovzxbd: widen(I16.extendLowU, I32X.extendLowU), pmovzxbq: widen(I16.extendLowU, I32X.extendLowU, I64X.extendLowU),
  pmovzxwd: widen(I32X.extendLowU), pmovzxwq: widen(I32X.extendLowU, I64X.extendLowU), pmovzxdq: widen(I64X.extendLowU),
  pmovmskb: bitmask(I8.bitmask), movmskps: bitmask(I32X.bitmask), movmskpd: bitmask(I64X.bitmask),
  ptest,
};
