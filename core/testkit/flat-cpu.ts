// A CPU without an engine: the state block, a flat megabyte of guest memory repeated over the whole linear address space, and a
// way to run one system operation as generated code would. Pages can be made to fault. For tests of core/cpu/system.
import type { CpuModel } from "../cpu/models/cpu-model.ts";
import { DEFAULT_CPU_MODEL } from "../cpu/models/cpu-model.ts";
import * as L from "../cpu/state/layout.ts";
import { Cpu, type CpuHooks, type LinearMemory, type Privilege, type Words } from "../cpu/system/cpu.ts";
import { PF, raise } from "../cpu/system/guest-fault.ts";
import { updateMode } from "../cpu/system/mode.ts";
import { operations } from "../cpu/system/operations.ts";
import { resetCpu } from "../cpu/system/reset.ts";

const SIZE = 0x100000;
const RECORD = 0x1000;

export class FlatMemory implements LinearMemory {
  readonly view = new DataView(new ArrayBuffer(SIZE));
  /** Page addresses where every access faults, and where writes or ring 3 do. */
  readonly absent = new Set<number>();
  readonly readOnly = new Set<number>();
  readonly supervisor = new Set<number>();
  cpl: () => number = () => 0;
  readonly flushes: boolean[] = [];
  readonly invalidated: number[] = [];

  private check(linear: number, privilege: Privilege, isWrite: boolean): void {
    const page = linear - (((linear % 4096) + 4096) % 4096);
    const isUser = privilege === "user" || (privilege === "current" && this.cpl() === 3);
    const rights = (isWrite ? 2 : 0) | (isUser ? 4 : 0);
    if (this.absent.has(page)) raise(PF, rights, linear);
    if ((isWrite && this.readOnly.has(page)) || (isUser && this.supervisor.has(page))) raise(PF, rights | 1, linear);
  }
  private at(linear: number, privilege: Privilege, isWrite: boolean): number {
    this.check(linear, privilege, isWrite);
    return ((linear % SIZE) + SIZE) % SIZE;
  }
  read8(linear: number, privilege: Privilege): number {
    return this.view.getUint8(this.at(linear, privilege, false));
  }
  read16(linear: number, privilege: Privilege): number {
    return this.view.getUint16(this.at(linear, privilege, false), true);
  }
  read32(linear: number, privilege: Privilege): number {
    return this.view.getUint32(this.at(linear, privilege, false), true);
  }
  write8(linear: number, value: number, privilege: Privilege): void {
    this.view.setUint8(this.at(linear, privilege, true), value);
  }
  write16(linear: number, value: number, privilege: Privilege): void {
    this.view.setUint16(this.at(linear, privilege, true), value, true);
  }
  write32(linear: number, value: number, privilege: Privilege): void {
    this.view.setUint32(this.at(linear, privilege, true), value, true);
  }
  checkWrite(linear: number, length: number, privilege: Privilege): void {
    this.check(linear, privilege, true);
    this.check(linear + length - 1, privilege, true);
  }
  invalidatePage(linear: number): void {
    this.invalidated.push(linear);
  }
  flushTlb(includeGlobal: boolean): void {
    this.flushes.push(includeGlobal);
  }
}

export class FakeHooks implements CpuHooks {
  tsc: Words = [0, 0];
  halted = 0;
  cr8 = 0;
  apicBase: Words = [0xfee00900, 0];
  readonly written: [port: number, size: number, value: number][] = [];
  readonly toRead: number[] = [];

  tscNow(): Words {
    return this.tsc;
  }
  setTsc(lo: number, hi: number): void {
    this.tsc = [lo, hi];
  }
  halt(): void {
    this.halted++;
  }
  readMsr(index: number): Words | null {
    return index === 0x1b ? this.apicBase : null;
  }
  writeMsr(index: number, lo: number, hi: number): boolean {
    if (index !== 0x1b) return false;
    this.apicBase = [lo, hi];
    return true;
  }
  ioRead(_port: number, _size: number): number {
    return this.toRead.shift() ?? 0xffffffff;
  }
  ioWrite(port: number, size: number, value: number): void {
    this.written.push([port, size, value]);
  }
}

/** Descriptor words. `attributes` as in SEG_ATTR; a limit above FFFFFh needs G. */
export function descriptor(base: number, limit: number, attributes: number): [lo: number, hi: number] {
  const raw = (attributes & L.ATTR_G) !== 0 ? limit >>> 12 : limit;
  const lo = ((base << 16) | (raw & 0xffff)) >>> 0;
  const hi = ((base & 0xff000000) | ((base >>> 16) & 0xff) | (raw & 0xf0000) | ((attributes & 0xf0ff) << 8)) >>> 0;
  return [lo, hi];
}
/** Gate words: `type` with DPL in bits 6:5 and P in bit 7, as in descriptor bits 40 to 47. */
export function gate(selector: number, offset: number, type: number, low = 0): [lo: number, hi: number] {
  return [((selector << 16) | (offset & 0xffff)) >>> 0, ((offset & 0xffff0000) | (type << 8) | low) >>> 0];
}

