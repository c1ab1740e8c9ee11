// The second tier of one CPU: hears where the interpreter spends its time, has the code there translated, and puts the result in
// place of the record at which the interpreter would go on. Translations are kept by what they were made from (the bytes, their
// place in the page, the mode), so that the same code at another address, or loaded again, is bound and not made again.
import type { Form } from "../../isa/form.ts";
import type { BlockCache, CodeListener, CodePlace } from "../interp/block-cache.ts";
import { type InterpreterImage, MEMORY_PAGES_MAX, TABLE_SIZE } from "../interp/build.ts";
import type { Predecoder } from "../interp/predecode.ts";
import * as L from "../state/layout.ts";
import { MODE_CODE_32, MODE_CODE_SIZE, MODE_FLAT } from "../system/mode.ts";
import { D_BASE, D_DISP_HI, D_DISP_LO, D_INDEX, D_IS_MEM, D_SCALE } from "../../isa/decoder.ts";
import { findRegion, type Instruction, LARGE_REGION, type Region, type RegionLimits, SMALL_REGION } from "./region.ts";
import { REGION_EXPORT, RegionModule } from "./region-module.ts";
import { DATA_HEAD_HANDLER, DATA_PAGE_COUNT, DATA_PAGES, DATA_RECORD } from "./region-data.ts";
import { RegionSpace } from "./region-space.ts";
import type { CodeCache, MadeTranslation, PortableTranslation } from "./code-cache.ts";
import { CodeView, isCode64 } from "./code-view.ts";
import { movedTo } from "./moving-fields.ts";
import { CALL_RECORDS, writeRegion } from "./region-writer.ts";

const PAGE = 4096;
const TWO_32 = 0x1_0000_0000;
/** How soon code is translated. */
export interface Tiering {
  /** Samples at one place that make it worth translating. */
  hotSamples: number;
  /** Memory that translations may take, as memoryOf() reckons it, before the coldest are dropped. */
  codeBytes: number;
  /** Samples in a region that make it worth making a larger one. */
  enlargeSamples: number;
  /** Instructions between two looks at where the time goes: the least, a mask of what chance adds, the most. */
  slice: { least: number; jitterMask: number; most: number };
}
export const DEFAULT_TIERING: Tiering = { hotSamples: 6, codeBytes: 96 << 20, enlargeSamples: 1000, slice: { least: 12_000, jitterMask: 0x1fff, most: 400_000 } };
/** For tests: everything that is met is translated at once. */
export const EAGER_TIERING: Tiering = { hotSamples: 1, codeBytes: 96 << 20, enlargeSamples: 3, slice: { least: 20, jitterMask: 0x1f, most: 1000 } };
/** Places remembered while they are not yet hot, or that are not worth translating. */
const MAX_COUNTED = 4096;

/** What a translation takes in V8: records of its module and instance, then native code and its tables by WebAssembly byte. Measured
 *  over 457 regions of a Debian guest, 4.8 KB each: 15 KB for a module, 2 KB for an instance, 25 KB when it has been optimised. */
const MODULE_MEMORY = 20 << 10;
const MEMORY_A_BYTE = 5;
function memoryOf(wireBytes: number): number {
  return MODULE_MEMORY + wireBytes * MEMORY_A_BYTE;
}

/** Bytes of a head in the key by which its translation is found: the least that no address in its first instruction reaches where code moves
 *  by whole pages; and in the key of a head that cannot be translated. */
const KEY_BYTES = 2;
const HOPELESS_KEY_BYTES = 15;

/** Each translation that a page loses doubles what the next one there takes, up to 2 to this power. */
const MAX_CHURN = 6;
/** Samples after which half of that is forgotten. */
const CHURN_HALF_LIFE = 2048;

/** Jump tables: entries looked at, and how far from the region's head one may lead. */
const TABLE_ENTRIES = 256;
const TABLE_REACH = 0x4000;

/** A larger region must have so many times the instructions of the small one. */
const ENLARGED = 1.2;

