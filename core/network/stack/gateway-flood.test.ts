// Floods from one guest, and a host whose sockets misbehave: what is kept stays within its bounds, and another guest is served throughout.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Witness, WITNESS_RESERVATION } from "../../testkit/gateway-witness.ts";
import { DISCOVER, formatDhcp, parseDhcp, REQUEST } from "../services/dhcp-message.ts";
import { readU16, readU32, writeU16 } from "../wire/bytes.ts";
import { BROADCAST_MAC, BROADCAST_V4, parseIpv6 } from "./address.ts";
import type { GatewaySettings } from "./gateway.ts";
import type { HostTcp, HostTcpEvents } from "./host-sockets.ts";
import {
  arpRequest, ethernet, FakeTcp, GATEWAY_ADDRESS, GATEWAY_MAC, GUEST_ADDRESS, GUEST_MAC, ip4, OUTSIDE, tcp4, Testbed, udpDatagram,
} from "./testbed.ts";
import { transportChecksum } from "../wire/checksum.ts";

/** Lengthens every flood. */
const FACTOR = Number(process.env["GATEWAY_FLOOD_FACTOR"] ?? 1);

function withWitness(change: Partial<GatewaySettings> = {}): { bed: Testbed; witness: Witness } {
  const bed = new Testbed({ reservations: [WITNESS_RESERVATION], ...change });
  bed.sayWhereGuestIs();
  return { bed, witness: new Witness(bed) };
}

const mac = (n: number): Uint8Array => Uint8Array.of(2, 1, (n >> 24) & 255, (n >> 16) & 255, (n >> 8) & 255, n & 255);
const address = (n: number): Uint8Array => Uint8Array.of(10, 0, 10, 30 + (n % 200));
const guestUdp = (to: Uint8Array, port: number, from: number, data: ArrayLike<number> = [1]): Uint8Array => ip4(GUEST_ADDRESS, to, 17, udpDatagram(GUEST_ADDRESS, from, to, port, data));

/** Opens a connection from the guest; the sequence number that the gateway expects to be acknowledged. */
function open(bed: Testbed, sourcePort: number): number {
  const answers = bed.exchange(tcp4(OUTSIDE, { sourcePort, sequence: 1, flags: 2, mss: 1460, windowScale: 7, sackPermitted: true }));
  const answer = answers.find((frame) => readU16(frame, 36) === sourcePort);
  assert.ok(answer, `an answer to port ${sourcePort}`);
  const acknowledgement = (readU32(answer, 38) + 1) >>> 0;
  bed.exchange(tcp4(OUTSIDE, { sourcePort, sequence: 2, acknowledgement, flags: 16 }));
  return acknowledgement;
}

test("machines that take every lease leave a reserved one alone, and one event tells of it", () => {
  const { bed, witness } = withWitness();
  const dhcp = (type: number, n: number, extra: [number, Uint8Array][] = []): Uint8Array => {
    const none = new Uint8Array(4);
    const message = formatDhcp({
      operation: 1, transaction: n, seconds: 0, flags: 0, clientAddress: none, yourAddress: none, serverAddress: none, relayAddress: none, mac: mac(n),
      bootFile: "", options: new Map([[53, Uint8Array.of(type)], ...extra]),
    });
    const frame = ip4(none, BROADCAST_V4, 17, udpDatagram(none, 68, BROADCAST_V4, 67, message));
    frame.set(BROADCAST_MAC);
    frame.set(mac(n), 6);
    return frame;
  };
  for (let n = 0; n < 2000 * FACTOR; n++) {
    const [offer] = bed.exchange(dhcp(DISCOVER, n));
    const offered = offer && parseDhcp(offer.subarray(42));
    if (offered) bed.exchange(dhcp(REQUEST, n, [[50, offered.yourAddress], [54, GATEWAY_ADDRESS]]));
    if (n % 500 === 0) witness.assertServed();
  }
  assert.ok([...bed.gateway.leases].length <= 254);
  assert.equal(bed.events.filter((event) => event.kind === "pool-exhausted").length, 1);
  witness.assertServed();
  // Leases run out, and there is room again.
  bed.run(3700e9);
  assert.ok(bed.exchange(dhcp(DISCOVER, 1_000_000)).length > 0);
  witness.assertServed();
});

