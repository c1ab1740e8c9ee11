// What a region is made of: the instructions that can be reached from its head by direct branches, cut into basic blocks; small
// functions that it calls are part of it, once for each call, so that their returns are branches that only have to be checked.
// Code in other pages belongs to it where it is known to have run; indirect jumps and instructions that change the flow end a path.
import {
  D_ADDRSIZE, D_FORM, D_IMM_HI, D_IMM_LO, D_IS_MEM, D_PREFIX, D_SEG, D_SIZE, decode, PREFIX_REP, PREFIX_REPNE,
} from "../../isa/decoder.ts";
import type { Form } from "../../isa/form.ts";
import { forms } from "../../isa/forms.ts";
import * as L from "../state/layout.ts";

const PAGE = 4096;
const TWO_32 = 4294967296;
/** How large a region may get. The optimising compiler's time grows much faster than a region's size. */
export interface RegionLimits {
  instructions: number;
  blocks: number;
  /** Other pages than the head's that it may have code in. */
  pages: number;
  /** Instructions of the largest function that becomes part of its caller, and how deep. */
  callee: number;
  depth: number;
}
/** For code that has just become hot, and for what has stayed hot for long. */
export const SMALL_REGION: RegionLimits = { instructions: 160, blocks: 48, pages: 6, callee: 32, depth: 3 };
export const LARGE_REGION: RegionLimits = { instructions: 480, blocks: 140, pages: 8, callee: 64, depth: 4 };
/** Ways on from one jump by a table. */
const MAX_TARGETS = 64;
const MAX_LENGTH = 15;

export interface Instruction {
  /** From the region's head. */
  readonly offset: number;
  readonly length: number;
  readonly form: Form;
  /** Decode record, see isa/decoder.ts. */
  readonly decoded: Int32Array;
  /** Flavour of its addressing is one that regions are written for. */
  readonly isPlain: boolean;
  /** Flat 32-bit code addresses memory through FS or GS, whose base and limits are looked at when it runs. */
  readonly isThroughBase?: boolean;
}

/** A place to go on at: a block of the region by its number, or -1: outside. */
export interface Target {
  readonly offset: number;
  block: number;
}
export type End =
  | { kind: "jump"; to: Target }
  | { kind: "branch"; taken: Target; next: Target }
  /** CALL; `to` is the function's block if it is part of the region. */
  | { kind: "call"; to: Target }
  /** RET; where it should lead, if the function is part of its caller. */
  | { kind: "return"; expected: Target | null }
  /** Indirect jumps and calls; of a jump by a table, the blocks that it is known to have reached. */
  | { kind: "indirect"; targets: Target[] }
  /** On with the interpreter, after the last instruction. */
  | { kind: "leave"; to: Target }
  /** An instruction that cannot be part of a region: the block ends before it. */
  | { kind: "stop" };

export interface BasicBlock {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  readonly end: End;
}

export interface Region {
  /** The head is block 0. */
  readonly blocks: readonly BasicBlock[];
  readonly instructionCount: number;
  /** Byte ranges [from, to) by offset from the head, in order, none across a page's end. */
  readonly ranges: readonly { from: number; to: number }[];
  /** Pages other than the head's that have code of it, counted from the head's. */
  readonly pages: readonly number[];
}

/** Bit tests with a register offset check the segment after the address has moved. */
const MOVED = new Set(["bt", "bts", "btr", "btc"]);
/** Lifters of conditional branches that count. */
const LOOPS = new Set(["loop", "loope", "loopne", "jcxz"]);

/** Code as the region's head sees it. */
export interface CodeSource {
  /** The whole memory. */
  readonly bytes: Uint8Array;
  /** Offset of the head in its page. */
  readonly headAt: number;
  readonly bits: 32 | 64;
  /** Host address of the page `delta` pages from the head's, or 0 if it is not code that has run. */
  hostOf(delta: number): number;
  /** Whether a block is known to start at this offset from the head. */
  isKnown(offset: number): boolean;
  /** Where a jump through the table that this instruction names may lead, by offset from the head. A guess is enough. */
  jumpTable(instruction: Instruction): number[];
}

