// The system instructions by the name that lifters call them by. An operation gets the predecoded record; RIP is the instruction
// itself, NEXT_RIP the one after it. Returns 0: go on; 1: leave generated code and go on at NEXT_RIP; 2: a fault is in FAULT.
import { cpuid } from "../models/cpuid.ts";
import * as L from "../state/layout.ts";
import { clts, lmsw, loadTableRegister, readControl, storeTableRegister, writeControl } from "./control.ts";
import type { Cpu } from "./cpu.ts";
import { readDebug, writeDebug } from "./debug-registers.ts";
import { callFar, jmpFar, retFar } from "./far.ts";
import { cli, popf, pushf, sti } from "./flag-operations.ts";
import { BP, BR, DB, DF, GP, GuestFault, OF, raise, UD } from "./guest-fault.ts";
import { fxrstor, fxsave, loadMxcsr } from "./fxstate.ts";
import { type CpuEvent, deliver, enterHandler } from "./interrupts.ts";
import { iret } from "./iret.ts";
import { updateMode } from "./mode.ts";
import { readMsr, writeMsr } from "./msr.ts";
import { checkIo } from "./ports.ts";
import {
  further,
  immediate,
  isMemoryOperand,
  memoryOperand,
  operandSize,
  readWord,
  regOperand,
  rmOperand,
  writeWord,
} from "./record.ts";
import { accessRights, isAccessible, loadLdtr, loadSegment, loadTr, segmentLimit } from "./segments.ts";
import { reader, setLegacyStackPointer } from "./stack.ts";
import { stringPort } from "./string-ports.ts";
import { swapgs, syscall, sysenter, sysexit, sysret } from "./syscalls.ts";

export type Outcome = 0 | 1 | 2;
export type Operation = (cpu: Cpu, rec: number) => Outcome;

const APIC_BASE = 0x1b;
const APIC_ENABLED = 0x800;
const PERFORMANCE_COUNTERS = 4;
const DR6 = L.DR + 48;

function requireRing0(cpu: Cpu): void {
  if (cpu.cpl !== 0) raise(GP, 0);
}
function requireProtected(cpu: Cpu): void {
  if (cpu.isRealOrVm86) raise(UD, null);
}

/** Far transfers leave their target in RIP. */
function transferred(cpu: Cpu): Outcome {
  cpu.copy64(L.RIP, L.NEXT_RIP);
  return 1;
}

/** Selector and offset of a far pointer in the instruction or in memory. */
const pointer = { selector: 0, lo: 0, hi: 0 };
function readFarPointer(cpu: Cpu, rec: number): void {
  const size = operandSize(cpu, rec);
  if (!isMemoryOperand(cpu, rec)) {
    pointer.lo = size === 2 ? immediate(cpu, rec) & 0xffff : immediate(cpu, rec);
    pointer.hi = 0;
    pointer.selector = cpu.get(rec + L.REC_EXTRA) & 0xffff;
    return;
  }
  const at = memoryOperand(cpu, rec);
  pointer.lo = size === 2 ? cpu.mmu.read16(at, "current") : cpu.mmu.read32(at, "current");
  pointer.hi = size === 8 ? cpu.mmu.read32(further(cpu, at, 4), "current") : 0;
  pointer.selector = cpu.mmu.read16(further(cpu, at, size), "current");
}

function softwareInterrupt(cpu: Cpu, vector: number): Outcome {
  enterHandler(cpu, vector, null, "software", cpu.get(L.NEXT_RIP), cpu.getHigh(L.NEXT_RIP));
  return transferred(cpu);
}

function loadSegmentOperation(cpu: Cpu, index: number, selector: number): Outcome {
  loadSegment(cpu, index, selector);
  // FS and GS are never taken to be flat.
  if (index >= L.FS) return 0;
  return updateMode(cpu) || index === L.SS ? 1 : 0;
}

const loadFarPointer =
  (index: number): Operation =>
  (cpu, rec) => {
    readFarPointer(cpu, rec);
    const { lo, hi, selector } = pointer;
    const outcome = loadSegmentOperation(cpu, index, selector);
    cpu.writeRegister(regOperand(cpu, rec), operandSize(cpu, rec), lo, hi);
    return outcome;
  };

