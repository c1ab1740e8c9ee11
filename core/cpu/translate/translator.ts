// The second tier of one CPU: hears where the interpreter spends its time, has the code there translated, and puts the result in
// place of the record at which the interpreter would go on. Translations are kept by what they were made from (the bytes, their
// place in the page, the mode), so that the same code at another address, or loaded again, is bound and not made again.
import type { Form } from "../../isa/form.ts";
import type { BlockCache, CodeListener } from "../interp/block-cache.ts";
import { type InterpreterImage, MEMORY_PAGES_MAX, TABLE_SIZE } from "../interp/build.ts";
import type { Predecoder } from "../interp/predecode.ts";
import * as L from "../state/layout.ts";
import { MODE_CODE_64, MODE_CODE_SIZE } from "../system/mode.ts";
import { findRegion, type Region } from "./region.ts";
import { REGION_EXPORT, RegionModule } from "./region-module.ts";
import { CALL_RECORDS, DATA_HEAD_HANDLER, type CalledInstruction, RegionWriter } from "./region-writer.ts";

const PAGE = 4096;
/** How soon code is translated. */
export interface Tiering {
  /** Samples at one place that make it worth translating. */
  hotSamples: number;
  /** Instructions between two looks at where the time goes: the least, a mask of what chance adds, the most. */
  slice: { least: number; jitterMask: number; most: number };
}
export const DEFAULT_TIERING: Tiering = { hotSamples: 2, slice: { least: 12_000, jitterMask: 0x1fff, most: 400_000 } };
/** For tests: everything that is met is translated at once. */
export const EAGER_TIERING: Tiering = { hotSamples: 1, slice: { least: 20, jitterMask: 0x1f, most: 1000 } };
/** Places remembered while they are not yet hot. */
const MAX_COUNTED = 4096;

/** Each translation that a page loses doubles what the next one there takes, up to 2 to this power. */
const MAX_CHURN = 6;

/** A translation, wherever it is bound. */
interface Translation {
  readonly mode: number;
  readonly slot: number;
  /** Host address of its data. */
  readonly data: number;
  /** Relative to the head, with what they must hold. */
  readonly ranges: readonly { from: number; bytes: Uint8Array }[];
}
/** A translation in the place of a record. */
export interface Binding {
  readonly translation: Translation;
  readonly record: number;
  readonly ownHandler: number;
}

export interface TranslatorParts {
  memory: WebAssembly.Memory;
  table: WebAssembly.Table;
  image: InterpreterImage;
  /** The interpreter's exports, which regions import. */
  exports: Record<string, unknown>;
  blocks: BlockCache;
  predecoder: Predecoder;
}

export class Translator implements CodeListener {
  readonly counters = { regions: 0, bound: 0, unbound: 0, bytes: 0, instructions: 0, refused: 0, samples: 0 };
  private readonly p: TranslatorParts;
  private readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly counts = new Map<number, number>();
  /** By mode, place in the page and first bytes of the head. */
  private readonly known = new Map<string, Translation[]>();
  private readonly hopeless = new Set<string>();
  /** How often translations of a page were lost to stores, by page: such code has to be hotter to be worth another one. */
  private readonly churn = new Map<number, number>();
  private nextSlot: number;
  private nextData = L.REGION_DATA;

  readonly tiering: Tiering;

  constructor(parts: TranslatorParts, tiering: Tiering) {
    this.p = parts;
    this.tiering = tiering;
    this.words = new Int32Array(parts.memory.buffer);
    this.bytes = new Uint8Array(parts.memory.buffer);
    this.nextSlot = parts.image.slotCount;
  }

  /** True if the record is a translation's. */
  isTranslated(record: number): boolean {
    return (this.words[record >> 2] as number) >= this.p.image.slotCount;
  }

  /** The interpreter was seen at the block of this record, whose code lies at `gpa`. */
  sample(record: number, gpa: number, mode: number): void {
    this.counters.samples++;
    if (this.isTranslated(record)) return;
    const count = (this.counts.get(gpa) ?? 0) + 1;
    const lost = Math.min(this.churn.get(Math.floor(gpa / PAGE)) ?? 0, MAX_CHURN);
    if (count < this.tiering.hotSamples << lost) {
      if (this.counts.size >= MAX_COUNTED) this.counts.clear();
      this.counts.set(gpa, count);
      return;
    }
    this.counts.delete(gpa);
    this.translate(record, gpa, mode);
  }

  private translate(record: number, gpa: number, mode: number): void {
    const host = this.hostOfPage(gpa);
    if (host === 0) return;
    const headAt = gpa % PAGE;
    const key = this.keyAt(host, headAt, mode);
    if (this.hopeless.has(key)) return;
    const starts = this.p.blocks.startsIn(gpa);
    const region = findRegion({ bytes: this.bytes, host, headAt, mode, isKnown: (at) => starts.has(at) });
    if (!region || (region.instructionCount < 3 && region.blocks.size < 2)) {
      this.counters.refused++;
      this.hopeless.add(key);
      return;
    }
    const translation = this.make(region, host, headAt, mode);
    if (!translation) return;
    const list = this.known.get(key);
    if (list) list.push(translation);
    else this.known.set(key, [translation]);
    this.bind(translation, record, gpa);
  }

