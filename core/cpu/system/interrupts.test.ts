import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CODE0,
  CODE16,
  CODE3,
  CONFORMING0,
  DATA0,
  DATA3,
  descriptor,
  FlatCpu,
  gate,
  longMachine,
  protectedMachine,
  setRing,
  TSS,
} from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";
import { type CpuEvent, deliver, deliverDebugTrap } from "./interrupts.ts";
import { updateMode } from "./mode.ts";

const fault = (vector: number, errorCode: number | null = null): CpuEvent => ({ vector, errorCode, kind: "fault" });
const external = (vector: number): CpuEvent => ({ vector, errorCode: null, kind: "external" });

function pushed32(m: FlatCpu, count: number): number[] {
  return Array.from({ length: count }, (_, i) => m.read32(m.cpu.gpr(4) + i * 4));
}
function pushed64(m: FlatCpu, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const at = m.cpu.gpr(4) + i * 8;
    return m.read32(at + 4) * 2 ** 32 + m.read32(at);
  });
}

test("real mode: pushes FLAGS, CS, IP as words and clears IF and TF", () => {
  const m = new FlatCpu();
  m.write16(0x21 * 4, 0x1234, 0x0200);
  m.cpu.setSegment(L.CS, 0x100, 0x1000, 0xffff, 0x93);
  m.cpu.setGpr(4, 0x0002);
  m.cpu.setRip(0x55);
  m.cpu.eflags = L.FL_IF | L.FL_TF | L.FL_CF;
  assert.equal(deliver(m.cpu, external(0x21)), "ok");
  assert.equal(m.cpu.selector(L.CS), 0x200);
  assert.equal(m.cpu.segBase(L.CS), 0x2000);
  assert.equal(m.cpu.get(L.RIP), 0x1234);
  // SP wraps within 64 KiB.
  assert.equal(m.cpu.gpr(4), 0xfffc);
  assert.deepEqual([m.read16(0xfffc), m.read16(0xfffe), m.read16(0)], [0x55, 0x100, 0x303]);
  assert.equal(m.cpu.eflags & (L.FL_IF | L.FL_TF), 0);
});

test("real mode: a vector beyond the IVT limit ends in shutdown when nothing else fits either", () => {
  const m = new FlatCpu();
  m.cpu.set(L.IDTR + 8, 3);
  assert.equal(deliver(m.cpu, external(8)), "shutdown");
});

test("32-bit interrupt gate at the same ring: EFLAGS, CS, EIP; IF cleared; an external event clears no RF", () => {
  const m = protectedMachine();
  m.idt(0x20, gate(CODE0, 0x12345, 0x8e));
  m.cpu.eflags = L.FL_IF | L.FL_ZF | L.FL_NT;
  assert.equal(deliver(m.cpu, external(0x20)), "ok");
  assert.deepEqual(pushed32(m, 3), [0x4000, CODE0, L.FL_IF | L.FL_ZF | L.FL_NT | 2]);
  assert.equal(m.cpu.get(L.RIP), 0x12345);
  assert.equal(m.cpu.eflags, L.FL_ZF | 2);
});

test("trap gate leaves IF; a fault pushes its error code and RF", () => {
  const m = protectedMachine();
  m.idt(13, gate(CODE0, 0x5000, 0x8f));
  m.cpu.eflags = L.FL_IF;
  assert.equal(deliver(m.cpu, fault(13, 0x18)), "ok");
  assert.deepEqual(pushed32(m, 4), [0x18, 0x4000, CODE0, L.FL_IF | L.FL_RF | 2]);
  assert.equal(m.cpu.eflags, L.FL_IF | 2);
});

test("16-bit gate pushes words and cuts the offset", () => {
  const m = protectedMachine();
  m.idt(13, gate(CODE16, 0x8765, 0x86));
  assert.equal(deliver(m.cpu, fault(13, 0x18)), "ok");
  assert.equal(m.cpu.gpr(4), 0x7000 - 8);
  assert.deepEqual([m.read16(0x6ff8), m.read16(0x6ffa), m.read16(0x6ffc)], [0x18, 0x4000, CODE0]);
  assert.equal(m.cpu.get(L.RIP), 0x8765);
  assert.equal(m.cpu.selector(L.CS), CODE16);
});

