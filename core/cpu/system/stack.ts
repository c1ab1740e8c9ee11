// Stack accesses of far transfers: limits, wrap-around and rights are checked for a whole frame before any of it is written.
// AMD64 APM vol. 2, 8.7 and 8.9; Intel SDM vol. 3, 6.12 to 6.14.
import * as L from "../state/layout.ts";
import type { Cpu, Privilege } from "./cpu.ts";
import { raise, SS } from "./guest-fault.ts";

const MAX_SLOTS = 48;

/** True if [offset, offset+size) lies within a segment of this limit and these attributes. */
export function isWithin(offset: number, size: number, limit: number, attributes: number): boolean {
  const last = offset + size - 1;
  const expandsDown = (attributes & (L.ATTR_CODE | L.ATTR_CONFORMING)) === L.ATTR_CONFORMING;
  if (!expandsDown) return last <= limit;
  return offset > limit && last <= ((attributes & L.ATTR_DB) !== 0 ? 0xffffffff : 0xffff);
}

/** What is about to be pushed, first pushed first. One instance, filled anew for every frame. */
export class Frame {
  private readonly lo = new Uint32Array(MAX_SLOTS);
  private readonly hi = new Uint32Array(MAX_SLOTS);
  private count = 0;
  private size = 0;

  /** Starts a frame of slots of `size` bytes. */
  begin(size: number): void {
    this.count = 0;
    this.size = size;
  }
  push(lo: number, hi = 0): void {
    this.lo[this.count] = lo;
    this.hi[this.count] = hi;
    this.count++;
  }
  get bytes(): number {
    return this.count * this.size;
  }

  /**
   * Writes the frame below stack pointer `sp` of a segment. Returns the new stack pointer. Faults are #SS(`code`) and page
   * faults; nothing has been written then.
   */
  commit(cpu: Cpu, sp: number, base: number, limit: number, attributes: number, privilege: Privilege, code: number): number {
    const size = this.size;
    const mask = (attributes & L.ATTR_DB) !== 0 ? 0xffffffff : 0xffff;
    let at = sp;
    for (let i = 0; i < this.count; i++) {
      at = ((at - size) & mask) >>> 0;
      if (!isWithin(at, size, limit, attributes)) raise(SS, code);
      cpu.mmu.checkWrite((base + at) >>> 0, size, privilege);
    }
    at = sp;
    for (let i = 0; i < this.count; i++) {
      at = ((at - size) & mask) >>> 0;
      this.store(cpu, (base + at) >>> 0, i, privilege);
    }
    return at;
  }

  /** The same for a 64-bit stack, whose top is at the canonical linear address `top`. */
  commit64(cpu: Cpu, top: number, privilege: Privilege, code: number): number {
    const size = this.size;
    const bottom = top - this.count * size;
    if (bottom < -0x8000_0000_0000) raise(SS, code);
    cpu.mmu.checkWrite(bottom, this.count * size, privilege);
    let at = top;
    for (let i = 0; i < this.count; i++) {
      at -= size;
      this.store(cpu, at, i, privilege);
    }
    return bottom;
  }

  private store(cpu: Cpu, at: number, slot: number, privilege: Privilege): void {
    const lo = this.lo[slot] as number;
    if (this.size === 2) cpu.mmu.write16(at, lo & 0xffff, privilege);
    else {
      cpu.mmu.write32(at, lo, privilege);
      if (this.size === 8) cpu.mmu.write32(at + 4, this.hi[slot] as number, privilege);
    }
  }
}

export const frame = new Frame();

/** The stack pointer as SS and the mode see it: SP, ESP, or RSP as a signed number (#SS(0) if not canonical). */
export function stackPointer(cpu: Cpu): number {
  if (cpu.is64) return cpu.dataAddress(cpu.gpr(4), cpu.gprHigh(4), true);
  return (cpu.segAttributes(L.SS) & L.ATTR_DB) !== 0 ? cpu.gpr(4) : cpu.gpr(4) & 0xffff;
}

/** Writes SP or ESP or RSP. A 16-bit stack leaves the upper bits alone. */
export function setStackPointer(cpu: Cpu, sp: number): void {
  if (cpu.is64) cpu.setLinear(L.GPR + 32, sp);
  else setLegacyStackPointer(cpu, sp, cpu.segAttributes(L.SS));
}
export function setLegacyStackPointer(cpu: Cpu, sp: number, attributes: number): void {
  if ((attributes & L.ATTR_DB) !== 0) cpu.setGpr(4, sp);
  else cpu.halves[(L.GPR + 32) >> 1] = sp;
}

/** Pushes the frame on the current stack, at the current privilege level. */
export function pushFrame(cpu: Cpu): void {
  const sp = stackPointer(cpu);
  if (cpu.is64) {
    cpu.setLinear(L.GPR + 32, frame.commit64(cpu, sp, "current", 0));
    return;
  }
  const attributes = cpu.segAttributes(L.SS);
  const top = frame.commit(cpu, sp, cpu.segBase(L.SS), cpu.segLimit(L.SS), attributes, "current", 0);
  setLegacyStackPointer(cpu, top, attributes);
}

/** Reads the current stack from `skip` bytes above its top, without moving the stack pointer. */
export class StackReader {
  private sp = 0;
  private is64 = false;
  private base = 0;
  private limit = 0;
  private attributes = 0;
  /** Upper half of the slot read last, when it had 8 bytes. */
  high = 0;

  begin(cpu: Cpu): void {
    this.is64 = cpu.is64;
    this.sp = stackPointer(cpu);
    if (this.is64) return;
    this.base = cpu.segBase(L.SS);
    this.limit = cpu.segLimit(L.SS);
    this.attributes = cpu.segAttributes(L.SS);
  }
  /** The next slot of `size` bytes, unsigned; bits 63:32 of an 8-byte one are left in `high`. */
  pop(cpu: Cpu, size: number): number {
    const linear = this.linear(size);
    this.skip(size);
    this.high = 0;
    if (size === 2) return cpu.mmu.read16(linear, "current");
    const lo = cpu.mmu.read32(linear, "current");
    if (size === 8) this.high = cpu.mmu.read32(linear + 4, "current");
    return lo;
  }
  private linear(size: number): number {
    if (this.is64) {
      if (this.sp + size > 0x8000_0000_0000) raise(SS, 0);
      return this.sp;
    }
    if (!isWithin(this.sp, size, this.limit, this.attributes)) raise(SS, 0);
    return (this.base + this.sp) >>> 0;
  }
  /** Moves up by `bytes`. */
  skip(bytes: number): void {
    this.sp += bytes;
    if (!this.is64) this.sp = (this.attributes & L.ATTR_DB) !== 0 ? this.sp >>> 0 : this.sp & 0xffff;
  }
  /** Where the stack pointer would be now. */
  get pointer(): number {
    return this.sp;
  }
}

export const reader = new StackReader();
