// Loading segment registers, LDTR and TR, and the instructions that ask about selectors: LAR, LSL, VERR, VERW, ARPL.
// AMD64 APM vol. 2, 4.5 to 4.12. A null selector clears the hidden base of FS and GS, as Intel processors do.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import {
  Descriptor,
  fetchDescriptor,
  isNull,
  loadFrom,
  readDescriptor,
  readUpperHalf,
  setAccessed,
  TYPE_CALL_GATE16,
  TYPE_CALL_GATE32,
  TYPE_LDT,
  TYPE_TASK_GATE,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  TYPE_TSS32,
  TYPE_TSS32_BUSY,
} from "./descriptor.ts";
import { GP, NP, raise, SS, TS } from "./guest-fault.ts";

/** Present, writable, accessed data: what a real mode load leaves in the attributes. */
const REAL_ATTRIBUTES = L.ATTR_P | L.ATTR_S | L.ATTR_WRITABLE | L.ATTR_ACCESSED;
const VM86_ATTRIBUTES = REAL_ATTRIBUTES | 0x60;

const scratch = new Descriptor();

/** Real mode: the base moves, limit and D/B stay what they were ("unreal" mode depends on it). */
export function loadReal(cpu: Cpu, index: number, selector: number): void {
  const before = cpu.segAttributes(index);
  // After a null selector of protected mode there is no limit to keep.
  const limit = before === 0 ? 0xffff : cpu.segLimit(index);
  cpu.setSegment(index, selector, selector << 4, limit, REAL_ATTRIBUTES | (before & (L.ATTR_DB | L.ATTR_G)));
}

export function loadVm86(cpu: Cpu, index: number, selector: number): void {
  cpu.setSegment(index, selector, selector << 4, 0xffff, VM86_ATTRIBUTES);
}

/** Checks a descriptor for SS at `cpl`; `vector` (#GP or #TS) blames the selector. */
export function checkStackDescriptor(d: Descriptor, cpl: number, vector: number, ext: number): void {
  if (d.rpl !== cpl || d.dpl !== cpl || !d.isWritable) raise(vector, d.code | ext);
  if (!d.isPresent) raise(SS, d.code | ext);
}

/** MOV and POP to a segment register other than CS, LDS and its relatives. Changes nothing if it faults. */
export function loadSegment(cpu: Cpu, index: number, selector: number): void {
  if (!cpu.isProtected) {
    loadReal(cpu, index, selector);
    return;
  }
  if (cpu.isVm86) {
    loadVm86(cpu, index, selector);
    return;
  }
  const cpl = cpu.cpl;
  if (isNull(selector)) {
    if (index === L.SS && (!cpu.is64 || cpl === 3 || (selector & 3) !== cpl)) raise(GP, 0);
    cpu.nullSegment(index, selector);
    return;
  }
  const d = scratch;
  fetchDescriptor(cpu, selector, d);
  if (index === L.SS) checkStackDescriptor(d, cpl, GP, 0);
  else checkDataDescriptor(d, cpl, GP);
  setAccessed(cpu, d);
  loadFrom(cpu, index, selector, d);
}

/** Checks a descriptor for DS, ES, FS or GS. */
export function checkDataDescriptor(d: Descriptor, cpl: number, vector: number): void {
  if (d.type < 16 || !d.isReadable) raise(vector, d.code);
  const anyPrivilege = d.isCode && d.isConforming;
  if (!anyPrivilege && (d.rpl > d.dpl || cpl > d.dpl)) raise(vector, d.code);
  if (!d.isPresent) raise(NP, d.code);
}

/** LLDT. */
export function loadLdtr(cpu: Cpu, selector: number): void {
  if (isNull(selector)) {
    cpu.nullSegment(L.LDTR, selector);
    return;
  }
  readLdtDescriptor(cpu, selector, scratch, GP, 0);
  loadFrom(cpu, L.LDTR, selector, scratch);
}

/** Reads and checks the descriptor of an LDT: `vector` is #GP for LLDT, #TS for task switches. */
export function readLdtDescriptor(cpu: Cpu, selector: number, d: Descriptor, vector: number, ext: number): void {
  if ((selector & 4) !== 0) raise(vector, (selector & 0xfffc) | ext);
  fetchDescriptor(cpu, selector, d, vector, ext);
  if (d.type !== TYPE_LDT) raise(vector, d.code | ext);
  if (!d.isPresent) raise(vector === TS ? TS : NP, d.code | ext);
  readWideBase(cpu, d, vector, ext);
}

