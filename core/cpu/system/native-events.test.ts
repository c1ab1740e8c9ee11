// What generated code does of system work against the TypeScript that defines it: the same registers, memory and faults after both,
// for random descriptor tables, stacks and flags, good ones and bad ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EngineBench } from "../../testkit/engine-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { EXIT_BUDGET } from "../interp/transfer.ts";
import * as L from "../state/layout.ts";
import { deliver } from "./interrupts.ts";
import { newAddressSpace, updateMode } from "./mode.ts";
import { operations } from "./operations.ts";

const CASES = Number(process.env["RINGFENCE_CASES"] ?? 1200);
const GDT = 0x3000;
const GDT_ENTRIES = 12;
const IDT = 0x5000;
const TSS = 0x6000;
const TABLES_END = 0x8000;
const STACKS = 0x30000;
const STACKS_END = 0x3f000;
/** RAM, and what 64-bit cases map, ends here. */
const MAPPED_END = 0x400000;
const UNTOUCHED = 0x12345;
const UNMAPPED = 0x7000_0000;

/** Upper words of descriptors by what they are, extent and DPL left out; with D or L. */
const CODE_64 = 0x00209b00;
const CODE_32 = 0x00409b00;
const DATA_32 = 0x00409300;
const OTHERS = [0x00409f00, 0x00409a00, 0x00409200, 0x00401b00, 0x00409700, 0x00609b00, 0x00009b00, 0x00009300, 0x00008900];
const EXTENT = 0x008f0000;

interface Operation {
  name: string;
  bits: readonly number[];
  code: string;
  /** Operand size; immediate. */
  size?: number;
  immediate?: number;
  reg?: number;
  rm?: number;
  rings?: readonly number[];
  /** Has a memory operand, at RBX. */
  memory?: boolean;
  prepare?(c: Case): void;
}
/** A random state in the making. */
interface Case {
  r: SeededRandom;
  bits: number;
  write(at: number, value: number): void;
  gpr(number: number, lo: number, hi?: number): void;
  sp: number;
  selector(): number;
}

const frame = (c: Case): void => {
  const size = c.bits / 8;
  const slots = [c.r.below(0x10000), c.selector(), randomFlags(c.r), STACKS + c.r.below(0x8000), c.selector()];
  slots.forEach((value, n) => {
    c.write(c.sp + n * size, value);
    if (size === 8) c.write(c.sp + n * size + 4, n === 0 && c.r.below(12) === 0 ? 0x800000 : 0);
  });
};
const FS_AND_NEIGHBOURS = [0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0000082, 0x174, 0x123];
const msr = (c: Case): void => {
  c.gpr(1, FS_AND_NEIGHBOURS[c.r.below(FS_AND_NEIGHBOURS.length)] as number, c.r.below(2));
  c.gpr(2, c.r.below(3) === 0 ? c.r.next() : c.r.below(0x8000), 7);
};
/** RBX to a random image, often across two pages and sometimes across the end of memory; MXCSR is good most of the time. */
const imagePlace = (c: Case): void => {
  const near = c.r.below(3) === 0 ? c.r.below(0x1000) : 0xe00 + c.r.below(0x200);
  const at = c.r.below(20) === 0 ? MAPPED_END - 512 + c.r.below(512) : STACKS + (near & (c.r.below(10) ? ~15 : ~0));
  c.gpr(3, at);
  for (let n = 0; n < 512 && at + n + 4 <= MAPPED_END; n += 4) c.write(at + n, n === 24 && c.r.below(8) !== 0 ? c.r.below(0x10000) : c.r.next());
};
const OPERATIONS: readonly Operation[] = [
  { name: "syscall", bits: [64], code: "0f05" },
  { name: "sysret", bits: [64], code: "480f07", size: 8, rings: [0], prepare: (c) => c.gpr(1, c.r.next(), c.r.below(4) ? 0 : 0x8000) },
  { name: "sysenter", bits: [32], code: "0f34" },
  { name: "sysexit", bits: [32], code: "0f35", size: 4, rings: [0] },
  { name: "int", bits: [64, 32], code: "cd14", immediate: 0x14 },
  { name: "int3", bits: [64, 32], code: "cc" },
  { name: "iret", bits: [64], code: "48cf", size: 8, prepare: frame },
  { name: "iret", bits: [32], code: "cf", size: 4, prepare: frame },
  { name: "swapgs", bits: [64], code: "0f01f8", rings: [0] },
  { name: "wrmsr", bits: [64, 32], code: "0f30", rings: [0], prepare: msr },
  { name: "rdmsr", bits: [64, 32], code: "0f32", rings: [0], prepare: msr },
  { name: "movToSeg", bits: [64, 32], code: "8ed8", size: 2, reg: L.DS, rm: L.GPR, prepare: (c) => c.gpr(0, c.selector()) },
  { name: "movToSeg", bits: [64, 32], code: "8ee0", size: 2, reg: L.FS, rm: L.GPR, prepare: (c) => c.gpr(0, c.selector()) },
  { name: "popSeg", bits: [64], code: "0fa9", size: 8, reg: L.GS, prepare: (c) => c.write(c.sp, c.selector()) },
  { name: "popSeg", bits: [32], code: "07", size: 4, reg: L.ES, prepare: (c) => c.write(c.sp, c.selector()) },
  { name: "movFromCr", bits: [64], code: "0f20d0", reg: 2, rm: L.GPR, rings: [0] },
  { name: "cli", bits: [64, 32], code: "fa" },
  { name: "fxsave", bits: [64, 32], code: "0fae03", size: 4, memory: true, prepare: imagePlace },
  { name: "fxsave", bits: [64], code: "480fae03", size: 8, memory: true, prepare: imagePlace },
  { name: "fxrstor", bits: [64, 32], code: "0fae0b", size: 4, memory: true, prepare: imagePlace },
  { name: "fxrstor", bits: [64], code: "480fae0b", size: 8, memory: true, prepare: imagePlace },
  { name: "clts", bits: [64, 32], code: "0f06", rings: [0] },
];

