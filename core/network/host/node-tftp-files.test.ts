import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TftpFile, TftpFileError } from "../services/tftp-files.ts";
import { NodeTftpFiles } from "./node-tftp-files.ts";

const open = (files: NodeTftpFiles, name: string): Promise<TftpFile | TftpFileError> => new Promise((resolve) => files.open(name, resolve));

test("serves regular files inside its folder and nothing else", async (t) => {
  const base = mkdtempSync(join(tmpdir(), "ringfence-tftp-"));
  t.after(() => rmSync(base, { recursive: true }));
  const folder = join(base, "boot");
  mkdirSync(join(folder, "amd64"), { recursive: true });
  writeFileSync(join(folder, "amd64", "linux"), "kernel");
  writeFileSync(join(base, "secret"), "secret");
  mkdirSync(join(base, "boot-other"));
  writeFileSync(join(base, "boot-other", "file"), "other");
  symlinkSync("amd64/linux", join(folder, "linux"));
  symlinkSync("../secret", join(folder, "out"));
  symlinkSync(base, join(folder, "above"));
  symlinkSync("loop", join(folder, "loop"));
  symlinkSync("/dev/zero", join(folder, "zero"));
  if (process.platform === "linux") execFileSync("mkfifo", [join(folder, "pipe")]);
  const files = new NodeTftpFiles(folder);
  for (const name of ["amd64/linux", "/amd64/linux", "amd64\\linux", "./amd64//linux", "linux"]) {
    const file = await open(files, name);
    assert.ok(typeof file !== "string", `${name}: ${String(file)}`);
    assert.equal(file.sizeBytes, 6);
    const into = new Uint8Array(10);
    assert.equal(await new Promise((resolve) => file.read(2, into, resolve)), 4);
    assert.equal(new TextDecoder().decode(into.subarray(0, 4)), "rnel");
    file.close();
  }
  const refusals: [string, TftpFileError][] = [
    ["nothing", "not-found"], ["", "not-found"], ["/", "not-found"], [".", "not-found"], ["amd64", "not-found"], ["amd64/linux/x", "not-found"],
    ["a\0b", "not-found"], ["x".repeat(600), "not-found"], ["../secret", "denied"], ["amd64/../../secret", "denied"], ["..\\secret", "denied"],
    ["c:/boot", "denied"], ["out", "denied"], ["above/secret", "denied"], ["../boot-other/file", "denied"], ["loop", "denied"], ["zero", "denied"],
  ];
  if (process.platform === "linux") refusals.push(["pipe", "denied"]);
  for (const [name, reason] of refusals) assert.equal(await open(files, name), reason, name);
  assert.equal(await open(new NodeTftpFiles(join(base, "absent")), "linux"), "not-found");
});

test("a file may be closed while it is read", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-tftp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "file"), new Uint8Array(100_000));
  const file = await open(new NodeTftpFiles(folder), "file");
  assert.ok(typeof file !== "string");
  file.read(0, new Uint8Array(100_000), () => assert.fail("called back after close()"));
  file.close();
  const again = await open(new NodeTftpFiles(folder), "file");
  assert.ok(typeof again !== "string");
  assert.equal(await new Promise((resolve) => again.read(99_990, new Uint8Array(100), resolve)), 10);
  again.close();
});
