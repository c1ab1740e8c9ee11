// Rounding to the x87's precision or to a narrower format, with overflow, underflow and the results that unmasked exceptions
// leave: Intel SDM vol. 1, 4.8.4, 4.9.1 and 8.5. Tininess is found after rounding.
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import { C1, controlWord, F80_SE, give, INTEGER_BIT, OE, PE, raise, rounding, shiftedRight, UE } from "./f80-format.ts";

/** What unmasked overflow and underflow add to the exponent. */
const WRAP = 0x6000;

/** Whether a value is rounded up: i64 0 or 1. `rest`: the discarded bits, the first at bit 63; `isOdd`: i64, bit 0. */
export function roundsUp(mode: Node, sign: Node, rest: Node, isOdd: Node): Node {
  const nearest = i64.and(i64.shrU(rest, c64(63)), i64.or(isOdd, i64.extendU(i64.ne(i64.shl(rest, c64(1)), c64(0)))));
  const towards = i32.eq(mode, select(sign, c32(1), c32(2)));
  const directed = i64.extendU(i32.and(towards, i64.ne(rest, c64(0))));
  return select(mode, directed, i64.and(nearest, c64(1)));
}

/**
 * (sign in place, biased exponent of any size, significand with bit 63 set, 64 bits below it, bits to discard: 0 to 62) ->
 * rounded significand, sign and exponent in F80_SE. `maxExponent`: exponent of infinities.
 */
export function defineRoundPack(module: ModuleBuilder, maxExponent: number): Callee {
  return module.func([I32, I32, I64, I64, I32], [I64], (f) => {
    const [sign, exponent, high, low, discard] = [f.param(0), f.param(1), f.param(2), f.param(3), f.param(4)];
    const mode = f.let(rounding());
    const unit = f.let(i64.shl(c64(1), i64.extendU(discard)));
    const restOf = (h: Node, l: Node): Node => {
      const sticky = i64.extendU(i64.ne(l, c64(0)));
      return f.let(select(discard, i64.or(i64.shl(h, i64.extendU(i32.sub(c32(64), discard))), sticky), l));
    };
    const roundedOf = (h: Node, rest: Node): { up: Node; sum: Node } => {
      const isOdd = i64.shrU(h, i64.extendU(discard));
      const up = f.let(roundsUp(mode, sign, rest, isOdd));
      const kept = i64.and(h, i64.sub(c64(0), unit));
      return { up, sum: f.let(i64.add(kept, select(i32.wrap(up), unit, c64(0)))) };
    };
    const noteInexact = (rest: Node, up: Node): void =>
      f.if(i64.ne(rest, c64(0)), () => raise(f, i32.or(c32(PE), i32.shl(i32.wrap(up), c32(9)))));

    const rest = restOf(high, low);
    const { up, sum } = roundedOf(high, rest);
    const isCarried = f.let(i32.and(i64.eqz(sum), i32.wrap(up)));
    const significand = f.let(select(isCarried, c64(INTEGER_BIT), sum));
    const e = f.let(i32.add(exponent, isCarried));
    f.if(i32.gtS(e, c32(maxExponent - 1)), () => {
      raise(f, OE);
      f.if(i32.eqz(i32.and(controlWord(), c32(OE))), () => {
        // FSCALE can go so far that the wrapped exponent does not fit either.
        f.if(i32.gtS(e, c32(WRAP + 0x7ffe)), () => {
          raise(f, PE | C1);
          give(f, INTEGER_BIT, i32.or(sign, c32(maxExponent)));
        });
        noteInexact(rest, up);
        give(f, significand, i32.or(sign, i32.and(i32.sub(e, c32(WRAP)), c32(0x7fff))));
      });
      const toInfinity = f.let(i32.or(i32.eqz(mode), i32.eq(mode, select(sign, c32(1), c32(2)))));
      raise(f, PE);
      f.if(toInfinity, () => {
        raise(f, C1);
        give(f, INTEGER_BIT, i32.or(sign, c32(maxExponent)));
      });
      give(f, i64.sub(c64(0), unit), i32.or(sign, c32(maxExponent - 1)));
    });
    f.if(i32.gtS(exponent, c32(0)), () => {
      noteInexact(rest, up);
      give(f, significand, i32.or(sign, e));
    });
    const isTiny = f.let(i32.leS(e, c32(0)));
    f.if(i32.and(isTiny, i32.eqz(i32.and(controlWord(), c32(UE)))), () => {
      raise(f, UE);
      f.if(i32.leS(e, c32(-WRAP)), () => {
        raise(f, PE);
        give(f, 0n, sign);
      });
      noteInexact(rest, up);
      give(f, significand, i32.or(sign, i32.and(i32.add(e, c32(WRAP)), c32(0x7fff))));
    });
    const distance = f.let(i32.sub(c32(1), exponent));
    const shifted = shiftedRight(f, high, distance);
    const below = i64.or(shifted.low.get, i64.extendU(i64.ne(low, c64(0))));
    const denormalRest = restOf(shifted.high.get, f.let(below));
    const denormal = roundedOf(shifted.high.get, denormalRest);
    noteInexact(denormalRest, denormal.up);
    f.if(i32.and(isTiny, i64.ne(denormalRest, c64(0))), () => raise(f, UE));
    give(f, denormal.sum, i32.or(sign, i32.wrap(i64.shrU(denormal.sum, c64(63)))));
  });
}

/** Ends the function with the rounded value: at once for rounding to nearest at full precision within the range. */
export function giveRounded(
  f: FunctionBuilder,
  roundPack: Callee,
  sign: Node,
  exponent: Node,
  high: Node,
  low: Node,
  discard: () => Node,
): void {
  const isPlain = i32.and(i32.eq(i32.and(controlWord(), c32(0xf00)), c32(0x300)), i32.ltU(i32.sub(exponent, c32(1)), c32(0x7ffd)));
  f.if(isPlain, () => {
    const up = f.let(i64.and(i64.shrU(low, c64(63)), i64.or(high, i64.extendU(i64.ne(i64.shl(low, c64(1)), c64(0))))));
    const sum = f.let(i64.add(high, up));
    f.if(i64.ne(low, c64(0)), () => raise(f, i32.or(c32(PE), i32.shl(i32.wrap(up), c32(9)))));
    f.store(c32(0), i32.or(sign, i32.add(exponent, i64.eqz(sum))), F80_SE);
    f.return(i64.or(sum, c64(INTEGER_BIT)));
  });
  f.return(call(roundPack, sign, exponent, high, low, discard()));
}
