// Arithmetic that WebAssembly lacks: 128-bit products and quotients, CRC32C; and the flags word both ways.
import * as L from "../state/layout.ts";
import { noteFault } from "../state/state-nodes.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, cf64, f64, I32, I64, i32, i64, type Node, select } from "../wasm/nodes.ts";

const LOW = 0xffffffffn;

function raiseDivide(f: FunctionBuilder): void {
  noteFault(f, 0);
  f.return(c64(0));
}

export function defineWide(module: ModuleBuilder): Map<string, Callee> {
  const mulHighUnsigned = module.func([I64, I64], [I64], (f) => {
    const al = f.let(i64.and(f.param(0), c64(LOW)));
    const ah = f.let(i64.shrU(f.param(0), c64(32)));
    const bl = f.let(i64.and(f.param(1), c64(LOW)));
    const bh = f.let(i64.shrU(f.param(1), c64(32)));
    const mid = f.let(i64.add(i64.mul(ah, bl), i64.shrU(i64.mul(al, bl), c64(32))));
    const mid2 = f.let(i64.add(i64.mul(al, bh), i64.and(mid, c64(LOW))));
    f.return(i64.add(i64.add(i64.mul(ah, bh), i64.shrU(mid, c64(32))), i64.shrU(mid2, c64(32))));
  });
  const mulHighSigned = module.func([I64, I64], [I64], (f) => {
    const a = f.param(0);
    const b = f.param(1);
    // Most factors are small, and the product then fits in 64 bits.
    const isSmall = (n: Node): Node => i64.eq(i64.extend32(n), n);
    f.if(i32.and(isSmall(a), isSmall(b)), () => f.return(i64.shrS(i64.mul(a, b), c64(63))));
    const high = call(mulHighUnsigned, a, b);
    const correction = i64.add(i64.and(i64.shrS(a, c64(63)), b), i64.and(i64.shrS(b, c64(63)), a));
    f.return(i64.sub(high, correction));
  });
  /** Whether the signed product of two i64 does not fit in one: 1 or 0. In floating point it is off by less than 2^12 where it matters, at 2^63. */
  const productOverflows = module.func([I64, I64], [I64], (f) => {
    const product = f.let(f64.abs(f64.mul(f64.convertI64S(f.param(0)), f64.convertI64S(f.param(1)))));
    f.if(f64.lt(product, cf64(2 ** 63 - 2 ** 14)), () => f.return(c64(0)));
    f.if(f64.gt(product, cf64(2 ** 63 + 2 ** 14)), () => f.return(c64(1)));
    const low = i64.mul(f.param(0), f.param(1));
    f.return(i64.extendU(i64.ne(call(mulHighSigned, f.param(0), f.param(1)), i64.shrS(low, c64(63)))));
  });
  /** (high, low, divisor) -> quotient, remainder in SCRATCH; #DE in FAULT. */
  const divUnsigned128 = module.func([I64, I64, I64], [I64], (f) => {
    const high = f.variable(I64, f.param(0));
    const low = f.variable(I64, f.param(1));
    const divisor = f.param(2);
    f.if(i64.geU(high.get, divisor), () => raiseDivide(f));
    f.if(i64.eqz(high.get), () => {
      f.store(c32(L.SCRATCH), i64.remU(low.get, divisor));
      f.return(i64.divU(low.get, divisor));
    });
    const n = f.variable(I32, c32(64));
    f.loop((again) => {
      const carry = f.let(i64.shrU(high.get, c64(63)));
      f.set(high, i64.or(i64.shl(high.get, c64(1)), i64.shrU(low.get, c64(63))));
      f.set(low, i64.shl(low.get, c64(1)));
      f.if(i32.or(i32.wrap(carry), i64.geU(high.get, divisor)), () => {
        f.set(high, i64.sub(high.get, divisor));
        f.set(low, i64.or(low.get, c64(1)));
      });
      f.set(n, i32.sub(n.get, c32(1)));
      f.brIf(again, n.get);
    });
    f.store(c32(L.SCRATCH), high.get);
    f.return(low.get);
  });
  const divSigned128 = module.func([I64, I64, I64], [I64], (f) => {
    const high = f.variable(I64, f.param(0));
    const low = f.variable(I64, f.param(1));
    const isNegative = f.let(i64.ltS(f.param(0), c64(0)));
    f.if(isNegative, () => {
      f.set(high, i64.sub(i64.xor(high.get, c64(-1)), i64.extendU(i32.eqz(i64.eqz(low.get)))));
      f.set(high, i64.add(high.get, c64(1)));
      f.set(low, i64.sub(c64(0), low.get));
    });
    const isDivisorNegative = f.let(i64.ltS(f.param(2), c64(0)));
    const divisor = f.let(select(isDivisorNegative, i64.sub(c64(0), f.param(2)), f.param(2)));
    const quotient = f.let(call(divUnsigned128, high.get, low.get, divisor));
    f.if(i32.load(c32(L.FAULT)), () => f.return(c64(0)));
    const isQuotientNegative = f.let(i32.xor(isNegative, isDivisorNegative));
    const signed = f.let(select(isQuotientNegative, i64.sub(c64(0), quotient), quotient));
    // The sign must come out as it should: a magnitude of 2^63 fits only as a negative quotient.
    f.if(i32.eqz(i64.eqz(quotient)), () => f.if(i32.ne(i64.ltS(signed, c64(0)), isQuotientNegative), () => raiseDivide(f)));
    f.if(isNegative, () => f.store(c32(L.SCRATCH), i64.sub(c64(0), i64.load(c32(L.SCRATCH)))));
    f.return(signed);
  });
  /** (crc, data, bytes): Castagnoli, polynomial 82F63B78h reflected. */
  const crc32c = module.func([I64, I64, I32], [I64], (f) => {
    const crc = f.variable(I64, f.param(0));
    const data = f.variable(I64, f.param(1));
    const n = f.variable(I32, f.param(2));
    f.loop((byte) => {
      f.set(crc, i64.xor(crc.get, i64.and(data.get, c64(255))));
      for (let bit = 0; bit < 8; bit++) {
        f.set(crc, i64.xor(i64.shrU(crc.get, c64(1)), i64.and(i64.sub(c64(0), i64.and(crc.get, c64(1))), c64(0x82f63b78))));
      }
      f.set(data, i64.shrU(data.get, c64(8)));
      f.set(n, i32.sub(n.get, c32(1)));
      f.brIf(byte, n.get);
    });
    f.return(crc.get);
  });
  return new Map([
    ["mulHighUnsigned", mulHighUnsigned],
    ["mulHighSigned", mulHighSigned],
    ["productOverflows", productOverflows],
    ["divUnsigned128", divUnsigned128],
    ["divSigned128", divSigned128],
    ["crc32c", crc32c],
  ]);
}

