// Register values after RESET and INIT. AMD64 APM vol. 2, table 14-1; Intel SDM vol. 3, table 9-1.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { newAddressSpace } from "./mode.ts";

const DATA_16 = L.ATTR_P | L.ATTR_S | L.ATTR_WRITABLE | L.ATTR_ACCESSED;

/** Puts the registers as after the RESET pin; INIT keeps floating point and MSRs. */
export function resetCpu(cpu: Cpu, isInit = false): void {
  for (let n = 0; n < 16; n++) cpu.setGpr(n, 0);
  cpu.setGpr(2, (cpu.model.family << 8) | ((cpu.model.model & 15) << 4) | cpu.model.stepping);
  for (const segment of [L.ES, L.SS, L.DS, L.FS, L.GS]) cpu.setSegment(segment, 0, 0, 0xffff, DATA_16);
  cpu.setSegment(L.CS, 0xf000, 0xffff0000, 0xffff, DATA_16 | L.ATTR_CODE);
  cpu.setSegment(L.LDTR, 0, 0, 0xffff, L.ATTR_P | 2);
  cpu.setSegment(L.TR, 0, 0, 0xffff, L.ATTR_P | 11);
  for (const table of [L.GDTR, L.IDTR]) {
    cpu.set64(table, 0, 0);
    cpu.set(table + 8, 0xffff);
  }
  cpu.setRip(0xfff0);
  cpu.eflags = 2;
  cpu.set(L.CR0, (isInit ? cpu.get(L.CR0) & (L.CR0_CD | L.CR0_NW) : L.CR0_CD | L.CR0_NW) | L.CR0_ET);
  for (const register of [L.CR2, L.CR3, L.CR4, L.EFER]) cpu.set64(register, 0, 0);
  for (let n = 0; n < 4; n++) cpu.set64(L.DR + n * 8, 0, 0);
  cpu.set64(L.DR + 6 * 8, 0xffff0ff0, 0);
  cpu.set64(L.DR + 7 * 8, 0x400, 0);
  for (const word of [L.CPL, L.FAULT, L.SHADOW, L.EXIT_REQUEST]) cpu.set(word, 0);
  if (!isInit) resetState(cpu);
  newAddressSpace(cpu);
}

function resetState(cpu: Cpu): void {
  for (let at = L.MSR_STAR; at <= L.MSR_TSC_AUX; at += 8) cpu.set64(at, 0, 0);
  cpu.set64(L.MSR_PAT, 0x00070406, 0x00070406);
  cpu.set64(L.TSC_OFFSET, 0, 0);
  cpu.bytes.fill(0, L.FPU_REGS, L.FPU_REGS + 0x80);
  for (const word of [L.FPU_TOP, L.FPU_SW, L.FPU_OPCODE, L.FPU_CS, L.FPU_DS]) cpu.set(word, 0);
  cpu.set64(L.FPU_IP, 0, 0);
  cpu.set64(L.FPU_DP, 0, 0);
  cpu.set(L.FPU_CW, 0x40);
  cpu.set(L.FPU_EMPTY, 0);
  cpu.set(L.MXCSR, 0x1f80);
  cpu.bytes.fill(0, L.XMM, L.XMM + 0x100);
  cpu.storedMsrs.clear();
}