/** LAR, LSL: the destination keeps its value where the selector is refused. */
function describeSelector(cpu: Cpu, rec: number, describe: (cpu: Cpu, selector: number) => number): Outcome {
  requireProtected(cpu);
  const value = describe(cpu, readWord(cpu, rec));
  if (value !== -1) cpu.writeRegister(regOperand(cpu, rec), operandSize(cpu, rec), value);
  cpu.zeroFlag = value !== -1;
  return 0;
}

const cpuidOut = new Uint32Array(4);
const cpuidState = { apicEnabled: true, kvmFeatures: 0 };

function readTsc(cpu: Cpu): void {
  if ((cpu.get(L.CR4) & L.CR4_TSD) !== 0 && cpu.cpl !== 0) raise(GP, 0);
  const [lo, hi] = cpu.hooks.tscNow();
  cpu.setGpr(0, lo);
  cpu.setGpr(2, hi);
}

/** KVM's calls: none is offered, which is an answer of its own (-KVM_ENOSYS) to the kernel and a refusal (-KVM_EPERM) to its programs. */
function hypercall(cpu: Cpu): Outcome {
  if (!cpu.hooks.kvmFeatures) raise(UD, null);
  cpu.setGpr(0, cpu.cpl === 0 ? -1000 : -1, cpu.is64 ? -1 : 0);
  return 0;
}

/** Whole register width of MOV to and from control and debug registers. */
function nativeSize(cpu: Cpu): number {
  return cpu.is64 ? 8 : 4;
}
function portOf(cpu: Cpu): number {
  return cpu.get(L.SCRATCH + 8) & 0xffff;
}