/** A translation, wherever it is bound. */
interface Translation extends MadeTranslation {
  /** Samples in it, and those since translations were last dropped. */
  heat: number;
  recent: number;
  readonly dataBytes: number;
  readonly slot: number;
  /** Host address of its data. */
  readonly data: number;
}
/** A translation in the place of a record. */
interface Binding {
  readonly translation: Translation;
  readonly record: number;
  readonly ownHandler: number;
  /** Ends the watch over its code. */
  unwatch: () => void;
}

export interface TranslatorParts {
  memory: WebAssembly.Memory;
  table: WebAssembly.Table;
  image: InterpreterImage;
  /** The interpreter's exports, which regions import. */
  exports: Record<string, unknown>;
  blocks: BlockCache;
  predecoder: Predecoder;
  /** Physical address of code at a linear address, or -1. */
  fetch(linear: number): number;
  /** Has every cached translation of addresses miss. */
  forgetAll(): void;
  /** Host address of data at a linear address, or 0 if it cannot be read or is no memory. */
  peek(linear: number): number;
  cache: CodeCache | undefined;
}

export class Translator implements CodeListener {
  /** Regions made, enlarged, taken from the cache and refused; bindings to records made, found again by content, and lost to stores; pages looked up anew. */
  readonly counters = { regions: 0, enlarged: 0, revived: 0, refused: 0, bytes: 0, instructions: 0, bound: 0, reused: 0, lost: 0, pagesMoved: 0, evictions: 0, samples: 0, fastSamples: 0 };
  private readonly p: TranslatorParts;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly counts = new Map<number, number>();
  /** By keyAt() of the head: different code may share a key. */
  private readonly known = new Map<number, Translation[]>();
  private readonly hopeless = new Set<number>();
  private readonly bound = new Map<number, Binding>();
  /** How often translations of a page were lost to stores, by page: such code has to be hotter to be worth another one. */
  private readonly churn = new Map<number, number>();
  private readonly live = new Set<Translation>();
  /** WebAssembly bytes of the translations that there are, and the memory that they take. */
  private liveBytes = 0;
  private liveMemory = 0;
  private readonly space: RegionSpace;

  readonly tiering: Tiering;

  constructor(parts: TranslatorParts, tiering: Tiering) {
    this.p = parts;
    this.tiering = tiering;
    this.words = new Int32Array(parts.memory.buffer);
    this.bytes = new Uint8Array(parts.memory.buffer);
    this.space = new RegionSpace(parts.image.slotCount);
  }

  /** The counters, and what there is now. */
  snapshot(): Record<string, number> {
    return { ...this.counters, liveRegions: this.live.size, liveMemory: this.liveMemory, liveBindings: this.bound.size, liveBytes: this.liveBytes };
  }

  /** True if the record is a translation's. */
  isTranslated(record: number): boolean {
    return (this.words[record >> 2] as number) >= this.p.image.slotCount;
  }

  /** The interpreter was seen at a block. */
  sample(place: CodePlace): void {
    if (++this.counters.samples % CHURN_HALF_LIFE === 0) this.forgetChurn();
    const { gpa } = place;
    if (this.isTranslated(place.record)) {
      this.counters.fastSamples++;
      this.warm(place);
      return;
    }
    const count = (this.counts.get(gpa) ?? 0) + 1;
    const lost = Math.min(this.churn.get(Math.floor(gpa / PAGE)) ?? 0, MAX_CHURN);
    if (count < this.tiering.hotSamples << lost) {
      if (this.counts.size >= MAX_COUNTED) this.counts.clear();
      this.counts.set(gpa, count);
      return;
    }
    this.counts.delete(gpa);
    this.translate(place);
  }

