// Comparison, minimum and maximum with x86 flags: COMISS, UCOMISS, CMPPS and MINPS, Intel SDM vol. 2. A NaN makes MIN and MAX
// give the second operand, and so do two zeros.
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, f32, f64, I32, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import { raiseIfDenormal } from "./arithmetic.ts";
import { denormalsAsZero, type Format, IE, isNotNumber, isSignaling, raise } from "./format.ts";

export interface Comparison {
  /** (a, b) -> bits. */
  readonly min: Callee;
  readonly max: Callee;
  /** (a, b, is a quiet NaN invalid) -> EFLAGS bits as COMISS gives them: 0 greater, CF less, ZF equal, all three unordered. */
  readonly relation: Callee;
  /** (a, b, predicate 0-7) -> 0 or -1. */
  readonly mask: Callee;
}

/** EFLAGS of relation(). */
const LESS = 0x01;
const EQUAL = 0x40;
const UNORDERED = 0x45;

/** The value of the bits, as WebAssembly's float. */
export const floatValue = (t: Format, x: Node): Node => (t.name === "f32" ? f32.reinterpretI32(i32.wrap(x)) : f64.reinterpretI64(x));
const less = (t: Format, a: Node, b: Node): Node => (t.name === "f32" ? f32 : f64).lt(floatValue(t, a), floatValue(t, b));
const equal = (t: Format, a: Node, b: Node): Node => (t.name === "f32" ? f32 : f64).eq(floatValue(t, a), floatValue(t, b));

export function defineComparison(module: ModuleBuilder, t: Format): Comparison {
  const extreme = (isMax: boolean) =>
    module.func([I64, I64], [I64], (f) => {
      const a = f.let(denormalsAsZero(t, f.param(0)));
      const b = f.let(denormalsAsZero(t, f.param(1)));
      f.if(i32.or(isNotNumber(t, a), isNotNumber(t, b)), () => {
        raise(f, IE);
        f.return(b);
      });
      raiseIfDenormal(f, t, a, b);
      f.return(select(isMax ? less(t, b, a) : less(t, a, b), a, b));
    });
  const relation = module.func([I64, I64, I32], [I32], (f) => {
    const a = f.let(denormalsAsZero(t, f.param(0)));
    const b = f.let(denormalsAsZero(t, f.param(1)));
    f.if(i32.or(isNotNumber(t, a), isNotNumber(t, b)), () => {
      f.if(i32.or(f.param(2), i32.or(isSignaling(t, a), isSignaling(t, b))), () => raise(f, IE));
      f.return(c32(UNORDERED));
    });
    raiseIfDenormal(f, t, a, b);
    f.return(select(equal(t, a, b), c32(EQUAL), select(less(t, a, b), c32(LESS), c32(0))));
  });
  const mask = module.func([I64, I64, I32], [I64], (f) => {
    const predicate = f.let(i32.and(f.param(2), c32(3)));
    const isSignallingPredicate = i32.and(i32.xor(predicate, i32.shrU(predicate, c32(1))), c32(1)); // LT and LE, NLT and NLE
    const outcome = f.let(call(relation, f.param(0), f.param(1), isSignallingPredicate));
    const isUnordered = i32.eq(outcome, c32(UNORDERED));
    const isEqual = i32.eq(outcome, c32(EQUAL));
    const isLess = i32.eq(outcome, c32(LESS));
    const holds = select(
      i32.eq(predicate, c32(3)),
      isUnordered,
      select(i32.eqz(predicate), isEqual, i32.or(isLess, i32.and(isEqual, i32.eq(predicate, c32(2))))),
    );
    f.return(i64.sub(c64(0), i64.extendU(i32.xor(holds, i32.and(i32.shrU(f.param(2), c32(2)), c32(1))))));
  });
  return { min: extreme(false), max: extreme(true), relation, mask };
}
