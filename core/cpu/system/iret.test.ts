import assert from "node:assert/strict";
import { test } from "node:test";
import { CODE0, CODE3, DATA0, DATA3, descriptor, FlatCpu, gate, longMachine, protectedMachine, setRing } from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";
import { deliver } from "./interrupts.ts";

const ok = { outcome: 1, vector: null, errorCode: null, address: 0 };
const gp = (errorCode: number) => ({ outcome: 2, vector: 13, errorCode, address: 0 });

test("real mode: 16-bit IRET keeps the upper half of EFLAGS, 32-bit IRET sets it", () => {
  const m = new FlatCpu();
  m.cpu.setGpr(4, 0x800);
  m.cpu.eflags = L.FL_ID;
  m.write16(0x800, 0x1234, 0x200, 0x7fff);
  assert.deepEqual(m.run("iret", { size: 2 }), ok);
  assert.equal(m.cpu.eflags, L.FL_ID | 0x7fd7);
  assert.equal(m.cpu.segBase(L.CS), 0x2000);
  assert.equal(m.cpu.gpr(4), 0x806);
  m.write32(0x806, 0x1234, 0x200, 0xffffffff);
  assert.deepEqual(m.run("iret", { size: 4 }), ok);
  assert.equal(m.cpu.eflags, 0x257fd7);
});

test("protected mode, same ring: ring 3 can change neither IF nor IOPL", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.cpu.eflags = L.FL_IF;
  m.write32(0x7000, 0x5000, CODE3, L.FL_IOPL | L.FL_CF | L.FL_AC | L.FL_VIP);
  assert.deepEqual(m.run("iret"), ok);
  assert.equal(m.cpu.eflags, L.FL_IF | L.FL_CF | L.FL_AC | 2);
  assert.equal(m.cpu.gpr(4), 0x700c);
});

test("return to ring 3: SS:ESP popped, ring 0 data nulled, CPL 3", () => {
  const m = protectedMachine();
  m.write32(0x7000, 0x5000, CODE3, L.FL_IF | 2, 0x6000, DATA3);
  assert.deepEqual(m.run("iret"), ok);
  assert.equal(m.cpu.cpl, 3);
  assert.equal(m.cpu.gpr(4), 0x6000);
  assert.equal(m.cpu.selector(L.DS), 0);
  assert.equal(m.cpu.selector(L.CS), CODE3);
  assert.equal(m.cpu.eflags, L.FL_IF | 2);
  assert.equal(m.cpu.get(L.MODE_KEY) & 8, 0, "a null DS is not flat");
});

test("nothing changes when the popped selectors are refused", () => {
  const m = protectedMachine();
  const before = m.registers();
  m.write32(0x7000, 0x5000, CODE3, 2, 0x6000, DATA0);
  assert.deepEqual(m.run("iret"), gp(DATA0));
  m.write32(0x7000, 0x5000, DATA3);
  assert.deepEqual(m.run("iret"), gp(DATA3 & ~3));
  m.gdt(12, descriptor(0, 0xff, 0x409b));
  m.write32(0x7000, 0x5000, 0x60);
  assert.deepEqual(m.run("iret"), gp(0));
  assert.equal(m.registers(), before);
});

test("virtual-8086 round trip", () => {
  const m = protectedMachine();
  m.write32(0x7000, 0x1234, 0x200, L.FL_VM | L.FL_IF | 2, 0x600, 0x300, 0x400, 0x500, 0x700, 0x800);
  assert.deepEqual(m.run("iret"), ok);
  const { cpu } = m;
  assert.equal(cpu.isVm86, true);
  assert.equal(cpu.cpl, 3);
  assert.deepEqual(
    [L.ES, L.CS, L.SS, L.DS, L.FS, L.GS].map((i) => cpu.selector(i)),
    [0x400, 0x200, 0x300, 0x500, 0x700, 0x800],
  );
  assert.equal(cpu.segBase(L.SS), 0x3000);
  assert.equal(cpu.segLimit(L.SS), 0xffff);
  assert.equal(cpu.get(L.MODE_KEY) & 0x3f, 0x30);
  m.idt(0x20, gate(CODE0, 0x5000, 0x8e));
  assert.equal(deliver(cpu, { vector: 0x20, errorCode: null, kind: "external" }), "ok");
  assert.equal(cpu.isVm86, false);
  assert.deepEqual(m.run("iret"), ok);
  assert.equal(cpu.isVm86, true);
  assert.equal(cpu.get(L.RIP), 0x1234);
  assert.equal(cpu.selector(L.GS), 0x800);
  assert.equal(cpu.gpr(4), 0x600);
});