  /** Where a small region stays hot, a large one, with fewer ways out, is worth the optimising compiler's time. */
  private warm(place: CodePlace): void {
    const binding = this.bound.get(place.record);
    if (!binding) return;
    binding.translation.recent++;
    if (++binding.translation.heat !== this.tiering.enlargeSamples) return;
    const region = this.find(place, LARGE_REGION);
    if (!region || region.instructionCount < binding.translation.portable.instructionCount * ENLARGED) return;
    const translation = this.make(region, place);
    if (!translation) return;
    this.counters.enlarged++;
    translation.heat = this.tiering.enlargeSamples;
    this.remember(translation, place, true);
    this.release(binding);
    this.bind(translation, place);
  }
  private release(binding: Binding): void {
    binding.unwatch();
    this.bound.delete(binding.record);
    if (this.words[binding.record >> 2] === binding.translation.slot) this.words[binding.record >> 2] = binding.ownHandler;
  }

  private forgetChurn(): void {
    for (const [page, lost] of this.churn) {
      if (lost > 1) this.churn.set(page, Math.min(lost, MAX_CHURN) >> 1);
      else this.churn.delete(page);
    }
  }

  private translate(place: CodePlace): void {
    const host = this.hostOfPage(place.gpa);
    if (host === 0) return;
    const key = this.keyAt(host, place.gpa % PAGE, place.mode, HOPELESS_KEY_BYTES);
    if (this.hopeless.has(key) || this.revive(host, place)) return;
    const region = this.find(place, SMALL_REGION);
    if (!region || region.instructionCount < 2) {
      this.counters.refused++;
      if (this.hopeless.size >= MAX_COUNTED) this.hopeless.clear();
      this.hopeless.add(key);
      return;
    }
    const translation = this.make(region, place);
    if (!translation) return;
    this.remember(translation, place, false);
    this.bind(translation, place);
  }
  /** For tests: translates the single instruction at a block's start. False: it cannot be in a region. */
  translateOne(place: CodePlace): boolean {
    const region = this.find(place, { instructions: 1, blocks: 1, pages: 1, callee: 0, depth: 0 });
    const translation = region && this.make(region, place);
    this.bound.delete(place.record);
    return translation ? this.bind(translation, place) : false;
  }
  private find({ linear, gpa, mode, record }: CodePlace, limits: RegionLimits): Region | null {
    const bits = isCode64(mode) ? 64 : 32;
    if (bits === 32 && ((mode & MODE_CODE_SIZE) !== MODE_CODE_32 || (mode & MODE_FLAT) === 0)) return null;
    const view = new CodeView({ linear, gpa, mode, record }, (at) => this.hostOfPage(at), this.p);
    const hostOf = (delta: number): number => view.hostOf(delta);
    const jumpTable = (i: Instruction): number[] => this.jumpTable(i, linear, bits);
    return findRegion({ bytes: this.bytes, headAt: gpa % PAGE, bits, hostOf, isKnown: (offset) => view.isKnown(offset), jumpTable }, limits);
  }
  /** Entries of the table of pointers through which the instruction jumps, as offsets from the head, until one cannot be read. */
  private jumpTable({ decoded: d }: Instruction, head: number, bits: 32 | 64): number[] {
    const isTable = d[D_IS_MEM] !== 0 && (d[D_BASE] as number) < 0 && (d[D_INDEX] as number) >= 0 && 1 << (d[D_SCALE] as number) === bits / 8;
    if (!isTable) return [];
    const start = (d[D_DISP_HI] as number) * TWO_32 + ((d[D_DISP_LO] as number) >>> 0);
    const offsets: number[] = [];
    for (let n = 0; n < TABLE_ENTRIES; n++) {
      const linear = bits === 32 ? (start + n * 4) % TWO_32 : start + n * 8;
      const host = this.p.peek(linear);
      if (host === 0 || linear % 8 > 8 - bits / 8) break;
      const low = (this.words[host >> 2] as number) >>> 0;
      const target = bits === 32 ? low : (this.words[(host >> 2) + 1] as number) * TWO_32 + low;
      if (Math.abs(target - head) > TABLE_REACH) break;
      offsets.push(target - head);
    }
    return offsets;
  }
  private remember(translation: Translation, place: CodePlace, isFirst: boolean): void {
    const key = this.keyAt(this.hostOfPage(place.gpa), place.gpa % PAGE, place.mode);
    const list = this.known.get(key);
    if (!list) this.known.set(key, [translation]);
    else if (isFirst) list.unshift(translation);
    else list.push(translation);
  }

