// Who may use an I/O port: IOPL and the permission bitmap of a 32- or 64-bit TSS. AMD64 APM vol. 2, 12.2.4 and 4.6.2.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { TYPE_TSS32, TYPE_TSS32_BUSY } from "./descriptor.ts";
import { GP, raise } from "./guest-fault.ts";

const BITMAP_BASE_FIELD = 0x66;

/** #GP(0) unless `size` ports from `port` may be used now. */
export function checkIo(cpu: Cpu, port: number, size: number): void {
  if (!cpu.isProtected) return;
  if (!cpu.isVm86 && cpu.cpl <= cpu.iopl) return;
  const type = cpu.segAttributes(L.TR) & 31;
  if (type !== TYPE_TSS32 && type !== TYPE_TSS32_BUSY) raise(GP, 0);
  const base = cpu.segBase(L.TR);
  const limit = cpu.segLimit(L.TR);
  if (BITMAP_BASE_FIELD + 1 > limit) raise(GP, 0);
  const bitmap = cpu.mmu.read16(cpu.systemAddress(base, BITMAP_BASE_FIELD), "system");
  const at = bitmap + (port >>> 3);
  // Two bytes are always read, so that the bitmap ends with a byte of ones.
  if (at + 1 > limit) raise(GP, 0);
  const low = cpu.mmu.read8(cpu.systemAddress(base, at), "system");
  const bits = low | (cpu.mmu.read8(cpu.systemAddress(base, at + 1), "system") << 8);
  if (((bits >>> (port & 7)) & ((1 << size) - 1)) !== 0) raise(GP, 0);
}
