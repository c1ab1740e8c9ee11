// Transcendental functions to more than a hundred bits, in fixed-point BigInt arithmetic: for the x87's FSIN and its kin, which are
// too rare to be worth generated code. Arguments are reduced by the 66-bit pi of the x87 (Intel SDM vol. 1, 8.3.8), so results
// far from 0 are those of the processor and not of mathematics. An irrational result is given as a number close enough below or
// above that it rounds as the true one does: nothing comes out exact that is not.

/** A number m * 2^e. `m` may be negative. */
export interface Real {
  readonly m: bigint;
  readonly e: number;
}

/** Working precision: bits behind the binary point for values about 1. */
const BITS = 224;
/** Below this power of two the first term of a series is the result but for the direction in which it is missed. */
const TINY = -72;
/** Pi as the x87 has it is this times 2^-66. */
const PI_66 = 0xc90fdaa22168c234cn;

const abs = (x: bigint): bigint => (x < 0n ? -x : x);
const bitLength = (x: bigint): number => {
  const hex = abs(x).toString(16);
  return x === 0n ? 0 : hex.length * 4 - Math.clz32(Number.parseInt(hex[0] ?? "0", 16)) + 28;
};
/** Power of two of the leading bit. */
export const magnitude = (x: Real): number => bitLength(x.m) - 1 + x.e;
const fixed = (x: Real, bits: number): bigint => (x.e + bits >= 0 ? x.m << BigInt(x.e + bits) : x.m >> BigInt(-x.e - bits));

/** A little more (`direction` 1) or less (-1) than `x` in magnitude. */
function nudged(x: Real, direction: 1 | -1): Real {
  const step = BigInt(x.m < 0n ? -direction : direction);
  return { m: (x.m << 130n) + step, e: x.e - 130 };
}

/** atanh(z) for fixed-point |z| below about 0.2. */
function atanhSeries(z: bigint, bits: number): bigint {
  const square = (z * z) >> BigInt(bits);
  let term = z;
  let sum = z;
  for (let n = 3n; term !== 0n && term !== -1n; n += 2n) {
    term = (term * square) >> BigInt(bits);
    sum += term / n;
  }
  return sum;
}
function atanSeries(t: bigint, bits: number): bigint {
  const square = (t * t) >> BigInt(bits);
  let term = t;
  let sum = t;
  for (let n = 3n; term !== 0n && term !== -1n; n += 2n) {
    term = -((term * square) >> BigInt(bits));
    sum += term / n;
  }
  return sum;
}
/** sum of x^n / n! over n of one parity (or all: step 1), from a first term. */
function factorialSeries(first: bigint, factor: bigint, from: bigint, step: 1n | 2n, bits: number): bigint {
  let term = first;
  let sum = first;
  for (let n = from; term !== 0n && term !== -1n; n += step) {
    term = ((term * factor) >> BigInt(bits)) / (step === 1n ? n : n * (n + 1n));
    sum += term;
  }
  return sum;
}

const one = (bits: number): bigint => 1n << BigInt(bits);
const constants = new Map<string, bigint>();
function constant(name: string, bits: number, compute: () => bigint): bigint {
  const key = `${name}${bits}`;
  let value = constants.get(key);
  if (value === undefined) {
    value = compute();
    constants.set(key, value);
  }
  return value;
}
/** ln 2 = 2 atanh(1/3), with guard bits taken off again. */
const ln2 = (bits: number): bigint => constant("ln2", bits, () => (2n * atanhSeries(one(bits + 16) / 3n, bits + 16)) >> 16n);
/** Machin's formula. */
const pi = (bits: number): bigint =>
  constant("pi", bits, () => (16n * atanSeries(one(bits + 16) / 5n, bits + 16) - 4n * atanSeries(one(bits + 16) / 239n, bits + 16)) >> 16n);

/** 2^x - 1 for |x| at most 1, not 0. */
export function exp2Minus1(x: Real): Real {
  const low = magnitude(x);
  if (low < TINY) return nudged({ m: x.m * ln2(BITS), e: x.e - BITS }, 1);
  const bits = BITS - low;
  const t = (fixed(x, bits) * ln2(bits)) >> BigInt(bits);
  return { m: factorialSeries(t, t, 2n, 1n, bits), e: -bits };
}

/** log2((1 + z) / (1 - z)) for fixed-point z. */
const log2OfRatio = (z: bigint, bits: number): bigint => (2n * atanhSeries(z, bits) << BigInt(bits)) / ln2(bits);

