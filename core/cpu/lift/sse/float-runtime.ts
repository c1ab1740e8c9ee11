// Exact SSE floating point as functions of the engine's module, called where the quick path of a lifter does not apply: one
// call per instruction, all lanes, exceptions merged into MXCSR at the end (FAULT set if one is unmasked).
// Names: lane type or vector shape, then the operation: "f64.add", "f32x4.sqrt".
import { DOUBLE, defaultNaN, type Format, infinity, isDenormal, isNotNumber, isZero, quietBit, signBit, signOf, SINGLE } from "../../softfloat/format.ts";
import { defineSoftFloat, type FloatFunctions, type SoftFloat } from "../../softfloat/softfloat.ts";
import type { FunctionBuilder } from "../../wasm/function-builder.ts";
import type { ModuleBuilder } from "../../wasm/module-builder.ts";
import { type Callee, c32, c64, call, f32, I32, i32, I64, i64, type Node, select, simdLane, type Type, V128 } from "../../wasm/nodes.ts";
import { I32X, I64X } from "./simd-op.ts";
import { zero } from "./vector.ts";

export const getLane = (t: Format, v: Node, i: number): Node =>
  t === SINGLE ? i64.extendU(simdLane(I32X.extract, I32, i, v)) : simdLane(I64X.extract, I64, i, v);
const withLane = (t: Format, v: Node, i: number, value: Node): Node =>
  t === SINGLE ? simdLane(I32X.replace, V128, i, v, i32.wrap(value)) : simdLane(I64X.replace, V128, i, v, value);

/** What the lifters need of one lane: the arguments are i64 lanes, then the i32 of the instruction if it has one. */
interface LaneOperation {
  readonly name: string;
  readonly from: Format;
  readonly to: Format;
  /** Number of vector operands: 1 or 2. */
  readonly operands: number;
  /** Has an i32 argument after the operands. */
  readonly hasControl?: true;
  /** The function of lane `i`. */
  readonly lane: (i: number) => Callee;
  /** Lanes done; all of the narrower vector by default. */
  readonly count?: number;
}

function parameters(op: LaneOperation, operand: Type): Type[] {
  const params = Array<Type>(op.operands).fill(operand);
  if (op.hasControl) params.push(I32);
  return params;
}

function defineScalar(module: ModuleBuilder, sf: SoftFloat, op: LaneOperation, result: Type): Callee {
  const params = parameters(op, I64);
  return module.func(params, [result], (f) => {
    const value = f.let(call(op.lane(0), ...params.map((_, i) => f.param(i))));
    f.call(sf.commit);
    f.return(value);
  });
}

function definePacked(module: ModuleBuilder, sf: SoftFloat, op: LaneOperation): Callee {
  const params = parameters(op, V128);
  return module.func(params, [V128], (f: FunctionBuilder) => {
    const out = f.variable(V128, zero());
    const count = op.count ?? (op.from === DOUBLE || op.to === DOUBLE ? 2 : 4);
    for (let i = 0; i < count; i++) {
      const args = params.map((type, n) => (type === V128 ? getLane(op.from, f.param(n), i) : f.param(n)));
      f.set(out, withLane(op.to, out.get, i, call(op.lane(i), ...args)));
    }
    f.call(sf.commit);
    f.return(out.get);
  });
}

/** Reciprocal or reciprocal square root, to full single precision (processors give about 12 bits). Raises nothing. */
function defineEstimate(module: ModuleBuilder, ofRoot: boolean): Callee {
  const t = SINGLE;
  return module.func([I64], [I64], (f) => {
    const x = f.param(0);
    f.if(isNotNumber(t, x), () => f.return(i64.or(x, c64(quietBit(t)))));
    f.if(i32.or(isZero(t, x), isDenormal(t, x)), () => f.return(i64.or(signOf(t, x), c64(infinity(t)))));
    if (ofRoot) f.if(i64.ne(signOf(t, x), c64(0)), () => f.return(c64(defaultNaN(t))));
    const value = f32.reinterpretI32(i32.wrap(x));
    const one = f32.reinterpretI32(c32(0x3f800000));
    const result = f.let(i64.extendU(i32.reinterpretF32(f32.div(one, ofRoot ? f32.sqrt(value) : value))));
    f.return(select(isDenormal(t, result), i64.and(result, c64(signBit(t))), result));
  });
}