export interface Run {
  outcome: number;
  /** Null if the operation did not fault. */
  vector: number | null;
  errorCode: number | null;
  address: number;
}

/** Fields of the record that runs. */
export interface RunOptions {
  reg?: number;
  rm?: number;
  immediate?: number;
  size?: number;
  second?: number;
  /** Linear address of a memory operand. */
  memory?: number;
  memoryHigh?: number;
  length?: number;
  port?: number;
  /** REC_DISP: the address mask of string instructions. */
  displacement?: number;
}

export class FlatCpu {
  readonly memory = new FlatMemory();
  readonly hooks = new FakeHooks();
  readonly cpu: Cpu;

  constructor(model: CpuModel = DEFAULT_CPU_MODEL) {
    this.cpu = new Cpu(new ArrayBuffer(0x2000), this.memory, this.hooks, model);
    this.memory.cpl = () => this.cpu.cpl;
    resetCpu(this.cpu);
    this.memory.flushes.length = 0;
  }

  write32(at: number, ...values: number[]): void {
    for (const [i, value] of values.entries()) this.memory.view.setUint32(at + i * 4, value, true);
  }
  read32(at: number): number {
    return this.memory.view.getUint32(at, true);
  }
  read16(at: number): number {
    return this.memory.view.getUint16(at, true);
  }
  write16(at: number, ...values: number[]): void {
    for (const [i, value] of values.entries()) this.memory.view.setUint16(at + i * 2, value, true);
  }

  /** GDT at 1000h, IDT at 2000h; writes the words of entry `index` of the GDT. */
  gdt(index: number, words: readonly number[]): void {
    this.write32(0x1000 + index * 8, ...words);
  }
  idt(index: number, words: readonly number[], entrySize = 8): void {
    this.write32(0x2000 + index * entrySize, ...words);
  }

  /** Executes a system operation at RIP and takes its outcome as the run loop would, except that faults are only reported. */
  run(name: string, options: RunOptions = {}): Run {
    const cpu = this.cpu;
    const operation = operations[name];
    if (!operation) throw new Error(`No operation ${name}`);
    cpu.words.fill(0, RECORD >> 2, (RECORD + L.REC_SIZE) >> 2);
    cpu.halves[(RECORD + L.REC_REG) >> 1] = options.reg ?? 0;
    cpu.halves[(RECORD + L.REC_RM) >> 1] = options.rm ?? 0;
    cpu.set64(RECORD + L.REC_IMM, options.immediate ?? 0, 0);
    const isMemory = options.memory !== undefined;
    cpu.set(RECORD + L.REC_EXTRA, (isMemory ? 0x80000000 : 0) | ((options.size ?? 4) << 16) | (options.second ?? 0));
    cpu.setLinear(RECORD + L.REC_DISP, options.displacement ?? 0);
    if (options.memory !== undefined) cpu.setLinear(L.SCRATCH, options.memory);
    if (options.memoryHigh !== undefined) cpu.set(L.SCRATCH + 4, options.memoryHigh);
    if (options.port !== undefined) cpu.set(L.SCRATCH + 8, options.port);
    cpu.setLinear(L.NEXT_RIP, cpu.linear(L.RIP) + (options.length ?? 2));
    cpu.set(L.FAULT, 0);
    const outcome = operation(cpu, RECORD);
    if (outcome !== 2) {
      cpu.copy64(L.NEXT_RIP, L.RIP);
      return { outcome, vector: null, errorCode: null, address: 0 };
    }
    const errorCode = cpu.get(L.FAULT_HAS_CODE) !== 0 ? cpu.get(L.FAULT_CODE) : null;
    return { outcome, vector: cpu.get(L.FAULT) - 1, errorCode, address: cpu.linear(L.FAULT_ADDRESS) };
  }
  /** Everything of the state block that a fault must leave as it was. */
  registers(): string {
    const { words } = this.cpu;
    return [...words.subarray(L.GPR >> 2, L.FAULT >> 2), ...words.subarray(L.MSR_STAR >> 2, L.WRITE_GPA0 >> 2)].join();
  }
}

export const CODE0 = 0x08;
export const DATA0 = 0x10;
export const CODE3 = 0x1b;
export const DATA3 = 0x23;
export const TSS = 0x28;
export const CODE16 = 0x38;
export const CODE1 = 0x41;
export const DATA1 = 0x49;
export const CONFORMING0 = 0x50;
export const LDT = 0x58;