const raw: Readonly<Record<string, Operation>> = {
  // ---- control transfer
  jmpFar: (cpu, rec) => {
    readFarPointer(cpu, rec);
    jmpFar(cpu, pointer.selector, pointer.lo, pointer.hi);
    return transferred(cpu);
  },
  callFar: (cpu, rec) => {
    readFarPointer(cpu, rec);
    callFar(cpu, pointer.selector, pointer.lo, pointer.hi, operandSize(cpu, rec));
    return transferred(cpu);
  },
  retFar: (cpu, rec) => {
    retFar(cpu, operandSize(cpu, rec), immediate(cpu, rec) & 0xffff);
    return transferred(cpu);
  },
  iret: (cpu, rec) => {
    iret(cpu, operandSize(cpu, rec));
    return transferred(cpu);
  },
  int: (cpu, rec) => {
    if (cpu.isVm86 && cpu.iopl < 3) raise(GP, 0);
    return softwareInterrupt(cpu, immediate(cpu, rec) & 0xff);
  },
  int3: (cpu) => softwareInterrupt(cpu, BP),
  into: (cpu) => ((cpu.arithmeticFlags & L.FL_OF) !== 0 ? softwareInterrupt(cpu, OF) : 0),
  int1: (cpu) => {
    enterHandler(cpu, DB, null, "trap", cpu.get(L.NEXT_RIP), cpu.getHigh(L.NEXT_RIP));
    return transferred(cpu);
  },
  bound: (cpu, rec) => {
    const size = operandSize(cpu, rec);
    const at = memoryOperand(cpu, rec);
    const shift = size === 2 ? 16 : 0;
    const read = (offset: number) =>
      size === 2 ? cpu.mmu.read16(further(cpu, at, offset), "current") : cpu.mmu.read32(further(cpu, at, offset), "current");
    const signed = (value: number) => (value << shift) >> shift;
    const low = signed(read(0));
    const high = signed(read(size));
    const index = signed(cpu.get(regOperand(cpu, rec)));
    if (index < low || index > high) raise(BR, null);
    return 0;
  },
  syscall: (cpu) => {
    syscall(cpu);
    return 1;
  },
  sysret: (cpu, rec) => {
    sysret(cpu, operandSize(cpu, rec));
    return 1;
  },
  sysenter: (cpu) => {
    sysenter(cpu);
    return 1;
  },
  sysexit: (cpu, rec) => {
    sysexit(cpu, operandSize(cpu, rec));
    return 1;
  },
  hlt: (cpu) => {
    requireRing0(cpu);
    cpu.hooks.halt();
    return 1;
  },

  // ---- segments
  movToSeg: (cpu, rec) => {
    const index = regOperand(cpu, rec);
    if (index === L.CS || index > L.GS) raise(UD, null);
    const outcome = loadSegmentOperation(cpu, index, readWord(cpu, rec));
    if (index === L.SS) cpu.set(L.SHADOW, 1);
    return outcome;
  },
  popSeg: (cpu, rec) => {
    const index = regOperand(cpu, rec);
    reader.begin(cpu);
    const selector = reader.pop(cpu, operandSize(cpu, rec)) & 0xffff;
    const sp = reader.pointer;
    const attributes = cpu.segAttributes(L.SS);
    const outcome = loadSegmentOperation(cpu, index, selector);
    // The stack pointer moves by the width that SS had before.
    if (cpu.is64) cpu.setLinear(L.GPR + 32, sp);
    else setLegacyStackPointer(cpu, sp, attributes);
    if (index === L.SS) cpu.set(L.SHADOW, 1);
    return outcome;
  },
  les: loadFarPointer(L.ES),
  lss: loadFarPointer(L.SS),
  lds: loadFarPointer(L.DS),
  lfs: loadFarPointer(L.FS),
  lgs: loadFarPointer(L.GS),
  lldt: (cpu, rec) => {
    requireProtected(cpu);
    requireRing0(cpu);
    loadLdtr(cpu, readWord(cpu, rec));
    return 0;
  },
  ltr: (cpu, rec) => {
    requireProtected(cpu);
    requireRing0(cpu);
    loadTr(cpu, readWord(cpu, rec));
    return 0;
  },
  sldt: (cpu, rec) => {
    requireProtected(cpu);
    writeWord(cpu, rec, cpu.selector(L.LDTR));
    return 0;
  },
  str: (cpu, rec) => {
    requireProtected(cpu);
    writeWord(cpu, rec, cpu.selector(L.TR));
    return 0;
  },
  lar: (cpu, rec) => describeSelector(cpu, rec, accessRights),
  lsl: (cpu, rec) => describeSelector(cpu, rec, segmentLimit),
  verr: (cpu, rec) => {
    requireProtected(cpu);
    cpu.zeroFlag = isAccessible(cpu, readWord(cpu, rec), false);
    return 0;
  },
  verw: (cpu, rec) => {
    requireProtected(cpu);
    cpu.zeroFlag = isAccessible(cpu, readWord(cpu, rec), true);
    return 0;
  },
  arpl: (cpu, rec) => {
    requireProtected(cpu);
    const isMemory = isMemoryOperand(cpu, rec);
    // The destination is written to, in the sense of faults, whether or not it changes.
    if (isMemory) cpu.mmu.checkWrite(memoryOperand(cpu, rec), 2, "current");
    const selector = readWord(cpu, rec);
    const rpl = cpu.get16(regOperand(cpu, rec)) & 3;
    const raised = (selector & 3) < rpl;
    if (raised) {
      const value = (selector & ~3) | rpl;
      if (isMemory) cpu.mmu.write16(memoryOperand(cpu, rec), value, "current");
      else cpu.writeRegister(rmOperand(cpu, rec), 2, value);
    }
    cpu.zeroFlag = raised;
    return 0;
  },
  swapgs: (cpu) => {
    swapgs(cpu);
    return 0;
  },

  // ---- control, debug and table registers
  lgdt: (cpu, rec) => {
    loadTableRegister(cpu, L.GDTR, memoryOperand(cpu, rec), operandSize(cpu, rec));
    return 0;
  },
  lidt: (cpu, rec) => {
    loadTableRegister(cpu, L.IDTR, memoryOperand(cpu, rec), operandSize(cpu, rec));
    return 0;
  },
  sgdt: (cpu, rec) => {
    storeTableRegister(cpu, L.GDTR, memoryOperand(cpu, rec));
    return 0;
  },
  sidt: (cpu, rec) => {
    storeTableRegister(cpu, L.IDTR, memoryOperand(cpu, rec));
    return 0;
  },
  lmsw: (cpu, rec) => {
    lmsw(cpu, readWord(cpu, rec));
    return 1;
  },
  smsw: (cpu, rec) => {
    writeWord(cpu, rec, cpu.get(L.CR0));
    return 0;
  },
  clts: (cpu) => {
    clts(cpu);
    return 1;
  },
  movToCr: (cpu, rec) => {
    const from = rmOperand(cpu, rec);
    writeControl(cpu, regOperand(cpu, rec), cpu.get(from), cpu.is64 ? cpu.getHigh(from) : 0);
    return 1;
  },
  movFromCr: (cpu, rec) => {
    readControl(cpu, regOperand(cpu, rec), rmOperand(cpu, rec), nativeSize(cpu));
    return 0;
  },
  movToDr: (cpu, rec) => {
    const from = rmOperand(cpu, rec);
    writeDebug(cpu, regOperand(cpu, rec), cpu.get(from), cpu.is64 ? cpu.getHigh(from) : 0);
    return 1;
  },
  movFromDr: (cpu, rec) => {
    readDebug(cpu, regOperand(cpu, rec), rmOperand(cpu, rec), nativeSize(cpu));
    return 0;
  },
  invlpg: (cpu) => {
    requireRing0(cpu);
    const hi = cpu.getHigh(L.SCRATCH);
    // An address that is not canonical has no translation to forget.
    if (cpu.isCanonical(hi)) cpu.mmu.invalidatePage(cpu.toLinear(cpu.get(L.SCRATCH), hi));
    return 1;
  },
  invd: (cpu) => {
    requireRing0(cpu);
    return 0;
  },
  wbinvd: (cpu) => {
    requireRing0(cpu);
    return 0;
  },

  // ---- identification, counters, MSRs
  cpuid: (cpu) => {
    const apicBase = cpu.hooks.readMsr(APIC_BASE);
    cpuidState.apicEnabled = apicBase === null || (apicBase[0] & APIC_ENABLED) !== 0;
    cpuidState.kvmFeatures = cpu.hooks.kvmFeatures ?? 0;
    cpuid(cpu.model, cpu.gpr(0), cpu.gpr(1), cpuidState, cpuidOut);
    cpu.setGpr(0, cpuidOut[0] as number);
    cpu.setGpr(3, cpuidOut[1] as number);
    cpu.setGpr(1, cpuidOut[2] as number);
    cpu.setGpr(2, cpuidOut[3] as number);
    return 0;
  },
  rdtsc: (cpu) => {
    readTsc(cpu);
    return 0;
  },
  rdtscp: (cpu) => {
    readTsc(cpu);
    cpu.setGpr(1, cpu.get(L.MSR_TSC_AUX));
    return 0;
  },
  /** The counters exist and stand still. */
  rdpmc: (cpu) => {
    if (cpu.cpl !== 0 && (cpu.get(L.CR4) & L.CR4_PCE) === 0) raise(GP, 0);
    if (cpu.gpr(1) >= PERFORMANCE_COUNTERS) raise(GP, 0);
    cpu.setGpr(0, 0);
    cpu.setGpr(2, 0);
    return 0;
  },
  rdmsr: (cpu) => {
    requireRing0(cpu);
    const value = readMsr(cpu, cpu.gpr(1));
    cpu.setGpr(0, value[0] as number);
    cpu.setGpr(2, value[1] as number);
    return 0;
  },
  wrmsr: (cpu) => {
    requireRing0(cpu);
    writeMsr(cpu, cpu.gpr(1), cpu.gpr(0), cpu.gpr(2));
    return 1;
  },
  // CPUID reports no MONITOR.
  vmcall: hypercall,
  vmmcall: hypercall,
  monitor: () => raise(UD, null),
  mwait: () => raise(UD, null),

  // ---- flags
  pushf: (cpu, rec) => {
    pushf(cpu, operandSize(cpu, rec));
    return 0;
  },
  popf: (cpu, rec) => (popf(cpu, operandSize(cpu, rec)) ? 1 : 0),
  cli: (cpu) => {
    cli(cpu);
    return 0;
  },
  sti: (cpu) => (sti(cpu) ? 1 : 0),

  // ---- ports: the number is in SCRATCH + 8
  in: (cpu, rec) => {
    const size = Math.min(operandSize(cpu, rec), 4);
    checkIo(cpu, portOf(cpu), size);
    cpu.writeRegister(L.GPR, size, cpu.hooks.ioRead(portOf(cpu), size));
    return 0;
  },
  out: (cpu, rec) => {
    const size = Math.min(operandSize(cpu, rec), 4);
    checkIo(cpu, portOf(cpu), size);
    const value = cpu.gpr(0);
    cpu.hooks.ioWrite(portOf(cpu), size, size === 4 ? value : value & (size === 2 ? 0xffff : 0xff));
    return 0;
  },
  ins: (cpu, rec) => stringOutcome(cpu, stringPort(cpu, rec, true)),
  outs: (cpu, rec) => stringOutcome(cpu, stringPort(cpu, rec, false)),

  // ---- FPU and SSE state
  fxsave: (cpu, rec) => {
    fxsave(cpu, memoryOperand(cpu, rec), operandSize(cpu, rec) === 8);
    return 0;
  },
  fxrstor: (cpu, rec) => {
    fxrstor(cpu, memoryOperand(cpu, rec), operandSize(cpu, rec) === 8);
    return 0;
  },
  ldmxcsr: (cpu, rec) => {
    loadMxcsr(cpu, memoryOperand(cpu, rec));
    return 0;
  },
};

