// Modes of operation, folded into the words that decoding, the TLB and the code cache are keyed by. AMD64 APM vol. 2, 1.3.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";

/** Bits of MODE_KEY: all that the meaning of an instruction's bytes depends on. */
export const MODE_CODE_SIZE = 3;
export const MODE_CODE_16 = 0;
export const MODE_CODE_32 = 1;
export const MODE_CODE_64 = 2;
export const MODE_STACK_32 = 4;
/** No segment check or base is needed for CS, DS, ES and SS. */
export const MODE_FLAT = 8;
export const MODE_PROTECTED = 0x10;
export const MODE_VM86 = 0x20;
export const MODE_EM = 0x40;
export const MODE_TS = 0x80;
export const MODE_OSFXSR = 0x100;

const KEY_LOW_MASK = 0xfffff000;

function isFlat(cpu: Cpu, index: number, needsWrite: boolean): boolean {
  const at = L.SEG + index * L.SEG_SIZE;
  if ((cpu.get(at + L.SEG_BASE) | cpu.getHigh(at + L.SEG_BASE)) !== 0) return false;
  if (cpu.get(at + L.SEG_LIMIT) !== 0xffffffff) return false;
  const attr = cpu.get(at + L.SEG_ATTR);
  if ((attr & L.ATTR_P) === 0) return false;
  // A code segment that can be executed from need not be readable data: CS: overrides are rare and decoded apart.
  if (!needsWrite) return true;
  return (attr & (L.ATTR_CODE | L.ATTR_WRITABLE | 4)) === L.ATTR_WRITABLE;
}

function modeKey(cpu: Cpu): number {
  const cr0 = cpu.get(L.CR0);
  let key = (cr0 & (L.CR0_EM | L.CR0_TS)) << 4;
  if ((cpu.get(L.CR4) & L.CR4_OSFXSR) !== 0) key |= MODE_OSFXSR;
  const code = cpu.segAttributes(L.CS);
  if (cpu.segAttributes(L.SS) & L.ATTR_DB) key |= MODE_STACK_32;
  if ((cr0 & L.CR0_PE) === 0) return key | (code & L.ATTR_DB ? MODE_CODE_32 : MODE_CODE_16);
  key |= MODE_PROTECTED;
  if (cpu.isVm86) return (key & ~MODE_STACK_32) | MODE_VM86;
  if ((code & L.ATTR_L) !== 0 && cpu.isLongActive) return (key & ~MODE_STACK_32) | MODE_CODE_64 | MODE_FLAT;
  if ((code & L.ATTR_DB) === 0) return key;
  key |= MODE_CODE_32;
  if ((key & MODE_STACK_32) === 0) return key;
  const flat = isFlat(cpu, L.CS, false) && isFlat(cpu, L.SS, true) && isFlat(cpu, L.DS, true) && isFlat(cpu, L.ES, true);
  return flat ? key | MODE_FLAT : key;
}

/** Recomputes what is derived from CS, SS, CR0, CR4, EFER, EFLAGS.VM and CPL. True if MODE_KEY is another one than before. */
export function updateMode(cpu: Cpu): boolean {
  const key = modeKey(cpu);
  const before = cpu.get(L.MODE_KEY);
  cpu.set(L.MODE_KEY, key);
  const isUser = cpu.get(L.CPL) === 3;
  cpu.copy64(isUser ? L.TLB_KEY_USER : L.TLB_KEY_SUPERVISOR, L.TLB_KEY);
  cpu.copy64(isUser ? L.SITE_KEY_USER : L.SITE_KEY_SUPERVISOR, L.SITE_KEY);
  // Offsets of one value in segments of different bases are different code.
  const base = (key & MODE_CODE_SIZE) === MODE_CODE_64 ? 0 : cpu.get(L.SEG + L.CS * L.SEG_SIZE + L.SEG_BASE);
  setCodeMix(cpu, L.CODE_MIX_SUPERVISOR, key + 1, base);
  setCodeMix(cpu, L.CODE_MIX_USER, key + USER_MIX + 1, base);
  const mix = isUser ? L.CODE_MIX_USER : L.CODE_MIX_SUPERVISOR;
  cpu.set64(L.CODE_KEY, cpu.get(L.CODE_KEY_SPACE) ^ cpu.get(mix), cpu.getHigh(L.CODE_KEY_SPACE) ^ cpu.getHigh(mix));
  return key !== before;
}
const USER_MIX = 0x200;

function setCodeMix(cpu: Cpu, at: number, value: number, base: number): void {
  const mix = Math.imul(value, 0x9e3779b1);
  cpu.set64(at, mix & KEY_LOW_MASK, Math.imul(mix ^ (mix >>> 15) ^ Math.imul(base, 0xc2b2ae35), 0x85ebca6b));
}

/** Draws new keys, so that no TLB or jump cache entry of before matches any more. */
export function newAddressSpace(cpu: Cpu): void {
  cpu.set(L.FILL_COUNT, 0);
  cpu.set64(L.KEY_NOISE, cpu.random32() | 1, cpu.random32());
  cpu.bytes.fill(0, L.LARGE_RANGES, L.LARGE_RANGES + L.LARGE_RANGES_BYTES);
  cpu.bytes.fill(0, L.GLOBAL_PAGES, L.GLOBAL_PAGES + L.PAGE_SET_BYTES);
  cpu.bytes.fill(0, L.LOGGED_PAGES, L.LOGGED_PAGES + L.PAGE_SET_BYTES);
  drawKeys(cpu, [L.TLB_KEY_SUPERVISOR, L.TLB_KEY_USER, L.CODE_KEY_SPACE, L.SITE_KEY_SUPERVISOR, L.SITE_KEY_USER]);
}

/** Draws new keys for the site caches: an entry has been taken out of a TLB. */
export function forgetSites(cpu: Cpu): void {
  drawKeys(cpu, [L.SITE_KEY_SUPERVISOR, L.SITE_KEY_USER]);
}
function drawKeys(cpu: Cpu, places: readonly number[]): void {
  for (const at of places) cpu.set64(at, cpu.random32() & KEY_LOW_MASK, cpu.random32());
  updateMode(cpu);
}

/** Sets CPL and what hangs on it. */
export function setCpl(cpu: Cpu, cpl: number): void {
  cpu.set(L.CPL, cpl);
  updateMode(cpu);
}
