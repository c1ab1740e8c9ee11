// The machine's end of the rings against a scripted io thread in the same thread.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockError, BlockOperation } from "../storage/block.ts";
import { RecordingClient } from "../testkit/memory-disk.ts";
import { IoBuffer, IoOperation, IoWord, SLOT_BYTES, SLOT_COUNT } from "./io-protocol.ts";
import { IoQueue, IoWorkerBackend } from "./io-queue.ts";

function bench(counter = 0) {
  const buffer = new IoBuffer();
  buffer.words[IoWord.SUBMITTED] = buffer.words[IoWord.COMPLETED] = counter;
  const queue = new IoQueue(buffer);
  const client = new RecordingClient();
  const backend = (file: number) => {
    const made = new IoWorkerBackend(queue, file, { sizeBytes: 2 ** 40, isReadOnly: false }, () => {});
    made.attach(client);
    return made;
  };
  let served = counter;
  const submit = (to: IoWorkerBackend, tag: number, operation: BlockOperation = "read", length = 512) => {
    const data = operation === "read" || operation === "write" ? { data: new Uint8Array(length) } : {};
    to.submit({ tag, operation, offset: tag * 4096, length: operation === "flush" ? 0 : length, ...data });
  };
  /** Answers at most `most` requests and says what they were. */
  const serve = (most = Infinity, error: BlockError | null = null) => {
    const seen = [];
    for (; served !== Atomics.load(buffer.words, IoWord.SUBMITTED) && seen.length < most; served = (served + 1) | 0) {
      const slot = buffer.submission(served);
      assert.ok(slot !== undefined);
      seen.push({ slot, ...buffer.request(slot) });
      buffer.complete(slot, error);
    }
    return seen;
  };
  return { buffer, queue, client, backend, submit, serve, tags: () => client.done.map((d) => d.tag) };
}

test("no more slots than there are go out, the rest follows as they come back", () => {
  const b = bench();
  const disk = b.backend(1);
  for (let tag = 0; tag < SLOT_COUNT + 10; tag++) b.submit(disk, tag);
  assert.equal(b.serve(5).length, 5);
  assert.equal(b.queue.drain(), 5);
  assert.equal(b.serve().length, SLOT_COUNT);
  b.queue.drain();
  assert.equal(b.serve().length, 5);
  b.queue.drain();
  assert.deepEqual(b.tags(), Array.from({ length: SLOT_COUNT + 10 }, (_, tag) => tag));
  assert.equal(b.queue.isBusy, false);
});

test("a long request is cut into slots and answered once, with its first error", () => {
  const b = bench();
  b.submit(b.backend(7), 1, "read", SLOT_BYTES * 2 + 5);
  assert.deepEqual(b.serve(1, "noSpace").map((r) => [r.file, r.offset, r.length]), [[7, 4096, SLOT_BYTES]]);
  assert.equal(b.queue.drain(), 0);
  assert.deepEqual(b.serve(9, "io").map((r) => [r.offset, r.length]), [[4096 + SLOT_BYTES, SLOT_BYTES], [4096 + 2 * SLOT_BYTES, 5]]);
  b.queue.drain();
  assert.deepEqual(b.client.done, [{ tag: 1, error: "noSpace" }]);
});

test("flushes and discards keep their place among the writes, whatever their length", () => {
  const b = bench();
  const disk = b.backend(1);
  b.submit(disk, 1, "write");
  b.submit(disk, 2, "flush");
  b.submit(disk, 3, "discard", 2 ** 33);
  b.submit(disk, 4, "read", 0);
  assert.deepEqual(b.serve().map((r) => r.operation), [IoOperation.WRITE, IoOperation.FLUSH, IoOperation.DISCARD, IoOperation.READ]);
  b.queue.drain();
  assert.deepEqual(b.tags(), [1, 2, 3, 4]);
});

test("the counters run over their end", () => {
  const b = bench(0x7fffffff - 20);
  const disk = b.backend(1);
  for (let round = 0; round < 3; round++) {
    for (let tag = 0; tag < SLOT_COUNT; tag++) b.submit(disk, tag);
    assert.equal(b.serve().length, SLOT_COUNT);
    assert.equal(b.queue.drain(), SLOT_COUNT);
  }
});

test("dropping one medium leaves the others' requests alone", () => {
  const b = bench();
  const [one, two] = [b.backend(1), b.backend(2)];
  for (let n = 0; n < SLOT_COUNT; n++) {
    b.submit(one, n);
    b.submit(two, 1000 + n);
  }
  one.drop();
  for (let round = 0; round < 3; round++) {
    b.serve();
    b.queue.drain();
  }
  assert.deepEqual(b.tags(), Array.from({ length: SLOT_COUNT }, (_, n) => 1000 + n));
});

test("when the thread is gone everything fails once, and what is dropped meanwhile is silent", () => {
  const b = bench();
  const [one, two] = [b.backend(1), b.backend(2)];
  for (let n = 0; n < SLOT_COUNT; n++) {
    b.submit(one, n);
    b.submit(two, 1000 + n);
  }
  // A device that resets its controller at the first error and tries again.
  b.client.onDone = ({ tag }) => {
    if (tag !== 0) return;
    one.drop();
    b.submit(one, 500);
  };
  Atomics.store(b.buffer.words, IoWord.ENDED, 1);
  b.queue.drain();
  assert.deepEqual(b.tags(), [0, ...Array.from({ length: SLOT_COUNT }, (_, n) => 1000 + n)]);
  b.queue.drain();
  assert.deepEqual(b.client.done.at(-1), { tag: 500, error: "io" });
  assert.ok(b.client.done.every((d) => d.error === "io"));
});

test("what is submitted while completions are delivered waits for the next delivery", () => {
  const b = bench();
  const disk = b.backend(1);
  b.client.onDone = ({ tag }) => {
    b.submit(disk, tag + 1);
    b.serve();
  };
  b.submit(disk, 0);
  b.serve();
  for (let n = 1; n <= 4; n++) {
    assert.equal(b.queue.drain(), 1);
    assert.equal(b.tags().length, n);
  }
});

test("at the end of the machine reads are forgotten, writes and flushes go out, and nobody is told", () => {
  const b = bench();
  const disk = b.backend(1);
  for (let n = 0; n < SLOT_COUNT; n++) b.submit(disk, n);
  b.submit(disk, 900);
  b.submit(disk, 901, "write");
  b.submit(disk, 902, "flush");
  b.queue.mute();
  b.serve();
  b.queue.drain();
  assert.deepEqual(b.serve().map((r) => r.operation), [IoOperation.WRITE, IoOperation.FLUSH]);
  b.queue.drain();
  assert.deepEqual([b.tags(), b.queue.isBusy], [[], false]);
});

test("a slot number that is none is passed over", () => {
  const b = bench();
  const disk = b.backend(1);
  b.submit(disk, 1);
  b.serve();
  new Int32Array(b.buffer.shared, 64 + SLOT_COUNT * 4, 1)[0] = 4711;
  assert.equal(b.queue.drain(), 0);
  assert.deepEqual(b.tags(), []);
});
