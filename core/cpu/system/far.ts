// Far jumps, calls and returns: direct, through call gates with a change of stack, and to other tasks.
// AMD64 APM vol. 2, 4.11 and vol. 3 (CALL, JMP, RET far); Intel SDM vol. 3, 5.8.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import {
  Descriptor,
  fetchDescriptor,
  isNull,
  loadFrom,
  readUpperHalf,
  setAccessed,
  TYPE_CALL_GATE16,
  TYPE_CALL_GATE32,
  TYPE_TASK_GATE,
  TYPE_TSS16,
  TYPE_TSS32,
} from "./descriptor.ts";
import { GP, NP, raise, SS, TS } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";
import { checkStackDescriptor, loadReal, loadVm86, nullInaccessible } from "./segments.ts";
import { frame, pushFrame, reader, setLegacyStackPointer, setStackPointer } from "./stack.ts";
import { innerStack, readInnerStack, switchTask } from "./task-switch.ts";

const target = new Descriptor();
const code = new Descriptor();
const stack = new Descriptor();

/** Loads CS in real or virtual-8086 mode and goes to `offset`, which is checked against the limit before. */
export function enterRealCode(cpu: Cpu, selector: number, offset: number): void {
  if (cpu.isProtected) loadVm86(cpu, L.CS, selector);
  else loadReal(cpu, L.CS, selector);
  cpu.setRip(offset);
  updateMode(cpu);
}
function checkRealOffset(cpu: Cpu, offset: number): void {
  if (offset > (cpu.isVm86 ? 0xffff : cpu.segLimit(L.CS))) raise(GP, 0);
}

/** #GP(0) unless the offset lies in the segment: within the limit, or canonical in 64-bit code. */
export function checkEntry(cpu: Cpu, d: Descriptor, lo: number, hi: number): void {
  if (cpu.isLongActive && d.isLong) {
    if (!cpu.isCanonical(hi)) raise(GP, 0);
  } else if (lo > d.limit) raise(GP, 0);
}

/** L and D together are reserved. */
function checkLongBits(cpu: Cpu, d: Descriptor): void {
  if (cpu.isLongActive && d.isLong && d.isBig) raise(GP, d.code);
}

/** Loads CS and RIP from a checked descriptor. */
export function enterCode(cpu: Cpu, d: Descriptor, cpl: number, lo: number, hi: number): void {
  loadFrom(cpu, L.CS, (d.selector & 0xfffc) | cpl, d);
  cpu.set(L.CPL, cpl);
  cpu.setRip(lo, cpu.isLongActive && d.isLong ? hi : 0);
  updateMode(cpu);
}

/** A code segment reached without a gate keeps CPL. */
function checkDirect(cpu: Cpu, d: Descriptor): void {
  const cpl = cpu.cpl;
  if (d.isConforming ? d.dpl > cpl : d.rpl > cpl || d.dpl !== cpl) raise(GP, d.code);
  if (!d.isPresent) raise(NP, d.code);
  checkLongBits(cpu, d);
}

/** Checks the rights to a gate or TSS descriptor in `target` and its presence. */
function checkGate(cpu: Cpu): void {
  if (target.dpl < cpu.cpl || target.dpl < target.rpl) raise(GP, target.code);
  if (!target.isPresent) raise(NP, target.code);
}

function isTaskType(type: number): boolean {
  return type === TYPE_TASK_GATE || type === TYPE_TSS16 || type === TYPE_TSS32;
}
/** JMP and CALL through a task gate, or to a TSS itself. */
function enterTask(cpu: Cpu, source: "jump" | "call"): void {
  checkGate(cpu);
  switchTask(cpu, target.type === TYPE_TASK_GATE ? target.gateSelector : target.selector, source, cpu.get(L.NEXT_RIP));
}

/** Reads the code segment that the call gate in `target` leads to into `code`; false if the type is no gate of this mode. */
function openCallGate(cpu: Cpu): void {
  const type = target.type;
  const isLong = cpu.isLongActive;
  if (type !== TYPE_CALL_GATE32 && (isLong || type !== TYPE_CALL_GATE16)) raise(GP, target.code);
  checkGate(cpu);
  if (isLong) readUpperHalf(cpu, target);
  const selector = target.gateSelector;
  if (isNull(selector)) raise(GP, 0);
  fetchDescriptor(cpu, selector, code);
  if (!code.isCode || code.dpl > cpu.cpl) raise(GP, code.code);
  if (isLong && (!code.isLong || code.isBig)) raise(GP, code.code);
  if (!code.isPresent) raise(NP, code.code);
}
function gateEntry(): number {
  return target.type === TYPE_CALL_GATE16 ? target.gateOffset & 0xffff : target.gateOffset;
}

