// CPU times, memory and states of real processes.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { ProcessClock } from "./process-clock.ts";

const skip = process.platform === "linux" ? false : "CPU times are read from Linux's /proc";

function start(t: TestContext, script: string): ChildProcess & { pid: number } {
  const child = spawn("sh", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => new ProcessClock(child.pid).kill());
  assert.ok(child.pid);
  return child as ChildProcess & { pid: number };
}
async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a thread that computes is busy, and its time adds up, also when it has ended", { skip }, async (t) => {
  const child = start(t, "sh -c 'while :; do :; done' & echo $!; read end; kill $!; wait; echo ended; read end");
  const [first] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const pid = Number(first.toString());
  const clock = new ProcessClock(child.pid);
  const worker = (): number => new Map(clock.threads()).get(`${pid}/${pid}`) ?? 0;
  await until(() => worker() > 0.05);
  assert.ok(clock.tree().includes(pid));
  assert.ok(clock.isBusy(""));
  await until(() => !clock.isBusy(`${pid}/${pid}`));
  assert.ok(clock.peakMiB() >= clock.residentMiB() * 0.5 && clock.residentMiB() > 0);
  child.stdin?.write("\n");
  await once(child.stdout as NodeJS.ReadableStream, "data");
  assert.ok(!clock.tree().includes(pid));
  assert.ok(worker() > 0.05 && clock.cpuSeconds() >= worker());
});

test("killing takes descendants too", { skip }, async (t) => {
  const child = start(t, "sleep 1000 & echo $!; wait");
  const [first] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  new ProcessClock(child.pid).kill();
  await once(child, "exit");
  // An ended process that nobody has waited for yet has an empty command line.
  const commandLine = `/proc/${Number(first.toString())}/cmdline`;
  await until(() => !existsSync(commandLine) || readFileSync(commandLine, "utf8") === "");
});

test("without a process there is nothing, and nothing is killed", () => {
  const clock = new ProcessClock(undefined);
  clock.kill();
  assert.equal(clock.cpuSeconds() + clock.peakMiB() + clock.residentMiB(), 0);
  assert.equal(clock.isBusy(""), false);
});