/** log2 of a positive number; exact for powers of two. */
export function log2(x: Real): Real {
  const length = bitLength(x.m);
  let power = length - 1 + x.e;
  const bits = BITS + 64;
  let m = fixed({ m: x.m, e: -(length - 1) }, bits);
  if (m === one(bits)) return { m: BigInt(power), e: 0 };
  // Into the interval from 0.71 to 1.41, so that nothing cancels.
  if (m * m > one(bits * 2 + 1)) {
    m >>= 1n;
    power++;
  }
  const z = ((m - one(bits)) << BigInt(bits)) / (m + one(bits));
  return { m: (BigInt(power) << BigInt(bits)) + log2OfRatio(z, bits), e: -bits };
}
/** log2(1 + x), 1 + x being positive and x not 0. */
export function log2Plus1(x: Real): Real {
  const low = magnitude(x);
  if (low < TINY) {
    const bits = BITS;
    const quotient: Real = { m: ((x.m << BigInt(2 * bits)) / ln2(bits)), e: x.e - bits };
    return nudged(quotient, x.m > 0n ? -1 : 1);
  }
  if (low >= -2) return log2({ m: (1n << BigInt(Math.max(0, -x.e))) + (x.m << BigInt(Math.max(0, x.e))), e: Math.min(0, x.e) });
  const bits = BITS - low;
  const f = fixed(x, bits);
  return { m: log2OfRatio((f << BigInt(bits)) / (one(bits + 1) + f), bits), e: -bits };
}

export type Circular = "sin" | "cos" | "tan";
/** Sine, cosine or tangent of |x| below 2^63, x not 0. */
export function circular(kind: Circular, x: Real): Real {
  // Exactly: x = quadrant * pi/2 + rest, in units of 2^-scale.
  const scale = Math.max(67, -x.e);
  let rest = x.m << BigInt(x.e + scale);
  let quadrant = 0n;
  if (magnitude(x) >= -1) {
    const half = PI_66 << BigInt(scale - 67);
    quadrant = (2n * rest + half) / (2n * half);
    if (2n * rest + half < 0n) quadrant = -((half - 2n * rest) / (2n * half));
    rest -= quadrant * half;
  }
  const turn = Number(((quadrant % 4n) + 4n) % 4n);
  const r: Real = { m: rest, e: -scale };
  const usesCosine = (turn & 1) === (kind === "cos" ? 0 : 1);
  const isNegative = kind === "cos" ? turn === 1 || turn === 2 : kind === "sin" && turn >= 2;
  const sign = isNegative ? -1n : 1n;
  const low = magnitude(r);
  if (low < TINY) {
    if (kind === "tan") {
      if (!usesCosine) return nudged(r, 1);
      return nudged({ m: -(one(BITS * 2 - low) / rest) , e: scale - (BITS * 2 - low) }, -1);
    }
    return usesCosine ? nudged({ m: sign, e: 0 }, -1) : nudged({ m: sign * rest, e: r.e }, -1);
  }
  const bits = BITS - low;
  const t = fixed(r, bits);
  const minusSquare = -((t * t) >> BigInt(bits));
  const cosine = (): bigint => factorialSeries(one(bits), minusSquare, 1n, 2n, bits);
  const sine = (): bigint => factorialSeries(t, minusSquare, 2n, 2n, bits);
  if (kind === "tan") {
    const [s, c] = [sine(), cosine()];
    return { m: usesCosine ? -(c << BigInt(bits)) / s : (s << BigInt(bits)) / c, e: -bits };
  }
  return { m: sign * (usesCosine ? cosine() : sine()), e: -bits };
}

function squareRoot(x: bigint): bigint {
  let guess = 1n << BigInt((bitLength(x) + 1) >> 1);
  for (;;) {
    const next = (guess + x / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}
/** Fixed-point atan(t), 0 <= t <= 1. */
function arctangent(t: bigint, bits: number): bigint {
  let small = t;
  let halvings = 0n;
  // atan t = 2 atan(t / (1 + sqrt(1 + t^2))), twice: then 40 terms are enough.
  for (; halvings < 2n && small > one(bits - 4); halvings++) {
    small = (small << BigInt(bits)) / (one(bits) + squareRoot(one(bits * 2) + small * small));
  }
  return atanSeries(small, bits) << halvings;
}
/** The angle of the point (x, y), neither being 0. */
export function angle(y: Real, x: Real): Real {
  const sign = y.m < 0n ? -1n : 1n;
  const distance = magnitude(y) - magnitude(x);
  const wide = BITS + 64;
  const piOver = (divisor: bigint): Real => ({ m: (sign * pi(wide)) / divisor, e: -wide });
  if (distance < TINY) {
    if (x.m < 0n) return nudged(piOver(1n), -1);
    const quotient: Real = { m: (sign * (abs(y.m) << BigInt(wide + 64))) / x.m, e: y.e - x.e - wide - 64 };
    return nudged(quotient, -1);
  }
  if (distance > -TINY) return nudged(piOver(2n), x.m < 0n ? 1 : -1);
  const bits = wide - Math.min(distance, 0);
  const low = Math.min(x.e, y.e);
  const [a, b] = [abs(y.m) << BigInt(y.e - low), abs(x.m) << BigInt(x.e - low)];
  const isSteep = a > b;
  let theta = arctangent(isSteep ? (b << BigInt(bits)) / a : (a << BigInt(bits)) / b, bits);
  if (isSteep) theta = pi(bits) / 2n - theta;
  if (x.m < 0n) theta = pi(bits) - theta;
  return { m: sign * theta, e: -bits };
}
/** pi * n / 4, close enough. */
export const quarterTurns = (n: number): Real => ({ m: pi(BITS) * BigInt(n), e: -BITS - 2 });
