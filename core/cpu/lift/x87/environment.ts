// FNSTENV, FLDENV, FNSAVE and FRSTOR: the environment of 14 or 28 bytes, in the layouts of real and protected mode, and the eight
// registers behind it. Intel SDM vol. 1, 8.1.10. Left out: real mode's linear instruction address, which is the offset alone here.
import * as L from "../../state/layout.ts";
import type { Cpu } from "../../system/cpu.ts";
import { CW_BITS, CW_FIXED } from "./control.ts";
import { finishSystem, type Operation } from "./operation.ts";
import { PENDING } from "./runtime.ts";

const EMPTY_TAG = 3;
const SW_EXCEPTIONS = 0x3f;
const REGISTER_BYTES = 10;

/** 0 valid, 1 zero, 2 special, 3 empty. */
function tagOf(cpu: Cpu, n: number): number {
  if (((cpu.get(L.FPU_EMPTY) >> n) & 1) !== 0) return EMPTY_TAG;
  const at = L.FPU_REGS + n * 16;
  const exponent = cpu.get16(at + 8) & 0x7fff;
  const high = cpu.getHigh(at);
  if (exponent === 0) return (high | cpu.get(at)) === 0 ? 1 : 2;
  return exponent === 0x7fff || high >>> 31 === 0 ? 2 : 0;
}
function tagWord(cpu: Cpu): number {
  let word = 0;
  for (let n = 7; n >= 0; n--) word = (word << 2) | tagOf(cpu, n);
  return word;
}
function operandSize(cpu: Cpu, rec: number): number {
  return (cpu.get(rec + L.REC_EXTRA) >>> 16) & 0xff;
}
function operandAddress(cpu: Cpu, rec: number): number {
  return cpu.dataAddress(cpu.get(L.SCRATCH), cpu.getHigh(L.SCRATCH), cpu.get16(rec + L.REC_SEGBASE) === L.ZERO_SS);
}
const isReal = (cpu: Cpu): boolean => (cpu.get(L.CR0) & L.CR0_PE) === 0 || cpu.isVm86;

function environment(cpu: Cpu, size: number): number[] {
  const sw = (cpu.get(L.FPU_SW) & ~0x3800) | (cpu.get(L.FPU_TOP) << 11);
  const ip = cpu.get(L.FPU_IP);
  const dp = cpu.get(L.FPU_DP);
  const opcode = cpu.get(L.FPU_OPCODE) & 0x7ff;
  const words = [cpu.get(L.FPU_CW), sw, tagWord(cpu)];
  const high = size === 4 ? 0xffff0000 : 0;
  const control = words.map((word) => ((word & 0xffff) | high) >>> 0);
  if (!isReal(cpu)) {
    const [cs, ds] = [cpu.get(L.FPU_CS) & 0xffff, cpu.get(L.FPU_DS) & 0xffff];
    return size === 4 ? [...control, ip, (cs | (opcode << 16)) >>> 0, dp, (ds | high) >>> 0] : [...control, ip, cs, dp, ds];
  }
  const low = (pointer: number): number => ((pointer & 0xffff) | high) >>> 0;
  if (size === 4) return [...control, low(ip), ((ip >>> 16) << 12) | opcode, low(dp), (dp >>> 16) << 12];
  return [...control, ip, ((ip >>> 4) & 0xf000) | opcode, dp, (dp >>> 4) & 0xf000];
}

