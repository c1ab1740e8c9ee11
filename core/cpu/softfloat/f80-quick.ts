// x87 operations for translated code, which keeps the stack in locals: each function returns its value and, in one word, sign and
// exponent (15:0) and above them the exceptions and C1 as they go into the status word; the word is negative if an exception is not
// masked, and the value then means nothing. Two normal operands, rounded to nearest at full precision to a normal result, are done
// here; everything else by the exact functions.
import type { FunctionBuilder, Label } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, I64, i64, type Node, select } from "../wasm/nodes.ts";
import {
  BIAS, C0, C3, clearFlags, controlWord, EMPTY, EXPONENT, type Extended, firstOf, flags, FROM_DENORMAL, INTEGER_BIT, PAIR, PE, product, secondOf, SIGN,
  takenSE, unmasked,
} from "./f80-format.ts";

/** Value and word. */
const RESULTS = [I64, I32] as const;
/** The word's sign: an exception is not masked. */
const packedFlags = (): Node => i32.or(i32.shl(flags(), c32(16)), i32.shl(i32.ne(unmasked(0x3f), c32(0)), c32(31)));
const INEXACT = PE << 16;

/** Ends with the result of an exact function. */
function giveExact(f: FunctionBuilder, m: Node): void {
  const value = f.let(m);
  f.return(value, i32.or(i32.and(takenSE(), c32(0xffff)), packedFlags()));
}
/** Ends with high:low rounded to nearest even; the exponent is in range even if that carries. */
function giveNearest(f: FunctionBuilder, sign: Node, exponent: Node, high: Node, low: Node): void {
  // Above half, or half and odd.
  const up = f.let(i64.gtU(low, i64.sub(c64(INTEGER_BIT), i64.and(high, c64(1)))));
  const sum = f.let(i64.add(high, i64.extendU(up)));
  const word = i32.or(sign, i32.add(exponent, i64.eqz(sum)));
  const note = i32.or(i32.shl(i64.ne(low, c64(0)), c32(21)), i32.shl(up, c32(25)));
  f.return(i64.or(sum, c64(INTEGER_BIT)), i32.or(word, note));
}
/** PE is masked too: nothing else can come of two normal operands. */
const isNotNearestFull = (): Node => i32.ne(i32.and(controlWord(), c32(0xf20)), c32(0x320));
const isOutside = (exponent: Node): Node => i32.geU(i32.sub(exponent, c32(1)), c32(0x7ffc));
/** Exponent of a normal value in a full register, otherwise at least MAX once 1 is taken off. */
const markedExponent = (x: Extended): Node => i32.and(x.se, c32(EXPONENT | FROM_DENORMAL | EMPTY));
const MAX = 0x7ffe;
/** Goes to the label unless both are normal. Separate branches, which the processor foresees, cost less than one joined condition. */
function unlessNormal(f: FunctionBuilder, label: Label, a: Extended, b: Extended): { ea: Node; eb: Node } {
  const [ea, eb] = [f.let(markedExponent(a)), f.let(markedExponent(b))];
  f.brIf(label, i64.geS(i64.and(a.m, b.m), c64(0)));
  f.brIf(label, i32.geU(i32.sub(ea, c32(1)), c32(MAX)));
  f.brIf(label, i32.geU(i32.sub(eb, c32(1)), c32(MAX)));
  return { ea, eb };
}

