// Generated code on disk, in a folder of this user's that nothing is ever imported into: a folder for each build of the program and of
// Node, in it one file with the interpreter and some with translations, of which each save adds one. A machine's thread saves while
// it runs, little by little, as it may end without warning. A file is records, then an index, then a trailer that says where that is.
// Whatever is read is hashed first; what is damaged or of another build counts as absent. Files appear whole or not at all.
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { CodeCache, GeneratedCode, InterpreterParts, KeptModule, KeptTranslation, MadeModule, MadeTranslation, PortableTranslation } from "../machine/machine.ts";
import { type NativeCode, nativeCode } from "./native-code.ts";
import { type Place, RecordFile, RecordWriter } from "./record-file.ts";
import { programBuild } from "./program-build.ts";

/** Bytes of records in a file, from which those not used for longest are left out. */
const MAX_BYTES = 96 << 20;
/** Translations that one save writes while the machine runs, so that it does not stand still for long, and the fewest that are worth a file. */
const BATCH = 24;
const LEAST_SAVED = 8;
/** After so many calls without a new translation, or at the call of that number, the interpreter is saved, if it never was; and after so
 *  many the translations that the optimising compiler has not got to: making them takes time, too. */
const CALM_INTERPRETER = 3;
const BUSY_INTERPRETER = 20;
const CALM_PLAIN = 4;
/** After so many nobody asks any more whether the optimising compiler has got to the last ones. */
const CALM = 20;
/** More files than these are made one when a machine ends; where machines end without warning, more than those when one starts. */
const MOST_FILES = 16;
const MOST_FILES_AT_START = 64;
const TRANSLATIONS = "translations-";
/** Of the interpreter's code, by length. */
const GROWN = 1.1;
/** Folders of other builds: those used last stay, for so long. */
const MOST_BUILDS = 3;
const STALE_MS = 30 * 24 * 3600e3;

const HEAD_BYTES = 24;

interface Entry extends Place {
  key: number;
  mode: number;
  instructionCount: number;
  /** Bytes at the head, as far as they are known not to move: bit n of `moving` says that byte n may be another one. */
  head: Uint8Array;
  moving: number;
  /** Runs, of those that wrote the file, since one used it. */
  age: number;
}
/** What is not in the entry. */
type Meta = Omit<PortableTranslation, "key" | "mode" | "instructionCount" | "wireBytes"> & { heat: number };

export class CodeCacheFile implements CodeCache {
  private readonly folder: string;
  private readonly native: NativeCode;
  private readonly files: RecordFile<Entry>[] = [];
  private readonly byKey = new Map<number, Kept[]>();
  private keptInterpreter: { module: WebAssembly.Module; parts: InterpreterParts; nativeBytes: number } | null = null;

  /** `build` names the program's build: nothing of another one is used. */
  private constructor(root: string, build: string, native: NativeCode) {
    const name = createHash("sha256").update(build).digest("hex").slice(0, 32);
    this.folder = join(root, name);
    this.native = native;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const now = new Date();
    utimesSync(this.folder, now, now);
    dropStale(root, name);
    for (const path of readdirSync(this.folder)) {
      const file = path.startsWith(TRANSLATIONS) ? RecordFile.open<Entry>(join(this.folder, path)) : null;
      if (!file) continue;
      this.files.push(file);
      for (const entry of file.entries) this.byKey.set(entry.key, [...(this.byKey.get(entry.key) ?? []), new Kept(entry, file, native)]);
    }
    for (const list of this.byKey.values()) list.sort(betterFirst);
  }

  /** Undefined where native code cannot be kept, or nothing can be written: then everything is made anew. */
  static open(root: string, build = programBuild(), native = nativeCode()): CodeCacheFile | undefined {
    if (!native) return undefined;
    try {
      const cache = new CodeCacheFile(root, build, native);
      if (cache.files.length <= MOST_FILES_AT_START) return cache;
      cache.merge([]);
      return new CodeCacheFile(root, build, native);
    } catch {
      return undefined;
    }
  }

  interpreter(build: () => InterpreterParts): { parts: InterpreterParts; module: WebAssembly.Module } {
    let kept = this.readInterpreter();
    if (!kept) {
      const parts = build();
      kept = { module: new WebAssembly.Module(parts.wire), parts, nativeBytes: 0 };
    }
    this.keptInterpreter = kept;
    return kept;
  }

  find(key: number, memory: Uint8Array, host: number): readonly KeptTranslation[] {
    return this.byKey.get(key)?.filter(({ entry, isUseless }) => !isUseless && hasHead(entry, memory, host)) ?? NONE;
  }

