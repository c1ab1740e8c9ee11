// Conversions between single, double and integers, and rounding to integral values: CVT* and ROUND*, Intel SDM vol. 2. These
// do not raise DE except between the two formats. Rounding itself is exact in WebAssembly; only flags and NaNs are ours.
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, cf64, F32, f32, f64, I32, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import { raiseIfDenormal, returnIfNaN } from "./arithmetic.ts";
import { floatValue } from "./compare.ts";
import {
  denormalsAsZero, type Format, IE, infinity, isInfinite, isNotNumber, isSignaling, isZero, PE, quietBit, raise, roundingControl, signBit, signOf, unpack,
} from "./format.ts";

export interface Conversion {
  /** (x, 0 by MXCSR or 1 truncate) -> integer of 32 bits, zero-extended. */
  readonly toInt32: Callee;
  readonly toInt64: Callee;
  /** (signed integer) -> bits. */
  readonly fromInt: Callee;
  /** (x, immediate of ROUNDSS) -> bits. */
  readonly round: Callee;
}

/** `value` (f32 or f64) rounded to an integral value by a rounding control 0-3. */
export function roundBy(f: FunctionBuilder, value: Node, rc: Node): Node {
  const ops = value.type === F32 ? f32 : f64;
  const result = f.variable(value.type);
  f.switch(
    rc,
    [() => f.set(result, ops.nearest(value)), () => f.set(result, ops.floor(value)), () => f.set(result, ops.ceil(value))],
    () => f.set(result, ops.trunc(value)),
  );
  return result.get;
}

function defineToInt(module: ModuleBuilder, t: Format, width: 32 | 64): Callee {
  const limit = 2 ** (width - 1);
  return module.func([I64, I32], [I64], (f) => {
    const bits = f.let(denormalsAsZero(t, f.param(0)));
    const value = f.let(t.name === "f32" ? f64.promoteF32(floatValue(t, bits)) : floatValue(t, bits));
    const rounded = f.let(roundBy(f, value, select(f.param(1), c32(3), roundingControl())));
    // False for a NaN too.
    f.if(i32.eqz(i32.and(f64.ge(rounded, cf64(-limit)), f64.lt(rounded, cf64(limit)))), () => {
      raise(f, IE);
      f.return(c64(1n << BigInt(width - 1)));
    });
    f.if(f64.ne(rounded, value), () => raise(f, PE));
    f.return(width === 32 ? i64.and(i64.truncSatF64S(rounded), c64(0xffffffff)) : i64.truncSatF64S(rounded));
  });
}

export function defineConversion(module: ModuleBuilder, t: Format, roundPack: Callee): Conversion {
  const fromInt = module.func([I64], [I64], (f) => {
    const x = f.param(0);
    f.if(i64.eqz(x), () => f.return(c64(0)));
    const isNegative = i64.ltS(x, c64(0));
    const size = f.let(select(isNegative, i64.sub(c64(0), x), x));
    const up = f.let(i64.clz(size));
    f.return(call(roundPack, select(isNegative, c64(signBit(t)), c64(0)), i64.sub(c64(t.bias + 63), up), i64.shl(size, up)));
  });
  const round = module.func([I64, I32], [I64], (f) => {
    const bits = f.let(denormalsAsZero(t, f.param(0)));
    returnIfNaN(f, t, bits, bits);
    const imm = f.param(1);
    const value = f.let(floatValue(t, bits));
    const rounded = f.let(roundBy(f, value, select(i32.and(imm, c32(4)), roundingControl(), i32.and(imm, c32(3)))));
    f.if(i32.and((t.name === "f32" ? f32 : f64).ne(rounded, value), i32.eqz(i32.and(imm, c32(8)))), () => raise(f, PE));
    f.return(t.name === "f32" ? i64.extendU(i32.reinterpretF32(rounded)) : i64.reinterpretF64(rounded));
  });
  return { toInt32: defineToInt(module, t, 32), toInt64: defineToInt(module, t, 64), fromInt, round };
}

/** A NaN of one format in the other: the payload keeps its high bits. */
function convertedNaN(from: Format, to: Format, x: Node): Node {
  const sign = from.width < to.width ? i64.shl(signOf(from, x), c64(32)) : i64.shrU(signOf(from, x), c64(32));
  const payload = i64.and(x, c64(quietBit(from) - 1n));
  const moved = from.width < to.width ? i64.shl(payload, c64(29)) : i64.shrU(payload, c64(29));
  return i64.or(i64.or(sign, moved), c64(infinity(to) | quietBit(to)));
}

/** (bits of one format) -> bits of the other. */
export function defineFormatChange(module: ModuleBuilder, from: Format, to: Format, roundPack: Callee): Callee {
  return module.func([I64], [I64], (f) => {
    const x = f.let(denormalsAsZero(from, f.param(0)));
    const sign = f.let(from.width < to.width ? i64.shl(signOf(from, x), c64(32)) : i64.shrU(signOf(from, x), c64(32)));
    f.if(isNotNumber(from, x), () => {
      f.if(isSignaling(from, x), () => raise(f, IE));
      f.return(convertedNaN(from, to, x));
    });
    f.if(isInfinite(from, x), () => f.return(i64.or(sign, c64(infinity(to)))));
    f.if(isZero(from, x), () => f.return(sign));
    raiseIfDenormal(f, from, x);
    const parts = unpack(f, from, x);
    f.return(call(roundPack, sign, i64.add(parts.exponent.get, c64(to.bias - from.bias)), parts.significand.get));
  });
}
