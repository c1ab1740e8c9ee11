// Model-specific registers: what RDMSR and WRMSR know. AMD64 APM vol. 2 appendix A; Intel SDM vol. 4, chapter 2.
// Registers that only describe or tune hardware are stored and otherwise without effect; unknown ones raise #GP.
import { isReported } from "../models/cpu-model.ts";
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import { GP, raise } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";

const TSC = 0x10;
const APIC_BASE = 0x1b;
const TSC_ADJUST = 0x3b;
const TSC_DEADLINE = 0x6e0;
/** The range that KVM's registers have, of which the machine offers some or none. */
const KVM_FIRST = 0x4b564d00, KVM_LAST = 0x4b564dff;
const MTRR_CAP = 0xfe;
const MTRR_DEF_TYPE = 0x2ff;
const PAT = 0x277;
const EFER = 0xc0000080;
const FS_BASE = 0xc0000100;
const GS_BASE = 0xc0000101;
/** Eight variable ranges, the fixed ones, write combining. */
const MTRR_CAP_VALUE = 0x508;
const VARIABLE_RANGES = 8;
const MTRR_BASE0 = 0x200;
const FIXED_MTRRS = [0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f] as const;

/** Registers with a place in the state block. `canonical`: they hold an address. */
interface StateField {
  readonly at: number;
  readonly canonical?: true;
  readonly needs?: "lm" | "syscall" | "rdtscp" | "sep";
}
const segmentBase = (index: number) => L.SEG + index * L.SEG_SIZE + L.SEG_BASE;
const STATE_FIELDS: ReadonlyMap<number, StateField> = new Map<number, StateField>([
  [0x174, { at: L.MSR_SYSENTER_CS, needs: "sep" }],
  [0x175, { at: L.MSR_SYSENTER_ESP, canonical: true, needs: "sep" }],
  [0x176, { at: L.MSR_SYSENTER_EIP, canonical: true, needs: "sep" }],
  [0xc0000081, { at: L.MSR_STAR, needs: "syscall" }],
  [0xc0000082, { at: L.MSR_LSTAR, canonical: true, needs: "lm" }],
  [0xc0000083, { at: L.MSR_CSTAR, canonical: true, needs: "lm" }],
  [0xc0000084, { at: L.MSR_SFMASK, needs: "lm" }],
  [FS_BASE, { at: segmentBase(L.FS), canonical: true, needs: "lm" }],
  [GS_BASE, { at: segmentBase(L.GS), canonical: true, needs: "lm" }],
  [0xc0000102, { at: L.MSR_KERNEL_GS_BASE, canonical: true, needs: "lm" }],
  [0xc0000103, { at: L.MSR_TSC_AUX, needs: "rdtscp" }],
]);

/** Registers that are only stored: value at reset (as firmware leaves it), and whether a write is kept, ignored or refused. */
interface StoredMsr {
  readonly lo: number;
  readonly hi: number;
  readonly onWrite: "keep" | "ignore" | "refuse";
  readonly vendor?: "AuthenticAMD" | "GenuineIntel";
}
const kept = (lo = 0, hi = 0): StoredMsr => ({ lo, hi, onWrite: "keep" });
const amd = (lo = 0, hi = 0): StoredMsr => ({ lo, hi, onWrite: "keep", vendor: "AuthenticAMD" });
const constant = (lo = 0, hi = 0): StoredMsr => ({ lo, hi, onWrite: "refuse" });

