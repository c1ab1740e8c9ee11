// Addition, subtraction, multiplication, division and square root of single and double precision, with x86 NaN rules: the
// first operand's NaN wins, a signalling one is quieted and raises IE; what has no value gives the default NaN. SDM vol. 1, 4.8.3.5.
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import {
  DE, defaultNaN, denormalsAsZero, type Format, IE, infinity, isDenormal, isInfinite, isNotNumber, isSignaling, isZero, quietBit, raise, roundingControl, shiftRightJam, signBit, signOf, unpack, ZE,
} from "./format.ts";

export interface Arithmetic {
  readonly add: Callee;
  readonly sub: Callee;
  readonly mul: Callee;
  readonly div: Callee;
  /** (x) -> bits. */
  readonly sqrt: Callee;
}

/** Returns the NaN that results if `a` or `b` is one. */
export function returnIfNaN(f: FunctionBuilder, t: Format, a: Node, b: Node): void {
  f.if(i32.or(isNotNumber(t, a), isNotNumber(t, b)), () => {
    f.if(i32.or(isSignaling(t, a), isSignaling(t, b)), () => raise(f, IE));
    f.return(i64.or(select(isNotNumber(t, a), a, b), c64(quietBit(t))));
  });
}
export function returnInvalid(f: FunctionBuilder, t: Format): void {
  raise(f, IE);
  f.return(c64(defaultNaN(t)));
}
export const raiseIfDenormal = (f: FunctionBuilder, t: Format, ...values: Node[]): void =>
  f.if(values.map((v) => isDenormal(t, v)).reduce((x, y) => i32.or(x, y)), () => raise(f, DE));

function defineAdd(module: ModuleBuilder, t: Format, roundPack: Callee, flip: bigint): Callee {
  return module.func([I64, I64], [I64], (f) => {
    const a = f.let(denormalsAsZero(t, f.param(0)));
    const right = f.let(denormalsAsZero(t, f.param(1)));
    returnIfNaN(f, t, a, right);
    const b = flip === 0n ? right : f.let(i64.xor(right, c64(flip)));
    const isSubtraction = f.let(i64.ne(signOf(t, a), signOf(t, b)));
    f.if(isInfinite(t, a), () => {
      f.if(i32.and(isInfinite(t, b), isSubtraction), () => returnInvalid(f, t));
      raiseIfDenormal(f, t, b);
      f.return(a);
    });
    raiseIfDenormal(f, t, a, b);
    f.if(isInfinite(t, b), () => f.return(b));
    const zeroSum = select(i32.eq(roundingControl(), c32(1)), c64(signBit(t)), c64(0));
    f.if(i32.and(isZero(t, a), isZero(t, b)), () => f.return(select(isSubtraction, zeroSum, a)));
    const x = unpack(f, t, a);
    const y = unpack(f, t, b);
    // A zero has no significand: give it an exponent so low that it is shifted out, leaving no trace.
    f.if(isZero(t, a), () => f.set(x.exponent, c64(-4096)));
    f.if(isZero(t, b), () => f.set(y.exponent, c64(-4096)));
    const sign = f.variable(I64, signOf(t, a));
    f.if(i64.ltS(x.exponent.get, y.exponent.get), () => {
      const e = f.let(i64.xor(x.exponent.get, y.exponent.get));
      f.set(x.exponent, i64.xor(x.exponent.get, e));
      f.set(y.exponent, i64.xor(y.exponent.get, e));
      const s = f.let(i64.xor(x.significand.get, y.significand.get));
      f.set(x.significand, i64.xor(x.significand.get, s));
      f.set(y.significand, i64.xor(y.significand.get, s));
      f.set(sign, signOf(t, b));
    });
    const distance = f.let(i64.sub(x.exponent.get, y.exponent.get));
    const big = f.let(i64.shrU(x.significand.get, c64(1)));
    const small = f.let(shiftRightJam(i64.shrU(y.significand.get, c64(1)), distance));
    const sum = f.variable(I64, i64.add(big, small));
    f.if(isSubtraction, () => {
      f.if(i64.eq(big, small), () => f.return(zeroSum));
      f.if(i64.gtU(small, big), () => f.set(sign, i64.xor(sign.get, c64(signBit(t)))));
      f.set(sum, select(i64.gtU(small, big), i64.sub(small, big), i64.sub(big, small)));
    });
    const up = f.let(i64.clz(sum.get));
    f.return(call(roundPack, sign.get, i64.sub(i64.add(x.exponent.get, c64(1)), up), i64.shl(sum.get, up)));
  });
}

function defineMul(module: ModuleBuilder, t: Format, roundPack: Callee): Callee {
  return module.func([I64, I64], [I64], (f) => {
    const a = f.let(denormalsAsZero(t, f.param(0)));
    const b = f.let(denormalsAsZero(t, f.param(1)));
    returnIfNaN(f, t, a, b);
    const sign = f.let(signOf(t, i64.xor(a, b)));
    const anyInfinite = f.let(i32.or(isInfinite(t, a), isInfinite(t, b)));
    const anyZero = f.let(i32.or(isZero(t, a), isZero(t, b)));
    f.if(i32.and(anyInfinite, anyZero), () => returnInvalid(f, t));
    raiseIfDenormal(f, t, a, b);
    f.if(anyInfinite, () => f.return(i64.or(sign, c64(infinity(t)))));
    f.if(anyZero, () => f.return(sign));
    const x = unpack(f, t, a);
    const y = unpack(f, t, b);
    // 64 x 64 -> 128 bits from halves; the low product only matters as not zero, and for the bit that may move up.
    const low = (v: Node) => i64.and(v, c64(0xffffffff));
    const high = (v: Node) => i64.shrU(v, c64(32));
    const [p, q] = [x.significand.get, y.significand.get];
    const ll = f.let(i64.mul(low(p), low(q)));
    const middle = f.let(i64.add(i64.mul(high(p), low(q)), high(ll)));
    const other = f.let(i64.add(i64.mul(low(p), high(q)), low(middle)));
    const top = f.let(i64.add(i64.mul(high(p), high(q)), i64.add(high(middle), high(other))));
    const bottom = f.let(i64.or(i64.shl(other, c64(32)), low(ll)));
    const shift = f.let(i64.clz(top)); // 0 or 1
    const moved = select(i64.eqz(shift), top, i64.or(i64.shl(top, c64(1)), i64.shrU(bottom, c64(63))));
    const sticky = i64.extendU(i64.ne(i64.shl(bottom, shift), c64(0)));
    const exponent = i64.sub(i64.add(x.exponent.get, y.exponent.get), i64.add(c64(t.bias - 1), shift));
    f.return(call(roundPack, sign, exponent, i64.or(moved, sticky)));
  });
}

