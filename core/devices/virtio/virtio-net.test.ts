import assert from "node:assert/strict";
import { test } from "node:test";
import { foldChecksum, sumView } from "../../network/wire/checksum.ts";
import { TcpSegmenter } from "../../network/offload/tcp-segmenter.ts";
import { Cable, type NetPort, type NetPortClient } from "../../network/port.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { NetPeer } from "../../testkit/net-peer.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { VirtioBench } from "../../testkit/virtio-bench.ts";
import { tcpFrame } from "../../testkit/tcp-frame.ts";
import { type StartOptions, VirtioDriver } from "../../testkit/virtio-driver.ts";
import { MODERN_BYTES, legacyBytes } from "./virtio-pci.ts";
import { VirtioNet } from "./virtio-net.ts";

const MAC = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);
const F_MERGEABLE = 15, F_CONTROL = 17, F_CONTROL_RX = 18, F_CONTROL_VLAN = 19, F_CONTROL_MAC = 23, F_EVENT_IDX = 29;

function machine(mtu?: number) {
  const pc = new VirtioBench(new DeviceBench(), 8 << 20);
  const cable = new Cable();
  const peer = new NetPeer();
  cable.b.connect(peer);
  const device: VirtioNet = pc.plug(new VirtioNet("net", pc.ports(() => device), { mac: MAC, port: cable.a, ...(mtu ? { mtu } : {}) }));
  return { pc, device, cable, peer };
}

function started(options: StartOptions & { kind?: "modern" | "legacy"; mtu?: number } = {}) {
  const made = machine(options.mtu);
  const driver = new VirtioDriver(made.pc, options.kind).start(options);
  const { ram } = made.pc;
  const headerBytes = options.kind === "legacy" && options.features && !options.features.includes(F_MERGEABLE) ? 10 : 12;
  const send = (frame: Uint8Array, header: number[] = []): void => {
    const gpa = driver.allocate(headerBytes + frame.length);
    ram.bytes.set(header, gpa);
    ram.bytes.set(frame, gpa + headerBytes);
    driver.queue(1).add({ gpa, length: headerBytes }, { gpa: gpa + headerBytes, length: frame.length });
    driver.queue(1).kick();
  };
  const places: number[] = [];
  const give = (length: number): void => {
    const gpa = driver.allocate(length);
    places[driver.queue(0).add({ gpa, length, isWritable: true })] = gpa;
    driver.queue(0).kick();
  };
  const take = (): Uint8Array[] =>
    driver.queue(0).takeUsed().map(({ head, written }) => ram.bytes.slice(places[head] ?? 0, (places[head] ?? 0) + written));
  const control = (...bytes: number[]): number | undefined => {
    const gpa = driver.allocate(bytes.length + 1);
    ram.bytes.set([...bytes, 0xee], gpa);
    driver.queue(2).add({ gpa, length: bytes.length }, { gpa: gpa + bytes.length, length: 1, isWritable: true });
    driver.queue(2).kick();
    driver.queue(2).takeUsed();
    return ram.bytes[gpa + bytes.length];
  };
  return { ...made, driver, headerBytes, send, give, take, control };
}

function frameTo(to: ArrayLike<number>, length = 60, ...typeAndMore: number[]): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => i * 3);
  frame.set(Uint8Array.from(to));
  frame.set(typeAndMore, 12);
  return frame;
}

const BROADCAST = [255, 255, 255, 255, 255, 255];

for (const kind of ["modern", "legacy"] as const) {
  for (const features of [[F_MERGEABLE, F_EVENT_IDX], []]) {
    test(`${kind}, features ${features.join()}: frames go out and come in whole`, () => {
      const { cable, peer, send, give, take, headerBytes, driver } = started({ kind, features });
      send(frameTo(BROADCAST, 60));
      send(frameTo(MAC, 1514));
      assert.deepEqual(peer.frames, [frameTo(BROADCAST, 60), frameTo(MAC, 1514)]);
      assert.equal(driver.queue(1).takeUsed().length, 2);
      assert.equal(driver.readIsr() & 1, 1);
      assert.equal(cable.b.canSend(), false);
      give(2048);
      give(2048);
      assert.equal(peer.ready > 0, true, "the peer hears of room");
      cable.b.send(frameTo(MAC, 99));
      cable.b.send(frameTo(MAC, 1514));
      assert.equal(cable.b.canSend(), false);
      const [short, long] = take();
      assert.deepEqual(short?.subarray(headerBytes), frameTo(MAC, 99));
      assert.deepEqual(long?.subarray(headerBytes), frameTo(MAC, 1514));
      if (headerBytes === 12) assert.deepEqual([...(short?.subarray(0, 12) ?? [])], features.length || kind === "modern" ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0] : []);
      assert.ok(!driver.needsReset);
    });
  }
}

