import assert from "node:assert/strict";
import { test } from "node:test";
import { FaultyBackend } from "../testkit/faulty-disk.ts";
import { DirectDisk, patternedBytes, patternedDisk, RecordingClient, TEST_SECTOR } from "../testkit/memory-disk.ts";
import { SeededRandom } from "../testkit/seeded-random.ts";
import type { BlockRequest } from "./block.ts";
import type { Deliverable } from "./completions.ts";
import { MemoryBackend } from "./memory-backend.ts";
import { OverlayBackend } from "./overlay-backend.ts";

const CLUSTER = 64 * 1024;

function both(...backends: Deliverable[]): void {
  for (const backend of backends) backend.deliver();
}

/** An overlay over memory, delivered together. */
function overlay(below: MemoryBackend, limitBytes = Infinity) {
  const top = new OverlayBackend(below, { limitBytes });
  return { top, disk: new DirectDisk(top, () => both(below, top)) };
}

test("memory: what was written is read, and nothing completes within submit", () => {
  const disk = DirectDisk.over(new MemoryBackend(8192));
  disk.write(511, Uint8Array.of(1, 2, 3));
  disk.flush();
  assert.deepEqual([...disk.read(510, 5)], [0, 1, 2, 3, 0]);
  disk.discard(512, 1);
  assert.deepEqual([...disk.read(510, 5)], [0, 1, 0, 3, 0]);
});

test("memory: what leaves the medium or writes to a read-only one is refused", () => {
  const bad: [Partial<BlockRequest>, string][] = [
    [{ operation: "read", offset: 4096, length: 1, data: new Uint8Array(1) }, "outOfRange"],
    [{ operation: "read", offset: -1, length: 1, data: new Uint8Array(1) }, "outOfRange"],
    [{ operation: "read", offset: 0.5, length: 1, data: new Uint8Array(1) }, "outOfRange"],
    [{ operation: "read", offset: NaN, length: 1, data: new Uint8Array(1) }, "outOfRange"],
    [{ operation: "read", offset: 0, length: 2, data: new Uint8Array(1) }, "outOfRange"],
    [{ operation: "read", offset: 0, length: 2 }, "outOfRange"],
    [{ operation: "read", offset: 2 ** 53 - 1, length: 2 ** 53 - 1, data: new Uint8Array(1) }, "outOfRange"],
    [{ operation: "discard", offset: 1, length: 4096 }, "outOfRange"],
    [{ operation: "write", offset: 0, length: 1, data: new Uint8Array(1) }, "readOnly"],
    [{ operation: "discard", offset: 0, length: 1 }, "readOnly"],
  ];
  const backend = new MemoryBackend(4096, { isReadOnly: true });
  const client = new RecordingClient();
  backend.attach(client);
  for (const [tag, [request]] of bad.entries()) backend.submit({ tag, operation: "read", offset: 0, length: 0, ...request });
  backend.deliver();
  assert.deepEqual(client.done.map((d) => d.error), bad.map(([, error]) => error));
});

test("what a client submits when it hears of a completion waits for the next delivery", () => {
  const backend = patternedDisk(8);
  const client = new RecordingClient();
  backend.attach(client);
  const read = (tag: number) => backend.submit({ tag, operation: "read", offset: 0, length: 1, data: new Uint8Array(1) });
  client.onDone = ({ tag }) => tag < 10 && read(tag + 1);
  read(0);
  assert.equal(backend.deliver(), 1);
  assert.equal(backend.deliver(), 1);
  assert.deepEqual(client.done.map((d) => d.tag), [0, 1]);
});

test("onReady tells of the first completion and of what a delivery leaves", () => {
  let ready = 0;
  const backend = new MemoryBackend(512, { onReady: () => ready++ });
  const client = new RecordingClient();
  backend.attach(client);
  const flush = (tag: number) => backend.submit({ tag, operation: "flush", offset: 0, length: 0 });
  flush(0);
  flush(1);
  assert.equal(ready, 1);
  client.onDone = ({ tag }) => tag === 1 && flush(2);
  backend.deliver();
  assert.ok(ready >= 2);
});

test("after drop none of the earlier requests completes, later ones do", () => {
  const below = patternedDisk(400);
  const faulty = new FaultyBackend(below, { seed: 3, maxDelay: 4, reorder: true });
  const top = new OverlayBackend(faulty);
  for (const backend of [below, faulty, top]) {
    const client = new RecordingClient();
    backend.attach(client);
    const read = (tag: number) => backend.submit({ tag, operation: "read", offset: 512 * tag, length: 512, data: new Uint8Array(512) });
    for (let tag = 0; tag < 9; tag++) read(tag);
    backend.drop();
    read(20);
    for (let i = 0; i < 9; i++) both(below, faulty, top);
    assert.deepEqual(client.done, [{ tag: 20, error: null }]);
    // The next round's wrappers attach themselves again.
    below.attach(faulty);
    faulty.attach(top);
  }
});

