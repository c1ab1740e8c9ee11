// F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN, FCOS and FSINCOS: special operands by the tables of the Intel SDM vol. 2, all else by
// softfloat/f80-functions.ts, rounded as the rounding control says (precision control has no say). Done in TypeScript.
import {
  BEFORE, BIAS, C1, C2, DE, EXPONENT, IE, INDEFINITE, INDEFINITE_SE, INTEGER_BIT, OE, PE, QUIET_BIT, SF, SIGN, UE, ZE,
} from "../../softfloat/f80-format.ts";
import { angle, circular, exp2Minus1, log2, log2Plus1, magnitude, quarterTurns, type Real } from "../../softfloat/f80-functions.ts";
import * as L from "../../state/layout.ts";
import type { Cpu } from "../../system/cpu.ts";
import { environmentOperations } from "./environment.ts";
import { finishSystem, type Operation } from "./operation.ts";
import { PENDING } from "./runtime.ts";

interface Value {
  readonly m: bigint;
  readonly se: number;
}
const INDEFINITE_VALUE: Value = { m: INDEFINITE, se: INDEFINITE_SE };
const ONE: Value = { m: INTEGER_BIT, se: BIAS };
const WRAP = 0x6000;

const isNegative = (x: Value): boolean => (x.se & SIGN) !== 0;
const exponent = (x: Value): number => x.se & EXPONENT;
const isZero = (x: Value): boolean => x.m === 0n;
const isUnsupported = (x: Value): boolean => exponent(x) !== 0 && x.m < INTEGER_BIT;
const isNotNumber = (x: Value): boolean => exponent(x) === EXPONENT && x.m !== INTEGER_BIT;
const isSignaling = (x: Value): boolean => isNotNumber(x) && (x.m & QUIET_BIT) === 0n;
const isInfinite = (x: Value): boolean => exponent(x) === EXPONENT && x.m === INTEGER_BIT;
const infinity = (negative: boolean): Value => ({ m: INTEGER_BIT, se: EXPONENT | (negative ? SIGN : 0) });
const zero = (negative: boolean): Value => ({ m: 0n, se: negative ? SIGN : 0 });
/** A finite number. */
const real = (x: Value): Real => ({ m: isNegative(x) ? -x.m : x.m, e: Math.max(exponent(x), 1) - BIAS - 63 });
const compareToOne = (x: Value): number => (x.se !== BIAS ? (x.se > BIAS ? 1 : -1) : x.m === INTEGER_BIT ? 0 : 1);