test("a long frame takes as many buffers as it needs, and says how many", () => {
  const { cable, give, take } = started();
  for (let i = 0; i < 6; i++) give(1000);
  const frame = frameTo(MAC, 4000);
  cable.b.send(frame);
  const parts = take();
  assert.deepEqual(parts.map((part) => part.length), [1000, 1000, 1000, 1000, 12]);
  assert.deepEqual([...(parts[0]?.subarray(10, 12) ?? [])], [5, 0]);
  assert.deepEqual(Uint8Array.from(parts.flatMap((part) => [...part])).subarray(12), frame);
});

test("without mergeable buffers, a frame too long for its buffer is lost and the buffer is not", () => {
  const { cable, give, take, device } = started({ features: [] });
  give(600);
  cable.b.send(frameTo(MAC, 700));
  assert.equal(take().length, 0);
  device.load(structuredClone(device.save()));
  cable.b.send(frameTo(MAC, 588));
  assert.deepEqual(take().map((part) => part.length), [600]);
});

test("buffers held for a frame that did not come survive a save", () => {
  const { cable, give, take, device, pc } = started();
  give(1000);
  assert.equal(cable.b.canSend(), false);
  device.load(structuredClone(device.save()));
  pc.bench.clock.advance(1);
  assert.equal(cable.b.canSend(), false);
  give(1000);
  assert.ok(cable.b.canSend());
  cable.b.send(frameTo(MAC, 1400));
  assert.deepEqual(take().map((part) => part.length), [1000, 412]);
});

test("a checksum begun by the driver is completed", () => {
  const { peer, send } = started();
  const frame = frameTo(MAC, 61, 8, 0);
  frame.set([0x12, 0x34], 40);
  send(frame, [1, 0, 0, 0, 0, 0, 34, 0, 6, 0]);
  const sent = peer.frames[0] ?? new Uint8Array(0);
  // Over the field's first content, the sum with the new one is that of a right checksum: all ones.
  assert.equal(foldChecksum(sumView(new DataView(sent.buffer), 34, 27, 0x1234)), 0);
  send(frame, [1, 0, 0, 0, 0, 0, 34, 0, 40, 0]);
  send(frame, [1, 0, 0, 0, 0, 0, 99, 0, 0, 0]);
  assert.equal(peer.frames.length, 1, "checksums outside the frame are no frames");
});

/** An IPv4 TCP packet of 5,000 bytes of data and the header for it. */
function largePacket() {
  const frame = frameTo(MAC, 14 + 20 + 20 + 5000, 8, 0, 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2);
  frame.set([0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0], 34);
  return { frame, header: [1, 1, 54, 0, 1460 & 0xff, 1460 >> 8, 34, 0, 16, 0, 0, 0] };
}

test("a large TCP packet goes out in segments", () => {
  const { peer, send, driver } = started();
  const { frame, header } = largePacket();
  send(frame, header);
  assert.deepEqual(peer.frames.map((f) => f.length), [1514, 1514, 1514, 674]);
  assert.deepEqual(Uint8Array.from(peer.frames.flatMap((f) => [...f.subarray(54)])), frame.subarray(54));
  send(frame, [1, 3, ...header.slice(2)]);
  send(frame, [0, ...header.slice(1)]);
  send(frame.subarray(0, 40), header);
  assert.equal(peer.frames.length, 4, "no UDP, no packet without checksum, none cut off");
  assert.equal(driver.queue(1).takeUsed().length, 4);
});

