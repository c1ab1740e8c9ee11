// What tests need of WebAssembly. `core/base/host-globals.d.ts` says it to the engine's own sources; a referenced project does not
// hand its global declarations on.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
    private readonly brand: undefined;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  }
}
