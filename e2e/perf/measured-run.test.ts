// The benchmark's dialogue with a guest, played by a shell script in the engine's place.
import assert from "node:assert/strict";
import { test } from "node:test";
import { measuredRun, type RunResult } from "./measured-run.ts";

const skip = process.platform === "linux" ? false : "CPU times are read from Linux's /proc";
/** Each test prints whether the answers came, as its checksum. */
const GUEST = `
measure() { echo "noise @@START $1"; read a || exit 9; echo "@@STOP $1"; read b || exit 9; echo "@@RESULT $1 0.5 0.25 sum-$1"; }
echo "@@BOOTED"; read go
`;
function run(script: string, tests: string[], more: { native?: boolean; testSeconds?: number } = {}): Promise<RunResult> {
  return measuredRun({ command: ["sh", "-c", script], tests, bootSeconds: 60, testSeconds: 60, ...more });
}

test("a run in which all goes well gives a sample a test", { skip }, async () => {
  const result = await run(`${GUEST} measure one; measure two; echo @@DONE; exec sleep 1000`, ["one", "two"]);
  assert.deepEqual(result.failures, []);
  assert.deepEqual([...result.samples.keys()], ["one", "two"]);
  assert.equal(result.samples.get("two")?.checksum, "sum-two");
  assert.equal(result.samples.get("two")?.guestSeconds, 0.5);
  assert.ok(result.boot);
  assert.ok(result.peakMiB > 0);
});

test("a native run takes the program's own clocks", { skip }, async () => {
  const result = await run(`${GUEST} measure one; echo @@DONE`, ["one"], { native: true });
  assert.deepEqual(result.samples.get("one"), { cpuSeconds: 0.25, otherThreads: 0, wallSeconds: 0.5, guestSeconds: 0.5, checksum: "sum-one" });
});

test("a test that ends with an error is named, and the others still run", { skip }, async () => {
  const result = await run(`${GUEST} echo "@@START one"; read a; echo "@@FAILED one 3"; measure two; echo @@DONE`, ["one", "two"]);
  assert.deepEqual(result.failures, [{ test: "one", why: "its status was 3" }]);
  assert.deepEqual([...result.samples.keys()], ["two"]);
});

test("a test that hangs ends the run at its time limit and leaves the rest", { skip }, async () => {
  const result = await run(`${GUEST} measure one; echo "@@START two"; exec sleep 1000`, ["one", "two", "three", "four"], { testSeconds: 1 });
  assert.deepEqual([...result.samples.keys()], ["one"]);
  assert.equal(result.failures[0]?.test, "two");
  assert.match(result.failures[0]?.why ?? "", /no marker within 1 s.*START two/);
  assert.deepEqual(result.left, ["three", "four"]);
});

test("an engine that dies is reported with the test that was under way", { skip }, async () => {
  const result = await run(`${GUEST} measure one; echo Oops >&2; sleep 0.2; exit 7`, ["one", "two", "three"]);
  assert.equal(result.failures[0]?.test, "two");
  assert.match(result.failures[0]?.why ?? "", /ended with 7/);
  assert.deepEqual(result.left, ["three"]);
});

test("an engine that never boots, or is not there, leaves everything", { skip }, async () => {
  const dead = await run("exit 1", ["one"]);
  assert.equal(dead.failures[0]?.test, "boot");
  assert.deepEqual(dead.left, ["one"]);
  const absent = await measuredRun({ command: ["/no/such/engine"], tests: ["one"], bootSeconds: 60, testSeconds: 60 });
  assert.equal(absent.failures[0]?.test, "boot");
  assert.match(absent.failures[0]?.why ?? "", /ENOENT/);
});

test("a soak passes through the suite until its time is over", { skip }, async () => {
  const passes: number[] = [];
  const result = await measuredRun({
    command: ["sh", "-c", `${GUEST} while :; do measure one; echo @@PASS; read go; done`],
    tests: ["one"],
    bootSeconds: 60,
    testSeconds: 60,
    soakSeconds: 0.3,
    onPass: (pass) => passes.push(pass.residentMiB),
  });
  assert.deepEqual(result.failures, []);
  assert.equal(passes.length, result.passes.length);
  assert.ok(passes.every((mib) => mib > 0));
  assert.ok((result.passes.at(-1)?.minutes ?? 0) >= 0.3 / 60);
});

test("an idle prompt is watched, then typed at", { skip }, async () => {
  const guest = 'echo "@@BOOTED"; read go; echo "@@IDLE"; read line; eval "$line"; sleep 1000';
  const result = await measuredRun({ command: ["sh", "-c", guest], tests: [], bootSeconds: 60, testSeconds: 60, idle: { settle: 0, window: 0.05, windows: 3 } });
  assert.deepEqual(result.failures, []);
  assert.equal(result.idle?.percent.length, 3);
  assert.ok(result.idle?.echoMs !== undefined);
});