test("ring 3 to ring 0: stack from the TSS, SS:ESP pushed, CPL 0, keys of ring 0", () => {
  const m = protectedMachine();
  m.cpu.set64(L.TLB_KEY_SUPERVISOR, 0x1000, 7);
  m.cpu.set64(L.TLB_KEY_USER, 0x2000, 8);
  setRing(m, 3);
  assert.equal(m.cpu.getHigh(L.TLB_KEY), 8);
  m.idt(14, gate(CODE0, 0x5000, 0x8e));
  m.cpu.setLinear(L.FAULT_ADDRESS, 0xdeadb000);
  assert.equal(deliver(m.cpu, fault(14, 6)), "ok");
  assert.equal(m.cpu.gpr(4), 0x8000 - 24);
  assert.deepEqual(pushed32(m, 6), [6, 0x4000, CODE3, L.FL_RF | 2, 0x7000, DATA3]);
  assert.equal(m.cpu.selector(L.SS), DATA0);
  assert.equal(m.cpu.cpl, 0);
  assert.equal(m.cpu.get(L.CR2), 0xdeadb000);
  assert.equal(m.cpu.getHigh(L.TLB_KEY), 7);
});

test("conforming handler keeps the ring and its stack", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.idt(0x30, gate(CONFORMING0, 0x5000, 0x8e));
  assert.equal(deliver(m.cpu, external(0x30)), "ok");
  assert.equal(m.cpu.cpl, 3);
  assert.equal(m.cpu.selector(L.CS), CONFORMING0 | 3);
  assert.equal(m.cpu.gpr(4), 0x7000 - 12);
});

test("INT n: refused where the gate's DPL is below CPL, with the gate in the error code and no EXT", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.idt(0x80, gate(CODE0, 0x5000, 0x8e));
  const before = m.registers();
  assert.deepEqual(m.run("int", { immediate: 0x80 }), { outcome: 2, vector: 13, errorCode: 0x80 * 8 + 2, address: 0 });
  assert.equal(m.registers(), before);
  m.idt(0x80, gate(CODE0, 0x5000, 0xee));
  assert.equal(m.run("int", { immediate: 0x80 }).outcome, 1);
  assert.equal(m.cpu.get(L.RIP), 0x5000);
  assert.equal(m.read32(m.cpu.gpr(4)), 0x4002);
});

test("INT3 and INTO go through their gates, INT1 whatever the DPL", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.idt(1, gate(CODE0, 0x5100, 0x8e));
  m.idt(3, gate(CODE0, 0x5300, 0x8e));
  assert.deepEqual(m.run("int3", { length: 1 }).errorCode, 3 * 8 + 2);
  m.cpu.eflags = 2;
  assert.equal(m.run("into").outcome, 0);
  m.cpu.eflags = L.FL_OF;
  assert.equal(m.run("into").vector, 13);
  assert.equal(m.run("int1", { length: 1 }).outcome, 1);
  assert.equal(m.cpu.get(L.RIP), 0x5100);
});

test("an external interrupt that meets a missing gate raises #GP with EXT, served in turn", () => {
  const m = protectedMachine();
  m.idt(13, gate(CODE0, 0x5000, 0x8e));
  assert.equal(deliver(m.cpu, external(0x40)), "ok");
  assert.equal(m.cpu.get(L.RIP), 0x5000);
  assert.equal(m.read32(m.cpu.gpr(4)), 0x40 * 8 + 2 + 1);
});

test("a gate that is not present: #NP", () => {
  const m = protectedMachine();
  m.idt(11, gate(CODE0, 0x5000, 0x8e));
  m.idt(0x40, gate(CODE0, 0x6000, 0x0e));
  assert.equal(deliver(m.cpu, external(0x40)), "ok");
  assert.equal(m.read32(m.cpu.gpr(4)), 0x40 * 8 + 3);
});

test("contributory after contributory is a double fault with error code 0; page fault after #GP is served in turn", () => {
  const m = protectedMachine();
  m.idt(8, gate(CODE0, 0x5800, 0x8e));
  assert.equal(deliver(m.cpu, fault(13, 0)), "ok");
  assert.equal(m.cpu.get(L.RIP), 0x5800);
  assert.equal(m.read32(m.cpu.gpr(4)), 0);

  // Every gate lies on an absent page: #GP, then #PF (in turn), then #PF again makes #DF, which cannot be read either.
  const n = protectedMachine();
  n.cpu.set64(L.IDTR, 0x1f000, 0);
  n.memory.absent.add(0x1f000);
  assert.equal(deliver(n.cpu, fault(13, 0)), "shutdown");
  assert.equal(n.cpu.get(L.CR2), 0x1f000 + 8 * 8);
});

