// Translations of one run in another: they do the same, also where the code lies elsewhere and its addresses have moved with it, and they
// are left alone where the code is another one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import { MemoryCodeCache } from "../../testkit/memory-code-cache.ts";
import { prepareProgram, runProgram } from "../../testkit/program-run.ts";
import { randomProgram } from "../../testkit/random-program.ts";
import * as L from "../state/layout.ts";
import { EAGER_TIERING } from "./translator.ts";

const RAM = 0x400000;

for (const bits of [64, 32] as const) {
  test(`random ${bits}-bit programs run alike on kept translations`, { timeout: 600_000 }, () => {
    let [revived, made] = [0, 0];
    for (let seed = 900; seed < 925; seed++) {
      const program = randomProgram(seed, bits);
      const cache = new MemoryCodeCache();
      const first = prepareProgram(new EngineBench(RAM, EAGER_TIERING, cache), program, seed);
      const expected = runProgram(first);
      cache.keep(first.engine.generatedCode());
      const second = prepareProgram(new EngineBench(RAM, EAGER_TIERING, cache), program, seed);
      assert.deepEqual(runProgram(second), expected, `seed ${seed}`);
      revived += second.engine.translator?.counters.revived ?? 0;
      made += second.engine.translator?.counters.regions ?? 0;
    }
    assert.ok(revived >= 25 && revived > made, `${revived} were revived, ${made} made again`);
  });
}

/** The first 4 MiB are mapped at `base` too, which is in the topmost 2 GiB; code at offset 1000h, its data at 3000h. */
function kernel(base: number, cache: MemoryCodeCache | undefined, patch: (b: EngineBench) => void = () => {}): EngineBench {
  const b = new EngineBench(RAM, cache ? EAGER_TIERING : "interpreter", cache).long();
  b.poke64(0x200000 + 511 * 8, 0x205000n | 7n);
  b.poke64(0x205000 + 510 * 8, 0x206000n | 7n);
  for (let n = 0; n < 2; n++) b.poke64(0x206000 + (base / 0x200000 + n) * 8, (BigInt(n) << 21n) | 0x87n);
  const low = (offset: number): string => {
    const value = (0x80000000 + base + offset) >>> 0;
    return [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, "0")).join("");
  };
  // next: mov rax, data; add rdx, rax; mov rbx, [rcx*8 + data]; add rdx, rbx; push data + 8; pop rsi; add rdx, [rsi]; add qword [data + 16], 3;
  // mov edi, data; add rdx, rdi; fnstenv [rcx*8 + data + 64] (as a handler); cmp rax, data + 1; adc rdx, 0; xor dword [rcx*8 + data + 24], data
  // dec ecx; jnz next; hlt
  const loop = `48c7c0${low(0x3000)} 4801c2 488b1ccd${low(0x3000)} 4801da 68${low(0x3008)} 5e 480316 48830425${low(0x3010)}03 \
    bf${low(0x3000)} 4801fa d934cd${low(0x3040)} 483d${low(0x3001)} 4883d200 8134cd${low(0x3018)}${low(0x3000)}`.replaceAll(/[\s\\]/g, "");
  const length = loop.length / 2;
  const back = (-(length + 2 + 6) >>> 0).toString(16).match(/../g)?.reverse().join("");
  b.cpu.set64(L.RIP, 0x80000000 + base + 0x1000, -1);
  b.poke(0x1000, ...(`${loop}ffc9 0f85${back} f4`.replaceAll(" ", "").match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
  for (let n = 0; n < 64; n++) b.poke32(0x3000 + n * 4, n * 0x01234567);
  b.cpu.setGpr(1, 500);
  patch(b);
  return b;
}
function finish(b: EngineBench): Record<string, string> {
  let outcome = "budget";
  for (let n = 0; n < 400 && outcome === "budget"; n++) outcome = b.engine.run(1000);
  assert.equal(outcome, "halted");
  const registers = Array.from({ length: 16 }, (_, n) => `${b.cpu.getHigh(L.GPR + n * 8) >>> 0} ${b.cpu.get(L.GPR + n * 8) >>> 0}`);
  const memory = Array.from({ length: 0x100 }, (_, n) => b.peek32(0x3000 + n * 4));
  return { registers: registers.join(), memory: memory.join(), retired: String(b.engine.retired) };
}

test("a kernel that lies elsewhere runs on the translations of the last boot", () => {
  const cache = new MemoryCodeCache();
  const first = kernel(0x1000000, cache);
  assert.deepEqual(finish(first), finish(kernel(0x1000000, undefined)));
  assert.equal(first.engine.translator?.counters.revived, 0);
  cache.keep(first.engine.generatedCode());
  for (const base of [0x1000000, 0x5200000, 0x3e00000]) {
    const later = kernel(base, cache);
    assert.deepEqual(finish(later), finish(kernel(base, undefined)), base.toString(16));
    const { revived, regions } = later.engine.translator?.counters ?? { revived: 0, regions: 1 };
    assert.ok(revived > 0 && regions === 0, `at ${base.toString(16)}: ${revived} revived, ${regions} made`);
  }
});

test("code of which one address has not moved with the rest is another one", () => {
  const cache = new MemoryCodeCache();
  const first = kernel(0x1000000, cache);
  finish(first);
  cache.keep(first.engine.generatedCode());
  // The immediate of the first instruction stays the old place's.
  const patch = (b: EngineBench): void => b.poke32(0x1003, 0x81003000);
  const later = kernel(0x5200000, cache, patch);
  assert.deepEqual(finish(later), finish(kernel(0x5200000, undefined, patch)));
  assert.equal(later.engine.translator?.counters.revived, 0);
});
