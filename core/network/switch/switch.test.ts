import assert from "node:assert/strict";
import test from "node:test";
import { Cable } from "../port.ts";
import { parseIpv4 } from "../wire/ipv4.ts";
import { ARP_REPLY, writeArp } from "../wire/arp.ts";
import type { PortConfig } from "./port-config.ts";
import { Switch, type SwitchOptions } from "./switch.ts";
import type { SwitchPort } from "./switch-port.ts";

const ALL = 0xffff_ffff_ffff;
const A = 0x0200_0000_000a;
const B = 0x0200_0000_000b;
const C = 0x0200_0000_000c;

function bench(options: Partial<SwitchOptions> = {}) {
  const clock = { now: 0, nowNs: () => clock.now };
  const made = new Switch(clock, { name: "s", mac: 0x0200_0000_0001, ...options });
  const add = (name: string, config: Partial<PortConfig> = {}) => {
    const port = made.addPort({ name, vlans: { mode: "access", vlan: 1 }, ...config }) as SwitchPort;
    const cable = new Cable();
    const got: Uint8Array[] = [];
    const station = { port, cable, got, full: false, answer: undefined as Uint8Array | undefined };
    cable.a.connect({
      receive: (frame) => {
        got.push(frame.slice());
        if (station.answer !== undefined) cable.a.send(station.answer);
      },
      canReceive: () => !station.full,
      linkChanged() {},
      sendReady() {},
    });
    port.attach(cable.b);
    return { ...station, station, send: (frame: Uint8Array) => cable.a.send(frame) };
  };
  return { clock, made, add };
}

function frame(to: number, from: number, length = 60, type = 0x0800): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(to / 2 ** 32));
  view.setUint32(2, to >>> 0);
  view.setUint16(6, Math.floor(from / 2 ** 32));
  view.setUint32(8, from >>> 0);
  view.setUint16(12, type);
  return bytes;
}

test("an unknown station is sought everywhere, a known one is not, and a silent one is forgotten", () => {
  const { clock, made, add } = bench({ ageingSeconds: 300 });
  const [a, b, c] = [add("a"), add("b"), add("c")];
  a.send(frame(B, A));
  assert.deepEqual([b.got.length, c.got.length], [1, 1]);
  b.send(frame(A, B));
  assert.deepEqual([a.got.length, c.got.length], [1, 1]);
  assert.deepEqual(made.stations().map(({ mac, port }) => `${mac} ${port}`).toSorted(), [`${A} a`, `${B} b`]);
  clock.now = 301e9;
  a.send(frame(B, A));
  assert.equal(c.got.length, 2);
});

test("a station that moves is found at its new port, and a pulled cable forgets it", () => {
  const { add } = bench();
  const [a, b, c] = [add("a"), add("b"), add("c")];
  b.send(frame(ALL, B));
  c.send(frame(ALL, B));
  a.send(frame(B, A));
  assert.equal(b.got.length, 1);
  assert.equal(c.got.length, 2);
  c.cable.setPlugged(false);
  a.send(frame(B, A));
  assert.equal(b.got.length, 2);
});

test("one address in two VLANs is two stations", () => {
  const { add } = bench();
  const red = { vlans: { mode: "access", vlan: 10 } } as const;
  const blue = { vlans: { mode: "access", vlan: 20 } } as const;
  const [a, b, other, twin] = [add("a", red), add("b", red), add("c", red), add("d", blue)];
  b.send(frame(ALL, B));
  twin.send(frame(ALL, B));
  a.send(frame(B, A));
  assert.deepEqual([b.got.length, other.got.length, twin.got.length], [1, 1, 0]);
});

test("a flood of forged addresses neither grows the table nor hides a station that talks", () => {
  const { made, add } = bench({ macTableSize: 1024, macsPerPort: 256 });
  const [a, b, c] = [add("a"), add("b"), add("c")];
  for (let i = 0; i < 50_000; i++) {
    c.send(frame(C, 0x0200_0001_0000 + i * 7919));
    if (i % 1000 === 0) b.send(frame(A, B));
  }
  assert.ok(made.stations().filter(({ port }) => port === "c").length <= 256);
  const before = c.got.length;
  a.send(frame(B, A));
  assert.equal(c.got.length, before);
});

