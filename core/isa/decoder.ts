// The x86 instruction decoder: bytes to a fixed record in an Int32Array, without allocation. Follows Intel SDM vol. 2 chapter 2
// and AMD APM vol. 3 chapter 1; the tables come from the rows, so what is not listed is an invalid opcode.
// Left out: VEX, EVEX and XOP (C4, C5, 62 are LES, LDS, BOUND outside long mode and invalid in it).
// Non-null marks: table indices are bounded by construction, byte indices by `end`.
import type { Form } from "./form.ts";
import { forms, tables } from "./forms.ts";
import { SELECT_MOD, SELECT_PREFIX, SELECT_REG, SELECT_REX_B, SELECT_RM } from "./table-builder.ts";

// The decode record, one Int32 each. 64-bit values are low and high words.
export const D_FORM = 0;
export const D_LENGTH = 1;
/** PREFIX_ bits. */
export const D_PREFIX = 2;
/** The form's operand size. */
export const D_OPSIZE = 3;
/** 2, 4 or 8. */
export const D_ADDRSIZE = 4;
/** The raw byte, or -1. */
export const D_MODRM = 5;
export const D_IS_MEM = 6;
/** ModR/M reg with REX.R, where the operand has 16 registers. Byte registers 4-7 without any REX are AH, CH, DH, BH. */
export const D_REG = 7;
/** ModR/M rm or the register in the opcode, with REX.B; the same rule for byte registers. */
export const D_RM = 8;
/** -1 none, 0-15, BASE_RIP. */
export const D_BASE = 9;
/** -1 none, 0-15. */
export const D_INDEX = 10;
/** Shift of the index. */
export const D_SCALE = 11;
/** 0-5: ES CS SS DS FS GS, of the memory operand or the string source: override or default. */
export const D_SEG = 12;
/** Sign-extended to 64 bits; for moffs the whole unsigned address. */
export const D_DISP_LO = 13;
export const D_DISP_HI = 14;
/** Ib and Iw unsigned; all others, and branch displacements, sign-extended to 64 bits; far pointers: the unsigned offset. */
export const D_IMM_LO = 15;
export const D_IMM_HI = 16;
/** ENTER's level, a far pointer's selector. */
export const D_IMM2 = 17;
export const D_SIZE = 18;

export const BASE_RIP = 16;

export const PREFIX_LOCK = 1;
export const PREFIX_REP = 2;
export const PREFIX_REPNE = 4;
export const PREFIX_OPSIZE = 8;
export const PREFIX_ADDRSIZE = 16;
export const PREFIX_REX = 32;
export const PREFIX_REX_W = 64;

/** Results of `decode` other than a length. */
export const DECODE_NEEDS_MORE = 0;
export const DECODE_INVALID = -1;
export const DECODE_TOO_LONG = -2;

const MAX_LENGTH = 15;

// What follows ModR/M, SIB and displacement.
const IMM_NONE = 0;
const IMM_U8 = 1;
const IMM_S8 = 2;
const IMM_U16 = 3;
const IMM_S16 = 4;
const IMM_S32 = 5;
const IMM_64 = 6;
const IMM_ENTER = 7;
const IMM_FAR16 = 8;
const IMM_FAR32 = 9;
const IMM_MOFFS = 10;
const IMM_BYTES = Uint8Array.of(0, 1, 1, 2, 2, 4, 8, 3, 4, 6, 0);

// Per form: an IMM_ kind in the low four bits, and these.
const INFO_LOCKABLE = 0x10;
/** The reg field names one of eight registers (or is an opcode extension): REX.R is ignored. */
const INFO_REG_3BIT = 0x20;
const INFO_RM_3BIT = 0x40;
/** MOV CR and MOV DR: the rm field is a register whatever mod says, and numbers above the existing ones are invalid. */
const INFO_CONTROL = 0x80;
const INFO_DEBUG = 0x100;
const INFO_OPCODE_REG = 0x200;

