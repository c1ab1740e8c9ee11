// PUSHF, POPF, CLI and STI with all their dependence on CPL, IOPL and virtual-8086 mode. AMD64 APM vol. 3; Intel SDM vol. 2.
// Left out: the virtual interrupt flag of VME and PVI, which CPUID does not report.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, raise } from "./guest-fault.ts";
import { frame, pushFrame, reader, setStackPointer } from "./stack.ts";

function checkVm86(cpu: Cpu): void {
  if (cpu.isVm86 && cpu.iopl < 3) raise(GP, 0);
}

export function pushf(cpu: Cpu, size: number): void {
  checkVm86(cpu);
  frame.begin(size);
  frame.push(cpu.eflags & ~(L.FL_RF | L.FL_VM));
  pushFrame(cpu);
}

/** True if TF is set or IF has become set: the run loop has to look. */
export function popf(cpu: Cpu, size: number): boolean {
  checkVm86(cpu);
  reader.begin(cpu);
  const image = reader.pop(cpu, size);
  let mask = L.FL_ARITH | L.FL_TF | L.FL_DF | L.FL_NT;
  if (size > 2) mask |= L.FL_AC | L.FL_ID;
  const cpl = cpu.cpl;
  if (cpl <= cpu.iopl) mask |= L.FL_IF;
  if (cpl === 0) mask |= L.FL_IOPL;
  const before = cpu.eflags;
  let flags = (before & ~mask) | (image & mask);
  if (size > 2) flags &= ~L.FL_RF;
  setStackPointer(cpu, reader.pointer);
  cpu.eflags = flags;
  return (flags & L.FL_TF) !== 0 || (flags & ~before & L.FL_IF) !== 0;
}

function checkInterruptFlag(cpu: Cpu): void {
  if (cpu.isProtected && cpu.cpl > cpu.iopl) raise(GP, 0);
}

export function cli(cpu: Cpu): void {
  checkInterruptFlag(cpu);
  cpu.set(L.EFLAGS_OTHER, cpu.get(L.EFLAGS_OTHER) & ~L.FL_IF);
}

/** True if IF has become set; interrupts then wait for one more instruction. */
export function sti(cpu: Cpu): boolean {
  checkInterruptFlag(cpu);
  const flags = cpu.get(L.EFLAGS_OTHER);
  if ((flags & L.FL_IF) !== 0) return false;
  cpu.set(L.EFLAGS_OTHER, flags | L.FL_IF);
  cpu.set(L.SHADOW, 1);
  return true;
}
