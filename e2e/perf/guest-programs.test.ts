// The guest's programs natively, at a fraction of their work: both widths compute the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Architecture, busyboxFor } from "../fixtures/debian.ts";
import { buildGuestProgram } from "./guest-programs.ts";
import { TESTS } from "./suite.ts";

const AMOUNTS: Record<string, number> = { fib: 12, interp: 5000, chase: 1000, simd: 3, nbody_387: 50, nbody_sse: 50, mandel_387: 16, mandel_sse: 16, jitwide: 50, ctxsw: 5 };
/** Of this much work on any width: fib(12), and the primes below 2,000,000. */
const KNOWN: Record<string, bigint> = { fib: 144n, sieve: 148933n, syscall: 0n, clock: 0n, forkexec: 0n };

const tests = TESTS.filter((name) => !name.startsWith("bb_"));

function build(t: TestContext, architecture: Architecture): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-program-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const built = buildGuestProgram(architecture, folder);
  if ("missing" in built) {
    t.skip(built.missing);
    return undefined;
  }
  return built.program;
}
function checksums(program: string): Map<string, bigint> {
  const words = tests.map((name) => `${name}=${AMOUNTS[name] ?? 1}`);
  const ended = spawnSync(program, words, { input: "\n".repeat(100), encoding: "utf8", env: { BUSYBOX: busyboxFor("amd64") ?? "/bin/true" } });
  assert.equal(ended.status, 0, ended.stderr);
  return new Map([...ended.stdout.matchAll(/@@RESULT (\S+) \S+ \S+ (\S+)/g)].map((m) => [m[1] ?? "", BigInt(`0x${m[2]}`)]));
}

test("the program has every test, and known results come out", (t) => {
  const program = build(t, "amd64");
  if (program === undefined) return;
  const sums = checksums(program);
  assert.deepEqual([...sums.keys()], tests);
  for (const [name, sum] of Object.entries(KNOWN)) assert.equal(sums.get(name), sum, name);
});

test("the programs compute the same in 32 and 64 bits", (t) => {
  const narrow = build(t, "i386");
  const wide = narrow === undefined ? undefined : build(t, "amd64");
  if (narrow !== undefined && wide !== undefined) assert.deepEqual(checksums(narrow), checksums(wide));
});
