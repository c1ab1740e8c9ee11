// Turns rows into forms: reads the notation of `row.ts`, and expands conditions and operand sizes. Runs once at module load;
// a row that does not follow the notation throws, so a slip in `defs/` cannot go unnoticed.
import type { Form, OperandKind, OperandSpec } from "./form.ts";
import type { Row, SizeRule } from "./row.ts";
import { CONDITION_FLAGS, CONDITION_NAMES } from "./row.ts";

/** One alternative of an encoding, as sets: bit n set means that the value n is accepted. */
export interface Encoding {
  readonly map: 0 | 1 | 2 | 3;
  readonly opcodes: readonly number[];
  readonly hasModrm: boolean;
  /** none, 66, F3, F2 */
  readonly prefixes: number;
  /** memory, register */
  readonly mods: number;
  readonly regs: number;
  readonly rms: number;
  readonly rexB: number;
  readonly rexW: number;
}

/** A row with its condition applied: the forms by operand size, and where they are encoded. */
export interface ExpandedRow {
  readonly row: Row;
  readonly encodings: readonly Encoding[];
  readonly sizeRule: SizeRule;
  /** By operand size; key 0 when the size does not depend on prefixes. */
  readonly forms: ReadonlyMap<number, Form>;
}

/** Operand sizes selected by (66 prefix or 16-bit, 32-bit, REX.W) outside and inside long mode; -1 where there is none. */
export const SIZE_SELECTION: Record<SizeRule, { readonly legacy: readonly number[]; readonly long: readonly number[] }> = {
  v: { legacy: [2, 4, -1], long: [2, 4, 8] },
  z: { legacy: [2, 4, -1], long: [2, 4, 4] },
  y: { legacy: [4, 4, -1], long: [4, 4, 8] },
  d64: { legacy: [2, 4, -1], long: [2, 8, 8] },
  f64: { legacy: [2, 4, -1], long: [8, 8, 8] },
  native: { legacy: [4, 4, -1], long: [8, 8, 8] },
  none: { legacy: [0, 0, -1], long: [0, 0, 0] },
};

const FLAG_BITS: Readonly<Record<string, number>> = {
  c: 0x1,
  p: 0x4,
  a: 0x10,
  z: 0x40,
  s: 0x80,
  t: 0x100,
  i: 0x200,
  d: 0x400,
  o: 0x800,
  l: 0x3000,
  n: 0x4000,
  f: 0x10000,
  v: 0x20000,
  k: 0x40000,
};
const PREFIX_SETS: Readonly<Record<string, number>> = { NP: 1, "66": 2, F3: 4, F2: 8, "NP/66": 3, "!F3": 11, "!F2": 7 };
const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS"];
const FIXED_REGISTERS: Readonly<Record<string, readonly [number, string]>> = {
  AL: [0, "b"],
  CL: [1, "b"],
  AX: [0, "w"],
  DX: [2, "w"],
  eAX: [0, "z"],
  rAX: [0, "v"],
};
const LETTER_KINDS: Readonly<Record<string, OperandKind>> = {
  E: "gprRm",
  R: "gprRm",
  G: "gprReg",
  Z: "gprOpcode",
  I: "imm",
  J: "rel",
  M: "mem",
  O: "moffs",
  A: "farPtr",
  S: "seg",
  C: "cr",
  D: "dr",
  P: "mmxReg",
  Q: "mmxRm",
  N: "mmxRm",
  V: "xmmReg",
  W: "xmmRm",
  U: "xmmRm",
  X: "strSrc",
  Y: "strDst",
};
const FIXED_SIZES: Readonly<Record<string, number>> = { "": 0, b: 1, w: 2, d: 4, q: 8, dq: 16, t: 10, ss: 4, sd: 8, ps: 16, pd: 16 };

function sizeOf(letters: string, opSize: number, where: string): number {
  const fixed = FIXED_SIZES[letters];
  if (fixed !== undefined) return fixed;
  switch (letters) {
    case "v":
    case "r":
      return opSize;
    case "z":
      return Math.min(opSize, 4);
    case "y":
      return opSize === 8 ? 8 : 4;
    case "p":
      return opSize + 2;
    case "a":
      return opSize * 2;
    case "s":
      return opSize === 8 ? 10 : 6;
    case "e":
      return opSize === 2 ? 14 : 28;
    case "st":
      return opSize === 2 ? 94 : 108;
    default:
      if (/^\d+$/.test(letters)) return Number(letters);
      throw new Error(`Unknown operand size "${letters}" in ${where}`);
  }
}

