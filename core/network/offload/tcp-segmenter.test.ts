import assert from "node:assert/strict";
import { test } from "node:test";
import { tcpFrame } from "../../testkit/tcp-frame.ts";
import { foldChecksum, sumBytes, sumView } from "../wire/checksum.ts";
import { TcpSegmenter, completeChecksum } from "./tcp-segmenter.ts";

/** The definition, word by word. */
function plainSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

test("sums agree with the definition at every length and alignment", () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, i) => (i * 89 + (i >> 3)) & 0xff);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < 8; at++) {
    for (let length = 0; length < 140; length++) {
      const sum = ~plainSum(bytes.subarray(at, at + length)) & 0xffff;
      assert.equal(foldChecksum(sumView(view, at, length)), sum, `${at}+${length}`);
      assert.equal(foldChecksum(sumBytes(bytes, at, length)), sum, `${at}+${length}`);
    }
  }
  const ones = new Uint8Array(65536).fill(0xff);
  assert.equal(foldChecksum(sumBytes(ones, 0, 65536)), 0);
  assert.equal(foldChecksum(0x12345), ~0x2346 & 0xffff);
});

for (const ipv6 of [false, true]) {
  for (const tags of [0, 1, 2]) {
    test(`segments of IPv${ipv6 ? 6 : 4} with ${tags} tags carry the payload, and every checksum and length is right`, () => {
      const { frame, view, ipAt, tcpAt } = tcpFrame(5000, { ipv6, tags });
      const segmenter = new TcpSegmenter();
      assert.ok(segmenter.begin(frame, view, frame.length, tcpAt, 1448));
      assert.equal(segmenter.count, 4);
      const payload: number[] = [];
      for (let i = 0; i < 4; i++) {
        const segment = segmenter.segment(i).slice();
        const s = new DataView(segment.buffer);
        assert.deepEqual(segment.subarray(0, ipAt), frame.subarray(0, ipAt));
        const tcp = segment.subarray(tcpAt);
        assert.equal(s.getUint32(tcpAt + 4), (0xfffffc00 + i * 1448) >>> 0);
        assert.equal(s.getUint8(tcpAt + 13), [0x90, 0x10, 0x10, 0x19][i]);
        let pseudo = 6 + tcp.length;
        if (ipv6) {
          assert.equal(s.getUint16(ipAt + 4), segment.length - tcpAt);
          pseudo += plainSum(segment.subarray(ipAt + 8, ipAt + 40));
        } else {
          assert.equal(s.getUint16(ipAt + 2), segment.length - ipAt);
          assert.equal(s.getUint16(ipAt + 4), (0xffff + i) & 0xffff);
          assert.equal(plainSum(segment.subarray(ipAt, tcpAt)), 0xffff);
          pseudo += plainSum(segment.subarray(ipAt + 12, ipAt + 20));
        }
        assert.equal(plainSum(Uint8Array.of(...tcp, ...(tcp.length & 1 ? [0] : []), (pseudo >> 8) & 0xff, pseudo & 0xff, 0, pseudo >> 16)), 0xffff);
        payload.push(...tcp.subarray(32));
      }
      assert.deepEqual(Uint8Array.from(payload), frame.subarray(tcpAt + 32));
    });
  }
}

test("what is no TCP packet, or would make no frames, is refused", () => {
  const segmenter = new TcpSegmenter();
  const { frame, view, tcpAt, ipAt } = tcpFrame(3000);
  const isTaken = (at = tcpAt, size = 1448, length = frame.length): boolean => segmenter.begin(frame, view, length, at, size);
  assert.ok(isTaken());
  for (const at of [0, 10, 14, 33, 35, 100, 65535]) assert.ok(!isTaken(at), `TCP at ${at}`);
  assert.ok(!isTaken(tcpAt, 0));
  assert.ok(!isTaken(tcpAt, 7));
  assert.ok(!isTaken(tcpAt, 9000));
  assert.ok(!isTaken(tcpAt, 1448, tcpAt + 10));
  frame[ipAt + 9] = 17;
  assert.ok(!isTaken());
  frame[ipAt + 9] = 6;
  frame[tcpAt + 12] = 0x40;
  assert.ok(!isTaken());
  view.setUint16(12, 0x0806);
  assert.ok(!isTaken());
  assert.equal(segmenter.count, 0);
});

test("a begun checksum is completed within the frame only", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 0, 10, 5);
  const view = new DataView(bytes.buffer);
  assert.ok(completeChecksum(view, 7, 2, 4));
  assert.equal(view.getUint16(4), ~(0x0304 + 10 + 0x0500) & 0xffff);
  assert.ok(!completeChecksum(view, 7, 7, 4));
  assert.ok(!completeChecksum(view, 7, 2, 6));
  const zero = Uint8Array.of(0xff, 0xff, 0, 0);
  assert.ok(completeChecksum(new DataView(zero.buffer), 4, 0, 2));
  assert.deepEqual([...zero], [0xff, 0xff, 0xff, 0xff]);
});