test("a port with a limit on stations drops frames from more of them, until others have aged", () => {
  const { clock, add } = bench({ ageingSeconds: 100 });
  const [a, b] = [add("a", { macLimit: 2 }), add("b")];
  for (const from of [A, C, 0x0200_0000_0010, A]) a.send(frame(ALL, from));
  assert.deepEqual([b.got.length, a.port.counts.forged], [3, 1]);
  clock.now = 101e9;
  a.send(frame(ALL, 0x0200_0000_0010));
  assert.equal(b.got.length, 4);
});

test("a port with a list of addresses sends no other, and nobody else sends those", () => {
  const { add } = bench();
  const a = add("a", { macs: [A], ipv4: [parseIpv4("10.0.0.1")!] });
  const [b, c] = [add("b"), add("c")];
  a.send(frame(ALL, B));
  c.send(frame(ALL, A));
  assert.equal(b.got.length, 0);
  const arp = (mac: number, ip: string): Uint8Array => {
    const bytes = frame(ALL, A, 60, 0x0806);
    writeArp(bytes, 14, ARP_REPLY, mac, parseIpv4(ip)!, 0, 0);
    return bytes;
  };
  a.send(arp(B, "10.0.0.1"));
  a.send(arp(A, "10.0.0.2"));
  a.send(frame(ALL, A, 30));
  assert.deepEqual([a.port.counts.forged, c.port.counts.forged, b.got.length], [4, 1, 0]);
  a.send(arp(A, "10.0.0.1"));
  assert.equal(b.got.length, 1);
});

test("a blocked address neither sends nor receives at its port", () => {
  const { add } = bench();
  const [a, b] = [add("a"), add("b", { blockedMacs: [A] })];
  a.send(frame(ALL, A));
  a.send(frame(ALL, C));
  assert.equal(b.got.length, 1);
  b.send(frame(A, B));
  assert.equal(b.port.counts.filtered, 1);
});

test("a mirror port gets what its ports send and receive, as on their wires, and sends nothing", () => {
  const { add } = bench();
  const trunk = add("t", { vlans: { mode: "trunk", allowed: [10] } });
  const a = add("a", { vlans: { mode: "access", vlan: 10 } });
  const mirror = add("m", { mirrorOf: ["a"], vlans: { mode: "access", vlan: 10 } });
  a.send(frame(ALL, A));
  const tagged = frame(ALL, B, 64, 0x8100);
  tagged.set([0, 10, 8, 0], 14);
  trunk.send(tagged);
  assert.deepEqual(mirror.got, [frame(ALL, A), frame(ALL, B)]);
  mirror.send(frame(ALL, C));
  assert.equal(a.got.length, 1);
  assert.equal(trunk.got.length, 1);
});

test("storm control holds back what is flooded, not what has a known destination", () => {
  const { clock, add } = bench();
  const [a, b] = [add("a", { stormFramesPerSecond: 100 }), add("b")];
  b.send(frame(ALL, B));
  for (let i = 0; i < 50; i++) a.send(frame(ALL, A));
  assert.equal(b.got.length, 10);
  for (let i = 0; i < 50; i++) a.send(frame(B, A));
  assert.equal(b.got.length, 60);
  clock.now = 1e9;
  a.send(frame(ALL, A));
  assert.equal(b.got.length, 61);
  assert.equal(a.port.counts.storm, 40);
});

test("a rate limit lets its bits through and no more", () => {
  const { clock, add } = bench();
  const [a, b] = [add("a", { rateBitsPerSecond: 8e6 }), add("b")];
  for (let ms = 0; ms < 10_000; ms++) {
    clock.now = ms * 1e6;
    for (let i = 0; i < 3; i++) a.send(frame(ALL, A, 1000));
  }
  assert.ok(Math.abs(b.got.length - 10_100) < 10, `${b.got.length} frames of 8,000 bits in ten seconds`);
});

