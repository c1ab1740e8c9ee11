// Segment and gate descriptors as they lie in the GDT, LDT and IDT. AMD64 APM vol. 2, 4.7 and 4.8; Intel SDM vol. 3, 3.4.5 and 5.8.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, raise } from "./guest-fault.ts";

/** System descriptor types (S = 0). In long mode 2 and the 32-bit ones stand for their 64-bit counterparts. */
export const TYPE_TSS16 = 1;
export const TYPE_LDT = 2;
export const TYPE_TSS16_BUSY = 3;
export const TYPE_CALL_GATE16 = 4;
export const TYPE_TASK_GATE = 5;
export const TYPE_INTERRUPT_GATE16 = 6;
export const TYPE_TRAP_GATE16 = 7;
export const TYPE_TSS32 = 9;
export const TYPE_TSS32_BUSY = 11;
export const TYPE_CALL_GATE32 = 12;
export const TYPE_INTERRUPT_GATE32 = 14;
export const TYPE_TRAP_GATE32 = 15;

/** Attribute bits kept from a descriptor's upper word (SEG_ATTR): all but the limit. */
const ATTRIBUTES = 0xf0ff;
const TABLE_INDICATOR = 4;

/** One descriptor that has been read. Instances are kept and filled again: nothing is allocated on the way of an interrupt. */
export class Descriptor {
  selector = 0;
  lo = 0;
  hi = 0;
  /** Linear address of the descriptor. */
  address = 0;
  /** Bits 63:32 of the base, for the system descriptors of long mode. */
  baseHigh = 0;

  get attributes(): number {
    return (this.hi >>> 8) & ATTRIBUTES;
  }
  /** S and type, 5 bits: below 16 a system descriptor. */
  get type(): number {
    return (this.hi >>> 8) & 31;
  }
  get dpl(): number {
    return (this.hi >>> 13) & 3;
  }
  get rpl(): number {
    return this.selector & 3;
  }
  get isPresent(): boolean {
    return (this.hi & 0x8000) !== 0;
  }
  get isCode(): boolean {
    return (this.hi & 0x1800) === 0x1800;
  }
  get isConforming(): boolean {
    return (this.hi & 0x400) !== 0;
  }
  get isReadable(): boolean {
    return (this.hi & 0x1000) !== 0 && ((this.hi & 0x800) === 0 || (this.hi & 0x200) !== 0);
  }
  get isWritable(): boolean {
    return (this.hi & 0x1a00) === 0x1200;
  }
  /** 64-bit code. */
  get isLong(): boolean {
    return (this.hi & 0x200000) !== 0;
  }
  get isBig(): boolean {
    return (this.hi & 0x400000) !== 0;
  }
  get base(): number {
    return (((this.lo >>> 16) | ((this.hi & 0xff) << 16) | (this.hi & 0xff000000)) >>> 0) + (this.baseHigh | 0) * 0x1_0000_0000;
  }
  /** In bytes, granularity applied. */
  get limit(): number {
    const raw = (this.lo & 0xffff) | (this.hi & 0xf0000);
    return (this.hi & 0x800000) !== 0 ? ((raw << 12) | 0xfff) >>> 0 : raw;
  }
  /** Gates: target selector, offset bits 31:0, count of parameters. */
  get gateSelector(): number {
    return this.lo >>> 16;
  }
  get gateOffset(): number {
    return ((this.lo & 0xffff) | (this.hi & 0xffff0000)) >>> 0;
  }
  get gateCount(): number {
    return this.hi & 31;
  }

  /** The error code that blames this selector. */
  get code(): number {
    return this.selector & 0xfffc;
  }

  copy(other: Descriptor): void {
    this.selector = other.selector;
    this.lo = other.lo;
    this.hi = other.hi;
    this.address = other.address;
    this.baseHigh = other.baseHigh;
  }
}

export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Reads the descriptor of a selector. False if it lies beyond its table's limit, or there is no LDT. */
export function readDescriptor(cpu: Cpu, selector: number, into: Descriptor): boolean {
  const offset = selector & 0xfff8;
  let base: number;
  let limit: number;
  if ((selector & TABLE_INDICATOR) !== 0) {
    if (cpu.segAttributes(L.LDTR) === 0) return false;
    base = cpu.segBase(L.LDTR);
    limit = cpu.segLimit(L.LDTR);
  } else {
    base = cpu.linear(L.GDTR);
    limit = cpu.get(L.GDTR + 8);
  }
  if (offset + 7 > limit) return false;
  const address = cpu.systemAddress(base, offset);
  into.selector = selector;
  into.address = address;
  into.lo = cpu.mmu.read32(address, "system");
  into.hi = cpu.mmu.read32(cpu.systemAddress(address, 4), "system");
  into.baseHigh = 0;
  return true;
}

/** Reads a descriptor, or raises `vector` with the selector (and EXT) as its error code. */
export function fetchDescriptor(cpu: Cpu, selector: number, into: Descriptor, vector = GP, ext = 0): void {
  if (!readDescriptor(cpu, selector, into)) raise(vector, (selector & 0xfffc) | ext);
}

/** Reads the second half of a long mode system descriptor: bits 63:32 of its base or offset into `baseHigh`. */
export function readUpperHalf(cpu: Cpu, d: Descriptor, vector = GP, ext = 0): void {
  const limit = (d.selector & TABLE_INDICATOR) !== 0 ? cpu.segLimit(L.LDTR) : cpu.get(L.GDTR + 8);
  if ((d.selector & 0xfff8) + 15 > limit) raise(vector, d.code | ext);
  d.baseHigh = cpu.mmu.read32(cpu.systemAddress(d.address, 8), "system");
  const last = cpu.mmu.read32(cpu.systemAddress(d.address, 12), "system");
  if ((last & 0x1f00) !== 0) raise(vector, d.code | ext);
}

/** Sets the accessed bit of a code or data descriptor, in the table and in `d`. */
export function setAccessed(cpu: Cpu, d: Descriptor): void {
  if ((d.hi & 0x100) !== 0) return;
  d.hi |= 0x100;
  cpu.mmu.write8(cpu.systemAddress(d.address, 5), (d.hi >>> 8) & 0xff, "system");
}

/** Loads a segment register from a descriptor that has passed every check. */
export function loadFrom(cpu: Cpu, index: number, selector: number, d: Descriptor): void {
  cpu.setSegment(index, selector, d.base, d.limit, d.attributes);
}
