// The demo guest's network on our own engine: guests, a switch with VLANs and gateways in one thread and in fake time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DemoLab, type NicConnection } from "../../../core/testkit/demo-lab.ts";
import { SeededRandom } from "../../../core/testkit/seeded-random.ts";

const access = (vlan: number): NicConnection => ({ switch: "lan", vlans: { mode: "access", vlan } });
const gateway = (vlan: number) => ({ name: `gw${vlan}`, switch: "lan", vlan, network: `10.0.${vlan}.0/24` });
const drawing = { switches: [{ name: "lan" }], gateways: [gateway(10), gateway(20)] };
const TYPE_AT = 12, IP_AT = 14;

/** Checksum of the page /bytes/N: byte n is n * 31 + n / 256. */
function crcOfBytes(count: number): string {
  let crc = 0xffff_ffff;
  for (let n = 0; n < count; n++) {
    crc ^= (n * 31 + (n >> 8)) & 0xff;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

test("guests of a VLAN have addresses, names, pings and pages, and nothing of theirs is seen in another VLAN", () => {
  const lab = new DemoLab(drawing);
  const alice = lab.add("alice", access(10), 'run="wait bob; ping bob 50 0; http get bob; http get bob/bytes/100000; http get bob:81; ping 10.0.20.10 1"');
  const bob = lab.add("bob", access(10));
  const carol = lab.add("carol", access(20));
  const [ofBob, ofCarol] = [lab.observe(bob), lab.observe(carol)];
  assert.ok(lab.run(() => alice.text.includes("100% loss")), alice.text);
  assert.match(alice.text, /^net0: 10\.0\.10\.1\d\/24 from 10\.0\.10\.1$/m);
  assert.match(bob.text, /^net0: 10\.0\.10\.1\d\/24 from 10\.0\.10\.1$/m);
  assert.match(carol.text, /^net0: 10\.0\.20\.10\/24 from 10\.0\.20\.1$/m);
  assert.match(alice.text, /^50 sent, 50 received, 0% loss\nround trip min\/avg\/median\/max \d+\.\d\/\d+\.\d\/\d+\.\d\/\d+\.\d us$/m);
  assert.match(alice.text, /<h1>bob<\/h1>[\s\S]*200 OK: \d+ bytes/);
  assert.match(alice.text, new RegExp(`200 OK: 100000 bytes in .*, CRC-32 ${crcOfBytes(100_000)}\n`));
  assert.match(alice.text, /The connection was refused\./);
  const stations = (frames: Uint8Array[]): number[] => [...new Set(frames.filter((f) => f[6] === 0x52).map((f) => f[11] ?? 0))].sort();
  assert.deepEqual(stations(ofBob), [1, 2]);
  assert.deepEqual(stations(ofCarol), [3]);
});

test("a guest that waits for a visitor goes on when its page has been fetched to the end", () => {
  const lab = new DemoLab(drawing);
  const alice = lab.add("alice", access(10), 'run="wait visitor; poweroff"');
  const bob = lab.add("bob", access(10), 'run="wait 5; http get alice/bytes/100000"');
  assert.ok(lab.run(() => alice.text.includes("Powering off.")), alice.text);
  assert.match(alice.text, /wait visitor\nA page was fetched\.\n/);
  assert.match(bob.text, /200 OK: 100000 bytes/);
});

test("a guest that is moved to another VLAN gets an address there", () => {
  const lab = new DemoLab(drawing);
  const bob = lab.add("bob", access(10));
  const carol = lab.add("carol", access(20));
  assert.ok(lab.run(() => [bob, carol].every(({ text }) => text.includes("/24 from"))), bob.text);
  lab.move(bob, access(20));
  assert.ok(lab.run(() => bob.text.includes("net0: 10.0.20.11/24 from 10.0.20.1\n")), bob.text);
  carol.type("ping bob 3 10");
  assert.ok(lab.run(() => carol.text.includes("3 sent, 3 received, 0% loss")), carol.text);
});

test("a page comes whole over a cable that loses, repeats and reorders frames", () => {
  const lab = new DemoLab(drawing);
  const alice = lab.add("alice", access(10));
  const bob = lab.add("bob", access(10));
  assert.ok(lab.run(() => [alice, bob].every(({ text }) => text.includes("/24 from"))), bob.text);
  lab.move(bob, access(10), { loss: 0.05, duplication: 0.05, reordering: 0.2, delayMs: 1, jitterMs: 1, seed: 5 });
  alice.type("http get bob/bytes/200000");
  assert.ok(lab.run(() => alice.text.includes("CRC-32"), 600), alice.text);
  assert.match(alice.text, new RegExp(`200 OK: 200000 bytes in .*, CRC-32 ${crcOfBytes(200_000)}\n`));
});

test("an idle guest with an address halts for as long as its lease needs no care", () => {
  const lab = new DemoLab(drawing);
  const alice = lab.add("alice", access(10));
  assert.ok(lab.run(() => alice.text.includes("ringfence> ")));
  lab.run(() => false, 1);
  const before = alice.instructions;
  lab.run(() => false, 600);
  assert.ok(alice.instructions - before < 10_000, `${alice.instructions - before} instructions in ten minutes`);
});

test("addresses of the command line need no server, and frames may carry a tag", () => {
  const lab = new DemoLab({ switches: [{ name: "lan" }] });
  const trunk: NicConnection = { switch: "lan", vlans: { mode: "trunk", allowed: [30], native: 1 } };
  const alice = lab.add("alice", trunk, 'vlan=30 ip=10.0.30.2/24 run="wait 10.0.30.3; flood 10.0.30.3 500; poweroff"');
  const bob = lab.add("bob", access(30), "ip=10.0.30.3/24");
  assert.ok(lab.run(() => alice.isOff), alice.text);
  assert.match(alice.text, /net0: 10\.0\.30\.2\/24 given on the command line[\s\S]*10\.0\.30\.3 answers\.\n[\s\S]*500 frames of 60 bytes/);
  assert.doesNotMatch(bob.text, /PANIC/);
});

/** Makes checksums right again, so that a changed frame gets further than the first look. */
function correct(frame: Uint8Array): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const sum = (from: number, to: number, start: number): number => {
    let total = start;
    for (let at = from; at < to; at += 2) total += at + 1 < to ? view.getUint16(at) : (frame[at] ?? 0) << 8;
    while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x1_0000);
    return ~total & 0xffff;
  };
  if (frame.length < IP_AT + 20 || view.getUint16(TYPE_AT) !== 0x0800) return;
  const data = IP_AT + 4 * ((frame[IP_AT] ?? 0) & 15);
  const end = IP_AT + view.getUint16(IP_AT + 2);
  if (data < IP_AT + 20 || data > frame.length) return;
  view.setUint16(IP_AT + 10, 0);
  view.setUint16(IP_AT + 10, sum(IP_AT, data, 0));
  const protocol = frame[IP_AT + 9];
  const at = data + (protocol === 6 ? 16 : protocol === 17 ? 6 : protocol === 1 ? 2 : Infinity);
  if (end > frame.length || at + 2 > end) return;
  let pseudo = 0;
  if (protocol !== 1) for (let i = 12; i < 20; i += 2) pseudo += view.getUint16(IP_AT + i);
  view.setUint16(at, 0);
  view.setUint16(at, sum(data, end, pseudo + (protocol === 1 ? 0 : (protocol ?? 0) + end - data)));
}

