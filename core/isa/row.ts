// The notation of an instruction row: x86 as data, one row per encoding of the Intel SDM volume 2 / AMD APM volume 3 tables.
// Rows are plain data in `defs/`; `expand.ts` turns them into forms, `table-builder.ts` into decoder tables.
// Left out: VEX, EVEX, 3DNow!, XOP and everything above the x86-64-v2 level: what is not listed raises #UD.
//
// `enc`: [prefix] opcode bytes [modrm] [selectors], alternatives of one form separated by " | ".
//   prefix     NP (none allowed), 66, F3, F2 (mandatory), NP/66 (66 is the operand size, F2 and F3 are invalid),
//              !F3 (anything but F3); without a prefix token every prefix is allowed
//   opcode     "0F 38 F0"; "B8+r" is eight opcodes; "70+cc" is sixteen opcodes, a form each; "91-97" is a range
//   modrm      /r (any), /3 (reg field), /0,2-5 (a set of reg fields), /C1 (that very byte), /C0+i (eight bytes)
//   selectors  mod=3, mod=m, mod=any (MOV CR: mod is ignored), B=0, B=1 (REX.B), W=0, W=1 (REX.W)
//   The operand letters M, R, N and U restrict mod by themselves.
// `syn`: mnemonic and operands. "cbw/cwde/cdqe" names the 2, 4 and 8 byte forms; "cc" becomes the condition.
//   letters    E G I J M R O S C D P Q N V W U X Y of the manual's appendix A, A far pointer, Z register in the opcode byte
//   fixed      AL AX CL DX eAX (z) rAX (v) ES CS SS DS FS GS ST0 STi XMM0 1
//   sizes      b 1, w 2, d 4, q 8, dq 16, t 10, ss 4, sd 8, ps and pd 16, v operand size, z the same but at most 4,
//              y 4 or 8, r the mode's register, p far pointer, a BOUND pair, s descriptor table, e x87 environment,
//              st x87 state, a number of bytes; nothing: the address only. "Ed/b": 4 bytes as a register, 1 in memory
//   Ibs is a byte sign-extended to the operation's size; Ib and Iw are unsigned; Iz and Iv are signed.
// `acc`: access per operand: r, w, rw, or - when only its address or nothing of it is used.
// `flags`: "r:c w:oszapc u:a m:oszapc": read, written, undefined afterwards, kept when the count is zero ("r:cc" by condition).

export type Unit = "int" | "x87" | "mmx" | "sse";
export type Flow = "next" | "jump" | "jcc" | "call" | "ret" | "stop" | "trap" | "indirect";
export type Repeat = "none" | "string" | "stringcc";
/** How operand size is found: v 2/4/8, z 2/4, y 4/8, d64 and f64 default to and are forced to 8 in long mode, native 4 or (long mode) 8. */
export type SizeRule = "v" | "z" | "y" | "d64" | "f64" | "native" | "none";

export interface Row {
  readonly enc: string;
  readonly syn: string;
  readonly acc?: string;
  readonly flags?: string;
  /** Name of the lifter; the mnemonic when absent. */
  readonly lift?: string;
  /** A small constant for the lifter; the condition number for "+cc" rows. */
  readonly arg?: number;
  /** LOCK is allowed when the destination is memory. */
  readonly lock?: true;
  readonly only?: "64" | "not64";
  /** Needed only when the operands do not tell. */
  readonly size?: SizeRule;
  readonly cpl0?: true;
  /** #UD in real and virtual-8086 mode. */
  readonly protectedOnly?: true;
  readonly feature?: string;
  readonly unit?: Unit;
  /** Alignment of the memory operand; 16 by itself for 16-byte SSE operands, so 0 is what has to be said. */
  readonly align?: 0 | 16;
  /** Ends a basic block although the flow is "next". */
  readonly ends?: true;
  readonly flow?: Flow;
  readonly rep?: Repeat;
  /** An x87 instruction that does not look for pending exceptions. */
  readonly noWait?: true;
}

/** Rows that share fields. */
export function group(common: Omit<Partial<Row>, "enc" | "syn">, rows: readonly Row[]): Row[] {
  return rows.map((row) => ({ ...common, ...row }));
}

export const CONDITION_NAMES = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"] as const;
/** Flags that a condition reads, for each pair of conditions. */
export const CONDITION_FLAGS = ["o", "c", "z", "cz", "s", "p", "so", "zso"] as const;
