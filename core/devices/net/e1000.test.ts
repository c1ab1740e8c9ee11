import assert from "node:assert/strict";
import { test } from "node:test";
import { foldChecksum, sumView } from "../../network/wire/checksum.ts";
import { Cable } from "../../network/port.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { NetPeer } from "../../testkit/net-peer.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import * as reg from "./e1000-registers.ts";
import { E1000, E1000_MEMORY_BYTES, E1000_PORT_BYTES } from "./e1000.ts";

const MAC = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);
const BROADCAST = [255, 255, 255, 255, 255, 255];
const TX_RING = 0x10000, RX_RING = 0x11000, BUFFERS = 0x200000, DATA = 0x100000;
const RING = 16;
const RCTL_ON = 0x8002 | 0x04000000;
const EOP = 1, IC = 4, TSE = 4, RS = 8, DEXT = 0x20, VLE = 0x40;

/** A card with a driver that has set up rings of 16 descriptors. */
function started() {
  const pc = new VirtioBench(new DeviceBench(), 4 << 20);
  const cable = new Cable();
  const peer = new NetPeer();
  cable.b.connect(peer);
  const device: E1000 = pc.plug(new E1000("net", pc.ports(() => device), { mac: MAC, port: cable.a }));
  pc.fn.writeConfig(4, 2, pc.fn.readConfig(4, 2) | 4);
  const base = pc.fn.decodedBase(0) ?? 0;
  const read = (offset: number): number => pc.read(base + offset, 4);
  const write = (offset: number, value: number): void => pc.write(base + offset, 4, value);
  const { view, bytes } = pc.ram;
  let tail = 0;
  let rxNext = 0;
  const setUp = (rctl = RCTL_ON): void => {
    bytes.fill(0, TX_RING, TX_RING + 0x2000);
    tail = rxNext = 0;
    write(reg.CTRL, 0x241);
    for (const [at, ring] of [[reg.TDBAL, TX_RING], [reg.RDBAL, RX_RING]] as const) {
      write(at, ring);
      write(at + 8, RING * 16);
    }
    for (let i = 0; i < RING; i++) view.setUint32(RX_RING + 16 * i, BUFFERS + 0x4000 * i, true);
    write(reg.RDT, RING - 1);
    write(reg.RCTL, rctl);
    write(reg.TCTL, 2);
  };
  const descriptor = (low: number, high: number, second: number, third: number): void => {
    for (const [i, word] of [low, high, second, third].entries()) view.setUint32(TX_RING + 16 * tail + 4 * i, word >>> 0, true);
    tail = (tail + 1) % RING;
  };
  const go = (): void => write(reg.TDT, tail);
  const legacy = (frame: Uint8Array, command = EOP | RS, cso = 0, css = 0, special = 0): void => {
    bytes.set(frame, DATA);
    descriptor(DATA, 0, frame.length | (cso << 16) | (command << 24), (css << 8) | (special << 16));
    go();
  };
  /** Frames that have come since the last call, with status and special field. */
  const take = () => {
    const taken: { data: Uint8Array; status: number; special: number }[] = [];
    for (; (view.getUint8(RX_RING + 16 * rxNext + 12) & 1) !== 0; rxNext = (rxNext + 1) % RING) {
      const at = RX_RING + 16 * rxNext;
      const gpa = view.getUint32(at, true);
      taken.push({ data: bytes.slice(gpa, gpa + view.getUint16(at + 8, true)), status: view.getUint8(at + 12), special: view.getUint16(at + 14, true) });
      view.setUint8(at + 12, 0);
      write(reg.RDT, rxNext);
    }
    return taken;
  };
  setUp();
  return { pc, device, cable, peer, read, write, setUp, descriptor, go, legacy, take, txStatus: (i: number) => view.getUint8(TX_RING + 16 * i + 12) & 15 };
}

function frameTo(to: ArrayLike<number>, length = 60, ...typeAndMore: number[]): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => i * 3);
  frame.set(Uint8Array.from(to));
  frame.set(typeAndMore, 12);
  return frame;
}

