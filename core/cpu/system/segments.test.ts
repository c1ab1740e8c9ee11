import assert from "node:assert/strict";
import { test } from "node:test";
import { CODE0, CODE3, DATA0, DATA3, descriptor, FlatCpu, gate, LDT, longMachine, protectedMachine, setRing, TSS } from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";

const EAX = L.GPR;
const ECX = L.GPR + 8;
const OTHER = 0x60;
const fault = (vector: number, errorCode: number | null) => ({ outcome: 2, vector, errorCode, address: 0 });

function load(m: FlatCpu, index: number, selector: number) {
  m.cpu.setGpr(0, selector);
  return m.run("movToSeg", { reg: index, rm: EAX, size: 2 });
}

test("loading DS: base, limit, attributes; the accessed bit is written back", () => {
  const m = protectedMachine();
  m.gdt(OTHER >> 3, descriptor(0x12345678, 0x10, 0xd0f2));
  assert.equal(load(m, L.DS, OTHER).outcome, 1, "no longer flat: the mode key has changed");
  assert.equal(m.cpu.segBase(L.DS), 0x12345678);
  assert.equal(m.cpu.segLimit(L.DS), 0xfff);
  assert.equal(m.cpu.segAttributes(L.DS), 0xd0f3);
  assert.equal(m.read32(0x1000 + OTHER + 4) & 0x100, 0x100);
});

test("loading FS needs no new code; loading the same DS neither", () => {
  const m = protectedMachine();
  assert.equal(load(m, L.FS, DATA0).outcome, 0);
  assert.equal(load(m, L.DS, DATA0).outcome, 0);
});

test("data segments: type, rights, presence, table limit", () => {
  const m = protectedMachine();
  setRing(m, 3);
  assert.deepEqual(load(m, L.DS, DATA0), fault(13, DATA0));
  assert.deepEqual(load(m, L.DS, TSS), fault(13, TSS));
  m.gdt(OTHER >> 3, descriptor(0, 0xffff, 0xf8));
  assert.deepEqual(load(m, L.DS, OTHER), fault(13, OTHER), "code that cannot be read");
  m.gdt(OTHER >> 3, descriptor(0, 0xffff, 0x72));
  assert.deepEqual(load(m, L.DS, OTHER), fault(11, OTHER));
  assert.deepEqual(load(m, L.DS, 0x1004), fault(13, 0x1004), "there is no LDT");
  m.gdt(OTHER >> 3, descriptor(0, 0xffff, 0x9e));
  assert.equal(load(m, L.DS, OTHER | 3).vector, null, "conforming readable code may be data of any ring");
  assert.deepEqual(load(m, L.CS, CODE3), fault(6, null));
});

test("SS: ring, type, presence; null is refused in legacy mode", () => {
  const m = protectedMachine();
  assert.deepEqual(load(m, L.SS, 0), fault(13, 0));
  assert.deepEqual(load(m, L.SS, DATA3), fault(13, DATA3 & ~3));
  assert.deepEqual(load(m, L.SS, CODE0), fault(13, CODE0));
  m.gdt(OTHER >> 3, descriptor(0, 0xffff, 0x13));
  assert.deepEqual(load(m, L.SS, OTHER), fault(12, OTHER));
  assert.equal(load(m, L.SS, DATA0).outcome, 1);
  assert.equal(m.cpu.get(L.SHADOW), 1);
});

test("64-bit mode: null SS in rings below 3 with the same RPL; null FS clears the base", () => {
  const m = longMachine();
  assert.deepEqual(load(m, L.SS, 3), fault(13, 0));
  assert.equal(load(m, L.SS, 0).outcome, 1);
  m.cpu.setLinear(L.SEG + L.FS * L.SEG_SIZE, -4096);
  load(m, L.FS, 0);
  assert.equal(m.cpu.segBase(L.FS), 0);
  setRing(m, 3);
  assert.deepEqual(load(m, L.SS, 3), fault(13, 0));
});