const STORED = new Map<number, StoredMsr>([
  // P5_MC_ADDR, P5_MC_TYPE.
  [0x0, kept()],
  [0x1, kept()],
  // Platform id, FEATURE_CONTROL (locked, nothing enabled).
  [0x17, { ...constant(), vendor: "GenuineIntel" }],
  [0x3a, { ...constant(1), vendor: "GenuineIntel" }],
  // Microcode revision: AMD's PATCH_LEVEL reads low, Intel's BIOS_SIGN_ID high.
  [0x8b, { lo: 0x01000065, hi: 1, onWrite: "ignore" }],
  [MTRR_CAP, constant(MTRR_CAP_VALUE)],
  // Machine check: no banks, MCG_CTL present.
  [0x179, constant(0x100)],
  [0x17a, kept()],
  [0x17b, kept(0xffffffff, 0xffffffff)],
  // MISC_ENABLE: fast strings; branch trace store and PEBS unavailable.
  [0x1a0, kept(0x1801)],
  // DEBUGCTL and the last branch and exception addresses.
  [0x1d9, kept()],
  [0x1db, constant()],
  [0x1dc, constant()],
  [0x1dd, constant()],
  [0x1de, constant()],
  // MTRRs enabled with write-back everywhere but the display window and, in a variable range, the device hole below 4 GiB.
  [MTRR_DEF_TYPE, kept(0xc06)],
  ...FIXED_MTRRS.map((index) => [index, index === 0x259 ? kept() : kept(0x06060606, 0x06060606)] as const),
  ...Array.from({ length: VARIABLE_RANGES * 2 }, (_, i) => [MTRR_BASE0 + i, kept()] as const),
  // SYSCFG, HWCR, IORRs, TOP_MEM, TOP_MEM2, NB_CFG, INT_PENDING_MSG, MMIO configuration base, SMBASE, SMM address and mask.
  [0xc0010010, amd()],
  [0xc0010015, amd()],
  [0xc0010016, amd()],
  [0xc0010017, amd()],
  [0xc0010018, amd()],
  [0xc0010019, amd()],
  [0xc001001a, amd()],
  [0xc001001d, amd()],
  [0xc001001f, amd()],
  [0xc0010055, amd()],
  [0xc0010058, amd()],
  [0xc0010111, amd(0x30000)],
  [0xc0010112, amd()],
  [0xc0010113, amd()],
  // VM_CR: SVM disabled and locked.
  [0xc0010114, { lo: 0x18, hi: 0, onWrite: "ignore", vendor: "AuthenticAMD" }],
  // OSVW length and status, then LS_CFG, IC_CFG, DC_CFG, BU_CFG and DE_CFG.
  [0xc0010140, amd()],
  [0xc0010141, amd()],
  [0xc0011020, amd()],
  [0xc0011021, amd()],
  [0xc0011022, amd()],
  [0xc0011023, amd()],
  [0xc0011029, amd()],
]);

const result = new Uint32Array(2);

function isHooked(index: number): boolean {
  return index === APIC_BASE || index === TSC_ADJUST || index === TSC_DEADLINE || (index >= 0x800 && index < 0x900) || (index >= KVM_FIRST && index <= KVM_LAST);
}

function storedFor(cpu: Cpu, index: number): StoredMsr {
  const entry = STORED.get(index);
  if (!entry || (entry.vendor !== undefined && entry.vendor !== cpu.model.vendor)) raise(GP, 0);
  return entry;
}

/** Low and high word of an MSR. The array returned is overwritten by the next call. */
export function readMsr(cpu: Cpu, index: number): Uint32Array {
  const field = STATE_FIELDS.get(index);
  if (field) {
    if (field.needs && !isReported(cpu.model, field.needs)) raise(GP, 0);
    return answer(cpu.get(field.at), cpu.getHigh(field.at));
  }
  if (index === TSC) {
    const [lo, hi] = cpu.hooks.tscNow();
    return answer(lo, hi);
  }
  if (index === EFER) return answer(cpu.get(L.EFER), 0);
  if (index === PAT) return answer(cpu.get(L.MSR_PAT), cpu.getHigh(L.MSR_PAT));
  if (isHooked(index)) {
    const value = cpu.hooks.readMsr(index);
    if (!value) raise(GP, 0);
    return answer(value[0], value[1]);
  }
  const entry = storedFor(cpu, index);
  return cpu.storedMsrs.get(index) ?? answer(entry.lo, entry.hi);
}

function answer(lo: number, hi: number): Uint32Array {
  result[0] = lo;
  result[1] = hi;
  return result;
}

