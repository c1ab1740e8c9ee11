// The guest's network built for the host with gcc's sanitizers, and fuzzed (harness.c). DEMO_FUZZ_SEEDS=N runs N seeds instead of two.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const demo = join(import.meta.dirname, "..");
const rounds = 100_000;
const seeds = Number(process.env["DEMO_FUZZ_SEEDS"] ?? 2);
const scratch = mkdtempSync(join(tmpdir(), "demo-fuzz-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Instructions of ring 0 become nothing: to the assembler a macro comes before an instruction. */
const RING_0 = ["cli", "sti", "hlt"].map((name) => `__asm__(".macro ${name}\\n.endm");`).join("\n");
const SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize=alignment", "-fno-sanitize-recover=undefined"];

function build(): string | false {
  const program = join(scratch, "fuzz");
  writeFileSync(join(scratch, "ring0.h"), RING_0);
  writeFileSync(join(scratch, "empty.c"), "int main(void) { return 0; }");
  if (spawnSync("gcc", [...SANITIZE, "-o", program, join(scratch, "empty.c")]).status !== 0) return false;
  const net = readdirSync(join(demo, "kernel/net")).filter((name) => name.endsWith(".c") && name !== "virtio-net.c");
  const files = ["fuzz/harness.c", "lib/format.c", "lib/text.c", ...net.map((name) => `kernel/net/${name}`)];
  const flags = ["-std=gnu11", "-g", "-O1", "-fno-builtin", "-fno-toplevel-reorder", "-include", join(scratch, "ring0.h")];
  execFileSync("gcc", [...flags, ...SANITIZE, "-o", program, ...files], { cwd: demo, stdio: "pipe" });
  return program;
}

const program = build();

test("a hostile peer finds no fault that the sanitizers see", { skip: program ? false : "gcc with its sanitizers is not installed" }, () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const env = { ...process.env, ASAN_OPTIONS: "detect_leaks=0" };
    const run = spawnSync(program as string, [String(seed), String(rounds)], { encoding: "utf8", env });
    assert.equal(run.status, 0, `seed ${seed}: ${run.stderr.slice(0, 4000)}`);
    const [, bound, requests, malformed] = /rounds, (\d+) of them with an address, (\d+) requests, (\d+) malformed/.exec(run.stdout) ?? [];
    assert.ok(Number(bound) > rounds / 2 && Number(requests) > 100 && Number(malformed) > 1000, `seed ${seed} went deep enough: ${run.stdout}`);
  }
});