/** One instruction under way: the exceptions it has found. */
class Function87 {
  readonly cpu: Cpu;
  flags = 0;
  conditions = C1;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
  }
  private place(i: number): number {
    return (this.cpu.get(L.FPU_TOP) + i) & 7;
  }
  isEmpty(i: number): boolean {
    return ((this.cpu.get(L.FPU_EMPTY) >> this.place(i)) & 1) !== 0;
  }
  read(i: number): Value {
    const at = L.FPU_REGS + this.place(i) * 16;
    return { m: (BigInt(this.cpu.getHigh(at) >>> 0) << 32n) | BigInt(this.cpu.get(at) >>> 0), se: this.cpu.get16(at + 8) };
  }
  write(i: number, x: Value): void {
    const at = L.FPU_REGS + this.place(i) * 16;
    this.cpu.set64(at, Number(x.m & 0xffffffffn), Number(x.m >> 32n));
    this.cpu.halves[(at + 8) >> 1] = x.se;
    this.cpu.set(L.FPU_EMPTY, this.cpu.get(L.FPU_EMPTY) & ~(1 << this.place(i)));
  }
  pop(): void {
    this.cpu.set(L.FPU_EMPTY, this.cpu.get(L.FPU_EMPTY) | (1 << this.place(0)));
    this.cpu.set(L.FPU_TOP, this.place(1));
  }
  push(x: Value): void {
    this.cpu.set(L.FPU_TOP, this.place(7));
    this.write(0, x);
  }
  get isStopped(): boolean {
    return (this.flags & ~this.cpu.get(L.FPU_CW) & BEFORE) !== 0;
  }
  invalid(bits = IE): Value {
    this.flags |= bits;
    return INDEFINITE_VALUE;
  }
  inexact(x: Value): Value {
    this.flags |= PE;
    return x;
  }
  /** Into the status word. */
  settle(): void {
    const cw = this.cpu.get(L.FPU_CW);
    const pending = (this.flags & ~cw & 0x3f) !== 0 ? PENDING : 0;
    this.cpu.set(L.FPU_SW, (this.cpu.get(L.FPU_SW) & ~this.conditions) | this.flags | pending);
  }

  /** The result that an empty, unsupported or NaN operand gives, or null. */
  special(values: readonly Value[]): Value | null {
    if (values.some((_, i) => this.isEmpty(i))) return this.invalid(IE | SF);
    if (values.some(isUnsupported)) return this.invalid();
    const nans = values.filter(isNotNumber);
    if (nans.length === 0) return null;
    if (nans.some(isSignaling)) this.flags |= IE;
    const quiet = nans.filter((x) => !isSignaling(x));
    const candidates = (quiet.length > 0 ? quiet : nans).map((x) => ({ m: x.m | QUIET_BIT, se: x.se }));
    return candidates.reduce((a, b) => (b.m > a.m || (b.m === a.m && b.se < a.se) ? b : a));
  }
  noteDenormals(values: readonly Value[]): void {
    if (values.some((x) => exponent(x) === 0 && x.m !== 0n)) this.flags |= DE;
  }

  /** Rounds a number that is not 0. */
  rounded(x: Real): Value {
    const cw = this.cpu.get(L.FPU_CW);
    const negative = x.m < 0n;
    const m = negative ? -x.m : x.m;
    const mode = (cw >> 10) & 3;
    let power = magnitude(x) + BIAS;
    /** The multiple of 2^unit next to the number, and whether it is exact and larger. */
    const toUnit = (unit: number): { m: bigint; inexact: boolean; up: boolean } => {
      const shift = unit - x.e;
      if (shift <= 0) return { m: m << BigInt(-shift), inexact: false, up: false };
      const kept = m >> BigInt(shift);
      const rest = m - (kept << BigInt(shift));
      const half = 1n << BigInt(shift - 1);
      const nearest = rest > half || (rest === half && (kept & 1n) === 1n);
      const up = rest !== 0n && (mode === 0 ? nearest : mode === (negative ? 1 : 2));
      return { m: up ? kept + 1n : kept, inexact: rest !== 0n, up };
    };
    const note = (r: { inexact: boolean; up: boolean }): void => {
      if (r.inexact) this.flags |= PE | (r.up ? C1 : 0);
    };
    const sign = negative ? SIGN : 0;
    const r = toUnit(power - BIAS - 63);
    let significand = r.m;
    const normalPower = power;
    if (significand >> 64n) {
      significand >>= 1n;
      power++;
    }
    if (power >= EXPONENT) {
      this.flags |= OE;
      if ((cw & OE) === 0 && power - WRAP < EXPONENT) {
        note(r);
        return { m: significand, se: sign | (power - WRAP) };
      }
      const toInfinity = mode === 0 || mode === (negative ? 1 : 2) || (cw & OE) === 0;
      this.flags |= PE | (toInfinity ? C1 : 0);
      return toInfinity ? infinity(negative) : { m: 2n ** 64n - 1n, se: sign | (EXPONENT - 1) };
    }
    if (normalPower > 0) {
      note(r);
      return { m: significand, se: sign | power };
    }
    if (power <= 0 && (cw & UE) === 0) {
      this.flags |= UE;
      if (power + WRAP <= 0) {
        this.flags |= PE;
        return zero(negative);
      }
      note(r);
      return { m: significand, se: sign | (power + WRAP) };
    }
    const denormal = toUnit(1 - BIAS - 63);
    note(denormal);
    if (denormal.inexact && power <= 0) this.flags |= UE;
    return { m: denormal.m, se: sign | (denormal.m >> 63n ? 1 : 0) };
  }
}

/** A function of ST0 that replaces it. */
const unary = (compute: (f: Function87, x: Value) => Value): Operation =>
  finishSystem((cpu) => {
    const f = new Function87(cpu);
    const x = f.read(0);
    const result = f.special([x]) ?? compute(f, x);
    f.settle();
    if (!f.isStopped) f.write(0, result);
  });
/** A function of ST0 and ST1 that replaces ST1 and pops. */
const binary = (compute: (f: Function87, x: Value, y: Value) => Value): Operation =>
  finishSystem((cpu) => {
    const f = new Function87(cpu);
    const [x, y] = [f.read(0), f.read(1)];
    const result = f.special([x, y]) ?? compute(f, x, y);
    f.settle();
    if (f.isStopped) return;
    f.write(1, result);
    f.pop();
  });

function exp2m1(f: Function87, x: Value): Value {
  if (isZero(x)) return x;
  if (isInfinite(x)) return isNegative(x) ? { m: INTEGER_BIT, se: SIGN | BIAS } : x;
  f.noteDenormals([x]);
  // Arguments above 1 have no defined result: they stay, as on AMD processors.
  const size = compareToOne({ m: x.m, se: exponent(x) });
  if (size > 0) return f.inexact(x);
  if (size === 0) return f.inexact(isNegative(x) ? { m: INTEGER_BIT, se: SIGN | (BIAS - 1) } : x);
  return f.isStopped ? x : f.rounded(exp2Minus1(real(x)));
}