test("a station moved to another VLAN while running sees that one only, at once", () => {
  const { made, add } = bench();
  const [a, b, c] = [add("a"), add("b"), add("c", { vlans: { mode: "access", vlan: 2 } })];
  a.send(frame(ALL, A));
  b.send(frame(A, B));
  assert.equal(made.configure(a.port, { name: "a", vlans: { mode: "access", vlan: 2 } }), undefined);
  b.send(frame(A, B));
  a.send(frame(ALL, A));
  assert.deepEqual([a.got.length, b.got.length, c.got.length], [1, 1, 1]);
});

test("frames are counted for each port and VLAN, with the reasons for those dropped", () => {
  const { made, add } = bench();
  const [a, b] = [add("a", { maxFrame: 1514 }), add("b")];
  a.send(frame(ALL, A, 100));
  a.send(frame(ALL, A, 1515));
  a.send(frame(ALL, A, 60, 0x88a8));
  a.send(frame(ALL, ALL));
  b.station.full = true;
  a.send(frame(ALL, A));
  const counts = a.port.counts;
  assert.deepEqual([counts.receivedFrames, counts.receivedBytes, counts.oversized, counts.wrongVlan, counts.forged], [5, 1795, 1, 1, 1]);
  assert.deepEqual([b.port.counts.sentFrames, b.port.counts.sentBytes, b.port.counts.overrun], [1, 100, 1]);
  assert.deepEqual(made.vlanCounts(1), { frames: 2, bytes: 160, flooded: 2 });
});

test("stations that answer each broadcast with one keep the switch busy only until it hands back control", () => {
  const { made, add } = bench();
  const [a, b] = [add("a"), add("b")];
  a.station.answer = frame(ALL, A);
  b.station.answer = frame(ALL, B);
  a.send(frame(ALL, A));
  const first = a.got.length + b.got.length;
  assert.ok(first > 100 && first < 2000);
  assert.equal(made.nextDeadlineNs(), 0);
  a.station.answer = undefined;
  b.station.answer = undefined;
  made.poll();
  assert.equal(made.nextDeadlineNs(), Infinity);
});

test("a frame is the same for all its receivers, whatever they send while they receive", () => {
  const { add } = bench();
  const trunk = (name: string) => add(name, { vlans: { mode: "trunk", allowed: [10] } });
  const [first, second] = [trunk("t1"), trunk("t2")];
  const a = add("a", { vlans: { mode: "access", vlan: 10 } });
  const answer = frame(A, B, 64, 0x8100);
  answer.set([0, 10, 0x86, 0xdd], 14);
  first.station.answer = answer;
  a.send(frame(ALL, A));
  assert.deepEqual(second.got[0], first.got[0]);
  assert.deepEqual(a.got, [frame(A, B, 60, 0x86dd)]);
});

test("configurations that cannot be are refused with a reason", () => {
  const { made, add } = bench();
  add("a");
  const refused = (config: Partial<PortConfig>): string => made.addPort({ name: "x", vlans: { mode: "access", vlan: 1 }, ...config }) as string;
  assert.match(refused({ name: "a" }), /has a port a already/);
  assert.match(refused({ vlans: { mode: "access", vlan: 0 } }), /0 is not a VLAN/);
  assert.match(refused({ vlans: { mode: "trunk", allowed: [1, 4095] } }), /4095 is not a VLAN/);
  assert.match(refused({ vlans: { mode: "trunk", allowed: "all", native: 1.5 } }), /not a VLAN/);
  assert.match(refused({ maxFrame: 20 }), /longest frame/);
  assert.match(refused({ rateBitsPerSecond: -1 }), /above zero/);
  assert.match(refused({ macs: [ALL] }), /group address/);
  assert.equal(made.ports.length, 1);
});

test("a removed port is silent in both directions, and its number is free again", () => {
  const { made, add } = bench();
  const [a, b] = [add("a"), add("b")];
  made.removePort(b.port);
  a.send(frame(ALL, A));
  b.send(frame(ALL, B));
  assert.deepEqual([a.got.length, b.got.length], [0, 0]);
  assert.equal(add("c").port.number, b.port.number);
});
