// What a region is made of: the instructions that can be reached from its head by direct branches within its page, cut into basic
// blocks. Calls, returns, indirect jumps and system instructions that change the flow end a path. Offsets count from the head.
import {
  D_ADDRSIZE, D_FORM, D_IMM_HI, D_IMM_LO, D_IS_MEM, D_PREFIX, D_SEG, D_SIZE, decode, PREFIX_REP, PREFIX_REPNE,
} from "../../isa/decoder.ts";
import type { Form } from "../../isa/form.ts";
import { forms } from "../../isa/forms.ts";
import * as L from "../state/layout.ts";
import { MODE_CODE_64, MODE_CODE_SIZE, MODE_FLAT } from "../system/mode.ts";

const PAGE = 4096;
const TWO_32 = 4294967296;
/** The optimising compiler's time grows faster than a region's size: bounds that were measured. */
export const MAX_INSTRUCTIONS = 400;
export const MAX_BLOCKS = 80;

export interface Instruction {
  /** From the region's head. */
  readonly offset: number;
  readonly length: number;
  readonly form: Form;
  /** Decode record, see isa/decoder.ts. */
  readonly decoded: Int32Array;
  /** Flavour of its addressing is one that regions are written for. */
  readonly isPlain: boolean;
}

export type End =
  /** Goes on at `to`, which may lie outside the region. */
  | { kind: "jump"; to: number }
  | { kind: "branch"; taken: number; next: number }
  /** The instruction after the last goes to the interpreter. */
  | { kind: "leave"; to: number }
  | { kind: "call"; to: number; next: number }
  | { kind: "indirect" };

export interface BasicBlock {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  readonly end: End;
}

export interface Region {
  /** In reverse order of leaving nothing to chance: the head first. */
  readonly blocks: ReadonlyMap<number, BasicBlock>;
  readonly instructionCount: number;
  /** Byte ranges [from, to) by offset from the head, in order. */
  readonly ranges: readonly { from: number; to: number }[];
}

/** Names of lifters that end a block and are written by the translator itself. */
const LOOPS = new Set(["loop", "loope", "loopne", "jcxz"]);

export interface CodePage {
  /** The whole memory; the page starts at `host`. */
  readonly bytes: Uint8Array;
  readonly host: number;
  /** Offset of the head in the page. */
  readonly headAt: number;
  readonly mode: number;
  /** Whether code at this offset in the page is known to have run. */
  isKnown(pageOffset: number): boolean;
}

/** The region at the page's head, or null if its first instruction cannot be part of one. */
export function findRegion(page: CodePage): Region | null {
  const size = page.mode & MODE_CODE_SIZE;
  if (size !== MODE_CODE_64 && (page.mode & MODE_FLAT) === 0) return null;
  const bits = size === MODE_CODE_64 ? 64 : 32;
  const instructions = new Map<number, Instruction>();
  const leaders = new Set<number>([0]);
  const ends = new Map<number, End>();
  const work = [0];
  const isInside = (offset: number): boolean => offset >= -page.headAt && offset < PAGE - page.headAt;
  const follow = (offset: number, isCertain: boolean): void => {
    if (!isInside(offset) || (!isCertain && !page.isKnown(page.headAt + offset))) return;
    if (!leaders.has(offset) && leaders.size < MAX_BLOCKS) {
      leaders.add(offset);
      work.push(offset);
    }
  };
  for (let n = 0; n < work.length; n++) {
    let offset = work[n] as number;
    while (!instructions.has(offset) && instructions.size < MAX_INSTRUCTIONS) {
      const instruction = isInside(offset) ? decodeAt(page, offset, bits) : null;
      if (!instruction) break;
      const end = endOf(instruction, bits);
      if (end?.kind === "leave" && end.to === offset) break;
      instructions.set(offset, instruction);
      offset += instruction.length;
      if (!end) continue;
      ends.set(instruction.offset, end);
      if (end.kind === "jump") follow(end.to, true);
      else if (end.kind === "branch") {
        follow(end.next, true);
        follow(end.taken, false);
      }
      break;
    }
  }
  if (!instructions.has(0)) return null;
  const blocks = new Map<number, BasicBlock>();
  for (const start of leaders) {
    if (!instructions.has(start)) continue;
    const list: Instruction[] = [];
    let at = start;
    let end: End | undefined;
    for (let i = instructions.get(at); i && !end; i = instructions.get(at)) {
      list.push(i);
      at += i.length;
      end = ends.get(i.offset);
      if (!end && (leaders.has(at) || !instructions.has(at))) end = { kind: "jump", to: at };
    }
    blocks.set(start, { start, instructions: list, end: end ?? { kind: "jump", to: at } });
  }
  return { blocks, instructionCount: instructions.size, ranges: rangesOf(instructions.values()) };
}

function decodeAt(page: CodePage, offset: number, bits: 32 | 64): Instruction | null {
  const at = page.headAt + offset;
  const decoded = new Int32Array(D_SIZE);
  const length = decode(page.bytes, page.host + at, Math.min(15, PAGE - at), bits, decoded);
  if (length <= 0) return null;
  const form = forms[decoded[D_FORM] as number];
  if (!form) return null;
  const usesMemory = (decoded[D_IS_MEM] as number) !== 0 || form.operands.some((o) => o.kind === "moffs");
  const isWide = decoded[D_ADDRSIZE] === bits / 8;
  const isPlain = !usesMemory || form.lift === "nop" || (isWide && (bits === 64 || (decoded[D_SEG] as number) < L.FS));
  return { offset, length, form, decoded, isPlain };
}

/** How the instruction ends its block; null if the next one follows. */
function endOf(i: Instruction, bits: 32 | 64): End | null {
  const { form, decoded: d } = i;
  const next = i.offset + i.length;
  const relative = (d[D_IMM_HI] as number) * TWO_32 + ((d[D_IMM_LO] as number) >>> 0);
  const leave: End = { kind: "leave", to: i.offset };
  // A near transfer of 16 bits in wider code is rare.
  const isNarrow = bits === 32 && form.opSize === 2;
  switch (form.flow) {
    case "next":
      return form.ends ? { kind: "leave", to: next } : null;
    case "jump":
      return isNarrow ? leave : { kind: "jump", to: next + relative };
    case "jcc":
      if (isNarrow || (LOOPS.has(form.lift) && (d[D_ADDRSIZE] !== bits / 8 || ((d[D_PREFIX] as number) & (PREFIX_REP | PREFIX_REPNE)) !== 0))) return leave;
      return { kind: "branch", taken: next + relative, next };
    case "call":
      if (form.lift === "call" && !isNarrow) return { kind: "call", to: next + relative, next };
      return form.lift === "callInd" && !isNarrow && i.isPlain ? { kind: "indirect" } : leave;
    case "ret":
      return form.lift === "ret" && !isNarrow ? { kind: "indirect" } : leave;
    case "indirect":
      return form.lift === "jmpInd" && !isNarrow && i.isPlain ? { kind: "indirect" } : leave;
    default:
      return leave;
  }
}

function rangesOf(instructions: Iterable<Instruction>): { from: number; to: number }[] {
  const sorted = [...instructions].sort((a, b) => a.offset - b.offset);
  const ranges: { from: number; to: number }[] = [];
  for (const { offset, length } of sorted) {
    const last = ranges[ranges.length - 1];
    if (last && offset <= last.to) last.to = Math.max(last.to, offset + length);
    else ranges.push({ from: offset, to: offset + length });
  }
  return ranges;
}