function immediateKind(form: Form): number {
  const syntax = (form.row.syn.split(" ")[1] ?? "").split(",");
  if (form.row.syn.startsWith("enter")) return IMM_ENTER;
  const at = form.operands.findIndex(
    (spec) => spec.kind === "imm" || spec.kind === "rel" || spec.kind === "farPtr" || spec.kind === "moffs",
  );
  switch (syntax[at]) {
    case undefined:
      return IMM_NONE;
    case "Ib":
      return IMM_U8;
    case "Ibs":
    case "Jb":
      return IMM_S8;
    case "Iw":
      return IMM_U16;
    case "Iz":
    case "Jz":
      return form.opSize === 2 ? IMM_S16 : IMM_S32;
    case "Iv":
      return form.opSize === 2 ? IMM_S16 : form.opSize === 4 ? IMM_S32 : IMM_64;
    case "Ap":
      return form.opSize === 2 ? IMM_FAR16 : IMM_FAR32;
    case "Ob":
    case "Ov":
      return IMM_MOFFS;
    default:
      throw new Error(`No immediate format for ${form.row.syn}`);
  }
}

function decodeInfo(form: Form): number {
  let info = immediateKind(form);
  if (form.lockable) info |= INFO_LOCKABLE;
  let regIsWide = false;
  let rmIsWide = false;
  for (const { kind } of form.operands) {
    if (kind === "gprReg" || kind === "xmmReg" || kind === "cr" || kind === "dr") regIsWide = true;
    if (kind === "gprRm" || kind === "xmmRm" || kind === "gprOpcode") rmIsWide = true;
    if (kind === "cr") info |= INFO_CONTROL;
    if (kind === "dr") info |= INFO_DEBUG;
    if (kind === "gprOpcode") info |= INFO_OPCODE_REG;
  }
  return info | (regIsWide ? 0 : INFO_REG_3BIT) | (rmIsWide ? 0 : INFO_RM_3BIT);
}

const formInfo = Int32Array.from(forms, decodeInfo);

/** Bytes of the immediate or branch displacement that ends an instruction of that form; none for a whole address. */
export function immediateBytes(form: number): number {
  return IMM_BYTES[(formInfo[form] ?? 0) & 15] ?? 0;
}
/** Whether the immediate is sign-extended from 32 bits. */
export function isSigned32(form: number): boolean {
  return ((formInfo[form] ?? 0) & 15) === IMM_S32;
}
/** Whether the form has an address of its own in place of ModR/M. */
export function isWholeAddress(form: number): boolean {
  return ((formInfo[form] ?? 0) & 15) === IMM_MOFFS;
}
const formSize = Int32Array.from(forms, (form) => form.opSize);

// Prefix bytes: PREFIX_ bits, CLASS_SEGMENT + number, CLASS_REX (in long mode), CLASS_ESCAPE; 0 for an opcode.
const CLASS_SEGMENT = 0x80;
const CLASS_REX = 0x40;
const prefixClass = new Uint8Array(256);
prefixClass[0xf0] = PREFIX_LOCK;
prefixClass[0xf3] = PREFIX_REP;
prefixClass[0xf2] = PREFIX_REPNE;
prefixClass[0x66] = PREFIX_OPSIZE;
prefixClass[0x67] = PREFIX_ADDRSIZE;
[0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65].forEach((byte, segment) => {
  prefixClass[byte] = CLASS_SEGMENT | segment;
});
prefixClass.fill(CLASS_REX, 0x40, 0x50);

// 16-bit addressing: BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX.
const BASE16 = Int8Array.of(3, 3, 5, 5, 6, 7, 5, 3);
const INDEX16 = Int8Array.of(6, 7, 6, 7, -1, -1, -1, -1);

const { top, nodes, leaves } = tables;

/**
 * Decodes the instruction at `bytes[at]`, of which `limit` bytes (15 are enough) may be read, into `out` (at least D_SIZE).
 * Returns its length, or DECODE_NEEDS_MORE when it goes on beyond `limit`, DECODE_INVALID (#UD) or DECODE_TOO_LONG (#GP).
 * `out` holds a record only when a length is returned.
 */