function stringOutcome(cpu: Cpu, done: boolean): Outcome {
  if (done) return 0;
  cpu.copy64(L.RIP, L.NEXT_RIP);
  return 1;
}

/** Leaves a fault where generated code and the run loop look for it. */
function record(cpu: Cpu, fault: GuestFault): void {
  cpu.set(L.FAULT, fault.vector + 1);
  cpu.set(L.FAULT_HAS_CODE, fault.errorCode === null ? 0 : 1);
  cpu.set(L.FAULT_CODE, fault.errorCode ?? 0);
  cpu.setLinear(L.FAULT_ADDRESS, fault.cr2);
  if (fault.dr6 !== 0) cpu.set(DR6, cpu.get(DR6) | fault.dr6);
}

const late: CpuEvent = { vector: 0, errorCode: null, kind: "fault" };

/** A fault after a task switch belongs to the new task, so it is delivered here, where RIP is that task's. */
function deliverInNewTask(cpu: Cpu, fault: GuestFault): Outcome {
  record(cpu, fault);
  cpu.set(L.FAULT, 0);
  late.vector = fault.vector;
  late.errorCode = fault.errorCode;
  if (deliver(cpu, late) === "ok") return transferred(cpu);
  // The double fault that could not be delivered fails in the same way for the run loop, which then shuts down.
  cpu.set(L.FAULT, DF + 1);
  cpu.set(L.FAULT_HAS_CODE, 1);
  cpu.set(L.FAULT_CODE, 0);
  return 2;
}

function guarded(operation: Operation): Operation {
  return (cpu, rec) => {
    cpu.taskSwitched = false;
    try {
      return operation(cpu, rec);
    } catch (fault) {
      if (!(fault instanceof GuestFault)) throw fault;
      if (cpu.taskSwitched) return deliverInNewTask(cpu, fault);
      record(cpu, fault);
      return 2;
    }
  };
}

/** Every system operation by name. None of them throws: faults come back as outcome 2. */
export const operations: Readonly<Record<string, Operation>> = Object.fromEntries(
  Object.entries(raw).map(([name, operation]) => [name, guarded(operation)]),
);
