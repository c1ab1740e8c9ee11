// Frames of a hostile guest, made from a corpus: bent, cut, joined, with and without right checksums. The gateway raises nothing, keeps
// within its bounds, sends only frames that make sense, and serves another guest all the while.
// GATEWAY_FUZZ_STEPS and GATEWAY_FUZZ_SEED lengthen and vary the run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Cable } from "../port.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import { internetChecksum, transportChecksum } from "../wire/checksum.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import type { IpPrefix } from "./address.ts";
import { parseIpv4, parseIpv6, parsePrefix } from "./address.ts";
import { FUZZ_CORPUS } from "./fuzz-corpus.ts";
import { Gateway } from "./gateway.ts";
import { Router } from "./router.ts";
import { arpRequest, gatewaySettings, GUEST_MAC, seededRandom, Testbed } from "./testbed.ts";
import { isPlausible, Witness, WITNESS_ADDRESS, WITNESS_RESERVATION } from "../../testkit/gateway-witness.ts";

const STEPS = Number(process.env["GATEWAY_FUZZ_STEPS"] ?? 120_000);
const SEED = Number(process.env["GATEWAY_FUZZ_SEED"] ?? 20_261_123);
const WITNESS_EVERY = 1000;
/** Values at the edges of fields. */
const EDGES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 20, 31, 32, 40, 44, 53, 58, 60, 63, 64, 67, 69, 127, 128, 129, 192, 254, 255];

/** A guest of the network next door. */
const NEIGHBOUR = parseIpv4("10.0.20.20") as Uint8Array;
const NEIGHBOUR6 = parseIpv6("fd00:20::20") as Uint8Array;

type Random = (below: number) => number;

function mutate(random: Random): Uint8Array {
  const pick = (): Uint8Array => (FUZZ_CORPUS[random(FUZZ_CORPUS.length)] as { frame: Uint8Array }).frame;
  let frame = pick().slice();
  switch (random(12)) {
    case 0:
      frame = frame.slice(0, random(frame.length + 1));
      break;
    case 1: {
      const other = pick();
      const at = 14 + random(Math.max(1, Math.min(frame.length, other.length) - 14));
      frame = Uint8Array.of(...frame.subarray(0, at), ...other.subarray(at));
      break;
    }
    case 2: {
      const longer = new Uint8Array(Math.min(9022, frame.length + random(2000)));
      longer.set(frame);
      frame = longer;
      break;
    }
    case 3: {
      const at = 14 + random(Math.max(1, frame.length - 14));
      const length = random(16);
      frame.copyWithin(at, 14 + random(Math.max(1, frame.length - 14)), frame.length);
      frame.fill(EDGES[random(EDGES.length)] as number, at, at + length);
      break;
    }
  }
  for (let changes = random(5); changes > 0 && frame.length > 14; changes--) {
    const at = random(20) === 0 ? random(14) : 14 + random(frame.length - 14);
    const kind = random(4);
    if (kind === 0) frame[at] = random(256);
    else if (kind === 1) frame[at] = EDGES[random(EDGES.length)] as number;
    else if (kind === 2) frame[at] = (frame[at] as number) ^ (1 << random(8));
    else writeU16(frame.subarray(0, Math.max(at, frame.length)), at, [0, 0xffff, 0x8000, frame.length - 14, random(65536)][random(5)] as number);
  }
  // To another network, by way of the router.
  if (random(10) === 0 && readU16(frame, 12) === ETHERTYPE_IPV4 && frame.length >= 34) frame.set(NEIGHBOUR, 30);
  if (random(10) === 0 && readU16(frame, 12) === ETHERTYPE_IPV6 && frame.length >= 54) frame.set(NEIGHBOUR6, 38);
  if (random(4) > 0) repair(frame);
  return frame;
}

/** Makes lengths and checksums right where they can be, so that what lies behind them is looked at. */
function repair(frame: Uint8Array): void {
  const type = readU16(frame, 12);
  if (type === ETHERTYPE_IPV4 && frame.length >= 34) {
    const header = Math.max(5, (frame[14] as number) & 15) * 4;
    if (14 + header > frame.length) return;
    writeU16(frame, 16, frame.length - 14);
    writeU16(frame, 24, 0);
    writeU16(frame, 24, internetChecksum(frame, 14, header));
    repairPayload(frame, frame[23] as number, 14 + header, frame.subarray(26, 30), frame.subarray(30, 34));
  } else if (type === ETHERTYPE_IPV6 && frame.length >= 54) {
    writeU16(frame, 18, frame.length - 54);
    repairPayload(frame, frame[20] as number, 54, frame.subarray(22, 38), frame.subarray(38, 54));
  }
}

function repairPayload(frame: Uint8Array, protocol: number, at: number, from: Uint8Array, to: Uint8Array): void {
  const length = frame.length - at;
  const sumAt = protocol === 6 ? 16 : protocol === 17 ? 6 : protocol === 1 || protocol === 58 ? 2 : -1;
  if (sumAt < 0 || length < sumAt + 2) return;
  if (protocol === 17) writeU16(frame, at + 4, length);
  writeU16(frame, at + sumAt, 0);
  writeU16(frame, at + sumAt, protocol === 1 ? internetChecksum(frame, at, length) : transportChecksum(frame, at, length, from, to, protocol));
}

