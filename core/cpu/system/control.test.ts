import assert from "node:assert/strict";
import { test } from "node:test";
import { CODE0, FlatCpu, longMachine, protectedMachine, setRing } from "../../testkit/flat-cpu.ts";
import { findCpuModel } from "../models/cpu-model.ts";
import * as L from "../state/layout.ts";
import { matchBreakpoints } from "./debug-registers.ts";
import { dumpRegisters } from "./dump.ts";
import { newAddressSpace } from "./mode.ts";

const EAX = L.GPR;
const gp = { outcome: 2, vector: 13, errorCode: 0, address: 0 };
const ud = { outcome: 2, vector: 6, errorCode: null, address: 0 };

function writeCr(m: FlatCpu, number: number, lo: number, hi = 0) {
  m.cpu.setGpr(0, lo, hi);
  return m.run("movToCr", { reg: number, rm: EAX });
}

test("after reset: FFFFFFF0h, 16-bit real mode, signature in EDX", () => {
  const { cpu } = new FlatCpu();
  assert.equal(cpu.segBase(L.CS) + cpu.linear(L.RIP), 0xfffffff0);
  assert.equal(cpu.get(L.CR0), 0x60000010);
  assert.equal(cpu.gpr(2), 0x60fb1);
  assert.equal(cpu.get(L.MODE_KEY), 0);
  assert.equal(cpu.eflags, 2);
  assert.equal(cpu.get(L.MXCSR), 0x1f80);
});

test("CR0: PG needs PE, NW needs CD, unknown bits are dropped, ET stays", () => {
  const m = protectedMachine();
  assert.deepEqual(writeCr(m, 0, L.CR0_PG), gp);
  assert.deepEqual(writeCr(m, 0, L.CR0_PE | L.CR0_NW), gp);
  assert.equal(writeCr(m, 0, 0x1fff0021).outcome, 1);
  assert.equal(m.cpu.get(L.CR0), L.CR0_PE | L.CR0_NE | L.CR0_ET | L.CR0_AM | L.CR0_WP);
  assert.deepEqual(m.memory.flushes, [true]);
  setRing(m, 3);
  assert.deepEqual(writeCr(m, 0, L.CR0_PE), gp);
});

test("long mode is activated by PG with LME and PAE, and left by clearing PG from compatibility mode", () => {
  const m = protectedMachine();
  m.cpu.set(L.EFER, L.EFER_LME);
  assert.deepEqual(writeCr(m, 0, L.CR0_PE | L.CR0_PG), gp);
  assert.equal(writeCr(m, 4, L.CR4_PAE).outcome, 1);
  assert.equal(writeCr(m, 0, L.CR0_PE | L.CR0_PG).outcome, 1);
  assert.equal(m.cpu.get(L.EFER), L.EFER_LME | L.EFER_LMA);
  assert.equal(m.cpu.get(L.MODE_KEY) & 3, 1, "compatibility mode");
  assert.deepEqual(writeCr(m, 4, 0), gp, "PAE cannot be taken away");
  assert.equal(writeCr(m, 0, L.CR0_PE).outcome, 1);
  assert.equal(m.cpu.get(L.EFER), L.EFER_LME);
  const n = longMachine();
  assert.deepEqual(writeCr(n, 0, L.CR0_PE), gp);
});

test("CR3 beyond the physical address width, CR4 and CR0 bits above what exists", () => {
  const m = longMachine();
  assert.equal(writeCr(m, 3, 0x1000, 0xff).outcome, 1);
  assert.deepEqual(writeCr(m, 3, 0x1000, 0x100), gp);
  assert.equal(m.cpu.getHigh(L.CR3), 0xff);
  for (const bit of [0, 1, 11, 13, 16, 17, 18, 20, 21, 22]) assert.deepEqual(writeCr(m, 4, (L.CR4_PAE | (1 << bit)) >>> 0), gp, `bit ${bit}`);
  assert.equal(writeCr(m, 4, 0x7fc).outcome, 1);
  assert.deepEqual(writeCr(m, 0, L.CR0_PE, 1), gp);
  assert.deepEqual(writeCr(m, 5, 0), ud);
});

test("CR8 is the task priority", () => {
  const m = longMachine();
  assert.equal(writeCr(m, 8, 9).outcome, 1);
  assert.equal(m.hooks.cr8, 9);
  assert.deepEqual(writeCr(m, 8, 16), gp);
  m.run("movFromCr", { reg: 8, rm: EAX });
  assert.equal(m.cpu.gpr(0), 9);
});