/** LTR: marks the TSS busy. */
export function loadTr(cpu: Cpu, selector: number): void {
  if (isNull(selector)) raise(GP, 0);
  const d = scratch;
  if ((selector & 4) !== 0) raise(GP, selector & 0xfffc);
  fetchDescriptor(cpu, selector, d);
  if (d.type !== TYPE_TSS32 && (d.type !== TYPE_TSS16 || cpu.isLongActive)) raise(GP, d.code);
  if (!d.isPresent) raise(NP, d.code);
  readWideBase(cpu, d, GP, 0);
  d.hi |= 0x200;
  cpu.mmu.write8(cpu.systemAddress(d.address, 5), (d.hi >>> 8) & 0xff, "system");
  loadFrom(cpu, L.TR, selector, d);
}

function readWideBase(cpu: Cpu, d: Descriptor, vector: number, ext: number): void {
  if (!cpu.isLongActive) return;
  readUpperHalf(cpu, d, vector, ext);
  if (!cpu.isCanonical(d.baseHigh)) raise(vector, d.code | ext);
}

/** True if the selector may be asked about at this privilege: what LAR, LSL, VERR and VERW have in common. */
function isVisible(cpu: Cpu, selector: number): boolean {
  if (isNull(selector) || !readDescriptor(cpu, selector, scratch)) return false;
  const d = scratch;
  if (d.isCode && d.isConforming) return true;
  return cpu.cpl <= d.dpl && d.rpl <= d.dpl;
}

const ACCESS_RIGHTS_TYPES =
  (1 << TYPE_TSS16) |
  (1 << TYPE_LDT) |
  (1 << TYPE_TSS16_BUSY) |
  (1 << TYPE_CALL_GATE16) |
  (1 << TYPE_TASK_GATE) |
  (1 << TYPE_TSS32) |
  (1 << TYPE_TSS32_BUSY) |
  (1 << TYPE_CALL_GATE32);
const LIMIT_TYPES = (1 << TYPE_TSS16) | (1 << TYPE_LDT) | (1 << TYPE_TSS16_BUSY) | (1 << TYPE_TSS32) | (1 << TYPE_TSS32_BUSY);
const LONG_TYPES = (1 << TYPE_LDT) | (1 << TYPE_TSS32) | (1 << TYPE_TSS32_BUSY) | (1 << TYPE_CALL_GATE32);

function isAllowedType(cpu: Cpu, type: number, types: number): boolean {
  if (type >= 16) return true;
  return ((cpu.isLongActive ? types & LONG_TYPES : types) & (1 << type)) !== 0;
}

/** LAR: the access rights, or -1 if the selector is refused. */
export function accessRights(cpu: Cpu, selector: number): number {
  if (!isVisible(cpu, selector) || !isAllowedType(cpu, scratch.type, ACCESS_RIGHTS_TYPES)) return -1;
  return scratch.hi & 0x00ffff00;
}

/** LSL: the limit in bytes, or -1 if the selector is refused. */
export function segmentLimit(cpu: Cpu, selector: number): number {
  if (!isVisible(cpu, selector) || !isAllowedType(cpu, scratch.type, LIMIT_TYPES)) return -1;
  return scratch.limit;
}

/** VERR and VERW. */
export function isAccessible(cpu: Cpu, selector: number, forWrite: boolean): boolean {
  if (!isVisible(cpu, selector) || scratch.type < 16) return false;
  return forWrite ? scratch.isWritable : scratch.isReadable;
}

/** On a return to an outer ring, data segments that it may not have are nulled. */
export function nullInaccessible(cpu: Cpu, cpl: number): void {
  for (let index = L.ES; index <= L.GS; index++) {
    if (index === L.CS || index === L.SS) continue;
    const attributes = cpu.segAttributes(index);
    if (attributes === 0) continue;
    const isConforming = (attributes & (L.ATTR_CODE | L.ATTR_CONFORMING)) === (L.ATTR_CODE | L.ATTR_CONFORMING);
    if (((attributes >> 5) & 3) < cpl && !isConforming) cpu.nullSegment(index);
  }
}
