// FXSAVE, FXRSTOR and LDMXCSR: the 512-byte image of x87, MMX and SSE state. AMD64 APM vol. 2, 11.4.4; Intel SDM vol. 1, 10.5.
// Without CR4.OSFXSR neither MXCSR nor the XMM registers take part, as on AMD processors.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, NM, raise, UD } from "./guest-fault.ts";

const IMAGE_BYTES = 512;
const MXCSR_MASK = 0xffff;
const ST_AREA = 32;
const XMM_AREA = 160;
const SW_ES = 0x80;
const SW_B = 0x8000;
const SW_EXCEPTIONS = 0x3f;
const CW_RESET_BITS = 0x40;

const image = new Uint32Array(IMAGE_BYTES / 4);
const imageBytes = new Uint8Array(image.buffer);
const imageHalves = new Uint16Array(image.buffer);

function checkUsable(cpu: Cpu, linear: number): void {
  if ((cpu.get(L.CR0) & (L.CR0_EM | L.CR0_TS)) !== 0) raise(NM, null);
  // A negative address keeps its low bits in two's complement.
  if ((linear & 15) !== 0) raise(GP, 0);
}
function xmmCount(cpu: Cpu): number {
  if ((cpu.get(L.CR4) & L.CR4_OSFXSR) === 0) return 0;
  return cpu.is64 ? 16 : 8;
}

/** `wide`: the form with 64-bit pointers (REX.W). Bytes from 416 on are left alone. */
export function fxsave(cpu: Cpu, linear: number, wide: boolean): void {
  checkUsable(cpu, linear);
  const count = xmmCount(cpu);
  const length = XMM_AREA + count * 16;
  cpu.mmu.checkWrite(linear, IMAGE_BYTES, "current");
  image.fill(0);
  const top = cpu.get(L.FPU_TOP);
  imageHalves[0] = cpu.get(L.FPU_CW);
  imageHalves[1] = (cpu.get(L.FPU_SW) & ~0x3800) | (top << 11);
  imageBytes[4] = ~cpu.get(L.FPU_EMPTY);
  imageHalves[3] = cpu.get(L.FPU_OPCODE) & 0x7ff;
  image[2] = cpu.get(L.FPU_IP);
  image[3] = wide ? cpu.getHigh(L.FPU_IP) : cpu.get(L.FPU_CS) & 0xffff;
  image[4] = cpu.get(L.FPU_DP);
  image[5] = wide ? cpu.getHigh(L.FPU_DP) : cpu.get(L.FPU_DS) & 0xffff;
  image[6] = cpu.get(L.MXCSR);
  image[7] = MXCSR_MASK;
  for (let i = 0; i < 8; i++) {
    const from = L.FPU_REGS + ((top + i) & 7) * 16;
    const to = (ST_AREA + i * 16) >> 2;
    image[to] = cpu.get(from);
    image[to + 1] = cpu.getHigh(from);
    image[to + 2] = cpu.get16(from + 8);
  }
  for (let i = 0; i < count * 4; i++) image[(XMM_AREA >> 2) + i] = cpu.get(L.XMM + i * 4);
  for (let i = 0; i < length >> 2; i++) {
    if (count === 0 && (i === 6 || i === 7)) continue;
    cpu.mmu.write32(linear + i * 4, image[i] as number, "current");
  }
}

export function fxrstor(cpu: Cpu, linear: number, wide: boolean): void {
  checkUsable(cpu, linear);
  const count = xmmCount(cpu);
  const length = XMM_AREA + count * 16;
  for (let i = 0; i < length >> 2; i++) image[i] = cpu.mmu.read32(linear + i * 4, "current");
  if (count > 0 && ((image[6] as number) & ~MXCSR_MASK) !== 0) raise(GP, 0);
  const cw = (imageHalves[0] as number) | CW_RESET_BITS;
  const sw = imageHalves[1] as number;
  const top = (sw >> 11) & 7;
  // ES and B say whether an unmasked exception is pending, whatever the image claims.
  const pending = (sw & ~cw & SW_EXCEPTIONS) !== 0 ? SW_ES | SW_B : 0;
  cpu.set(L.FPU_CW, cw);
  cpu.set(L.FPU_SW, (sw & ~(0x3800 | SW_ES | SW_B)) | pending);
  cpu.set(L.FPU_TOP, top);
  cpu.set(L.FPU_EMPTY, ~(imageBytes[4] as number) & 0xff);
  cpu.set(L.FPU_OPCODE, (imageHalves[3] as number) & 0x7ff);
  cpu.set64(L.FPU_IP, image[2] as number, wide ? (image[3] as number) : 0);
  cpu.set64(L.FPU_DP, image[4] as number, wide ? (image[5] as number) : 0);
  cpu.set(L.FPU_CS, wide ? 0 : (image[3] as number) & 0xffff);
  cpu.set(L.FPU_DS, wide ? 0 : (image[5] as number) & 0xffff);
  for (let i = 0; i < 8; i++) {
    const to = L.FPU_REGS + ((top + i) & 7) * 16;
    const from = (ST_AREA + i * 16) >> 2;
    cpu.set64(to, image[from] as number, image[from + 1] as number);
    cpu.halves[(to + 8) >> 1] = image[from + 2] as number;
  }
  if (count === 0) return;
  cpu.set(L.MXCSR, image[6] as number);
  for (let i = 0; i < count * 4; i++) cpu.set(L.XMM + i * 4, image[(XMM_AREA >> 2) + i] as number);
}

/** LDMXCSR: reserved bits raise #GP. */
export function loadMxcsr(cpu: Cpu, linear: number): void {
  if ((cpu.get(L.CR0) & L.CR0_EM) !== 0 || (cpu.get(L.CR4) & L.CR4_OSFXSR) === 0) raise(UD, null);
  if ((cpu.get(L.CR0) & L.CR0_TS) !== 0) raise(NM, null);
  const value = cpu.mmu.read32(linear, "current");
  if ((value & ~MXCSR_MASK) !== 0) raise(GP, 0);
  cpu.set(L.MXCSR, value);
}
