// IRET in every mode: real, virtual-8086, protected with and without a change of ring, back to virtual-8086 mode, long mode,
// and the return from a nested task. AMD64 APM vol. 2, 8.6 and 8.9.3; Intel SDM vol. 2, IRET.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { checkEntry, enterCode, enterOuter, enterRealCode, fetchReturnCode, fetchReturnStack } from "./far.ts";
import { setAccessed } from "./descriptor.ts";
import { GP, raise } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";
import { loadVm86 } from "./segments.ts";
import { reader, setStackPointer } from "./stack.ts";
import { switchTask } from "./task-switch.ts";

const ALWAYS = L.FL_ARITH | L.FL_TF | L.FL_DF | L.FL_NT;
const WIDE = L.FL_RF | L.FL_AC | L.FL_ID;

/** EFLAGS after popping `image`, given what this privilege may change. */
function popFlags(cpu: Cpu, image: number, size: number): void {
  const cpl = cpu.cpl;
  let mask = ALWAYS;
  if (size > 2) mask |= WIDE;
  if (cpl <= cpu.iopl) mask |= L.FL_IF;
  if (cpl === 0) {
    mask |= L.FL_IOPL;
    if (size > 2) mask |= L.FL_VIF | L.FL_VIP;
  }
  cpu.eflags = (cpu.eflags & ~mask) | (image & mask);
}

/** IRET with operand size `size`. */
export function iret(cpu: Cpu, size: number): void {
  if (cpu.isProtected && !cpu.isVm86 && (cpu.get(L.EFLAGS_OTHER) & L.FL_NT) !== 0) {
    if (cpu.isLongActive) raise(GP, 0);
    const link = cpu.mmu.read16(cpu.systemAddress(cpu.segBase(L.TR), 0), "system");
    switchTask(cpu, link, "iret", cpu.get(L.NEXT_RIP));
    return;
  }
  if (cpu.isVm86 && cpu.iopl < 3) raise(GP, 0);
  reader.begin(cpu);
  const lo = reader.pop(cpu, size);
  const hi = reader.high;
  const selector = reader.pop(cpu, size) & 0xffff;
  const image = reader.pop(cpu, size);
  if (cpu.isRealOrVm86) {
    iretReal(cpu, size, lo, selector, image);
    return;
  }
  if ((image & L.FL_VM) !== 0 && size === 4 && cpu.cpl === 0 && !cpu.isLongActive) {
    returnToVm86(cpu, lo, selector, image);
    return;
  }

  const is64 = cpu.is64;
  const d = fetchReturnCode(cpu, selector);
  checkEntry(cpu, d, lo, hi);
  if (!is64 && d.rpl === cpu.cpl) {
    setAccessed(cpu, d);
    setStackPointer(cpu, reader.pointer);
    popFlags(cpu, image, size);
    enterCode(cpu, d, d.rpl, lo, hi);
    return;
  }
  const spLo = reader.pop(cpu, size);
  const spHigh = reader.high;
  const ssSelector = reader.pop(cpu, size) & 0xffff;
  const ss = fetchReturnStack(cpu, ssSelector, d.rpl, cpu.isLongActive && d.isLong);
  // The accessed bits are the last that can fault; enterOuter finds them set.
  setAccessed(cpu, d);
  if (ss) setAccessed(cpu, ss);
  popFlags(cpu, image, size);
  enterOuter(cpu, lo, hi, ss, ssSelector, spLo, spHigh);
}

function iretReal(cpu: Cpu, size: number, ip: number, selector: number, image: number): void {
  if (ip > (cpu.isVm86 ? 0xffff : cpu.segLimit(L.CS))) raise(GP, 0);
  setStackPointer(cpu, reader.pointer);
  let mask = ALWAYS | L.FL_IF;
  if (size > 2) mask |= WIDE;
  if (!cpu.isVm86) mask |= L.FL_IOPL;
  cpu.eflags = (cpu.eflags & ~mask) | (image & mask);
  enterRealCode(cpu, selector, ip);
}

const VM86_POPPED = [L.ES, L.DS, L.FS, L.GS] as const;
const vm86Selectors = new Uint32Array(4);

function returnToVm86(cpu: Cpu, ip: number, selector: number, image: number): void {
  const sp = reader.pop(cpu, 4);
  const ss = reader.pop(cpu, 4) & 0xffff;
  for (let i = 0; i < VM86_POPPED.length; i++) vm86Selectors[i] = reader.pop(cpu, 4) & 0xffff;
  if (ip > 0xffff) raise(GP, 0);
  cpu.eflags = image;
  loadVm86(cpu, L.CS, selector);
  loadVm86(cpu, L.SS, ss);
  for (let i = 0; i < VM86_POPPED.length; i++) loadVm86(cpu, VM86_POPPED[i] as number, vm86Selectors[i] as number);
  cpu.setGpr(4, sp);
  cpu.setRip(ip);
  cpu.set(L.CPL, 3);
  updateMode(cpu);
}
