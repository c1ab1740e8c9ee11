// Turns a decoded instruction into the interpreter's records: the handler for its form and flavour, operand places as offsets
// into the state block, constants resolved (RIP-relative addresses, branch targets). Odd addressing gets an address record first.
import {
  BASE_RIP, D_ADDRSIZE, D_BASE, D_DISP_HI, D_DISP_LO, D_FORM, D_IMM2, D_IMM_HI, D_IMM_LO, D_INDEX, D_IS_MEM, D_LENGTH, D_PREFIX, D_REG, D_RM, D_SCALE, D_SEG,
  PREFIX_REP, PREFIX_REPNE, PREFIX_REX,
} from "../../isa/decoder.ts";
import type { Form, OperandSpec } from "../../isa/form.ts";
import { forms } from "../../isa/forms.ts";
import { isFlavoured } from "../lift/registry.ts";
import * as L from "../state/layout.ts";
import { MODE_CODE_64, MODE_CODE_SIZE, MODE_EM, MODE_FLAT, MODE_OSFXSR, MODE_PROTECTED, MODE_TS, MODE_VM86 } from "../system/mode.ts";
import { EXTRA_NO_SEGMENT, EXTRA_WRITE, type InterpreterImage } from "./build.ts";

const TWO_32 = 0x1_0000_0000;
const LONG = 0;
const FLAT = 1;
const SEG = 2;
const UD = 6;
const NM = 7;

/** What a form's operands mean for predecoding, worked out once. */
interface FormFacts {
  form: Form;
  isFlavoured: boolean;
  isString: boolean;
  isCounted: boolean;
  memSize: number;
  isWritten: boolean;
  hasMoffs: boolean;
  hasRel: boolean;
  isTransparent: boolean;
  /** Addresses memory through rDI although its operands are registers. */
  isThroughRdi: boolean;
  /** A bit test whose register offset moves the address: its segment is checked after the move. */
  isMoved: boolean;
  /** Forms that F3 and F2 turn this one into: LOOPE and LOOPNE take their condition from the prefix. Otherwise the form itself. */
  withRep: number;
  withRepne: number;
}

const STRINGS = new Set(["movs", "stos", "lods", "cmps", "scas", "ins", "outs", "xlat"]);
const COUNTED = new Set(["loop", "loope", "loopne", "jcxz"]);

const BIT_TESTS = new Set(["bt", "bts", "btr", "btc"]);

/** The form like `form` that `lift` does, if both are loops with a condition. */
function loopBy(form: Form, lift: string): number {
  if (form.lift !== "loope" && form.lift !== "loopne") return form.id;
  return forms.find((other) => other.lift === lift && other.opSize === form.opSize)?.id ?? form.id;
}

const facts: FormFacts[] = forms.map((form) => {
  const memory = form.operands.find((o) => ["mem", "gprRm", "mmxRm", "xmmRm", "moffs"].includes(o.kind));
  return {
    form,
    isFlavoured: isFlavoured(form),
    isString: STRINGS.has(form.lift),
    isCounted: COUNTED.has(form.lift),
    memSize: memory?.memSize ?? 0,
    isWritten: memory?.write ?? false,
    hasMoffs: form.operands.some((o) => o.kind === "moffs"),
    hasRel: form.operands.some((o) => o.kind === "rel"),
    // Hints name an address and never touch it.
    isTransparent: form.lift === "nop",
    isThroughRdi: form.lift.startsWith("maskmov"),
    isMoved: BIT_TESTS.has(form.lift) && form.operands[1]?.kind !== "imm",
    withRep: loopBy(form, "loope"),
    withRepne: loopBy(form, "loopne"),
  };
});

export class Predecoder {
  private readonly words: Int32Array;
  private readonly halves: Uint16Array;
  private readonly bytes: Uint8Array;
  private readonly image: InterpreterImage;
  /** Features that the CPU model does not report. */
  private readonly hidden: Uint8Array;

  constructor(memory: SharedArrayBuffer, image: InterpreterImage, hasFeature: (name: string) => boolean) {
    this.words = new Int32Array(memory);
    this.halves = new Uint16Array(memory);
    this.bytes = new Uint8Array(memory);
    this.image = image;
    this.hidden = Uint8Array.from(forms, (form) => (form.feature !== "" && !hasFeature(form.feature) ? 1 : 0));
  }

  setWide(at: number, value: number): void {
    this.words[at >> 2] = value % TWO_32;
    this.words[(at >> 2) + 1] = Math.floor(value / TWO_32);
  }