test("a full port stops transmission in the middle of a packet, through a save too", () => {
  const { peer, cable, send, driver, device, pc } = started();
  const { frame, header } = largePacket();
  peer.room = 2;
  send(frame, header);
  send(frameTo(MAC));
  assert.equal(peer.frames.length, 2);
  assert.equal(driver.queue(1).takeUsed().length, 0);
  device.load(structuredClone(device.save()));
  pc.bench.clock.advance(1);
  assert.equal(peer.frames.length, 2);
  peer.room = 1;
  cable.b.receiveReady();
  assert.equal(peer.frames.length, 3);
  peer.room = 10;
  cable.b.receiveReady();
  assert.deepEqual(peer.frames.map((f) => f.length), [1514, 1514, 1514, 674, 60]);
  assert.deepEqual(Uint8Array.from(peer.frames.slice(0, 4).flatMap((f) => [...f.subarray(54)])), frame.subarray(54));
  assert.equal(driver.queue(1).takeUsed().length, 2);
});

test("without carrier frames go nowhere, and the driver hears of the cable", () => {
  const { peer, cable, send, driver, device } = started();
  assert.equal(driver.config(6, 2), 1);
  cable.setPlugged(false);
  assert.equal(driver.config(6, 2), 0);
  assert.equal(driver.readIsr() & 2, 2);
  send(frameTo(MAC));
  assert.equal(driver.queue(1).takeUsed().length, 1);
  cable.setPlugged(true);
  send(frameTo(MAC));
  assert.equal(peer.frames.length, 1);
  device.attach(null);
  assert.equal(driver.config(6, 2), 0);
  const other = new Cable();
  const otherPeer = new NetPeer();
  other.b.connect(otherPeer);
  device.attach(other.a);
  assert.equal(driver.config(6, 2), 1);
  send(frameTo(MAC));
  assert.deepEqual([peer.frames.length, otherPeer.frames.length], [1, 1]);
});

test("address and MTU are in the configuration; a legacy driver may change the address", () => {
  const { driver } = started({ mtu: 9000 });
  assert.deepEqual([0, 1, 2, 3, 4, 5].map((i) => driver.config(i, 1)), [...MAC]);
  assert.deepEqual([driver.config(8, 2), driver.config(10, 2)], [1, 9000]);
  driver.setConfig(5, 1, 9);
  assert.equal(driver.config(5, 1), 3);
  const old = started({ kind: "legacy", features: [] });
  old.driver.setConfig(5, 1, 9);
  assert.deepEqual([...old.device.address], [0x52, 0x54, 0, 1, 2, 9]);
  assert.equal(machine().device.pci.readConfig(2, 2), 0x1000);
  assert.ok(!started().driver.isOffered(3), "no MTU is told of");
});

test("filters by mode, address tables and VLANs", () => {
  const { cable, give, take, control } = started({ features: [F_MERGEABLE, F_CONTROL, F_CONTROL_RX, 20, F_CONTROL_VLAN, F_CONTROL_MAC] });
  for (let i = 0; i < 60; i++) give(2048);
  const passes = (to: number[], ...type: number[]): boolean => {
    cable.b.send(frameTo(to, 60, ...type));
    return take().length === 1;
  };
  const other = [2, 0, 0, 0, 0, 1], group = [1, 0, 0x5e, 0, 0, 1], own = [...MAC];
  assert.ok(passes(other), "promiscuous until told otherwise");
  assert.equal(control(0, 0, 0), 0);
  assert.deepEqual([passes(other), passes(group), passes(own), passes(BROADCAST)], [false, false, true, true]);
  assert.equal(control(1, 0, 1, 0, 0, 0, ...other, 1, 0, 0, 0, ...group), 0);
  assert.deepEqual([passes(other), passes(group), passes([3, 0, 0, 0, 0, 1])], [true, true, false]);
  assert.equal(control(1, 0, 100, 0, 0, 0, ...other), 1, "a table cut off");
  assert.ok(passes(other));
  assert.equal(control(1, 0, 0, 0, 0, 0, 65, 0, 0, 0, ...Array.from({ length: 390 }, () => 1)), 0);
  assert.deepEqual([passes(other), passes(group)], [false, true], "too many groups: all of them");
  assert.deepEqual([control(0, 3, 1), passes(group)], [0, false]);
  assert.deepEqual([control(0, 5, 1), passes(BROADCAST)], [0, false]);
  assert.deepEqual([control(0, 2, 1), passes(other)], [0, true]);
  assert.deepEqual([control(0, 4, 1), passes(own)], [0, false]);
  assert.deepEqual([control(0, 4, 0), passes(own, 0x81, 0, 0xe0, 5), passes(own, 0x81, 0, 0xe0, 0)], [0, false, true]);
  assert.deepEqual([control(2, 0, 5, 0), passes(own, 0x81, 0, 0xe0, 5)], [0, true]);
  assert.deepEqual([control(2, 1, 5, 0), passes(own, 0x81, 0, 0, 5)], [0, false]);
  assert.deepEqual([control(2, 0, 5, 0x10), control(2, 2, 5, 0), control(0, 6, 1), control(1, 1, 2), control(9, 9, 9), control(0)], [1, 1, 1, 1, 1, 1]);
  assert.equal(control(1, 1, 2, 2, 2, 2, 2, 2), 0);
  assert.equal(control(0, 2, 0), 0);
  assert.deepEqual([passes([2, 2, 2, 2, 2, 2]), passes(own)], [true, false]);
});