test("LMSW sets PE but does not clear it; SMSW; CLTS changes the mode key", () => {
  const m = protectedMachine();
  m.cpu.setGpr(0, 0xfffa);
  m.run("lmsw", { rm: EAX, size: 2 });
  assert.equal(m.cpu.get(L.CR0) & 15, 0xb);
  assert.equal(m.cpu.get(L.MODE_KEY) & 0x80, 0x80);
  m.run("smsw", { rm: EAX, size: 4 });
  assert.equal(m.cpu.gpr(0), m.cpu.get(L.CR0));
  m.run("clts");
  assert.equal(m.cpu.get(L.CR0) & 15, 3);
  assert.equal(m.cpu.get(L.MODE_KEY) & 0x80, 0);
});

test("LGDT, LIDT, SGDT, SIDT by operand size and mode", () => {
  const m = protectedMachine();
  m.write16(0x6000, 0x1234, 0x5678, 0x9abc);
  m.run("lgdt", { memory: 0x6000, size: 4 });
  assert.deepEqual([m.cpu.get(L.GDTR), m.cpu.get(L.GDTR + 8)], [0x9abc5678, 0x1234]);
  m.run("lidt", { memory: 0x6000, size: 2 });
  assert.equal(m.cpu.get(L.IDTR), 0xbc5678);
  m.run("sgdt", { memory: 0x6100, size: 2 });
  assert.deepEqual([m.read16(0x6100), m.read32(0x6102), m.read16(0x6106)], [0x1234, 0x9abc5678, 0]);
  setRing(m, 3);
  assert.deepEqual(m.run("lgdt", { memory: 0x6000 }), gp);
  assert.equal(m.run("sidt", { memory: 0x6100 }).outcome, 0);

  const n = longMachine();
  n.write16(0x6000, 0xfff, 0x1000, 0, 0x8000, 0xffff);
  assert.equal(n.run("lgdt", { memory: 0x6000, size: 8 }).outcome, 0);
  assert.equal(n.cpu.linear(L.GDTR), -0x8000_0000_0000 + 0x1000);
  n.write16(0x6006, 0x8000, 0);
  assert.deepEqual(n.run("lidt", { memory: 0x6000, size: 8 }), gp);
});

test("a memory operand that is not canonical: #GP(0), or #SS(0) in the stack segment", () => {
  const m = longMachine();
  assert.deepEqual(m.run("sgdt", { memory: 0, memoryHigh: 0x8000 }), gp);
  assert.equal(m.run("invlpg", { memory: 0, memoryHigh: 0x8000 }).outcome, 1);
  assert.deepEqual(m.memory.invalidated, []);
  m.run("invlpg", { memory: -4096 });
  assert.deepEqual(m.memory.invalidated, [-4096]);
});

test("debug registers: fixed bits, aliases, GD", () => {
  const m = longMachine();
  m.cpu.setGpr(0, 0xffffffff, 0);
  m.run("movToDr", { reg: 6, rm: EAX });
  m.run("movFromDr", { reg: 4, rm: EAX });
  assert.equal(m.cpu.gpr(0), 0xffffefff);
  m.cpu.setGpr(0, 0xffffdfff);
  m.run("movToDr", { reg: 7, rm: EAX });
  assert.equal(m.cpu.get(L.DR + 56), 0xffff07ff);
  m.cpu.setGpr(0, 0, 1);
  assert.deepEqual(m.run("movToDr", { reg: 7, rm: EAX }), gp);
  m.cpu.set(L.CR4, L.CR4_PAE | L.CR4_DE);
  assert.deepEqual(m.run("movFromDr", { reg: 5, rm: EAX }), ud);
  m.cpu.set(L.DR + 56, 0x2400);
  assert.deepEqual(m.run("movFromDr", { reg: 0, rm: EAX }), { outcome: 2, vector: 1, errorCode: null, address: 0 });
  assert.equal(m.cpu.get(L.DR + 48) & 0x2000, 0x2000);
});

test("breakpoints match by kind, length and alignment", () => {
  const { cpu } = longMachine();
  cpu.setLinear(L.DR, -0x7fff_ffff_f000);
  cpu.setLinear(L.DR + 8, 0x1006);
  cpu.set(L.DR + 56, 0x400 | 1 | 4 | (0xd << 20));
  assert.equal(matchBreakpoints(cpu, -0x7fff_ffff_f000, 1, "execute"), 1);
  assert.equal(matchBreakpoints(cpu, 0x1007, 1, "write"), 2);
  assert.equal(matchBreakpoints(cpu, 0x1003, 2, "write"), 2, "a 4-byte breakpoint at 1006h watches from 1004h");
  assert.equal(matchBreakpoints(cpu, 0x1007, 1, "read"), 0);
  assert.equal(matchBreakpoints(cpu, 0x1008, 4, "write"), 0);
});

