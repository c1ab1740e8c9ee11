import assert from "node:assert/strict";
import { linkSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { CONTROL_BYTES, ControlWord } from "../api/worker-protocol.ts";
import { DirectDisk, patternedBytes, RecordingClient } from "../testkit/memory-disk.ts";
import { SeededRandom } from "../testkit/seeded-random.ts";
import { IoClient } from "./io-client.ts";
import type { OpenMedium } from "./io-medium.ts";
import { SLOT_BYTES, SLOT_COUNT } from "./io-protocol.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-io-"));
const clients: IoClient[] = [];
after(() => {
  for (const client of clients) client.shutdown();
  rmSync(folder, { recursive: true });
});

const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
function start(holder = "test", overlayLimitBytes?: number): IoClient {
  const io = IoClient.start({ control, holder, ...(overlayLimitBytes === undefined ? {} : { overlayLimitBytes }) });
  clients.push(io);
  return io;
}
const io = start();
let files = 0;
function image(contents: Uint8Array | number): string {
  const path = join(folder, `${files++}.img`);
  writeFileSync(path, typeof contents === "number" ? "" : contents);
  if (typeof contents === "number") truncateSync(path, contents);
  return path;
}

/** Delivers, and sleeps as a halted machine does when there is nothing to deliver. */
function turn(host: IoClient): void {
  const seen = Atomics.load(control, ControlWord.SIGNAL);
  if (host.drain() === 0) Atomics.wait(control, ControlWord.SIGNAL, seen, 1000);
}
const direct = (medium: OpenMedium, host = io) => new DirectDisk(medium.backend, () => turn(host));

test("what is written is read back, and is in the file after a flush", () => {
  const path = image(1 << 20);
  const medium = io.openMedium({ path, readOnly: false });
  assert.deepEqual([medium.sizeBytes, medium.isReadOnly], [1 << 20, false]);
  const disk = direct(medium);
  disk.write(4095, Uint8Array.of(1, 2, 3));
  disk.flush();
  assert.deepEqual([...disk.read(4094, 5)], [0, 1, 2, 3, 0]);
  assert.deepEqual([...readFileSync(path).subarray(4094, 4099)], [0, 1, 2, 3, 0]);
  medium.close();
});

test("requests longer than a slot, and of any alignment, agree with the file", () => {
  const sizeBytes = 5 * SLOT_BYTES + 1234;
  const path = image(patternedBytes(sizeBytes));
  const medium = io.openMedium({ path, readOnly: false });
  const disk = direct(medium);
  const model = patternedBytes(sizeBytes);
  const random = new SeededRandom(11);
  for (let step = 0; step < 80; step++) {
    const offset = random.below(sizeBytes);
    const length = random.below(sizeBytes - offset + 1);
    if (random.below(2)) {
      const data = new Uint8Array(length).fill(random.below(3)); // often zeroes
      disk.write(offset, data);
      model.set(data, offset);
    } else assert.ok(Buffer.from(disk.read(offset, length)).equals(model.subarray(offset, offset + length)), `step ${step}`);
  }
  medium.close();
  assert.ok(readFileSync(path).equals(model));
});

test("more requests than slots wait their turn: submit returns at once and each is answered once, in order", () => {
  const sectors = 40_000;
  const medium = io.openMedium({ path: image(patternedBytes(sectors * 512)), readOnly: true });
  const client = new RecordingClient();
  medium.backend.attach(client);
  const buffers = Array.from({ length: SLOT_COUNT * 10 }, () => new Uint8Array(1024));
  for (const [tag, data] of buffers.entries()) medium.backend.submit({ tag, operation: "read", offset: tag * 61 * 512, length: 1024, data });
  assert.equal(client.done.length, 0);
  while (client.done.length < buffers.length) turn(io);
  assert.deepEqual(client.done, buffers.map((_, tag) => ({ tag, error: null })));
  for (const [tag, data] of buffers.entries()) assert.equal(new DataView(data.buffer).getUint32(512, true), tag * 61 + 1);
  assert.equal(io.isBusy, false);
  medium.close();
});

test("data to write is copied before submit returns, also when the request must wait", () => {
  const path = image(SLOT_COUNT * 4096 * 4);
  const medium = io.openMedium({ path, readOnly: false });
  const client = new RecordingClient();
  medium.backend.attach(client);
  const data = new Uint8Array(4096);
  for (let tag = 0; tag < SLOT_COUNT * 4; tag++) medium.backend.submit({ tag, operation: "write", offset: tag * 4096, length: 4096, data: data.fill(tag) });
  data.fill(0xee);
  while (client.done.length < SLOT_COUNT * 4) turn(io);
  const written = readFileSync(path);
  for (let tag = 0; tag < SLOT_COUNT * 4; tag++) assert.equal(written[tag * 4096 + 4095], tag & 0xff);
  medium.close();
});