test("overlay: the medium below is never written", () => {
  const below = patternedDisk(512, true);
  const { disk } = overlay(below);
  disk.write(100, new Uint8Array(200_000).fill(7));
  disk.discard(0, 50);
  disk.flush();
  assert.deepEqual(below.contents, patternedBytes(512 * TEST_SECTOR));
  assert.equal(disk.read(60_000, 1)[0], 7);
});

test("overlay: agrees with plain memory over random reads, writes and discards of any alignment", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new SeededRandom(seed);
    const sizeBytes = 3 * CLUSTER + random.below(CLUSTER);
    const { disk } = overlay(new MemoryBackend(patternedBytes(sizeBytes), { isReadOnly: true }));
    const model = patternedBytes(sizeBytes);
    for (let step = 0; step < 60; step++) {
      const offset = random.below(sizeBytes);
      const most = Math.min(sizeBytes - offset, random.pick([16, 700, CLUSTER + 600, 3 * CLUSTER]));
      const length = random.below(most + 1);
      const kind = random.below(4);
      if (kind === 0) {
        disk.discard(offset, length);
        model.fill(0, offset, offset + length);
      } else if (kind === 1) {
        const data = new Uint8Array(length).fill(random.next());
        disk.write(offset, data);
        model.set(data, offset);
      } else assert.ok(Buffer.from(disk.read(offset, length)).equals(model.subarray(offset, offset + length)), `seed ${seed} step ${step}`);
    }
    assert.ok(Buffer.from(disk.read(0, sizeBytes)).equals(model), `seed ${seed}`);
  }
});

test("overlay: a write that lands while the medium below is still read is in the answer or after it, never lost", () => {
  const below = patternedDisk(256);
  const { top } = overlay(below);
  const client = new RecordingClient();
  top.attach(client);
  const data = new Uint8Array(1024);
  top.submit({ tag: 1, operation: "read", offset: 0, length: 1024, data });
  top.submit({ tag: 2, operation: "write", offset: 100, length: 3, data: Uint8Array.of(9, 9, 9) });
  below.deliver();
  top.deliver();
  assert.deepEqual([...client.done].sort((a, b) => a.tag - b.tag), [{ tag: 1, error: null }, { tag: 2, error: null }]);
  const direct = new DirectDisk(top, () => both(below, top));
  assert.deepEqual([...direct.read(99, 5)], [0, 9, 9, 9, 0]);
});

test("overlay: memory is bounded, and discarding gives it back", () => {
  const { top, disk } = overlay(new MemoryBackend(10 * CLUSTER), 2 * CLUSTER);
  disk.write(0, Uint8Array.of(1));
  disk.write(CLUSTER, Uint8Array.of(2));
  assert.throws(() => disk.write(2 * CLUSTER, Uint8Array.of(3)), { message: "noSpace" });
  disk.discard(0, CLUSTER);
  disk.write(2 * CLUSTER, Uint8Array.of(3));
  assert.equal(top.usedBytes, 2 * CLUSTER);
  assert.deepEqual([disk.read(0, 1)[0], disk.read(CLUSTER, 1)[0], disk.read(2 * CLUSTER, 1)[0]], [0, 2, 3]);
});

test("overlay: an error below is the reader's error", () => {
  const faulty = new FaultyBackend(patternedDisk(256), { seed: 1 });
  const top = new OverlayBackend(faulty);
  const disk = new DirectDisk(top, () => both(faulty, top));
  faulty.failNext("read", "removed");
  assert.throws(() => disk.read(0, 512), { message: "removed" });
  assert.equal(disk.read(512, 1)[0], 1);
});

test("faulty: everything is answered once, errors and order come from the seed", () => {
  const run = (seed: number) => {
    const faulty = new FaultyBackend(patternedDisk(64), { seed, errorPercent: 30, maxDelay: 5, reorder: true });
    const client = new RecordingClient();
    faulty.attach(client);
    const buffers = Array.from({ length: 64 }, () => new Uint8Array(512));
    for (const [tag, data] of buffers.entries()) faulty.submit({ tag, operation: "read", offset: tag * 512, length: 512, data });
    assert.ok(buffers.every((data) => data[0] === 0xa5));
    while (faulty.outstanding > 0) faulty.deliver();
    for (const { tag, error } of client.done) if (error === null) assert.equal(buffers[tag]?.[0], tag);
    return client.done;
  };
  assert.deepEqual(run(5), run(5));
  assert.notDeepEqual(run(5), run(6));
  assert.deepEqual(run(5).map((d) => d.tag).sort((a, b) => a - b), Array.from({ length: 64 }, (_, tag) => tag));
  assert.ok(run(5).some((d) => d.error) && run(5).some((d) => !d.error));
});
