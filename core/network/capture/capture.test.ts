import assert from "node:assert/strict";
import test from "node:test";
import { Cable } from "../port.ts";
import { CapturePort } from "./capture-port.ts";
import { CaptureRing } from "./capture-ring.ts";
import { PcapngWriter } from "./pcapng.ts";

/** The blocks of a file, each checked for its two lengths. */
function blocks(file: Uint8Array): { type: number; view: DataView }[] {
  const found = [];
  for (let at = 0; at < file.length; ) {
    const view = new DataView(file.buffer, file.byteOffset + at);
    const length = view.getUint32(4, true);
    assert.equal(length % 4, 0);
    assert.equal(view.getUint32(length - 4, true), length);
    found.push({ type: view.getUint32(0, true), view });
    at += length;
  }
  return found;
}

test("a capture file has a section, its interfaces, and frames with nanoseconds and direction", () => {
  const parts: Uint8Array[] = [];
  const writer = new PcapngWriter((block) => parts.push(block), { startedNs: 1_700_000_000_000_000_000n, snapLength: 64 });
  assert.equal(writer.addInterface({ name: "web.0", description: "Größe 😀" }), 0);
  assert.equal(writer.addInterface({ name: "db.0" }), 1);
  assert.ok(writer.frame(1, 5, Uint8Array.from({ length: 61 }, (_, i) => i), "in"));
  assert.ok(writer.frame(0, 6, new Uint8Array(1514), "out", "retransmission"));
  assert.ok(writer.statistics(0, 7, 10, 2));
  assert.equal(writer.frame(2, 0, new Uint8Array(60)), false);
  const [section, web, , first, second, statistics] = blocks(Buffer.concat(parts));
  assert.equal(section!.view.getUint32(8, true), 0x1a2b3c4d);
  assert.deepEqual([section!.type, web!.type, first!.type, statistics!.type], [0x0a0d0d0a, 1, 6, 5]);
  assert.equal(web!.view.getUint16(8, true), 1);
  assert.equal(first!.view.getUint32(8, true), 1);
  const time = (BigInt(first!.view.getUint32(12, true)) << 32n) | BigInt(first!.view.getUint32(16, true));
  assert.equal(time, 1_700_000_000_000_000_005n);
  assert.deepEqual([first!.view.getUint32(20, true), first!.view.getUint32(24, true)], [61, 61]);
  assert.equal(first!.view.getUint8(28 + 60), 60);
  assert.deepEqual([first!.view.getUint16(92, true), first!.view.getUint16(94, true), first!.view.getUint32(96, true)], [2, 4, 1]);
  assert.deepEqual([second!.view.getUint32(20, true), second!.view.getUint32(24, true)], [64, 1514]);
});

test("the ring keeps the newest frames within its bytes and tells how many were missed", () => {
  const ring = new CaptureRing(1000, 300);
  for (let i = 0; i < 50; i++) ring.push(3, i, new Uint8Array(100 + i * 10).fill(i), i % 2 === 0 ? "in" : "out");
  const { frames, missed } = ring.read(0, 100);
  assert.deepEqual(frames.map((frame) => frame.sequence), [47, 48, 49]);
  assert.equal(missed, 47);
  assert.equal(ring.total, 50);
  for (const frame of frames) {
    assert.deepEqual(frame.bytes, new Uint8Array(300).fill(frame.sequence));
    assert.equal(frame.length, 100 + frame.sequence * 10);
    assert.equal(frame.direction, frame.sequence % 2 === 0 ? "in" : "out");
    assert.equal(frame.source, 3);
  }
  assert.deepEqual(ring.read(49, 1).frames.map((frame) => frame.timeNs), [49]);
  assert.deepEqual(ring.read(50, 1), { frames: [], missed: 0 });
});

test("a captured port shows both directions and lets frames through", () => {
  const cable = new Cable();
  const port = new CapturePort(cable.a);
  const seen: string[] = [];
  const client = (name: string) => ({
    receive: (frame: Uint8Array) => seen.push(`${name} ${frame.length}`),
    canReceive: () => true,
    linkChanged() {},
    sendReady() {},
  });
  port.connect(client("near"));
  cable.b.connect(client("far"));
  port.send(new Uint8Array(60));
  port.observer = (frame, direction) => seen.push(`${direction} ${frame.length}`);
  port.send(new Uint8Array(61));
  cable.b.send(new Uint8Array(62));
  assert.deepEqual(seen, ["far 60", "out 61", "far 61", "in 62", "near 62"]);
});
