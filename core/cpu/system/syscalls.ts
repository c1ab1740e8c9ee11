// SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS: ring changes that read no descriptor. AMD64 APM vol. 2, 6.1; Intel SDM vol. 2.
// SYSRET to an address that is not canonical faults in ring 0 for both vendors; AMD processors fault in ring 3 instead.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, raise, UD } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";

/** Flat, present, accessed: execute/read code, read/write data, and with D/B and G set. */
const CODE = L.ATTR_P | L.ATTR_S | 0xb | L.ATTR_G;
const DATA = L.ATTR_P | L.ATTR_S | 3 | L.ATTR_G | L.ATTR_DB;
const RING_3 = 0x60;

function setFlatCode(cpu: Cpu, selector: number, cpl: number, isLong: boolean): void {
  cpu.setSegment(L.CS, selector, 0, 0xffffffff, CODE | (cpl === 3 ? RING_3 : 0) | (isLong ? L.ATTR_L : L.ATTR_DB));
}
function setFlatStack(cpu: Cpu, selector: number, cpl: number): void {
  cpu.setSegment(L.SS, selector, 0, 0xffffffff, DATA | (cpl === 3 ? RING_3 : 0));
}
function next(cpu: Cpu, lo: number, hi: number): void {
  cpu.set64(L.NEXT_RIP, lo, hi);
}

export function syscall(cpu: Cpu): void {
  if ((cpu.get(L.EFER) & L.EFER_SCE) === 0 || !cpu.isProtected) raise(UD, null);
  const is64 = cpu.is64;
  if (!cpu.isAmd && !is64) raise(UD, null);
  const selector = cpu.getHigh(L.MSR_STAR) & 0xfffc;
  cpu.copy64(L.NEXT_RIP, L.GPR + 8);
  const flags = cpu.eflags & ~L.FL_RF;
  if (cpu.isLongActive) {
    cpu.setGpr(11, flags);
    cpu.copy64(is64 ? L.MSR_LSTAR : L.MSR_CSTAR, L.NEXT_RIP);
    cpu.eflags = flags & ~cpu.get(L.MSR_SFMASK);
    setFlatCode(cpu, selector, 0, true);
  } else {
    next(cpu, cpu.get(L.MSR_STAR), 0);
    cpu.eflags = flags & ~(L.FL_VM | L.FL_IF);
    setFlatCode(cpu, selector, 0, false);
  }
  setFlatStack(cpu, (selector + 8) & 0xffff, 0);
  cpu.set(L.CPL, 0);
  updateMode(cpu);
}

export function sysret(cpu: Cpu, size: number): void {
  const is64 = cpu.is64;
  if ((cpu.get(L.EFER) & L.EFER_SCE) === 0 || !cpu.isProtected || (!cpu.isAmd && !is64)) raise(UD, null);
  if (cpu.cpl !== 0) raise(GP, 0);
  const selector = cpu.getHigh(L.MSR_STAR) >>> 16;
  const toLong = is64 && size === 8;
  if (toLong && !cpu.isCanonical(cpu.gprHigh(1))) raise(GP, 0);
  if (cpu.isLongActive) cpu.eflags = cpu.gpr(11) & ~(L.FL_VM | L.FL_RF);
  else cpu.set(L.EFLAGS_OTHER, cpu.get(L.EFLAGS_OTHER) | L.FL_IF);
  next(cpu, cpu.gpr(1), toLong ? cpu.gprHigh(1) : 0);
  setFlatCode(cpu, ((selector + (toLong ? 16 : 0)) & 0xffff) | 3, 3, toLong);
  setFlatStack(cpu, ((selector + 8) & 0xffff) | 3, 3);
  cpu.set(L.CPL, 3);
  updateMode(cpu);
}

export function sysenter(cpu: Cpu): void {
  // AMD processors have it in legacy mode only.
  if (cpu.isAmd && cpu.isLongActive) raise(UD, null);
  const selector = cpu.get(L.MSR_SYSENTER_CS) & 0xfffc;
  if (!cpu.isProtected || selector === 0) raise(GP, 0);
  const isLong = cpu.isLongActive;
  cpu.set(L.EFLAGS_OTHER, cpu.get(L.EFLAGS_OTHER) & ~(L.FL_VM | L.FL_IF | L.FL_RF));
  next(cpu, cpu.get(L.MSR_SYSENTER_EIP), isLong ? cpu.getHigh(L.MSR_SYSENTER_EIP) : 0);
  cpu.setGpr(4, cpu.get(L.MSR_SYSENTER_ESP), isLong ? cpu.getHigh(L.MSR_SYSENTER_ESP) : 0);
  setFlatCode(cpu, selector, 0, isLong);
  setFlatStack(cpu, (selector + 8) & 0xffff, 0);
  cpu.set(L.CPL, 0);
  updateMode(cpu);
}

export function sysexit(cpu: Cpu, size: number): void {
  if (cpu.isAmd && cpu.isLongActive) raise(UD, null);
  const selector = cpu.get(L.MSR_SYSENTER_CS) & 0xfffc;
  if (!cpu.isProtected || selector === 0 || cpu.cpl !== 0) raise(GP, 0);
  const toLong = size === 8;
  if (toLong && !(cpu.isCanonical(cpu.gprHigh(1)) && cpu.isCanonical(cpu.gprHigh(2)))) raise(GP, 0);
  next(cpu, cpu.gpr(2), toLong ? cpu.gprHigh(2) : 0);
  cpu.setGpr(4, cpu.gpr(1), toLong ? cpu.gprHigh(1) : 0);
  setFlatCode(cpu, ((selector + (toLong ? 32 : 16)) & 0xffff) | 3, 3, toLong);
  setFlatStack(cpu, ((selector + (toLong ? 40 : 24)) & 0xffff) | 3, 3);
  cpu.set(L.CPL, 3);
  updateMode(cpu);
}

export function swapgs(cpu: Cpu): void {
  if (!cpu.is64) raise(UD, null);
  if (cpu.cpl !== 0) raise(GP, 0);
  const base = L.SEG + L.GS * L.SEG_SIZE + L.SEG_BASE;
  const lo = cpu.get(base);
  const hi = cpu.getHigh(base);
  cpu.copy64(L.MSR_KERNEL_GS_BASE, base);
  cpu.set64(L.MSR_KERNEL_GS_BASE, lo, hi);
}
