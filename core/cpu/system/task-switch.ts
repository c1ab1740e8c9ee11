// Hardware task switches through 16- and 32-bit TSSs, and what else is kept in a TSS: the stacks of inner rings.
// Intel SDM vol. 3, 7.2 to 7.4; AMD64 APM vol. 2, 12.2 and 12.3. Long mode has no task switches.
import * as L from "../state/layout.ts";
import type { Cpu } from "./cpu.ts";
import {
  Descriptor,
  fetchDescriptor,
  isNull,
  loadFrom,
  setAccessed,
  TYPE_TSS16,
  TYPE_TSS16_BUSY,
  TYPE_TSS32,
  TYPE_TSS32_BUSY,
} from "./descriptor.ts";
import { DB, GP, NP, raise, TS } from "./guest-fault.ts";
import { updateMode } from "./mode.ts";
import { checkDataDescriptor, checkStackDescriptor, loadVm86, readLdtDescriptor } from "./segments.ts";
import { frame, setLegacyStackPointer } from "./stack.ts";

export type SwitchSource = "jump" | "call" | "interrupt" | "iret";

/** Where a TSS keeps its fields; `size` is the width of its registers. */
interface TssFormat {
  readonly size: 2 | 4;
  readonly minLimit: number;
  readonly ip: number;
  readonly flags: number;
  readonly registers: number;
  readonly segments: number;
  readonly segmentCount: number;
  readonly ldt: number;
}
const TSS16: TssFormat = { size: 2, minLimit: 43, ip: 14, flags: 16, registers: 18, segments: 34, segmentCount: 4, ldt: 42 };
const TSS32: TssFormat = { size: 4, minLimit: 103, ip: 32, flags: 36, registers: 40, segments: 72, segmentCount: 6, ldt: 96 };
const TSS32_CR3 = 28;
const TSS32_TRAP = 100;

const BUSY = 2;
const DR6_BT = 0x8000;
/** L0-L3 and LE. */
const DR7_LOCAL = 0x155;

const target = new Descriptor();
const scratch = new Descriptor();
const registers = new Uint32Array(8);
const selectors = new Uint32Array(6);

function formatOf(attributes: number): TssFormat {
  return (attributes & 8) !== 0 ? TSS32 : TSS16;
}

function readField(cpu: Cpu, base: number, offset: number, size: number): number {
  const at = cpu.systemAddress(base, offset);
  return size === 2 ? cpu.mmu.read16(at, "system") : cpu.mmu.read32(at, "system");
}
function writeField(cpu: Cpu, base: number, offset: number, size: number, value: number): void {
  const at = cpu.systemAddress(base, offset);
  if (size === 2) cpu.mmu.write16(at, value & 0xffff, "system");
  else cpu.mmu.write32(at, value, "system");
}

/** A stack of the TSS in legacy mode: SS selector and stack pointer of ring `cpl`. */
export const innerStack = { selector: 0, pointer: 0 };

export function readInnerStack(cpu: Cpu, cpl: number, ext: number): void {
  const base = cpu.segBase(L.TR);
  const size = formatOf(cpu.segAttributes(L.TR)).size;
  const offset = size + cpl * size * 2;
  if (cpu.segAttributes(L.TR) === 0 || offset + size + 1 > cpu.segLimit(L.TR)) raise(TS, (cpu.selector(L.TR) & 0xfffc) | ext);
  innerStack.pointer = readField(cpu, base, offset, size);
  innerStack.selector = readField(cpu, base, offset + size, 2);
}