test("one guest's connections end at its share, the oldest first, and ten thousand of them work at once", () => {
  const { bed, witness } = withWitness();
  const count = 10_000;
  const acknowledgements: number[] = [];
  for (let port = 1; port <= count; port++) acknowledgements[port] = open(bed, port);
  assert.equal(bed.gateway.occupancy.tcp, count + 1);
  for (let port = 1; port <= count; port++) {
    bed.exchange(tcp4(OUTSIDE, { sourcePort: port, sequence: 2, acknowledgement: acknowledgements[port] as number, flags: 24 }, [port >> 8, port & 255]));
  }
  bed.run(100e6);
  const received = new Set(bed.sockets.connections.slice(1).map(({ socket }) => socket.received.join()));
  assert.equal(received.size, count, "each host socket has got its own bytes");
  witness.assertServed();
  for (let port = count + 1; port <= 14_000; port++) bed.exchange(tcp4(OUTSIDE, { sourcePort: port, sequence: 1, flags: 2 }));
  assert.equal(bed.gateway.occupancy.tcp, 12_288 + 1);
  assert.ok(bed.sockets.connections[1]?.socket.wasReset, "the oldest has gone");
  witness.assertServed();
});

test("UDP flows, neighbours and fragments stay within their bounds", () => {
  const { bed, witness } = withWitness();
  for (let n = 0; n < 5000 * FACTOR; n++) {
    bed.exchange(guestUdp(OUTSIDE, 1 + (n % 65535), 1 + ((n * 7) % 65535)));
    bed.exchange(arpRequest(GUEST_MAC, address(n), GATEWAY_ADDRESS));
    bed.exchange(arpRequest(mac(n), address(n * 3), GATEWAY_ADDRESS));
    const fragment = ip4(address(n), GATEWAY_ADDRESS, 17, new Uint8Array(1400), 0x2000, n & 0xffff);
    bed.exchange(fragment);
    if (n % 1000 === 0) {
      witness.assertServed();
      bed.sockets.datagrams.length = 0;
    }
  }
  const { udp, neighbours, fragments } = bed.gateway.occupancy;
  assert.ok(udp <= 513 && neighbours <= 1024 && fragments <= 1 << 20, JSON.stringify(bed.gateway.occupancy));
  assert.ok(bed.sockets.openUdpSockets <= 513);
  witness.assertServed();
  bed.run(400e9);
  assert.equal(bed.sockets.openUdpSockets, 0);
});

test("a machine that speaks for thousands of IPv6 addresses pushes nobody out", () => {
  const { bed, witness } = withWitness();
  const target = parseIpv6("fd00:10::1") as Uint8Array;
  for (let n = 0; n < 3000 * FACTOR; n++) {
    const source = parseIpv6(`fd00:10::1:${(n & 0xffff).toString(16)}`) as Uint8Array;
    const message = Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...target, 1, 1, ...GUEST_MAC);
    writeU16(message, 2, transportChecksum(message, 0, message.length, source, target, 58));
    bed.exchange(ethernet(GATEWAY_MAC, GUEST_MAC, 0x86dd, [0x60, 0, 0, 0, 0, message.length, 58, 255, ...source, ...target, ...message]));
  }
  assert.ok(bed.gateway.occupancy.neighbours <= 64 + 2, `${bed.gateway.occupancy.neighbours}`);
  witness.assertServed();
});

test("questions that the host's resolver never answers do not use the server up", () => {
  const { bed, witness } = withWitness();
  const pending: (() => void)[] = [];
  const resolve = bed.sockets.resolve.bind(bed.sockets);
  bed.sockets.resolve = (name, type, answered) => {
    if (name.startsWith("slow")) pending.push(() => answered({ code: "failed", records: [] }));
    else resolve(name, type, answered);
  };
  const question = Uint8Array.of(0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 0x73, 0x6c, 0x6f, 0x77, 4, 0x74, 0x65, 0x73, 0x74, 0, 0, 1, 0, 1);
  let refused = 0;
  for (let n = 0; n < 3000 * FACTOR; n++) refused += bed.exchange(guestUdp(GATEWAY_ADDRESS, 53, 1000 + (n % 60_000), question)).length;
  assert.equal(pending.length, 64);
  assert.equal(refused, 3000 * FACTOR - 64);
  witness.assertServed();
  for (const answer of pending) answer();
  witness.assertServed();
});