test("after drop nothing earlier completes and its buffers stay as they are", () => {
  const medium = io.openMedium({ path: image(patternedBytes(SLOT_COUNT * 8 * 512)), readOnly: true });
  const client = new RecordingClient();
  medium.backend.attach(client);
  const buffers = Array.from({ length: SLOT_COUNT * 4 }, () => new Uint8Array(512).fill(0xaa));
  for (const [tag, data] of buffers.entries()) medium.backend.submit({ tag, operation: "read", offset: (tag + 1) * 512, length: 512, data });
  medium.backend.drop();
  const data = new Uint8Array(512);
  medium.backend.submit({ tag: 7, operation: "read", offset: 3 * 512, length: 512, data });
  while (client.done.length === 0) turn(io);
  while (io.isBusy) turn(io);
  assert.deepEqual(client.done, [{ tag: 7, error: null }]);
  assert.equal(data[0], 3);
  assert.ok(buffers.every((b) => b.every((byte) => byte === 0xaa)));
  medium.close();
});

test("a read-only medium, the end of a medium, a file cut short and a closed medium give the device an error", () => {
  const path = image(8192);
  const medium = io.openMedium({ path, readOnly: true });
  const disk = direct(medium);
  assert.throws(() => disk.write(0, Uint8Array.of(1)), { message: "readOnly" });
  assert.throws(() => disk.discard(0, 512), { message: "readOnly" });
  assert.throws(() => disk.read(8000, 193), { message: "outOfRange" });
  disk.flush();
  truncateSync(path, 4096);
  assert.throws(() => disk.read(4096, 512), { message: "io" });
  assert.equal(disk.read(0, 512).length, 512);
  medium.close();
  medium.close();
  const client = new RecordingClient();
  medium.backend.attach(client);
  medium.backend.submit({ tag: 1, operation: "flush", offset: 0, length: 0 });
  io.drain();
  assert.equal(client.done.length, 0); // nobody delivers for a medium that is out
});

test("a missing file, a folder, an empty file and a device are named with the reason", () => {
  const open = (path: string, readOnly = true) => () => io.openMedium({ path, readOnly });
  const none = join(folder, "none.iso");
  assert.throws(open(none), { code: "fileMissing", message: `The medium was not found: ${none}` });
  assert.throws(open(folder), { code: "fileMissing", message: `The medium is a folder, not a file: ${folder}` });
  const empty = image(0);
  assert.throws(open(empty), { code: "ioFailed", message: `The medium is empty (0 bytes): ${empty}` });
  assert.throws(open("/dev/zero"), { code: "ioFailed", message: "The medium is not a regular file: /dev/zero" });
});

test("two machines cannot write one image, whatever name they use, and the second learns who has it", () => {
  const path = image(4096);
  const link = join(folder, "hard-link.img");
  const symbolic = join(folder, "symbolic.img");
  linkSync(path, link);
  symlinkSync(path, symbolic);
  const first = start("Debian 12");
  const second = start("other");
  const medium = first.openMedium({ path, readOnly: false });
  for (const name of [path, link, symbolic]) {
    for (const readOnly of [false, true]) {
      assert.throws(() => second.openMedium({ path: name, readOnly }), { code: "ioFailed", message: `The medium is being written by Debian 12 and cannot be used twice: ${name}` });
    }
  }
  assert.throws(() => first.openMedium({ path, readOnly: false }), { code: "ioFailed" });
  medium.close();
  // Opened again at once, from the same thread: it was closed first.
  first.openMedium({ path, readOnly: false }).close();
  first.shutdown();
  const after = second.openMedium({ path, readOnly: false });
  second.openMedium({ path: image(512), readOnly: false });
  after.close();
  second.shutdown();
});

test("any number of machines may read one image", () => {
  const path = image(4096);
  const other = start();
  const media = [io, other, io].map((host) => host.openMedium({ path, readOnly: true }));
  for (const medium of media) medium.close();
  other.shutdown();
});