  /** Clears a record and gives it its place in the program. Word by word, which costs a fifth of filling and setting. */
  private start(rec: number, slot: number, rip: number, length: number): void {
    const { words } = this;
    const at = rec >> 2;
    words[at] = slot;
    words[at + 1] = 0;
    words[at + (L.REC_BASE >> 2)] = L.ZERO | (L.ZERO << 16);
    words[at + (L.REC_SCALE >> 2)] = (length << 8) | (L.ZERO << 16);
    words[at + 4] = 0;
    words[at + 5] = 0;
    words[at + 6] = 0;
    words[at + 7] = 0;
    words[at + (L.REC_RIP >> 2)] = rip % TWO_32;
    words[at + (L.REC_RIP >> 2) + 1] = Math.floor(rip / TWO_32);
    words[at + 10] = 0;
    words[at + 11] = 0;
  }

  /** A record that raises `vector`, with error code 0 if it has one. */
  raise(rec: number, rip: number, vector: number): number {
    this.start(rec, this.image.pseudo.raise, rip, 0);
    this.words[(rec + L.REC_EXTRA) >> 2] = vector | (vector === 13 ? 0x100 : 0);
    return rec + L.REC_SIZE;
  }
  /** A record that goes on at `target`; it stands at `rip`, the last instruction of its block. */
  chain(rec: number, rip: number, target: number): number {
    this.start(rec, this.image.pseudo.chain, rip, 0);
    this.setWide(rec + L.REC_IMM, target);
    return rec + L.REC_SIZE;
  }
  /** A record that checks the page into which the next instruction reaches. */
  cross(rec: number, rip: number, linear: number, gpa: number): number {
    this.start(rec, this.image.pseudo.cross, rip, 0);
    this.setWide(rec + L.REC_DISP, linear);
    this.setWide(rec + L.REC_IMM, gpa);
    return rec + L.REC_SIZE;
  }

  /** Why the instruction may not run in this mode, as a vector, or 0. */
  private refusal(form: Form, mode: number): number {
    if (this.hidden[form.id]) return UD;
    if (form.protectedOnly && ((mode & MODE_PROTECTED) === 0 || (mode & MODE_VM86) !== 0)) return UD;
    if (form.unit === "int") return 0;
    if (form.unit === "x87") return form.lift === "wait" || form.lift === "fwait" ? 0 : (mode & (MODE_EM | MODE_TS)) !== 0 ? NM : 0;
    if ((mode & MODE_EM) !== 0) return UD;
    if (form.unit === "sse" && (mode & MODE_OSFXSR) === 0) return UD;
    return (mode & MODE_TS) !== 0 ? NM : 0;
  }

  /** Whether the form raises an exception in this mode instead of running. */
  isRefused(form: Form, mode: number): boolean {
    return this.refusal(form, mode) !== 0;
  }

  /** Writes the records of the decoded instruction `d` at `rec` and returns where the next ones go. */
  instruction(d: Int32Array, rec: number, rip: number, mode: number): number {
    const fact = facts[d[D_FORM] as number] as FormFacts;
    const { form } = fact;
    const refused = this.refusal(form, mode);
    if (refused) return this.raise(rec, rip, refused);
    const isCode64 = (mode & MODE_CODE_SIZE) === MODE_CODE_64;
    const isMemory = (d[D_IS_MEM] as number) !== 0 || fact.hasMoffs;
    const segment = d[D_SEG] as number;
    const addressSize = d[D_ADDRSIZE] as number;
    if (fact.isThroughRdi) {
      d[D_BASE] = 7;
      d[D_INDEX] = -1;
    }
    const usesMemory = isMemory || fact.isString || fact.isThroughRdi;
    let flavour = SEG;
    if (isCode64) flavour = addressSize === 8 || !usesMemory ? LONG : SEG;
    else if ((mode & MODE_FLAT) !== 0) {
      const isPlain = addressSize === 4 && segment < L.FS;
      flavour = isPlain || !usesMemory ? FLAT : SEG;
    }
    const length = d[D_LENGTH] as number;
    const nextRip = rip + length;
    let at = rec;
    // Displacement: RIP-relative addresses are resolved, POP [rSP+..] counts from after the pop.
    let displacement = (d[D_DISP_HI] as number) * TWO_32 + ((d[D_DISP_LO] as number) >>> 0);
    if (d[D_BASE] === BASE_RIP) displacement += nextRip;
    if (form.lift === "pop" && d[D_BASE] === 4) displacement += form.opSize;
    const usesSegment = form.lift !== "lea";
    const hasAddress = isMemory || fact.isThroughRdi;
    if (hasAddress && flavour === SEG && !fact.isTransparent) {
      this.start(at, this.image.pseudo.address, rip, length);
      this.operandAddress(at, d, displacement);
      const size = Math.min(Math.max(fact.memSize, 1), 255);
      const code = addressSize === 2 ? 0 : addressSize === 4 ? 1 : 2;
      this.words[(at + L.REC_EXTRA) >> 2] =
        segment | (code << 8) | (usesSegment && !fact.isMoved ? 0 : EXTRA_NO_SEGMENT) | (size << 16) | (fact.isWritten ? EXTRA_WRITE : 0);
      at += L.REC_SIZE;
    }
    const prefix = d[D_PREFIX] as number;
    const formId = prefix & PREFIX_REPNE ? fact.withRepne : prefix & PREFIX_REP ? fact.withRep : form.id;
    const slot = this.image.slots[formId * 6 + flavour + (isMemory ? 3 : 0)] as number;
    if (slot < 0) return this.raise(rec, rip, UD);
    this.start(at, slot, rip, length);
    if (hasAddress && flavour !== SEG) {
      this.operandAddress(at, d, displacement);
      if (usesSegment) this.halves[(at + L.REC_SEGBASE) >> 1] = segmentBase(segment);
    } else if (hasAddress && fact.isMoved) {
      this.halves[(at + L.REC_SEGBASE) >> 1] = segment;
      this.setWide(at + L.REC_DISP, addressMask(addressSize));
    }
    this.registers(at, d, form);
    this.words[(at + L.REC_IMM) >> 2] = d[D_IMM_LO] as number;
    this.words[(at + L.REC_IMM + 4) >> 2] = d[D_IMM_HI] as number;
    const extraAt = (at + L.REC_EXTRA) >> 2;
    if (fact.hasRel) {
      const relative = (d[D_IMM_HI] as number) * TWO_32 + ((d[D_IMM_LO] as number) >>> 0);
      let target = nextRip + relative;
      if (!isCode64) target = form.opSize === 2 ? target & 0xffff : ((target % TWO_32) + TWO_32) % TWO_32;
      this.setWide(at + L.REC_IMM, target);
    }
    if (fact.isString || fact.isCounted) {
      this.setWide(at + L.REC_DISP, addressMask(addressSize));
      const repeat = form.rep === "none" ? 0 : prefix & PREFIX_REPNE ? 2 : prefix & PREFIX_REP ? 1 : 0;
      this.words[extraAt] = segment | (repeat << 8) | (form.opSize << 16);
      if (fact.isString && flavour !== SEG) this.halves[(at + L.REC_SEGBASE) >> 1] = segmentBase(segment);
    } else this.words[extraAt] = ((d[D_IMM2] as number) & 0xffff) | (form.opSize << 16) | (isMemory ? 1 << 31 : 0);
    return at + L.REC_SIZE;
  }