function sizeRuleOf(row: Row, operands: readonly string[]): SizeRule {
  if (row.size !== undefined) return row.size;
  const letters = operands.map((name) => (name === "rAX" ? "v" : name === "eAX" ? "z" : isNamed(name) ? "" : name.slice(1)));
  const uses = (...wanted: string[]) => letters.some((text) => text.split("/").some((part) => wanted.includes(part)));
  if (uses("v", "p", "a") || operands.includes("Ibs")) return "v";
  if (uses("z", "e", "st")) return "z";
  if (uses("y")) return "y";
  return uses("r") ? "native" : "none";
}

function isNamed(name: string): boolean {
  return name in FIXED_REGISTERS || SEGMENTS.includes(name) || name === "ST0" || name === "STi" || name === "XMM0" || name === "1";
}

function operandSpec(name: string, access: string, opSize: number, where: string): OperandSpec {
  if (!["r", "w", "rw", "-"].includes(access)) throw new Error(`Access "${access}" of ${name} in ${where}`);
  const use = { read: access.includes("r"), write: access.includes("w") };
  const fixed = FIXED_REGISTERS[name];
  if (fixed !== undefined) {
    const size = sizeOf(fixed[1], opSize, where);
    return { kind: "gprFixed", size, memSize: size, fixed: fixed[0], ...use };
  }
  const segment = SEGMENTS.indexOf(name);
  if (segment >= 0) return { kind: "seg", size: 2, memSize: 2, fixed: segment, ...use };
  if (name === "ST0") return { kind: "st0", size: 10, memSize: 10, ...use };
  if (name === "STi") return { kind: "sti", size: 10, memSize: 10, ...use };
  if (name === "XMM0") return { kind: "xmmFixed", size: 16, memSize: 16, fixed: 0, ...use };
  if (name === "1") return { kind: "one", size: 1, memSize: 1, ...use };
  const kind = LETTER_KINDS[name.charAt(0)];
  if (kind === undefined) throw new Error(`Unknown operand "${name}" in ${where}`);
  const [registerSize = "", memorySize] = name.slice(1).split("/");
  // Immediates and displacements have the operation's size: Iz, Ibs and J are sign-extended to it by the decoder.
  const wide = kind === "rel" || (kind === "imm" && registerSize !== "b" && registerSize !== "w");
  const size = wide ? opSize : sizeOf(registerSize, opSize, where);
  return { kind, size, memSize: memorySize === undefined ? size : sizeOf(memorySize, opSize, where), ...use };
}

function flagMask(letters: string, condition: number, where: string): number {
  const text = letters === "cc" ? (CONDITION_FLAGS[condition >> 1] ?? "") : letters;
  let mask = 0;
  for (const letter of text) {
    const bit = FLAG_BITS[letter];
    if (bit === undefined) throw new Error(`Unknown flag "${letter}" in ${where}`);
    mask |= bit;
  }
  return mask;
}

function flagMasks(row: Row, condition: number): { flagsRead: number; flagsWritten: number; flagsUndefined: number } {
  const masks = { flagsRead: 0, flagsWritten: 0, flagsUndefined: 0 };
  for (const part of (row.flags ?? "").split(" ").filter((text) => text !== "")) {
    const mask = flagMask(part.slice(2), condition, row.enc);
    if (part.startsWith("r:") || part.startsWith("m:")) masks.flagsRead |= mask;
    else if (part.startsWith("w:")) masks.flagsWritten |= mask;
    else if (part.startsWith("u:")) masks.flagsUndefined |= mask;
    else throw new Error(`Flags "${part}" in ${row.enc}`);
  }
  return masks;
}

function numberSet(text: string, where: string): number {
  let set = 0;
  for (const part of text.split(",")) {
    const match = /^([0-7])(?:-([0-7]))?$/.exec(part);
    if (match === null) throw new Error(`ModR/M selector "/${text}" in ${where}`);
    for (let value = Number(match[1]); value <= Number(match[2] ?? match[1]); value++) set |= 1 << value;
  }
  return set;
}

