import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CODE0,
  CODE1,
  CODE16,
  CODE3,
  CONFORMING0,
  DATA0,
  DATA1,
  DATA3,
  descriptor,
  FlatCpu,
  gate,
  longMachine,
  protectedMachine,
  setRing,
} from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";
import { updateMode } from "./mode.ts";

const GATE = 0x60;
const ok = { outcome: 1, vector: null, errorCode: null, address: 0 };
const gp = (errorCode: number) => ({ outcome: 2, vector: 13, errorCode, address: 0 });

test("real mode JMP and CALL far move the base and keep the limit; RETF comes back", () => {
  const m = new FlatCpu();
  m.cpu.setSegment(L.CS, 0x100, 0x1000, 0xffff, 0x93);
  m.cpu.setRip(0x10);
  m.cpu.setGpr(4, 0x800);
  assert.deepEqual(m.run("callFar", { second: 0x2000, immediate: 0x1234, size: 2, length: 5 }), ok);
  assert.equal(m.cpu.segBase(L.CS), 0x20000);
  assert.equal(m.cpu.get(L.RIP), 0x1234);
  assert.deepEqual([m.read16(0x7fc), m.read16(0x7fe)], [0x15, 0x100]);
  assert.deepEqual(m.run("retFar", { size: 2, immediate: 6 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x15);
  assert.equal(m.cpu.selector(L.CS), 0x100);
  assert.equal(m.cpu.gpr(4), 0x806);
  assert.deepEqual(m.run("jmpFar", { second: 0x2000, immediate: 0x12345, size: 4 }), gp(0));
});

test("real mode keeps a large limit (unreal mode)", () => {
  const m = new FlatCpu();
  m.cpu.setSegment(L.DS, 0, 0, 0xffffffff, 0x8093);
  m.cpu.setGpr(0, 0x1234);
  m.run("movToSeg", { reg: L.DS, rm: L.GPR });
  assert.equal(m.cpu.segLimit(L.DS), 0xffffffff);
  assert.equal(m.cpu.segBase(L.DS), 0x12340);
});

test("entering protected mode by a far jump through memory", () => {
  const m = protectedMachine();
  m.cpu.setSegment(L.CS, 0, 0, 0xffff, 0x93);
  updateMode(m.cpu);
  assert.equal(m.cpu.get(L.MODE_KEY) & 0x3f, 0x14);
  m.write32(0x6000, 0x5000, CODE0);
  assert.deepEqual(m.run("jmpFar", { memory: 0x6000, size: 4 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x5000);
  assert.equal(m.cpu.get(L.MODE_KEY) & 0x3f, 0x1d);
});

test("direct jumps: rights of conforming and other code, presence, limit", () => {
  const m = protectedMachine();
  setRing(m, 3);
  assert.deepEqual(m.run("jmpFar", { second: CODE0 }), gp(CODE0));
  assert.deepEqual(m.run("jmpFar", { second: DATA3 }), gp(DATA3 & ~3));
  assert.deepEqual(m.run("jmpFar", { second: 0 }), gp(0));
  assert.deepEqual(m.run("jmpFar", { second: 0x1003 }), gp(0x1000));
  assert.deepEqual(m.run("jmpFar", { second: CONFORMING0, immediate: 0x77 }), ok);
  assert.equal(m.cpu.selector(L.CS), CONFORMING0 | 3);
  assert.equal(m.cpu.cpl, 3);
  setRing(m, 0);
  assert.deepEqual(m.run("jmpFar", { second: CODE16, immediate: 0x10000 }), gp(0));
  m.gdt(GATE >> 3, descriptor(0, 0xffff, 0x1b));
  assert.deepEqual(m.run("jmpFar", { second: GATE }), { outcome: 2, vector: 11, errorCode: GATE, address: 0 });
});

test("call gate with parameters to an inner ring, and the way back", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.cpu.setGpr(4, 0x6ff4);
  m.write32(0x6ff4, 11, 22, 33);
  m.gdt(GATE >> 3, gate(CODE0, 0x5000, 0xec, 3));
  assert.deepEqual(m.run("callFar", { second: GATE | 3, immediate: 0xffff_ffff, length: 7 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x5000);
  assert.equal(m.cpu.cpl, 0);
  const sp = m.cpu.gpr(4);
  assert.equal(sp, 0x8000 - 28);
  assert.deepEqual(
    [0, 4, 8, 12, 16, 20, 24].map((i) => m.read32(sp + i)),
    [0x4007, CODE3, 11, 22, 33, 0x6ff4, DATA3],
  );
  m.cpu.setSegment(L.FS, DATA0, 0, 0xffffffff, 0xc093);
  assert.deepEqual(m.run("retFar", { immediate: 12 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x4007);
  assert.equal(m.cpu.gpr(4), 0x7000);
  assert.equal(m.cpu.selector(L.SS), DATA3);
  assert.equal(m.cpu.cpl, 3);
  // Ring 0 data is not left behind; ring 3 data is.
  assert.equal(m.cpu.segAttributes(L.FS), 0);
  assert.equal(m.cpu.selector(L.DS), DATA3);
});

test("16-bit call gate copies words", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.write16(0x7000, 0xaaaa, 0xbbbb);
  m.gdt(GATE >> 3, gate(CODE0, 0x15000, 0xe4, 2));
  assert.deepEqual(m.run("callFar", { second: GATE | 3, length: 7 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x5000);
  assert.equal(m.cpu.gpr(4), 0x8000 - 12);
  assert.deepEqual(
    [0, 2, 4, 6, 8, 10].map((i) => m.read16(m.cpu.gpr(4) + i)),
    [0x4007, CODE3, 0xaaaa, 0xbbbb, 0x7000, DATA3],
  );
});

test("call gate: DPL, presence, target rights; JMP may not change the ring", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.gdt(GATE >> 3, gate(CODE0, 0x5000, 0x8c));
  assert.deepEqual(m.run("callFar", { second: GATE }), gp(GATE));
  m.gdt(GATE >> 3, gate(CODE0, 0x5000, 0x6c));
  assert.deepEqual(m.run("callFar", { second: GATE }), { outcome: 2, vector: 11, errorCode: GATE, address: 0 });
  m.gdt(GATE >> 3, gate(CODE0, 0x5000, 0xec));
  assert.deepEqual(m.run("jmpFar", { second: GATE }), gp(CODE0));
  m.gdt(GATE >> 3, gate(DATA0, 0x5000, 0xec));
  assert.deepEqual(m.run("callFar", { second: GATE }), gp(DATA0));
  m.gdt(GATE >> 3, gate(0, 0x5000, 0xec));
  assert.deepEqual(m.run("callFar", { second: GATE }), gp(0));
});

test("a call gate to ring 1 takes SS1:ESP1", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.write32(0x300c, 0x8800, DATA1);
  m.gdt(GATE >> 3, gate(CODE1, 0x5000, 0xec));
  assert.deepEqual(m.run("callFar", { second: GATE }), ok);
  assert.equal(m.cpu.cpl, 1);
  assert.equal(m.cpu.selector(L.SS), DATA1);
  assert.equal(m.cpu.gpr(4), 0x8800 - 16);
});

test("64-bit call gate: quadwords on RSP0, null SS, no parameters", () => {
  const m = longMachine();
  setRing(m, 3);
  m.gdt(GATE >> 3, [...gate(CODE0, 0x5000, 0xec), 0xffff8000, 0]);
  m.write32(0x6000, 0, GATE | 3);
  assert.deepEqual(m.run("callFar", { memory: 0x6000, size: 4, length: 3 }), ok);
  assert.equal(m.cpu.getHigh(L.RIP), 0xffff8000);
  assert.equal(m.cpu.get(L.RIP), 0x5000);
  const sp = m.cpu.gpr(4);
  assert.equal(sp, 0x8000 - 32);
  assert.deepEqual(
    [0, 8, 16, 24].map((i) => m.read32(sp + i)),
    [0x4003, CODE3, 0x7000, DATA3],
  );
  assert.equal(m.cpu.selector(L.SS), 0);
  assert.deepEqual(m.run("retFar", { size: 8 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x4003);
  assert.equal(m.cpu.gpr(4), 0x7000);
  assert.equal(m.cpu.cpl, 3);
});

test("long mode has no 16-bit call gates, task gates or TSS jumps, and the upper half of a gate has no type", () => {
  const m = longMachine();
  m.gdt(GATE >> 3, [...gate(CODE0, 0x5000, 0xe4), 0, 0]);
  m.write32(0x6000, 0, GATE, 0, 0x28);
  assert.deepEqual(m.run("jmpFar", { memory: 0x6000 }), gp(GATE));
  assert.deepEqual(m.run("jmpFar", { memory: 0x6008 }), gp(0x28));
  m.gdt(GATE >> 3, [...gate(CODE0, 0x5000, 0xec), 0, 0x100]);
  assert.deepEqual(m.run("jmpFar", { memory: 0x6000 }), gp(GATE));
});

test("from 64-bit mode to compatibility mode and back", () => {
  const m = longMachine();
  m.gdt(GATE >> 3, descriptor(0, 0xffffffff, 0xc09b));
  m.write32(0x6000, 0x5000, GATE);
  assert.deepEqual(m.run("jmpFar", { memory: 0x6000 }), ok);
  assert.equal(m.cpu.is64, false);
  assert.equal(m.cpu.get(L.MODE_KEY) & 0x1f, 0x1d);
  assert.deepEqual(m.run("jmpFar", { second: CODE0, immediate: 0x9000_0000 }), ok);
  assert.equal(m.cpu.is64, true);
  assert.equal(m.cpu.linear(L.RIP), 0x9000_0000);
});

test("L with D, and a target that is not canonical, are refused", () => {
  const m = longMachine();
  m.gdt(GATE >> 3, descriptor(0, 0xffffffff, 0xe09b));
  m.write32(0x6000, 0x5000, GATE);
  assert.deepEqual(m.run("jmpFar", { memory: 0x6000 }), gp(GATE));
  m.write32(0x6000, 0x5000, 0x8000, CODE0);
  const before = m.registers();
  assert.deepEqual(m.run("jmpFar", { memory: 0x6000, size: 8 }), gp(0));
  assert.equal(m.registers(), before);
});

test("RETF: an inner ring, a missing stack and a data segment are refused without a change", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.write32(0x7000, 0x5000, CODE0);
  const before = m.registers();
  assert.deepEqual(m.run("retFar"), gp(CODE0));
  assert.equal(m.registers(), before);
  setRing(m, 0);
  m.write32(0x7000, 0x5000, CODE3, 0x6000, 0);
  assert.deepEqual(m.run("retFar"), gp(0));
  m.write32(0x7000, 0x5000, DATA0);
  assert.deepEqual(m.run("retFar"), gp(DATA0));
  m.write32(0x7000, 0x5000, 0);
  assert.deepEqual(m.run("retFar"), gp(0));
});

test("a stack that ends in the middle of a far return: #SS(0)", () => {
  const m = protectedMachine();
  m.cpu.setSegment(L.SS, DATA0, 0, 0x7003, 0x4093);
  assert.deepEqual(m.run("retFar"), { outcome: 2, vector: 12, errorCode: 0, address: 0 });
});

test("expand-down stacks are valid above their limit", () => {
  const m = protectedMachine();
  m.cpu.setSegment(L.SS, DATA0, 0, 0x6ff7, 0x4097);
  assert.deepEqual(m.run("callFar", { second: CODE0 }), ok);
  assert.deepEqual(m.run("callFar", { second: CODE0 }), { outcome: 2, vector: 12, errorCode: 0, address: 0 });
});
