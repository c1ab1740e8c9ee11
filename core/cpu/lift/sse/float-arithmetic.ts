// Floating-point arithmetic, comparison, rounding and dot products of SSE to SSE4.1. Intel SDM vol. 2. Each has a quick path in
// WebAssembly's own arithmetic where that is provably the same, flags included, and otherwise calls an exact function.
import { MXCSR_DAZ, MXCSR_PM, mxcsr, PE, roundingControl } from "../../softfloat/format.ts";
import { roundBy } from "../../softfloat/convert.ts";
import { c32, c64, call, I32, i32, i64, type Node, NodeKind, select, simd, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { checked, guardedValue, isZero, mayBeSpecial, PD, PS, SHAPES, type Shape } from "./float-shape.ts";
import { even32, odd32 } from "./packed-integer.ts";
import { I32X, I64X } from "./simd-op.ts";
import { dwords, imm8, knownImm8, shuffle, zero } from "./vector.ts";

type Binary = "add" | "sub" | "mul" | "div";

/** The sum, difference, product or quotient of two values. */
function compute(l: Lift, s: Shape, op: Binary, x: Node, y: Node): Node {
  const r = l.f.let(s.op(op, x, y));
  // A zero sum is exact; a zero product or quotient is so only if an operand is zero, and has not underflowed.
  let exactZero: Node | undefined;
  if (s.isPacked) exactZero = op === "add" || op === "sub" ? isZero(s, r) : s.and(isZero(s, r), op === "mul" ? s.or(isZero(s, x), isZero(s, y)) : isZero(s, x));
  return checked(l, s, r, `${s.name}.${op}`, [x, y], exactZero);
}
const arithmetic = (s: Shape, op: Binary): Lifter => (l) => {
  const a = s.read(l, 0);
  s.write(l, 0, compute(l, s, op, a, s.read(l, 1)));
};
const squareRoot = (s: Shape): Lifter => (l) => {
  const x = s.read(l, 1);
  const r = l.f.let(s.op("sqrt", x));
  s.write(l, 0, checked(l, s, r, `${s.name}.sqrt`, [x], s.isPacked ? isZero(s, r) : undefined));
};
/** The second operand unless the first is less (MIN) or greater (MAX). */
const extreme = (s: Shape, op: "min" | "max"): Lifter => (l) => {
  const [x, y] = [s.read(l, 0), s.read(l, 1)];
  const takesFirst = s.op(op === "min" ? "lt" : "gt", x, y);
  const quick = s.isPacked ? v128.bitselect(x, y, takesFirst) : select(takesFirst, x, y);
  s.write(l, 0, guardedValue(l, s, i32.eqz(mayBeSpecial(l, s, x, y)), quick, `${s.name}.${op}`, s.toBits(x), s.toBits(y)));
};
const estimate = (s: Shape, op: "rcp" | "rsqrt"): Lifter => (l) => s.write(l, 0, l.f.let(s.fromBits(call(l.named(`${s.name}.${op}`), s.toBits(s.read(l, 1))))));

// ---- across lanes ------------------------------------------------------------------------------

const even64 = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const odd64 = even64.map((n) => n + 8);
const horizontal = (s: Shape, op: Binary): Lifter => (l) => {
  const [a, b] = [s.read(l, 0), s.read(l, 1)];
  const [even, odd] = s === PS ? [even32, odd32] : [even64, odd64];
  s.write(l, 0, compute(l, s, op, l.f.let(shuffle(a, b, even)), l.f.let(shuffle(a, b, odd))));
};
/** Subtracts in even lanes, adds in odd ones. */
const addSubtract = (s: Shape): Lifter => (l) => {
  const [a, b] = [s.read(l, 0), s.read(l, 1)];
  const evenLanes = s === PS ? dwords(-1, 0, -1, 0) : dwords(-1, -1, 0, 0);
  const r = l.f.let(v128.bitselect(s.op("sub", a, b), s.op("add", a, b), evenLanes));
  s.write(l, 0, checked(l, s, r, `${s.name}.addsub`, [a, b], isZero(s, r)));
};
/** All ones in the lanes whose bit, from bit 0 up, is set in `value`. */
const lanesOf = (s: Shape, value: Node): Node =>
  value.kind === NodeKind.i32const
    ? dwords(...(s === PS ? [1, 2, 4, 8] : [1, 1, 2, 2]).map((bit) => (value.imm & bit ? -1 : 0)))
    : s === PS
    ? simd(I32X.ne, V128, v128.and(simd(I32X.splat, V128, value), dwords(1, 2, 4, 8)), zero())
    : v128.not(simd(I64X.eq, V128, v128.and(simd(I64X.splat, V128, i64.extendU(value)), dwords(1, 0, 2, 0)), zero()));
/** Products of the lanes chosen by the immediate's high half, added in pairs, into the lanes chosen by its low half. */
const dotProduct = (s: Shape): Lifter => (l) => {
  const f = l.f;
  const imm = imm8(l);
  const [a, b] = [s.read(l, 0), s.read(l, 1)];
  const chosen = f.let(lanesOf(s, i32.shrU(imm, c32(4))));
  const products = f.let(compute(l, s, "mul", f.let(v128.and(a, chosen)), f.let(v128.and(b, chosen))));
  const none = zero();
  const step = (v: Node, even: readonly number[], odd: readonly number[]) =>
    f.let(compute(l, s, "add", f.let(shuffle(v, none, even)), f.let(shuffle(v, none, odd))));
  const sum = s === PS ? step(step(products, even32, odd32), LOW_DWORD, SECOND_DWORD) : step(products, even64, odd64);
  const everywhere = shuffle(sum, sum, s === PS ? [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3] : [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
  s.write(l, 0, v128.and(everywhere, lanesOf(s, imm)));
};
const LOW_DWORD = [0, 1, 2, 3, ...Array<number>(12).fill(16)];
const SECOND_DWORD = [4, 5, 6, 7, ...Array<number>(12).fill(16)];

// ---- comparison and rounding -------------------------------------------------------------------

/** Without NaNs a predicate is: equal (0, 2), less (1, 2), or neither (3); the upper four are the opposite. */
const compareMask = (s: Shape): Lifter => (l) => {
  const imm = imm8(l);
  const [x, y] = [s.read(l, 0), s.read(l, 1)];
  const bit = (value: Node) => i32.sub(c32(0), i32.and(value, c32(1)));
  const wantsEqual = bit(i32.xor(imm, c32(1)));
  const wantsLess = bit(i32.xor(imm, i32.shrU(imm, c32(1))));
  const wantsNot = bit(i32.shrU(imm, c32(2)));
  let quick: Node;
  const known = knownImm8(l);
  if (s.isPacked && known !== undefined) {
    const holds = [s.op("eq", x, y), s.op("lt", x, y), s.op("le", x, y), zero()][known & 3] as Node;
    quick = known & 4 ? v128.not(holds) : holds;
  } else if (s.isPacked) {
    const splat = (value: Node) => simd(I32X.splat, V128, value);
    const holds = v128.or(v128.and(s.op("eq", x, y), splat(wantsEqual)), v128.and(s.op("lt", x, y), splat(wantsLess)));
    quick = v128.xor(holds, splat(wantsNot));
  } else {
    const holds = i32.or(i32.and(s.op("eq", x, y), wantsEqual), i32.and(s.op("lt", x, y), wantsLess));
    quick = s.fromBits(i64.sub(c64(0), i64.extendU(i32.xor(holds, i32.and(wantsNot, c32(1))))));
  }
  s.write(l, 0, guardedValue(l, s, i32.eqz(mayBeSpecial(l, s, x, y)), quick, `${s.name}.mask`, s.toBits(x), s.toBits(y), imm));
};
/** COMISx and UCOMISx; the former takes quiet NaNs for invalid too. */
const compareFlags = (s: Shape, quietIsInvalid: boolean): Lifter => (l) => {
  const f = l.f;
  const [x, y] = [s.read(l, 0), s.read(l, 1)];
  // ZF 40h, PF 4, CF 1.
  const relation = f.variable(I32, i32.or(i32.shl(s.op("eq", x, y), c32(6)), s.op("lt", x, y)));
  l.seldom(mayBeSpecial(l, s, x, y), () => {
    f.set(relation, call(l.named(`${s.name}.relation`), s.toBits(x), s.toBits(y), c32(quietIsInvalid ? 1 : 0)));
    l.checkFault();
  });
  l.flagsCompare(relation.get);
};
/** The immediate: rounding control (1:0), or MXCSR's (2), no PE (3). */
const round = (s: Shape): Lifter => (l) => {
  const f = l.f;
  const imm = imm8(l);
  const x = s.read(l, 1);
  const rc = f.let(select(i32.and(imm, c32(4)), roundingControl(), i32.and(imm, c32(3))));
  const control = f.let(mxcsr());
  const isSilent = i32.or(i32.and(imm, c32(8)), i32.eq(i32.and(control, c32(MXCSR_PM | PE)), c32(MXCSR_PM | PE)));
  const isQuick = i32.and(i32.and(i32.ne(isSilent, c32(0)), i32.eqz(i32.and(control, c32(MXCSR_DAZ)))), s.all(s.op("eq", x, x)));
  const result = f.variable(x.type);
  f.if(
    isQuick,
    () => f.set(result, rc.kind === NodeKind.i32const ? s.op(ROUNDINGS[rc.imm & 3] as "trunc", x) : s.isPacked ? roundPacked(l, s, x, rc) : roundBy(f, x, rc)),
    () => {
      f.set(result, s.fromBits(call(l.named(`${s.name}.round`), s.toBits(x), imm)));
      l.checkFault();
    },
  );
  s.write(l, 0, result.get);
};
const ROUNDINGS = ["nearest", "floor", "ceil", "trunc"] as const;
function roundPacked(l: Lift, s: Shape, x: Node, rc: Node): Node {
  const result = l.f.variable(V128);
  const to = (name: "nearest" | "floor" | "ceil" | "trunc") => () => l.f.set(result, s.op(name, x));
  l.f.switch(rc, [to("nearest"), to("floor"), to("ceil")], to("trunc"));
  return result.get;
}

export const floatArithmetic: Record<string, Lifter> = {
  ...Object.fromEntries(
    SHAPES.flatMap((s): [string, Lifter][] => [
      ...(["add", "sub", "mul", "div"] as const).map((op): [string, Lifter] => [op + s.suffix, arithmetic(s, op)]),
      [`sqrt${s.suffix}`, squareRoot(s)],
      [`min${s.suffix}`, extreme(s, "min")],
      [`max${s.suffix}`, extreme(s, "max")],
      [`cmp${s.suffix}`, compareMask(s)],
      [`round${s.suffix}`, round(s)],
    ]),
  ),
  ...Object.fromEntries(
    [PS, PD].flatMap((s): [string, Lifter][] => [
      [`hadd${s.suffix}`, horizontal(s, "add")],
      [`hsub${s.suffix}`, horizontal(s, "sub")],
      [`addsub${s.suffix}`, addSubtract(s)],
      [`dp${s.suffix}`, dotProduct(s)],
    ]),
  ),
  ...Object.fromEntries(
    SHAPES.filter((s) => !s.isPacked).flatMap((s): [string, Lifter][] => [
      [`comi${s.suffix}`, compareFlags(s, true)],
      [`ucomi${s.suffix}`, compareFlags(s, false)],
    ]),
  ),
  ...Object.fromEntries(
    SHAPES.filter((s) => s.name.startsWith("f32")).flatMap((s): [string, Lifter][] => [
      [`rcp${s.suffix}`, estimate(s, "rcp")],
      [`rsqrt${s.suffix}`, estimate(s, "rsqrt")],
    ]),
  ),
};