/** The body of a function as part of its caller. */
interface Frame {
  /** Where the call returns to, and whose code that is. */
  readonly returnTo: number;
  readonly caller: Frame | null;
  readonly depth: number;
  readonly leaders: Map<number, Target>;
  readonly calls: Map<number, Frame>;
}

/** The region at the head, or null if its first instruction cannot be part of one. */
export function findRegion(source: CodeSource, limits: RegionLimits): Region | null {
  return new Finder(source, limits).find();
}

class Finder {
  private readonly source: CodeSource;
  private readonly decoded = new Map<number, Instruction | null>();
  private readonly pages = new Set<number>();
  private readonly straddle = new Uint8Array(2 * MAX_LENGTH);
  private readonly work: { frame: Frame; offset: number }[] = [];
  private readonly frames: Frame[] = [];
  private instructionCount = 0;
  private leaderCount = 0;

  private readonly limits: RegionLimits;

  constructor(source: CodeSource, limits: RegionLimits) {
    this.source = source;
    this.limits = limits;
  }

  find(): Region | null {
    const root = this.frame(0, null);
    this.lead(root, 0);
    for (let n = 0; n < this.work.length; n++) {
      const { frame, offset } = this.work[n] as { frame: Frame; offset: number };
      this.scan(frame, offset);
    }
    const blocks: BasicBlock[] = [];
    const places: { frame: Frame; target: Target }[] = [];
    for (const frame of this.frames) {
      for (const target of frame.leaders.values()) {
        const first = this.instructionAt(target.offset);
        if (!first || this.endOf(first)?.kind === "stop" || !this.isReached(first.offset + first.length - 1)) continue;
        target.block = places.push({ frame, target }) - 1;
      }
    }
    if (places[0]?.target.offset !== 0) return null;
    for (const { frame, target } of places) blocks.push(this.block(frame, target.offset));
    const ranges = this.ranges(blocks);
    const pages = new Set(ranges.map((r) => this.pageOf(r.from)));
    pages.delete(0);
    return { blocks, instructionCount: this.instructionCount, ranges, pages: [...pages] };
  }

  private frame(returnTo: number, caller: Frame | null): Frame {
    const frame = { returnTo, caller, depth: caller ? caller.depth + 1 : 0, leaders: new Map<number, Target>(), calls: new Map<number, Frame>() };
    this.frames.push(frame);
    return frame;
  }

  private lead(frame: Frame, offset: number): void {
    if (frame.leaders.has(offset) || this.leaderCount >= this.limits.blocks || !this.reach(offset)) return;
    this.leaderCount++;
    frame.leaders.set(offset, { offset, block: -1 });
    this.work.push({ frame, offset });
  }
  /** Whether code there may belong to the region; its page does from then on. */
  private reach(offset: number): boolean {
    const page = this.pageOf(offset);
    if (page === 0 || this.pages.has(page)) return true;
    if (this.pages.size >= this.limits.pages || this.source.hostOf(page) === 0) return false;
    this.pages.add(page);
    return true;
  }
  private isReached(offset: number): boolean {
    const page = this.pageOf(offset);
    return page === 0 || this.pages.has(page);
  }
  private pageOf(offset: number): number {
    return Math.floor((this.source.headAt + offset) / PAGE);
  }

  private scan(frame: Frame, start: number): void {
    let offset = start;
    while (this.instructionCount < this.limits.instructions) {
      const i = this.instructionAt(offset);
      if (!i || !this.reach(offset) || !this.reach(offset + i.length - 1)) return;
      this.instructionCount++;
      offset += i.length;
      const end = this.endOf(i);
      if (end === null) {
        if (frame.leaders.has(offset)) return;
        continue;
      }
      switch (end.kind) {
        case "jump":
          this.lead(frame, end.to.offset);
          return;
        case "branch":
          this.lead(frame, end.next.offset);
          if (this.source.isKnown(end.taken.offset)) this.lead(frame, end.taken.offset);
          return;
        case "call":
          this.enter(frame, i, end.to.offset);
          return;
        case "indirect":
          for (const target of end.targets) this.lead(frame, target.offset);
          return;
        default:
          return;
      }
    }
  }

