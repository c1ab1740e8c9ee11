import assert from "node:assert/strict";
import { test } from "node:test";
import { FRAME_HEADER_BYTES, FRAME_MAGIC } from "../../core/api/contract.ts";
import { FakeVmWorker } from "../../core/testkit/fake-vm-worker.ts";
import { fakeApp } from "../testing/fake-app.ts";
import { connectPeer } from "../testing/recording-peer.ts";

function decode(frame: Uint8Array<ArrayBuffer>) {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const u16 = (at: number) => view.getUint16(at, true);
  assert.equal(view.getUint32(0, true), FRAME_MAGIC);
  const start = FRAME_HEADER_BYTES + ((u16(4) + 3) & ~3);
  assert.equal(frame.length, start + u16(16) * u16(18) * 4);
  return {
    id: Buffer.from(frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + u16(4))).toString(),
    isThumbnail: (u16(6) & 1) === 1,
    screen: [u16(8), u16(10)],
    rect: [u16(12), u16(14), u16(16), u16(18)],
    colour: frame[start],
  };
}

async function running(t: { after(fn: () => Promise<void>): void; mock: { timers: { enable(o: { apis: ["setTimeout"] }): void; tick(ms: number): void } } }) {
  const fake = fakeApp(FakeVmWorker);
  t.after(fake.close);
  const peer = connectPeer(fake.app);
  const { id } = (await peer.call("vm.create", { name: "x", memoryMiB: 64, boot: { kind: "demo" } }))["vm"] as { id: string };
  await peer.call("vm.start", { id });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const interval = () => Atomics.load(new Int32Array(fake.worker().start.control), 1);
  return { ...fake, peer, id, interval, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test("a watcher gets the picture that is there, then what changes", async (t) => {
  const { peer, id, worker } = await running(t);
  worker().show(4, 2, 7);
  assert.equal(peer.frames.length, 0);
  await peer.call("vm.watch", { id });
  assert.deepEqual(peer.frames.map(decode), [{ id, isThumbnail: false, screen: [4, 2], rect: [0, 0, 4, 2], colour: 7 }]);
  worker().show(6, 3, 8);
  assert.deepEqual(decode(peer.frames[1] ?? new Uint8Array()).rect, [0, 0, 6, 3]);
  worker().say({ kind: "frame", rect: { x: 1, y: 1, width: 2, height: 1 }, screenWidth: 6, screenHeight: 3 });
  assert.deepEqual(decode(peer.frames[2] ?? new Uint8Array()).rect, [1, 1, 2, 1]);
});

test("a full connection skips pictures and gets all it missed in one", async (t) => {
  const { peer, id, worker, tick } = await running(t);
  worker().show(8, 8, 1);
  await peer.call("vm.watch", { id });
  peer.isFull = true;
  worker().say({ kind: "frame", rect: { x: 1, y: 1, width: 2, height: 1 }, screenWidth: 8, screenHeight: 8 });
  worker().say({ kind: "frame", rect: { x: 5, y: 6, width: 1, height: 1 }, screenWidth: 8, screenHeight: 8 });
  tick(50);
  assert.equal(peer.frames.length, 1);
  peer.isFull = false;
  tick(50);
  assert.deepEqual(peer.frames.map((f) => decode(f).rect), [[0, 0, 8, 8], [1, 1, 5, 6]]);
  tick(1000);
  assert.equal(peer.frames.length, 2);
});

test("the machine draws only as often as somebody wants to see", async (t) => {
  const { app, peer, id, interval } = await running(t);
  assert.equal(interval(), 0);
  await peer.call("vm.watch", { id, thumbnail: true });
  assert.equal(interval(), 1000);
  const second = connectPeer(app);
  await second.call("vm.watch", { id });
  assert.equal(interval(), 16);
  second.close();
  assert.equal(interval(), 1000);
  await peer.call("vm.unwatch", { id, thumbnail: true });
  assert.equal(interval(), 0);
});

test("who watched before the start sees the pictures after it", async (t) => {
  const { peer, id, worker, workers, interval } = await running(t);
  await peer.call("vm.watch", { id });
  await peer.call("vm.powerOff", { id });
  await peer.call("vm.start", { id });
  assert.equal(workers.length, 2);
  assert.equal(interval(), 16);
  worker().show(2, 2, 3);
  assert.equal(decode(peer.frames.at(-1) ?? new Uint8Array()).colour, 3);
});

test("thumbnails are small, and once a second at most", async (t) => {
  const { peer, id, worker, tick } = await running(t);
  worker().show(640, 480, 9);
  await peer.call("vm.watch", { id, thumbnail: true });
  for (let i = 0; i < 10; i++) worker().show(640, 480, 10 + i);
  assert.deepEqual(peer.frames.map(decode), [{ id, isThumbnail: true, screen: [267, 200], rect: [0, 0, 267, 200], colour: 9 }]);
  tick(1000);
  assert.deepEqual(peer.frames.map((f) => decode(f).colour), [9, 19]);
  tick(5000);
  assert.equal(peer.frames.length, 2);
});

test("a peer that has gone is sent nothing more", async (t) => {
  const { peer, id, worker, tick } = await running(t);
  await peer.call("vm.watch", { id });
  peer.isFull = true;
  worker().show(2, 2, 1);
  peer.close();
  peer.isFull = false;
  tick(500);
  worker().show(2, 2, 2);
  assert.equal(peer.frames.length, 0);
});