  private make(region: Region, host: number, headAt: number, mode: number): Translation | null {
    const { image } = this.p;
    if (this.nextSlot >= TABLE_SIZE) return null;
    const module = new RegionModule(image.runtime);
    const isCode64 = (mode & MODE_CODE_SIZE) === MODE_CODE_64;
    const isRefused = (form: Form): boolean => this.p.predecoder.isRefused(form, mode);
    const written = new RegionWriter(module, region, { flavour: isCode64 ? "long" : "flat", isRefused }).write();
    const data = (this.nextData + 15) & ~15;
    if (data + written.dataBytes > L.REGION_DATA + L.REGION_DATA_BYTES) return null;
    module.addRegion(written.body);
    const wire = module.build({ initial: L.RAM >>> 16, maximum: MEMORY_PAGES_MAX }, TABLE_SIZE);
    const env: Record<string, unknown> = {
      memory: this.p.memory,
      table: this.p.table,
      data,
    };
    for (const name of module.importNames) env[name] = this.p.exports[name];
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wire), { env });
    const slot = this.nextSlot++;
    this.p.table.set(slot, instance.exports[`${REGION_EXPORT}0`]);
    this.nextData = data + written.dataBytes;
    this.words.fill(0, data >> 2, this.nextData >> 2);
    for (let at = data; at < this.nextData; at += 16) this.words[at >> 2] = L.TLB_EMPTY;
    this.writeCalls(written.calls, data, mode);
    this.counters.regions++;
    this.counters.bytes += wire.length;
    this.counters.instructions += region.instructionCount;
    const ranges = region.ranges.map(({ from, to }) => ({ from, bytes: this.bytes.slice(host + headAt + from, host + headAt + to) }));
    return { mode, slot, data, ranges };
  }

  /** The records of the instructions that the region calls; their addresses are written by the region itself. */
  private writeCalls(calls: readonly CalledInstruction[], data: number, mode: number): void {
    for (const { at, instruction } of calls) {
      const start = data + at;
      this.words.fill(0, start >> 2, (start + CALL_RECORDS * L.REC_SIZE) >> 2);
      const next = this.p.predecoder.instruction(instruction.decoded, start, 0, mode);
      this.words[next >> 2] = this.p.image.pseudo.back;
    }
  }

  private hostOfPage(gpa: number): number {
    if (gpa >= 2 ** 32) return 0;
    const entry = this.words[(L.PAGE_MAP >> 2) + Math.floor(gpa / PAGE)] as number;
    return (entry & -PAGE) >>> 0;
  }
  private keyAt(host: number, headAt: number, mode: number): string {
    const at = host + headAt;
    const end = Math.min(at + 8, host + PAGE);
    let text = `${mode} ${headAt}`;
    for (let n = at; n < end; n++) text += ` ${this.bytes[n]}`;
    return text;
  }

  // ---- binding ---------------------------------------------------------------------------------

  private bind(translation: Translation, record: number, gpa: number): void {
    const ownHandler = this.words[record >> 2] as number;
    if (ownHandler >= this.p.image.slotCount) return;
    const binding: Binding = { translation, record, ownHandler };
    this.words[(translation.data + DATA_HEAD_HANDLER) >> 2] = ownHandler;
    this.words[record >> 2] = translation.slot;
    this.p.blocks.watch(
      translation.ranges.map(({ from, bytes }) => ({ gpa: gpa + from, length: bytes.length })),
      () => {
        this.unbind(binding);
        const page = Math.floor(gpa / PAGE);
        if (this.churn.size >= MAX_COUNTED) this.churn.clear();
        this.churn.set(page, (this.churn.get(page) ?? 0) + 1);
      },
    );
    this.counters.bound++;
  }
  private unbind(binding: Binding): void {
    if (this.words[binding.record >> 2] === binding.translation.slot) this.words[binding.record >> 2] = binding.ownHandler;
    this.counters.unbound++;
  }

  /** A block has been decoded: if its code is known it is bound at once. */
  decoded(record: number, gpa: number, mode: number): void {
    if (this.known.size === 0) return;
    const host = this.hostOfPage(gpa);
    if (host === 0) return;
    const headAt = gpa % PAGE;
    const list = this.known.get(this.keyAt(host, headAt, mode));
    const fitting = list?.find((t) => t.ranges.every(({ from, bytes }) => this.holds(host + headAt + from, bytes)));
    if (fitting) this.bind(fitting, record, gpa);
  }
  private holds(host: number, bytes: Uint8Array): boolean {
    for (let n = 0; n < bytes.length; n++) if (this.bytes[host + n] !== bytes[n]) return false;
    return true;
  }
}