function randomFlags(r: SeededRandom): number {
  const common = r.next() & (L.FL_ARITH | L.FL_IF | L.FL_DF | L.FL_AC | L.FL_ID);
  return r.below(8) === 0 ? common | (r.next() & (L.FL_IOPL | L.FL_NT | L.FL_RF | L.FL_VIF | L.FL_VIP)) : common;
}

/** Puts the same random state into each of the benches; gives the CPL. */
function prepare(benches: readonly EngineBench[], seed: number, bits: number, operation: Operation | null): number {
  const r = new SeededRandom(seed);
  const rings = operation?.rings ?? [0, 3];
  const cpl = rings[r.below(rings.length)] as number;
  const choose = <T>(list: readonly T[]): T => list[r.below(list.length)] as T;
  const memory: [number, number][] = [];
  const write = (at: number, value: number): void => void memory.push([at, value | 0]);
  const descriptor = (n: number): number => {
    const usual = [bits === 64 ? CODE_64 : CODE_32, DATA_32, (bits === 64 ? CODE_64 : CODE_32) | 0x6000, DATA_32 | 0x6000];
    const kind = n <= 4 && r.below(20) !== 0 ? (usual[n - 1] as number) : choose(OTHERS) | (r.below(2) * 0x6000);
    return kind | (r.below(15) === 0 ? 0 : EXTENT);
  };
  for (let n = 1; n < GDT_ENTRIES; n++) {
    write(GDT + n * 8, 0xffff | (r.below(20) === 0 ? 0x10000 : 0));
    write(GDT + n * 8 + 4, descriptor(n));
  }
  const gateSize = bits === 64 ? 16 : 8;
  for (let n = 0; n < 32; n++) {
    const selector = r.below(8) === 0 ? r.below(GDT_ENTRIES + 2) * 8 + r.below(8) : 8;
    const type = r.below(12) === 0 ? r.below(16) : 14 + r.below(2);
    const high = 0x8000 | (r.below(2) * 0x6000) | (type << 8) | (bits === 64 && r.below(3) === 0 ? r.below(8) : 0);
    write(IDT + n * gateSize, (selector << 16) | r.below(0x10000));
    write(IDT + n * gateSize + 4, r.below(15) === 0 ? high & ~0x8000 : high);
    if (bits === 64) write(IDT + n * 16 + 8, r.below(15) === 0 ? 0x8000 : 0);
  }
  for (let n = 0; n < 28; n++) write(TSS + n * 4, bits === 64 && n % 2 === 0 ? 0 : STACKS + r.below(STACKS_END - STACKS));
  if (bits === 32) write(TSS + 8, r.below(10) === 0 ? r.below(GDT_ENTRIES) * 8 : 0x10);
  const sp = STACKS + (r.below(6) === 0 ? r.below(STACKS_END - STACKS) : r.below((STACKS_END - STACKS) >> 4) << 4);
  const registers = Array.from({ length: 16 }, () => [r.next(), bits === 64 ? r.next() : 0] as [number, number]);
  registers[4] = [sp, 0];
  operation?.prepare?.({
    r,
    bits,
    write,
    sp,
    gpr: (number, lo, hi = 0) => (registers[number] = [lo, hi]),
    selector: () => (r.below(6) === 0 ? r.below(GDT_ENTRIES + 1) * 8 + r.below(8) : choose([0, 8, 0x10, 0x1b, 0x23])),
  });
  const flags = randomFlags(r);
  const star = [r.next() & 0xfffc, (r.next() & ~3) | 0] as const;
  const msrs = [L.MSR_LSTAR, L.MSR_KERNEL_GS_BASE, L.MSR_SYSENTER_ESP, L.MSR_SYSENTER_EIP].map((at) => [at, r.next(), r.below(0x8000)] as const);
  const mask = r.next();
  const sysenterCs = r.below(8) === 0 ? r.below(4) : 8;
  const cr4 = r.below(12) === 0 ? 0 : L.CR4_OSFXSR;
  const cr0 = r.below(12) === 0 ? [L.CR0_TS, L.CR0_EM, L.CR0_MP][r.below(3)] as number : 0;
  const fpu = Array.from({ length: 32 + 64 }, () => r.next());
  const efer = r.below(12) === 0 ? 0 : L.EFER_SCE;
  const data = cpl === 3 ? 0x23 : r.below(2) ? 0 : 0x10;
  const lowData = cpl === 3 && r.below(10) === 0 ? 0x10 : data;
  const limit = r.below(10) === 0 ? r.below(0x70) : 0x67;
  const isTss16 = r.below(10) === 0;
  for (const b of benches) {
    const { cpu } = b;
    if (bits === 64) b.long();
    else b.protected32();
    new Uint8Array(cpu.words.buffer, L.RAM, 0x100000).fill(0);
    b.poke(0x1000, ...bytesOf(operation?.code ?? "0f0b"));
    for (const [at, value] of memory) b.poke32(at, value);
    for (const [n, [lo, hi]] of registers.entries()) cpu.setGpr(n, lo, hi);
    cpu.setSegment(L.CS, cpl === 3 ? 0x1b : 8, 0, 0xffffffff, (bits === 64 ? 0xa09b : 0xc09b) | (cpl << 5));
    cpu.setSegment(L.SS, cpl === 3 ? 0x23 : 0x10, 0, 0xffffffff, 0xc093 | (cpl << 5));
    for (const index of [L.ES, L.DS, L.FS, L.GS]) {
      const selector = bits === 32 && index !== L.FS && index !== L.GS ? (cpl === 3 ? 0x23 : 0x10) : index === L.GS ? lowData : data;
      if (selector === 0) cpu.nullSegment(index);
      else cpu.setSegment(index, selector, 0, 0xffffffff, 0xc093 | ((selector & 3) << 5));
    }
    cpu.set64(L.GDTR, GDT, 0);
    cpu.set(L.GDTR + 8, GDT_ENTRIES * 8 - 1);
    cpu.set64(L.IDTR, IDT, 0);
    cpu.set(L.IDTR + 8, 32 * gateSize - 1);
    cpu.setSegment(L.TR, 0x40, TSS, limit, bits === 32 && isTss16 ? 0x83 : 0x8b);
    cpu.set64(L.MSR_STAR, 0, ((star[0] << 16) | (star[1] & 0xffff)) >>> 0);
    for (const [at, lo, hi] of msrs) cpu.set64(at, lo, hi);
    cpu.set64(L.MSR_SFMASK, mask, 0);
    cpu.set(L.MSR_SYSENTER_CS, sysenterCs);
    cpu.set(L.EFER, cpu.get(L.EFER) | efer);
    cpu.set(L.CR4, cpu.get(L.CR4) | cr4);
    cpu.set(L.CR0, cpu.get(L.CR0) | cr0);
    for (const [n, value] of fpu.slice(0, 32).entries()) cpu.set(L.FPU_REGS + n * 4, value);
    for (const [n, value] of fpu.slice(32).entries()) cpu.set(L.XMM + n * 4, value);
    cpu.set(L.FPU_TOP, mask & 7);
    cpu.set(L.FPU_CW, 0x40 | (mask & 0xf3f));
    cpu.set(L.FPU_SW, mask & 0x4700);
    cpu.set(L.FPU_EMPTY, mask >>> 24);
    cpu.set64(L.FPU_IP, mask, mask);
    cpu.set(L.FPU_CS, mask);
    cpu.set64(L.CR2, mask, 0);
    cpu.set(L.CPL, cpl);
    cpu.eflags = flags | 2;
    cpu.setRip(0x1000);
    for (const at of [L.FAULT, L.FAULT_HAS_CODE, L.FAULT_CODE, L.SHADOW, L.INTR_PENDING]) cpu.set(at, 0);
    newAddressSpace(cpu);
    updateMode(cpu);
  }
  return cpl;
}

