// Conversions between the x87's format and the others: single and double precision, integers of 16, 32 and 64 bits, and
// rounding to an integer in place. Intel SDM vol. 1, 4.8 and 8.3.2. Reading a narrower float raises nothing yet: a denormal is
// marked, a signalling NaN stays one, and the operation that takes it decides.
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, I64, i64, select } from "../wasm/nodes.ts";
import {
  BIAS, checkDenormal, clearFlags, DE, EXPONENT, exponentOf, F80_FLAGS, F80_SE, firstOf, FROM_DENORMAL, give, giveIfSpecial, IE,
  INTEGER_BIT, isEmpty, isInfinite, isNotNumber, isNormal, isSignaling, isUnsupported, isZero, normalized, PE, QUIET_BIT, raise, rounding, SF,
  shiftedRight, signOf, takenSE, unmasked,
} from "./f80-format.ts";
import { defineRoundPack, roundsUp } from "./f80-round.ts";
import { defaultNaN, DOUBLE, type Format, hidden, infinity, signBit, SINGLE } from "./format.ts";

function defineFrom(module: ModuleBuilder, t: Format): Callee {
  return module.func([I64], [I64], (f) => {
    const bits = f.param(0);
    const sign = f.let(i32.shl(i32.wrap(i64.shrU(bits, c64(t.width - 1))), c32(15)));
    const fraction = f.let(i64.shl(i64.and(bits, c64(hidden(t) - 1n)), c64(63 - t.fractionBits)));
    const exponent = f.let(i32.and(i32.wrap(i64.shrU(bits, c64(t.fractionBits))), c32(t.maxExponent)));
    const giveMarked = (m: Parameters<typeof give>[1], se: typeof exponent): void => {
      f.store(c32(0), se, F80_SE);
      f.return(typeof m === "bigint" ? c64(m) : m);
    };
    f.if(i32.eqz(exponent), () => {
      f.if(i64.eqz(fraction), () => giveMarked(0n, sign));
      const up = f.let(i64.clz(fraction));
      const e = i32.sub(c32(BIAS - t.bias + 1), i32.wrap(up));
      giveMarked(i64.shl(fraction, up), i32.or(i32.or(sign, c32(FROM_DENORMAL)), e));
    });
    const e = select(i32.eq(exponent, c32(t.maxExponent)), c32(EXPONENT), i32.add(exponent, c32(BIAS - t.bias)));
    giveMarked(i64.or(fraction, c64(INTEGER_BIT)), i32.or(sign, e));
  });
}

/** (m, se) -> bits. */
function defineTo(module: ModuleBuilder, t: Format): Callee {
  const round = defineRoundPack(module, t.maxExponent);
  const below = 63 - t.fractionBits;
  return module.func([I64, I32], [I64], (f) => {
    const a = firstOf(f);
    clearFlags(f);
    const sign = f.let(i64.shl(i64.extendU(signOf(a.se)), c64(t.width - 16)));
    f.if(i32.eqz(isNormal(a)), () => {
      f.if(isEmpty(a), () => {
        raise(f, IE | SF);
        f.return(c64(defaultNaN(t)));
      });
      f.if(isUnsupported(a), () => {
        raise(f, IE);
        f.return(c64(defaultNaN(t)));
      });
      f.if(isNotNumber(a), () => {
        f.if(isSignaling(a), () => raise(f, IE));
        const fraction = i64.shrU(i64.shl(i64.or(a.m, c64(QUIET_BIT)), c64(1)), c64(below + 1));
        f.return(i64.or(i64.or(sign, c64(infinity(t))), fraction));
      });
      f.if(isInfinite(a), () => f.return(i64.or(sign, c64(infinity(t)))));
      f.if(isZero(a), () => f.return(sign));
    });
    const x = normalized(f, a);
    const m = f.let(call(round, signOf(a.se), i32.sub(x.exponent, c32(BIAS - t.bias)), x.significand, c64(0), c32(below)));
    const e = i64.shl(i64.extendU(i32.and(takenSE(), c32(t.maxExponent))), c64(t.fractionBits));
    const fraction = i64.and(i64.shrU(m, c64(below)), c64(hidden(t) - 1n));
    f.return(i64.and(i64.or(i64.or(sign, e), fraction), c64(signBit(t) * 2n - 1n)));
  });
}

