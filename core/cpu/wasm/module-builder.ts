// Builds one WebAssembly module: imported functions and shared memory, functions, one table, exports.
import { ByteWriter } from "./byte-writer.ts";
import { FunctionBuilder } from "./function-builder.ts";
import type { Callee, Type } from "./nodes.ts";

interface Signature {
  params: readonly Type[];
  results: readonly Type[];
}

export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly typeKeys = new Map<string, number>();
  private readonly imports: { name: string; type: number }[] = [];
  private readonly functions: { type: number; body: FunctionBuilder | null; callee: Callee }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly tableSlots: number[] = [];
  private readonly memoryPages: { initial: number; maximum: number };

  private readonly sharedTableSize: number | undefined;

  /** Pages of 64 KiB of the imported shared memory `env.memory`. `sharedTableSize`: the table is `env.table`, of that fixed size;
   *  without it the module has one of its own. */
  constructor(memoryPages: { initial: number; maximum: number }, sharedTableSize?: number) {
    this.memoryPages = memoryPages;
    this.sharedTableSize = sharedTableSize;
  }

  typeIndex(params: readonly Type[], results: readonly Type[]): number {
    const key = `${params.join()}>${results.join()}`;
    let index = this.typeKeys.get(key);
    if (index === undefined) {
      index = this.types.push({ params, results }) - 1;
      this.typeKeys.set(key, index);
    }
    return index;
  }

  /** An imported function `env.name`. All imports come before the first declared function. */
  import(name: string, params: readonly Type[], results: readonly Type[]): Callee {
    if (this.functions.length > 0) throw new Error(`Import ${name} after a function was declared`);
    this.imports.push({ name, type: this.typeIndex(params, results) });
    return { index: this.imports.length - 1, params, results };
  }

  /** Declares a function, so that others can call it before its body is written by define(). */
  declare(params: readonly Type[], results: readonly Type[]): Callee {
    const callee = { index: this.imports.length + this.functions.length, params, results };
    this.functions.push({ type: this.typeIndex(params, results), body: null, callee });
    return callee;
  }

  define(callee: Callee, write: (f: FunctionBuilder) => void): void {
    const entry = this.functions[callee.index - this.imports.length];
    if (!entry || entry.body) throw new Error("Function defined twice or never declared");
    const signature = this.types[entry.type];
    if (!signature) throw new Error("Unknown signature");
    entry.body = new FunctionBuilder(this, signature.params, signature.results);
    write(entry.body);
  }

  func(params: readonly Type[], results: readonly Type[], write: (f: FunctionBuilder) => void): Callee {
    const callee = this.declare(params, results);
    this.define(callee, write);
    return callee;
  }

  export(name: string, callee: Callee): void {
    this.exports.push({ name, index: callee.index });
  }

  /** Puts a function into the table; gives its slot. */
  tableSlot(callee: Callee): number {
    return this.tableSlots.push(callee.index) - 1;
  }

  /** Slots given out so far. */
  get slotCount(): number {
    return this.tableSlots.length;
  }

  build(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    out.raw(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    const section = (id: number, write: (w: ByteWriter) => void) => {
      const w = new ByteWriter();
      write(w);
      out.byte(id);
      out.vector(w);
    };
    section(1, (w) => {
      w.u32(this.types.length);
      for (const t of this.types) {
        w.byte(0x60);
        w.u32(t.params.length);
        for (const p of t.params) w.byte(p);
        w.u32(t.results.length);
        for (const r of t.results) w.byte(r);
      }
    });
    section(2, (w) => {
      w.u32(this.imports.length + (this.sharedTableSize === undefined ? 1 : 2));
      for (const i of this.imports) {
        w.name("env");
        w.name(i.name);
        w.byte(0);
        w.u32(i.type);
      }
      w.name("env");
      w.name("memory");
      w.raw(Uint8Array.of(2, 3));
      w.u32(this.memoryPages.initial);
      w.u32(this.memoryPages.maximum);
      if (this.sharedTableSize === undefined) return;
      w.name("env");
      w.name("table");
      w.raw(Uint8Array.of(1, 0x70, 1));
      w.u32(this.sharedTableSize);
      w.u32(this.sharedTableSize);
    });
    section(3, (w) => {
      w.u32(this.functions.length);
      for (const f of this.functions) w.u32(f.type);
    });
    if (this.sharedTableSize === undefined) {
      section(4, (w) => {
        w.raw(Uint8Array.of(1, 0x70, 0));
        w.u32(this.tableSlots.length);
      });
    }
    section(7, (w) => {
      w.u32(this.exports.length);
      for (const e of this.exports) {
        w.name(e.name);
        w.byte(0);
        w.u32(e.index);
      }
    });
    section(9, (w) => {
      w.raw(Uint8Array.of(1, 0, 0x41, 0, 0x0b));
      w.u32(this.tableSlots.length);
      for (const f of this.tableSlots) w.u32(f);
    });
    section(10, (w) => {
      w.u32(this.functions.length);
      for (const f of this.functions) {
        if (!f.body) throw new Error(`Function ${f.callee.index} has no body`);
        w.vector(f.body.finish());
      }
    });
    return out.take();
  }
}