/** JMP far; the offset is already cut to the operand size. */
export function jmpFar(cpu: Cpu, selector: number, lo: number, hi: number): void {
  if (cpu.isRealOrVm86) {
    checkRealOffset(cpu, lo);
    enterRealCode(cpu, selector, lo);
    return;
  }
  if (isNull(selector)) raise(GP, 0);
  fetchDescriptor(cpu, selector, target);
  if (target.isCode) {
    checkDirect(cpu, target);
    checkEntry(cpu, target, lo, hi);
    setAccessed(cpu, target);
    enterCode(cpu, target, cpu.cpl, lo, hi);
    return;
  }
  if (isTaskType(target.type) && !cpu.isLongActive) {
    enterTask(cpu, "jump");
    return;
  }
  openCallGate(cpu);
  if (!code.isConforming && code.dpl !== cpu.cpl) raise(GP, code.code);
  checkEntry(cpu, code, gateEntry(), target.baseHigh);
  setAccessed(cpu, code);
  enterCode(cpu, code, cpu.cpl, gateEntry(), target.baseHigh);
}

/** CALL far with operand size `size`; NEXT_RIP is the return address. */
export function callFar(cpu: Cpu, selector: number, lo: number, hi: number, size: number): void {
  const returnLo = cpu.get(L.NEXT_RIP);
  const returnHigh = cpu.getHigh(L.NEXT_RIP);
  if (cpu.isRealOrVm86) {
    checkRealOffset(cpu, lo);
    pushReturn(cpu, size, returnLo, 0);
    enterRealCode(cpu, selector, lo);
    return;
  }
  if (isNull(selector)) raise(GP, 0);
  fetchDescriptor(cpu, selector, target);
  if (target.isCode) {
    checkDirect(cpu, target);
    checkEntry(cpu, target, lo, hi);
    setAccessed(cpu, target);
    pushReturn(cpu, size, returnLo, returnHigh);
    enterCode(cpu, target, cpu.cpl, lo, hi);
    return;
  }
  if (isTaskType(target.type) && !cpu.isLongActive) {
    enterTask(cpu, "call");
    return;
  }
  openCallGate(cpu);
  const entry = gateEntry();
  checkEntry(cpu, code, entry, target.baseHigh);
  setAccessed(cpu, code);
  const gateSize = cpu.isLongActive ? 8 : target.type === TYPE_CALL_GATE32 ? 4 : 2;
  if (code.isConforming || code.dpl === cpu.cpl) {
    pushGateReturn(cpu, gateSize, returnLo, returnHigh);
    enterCode(cpu, code, cpu.cpl, entry, target.baseHigh);
  } else if (gateSize === 8) callInner64(cpu, entry, returnLo, returnHigh);
  else callInner(cpu, gateSize, entry, returnLo);
}

function pushReturn(cpu: Cpu, size: number, lo: number, hi: number): void {
  frame.begin(size);
  frame.push(cpu.selector(L.CS));
  frame.push(lo, hi);
  pushFrame(cpu);
}

/** A gate of long mode pushes quadwords on the whole RSP, whatever mode the caller is in. */
function pushGateReturn(cpu: Cpu, size: number, lo: number, hi: number): void {
  if (size !== 8) {
    pushReturn(cpu, size, lo, hi);
    return;
  }
  if (!cpu.isCanonical(cpu.gprHigh(4))) raise(SS, 0);
  frame.begin(8);
  frame.push(cpu.selector(L.CS));
  frame.push(lo, hi);
  cpu.setLinear(L.GPR + 32, frame.commit64(cpu, cpu.toLinear(cpu.gpr(4), cpu.gprHigh(4)), "current", 0));
}

function callInner(cpu: Cpu, size: number, entry: number, returnLo: number): void {
  const cpl = code.dpl;
  readInnerStack(cpu, cpl, 0);
  const selector = innerStack.selector;
  const pointer = innerStack.pointer;
  if (isNull(selector)) raise(TS, 0);
  fetchDescriptor(cpu, selector, stack, TS);
  checkStackDescriptor(stack, cpl, TS, 0);
  setAccessed(cpu, stack);
  frame.begin(size);
  frame.push(cpu.selector(L.SS));
  frame.push(cpu.gpr(4));
  copyParameters(cpu, size, target.gateCount);
  frame.push(cpu.selector(L.CS));
  frame.push(returnLo);
  const sp = stack.isBig ? pointer : pointer & 0xffff;
  const top = frame.commit(cpu, sp, stack.base, stack.limit, stack.attributes, "system", stack.code);
  loadFrom(cpu, L.SS, selector, stack);
  cpu.setGpr(4, stack.isBig ? top : (pointer & 0xffff0000) | top);
  enterCode(cpu, code, cpl, entry, 0);
}

const parameters = new Uint32Array(31);