test("POP to a segment moves the stack only if the load succeeds", () => {
  const m = protectedMachine();
  m.write32(0x7000, TSS, DATA0);
  assert.deepEqual(m.run("popSeg", { reg: L.ES }), fault(13, TSS));
  assert.equal(m.cpu.gpr(4), 0x7000);
  m.cpu.setGpr(4, 0x7004);
  assert.equal(m.run("popSeg", { reg: L.SS }).outcome, 1);
  assert.equal(m.cpu.gpr(4), 0x7008);
});

test("LES and LSS load selector and offset together", () => {
  const m = protectedMachine();
  m.write32(0x6000, 0xdeadbeef, DATA0);
  m.run("les", { memory: 0x6000, reg: ECX });
  assert.equal(m.cpu.gpr(1), 0xdeadbeef);
  m.write32(0x6000, 0x11, TSS);
  assert.deepEqual(m.run("lss", { memory: 0x6000, reg: ECX }), fault(13, TSS));
  assert.equal(m.cpu.gpr(1), 0xdeadbeef);
  m.write16(0x6000, 0x2222, DATA0);
  m.run("lds", { memory: 0x6000, reg: ECX, size: 2 });
  assert.equal(m.cpu.gpr(1), 0xdead2222);
});

test("virtual-8086 and real mode loads read no descriptor", () => {
  const m = new FlatCpu();
  load(m, L.ES, 0xb800);
  assert.equal(m.cpu.segBase(L.ES), 0xb8000);
  const v = protectedMachine();
  v.cpu.eflags = L.FL_VM;
  load(v, L.ES, 0xffff);
  assert.equal(v.cpu.segBase(L.ES), 0xffff0);
  assert.equal(v.cpu.segLimit(L.ES), 0xffff);
});

test("LLDT and LTR", () => {
  const m = protectedMachine();
  m.cpu.setGpr(0, LDT);
  assert.equal(m.run("lldt", { rm: EAX }).outcome, 0);
  assert.equal(m.cpu.segBase(L.LDTR), 0x5000);
  m.write32(0x5008, ...descriptor(0x777000, 0xffff, 0xf3));
  assert.equal(load(m, L.GS, 0xf).vector, null);
  assert.equal(m.cpu.segBase(L.GS), 0x777000);
  m.cpu.setGpr(0, TSS);
  assert.deepEqual(m.run("lldt", { rm: EAX }), fault(13, TSS));
  assert.equal(m.run("ltr", { rm: EAX }).outcome, 0);
  assert.equal(m.read32(0x1000 + TSS + 4) & 0x200, 0x200);
  assert.deepEqual(m.run("ltr", { rm: EAX }), fault(13, TSS), "it is busy now");
  m.cpu.setGpr(0, 0);
  m.run("lldt", { rm: EAX });
  assert.deepEqual(load(m, L.GS, 0xf), fault(13, 0xc));
  setRing(m, 3);
  assert.deepEqual(m.run("lldt", { rm: EAX }), fault(13, 0));
});

test("LTR in long mode takes a 64-bit base and checks the upper half", () => {
  const m = longMachine();
  m.gdt(TSS >> 3, [...descriptor(0x3000, 0xff, L.ATTR_P | 9), 0xffff8880, 0]);
  m.cpu.setGpr(0, TSS);
  assert.equal(m.run("ltr", { rm: EAX }).vector, null);
  assert.equal(m.cpu.getHigh(L.SEG + L.TR * L.SEG_SIZE), 0xffff8880);
  m.gdt(TSS >> 3, [...descriptor(0x3000, 0xff, L.ATTR_P | 9), 0x8000, 0]);
  assert.deepEqual(m.run("ltr", { rm: EAX }), fault(13, TSS));
  m.gdt(TSS >> 3, [...descriptor(0x3000, 0xff, L.ATTR_P | 9), 0, 0x900]);
  assert.deepEqual(m.run("ltr", { rm: EAX }), fault(13, TSS));
});