test("page fault while delivering a page fault: double fault, CR2 of the second", () => {
  const m = longMachine();
  setRing(m, 3);
  m.idt(14, [...gate(CODE0, 0x5e00, 0x8e), 0, 0], 16);
  m.idt(8, [...gate(CODE0, 0x5800, 0x8e, 1), 0, 0], 16);
  m.memory.absent.add(0x7000);
  m.cpu.setLinear(L.FAULT_ADDRESS, -4096);
  assert.equal(deliver(m.cpu, fault(14, 4)), "ok");
  assert.equal(m.cpu.get(L.RIP), 0x5800);
  assert.equal(m.cpu.linear(L.CR2), 0x8000 - 48);
  assert.equal(m.cpu.gpr(4), 0x9000 - 48);
});

test("triple fault: shutdown with the registers as they were", () => {
  const m = longMachine();
  setRing(m, 3);
  m.cpu.set(L.IDTR + 8, 0);
  const before = m.registers();
  assert.equal(deliver(m.cpu, fault(6)), "shutdown");
  assert.equal(m.registers(), before);
});

test("a stack that cannot be written leaves RSP and CS alone and blames the stack", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.gdt(DATA0 >> 3, descriptor(0, 0xfff, 0x93));
  m.idt(0x80, gate(CODE0, 0x5000, 0xee));
  const before = m.registers();
  assert.deepEqual(m.run("int", { immediate: 0x80 }), { outcome: 2, vector: 12, errorCode: DATA0, address: 0 });
  assert.equal(m.registers(), before);
});

test("an inner stack selector that is wrong: #TS with that selector", () => {
  const m = protectedMachine();
  setRing(m, 3);
  m.write32(0x3008, DATA3);
  m.idt(0x80, gate(CODE0, 0x5000, 0xee));
  assert.deepEqual(m.run("int", { immediate: 0x80 }), { outcome: 2, vector: 10, errorCode: DATA3 & ~3, address: 0 });
  m.cpu.setSegment(L.TR, TSS, 0x3000, 7, L.ATTR_P | 11);
  assert.deepEqual(m.run("int", { immediate: 0x80 }), { outcome: 2, vector: 10, errorCode: TSS, address: 0 });
});

test("virtual-8086 to ring 0: data segments pushed and nulled, VM cleared", () => {
  const m = protectedMachine();
  const { cpu } = m;
  cpu.eflags = L.FL_VM | L.FL_IF;
  for (const index of [L.ES, L.CS, L.SS, L.DS, L.FS, L.GS]) cpu.setSegment(index, 0x100 + index, (0x100 + index) << 4, 0xffff, 0xf3);
  cpu.set(L.CPL, 3);
  updateMode(cpu);
  cpu.setGpr(4, 0x600);
  m.idt(0x20, gate(CODE0, 0x5000, 0x8e));
  assert.equal(deliver(cpu, external(0x20)), "ok");
  assert.equal(cpu.gpr(4), 0x8000 - 36);
  assert.deepEqual(pushed32(m, 9), [0x4000, 0x101, L.FL_VM | L.FL_IF | 2, 0x600, 0x102, 0x100, 0x103, 0x104, 0x105]);
  for (const index of [L.ES, L.DS, L.FS, L.GS]) assert.equal(cpu.selector(index), 0);
  assert.equal(cpu.isVm86, false);
  assert.equal(cpu.cpl, 0);
});

test("virtual-8086: INT n needs IOPL 3; a gate to another ring than 0 is refused", () => {
  const m = protectedMachine();
  m.cpu.eflags = L.FL_VM;
  m.cpu.set(L.CPL, 3);
  m.idt(0x21, gate(CODE0, 0x5000, 0xee));
  assert.deepEqual(m.run("int", { immediate: 0x21 }), { outcome: 2, vector: 13, errorCode: 0, address: 0 });
  m.cpu.eflags = L.FL_VM | L.FL_IOPL;
  m.idt(0x21, gate(CODE3, 0x5000, 0xee));
  assert.deepEqual(m.run("int", { immediate: 0x21 }), { outcome: 2, vector: 13, errorCode: CODE3 & ~3, address: 0 });
});

