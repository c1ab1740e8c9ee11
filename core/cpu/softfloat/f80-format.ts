// Double extended precision (80 bits) in integer arithmetic, as the x87 FPU has it: Intel SDM vol. 1, 4.2.2, 4.8 and chapter 8.
// A value travels as its significand (i64) and a word (i32) of sign and exponent, to which marks are added when it is read:
// that it was a denormal of a narrower format, or that its register is empty. Functions return the significand and leave the
// word in F80_SE; exceptions, SF and C1 of the operation gather in F80_FLAGS in their places of the status word.
import * as L from "../state/layout.ts";
import type { FunctionBuilder, Variable } from "../wasm/function-builder.ts";
import { type Callee, c32, c64, call, i32, I32, i64, I64, type Node, select } from "../wasm/nodes.ts";

export const F80_SE = L.SCRATCH + 0xe0;
export const F80_FLAGS = L.SCRATCH + 0xe4;

export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 0x10;
export const PE = 0x20;
export const SF = 0x40;
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
/** Exceptions that, unmasked, keep an operation from having any result. */
export const BEFORE = IE | DE | ZE;

export const FROM_DENORMAL = 0x10000;
export const EMPTY = 0x20000;
export const EXPONENT = 0x7fff;
export const BIAS = 0x3fff;
export const SIGN = 0x8000;
export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;
export const INDEFINITE = INTEGER_BIT | QUIET_BIT;
export const INDEFINITE_SE = 0xffff;

/** A value as nodes that may be used any number of times. */
export interface Extended {
  readonly m: Node;
  readonly se: Node;
}

export const controlWord = (): Node => i32.load(c32(L.FPU_CW));
export const rounding = (): Node => i32.and(i32.shrU(controlWord(), c32(10)), c32(3));
export const takenSE = (): Node => i32.load(c32(F80_SE));
export const flags = (): Node => i32.load(c32(F80_FLAGS));
/** Exceptions of the operation under way that are in `kinds` and not masked. */
export const unmasked = (kinds: number): Node => i32.and(i32.and(flags(), i32.xor(controlWord(), c32(-1))), c32(kinds));
/** Bits below the last one that precision control keeps. */
export function discardedBits(f: FunctionBuilder): Node {
  const pc = f.let(i32.and(controlWord(), c32(0x300)));
  return f.let(select(i32.eqz(pc), c32(40), select(i32.eq(pc, c32(0x200)), c32(11), c32(0))));
}

export const clearFlags = (f: FunctionBuilder): void => f.store(c32(0), c32(0), F80_FLAGS);
export function raise(f: FunctionBuilder, bits: Node | number): void {
  f.store(c32(0), i32.or(flags(), typeof bits === "number" ? c32(bits) : bits), F80_FLAGS);
}

export const exponentOf = (x: Extended): Node => i32.and(x.se, c32(EXPONENT));
export const signOf = (se: Node): Node => i32.and(se, c32(SIGN));
export const isEmpty = (x: Extended): Node => i32.and(x.se, c32(EMPTY));
/** Neither zero nor denormal nor anything special, in a register that is full. */
export const isNormal = (x: Extended): Node =>
  i32.and(i32.ltU(i32.sub(i32.and(x.se, c32(EXPONENT | FROM_DENORMAL | EMPTY)), c32(1)), c32(0x7ffe)), i64.ltS(x.m, c64(0)));
/** Unnormals, pseudo-infinities and pseudo-NaNs: the integer bit is missing. */
export const isUnsupported = (x: Extended): Node => i32.and(i32.ne(exponentOf(x), c32(0)), i64.geS(x.m, c64(0)));
const isTopExponent = (x: Extended): Node => i32.eq(exponentOf(x), c32(EXPONENT));
const hasFraction = (x: Extended): Node => i64.ne(i64.shl(x.m, c64(1)), c64(0));
// The tests below hold for supported formats.
export const isNotNumber = (x: Extended): Node => i32.and(isTopExponent(x), hasFraction(x));
export const isInfinite = (x: Extended): Node => i32.and(isTopExponent(x), i32.eqz(hasFraction(x)));
export const isSignaling = (x: Extended): Node => i32.and(isNotNumber(x), i64.eqz(i64.and(x.m, c64(QUIET_BIT))));
export const isZero = (x: Extended): Node => i64.eqz(x.m);
export const isDenormal = (x: Extended): Node =>
  i32.or(i32.and(i32.eqz(exponentOf(x)), i64.ne(x.m, c64(0))), i32.shrU(i32.and(x.se, c32(FROM_DENORMAL)), c32(16)));

