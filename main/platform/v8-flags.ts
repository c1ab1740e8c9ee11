// Engine flags of V8 that suit generated code in short modules, and a machine's thread, which makes much that is soon garbage. They count for the whole process and all its threads, so they are
// set once, at the start of an entry point, before the first WebAssembly module is made.
import { setFlagsFromString } from "node:v8";

const FLAGS = [
  // Only hot code is translated, so that it may reach the optimising compiler much sooner than V8's default (13,000,000) has it.
  "--wasm-tiering-budget=300000",
  // Translated code marks its slow paths as unlikely; off by default before V8 14.
  "--experimental-wasm-branch-hinting",
  // What lives is some 15 MiB a thread. V8 looks for garbage for the first time at 100 and more: 70 MiB of a first boot's memory, for a
  // thirtieth of its time.
  "--initial-old-space-size=16",
  "--heap-growing-percent=30",
  "--max-semi-space-size=4",
];

export function setEngineFlags(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