test("64-bit gate at the same ring: aligns RSP and always pushes SS:RSP", () => {
  const m = longMachine();
  m.idt(0x20, [...gate(CODE0, 0x81234567, 0x8e), 0xffffffff, 0], 16);
  m.cpu.setGpr(4, 0x700b, 0);
  m.cpu.setRip(0x80000123, 0xffffffff);
  m.cpu.eflags = L.FL_IF;
  assert.equal(deliver(m.cpu, external(0x20)), "ok");
  assert.equal(m.cpu.gpr(4), 0x7000 - 40);
  const frame = pushed64(m, 5);
  assert.deepEqual(frame.slice(1), [CODE0, L.FL_IF | 2, 0x700b, DATA0]);
  assert.equal(m.read32(m.cpu.gpr(4) + 4), 0xffffffff);
  assert.equal(m.cpu.linear(L.RIP), -0x80000000 + 0x1234567);
  assert.equal(m.cpu.eflags, 2);
});

test("64-bit gate from ring 3: RSP0 or IST, null SS", () => {
  for (const [ist, top] of [
    [0, 0x8000],
    [1, 0x9000],
  ] as const) {
    const m = longMachine();
    setRing(m, 3);
    m.idt(14, [...gate(CODE0, 0x5000, 0x8e, ist), 0, 0], 16);
    m.cpu.setLinear(L.FAULT_ADDRESS, -0x8000_0000_0000);
    assert.equal(deliver(m.cpu, fault(14, 7)), "ok");
    assert.equal(m.cpu.gpr(4), top - 48);
    assert.deepEqual(pushed64(m, 6), [7, 0x4000, CODE3, L.FL_RF | 2, 0x7000, DATA3]);
    assert.equal(m.cpu.selector(L.SS), 0);
    assert.equal(m.cpu.segAttributes(L.SS), 0);
    assert.equal(m.cpu.linear(L.CR2), -0x8000_0000_0000);
    assert.equal(m.cpu.get(L.MODE_KEY) & 0xf, 0xa);
  }
});

test("64-bit mode: handlers must be 64-bit code, gates of 16 bytes and 32-bit type, stacks canonical", () => {
  const m = longMachine();
  m.idt(0x30, [...gate(CODE16, 0x5000, 0x8e), 0, 0], 16);
  assert.deepEqual(m.run("int", { immediate: 0x30 }), { outcome: 2, vector: 13, errorCode: CODE16, address: 0 });
  m.idt(0x30, [...gate(CODE0, 0x5000, 0x86), 0, 0], 16);
  assert.deepEqual(m.run("int", { immediate: 0x30 }).errorCode, 0x30 * 8 + 2);
  m.idt(0x30, [...gate(CODE0, 0x5000, 0x8e), 0, 0], 16);
  m.cpu.setGpr(4, 0, 0x8000);
  assert.deepEqual(m.run("int", { immediate: 0x30 }), { outcome: 2, vector: 12, errorCode: 0, address: 0 });
  m.cpu.setGpr(4, 0x7000);
  m.idt(0x30, [...gate(CODE0, 0x5000, 0x8e), 0x8000, 0], 16);
  assert.deepEqual(m.run("int", { immediate: 0x30 }), { outcome: 2, vector: 13, errorCode: 0, address: 0 });
});

test("single step: BS in DR6, TF and GD cleared for the handler, RF not pushed", () => {
  const m = longMachine();
  m.idt(1, [...gate(CODE0, 0x5000, 0x8e), 0, 0], 16);
  m.cpu.eflags = L.FL_TF;
  m.cpu.set(L.DR + 56, 0x2400);
  assert.equal(deliverDebugTrap(m.cpu, 0x4000), "ok");
  assert.equal(m.cpu.get(L.DR + 48), 0xffff4ff0);
  assert.equal(m.cpu.get(L.DR + 56), 0x400);
  assert.equal(m.read32(m.cpu.gpr(4) + 16), L.FL_TF | 2);
  assert.equal(m.cpu.eflags, 2);
});

test("the accessed bit of a handler's segment is set in the GDT", () => {
  const m = protectedMachine();
  m.gdt(1, descriptor(0, 0xffffffff, L.ATTR_P | L.ATTR_S | 0xa | L.ATTR_G | L.ATTR_DB));
  m.idt(0x20, gate(CODE0, 0x5000, 0x8e));
  deliver(m.cpu, external(0x20));
  assert.equal(m.read32(0x100c) & 0x100, 0x100);
  assert.equal(m.cpu.segAttributes(L.CS) & 1, 1);
});