function parseOpcodes(token: string, condition: number, where: string): number[] {
  const match = /^([0-9A-F]{2})(?:\+(r|cc)|-([0-9A-F]{2}))?$/.exec(token);
  if (match === null) throw new Error(`Opcode "${token}" in ${where}`);
  const first = Number.parseInt(match[1] ?? "", 16);
  if (match[2] === "cc") return [first + condition];
  const last = match[2] === "r" ? first + 7 : Number.parseInt(match[3] ?? match[1] ?? "", 16);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function parseEncoding(text: string, operands: readonly string[], condition: number): Encoding {
  const tokens = text.trim().split(/\s+/);
  const prefixes = PREFIX_SETS[tokens[0] ?? ""];
  if (prefixes !== undefined) tokens.shift();
  const bytes: string[] = [];
  while (tokens.length > 0 && /^[0-9A-F]{2}([+-]|$)/.test(tokens[0] ?? "")) bytes.push(tokens.shift() ?? "");
  const opcode = bytes.pop();
  const map = ["", "0F", "0F 38", "0F 3A"].indexOf(bytes.join(" "));
  if (opcode === undefined || map < 0) throw new Error(`Opcode bytes in ${text}`);
  const fields = { hasModrm: false, prefixes: prefixes ?? 15, mods: 3, regs: 255, rms: 255, rexB: 3, rexW: 3 };
  if (operands.some((name) => !isNamed(name) && name.startsWith("M"))) fields.mods = 1;
  if (operands.some((name) => !isNamed(name) && /^[RNU]/.test(name))) fields.mods = 2;
  for (const token of tokens) {
    const exact = /^\/([C-F][0-9A-F])(\+i)?$/.exec(token);
    const selector = /^(B|W)=([01])$/.exec(token);
    if (exact !== null) {
      const modrm = Number.parseInt(exact[1] ?? "", 16);
      Object.assign(fields, {
        hasModrm: true,
        mods: 2,
        regs: 1 << ((modrm >> 3) & 7),
        rms: exact[2] === undefined ? 1 << (modrm & 7) : 255,
      });
    } else if (token === "/r") fields.hasModrm = true;
    else if (token.startsWith("/")) {
      fields.hasModrm = true;
      fields.regs = numberSet(token.slice(1), text);
    } else if (token === "mod=3") fields.mods = 2;
    else if (token === "mod=m") fields.mods = 1;
    else if (token === "mod=any") fields.mods = 3;
    else if (selector !== null) fields[selector[1] === "B" ? "rexB" : "rexW"] = 1 << Number(selector[2]);
    else throw new Error(`Unknown "${token}" in ${text}`);
  }
  return { map: map as 0 | 1 | 2 | 3, opcodes: parseOpcodes(opcode, condition, text), ...fields }; // map was found among four entries
}

function makeForm(id: number, row: Row, condition: number, opSize: number, mnemonics: readonly string[], names: readonly string[]): Form {
  const where = `${row.enc}: ${row.syn}`;
  const access = row.acc === undefined ? [] : row.acc.split(",");
  if (access.length !== names.length) throw new Error(`Access list of ${where}`);
  const operands = names.map((name, index) => operandSpec(name, access[index] ?? "", opSize, where));
  const mnemonic = mnemonics.length === 1 ? mnemonics[0] : mnemonics[opSize === 2 ? 0 : opSize === 4 ? 1 : 2];
  if (mnemonic === undefined) throw new Error(`Mnemonic for size ${opSize} in ${where}`);
  const aligned = row.unit === "sse" && operands.some((spec) => (spec.kind === "xmmRm" || spec.kind === "mem") && spec.memSize === 16);
  const flow = row.flow ?? "next";
  return {
    id,
    mnemonic: row.enc.includes("+cc") ? mnemonic.replace("cc", CONDITION_NAMES[condition] ?? "") : mnemonic,
    lift: row.lift ?? mnemonics[0] ?? "",
    arg: row.enc.includes("+cc") ? condition : (row.arg ?? 0),
    // OUT and OUTS name the port first: their size is that of the data.
    opSize: opSize === 0 ? (operands[/^outs?$/.test(row.lift ?? mnemonics[0] ?? "") ? 1 : 0]?.size ?? 0) : opSize,
    operands,
    row,
    unit: row.unit ?? "int",
    ends: row.ends ?? flow !== "next",
    flow,
    lockable: row.lock ?? false,
    rep: row.rep ?? "none",
    align: row.align ?? (aligned ? 16 : 0),
    cpl0: row.cpl0 ?? false,
    protectedOnly: row.protectedOnly ?? false,
    noWait: row.noWait ?? false,
    feature: row.feature ?? "",
    ...flagMasks(row, condition),
  };
}

/** Expands a row; the ids of its forms start at `firstId`. */
export function expandRow(row: Row, firstId: number): ExpandedRow[] {
  const [mnemonicText = "", operandText = ""] = row.syn.split(" ");
  const names = operandText === "" ? [] : operandText.split(",");
  const sizeRule = sizeRuleOf(row, names);
  const selection = SIZE_SELECTION[sizeRule];
  const sizes = [...(row.only === "64" ? [] : selection.legacy), ...(row.only === "not64" ? [] : selection.long)].filter(
    (size) => size >= 0,
  );
  const expanded: ExpandedRow[] = [];
  let id = firstId;
  for (let condition = 0; condition < (row.enc.includes("+cc") ? 16 : 1); condition++) {
    const forms = new Map<number, Form>();
    for (const size of [...new Set(sizes)].sort((a, b) => a - b)) {
      forms.set(size, makeForm(id++, row, condition, size, mnemonicText.split("/"), names));
    }
    expanded.push({ row, sizeRule, forms, encodings: row.enc.split(" | ").map((text) => parseEncoding(text, names, condition)) });
  }
  return expanded;
}
