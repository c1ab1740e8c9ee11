// Builds the benchmark's static program for a guest's architecture with the host's gcc.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Architecture } from "../fixtures/debian.ts";

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
  const width = architecture === "amd64" ? "-m64" : "-m32";
  const gcc = (args: readonly string[]): { missing: string } | undefined => {
    const run = spawnSync("gcc", args, { cwd: SOURCES, encoding: "utf8" });
    if (run.error) return { missing: "no C compiler is here: apt-get install gcc libc6-dev" };
    if (run.status === 0) return undefined;
    if (architecture === "amd64" && /std(io|int|lib)\.h: No such file|cannot find -lc/.test(run.stderr)) return { missing: "gcc has no C library: apt-get install libc6-dev" };
    // Without the 32-bit C library the headers or the linker's files are not found.
    const no32 = architecture === "i386" && /gnu\/stubs-32\.h|bits\/libc-header-start\.h|cannot find -l|skipping incompatible|cannot find .*crt1\.o/.test(run.stderr);
    return { missing: no32 ? "gcc cannot build 32-bit programs: apt-get install gcc-multilib" : `gcc failed: ${run.stderr.slice(0, 2000)}` };
  };
  const objects: string[] = [];
  for (const [n, [source, ...flags]] of OBJECTS.entries()) {
    const object = join(folder, `${n}.o`);
    const failed = gcc(["-std=gnu11", "-O2", "-Wall", "-Wextra", width, "-fno-pie", "-fno-tree-loop-distribute-patterns", ...flags, "-c", source, "-o", object]);
    if (failed) return failed;
    objects.push(object);
  }
  const program = join(folder, "program");
  return gcc([width, "-static", "-no-pie", "-s", ...objects, "-o", program, "-lm"]) ?? { program };
}