test("new keys differ, keep their low bits clear, and the code key tells rings and modes apart", () => {
  const { cpu } = longMachine();
  newAddressSpace(cpu);
  const keys = [L.TLB_KEY_SUPERVISOR, L.TLB_KEY_USER, L.CODE_KEY_SPACE, L.CODE_KEY].map((at) => [cpu.get(at), cpu.getHigh(at)]);
  assert.ok(keys.every(([lo]) => ((lo ?? 1) & 0xfff) === 0));
  assert.equal(new Set(keys.map(String)).size, 4);
  const before = [cpu.get(L.CODE_KEY), cpu.getHigh(L.CODE_KEY)];
  newAddressSpace(cpu);
  assert.notDeepEqual([cpu.get(L.CODE_KEY), cpu.getHigh(L.CODE_KEY)], before);
});

test("the lazy flags give back every combination", () => {
  const { cpu } = new FlatCpu();
  const bits = [L.FL_CF, L.FL_PF, L.FL_AF, L.FL_ZF, L.FL_SF, L.FL_OF];
  for (let n = 0; n < 64; n++) {
    const flags = bits.reduce((all, bit, i) => ((n >> i) & 1 ? all | bit : all), 0);
    cpu.eflags = flags;
    assert.equal(cpu.eflags, flags | 2);
  }
});

test("PUSHF, POPF, CLI, STI by ring and IOPL", () => {
  const m = protectedMachine();
  m.write32(0x7000, 0xffffffff);
  assert.equal(m.run("popf").outcome, 1);
  assert.equal(m.cpu.eflags, 0x247fd7);
  m.cpu.eflags = L.FL_IF | L.FL_RF | L.FL_VIP;
  m.run("pushf");
  assert.equal(m.read32(m.cpu.gpr(4)), L.FL_IF | L.FL_VIP | 2);
  setRing(m, 3);
  m.cpu.eflags = L.FL_IF;
  m.cpu.setGpr(4, 0x7000);
  m.write32(0x7000, L.FL_IOPL | L.FL_DF);
  assert.equal(m.run("popf").outcome, 0);
  assert.equal(m.cpu.eflags, L.FL_IF | L.FL_DF | 2);
  assert.deepEqual(m.run("cli"), gp);
  assert.deepEqual(m.run("sti"), gp);
  m.cpu.eflags = L.FL_IOPL;
  m.cpu.set(L.SHADOW, 0);
  assert.equal(m.run("sti").outcome, 1);
  assert.equal(m.cpu.get(L.SHADOW), 1);
  assert.equal(m.run("sti").outcome, 0, "already on");
  assert.equal(m.run("cli").outcome, 0);
  m.cpu.eflags = L.FL_VM;
  for (const name of ["pushf", "popf", "cli", "sti"]) assert.deepEqual(m.run(name), gp, name);
});

test("HLT halts in ring 0 only", () => {
  const m = protectedMachine();
  assert.equal(m.run("hlt").outcome, 1);
  assert.equal(m.hooks.halted, 1);
  setRing(m, 3);
  assert.deepEqual(m.run("hlt"), gp);
});

test("RDTSC and RDPMC by CR4; RDTSCP gives TSC_AUX", () => {
  const m = protectedMachine();
  m.hooks.tsc = [0x89abcdef, 0x1234567];
  m.cpu.set(L.MSR_TSC_AUX, 77);
  m.run("rdtscp");
  assert.deepEqual([m.cpu.gpr(0), m.cpu.gpr(2), m.cpu.gpr(1)], [0x89abcdef, 0x1234567, 77]);
  setRing(m, 3);
  m.cpu.setGpr(1, 0);
  assert.deepEqual(m.run("rdpmc"), gp);
  assert.equal(m.run("rdtsc").outcome, 0);
  m.cpu.set(L.CR4, L.CR4_TSD | L.CR4_PCE);
  assert.deepEqual(m.run("rdtsc"), gp);
  assert.equal(m.run("rdpmc").outcome, 0);
});

test("BOUND compares signed", () => {
  const m = protectedMachine();
  m.write32(0x6000, -5 >>> 0, 5);
  m.cpu.setGpr(1, -5 >>> 0);
  assert.equal(m.run("bound", { memory: 0x6000, reg: L.GPR + 8 }).outcome, 0);
  m.cpu.setGpr(1, 6);
  assert.deepEqual(m.run("bound", { memory: 0x6000, reg: L.GPR + 8 }), { outcome: 2, vector: 5, errorCode: null, address: 0 });
});