test("the lock of a thread that is ended by force is gone with it", async () => {
  const path = image(4096);
  const source = `
    import { IoClient } from ${JSON.stringify(new URL("./io-client.ts", import.meta.url).href)};
    import { parentPort } from "node:worker_threads";
    IoClient.start({ holder: "crashing" }).openMedium({ path: ${JSON.stringify(path)}, readOnly: false });
    parentPort.postMessage("open");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  await new Promise((resolve) => worker.once("message", resolve));
  assert.throws(() => io.openMedium({ path, readOnly: false }), { message: /being written by crashing/ });
  await worker.terminate();
  io.openMedium({ path, readOnly: false }).close();
});

test("what was written is on its way to the file when the machine ends, without a flush and with more than the slots hold", () => {
  const path = image(SLOT_COUNT * 3 * 512);
  const host = start();
  const medium = host.openMedium({ path, readOnly: false });
  const client = new RecordingClient();
  medium.backend.attach(client);
  for (let tag = 0; tag < SLOT_COUNT * 3; tag++) medium.backend.submit({ tag, operation: "write", offset: tag * 512, length: 512, data: new Uint8Array(512).fill(tag + 1) });
  host.shutdown();
  const written = readFileSync(path);
  for (let tag = 0; tag < SLOT_COUNT * 3; tag++) assert.equal(written[tag * 512], (tag + 1) & 0xff, `request ${tag}`);
  assert.equal(client.done.length, 0);
  assert.throws(() => host.openMedium({ path, readOnly: true }), { code: "ioFailed", message: /machine is ending/ });
  host.shutdown();
});

test("a throw-away medium takes writes and leaves the image as it was", () => {
  const bytes = patternedBytes(1 << 20);
  const path = image(bytes);
  const host = start("test", 128 * 1024);
  const medium = host.openMedium({ path, readOnly: false, throwAway: true });
  assert.equal(medium.isReadOnly, false);
  const disk = direct(medium, host);
  disk.write(1000, new Uint8Array(3000).fill(9));
  disk.flush();
  assert.deepEqual([...disk.read(999, 2)], [bytes[999], 9]);
  assert.throws(() => disk.write(1 << 19, new Uint8Array(1 << 17)), { message: "noSpace" });
  host.shutdown();
  assert.ok(readFileSync(path).equals(bytes));
});

test("zeroes on a sparse image take no space; over data they are written", () => {
  const path = image(64 << 20);
  const medium = io.openMedium({ path, readOnly: false });
  const disk = direct(medium);
  disk.write(0, new Uint8Array(32 << 20));
  disk.flush();
  assert.equal(statSync(path).blocks, 0);
  disk.write(1 << 20, new Uint8Array(8192).fill(5));
  disk.write(1 << 20, new Uint8Array(4096));
  assert.deepEqual([disk.read(1 << 20, 1)[0], disk.read((1 << 20) + 4096, 1)[0]], [0, 5]);
  medium.close();
});

test("a medium in memory answers through the same drain", () => {
  const medium = io.memoryMedium(2048);
  const disk = direct(medium);
  disk.write(5, Uint8Array.of(6));
  assert.equal(disk.read(5, 1)[0], 6);
  medium.close();
});

test("a completion moves the SIGNAL word, so that a halted machine wakes", () => {
  const medium = io.openMedium({ path: image(512), readOnly: true });
  const client = new RecordingClient();
  medium.backend.attach(client);
  for (const offset of [0, 512]) {
    const seen = Atomics.load(control, ControlWord.SIGNAL);
    medium.backend.submit({ tag: offset, operation: "read", offset, length: 512, data: new Uint8Array(512) }); // the second is refused
    Atomics.wait(control, ControlWord.SIGNAL, seen, 10_000);
    assert.notEqual(Atomics.load(control, ControlWord.SIGNAL), seen);
    assert.equal(io.drain(), 1);
  }
  assert.deepEqual(client.done.map((d) => d.error), [null, "outOfRange"]);
  medium.close();
});

test("media come and go while others are read", () => {
  const steady = io.openMedium({ path: image(patternedBytes(1 << 20)), readOnly: true });
  const client = new RecordingClient();
  steady.backend.attach(client);
  let tag = 0;
  for (let round = 0; round < 30; round++) {
    for (let n = 0; n < 5; n++) steady.backend.submit({ tag: tag++, operation: "read", offset: 0, length: 300_000, data: new Uint8Array(300_000) });
    const medium = io.openMedium({ path: image(patternedBytes(4096)), readOnly: round % 2 === 0 });
    medium.backend.attach(new RecordingClient());
    medium.backend.submit({ tag: 0, operation: "read", offset: 0, length: 512, data: new Uint8Array(512) });
    io.drain();
    medium.close();
  }
  while (client.done.length < tag) turn(io);
  assert.ok(client.done.every((d) => d.error === null));
  steady.close();
});

test("a file without the right to write it is refused for writing and read otherwise", { skip: process.getuid?.() === 0 ? "root may write everything" : false }, () => {
  const path = image(512);
  rmSync(path);
  writeFileSync(path, new Uint8Array(512), { mode: 0o400 });
  assert.throws(() => io.openMedium({ path, readOnly: false }), { code: "ioFailed", message: `The medium may not be written by you: ${path}` });
  io.openMedium({ path, readOnly: true }).close();
});
