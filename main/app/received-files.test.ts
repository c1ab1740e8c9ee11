import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { receiveFile, removeUnfinished } from "./received-files.ts";

function folderFor(t: { after(work: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-received-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "media");
}

const bytes = (text: string) => Readable.from([Buffer.from(text)]);

test("a file arrives whole, and a second of the same name beside it", async (t) => {
  const folder = folderFor(t);
  assert.equal(await receiveFile(folder, "a.iso", bytes("one"), 3), join(folder, "a.iso"));
  assert.equal(await receiveFile(folder, "a.iso", bytes("two"), null), join(folder, "a-2.iso"));
  assert.deepEqual(["a.iso", "a-2.iso"].map((name) => readFileSync(join(folder, name), "utf8")), ["one", "two"]);
});

test("no name leads out of the folder or hides the file", async (t) => {
  const folder = folderFor(t);
  const names = ["../../x.iso", "..", ".hidden", "C:\\a\\b.img", "", "a\u0000b\nc.iso", "설치 CD.iso", "x".repeat(500)];
  for (const name of names) {
    const path = await receiveFile(folder, name, bytes("x"), 1);
    assert.equal(join(folder, basename(path)), path, name);
    assert.ok(!basename(path).startsWith("."), name);
  }
  assert.equal(readdirSync(folder).length, names.length);
  assert.ok(readdirSync(folder).includes("설치 CD.iso"));
});

test("a file that breaks off, or is shorter than announced, leaves nothing", async (t) => {
  const folder = folderFor(t);
  const broken = new Readable({ read() {} });
  broken.push("half");
  setImmediate(() => broken.destroy(new Error("hung up")));
  await assert.rejects(receiveFile(folder, "a.iso", broken, 100), { code: "ioFailed" });
  await assert.rejects(receiveFile(folder, "a.iso", bytes("short"), 100), { code: "ioFailed", message: /5 of 100/ });
  assert.deepEqual(readdirSync(folder), []);
});

test("what an app that ended has left is removed, and nothing else", async (t) => {
  const folder = folderFor(t);
  await receiveFile(folder, "a.iso", bytes("x"), 1);
  writeFileSync(join(folder, ".0123456789ab.upload"), "half");
  writeFileSync(join(folder, ".mine"), "");
  await removeUnfinished(folder);
  assert.deepEqual(readdirSync(folder).sort(), [".mine", "a.iso"]);
  await removeUnfinished(join(folder, "none"));
});