test("identity, EEPROM by bits and by words, PHY", () => {
  const { pc, read, write } = started();
  assert.equal(pc.fn.readConfig(0, 4), 0x100e8086);
  const bit = (value: number): void => {
    write(reg.EECD, 0x42 | value);
    write(reg.EECD, 0x43 | value);
  };
  const byBits = (address: number, words = 1): number[] => {
    write(reg.EECD, 0x40);
    assert.equal(read(reg.EECD) & 0x180, 0x180, "granted and present");
    for (const value of [1, 1, 0, ...[5, 4, 3, 2, 1, 0].map((n) => (address >> n) & 1)]) bit(4 * value);
    assert.equal(read(reg.EECD) & 8, 0, "the dummy bit");
    return Array.from({ length: words }, () => {
      let word = 0;
      for (let i = 0; i < 16; i++) {
        bit(0);
        word = (word << 1) | ((read(reg.EECD) >> 3) & 1);
      }
      return word;
    });
  };
  assert.deepEqual(byBits(0, 3), [0x5452, 0x0100, 0x0302]);
  assert.deepEqual(byBits(0x0d), [0x100e]);
  assert.equal(byBits(0, 64).reduce((sum, word) => sum + word, 0) & 0xffff, 0xbaba);
  write(reg.EERD, 0x0d01);
  assert.equal(read(reg.EERD), 0x100e0d10);
  assert.deepEqual([read(reg.RAL), read(reg.RAH)], [0x01005452, 0x80000302]);
  const phy = (register: number): number => {
    write(reg.MDIC, 0x08200000 | (register << 16));
    return read(reg.MDIC);
  };
  assert.equal(phy(2), 0x18220141);
  assert.equal(phy(1) & 0x24, 0x24);
  write(reg.MDIC, 0x08400000);
  assert.equal(read(reg.MDIC) >>> 28, 5, "no other transceiver");
});

test("legacy descriptors: frames in pieces, checksum, tag, write-back and interrupts", () => {
  const { pc, peer, read, write, descriptor, go, legacy, txStatus } = started();
  legacy(frameTo(BROADCAST));
  assert.deepEqual(peer.frames, [frameTo(BROADCAST)]);
  assert.deepEqual([txStatus(0), read(reg.TDH)], [1, 1]);
  assert.equal(pc.intx, false);
  write(reg.IMS, 0x93);
  assert.equal(pc.intx, true);
  assert.equal(read(reg.ICR), 0x03);
  assert.deepEqual([pc.intx, read(reg.ICR)], [false, 0]);
  pc.ram.bytes.set(frameTo(MAC, 1000), DATA);
  descriptor(DATA, 0, 600, 0);
  descriptor(DATA + 600, 0, 400 | (EOP << 24), 0);
  go();
  assert.deepEqual([peer.frames[1], txStatus(2)], [frameTo(MAC, 1000), 0]);
  const begun = frameTo(MAC, 61, 8, 0);
  begun.set([0x12, 0x34], 40);
  legacy(begun, EOP | IC, 40, 34);
  assert.equal(foldChecksum(sumView(new DataView((peer.frames[2] ?? begun).buffer), 34, 27, 0x1234)), 0);
  write(reg.CTRL, 0x40000241);
  write(reg.VET, 0x8100);
  legacy(frameTo(MAC), EOP | VLE, 0, 0, 0x6005);
  const tagged = peer.frames[3] ?? begun;
  assert.deepEqual([...tagged.subarray(12, 18)], [0x81, 0, 0x60, 5, 36, 39]);
  assert.equal(tagged.length, 64);
  assert.equal(read(reg.GPTC), 4);
  assert.equal(read(reg.GPTC), 0);
});

/** An IPv4 TCP packet with 5,000 bytes of data. */
function largePacket(): Uint8Array {
  const frame = frameTo(MAC, 14 + 20 + 20 + 5000, 8, 0, 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2);
  frame.set([0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0], 34);
  return frame;
}

const CONTEXT = [14 | (24 << 8) | (33 << 16), 34 | (50 << 8), 5000 | ((DEXT | 0x07) << 24), (54 << 8) | (1460 << 16)] as const;

test("extended descriptors: checksums by context", () => {
  const { pc, peer, descriptor, go } = started();
  const frame = largePacket().subarray(0, 1000);
  pc.ram.bytes.set(frame, DATA);
  descriptor(...CONTEXT);
  descriptor(DATA, 0, 1000 | (1 << 20) | ((DEXT | EOP | RS) << 24), 0x300);
  go();
  const sent = peer.frames[0] ?? frame;
  const view = new DataView(sent.buffer);
  assert.equal(foldChecksum(sumView(view, 14, 20)), 0);
  assert.equal(foldChecksum(sumView(view, 34, 966)), 0);
});

