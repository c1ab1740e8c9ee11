// Predecoded blocks: where they lie, how they are found by RIP and physical address, and how they go when their bytes change.
// A block is a run of instructions up to a transfer of control or the page's end; not-taken branches stay inside. Records are
// only reused when everything is dropped at once, so a stale pointer always meets a record that finds its way again.
import { D_FORM, decode, DECODE_INVALID, DECODE_TOO_LONG, D_SIZE } from "../../isa/decoder.ts";
import { forms } from "../../isa/forms.ts";
import * as L from "../state/layout.ts";
import { MODE_CODE_16, MODE_CODE_64, MODE_CODE_SIZE } from "../system/mode.ts";
import type { InterpreterImage } from "./build.ts";
import { Predecoder } from "./predecode.ts";
import { BLOCK_PROBES } from "./transfer.ts";

const PAGE = 4096;
const TWO_32 = 0x1_0000_0000;
const MAX_INSTRUCTIONS = 64;
/** Records that a single instruction run by itself can need: check, address and instruction records, and the chain. */
const SINGLE_RECORDS = 8;
/** Records that must be free before a block is decoded: two for each instruction, check and chain, and the single one's at the end. */
const MAX_RECORDS = MAX_INSTRUCTIONS * 2 + 4 + SINGLE_RECORDS;
const GP = 13;
const UD = 6;

interface Block {
  firstRecord: number;
  recordCount: number;
  gpa: number;
  length: number;
  /** Of a block whose last instruction crosses: the page it reaches into. */
  secondPage: number;
  tableEntry: number;
  /** Of bytes that something else was made from, with no records: told when they change, or when everything is dropped. */
  onGone?: (isWritten: boolean) => void;
}

/** Who wants to know of each block that has been decoded. */
export interface CodeListener {
  decoded(place: CodePlace): void;
}
/** A block by its first record: where its code lies in both address spaces, and the mode that it was decoded for. */
export interface CodePlace {
  record: number;
  linear: number;
  gpa: number;
  mode: number;
}

/** Translates for instruction fetch: physical address, or -1 (a fault, which is then recorded in FAULT). */
export type FetchTranslator = (linear: number) => number;

export class BlockCache {
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  readonly predecoder: Predecoder;
  private readonly image: InterpreterImage;
  private readonly decoded = new Int32Array(D_SIZE);
  private readonly straddle = new Uint8Array(32);
  private next = L.RECORDS;
  /** Blocks by the guest-physical page that their bytes lie in. */
  private readonly byPage = new Map<number, Set<Block>>();
  listener: CodeListener | undefined;
  /** Something made from code has gone while it may be running. */
  onRegionDropped: () => void = () => {};
  /** A page has been taken off the fast path of stores. */
  onWritesForgotten: () => void = () => {};
  /** Pages whose code has all gone. They stay off that path until sweep(), as they often get new code at once. */
  private readonly emptied = new Set<number>();
  /** Something was decoded where there is no memory, or runs into such a place: no page's list has it. */
  private hasUnbacked = false;
  /** For `vmInfo` and tests. */
  readonly counters = { blocks: 0, instructions: 0, invalidated: 0, flushes: 0 };

  constructor(memory: SharedArrayBuffer, image: InterpreterImage, hasFeature: (name: string) => boolean) {
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.image = image;
    this.predecoder = new Predecoder(memory, image, hasFeature);
  }

  /** Decodes the block at `rip` (signed, exact) and enters it into the table. Returns its first record, or 0 if the very first
   *  byte cannot be fetched (FAULT is set). `translate` maps linear addresses for fetching. */
  add(rip: number, linear: number, mode: number, translate: FetchTranslator): number {
    if (this.next + MAX_RECORDS * L.REC_SIZE > L.RECORDS + L.RECORDS_BYTES) this.flush();
    const gpa = translate(linear);
    if (gpa < 0) return 0;
    const block = this.decodeInto(this.next, rip, linear, gpa, mode, translate, MAX_INSTRUCTIONS);
    if (!block) return 0;
    this.next = block.firstRecord + block.recordCount * L.REC_SIZE;
    this.counters.blocks++;
    this.enter(block, rip, mode);
    this.listener?.decoded({ record: block.firstRecord, linear, gpa, mode });
    return block.firstRecord;
  }

  /** Decodes one instruction into the scratch records, followed by `after`; not entered anywhere. Returns its first record or 0. */
  single(rip: number, linear: number, mode: number, translate: FetchTranslator): number {
    const gpa = translate(linear);
    if (gpa < 0) return 0;
    const at = L.RECORDS + L.RECORDS_BYTES - SINGLE_RECORDS * L.REC_SIZE;
    const block = this.decodeInto(at, rip, linear, gpa, mode, translate, 1);
    return block ? block.firstRecord : 0;
  }