test("packets without header, buffers without room for it, and loops need a reset", () => {
  const short = started();
  const gpa = short.driver.allocate(16);
  short.driver.queue(1).add({ gpa, length: 8 });
  short.driver.queue(1).notify();
  assert.ok(short.driver.needsReset);
  const small = started({ features: [] });
  small.give(11);
  small.cable.b.send(frameTo(MAC));
  assert.ok(small.driver.needsReset);
  const outside = started();
  outside.driver.queue(0).add({ gpa: 0xa0000, length: 2048, isWritable: true });
  assert.equal(outside.cable.b.canSend(), false);
  assert.ok(outside.driver.needsReset);
  const loop = started();
  loop.driver.queue(1).describe(0, gpa, 60, 1, 0);
  loop.driver.queue(1).offer(0);
  loop.driver.queue(1).notify();
  assert.ok(loop.driver.needsReset);
});

test("random rings, headers, frames, saves and a reluctant peer do no harm", () => {
  const { driver, device, pc, cable, peer } = started();
  const random = new SeededRandom(7);
  const large = largePacket();
  let sent = 0;
  for (let round = 0; round < 4000; round++) {
    if (driver.needsReset || random.below(300) === 0) driver.start({ features: random.below(2) ? [F_MERGEABLE] : Array.from({ length: 30 }, (_, i) => i) });
    const index = random.below(3);
    const queue = driver.queue(index);
    const base = 0x200000 + random.below(0x1000);
    const gpa = random.below(200) ? base : random.next();
    queue.takeUsed();
    if (random.below(4)) pc.ram.bytes.set(large.header.map((byte) => (random.below(60) ? byte : random.below(256))), base);
    if (random.below(4)) pc.ram.bytes.set(large.frame, base + 12);
    pc.ram.view.setUint32(0x200000 + random.below(0x1000), random.next(), true);
    try {
      const length = 12 + random.below(random.below(2) ? 100 : 6000);
      queue.add({ gpa, length, isWritable: random.below(20) ? index === 0 : true });
    } catch {
      driver.start(); // the ring is full of what nobody answers
    }
    queue.notify();
    peer.room = random.below(20);
    cable.b.receiveReady();
    if (random.below(4) === 0) cable.b.send(frameTo(random.below(2) ? MAC : BROADCAST, 14 + random.below(3000)));
    if (random.below(cable.isPlugged ? 100 : 5) === 0) cable.setPlugged(!cable.isPlugged);
    if (random.below(50) === 0) device.load(structuredClone(device.save()));
    if (random.below(50) === 0) pc.bench.clock.advance(10);
    sent += peer.frames.length;
    assert.ok(peer.frames.every((frame) => frame.length >= 14 && frame.length <= 9022));
    peer.frames.length = 0;
  }
  assert.ok(sent > 300, `${sent} frames`);
});