export function decode(bytes: Uint8Array, at: number, limit: number, mode: 16 | 32 | 64, out: Int32Array): number {
  const long = mode === 64;
  const room = limit < MAX_LENGTH ? limit : MAX_LENGTH;
  const end = at + room;
  const short = room === MAX_LENGTH ? DECODE_TOO_LONG : DECODE_NEEDS_MORE;
  let pos = at;

  let prefix = 0;
  let rex = 0;
  let segment = -1;
  let opcode = 0;
  for (;;) {
    if (pos >= end) return short;
    opcode = bytes[pos++]!;
    const kind = prefixClass[opcode]!;
    if (kind === 0) break;
    if (kind === CLASS_REX) {
      if (!long) break;
      rex = opcode;
      continue;
    }
    rex = 0; // REX counts only directly before the opcode
    if (kind >= CLASS_SEGMENT) {
      if (!long || kind >= (CLASS_SEGMENT | 4)) segment = kind & 7; // ES, CS, SS, DS overrides are ignored in long mode
    } else if ((kind & (PREFIX_REP | PREFIX_REPNE)) !== 0) {
      prefix = (prefix & ~(PREFIX_REP | PREFIX_REPNE)) | kind; // the last one wins
    } else prefix |= kind;
  }
  if (rex !== 0) prefix |= PREFIX_REX | ((rex & 8) << 3);

  let table = long ? 1024 : 0;
  if (opcode === 0x0f) {
    if (pos >= end) return short;
    opcode = bytes[pos++]!;
    table |= 0x100;
    if (opcode === 0x38 || opcode === 0x3a) {
      table += opcode === 0x38 ? 0x100 : 0x200;
      if (pos >= end) return short;
      opcode = bytes[pos++]!;
    }
  }

  const entry = top[table | opcode]!;
  let modrm = -1;
  if ((entry & 1) !== 0) {
    if (pos >= end) return short;
    modrm = bytes[pos++]!;
  }
  let reference = entry >> 1;
  while (reference >= 0) {
    let value: number;
    switch (nodes[reference]) {
      case SELECT_PREFIX:
        value = (prefix & PREFIX_REP) !== 0 ? 2 : (prefix & PREFIX_REPNE) !== 0 ? 3 : (prefix & PREFIX_OPSIZE) !== 0 ? 1 : 0;
        break;
      case SELECT_MOD:
        value = modrm >= 0xc0 ? 1 : 0;
        break;
      case SELECT_REG:
        value = (modrm >> 3) & 7;
        break;
      case SELECT_RM:
        value = modrm & 7;
        break;
      case SELECT_REX_B:
        value = rex & 1;
        break;
      default: // SELECT_REX_W
        value = (rex >> 3) & 1;
        break;
    }
    reference = nodes[reference + 1 + value]!;
  }
  const operand16 = ((prefix & PREFIX_OPSIZE) !== 0) !== (mode === 16);
  const form = leaves[~reference * 3 + ((rex & 8) !== 0 ? 2 : operand16 ? 0 : 1)]!;
  if (form < 0) return DECODE_INVALID;
  const info = formInfo[form]!;

  const narrow = (prefix & PREFIX_ADDRSIZE) !== 0;
  const addressSize = long ? (narrow ? 4 : 8) : narrow === (mode === 32) ? 2 : 4;
  let isMemory = 0;
  let reg = 0;
  let rm = 0;
  let base = -1;
  let index = -1;
  let scale = 0;
  let displacementLo = 0;
  let displacementHi = 0;
  let defaultSegment = 3;
  if (modrm >= 0) {
    reg = (modrm >> 3) & 7;
    if ((info & INFO_REG_3BIT) === 0) reg |= (rex & 4) << 1;
    rm = modrm & 7;
    if (modrm >= 0xc0 || (info & (INFO_CONTROL | INFO_DEBUG)) !== 0) {
      if ((info & INFO_RM_3BIT) === 0) rm |= (rex & 1) << 3;
      if ((info & INFO_CONTROL) !== 0 && reg > 8) return DECODE_INVALID;
      if ((info & INFO_DEBUG) !== 0 && reg > 7) return DECODE_INVALID;
    } else {
      isMemory = 1;
      let displacementBytes = modrm >> 6; // 0, 1, 2: none, 8 bits, 16 or 32 bits
      if (addressSize === 2) {
        base = BASE16[rm]!;
        index = INDEX16[rm]!;
        if (modrm < 0x40 && rm === 6) {
          base = -1;
          displacementBytes = 2;
        }
      } else {
        if (displacementBytes === 2) displacementBytes = 4;
        base = rm;
        if (rm === 4) {
          if (pos >= end) return short;
          const sib = bytes[pos++]!;
          base = sib & 7;
          index = ((sib >> 3) & 7) | ((rex & 2) << 2);
          if (index === 4) index = -1;
          else scale = sib >> 6;
        }
        if (base === 5 && modrm < 0x40) {
          base = rm === 5 && long ? BASE_RIP : -1;
          displacementBytes = 4;
        } else base |= (rex & 1) << 3;
      }
      if (base === 5 || (base === 4 && addressSize !== 2)) defaultSegment = 2;
      if (pos + displacementBytes > end) return short;
      if (displacementBytes === 1) displacementLo = (bytes[pos]! << 24) >> 24;
      else if (displacementBytes === 2) displacementLo = ((bytes[pos]! | (bytes[pos + 1]! << 8)) << 16) >> 16;
      else if (displacementBytes === 4) displacementLo = word32(bytes, pos);
      displacementHi = displacementLo >> 31;
      pos += displacementBytes;
      rm |= (rex & 1) << 3;
    }
  } else if ((info & INFO_OPCODE_REG) !== 0) rm = (opcode & 7) | ((rex & 1) << 3);

  let immediateLo = 0;
  let immediateHi = 0;
  let immediate2 = 0;
  const immediate = info & 15;
  if (immediate !== IMM_NONE) {
    const count = immediate === IMM_MOFFS ? addressSize : IMM_BYTES[immediate]!;
    if (pos + count > end) return short;
    switch (immediate) {
      case IMM_U8:
        immediateLo = bytes[pos]!;
        break;
      case IMM_S8:
        immediateLo = (bytes[pos]! << 24) >> 24;
        immediateHi = immediateLo >> 31;
        break;
      case IMM_U16:
        immediateLo = bytes[pos]! | (bytes[pos + 1]! << 8);
        break;
      case IMM_S16:
        immediateLo = ((bytes[pos]! | (bytes[pos + 1]! << 8)) << 16) >> 16;
        immediateHi = immediateLo >> 31;
        break;
      case IMM_S32:
        immediateLo = word32(bytes, pos);
        immediateHi = immediateLo >> 31;
        break;
      case IMM_64:
        immediateLo = word32(bytes, pos);
        immediateHi = word32(bytes, pos + 4);
        break;
      case IMM_ENTER:
        immediateLo = bytes[pos]! | (bytes[pos + 1]! << 8);
        immediate2 = bytes[pos + 2]!;
        break;
      case IMM_FAR16:
        immediateLo = bytes[pos]! | (bytes[pos + 1]! << 8);
        immediate2 = bytes[pos + 2]! | (bytes[pos + 3]! << 8);
        break;
      case IMM_FAR32:
        immediateLo = word32(bytes, pos);
        immediate2 = bytes[pos + 4]! | (bytes[pos + 5]! << 8);
        break;
      default: // IMM_MOFFS
        isMemory = 1;
        displacementLo = addressSize === 2 ? bytes[pos]! | (bytes[pos + 1]! << 8) : word32(bytes, pos);
        if (addressSize === 8) displacementHi = word32(bytes, pos + 4);
        break;
    }
    pos += count;
  }
  if ((prefix & PREFIX_LOCK) !== 0 && ((info & INFO_LOCKABLE) === 0 || isMemory === 0)) return DECODE_INVALID;

  out[D_FORM] = form;
  out[D_LENGTH] = pos - at;
  out[D_PREFIX] = prefix;
  out[D_OPSIZE] = formSize[form]!;
  out[D_ADDRSIZE] = addressSize;
  out[D_MODRM] = modrm;
  out[D_IS_MEM] = isMemory;
  out[D_REG] = reg;
  out[D_RM] = rm;
  out[D_BASE] = base;
  out[D_INDEX] = index;
  out[D_SCALE] = scale;
  out[D_SEG] = segment >= 0 ? segment : defaultSegment;
  out[D_DISP_LO] = displacementLo;
  out[D_DISP_HI] = displacementHi;
  out[D_IMM_LO] = immediateLo;
  out[D_IMM_HI] = immediateHi;
  out[D_IMM2] = immediate2;
  return pos - at;
}

function word32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