function visible(b: EngineBench, outcome: string): Record<string, string> {
  const { cpu } = b;
  const wide = (at: number): string => `${(cpu.getHigh(at) >>> 0).toString(16)}_${(cpu.get(at) >>> 0).toString(16)}`;
  const state: Record<string, string> = { outcome, rip: wide(L.RIP), eflags: cpu.eflags.toString(16) };
  for (let at = L.GPR; at < L.GPR + 0x80; at += 8) state[`gpr${(at - L.GPR) / 8}`] = wide(at);
  for (let at = L.SEG; at < L.SEG + 8 * L.SEG_SIZE; at += 8) state[`seg ${at.toString(16)}`] = wide(at);
  for (const at of [L.CR0, L.CR2, L.CR3, L.MSR_KERNEL_GS_BASE, L.MSR_LSTAR, L.MSR_TSC_AUX, L.MSR_SYSENTER_CS]) state[at.toString(16)] = wide(at);
  for (let n = 0; n < 8; n++) state[`st${n}`] = `${wide(L.FPU_REGS + n * 16)} ${cpu.get16(L.FPU_REGS + n * 16 + 8)}`;
  for (let n = 0; n < 32; n++) state[`xmm${n}`] = wide(L.XMM + n * 8);
  for (const at of [L.FPU_CW, L.FPU_SW, L.FPU_TOP, L.FPU_EMPTY, L.FPU_OPCODE, L.FPU_CS, L.FPU_DS, L.MXCSR]) state[at.toString(16)] = String(cpu.get(at));
  for (const at of [L.FPU_IP, L.FPU_DP]) state[at.toString(16)] = wide(at);
  for (const at of [L.CPL, L.MODE_KEY, L.SHADOW, L.FAULT]) state[at.toString(16)] = cpu.get(at).toString(16);
  for (let at = GDT; at < TABLES_END; at += 4) if (b.peek32(at) !== 0) state[`m${at.toString(16)}`] = b.peek32(at).toString(16);
  for (const [from, to] of [[STACKS - 4096, STACKS_END + 0x8000], [MAPPED_END - 0x200, MAPPED_END]] as const) {
    for (let at = from; at < to; at += 4) if (b.peek32(at) !== 0) state[`m${at.toString(16)}`] = b.peek32(at).toString(16);
  }
  return state;
}
/** What is derived from the mode is as updateMode() would have it. */
function assertDerived(b: EngineBench, what: string): void {
  const derived = [L.MODE_KEY, L.TLB_KEY, L.TLB_KEY + 4, L.SITE_KEY, L.SITE_KEY + 4, L.CODE_KEY, L.CODE_KEY + 4];
  const before = derived.map((at) => b.cpu.get(at));
  updateMode(b.cpu);
  assert.deepEqual(before, derived.map((at) => b.cpu.get(at)), what);
}

