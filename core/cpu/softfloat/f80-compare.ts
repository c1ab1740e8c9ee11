// Comparison and classification of x87 values: FCOM, FUCOM, FTST and FXAM of the Intel SDM vol. 2.
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, i32, I32, I64, i64, select } from "../wasm/nodes.ts";
import {
  C0, C1, C2, C3, clearFlags, DE, EXPONENT, exponentOf, firstOf, IE, isDenormal, isEmpty, isNotNumber, isNormal, isSignaling, isUnsupported,
  isZero, normalized, PAIR, raise, secondOf, SF, SIGN, signOf,
} from "./f80-format.ts";

const UNORDERED = C0 | C2 | C3;

export function defineF80Compare(module: ModuleBuilder): Map<string, Callee> {
  /** (a, b, 1 if quiet NaNs are no offence) -> C0, C2, C3. */
  const compare = module.func([...PAIR, I32], [I32], (f) => {
    const a = firstOf(f);
    const b = secondOf(f);
    clearFlags(f);
    f.if(i32.eqz(i32.and(isNormal(a), isNormal(b))), () => {
      f.if(i32.or(isEmpty(a), isEmpty(b)), () => {
        raise(f, IE | SF);
        f.return(c32(UNORDERED));
      });
      f.if(i32.or(isUnsupported(a), isUnsupported(b)), () => {
        raise(f, IE);
        f.return(c32(UNORDERED));
      });
      f.if(i32.or(isNotNumber(a), isNotNumber(b)), () => {
        f.if(i32.or(i32.eqz(f.param(4)), i32.or(isSignaling(a), isSignaling(b))), () => raise(f, IE));
        f.return(c32(UNORDERED));
      });
      f.if(i32.or(isDenormal(a), isDenormal(b)), () => raise(f, DE));
      f.if(i32.and(isZero(a), isZero(b)), () => f.return(c32(C3)));
    });
    const sign = f.let(signOf(a.se));
    f.if(i32.ne(sign, signOf(b.se)), () => f.return(select(sign, c32(C0), c32(0))));
    const x = normalized(f, a);
    const y = normalized(f, b);
    const isEqual = i32.and(i32.eq(x.exponent, y.exponent), i64.eq(x.significand, y.significand));
    f.if(isEqual, () => f.return(c32(C3)));
    const isSmaller = i32.or(
      i32.ltS(x.exponent, y.exponent),
      i32.and(i32.eq(x.exponent, y.exponent), i64.ltU(x.significand, y.significand)),
    );
    f.return(select(i32.xor(isSmaller, i32.shrU(sign, c32(15))), c32(C0), c32(0)));
  });
  const examine = module.func([I64, I32], [I32], (f) => {
    const a = firstOf(f);
    const sign = f.let(select(i32.and(a.se, c32(SIGN)), c32(C1), c32(0)));
    const give = (cc: number): void => f.return(i32.or(sign, c32(cc)));
    f.if(isEmpty(a), () => give(C3 | C0));
    f.if(isUnsupported(a), () => give(0));
    f.if(i32.eqz(exponentOf(a)), () => {
      f.if(i64.eqz(a.m), () => give(C3));
      give(C3 | C2);
    });
    f.if(i32.eq(exponentOf(a), c32(EXPONENT)), () => {
      f.if(i64.eqz(i64.shl(a.m, c64(1))), () => give(C2 | C0));
      give(C0);
    });
    give(C2);
  });
  return new Map([
    ["f80Compare", compare],
    ["f80Examine", examine],
  ]);
}
