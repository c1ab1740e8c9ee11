// What CR3 loads and INVLPG take out of the caches of translations, and what they leave: by loops that read a page through a TLB and
// through translated code, change its entry behind the processor's back, and read it again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { newAddressSpace, updateMode } from "../system/mode.ts";
import { EAGER_TIERING } from "../translate/translator.ts";

const PT = 0x205000n;
const SMALL = 0x4000_0000;
const LARGE = 0x6000_0000;
const GIANT = 0x8000_0000;
const GLOBAL = 0x100n;
const OLD = 0x100000;
const NEW = 0x101000;
const READ_LOOP = "b9 2c010000  8b1e  ffc9  75fa";

/** Linear SMALL is a page of 4 KiB, LARGE one of 2 MiB, GIANT one of 1 GiB. */
function bench(kind: "interpreter" | "translator", leafBits: bigint): EngineBench {
  const b = new EngineBench(0x400000, kind === "translator" ? EAGER_TIERING : kind).long();
  b.poke64(0x201000 + 8, 0x204007n);
  b.poke64(0x204000, PT | 7n);
  b.poke64(Number(PT), BigInt(OLD) | 7n | leafBits);
  b.poke64(0x204000 + 256 * 8, 0x87n | leafBits);
  b.poke64(0x201000 + 16, 0x87n | leafBits);
  b.poke32(OLD, 0x01d);
  b.poke32(NEW, 0x4e3);
  b.cpu.set(L.CR4, b.cpu.get(L.CR4) | L.CR4_PGE);
  updateMode(b.cpu);
  newAddressSpace(b.cpu);
  return b;
}
/** Reads at `linear`, changes the entry at `entry` to `value`, does `how`, reads again: the second value. */
function reread(b: EngineBench, linear: number, entry: number, value: bigint, how: string): number {
  const found = run(b, linear, entry, value, `${READ_LOOP} 4c8902 ${how} ${READ_LOOP} f4`);
  if (b.engine.translator) assert.ok(b.engine.translator.counters.regions > 0);
  return found;
}
/** With RSI at `linear`, RDX at its entry, R8 the entry's new value and RAX the value of CR3: EBX at the end. */
function run(b: EngineBench, linear: number, entry: number, value: bigint, code: string): number {
  b.poke(0x1000, ...bytesOf(code));
  b.cpu.set64(L.GPR + 6 * 8, linear, 0);
  b.cpu.set64(L.GPR + 2 * 8, entry, 0);
  b.cpu.set64(L.GPR + 8 * 8, Number(value & 0xffffffffn), Number(value >> 32n));
  b.cpu.set64(L.GPR, 0x200000, 0);
  b.cpu.setRip(0x1000);
  let outcome = "budget";
  for (let n = 0; n < 100 && outcome === "budget"; n++) outcome = b.engine.run(1000);
  assert.equal(outcome, "halted");
  return b.cpu.gpr(3);
}
/** Calls code in the page at SMALL, changes the page's entry, does `how`, calls it again: the number that it gives. */
function recall(b: EngineBench, leafBits: bigint, how: string): number {
  b.poke(OLD + 0x20, ...bytesOf("bb 1d000000 c3"));
  b.poke(NEW + 0x20, ...bytesOf("bb e3040000 c3"));
  // What is here takes the code's place in the jump cache.
  b.poke(0x4022, 0xc3);
  // lea rdi, [rsi + 20h]; call rdi; mov [rdx], r8; ...; mov ebp, 4022h; call rbp; call rdi; hlt
  return run(b, SMALL, Number(PT), BigInt(NEW) | 7n | leafBits, `488d7e20 ffd7 4c8902 ${how} bd22400000 ffd5 ffd7 f4`);
}
const LOAD_CR3 = "0f22d8";
const INVLPG_RSI = "0f013e";
const TOGGLE_PGE = "0f20e0 4835 80000000 0f22e0 4835 80000000 0f22e0";

