// What outlives a run: translations with the native code that the host's compiler has made of them, and the interpreter with its own.
// A translation follows from the guest's bytes alone, so a kept one serves wherever the same bytes stand at the same place of a page;
// they are compared, all of them, before it is used.
import type { InterpreterParts } from "../interp/build.ts";

/** A field of four bytes, by its offset from the head, that grows (1) or shrinks (-1) by the distance by which the code moves: see movingFields(). */
export interface MovingField {
  readonly at: number;
  readonly sign: 1 | -1;
}

/** A translation without its place in a machine: what make() of the translator found out, and the module that came of it. */
export interface PortableTranslation {
  /** Translator.keyAt() of its head. */
  readonly key: number;
  readonly mode: number;
  readonly instructionCount: number;
  readonly dataBytes: number;
  /** Where in the data the sites and records begin. */
  readonly sitesAt: number;
  /** Names of the runtime functions that the module imports. */
  readonly imports: readonly string[];
  /** Pages beside the head's, counted from it. */
  readonly pages: readonly number[];
  /** Relative to the head, with what they must hold. */
  readonly ranges: readonly { readonly from: number; readonly bytes: Uint8Array }[];
  /** Low word of the head's RIP where fields of the code are relative to it, and those fields. */
  readonly origin: number | undefined;
  readonly moving: readonly MovingField[];
  /** Instructions called as handlers: their place in the data and their decode records. */
  readonly calls: readonly { readonly at: number; readonly decoded: Int32Array }[];
  readonly tables: readonly { readonly at: number; readonly length: number; readonly entries: readonly number[] }[];
  readonly wireBytes: number;
}

/** One that was kept. */
export interface KeptTranslation extends PortableTranslation {
  /** Samples in it when it was kept. */
  readonly heat: number;
  /** Null: what was kept is damaged, or is not for this host. */
  module(): KeptModule | null;
}
/** `wire`: the WebAssembly where there was no native code yet, so that it can be kept with some later. */
export interface KeptModule {
  readonly module: WebAssembly.Module;
  readonly wire: Uint8Array | null;
}

/** One of this run. */
export interface MadeTranslation {
  readonly portable: PortableTranslation;
  readonly heat: number;
  /** Null: it came from the cache with its native code, or the cache has that now and has set this. */
  made: MadeModule | null;
}
export interface MadeModule {
  readonly wire: Uint8Array;
  readonly module: WebAssembly.Module;
  /** Its only export. */
  readonly entry: () => unknown;
  /** The cache has it, but without native code. */
  isKept: boolean;
}

/** All of an engine's generated code. */
export interface GeneratedCode {
  /** An exported function of the interpreter. */
  readonly interpreter: () => unknown;
  readonly translations: Iterable<MadeTranslation>;
}

export interface CodeCache {
  /** The interpreter of these sources; made by `build` where none is kept. */
  interpreter(build: () => InterpreterParts): { parts: InterpreterParts; module: WebAssembly.Module };
  /** Kept translations whose heads have that key and may be what is in `memory` at `host`, the largest first. */
  find(key: number, memory: Uint8Array, host: number): readonly KeptTranslation[];
}