test("a checksum as Linux asks for it: no end, the pseudo header's sum in the field", () => {
  const { pc, peer, descriptor, go } = started();
  const frame = largePacket().subarray(0, 74);
  frame.set([0x16, 0x31], 50);
  pc.ram.bytes.set(frame, DATA);
  descriptor(0, 0x3222, (DEXT | 1) << 24, 0);
  descriptor(DATA, 0, 74 | (1 << 20) | (0xab << 24), 0x200);
  go();
  const sent = peer.frames[0] ?? frame;
  assert.equal(foldChecksum(sumView(new DataView(sent.buffer), 34, 40, 0x1631)), 0);
});

test("segmentation, with tags, stopping where the port is full and going on after a load", () => {
  const { pc, peer, cable, device, descriptor, go, write, txStatus, read } = started();
  const frame = largePacket();
  pc.ram.bytes.set(frame, DATA);
  write(reg.CTRL, 0x40000241);
  write(reg.VET, 0x8100);
  peer.room = 2;
  descriptor(...CONTEXT);
  descriptor(DATA, 0, 54 | (1 << 20) | ((DEXT | TSE) << 24), 0x300);
  descriptor(DATA + 54, 0, 5000 | (1 << 20) | ((DEXT | TSE | EOP | RS | VLE) << 24), 7 << 16);
  go();
  assert.deepEqual([peer.frames.length, txStatus(2), read(reg.TDH)], [2, 0, 2]);
  device.load(structuredClone(device.save()));
  peer.room = 9;
  pc.bench.clock.advance(1);
  assert.deepEqual(peer.frames.map((f) => f.length), [1518, 1518, 1518, 678]);
  assert.deepEqual([txStatus(2), read(reg.TDH)], [1, 3]);
  assert.deepEqual(Uint8Array.from(peer.frames.flatMap((f) => [...f.subarray(58)])), frame.subarray(54));
  assert.ok(peer.frames.every((f) => f[14] === 0 && f[15] === 7));
  assert.ok(cable.isPlugged);
});

test("frames are received, padded, over several buffers, with the check sequence's room if it is wanted", () => {
  const { pc, cable, take, write, read, setUp } = started();
  write(reg.IMS, 0x80);
  cable.b.send(frameTo(MAC, 20));
  assert.equal(pc.intx, true);
  const [short] = take();
  assert.deepEqual(short?.data, Uint8Array.of(...frameTo(MAC, 20), ...new Array<number>(40).fill(0)));
  assert.equal(short?.status, 7);
  cable.b.send(frameTo(MAC, 1600));
  assert.equal(take().length, 0, "too long");
  setUp(RCTL_ON | 0x20);
  write(reg.RDH, 0);
  cable.b.send(frameTo(MAC, 5000));
  const parts = take();
  assert.deepEqual(parts.map(({ data, status }) => [data.length, status]), [[2048, 5], [2048, 5], [904, 7]]);
  assert.deepEqual(Uint8Array.from(parts.flatMap(({ data }) => [...data])), frameTo(MAC, 5000));
  write(reg.RCTL, 0x8002);
  cable.b.send(frameTo(MAC, 100));
  assert.equal(take()[0]?.data.length, 104);
  assert.deepEqual([read(reg.GPRC), read(reg.GORC), read(reg.GORC + 4)], [3, 20 + 5000 + 100 + 12, 0]);
});