for (const kind of ["interpreter", "translator"] as const) {
  const small = (leafBits: bigint, how: string) => reread(bench(kind, leafBits), SMALL, Number(PT), BigInt(NEW) | 7n | leafBits, how);

  test(`${kind}: a CR3 load takes out a page that is not global and leaves one that is`, () => {
    assert.equal(small(0n, LOAD_CR3), 0x4e3);
    assert.equal(small(GLOBAL, LOAD_CR3), 0x01d);
    assert.equal(small(0n, "90"), 0x01d, "nothing else takes it out");
  });

  test(`${kind}: without CR4.PGE no page is global, and changing it takes all out`, () => {
    const b = bench(kind, GLOBAL);
    b.cpu.set(L.CR4, b.cpu.get(L.CR4) & ~L.CR4_PGE);
    assert.equal(reread(b, SMALL, Number(PT), BigInt(NEW) | 7n, LOAD_CR3), 0x4e3);
    assert.equal(small(GLOBAL, TOGGLE_PGE), 0x4e3);
  });

  test(`${kind}: INVLPG takes out a page, global or not, and no other`, () => {
    assert.equal(small(0n, INVLPG_RSI), 0x4e3);
    assert.equal(small(GLOBAL, INVLPG_RSI), 0x4e3);
    assert.equal(small(0n, "0f01be 00100000"), 0x01d, "INVLPG of the next page");
  });

  test(`${kind}: code is found at the new place when its page is taken out, and only then`, () => {
    for (const leafBits of [0n, GLOBAL]) {
      const code = (how: string): number => recall(bench(kind, leafBits), leafBits, how);
      assert.equal(code(INVLPG_RSI), 0x4e3);
      assert.equal(code(LOAD_CR3), leafBits === GLOBAL ? 0x1d : 0x4e3);
      assert.equal(code("90"), 0x1d);
    }
  });

  test(`${kind}: code that was never met is found where its page lies now`, () => {
    const b = bench(kind, 0n);
    b.poke(OLD, 0xc3);
    b.poke(OLD + 0x20, ...bytesOf("bb 1d000000 c3"));
    b.poke(NEW + 0x20, ...bytesOf("bb e3040000 c3"));
    // call rsi; mov [rdx], r8; lea rdi, [rsi + 20h]; call rdi; hlt
    assert.equal(run(b, SMALL, Number(PT), BigInt(NEW) | 7n, "ffd6 4c8902 488d7e20 ffd7 f4"), 0x4e3);
  });

  test(`${kind}: INVLPG anywhere in a large page takes out every piece of it`, () => {
    for (const leafBits of [0n, GLOBAL]) {
      // Each is cut into small pages, of which the one that was read now lies elsewhere.
      const large = bench(kind, leafBits);
      large.poke64(0x206000 + 0x100 * 8, BigInt(NEW) | 7n);
      assert.equal(reread(large, LARGE + OLD, 0x204000 + 256 * 8, 0x206007n, "0f01be 00e00f00"), 0x4e3);
      const giant = bench(kind, leafBits);
      giant.poke64(0x207000, 0x206007n);
      giant.poke64(0x206000 + 0x100 * 8, BigInt(NEW) | 7n);
      assert.equal(reread(giant, GIANT + OLD, 0x201000 + 16, 0x207007n, "0f01be 00000010"), 0x4e3);
    }
  });

  test(`${kind}: a CR3 load after more fills than are noted takes them all out`, () => {
    const b = bench(kind, 0n);
    const { cpu } = b;
    // Two pages that share a TLB entry, read in turn: each read is a fill.
    b.poke64(0x201000 + 24, 0x204007n);
    b.poke(0x1000, ...bytesOf("b9 a0860100 8b1f 8b1e ffc9 75f8 4c8902 0f22d8 8b1e f4"));
    cpu.set64(L.GPR + 6 * 8, SMALL, 0);
    cpu.set64(L.GPR + 7 * 8, 0xc000_0000, 0);
    cpu.set64(L.GPR + 2 * 8, Number(PT), 0);
    cpu.set64(L.GPR + 8 * 8, NEW | 7, 0);
    cpu.set64(L.GPR, 0x200000, 0);
    let outcome = "budget";
    for (let n = 0; n < 1000 && outcome === "budget"; n++) outcome = b.engine.run(10_000);
    assert.equal(outcome, "halted");
    assert.equal(cpu.gpr(3), 0x4e3);
  });
}
