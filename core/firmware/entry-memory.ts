// The tables that an entry state points at: a flat GDT, and identity page tables for a 64-bit entry (4 GiB in 2 MiB pages: RAM, the
// kernel, boot_params and all devices, as Documentation/arch/x86/boot.rst "64-bit boot protocol" demands).
import type { DmaView } from "../memory/guest-memory.ts";
import { ByteView } from "./byte-view.ts";
import {
  CODE32, CODE64, CODE_SELECTOR, CR0_ET, CR0_PE, CR0_PG, CR4_PAE, DATA32, DATA_SELECTOR, EFER_LMA, EFER_LME, type EntryDisplay,
  type EntryRegister, type EntryState, noRegisters, type SegmentState, TASK32, TASK_LIMIT, TASK_SELECTOR,
} from "./entry-state.ts";
import { KernelError } from "./kernel-error.ts";
import type { Placement } from "./placement.ts";

const PAGE = 0x1000;
const LARGE_PAGE = 0x200000;
const PRESENT_WRITABLE = 0x03;
const PAGE_SIZE_BIT = 0x80;
/** Linux keeps its own things right below the EBDA while it starts; loaders leave that alone. */
export const LOW_END = 0x90000;

/** Room below 640 KiB for what the kernel is told. */
export function takeLow(placement: Placement, length: number): number {
  const base = placement.takeLowest(length, PAGE, 0x10000, LOW_END) ?? placement.takeLowest(length, PAGE, 0x1000, LOW_END);
  if (base === null) throw new KernelError("notEnoughMemory", "The kernel leaves no room below 640 KiB for its boot information");
  return base;
}

export interface FlatEntry {
  registers: Partial<Record<EntryRegister, number>>;
  display: EntryDisplay;
}

export function enterProtected32(memory: DmaView, placement: Placement, entry: FlatEntry): EntryState {
  const gdt = writeGdt(memory, placement, CODE32);
  return {
    mode: "protected32",
    registers: { ...noRegisters(), ...entry.registers },
    segments: flatSegments(CODE32),
    gdt,
    idt: { base: 0, limit: 0 },
    cr0: CR0_PE + CR0_ET,
    cr3: 0,
    cr4: 0,
    efer: 0,
    display: entry.display,
  };
}

export function enterLong64(memory: DmaView, placement: Placement, entry: FlatEntry): EntryState {
  const gdt = writeGdt(memory, placement, CODE64);
  return {
    mode: "long64",
    registers: { ...noRegisters(), ...entry.registers },
    segments: flatSegments(CODE64),
    gdt,
    idt: { base: 0, limit: 0 },
    cr0: CR0_PG + CR0_PE + CR0_ET,
    cr3: writeIdentityTables(memory, placement),
    cr4: CR4_PAE,
    efer: EFER_LME | EFER_LMA,
    display: entry.display,
  };
}

function flatSegments(codeFlags: number): EntryState["segments"] {
  const data: SegmentState = { selector: DATA_SELECTOR, base: 0, limit: 0xffffffff, flags: DATA32 };
  return {
    cs: { selector: CODE_SELECTOR, base: 0, limit: 0xffffffff, flags: codeFlags },
    ds: data,
    es: data,
    fs: data,
    gs: data,
    ss: data,
    tr: { selector: TASK_SELECTOR, base: 0, limit: TASK_LIMIT, flags: TASK32 },
  };
}

function writeGdt(memory: DmaView, placement: Placement, codeFlags: number): { base: number; limit: number } {
  const table = new ByteView(new Uint8Array(0x30)); // the task descriptor takes 16 bytes in long mode
  putDescriptor(table, CODE_SELECTOR, 0xfffff, codeFlags);
  putDescriptor(table, DATA_SELECTOR, 0xfffff, DATA32);
  putDescriptor(table, TASK_SELECTOR, TASK_LIMIT, TASK32);
  const base = takeLow(placement, PAGE);
  memory.write(base, table.bytes);
  return { base, limit: table.length - 1 };
}

/** A descriptor of base 0; `limit` in the units that the granularity flag says. */
function putDescriptor(table: ByteView, selector: number, limit: number, flags: number): void {
  table.put16(selector, limit & 0xffff);
  table.put8(selector + 5, flags & 0xff);
  table.put8(selector + 6, ((flags >> 8) & 0xf0) | (limit >> 16));
}

function writeIdentityTables(memory: DmaView, placement: Placement): number {
  const base = takeLow(placement, 6 * PAGE);
  const tables = new ByteView(new Uint8Array(6 * PAGE));
  tables.put64(0, base + PAGE + PRESENT_WRITABLE);
  for (let gib = 0; gib < 4; gib++) tables.put64(PAGE + 8 * gib, base + (2 + gib) * PAGE + PRESENT_WRITABLE);
  for (let page = 0; page < 2048; page++) tables.put64(2 * PAGE + 8 * page, page * LARGE_PAGE + PAGE_SIZE_BIT + PRESENT_WRITABLE);
  memory.write(base, tables.bytes);
  return base;
}