const FLAT = 0xffffffff;
const SEGMENT = L.ATTR_P | L.ATTR_S;

function fillTables(m: FlatCpu, isLong: boolean): void {
  const width = isLong ? L.ATTR_L : L.ATTR_DB;
  m.gdt(CODE0 >> 3, descriptor(0, FLAT, SEGMENT | 0xb | L.ATTR_G | width));
  m.gdt(DATA0 >> 3, descriptor(0, FLAT, SEGMENT | 3 | L.ATTR_G | L.ATTR_DB));
  m.gdt(CODE3 >> 3, descriptor(0, FLAT, SEGMENT | 0x60 | 0xb | L.ATTR_G | width));
  m.gdt(DATA3 >> 3, descriptor(0, FLAT, SEGMENT | 0x60 | 3 | L.ATTR_G | L.ATTR_DB));
  m.gdt(TSS >> 3, [...descriptor(0x3000, 0xff, L.ATTR_P | 9), 0, 0]);
  m.gdt(CODE16 >> 3, descriptor(0, 0xffff, SEGMENT | 0xb));
  m.gdt(CODE1 >> 3, descriptor(0, FLAT, SEGMENT | 0x20 | 0xb | L.ATTR_G | width));
  m.gdt(DATA1 >> 3, descriptor(0, FLAT, SEGMENT | 0x20 | 3 | L.ATTR_G | L.ATTR_DB));
  m.gdt(CONFORMING0 >> 3, descriptor(0, FLAT, SEGMENT | 0xf | L.ATTR_G | width));
  m.gdt(LDT >> 3, [...descriptor(0x5000, 0x3f, L.ATTR_P | 2), 0, 0]);
  m.cpu.set64(L.GDTR, 0x1000, 0);
  m.cpu.set(L.GDTR + 8, 0xfff);
  m.cpu.set64(L.IDTR, 0x2000, 0);
  m.cpu.set(L.IDTR + 8, 0xfff);
}

/** Sets CS, SS and the data segments as ring `cpl` would have them. */
export function setRing(m: FlatCpu, cpl: 0 | 3): void {
  const { cpu } = m;
  const isLong = cpu.isLongActive;
  const dpl = cpl << 5;
  cpu.setSegment(L.CS, cpl ? CODE3 : CODE0, 0, FLAT, SEGMENT | dpl | 0xb | L.ATTR_G | (isLong ? L.ATTR_L : L.ATTR_DB));
  for (const index of [L.SS, L.DS, L.ES]) {
    cpu.setSegment(index, cpl ? DATA3 : DATA0, 0, FLAT, SEGMENT | dpl | 3 | L.ATTR_G | L.ATTR_DB);
  }
  cpu.nullSegment(L.FS);
  cpu.nullSegment(L.GS);
  cpu.set(L.CPL, cpl);
  updateMode(cpu);
}

/** 32-bit protected mode, ring 0, flat segments, a TSS at 3000h with SS0:ESP0 = DATA0:8000h; ESP 7000h, EIP 4000h. */
export function protectedMachine(model?: CpuModel): FlatCpu {
  const m = new FlatCpu(model);
  const { cpu } = m;
  fillTables(m, false);
  cpu.set(L.CR0, L.CR0_PE | L.CR0_ET);
  cpu.setSegment(L.TR, TSS, 0x3000, 0xff, L.ATTR_P | 11);
  cpu.nullSegment(L.LDTR);
  m.write32(0x3004, 0x8000, DATA0);
  m.write16(0x3066, 0xff);
  setRing(m, 0);
  cpu.setGpr(4, 0x7000);
  cpu.setRip(0x4000);
  return m;
}

/** 64-bit mode, ring 0: RSP0 = 8000h, IST1 = 9000h; RSP 7000h, RIP 4000h. */
export function longMachine(model?: CpuModel): FlatCpu {
  const m = new FlatCpu(model);
  const { cpu } = m;
  fillTables(m, true);
  cpu.set(L.CR0, L.CR0_PE | L.CR0_PG | L.CR0_ET);
  cpu.set(L.CR4, L.CR4_PAE);
  cpu.set(L.EFER, L.EFER_LME | L.EFER_LMA | L.EFER_SCE);
  cpu.setSegment(L.TR, TSS, 0x3000, 0xff, L.ATTR_P | 11);
  cpu.nullSegment(L.LDTR);
  m.write32(0x3004, 0x8000, 0);
  m.write32(0x3024, 0x9000, 0);
  m.write16(0x3066, 0xff);
  setRing(m, 0);
  cpu.setGpr(4, 0x7000);
  cpu.setRip(0x4000);
  return m;
}
