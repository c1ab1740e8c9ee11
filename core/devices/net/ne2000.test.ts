import assert from "node:assert/strict";
import { test } from "node:test";
import { Cable } from "../../network/port.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { NetPeer } from "../../testkit/net-peer.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { NE2000_PORTS } from "./dp8390.ts";
import { Ne2000Isa, Rtl8029 } from "./ne2000.ts";

const MAC = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);
const BROADCAST = [255, 255, 255, 255, 255, 255];
const START = 0x46, STOP = 0x80;

function started(bench = new DeviceBench()) {
  const cable = new Cable();
  const peer = new NetPeer();
  cable.b.connect(peer);
  const card: Ne2000Isa = new Ne2000Isa("net", bench.irq(), { mac: MAC, timers: bench.timers(() => card), port: cable.a });
  const out = (port: number, value: number): void => card.writeReg(0, port, 1, value);
  const read = (port: number): number => card.readReg(0, port, 1);
  const dma = (command: number, address: number, length: number): void => {
    for (const [port, value] of [[8, address & 0xff], [9, address >> 8], [10, length & 0xff], [11, length >> 8], [0, 2 | command]] as const) out(port, value);
  };
  const fetch = (address: number, length: number): Uint8Array => {
    dma(0x08, address, length);
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 2) {
      const word = card.readReg(0, 0x10, 2);
      bytes.set([word & 0xff, word >> 8].slice(0, length - i), i);
    }
    return bytes;
  };
  const send = (frame: Uint8Array): void => {
    dma(0x10, 0x4000, frame.length);
    for (let i = 0; i < frame.length; i += 2) card.writeReg(0, 0x10, 2, (frame[i] ?? 0) | ((frame[i + 1] ?? 0) << 8));
    for (const [port, value] of [[4, 0x40], [5, frame.length & 0xff], [6, frame.length >> 8], [0, 0x26]] as const) out(port, value);
  };
  /** What Linux's 8390.c does to start the chip. */
  for (const [port, value] of [[0, 0x21], [14, 0x49], [12, 0x04], [13, 0], [1, START], [3, START], [2, STOP], [7, 0xff], [15, 0x13], [0, 0x61]] as const) out(port, value);
  MAC.forEach((byte, i) => {
    out(1 + i, byte);
  });
  out(7, START + 1);
  out(0, 0x22);
  let next = START + 1;
  const take = (): Uint8Array | null => {
    out(0, 0x62);
    const current = read(7);
    out(0, 0x22);
    if (next === current) return null;
    const [, following = 0, low = 0, high = 0] = fetch(next << 8, 4);
    const frame = fetch((next << 8) + 4, (low | (high << 8)) - 4);
    next = following;
    out(3, next === START ? STOP - 1 : next - 1);
    return frame;
  };
  return { bench, card, cable, peer, out, read, fetch, send, take };
}

function frameTo(to: ArrayLike<number>, length = 60): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => i * 3);
  frame.set(Uint8Array.from(to));
  return frame;
}

test("the address PROM is read by remote DMA, each byte twice, and a reset is told of", () => {
  const { read, out, fetch, card } = started();
  assert.deepEqual([...fetch(0, 32)], [...[...MAC].flatMap((byte) => [byte, byte]), ...new Array<number>(16).fill(0), 0x57, 0x57, 0x57, 0x57]);
  assert.equal(read(7) & 0x40, 0x40, "remote DMA complete");
  assert.equal(card.readReg(0, 0x10, 2), 0xffff);
  read(0x1f);
  assert.deepEqual([read(0), read(7) & 0x80], [0x21, 0x80]);
  out(7, 0xff);
  assert.equal(read(7) & 0x80, 0x80);
});

test("frames go out, with interrupt, and wait for a port that is full", () => {
  const { bench, peer, cable, send, read, out, card } = started();
  send(frameTo(BROADCAST, 61));
  assert.deepEqual(peer.frames, [frameTo(BROADCAST, 61)]);
  assert.deepEqual([read(7) & 2, read(4), bench.irq().level], [2, 1, true]);
  out(7, 0xff);
  assert.equal(bench.irq().level, false);
  peer.room = 0;
  send(frameTo(MAC, 1514));
  assert.deepEqual([read(0) & 4, read(7) & 2], [4, 0]);
  card.load(structuredClone(card.save()));
  peer.room = 1;
  cable.b.receiveReady();
  assert.deepEqual([peer.frames[1], read(0) & 4, read(7) & 2], [frameTo(MAC, 1514), 0, 2]);
  cable.setPlugged(false);
  send(frameTo(MAC));
  assert.deepEqual([peer.frames.length, read(0) & 4], [2, 0]);
});