/** Ends the function with this value. */
export function give(f: FunctionBuilder, m: Node | bigint, se: Node | number): void {
  f.store(c32(0), typeof se === "number" ? c32(se) : i32.and(se, c32(0xffff)), F80_SE);
  f.return(typeof m === "bigint" ? c64(m) : m);
}
export function giveInvalid(f: FunctionBuilder, bits = IE): void {
  raise(f, bits);
  give(f, INDEFINITE, INDEFINITE_SE);
}
/** Raises DE for denormal operands, and ends the function if it is not masked. */
export function checkDenormal(f: FunctionBuilder, ...values: Extended[]): void {
  f.if(values.map(isDenormal).reduce((x, y) => i32.or(x, y)), () => {
    raise(f, DE);
    f.if(unmasked(DE), () => f.return(c64(0)));
  });
}
/** Ends the function if an operand is empty, unsupported or a NaN. */
export function giveIfSpecial(f: FunctionBuilder, propagate: Callee, a: Extended, b: Extended): void {
  f.if(i32.or(isEmpty(a), isEmpty(b)), () => giveInvalid(f, IE | SF));
  f.if(i32.or(isUnsupported(a), isUnsupported(b)), () => giveInvalid(f));
  f.if(i32.or(isNotNumber(a), isNotNumber(b)), () => f.return(call(propagate, a.m, a.se, b.m, b.se)));
}

/** Exponent and significand with its top bit set; 0 and an exponent below all others for zero. */
export function normalized(f: FunctionBuilder, x: Extended): { exponent: Node; significand: Node } {
  const up = f.let(i64.clz(x.m));
  const field = f.let(exponentOf(x));
  return {
    exponent: f.let(i32.sub(select(field, field, c32(1)), i32.wrap(up))),
    significand: f.let(i64.shl(x.m, up)),
  };
}

/** 128 bits in two halves. */
export interface Wide {
  readonly high: Variable;
  readonly low: Variable;
}
/** `x` with 64 zeros below, shifted right; what is lost stays as "something" in the last bit. */
export function shiftedRight(f: FunctionBuilder, x: Node, count: Node): Wide {
  const high = f.variable(I64, x);
  const low = f.variable(I64, c64(0));
  f.if(count, () => {
    const n = f.let(i64.extendU(count));
    f.if(
      i32.ltU(count, c32(64)),
      () => {
        f.set(low, i64.shl(x, i64.sub(c64(64), n)));
        f.set(high, i64.shrU(x, n));
      },
      () => {
        const m = f.let(i64.sub(n, c64(64)));
        const kept = i64.or(i64.shrU(x, m), i64.extendU(i64.ne(i64.shl(i64.shrU(x, m), m), x)));
        f.set(low, select(i64.ltU(m, c64(64)), kept, i64.extendU(i64.ne(x, c64(0)))));
        f.set(high, c64(0));
      },
    );
  });
  return { high, low };
}

/** The full product of two 64-bit values. */
export function product(f: FunctionBuilder, a: Node, b: Node): { high: Node; low: Node } {
  const lower = (v: Node) => i64.and(v, c64(0xffffffff));
  const upper = (v: Node) => i64.shrU(v, c64(32));
  const ll = f.let(i64.mul(lower(a), lower(b)));
  const middle = f.let(i64.add(i64.mul(upper(a), lower(b)), upper(ll)));
  const other = f.let(i64.add(i64.mul(lower(a), upper(b)), lower(middle)));
  return {
    high: f.let(i64.add(i64.mul(upper(a), upper(b)), i64.add(upper(middle), upper(other)))),
    low: f.let(i64.or(i64.shl(other, c64(32)), lower(ll))),
  };
}

export const PAIR = [I64, I32, I64, I32] as const;
export const firstOf = (f: FunctionBuilder): Extended => ({ m: f.param(0), se: f.param(1) });
export const secondOf = (f: FunctionBuilder): Extended => ({ m: f.param(2), se: f.param(3) });
