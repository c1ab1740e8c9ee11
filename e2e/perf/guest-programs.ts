// Builds the benchmark's static program for a guest's architecture with the host's gcc.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Architecture } from "../fixtures/debian.ts";
import { compileForGuest } from "../fixtures/guest-compiler.ts";

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), "guest-programs");
/** Objects: source, and flags of its own. Loops stay loops, and floating point is on the unit that the test is named for. */
const OBJECTS: readonly (readonly [source: string, ...flags: string[]])[] = [
  ["main.c"], ["integer.c"], ["memory.c"], ["system.c"], ["code.c"],
  ["packed.c", "-msse2"],
  ["float.c", "-DUNIT=387", "-mfpmath=387", "-fno-math-errno"],
  ["float.c", "-DUNIT=sse", "-msse2", "-mfpmath=sse", "-fno-math-errno"],
];

/** The program's path, in `folder`, or why it cannot be built here. */
export function buildGuestProgram(architecture: Architecture, folder: string): { program: string } | { missing: string } {
  const gcc = (args: readonly string[]) => compileForGuest(architecture, SOURCES, args);
  const objects: string[] = [];
  for (const [n, [source, ...flags]] of OBJECTS.entries()) {
    const object = join(folder, `${n}.o`);
    const failed = gcc(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-fno-pie", "-fno-tree-loop-distribute-patterns", ...flags, "-c", source, "-o", object]);
    if (failed) return failed;
    objects.push(object);
  }
  const program = join(folder, "program");
  return gcc(["-static", "-no-pie", "-s", ...objects, "-o", program, "-lm"]) ?? { program };
}
