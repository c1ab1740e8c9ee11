// The registers of one vCPU as TypeScript sees them: typed accessors over the state block of layout.ts, and what the system
// operations need from the machine around them. No 64-bit value is a BigInt: registers are pairs of words, linear addresses are
// JS numbers (canonical ones signed, -2^47 to 2^47-1, others 0 to 2^32-1), which doubles hold exactly.
import { type CpuModel, isReported } from "../models/cpu-model.ts";
import * as L from "../state/layout.ts";
import { GP, raise, SS } from "./guest-fault.ts";

/** Rights of a memory access: those of ring 0, of ring 3, or of the current privilege level. */
export type Privilege = "system" | "user" | "current";

/** Guest memory by linear address. Every method throws GuestFault (#PF) where translation refuses. */
export interface LinearMemory {
  read8(linear: number, privilege: Privilege): number;
  read16(linear: number, privilege: Privilege): number;
  /** Unsigned. */
  read32(linear: number, privilege: Privilege): number;
  write8(linear: number, value: number, privilege: Privilege): void;
  write16(linear: number, value: number, privilege: Privilege): void;
  write32(linear: number, value: number, privilege: Privilege): void;
  /** Faults as a write of all the bytes would, and changes nothing but accessed and dirty bits. */
  checkWrite(linear: number, length: number, privilege: Privilege): void;
  /** The bytes of a range that lies within one page, if they are RAM in the host's memory, else null. After writing to them
   *  call lentChanged(). */
  lend?(linear: number, length: number, isWrite: boolean): Uint8Array | null;
  lentChanged?(length: number): void;
  /** Forgets the translation of one page, global or not. */
  invalidatePage(linear: number): void;
  /** Forgets translations after CR0, CR3, CR4 or EFER has changed. */
  flushTlb(includeGlobal: boolean): void;
}

/** A 64-bit value as unsigned words. */
export type Words = readonly [lo: number, hi: number];

export interface CpuHooks {
  /** Time-stamp counter, offset included. */
  tscNow(): Words;
  setTsc(lo: number, hi: number): void;
  /** HLT has been executed. */
  halt(): void;
  /** What CPUID says of KVM's interface; absent or 0: nothing. */
  readonly kvmFeatures?: number;
  /** MSRs of the local APIC (APIC base, TSC deadline) and of KVM's interface; null: there is no such register. */
  readMsr(index: number): Words | null;
  /** False: there is no such register, or the value is refused. */
  writeMsr(index: number, lo: number, hi: number): boolean;
  ioRead(port: number, size: number): number;
  ioWrite(port: number, size: number, value: number): void;
  /** Many reads or writes of one port at once: bytes done, in whole elements; 0 where they have to be done one by one. */
  ioReadRun?(port: number, size: number, into: Uint8Array): number;
  ioWriteRun?(port: number, size: number, from: Uint8Array): number;
  /** Task priority, bits 3:0. */
  cr8: number;
}

const EFLAGS_KEPT =
  L.FL_TF | L.FL_IF | L.FL_DF | L.FL_IOPL | L.FL_NT | L.FL_RF | L.FL_VM | L.FL_AC | L.FL_VIF | L.FL_VIP | L.FL_ID;
const TWO_32 = 0x1_0000_0000;
const CANONICAL_END = 0x8000_0000_0000;

function evenParity(byte: number): boolean {
  let b = byte & 0xff;
  b ^= b >> 4;
  return ((0x9669 >> (b & 15)) & 1) === 1;
}

export class Cpu {
  readonly words: Uint32Array;
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;
  readonly hooks: CpuHooks;
  readonly model: CpuModel;
  /** Bits 63:32 of a physical address that do not exist. */
  readonly physicalHighReserved: number;
  readonly hasLongMode: boolean;
  readonly isAmd: boolean;
  mmu: LinearMemory;
  /** Registers without a place in the state block, by MSR number. */
  readonly storedMsrs = new Map<number, Uint32Array>();
  /** Set once a task switch has gone so far that faults belong to the new task. */
  taskSwitched = false;
  private readonly noise: Uint32Array;

