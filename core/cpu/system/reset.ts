// The processor after RESET. AMD64 APM vol. 2, 14.1.3 (table 14-1); Intel SDM vol. 3, 9.1.1.
import { cpuSignature } from "../models/cpuid.ts";
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { newAddressSpace } from "./mode.ts";
import { loadReal } from "./segments.ts";

const PAT_LOW = 0x00070406;
const PAT_HIGH = 0x00070406;
const STATE_END = 0x600;

/** Puts every register into its state after RESET. Execution starts at F000:FFF0, linear FFFFFFF0h. */
export function resetCpu(cpu: Cpu): void {
  cpu.words.fill(0, L.GPR >> 2, L.FAULT >> 2);
  cpu.words.fill(0, L.MSR_STAR >> 2, STATE_END >> 2);
  cpu.set(L.SHADOW, 0);
  cpu.set(L.FAULT, 0);
  cpu.storedMsrs.clear();
  cpu.taskSwitched = false;
  cpu.set(L.CR0, L.CR0_CD | L.CR0_NW | L.CR0_ET);
  for (const index of [L.ES, L.CS, L.SS, L.DS, L.FS, L.GS]) loadReal(cpu, index, 0);
  cpu.setSegment(L.CS, 0xf000, 0xffff0000, 0xffff, cpu.segAttributes(L.CS));
  cpu.setSegment(L.LDTR, 0, 0, 0xffff, 0x82);
  cpu.setSegment(L.TR, 0, 0, 0xffff, 0x8b);
  cpu.set(L.GDTR + 8, 0xffff);
  cpu.set(L.IDTR + 8, 0xffff);
  cpu.setRip(0xfff0);
  cpu.setGpr(2, cpuSignature(cpu.model));
  cpu.eflags = 2;
  cpu.set(L.DR + 48, 0xffff0ff0);
  cpu.set(L.DR + 56, 0x400);
  cpu.set64(L.MSR_PAT, PAT_LOW, PAT_HIGH);
  cpu.set(L.FPU_CW, 0x40);
  cpu.set(L.FPU_SW, 0);
  cpu.set(L.MXCSR, 0x1f80);
  cpu.mmu.flushTlb(true);
  newAddressSpace(cpu);
}
