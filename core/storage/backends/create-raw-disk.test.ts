import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createRawDisk } from "./create-raw-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-create-"));
after(() => rmSync(folder, { recursive: true }));
const left = () => readdirSync(folder).filter((name) => name.endsWith(".tmp"));

test("a new disk has its size, takes no room and leaves nothing beside it", async () => {
  const path = join(folder, "a.img");
  const disk = await createRawDisk(path, 2 ** 31 - 100);
  assert.equal(disk.sizeBytes, 2 ** 31);
  const info = statSync(path);
  assert.equal(info.size, 2 ** 31);
  assert.ok(info.blocks <= 8, `${info.blocks} blocks`);
  assert.deepEqual(left(), []);
});

test("a file, folder or dangling link that is there is left as it is", async () => {
  const path = join(folder, "b.img");
  writeFileSync(path, "precious");
  const dangling = join(folder, "c.img");
  symlinkSync(join(folder, "nowhere"), dangling);
  for (const name of [path, folder, dangling]) await assert.rejects(createRawDisk(name, 2 ** 20), { code: "badRequest", message: new RegExp(`already.*${name}$`) });
  assert.equal(readFileSync(path, "utf8"), "precious");
  assert.deepEqual(left(), []);
});

test("two at once make one disk", async () => {
  const path = join(folder, "d.img");
  const results = await Promise.allSettled([createRawDisk(path, 2 ** 20), createRawDisk(path, 2 ** 21)]);
  assert.deepEqual(results.map((r) => r.status).sort(), ["fulfilled", "rejected"]);
  assert.deepEqual(left(), []);
});

test("sizes that are none and folders that are missing are refused", async () => {
  for (const size of [0, -1, NaN, Infinity, 1000, 2 ** 41 + 512]) await assert.rejects(createRawDisk(join(folder, "e.img"), size), { code: "badRequest" });
  await assert.rejects(createRawDisk(join(folder, "none", "e.img"), 2 ** 20), { code: "fileMissing" });
});

test("a disk larger than the room on the host is made, with a warning", async () => {
  const disk = await createRawDisk(join(folder, "f.img"), 2 ** 41);
  assert.equal(disk.isLargerThanFree, true);
  assert.ok(disk.freeBytes !== null && disk.freeBytes < 2 ** 41);
});