  private make(region: Region, head: CodePlace): Translation | null {
    const { image } = this.p;
    const { mode } = head;
    const view = new CodeView(head, (at) => this.hostOfPage(at), this.p);
    const module = new RegionModule(image.runtime);
    const isRefused = (form: Form): boolean => this.p.predecoder.isRefused(form, mode);
    const origin = this.originOf(head);
    const written = writeRegion(module, region, { flavour: isCode64(mode) ? "long" : "flat", origin, isRefused });
    module.addRegion(written.body);
    const wire = module.build({ initial: L.RAM >>> 16, maximum: MEMORY_PAGES_MAX }, TABLE_SIZE);
    const ranges = region.ranges.map(({ from, to }) => ({ from, bytes: view.bytesAt(this.bytes, from, to) }));
    const portable: PortableTranslation = {
      key: this.keyAt(this.hostOfPage(head.gpa), head.gpa % PAGE, mode), mode, instructionCount: region.instructionCount, dataBytes: written.dataBytes,
      sitesAt: written.sitesAt, imports: module.importNames, pages: region.pages, ranges, origin, moving: written.moving, tables: written.tables, wireBytes: wire.length,
      calls: written.calls.map(({ at, instruction }) => ({ at, decoded: instruction.decoded })),
    };
    const compiled = new WebAssembly.Module(wire);
    const translation = this.install(portable, compiled, wire);
    if (translation) {
      this.counters.regions++;
      this.counters.bytes += wire.length;
      this.counters.instructions += region.instructionCount;
    }
    return translation;
  }

  /** Gives a translation a place in this machine. Null: there is none. */
  private install(portable: PortableTranslation, module: WebAssembly.Module, wire: Uint8Array | null): Translation | null {
    const { mode, dataBytes, wireBytes } = portable;
    const memory = memoryOf(wireBytes);
    if (this.liveMemory + memory > this.tiering.codeBytes) this.evict(Math.floor(this.tiering.codeBytes / 2));
    let place = this.space.take(dataBytes);
    if (!place) {
      // What is left may lie so that there is no piece large enough.
      this.evict(Math.floor(this.liveMemory / 2));
      place = this.space.take(dataBytes);
      if (!place) this.evict(0);
      place ??= this.space.take(dataBytes);
      if (!place) return null;
    }
    const { data, slot } = place;
    const dataEnd = data + dataBytes;
    const env: Record<string, unknown> = { memory: this.p.memory, table: this.p.table, data };
    for (const name of portable.imports) env[name] = this.p.exports[name];
    const instance = new WebAssembly.Instance(module, { env });
    const entry = instance.exports[`${REGION_EXPORT}0`] as () => unknown;
    this.p.table.set(slot, entry);
    this.words.fill(0, data >> 2, dataEnd >> 2);
    for (let at = data + portable.sitesAt; at < dataEnd; at += 16) this.words[at >> 2] = L.TLB_EMPTY;
    this.words[(data + DATA_PAGE_COUNT) >> 2] = portable.pages.length;
    for (const [n, page] of portable.pages.entries()) this.words[(data + DATA_PAGES + n * 8) >> 2] = page;
    this.writeCalls(portable.calls, data, mode);
    for (const { at, length, entries } of portable.tables) {
      this.bytes.fill(0, data + at, data + at + length);
      for (const [n, entry] of entries.entries()) this.bytes[data + at + entry] = n + 1;
    }
    this.liveBytes += wireBytes;
    this.liveMemory += memory;
    const made = wire && this.p.cache ? { wire, module, entry, isKept: false } : null;
    const translation = { portable, made, slot, data, dataBytes, heat: 0, recent: this.tiering.hotSamples };
    this.live.add(translation);
    return translation;
  }

