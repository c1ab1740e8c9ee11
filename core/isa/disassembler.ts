// Intel-syntax text of one instruction, from the same rows as the decoder. For the debugger, traces and dumps, not for the hot
// path (it uses BigInt). String operands are left out, since the mnemonic says them; RIP-relative operands show their target.
import {
  BASE_RIP,
  D_ADDRSIZE,
  D_BASE,
  D_DISP_HI,
  D_DISP_LO,
  D_FORM,
  D_IMM_HI,
  D_IMM_LO,
  D_IMM2,
  D_INDEX,
  D_IS_MEM,
  D_LENGTH,
  D_PREFIX,
  D_REG,
  D_RM,
  D_SCALE,
  D_SEG,
  D_SIZE,
  DECODE_NEEDS_MORE,
  decode,
  PREFIX_LOCK,
  PREFIX_REP,
  PREFIX_REPNE,
  PREFIX_REX,
} from "./decoder.ts";
import type { Form, OperandSpec } from "./form.ts";
import { forms } from "./forms.ts";

const NAMES = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const LOW_BYTES = ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"];
const HIGH_BYTES = ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"];
const SEGMENT_NAMES = ["es", "cs", "ss", "ds", "fs", "gs"];
const MEMORY_SIZES: Readonly<Record<number, string>> = {
  1: "byte",
  2: "word",
  4: "dword",
  6: "fword",
  8: "qword",
  10: "tbyte",
  16: "xmmword",
};
const REPEAT_NAMES = { none: ["", ""], string: ["rep ", "repne "], stringcc: ["repe ", "repne "] } as const;

export interface Disassembly {
  readonly text: string;
  /** 1 for a byte that starts no instruction. */
  readonly length: number;
}

/** Name of a general register. `rex`: a REX prefix is present, which turns AH, CH, DH and BH into SPL, BPL, SIL and DIL. */
export function gprName(number: number, size: number, rex: boolean): string {
  if (number >= 8) return `r${number}${size === 1 ? "b" : size === 2 ? "w" : size === 4 ? "d" : ""}`;
  if (size === 1) return (rex ? LOW_BYTES : HIGH_BYTES)[number] ?? "";
  return `${size === 2 ? "" : size === 4 ? "e" : "r"}${NAMES[number]}`;
}

function field(record: Int32Array, index: number): number {
  return record[index] ?? 0;
}

function value64(record: Int32Array, lo: number, hi: number): bigint {
  return (BigInt(field(record, hi)) << 32n) | BigInt(field(record, lo) >>> 0);
}

function hex(value: bigint, size: number): string {
  return `0x${BigInt.asUintN(size * 8, value).toString(16)}`;
}

function memoryText(record: Int32Array, spec: OperandSpec, ip: bigint): string {
  const addressSize = field(record, D_ADDRSIZE);
  const base = field(record, D_BASE);
  const index = field(record, D_INDEX);
  const displacement = value64(record, D_DISP_LO, D_DISP_HI);
  const segment = field(record, D_SEG);
  const isDefaultSegment = segment === (base === 5 || (base === 4 && addressSize !== 2) ? 2 : 3);
  const parts: string[] = [];
  if (base >= 0 && base < BASE_RIP) parts.push(gprName(base, addressSize, true));
  if (index >= 0) parts.push(`${gprName(index, addressSize, true)}${addressSize === 2 ? "" : `*${1 << field(record, D_SCALE)}`}`);
  let address = parts.join("+");
  if (base === BASE_RIP) address = `rel ${hex(ip + BigInt(field(record, D_LENGTH)) + displacement, addressSize)}`;
  else if (address === "") address = hex(displacement, addressSize);
  else if (displacement < 0n) address += `-${hex(-displacement, 8)}`;
  else if (displacement > 0n) address += `+${hex(displacement, 8)}`;
  const size = MEMORY_SIZES[spec.memSize];
  return `${size === undefined ? "" : `${size} ptr `}${isDefaultSegment ? "" : `${SEGMENT_NAMES[segment]}:`}[${address}]`;
}

