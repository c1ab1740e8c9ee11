import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ImageFile } from "./image-file.ts";
import { lockImage, writerOf } from "./image-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-image-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
function file(sizeBytes: number): string {
  const path = join(folder, `${count++}.img`);
  writeFileSync(path, "");
  truncateSync(path, sizeBytes);
  return path;
}
const identity = (path: string) => statSync(path, { bigint: true });

test("the io thread refuses what leaves the file, whoever asks, and the file does not grow", async () => {
  const path = file(4096);
  const image = await ImageFile.open(path, true, "test");
  const bytes = new Uint8Array(512);
  for (const offset of [-1, 0.5, NaN, Infinity, 3585, 4096, 2 ** 53]) {
    assert.equal(image.read(offset, bytes), "outOfRange", String(offset));
    assert.equal(image.write(offset, bytes.fill(1)), "outOfRange", String(offset));
    assert.equal(image.discard(offset, 512), "outOfRange", String(offset));
  }
  assert.equal(image.discard(0, -1), "outOfRange");
  assert.equal(image.write(3584, bytes), null);
  await image.close();
  assert.deepEqual([statSync(path).size, readFileSync(path)[4095]], [4096, 1]);
});

test("a medium opened for reading is not written", async () => {
  const image = await ImageFile.open(file(512), false, "test");
  assert.deepEqual([image.write(0, new Uint8Array(1)), image.discard(0, 1), await image.flush()], ["readOnly", "readOnly", null]);
  await image.close();
});

test("flushes that overlap all end, also when the later one finds nothing to do", async () => {
  const image = await ImageFile.open(file(1 << 20), true, "test");
  image.write(0, new Uint8Array(65536).fill(1));
  assert.deepEqual(await Promise.all([image.flush(), image.flush(), image.flush()]), [null, null, null]);
  await image.close();
});

test("a pipe is refused and holds nobody", { skip: process.platform === "win32" ? "no pipes in folders" : false }, async () => {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  await assert.rejects(ImageFile.open(path, false, "test"), { message: `The medium is not a regular file: ${path}` });
});

test("a lock knows its owner's name, which cannot write over a terminal, and is free after release", async () => {
  const path = file(512);
  const lock = await lockImage(identity(path), `Debian\u001b[2J ${"x".repeat(500)}`);
  assert.ok("release" in lock);
  const heldBy = await writerOf(identity(path));
  assert.match(heldBy ?? "", /^Debian \[2J x+$/);
  assert.ok((heldBy?.length ?? 0) <= 120);
  await lock.release();
  assert.equal(await writerOf(identity(path)), undefined);
});

test("a lock whose owner does not answer is held all the same", { skip: process.platform === "linux" ? false : "the address is Linux's" }, async () => {
  const { dev, ino } = identity(file(512));
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(`\0ringfence-image-${dev}-${ino}`, resolve));
  assert.deepEqual(await lockImage({ dev, ino }, "late"), { heldBy: "another program" });
  silent.close();
});