  private decodeInto(at: number, rip: number, linear: number, gpa: number, mode: number, translate: FetchTranslator, limit: number): Block | null {
    const size = mode & MODE_CODE_SIZE;
    const bits = size === MODE_CODE_64 ? 64 : size === MODE_CODE_16 ? 16 : 32;
    const host = this.hostOf(gpa);
    const room = PAGE - (gpa % PAGE);
    let rec = at;
    let offset = 0;
    let secondPage = -1;
    let isDone = false;
    let count = 0;
    while (!isDone && count < limit && offset < room) {
      const here = rip + offset;
      const length = host === 0 ? 0 : decode(this.bytes, host + offset, Math.min(15, room - offset), bits, this.decoded);
      if (length > 0) {
        rec = this.predecoder.instruction(this.decoded, rec, here, mode);
        offset += length;
        count++;
        isDone = this.endsBlock();
      } else if (length === DECODE_INVALID || length === DECODE_TOO_LONG) {
        rec = this.predecoder.raise(rec, here, length === DECODE_INVALID ? UD : GP);
        offset += 1;
        isDone = true;
      } else if (count > 0) break;
      else {
        // The first instruction runs over the page's end, or lies outside memory.
        const beyond = linear - mod(linear, PAGE) + PAGE;
        const secondLinear = bits === 64 ? beyond : beyond % TWO_32;
        const second = translate(secondLinear);
        if (second < 0) return null;
        this.gather(gpa, second, room);
        const straddling = decode(this.straddle, 0, 15, bits, this.decoded);
        if (straddling > 0) {
          if (straddling > room) {
            rec = this.predecoder.cross(rec, here, secondLinear, second);
            secondPage = Math.floor(second / PAGE);
          }
          rec = this.predecoder.instruction(this.decoded, rec, here, mode);
        } else rec = this.predecoder.raise(rec, here, straddling === DECODE_TOO_LONG ? GP : UD);
        offset += Math.max(straddling, 1);
        count++;
        break;
      }
    }
    this.counters.instructions += count;
    const last = rip + offset;
    const target = size === MODE_CODE_64 ? last : last % TWO_32;
    rec = this.predecoder.chain(rec, rip, target);
    return { firstRecord: at, recordCount: (rec - at) / L.REC_SIZE, gpa, length: offset, secondPage, tableEntry: -1 };
  }

  /** Up to 15 bytes from the end of one page and the start of the next; what is not memory reads as FFh. */
  private gather(gpa: number, second: number, room: number): void {
    for (let i = 0; i < 15; i++) {
      const host = this.hostOf(i < room ? gpa + i : second + i - room);
      this.straddle[i] = host === 0 ? 0xff : (this.bytes[host] as number);
    }
  }

  private endsBlock(): boolean {
    const form = forms[this.decoded[D_FORM] as number];
    return form === undefined || form.ends || (form.flow !== "next" && form.flow !== "jcc");
  }

  private hostOf(gpa: number): number {
    if (gpa >= TWO_32) return 0;
    const entry = this.words[(L.PAGE_MAP >> 2) + Math.floor(gpa / PAGE)] as number;
    return entry === 0 ? 0 : ((entry & ~(PAGE - 1)) >>> 0) + (gpa % PAGE);
  }

  private enter(block: Block, rip: number, mode: number): void {
    const ripLo = rip % TWO_32 | 0;
    const ripHi = Math.floor(rip / TWO_32);
    let slot = blockHash(ripLo, ripHi, block.gpa);
    let chosen = slot;
    for (let probe = 0; probe < BLOCK_PROBES; probe++) {
      if (this.words[entryWord(slot) + 5] === 0) {
        chosen = slot;
        break;
      }
      slot = (slot + 1) & (L.BLOCK_TABLE_ENTRIES - 1);
    }
    const at = entryWord(chosen);
    this.words[at] = ripLo;
    this.words[at + 1] = ripHi;
    this.words[at + 2] = block.gpa % TWO_32;
    this.words[at + 3] = Math.floor(block.gpa / TWO_32);
    this.words[at + 4] = mode;
    this.words[at + 5] = block.firstRecord;
    block.tableEntry = at;
    if (this.hostOf(block.gpa) === 0) {
      this.hasUnbacked = true;
      return;
    }
    const page = Math.floor(block.gpa / PAGE);
    const first = block.gpa % PAGE;
    this.mark(page, block, first, Math.min(first + block.length, PAGE));
    if (block.secondPage < 0) return;
    if (this.hostOf(block.secondPage * PAGE) === 0) this.hasUnbacked = true;
    else this.mark(block.secondPage, block, 0, 64);
  }

