// FPREM, FPREM1, FSCALE and the two halves of FXTRACT: Intel SDM vol. 2. All are exact but for what FSCALE pushes out of range.
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import {
  BIAS, C0, C1, C2, C3, checkDenormal, clearFlags, EXPONENT, firstOf, give, giveIfSpecial, giveInvalid, INTEGER_BIT, isInfinite,
  isNormal, isZero, normalized, PAIR, raise, secondOf, shiftedRight, SIGN, signOf, unmasked, ZE,
} from "./f80-format.ts";

/** (a, b) -> remainder, C0 C1 C2 C3 among the flags. `isNearest`: FPREM1. */
function defineRemainder(module: ModuleBuilder, roundPack: Callee, propagate: Callee, isNearest: boolean): Callee {
  return module.func(PAIR, [I64], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    clearFlags(f);
    f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
      giveIfSpecial(f, propagate, a, b);
      f.if(i32.or(isInfinite(a), isZero(b)), () => giveInvalid(f));
      checkDenormal(f, a, b);
      f.if(isZero(a), () => give(f, a.m, a.se));
    });
    const x = normalized(f, a);
    const y = normalized(f, b);
    const exact = (e: Node, m: Node, sign: Node): void => {
      f.if(i64.eqz(m), () => give(f, 0n, sign));
      const up = f.let(i64.clz(m));
      f.return(call(roundPack, sign, i32.sub(e, i32.wrap(up)), i64.shl(m, up), c64(0), c32(0)));
    };
    const sign = f.let(signOf(a.se));
    const distance = f.let(i32.sub(x.exponent, y.exponent));
    f.if(i32.or(isInfinite(b), i32.ltS(distance, c32(isNearest ? -1 : 0))), () => exact(x.exponent, x.significand, sign));
    const isPartial = f.let(i32.gtS(distance, c32(63)));
    const steps = f.variable(I32, distance);
    f.if(isPartial, () => f.set(steps, i32.or(i32.and(distance, c32(31)), c32(32))));
    const scale = f.let(i32.add(y.exponent, i32.sub(distance, steps.get)));
    const divisor = y.significand;
    const rest = f.variable(I64, x.significand);
    const restLow = f.variable(I64, c64(0));
    const quotient = f.variable(I64, c64(0));
    f.if(
      i32.ltS(distance, c32(0)),
      () => {
        f.set(rest, i64.shrU(x.significand, c64(1)));
        f.set(restLow, i64.shl(x.significand, c64(63)));
      },
      () => {
        f.if(i64.geU(rest.get, divisor), () => {
          f.set(rest, i64.sub(rest.get, divisor));
          f.set(quotient, c64(1));
        });
        f.block((done) =>
          f.loop((again) => {
            f.brIf(done, i32.eqz(steps.get));
            f.set(steps, i32.sub(steps.get, c32(1)));
            const carry = f.let(i64.ltS(rest.get, c64(0)));
            f.set(rest, i64.shl(rest.get, c64(1)));
            const fits = f.let(i32.or(carry, i64.geU(rest.get, divisor)));
            f.set(rest, i64.sub(rest.get, select(fits, divisor, c64(0))));
            f.set(quotient, i64.or(i64.shl(quotient.get, c64(1)), i64.extendU(fits)));
            f.br(again);
          }),
        );
      },
    );
    f.if(isPartial, () => {
      raise(f, C2);
      exact(scale, rest.get, sign);
    });
    const outSign = f.variable(I32, sign);
    if (isNearest) roundQuotient(f, { rest, restLow, quotient, outSign }, divisor);
    const q = f.let(i32.wrap(quotient.get));
    const bit = (n: number, to: number): Node => i32.mul(i32.and(i32.shrU(q, c32(n)), c32(1)), c32(to));
    raise(f, i32.or(bit(2, C0), i32.or(bit(1, C3), bit(0, C1))));
    // Only a remainder that the loop has not touched has a low half, and then its last bit.
    f.if(i64.ne(restLow.get, c64(0)), () => exact(i32.sub(scale, c32(1)), i64.or(i64.shl(rest.get, c64(1)), c64(1)), outSign.get));
    exact(scale, rest.get, outSign.get);
  });
}