test("frames of a fuzzer, made from real ones, do a guest no harm", () => {
  const lab = new DemoLab(drawing);
  const alice = lab.add("alice", access(10));
  const bob = lab.add("bob", access(10), 'run="wait alice; http get alice/bytes/3000; http get alice; ping nobody"');
  const corpus = lab.observe(alice);
  const others = lab.observe(bob);
  assert.ok(lab.run(() => bob.text.includes("no host called nobody")), bob.text);
  const templates = [...corpus, ...others].map((frame) => {
    const aimed = frame.slice();
    if (((aimed[0] ?? 0) & 1) === 0) aimed.set([0x52, 0x54, 0, 0, 0, 1]);
    aimed.set([0x52, 0x54, 0, 0, 1, 1], 6);
    return aimed;
  });
  const random = new SeededRandom(0x52_46);
  const port = lab.plug("fuzzer", access(10));
  port.connect({ receive: () => undefined, canReceive: () => true, linkChanged: () => undefined, sendReady: () => undefined });
  for (let round = 0; round < 400; round++) {
    for (let i = 0; i < 50; i++) {
      let frame = random.pick(templates).slice();
      for (let changes = random.below(5); changes > 0; changes--) frame[IP_AT + random.below(frame.length - IP_AT)] = random.below(256);
      if (random.below(4) === 0) frame = frame.slice(0, 14 + random.below(frame.length - 13));
      if (random.below(3) !== 0) correct(frame);
      port.send(frame);
    }
    let steps = 0;
    lab.run(() => ++steps > 8, 1);
  }
  alice.type("net");
  assert.ok(lab.run(() => alice.text.includes("HTTP        serves"), 30), alice.text.slice(-2000));
  const seen = /received +(\d+) frames, \d+ bytes; (\d+) broken/.exec(alice.text);
  assert.ok(Number(seen?.[1]) > 10_000 && Number(seen?.[2]) > 1000, seen?.[0]);
  alice.type("dhcp");
  assert.ok(lab.run(() => /ringfence> dhcp\n[\s\S]*net0: [\s\S]*ringfence> /.test(alice.text), 30), alice.text.slice(-2000));
  alice.type("ping 10.0.10.1 3 10");
  assert.ok(lab.run(() => alice.text.includes("3 sent, 3 received, 0% loss"), 30), alice.text.slice(-2000));
  assert.doesNotMatch(alice.text, /PANIC/);
});