function defineQuickAdd(module: ModuleBuilder, exact: Callee, flip: number): Callee {
  return module.func(PAIR, RESULTS, (f) => {
    const [a, b] = [firstOf(f), secondOf(f)];
    f.block((label) => {
      const { ea, eb } = unlessNormal(f, label, a, b);
      f.brIf(label, isNotNearestFull());
      const isSwapped = f.let(select(i32.eq(ea, eb), i64.gtU(b.m, a.m), i32.gtS(eb, ea)));
      const big = f.let(select(isSwapped, b.m, a.m));
      const small = f.let(select(isSwapped, a.m, b.m));
      const exponent = f.let(select(isSwapped, eb, ea));
      const right = f.let(flip === 0 ? b.se : i32.xor(b.se, c32(flip)));
      const sign = f.let(i32.and(select(isSwapped, right, a.se), c32(SIGN)));
      const distance = f.let(i64.extendU(i32.sub(exponent, select(isSwapped, ea, eb))));
      f.brIf(label, i64.gtU(distance, c64(63)));
      const addend = f.let(i64.shrU(small, distance));
      const low = f.let(i64.shl(i64.shl(small, c64(1)), i64.sub(c64(63), distance)));
      f.if(
        i32.and(i32.xor(a.se, right), c32(SIGN)),
        () => {
          const difference = f.let(i64.sub(i64.sub(big, addend), i64.extendU(i64.ne(low, c64(0)))));
          const rest = f.let(i64.sub(c64(0), low));
          const up = f.let(i64.clz(difference));
          const e = f.let(i32.sub(exponent, i32.wrap(up)));
          f.brIf(label, i64.eqz(difference));
          f.brIf(label, isOutside(e));
          const high = f.let(i64.or(i64.shl(difference, up), i64.shrU(i64.shrU(rest, c64(1)), i64.sub(c64(63), up))));
          giveNearest(f, sign, e, high, f.let(i64.shl(rest, up)));
        },
        () => {
          const sum = f.let(i64.add(big, addend));
          const carry = f.let(i64.extendU(i64.ltU(sum, big)));
          const e = f.let(i32.add(exponent, i32.wrap(carry)));
          f.brIf(label, isOutside(e));
          const high = f.let(i64.or(i64.shrU(sum, carry), i64.shl(carry, c64(63))));
          const rest = i64.or(i64.or(i64.shrU(low, carry), i64.and(low, carry)), i64.shl(i64.and(sum, carry), c64(63)));
          giveNearest(f, sign, e, high, f.let(rest));
        },
      );
    });
    giveExact(f, call(exact, a.m, a.se, b.m, b.se));
    f.unreachable();
  });
}

function defineQuickMul(module: ModuleBuilder, exact: Callee): Callee {
  return module.func(PAIR, RESULTS, (f) => {
    const [a, b] = [firstOf(f), secondOf(f)];
    f.block((label) => {
      const { ea, eb } = unlessNormal(f, label, a, b);
      const exponent = f.let(i32.sub(i32.add(ea, eb), c32(BIAS)));
      f.brIf(label, isOutside(exponent));
      f.brIf(label, isNotNearestFull());
      const p = product(f, a.m, b.m);
      const up = f.let(i64.clz(p.high)); // 0 or 1
      const high = f.let(i64.or(i64.shl(p.high, up), i64.and(i64.shrU(p.low, c64(63)), up)));
      const sign = f.let(i32.and(i32.xor(a.se, b.se), c32(SIGN)));
      giveNearest(f, sign, f.let(i32.sub(i32.add(exponent, c32(1)), i32.wrap(up))), high, f.let(i64.shl(p.low, up)));
    });
    giveExact(f, call(exact, a.m, a.se, b.m, b.se));
    f.unreachable();
  });
}

/** (a, b, 1 if quiet NaNs are no offence) -> C0, C2, C3, with exceptions above them. */
function defineQuickCompare(module: ModuleBuilder, exact: Callee): Callee {
  return module.func([...PAIR, I32], [I32], (f) => {
    const [a, b] = [firstOf(f), secondOf(f)];
    f.block((label) => {
      unlessNormal(f, label, a, b);
      const sign = f.let(i32.and(a.se, c32(SIGN)));
      f.if(i32.and(i32.xor(a.se, b.se), c32(SIGN)), () => f.return(select(sign, c32(C0), c32(0))));
      const isSameWord = f.let(i32.eq(a.se, b.se));
      f.if(i32.and(isSameWord, i64.eq(a.m, b.m)), () => f.return(c32(C3)));
      const isSmaller = select(isSameWord, i64.ltU(a.m, b.m), i32.ltU(a.se, b.se));
      f.return(select(i32.xor(isSmaller, i32.shrU(sign, c32(15))), c32(C0), c32(0)));
    });
    const cc = f.let(call(exact, a.m, a.se, b.m, b.se, f.param(4)));
    f.return(i32.or(cc, packedFlags()));
    f.unreachable();
  });
}

