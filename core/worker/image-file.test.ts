import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, mock, test } from "node:test";
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

afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
});
/** From now on the module under test calls this instead. */
function replace<K extends "fdatasync" | "readSync" | "writeSync">(name: K, behaviour: unknown) {
  // The replacements take what the callers here pass, not every overload.
  const made = mock.method(fs, name, behaviour as (typeof fs)[K]);
  syncBuiltinESMExports();
  return made;
}
const failure = (code: string) => Object.assign(new Error(code), { code });

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

test("a flush is a flush on the host: once for what has been written, never for nothing", async () => {
  const image = await ImageFile.open(file(1 << 20), true, "test");
  const calls = replace("fdatasync", (_fd: number, done: (error: null) => void) => setImmediate(done, null)).mock;
  await image.flush();
  assert.equal(calls.callCount(), 0);
  image.write(0, Uint8Array.of(1));
  await image.flush();
  await image.flush();
  assert.equal(calls.callCount(), 1);
  image.write(0, new Uint8Array(4096)); // over a one: it has to be written
  await image.close();
  assert.equal(calls.callCount(), 2);
});

test("once a flush has failed all that follow fail: the host may have thrown the data away", async () => {
  const image = await ImageFile.open(file(4096), true, "test");
  const results = [failure("ENOSPC"), null];
  replace("fdatasync", (_fd: number, done: (error: unknown) => void) => setImmediate(done, results.shift()));
  image.write(0, Uint8Array.of(1));
  assert.equal(await image.flush(), "noSpace");
  image.write(1, Uint8Array.of(1));
  assert.equal(await image.flush(), "noSpace");
  await image.close();
});

test("a full disk, a bad sector, and reads and writes that do only a part", async () => {
  const path = file(4096);
  const image = await ImageFile.open(path, true, "test");
  const { readSync, writeSync } = fs;
  replace("writeSync", () => {
    throw failure("ENOSPC");
  });
  assert.equal(image.write(0, Uint8Array.of(1)), "noSpace");
  replace("readSync", () => {
    throw failure("EIO");
  });
  assert.equal(image.read(0, new Uint8Array(1)), "io");
  mock.restoreAll();
  replace("writeSync", (fd: number, data: Uint8Array, at: number, length: number, offset: number) => writeSync(fd, data, at, Math.min(length, 100), offset));
  replace("readSync", (fd: number, data: Uint8Array, at: number, length: number, offset: number) => readSync(fd, data, at, Math.min(length, 70), offset));
  const data = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
  const back = new Uint8Array(1000);
  assert.deepEqual([image.write(11, data), image.read(11, back)], [null, null]);
  assert.deepEqual(back, data);
  await image.close();
});
