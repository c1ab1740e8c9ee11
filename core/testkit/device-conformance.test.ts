// The suite must be able to fail: a device with each fault, in a process of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

function failures(fault: string): string[] {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else the inner run would report to the outer one
  const args = ["--test-reporter=tap", new URL("./faulty-device.fixture.ts", import.meta.url).pathname];
  const { stdout } = spawnSync(process.execPath, args, { env: { ...env, FAULT: fault }, encoding: "utf8" });
  assert.match(stdout, /# tests 9\n/);
  return [...stdout.matchAll(/^ {4}not ok \d+ - (.*)$/gm)].map((match) => match[1] ?? "");
}

const EXPECTED: Record<string, RegExp | null> = {
  none: null,
  idle: /load brings back an earlier state/,
  keeps: /a power-on reset gives the state of a fresh device/,
  aliased: /load brings back an earlier state/,
  lenient: /every broken field of saved state is refused/,
  silent: /load brings back an earlier state/,
  hidden: /a device loaded from another's state answers as the other does/,
  throws: /every register at every size and offset/,
  wide: /every register at every size and offset/,
};

for (const [fault, expected] of Object.entries(EXPECTED)) {
  test(`a device with the fault "${fault}" ${expected ? "fails" : "passes"}`, () => {
    const failed = failures(fault);
    if (expected) assert.match(failed.join("\n"), expected);
    else assert.deepEqual(failed, []);
  });
}