  /** Notes that bytes [from, to) of a page are code, and takes the page off the fast path of stores. */
  private mark(page: number, block: Block, from: number, to: number): void {
    if (page >= 1 << 20) return;
    let blocks = this.byPage.get(page);
    if (!blocks) {
      blocks = new Set();
      this.byPage.set(page, blocks);
    }
    blocks.add(block);
    const granules = (L.CODE_GRANULES >> 2) + page * 2;
    for (let g = from >> 6; g <= (to - 1) >> 6; g++) {
      const at = granules + (g >> 5);
      this.words[at] = (this.words[at] as number) | (1 << (g & 31));
    }
    const entry = (L.PAGE_MAP >> 2) + page;
    const old = this.words[entry] as number;
    if ((old & L.PAGE_HAS_CODE) !== 0) return;
    this.words[entry] = (old | L.PAGE_HAS_CODE) & ~L.PAGE_WRITE_CACHED;
    if ((old & L.PAGE_WRITE_CACHED) !== 0) this.forgetWrites(old & -PAGE);
  }

  /** Where in the page of this address blocks have been decoded, by offset. */
  startsIn(gpa: number): Set<number> {
    const starts = new Set<number>();
    for (const block of this.byPage.get(Math.floor(gpa / PAGE)) ?? []) if (block.recordCount > 0) starts.add(block.gpa % PAGE);
    return starts;
  }
  /** The first record of the block at `rip`, or 0. */
  find(rip: number, gpa: number, mode: number): number {
    const ripLo = rip % TWO_32 | 0;
    const ripHi = Math.floor(rip / TWO_32) | 0;
    let slot = blockHash(ripLo, ripHi, gpa);
    for (let probe = 0; probe < BLOCK_PROBES; probe++) {
      const at = entryWord(slot);
      const isSame = this.words[at] === ripLo && this.words[at + 1] === ripHi && this.words[at + 2] === (gpa | 0) && this.words[at + 4] === mode;
      if (isSame && this.words[at + 5] !== 0) return this.words[at + 5] as number;
      slot = (slot + 1) & (L.BLOCK_TABLE_ENTRIES - 1);
    }
    return 0;
  }
  /** Has `onGone` called, once, when any of the ranges (each within a page of RAM) is written to or everything is dropped. Gives
   *  what ends the watch. */
  watch(ranges: readonly { gpa: number; length: number }[], onGone: (isWritten: boolean) => void): () => void {
    const end = (): void => {
      for (const block of blocks) this.byPage.get(Math.floor(block.gpa / PAGE))?.delete(block);
    };
    const blocks: Block[] = ranges.map(({ gpa, length }) => ({
      firstRecord: 0, recordCount: 0, gpa, length, secondPage: -1, tableEntry: -1,
      onGone: (isWritten) => {
        end();
        onGone(isWritten);
      },
    }));
    for (const block of blocks) {
      const first = block.gpa % PAGE;
      this.mark(Math.floor(block.gpa / PAGE), block, first, first + block.length);
    }
    return end;
  }

  /** Takes a host page out of the write TLB. An entry's page address is its place, as far as the place tells. */
  private forgetWrites(host: number): void {
    for (let n = 0; n < L.TLB_BYTES / 16; n++) {
      const at = (L.WRITE_TLB >> 2) + n * 4;
      if (((host - (this.words[at + 2] as number)) & 0xfff000) !== n << 12) continue;
      this.words[at] = L.TLB_EMPTY;
      this.words[at + 1] = 0;
    }
    this.onWritesForgotten();
  }

  /** Drops every block with bytes in [gpa, gpa+length). */
  written(gpa: number, length: number): void {
    for (let page = Math.floor(gpa / PAGE); page <= Math.floor((gpa + length - 1) / PAGE); page++) {
      const blocks = this.byPage.get(page);
      if (!blocks) continue;
      // Whole 64-byte granules, as the check that led here.
      const from = Math.max(gpa, page * PAGE) & ~63;
      const to = Math.min(gpa + length, (page + 1) * PAGE);
      for (const block of blocks) {
        const start = page === block.secondPage ? page * PAGE : block.gpa;
        const end = page === block.secondPage ? start + 16 : block.gpa + block.length;
        if (start < ((to + 63) & ~63) >>> 0 && end > from >>> 0) this.drop(block);
      }
      if (blocks.size > 0) this.remark(page, blocks);
      else {
        this.unmark(page);
        this.emptied.add(page);
      }
    }
  }
  /** Pages that have had no code for a while are ordinary ones again. Called now and then. */
  sweep(): void {
    for (const page of this.emptied) if (!this.byPage.has(page)) this.clearHasCode(page);
    this.emptied.clear();
  }
  private clearHasCode(page: number): void {
    const entry = (L.PAGE_MAP >> 2) + page;
    this.words[entry] = (this.words[entry] as number) & ~L.PAGE_HAS_CODE;
  }