test("a guest that stops reading costs a bounded buffer for each connection", () => {
  const { bed, witness } = withWitness();
  const count = 300;
  for (let port = 1; port <= count; port++) open(bed, port);
  const sockets = bed.sockets.connections.slice(1).map(({ socket }) => socket);
  const size = 4 << 20;
  const endless = new Uint8Array(size);
  for (const socket of sockets) {
    socket.outgoing = endless;
    socket.events?.readable();
  }
  for (let second = 0; second < 30; second++) bed.run(1e9);
  const taken = sockets.reduce((sum, socket) => sum + size - socket.outgoing.length, 0);
  assert.ok(taken <= count * (1 << 20), `${taken} bytes are held`);
  witness.assertServed();
  // The silent are given up in the end, with all that was kept for them.
  bed.run(3600e9);
  assert.equal(bed.gateway.occupancy.tcp, 1);
  assert.ok(sockets.every((socket) => socket.wasReset));
  witness.assertServed();
});

test("host sockets that refuse, hang, reset or throw are the matter of their guest alone", () => {
  const { bed, witness } = withWitness();
  const connect = bed.sockets.connectTcp.bind(bed.sockets);
  const hanging: FakeTcp[] = [];
  const flagsOf = (frames: Uint8Array[]): number[] => frames.filter((frame) => frame[23] === 6).map((frame) => (frame[47] as number) & 0x3f);
  const dial = (port: number): Uint8Array[] => bed.exchange(tcp4(OUTSIDE, { sourcePort: port, sequence: 1, flags: 2 }));
  const as = (behaviour: (events: HostTcpEvents) => HostTcp): void => {
    bed.sockets.connectTcp = (to, events) => (to.port === 80 && !isWitness ? behaviour(events) : connect(to, events));
  };
  let isWitness = false;
  const assertServed = (): void => {
    isWitness = true;
    witness.assertServed();
    isWitness = false;
  };
  as((events) => {
    events.failed("refused");
    return new FakeTcp();
  });
  for (let port = 1; port < 500; port++) assert.deepEqual(flagsOf(dial(port)), [0x14], "a reset");
  assertServed();
  for (const error of ["unreachable", "timeout", "denied"] as const) {
    as((events) => {
      events.failed(error);
      return new FakeTcp();
    });
    dial(600);
  }
  as(() => {
    hanging.push(new FakeTcp());
    return hanging.at(-1) as FakeTcp;
  });
  for (let port = 1000; port < 1500; port++) assert.deepEqual(dial(port), [], "no answer yet");
  assert.equal(bed.gateway.occupancy.tcp, 501);
  assertServed();
  // The guest gives up on them.
  for (let port = 1000; port < 1500; port++) bed.exchange(tcp4(OUTSIDE, { sourcePort: port, sequence: 2, flags: 4 }));
  assert.equal(bed.gateway.occupancy.tcp, 1);
  assert.ok(hanging.every((socket) => socket.wasReset));
  // One that is reset in the middle, and one whose end comes while it connects.
  const events: HostTcpEvents[] = [];
  as((each) => {
    events.push(each);
    return new FakeTcp();
  });
  dial(2000);
  events[0]?.connected();
  bed.run();
  events[0]?.failed("reset");
  bed.frames = [];
  bed.run();
  assert.deepEqual(flagsOf(bed.frames), [0x14]);
  events[0]?.readable();
  events[0]?.failed("other");
  bed.run();
  assertServed();
  assert.equal(bed.gateway.occupancy.tcp, 1);
});

test("a storm of frames for nobody, and of broadcasts, costs nothing that lasts", () => {
  const { bed, witness } = withWitness();
  for (let n = 0; n < 20_000 * FACTOR; n++) {
    bed.exchange(ethernet(n % 2 === 0 ? BROADCAST_MAC : mac(n), mac(n), 0x0800 + (n % 7), new Uint8Array(n % 64)));
  }
  assert.deepEqual([bed.gateway.occupancy.neighbours, bed.gateway.occupancy.tcp], [2, 1]);
  witness.assertServed();
});