/** The witness's own addresses are guarded by the switch, not by the gateway. */
function claimsWitness(frame: Uint8Array): boolean {
  const last = WITNESS_ADDRESS[3] as number;
  return frame.some((byte, i) => i >= 6 && byte === last && frame[i - 1] === 10 && frame[i - 2] === 0 && frame[i - 3] === 10);
}

test("every frame of the corpus is taken without harm", () => {
  const { bed } = fuzzbed();
  for (const { name, frame } of FUZZ_CORPUS) {
    for (const answer of bed.exchange(frame)) assert.ok(isPlausible(answer, 1500), name);
  }
  const answered = (name: string): number => bed.exchange((FUZZ_CORPUS.find((each) => each.name === name) ?? assert.fail(name)).frame).length;
  for (const name of ["ARP request", "DHCP inform", "DNS A", "TFTP write", "ping", "ping over IPv6", "DNS over IPv6"]) assert.ok(answered(name) > 0, name);
});

interface Fuzzbed {
  bed: Testbed;
  /** Frames that have come to the network next door. */
  nextDoor: Uint8Array[];
}

function fuzzbed(): Fuzzbed {
  const clock = { nowNs: (): number => bed.cable.clock.now };
  const router = new Router(clock);
  router.setRules([{ from: "fuzz", to: "other", protocol: "any" }]);
  const bed: Testbed = new Testbed({
    reservations: [WITNESS_RESERVATION],
    router: { router, name: "fuzz" },
    tftp: {
      open: (name, opened) => {
        if (name.length % 2 === 0) opened("not-found");
        else opened({ sizeBytes: name.length * 1000, read: (_position, into, done) => done(into.length), close: () => {} });
      },
    },
  });
  const nextDoor: Uint8Array[] = [];
  const cable = new Cable();
  cable.b.connect({ receive: (frame) => nextDoor.push(frame.slice()), canReceive: () => true, linkChanged: () => {}, sendReady: () => {} });
  const network = parsePrefix("10.0.20.0/24") as IpPrefix;
  const settings = gatewaySettings({ network, network6: parsePrefix("fd00:20::/64"), router: { router, name: "other" } });
  const other = new Gateway(settings, cable.a, { sockets: bed.sockets, clock, random32: () => 1, event: () => {}, wake: () => {} });
  cable.b.send(arpRequest(GUEST_MAC, NEIGHBOUR, parseIpv4("10.0.20.1") as Uint8Array));
  assert.equal(nextDoor.splice(0).length, 1, "the network next door answers");
  const run = bed.run.bind(bed);
  bed.run = (ns) => {
    run(ns);
    other.poll(bed.cable.clock.now);
  };
  return { bed, nextDoor };
}

test(`${STEPS} bent frames raise nothing, hold nothing for long and keep nobody from being served`, () => {
  const next = seededRandom(SEED);
  const random: Random = (below) => Math.floor(next() * below);
  const { bed, nextDoor } = fuzzbed();
  let routed = 0;
  const witness = new Witness(bed);
  for (let step = 0; step < STEPS; step++) {
    const frame = mutate(random);
    if (claimsWitness(frame)) continue;
    try {
      for (const answer of bed.exchange(frame)) assert.ok(isPlausible(answer, 1500), "an implausible frame");
      // Host sockets come and go as well.
      const connection = bed.sockets.connections[random(Math.max(1, bed.sockets.connections.length))];
      if (connection !== undefined && random(50) === 0 && connection !== bed.sockets.connections[0]) connection.socket.events?.failed("reset");
      if (random(40) === 0) bed.run(random(3) * 1e9 + random(1e9));
    } catch (error) {
      throw new Error(`seed ${SEED}, step ${step}: ${Buffer.from(frame).toString("hex")}`, { cause: error });
    }
    if (step % WITNESS_EVERY === WITNESS_EVERY - 1) witness.assertServed();
    if (bed.sockets.connections.length > 2000) bed.sockets.connections.splice(1, 1000);
    for (const each of nextDoor) assert.ok(isPlausible(each, 1500), "an implausible frame next door");
    routed += nextDoor.length;
    nextDoor.length = 0;
    bed.sockets.datagrams.length = 0;
    bed.events.length = 0;
  }
  const { tcp, udp, neighbours, fragments, tftp } = bed.gateway.occupancy;
  assert.ok(tcp <= 16_384 && udp <= 512 && neighbours <= 1024 && fragments <= 1 << 20 && tftp <= 64, JSON.stringify(bed.gateway.occupancy));
  assert.ok(routed > STEPS / 1000, `${routed} packets were routed`);
  // All that has a time runs out.
  bed.run(9000e9);
  const rest = bed.gateway.occupancy;
  assert.ok(rest.udp === 0 && rest.tftp === 0, JSON.stringify(rest));
});