  private remark(page: number, blocks: Set<Block>): void {
    const granules = (L.CODE_GRANULES >> 2) + page * 2;
    this.words[granules] = 0;
    this.words[granules + 1] = 0;
    for (const block of blocks) {
      const first = page === block.secondPage ? 0 : block.gpa % PAGE;
      const end = page === block.secondPage ? 64 : Math.min(first + block.length, PAGE);
      this.mark(page, block, first, end);
    }
  }
  private unmark(page: number): void {
    this.byPage.delete(page);
    const granules = (L.CODE_GRANULES >> 2) + page * 2;
    this.words[granules] = 0;
    this.words[granules + 1] = 0;
  }

  private drop(block: Block): void {
    this.counters.invalidated++;
    if (block.onGone) {
      block.onGone(true);
      this.onRegionDropped();
      return;
    }
    const chain = block.recordCount - 1;
    for (let n = 0; n < chain; n++) this.words[(block.firstRecord + n * L.REC_SIZE) >> 2] = this.image.pseudo.stale;
    // The chain knows where to go on without looking at the block's bytes; only its short cut goes.
    this.words[(block.firstRecord + chain * L.REC_SIZE + L.REC_LINK) >> 2] = 0;
    if (this.words[block.tableEntry + 5] === block.firstRecord) this.words[block.tableEntry + 5] = 0;
    this.byPage.get(Math.floor(block.gpa / PAGE))?.delete(block);
    if (block.secondPage >= 0) this.byPage.get(block.secondPage)?.delete(block);
  }

  /** Drops the block that holds the record (a crossing instruction whose second page is another now). */
  dropAt(rec: number): void {
    for (const blocks of this.byPage.values()) {
      for (const block of blocks) {
        if (rec < block.firstRecord || rec >= block.firstRecord + block.recordCount * L.REC_SIZE) continue;
        this.drop(block);
        return;
      }
    }
    // A block whose first bytes are not in memory is in no page's list.
    this.flush();
  }

  /** Other memory, or none, is in these pages now. */
  remapped(pages: readonly number[]): void {
    if (this.hasUnbacked) this.flush();
    else for (const page of pages) this.written(page * PAGE, PAGE);
  }

  /** Drops everything: the record area is full, say. */
  flush(): void {
    this.counters.flushes++;
    this.hasUnbacked = false;
    for (const blocks of this.byPage.values()) for (const block of [...blocks]) block.onGone?.(false);
    this.onRegionDropped();
    for (const page of [...this.byPage.keys()]) {
      this.unmark(page);
      this.clearHasCode(page);
    }
    this.sweep();
    this.words.fill(0, L.BLOCK_TABLE >> 2, (L.BLOCK_TABLE + L.BLOCK_TABLE_BYTES) >> 2);
    this.words.fill(0, L.JUMP_CACHE >> 2, (L.JUMP_CACHE + L.JUMP_CACHE_BYTES) >> 2);
    this.next = L.RECORDS;
  }
}

function entryWord(slot: number): number {
  return (L.BLOCK_TABLE >> 2) + slot * 8;
}
function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** As blockHash in transfer.ts: the top bits of (rip ^ gpa >> 12) * 9E3779B97F4A7C15h, in 16-bit pieces. */
function blockHash(ripLo: number, ripHi: number, gpa: number): number {
  const page = Math.floor(gpa / PAGE);
  const lo = (ripLo ^ page % TWO_32) >>> 0;
  const hi = (ripHi ^ Math.floor(page / TWO_32)) >>> 0;
  // High word of the 64-bit product: high(lo * C_lo) + lo * C_hi + hi * C_lo, modulo 2^32.
  const high = (mulHigh(lo, 0x7f4a7c15) + Math.imul(lo, 0x9e3779b9) + Math.imul(hi, 0x7f4a7c15)) >>> 0;
  return high >>> (32 - Math.log2(L.BLOCK_TABLE_ENTRIES));
}
function mulHigh(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const mid = ah * bl + ((al * bl) >>> 16);
  const mid2 = al * bh + (mid & 0xffff);
  return (ah * bh + Math.floor(mid / 0x10000) + (mid2 >>> 16)) >>> 0;
}