  /** Called now and then: saves some of what is new when there is enough of it, or when nothing new has come for a while. */
  tend({ interpreter, translations }: GeneratedCode): void {
    let made = 0;
    for (const translation of translations) if (translation.made) made++;
    this.calm = made === this.unsaved ? this.calm + 1 : 0;
    this.unsaved = made;
    this.calls++;
    if (this.calm > CALM) return;
    this.writing(() => {
      if ((this.calm === CALM_INTERPRETER || this.calls === BUSY_INTERPRETER) && this.keptInterpreter?.nativeBytes === 0) this.saveInterpreter(interpreter);
      const fresh = this.fresh(translations, BATCH, this.calm >= CALM_PLAIN);
      if (fresh.length >= (this.calm > 0 ? LEAST_SAVED : BATCH)) this.saveTranslations(fresh, []);
    });
  }
  /** Translations without native code in the cache at the last call, and for how many calls their number has not changed. */
  private unsaved = 0;
  private calls = 0;
  private calm = 0;

  /** At the end: saves what is left, and makes one file of the many. */
  close({ interpreter, translations }: GeneratedCode): void {
    const fresh = this.fresh(translations, Infinity, true);
    this.writing(() => this.saveInterpreter(interpreter));
    if (this.files.length > MOST_FILES) this.merge(fresh);
    else {
      if (fresh.length >= LEAST_SAVED) this.writing(() => this.saveTranslations(fresh, []));
      for (const file of this.files) file.close();
    }
  }
  private merge(fresh: readonly Fresh[]): void {
    this.writing(() => this.saveTranslations(fresh, withoutSuperseded([...this.byKey.values()].flat())));
    for (const file of this.files) {
      file.close();
      // Another process may have it open, which some systems mind.
      this.writing(() => rmSync(file.path, { force: true }));
    }
  }

  /** A disk that is full is no reason for a machine to stop: nothing more is kept in this run. */
  private writing(write: () => void): void {
    if (this.isBroken) return;
    try {
      write();
    } catch {
      this.isBroken = true;
    }
  }
  private isBroken = false;

  private readInterpreter(): { module: WebAssembly.Module; parts: InterpreterParts; nativeBytes: number } | null {
    const file = RecordFile.open<Place>(join(this.folder, "interpreter"));
    const entry = file?.entries[0];
    if (!file || !entry) return null;
    const bytes = file.read(entry);
    file.close();
    if (!bytes) return null;
    const wire = bytes.slice(entry.meta, entry.meta + entry.wire);
    const module = this.native.deserialize(bytes.slice(entry.meta + entry.wire), wire);
    const parts = { ...(deserialize(bytes.slice(0, entry.meta)) as Omit<InterpreterParts, "wire">), wire };
    return module && { module, parts, nativeBytes: entry.native };
  }
  private saveInterpreter(entry: () => unknown): void {
    if (!this.keptInterpreter) return;
    const { module, parts, nativeBytes } = this.keptInterpreter;
    this.native.optimise(entry);
    const native = this.native.serialize(module, entry);
    if (!native || native.length < nativeBytes * GROWN) return;
    const { wire, ...rest } = parts;
    const writer = new RecordWriter(join(this.folder, "interpreter"));
    writer.finish([writer.add(serialize(rest), wire, native)]);
  }

  /** Those that are not kept yet with the code that the optimising compiler has made; `plain`: those without such code too. */
  private fresh(all: Iterable<MadeTranslation>, most: number, plain: boolean): Fresh[] {
    const fresh: Fresh[] = [];
    for (const translation of all) {
      const { made } = translation;
      if (!made || fresh.length >= most) continue;
      if ((plain && !made.isKept) || this.native.isOptimised(made.entry)) fresh.push(translation as Fresh);
    }
    return fresh;
  }
  private saveTranslations(fresh: readonly Fresh[], old: Kept[]): void {
    const writer = new RecordWriter(join(this.folder, TRANSLATIONS + randomUUID()));
    const entries: Entry[] = [];
    let room = MAX_BYTES;
    for (const translation of fresh) {
      const { portable, heat, made } = translation;
      const native = this.native.serialize(made.module, made.entry);
      // Without native code it is kept again when there is some.
      if (native) (translation as MadeTranslation).made = null;
      else made.isKept = true;
      const { key, mode, instructionCount, wireBytes: _, ...rest } = portable;
      const meta: Meta = { ...rest, heat };
      const record = writer.add(serialize(meta), made.wire, native ?? new Uint8Array());
      entries.push({ key, mode, instructionCount, ...record, ...headOf(portable), age: 0 });
      room -= record.meta + record.wire + record.native;
    }
    for (const { entry, isUsed, file } of old.sort((a, b) => Number(b.isUsed) - Number(a.isUsed) || a.entry.age - b.entry.age)) {
      room -= entry.meta + entry.wire + entry.native;
      const bytes = room < 0 ? null : file.read(entry);
      if (bytes) entries.push({ ...entry, at: writer.copy(bytes), age: isUsed ? 0 : entry.age + 1 });
    }
    writer.finish(entries);
  }
}
type Fresh = MadeTranslation & { made: MadeModule };

