import assert from "node:assert/strict";
import { test } from "node:test";
import { foldChecksum, ipv4PseudoSum, sumBytes } from "../wire/checksum.ts";
import { TAP_HEADER_BYTES, TapPackets } from "./tap-packets.ts";

const IP = 14, TCP = 34, DATA = 54;

/** A TCP packet as the kernel leaves it for a card: the checksum field has the pseudo header's sum. */
function tcpPacket(payload: Uint8Array, header: { flags?: number; gso?: number; size?: number; start?: number }): Uint8Array {
  const packet = new Uint8Array(TAP_HEADER_BYTES + DATA + payload.length);
  const fields = new DataView(packet.buffer);
  fields.setUint8(0, header.flags ?? 1);
  fields.setUint8(1, header.gso ?? 0);
  fields.setUint16(2, DATA, true);
  fields.setUint16(4, header.size ?? 0, true);
  fields.setUint16(6, header.start ?? TCP, true);
  fields.setUint16(8, 16, true);
  const frame = packet.subarray(TAP_HEADER_BYTES);
  const view = new DataView(frame.buffer, frame.byteOffset);
  frame.set([0x52, 0x54, 0, 0, 0, 1, 0x52, 0x54, 0, 0, 0, 2, 8, 0, 0x45, 0]);
  view.setUint16(IP + 2, frame.length - IP);
  view.setUint8(IP + 8, 64);
  view.setUint8(IP + 9, 6);
  frame.set([10, 9, 0, 1, 10, 9, 0, 2], IP + 12);
  view.setUint16(IP + 10, foldChecksum(sumBytes(frame, IP, 20)));
  view.setUint32(TCP + 4, 1000);
  view.setUint8(TCP + 12, 0x50);
  view.setUint8(TCP + 13, 0x18);
  frame.set(payload, DATA);
  view.setUint16(TCP + 16, ~foldChecksum(ipv4PseudoSum(frame, IP, 6, frame.length - TCP)));
  return packet;
}

function framesOf(packet: Uint8Array): Uint8Array[] | undefined {
  const frames: Uint8Array[] = [];
  return new TapPackets().frames(packet, (frame) => frames.push(frame.slice())) ? frames : undefined;
}

const isRight = (frame: Uint8Array): boolean =>
  foldChecksum(sumBytes(frame, IP, 20)) === 0 && foldChecksum(sumBytes(frame, TCP, frame.length - TCP, ipv4PseudoSum(frame, IP, 6, frame.length - TCP))) === 0;

test("a begun checksum is completed, a whole frame is left as it is", () => {
  const packet = tcpPacket(Uint8Array.of(1, 2, 3), {});
  assert.ok(!isRight(packet.subarray(TAP_HEADER_BYTES)));
  const [frame, ...more] = framesOf(packet) ?? [];
  assert.ok(frame !== undefined && more.length === 0 && isRight(frame));
  const whole = new Uint8Array(TAP_HEADER_BYTES + frame.length);
  whole.set(frame, TAP_HEADER_BYTES);
  assert.deepEqual(framesOf(whole), [frame]);
});

test("a large packet becomes frames of a segment each, and none of its bytes is lost", () => {
  const payload = Uint8Array.from({ length: 60_000 }, (_, i) => i * 31 + (i >> 8));
  const frames = framesOf(tcpPacket(payload, { gso: 1, size: 1448 })) ?? [];
  assert.equal(frames.length, Math.ceil(60_000 / 1448));
  assert.ok(frames.every((frame) => frame.length <= DATA + 1448 && isRight(frame)));
  assert.deepEqual(Buffer.concat(frames.map((frame) => frame.subarray(DATA))), Buffer.from(payload));
});

test("a tag stays on every frame, and what the header says counts it", () => {
  const plain = tcpPacket(Uint8Array.from({ length: 5000 }, (_, i) => i), { gso: 1, size: 1448, start: TCP + 4 });
  const at = TAP_HEADER_BYTES + 12;
  const tagged = Buffer.concat([plain.subarray(0, at), Uint8Array.of(0x81, 0, 0x20, 10), plain.subarray(at)]);
  const frames = framesOf(tagged) ?? [];
  assert.equal(frames.length, 4);
  for (const frame of frames) {
    assert.deepEqual([...frame.subarray(12, 18)], [0x81, 0, 0x20, 10, 8, 0]);
    assert.ok(isRight(Buffer.concat([frame.subarray(0, 12), frame.subarray(16)])));
  }
});

test("what cannot be is refused, and nothing of it comes out", () => {
  const payload = new Uint8Array(4000);
  const wrong = [
    new Uint8Array(0),
    new Uint8Array(TAP_HEADER_BYTES + 13),
    tcpPacket(payload, { start: 5000 }),
    tcpPacket(payload, { gso: 3, size: 1448 }),
    tcpPacket(payload, { gso: 1, size: 0 }),
    tcpPacket(payload, { gso: 1, size: 1448, start: 0xffff }),
    tcpPacket(new Uint8Array(20_000), { flags: 0 }),
  ];
  for (const packet of wrong) assert.equal(framesOf(packet), undefined);
});