const RECORD = L.REGION_DATA;
function byTypeScript(b: EngineBench, o: Operation): string {
  const { cpu } = b;
  cpu.words.fill(0, RECORD >> 2, (RECORD + L.REC_SIZE) >> 2);
  cpu.set(RECORD + L.REC_EXTRA, (o.size ?? 0) << 16);
  if (o.memory) cpu.copy64(L.GPR + 3 * 8, L.SCRATCH);
  cpu.set(RECORD + L.REC_IMM, o.immediate ?? 0);
  cpu.halves[(RECORD + L.REC_REG) >> 1] = o.reg ?? 0;
  cpu.halves[(RECORD + L.REC_RM) >> 1] = o.rm ?? 0;
  cpu.set64(L.NEXT_RIP, 0x1000 + bytesOf(o.code).length, 0);
  const outcome = operations[o.name]?.(cpu, RECORD);
  if (outcome !== 2) {
    cpu.copy64(L.NEXT_RIP, L.RIP);
    return "done";
  }
  const fault = `${cpu.get(L.FAULT) - 1} ${cpu.get(L.FAULT_HAS_CODE) ? cpu.get(L.FAULT_CODE) : ""}`;
  cpu.set(L.FAULT, 0);
  return fault;
}
function byGeneratedCode(b: EngineBench): string {
  const fault = b.engine.runOne();
  return fault ? `${fault.vector} ${fault.errorCode ?? ""}` : "done";
}

