// The last step of every operation: a sign, an exponent and a 64-bit significand are rounded to the format by MXCSR, with
// overflow, underflow (tininess found after rounding, as x86 does) and flush to zero. Intel SDM vol. 1, 4.9.1 and 11.5.2.
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, I32, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import { type Format, hidden, infinity, largest, MXCSR_FTZ, MXCSR_OM, MXCSR_UM, mxcsr, OE, PE, raise, roundingControl, shiftRightJam, UE } from "./format.ts";

/**
 * (sign bit in its place, exponent field, significand with bit 63 set and a sticky bit 0) -> bits. The value is
 * significand / 2^63 * 2^(exponent - bias); the exponent may lie outside the format.
 */
export function defineRoundPack(module: ModuleBuilder, t: Format): Callee {
  const roundBits = 63 - t.fractionBits;
  const half = 1n << BigInt(roundBits - 1);
  const lost = (x: Node) => i64.and(x, c64((1n << BigInt(roundBits)) - 1n));
  return module.func([I64, I64, I64], [I64], (f) => {
    const sign = f.param(0);
    const isNegative = i64.ne(sign, c64(0));
    const exponent = f.variable(I64, f.param(1));
    const significand = f.param(2);
    const rc = f.let(roundingControl());
    const control = f.let(mxcsr());
    /** What rounding adds to the significand: half and the tie's last bit, or nearly a whole unit away from zero. */
    const away = f.let(i32.or(i32.and(i32.eq(rc, c32(1)), isNegative), i32.and(i32.eq(rc, c32(2)), i64.eqz(sign))));
    const rounded = (x: Node): Node => {
      const odd = i64.and(i64.shrU(x, c64(roundBits)), c64(1));
      const nearest = i64.add(odd, c64(half - 1n));
      const increment = f.let(select(i32.eqz(rc), nearest, select(away, c64((1n << BigInt(roundBits)) - 1n), c64(0))));
      const shifted = i64.shrU(x, c64(roundBits));
      // Added to the bits to be lost alone: the whole significand could pass 2^64.
      return f.let(i64.add(shifted, i64.shrU(i64.add(lost(x), increment), c64(roundBits))));
    };
    const result = f.variable(I64, rounded(significand));
    const inexact = f.variable(I32, i64.ne(lost(significand), c64(0)));
    const carried = f.let(i64.shrU(result.get, c64(t.fractionBits + 1)));

    f.if(i64.ltS(exponent.get, c64(1)), () => {
      const isTiny = f.let(i32.or(i64.ltS(exponent.get, c64(0)), i64.eqz(carried)));
      f.if(isTiny, () => {
        // Unmasked: the exception comes with an exact result too, and no result is delivered.
        f.if(i32.eqz(i32.and(control, c32(MXCSR_UM))), () => {
          raise(f, i32.or(c32(UE), i32.shl(inexact.get, c32(5))));
          f.return(sign);
        });
        f.if(i32.and(control, c32(MXCSR_FTZ)), () => {
          raise(f, UE | PE);
          f.return(sign);
        });
      });
      const shifted = f.let(shiftRightJam(significand, i64.sub(c64(1), exponent.get)));
      f.set(inexact, i64.ne(lost(shifted), c64(0)));
      raise(f, i32.or(i32.shl(inexact.get, c32(5)), i32.shl(i32.and(isTiny, inexact.get), c32(4))));
      // A carry into the hidden bit's place makes the least normal number by itself.
      f.return(i64.or(sign, rounded(shifted)));
    });

    f.if(i64.ne(carried, c64(0)), () => {
      f.set(result, i64.shrU(result.get, c64(1)));
      f.set(exponent, i64.add(exponent.get, c64(1)));
    });
    f.if(i64.geS(exponent.get, c64(t.maxExponent)), () => {
      raise(f, i32.or(c32(OE), i32.shl(i32.or(inexact.get, i32.ne(i32.and(control, c32(MXCSR_OM)), c32(0))), c32(5))));
      f.return(i64.or(sign, select(i32.or(i32.eqz(rc), away), c64(infinity(t)), c64(largest(t)))));
    });
    raise(f, i32.shl(inexact.get, c32(5)));
    const fraction = i64.and(result.get, c64(hidden(t) - 1n));
    f.return(i64.or(sign, i64.or(i64.shl(exponent.get, c64(t.fractionBits)), fraction)));
  });
}