test("filters by address, hash and VLAN; tags are stripped", () => {
  const { cable, take, write } = started();
  const passes = (to: ArrayLike<number>, ...type: number[]): boolean => {
    cable.b.send(frameTo(to, 64, ...type));
    return take().length === 1;
  };
  const other = [2, 0, 0, 0, 0, 1], group = [1, 0, 0x5e, 0, 0x12, 0x34];
  assert.deepEqual([passes(MAC), passes(BROADCAST), passes(other), passes(group)], [true, true, false, false]);
  for (const [mo, shift] of [4, 3, 2, 0].entries()) {
    const hash = (0x3412 >> shift) & 0xfff;
    write(reg.RCTL, RCTL_ON | (mo << 12));
    write(reg.MTA + 4 * (hash >> 5), 2 ** (hash & 31));
    assert.ok(passes(group), `hash ${mo}`);
    write(reg.MTA + 4 * (hash >> 5), 0);
    assert.ok(!passes(group));
  }
  write(reg.RAL + 8, 0x00000002);
  write(reg.RAH + 8, 0x80000100);
  assert.ok(passes(other));
  write(reg.RCTL, (RCTL_ON & ~0x8000) | 0x18);
  assert.deepEqual([passes([4, 0, 0, 0, 0, 9]), passes(group), passes(BROADCAST)], [true, true, true]);
  write(reg.RCTL, RCTL_ON | 0x40000);
  write(reg.VET, 0x8100);
  assert.ok(!passes(MAC, 0x81, 0, 0x60, 5));
  write(reg.VFTA, 0x20);
  assert.ok(passes(MAC, 0x81, 0, 0x60, 5));
  write(reg.CTRL, 0x40000241);
  cable.b.send(frameTo(MAC, 80, 0x81, 0, 0x60, 5, 8, 0));
  const [stripped] = take();
  assert.deepEqual([stripped?.status, stripped?.special, stripped?.data.length], [15, 0x6005, 76]);
  assert.deepEqual([...(stripped?.data.subarray(10, 15) ?? [])], [30, 33, 8, 0, 54]);
});

test("without buffers a sender waits and hears of new ones", () => {
  const { cable, peer, take, write, read } = started();
  for (let i = 0; i < RING - 1; i++) cable.b.send(frameTo(MAC));
  assert.equal(cable.b.canSend(), false);
  assert.equal(read(reg.ICR) & 0x10, 0x10);
  const before = peer.ready;
  assert.equal(take().length, RING - 1);
  assert.ok(peer.ready > before);
  write(reg.RCTL, 0);
  assert.equal(cable.b.canSend(), false);
});

test("the throttle keeps the pin down for its interval, through a load too", () => {
  const { pc, device, cable, write, read } = started();
  write(reg.ITR, 1000);
  write(reg.IMS, 0x80);
  cable.b.send(frameTo(MAC));
  assert.equal(pc.intx, true);
  read(reg.ICR);
  cable.b.send(frameTo(MAC));
  assert.equal(pc.intx, false);
  device.load(structuredClone(device.save()));
  pc.bench.clock.advance(255_999);
  assert.equal(pc.intx, false);
  pc.bench.clock.advance(1);
  assert.equal(pc.intx, true);
});

test("the cable is seen by status, PHY and interrupt; a reset by the driver starts over", () => {
  const { pc, device, cable, peer, read, write, legacy } = started();
  assert.equal(read(reg.STATUS), 0x283);
  write(reg.IMS, 4);
  cable.setPlugged(false);
  assert.deepEqual([read(reg.STATUS), pc.intx, read(reg.ICR)], [0x281, true, 4]);
  legacy(frameTo(MAC));
  assert.deepEqual([peer.frames.length, read(reg.TDH)], [0, 1]);
  device.attach(null);
  legacy(frameTo(MAC));
  assert.equal(read(reg.TDH), 2);
  device.attach(cable.a);
  cable.setPlugged(true);
  assert.equal(read(reg.STATUS), 0x283);
  write(reg.CTRL, 0x04000241);
  assert.deepEqual([read(reg.IMS), read(reg.TDT), read(reg.RCTL), read(reg.CTRL), pc.intx], [0, 0, 0, 0x241, false]);
  assert.equal(read(reg.RAH), 0x80000302);
});

test("registers are reached through the ports as well", () => {
  const { pc, read } = started();
  const io = pc.fn.decodedBase(2) ?? 0;
  pc.portBus.write(io, 4, reg.IMS);
  pc.portBus.write(io + 4, 4, 0x55);
  assert.deepEqual([read(reg.IMS), pc.portBus.read(io + 4, 4)], [0x55, 0x55]);
  pc.portBus.write(io, 4, 0xfffffffc);
  assert.equal(pc.portBus.read(io + 4, 4), 0);
});