  constructor(memory: SharedArrayBuffer | ArrayBuffer, mmu: LinearMemory, hooks: CpuHooks, model: CpuModel, seed = 0x2545f491) {
    this.words = new Uint32Array(memory);
    this.halves = new Uint16Array(memory);
    this.bytes = new Uint8Array(memory);
    this.mmu = mmu;
    this.hooks = hooks;
    this.model = model;
    this.hasLongMode = isReported(model, "lm");
    this.isAmd = model.vendor === "AuthenticAMD";
    this.physicalHighReserved = ~(2 ** Math.max(0, model.physicalBits - 32) - 1) >>> 0;
    this.noise = Uint32Array.of(seed | 1, 0x9e3779b9, 0x7f4a7c15, 0xf39cc060);
  }

  // ---- words of the state block --------------------------------------------------------------

  get(offset: number): number {
    return this.words[offset >> 2] as number;
  }
  set(offset: number, value: number): void {
    this.words[offset >> 2] = value;
  }
  getHigh(offset: number): number {
    return this.words[(offset >> 2) + 1] as number;
  }
  set64(offset: number, lo: number, hi: number): void {
    this.words[offset >> 2] = lo;
    this.words[(offset >> 2) + 1] = hi;
  }
  /** A 64-bit field as a signed number; exact if it is canonical. */
  linear(offset: number): number {
    return (this.getHigh(offset) | 0) * TWO_32 + this.get(offset);
  }
  setLinear(offset: number, value: number): void {
    this.set64(offset, value, Math.floor(value / TWO_32));
  }
  copy64(from: number, to: number): void {
    this.set64(to, this.get(from), this.getHigh(from));
  }
  get16(offset: number): number {
    return this.halves[offset >> 1] as number;
  }

  // ---- general registers ---------------------------------------------------------------------

  /** Low word of register `number`. */
  gpr(number: number): number {
    return this.get(L.GPR + number * 8);
  }
  gprHigh(number: number): number {
    return this.getHigh(L.GPR + number * 8);
  }
  setGpr(number: number, lo: number, hi = 0): void {
    this.set64(L.GPR + number * 8, lo, hi);
  }
  /** Writes the register at `offset` as an operand of `size` bytes: 4 clears the upper half, 1 and 2 leave the rest. */
  writeRegister(offset: number, size: number, lo: number, hi = 0): void {
    if (size === 8) this.set64(offset, lo, hi);
    else if (size === 4) this.set64(offset, lo, 0);
    else if (size === 2) this.halves[offset >> 1] = lo;
    else this.bytes[offset] = lo;
  }

  // ---- modes ---------------------------------------------------------------------------------

  get cpl(): number {
    return this.get(L.CPL);
  }
  get isProtected(): boolean {
    return (this.get(L.CR0) & L.CR0_PE) !== 0;
  }
  get isVm86(): boolean {
    return (this.get(L.EFLAGS_OTHER) & L.FL_VM) !== 0;
  }
  /** Real or virtual-8086 mode: selectors are paragraph numbers. */
  get isRealOrVm86(): boolean {
    return !this.isProtected || this.isVm86;
  }
  get isLongActive(): boolean {
    return (this.get(L.EFER) & L.EFER_LMA) !== 0;
  }
  /** 64-bit mode; false in compatibility mode. */
  get is64(): boolean {
    return this.isLongActive && (this.segAttributes(L.CS) & L.ATTR_L) !== 0;
  }
  get iopl(): number {
    return (this.get(L.EFLAGS_OTHER) >> 12) & 3;
  }

  // ---- flags ---------------------------------------------------------------------------------