test("IRET in virtual-8086 mode needs IOPL 3 and cannot change IOPL or leave the mode", () => {
  const m = protectedMachine();
  m.write32(0x7000, 0x100, 0x200, L.FL_VM | 2, 0x600, 0x300, 0, 0, 0, 0);
  m.run("iret");
  assert.deepEqual(m.run("iret", { size: 2 }), gp(0));
  m.cpu.eflags = L.FL_VM | L.FL_IOPL;
  m.write16(0x3600, 0x77, 0x900, L.FL_IF);
  assert.deepEqual(m.run("iret", { size: 2 }), ok);
  assert.equal(m.cpu.eflags, L.FL_VM | L.FL_IOPL | L.FL_IF | 2);
  assert.equal(m.cpu.selector(L.CS), 0x900);
});

test("64-bit mode always pops SS:RSP; null SS is a stack of ring 0", () => {
  const m = longMachine();
  m.write32(0x7000, 0x80000000, 0xffffffff, CODE0, 0, L.FL_IF, 0, 0x12345678, 0xffff8000, 0, 0);
  assert.deepEqual(m.run("iret", { size: 8 }), ok);
  assert.equal(m.cpu.linear(L.RIP), -0x80000000);
  assert.equal(m.cpu.gpr(4), 0x12345678);
  assert.equal(m.cpu.gprHigh(4), 0xffff8000);
  assert.equal(m.cpu.selector(L.SS), 0);
  assert.equal(m.cpu.eflags, L.FL_IF | 2);
});

test("64-bit mode to ring 3 and to compatibility mode", () => {
  const m = longMachine();
  m.write32(0x7000, 0x400000, 0, CODE3, 0, L.FL_IF, 0, 0x6000, 0x7fff, DATA3, 0);
  assert.deepEqual(m.run("iret", { size: 8 }), ok);
  assert.equal(m.cpu.cpl, 3);
  assert.equal(m.cpu.is64, true);
  assert.equal(m.cpu.gprHigh(4), 0x7fff);

  const n = longMachine();
  n.gdt(12, descriptor(0, 0xffffffff, 0xc0fb));
  n.write32(0x7000, 0x400000, 0, 0x63, 0, L.FL_IF, 0, 0x6000, 0x7fff, DATA3, 0);
  assert.deepEqual(n.run("iret", { size: 8 }), ok);
  assert.equal(n.cpu.is64, false);
  assert.equal(n.cpu.gpr(4), 0x6000);
  assert.equal(n.cpu.get(L.MODE_KEY) & 3, 1);
});

test("64-bit mode: a RIP that is not canonical, a null SS for ring 3 and NT are refused", () => {
  const m = longMachine();
  const before = m.registers();
  m.write32(0x7000, 0, 0x8000, CODE3, 0, 2, 0, 0x6000, 0, DATA3, 0);
  assert.deepEqual(m.run("iret", { size: 8 }), gp(0));
  m.write32(0x7000, 0, 0, CODE3, 0, 2, 0, 0x6000, 0, 0, 0);
  assert.deepEqual(m.run("iret", { size: 8 }), gp(0));
  assert.equal(m.registers(), before);
  m.cpu.eflags = L.FL_NT;
  assert.deepEqual(m.run("iret", { size: 8 }), gp(0));
});

test("a page fault on the popped frame changes nothing", () => {
  const m = longMachine();
  m.cpu.setGpr(4, 0x6ff0);
  m.memory.absent.add(0x7000);
  const before = m.registers();
  m.write32(0x6ff0, 0x5000, 0, CODE0, 0);
  assert.deepEqual(m.run("iret", { size: 8 }), { outcome: 2, vector: 14, errorCode: 0, address: 0x7000 });
  assert.equal(m.registers(), before);
});
