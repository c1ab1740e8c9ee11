// Binary floating point in integer arithmetic, exactly as x86 SSE does it, with the exception flags that WebAssembly does not
// give: IEEE 754-2008 and Intel SDM vol. 1, chapter 11. Values of both formats travel as i64 holding the bits (single
// precision zero-extended). Control comes from MXCSR in the state block; exceptions gather in a scratch word until commit().
import * as L from "../state/layout.ts";
import type { FunctionBuilder, Variable } from "../wasm/function-builder.ts";
import { c32, c64, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";

export interface Format {
  readonly name: "f32" | "f64";
  readonly width: number;
  readonly fractionBits: number;
  readonly bias: number;
  /** Exponent field of infinities and NaNs. */
  readonly maxExponent: number;
}
export const SINGLE: Format = { name: "f32", width: 32, fractionBits: 23, bias: 127, maxExponent: 255 };
export const DOUBLE: Format = { name: "f64", width: 64, fractionBits: 52, bias: 1023, maxExponent: 2047 };

export const signBit = (t: Format): bigint => 1n << BigInt(t.width - 1);
export const hidden = (t: Format): bigint => 1n << BigInt(t.fractionBits);
export const infinity = (t: Format): bigint => BigInt(t.maxExponent) << BigInt(t.fractionBits);
export const quietBit = (t: Format): bigint => 1n << BigInt(t.fractionBits - 1);
/** The "real indefinite" QNaN: negative, all else 0. */
export const defaultNaN = (t: Format): bigint => signBit(t) | infinity(t) | quietBit(t);
export const largest = (t: Format): bigint => infinity(t) - 1n;

/** Exceptions by their bits in MXCSR; the masks are 7 bits up. */
export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 16;
export const PE = 32;
export const MXCSR_DAZ = 0x40;
export const MXCSR_UM = 0x800;
export const MXCSR_OM = 0x400;
export const MXCSR_PM = 0x1000;
export const MXCSR_RC = 0x6000;
export const MXCSR_FTZ = 0x8000;

/** Exceptions of the operation under way, i32. */
export const FLOAT_FLAGS = L.SCRATCH + 0xf0;

export const mxcsr = (): Node => i32.load(c32(L.MXCSR));
export const roundingControl = (): Node => i32.and(i32.shrU(mxcsr(), c32(13)), c32(3));
export function raise(f: FunctionBuilder, flags: Node | number): void {
  const bits = typeof flags === "number" ? c32(flags) : flags;
  f.store(c32(0), i32.or(i32.load(c32(FLOAT_FLAGS)), bits), FLOAT_FLAGS);
}

export const magnitude = (t: Format, x: Node): Node => i64.and(x, c64(signBit(t) - 1n));
export const signOf = (t: Format, x: Node): Node => i64.and(x, c64(signBit(t)));
export const isNotNumber = (t: Format, x: Node): Node => i64.gtU(magnitude(t, x), c64(infinity(t)));
export const isInfinite = (t: Format, x: Node): Node => i64.eq(magnitude(t, x), c64(infinity(t)));
export const isZero = (t: Format, x: Node): Node => i64.eqz(magnitude(t, x));
/** Not 0 and below the least normal number. */
export const isDenormal = (t: Format, x: Node): Node => i64.ltU(i64.sub(magnitude(t, x), c64(1)), c64(hidden(t) - 1n));
export const isSignaling = (t: Format, x: Node): Node => i32.and(isNotNumber(t, x), i64.eqz(i64.and(x, c64(quietBit(t)))));

/** `x`, or a zero of its sign if it is denormal and MXCSR.DAZ is set. */
export const denormalsAsZero = (t: Format, x: Node): Node =>
  select(i32.and(isDenormal(t, x), i32.shrU(i32.and(mxcsr(), c32(MXCSR_DAZ)), c32(6))), signOf(t, x), x);

/** A number's exponent field and its significand with the top bit at bit 63; denormals are normalised. Not for zero. */
export interface Unpacked {
  readonly exponent: Variable;
  readonly significand: Variable;
}
export function unpack(f: FunctionBuilder, t: Format, x: Node): Unpacked {
  const field = f.let(i64.and(i64.shrU(x, c64(t.fractionBits)), c64(t.maxExponent)));
  const fraction = i64.and(x, c64(hidden(t) - 1n));
  const whole = f.let(select(i64.eqz(field), fraction, i64.or(fraction, c64(hidden(t)))));
  const up = f.let(i64.clz(whole));
  const atLeastOne = select(i64.eqz(field), c64(1), field);
  return {
    exponent: f.variable(I64, i64.sub(i64.add(atLeastOne, c64(63 - t.fractionBits)), up)),
    significand: f.variable(I64, i64.shl(whole, up)),
  };
}

/** `x` shifted right with every bit lost kept as "something" in bit 0. `count` is not negative. */
export const shiftRightJam = (x: Node, count: Node): Node =>
  select(
    i64.ltU(count, c64(64)),
    i64.or(i64.shrU(x, count), i64.extendU(i64.ne(i64.shl(i64.shrU(x, count), count), x))),
    i64.extendU(i64.ne(x, c64(0))),
  );