function defineDiv(module: ModuleBuilder, t: Format, roundPack: Callee): Callee {
  return module.func([I64, I64], [I64], (f) => {
    const a = f.let(denormalsAsZero(t, f.param(0)));
    const b = f.let(denormalsAsZero(t, f.param(1)));
    returnIfNaN(f, t, a, b);
    const sign = f.let(signOf(t, i64.xor(a, b)));
    f.if(i32.or(i32.and(isInfinite(t, a), isInfinite(t, b)), i32.and(isZero(t, a), isZero(t, b))), () => returnInvalid(f, t));
    f.if(i32.and(isZero(t, b), i32.eqz(isInfinite(t, a))), () => {
      raise(f, ZE);
      f.return(i64.or(sign, c64(infinity(t))));
    });
    raiseIfDenormal(f, t, a, b);
    f.if(isInfinite(t, a), () => f.return(i64.or(sign, c64(infinity(t)))));
    f.if(i32.or(isZero(t, a), isInfinite(t, b)), () => f.return(sign));
    const x = unpack(f, t, a);
    const y = unpack(f, t, b);
    // Long division in base 2^11: a 53-bit remainder with eleven more bits just fits in 64.
    const divisor = f.let(i64.shrU(y.significand.get, c64(11)));
    const dividend = f.let(i64.shrU(x.significand.get, c64(11)));
    const quotient = f.variable(I64, i64.extendU(i64.geU(dividend, divisor)));
    const remainder = f.variable(I64, i64.sub(dividend, select(i32.wrap(quotient.get), divisor, c64(0))));
    for (let digit = 0; digit < 5; digit++) {
      const wide = f.let(i64.shl(remainder.get, c64(11)));
      f.set(quotient, i64.or(i64.shl(quotient.get, c64(11)), i64.divU(wide, divisor)));
      f.set(remainder, i64.remU(wide, divisor));
    }
    const up = f.let(i64.clz(quotient.get)); // 8 if the first digit was 1, else 9
    const significand = i64.or(i64.shl(quotient.get, up), i64.extendU(i64.ne(remainder.get, c64(0))));
    f.return(call(roundPack, sign, i64.add(i64.sub(x.exponent.get, y.exponent.get), i64.sub(c64(t.bias + 8), up)), significand));
  });
}

function defineSqrt(module: ModuleBuilder, t: Format, roundPack: Callee): Callee {
  return module.func([I64], [I64], (f) => {
    const a = f.let(denormalsAsZero(t, f.param(0)));
    returnIfNaN(f, t, a, a);
    f.if(isZero(t, a), () => f.return(a));
    f.if(i64.ne(signOf(t, a), c64(0)), () => returnInvalid(f, t));
    f.if(isInfinite(t, a), () => f.return(a));
    raiseIfDenormal(f, t, a);
    const x = unpack(f, t, a);
    // Digit by digit: two bits of the radicand, taken in [1, 4), give one of the root.
    const power = f.let(i64.sub(x.exponent.get, c64(t.bias)));
    const radicand = f.variable(I64, i64.shrU(x.significand.get, i64.and(i64.xor(power, c64(1)), c64(1))));
    const root = f.variable(I64, c64(0));
    const remainder = f.variable(I64, c64(0));
    const steps = f.variable(I64, c64(56));
    f.loop((again) => {
      f.set(remainder, i64.or(i64.shl(remainder.get, c64(2)), i64.shrU(radicand.get, c64(62))));
      f.set(radicand, i64.shl(radicand.get, c64(2)));
      f.set(root, i64.shl(root.get, c64(1)));
      const trial = f.let(i64.or(i64.shl(root.get, c64(1)), c64(1)));
      f.if(i64.geU(remainder.get, trial), () => {
        f.set(remainder, i64.sub(remainder.get, trial));
        f.set(root, i64.or(root.get, c64(1)));
      });
      f.set(steps, i64.sub(steps.get, c64(1)));
      f.brIf(again, i64.ne(steps.get, c64(0)));
    });
    const significand = i64.or(i64.shl(root.get, c64(8)), i64.extendU(i64.ne(remainder.get, c64(0))));
    f.return(call(roundPack, c64(0), i64.add(i64.shrS(power, c64(1)), c64(t.bias)), significand));
  });
}

export function defineArithmetic(module: ModuleBuilder, t: Format, roundPack: Callee): Arithmetic {
  return {
    add: defineAdd(module, t, roundPack, 0n),
    sub: defineAdd(module, t, roundPack, signBit(t)),
    mul: defineMul(module, t, roundPack),
    div: defineDiv(module, t, roundPack),
    sqrt: defineSqrt(module, t, roundPack),
  };
}
