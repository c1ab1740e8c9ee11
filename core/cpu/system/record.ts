// The predecoded record as system operations read it, and the memory operand whose linear address is in SCRATCH (layout.ts REC_*).
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, raise, SS } from "./guest-fault.ts";
import { isWithin } from "./stack.ts";

export function operandSize(cpu: Cpu, rec: number): number {
  return (cpu.get(rec + L.REC_EXTRA) >>> 16) & 0xff;
}
export function isMemoryOperand(cpu: Cpu, rec: number): boolean {
  return cpu.get(rec + L.REC_EXTRA) >>> 31 === 1;
}
export function immediate(cpu: Cpu, rec: number): number {
  return cpu.get(rec + L.REC_IMM);
}
/** State offset of the register operand in ModRM.reg, or its plain number if it is a segment, control or debug register. */
export function regOperand(cpu: Cpu, rec: number): number {
  return cpu.get16(rec + L.REC_REG);
}
/** State offset of the register operand in ModRM.rm. */
export function rmOperand(cpu: Cpu, rec: number): number {
  return cpu.get16(rec + L.REC_RM);
}

/** Linear address of the memory operand: canonical, or #GP(0), or #SS(0) in the stack segment. */
export function memoryOperand(cpu: Cpu, rec: number): number {
  return cpu.dataAddress(cpu.get(L.SCRATCH), cpu.getHigh(L.SCRATCH), cpu.get16(rec + L.REC_SEGBASE) === L.ZERO_SS);
}
/** `offset` bytes further on. */
export function further(cpu: Cpu, linear: number, offset: number): number {
  return cpu.is64 ? linear + offset : (linear + offset) >>> 0;
}

/** The 16-bit operand in ModRM.rm. */
export function readWord(cpu: Cpu, rec: number): number {
  return isMemoryOperand(cpu, rec) ? cpu.mmu.read16(memoryOperand(cpu, rec), "current") : cpu.get16(rmOperand(cpu, rec));
}
/** A selector or machine status word to ModRM.rm: 16 bits in memory, the whole operand size in a register. */
export function writeWord(cpu: Cpu, rec: number, value: number): void {
  if (isMemoryOperand(cpu, rec)) cpu.mmu.write16(memoryOperand(cpu, rec), value & 0xffff, "current");
  else cpu.writeRegister(rmOperand(cpu, rec), operandSize(cpu, rec), value);
}

/** Linear address of `size` bytes at an offset in a segment, with every check of a data access. */
export function segmentAddress(cpu: Cpu, index: number, lo: number, hi: number, size: number, isWrite: boolean): number {
  const vector = index === L.SS ? SS : GP;
  const base = cpu.segBase(index);
  if (cpu.is64) {
    if (index < L.FS) return cpu.dataAddress(lo, hi, index === L.SS);
    // The sum wraps at 64 bits: it is taken word by word, so that an offset that is not canonical can still reach.
    const low = (base >>> 0) + lo;
    return cpu.dataAddress(low >>> 0, (Math.floor(base / 0x1_0000_0000) + hi + (low > 0xffffffff ? 1 : 0)) | 0);
  }
  if (cpu.isProtected && !cpu.isVm86) {
    const attributes = cpu.segAttributes(index);
    const isCode = (attributes & L.ATTR_CODE) !== 0;
    const allowed = isWrite ? !isCode && (attributes & L.ATTR_WRITABLE) !== 0 : !isCode || (attributes & L.ATTR_WRITABLE) !== 0;
    if ((attributes & L.ATTR_P) === 0 || !allowed) raise(vector, 0);
  }
  if (!isWithin(lo, size, cpu.segLimit(index), cpu.segAttributes(index))) raise(vector, 0);
  return (base + lo) >>> 0;
}

