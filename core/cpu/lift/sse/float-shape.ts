// Scalars and vectors of floats behind one set of operations, so that the quick path of an instruction (WebAssembly's own
// arithmetic, and a test that no exception but an already recorded PE can have occurred) is written once for SS, SD, PS, PD.
import { DOUBLE, type Format, hidden, MXCSR_PM, MXCSR_RC, mxcsr, PE, SINGLE } from "../../softfloat/format.ts";
import { c32, call, cf32, cf64, f32, f64, I32, I64, i32, i64, type Node, simd, type Type, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift } from "../lift.ts";
import { F32X, F64X, I32X, I64X } from "./simd-op.ts";
import { bytes, readVector } from "./vector.ts";

type Operation = "add" | "sub" | "mul" | "div" | "sqrt" | "abs" | "eq" | "lt" | "gt" | "le" | "ge" | "ceil" | "floor" | "trunc" | "nearest";

export interface Shape {
  readonly suffix: "ss" | "sd" | "ps" | "pd";
  readonly name: "f32" | "f64" | "f32x4" | "f64x2";
  readonly format: Format;
  readonly isPacked: boolean;
  /** Type of the bits: i64 or v128. */
  readonly bits: Type;
  /** The operand's bits, in a local. */
  read(l: Lift, index: number): Node;
  write(l: Lift, index: number, bits: Node): void;
  /** From bits to the type that op() computes with, and back. */
  value(bits: Node): Node;
  fromValue(value: Node): Node;
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
    bits: I64,
    read: (l, index) => l.read(index),
    write: (l, index, bits) => l.write(index, bits),
    value: (bits) => (single ? f32.reinterpretI32(i32.wrap(bits)) : f64.reinterpretI64(bits)),
    fromValue: (value) => (single ? i64.extendU(i32.reinterpretF32(value)) : i64.reinterpretF64(value)),
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
    bits: V128,
    read: readVector,
    write: (l, index, bits) => l.writeV(index, bits),
    value: (bits) => bits,
    fromValue: (value) => value,
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
  const result = l.f.variable(quick.type, quick);
  l.f.if(i32.eqz(condition), () => {
    l.f.set(result, call(l.named(exact), ...args));
    l.checkFault();
  });
  return result.get;
}
