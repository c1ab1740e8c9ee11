// Code that changes: by the guest's own stores, the stack, strings, another mapping, a device, or because a page is another now.
// The new bytes are executed, from the very next instruction on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { EAGER_TIERING } from "../translate/translator.ts";

const EBX = 3;

/** Runs from 1000h to the HLT. */
function run(b: EngineBench, budget = 10_000): EngineBench {
  assert.equal(b.engine.run(budget), "halted");
  return b;
}
const AL = (b: EngineBench) => b.cpu.gpr(0) & 0xff;

test("a store to the next instruction", () => {
  // mov byte [1008h], 77h; mov al, 11h; hlt
  assert.equal(AL(run(new EngineBench().protected32().code("c60508100000 77 b011 f4"))), 0x77);
});

test("a store by a block's last instruction to its first goes on behind it", () => {
  // Blocks end after 64 instructions: 63 inc eax, then mov byte [1000h], 90h; hlt
  const b = run(new EngineBench().protected32().code(`${"40".repeat(63)} c60500100000 90 f4`));
  assert.equal(b.cpu.gpr(0), 63);
  assert.equal(b.cpu.get(L.RIP), 0x1000 + 63 + 7 + 1);
  b.engine.isHalted = false;
  b.cpu.setRip(0x1000);
  run(b);
  assert.equal(b.cpu.gpr(0), 63 + 62);
});

test("a loop that changes one of its own constants each time round", () => {
  // mov ecx, 100; again: add eax, 1; inc byte [1007h]; loop again; hlt
  const b = run(new EngineBench().protected32().code("b964000000 83c001 fe0507100000 e2f5 f4"));
  assert.equal(b.cpu.gpr(0), 5050);
});

test("a push over the instructions ahead", () => {
  // mov esp, 100eh; push 909077b3h; mov bl, 11h; mov bl, 22h; hlt
  const b = run(new EngineBench().protected32().code("bc0e100000 68b3779090 b311 b322 f4"));
  assert.equal(b.cpu.gpr(EBX), 0x77);
});

test("a string store over the instructions ahead", () => {
  // mov edi, 1011h; mov ecx, 4; mov al, 90h; rep stosb; mov bl, 11h; mov bl, 22h; hlt
  const b = run(new EngineBench().protected32().code("bf0e100000 b904000000 b090 f3aa b311 b322 f4"));
  assert.equal(b.cpu.gpr(EBX), 0);
});

test("a store through another mapping of the page", () => {
  const b = new EngineBench().long();
  // The page at 300000h, reached through a 4 KiB table, is the page at 1000h too.
  b.poke64(0x202008, 0x203000n | 7n);
  b.poke64(0x203000 + 0x100 * 8, 0x1000n | 7n);
  // mov byte [300009h], 77h; mov al, 11h; hlt
  b.code("c6042509003000 77 b011 f4");
  assert.equal(AL(run(b)), 0x77);
});

test("a device that writes to memory", () => {
  // mov al, 11h; hlt
  const b = run(new EngineBench().protected32().code("b011 f4"));
  assert.equal(AL(b), 0x11);
  b.map.write(0x1001, Uint8Array.of(0x55));
  b.engine.isHalted = false;
  b.cpu.setRip(0x1000);
  assert.equal(AL(run(b)), 0x55);
});

test("other memory under the same address", () => {
  const b = run(new EngineBench().protected32().code("b011 f4"));
  b.poke(0x5000, ...bytesOf("b022 f4"));
  b.map.map(0x1000, 0x1000, L.RAM + 0x5000);
  b.engine.isHalted = false;
  b.cpu.setRip(0x1000);
  assert.equal(AL(run(b)), 0x22);
  b.map.unmap(0x1000, 0x1000);
  b.engine.isHalted = false;
  b.cpu.setRip(0x1000);
  assert.equal(b.engine.run(1000), "shutdown", "what is not memory reads as FFh, no instruction, and there is no IDT");
});

/** 2-level tables, one to one; the page at linear 3000h can be moved. */
function pagedBench(): EngineBench {
  const b = new EngineBench();
  b.poke32(0x200000, 0x201007);
  for (let page = 0; page < 1024; page++) b.poke32(0x201000 + page * 4, (page << 12) | 7);
  return b.paged(0x200000, 0, 0);
}

