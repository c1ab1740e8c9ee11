// The guest's programs natively, at a fraction of their work: they build without a warning, and both widths compute the same.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { busyboxFor } from "../fixtures/debian.ts";
import { buildGuestProgram } from "./guest-programs.ts";
import { TESTS } from "./suite.ts";

const AMOUNTS: Record<string, number> = { fib: 12, interp: 5000, chase: 1000, simd: 3, nbody_387: 50, nbody_sse: 50, mandel_387: 16, mandel_sse: 16, jitwide: 50, ctxsw: 5 };
/** Of this much work on any width: fib(12), and the primes below 2,000,000. */
const KNOWN: Record<string, bigint> = { fib: 144n, sieve: 148933n, syscall: 0n, clock: 0n, forkexec: 0n };

test("the programs compute the same in 32 and 64 bits", (t) => {
  const wide = buildGuestProgram("amd64");
  if ("missing" in wide) return t.skip(wide.missing);
  const narrow = buildGuestProgram("i386");
  t.after(() => {
    for (const built of [wide, narrow]) if ("program" in built) rmSync(dirname(built.program), { recursive: true });
  });
  const tests = TESTS.filter((name) => !name.startsWith("bb_"));
  const run = (program: string): Map<string, bigint> => {
    const words = tests.map((name) => `${name}=${AMOUNTS[name] ?? 1}`);
    const ended = spawnSync(program, words, { input: "\n".repeat(100), encoding: "utf8", env: { BUSYBOX: busyboxFor("amd64") ?? "/bin/true" } });
    assert.equal(ended.status, 0, ended.stderr);
    return new Map([...ended.stdout.matchAll(/@@RESULT (\S+) \S+ \S+ (\S+)/g)].map((m) => [m[1] ?? "", BigInt(`0x${m[2]}`)]));
  };
  const sums = run(wide.program);
  assert.deepEqual([...sums.keys()], tests);
  for (const [name, sum] of Object.entries(KNOWN)) assert.equal(sums.get(name), sum, name);
  if ("missing" in narrow) {
    t.diagnostic(`the 32-bit programs were left out: ${narrow.missing}`);
    return;
  }
  assert.deepEqual(run(narrow.program), sums);
});
