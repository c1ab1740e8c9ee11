// What every WebAssembly module of ours is written with: its header and sections, the signatures of its functions, the shared memory and
// table that it imports. WebAssembly core specification 2.0, section 5.5.
import { ByteWriter } from "./byte-writer.ts";
import type { Type } from "./nodes.ts";

export interface Signature {
  params: readonly Type[];
  results: readonly Type[];
}

export interface MemoryPages {
  initial: number;
  maximum: number;
}

/** The header, then sections in the order in which they are given. */
export class ModuleWriter {
  private readonly out = new ByteWriter();

  constructor() {
    this.out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  }

  section(id: number, write: (w: ByteWriter) => void): void {
    const w = new ByteWriter();
    write(w);
    this.out.byte(id);
    this.out.vector(w);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.out.take();
  }
}

/** The type section: each signature once. */
export class SignatureTable {
  private readonly types: Signature[] = [];
  private readonly indices = new Map<string, number>();

  indexOf(params: readonly Type[], results: readonly Type[]): number {
    const key = `${params.join()}>${results.join()}`;
    let index = this.indices.get(key);
    if (index === undefined) {
      index = this.types.push({ params, results }) - 1;
      this.indices.set(key, index);
    }
    return index;
  }

  at(index: number): Signature {
    const signature = this.types[index];
    if (!signature) throw new Error("Unknown signature");
    return signature;
  }

  readonly write = (w: ByteWriter): void => {
    w.u32(this.types.length);
    for (const { params, results } of this.types) {
      w.byte(0x60);
      w.u32(params.length);
      for (const p of params) w.byte(p);
      w.u32(results.length);
      for (const r of results) w.byte(r);
    }
  };
}

/** Imports are all of the module `env`. */
export function writeImportName(w: ByteWriter, name: string): void {
  w.name("env");
  w.name(name);
}

export function writeFunctionImport(w: ByteWriter, name: string, type: number): void {
  writeImportName(w, name);
  w.byte(0);
  w.u32(type);
}

/** The shared memory `env.memory`. */
export function writeMemoryImport(w: ByteWriter, pages: MemoryPages): void {
  writeImportName(w, "memory");
  w.raw(Uint8Array.of(2, 3));
  w.u32(pages.initial);
  w.u32(pages.maximum);
}

/** The table `env.table`, of a fixed size. */
export function writeTableImport(w: ByteWriter, size: number): void {
  writeImportName(w, "table");
  w.raw(Uint8Array.of(1, 0x70, 1));
  w.u32(size);
  w.u32(size);
}

export function writeFunctionExport(w: ByteWriter, name: string, index: number): void {
  w.name(name);
  w.byte(0);
  w.u32(index);
}
