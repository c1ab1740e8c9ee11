// Builds one WebAssembly module: imported functions and shared memory, functions, one table, exports.
import { FunctionBuilder } from "./function-builder.ts";
import { type MemoryPages, ModuleWriter, SignatureTable, writeFunctionExport, writeFunctionImport, writeMemoryImport, writeTableImport } from "./module-format.ts";
import type { Callee, Type } from "./nodes.ts";

export class ModuleBuilder {
  private readonly signatures = new SignatureTable();
  private readonly imports: { name: string; type: number }[] = [];
  private readonly functions: { type: number; body: FunctionBuilder | null; callee: Callee }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly tableSlots: number[] = [];
  private readonly memoryPages: MemoryPages;

  private readonly sharedTableSize: number | undefined;

  /** Pages of 64 KiB of the imported shared memory `env.memory`. `sharedTableSize`: the table is `env.table`, of that fixed size;
   *  without it the module has one of its own. */
  constructor(memoryPages: MemoryPages, sharedTableSize?: number) {
    this.memoryPages = memoryPages;
    this.sharedTableSize = sharedTableSize;
  }

  typeIndex(params: readonly Type[], results: readonly Type[]): number {
    return this.signatures.indexOf(params, results);
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
    const signature = this.signatures.at(entry.type);
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
    const module = new ModuleWriter();
    const { sharedTableSize } = this;
    module.section(1, this.signatures.write);
    module.section(2, (w) => {
      w.u32(this.imports.length + (sharedTableSize === undefined ? 1 : 2));
      for (const { name, type } of this.imports) writeFunctionImport(w, name, type);
      writeMemoryImport(w, this.memoryPages);
      if (sharedTableSize !== undefined) writeTableImport(w, sharedTableSize);
    });
    module.section(3, (w) => {
      w.u32(this.functions.length);
      for (const f of this.functions) w.u32(f.type);
    });
    if (sharedTableSize === undefined) {
      module.section(4, (w) => {
        w.raw(Uint8Array.of(1, 0x70, 0));
        w.u32(this.tableSlots.length);
      });
    }
    module.section(7, (w) => {
      w.u32(this.exports.length);
      for (const { name, index } of this.exports) writeFunctionExport(w, name, index);
    });
    module.section(9, (w) => {
      w.raw(Uint8Array.of(1, 0, 0x41, 0, 0x0b));
      w.u32(this.tableSlots.length);
      for (const f of this.tableSlots) w.u32(f);
    });
    module.section(10, (w) => {
      w.u32(this.functions.length);
      for (const f of this.functions) {
        if (!f.body) throw new Error(`Function ${f.callee.index} has no body`);
        w.vector(f.body.finish());
      }
    });
    return module.take();
  }
}
