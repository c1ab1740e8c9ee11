// Delivery of interrupts and exceptions: real mode vectors, interrupt, trap and task gates, 64-bit gates with IST; error codes,
// double and triple faults. AMD64 APM vol. 2, chapter 8; Intel SDM vol. 3, chapter 6. NMI blocking until IRET is left out.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import {
  Descriptor,
  fetchDescriptor,
  isNull,
  loadFrom,
  setAccessed,
  TYPE_INTERRUPT_GATE16,
  TYPE_INTERRUPT_GATE32,
  TYPE_TASK_GATE,
  TYPE_TRAP_GATE16,
  TYPE_TRAP_GATE32,
} from "./descriptor.ts";
import { DB, DE, DF, GP, GuestFault, NP, PF, raise, SS, TS } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";
import { checkStackDescriptor, loadReal } from "./segments.ts";
import { frame, setLegacyStackPointer } from "./stack.ts";
import { innerStack, readInnerStack, switchTask } from "./task-switch.ts";

/** `software` is INT n, INT3 and INTO: the gate's DPL counts, and the return address is that of the next instruction. */
export type EventKind = "fault" | "trap" | "external" | "software" | "nmi";

export interface CpuEvent {
  vector: number;
  errorCode: number | null;
  kind: EventKind;
}

const DR6 = L.DR + 48;
const DR7 = L.DR + 56;
const DR7_GD = 0x2000;
/** Offset of RSP0 and (less 8) of IST1 in a 64-bit TSS. */
const TSS64_RSP0 = 4;
const TSS64_IST = 0x1c;

const gate = new Descriptor();
const code = new Descriptor();
const stack = new Descriptor();

/**
 * Delivers an event: RIP, or NEXT_RIP for a software interrupt, is where the handler will return to. The address of a page
 * fault is in FAULT_ADDRESS. "shutdown": a fault came up while a double fault was being delivered; registers are as before.
 */
export function deliver(cpu: Cpu, event: CpuEvent): "ok" | "shutdown" {
  let { vector, errorCode, kind } = event;
  if (vector === PF && kind === "fault") cpu.copy64(L.FAULT_ADDRESS, L.CR2);
  for (;;) {
    const at = kind === "software" ? L.NEXT_RIP : L.RIP;
    try {
      enterHandler(cpu, vector, errorCode, kind, cpu.get(at), cpu.getHigh(at));
      return "ok";
    } catch (fault) {
      if (!(fault instanceof GuestFault)) throw fault;
      if (fault.vector === PF) cpu.setLinear(L.CR2, fault.cr2);
      if (fault.dr6 !== 0) cpu.set(DR6, cpu.get(DR6) | fault.dr6);
      const isException = kind === "fault" || kind === "trap";
      if (isException && vector === DF && fault.vector !== DB) return "shutdown";
      if (isException && makesDoubleFault(vector, fault.vector)) {
        vector = DF;
        errorCode = 0;
      } else {
        vector = fault.vector;
        errorCode = fault.errorCode;
      }
      kind = "fault";
    }
  }
}

function isContributory(vector: number): boolean {
  return vector === DE || (vector >= TS && vector <= GP);
}
function makesDoubleFault(first: number, second: number): boolean {
  if (first === PF) return second === PF || isContributory(second);
  return isContributory(first) && isContributory(second);
}

/** Enters the handler of a vector. Raises GuestFault where that fails, with nothing changed (task switches apart). */
export function enterHandler(cpu: Cpu, vector: number, errorCode: number | null, kind: EventKind, ripLo: number, ripHigh: number): void {
  let flags = cpu.eflags & ~L.FL_RF;
  // A fault handler returns to the instruction itself, which must not hit the same instruction breakpoint again.
  if (kind === "fault" && vector !== DB) flags |= L.FL_RF;
  if (!cpu.isProtected) enterReal(cpu, vector, flags, ripLo);
  else if (cpu.isLongActive) enterLong(cpu, vector, errorCode, kind, flags, ripLo, ripHigh);
  else enterLegacy(cpu, vector, errorCode, kind, flags, ripLo);
  cpu.set(L.SHADOW, 0);
  if (vector === DB && kind !== "software") cpu.set(DR7, cpu.get(DR7) & ~DR7_GD);
}

