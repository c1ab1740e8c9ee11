// Control registers, descriptor table registers, and what changes with them. AMD64 APM vol. 2, chapter 3; Intel SDM vol. 3, 2.5.
// Left out: PCID, SMEP, SMAP, UMIP, FSGSBASE, protection keys (their CR4 bits are reserved, as CPUID says).
import { isReported } from "../models/cpu-model.ts";
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, raise, UD } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";

const CR0_WRITABLE =
  (L.CR0_PE | L.CR0_MP | L.CR0_EM | L.CR0_TS | L.CR0_NE | L.CR0_WP | L.CR0_AM | L.CR0_NW | L.CR0_CD | L.CR0_PG) >>> 0;
/** Changing these changes what translations mean. */
const CR0_TRANSLATION = L.CR0_PE | L.CR0_PG | L.CR0_WP;
const CR4_TRANSLATION = L.CR4_PAE | L.CR4_PSE | L.CR4_PGE;

function requireRing0(cpu: Cpu): void {
  if (cpu.cpl !== 0) raise(GP, 0);
}

/** MOV CR0. Bits without a meaning are ignored, ET stays 1. */
export function writeCr0(cpu: Cpu, lo: number, hi: number): void {
  if (hi !== 0) raise(GP, 0);
  const value = ((lo & CR0_WRITABLE) | L.CR0_ET) >>> 0;
  const paging = (value & L.CR0_PG) !== 0;
  if (paging && (value & L.CR0_PE) === 0) raise(GP, 0);
  if ((value & L.CR0_NW) !== 0 && (value & L.CR0_CD) === 0) raise(GP, 0);
  const before = cpu.get(L.CR0);
  const wasPaging = (before & L.CR0_PG) !== 0;
  let efer = cpu.get(L.EFER);
  if (paging && !wasPaging && (efer & L.EFER_LME) !== 0) {
    const tssType = cpu.segAttributes(L.TR) & 31;
    if ((cpu.get(L.CR4) & L.CR4_PAE) === 0 || (cpu.segAttributes(L.CS) & L.ATTR_L) !== 0 || (tssType & ~2) === 1) raise(GP, 0);
    efer |= L.EFER_LMA;
  } else if (!paging && wasPaging) {
    if (cpu.is64) raise(GP, 0);
    efer &= ~L.EFER_LMA;
  }
  cpu.set(L.CR0, value);
  cpu.set(L.EFER, efer);
  if (((value ^ before) & CR0_TRANSLATION) !== 0) cpu.mmu.flushTlb(true);
  updateMode(cpu);
}

export function writeCr3(cpu: Cpu, lo: number, hi: number): void {
  if (cpu.isLongActive && (hi & cpu.physicalHighReserved) !== 0) raise(GP, 0);
  cpu.set64(L.CR3, lo, hi);
  cpu.mmu.flushTlb(false);
}

function cr4Writable(cpu: Cpu): number {
  const m = cpu.model;
  return (
    L.CR4_TSD |
    L.CR4_PCE |
    (isReported(m, "de") ? L.CR4_DE : 0) |
    (isReported(m, "pse") ? L.CR4_PSE : 0) |
    (isReported(m, "pae") ? L.CR4_PAE : 0) |
    (isReported(m, "mce") ? L.CR4_MCE : 0) |
    (isReported(m, "pge") ? L.CR4_PGE : 0) |
    (isReported(m, "fxsr") ? L.CR4_OSFXSR : 0) |
    (isReported(m, "sse") ? L.CR4_OSXMMEXCPT : 0)
  );
}

export function writeCr4(cpu: Cpu, lo: number, hi: number): void {
  if (hi !== 0 || (lo & ~cr4Writable(cpu)) !== 0) raise(GP, 0);
  if (cpu.isLongActive && (lo & L.CR4_PAE) === 0) raise(GP, 0);
  const changed = cpu.get(L.CR4) ^ lo;
  cpu.set64(L.CR4, lo, 0);
  if ((changed & CR4_TRANSLATION) !== 0) cpu.mmu.flushTlb(true);
  updateMode(cpu);
}

/** MOV to control register `number`. */
export function writeControl(cpu: Cpu, number: number, lo: number, hi: number): void {
  requireRing0(cpu);
  switch (number) {
    case 0:
      writeCr0(cpu, lo, hi);
      return;
    case 2:
      cpu.set64(L.CR2, lo, hi);
      return;
    case 3:
      writeCr3(cpu, lo, hi);
      return;
    case 4:
      writeCr4(cpu, lo, hi);
      return;
    case 8:
      if (hi !== 0 || lo > 15) raise(GP, 0);
      cpu.hooks.cr8 = lo;
      return;
    default:
      raise(UD, null);
  }
}

const CONTROL_FIELD: Readonly<Record<number, number>> = { 0: L.CR0, 2: L.CR2, 3: L.CR3, 4: L.CR4 };

/** MOV from control register `number` to the register at `destination`. */
export function readControl(cpu: Cpu, number: number, destination: number, size: number): void {
  requireRing0(cpu);
  if (number === 8) {
    cpu.writeRegister(destination, size, cpu.hooks.cr8);
    return;
  }
  const field = CONTROL_FIELD[number];
  if (field === undefined) raise(UD, null);
  cpu.writeRegister(destination, size, cpu.get(field), cpu.getHigh(field));
}

/** LMSW: PE MP EM TS, where PE can be set but not cleared. */
export function lmsw(cpu: Cpu, word: number): void {
  requireRing0(cpu);
  const before = cpu.get(L.CR0);
  writeCr0(cpu, ((before & ~0xe) | (word & 15)) >>> 0, 0);
}

export function clts(cpu: Cpu): void {
  requireRing0(cpu);
  cpu.set(L.CR0, cpu.get(L.CR0) & ~L.CR0_TS);
  updateMode(cpu);
}

/** LGDT and LIDT from a linear address: a 16-bit operand size takes 24 bits of base, 64-bit mode all 64. */
export function loadTableRegister(cpu: Cpu, register: number, linear: number, operandSize: number): void {
  requireRing0(cpu);
  const limit = cpu.mmu.read16(linear, "current");
  const lo = cpu.mmu.read32(linear + 2, "current");
  if (cpu.is64) {
    const hi = cpu.mmu.read32(linear + 6, "current");
    if (!cpu.isCanonical(hi)) raise(GP, 0);
    cpu.set64(register, lo, hi);
  } else cpu.set64(register, operandSize === 2 ? lo & 0xffffff : lo, 0);
  cpu.set(register + 8, limit);
}

/** SGDT and SIDT store the whole base whatever the operand size, as processors since the 386 do. */
export function storeTableRegister(cpu: Cpu, register: number, linear: number): void {
  const is64 = cpu.is64;
  cpu.mmu.checkWrite(linear, is64 ? 10 : 6, "current");
  cpu.mmu.write16(linear, cpu.get(register + 8) & 0xffff, "current");
  cpu.mmu.write32(linear + 2, cpu.get(register), "current");
  if (is64) cpu.mmu.write32(linear + 6, cpu.getHigh(register), "current");
}
