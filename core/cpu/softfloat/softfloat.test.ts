// Soft float against the host's own arithmetic: rounding to nearest in both formats, with exactness judged by BigInt ratios.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PE } from "./format.ts";
import { SoftFloatBench } from "./softfloat-bench.ts";

const bench = new SoftFloatBench();
const run = (name: string, a: bigint, b: bigint | number) => bench.run(name, a, b);

const bits64 = (x: number): bigint => new BigUint64Array(Float64Array.of(x).buffer)[0] as bigint; // eight bytes make one element
const from64 = (x: bigint): number => new Float64Array(BigUint64Array.of(x).buffer)[0] as number;
const bits32 = (x: number): bigint => BigInt(new Uint32Array(Float32Array.of(x).buffer)[0] as number);
const from32 = (x: bigint): number => new Float32Array(Uint32Array.of(Number(x)).buffer)[0] as number;

let seed = 12345;
function random(): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
}
/** Any sign and size, subnormal results likely now and then, and often few significant bits. */
function number64(): number {
  const x = (random() - 0.5) * 2 ** Math.floor(random() * 2000 - 1000);
  return random() < 0.3 ? Math.round(random() * 1000) * 2 ** Math.floor(random() * 40 - 20) : x;
}
const number32 = () => Math.fround((random() - 0.5) * 2 ** Math.floor(random() * 250 - 125));

const NATIVE: Record<string, (a: number, b: number) => number> = { add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b, sqrt: (a) => Math.sqrt(a) };

for (const [name, native] of Object.entries(NATIVE)) {
  test(`${name} rounds to nearest as the host does, in both formats`, () => {
    bench.mxcsr = 0x1f80;
    for (let n = 0; n < 20000; n++) {
      const [a, b] = name === "sqrt" ? [Math.abs(number64()), 0] : [number64(), number64()];
      const wanted = native(a, b);
      if (!Number.isNaN(wanted)) assert.ok(Object.is(from64(run(`${name}64`, bits64(a), bits64(b))), wanted), `${a} ${name} ${b}`);
      const [c, d] = name === "sqrt" ? [Math.abs(number32()), 0] : [number32(), number32()];
      // Double arithmetic on singles and one more rounding is the same as single arithmetic for these operations.
      const single = Math.fround(native(c, d));
      if (!Number.isNaN(single)) assert.ok(Object.is(from32(run(`${name}32`, bits32(c), bits32(d))), single), `${c} ${name} ${d} in single`);
    }
  });
}

test("a product is inexact exactly when its bits do not fit", () => {
  bench.mxcsr = 0x1f80;
  for (let n = 0; n < 5000; n++) {
    const [a, b] = [Math.floor(random() * 2 ** (20 + (n % 33))) + 1, Math.floor(random() * 2 ** 30) + 1];
    run("mul64", bits64(a), bits64(b));
    const isInexact = (bench.flags & PE) !== 0;
    assert.equal(isInexact, BigInt(a) * BigInt(b) !== BigInt(a * b), `${a} * ${b}`);
  }
});

test("directed rounding brackets the exact quotient", () => {
  const quotient = (rc: number) => {
    bench.mxcsr = 0x1f80 | (rc << 13);
    return from64(run("div64", bits64(1), bits64(3)));
  };
  assert.deepEqual([quotient(0), quotient(1), quotient(2), quotient(3)], [1 / 3, 1 / 3, 1 / 3 + 2 ** -54, 1 / 3]);
});

test("narrowing rounds as Math.fround, overflow and subnormals included", () => {
  bench.mxcsr = 0x1f80;
  for (let n = 0; n < 20000; n++) {
    const x = (random() - 0.5) * 2 ** Math.floor(random() * 300 - 160);
    assert.ok(Object.is(from32(run("narrow", bits64(x), 0n)), Math.fround(x)), `${x}`);
  }
});

test("a conversion out of range gives the integer indefinite and IE", () => {
  bench.mxcsr = 0x1f80;
  for (const x of [2 ** 63, -(2 ** 64), NaN, Infinity]) {
    assert.equal(run("toInt", bits64(x), 0), 1n << 63n);
    assert.equal(bench.flags, 1);
  }
  assert.equal(run("toInt", bits64(-2.5), 0), BigInt.asUintN(64, -2n));
  assert.equal(run("toInt", bits64(-2.5), 1), BigInt.asUintN(64, -2n));
  assert.equal(run("toInt", bits64(3.5), 0), 4n);
});