/** Text of one operand; empty for the operands of string instructions. */
export function operandText(record: Int32Array, spec: OperandSpec, ip: bigint): string {
  const rex = (field(record, D_PREFIX) & PREFIX_REX) !== 0;
  const inMemory = field(record, D_IS_MEM) !== 0;
  switch (spec.kind) {
    case "gprRm":
      return inMemory ? memoryText(record, spec, ip) : gprName(field(record, D_RM), spec.size, rex);
    case "gprReg":
      return gprName(field(record, D_REG), spec.size, rex);
    case "gprOpcode":
      return gprName(field(record, D_RM), spec.size, rex);
    case "gprFixed":
      return gprName(spec.fixed ?? 0, spec.size, true);
    case "imm":
      return hex(value64(record, D_IMM_LO, D_IMM_HI), spec.size);
    case "rel":
      return hex(ip + BigInt(field(record, D_LENGTH)) + value64(record, D_IMM_LO, D_IMM_HI), spec.size);
    case "mem":
    case "moffs":
      return memoryText(record, spec, ip);
    case "farPtr":
      return `${hex(BigInt(field(record, D_IMM2)), 2)}:${hex(value64(record, D_IMM_LO, D_IMM_HI), 4)}`;
    case "seg":
      return SEGMENT_NAMES[spec.fixed ?? field(record, D_REG)] ?? "";
    case "cr":
      return `cr${field(record, D_REG)}`;
    case "dr":
      return `dr${field(record, D_REG)}`;
    case "mmxReg":
      return `mm${field(record, D_REG)}`;
    case "mmxRm":
      return inMemory ? memoryText(record, spec, ip) : `mm${field(record, D_RM)}`;
    case "xmmReg":
      return `xmm${field(record, D_REG)}`;
    case "xmmRm":
      return inMemory ? memoryText(record, spec, ip) : `xmm${field(record, D_RM)}`;
    case "xmmFixed":
      return `xmm${spec.fixed ?? 0}`;
    case "st0":
      return "st0";
    case "sti":
      return `st${field(record, D_RM)}`;
    case "one":
      return "1";
    default: // strSrc, strDst
      return "";
  }
}

function operandTexts(record: Int32Array, form: Form, ip: bigint): string[] {
  if (form.rep !== "none") return [];
  return form.operands.map((spec, index) => {
    // ENTER is the one instruction with two immediates.
    if (spec.kind === "imm" && index > 0 && form.operands[index - 1]?.kind === "imm") return hex(BigInt(field(record, D_IMM2)), 1);
    return operandText(record, spec, ip);
  });
}

function mnemonicText(record: Int32Array, form: Form): string {
  const prefix = field(record, D_PREFIX);
  const lock = (prefix & PREFIX_LOCK) !== 0 ? "lock " : "";
  const repeat = (prefix & PREFIX_REP) !== 0 ? REPEAT_NAMES[form.rep][0] : (prefix & PREFIX_REPNE) !== 0 ? REPEAT_NAMES[form.rep][1] : "";
  const overridden = form.operands.some((spec) => spec.kind === "strSrc") && field(record, D_SEG) !== 3;
  const addressSize = field(record, D_ADDRSIZE);
  // The counter's width is the address size.
  const name = form.lift === "jcxz" ? (addressSize === 2 ? "jcxz" : addressSize === 4 ? "jecxz" : "jrcxz") : form.mnemonic;
  return `${lock}${repeat}${overridden ? `${SEGMENT_NAMES[field(record, D_SEG)]} ` : ""}${name}`;
}

/** `ip` is the address of the instruction: RIP, or EIP in the mode given. */
export function disassemble(bytes: Uint8Array, at: number, mode: 16 | 32 | 64, ip: bigint | number): Disassembly {
  const record = new Int32Array(D_SIZE);
  const length = decode(bytes, at, bytes.length - at, mode, record);
  if (length <= 0) return { text: length === DECODE_NEEDS_MORE ? "(incomplete)" : "(bad)", length: 1 };
  const form = forms[field(record, D_FORM)];
  if (form === undefined) throw new Error("The decoder named a form that does not exist");
  const operands = operandTexts(record, form, BigInt(ip));
  return { text: [mnemonicText(record, form), operands.join(", ")].filter((part) => part !== "").join(" "), length };
}
