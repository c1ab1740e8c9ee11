import assert from "node:assert/strict";
import { test } from "node:test";
import { CODE0, CODE16, CODE3, DATA0, DATA3, descriptor, type FlatCpu, gate, LDT, protectedMachine, setRing, TSS } from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";
import { deliver } from "./interrupts.ts";

const NEW_TSS = 0x60;
const TASK_GATE = 0x68;
const AT = 0x3800;
const ok = { outcome: 1, vector: null, errorCode: null, address: 0 };

/** A machine with a second 32-bit task, ring 0, at EIP 5000h with ESP 9000h. */
function twoTasks(): FlatCpu {
  const m = protectedMachine();
  m.gdt(TSS >> 3, descriptor(0x3000, 0xff, L.ATTR_P | 11));
  m.gdt(NEW_TSS >> 3, descriptor(AT, 0x67, L.ATTR_P | 9));
  m.gdt(TASK_GATE >> 3, gate(NEW_TSS, 0, 0xe5));
  m.write32(AT + 28, 0xabc000, 0x5000, 0x202);
  for (let i = 0; i < 8; i++) m.write32(AT + 40 + i * 4, 0x1110 + i);
  m.write32(AT + 40 + 16, 0x9000);
  m.write32(AT + 72, DATA0, CODE0, DATA0, DATA0, DATA3, 0, 0);
  m.cpu.setGpr(0, 0xaaaa0000);
  m.cpu.setGpr(7, 0x77);
  m.cpu.eflags = L.FL_CF;
  return m;
}
const busy = (m: FlatCpu, selector: number) => (m.read32(0x1000 + selector + 4) & 0x200) !== 0;

test("JMP to a TSS: the old task is saved and free, the new one loaded and busy", () => {
  const m = twoTasks();
  assert.deepEqual(m.run("jmpFar", { second: NEW_TSS, length: 7 }), ok);
  const { cpu } = m;
  assert.deepEqual([m.read32(0x3020), m.read32(0x3024), m.read32(0x3028), m.read32(0x3044)], [0x4007, L.FL_CF | 2, 0xaaaa0000, 0x77]);
  assert.deepEqual([m.read16(0x3048), m.read16(0x304c), m.read16(0x3050)], [DATA0, CODE0, DATA0]);
  assert.equal(cpu.get(L.RIP), 0x5000);
  assert.equal(cpu.eflags, 0x202);
  assert.equal(cpu.gpr(4), 0x9000);
  assert.equal(cpu.gpr(7), 0x1117);
  assert.equal(cpu.selector(L.FS), DATA3);
  assert.equal(cpu.selector(L.TR), NEW_TSS);
  assert.equal(cpu.get(L.CR0) & L.CR0_TS, L.CR0_TS);
  assert.equal(cpu.get(L.CR3), 0, "paging is off");
  assert.deepEqual([busy(m, TSS), busy(m, NEW_TSS)], [false, true]);
});

