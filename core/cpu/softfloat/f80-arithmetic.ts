// Addition, subtraction, multiplication, division, square root and the NaN rule of the x87: Intel SDM vol. 1, 4.8.3.5 and 8.5.
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, cf64, f64, i32, I32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import {
  BIAS, checkDenormal, clearFlags, discardedBits, EXPONENT, type Extended, firstOf, give, giveIfSpecial, giveInvalid, IE, INTEGER_BIT,
  isInfinite, isNotNumber, isNormal, isSignaling, isZero, normalized, PAIR, product, QUIET_BIT, raise, rounding, secondOf, shiftedRight, SIGN,
  signOf, unmasked, ZE,
} from "./f80-format.ts";
import { giveRounded } from "./f80-round.ts";

/** (a, b), one of which is a NaN: a quiet one before a signalling one, then the larger significand, then the positive one. */
export function definePropagate(module: ModuleBuilder): Callee {
  return module.func(PAIR, [I64], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    const aSignals = f.let(isSignaling(a));
    const bSignals = f.let(isSignaling(b));
    f.if(i32.or(aSignals, bSignals), () => raise(f, IE));
    const am = f.let(i64.or(a.m, c64(QUIET_BIT)));
    const bm = f.let(i64.or(b.m, c64(QUIET_BIT)));
    f.if(i32.eqz(isNotNumber(b)), () => give(f, am, a.se));
    f.if(i32.eqz(isNotNumber(a)), () => give(f, bm, b.se));
    f.if(i32.and(aSignals, i32.eqz(bSignals)), () => give(f, bm, b.se));
    f.if(i32.and(bSignals, i32.eqz(aSignals)), () => give(f, am, a.se));
    f.if(i64.gtU(am, bm), () => give(f, am, a.se));
    f.if(i64.gtU(bm, am), () => give(f, bm, b.se));
    give(f, am, i32.and(a.se, b.se));
  });
}

function defineAdd(module: ModuleBuilder, roundPack: Callee, propagate: Callee, flip: number): Callee {
  return module.func(PAIR, [I64], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    clearFlags(f);
    const right: Extended = { m: b.m, se: flip === 0 ? b.se : f.let(i32.xor(b.se, c32(flip))) };
    const isSubtraction = f.let(signOf(i32.xor(a.se, right.se)));
    const giveZeroSum = (): void => give(f, 0n, select(i32.eq(rounding(), c32(1)), c32(SIGN), c32(0)));
    f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
      giveIfSpecial(f, propagate, a, b);
      f.if(i32.and(isInfinite(a), isInfinite(b)), () => f.if(isSubtraction, () => giveInvalid(f)));
      checkDenormal(f, a, b);
      f.if(isInfinite(a), () => give(f, a.m, a.se));
      f.if(isInfinite(b), () => give(f, b.m, right.se));
      f.if(i32.and(isZero(a), isZero(b)), () => {
        f.if(isSubtraction, giveZeroSum);
        give(f, 0n, signOf(a.se));
      });
    });
    const x = normalized(f, a);
    const y = normalized(f, b);
    const sameExponent = i32.and(i32.eq(x.exponent, y.exponent), i64.gtU(y.significand, x.significand));
    const isSwapped = f.let(i32.or(i32.gtS(y.exponent, x.exponent), sameExponent));
    const sign = f.let(signOf(select(isSwapped, right.se, a.se)));
    const exponent = f.let(select(isSwapped, y.exponent, x.exponent));
    const big = f.let(select(isSwapped, y.significand, x.significand));
    const distance = f.let(i32.sub(exponent, select(isSwapped, x.exponent, y.exponent)));
    const small = shiftedRight(f, f.let(select(isSwapped, x.significand, y.significand)), distance);
    const e = f.variable(I32, exponent);
    const high = f.variable(I64);
    const low = f.variable(I64, small.low.get);
    f.if(
      isSubtraction,
      () => {
        f.set(high, i64.sub(i64.sub(big, small.high.get), i64.extendU(i64.ne(low.get, c64(0)))));
        f.set(low, i64.sub(c64(0), low.get));
        f.if(i64.eqz(high.get), () => {
          f.if(i64.eqz(low.get), giveZeroSum);
          f.set(high, low.get);
          f.set(low, c64(0));
          f.set(e, i32.sub(e.get, c32(64)));
        });
        const up = f.let(i64.clz(high.get));
        f.if(i32.wrap(up), () => {
          f.set(high, i64.or(i64.shl(high.get, up), i64.shrU(low.get, i64.sub(c64(64), up))));
          f.set(low, i64.shl(low.get, up));
          f.set(e, i32.sub(e.get, i32.wrap(up)));
        });
      },
      () => {
        f.set(high, i64.add(big, small.high.get));
        f.if(i64.ltU(high.get, big), () => {
          f.set(low, i64.or(i64.or(i64.shrU(low.get, c64(1)), i64.and(low.get, c64(1))), i64.shl(high.get, c64(63))));
          f.set(high, i64.or(i64.shrU(high.get, c64(1)), c64(INTEGER_BIT)));
          f.set(e, i32.add(e.get, c32(1)));
        });
      },
    );
    giveRounded(f, roundPack, sign, e.get, high.get, low.get, () => discardedBits(f));
  });
}