test("frames come in round the ring, and a sender waits for room", () => {
  const { bench, cable, peer, take } = started();
  for (let i = 0; i < 200; i++) {
    cable.b.send(frameTo(MAC, 14 + 7 * i));
    assert.ok(bench.irq().level);
    const frame = take();
    assert.deepEqual(frame?.subarray(0, 14 + 7 * i), frameTo(MAC, 14 + 7 * i), `${i}`);
    assert.equal(frame?.length, Math.max(60, 14 + 7 * i));
  }
  let sent = 0;
  for (; cable.b.canSend(); sent++) cable.b.send(frameTo(MAC, 1000 + sent));
  assert.ok(sent > 8);
  const before = peer.ready;
  for (let i = 0; i < sent; i++) assert.equal(take()?.length, 1000 + i);
  assert.equal(take(), null);
  assert.ok(peer.ready > before);
});

test("reception stays pending while frames are unread, though the driver has acknowledged it", () => {
  const { bench, cable, out, read, take } = started();
  for (let i = 0; i < 12; i++) cable.b.send(frameTo(MAC, 300 + i));
  for (let i = 0; i < 10; i++) assert.equal(take()?.length, 300 + i);
  out(7, 0x01);
  assert.equal(read(7) & 0x01, 0x01);
  assert.equal(bench.irq().level, true);
  for (let i = 10; i < 12; i++) assert.equal(take()?.length, 300 + i);
  assert.equal(take(), null);
  out(7, 0x01);
  assert.equal(read(7) & 0x01, 0);
});

test("a started card stays so until it is stopped", () => {
  const { out, read, cable } = started();
  out(0, 0);
  assert.ok(cable.b.canSend(), "the command register's start bit was not written again");
  assert.equal(read(0) & 3, 2);
  out(0, 1);
  assert.ok(!cable.b.canSend());
  out(0, 0);
  assert.ok(!cable.b.canSend());
});

test("filters by address, broadcast and hash", () => {
  const { cable, out, take } = started();
  const passes = (to: number[]): boolean => {
    cable.b.send(frameTo(to));
    return take() !== null;
  };
  const other = [2, 0, 0, 0, 0, 1], group = [1, 0, 0x5e, 0, 0, 1];
  assert.deepEqual([passes([...MAC]), passes(BROADCAST), passes(other), passes(group)], [true, true, false, false]);
  out(12, 0x18);
  assert.deepEqual([passes(BROADCAST), passes(other), passes(group)], [false, true, false]);
  // 224.0.0.1 hashes to bit 31: the well-known filter bit of the all-hosts group.
  out(0, 0x62);
  out(11, 0x80);
  out(0, 0x22);
  assert.ok(passes(group));
  out(12, 0x38);
  assert.ok(!passes(group), "monitor mode");
});

test("the PCI card answers where its base address says", () => {
  const pc = new VirtioBench();
  const card: Rtl8029 = pc.plug(new Rtl8029("net", pc.portBus, { mac: MAC, timers: pc.bench.timers(() => card) }));
  assert.equal(card.pci.readConfig(0, 4), 0x802910ec);
  const base = card.pci.decodedBase(0) ?? 0;
  pc.portBus.write(base, 1, 0x22);
  assert.equal(pc.portBus.read(base + 10, 2), 0x4350);
  pc.portBus.write(base + 15, 1, 0x40);
  pc.portBus.write(base, 1, 0x0a);
  assert.equal(pc.intx, true);
});

test("random registers and frames do no harm", () => {
  const { card, cable, peer, out, bench } = started();
  const random = new SeededRandom(5);
  for (let round = 0; round < 20_000; round++) {
    out(random.below(NE2000_PORTS), random.next() & 0xff);
    if (random.below(10) === 0) {
      const start = 0x40 + random.below(63);
      const stop = start + random.below(0x81 - start);
      const ring = [[0, 0x21], [1, start], [2, stop], [3, random.next() & 0xff], [12, 0x1c], [0, 0x61], [7, start + random.below(8)], [0, 0x22]] as const;
      for (const [port, value] of ring) out(port, value);
    }
    if (random.below(4) === 0) card.readReg(0, random.below(NE2000_PORTS), 4);
    card.receive(new Uint8Array(random.below(1600)).fill(0xff));
    cable.b.send(frameTo(MAC, 14 + random.below(1500)));
    peer.room = random.below(3);
    if (random.below(500) === 0) card.load(structuredClone(card.save()));
    if (random.below(50) === 0) bench.clock.advance(10);
    assert.ok(peer.frames.every((frame) => frame.length >= 14 && frame.length <= 1518));
    peer.frames.length = 0;
  }
});

const poke = (card: Ne2000Isa | Rtl8029): void => {
  card.writeReg(0, 15, 1, 0x40);
  card.writeReg(0, 0, 1, 0x0a);
};

deviceConformance(
  "ne2000-isa",
  (bench) => {
    const card: Ne2000Isa = new Ne2000Isa("net", bench.irq(), { mac: MAC, timers: bench.timers(() => card), port: new Cable().a });
    return card;
  },
  poke,
  { banks: [NE2000_PORTS] },
);

deviceConformance(
  "rtl8029",
  (bench) => {
    const pc = new VirtioBench(bench);
    const card: Rtl8029 = pc.insert(new Rtl8029("net", pc.portBus, { mac: MAC, timers: bench.timers(() => card), port: new Cable().a }));
    return card;
  },
  poke,
  { banks: [NE2000_PORTS] },
);