  /** Binds a translation of an earlier run. False: none is kept for this code. */
  private revive(host: number, place: CodePlace): boolean {
    const headAt = place.gpa % PAGE;
    for (const kept of this.p.cache?.find(this.keyAt(host, headAt, place.mode), this.bytes, host + headAt) ?? []) {
      if (kept.mode !== place.mode) continue;
      const portable = movedTo(kept, this.originOf(place));
      if (!portable || !this.isThere(portable, place)) continue;
      const found = kept.module();
      const translation = found && this.install(portable, found.module, found.wire);
      if (!translation) continue;
      translation.heat = kept.heat;
      if (translation.made) translation.made.isKept = true;
      this.remember(translation, place, false);
      this.counters.revived++;
      return this.bind(translation, place);
    }
    return false;
  }

  /** All that there is, to be kept for a later run. */
  made(): Iterable<MadeTranslation> {
    return this.live;
  }

  /** Drops the translations least met of late until the others take no more than `memory`. Not while one is running. */
  private evict(memory: number): void {
    const coldest = [...this.live].sort((a, b) => a.recent - b.recent);
    const dropped = new Set<Translation>();
    for (const translation of coldest) {
      if (this.liveMemory <= memory) break;
      dropped.add(translation);
      this.live.delete(translation);
      this.liveBytes -= translation.portable.wireBytes;
      this.liveMemory -= memoryOf(translation.portable.wireBytes);
      this.p.table.set(translation.slot, null);
    }
    for (const binding of [...this.bound.values()]) if (dropped.has(binding.translation)) this.release(binding);
    for (const [key, list] of this.known) {
      const kept = list.filter((translation) => !dropped.has(translation));
      if (kept.length === 0) this.known.delete(key);
      else if (kept.length < list.length) this.known.set(key, kept);
    }
    for (const translation of this.live) translation.recent = 0;
    this.space.keepOnly(this.live);
    // What is noted of translations names places in the regions' data, which others get now.
    this.p.forgetAll();
    this.counters.evictions++;
  }

  /** The records of the instructions that the region calls; their addresses are written by the region itself. */
  private writeCalls(calls: PortableTranslation["calls"], data: number, mode: number): void {
    for (const { at, decoded } of calls) {
      const start = data + at;
      this.words.fill(0, start >> 2, (start + CALL_RECORDS * L.REC_SIZE) >> 2);
      const next = this.p.predecoder.instruction(decoded, start, 0, mode);
      this.words[next >> 2] = this.p.image.pseudo.back;
    }
  }

  private hostOfPage(gpa: number): number {
    if (gpa >= 2 ** 32) return 0;
    const entry = this.words[(L.PAGE_MAP >> 2) + Math.floor(gpa / PAGE)] as number;
    return (entry & -PAGE) >>> 0;
  }
  /** Of a head: its place in the page, and a hash of the mode and of its first bytes. */
  private keyAt(host: number, headAt: number, mode: number, bytes = KEY_BYTES): number {
    const at = host + headAt;
    const end = Math.min(at + bytes, host + PAGE);
    let hash = mode;
    for (let n = at; n < end; n++) hash = Math.imul(hash ^ (this.bytes[n] as number), 0x0100_0193) ^ (hash >>> 15);
    return (hash >>> 0) * PAGE + headAt;
  }

  // ---- binding ---------------------------------------------------------------------------------

