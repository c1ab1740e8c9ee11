// Guest memory by linear address for the system operations in TypeScript (descriptor tables, stacks of gates, TSSs): through the
// same page walker as generated code, byte order and faults included.
import type { GuestFault } from "../system/guest-fault.ts";
import type { LinearMemory, Privilege } from "../system/cpu.ts";
import * as L from "../state/layout.ts";
import { ACCESS_USER, ACCESS_WRITE } from "./walker.ts";

const TWO_32 = 0x1_0000_0000;

export interface PhysicalAccess {
  read(gpa: number, size: 1 | 2 | 4): number;
  write(gpa: number, size: 1 | 2 | 4, value: number): void;
  /** The bytes themselves where they are writable RAM in one piece, else null; changed() after writing to them. */
  direct?(gpa: number, length: number): Uint8Array | null;
  changed?(gpa: number, length: number): void;
}

export interface LinearMemoryHooks {
  /** (linear low, linear high, ACCESS_*) -> 0, physical address in SCRATCH + 16; otherwise FAULT is set. */
  translate(lo: number, hi: number, access: number): number;
  physical: PhysicalAccess;
  /** Makes the exception for the fault recorded in FAULT, and clears it. */
  takeFault(): GuestFault;
  /** Drops cached translations of one page, of all, or of all but global ones. */
  forgetPage(linear: number): void;
  forgetAll(): void;
  forgetPrivate(): void;
}

export class WalkedMemory implements LinearMemory {
  private readonly words: Uint32Array;
  private readonly hooks: LinearMemoryHooks;

  constructor(memory: SharedArrayBuffer, hooks: LinearMemoryHooks) {
    this.words = new Uint32Array(memory);
    this.hooks = hooks;
  }

  private access(privilege: Privilege, isWrite: boolean): number {
    const isUser = privilege === "user" || (privilege === "current" && this.words[L.CPL >> 2] === 3);
    return (isWrite ? ACCESS_WRITE : 0) | (isUser ? ACCESS_USER : 0);
  }
  private physical(linear: number, access: number): number {
    if (this.hooks.translate(linear % TWO_32 | 0, Math.floor(linear / TWO_32), access) !== 0) throw this.hooks.takeFault();
    const at = (L.SCRATCH + 16) >> 2;
    return (this.words[at] as number) + (this.words[at + 1] as number) * TWO_32;
  }
  private crosses(linear: number, size: number): boolean {
    return (linear & 4095) + size > 4096;
  }

  read8(linear: number, privilege: Privilege): number {
    return this.hooks.physical.read(this.physical(linear, this.access(privilege, false)), 1);
  }
  read16(linear: number, privilege: Privilege): number {
    if (this.crosses(linear, 2)) return this.read8(linear, privilege) | (this.read8(linear + 1, privilege) << 8);
    return this.hooks.physical.read(this.physical(linear, this.access(privilege, false)), 2);
  }
  read32(linear: number, privilege: Privilege): number {
    if (this.crosses(linear, 4)) return (this.read16(linear, privilege) | (this.read16(linear + 2, privilege) << 16)) >>> 0;
    return this.hooks.physical.read(this.physical(linear, this.access(privilege, false)), 4) >>> 0;
  }
  write8(linear: number, value: number, privilege: Privilege): void {
    this.hooks.physical.write(this.physical(linear, this.access(privilege, true)), 1, value & 0xff);
  }
  write16(linear: number, value: number, privilege: Privilege): void {
    if (this.crosses(linear, 2)) {
      this.checkWrite(linear, 2, privilege);
      this.write8(linear, value, privilege);
      this.write8(linear + 1, value >>> 8, privilege);
    } else this.hooks.physical.write(this.physical(linear, this.access(privilege, true)), 2, value & 0xffff);
  }
  write32(linear: number, value: number, privilege: Privilege): void {
    if (this.crosses(linear, 4)) {
      this.checkWrite(linear, 4, privilege);
      this.write16(linear, value, privilege);
      this.write16(linear + 2, value >>> 16, privilege);
    } else this.hooks.physical.write(this.physical(linear, this.access(privilege, true)), 4, value >>> 0);
  }
  checkWrite(linear: number, length: number, privilege: Privilege): void {
    const access = this.access(privilege, true);
    this.physical(linear, access);
    for (let at = linear - (((linear % 4096) + 4096) % 4096) + 4096; at < linear + length; at += 4096) this.physical(at, access);
  }
  private lentFrom = 0;
  lend(linear: number, length: number, isWrite: boolean): Uint8Array | null {
    if (this.crosses(linear, length)) return null;
    this.lentFrom = this.physical(linear, this.access("current", isWrite));
    return this.hooks.physical.direct?.(this.lentFrom, length) ?? null;
  }
  lentChanged(length: number): void {
    this.hooks.physical.changed?.(this.lentFrom, length);
  }
  invalidatePage(linear: number): void {
    this.hooks.forgetPage(linear);
  }
  flushTlb(includeGlobal: boolean): void {
    if (includeGlobal) this.hooks.forgetAll();
    else this.hooks.forgetPrivate();
  }
}