export function writeMsr(cpu: Cpu, index: number, lo: number, hi: number): void {
  const field = STATE_FIELDS.get(index);
  if (field) {
    if (field.needs && !isReported(cpu.model, field.needs)) raise(GP, 0);
    if (field.canonical && cpu.hasLongMode && !cpu.isCanonical(hi)) raise(GP, 0);
    cpu.set64(field.at, lo, hi);
    return;
  }
  if (index === TSC) {
    cpu.hooks.setTsc(lo, hi);
    return;
  }
  if (index === EFER) {
    writeEfer(cpu, lo, hi);
    return;
  }
  if (index === PAT) {
    writePat(cpu, lo, hi);
    return;
  }
  if (isHooked(index)) {
    if (!cpu.hooks.writeMsr(index, lo, hi)) raise(GP, 0);
    return;
  }
  const entry = storedFor(cpu, index);
  if (entry.onWrite === "refuse") raise(GP, 0);
  if (entry.onWrite === "ignore") return;
  checkMtrr(cpu, index, lo, hi);
  cpu.storedMsrs.set(index, Uint32Array.of(lo, hi));
}

function writeEfer(cpu: Cpu, lo: number, hi: number): void {
  const m = cpu.model;
  const writable =
    (isReported(m, "syscall") ? L.EFER_SCE : 0) | (isReported(m, "lm") ? L.EFER_LME : 0) | (isReported(m, "nx") ? L.EFER_NXE : 0);
  // LMA follows CR0.PG and is not written.
  if (hi !== 0 || (lo & ~(writable | L.EFER_LMA)) !== 0) raise(GP, 0);
  const before = cpu.get(L.EFER);
  const changed = (before ^ lo) & writable;
  if ((changed & L.EFER_LME) !== 0 && (cpu.get(L.CR0) & L.CR0_PG) !== 0) raise(GP, 0);
  cpu.set(L.EFER, before ^ changed);
  if ((changed & L.EFER_NXE) !== 0) cpu.mmu.flushTlb(true);
  updateMode(cpu);
}

/** Uncacheable, write-combining, write-through, write-protected, write-back; and for PAT uncached. */
const MEMORY_TYPES = 0b1111_0011;
function isMemoryType(type: number): boolean {
  return type < 8 && ((MEMORY_TYPES >> type) & 1) === 1;
}
function areTypes(word: number, isPat: boolean): boolean {
  for (let shift = 0; shift < 32; shift += 8) {
    const type = (word >>> shift) & 0xff;
    if (!isMemoryType(type) || (type === 7 && !isPat)) return false;
  }
  return true;
}

function writePat(cpu: Cpu, lo: number, hi: number): void {
  if (!areTypes(lo, true) || !areTypes(hi, true)) raise(GP, 0);
  cpu.set64(L.MSR_PAT, lo, hi);
}

function checkMtrr(cpu: Cpu, index: number, lo: number, hi: number): void {
  if (index >= MTRR_BASE0 && index < MTRR_BASE0 + VARIABLE_RANGES * 2) {
    if ((hi & cpu.physicalHighReserved) !== 0) raise(GP, 0);
    const isMask = (index & 1) === 1;
    if (isMask ? (lo & 0x7ff) !== 0 : (lo & 0xf00) !== 0 || !areTypes(lo & 0xff, false)) raise(GP, 0);
  } else if ((FIXED_MTRRS as readonly number[]).includes(index)) {
    if (!areTypes(lo, false) || !areTypes(hi, false)) raise(GP, 0);
  } else if (index === MTRR_DEF_TYPE && (hi !== 0 || (lo & ~0xcff) !== 0 || !areTypes(lo & 0xff, false))) raise(GP, 0);
}

/** The stored MSRs that guests have written, for a snapshot: number, low word, high word, in ascending order. */
export function saveStoredMsrs(cpu: Cpu): number[][] {
  const entries = [...cpu.storedMsrs].sort(([a], [b]) => a - b);
  return entries.map(([index, words]) => [index, words[0] as number, words[1] as number]);
}

/** Takes what saveStoredMsrs() gave, as the guest's own writes would. Throws GuestFault, with nothing changed, if it could not have. */
export function loadStoredMsrs(cpu: Cpu, saved: readonly (readonly number[])[]): void {
  const loaded = new Map<number, Uint32Array>();
  for (const [index = -1, lo = 0, hi = 0] of saved) {
    if (storedFor(cpu, index).onWrite !== "keep") raise(GP, 0);
    checkMtrr(cpu, index, lo, hi);
    loaded.set(index, Uint32Array.of(lo, hi));
  }
  cpu.storedMsrs.clear();
  for (const [index, words] of loaded) cpu.storedMsrs.set(index, words);
}
