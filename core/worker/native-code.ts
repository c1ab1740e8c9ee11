// Native code of WebAssembly modules, out of V8 and back into it. V8 keeps code that way for browsers, but Node has no call for it; what
// there is are V8's runtime functions for its own tests, which have done the same thing for years. They trust what they are given:
// bytes must be known to be whole (V8 itself compares its version, its flags and the processor's features), and only releases of V8
// in which this was tried are asked. Elsewhere nothing is kept.
import { setFlagsFromString } from "node:v8";

export interface NativeCode {
  /** Whether the optimising compiler has got to the exported function. */
  isOptimised(entry: () => unknown): boolean;
  /** Has it do so now. */
  optimise(entry: () => unknown): void;
  /** The optimised code of the module, of which `entry` is a function; others that are not optimised are left out. Null: it is not either. */
  serialize(module: WebAssembly.Module, entry: () => unknown): Uint8Array<ArrayBuffer> | null;
  /** The module of these bytes, with that code. Null: the code is not for this host. */
  deserialize(native: Uint8Array<ArrayBuffer>, wire: Uint8Array<ArrayBuffer>): WebAssembly.Module | null;
}

/** By the first two numbers of V8's version. */
const TRIED = ["13.6"];

export function nativeCode(): NativeCode | null {
  if (!TRIED.includes(process.versions.v8.split(".", 2).join("."))) return null;
  const functions = withSyntax(() => ({
    isOptimised: new Function("entry", "return %IsTurboFanFunction(entry)") as (entry: () => unknown) => boolean,
    optimise: new Function("entry", "%WasmTierUpFunction(entry)") as (entry: () => unknown) => void,
    serialize: new Function("module", "return %SerializeWasmModule(module)") as (module: WebAssembly.Module) => ArrayBuffer | undefined,
    deserialize: new Function("native", "wire", "return %DeserializeWasmModule(native, wire)") as (native: ArrayBuffer, wire: Uint8Array) => WebAssembly.Module | undefined,
  }));
  return (
    functions && {
      isOptimised: (entry) => withSyntax(() => functions.isOptimised(entry)) ?? false,
      optimise: (entry) => void withSyntax(() => functions.optimise(entry)),
      serialize: (module, entry) => {
        const native = withSyntax(() => {
          // V8 gives up, and the process with it, where it finds no function to serialize.
          return functions.isOptimised(entry) ? functions.serialize(module) : undefined;
        });
        return native ? new Uint8Array(native) : null;
      },
      deserialize: (native, wire) => withSyntax(() => functions.deserialize(exactly(native), wire)) ?? null,
    }
  );
}

/** With the syntax that names V8's runtime functions. Not left on: a function is compiled when it is called, and again when it was forgotten. */
function withSyntax<T>(use: () => T): T | null {
  setFlagsFromString("--allow-natives-syntax");
  try {
    return use();
  } catch {
    return null; // a host that does not know these functions
  } finally {
    setFlagsFromString("--no-allow-natives-syntax");
  }
}

function exactly(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const isWhole = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  return isWhole ? bytes.buffer : bytes.slice().buffer;
}