function defineMul(module: ModuleBuilder, roundPack: Callee, propagate: Callee): Callee {
  return module.func(PAIR, [I64], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    clearFlags(f);
    const sign = f.let(signOf(i32.xor(a.se, b.se)));
    f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
      giveIfSpecial(f, propagate, a, b);
      f.if(i32.or(i32.and(isInfinite(a), isZero(b)), i32.and(isInfinite(b), isZero(a))), () => giveInvalid(f));
      checkDenormal(f, a, b);
      f.if(i32.or(isInfinite(a), isInfinite(b)), () => give(f, INTEGER_BIT, i32.or(sign, c32(EXPONENT))));
      f.if(i32.or(isZero(a), isZero(b)), () => give(f, 0n, sign));
    });
    const x = normalized(f, a);
    const y = normalized(f, b);
    const p = product(f, x.significand, y.significand);
    const up = f.let(i64.clz(p.high)); // 0 or 1
    const high = f.let(select(i32.wrap(up), i64.or(i64.shl(p.high, c64(1)), i64.shrU(p.low, c64(63))), p.high));
    const exponent = f.let(i32.sub(i32.add(x.exponent, y.exponent), i32.add(c32(BIAS - 1), i32.wrap(up))));
    giveRounded(f, roundPack, sign, exponent, high, f.let(i64.shl(p.low, up)), () => discardedBits(f));
  });
}

/** One 32-bit digit of a quotient by a divisor with its top bit set: Knuth, The Art of Computer Programming, 4.3.1, algorithm D. */
function digit(f: FunctionBuilder, rest: Node, next: Node, divisor: Node): { quotient: Node; rest: Node } {
  const upper = f.let(i64.shrU(divisor, c64(32)));
  const lower = f.let(i64.and(divisor, c64(0xffffffff)));
  const q = f.variable(I64, i64.divU(rest, upper));
  const r = f.variable(I64, i64.sub(rest, i64.mul(q.get, upper)));
  const isTooBig = (): Node => i64.gtU(i64.mul(q.get, lower), i64.or(i64.shl(r.get, c64(32)), next));
  const correct = (): void => {
    f.set(q, i64.sub(q.get, c64(1)));
    f.set(r, i64.add(r.get, upper));
  };
  f.if(isTooBig(), () => {
    correct();
    f.if(i32.and(i64.eqz(i64.shrU(r.get, c64(32))), isTooBig()), correct);
  });
  return { quotient: q.get, rest: f.let(i64.sub(i64.or(i64.shl(rest, c64(32)), next), i64.mul(q.get, divisor))) };
}

function defineDiv(module: ModuleBuilder, roundPack: Callee, propagate: Callee): Callee {
  return module.func(PAIR, [I64], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    clearFlags(f);
    const sign = f.let(signOf(i32.xor(a.se, b.se)));
    f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
      giveIfSpecial(f, propagate, a, b);
      f.if(i32.or(i32.and(isInfinite(a), isInfinite(b)), i32.and(isZero(a), isZero(b))), () => giveInvalid(f));
      // A denormal divided by zero is only that.
      f.if(isZero(b), () => {
        f.if(i32.eqz(isInfinite(a)), () => raise(f, ZE));
        f.if(unmasked(ZE), () => f.return(c64(0)));
        give(f, INTEGER_BIT, i32.or(sign, c32(EXPONENT)));
      });
      checkDenormal(f, a, b);
      f.if(isInfinite(a), () => give(f, INTEGER_BIT, i32.or(sign, c32(EXPONENT))));
      f.if(i32.or(isZero(a), isInfinite(b)), () => give(f, 0n, sign));
    });
    const x = normalized(f, a);
    const y = normalized(f, b);
    const divisor = y.significand;
    const isLess = f.let(i64.ltU(x.significand, divisor));
    const top = f.let(select(isLess, x.significand, i64.shrU(x.significand, c64(1))));
    const first = f.let(select(isLess, c64(0), i64.shl(i64.and(x.significand, c64(1)), c64(31))));
    const upper = digit(f, top, first, divisor);
    const lower = digit(f, upper.rest, c64(0), divisor);
    const quotient = f.let(i64.or(i64.shl(upper.quotient, c64(32)), lower.quotient));
    // The remainder against half the divisor stands for all the bits that would follow.
    const rest = lower.rest;
    const twice = f.let(i64.sub(divisor, rest));
    const half = select(i64.eq(rest, twice), c64(1n << 63n), select(i64.gtU(rest, twice), c64(3n << 62n), c64(1)));
    const low = f.let(select(i64.eqz(rest), c64(0), half));
    const exponent = f.let(i32.sub(i32.add(i32.sub(x.exponent, y.exponent), c32(BIAS)), isLess));
    giveRounded(f, roundPack, sign, exponent, quotient, low, () => discardedBits(f));
  });
}

