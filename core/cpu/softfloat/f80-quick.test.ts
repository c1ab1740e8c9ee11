// The quick x87 functions against the exact ones: the same value, sign, exponent, exceptions and C1 for operands of all kinds, near
// each other and far apart, under every rounding, precision and mask.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { defineX87Runtime } from "../lift/x87/runtime.ts";
import * as L from "../state/layout.ts";
import { instantiate } from "../wasm/instantiate.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import { F80_FLAGS, F80_SE } from "./f80-format.ts";

const ROUNDS = Number(process.env["RINGFENCE_ROUNDS"] ?? 30_000);
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const words = new Int32Array(memory.buffer);
const module = new ModuleBuilder({ initial: 1, maximum: 1 });
const NAMES = ["Add", "Sub", "Mul", "Div"] as const;
const runtime = defineX87Runtime(module);
for (const [name, callee] of runtime) module.export(name, callee);
type Pair = (am: bigint, ase: number, bm: bigint, bse: number) => [bigint, number];
const exports = instantiate(module.build(), { memory });
const exported = <T>(name: string): T => exports[name] as T;

const r = new SeededRandom(20);
const random64 = (): bigint => (BigInt(r.next() >>> 0) << 32n) | BigInt(r.next() >>> 0);
/** Significands with long runs of equal bits, so that ties and carries happen. */
function significand(): bigint {
  const kind = r.below(6);
  const shift = BigInt(r.below(64));
  if (kind === 0) return random64();
  if (kind === 1) return BigInt.asUintN(64, -1n << shift);
  if (kind === 2) return (1n << 63n) | (1n << shift);
  if (kind === 3) return BigInt.asUintN(64, ~((1n << shift) - 1n) + BigInt(r.below(5)) - 2n) | (1n << 63n);
  if (kind === 4) return (random64() << shift) & 0xffffffffffffffffn;
  return random64() | (1n << 63n);
}
function operand(near: number): { m: bigint; se: number } {
  const sign = r.below(2) << 15;
  const kind = r.below(12);
  const normal = (e: number) => ({ m: BigInt.asIntN(64, significand() | (1n << 63n)), se: sign | e });
  if (kind === 0) return { m: 0n, se: sign };
  if (kind === 1) return { m: BigInt.asIntN(64, significand()), se: sign | r.pick([0, 0x7fff, 1, 0x7ffe]) };
  if (kind === 2) return { m: BigInt.asIntN(64, significand()), se: sign | (r.next() & 0x7fff) };
  if (kind === 3) return normal(1 + r.below(0x7ffe));
  return normal(Math.min(0x7ffe, Math.max(1, near + r.below(140) - 70)));
}
function control(): number {
  return 0x40 | (r.below(3) ? 0x33f : (r.next() & 0x3f) | (r.pick([0, 2, 3]) << 8) | (r.below(4) << 10));
}
const SIGNED_WORD = 0xffff;

/** The exact outcome as the quick functions give it. */
function packed(m: bigint): [bigint, number] {
  const flags = words[F80_FLAGS >> 2] as number;
  const unmasked = flags & ~(words[L.FPU_CW >> 2] as number) & 0x3f;
  return [m, ((words[F80_SE >> 2] as number) & SIGNED_WORD) | (flags << 16) | (unmasked ? 1 << 31 : 0)];
}
const shown = ([m, word]: [bigint, number]): string => (word < 0 ? "leaves" : `${BigInt.asUintN(64, m).toString(16)} ${word.toString(16)}`);

for (const name of NAMES) {
  test(`${name.toLowerCase()} is the exact function`, () => {
    const quick = exported<Pair>(`x87.${name.toLowerCase()}`);
    const exact = exported<(...args: Parameters<Pair>) => bigint>(`f80${name}`);
    for (let n = 0; n < ROUNDS; n++) {
      words[L.FPU_CW >> 2] = control();
      const near = r.pick([0x3fff, 0x3fff, 0x3fff, 0x2000, 0x5fff, 40, 0x7fe0]);
      const [a, b] = [operand(near), operand(near)];
      const expected = packed(exact(a.m, a.se, b.m, b.se));
      assert.equal(shown(quick(a.m, a.se, b.m, b.se)), shown(expected), `${a.m.toString(16)} ${a.se.toString(16)}, ${b.m.toString(16)} ${b.se.toString(16)}, cw ${words[L.FPU_CW >> 2]}`);
    }
  });
}

test("comparison is the exact function", () => {
  const quick = exported<(...args: [...Parameters<Pair>, number]) => number>("x87.compare");
  const exact = exported<(...args: [...Parameters<Pair>, number]) => number>("f80Compare");
  for (let n = 0; n < ROUNDS; n++) {
    words[L.FPU_CW >> 2] = control();
    const a = operand(0x3fff);
    const b = r.below(4) ? operand(0x3fff) : { m: r.below(3) ? a.m : BigInt.asIntN(64, significand()), se: r.below(3) ? a.se : a.se ^ 0x8000 };
    const expected = exact(a.m, a.se, b.m, b.se, n & 1) | ((packed(0n)[1] >>> 16) << 16);
    assert.equal(quick(a.m, a.se, b.m, b.se, n & 1), expected, `${a.m.toString(16)} ${a.se.toString(16)}, ${b.m.toString(16)} ${b.se.toString(16)}`);
  }
});

for (const [size, bias, name] of [[4, 127, "f80ToF32"], [8, 1023, "f80ToF64"]] as const) {
  test(`narrowing to ${size} bytes is the exact function`, () => {
    const quick = exported<(m: bigint, se: number) => [bigint, number]>(`x87.to${size}`);
    const exact = exported<(m: bigint, se: number) => bigint>(name);
    for (let n = 0; n < ROUNDS; n++) {
      words[L.FPU_CW >> 2] = control();
      const a = operand(r.pick([0x3fff, 0x3fff - bias, 0x3fff + bias]));
      const [m, word] = packed(exact(a.m, a.se));
      const expected: [bigint, number] = [m, word & ~SIGNED_WORD];
      assert.equal(shown(quick(a.m, a.se)), shown(expected), `${a.m.toString(16)} ${a.se.toString(16)}, cw ${words[L.FPU_CW >> 2]}`);
    }
  });
}
