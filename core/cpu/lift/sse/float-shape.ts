// Scalars and vectors of floats behind one set of operations, so that the quick path of an instruction (WebAssembly's own
// arithmetic, and a test that no exception but an already recorded PE can have occurred) is written once for SS, SD, PS, PD.
import { DOUBLE, type Format, hidden, MXCSR_PM, MXCSR_RC, mxcsr, PE, SINGLE } from "../../softfloat/format.ts";
import { c32, c64, call, cf32, cf64, f32, f64, I32, i32, i64, type Node, select, simd, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift } from "../lift.ts";
import { F32X, F64X, I32X, I64X } from "./simd-op.ts";
import { bytes, readVector } from "./vector.ts";

type Operation = "add" | "sub" | "mul" | "div" | "sqrt" | "abs" | "eq" | "lt" | "gt" | "le" | "ge" | "ceil" | "floor" | "trunc" | "nearest";

export interface Shape {
  readonly suffix: "ss" | "sd" | "ps" | "pd";
  readonly name: "f32" | "f64" | "f32x4" | "f64x2";
  readonly format: Format;
  readonly isPacked: boolean;
  /** The operand's value in a local: f32, f64 or v128. */
  read(l: Lift, index: number): Node;
  write(l: Lift, index: number, value: Node): void;
  /** Between values and what exact functions take: i64 or v128. */
  toBits(value: Node): Node;
  fromBits(bits: Node): Node;
  op(name: Operation, ...values: Node[]): Node;
  number(value: number): Node;
  /** On results of comparisons. */
  and(a: Node, b: Node): Node;
  or(a: Node, b: Node): Node;
  /** i32: true in every lane. */
  all(mask: Node): Node;
}

function scalar(format: Format): Shape {
  const single = format === SINGLE;
  const ops = (single ? f32 : f64) as unknown as Record<Operation, (...values: Node[]) => Node>; // every Operation is in both tables
  return {
    suffix: single ? "ss" : "sd",
    name: format.name,
    format,
    isPacked: false,
    read: (l, index) => l.readF(index, single ? 4 : 8),
    write: (l, index, value) => l.writeF(index, value),
    toBits: (value) => (single ? i64.extendU(i32.reinterpretF32(value)) : i64.reinterpretF64(value)),
    fromBits: (bits) => (single ? f32.reinterpretI32(i32.wrap(bits)) : f64.reinterpretI64(bits)),
    op: (name, ...values) => ops[name](...values),
    number: single ? cf32 : cf64,
    and: i32.and,
    or: i32.or,
    all: (mask) => mask,
  };
}
function packed(format: Format): Shape {
  const single = format === SINGLE;
  const ops = single ? F32X : F64X;
  return {
    suffix: single ? "ps" : "pd",
    name: single ? "f32x4" : "f64x2",
    format,
    isPacked: true,
    read: readVector,
    write: (l, index, value) => l.writeV(index, value),
    toBits: (value) => value,
    fromBits: (bits) => bits,
    op: (name, ...values) => simd(ops[name], V128, ...values),
    number: (value) => bytes(...new Uint8Array(single ? Float32Array.of(value, value, value, value).buffer : Float64Array.of(value, value).buffer)),
    and: v128.and,
    or: v128.or,
    all: (mask) => simd(single ? I32X.allTrue : I64X.allTrue, I32, mask),
  };
}
export const SS = scalar(SINGLE);
export const SD = scalar(DOUBLE);
export const PS = packed(SINGLE);
export const PD = packed(DOUBLE);
export const SHAPES: readonly Shape[] = [SS, SD, PS, PD];

const leastNormal = (s: Shape): Node => s.number(2 ** (1 - s.format.bias));
const largestNormal = (s: Shape): Node => s.number(2 ** s.format.bias * (2 - 1 / Number(hidden(s.format))));
export const isZero = (s: Shape, x: Node): Node => s.op("eq", x, s.number(0));
/** 0, normal or infinite: neither denormal nor NaN. */
export const isPlain = (s: Shape, x: Node): Node => s.or(s.op("ge", s.op("abs", x), leastNormal(s)), isZero(s, x));
/** A finite result above the least normal number, so that nothing but PE can have come of rounding it. */
export const isOrdinary = (s: Shape, x: Node): Node => s.and(s.op("gt", s.op("abs", x), leastNormal(s)), s.op("le", s.op("abs", x), largestNormal(s)));

/** i32: rounds to nearest, and an inexact result leaves no new trace: PE is masked and already set. */
export const isUnobserved = (): Node => i32.eq(i32.and(mxcsr(), c32(MXCSR_RC | MXCSR_PM | PE)), c32(MXCSR_PM | PE));