/** (m, se): Zimmermann's Karatsuba square root: 32 bits from double precision, 32 more from a division. */
function defineSqrt(module: ModuleBuilder, roundPack: Callee, propagate: Callee): Callee {
  return module.func([I64, I32], [I64], (f) => {
    const a = firstOf(f);
    clearFlags(f);
    f.if(i32.or(i32.eqz(isNormal(a)), signOf(a.se)), () => {
      giveIfSpecial(f, propagate, a, a);
      f.if(isZero(a), () => give(f, 0n, a.se));
      f.if(signOf(a.se), () => giveInvalid(f));
      checkDenormal(f, a);
      f.if(isInfinite(a), () => give(f, a.m, a.se));
    });
    const x = normalized(f, a);
    const power = f.let(i32.sub(x.exponent, c32(BIAS)));
    const isOdd = f.let(i32.and(power, c32(1)));
    const high = f.let(select(isOdd, x.significand, i64.shrU(x.significand, c64(1))));
    const low = f.let(select(isOdd, c64(0), i64.shl(x.significand, c64(63))));
    const estimate = f64.sqrt(f64.mul(f64.convertI64S(i64.shrU(high, c64(1))), cf64(2)));
    const s = f.variable(I64, i64.truncSatF64S(estimate));
    f.if(i64.gtU(s.get, c64(0xffffffff)), () => f.set(s, c64(0xffffffff)));
    f.if(i64.gtU(i64.mul(s.get, s.get), high), () => f.set(s, i64.sub(s.get, c64(1))));
    f.if(i64.leU(i64.add(i64.mul(s.get, s.get), i64.shl(s.get, c64(1))), i64.sub(high, c64(1))), () => f.set(s, i64.add(s.get, c64(1))));
    const rest = f.let(i64.sub(high, i64.mul(s.get, s.get)));
    const next = f.let(i64.shrU(low, c64(32)));
    const halved = f.let(i64.or(i64.shl(rest, c64(31)), i64.shrU(next, c64(1))));
    const q = f.let(i64.divU(halved, s.get));
    const u = f.let(i64.or(i64.shl(i64.sub(halved, i64.mul(q, s.get)), c64(1)), i64.and(next, c64(1))));
    const root = f.variable(I64, i64.add(i64.shl(s.get, c64(32)), q));
    const square = f.let(i64.mul(q, q));
    const before = f.let(i64.or(i64.shl(u, c64(32)), i64.and(low, c64(0xffffffff))));
    const restLow = f.variable(I64, i64.sub(before, square));
    const restHigh = f.variable(I64, i64.sub(i64.sub(i64.shrU(u, c64(32)), i64.shrU(q, c64(32))), i64.extendU(i64.ltU(before, square))));
    f.if(i64.ltS(restHigh.get, c64(0)), () => {
      f.set(root, i64.sub(root.get, c64(1)));
      const step = f.let(i64.or(i64.shl(root.get, c64(1)), c64(1)));
      f.set(restLow, i64.add(restLow.get, step));
      f.set(restHigh, i64.add(restHigh.get, i64.add(i64.shrU(root.get, c64(63)), i64.extendU(i64.ltU(restLow.get, step)))));
    });
    const isAboveHalf = i32.or(i64.ne(restHigh.get, c64(0)), i64.gtU(restLow.get, root.get));
    const isInexact = i64.extendU(i64.ne(restLow.get, c64(0)));
    const below = f.let(select(isAboveHalf, c64(3n << 62n), isInexact));
    const exponent = f.let(i32.add(i32.shrS(power, c32(1)), c32(BIAS)));
    giveRounded(f, roundPack, c32(0), exponent, root.get, below, () => discardedBits(f));
  });
}

export function defineF80Arithmetic(module: ModuleBuilder, roundPack: Callee, propagate: Callee): Map<string, Callee> {
  return new Map([
    ["f80Add", defineAdd(module, roundPack, propagate, 0)],
    ["f80Sub", defineAdd(module, roundPack, propagate, SIGN)],
    ["f80Mul", defineMul(module, roundPack, propagate)],
    ["f80Div", defineDiv(module, roundPack, propagate)],
    ["f80Sqrt", defineSqrt(module, roundPack, propagate)],
  ]);
}