  private operandAddress(rec: number, d: Int32Array, displacement: number): void {
    const base = d[D_BASE] as number;
    const index = d[D_INDEX] as number;
    this.halves[(rec + L.REC_BASE) >> 1] = base >= 0 && base < 16 ? L.GPR + base * 8 : L.ZERO;
    this.halves[(rec + L.REC_INDEX) >> 1] = index >= 0 ? L.GPR + index * 8 : L.ZERO;
    this.bytes[rec + L.REC_SCALE] = d[D_SCALE] as number;
    this.setWide(rec + L.REC_DISP, displacement);
  }

  private registers(rec: number, d: Int32Array, form: Form): void {
    const hasRex = ((d[D_PREFIX] as number) & PREFIX_REX) !== 0;
    for (const o of form.operands) {
      if (o.kind.endsWith("Reg") || (o.kind === "seg" && o.fixed === undefined) || o.kind === "cr" || o.kind === "dr") {
        this.halves[(rec + L.REC_REG) >> 1] = place(o, d[D_REG] as number, hasRex);
      } else if (o.kind === "gprRm" || o.kind === "gprOpcode" || o.kind === "mmxRm" || o.kind === "xmmRm" || o.kind === "sti") {
        this.halves[(rec + L.REC_RM) >> 1] = place(o, d[D_RM] as number, hasRex);
      } else if (o.kind === "seg") this.halves[(rec + L.REC_REG) >> 1] = o.fixed ?? 0;
    }
  }
}

/** State offset of a register operand; the plain number where it is no register of the state block. */
function place(o: OperandSpec, number: number, hasRex: boolean): number {
  switch (o.kind) {
    case "gprReg":
    case "gprRm":
    case "gprOpcode":
      if (o.size === 1 && !hasRex && number >= 4 && number < 8) return L.GPR + (number - 4) * 8 + 1;
      return L.GPR + number * 8;
    case "xmmReg":
    case "xmmRm":
      return L.XMM + number * 16;
    case "mmxReg":
    case "mmxRm":
      return L.FPU_REGS + (number & 7) * 16;
    default:
      return number;
  }
}

/** What an offset of `size` bytes wraps at, as a signed number. */
function addressMask(size: number): number {
  return size === 2 ? 0xffff : size === 4 ? 0xffffffff : -1;
}

/** Where the flat flavours find the base: FS and GS have one, the stack segment is told apart for its faults. */
function segmentBase(segment: number): number {
  if (segment === L.SS) return L.ZERO_SS;
  return segment >= L.FS ? L.SEG + segment * L.SEG_SIZE : L.ZERO;
}
