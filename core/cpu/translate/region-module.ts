// One WebAssembly module of translated regions: shared memory and table, the runtime functions that the regions call, an
// immutable global with the place of their data, one exported function a region. Imports are named as they are first used, so
// that a module carries only what it needs.
import { ByteWriter } from "../wasm/byte-writer.ts";
import {
  type MemoryPages, ModuleWriter, type Signature, SignatureTable, writeFunctionExport, writeFunctionImport, writeImportName, writeMemoryImport, writeTableImport,
} from "../wasm/module-format.ts";
import { type Callee, I32, local, type Node, NodeKind, type Type } from "../wasm/nodes.ts";
import type { CodeBuffer } from "./code-buffer.ts";

export interface FinishedBody {
  locals: readonly Type[];
  code: CodeBuffer;
}

/** Export names of region functions are these and the function's number. */
export const REGION_EXPORT = "r";

export class RegionModule {
  private readonly signatures = new SignatureTable();
  private readonly imports: { name: string; type: number; callee: Callee }[] = [];
  private readonly bodies: FinishedBody[] = [];
  private readonly runtime: ReadonlyMap<string, Signature>;
  private readonly handlerType: number;

  constructor(runtime: ReadonlyMap<string, Signature>) {
    this.runtime = runtime;
    this.handlerType = this.typeIndex([I32, I32], [I32]);
  }

  typeIndex(params: readonly Type[], results: readonly Type[]): number {
    return this.signatures.indexOf(params, results);
  }

  /** The runtime function of that name, imported when first asked for; undefined if there is none. */
  callee(name: string): Callee | undefined {
    const known = this.imports.find((i) => i.name === name);
    if (known) return known.callee;
    const signature = this.runtime.get(name);
    if (!signature) return undefined;
    const callee = { index: this.imports.length, params: signature.params, results: signature.results };
    this.imports.push({ name, type: this.typeIndex(signature.params, signature.results), callee });
    return callee;
  }

  /** Where the regions' own data lie: a global, as the module may be used in several machines. */
  dataBase(): Node {
    return { ...local(0, I32), kind: NodeKind.global };
  }

  addRegion(body: FinishedBody): number {
    return this.bodies.push(body) - 1;
  }

  get importNames(): string[] {
    return this.imports.map((i) => i.name);
  }

  build(memoryPages: MemoryPages, tableSize: number): Uint8Array<ArrayBuffer> {
    const module = new ModuleWriter();
    module.section(1, this.signatures.write);
    module.section(2, (w) => {
      w.u32(this.imports.length + 3);
      for (const { name, type } of this.imports) writeFunctionImport(w, name, type);
      writeMemoryImport(w, memoryPages);
      writeTableImport(w, tableSize);
      writeImportName(w, "data");
      w.raw(Uint8Array.of(3, I32, 0));
    });
    module.section(3, (w) => {
      w.u32(this.bodies.length);
      for (const _ of this.bodies) w.u32(this.handlerType);
    });
    module.section(7, (w) => {
      w.u32(this.bodies.length);
      for (const n of this.bodies.keys()) writeFunctionExport(w, REGION_EXPORT + n, this.imports.length + n);
    });
    const finished = this.bodies.map(finish);
    // Branch hints come before the code section: WebAssembly branch hinting proposal.
    module.section(0, (w) => {
      w.name("metadata.code.branch_hint");
      w.u32(finished.length);
      finished.forEach(({ unlikely }, n) => {
        w.u32(this.imports.length + n);
        w.u32(unlikely.length);
        for (const at of unlikely) {
          w.u32(at);
          w.raw(Uint8Array.of(1, 0));
        }
      });
    });
    module.section(10, (w) => {
      w.u32(finished.length);
      for (const { bytes } of finished) w.vector(bytes);
    });
    return module.take();
  }
}

/** The body as the code section wants it, and its hints counted from its first byte. */
function finish(body: FinishedBody): { bytes: ByteWriter; unlikely: number[] } {
  const bytes = new ByteWriter();
  const runs: { type: Type; count: number }[] = [];
  for (const type of body.locals) {
    const last = runs[runs.length - 1];
    if (last && last.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  bytes.u32(runs.length);
  for (const run of runs) {
    bytes.u32(run.count);
    bytes.byte(run.type);
  }
  const start = bytes.length;
  bytes.raw(body.code.bytes.subarray(0, body.code.length));
  bytes.byte(0x0b);
  return { bytes, unlikely: body.code.unlikely.map((at) => at + start) };
}
