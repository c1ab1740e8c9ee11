// Puts the CPU into the state that a loader asks for (firmware/entry-state.ts).
import * as L from "../cpu/state/layout.ts";
import type { Cpu } from "../cpu/system/cpu.ts";
import { newAddressSpace, updateMode } from "../cpu/system/mode.ts";
import { resetCpu } from "../cpu/system/reset.ts";
import type { EntryRegister, EntryState, SegmentName } from "../firmware/entry-state.ts";

const TWO_32 = 0x1_0000_0000;
const REGISTER_NUMBERS: Partial<Record<EntryRegister, number>> = { rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7 };
const SEGMENT_NUMBERS: Record<SegmentName, number> = { es: L.ES, cs: L.CS, ss: L.SS, ds: L.DS, fs: L.FS, gs: L.GS, tr: L.TR };

export function enterState(cpu: Cpu, entry: EntryState): void {
  resetCpu(cpu);
  cpu.setGpr(2, 0);
  for (const [name, value] of Object.entries(entry.registers) as [EntryRegister, number][]) {
    const number = REGISTER_NUMBERS[name];
    if (number !== undefined) cpu.setGpr(number, value % TWO_32, Math.floor(value / TWO_32));
  }
  cpu.setRip(entry.registers.rip % TWO_32, Math.floor(entry.registers.rip / TWO_32));
  cpu.eflags = entry.registers.rflags;
  for (const [name, s] of Object.entries(entry.segments) as [SegmentName, EntryState["segments"]["cs"]][]) {
    cpu.setSegment(SEGMENT_NUMBERS[name], s.selector, s.base, s.limit, s.flags);
  }
  const tables: [number, EntryState["gdt"]][] = [[L.GDTR, entry.gdt], [L.IDTR, entry.idt]];
  for (const [at, table] of tables) {
    cpu.set64(at, table.base, 0);
    cpu.set(at + 8, table.limit);
  }
  cpu.set64(L.CR0, entry.cr0, 0);
  cpu.set64(L.CR3, entry.cr3, 0);
  cpu.set64(L.CR4, entry.cr4, 0);
  cpu.set64(L.EFER, entry.efer, 0);
  updateMode(cpu);
  newAddressSpace(cpu);
}