deviceConformance(
  "virtio-net",
  (bench) => {
    const pc = new VirtioBench(bench);
    const cable = new Cable();
    cable.b.connect(new NetPeer());
    const device: VirtioNet = pc.insert(new VirtioNet("net", pc.ports(() => device), { mac: MAC, port: cable.a }));
    return device;
  },
  (device) => {
    device.writeReg(0, 25, 1, 0x77);
    device.writeReg(1, 20, 1, 3);
  },
  { banks: [legacyBytes(12), MODERN_BYTES, 4096] },
);

test("segments that come in a row reach a driver that asked for it as one packet; others get them one by one", () => {
  const F_GUEST_CSUM = 1, F_GUEST_TSO4 = 7;
  for (const [features, packets] of [[[F_MERGEABLE, F_GUEST_CSUM, F_GUEST_TSO4], 1], [[F_MERGEABLE, F_GUEST_CSUM], 4], [[F_MERGEABLE], 4], [[F_GUEST_CSUM, F_GUEST_TSO4], 4]] as const) {
    const { device, cable, give, take } = started({ features: [...features] });
    // A port that says when a row of frames ends.
    const port = { ...forwarding(cable.a), comesInRows: true };
    device.attach(port);
    for (let i = 0; i < 8; i++) give(2048);
    const { frame, view, tcpAt } = tcpFrame(4000, { flags: 0x10 });
    frame.set(MAC);
    const segmenter = new TcpSegmenter();
    assert.ok(segmenter.begin(frame, view, frame.length, tcpAt, 1000));
    for (let i = 0; i < segmenter.count; i++) {
      assert.ok(device.canReceive());
      device.receive(segmenter.segment(i));
    }
    if (packets === 1) assert.deepEqual(take(), []);
    device.receiveEnd();
    const buffers = take();
    if (packets === 1) {
      const whole = Buffer.concat(buffers);
      // NEEDS_CSUM, TCPV4, all headers' length, segment size, checksum's start and place, buffers.
      assert.deepEqual([...whole.subarray(0, 12)], [1, 1, 66, 0, 0xe8, 3, 34, 0, 16, 0, buffers.length, 0]);
      assert.equal(whole.length, 12 + frame.length);
      assert.deepEqual([...whole.subarray(12 + 66)], [...frame.subarray(66)]);
    } else {
      assert.equal(buffers.length, 4);
      for (const [i, buffer] of buffers.entries()) {
        assert.deepEqual([...buffer.subarray(0, 10)], Array.from({ length: 10 }, () => 0));
        assert.deepEqual([...buffer.subarray(12 + 66)], [...frame.subarray(66 + 1000 * i, 1066 + 1000 * i)]);
      }
    }
  }
});

test("what is being joined is bounded by the driver's buffers and lost by a reset", () => {
  const { device, cable, give, take, driver } = started({ features: [F_MERGEABLE, 1, 7] });
  device.attach({ ...forwarding(cable.a), comesInRows: true });
  for (let i = 0; i < 3; i++) give(1600);
  const { frame, view, tcpAt } = tcpFrame(8000, { flags: 0x10 });
  frame.set(MAC);
  const segmenter = new TcpSegmenter();
  assert.ok(segmenter.begin(frame, view, frame.length, tcpAt, 1448));
  let taken = 0;
  for (let i = 0; i < segmenter.count && device.canReceive(); i++, taken++) device.receive(segmenter.segment(i));
  device.receiveEnd();
  assert.ok(taken >= 2 && taken <= 3);
  assert.equal(Buffer.concat(take()).length, 12 + 66 + 1448 * taken);
  for (let i = 0; i < 3; i++) give(1600);
  assert.ok(device.canReceive());
  device.receive(segmenter.segment(0));
  driver.start({ features: [F_MERGEABLE, 1, 7] });
  device.receiveEnd();
  assert.deepEqual(take(), []);
});

function forwarding(port: NetPort) {
  return {
    send: (frame: Uint8Array) => port.send(frame),
    canSend: () => port.canSend(),
    get linkUp() {
      return port.linkUp;
    },
    connect: (client: NetPortClient | null) => port.connect(client),
    receiveReady: () => port.receiveReady(),
  };
}