const difference = (expected: Record<string, string>, actual: Record<string, string>): string[] =>
  Object.keys({ ...expected, ...actual })
    .filter((key) => expected[key] !== actual[key])
    .map((key) => `${key}: TypeScript ${expected[key]}, generated ${actual[key]}`)
    .slice(0, 10);

test(`${CASES} random system instructions end alike, done by generated code and by TypeScript`, () => {
  const slow = new EngineBench();
  const fast = new EngineBench();
  const done = new Map<string, number>();
  for (let seed = 1; seed <= CASES; seed++) {
    const operation = OPERATIONS[seed % OPERATIONS.length] as Operation;
    const bits = operation.bits[(seed >> 5) % operation.bits.length] as number;
    prepare([slow, fast], seed, bits, operation);
    const expected = visible(slow, byTypeScript(slow, operation));
    fast.cpu.set(L.NEXT_RIP, UNTOUCHED);
    const actual = visible(fast, byGeneratedCode(fast));
    const what = `${operation.name}, ${bits} bits, seed ${seed}`;
    assert.deepEqual(difference(expected, actual), [], what);
    // Handing over to TypeScript writes NEXT_RIP.
    if (actual["outcome"] === "done" && fast.cpu.get(L.NEXT_RIP) === UNTOUCHED) done.set(operation.name, (done.get(operation.name) ?? 0) + 1);
    assertDerived(fast, what);
  }
  for (const { name } of OPERATIONS) assert.ok((done.get(name) ?? 0) > CASES / OPERATIONS.length / 10, `${name} was done by generated code ${done.get(name)} times only`);
});

test(`${CASES} random exceptions enter their handlers alike, delivered by generated code and by TypeScript`, () => {
  const slow = new EngineBench();
  const fast = new EngineBench();
  let entered = 0;
  for (let seed = 1; seed <= CASES; seed++) {
    const bits = seed & 1 ? 64 : 32;
    const isPageFault = bits === 64 && (seed & 2) !== 0;
    prepare([slow, fast], seed, bits, null);
    for (const b of [slow, fast]) {
      b.engine.flushAll();
      if (!isPageFault) continue;
      b.poke(0x1000, ...bytesOf("8a00"));
      b.cpu.setGpr(0, UNMAPPED);
    }
    const event = { vector: isPageFault ? 14 : 6, errorCode: isPageFault ? (slow.cpu.cpl === 3 ? 4 : 0) : null, kind: "fault" as const };
    if (isPageFault) slow.cpu.set64(L.FAULT_ADDRESS, UNMAPPED, 0);
    const expected = visible(slow, deliver(slow.cpu, event) === "ok" ? "budget" : "shutdown");
    const actual = visible(fast, fast.engine.run(1));
    assert.deepEqual(difference(expected, actual), [], `${bits} bits, seed ${seed}`);
    assertDerived(fast, `${bits} bits, seed ${seed}`);
    if (fast.cpu.get(L.EXIT_REASON) === EXIT_BUDGET) entered++;
  }
  assert.ok(entered > CASES / 2, `only ${entered} handlers were entered by generated code`);
});
