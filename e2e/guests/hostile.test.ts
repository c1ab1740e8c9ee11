// What cannot be started, and guests that crash, through the command line: the exit status, and a message that names the file or
// says what happened.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Session } from "../fixtures/cli.ts";
import { tinyKernel } from "../../core/testkit/machine-bench.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-hostile-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const demo = join(dirname(fileURLToPath(import.meta.url)), "../../assets/guests/demo/demo.elf");

function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
async function run(...args: string[]): Promise<{ status: number | null; output: string; errors: string }> {
  const session = new Session(["run", "--timeout", "60", ...args]);
  const status = await session.exit();
  return { status, output: session.output, errors: session.errors };
}
/** One message, no stack trace. */
function assertReadable(errors: string, ...parts: RegExp[]): void {
  assert.doesNotMatch(errors, /\n\s+at /, "a stack trace is no message");
  for (const part of parts) assert.match(errors, part);
}

test("a kernel that is no kernel", async () => {
  const result = await run("--kernel", file("letter.txt", "Dear reader,\n".repeat(1000)));
  assert.ok(result.status === 1 || result.status === 2, String(result.status));
  assertReadable(result.errors, /letter\.txt/, /kernel/i);
});

test("an empty kernel", async () => {
  const result = await run("--kernel", file("empty.bin", ""));
  assert.ok(result.status === 1 || result.status === 2, String(result.status));
  assertReadable(result.errors, /empty\.bin/);
});

test("a kernel cut short", async () => {
  const kernel = tinyKernel("fa ebfe");
  const result = await run("--kernel", file("short.bin", kernel.subarray(0, 20)));
  assert.ok(result.status === 1 || result.status === 2, String(result.status));
  assertReadable(result.errors, /short\.bin/);
});

test("an initrd larger than RAM", async () => {
  const result = await run("--kernel", demo, "--initrd", file("large.img", new Uint8Array(20 << 20)), "--memory", "16");
  assert.ok(result.status === 1 || result.status === 2, String(result.status));
  assertReadable(result.errors, /large\.img|initrd|module/i, /MiB|memory|RAM/);
});

for (const [what, args] of [
  ["kernel", ["--kernel", join(folder, "no-such-kernel")]],
  ["initrd", ["--kernel", demo, "--initrd", join(folder, "no-such-initrd")]],
] as const) {
  test(`a missing ${what}`, async () => {
    const result = await run(...args);
    assert.ok(result.status === 1 || result.status === 2, String(result.status));
    assertReadable(result.errors, new RegExp(`no-such-${what}`));
  });
}

test("a folder given as a kernel", async () => {
  const result = await run("--kernel", folder);
  assert.ok(result.status === 1 || result.status === 2, String(result.status));
  assertReadable(result.errors, /ringfence-hostile-/);
});

test("a triple fault: the reason and the registers on standard error", async () => {
  const result = await run("--kernel", file("crash.bin", tinyKernel("b878563412 0f0b")));
  assert.notEqual(result.status, 0);
  assertReadable(result.errors, /triple fault/i, /12345678/);
});

test("a loop with interrupts off ends at the time limit", async () => {
  const session = new Session(["run", "--kernel", file("loop.bin", tinyKernel("fa ebfe")), "--timeout", "1"]);
  assert.notEqual(await session.exit(), 0);
  assertReadable(session.errors, /1 s|time|seconds/i);
});

test("the debug-exit port gives its status", async () => {
  // mov al, 3; out F4h, al
  const result = await run("--kernel", file("exit.bin", tinyKernel("b003 e6f4 ebfe")), "--debug-exit", "0xf4");
  assert.equal(result.status, 7, result.errors);
});
