// What a loader leaves the processor in: plain data that the machine applies to the CPU before its first instruction.

export interface SegmentState {
  selector: number;
  base: number;
  /** In bytes, the last valid offset. */
  limit: number;
  /** Descriptor bits 40 to 55 without the limit's: access byte in bits 0-7; AVL, L, D/B, G in bits 12-15. */
  flags: number;
}

export type SegmentName = "cs" | "ds" | "es" | "fs" | "gs" | "ss" | "tr";
export type EntryRegister = "rax" | "rbx" | "rcx" | "rdx" | "rsi" | "rdi" | "rbp" | "rsp" | "rip" | "rflags";

/** The mode that the loader has told the kernel the screen is in; the machine puts the display adapter into it. */
export type EntryDisplay = { kind: "text" } | { kind: "linear"; width: number; height: number; bitsPerPixel: 8 | 15 | 16 | 24 | 32 };

export interface EntryState {
  mode: "real" | "protected32" | "long64";
  /** Numbers below 2^53; the registers that are not named are 0. */
  registers: Record<EntryRegister, number>;
  segments: Record<SegmentName, SegmentState>;
  gdt: { base: number; limit: number };
  idt: { base: number; limit: number };
  cr0: number;
  cr3: number;
  cr4: number;
  efer: number;
  display: EntryDisplay;
}

export const CODE_SELECTOR = 0x10;
export const DATA_SELECTOR = 0x18;
export const TASK_SELECTOR = 0x20;

export const CODE32 = 0xc09b;
export const CODE64 = 0xa09b;
export const DATA32 = 0xc093;
/** A 32-bit TSS, busy, as the task register always holds one. */
export const TASK32 = 0x008b;
export const TASK_LIMIT = 0x67;

export const CR0_PE = 0x00000001;
/** ET: the coprocessor is a 387 or later. Hard-wired. */
export const CR0_ET = 0x00000010;
export const CR0_PG = 0x80000000;
export const CR4_PAE = 0x20;
export const EFER_LME = 0x100;
export const EFER_LMA = 0x400;

export function noRegisters(): Record<EntryRegister, number> {
  return { rax: 0, rbx: 0, rcx: 0, rdx: 0, rsi: 0, rdi: 0, rbp: 0, rsp: 0, rip: 0, rflags: 2 };
}