export function defineF80Convert(module: ModuleBuilder, propagate: Callee): Map<string, Callee> {
  const fromInt = module.func([I64], [I64], (f) => {
    const x = f.param(0);
    f.store(c32(0), c32(0), F80_FLAGS);
    f.if(i64.eqz(x), () => give(f, 0n, 0));
    const isNegative = f.let(i64.ltS(x, c64(0)));
    const m = f.let(select(isNegative, i64.sub(c64(0), x), x));
    const up = f.let(i64.clz(m));
    give(f, i64.shl(m, up), i32.or(i32.shl(isNegative, c32(15)), i32.sub(c32(BIAS + 63), i32.wrap(up))));
  });
  /** (m, se, bits of the integer, rounding mode) -> integer. */
  const toInt = module.func([I64, I32, I32, I32], [I64], (f) => {
    const a = firstOf(f);
    clearFlags(f);
    const indefinite = i64.shl(c64(-1), i64.extendU(i32.sub(f.param(2), c32(1))));
    f.if(isEmpty(a), () => {
      raise(f, IE | SF);
      f.return(indefinite);
    });
    const e = f.let(exponentOf(a));
    f.if(i32.or(isUnsupported(a), i32.gtU(e, c32(BIAS + 63))), () => {
      raise(f, IE);
      f.return(indefinite);
    });
    const parts = shiftedRight(f, a.m, f.let(i32.sub(c32(BIAS + 63), select(e, e, c32(1)))));
    const sign = f.let(signOf(a.se));
    const up = f.let(roundsUp(f.param(3), sign, parts.low.get, parts.high.get));
    const sum = f.let(i64.add(parts.high.get, up));
    const limit = f.let(i64.xor(indefinite, c64(-1)));
    const isTooBig = i64.gtU(sum, i64.add(limit, i64.extendU(i32.shrU(sign, c32(15)))));
    f.if(i32.or(isTooBig, i64.ltU(sum, parts.high.get)), () => {
      raise(f, IE);
      f.return(indefinite);
    });
    f.if(i64.ne(parts.low.get, c64(0)), () => raise(f, i32.or(c32(PE), i32.shl(i32.wrap(up), c32(9)))));
    f.return(select(sign, i64.sub(c64(0), sum), sum));
  });
  const toIntegral = module.func([I64, I32], [I64], (f) => {
    const a = firstOf(f);
    clearFlags(f);
    f.if(i32.eqz(isNormal(a)), () => {
      giveIfSpecial(f, propagate, a, a);
      checkDenormal(f, a);
      f.if(i32.or(isZero(a), isInfinite(a)), () => give(f, a.m, a.se));
    });
    const x = normalized(f, a);
    f.if(i32.geS(x.exponent, c32(BIAS + 63)), () => give(f, a.m, a.se));
    const parts = shiftedRight(f, x.significand, f.let(i32.sub(c32(BIAS + 63), x.exponent)));
    const sign = f.let(signOf(a.se));
    const up = f.let(roundsUp(rounding(), sign, parts.low.get, parts.high.get));
    f.if(i64.ne(parts.low.get, c64(0)), () => raise(f, i32.or(c32(PE), i32.shl(i32.wrap(up), c32(9)))));
    const sum = f.let(i64.add(parts.high.get, up));
    f.if(i64.eqz(sum), () => give(f, 0n, sign));
    const shift = f.let(i64.clz(sum));
    give(f, i64.shl(sum, shift), i32.or(sign, i32.sub(c32(BIAS + 63), i32.wrap(shift))));
  });
  /** (m, se): what FLD of a narrower float does to it: denormals raise DE, signalling NaNs IE. */
  const take = module.func([I64, I32], [I64], (f) => {
    const a = firstOf(f);
    clearFlags(f);
    f.if(i32.eqz(isNormal(a)), () => {
      f.if(isSignaling(a), () => {
        raise(f, IE);
        f.if(unmasked(IE), () => f.return(c64(0)));
        give(f, i64.or(a.m, c64(QUIET_BIT)), a.se);
      });
      f.if(i32.and(a.se, c32(FROM_DENORMAL)), () => raise(f, DE));
    });
    give(f, a.m, a.se);
  });
  return new Map([
    ["f80FromF32", defineFrom(module, SINGLE)],
    ["f80FromF64", defineFrom(module, DOUBLE)],
    ["f80FromInt", fromInt],
    ["f80ToF32", defineTo(module, SINGLE)],
    ["f80ToF64", defineTo(module, DOUBLE)],
    ["f80ToInt", toInt],
    ["f80ToIntegral", toIntegral],
    ["f80Take", take],
  ]);
}