interface RemainderParts {
  rest: ReturnType<FunctionBuilder["variable"]>;
  restLow: ReturnType<FunctionBuilder["variable"]>;
  quotient: ReturnType<FunctionBuilder["variable"]>;
  outSign: ReturnType<FunctionBuilder["variable"]>;
}
/** To the nearest quotient, an even one of two: the remainder may become its complement with the other sign. */
function roundQuotient(f: FunctionBuilder, v: RemainderParts, divisor: Node): void {
  const borrow = i64.extendU(i64.ne(v.restLow.get, c64(0)));
  const complement = f.let(i64.sub(i64.sub(divisor, v.rest.get), borrow));
  const complementLow = f.let(i64.sub(c64(0), v.restLow.get));
  const isSame = i32.and(i64.eq(v.rest.get, complement), i64.eq(v.restLow.get, complementLow));
  const isMore = i32.or(i64.gtU(v.rest.get, complement), i32.and(i64.eq(v.rest.get, complement), i64.gtU(v.restLow.get, complementLow)));
  f.if(i32.or(isMore, i32.and(isSame, i32.wrap(i64.and(v.quotient.get, c64(1))))), () => {
    f.set(v.rest, complement);
    f.set(v.restLow, complementLow);
    f.set(v.quotient, i64.add(v.quotient.get, c64(1)));
    f.set(v.outSign, i32.xor(v.outSign.get, c32(SIGN)));
  });
}

export function defineF80Remainder(module: ModuleBuilder, roundPack: Callee, propagate: Callee): Map<string, Callee> {
  const scale = module.func(PAIR, [I64], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    clearFlags(f);
    f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
      giveIfSpecial(f, propagate, a, b);
      f.if(isInfinite(b), () => {
        const isUp = f.let(i32.eqz(signOf(b.se)));
        f.if(select(isUp, isZero(a), isInfinite(a)), () => giveInvalid(f));
        checkDenormal(f, a);
        f.if(isUp, () => give(f, INTEGER_BIT, i32.or(signOf(a.se), c32(EXPONENT))));
        give(f, 0n, signOf(a.se));
      });
      checkDenormal(f, a, b);
      f.if(i32.or(isZero(a), isInfinite(a)), () => give(f, a.m, a.se));
    });
    const x = normalized(f, a);
    const y = normalized(f, b);
    // Beyond 2^17 the result is out of range whatever was scaled.
    const power = f.variable(I32, c32(0));
    f.if(i32.geS(y.exponent, c32(BIAS)), () => {
      const down = f.let(select(i32.gtS(y.exponent, c32(BIAS + 17)), c32(46), i32.sub(c32(BIAS + 63), y.exponent)));
      const whole = shiftedRight(f, y.significand, down);
      f.set(power, i32.wrap(whole.high.get));
      f.if(signOf(b.se), () => f.set(power, i32.sub(c32(0), power.get)));
    });
    f.return(call(roundPack, signOf(a.se), i32.add(x.exponent, power.get), x.significand, c64(0), c32(0)));
  });
  /** (m, se) -> its exponent as a value. */
  const exponent = module.func([I64, I32], [I64], (f) => {
    const a = firstOf(f);
    clearFlags(f);
    f.if(i32.eqz(isNormal(a)), () => {
      giveIfSpecial(f, propagate, a, a);
      checkDenormal(f, a);
      f.if(isInfinite(a), () => give(f, INTEGER_BIT, EXPONENT));
      f.if(isZero(a), () => {
        raise(f, ZE);
        f.if(unmasked(ZE), () => f.return(c64(0)));
        give(f, INTEGER_BIT, EXPONENT | SIGN);
      });
    });
    const x = normalized(f, a);
    const power = f.let(i64.extendS(i32.sub(x.exponent, c32(BIAS))));
    f.if(i64.eqz(power), () => give(f, 0n, 0));
    const isNegative = f.let(i64.ltS(power, c64(0)));
    const magnitude = f.let(select(isNegative, i64.sub(c64(0), power), power));
    const up = f.let(i64.clz(magnitude));
    give(f, i64.shl(magnitude, up), i32.or(i32.shl(isNegative, c32(15)), i32.sub(c32(BIAS + 63), i32.wrap(up))));
  });
  /** (m, se) -> its significand as a value in [1, 2) with its sign. */
  const significand = module.func([I64, I32], [I64], (f) => {
    const a = firstOf(f);
    f.if(i32.eqz(isNormal(a)), () => {
      giveIfSpecial(f, propagate, a, a);
      f.if(i32.or(isInfinite(a), isZero(a)), () => give(f, a.m, a.se));
    });
    give(f, normalized(f, a).significand, i32.or(signOf(a.se), c32(BIAS)));
  });
  return new Map([
    ["f80Prem", defineRemainder(module, roundPack, propagate, false)],
    ["f80Prem1", defineRemainder(module, roundPack, propagate, true)],
    ["f80Scale", scale],
    ["f80ExtractExponent", exponent],
    ["f80ExtractSignificand", significand],
  ]);
}
