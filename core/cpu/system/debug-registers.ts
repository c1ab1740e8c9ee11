// Debug registers: MOV to and from them, and which breakpoints an access meets. AMD64 APM vol. 2, 13.1; Intel SDM vol. 3, 17.2.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { DB, GP, raise, UD } from "./guest-fault.ts";

export const DR6_BS = 0x4000;
const DR6_BD = 0x2000;
const DR6_FIXED = 0xffff0ff0;
const DR6_WRITABLE = 0xe00f;
const DR7_FIXED = 0x400;
const DR7_WRITABLE = 0xffff23ff;
const DR7_GD = 0x2000;
const DR7 = L.DR + 56;

/** DR4 and DR5 are DR6 and DR7, unless CR4.DE says that they do not exist. */
function registerOffset(cpu: Cpu, number: number): number {
  if (number > 7) raise(UD, null);
  if (number === 4 || number === 5) {
    if ((cpu.get(L.CR4) & L.CR4_DE) !== 0) raise(UD, null);
    return L.DR + (number + 2) * 8;
  }
  return L.DR + number * 8;
}

function checkAccess(cpu: Cpu): void {
  if (cpu.cpl !== 0) raise(GP, 0);
  if ((cpu.get(DR7) & DR7_GD) !== 0) raise(DB, null, 0, DR6_BD);
}

export function writeDebug(cpu: Cpu, number: number, lo: number, hi: number): void {
  const at = registerOffset(cpu, number);
  checkAccess(cpu);
  if (at < L.DR + 32) {
    cpu.set64(at, lo, hi);
    return;
  }
  if (hi !== 0) raise(GP, 0);
  cpu.set64(at, at === DR7 ? (lo & DR7_WRITABLE) | DR7_FIXED : (lo & DR6_WRITABLE) | DR6_FIXED, 0);
}

export function readDebug(cpu: Cpu, number: number, destination: number, size: number): void {
  const at = registerOffset(cpu, number);
  checkAccess(cpu);
  cpu.writeRegister(destination, size, cpu.get(at), cpu.getHigh(at));
}

/** Whether any breakpoint is on. */
export function hasBreakpoints(cpu: Cpu): boolean {
  return (cpu.get(DR7) & 0xff) !== 0;
}
/** Whether a breakpoint on data is on. */
export function watchesData(cpu: Cpu): boolean {
  const dr7 = cpu.get(DR7);
  for (let i = 0; i < 4; i++) if (((dr7 >>> (i * 2)) & 3) !== 0 && ((dr7 >>> (16 + i * 4)) & 1) !== 0) return true;
  return false;
}

/** What a breakpoint waits for: R/W field of DR7. */
export type BreakpointAccess = "execute" | "write" | "io" | "read";
const CODES: Readonly<Record<BreakpointAccess, number>> = { execute: 0, write: 1, io: 2, read: 3 };
const LENGTHS = [1, 2, 8, 4] as const;

/** Bits 3:0 of DR6 for the enabled breakpoints that an access of `length` bytes at `address` meets. A write meets "read" ones too. */
export function matchBreakpoints(cpu: Cpu, address: number, length: number, access: BreakpointAccess): number {
  const dr7 = cpu.get(DR7);
  if ((dr7 & 0xff) === 0) return 0;
  const wanted = CODES[access];
  let hit = 0;
  for (let i = 0; i < 4; i++) {
    if (((dr7 >>> (i * 2)) & 3) === 0) continue;
    const kind = (dr7 >>> (16 + i * 4)) & 3;
    if (kind !== wanted && !(kind === 3 && access === "write")) continue;
    const size = LENGTHS[(dr7 >>> (18 + i * 4)) & 3] as number;
    const at = cpu.isLongActive ? cpu.linear(L.DR + i * 8) : cpu.get(L.DR + i * 8);
    const start = at - (((at % size) + size) % size);
    if (address < start + size && address + length > start) hit |= 1 << i;
  }
  return hit;
}