function enterReal(cpu: Cpu, vector: number, flags: number, ip: number): void {
  if (vector * 4 + 3 > cpu.get(L.IDTR + 8)) raise(GP, 0);
  const entry = cpu.mmu.read32(cpu.systemAddress(cpu.linear(L.IDTR), vector * 4), "system");
  const attributes = cpu.segAttributes(L.SS);
  const sp = (attributes & L.ATTR_DB) !== 0 ? cpu.gpr(4) : cpu.gpr(4) & 0xffff;
  if ((entry & 0xffff) > cpu.segLimit(L.CS)) raise(GP, 0);
  frame.begin(2);
  frame.push(flags);
  frame.push(cpu.selector(L.CS));
  frame.push(ip);
  const top = frame.commit(cpu, sp, cpu.segBase(L.SS), cpu.segLimit(L.SS), attributes, "system", 0);
  setLegacyStackPointer(cpu, top, attributes);
  loadReal(cpu, L.CS, entry >>> 16);
  cpu.setRip(entry & 0xffff);
  cpu.set(L.EFLAGS_OTHER, cpu.get(L.EFLAGS_OTHER) & ~(L.FL_IF | L.FL_TF | L.FL_AC | L.FL_RF));
  updateMode(cpu);
}

/** Flags of the handler. Interrupt gates have an even type. */
function setHandlerFlags(cpu: Cpu, gateType: number): void {
  let cleared = L.FL_TF | L.FL_NT | L.FL_RF | L.FL_VM;
  if ((gateType & 1) === 0) cleared |= L.FL_IF;
  cpu.set(L.EFLAGS_OTHER, cpu.get(L.EFLAGS_OTHER) & ~cleared);
}

function enterLong(
  cpu: Cpu,
  vector: number,
  errorCode: number | null,
  kind: EventKind,
  flags: number,
  ripLo: number,
  ripHigh: number,
): void {
  const ext = kind === "software" ? 0 : 1;
  const blame = vector * 8 + 2 + ext;
  if (vector * 16 + 15 > cpu.get(L.IDTR + 8)) raise(GP, blame);
  const at = cpu.systemAddress(cpu.linear(L.IDTR), vector * 16);
  gate.lo = cpu.mmu.read32(at, "system");
  gate.hi = cpu.mmu.read32(at + 4, "system");
  const entryHigh = cpu.mmu.read32(at + 8, "system");
  const type = gate.type;
  if (type !== TYPE_INTERRUPT_GATE32 && type !== TYPE_TRAP_GATE32) raise(GP, blame);
  const cpl = cpu.cpl;
  if (kind === "software" && gate.dpl < cpl) raise(GP, blame);
  if (!gate.isPresent) raise(NP, blame);
  fetchHandlerCode(cpu, cpl, ext);
  if (!code.isLong || code.isBig) raise(GP, code.code | ext);
  const handlerCpl = code.isConforming ? cpl : code.dpl;
  const ist = gate.hi & 7;
  let rspLo = cpu.gpr(4);
  let rspHigh = cpu.gprHigh(4);
  if (ist !== 0 || handlerCpl < cpl) {
    const offset = ist !== 0 ? TSS64_IST + ist * 8 : TSS64_RSP0 + handlerCpl * 8;
    if (cpu.segAttributes(L.TR) === 0 || offset + 7 > cpu.segLimit(L.TR)) raise(TS, (cpu.selector(L.TR) & 0xfffc) | ext);
    const field = cpu.systemAddress(cpu.segBase(L.TR), offset);
    rspLo = cpu.mmu.read32(field, "system");
    rspHigh = cpu.mmu.read32(field + 4, "system");
  }
  if (!cpu.isCanonical(rspHigh)) raise(SS, ext);
  if (!cpu.isCanonical(entryHigh)) raise(GP, ext);
  frame.begin(8);
  frame.push(cpu.selector(L.SS));
  frame.push(cpu.gpr(4), cpu.gprHigh(4));
  frame.push(flags);
  frame.push(cpu.selector(L.CS));
  frame.push(ripLo, ripHigh);
  if (errorCode !== null) frame.push(errorCode);
  setAccessed(cpu, code);
  const top = cpu.toLinear((rspLo & ~15) >>> 0, rspHigh);
  const bottom = frame.commit64(cpu, top, handlerCpl === 3 ? "user" : "system", ext);

  cpu.setLinear(L.GPR + 32, bottom);
  if (handlerCpl < cpl) cpu.nullSegment(L.SS, handlerCpl);
  loadFrom(cpu, L.CS, (gate.gateSelector & 0xfffc) | handlerCpl, code);
  cpu.setRip(gate.gateOffset, entryHigh);
  setHandlerFlags(cpu, type);
  cpu.set(L.CPL, handlerCpl);
  updateMode(cpu);
}

/** Reads and checks the code segment of the gate into `code`. */
function fetchHandlerCode(cpu: Cpu, cpl: number, ext: number): void {
  const selector = gate.gateSelector;
  if (isNull(selector)) raise(GP, ext);
  fetchDescriptor(cpu, selector, code, GP, ext);
  if (!code.isCode || code.dpl > cpl) raise(GP, code.code | ext);
  if (!code.isPresent) raise(NP, code.code | ext);
}