/** (bits of an i32 lane) -> the same as `of` takes it, sign-extended. */
const fromInt32 = (module: ModuleBuilder, of: Callee): Callee => module.func([I64], [I64], (f) => f.return(call(of, i64.extend32(f.param(0)))));

export function defineFloatRuntime(module: ModuleBuilder, sf: SoftFloat = defineSoftFloat(module)): Map<string, Callee> {
  const named = new Map<string, Callee>();
  const scalar = (name: string, op: Omit<LaneOperation, "name">, result: Type = I64) => named.set(name, defineScalar(module, sf, { name, ...op }, result));
  const packed = (name: string, op: Omit<LaneOperation, "name">) => named.set(name, definePacked(module, sf, { name, ...op }));

  for (const functions of [sf.f32, sf.f64] satisfies FloatFunctions[]) {
    const t = functions.format;
    const vector = t === SINGLE ? "f32x4" : "f64x2";
    const both = (name: string, op: Omit<LaneOperation, "name" | "from" | "to">) => {
      scalar(`${t.name}.${name}`, { from: t, to: t, ...op });
      packed(`${vector}.${name}`, { from: t, to: t, ...op });
    };
    for (const name of ["add", "sub", "mul", "div", "min", "max"] as const) both(name, { operands: 2, lane: () => functions[name] });
    both("sqrt", { operands: 1, lane: () => functions.sqrt });
    both("mask", { operands: 2, hasControl: true, lane: () => functions.mask });
    both("round", { operands: 1, hasControl: true, lane: () => functions.round });
    packed(`${vector}.addsub`, { from: t, to: t, operands: 2, lane: (i) => (i & 1 ? functions.add : functions.sub) });
    scalar(`${t.name}.relation`, { from: t, to: t, operands: 2, hasControl: true, lane: () => functions.relation }, I32);
    scalar(`${t.name}.toInt32`, { from: t, to: t, operands: 1, hasControl: true, lane: () => functions.toInt32 });
    scalar(`${t.name}.toInt64`, { from: t, to: t, operands: 1, hasControl: true, lane: () => functions.toInt64 });
    scalar(`${t.name}.fromInt`, { from: t, to: t, operands: 1, lane: () => functions.fromInt });
    packed(`${vector}.toInt32`, { from: t, to: SINGLE, operands: 1, hasControl: true, lane: () => functions.toInt32 });
  }
  const laneFromInt = fromInt32(module, sf.f32.fromInt);
  packed("f32x4.fromInt", { from: SINGLE, to: SINGLE, operands: 1, lane: () => laneFromInt });
  scalar("f32.widen", { from: SINGLE, to: DOUBLE, operands: 1, lane: () => sf.widen });
  scalar("f64.narrow", { from: DOUBLE, to: SINGLE, operands: 1, lane: () => sf.narrow });
  packed("f32x4.widen", { from: SINGLE, to: DOUBLE, operands: 1, lane: () => sf.widen });
  packed("f64x2.narrow", { from: DOUBLE, to: SINGLE, operands: 1, lane: () => sf.narrow });
  const reciprocal = defineEstimate(module, false);
  const reciprocalRoot = defineEstimate(module, true);
  scalar("f32.rcp", { from: SINGLE, to: SINGLE, operands: 1, lane: () => reciprocal });
  packed("f32x4.rcp", { from: SINGLE, to: SINGLE, operands: 1, lane: () => reciprocal });
  scalar("f32.rsqrt", { from: SINGLE, to: SINGLE, operands: 1, lane: () => reciprocalRoot });
  packed("f32x4.rsqrt", { from: SINGLE, to: SINGLE, operands: 1, lane: () => reciprocalRoot });
  return named;
}