/** The lazy flags (layout.ts FLAG_*) as EFLAGS bits and back. */
export function defineFlags(module: ModuleBuilder): { getArith: Callee; setArith: Callee } {
  const getArith = module.func([], [I32], (f) => {
    const result = f.let(i64.load(c32(L.FLAG_RESULT)));
    const aux = f.let(i64.load(c32(L.FLAG_AUX)));
    const cf = f.let(i32.wrap(i64.shrU(aux, c64(63))));
    const of = i32.xor(cf, i32.and(i32.wrap(i64.shrU(aux, c64(62))), c32(1)));
    const sf = i32.and(i32.xor(i32.wrap(i64.shrU(result, c64(63))), i32.wrap(aux)), c32(1));
    const parity = i32.popcnt(i32.and(i32.wrap(i64.xor(result, i64.shrU(aux, c64(8)))), c32(0xff)));
    const pf = i32.and(i32.xor(parity, c32(1)), c32(1));
    const af = i32.and(i32.wrap(i64.shrU(aux, c64(3))), c32(1));
    const bit = (n: number, v: ReturnType<typeof c32>) => i32.shl(v, c32(n));
    f.return(
      i32.or(i32.or(i32.or(cf, bit(2, pf)), i32.or(bit(4, af), bit(6, i64.eqz(result)))), i32.or(bit(7, sf), bit(11, of))),
    );
  });
  const setArith = module.func([I32], [], (f) => {
    const e = f.param(0);
    const bit = (n: number) => i64.and(i64.shrU(i64.extendU(e), c64(n)), c64(1));
    // A result whose low byte is 0 and that is 0 exactly when ZF is; sign and parity come through the deltas.
    f.store(c32(L.FLAG_RESULT), i64.shl(i64.xor(bit(6), c64(1)), c64(8)));
    const carry = i64.or(i64.shl(bit(0), c64(63)), i64.shl(i64.xor(bit(0), bit(11)), c64(62)));
    const deltas = i64.or(i64.or(i64.shl(bit(4), c64(3)), i64.shl(i64.xor(bit(2), c64(1)), c64(8))), bit(7));
    f.store(c32(L.FLAG_AUX), i64.or(carry, deltas));
  });
  return { getArith, setArith };
}