  /** Puts the translation in the record's place. False: its code is not all there. */
  private bind(translation: Translation, place: CodePlace): boolean {
    const { record } = place;
    const ownHandler = this.words[record >> 2] as number;
    if (ownHandler >= this.p.image.slotCount) return false;
    const { moving, origin } = translation.portable;
    if (moving.length > 0 && origin !== this.originOf(place)) return false;
    const unwatch = this.follow(translation, place);
    if (!unwatch) return false;
    this.words[(translation.data + DATA_HEAD_HANDLER) >> 2] = ownHandler;
    this.words[record >> 2] = translation.slot;
    this.bound.set(record, { translation, record, ownHandler, unwatch });
    this.counters.bound++;
    return true;
  }
  /** Finds the translation's code as it is mapped now, notes where its pages are, and watches it; null if it is not all there. */
  private follow(translation: Translation, place: CodePlace): (() => void) | null {
    const view = new CodeView(place, (gpa) => this.hostOfPage(gpa), this.p);
    const { pages, ranges } = translation.portable;
    if (!this.hasAll(ranges, view)) return null;
    pages.forEach((page, n) => {
      this.words[(translation.data + DATA_PAGES + n * 8 + 4) >> 2] = Math.floor(view.gpaOf(page) / PAGE);
    });
    this.words[(translation.data + DATA_RECORD) >> 2] = 0;
    return this.p.blocks.watch(
      ranges.map(({ from, bytes }) => ({ gpa: view.gpaAt(from), length: bytes.length })),
      (isWritten) => this.lost(place, isWritten),
    );
  }
  /** A region was entered by this record, but a page of it lies elsewhere: in another address space, say. True if it may run. */
  pagesMoved(record: number, data: number): boolean {
    this.counters.pagesMoved++;
    const binding = this.bound.get(record);
    if (!binding || binding.translation.data !== data) return false;
    const linear = this.linearOf(record);
    const gpa = this.p.fetch(linear);
    if (gpa < 0) return false;
    const unwatch = this.follow(binding.translation, { record, linear, gpa, mode: binding.translation.portable.mode });
    if (!unwatch) return false;
    binding.unwatch();
    binding.unwatch = unwatch;
    // The key stays an old one: findPages() notes it, with the pages that it stands for, when it finds them next.
    return true;
  }
  /** See movingFields(). */
  private originOf({ record, mode }: CodePlace): number | undefined {
    const [low, high] = [this.words[(record + L.REC_RIP) >> 2] as number, this.words[(record + L.REC_RIP + 4) >> 2] as number];
    return low < 0 && high === (isCode64(mode) ? -1 : 0) ? low : undefined;
  }
  private linearOf(record: number): number {
    const rip = (this.words[(record + L.REC_RIP + 4) >> 2] as number) * TWO_32 + ((this.words[(record + L.REC_RIP) >> 2] as number) >>> 0);
    return isCode64(this.words[L.MODE_KEY >> 2] as number) ? rip : rip + ((this.words[(L.SEG + L.CS * L.SEG_SIZE + L.SEG_BASE) >> 2] as number) >>> 0);
  }

  /** Code of a bound translation has changed, or all blocks are dropped. */
  private lost(place: CodePlace, isWritten: boolean): void {
    const binding = this.bound.get(place.record);
    if (binding) {
      this.release(binding);
      this.counters.lost++;
    }
    if (!isWritten) return;
    const page = Math.floor(place.gpa / PAGE);
    if (this.churn.size >= MAX_COUNTED) this.churn.clear();
    this.churn.set(page, (this.churn.get(page) ?? 0) + 1);
  }

  /** A block has been decoded: if its code is known it is bound at once. */
  decoded(place: CodePlace): void {
    if (this.known.size === 0 && !this.p.cache) return;
    const host = this.hostOfPage(place.gpa);
    if (host === 0) return;
    const key = this.keyAt(host, place.gpa % PAGE, place.mode);
    for (const translation of this.known.get(key) ?? []) {
      if (translation.portable.mode !== place.mode || !this.bind(translation, place)) continue;
      this.counters.reused++;
      return;
    }
    this.revive(host, place);
  }
  private isThere({ ranges }: PortableTranslation, place: CodePlace): boolean {
    return this.hasAll(ranges, new CodeView(place, (gpa) => this.hostOfPage(gpa), this.p));
  }
  private hasAll(ranges: PortableTranslation["ranges"], view: CodeView): boolean {
    for (const { from, bytes } of ranges) {
      const host = view.hostAt(from);
      if (host === 0 || !this.holds(host, bytes)) return false;
    }
    return true;
  }
  private holds(host: number, bytes: Uint8Array): boolean {
    for (let n = 0; n < bytes.length; n++) if (this.bytes[host + n] !== bytes[n]) return false;
    return true;
  }
}
