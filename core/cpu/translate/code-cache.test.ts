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

const bytes = (value: number): string => [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, "0")).join("");
const BASE_OF = { 64: 0x80000000, 32: 0xc0000000 } as const;

/** The first 4 MiB are mapped at `base` too, counted from the topmost 2 GiB (of 32 bits: from C0000000h); code at offset 1000h, its data at 3000h. */
function kernel(bits: 32 | 64, base: number, cache: MemoryCodeCache | undefined, patch: (b: EngineBench) => void = () => {}): EngineBench {
  const b = new EngineBench(RAM, cache ? EAGER_TIERING : "interpreter", cache);
  const start = BASE_OF[bits] + base;
  if (bits === 64) {
    b.long();
    b.poke64(0x200000 + 511 * 8, 0x205000n | 7n);
    b.poke64(0x205000 + 510 * 8, 0x206000n | 7n);
    for (let n = 0; n < 2; n++) b.poke64(0x206000 + (base / 0x200000 + n) * 8, (BigInt(n) << 21n) | 0x87n);
  } else {
    b.poke32(0x200000, 0x83);
    b.poke32(0x200000 + (start / 0x400000) * 4, 0x83);
    b.paged(0x200000, L.CR4_PSE, 0);
  }
  const data = (offset: number): string => bytes(start + 0x3000 + offset);
  let loop = "";
  // One at a time, each of the hexadecimal bytes of an instruction.
  const add = (...code: string[]): void => {
    for (const one of code) loop += one.replaceAll(" ", "");
  };
  /** An instruction that ends in the distance to a place that does not move. */
  const toFixed = (code: string, place: number): void => add(`${code}${bytes(place - (start + 0x1000 + loop.length / 2 + code.length / 2 + 4))}`);
  // next: mov rax, data; add rdx, rax; mov rbx, [rcx*8 + data]; add rdx, rbx; push data + 8; pop rsi; add rdx, [rsi]; add qword [data + 16], 3;
  // mov edi, data; add rdx, rdi; fnstenv [rcx*8 + data + 64] (as a handler); cmp rax, data + 1; adc rdx, 0; xor dword [rcx*8 + data + 24], data;
  // mov rdi, data (all 8 bytes); add rdx, rdi; add rdx, gs:[rip -> 3080h]; add gs:[rip -> 3088h], rdx; fnstenv gs:[rip -> 30C0h]; dec ecx; jnz next; hlt
  if (bits === 64) {
    add(`48c7c0${data(0)}`, "4801c2", `488b1ccd${data(0)}`, "4801da", `68${data(8)}`, "5e", "480316", `48830425${data(16)}03`, `bf${data(0)}`, "4801fa");
    add(`d934cd${data(64)}`, `483d${data(1)}`, "4883d200", `8134cd${data(24)}${data(0)}`);
    add(`48bf${data(0)}ffffffff`, "4801fa");
    toFixed("65480315", 0x3080);
    toFixed("65480115", 0x3088);
    toFixed("65d935", 0x30c0);
  } else {
    // The same; instead of the last three: mov eax, [data + 32] and mov [data + 36], eax, whose addresses stand alone.
    add(`b8${data(0)}`, "01c2", `8b1ccd${data(0)}`, "01da", `68${data(8)}`, "5e", "0316", `8305${data(16)}03`, `bf${data(0)}`, "01fa");
    add(`d934cd${data(64)}`, `81f8${data(1)}`, "83d200", `8134cd${data(24)}${data(0)}`, `a1${data(32)}`, "01d0", `a3${data(36)}`);
  }
  const length = loop.length / 2;
  const code = `${loop} ${bits === 64 ? "ffc9" : "6649"} 0f85${bytes(-(length + 2 + 6))} f4`.replaceAll(" ", "");
  b.cpu.set64(L.RIP, start + 0x1000, bits === 64 ? -1 : 0);
  b.poke(0x1000, ...(code.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
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

for (const bits of [64, 32] as const) {
  test(`a ${bits}-bit kernel that lies elsewhere runs on the translations of the last boot`, () => {
    const cache = new MemoryCodeCache();
    const first = kernel(bits, 0x1000000, cache);
    assert.deepEqual(finish(first), finish(kernel(bits, 0x1000000, undefined)));
    assert.equal(first.engine.translator?.counters.revived, 0);
    cache.keep(first.engine.generatedCode());
    for (const base of [0x1000000, 0x5400000, 0x3c00000]) {
      const later = kernel(bits, base, cache);
      assert.deepEqual(finish(later), finish(kernel(bits, base, undefined)), base.toString(16));
      const { revived, regions } = later.engine.translator?.counters ?? { revived: 0, regions: 1 };
      assert.ok(revived > 0 && regions === 0, `at ${base.toString(16)}: ${revived} revived, ${regions} made`);
    }
  });

  test(`${bits}-bit code of which one address has not moved with the rest is another one`, () => {
    const cache = new MemoryCodeCache();
    const first = kernel(bits, 0x1000000, cache);
    finish(first);
    cache.keep(first.engine.generatedCode());
    // The immediate of the first instruction stays the old place's.
    const patch = (b: EngineBench): void => b.poke32(bits === 64 ? 0x1003 : 0x1001, BASE_OF[bits] + 0x1003000);
    const later = kernel(bits, 0x5400000, cache, patch);
    assert.deepEqual(finish(later), finish(kernel(bits, 0x5400000, undefined, patch)));
    assert.equal(later.engine.translator?.counters.revived, 0);
  });
}

test("code that reaches what does not move by another distance is another one", () => {
  const cache = new MemoryCodeCache();
  const first = kernel(64, 0x1000000, cache);
  finish(first);
  cache.keep(first.engine.generatedCode());
  // What is added to RDX lies 16 bytes further on.
  const field = Array.from({ length: 0x80 }, (_, n) => 0x1000 + n).find((at) => (first.peek32(at) >>> 0) === 0x15034865) as number;
  const patch = (b: EngineBench): void => b.poke32(field + 4, b.peek32(field + 4) + 16);
  const later = kernel(64, 0x5400000, cache, patch);
  assert.deepEqual(finish(later), finish(kernel(64, 0x5400000, undefined, patch)));
  assert.equal(later.engine.translator?.counters.revived, 0);
});