test("SLDT and STR: a word in memory, the operand size in a register", () => {
  const m = protectedMachine();
  m.cpu.setGpr(0, 0xffffffff);
  m.run("str", { rm: EAX, size: 2 });
  assert.equal(m.cpu.gpr(0), 0xffff0000 + TSS);
  m.run("str", { rm: EAX, size: 4 });
  assert.equal(m.cpu.gpr(0), TSS);
  m.write32(0x6000, 0xffffffff);
  m.run("sldt", { memory: 0x6000 });
  assert.equal(m.read32(0x6000), 0xffff0000);
  assert.deepEqual(new FlatCpu().run("str", { rm: EAX }), fault(6, null));
});

test("LAR and LSL", () => {
  const m = protectedMachine();
  const ask = (name: string, selector: number) => {
    m.cpu.setGpr(0, selector);
    m.cpu.setGpr(1, 0x55);
    m.cpu.eflags = L.FL_CF | L.FL_SF;
    assert.equal(m.run(name, { rm: EAX, reg: ECX }).outcome, 0);
    assert.equal(m.cpu.eflags & ~L.FL_ZF, L.FL_CF | L.FL_SF | 2);
    if ((m.cpu.eflags & L.FL_ZF) !== 0) return m.cpu.gpr(1);
    assert.equal(m.cpu.gpr(1), 0x55);
    return null;
  };
  // The limit bits 19:16 come along.
  assert.equal(ask("lar", CODE0), 0x00cf9b00);
  assert.equal(ask("lsl", CODE0), 0xffffffff);
  assert.equal(ask("lsl", TSS), 0xff);
  assert.equal(ask("lar", 0), null);
  assert.equal(ask("lar", 0x1000), null);
  m.gdt(OTHER >> 3, gate(CODE0, 0, 0xec));
  assert.equal(ask("lar", OTHER), 0xec00);
  assert.equal(ask("lsl", OTHER), null);
  m.gdt(OTHER >> 3, gate(CODE0, 0, 0xee));
  assert.equal(ask("lar", OTHER), null);
  setRing(m, 3);
  assert.equal(ask("lar", DATA0), null);
  assert.equal(ask("lar", DATA3), 0x00cff300);
});

test("VERR, VERW", () => {
  const m = protectedMachine();
  const ask = (name: string, selector: number) => {
    m.cpu.setGpr(0, selector);
    m.run(name, { rm: EAX });
    return (m.cpu.eflags & L.FL_ZF) !== 0;
  };
  assert.equal(ask("verr", CODE0), true);
  assert.equal(ask("verw", CODE0), false);
  assert.equal(ask("verw", DATA0), true);
  assert.equal(ask("verr", TSS), false);
  setRing(m, 3);
  assert.equal(ask("verr", DATA0), false);
  assert.equal(ask("verw", DATA3), true);
});

test("ARPL raises the RPL and says so", () => {
  const m = protectedMachine();
  m.cpu.setGpr(0, 0x12340010);
  m.cpu.setGpr(1, 3);
  m.run("arpl", { rm: EAX, reg: ECX, size: 2 });
  assert.equal(m.cpu.gpr(0), 0x12340013);
  assert.equal(m.cpu.eflags & L.FL_ZF, L.FL_ZF);
  m.run("arpl", { rm: EAX, reg: ECX, size: 2 });
  assert.equal(m.cpu.eflags & L.FL_ZF, 0);
  m.write32(0x6000, 0xffff0001);
  m.run("arpl", { memory: 0x6000, reg: ECX, size: 2 });
  assert.equal(m.read32(0x6000), 0xffff0003);
  m.memory.readOnly.add(0x6000);
  assert.equal(m.run("arpl", { memory: 0x6000, reg: ECX, size: 2 }).vector, 14);
});
