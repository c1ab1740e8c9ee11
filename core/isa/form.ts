// What lifters, the block scanner and the disassembler know about one expanded instruction form. Forms are built once at
// module load (`forms.ts`) and never change; a form's id is its index and is what the decoder writes into its record.
import type { Flow, Repeat, Row, Unit } from "./row.ts";

export type OperandKind =
  | "gprRm"
  | "gprReg"
  | "gprOpcode"
  | "gprFixed"
  | "imm"
  | "rel"
  | "mem"
  | "moffs"
  | "farPtr"
  | "seg"
  | "cr"
  | "dr"
  | "mmxReg"
  | "mmxRm"
  | "xmmReg"
  | "xmmRm"
  | "xmmFixed"
  | "st0"
  | "sti"
  | "strSrc"
  | "strDst"
  | "one";

export interface OperandSpec {
  /** gprRm, mmxRm and xmmRm may be memory: the decoded record says. */
  readonly kind: OperandKind;
  /** Bytes used of a register; for immediates and branch displacements the operation's size, after sign extension. */
  readonly size: number;
  /** Bytes accessed when the operand is memory; 0 when only its address is used. */
  readonly memSize: number;
  readonly read: boolean;
  readonly write: boolean;
  /** The register of gprFixed, xmmFixed and of a segment register named by the opcode. */
  readonly fixed?: number;
}

export interface Form {
  readonly id: number;
  readonly mnemonic: string;
  readonly lift: string;
  /** Condition number of cc forms, otherwise the row's `arg` or 0. */
  readonly arg: number;
  /** Operand size in bytes: 2, 4 or 8 where it depends on prefixes, otherwise the size of the first operand, of the data for OUT (0: no operand). */
  readonly opSize: number;
  readonly operands: readonly OperandSpec[];
  readonly row: Row;
  readonly unit: Unit;
  readonly ends: boolean;
  readonly flow: Flow;
  readonly lockable: boolean;
  readonly rep: Repeat;
  /** Alignment that the memory operand must have (#GP), 0 when none. */
  readonly align: number;
  readonly cpl0: boolean;
  readonly protectedOnly: boolean;
  readonly noWait: boolean;
  readonly feature: string;
  /** EFLAGS bits. A flag that may keep its old value (shift by zero, REP with a zero count) is in both `flagsRead` and its outcome. */
  readonly flagsRead: number;
  readonly flagsWritten: number;
  readonly flagsUndefined: number;
}