function copyParameters(cpu: Cpu, size: number, count: number): void {
  reader.begin(cpu);
  for (let i = 0; i < count; i++) parameters[i] = reader.pop(cpu, size);
  for (let i = count - 1; i >= 0; i--) frame.push(parameters[i] as number);
}

function callInner64(cpu: Cpu, entry: number, returnLo: number, returnHigh: number): void {
  const cpl = code.dpl;
  const offset = 4 + cpl * 8;
  if (cpu.segAttributes(L.TR) === 0 || offset + 7 > cpu.segLimit(L.TR)) raise(TS, cpu.selector(L.TR) & 0xfffc);
  const field = cpu.systemAddress(cpu.segBase(L.TR), offset);
  const lo = cpu.mmu.read32(field, "system");
  const hi = cpu.mmu.read32(field + 4, "system");
  if (!cpu.isCanonical(hi)) raise(SS, 0);
  frame.begin(8);
  frame.push(cpu.selector(L.SS));
  frame.push(cpu.gpr(4), cpu.gprHigh(4));
  frame.push(cpu.selector(L.CS));
  frame.push(returnLo, returnHigh);
  cpu.setLinear(L.GPR + 32, frame.commit64(cpu, cpu.toLinear(lo, hi), "system", 0));
  cpu.nullSegment(L.SS, cpl);
  enterCode(cpu, code, cpl, entry, target.baseHigh);
}

/** Reads and checks the code segment of a return into the result. */
export function fetchReturnCode(cpu: Cpu, selector: number): Descriptor {
  if (isNull(selector)) raise(GP, 0);
  fetchDescriptor(cpu, selector, code);
  const rpl = selector & 3;
  if (!code.isCode || rpl < cpu.cpl || (code.isConforming ? code.dpl > rpl : code.dpl !== rpl)) raise(GP, code.code);
  if (!code.isPresent) raise(NP, code.code);
  checkLongBits(cpu, code);
  return code;
}

/** Checks SS of a return to ring `cpl`; null is a stack only for 64-bit code outside ring 3. Null if it is that. */
export function fetchReturnStack(cpu: Cpu, selector: number, cpl: number, toLong: boolean): Descriptor | null {
  if (isNull(selector)) {
    if (!toLong || cpl === 3 || (selector & 3) !== cpl) raise(GP, 0);
    return null;
  }
  fetchDescriptor(cpu, selector, stack);
  checkStackDescriptor(stack, cpl, GP, 0);
  return stack;
}

/** Completes a return that also pops SS:RSP. All checks have been made except that the accessed bits can be written. */
export function enterOuter(
  cpu: Cpu,
  ripLo: number,
  ripHigh: number,
  ss: Descriptor | null,
  ssSelector: number,
  spLo: number,
  spHigh: number,
): void {
  setAccessed(cpu, code);
  if (ss) setAccessed(cpu, ss);
  const before = cpu.cpl;
  const cpl = code.rpl;
  if (ss) loadFrom(cpu, L.SS, ssSelector, ss);
  else cpu.nullSegment(L.SS, ssSelector);
  const toLong = cpu.isLongActive && code.isLong;
  if (toLong) cpu.setGpr(4, spLo, spHigh);
  else setLegacyStackPointer(cpu, spLo, cpu.segAttributes(L.SS));
  enterCode(cpu, code, cpl, ripLo, ripHigh);
  if (cpl > before) {
    nullInaccessible(cpu, cpl);
    updateMode(cpu);
  }
}

/** RET far, releasing `release` bytes of parameters. */
export function retFar(cpu: Cpu, size: number, release: number): void {
  reader.begin(cpu);
  const lo = reader.pop(cpu, size);
  const hi = reader.high;
  const selector = reader.pop(cpu, size) & 0xffff;
  if (cpu.isRealOrVm86) {
    checkRealOffset(cpu, lo);
    reader.skip(release);
    setStackPointer(cpu, reader.pointer);
    enterRealCode(cpu, selector, lo);
    return;
  }
  const d = fetchReturnCode(cpu, selector);
  checkEntry(cpu, d, lo, hi);
  reader.skip(release);
  if (d.rpl === cpu.cpl) {
    setAccessed(cpu, d);
    setStackPointer(cpu, reader.pointer);
    enterCode(cpu, d, d.rpl, lo, hi);
    return;
  }
  const spLo = reader.pop(cpu, size);
  const spHigh = reader.high;
  const ssSelector = reader.pop(cpu, size) & 0xffff;
  const ss = fetchReturnStack(cpu, ssSelector, d.rpl, cpu.isLongActive && d.isLong);
  const sum = spLo + release;
  enterOuter(cpu, lo, hi, ss, ssSelector, sum >>> 0, sum > 0xffffffff ? spHigh + 1 : spHigh);
}
