import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { foldChecksum, ipv4PseudoSum, ipv6PseudoSum, sumBytes } from "../wire/checksum.ts";
import { JOINABLE, PLAIN, TcpCoalescer, VERIFIED } from "./tcp-coalescer.ts";
import { TcpSegmenter } from "./tcp-segmenter.ts";

interface PacketOptions {
  payload?: number;
  flags?: number;
  options?: number;
  sequence?: number;
  isIpv6?: boolean;
  port?: number;
}

/** A TCP packet of any length with right headers, whose checksum field holds the pseudo header's sum. */
function packetOf({ payload = 5000, flags = 0x10, options = 12, sequence = 0xffff_f000, isIpv6 = false, port = 80 }: PacketOptions = {}): Uint8Array {
  const tcpAt = isIpv6 ? 54 : 34;
  const headers = tcpAt + 20 + options;
  const packet = Uint8Array.from({ length: headers + payload }, (_, i) => (i < headers ? 0 : (i * 7 + (i >> 8)) & 0xff));
  const view = new DataView(packet.buffer);
  packet.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
  view.setUint16(12, isIpv6 ? 0x86dd : 0x0800);
  if (isIpv6) {
    packet.set([0x60, 0, 0, 0], 14);
    view.setUint16(18, packet.length - 54);
    packet.set([6, 64], 20);
    packet.set([0xfd, ...Array.from({ length: 15 }, (_, i) => i), 0xfd, ...Array.from({ length: 15 }, (_, i) => i + 1)], 22);
  } else {
    packet.set([0x45, 0], 14);
    view.setUint16(16, packet.length - 14);
    packet.set([0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 18);
    view.setUint16(24, foldChecksum(sumBytes(packet, 14, 20)));
  }
  view.setUint16(tcpAt, 40000);
  view.setUint16(tcpAt + 2, port);
  view.setUint32(tcpAt + 4, sequence);
  view.setUint32(tcpAt + 8, 77);
  packet[tcpAt + 12] = (5 + options / 4) << 4;
  packet[tcpAt + 13] = flags;
  view.setUint16(tcpAt + 14, 5000);
  packet.fill(1, tcpAt + 20, headers);
  const sum = isIpv6 ? ipv6PseudoSum(packet, 14, 6, packet.length - tcpAt) : ipv4PseudoSum(packet, 14, 6, packet.length - tcpAt);
  view.setUint16(tcpAt + 16, ~foldChecksum(sum) & 0xffff);
  return packet;
}

function segmentsOf(packet: Uint8Array, segmentBytes: number): Uint8Array[] {
  const segmenter = new TcpSegmenter();
  const tcpAt = packet[12] === 0x86 ? 54 : 34;
  assert.ok(segmenter.begin(packet, new DataView(packet.buffer), packet.length, tcpAt, segmentBytes));
  return Array.from({ length: segmenter.count }, (_, i) => segmenter.segment(i).slice());
}

/** What comes out where each frame is taken as a card takes it. */
function joined(frames: readonly Uint8Array[]): { bytes: Uint8Array; segments: number; segmentBytes: number }[] {
  const coalescer = new TcpCoalescer();
  const out: { bytes: Uint8Array; segments: number; segmentBytes: number }[] = [];
  const flush = () => {
    const { segments, segmentBytes } = coalescer;
    if (segments > 0) out.push({ segments, segmentBytes, bytes: coalescer.finish().slice() });
  };
  for (const frame of frames) {
    const kind = coalescer.look(frame);
    if (kind !== JOINABLE) {
      flush();
      out.push({ bytes: frame, segments: 0, segmentBytes: 0 });
      continue;
    }
    if (!coalescer.follows(frame)) flush();
    coalescer.take(frame);
  }
  flush();
  return out;
}

for (const isIpv6 of [false, true]) {
  test(`segments of ${isIpv6 ? "IPv6" : "IPv4"} become the packet that they were cut from`, () => {
    for (const payload of [2920, 5000, 1461, 64000, 1]) {
      for (const flags of [0x10, 0x18]) {
        const packet = packetOf({ payload, flags, isIpv6 });
        const [whole, ...more] = joined(segmentsOf(packet, 1460));
        assert.equal(more.length, 0);
        assert.equal(whole?.segments, Math.ceil(payload / 1460));
        if (payload === 1) assert.deepEqual(whole?.bytes, segmentsOf(packet, 1460)[0]);
        else assert.deepEqual(whole?.bytes, packet, `${payload} ${flags}`);
      }
    }
  });
}

test("rows of several packets are joined as far as one packet may be long", () => {
  const frames = segmentsOf(packetOf({ payload: 60000, sequence: 0 }), 1448).concat(segmentsOf(packetOf({ payload: 60000, sequence: 60000 }), 1448));
  const out = joined(frames);
  assert.ok(out.every(({ bytes }) => bytes.length <= 65549));
  assert.equal(out.reduce((sum, { segments }) => sum + segments, 0), frames.length);
});

test("what does not follow is not joined", () => {
  const alone = (change: (second: Uint8Array) => void, wanted = 2) => {
    const frames = segmentsOf(packetOf({ payload: 2000 }), 1000);
    change(frames[1] as Uint8Array);
    assert.equal(joined(frames.map((frame) => withChecksums(frame))).length, wanted);
  };
  alone(() => undefined, 1);
  alone((frame) => (frame[6] = 4)); // another sender
  alone((frame) => (frame[33] = 9)); // another address
  alone((frame) => (frame[35] = 1)); // another port
  alone((frame) => (frame[41] = 1)); // a gap
  alone((frame) => (frame[45] = 1)); // another acknowledgement
  alone((frame) => (frame[49] = 1)); // another window
  alone((frame) => (frame[57] = 9)); // another option
  alone((frame) => (frame[15] = 3)); // congestion was met
  alone((frame) => (frame[47] = 0x11)); // the end
  alone((frame) => (frame[47] = 0x18), 1); // a push ends the packet
  const pushed = segmentsOf(packetOf({ payload: 1000, flags: 0x18 }), 1000).concat(segmentsOf(packetOf({ payload: 1000, sequence: 0xffff_f000 + 1000 }), 1000));
  assert.equal(joined(pushed).length, 2);
  const longer = segmentsOf(packetOf({ payload: 500 }), 1000).concat(segmentsOf(packetOf({ payload: 1000, sequence: 0xffff_f000 + 500 }), 1000));
  assert.equal(joined(longer).length, 2);
});

test("frames that are no segments, or not whole, are let alone, and a wrong checksum is no segment", () => {
  const coalescer = new TcpCoalescer();
  const [frame] = segmentsOf(packetOf({ payload: 900 }), 1000) as [Uint8Array];
  assert.equal(coalescer.look(frame), JOINABLE);
  for (const at of [24, 50, 34, 60, 500]) {
    const bad = frame.slice();
    bad[at] = (bad[at] as number) ^ 1;
    assert.equal(coalescer.look(bad), PLAIN, `octet ${at}`);
  }
  for (let length = 0; length < frame.length; length++) assert.equal(coalescer.look(frame.subarray(0, length)), PLAIN);
  const acknowledgement = withChecksums(segmentsOf(packetOf({ payload: 1 }), 1000)[0]?.subarray(0, 66).slice() ?? frame, 52);
  assert.equal(coalescer.look(acknowledgement), VERIFIED);
  const fragment = withChecksums(frame.slice());
  fragment[20] = 0x20;
  assert.equal(coalescer.look(withChecksums(fragment)), PLAIN);
});

test("padding behind a segment is not part of the stream", () => {
  const [frame] = segmentsOf(packetOf({ payload: 3, options: 0 }), 1000) as [Uint8Array];
  const padded = new Uint8Array(60).fill(0xee);
  padded.set(frame);
  assert.deepEqual(joined([padded])[0]?.bytes, frame);
});

test("random frames never do harm", () => {
  const random = new SeededRandom(5);
  const coalescer = new TcpCoalescer();
  const base = segmentsOf(packetOf({ payload: 3000 }), 200);
  for (let i = 0; i < 20000; i++) {
    const frame = (base[random.below(base.length)] as Uint8Array).slice(0, 1 + random.below(300));
    for (let n = random.below(4); n > 0; n--) frame[random.below(frame.length)] = random.below(256);
    if (coalescer.look(frame) !== JOINABLE) continue;
    if (coalescer.segments > 0 && !coalescer.follows(frame)) assert.ok(coalescer.finish().length <= 65549);
    coalescer.take(frame);
  }
});

/** Puts the checksums of an IPv4 frame right; `length` is a new total length. */
function withChecksums(frame: Uint8Array, length?: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (length !== undefined) view.setUint16(16, length);
  const end = 14 + view.getUint16(16);
  view.setUint16(24, 0);
  view.setUint16(24, foldChecksum(sumBytes(frame, 14, 20)));
  view.setUint16(50, 0);
  view.setUint16(50, foldChecksum(sumBytes(frame, 34, end - 34, ipv4PseudoSum(frame, 14, 6, end - 34))));
  return frame;
}