  /** Makes the called function part of the region if it is small enough. */
  private enter(frame: Frame, call: Instruction, to: number): void {
    if (frame.depth >= this.limits.depth || !this.source.isKnown(to)) return;
    const size = this.sizeOf(to);
    if (size === 0 || this.instructionCount + size > this.limits.instructions) return;
    const returnTo = call.offset + call.length;
    const callee = this.frame(returnTo, frame);
    this.lead(callee, to);
    if (!callee.leaders.has(to)) return;
    frame.calls.set(call.offset, callee);
    this.lead(frame, returnTo);
  }
  /** Instructions of the function without those it calls, or 0 if it is too large or does not return. */
  private sizeOf(entry: number): number {
    const seen = new Set<number>();
    const work = [entry];
    let returns = false;
    for (let offset = work.pop(); offset !== undefined; offset = work.pop()) {
      for (let i = this.instructionAt(offset); i && !seen.has(i.offset); i = this.instructionAt(offset)) {
        seen.add(i.offset);
        if (seen.size > this.limits.callee) return 0;
        offset = i.offset + i.length;
        const end = this.endOf(i);
        if (end === null || end.kind === "call") continue;
        if (end.kind === "return") returns = true;
        else if (end.kind === "jump") work.push(end.to.offset);
        else if (end.kind === "branch") work.push(end.next.offset, ...(this.source.isKnown(end.taken.offset) ? [end.taken.offset] : []));
        break;
      }
    }
    return returns ? seen.size : 0;
  }

  private block(frame: Frame, start: number): BasicBlock {
    const instructions: Instruction[] = [];
    let offset = start;
    for (;;) {
      const i = this.instructionAt(offset);
      const outside: End = { kind: "jump", to: { offset, block: -1 } };
      const isReached = i && this.isReached(offset) && this.isReached(offset + i.length - 1);
      if (!i || !isReached || instructions.length >= this.limits.instructions) return { start, instructions, end: outside };
      const end = this.endOf(i);
      if (end?.kind === "stop") return { start, instructions, end: outside };
      instructions.push(i);
      offset += i.length;
      if (end) return { start, instructions, end: this.resolved(frame, i, end) };
      const next = frame.leaders.get(offset);
      if (next && next.block >= 0) return { start, instructions, end: { kind: "jump", to: next } };
    }
  }
  private resolved(frame: Frame, i: Instruction, end: End): End {
    const inside = (t: Target): Target => frame.leaders.get(t.offset) ?? t;
    switch (end.kind) {
      case "jump":
        return { kind: "jump", to: inside(end.to) };
      case "branch":
        return { kind: "branch", taken: inside(end.taken), next: inside(end.next) };
      case "indirect":
        return { kind: "indirect", targets: end.targets.map(inside).filter((t) => t.block >= 0) };
      case "call":
        return { kind: "call", to: frame.calls.get(i.offset)?.leaders.get(end.to.offset) ?? end.to };
      case "return": {
        const expected = frame.caller?.leaders.get(frame.returnTo);
        return { kind: "return", expected: expected && expected.block >= 0 ? expected : null };
      }
      default:
        return end;
    }
  }