/** The largest first, and of the same ones that with native code. */
const betterFirst = (a: Kept, b: Kept): number => b.instructionCount - a.instructionCount || b.entry.native - a.entry.native;

function withoutSuperseded(all: Kept[]): Kept[] {
  const seen = new Set<string>();
  return all.sort(betterFirst).filter(({ entry: { key, mode, instructionCount, wire, head } }) => {
    const name = [key, mode, instructionCount, wire, ...head].join();
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

function hasHead({ head, moving }: Entry, memory: Uint8Array, host: number): boolean {
  for (let n = 0; n < head.length; n++) if (memory[host + n] !== head[n] && (moving & (1 << n)) === 0) return false;
  return true;
}
function headOf({ ranges, moving }: PortableTranslation): Pick<Entry, "head" | "moving"> {
  const range = ranges.find(({ from, bytes }) => from <= 0 && from + bytes.length > 0);
  const head = range ? range.bytes.slice(-range.from, HEAD_BYTES - range.from) : new Uint8Array();
  let mask = 0;
  for (const { at } of moving) for (let n = at; n < at + 4; n++) if (n >= 0 && n < HEAD_BYTES) mask |= 1 << n;
  return { head, moving: mask };
}
const NONE: readonly KeptTranslation[] = [];

class Kept implements KeptTranslation {
  readonly entry: Entry;
  isUsed = false;
  /** Damaged, or not for this host: not asked for again. */
  isUseless = false;
  readonly file: RecordFile<Entry>;
  private readonly native: NativeCode;
  private parsed: Meta | undefined;

  constructor(entry: Entry, file: RecordFile<Entry>, native: NativeCode) {
    this.entry = entry;
    this.file = file;
    this.native = native;
  }
  get key(): number {
    return this.entry.key;
  }
  get mode(): number {
    return this.entry.mode;
  }
  get instructionCount(): number {
    return this.entry.instructionCount;
  }
  get wireBytes(): number {
    return this.entry.wire;
  }
  private get meta(): Meta {
    if (!this.parsed) {
      const bytes = this.file.read(this.entry);
      // Of a copy: its arrays are views, which would keep the whole record.
      this.parsed = bytes ? (deserialize(bytes.slice(0, this.entry.meta)) as Meta) : DAMAGED;
    }
    return this.parsed;
  }
  get dataBytes(): number {
    return this.meta.dataBytes;
  }
  get sitesAt(): number {
    return this.meta.sitesAt;
  }
  get imports(): readonly string[] {
    return this.meta.imports;
  }
  get pages(): readonly number[] {
    return this.meta.pages;
  }
  get ranges(): PortableTranslation["ranges"] {
    return this.meta.ranges;
  }
  get origin(): number | undefined {
    return this.meta.origin;
  }
  get moving(): PortableTranslation["moving"] {
    return this.meta.moving;
  }
  get calls(): PortableTranslation["calls"] {
    return this.meta.calls;
  }
  get tables(): PortableTranslation["tables"] {
    return this.meta.tables;
  }
  get heat(): number {
    return this.meta.heat;
  }
  module(): KeptModule | null {
    const found = this.read();
    if (found) this.isUsed = true;
    else this.isUseless = true;
    return found;
  }
  private read(): KeptModule | null {
    const { meta, wire } = this.entry;
    const bytes = this.file.read(this.entry);
    if (!bytes) return null;
    const bare = bytes.slice(meta, meta + wire);
    if (this.entry.native === 0) return { module: new WebAssembly.Module(bare), wire: bare };
    const module = this.native.deserialize(bytes.slice(meta + wire), bare);
    return module && { module, wire: null };
  }
}
/** Of code that stands nowhere. */
const DAMAGED: Meta = { dataBytes: 0, sitesAt: 0, imports: [], pages: [], ranges: [{ from: 0, bytes: new Uint8Array(4096 * 2) }], origin: undefined, moving: [], calls: [], tables: [], heat: 0 };

function dropStale(root: string, current: string): void {
  const others = readdirSync(root).filter((name) => name !== current && /^[0-9a-f]{32}$/.test(name));
  const used = others.map((name) => ({ path: join(root, name), at: statSync(join(root, name)).mtimeMs })).sort((a, b) => b.at - a.at);
  for (const [n, { path, at }] of used.entries()) if (n >= MOST_BUILDS || Date.now() - at > STALE_MS) rmSync(path, { recursive: true, force: true });
}