/** `quick` if the condition holds, otherwise the result of the exact function; leaves if that raised an exception. */
export function guarded(l: Lift, condition: Node, quick: Node, exact: string, ...args: Node[]): Node {
  return chosen(l, i32.eqz(condition), quick, (bits) => bits, exact, ...args);
}
function chosen(l: Lift, isUnsound: Node, quick: Node, fromBits: (bits: Node) => Node, exact: string, ...args: Node[]): Node {
  const result = l.f.variable(quick.type, quick);
  l.seldom(isUnsound, () => {
    l.f.set(result, fromBits(call(l.named(exact), ...args)));
    l.checkFault();
  });
  return result.get;
}
/** The same where both are values of a shape. */
export const guardedValue = (l: Lift, s: Shape, condition: Node, quick: Node, exact: string, ...args: Node[]): Node =>
  chosen(l, i32.eqz(condition), quick, s.fromBits, exact, ...args);

// ---- arithmetic with as few tests as are enough ------------------------------------------------
// A scalar result is tested by its upper bits (a double's upper word): away from zero, infinity and the least normal number nothing
// but PE can have come of it, if no operand was denormal. One comparison does it, with a limit that is 0 where PE would leave a trace,
// so that the exact function is taken. Operands and results once tested need no test again, as long as that limit is not set to 0
// when one of them turns out to be denormal or a NaN.

const LOW = (s: Shape): number => (s.format === SINGLE ? 0x800000 : 0x100000) * 2 + 2;
const HIGH = (s: Shape): number => (s.format === SINGLE ? 0x7f800000 : 0x7ff00000) * 2;
const RANGE = (s: Shape): number => (s.isPacked ? 1 : HIGH(s) - LOW(s));

/** RANGE, or 0 if inexact results leave a trace. */
function limitOf(l: Lift, s: Shape): Node {
  const compute = (): Node => select(isUnobserved(), c32(RANGE(s)), c32(0));
  return l.floats ? l.floats.limit(s.suffix, compute).get : l.f.let(compute());
}
const twiceUpper = (s: Shape, x: Node): Node =>
  s.format === SINGLE ? i32.shl(i32.reinterpretF32(x), c32(1)) : i32.shl(i32.wrap(i64.shrU(i64.reinterpretF64(x), c64(32))), c32(1));
/** i32: denormal. */
const isDenormalScalar = (s: Shape, x: Node): Node =>
  s.format === SINGLE
    ? i32.ltU(i32.sub(i32.shl(i32.reinterpretF32(x), c32(1)), c32(1)), c32(0xffffff))
    : i64.ltU(i64.sub(i64.shl(i64.reinterpretF64(x), c64(1)), c64(1)), c64(0x1fffffffffffffn));
const isKnown = (l: Lift, s: Shape, x: Node): boolean => l.floats?.isPlain(s.suffix, x) ?? false;

/** The exact function's result instead of `quick`, and what is known afterwards. */
function settled(l: Lift, s: Shape, isUnsound: Node, quick: Node, exact: string, operands: readonly Node[]): Node {
  const result = l.f.variable(quick.type, quick);
  l.seldom(isUnsound, () => {
    l.f.set(result, s.fromBits(call(l.named(exact), ...operands.map((x) => s.toBits(x)))));
    l.checkFault();
    if (!l.floats) return;
    const plain = [...operands, result.get].map((x) => isPlain(s, x)).reduce((a, b) => s.and(a, b));
    const limit = l.floats.limit(s.suffix, () => c32(0));
    l.f.set(limit, select(s.all(plain), limit.get, c32(0)));
  });
  for (const x of [...operands, result.get]) l.floats?.notePlain(s.suffix, x);
  return result.get;
}

/** `quick`, the result of an operation on `operands`, checked. `isExactZero`: a mask of results that are 0 and exact. */
export function checked(l: Lift, s: Shape, quick: Node, exact: string, operands: readonly Node[], isExactZero?: Node): Node {
  const limit = limitOf(l, s);
  const unknown = operands.filter((x) => !isKnown(l, s, x));
  if (s.isPacked) {
    const ordinary = isOrdinary(s, quick);
    const sound = [isExactZero ? s.or(ordinary, isExactZero) : ordinary, ...unknown.map((x) => isPlain(s, x))].reduce((a, b) => s.and(a, b));
    return settled(l, s, i32.eqz(i32.and(limit, s.all(sound))), quick, exact, operands);
  }
  const outside = i32.geU(i32.sub(twiceUpper(s, quick), c32(LOW(s))), limit);
  const isUnsound = unknown.reduce((bad, x) => i32.or(bad, isDenormalScalar(s, x)), outside);
  return settled(l, s, isUnsound, quick, exact, operands);
}

/** i32: an operand is denormal or a NaN, or may be one; for what raises nothing else. */
export function mayBeSpecial(l: Lift, s: Shape, ...operands: readonly Node[]): Node {
  const unknown = operands.filter((x) => !isKnown(l, s, x));
  const parts: Node[] = unknown.length > 0 ? [i32.eqz(s.all(unknown.map((x) => isPlain(s, x)).reduce((a, b) => s.and(a, b))))] : [];
  if (unknown.length < operands.length) parts.push(i32.eqz(limitOf(l, s)));
  return parts.reduce((a, b) => i32.or(a, b));
}
