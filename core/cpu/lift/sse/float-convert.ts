// CVT*: between integers (general, MMX, XMM) and floats, and between the two float formats. Intel SDM vol. 2. Conversions to and
// from MMX registers put the x87 state in order even if they then raise #XM, as processors do.
import { SINGLE } from "../../softfloat/format.ts";
import { c32, c64, cf64, f32, f64, i32, i64, type Node, simd, V128 } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { guarded, guardedValue, isPlain, isUnobserved, isZero, PD, PS, SD, type Shape, SS } from "./float-shape.ts";
import { F32X, F64X, I32X } from "./simd-op.ts";
import { enterMmx, isMmx, lowI64, readVector, touchesMmx, writeGpr, writeVector } from "./vector.ts";

/** To a general register: CVTSx2SI and CVTTSx2SI. */
const toGpr = (s: Shape, truncates: boolean): Lifter => (l) => {
  const f = l.f;
  const x = s.read(l, 1);
  const { size } = l.operand(0);
  const value = s === SS ? f.let(f64.promoteF32(x)) : x;
  const rounded = truncates ? value : f64.nearest(value);
  const quick = size === 8 ? i64.truncSatF64S(rounded) : i64.and(i64.truncSatF64S(rounded), c64(0xffffffff));
  // Half a unit below the limit, so that rounding does not reach it.
  const isInRange = f64.lt(f64.abs(value), cf64(size === 8 ? 2 ** 63 : 2 ** 31 - 1));
  writeGpr(l, 0, guarded(l, i32.and(isUnobserved(), isInRange), quick, `${s.name}.toInt${size * 8}`, s.toBits(x), c32(truncates ? 1 : 0)));
};
/** To dwords in an XMM register, or in an MMX register. */
const toDwords = (s: Shape, truncates: boolean): Lifter => (l) => {
  const a = readVector(l, 1);
  if (isMmx(l, 0)) enterMmx(l);
  const quick = simd(s === PS ? I32X.truncSatF32 : I32X.truncSatF64Zero, V128, truncates ? a : s.op("nearest", a));
  const isInRange = s.all(s.op("lt", s.op("abs", a), s.number(s === PS ? 2 ** 31 : 2 ** 31 - 1)));
  writeVector(l, 0, guarded(l, i32.and(isUnobserved(), isInRange), quick, `${s.name}.toInt32`, a, c32(truncates ? 1 : 0)));
};
const fromGpr = (s: Shape): Lifter => (l) => {
  const { memSize } = l.operand(1);
  const x = l.f.let(memSize === 8 ? l.read(1) : i64.extend32(l.read(1)));
  const quick = (s === SS ? f32 : f64).convertI64S(x);
  const result = s === SD && memSize === 4 ? l.f.let(quick) : guardedValue(l, s, isUnobserved(), quick, `${s.name}.fromInt`, x);
  s.write(l, 0, result);
  l.floats?.notePlain(s.suffix, result);
};
const singlesOf = (l: Lift, a: Node): Node => guarded(l, isUnobserved(), simd(F32X.convertI32, V128, a), "f32x4.fromInt", a);
const cvtdq2ps: Lifter = (l) => l.writeV(0, singlesOf(l, readVector(l, 1)));
/** Only the low half of the destination changes. */
const cvtpi2ps: Lifter = (l) => {
  const a = readVector(l, 1);
  if (touchesMmx(l)) enterMmx(l);
  l.write(0, lowI64(singlesOf(l, a)));
};
/** Exact. */
const doublesOf: Lifter = (l) => {
  l.writeV(0, simd(F64X.convertLowI32, V128, readVector(l, 1)));
  if (touchesMmx(l)) enterMmx(l);
};

const cvtss2sd: Lifter = (l) => {
  const x = SS.read(l, 1);
  l.writeF(0, guardedValue(l, SD, isPlain(SS, x), f64.promoteF32(x), "f32.widen", SS.toBits(x)));
};
const cvtps2pd: Lifter = (l) => {
  const a = readVector(l, 1);
  l.writeV(0, guarded(l, PS.all(isPlain(PS, a)), simd(F64X.promoteLow, V128, a), "f32x4.widen", a));
};
/** Zero, or within the normal range of single precision. */
const fitsSingle = (s: Shape, x: Node): Node => {
  const size = s.op("abs", x);
  return s.or(s.and(s.op("ge", size, s.number(2 ** (1 - SINGLE.bias))), s.op("le", size, s.number(2 ** 127 * (2 - 2 ** -23)))), isZero(s, x));
};
const cvtsd2ss: Lifter = (l) => {
  const x = SD.read(l, 1);
  l.writeF(0, guardedValue(l, SS, i32.and(isUnobserved(), fitsSingle(SD, x)), f32.demoteF64(x), "f64.narrow", SD.toBits(x)));
};
const cvtpd2ps: Lifter = (l) => {
  const a = readVector(l, 1);
  l.writeV(0, guarded(l, i32.and(isUnobserved(), PD.all(fitsSingle(PD, a))), simd(F32X.demoteF64Zero, V128, a), "f64x2.narrow", a));
};

export const floatConvert: Record<string, Lifter> = {
  cvtss2si: toGpr(SS, false), cvttss2si: toGpr(SS, true), cvtsd2si: toGpr(SD, false), cvttsd2si: toGpr(SD, true),
  cvtps2dq: toDwords(PS, false), cvttps2dq: toDwords(PS, true), cvtpd2dq: toDwords(PD, false), cvttpd2dq: toDwords(PD, true),
  cvtps2pi: toDwords(PS, false), cvttps2pi: toDwords(PS, true), cvtpd2pi: toDwords(PD, false), cvttpd2pi: toDwords(PD, true),
  cvtsi2ss: fromGpr(SS), cvtsi2sd: fromGpr(SD), cvtdq2ps, cvtpi2ps, cvtdq2pd: doublesOf, cvtpi2pd: doublesOf,
  cvtss2sd, cvtps2pd, cvtsd2ss, cvtpd2ps,
};