test("an instruction that runs into a page which is then another", () => {
  const b = pagedBench();
  // mov eax, 44332211h from 2ffdh on; hlt
  b.poke(0x2ffd, ...bytesOf("b81122 3344 f4"));
  b.poke(0x6000, ...bytesOf("5566 f4"));
  b.cpu.setRip(0x2ffd);
  assert.equal(run(b).cpu.gpr(0), 0x44332211);
  b.poke32(0x201000 + 3 * 4, 0x6007);
  b.cpu.mmu.invalidatePage(0x3000);
  b.engine.isHalted = false;
  b.cpu.setRip(0x2ffd);
  assert.equal(run(b).cpu.gpr(0), 0x66552211 | 0);
  // Taken away: the fault is at the page that is missing, RIP at the instruction.
  b.poke32(0x201000 + 3 * 4, 0);
  b.cpu.mmu.invalidatePage(0x3000);
  b.engine.isHalted = false;
  b.cpu.setRip(0x2ffd);
  const fault = b.engine.runOne();
  assert.deepEqual([fault?.vector, fault?.address, b.cpu.get(L.RIP)], [14, 0x3000, 0x2ffd]);
});

test("a store to the second half of an instruction that crosses pages", () => {
  const b = new EngineBench().protected32();
  b.poke(0x2ffd, ...bytesOf("b81122 3344 f4"));
  b.cpu.setRip(0x2ffd);
  run(b);
  // mov byte [3001h], 77h; jmp 2ffdh
  b.poke(0x1000, ...bytesOf("c60501300000 77 e9f11f0000"));
  b.engine.isHalted = false;
  b.cpu.setRip(0x1000);
  assert.equal(run(b).cpu.gpr(0), 0x77332211);
});

test("a crossing instruction that begins where there is no memory", () => {
  const b = pagedBench();
  b.map.unmap(0x2000, 0x1000);
  // The last byte of nothing is FFh; with C0h behind it: inc eax. Then hlt.
  b.poke(0x3000, 0xc0, 0xf4);
  b.poke(0x6000, 0xc1, 0xf4);
  b.cpu.setRip(0x2fff);
  assert.equal(run(b).cpu.gpr(0), 1);
  b.poke32(0x201000 + 3 * 4, 0x6007);
  b.cpu.mmu.invalidatePage(0x3000);
  b.engine.isHalted = false;
  b.cpu.setRip(0x2fff);
  assert.deepEqual([run(b).cpu.gpr(0), b.cpu.gpr(1)], [1, 1]);
});

test("a block that is changed and run again 255 times", () => {
  const b = new EngineBench().protected32();
  // again: inc byte [1010h]; cmp byte [1010h], 0; jne again; hlt; the byte lies among the code's 64
  b.code("fe0510100000 803d1010000000 75f1 f4");
  run(b, 100_000);
  assert.ok(b.engine.blocks.counters.invalidated >= 255);
});

test("another page in place of one with code: its bytes run, and what is elsewhere stays decoded", () => {
  for (const engine of ["interpreter", EAGER_TIERING] as const) {
    const b = new EngineBench(0x400000, engine).protected32();
    // call 3000h; inc ecx; hlt. At 3000h and 5000h: mov al, 11h (or 22h); ret
    b.code("e8fb1f0000 41 f4").poke(0x3000, ...bytesOf("b011c3"));
    b.poke(0x5000, ...bytesOf("b022c3"));
    const again = (): number => {
      b.cpu.setRip(0x1000);
      b.engine.isHalted = false;
      return AL(run(b));
    };
    assert.equal(again(), 0x11);
    const { flushes } = b.engine.blocks.counters;
    const decoded = b.engine.blocks.counters.blocks;
    b.map.map(0x3000, 0x1000, L.RAM + 0x5000);
    assert.equal(again(), 0x22);
    b.map.map(0x8000, 0x1000, L.RAM + 0x9000);
    assert.equal(again(), 0x22);
    assert.equal(b.engine.blocks.counters.flushes, flushes);
    assert.equal(b.engine.blocks.counters.blocks, decoded + 1, "only the page that has changed was decoded again");
  }
});

test("an instruction that runs into a place without memory leaves it without, and is decoded anew when there is some", () => {
  const b = new EngineBench().protected32();
  b.map.unmap(0x3000, 0x1000);
  const before = Array.from({ length: 16 }, (_, n) => b.cpu.get(n * 4));
  // At 2FFFh: mov al, FFh, the FFh being nothing's; at 3001h FFh FFh is no instruction.
  b.poke(0x2fff, 0xb0);
  b.cpu.setRip(0x2fff);
  b.engine.run(1);
  assert.equal(AL(b), 0xff);
  assert.equal(b.cpu.mmu.read8(0x3010, "current"), 0xff);
  b.cpu.mmu.write8(0x3010, 0x55, "current");
  assert.deepEqual(Array.from({ length: 16 }, (_, n) => b.cpu.get(n * 4)), before);
  b.map.map(0x3000, 0x1000, L.RAM + 0x3000);
  b.poke(0x3000, 0x44, 0xf4);
  b.cpu.setRip(0x2fff);
  assert.equal(AL(run(b)), 0x44);
});