  private instructionAt(offset: number): Instruction | null {
    let i = this.decoded.get(offset);
    if (i === undefined) {
      i = this.decodeAt(offset);
      this.decoded.set(offset, i);
    }
    return i;
  }
  private decodeAt(offset: number): Instruction | null {
    const { source } = this;
    const page = this.pageOf(offset);
    const host = source.hostOf(page);
    if (host === 0) return null;
    const at = source.headAt + offset - page * PAGE;
    const decoded = new Int32Array(D_SIZE);
    let length = decode(source.bytes, host + at, Math.min(MAX_LENGTH, PAGE - at), source.bits, decoded);
    if (length === 0) {
      const next = source.hostOf(page + 1);
      if (next === 0) return null;
      const room = PAGE - at;
      for (let n = 0; n < MAX_LENGTH; n++) this.straddle[n] = source.bytes[n < room ? host + at + n : next + n - room] as number;
      length = decode(this.straddle, 0, MAX_LENGTH, source.bits, decoded);
    }
    if (length <= 0) return null;
    const form = forms[decoded[D_FORM] as number];
    if (!form) return null;
    const usesMemory = (decoded[D_IS_MEM] as number) !== 0 || form.operands.some((o) => o.kind === "moffs");
    const isWide = decoded[D_ADDRSIZE] === source.bits / 8;
    const isPlain = !usesMemory || form.lift === "nop" || (isWide && (source.bits === 64 || (decoded[D_SEG] as number) < L.FS));
    const isThroughBase = usesMemory && !isPlain && isWide && !MOVED.has(form.lift);
    return { offset, length, form, decoded, isPlain, isThroughBase };
  }

  /** How the instruction ends its block; null if the next one follows. */
  private endOf(i: Instruction): End | null {
    const { form, decoded: d } = i;
    const { bits } = this.source;
    const next = i.offset + i.length;
    const relative = (d[D_IMM_HI] as number) * TWO_32 + ((d[D_IMM_LO] as number) >>> 0);
    const at = (offset: number): Target => ({ offset, block: -1 });
    const stop: End = { kind: "stop" };
    // A near transfer of 16 bits in wider code is rare.
    const isNarrow = bits === 32 && form.opSize === 2;
    switch (form.flow) {
      case "next":
        return form.ends ? { kind: "leave", to: at(next) } : null;
      case "jump":
        return isNarrow ? stop : { kind: "jump", to: at(next + relative) };
      case "jcc": {
        const isOdd = LOOPS.has(form.lift) && (d[D_ADDRSIZE] !== bits / 8 || ((d[D_PREFIX] as number) & (PREFIX_REP | PREFIX_REPNE)) !== 0);
        return isNarrow || isOdd ? stop : { kind: "branch", taken: at(next + relative), next: at(next) };
      }
      case "call":
        if (form.lift === "call" && !isNarrow) return { kind: "call", to: at(next + relative) };
        return form.lift === "callInd" && !isNarrow && i.isPlain ? { kind: "indirect", targets: [] } : stop;
      case "ret":
        return form.lift === "ret" && !isNarrow ? { kind: "return", expected: null } : stop;
      case "indirect":
        if (form.lift !== "jmpInd" || isNarrow || !i.isPlain) return stop;
        return { kind: "indirect", targets: this.tableTargets(i) };
      default:
        return stop;
    }
  }

  private readonly tables = new Map<number, Target[]>();
  private tableTargets(i: Instruction): Target[] {
    let targets = this.tables.get(i.offset);
    if (!targets) {
      const offsets = new Set(this.source.jumpTable(i).filter((offset) => this.source.isKnown(offset)));
      targets = [...offsets].slice(0, MAX_TARGETS).map((offset) => ({ offset, block: -1 }));
      this.tables.set(i.offset, targets);
    }
    return targets;
  }

  /** Bytes of the instructions in use, joined where they touch. */
  private ranges(blocks: readonly BasicBlock[]): { from: number; to: number }[] {
    const used = new Set<Instruction>(blocks.flatMap((b) => b.instructions));
    const sorted = [...used].sort((a, b) => a.offset - b.offset);
    const ranges: { from: number; to: number }[] = [];
    const add = (from: number, to: number): void => {
      const last = ranges[ranges.length - 1];
      if (last && from <= last.to && this.pageOf(last.from) === this.pageOf(from)) last.to = Math.max(last.to, to);
      else ranges.push({ from, to });
    };
    for (const { offset, length } of sorted) {
      const end = offset + length;
      const border = (this.pageOf(end - 1) * PAGE) - this.source.headAt;
      if (border > offset) {
        add(offset, border);
        add(border, end);
      } else add(offset, end);
    }
    return ranges;
  }
}