test("CALL through a task gate nests, and IRET with NT comes back", () => {
  const m = twoTasks();
  assert.deepEqual(m.run("callFar", { second: TASK_GATE, length: 7 }), ok);
  assert.equal(m.cpu.eflags, 0x202 | L.FL_NT);
  assert.equal(m.read16(AT), TSS);
  assert.deepEqual([busy(m, TSS), busy(m, NEW_TSS)], [true, true]);
  m.cpu.setGpr(3, 0xb0b0);
  assert.deepEqual(m.run("iret", { length: 1 }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x4007);
  assert.equal(m.cpu.gpr(0), 0xaaaa0000);
  assert.equal(m.cpu.eflags, L.FL_CF | 2);
  assert.equal(m.read32(AT + 40 + 12), 0xb0b0);
  assert.equal(m.read32(AT + 36), 0x202, "NT is cleared in the task that is left");
  assert.equal(m.read32(AT + 32), 0x5001);
  assert.deepEqual([busy(m, TSS), busy(m, NEW_TSS)], [true, false]);
});

test("an exception through a task gate pushes its error code on the new task's stack", () => {
  const m = twoTasks();
  m.idt(13, gate(NEW_TSS, 0, 0x85));
  assert.equal(deliver(m.cpu, { vector: 13, errorCode: 0x1234, kind: "fault" }), "ok");
  assert.equal(m.cpu.gpr(4), 0x8ffc);
  assert.equal(m.read32(0x8ffc), 0x1234);
  assert.equal(m.read32(0x3020), 0x4000);
  assert.equal(m.read32(0x3024), L.FL_CF | L.FL_RF | 2);
});

test("with paging on, CR3 comes from the TSS; local breakpoints are switched off", () => {
  const m = twoTasks();
  m.cpu.set(L.CR0, m.cpu.get(L.CR0) | L.CR0_PG);
  m.cpu.set(L.DR + 56, 0x7ff);
  m.run("jmpFar", { second: NEW_TSS });
  assert.equal(m.cpu.get(L.CR3), 0xabc000);
  assert.deepEqual(m.memory.flushes, [false]);
  assert.equal(m.cpu.get(L.DR + 56), 0x6aa);
});

test("a 16-bit TSS, there and back", () => {
  const m = protectedMachine();
  m.gdt(TSS >> 3, descriptor(0x3000, 0xff, L.ATTR_P | 11));
  m.gdt(NEW_TSS >> 3, descriptor(AT, 43, L.ATTR_P | 1));
  m.write16(AT + 14, 0x5000, 0x202, 1, 2, 3, 4, 0x9000, 6, 7, 8, DATA0, CODE16, DATA0, DATA0, LDT);
  m.cpu.setGpr(0, 0xaaaa5555);
  assert.deepEqual(m.run("callFar", { second: NEW_TSS, length: 7 }), ok);
  const { cpu } = m;
  assert.equal(cpu.get(L.RIP), 0x5000);
  assert.equal(cpu.gpr(0), 0xffff0001);
  assert.equal(cpu.selector(L.LDTR), LDT);
  assert.equal(cpu.segBase(L.LDTR), 0x5000);
  assert.equal(cpu.get(L.MODE_KEY) & 3, 0);
  assert.deepEqual(m.run("iret", { size: 2, length: 1 }), ok);
  assert.equal(cpu.get(L.RIP), 0x4007);
  assert.equal(cpu.gpr(0), 0xaaaa5555);
  assert.equal(m.read16(AT + 14), 0x5001);
});

test("switching to a virtual-8086 task", () => {
  const m = twoTasks();
  m.write32(AT + 36, L.FL_VM | 2);
  m.write32(AT + 72, 0x400, 0x300, 0x200, 0x500, 0, 0, 0);
  assert.deepEqual(m.run("jmpFar", { second: NEW_TSS }), ok);
  assert.equal(m.cpu.isVm86, true);
  assert.equal(m.cpu.cpl, 3);
  assert.equal(m.cpu.segBase(L.CS), 0x3000);
});

test("what is checked before the switch leaves the old task untouched", () => {
  const cases: [prepare: (m: FlatCpu) => void, vector: number, errorCode: number][] = [
    [(m) => m.gdt(NEW_TSS >> 3, descriptor(AT, 0x67, L.ATTR_P | 11)), 13, NEW_TSS],
    [(m) => m.gdt(NEW_TSS >> 3, descriptor(AT, 0x67, 9)), 11, NEW_TSS],
    [(m) => m.gdt(NEW_TSS >> 3, descriptor(AT, 0x66, L.ATTR_P | 9)), 10, NEW_TSS],
    [(m) => setRing(m, 3), 13, NEW_TSS],
  ];
  for (const [prepare, vector, errorCode] of cases) {
    const m = twoTasks();
    prepare(m);
    const before = m.registers();
    assert.deepEqual(m.run("jmpFar", { second: NEW_TSS }), { outcome: 2, vector, errorCode, address: 0 });
    assert.equal(m.registers(), before);
    assert.equal(m.read32(0x3020), 0);
  }
});

test("IRET to a task that is not busy: #TS", () => {
  const m = twoTasks();
  m.cpu.eflags = L.FL_NT;
  m.write16(0x3000, NEW_TSS);
  assert.deepEqual(m.run("iret"), { outcome: 2, vector: 10, errorCode: NEW_TSS, address: 0 });
});

test("a fault after the switch belongs to the new task and is delivered there", () => {
  const m = twoTasks();
  m.write32(AT + 84, 0x1000);
  m.idt(10, gate(CODE0, 0x6000, 0x8e));
  assert.deepEqual(m.run("jmpFar", { second: NEW_TSS }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x6000);
  assert.equal(m.cpu.selector(L.TR), NEW_TSS);
  assert.deepEqual([m.read32(m.cpu.gpr(4)), m.read32(m.cpu.gpr(4) + 4)], [0x1000, 0x5000]);
  assert.equal(m.cpu.segAttributes(L.DS), 0);
});

test("a fault in the new task that cannot be delivered ends in a double fault that cannot either", () => {
  const m = twoTasks();
  m.write32(AT + 76, CODE3);
  m.cpu.set(L.IDTR + 8, 0);
  const run = m.run("jmpFar", { second: NEW_TSS });
  assert.deepEqual([run.outcome, run.vector, run.errorCode], [2, 8, 0]);
  assert.equal(deliver(m.cpu, { vector: 8, errorCode: 0, kind: "fault" }), "shutdown");
});

test("the T bit of a TSS traps in the new task", () => {
  const m = twoTasks();
  m.write16(AT + 100, 1);
  m.idt(1, gate(CODE0, 0x6000, 0x8e));
  assert.deepEqual(m.run("jmpFar", { second: NEW_TSS }), ok);
  assert.equal(m.cpu.get(L.RIP), 0x6000);
  assert.equal(m.cpu.get(L.DR + 48) & 0xf000, 0x8000);
  assert.equal(m.read32(m.cpu.gpr(4)), 0x5000);
});