/** Switches to the task named by a task gate or TSS selector; checks it first. `rip` is where the old task will go on. */
export function switchTask(cpu: Cpu, selector: number, source: SwitchSource, rip: number, ext = 0, errorCode: number | null = null): void {
  const vector = source === "iret" ? TS : GP;
  const wantedBusy = source === "iret";
  if ((selector & 4) !== 0 || isNull(selector)) raise(vector, (selector & 0xfffc) | ext);
  fetchDescriptor(cpu, selector, target, vector, ext);
  const available = wantedBusy ? target.type === TYPE_TSS16_BUSY || target.type === TYPE_TSS32_BUSY : target.type === TYPE_TSS16 || target.type === TYPE_TSS32;
  if (!available) raise(vector, target.code | ext);
  if (!target.isPresent) raise(NP, target.code | ext);
  const format = formatOf(target.attributes);
  if (target.limit < format.minLimit) raise(TS, target.code | ext);
  const base = target.base;
  const old = formatOf(cpu.segAttributes(L.TR));
  const oldBase = cpu.segBase(L.TR);
  const oldSelector = cpu.selector(L.TR);

  // All that can fault in the old task comes first.
  cpu.mmu.checkWrite(cpu.systemAddress(oldBase, old.ip), old.segments + old.segmentCount * old.size - old.ip, "system");
  if (source === "call" || source === "interrupt") cpu.mmu.checkWrite(base, 2, "system");
  for (let i = 0; i < 8; i++) registers[i] = readField(cpu, base, format.registers + i * format.size, format.size);
  for (let i = 0; i < 6; i++) {
    selectors[i] = i < format.segmentCount ? readField(cpu, base, format.segments + i * format.size, 2) : 0;
  }
  const ldt = readField(cpu, base, format.ldt, 2);
  const ip = readField(cpu, base, format.ip, format.size);
  let flags = readField(cpu, base, format.flags, format.size);
  const cr3 = format.size === 4 ? readField(cpu, base, TSS32_CR3, 4) : 0;
  const trap = format.size === 4 && (readField(cpu, base, TSS32_TRAP, 2) & 1) !== 0;

  setBusy(cpu, oldSelector, source);
  let oldFlags = cpu.eflags;
  if (source === "iret") oldFlags &= ~L.FL_NT;
  saveTask(cpu, old, oldBase, rip, oldFlags);
  if (source === "call" || source === "interrupt") {
    writeField(cpu, base, 0, 2, oldSelector);
    flags |= L.FL_NT;
  }
  if (source !== "iret") {
    target.hi |= BUSY << 8;
    cpu.mmu.write8(cpu.systemAddress(target.address, 5), (target.hi >>> 8) & 0xff, "system");
  }

  // From here on faults belong to the new task.
  cpu.taskSwitched = true;
  loadFrom(cpu, L.TR, selector, target);
  cpu.set(L.CR0, cpu.get(L.CR0) | L.CR0_TS);
  if (format.size === 4 && (cpu.get(L.CR0) & L.CR0_PG) !== 0) {
    cpu.set64(L.CR3, cr3, 0);
    cpu.mmu.flushTlb(false);
  }
  cpu.set(L.DR + 56, cpu.get(L.DR + 56) & ~DR7_LOCAL);
  cpu.eflags = flags;
  cpu.setRip(ip);
  for (let i = 0; i < 8; i++) {
    const value = registers[i] as number;
    cpu.setGpr(i, format.size === 4 ? value : value | 0xffff0000);
  }
  loadTaskSegments(cpu, flags, ldt, ext);
  if (ip > cpu.segLimit(L.CS)) raise(GP, ext);
  if (errorCode !== null) {
    frame.begin(format.size);
    frame.push(errorCode);
    const attributes = cpu.segAttributes(L.SS);
    const sp = (attributes & L.ATTR_DB) !== 0 ? cpu.gpr(4) : cpu.gpr(4) & 0xffff;
    const top = frame.commit(cpu, sp, cpu.segBase(L.SS), cpu.segLimit(L.SS), attributes, "current", ext);
    setLegacyStackPointer(cpu, top, attributes);
  }
  if (trap) raise(DB, null, 0, DR6_BT);
}

/** JMP and IRET leave the old task available. */
function setBusy(cpu: Cpu, selector: number, source: SwitchSource): void {
  if (source !== "jump" && source !== "iret") return;
  fetchDescriptor(cpu, selector, scratch, TS);
  cpu.mmu.write8(cpu.systemAddress(scratch.address, 5), (scratch.hi >>> 8) & 0xff & ~BUSY, "system");
}

function saveTask(cpu: Cpu, format: TssFormat, base: number, rip: number, flags: number): void {
  writeField(cpu, base, format.ip, format.size, rip);
  writeField(cpu, base, format.flags, format.size, flags);
  for (let i = 0; i < 8; i++) writeField(cpu, base, format.registers + i * format.size, format.size, cpu.gpr(i));
  for (let i = 0; i < format.segmentCount; i++) writeField(cpu, base, format.segments + i * format.size, 2, cpu.selector(i));
}

/** Loads LDTR and the segment registers from `selectors`. Where one is refused, it and the ones after it stay unusable. */
function loadTaskSegments(cpu: Cpu, flags: number, ldt: number, ext: number): void {
  cpu.nullSegment(L.LDTR, ldt);
  for (let i = 0; i < 6; i++) cpu.nullSegment(i, selectors[i] as number);
  const isVm86 = (flags & L.FL_VM) !== 0;
  const cpl = isVm86 ? 3 : (selectors[L.CS] as number) & 3;
  cpu.set(L.CPL, cpl);
  updateMode(cpu);
  if (!isNull(ldt)) {
    readLdtDescriptor(cpu, ldt, scratch, TS, ext);
    loadFrom(cpu, L.LDTR, ldt, scratch);
  }
  if (isVm86) {
    for (let i = 0; i < 6; i++) loadVm86(cpu, i, selectors[i] as number);
    updateMode(cpu);
    return;
  }
  const d = scratch;
  const code = selectors[L.CS] as number;
  if (isNull(code)) raise(TS, ext);
  fetchDescriptor(cpu, code, d, TS, ext);
  if (!d.isCode || (d.isConforming ? d.dpl > cpl : d.dpl !== cpl)) raise(TS, d.code | ext);
  if (!d.isPresent) raise(NP, d.code | ext);
  setAccessed(cpu, d);
  loadFrom(cpu, L.CS, code, d);
  const stack = selectors[L.SS] as number;
  if (isNull(stack)) raise(TS, ext);
  fetchDescriptor(cpu, stack, d, TS, ext);
  checkStackDescriptor(d, cpl, TS, ext);
  setAccessed(cpu, d);
  loadFrom(cpu, L.SS, stack, d);
  updateMode(cpu);
  for (const index of DATA_SEGMENTS) {
    const selector = selectors[index] as number;
    if (isNull(selector)) continue;
    fetchDescriptor(cpu, selector, d, TS, ext);
    checkDataDescriptor(d, cpl, TS);
    setAccessed(cpu, d);
    loadFrom(cpu, index, selector, d);
  }
  updateMode(cpu);
}
const DATA_SEGMENTS = [L.ES, L.DS, L.FS, L.GS] as const;
