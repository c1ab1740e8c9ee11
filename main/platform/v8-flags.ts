// Engine flags of V8 that suit generated code in short modules. They count for the whole process and all its threads, so they are
// set once, at the start of an entry point, before the first WebAssembly module is made.
import { setFlagsFromString } from "node:v8";

/** Hot functions reach the optimising compiler sooner than V8's default (13,000,000), which is meant for large pages. */
const FLAGS = ["--wasm-tiering-budget=1000000"];

export function setEngineFlags(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
