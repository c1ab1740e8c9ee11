// The A20 gate: while it is off, address line 20 of everything that leaves the processor is 0, and code stays right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";

test("with A20 off an odd megabyte is the even one below, for loads and stores", () => {
  const b = new EngineBench().protected32();
  b.poke32(0x50000, 0x11111111);
  b.poke32(0x150000, 0x22222222);
  b.poke32(0x350000, 0x44444444);
  assert.equal(b.cpu.mmu.read32(0x150000, "current"), 0x22222222);
  b.engine.setA20(false);
  assert.equal(b.cpu.mmu.read32(0x150000, "current"), 0x11111111);
  b.cpu.mmu.write32(0x350000, 0x33333333, "current");
  assert.equal(b.peek32(0x250000), 0x33333333);
  b.engine.setA20(true);
  assert.equal(b.cpu.mmu.read32(0x350000, "current"), 0x44444444);
});

test("generated code sees the gate move between two of its loads", () => {
  const b = new EngineBench().protected32();
  b.poke32(0x60000, 1);
  b.poke32(0x160000, 2);
  // mov eax,[160000h]; mov ebx,[160000h]
  b.code("a1 00001600 8b1d 00001600");
  b.step();
  b.engine.setA20(false);
  b.step();
  assert.deepEqual([b.cpu.gpr(0), b.cpu.gpr(3)], [2, 1]);
});

test("page tables are fetched through the gate", () => {
  const b = new EngineBench();
  // The directory at 300000h is read at 200000h while line 20 is off.
  b.poke32(0x300000, 0x83);
  b.poke32(0x200000, 0x201007);
  b.poke32(0x201000 + 5 * 4, 0x80007);
  b.poke32(0x5000, 0xaaaaaaaa);
  b.poke32(0x80000, 0xbbbbbbbb);
  b.paged(0x300000, L.CR4_PSE, 0);
  assert.equal(b.cpu.mmu.read32(0x5000, "current"), 0xaaaaaaaa);
  b.engine.setA20(false);
  assert.equal(b.cpu.mmu.read32(0x5000, "current"), 0xbbbbbbbb);
});

test("code changed through an alias is decoded anew", () => {
  const b = new EngineBench().protected32();
  b.engine.setA20(false);
  // At 1000h: inc eax. It runs, is overwritten at 101000h by inc ebx, and runs again.
  b.code("40 ebfd");
  b.engine.run(100);
  assert.ok(b.cpu.gpr(0) > 10);
  b.cpu.setGpr(3, 0);
  b.cpu.mmu.write8(0x101000, 0x43, "current");
  b.cpu.setRip(0x1000);
  b.engine.run(100);
  assert.ok(b.cpu.gpr(3) > 10);
});

test("a store to ROM goes out on the bus and leaves the ROM as it is", () => {
  const b = new EngineBench().protected32();
  b.map.map(0x70000, 0x1000, L.RAM + 0x70000, true);
  b.poke32(0x70010, 0x5a5a5a5a);
  // mov [70010h],eax; mov ebx,[70010h]
  b.code("a3 10000700 8b1d 10000700");
  b.step(2);
  assert.equal(b.cpu.gpr(3), 0x5a5a5a5a);
  assert.deepEqual(b.deviceWrites, [0x70010]);
});