  /** CF PF AF ZF SF OF from the lazy form. */
  get arithmeticFlags(): number {
    const lo = this.get(L.FLAG_RESULT);
    const hi = this.getHigh(L.FLAG_RESULT);
    const aux = this.get(L.FLAG_AUX);
    const auxHigh = this.getHigh(L.FLAG_AUX);
    const carry = auxHigh >>> 31;
    return (
      carry |
      (evenParity(lo ^ (aux >> 8)) ? L.FL_PF : 0) |
      (aux & 8 ? L.FL_AF : 0) |
      ((lo | hi) === 0 ? L.FL_ZF : 0) |
      ((hi >>> 31) ^ (aux & 1) ? L.FL_SF : 0) |
      (carry ^ ((auxHigh >>> 30) & 1) ? L.FL_OF : 0)
    );
  }
  set arithmeticFlags(flags: number) {
    const zero = (flags & L.FL_ZF) !== 0;
    const result = zero ? 0 : 1;
    const carry = flags & L.FL_CF;
    const overflow = (flags & L.FL_OF) !== 0 ? 1 : 0;
    // 0 has even parity, 1 odd: the delta corrects that where it is not what is wanted.
    const parityDelta = ((flags & L.FL_PF) !== 0) === zero ? 0 : 1;
    this.set64(L.FLAG_RESULT, result, 0);
    this.set64(
      L.FLAG_AUX,
      ((flags & L.FL_AF) !== 0 ? 8 : 0) | (parityDelta << 8) | ((flags & L.FL_SF) !== 0 ? 1 : 0),
      (carry << 31) | ((carry ^ overflow) << 30),
    );
  }
  get eflags(): number {
    return this.get(L.EFLAGS_OTHER) | this.arithmeticFlags | 2;
  }
  /** Sets all flags. The caller updates the mode if VM has changed. */
  set eflags(flags: number) {
    this.set(L.EFLAGS_OTHER, flags & EFLAGS_KEPT);
    this.arithmeticFlags = flags;
  }
  set zeroFlag(on: boolean) {
    const flags = this.arithmeticFlags;
    this.arithmeticFlags = on ? flags | L.FL_ZF : flags & ~L.FL_ZF;
  }

  // ---- segments ------------------------------------------------------------------------------

  segBase(index: number): number {
    return this.linear(L.SEG + index * L.SEG_SIZE + L.SEG_BASE);
  }
  segLimit(index: number): number {
    return this.get(L.SEG + index * L.SEG_SIZE + L.SEG_LIMIT);
  }
  segAttributes(index: number): number {
    return this.get(L.SEG + index * L.SEG_SIZE + L.SEG_ATTR);
  }
  selector(index: number): number {
    return this.get(L.SEG + index * L.SEG_SIZE + L.SEG_SELECTOR);
  }
  setSegment(index: number, selector: number, base: number, limit: number, attributes: number): void {
    const at = L.SEG + index * L.SEG_SIZE;
    if (base >= 0 && base < TWO_32) this.set64(at + L.SEG_BASE, base, 0);
    else this.setLinear(at + L.SEG_BASE, base);
    this.set(at + L.SEG_LIMIT, limit);
    this.set(at + L.SEG_ATTR, attributes);
    this.set(at + L.SEG_SELECTOR, selector);
  }
  nullSegment(index: number, selector = 0): void {
    this.setSegment(index, selector, 0, 0, 0);
  }

  // ---- addresses -----------------------------------------------------------------------------

  /** A linear address of the current mode; #GP(0) if it has left the canonical range, wrapped at 4 GiB in legacy mode. */
  systemAddress(base: number, offset: number): number {
    const sum = base + offset;
    if (!this.isLongActive) return sum >>> 0;
    if (sum >= CANONICAL_END || sum < -CANONICAL_END) raise(GP, 0);
    return sum;
  }
  /** True if these words are an address in canonical form: bits 63:47 all equal. */
  isCanonical(hi: number): boolean {
    return (hi << 16) >> 16 === (hi | 0);
  }
  /** A canonical address as a number; the caller has checked it. */
  toLinear(lo: number, hi: number): number {
    return (hi | 0) * TWO_32 + (lo >>> 0);
  }
  /** A data address as a number; #GP(0), or #SS(0) for the stack, if it is not canonical. */
  dataAddress(lo: number, hi: number, isStack = false): number {
    if (!this.isCanonical(hi)) raise(isStack ? SS : GP, 0);
    return this.toLinear(lo, hi);
  }

  // ---- where execution goes on ---------------------------------------------------------------

  setRip(lo: number, hi = 0): void {
    this.set64(L.RIP, lo, hi);
  }

  /** The next word of a xorshift generator: not secret, only unlike anything a guest would compute. */
  random32(): number {
    const s = this.noise;
    let t = s[3] as number;
    t ^= t << 11;
    t ^= t >>> 8;
    s[3] = s[2] as number;
    s[2] = s[1] as number;
    s[1] = s[0] as number;
    const first = s[0] as number;
    s[0] = t ^ first ^ (first >>> 19);
    return s[0] as number;
  }
}