function store(cpu: Cpu, at: number, size: number): void {
  environment(cpu, size).forEach((word, i) => {
    if (size === 4) cpu.mmu.write32(at + i * 4, word, "current");
    else cpu.mmu.write16(at + i * 2, word & 0xffff, "current");
  });
}
function loadWords(cpu: Cpu, at: number, size: number): number[] {
  return Array.from({ length: 7 }, (_, i) => (size === 4 ? cpu.mmu.read32(at + i * 4, "current") : cpu.mmu.read16(at + i * 2, "current")));
}
function setEnvironment(cpu: Cpu, words: readonly number[], size: number): void {
  const [cw = 0, sw = 0, tags = 0, ip = 0, third = 0, dp = 0, fourth = 0] = words;
  const control = (cw & CW_BITS) | CW_FIXED;
  cpu.set(L.FPU_CW, control);
  cpu.set(L.FPU_SW, (sw & 0x477f) | ((sw & ~control & SW_EXCEPTIONS) !== 0 ? PENDING : 0));
  cpu.set(L.FPU_TOP, (sw >> 11) & 7);
  let empty = 0;
  for (let n = 0; n < 8; n++) if (((tags >> (n * 2)) & 3) === EMPTY_TAG) empty |= 1 << n;
  cpu.set(L.FPU_EMPTY, empty);
  const real = isReal(cpu);
  if (real && size === 4) {
    cpu.set64(L.FPU_IP, (ip & 0xffff) | ((third << 4) & 0xffff0000), 0);
    cpu.set64(L.FPU_DP, (dp & 0xffff) | ((fourth << 4) & 0xffff0000), 0);
  } else if (real) {
    cpu.set64(L.FPU_IP, ip | ((third & 0xf000) << 4), 0);
    cpu.set64(L.FPU_DP, dp | ((fourth & 0xf000) << 4), 0);
  } else {
    cpu.set64(L.FPU_IP, ip, 0);
    cpu.set64(L.FPU_DP, dp, 0);
  }
  cpu.set(L.FPU_CS, real ? 0 : third & 0xffff);
  cpu.set(L.FPU_DS, real ? 0 : fourth & 0xffff);
  if (real) cpu.set(L.FPU_OPCODE, third & 0x7ff);
  else if (size === 4) cpu.set(L.FPU_OPCODE, (third >>> 16) & 0x7ff);
}
/** ST(i) of the stack whose top is `top`. */
const place = (top: number, i: number): number => L.FPU_REGS + ((top + i) & 7) * 16;

export const environmentOperations: Record<string, Operation> = {
  fnstenv: finishSystem((cpu, rec) => {
    const size = operandSize(cpu, rec);
    const at = operandAddress(cpu, rec);
    cpu.mmu.checkWrite(at, size * 7, "current");
    store(cpu, at, size);
    cpu.set(L.FPU_CW, cpu.get(L.FPU_CW) | SW_EXCEPTIONS);
    cpu.set(L.FPU_SW, cpu.get(L.FPU_SW) & ~PENDING);
  }),
  fldenv: finishSystem((cpu, rec) => {
    const size = operandSize(cpu, rec);
    setEnvironment(cpu, loadWords(cpu, operandAddress(cpu, rec), size), size);
  }),
  fnsave: finishSystem((cpu, rec) => {
    const size = operandSize(cpu, rec);
    const at = operandAddress(cpu, rec);
    cpu.mmu.checkWrite(at, size * 7 + 8 * REGISTER_BYTES, "current");
    store(cpu, at, size);
    const top = cpu.get(L.FPU_TOP);
    for (let i = 0; i < 8; i++) {
      const to = at + size * 7 + i * REGISTER_BYTES;
      const from = place(top, i);
      cpu.mmu.write32(to, cpu.get(from), "current");
      cpu.mmu.write32(to + 4, cpu.getHigh(from), "current");
      cpu.mmu.write16(to + 8, cpu.get16(from + 8), "current");
    }
    setEnvironment(cpu, [0x37f, 0, 0xffff, 0, 0, 0, 0], 4);
  }),
  frstor: finishSystem((cpu, rec) => {
    const size = operandSize(cpu, rec);
    const at = operandAddress(cpu, rec);
    const words = loadWords(cpu, at, size);
    const registers = Array.from({ length: 8 }, (_, i) => {
      const from = at + size * 7 + i * REGISTER_BYTES;
      return [cpu.mmu.read32(from, "current"), cpu.mmu.read32(from + 4, "current"), cpu.mmu.read16(from + 8, "current")] as const;
    });
    setEnvironment(cpu, words, size);
    const top = cpu.get(L.FPU_TOP);
    registers.forEach(([lo, hi, se], i) => {
      const to = place(top, i);
      cpu.set64(to, lo, hi);
      cpu.halves[(to + 8) >> 1] = se;
    });
  }),
};