test("SYSCALL and SYSRET in 64-bit mode", () => {
  const m = longMachine();
  const { cpu } = m;
  setRing(m, 3);
  cpu.set64(L.MSR_STAR, 0, 0x00130008);
  cpu.set64(L.MSR_LSTAR, 0x81000000, 0xffffffff);
  cpu.set(L.MSR_SFMASK, L.FL_IF | L.FL_TF);
  cpu.eflags = L.FL_IF | L.FL_CF;
  assert.equal(m.run("syscall").outcome, 1);
  assert.equal(cpu.linear(L.RIP), -0x7f000000);
  assert.deepEqual([cpu.gpr(1), cpu.gpr(11)], [0x4002, L.FL_IF | L.FL_CF | 2]);
  assert.deepEqual([cpu.selector(L.CS), cpu.selector(L.SS), cpu.cpl], [CODE0, 0x10, 0]);
  assert.equal(cpu.eflags, L.FL_CF | 2);
  assert.equal(m.run("sysret", { size: 8 }).outcome, 1);
  assert.deepEqual([cpu.selector(L.CS), cpu.selector(L.SS), cpu.cpl], [0x23, 0x1b, 3]);
  assert.equal(cpu.get(L.RIP), 0x4002);
  assert.equal(cpu.eflags, L.FL_IF | L.FL_CF | 2);
  assert.deepEqual(m.run("sysret", { size: 8 }), gp);
  setRing(m, 0);
  cpu.setGpr(1, 0, 0x8000);
  assert.deepEqual(m.run("sysret", { size: 8 }), gp);
  m.run("sysret", { size: 4 });
  assert.deepEqual([cpu.selector(L.CS), cpu.is64, cpu.get(L.MODE_KEY) & 3], [0x13, false, 1]);
  cpu.set(L.EFER, cpu.get(L.EFER) & ~L.EFER_SCE);
  assert.deepEqual(m.run("syscall"), ud);
});

test("SYSENTER and SYSEXIT; on AMD models not in long mode", () => {
  const m = protectedMachine();
  const { cpu } = m;
  setRing(m, 3);
  assert.deepEqual(m.run("sysenter"), gp);
  cpu.set(L.MSR_SYSENTER_CS, 8);
  cpu.set(L.MSR_SYSENTER_ESP, 0x8000);
  cpu.set(L.MSR_SYSENTER_EIP, 0x5000);
  cpu.eflags = L.FL_IF;
  assert.equal(m.run("sysenter").outcome, 1);
  assert.deepEqual([cpu.get(L.RIP), cpu.gpr(4), cpu.selector(L.CS), cpu.selector(L.SS), cpu.cpl, cpu.eflags], [0x5000, 0x8000, 8, 0x10, 0, 2]);
  cpu.setGpr(2, 0x4444);
  cpu.setGpr(1, 0x7777);
  assert.equal(m.run("sysexit").outcome, 1);
  assert.deepEqual([cpu.get(L.RIP), cpu.gpr(4), cpu.selector(L.CS), cpu.selector(L.SS), cpu.cpl], [0x4444, 0x7777, 0x1b, 0x23, 3]);
  assert.deepEqual(longMachine().run("sysenter"), ud);

  const n = longMachine(findCpuModel("ringfence64-intel"));
  n.cpu.set(L.MSR_SYSENTER_CS, 8);
  n.cpu.set64(L.MSR_SYSENTER_EIP, 0x5000, 0xffff8000);
  assert.equal(n.run("sysenter").outcome, 1);
  assert.equal(n.cpu.getHigh(L.RIP), 0xffff8000);
  n.cpu.setGpr(2, 0, 0x8000);
  assert.deepEqual(n.run("sysexit", { size: 8 }), gp);
});

test("SWAPGS exchanges the bases", () => {
  const m = longMachine();
  m.cpu.setLinear(L.MSR_KERNEL_GS_BASE, -4096);
  m.run("swapgs");
  assert.equal(m.cpu.segBase(L.GS), -4096);
  assert.equal(m.cpu.linear(L.MSR_KERNEL_GS_BASE), 0);
  setRing(m, 3);
  assert.deepEqual(m.run("swapgs"), gp);
});

test("the register dump names mode, registers and tables", () => {
  const m = longMachine();
  m.cpu.setGpr(15, 0xdeadbeef, 0x1234);
  m.cpu.eflags = L.FL_ZF | L.FL_IF;
  const text = dumpRegisters(m.cpu);
  assert.match(text, /^64-bit mode, CPL 0, IOPL 0\nRIP=0000000000004000 EFLAGS=00000242 \[ZF IF\]/);
  assert.match(text, /R15=00001234DEADBEEF/);
  assert.match(text, /CS {3}0008 base=0000000000000000 limit=FFFFFFFF/);
  assert.match(text, /GDTR base=0000000000001000 limit=0FFF/);
  assert.match(dumpRegisters(new FlatCpu().cpu), /^real mode.*\nEIP=0000FFF0/);
});