function enterLegacy(cpu: Cpu, vector: number, errorCode: number | null, kind: EventKind, flags: number, eip: number): void {
  const ext = kind === "software" ? 0 : 1;
  const blame = vector * 8 + 2 + ext;
  if (vector * 8 + 7 > cpu.get(L.IDTR + 8)) raise(GP, blame);
  const at = cpu.systemAddress(cpu.linear(L.IDTR), vector * 8);
  gate.lo = cpu.mmu.read32(at, "system");
  gate.hi = cpu.mmu.read32(cpu.systemAddress(at, 4), "system");
  const type = gate.type;
  const isGate16 = type === TYPE_INTERRUPT_GATE16 || type === TYPE_TRAP_GATE16;
  const isGate32 = type === TYPE_INTERRUPT_GATE32 || type === TYPE_TRAP_GATE32;
  if (!isGate16 && !isGate32 && type !== TYPE_TASK_GATE) raise(GP, blame);
  const cpl = cpu.cpl;
  if (kind === "software" && gate.dpl < cpl) raise(GP, blame);
  if (!gate.isPresent) raise(NP, blame);
  if (type === TYPE_TASK_GATE) {
    // The image of EFLAGS goes to the old TSS, with RF as it would have been pushed.
    cpu.set(L.EFLAGS_OTHER, (cpu.get(L.EFLAGS_OTHER) & ~L.FL_RF) | (flags & L.FL_RF));
    switchTask(cpu, gate.gateSelector, "interrupt", eip, ext, errorCode);
    return;
  }
  fetchHandlerCode(cpu, cpl, ext);
  const size = isGate32 ? 4 : 2;
  const entry = isGate32 ? gate.gateOffset : gate.gateOffset & 0xffff;
  const isVm86 = cpu.isVm86;
  const isInner = !code.isConforming && code.dpl < cpl;
  if (isVm86 && (!isInner || code.dpl !== 0)) raise(GP, code.code | ext);
  if (entry > code.limit) raise(GP, ext);
  setAccessed(cpu, code);
  frame.begin(size);
  if (isInner) enterInner(cpu, errorCode, flags, eip, ext, isVm86);
  else {
    pushReturn(cpu, errorCode, flags, eip);
    const attributes = cpu.segAttributes(L.SS);
    const sp = (attributes & L.ATTR_DB) !== 0 ? cpu.gpr(4) : cpu.gpr(4) & 0xffff;
    const top = frame.commit(cpu, sp, cpu.segBase(L.SS), cpu.segLimit(L.SS), attributes, "current", ext);
    setLegacyStackPointer(cpu, top, attributes);
  }
  const handlerCpl = isInner ? code.dpl : cpl;
  loadFrom(cpu, L.CS, (gate.gateSelector & 0xfffc) | handlerCpl, code);
  cpu.setRip(entry);
  setHandlerFlags(cpu, type);
  cpu.set(L.CPL, handlerCpl);
  updateMode(cpu);
}

function pushReturn(cpu: Cpu, errorCode: number | null, flags: number, eip: number): void {
  frame.push(flags);
  frame.push(cpu.selector(L.CS));
  frame.push(eip);
  if (errorCode !== null) frame.push(errorCode);
}

/** Moves to the stack of the handler's ring and pushes the frame there. */
function enterInner(cpu: Cpu, errorCode: number | null, flags: number, eip: number, ext: number, isVm86: boolean): void {
  const cpl = code.dpl;
  readInnerStack(cpu, cpl, ext);
  const selector = innerStack.selector;
  if (isNull(selector)) raise(TS, ext);
  fetchDescriptor(cpu, selector, stack, TS, ext);
  checkStackDescriptor(stack, cpl, TS, ext);
  setAccessed(cpu, stack);
  if (isVm86) for (let i = 0; i < VM86_PUSHED.length; i++) frame.push(cpu.selector(VM86_PUSHED[i] as number));
  frame.push(cpu.selector(L.SS));
  frame.push(cpu.gpr(4));
  pushReturn(cpu, errorCode, flags, eip);
  const attributes = stack.attributes;
  const pointer = innerStack.pointer;
  const sp = stack.isBig ? pointer : pointer & 0xffff;
  const top = frame.commit(cpu, sp, stack.base, stack.limit, attributes, "system", stack.code | ext);
  loadFrom(cpu, L.SS, selector, stack);
  cpu.setGpr(4, stack.isBig ? top : (pointer & 0xffff0000) | top);
  if (isVm86) for (let i = 0; i < VM86_PUSHED.length; i++) cpu.nullSegment(VM86_PUSHED[i] as number);
}
const VM86_PUSHED = [L.GS, L.FS, L.DS, L.ES] as const;

const debugTrap: CpuEvent = { vector: DB, errorCode: null, kind: "trap" };

/** Delivers a debug trap that comes after an instruction: `bits` are what it sets in DR6 (4000h: single step). */
export function deliverDebugTrap(cpu: Cpu, bits: number): "ok" | "shutdown" {
  cpu.set(DR6, cpu.get(DR6) | bits);
  return deliver(cpu, debugTrap);
}
