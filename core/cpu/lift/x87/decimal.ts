// FBLD and FBSTP: eighteen packed decimal digits and a sign byte. Intel SDM vol. 1, 4.7; vol. 2.
import { BEFORE, C1, EMPTY, F80_FLAGS, F80_SE, flags, IE, PE, rounding, SIGN } from "../../softfloat/f80-format.ts";
import * as L from "../../state/layout.ts";
import type { ModuleBuilder } from "../../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, I64, i64, select } from "../../wasm/nodes.ts";
import type { Lifter } from "../lift.ts";
import { notePointers, stackInfo, stackTop, valueAt, wait } from "./begin.ts";
import { storeUnless } from "./moves.ts";

const LARGEST = 10n ** 18n - 1n;
/** The indefinite packed decimal. */
const INDEFINITE_LOW = 0xc000000000000000n;
const INDEFINITE_HIGH = 0xffff;

export function defineDecimal(module: ModuleBuilder): Map<string, Callee> {
  /** (value, digits packed in i64, their number) -> value with the digits appended. */
  const fromDigits = module.func([I64, I64, I32], [I64], (f) => {
    const value = f.variable(I64, f.param(0));
    const left = f.variable(I32, i32.shl(f.param(2), c32(2)));
    f.loop((again) => {
      f.set(left, i32.sub(left.get, c32(4)));
      const digit = i64.and(i64.shrU(f.param(1), i64.extendU(left.get)), c64(15));
      f.set(value, i64.add(i64.mul(value.get, c64(10)), digit));
      f.brIf(again, left.get);
    });
    f.return(value.get);
  });
  /** (value below 10^16) -> packed digits. */
  const toDigits = module.func([I64], [I64], (f) => {
    const value = f.variable(I64, f.param(0));
    const digits = f.variable(I64, c64(0));
    const at = f.variable(I64, c64(0));
    f.loop((again) => {
      f.set(digits, i64.or(digits.get, i64.shl(i64.remU(value.get, c64(10)), at.get)));
      f.set(value, i64.divU(value.get, c64(10)));
      f.set(at, i64.add(at.get, c64(4)));
      f.brIf(again, i64.ne(value.get, c64(0)));
    });
    f.return(digits.get);
  });
  return new Map([
    ["decimalFromDigits", fromDigits],
    ["decimalToDigits", toDigits],
  ]);
}

export const decimalLifters: Record<string, Lifter> = {
  fbld: (l) => {
    const f = l.f;
    wait(l);
    const host = l.host(l.address(), 10, "read", stackInfo(l));
    const low = f.let(i64.load(host));
    const high = f.let(i32.load16u(host, 8));
    notePointers(l);
    const top = call(l.named("decimalFromDigits"), c64(0), i64.extendU(i32.and(high, c32(0xff))), c32(2));
    const value = call(l.named("decimalFromDigits"), top, low, c32(16));
    const m = f.let(call(l.named("f80FromInt"), value));
    f.store(c32(0), i32.or(i32.load(c32(F80_SE)), i32.and(high, c32(SIGN))), F80_SE);
    f.call(l.named("x87Push"), m);
  },
  fbstp: (l) => {
    const f = l.f;
    wait(l);
    const x = valueAt(l, stackTop(l));
    const value = f.let(call(l.named("f80ToInt"), x.m, x.se, c32(64), rounding()));
    const magnitude = f.let(select(i32.and(x.se, c32(SIGN)), i64.sub(c64(0), value), value));
    // An empty register gives the least integer, which is too big as well.
    f.if(i64.gtU(magnitude, c64(LARGEST)), () => f.store(c32(0), i32.or(i32.and(flags(), c32(~(PE | C1))), c32(IE)), F80_FLAGS));
    const isInvalid = f.let(i32.or(i32.and(flags(), c32(IE)), i32.and(x.se, c32(EMPTY))));
    const ten16 = c64(10n ** 16n);
    const digits = call(l.named("decimalToDigits"), i64.remU(magnitude, ten16));
    const upper = i32.or(i32.wrap(call(l.named("decimalToDigits"), i64.divU(magnitude, ten16))), i32.and(x.se, c32(SIGN)));
    const low = f.let(select(isInvalid, c64(INDEFINITE_LOW), digits));
    const high = f.let(select(isInvalid, c32(INDEFINITE_HIGH), upper));
    storeUnless(l, BEFORE, 1, () => {
      const host = l.host(l.address(), 10, "write", stackInfo(l));
      f.store(host, low);
      f.store16(host, high, 8);
      f.if(i32.eq(host, c32(L.BOUNCE_WRITE)), () => f.call(l.rt.commitWrite));
    });
  },
};