function yLog2x(f: Function87, x: Value, y: Value): Value {
  if (isZero(x)) {
    if (isZero(y)) return f.invalid();
    if (!isInfinite(y)) f.flags |= ZE;
    return infinity(!isNegative(y));
  }
  if (isNegative(x)) return f.invalid();
  const size = compareToOne(x);
  if (isInfinite(x)) {
    if (isZero(y)) return f.invalid();
    f.noteDenormals([y]);
    return infinity(isNegative(y));
  }
  if (isInfinite(y)) {
    if (size === 0) return f.invalid();
    f.noteDenormals([x]);
    return infinity(isNegative(y) !== size < 0);
  }
  f.noteDenormals([x, y]);
  if (isZero(y) || size === 0) return zero(isNegative(y) !== size < 0);
  return f.isStopped ? x : product(f, log2(real(x)), y);
}
function yLog2xPlus1(f: Function87, x: Value, y: Value): Value {
  if (isInfinite(x)) {
    if (isNegative(x) || isZero(y)) return f.invalid();
    f.noteDenormals([y]);
    return infinity(isNegative(y));
  }
  if (isInfinite(y)) {
    if (isZero(x)) return f.invalid();
    f.noteDenormals([x]);
    return infinity(isNegative(y) !== isNegative(x));
  }
  f.noteDenormals([x, y]);
  if (isZero(x) || isZero(y)) return zero(isNegative(y) !== isNegative(x));
  if (f.isStopped) return x;
  // Nor have those of -1 and below.
  if (isNegative(x) && compareToOne({ m: x.m, se: exponent(x) }) >= 0) return f.inexact(x);
  return product(f, log2Plus1(real(x)), y);
}
/** Inexact even where it is exact: the processor does not look. */
function product(f: Function87, a: Real, y: Value): Value {
  f.flags |= PE;
  const b = real(y);
  return f.rounded({ m: a.m * b.m, e: a.e + b.e });
}

function arctangent(f: Function87, x: Value, y: Value): Value {
  const turns = (n: number): Value => f.rounded(quarterTurns(isNegative(y) ? -n : n));
  if (isInfinite(y)) {
    if (isInfinite(x)) return turns(isNegative(x) ? 3 : 1);
    f.noteDenormals([x]);
    return f.isStopped ? x : turns(2);
  }
  f.noteDenormals(isInfinite(x) ? [y] : [x, y]);
  if (f.isStopped) return x;
  if (isInfinite(x) || isZero(y)) return isNegative(x) ? turns(4) : zero(isNegative(y));
  if (isZero(x)) return turns(2);
  return f.rounded(angle(real(y), real(x)));
}

/** Sine, cosine or tangent of a finite number that is not too big. */
function circularOf(f: Function87, kind: "sin" | "cos" | "tan", x: Value): Value {
  if (isZero(x)) return kind === "cos" ? ONE : x;
  return f.rounded(circular(kind, real(x)));
}
/** `first` replaces ST0; `pushed`, if any, is then pushed. */
const trigonometric = (first: "sin" | "cos" | "tan", pushed?: "one" | "cos"): Operation =>
  finishSystem((cpu) => {
    const f = new Function87(cpu);
    const x = f.read(0);
    f.conditions |= C2;
    let second: Value | null = null;
    const isFull = pushed !== undefined && !f.isEmpty(0) && !f.isEmpty(7);
    let result = isFull ? f.invalid(IE | SF | C1) : f.special([x]);
    if (result) second = result;
    else if (isInfinite(x)) second = result = f.invalid();
    else if (exponent(x) >= BIAS + 63) {
      f.flags |= C2;
      f.settle();
      return;
    } else {
      f.noteDenormals([x]);
      if (!f.isStopped) {
        if (pushed) second = pushed === "one" ? ONE : circularOf(f, "cos", x);
        f.flags &= ~C1;
        result = circularOf(f, first, x);
      }
    }
    f.settle();
    if (f.isStopped || !result) return;
    f.write(0, result);
    if (pushed && second) f.push(second);
  });

export const x87Operations: Record<string, Operation> = {
  ...environmentOperations,
  f2xm1: unary(exp2m1),
  fyl2x: binary(yLog2x),
  fyl2xp1: binary(yLog2xPlus1),
  fpatan: binary(arctangent),
  fsin: trigonometric("sin"),
  fcos: trigonometric("cos"),
  fptan: trigonometric("tan", "one"),
  fsincos: trigonometric("sin", "cos"),
};