/** (m, se) -> bits of a narrower float, and the word with exceptions alone. Only doubles have a short way. */
function defineQuickTo(module: ModuleBuilder, exact: Callee, isDouble: boolean): Callee {
  return module.func([I64, I32], RESULTS, (f) => {
    const a = firstOf(f);
    const e = f.let(i32.sub(i32.and(a.se, c32(EXPONENT | FROM_DENORMAL | EMPTY)), c32(BIAS - (isDouble ? 1023 : 127))));
    const isPlain = i32.and(i32.ltU(i32.sub(e, c32(1)), c32(isDouble ? 2045 : 253)), i32.and(i64.ltS(a.m, c64(0)), i32.eq(i32.and(controlWord(), c32(0xc20)), c32(0x20))));
    f.if(isPlain, () => {
      const [below, mask] = isDouble ? [11, 0x7ffn] : [40, 0xffffffffffn];
      const kept = f.let(i64.shrU(a.m, c64(below)));
      const rest = f.let(i64.and(a.m, c64(mask)));
      const half = (mask + 1n) >> 1n;
      const up = f.let(i64.gtU(i64.add(rest, i64.and(kept, c64(1))), c64(half)));
      const rounded = i64.add(kept, i64.extendU(up));
      const scaled = i64.shl(i64.extendU(i32.sub(e, c32(1))), c64(isDouble ? 52 : 23));
      const sign = i64.shl(i64.extendU(i32.and(a.se, c32(SIGN))), c64(isDouble ? 48 : 16));
      f.return(i64.or(sign, i64.add(scaled, rounded)), select(i64.eqz(rest), c32(0), i32.or(c32(INEXACT), i32.shl(up, c32(25)))));
    });
    const bits = f.let(call(exact, a.m, a.se));
    f.return(bits, packedFlags());
    f.unreachable();
  });
}

export function defineF80Quick(module: ModuleBuilder, exact: ReadonlyMap<string, Callee>): Map<string, Callee> {
  const of = (name: string): Callee => {
    const callee = exact.get(name);
    if (!callee) throw new Error(`No function ${name}`);
    return callee;
  };
  const binary = (name: string): Callee => module.func(PAIR, RESULTS, (f) => {
    giveExact(f, call(of(name), f.param(0), f.param(1), f.param(2), f.param(3)));
    f.unreachable();
  });
  const unary = (name: string): Callee => module.func([I64, I32], RESULTS, (f) => {
    giveExact(f, call(of(name), f.param(0), f.param(1)));
    f.unreachable();
  });
  /** Reading a narrower float: marks in the word, nothing raised. `take`: as FLD does it, with what that raises. */
  const from = (name: string, takes: boolean): Callee => module.func([I64], RESULTS, (f) => {
    const m = f.let(call(of(name), f.param(0)));
    if (takes) giveExact(f, call(of("f80Take"), m, f.let(takenSE())));
    else f.return(m, takenSE());
    f.unreachable();
  });
  const toInt = module.func([I64, I32, I32, I32], RESULTS, (f) => {
    const value = f.let(call(of("f80ToInt"), f.param(0), f.param(1), f.param(2), f.param(3)));
    f.return(value, packedFlags());
    f.unreachable();
  });
  const examine = module.func([I64, I32], [I32], (f) => {
    clearFlags(f);
    f.return(call(of("f80Examine"), f.param(0), f.param(1)));
  });
  return new Map([
    ["x87.add", defineQuickAdd(module, of("f80Add"), 0)],
    ["x87.sub", defineQuickAdd(module, of("f80Sub"), SIGN)],
    ["x87.mul", defineQuickMul(module, of("f80Mul"))],
    ["x87.div", binary("f80Div")],
    ["x87.scale", binary("f80Scale")],
    ["x87.sqrt", unary("f80Sqrt")],
    ["x87.toIntegral", unary("f80ToIntegral")],
    ["x87.compare", defineQuickCompare(module, of("f80Compare"))],
    ["x87.examine", examine],
    ["x87.to4", defineQuickTo(module, of("f80ToF32"), false)],
    ["x87.to8", defineQuickTo(module, of("f80ToF64"), true)],
    ["x87.from4", from("f80FromF32", false)],
    ["x87.from8", from("f80FromF64", false)],
    ["x87.take4", from("f80FromF32", true)],
    ["x87.take8", from("f80FromF64", true)],
    ["x87.fromInt", from("f80FromInt", false)],
    ["x87.toInt", toInt],
  ]);
}