test("rings outside RAM, tails outside rings and lengths beyond reason do no harm", () => {
  const { device, peer, cable, write, read, legacy, descriptor, go, take } = started();
  for (let i = 0; i < 10; i++) descriptor(0xa0000, 0, 0xffff, 0);
  descriptor(DATA, 5, 60 | (EOP << 24), 0);
  go();
  legacy(frameTo(MAC));
  assert.deepEqual([peer.frames.length, read(reg.TDH)], [1, 12], "a packet of 640 KiB goes nowhere");
  write(reg.TDT, 0xffff);
  assert.equal(read(reg.TDH), 12, "once round");
  write(reg.RDT, 0xffff);
  cable.b.send(frameTo(MAC));
  assert.equal(take().length, 0);
  for (const ring of [0xa0000, 0xfffffff0, 0xfee00000]) {
    write(reg.TDBAL, ring);
    write(reg.RDBAL, ring);
    write(reg.TDT, 3);
    write(reg.RDT, 15);
    write(reg.RDH, 0);
    cable.b.send(frameTo(MAC));
  }
  write(reg.RDBAH, 1);
  cable.b.send(frameTo(MAC));
  device.load(structuredClone(device.save()));
});

test("random descriptors, registers, frames, saves and a reluctant peer do no harm", () => {
  const { pc, device, peer, cable, write, read, setUp } = started();
  const random = new SeededRandom(11);
  const registers = [reg.CTRL, reg.RCTL, reg.TCTL, reg.VET, reg.TDH, reg.RDH, reg.TDLEN, reg.RDLEN, reg.TDBAL, reg.RDBAL, reg.ITR, reg.IMS, reg.ICS];
  let sent = 0;
  pc.ram.bytes.set(largePacket(), DATA);
  for (let round = 0; round < 6000; round++) {
    if (random.below(40) === 0) setUp(RCTL_ON | (random.next() & 0x02030020));
    for (let i = 0; i < 4; i++) {
      const at = TX_RING + 16 * random.below(RING);
      const words = random.below(2) ? [...CONTEXT] : [DATA, 0, random.below(6000) | (random.below(2) << 20) | (random.below(256) << 24), random.next()];
      for (const [n, word] of words.entries()) pc.ram.view.setUint32(at + 4 * n, random.below(60) ? word >>> 0 : random.next(), true);
    }
    write(reg.TDT, random.below(RING + 1));
    write(reg.RDT, random.below(RING + 1));
    if (random.below(20) === 0) write(random.pick(registers), random.next() & random.next());
    peer.room = random.below(8);
    cable.b.receiveReady();
    cable.b.send(frameTo(random.below(2) ? MAC : BROADCAST, 14 + random.below(3000)));
    if (random.below(cable.isPlugged ? 100 : 5) === 0) cable.setPlugged(!cable.isPlugged);
    if (random.below(50) === 0) device.load(structuredClone(device.save()));
    if (random.below(50) === 0) pc.bench.clock.advance(10_000);
    read(reg.ICR);
    sent += peer.frames.length;
    assert.ok(peer.frames.every((frame) => frame.length >= 14 && frame.length <= 9022));
    peer.frames.length = 0;
  }
  assert.ok(sent > 1000, `${sent} frames`);
});

test("an address that is a group's or none is refused", () => {
  const pc = new VirtioBench();
  for (const mac of [Uint8Array.of(1, 0, 0, 0, 0, 0), new Uint8Array(5)]) {
    assert.throws(() => new E1000("net", pc.ports(() => ({})), { mac }), RangeError);
  }
});

deviceConformance(
  "e1000",
  (bench) => {
    const pc = new VirtioBench(bench);
    const cable = new Cable();
    cable.b.connect(new NetPeer());
    const device: E1000 = pc.insert(new E1000("net", pc.ports(() => device), { mac: MAC, port: cable.a }));
    return device;
  },
  (device) => {
    device.writeReg(0, reg.ITR, 4, 500);
    device.writeReg(0, reg.IMS, 4, 0xff);
    device.writeReg(0, reg.ICS, 4, 0x04);
    device.writeReg(1, 0, 4, 0x100);
    device.writeReg(0, reg.MDIC, 4, 0x04290123);
    device.writeReg(0, reg.EECD, 4, 0x42);
    device.writeReg(0, reg.EECD, 4, 0x47);
  },
  { banks: [E1000_MEMORY_BYTES, E1000_PORT_BYTES] },
);
