// Three gateways on one router, seen from guests on cables of their own: what passes by which rule, what does not, and what is said of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FirewallRule } from "../../api/network.ts";
import { parseIpv4, parseIpv6, parseMac, parsePrefix } from "./address.ts";
import { Gateway } from "./gateway.ts";
import type { IpPacket } from "./ip-packet.ts";
import { parseIpv4 as packet4, parseIpv6 as packet6 } from "./ip-packet.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import { internetChecksum, transportChecksum } from "../wire/checksum.ts";
import { Router } from "./router.ts";
import { ethernet, FakeSockets, FaultyCable, gatewaySettings, seededRandom, udpDatagram } from "./testbed.ts";

const GUEST_MAC = parseMac("02:00:00:00:00:0a") as Uint8Array;
const gatewayMac = (index: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 1, index);

/** A network with its gateway at .1 and a guest at .20, who answers ARP and keeps all else. */
class Side {
  readonly cable = new FaultyCable({ loss: 0, duplicate: 0, reorder: 0, delayNs: 0 }, 1);
  readonly gateway: Gateway;
  readonly sockets = new FakeSockets();
  readonly guest: Uint8Array;
  readonly guest6: Uint8Array;
  readonly index: number;
  frames: Uint8Array[] = [];
  answersArp = true;

  constructor(index: number, router: Router, change: Partial<{ mtu: number; nat: boolean }> = {}) {
    this.index = index;
    this.guest = parseIpv4(`10.0.${index}.20`) as Uint8Array;
    this.guest6 = parseIpv6(`fd00:${index}::20`) as Uint8Array;
    const random = seededRandom(index);
    this.gateway = new Gateway(
      gatewaySettings({
        mac: gatewayMac(index),
        network: parsePrefix(`10.0.${index}.0/24`) as { address: Uint8Array; length: number },
        network6: parsePrefix(`fd00:${index}::/64`),
        router: { router, name: `net${index}` },
        ...change,
      }),
      this.cable.ends[0],
      { sockets: this.sockets, clock: this.cable.clock, random32: () => Math.floor(random() * 2 ** 32), event: () => {}, wake: () => {} },
    );
    this.cable.clients[1] = {
      receive: (frame) => {
        const isArp = frame[12] === 8 && frame[13] === 6;
        if (isArp && this.answersArp) {
          const answer = [0, 1, 8, 0, 6, 4, 0, 2, ...GUEST_MAC, ...this.guest, ...gatewayMac(index), ...frame.subarray(28, 32)];
          this.cable.ends[1].send(ethernet(gatewayMac(index), GUEST_MAC, 0x0806, answer));
        } else if (frame[12] === 0x86 && frame[54] === 135) this.answerSolicitation(frame.slice(62, 78));
        else if (!isArp) this.frames.push(frame.slice());
      },
      canReceive: () => true, linkChanged: () => {}, sendReady: () => {},
    };
  }

  private answerSolicitation(target: Uint8Array): void {
    const message = Uint8Array.of(136, 0, 0, 0, 0x60, 0, 0, 0, ...target, 2, 1, ...GUEST_MAC);
    this.cable.ends[1].send(ip6Frame(this.index, target, parseIpv6(`fd00:${this.index}::1`) as Uint8Array, 58, message, 255));
  }

  run(ns = 0): void {
    const end = this.cable.clock.now + ns;
    this.cable.run([this.gateway], () => false, end);
    this.cable.clock.now = end;
  }

  /** What has come since, as packets. */
  take(): IpPacket[] {
    const frames = this.frames;
    this.frames = [];
    return frames.map((frame) => {
      const packet = readU16(frame, 12) === 0x0800 ? packet4(frame, 14, frame.length, frame.subarray(6, 12)) : packet6(frame, 14, frame.length, frame.subarray(6, 12));
      assert.ok(packet, "every packet that arrives is valid");
      return packet;
    });
  }
}

function lab(rules: Partial<FirewallRule>[], change: Partial<{ mtu: number; nat: boolean }> = {}): { a: Side; b: Side; c: Side; router: Router; settle(ns?: number): void } {
  const clock = { now: 0, nowNs: () => clock.now };
  const router = new Router(clock);
  router.setRules(rules.map((rule) => ({ from: "net10", to: "net20", protocol: "any", ...rule })));
  const [a, b, c] = [new Side(10, router), new Side(20, router, change), new Side(30, router)];
  const settle = (ns = 0): void => {
    clock.now += ns;
    for (let round = 0; round < 4; round++) for (const side of [a, b, c]) side.run(round === 0 ? ns : 0);
  };
  return { a, b, c, router, settle };
}

function ip4Frame(gateway: number, from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array, options: { ttl?: number; fragment?: number } = {}): Uint8Array {
  const header = new Uint8Array(20);
  header.set([0x45, 0, 0, 0, 0x12, 0x34, 0, 0, options.ttl ?? 64, protocol, 0, 0, ...from, ...to]);
  writeU16(header, 2, 20 + payload.length);
  writeU16(header, 6, options.fragment ?? 0);
  writeU16(header, 10, internetChecksum(header, 0, 20));
  return ethernet(gatewayMac(gateway), GUEST_MAC, 0x0800, [...header, ...payload]);
}

function ip6Frame(gateway: number, from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array, hopLimit = 64): Uint8Array {
  const header = new Uint8Array(40);
  header.set([0x60, 0, 0, 0, payload.length >> 8, payload.length, protocol, hopLimit, ...from, ...to]);
  if (protocol === 58) writeU16(payload, 2, transportChecksum(payload, 0, payload.length, from, to, 58));
  return ethernet(gatewayMac(gateway), GUEST_MAC, 0x86dd, [...header, ...payload]);
}

function echo(type: number, id = 7): Uint8Array {
  const message = Uint8Array.of(type, 0, 0, 0, id >> 8, id, 0, 1, 1, 2, 3, 4);
  if (type < 128) writeU16(message, 2, internetChecksum(message, 0, message.length));
  return message;
}

function tcpSegment(from: Uint8Array, fromPort: number, to: Uint8Array, port: number, flags: number): Uint8Array {
  const segment = new Uint8Array(20);
  writeU16(segment, 0, fromPort);
  writeU16(segment, 2, port);
  segment.set([0x50, flags, 255, 255], 12);
  writeU16(segment, 16, transportChecksum(segment, 0, 20, from, to, 6));
  return segment;
}

function send(from: Side, to: Side, protocol: number, payload: Uint8Array, options: { ttl?: number; fragment?: number } = {}): void {
  from.cable.ends[1].send(ip4Frame(from.index, from.guest, to.guest, protocol, payload, options));
}

const isError = (packet: IpPacket | undefined, type: number, code: number): void => {
  assert.ok(packet);
  assert.deepEqual([packet.protocol, packet.data[packet.payloadAt], packet.data[packet.payloadAt + 1]], [1, type, code]);
};

test("without a rule nothing passes, and the sender is told", () => {
  const { a, b, c, settle, router } = lab([]);
  for (const [protocol, payload] of [[1, echo(8)], [17, udpDatagram(a.guest, 5000, b.guest, 53, [1])], [6, tcpSegment(a.guest, 5000, b.guest, 80, 2)], [47, new Uint8Array(8)]] as const) {
    send(a, b, protocol, payload);
    settle();
    const answers = a.take();
    assert.equal(answers.length, 1);
    isError(answers[0], 3, 13);
  }
  assert.deepEqual([b.take(), c.take(), router.flowCount, a.sockets.connections.length, a.sockets.datagrams.length], [[], [], 0, 0, 0]);
});

test("with a rule a ping and its answer pass, one hop on, and a ping the other way does not", () => {
  const { a, b, c, settle } = lab([{ protocol: "icmp" }]);
  send(a, b, 1, echo(8));
  settle();
  const [request] = b.take();
  assert.ok(request);
  assert.equal(request.hopLimit, 63);
  assert.deepEqual([...request.source, ...request.destination], [...a.guest, ...b.guest]);
  assert.deepEqual(request.data.subarray(request.payloadAt), echo(8));
  send(b, a, 1, echo(8));
  settle();
  assert.deepEqual(a.take(), []);
  isError(b.take()[0], 3, 13);
  send(b, a, 1, echo(0));
  settle();
  assert.deepEqual(a.take().map((packet) => packet.data[packet.payloadAt]), [0]);
  send(b, a, 1, echo(0, 8));
  settle();
  assert.deepEqual([a.take(), c.take()], [[], []], "an answer to nothing");
});

test("a rule for a port lets that port's connections begin in one direction only", () => {
  const { a, b, settle } = lab([{ protocol: "tcp", port: 80 }]);
  send(a, b, 6, tcpSegment(a.guest, 5000, b.guest, 80, 2));
  send(a, b, 6, tcpSegment(a.guest, 5000, b.guest, 81, 2));
  send(a, b, 17, udpDatagram(a.guest, 5000, b.guest, 80, [1]));
  settle();
  assert.deepEqual(b.take().map((packet) => readU16(packet.data, packet.payloadAt + 2)), [80]);
  assert.equal(a.take().length, 2);
  send(b, a, 6, tcpSegment(b.guest, 80, a.guest, 5000, 0x12));
  settle();
  assert.equal(a.take().length, 1);
  send(b, a, 6, tcpSegment(b.guest, 80, a.guest, 5000, 2));
  send(b, a, 6, tcpSegment(b.guest, 80, a.guest, 5001, 0x12));
  settle();
  assert.deepEqual(a.take(), [], "neither a connection the other way nor an answer to nothing");
});

test("flows end with their rule, their network and their time", () => {
  const { a, b, settle, router } = lab([{ protocol: "udp" }]);
  const ask = (): void => send(a, b, 17, udpDatagram(a.guest, 5000, b.guest, 9, [1]));
  const answer = (): number => {
    b.take();
    a.take();
    send(b, a, 17, udpDatagram(b.guest, 9, a.guest, 5000, [2]));
    settle();
    return a.take().length;
  };
  ask();
  settle();
  assert.equal(answer(), 1);
  settle(310e9);
  assert.equal(answer(), 0, "silent for five minutes");
  ask();
  settle();
  router.setRules([]);
  assert.equal(answer(), 0, "its rule is gone");
  router.setRules([{ from: "net10", to: "net20", protocol: "udp" }]);
  ask();
  settle();
  b.gateway.close();
  assert.equal(router.flowCount, 0);
  ask();
  settle();
  assert.equal(a.sockets.datagrams.length, 1, "an address of no member is outside");
});

test("a hop limit of one ends at the router, and errors pass to whom they concern", () => {
  const { a, b, settle } = lab([{}]);
  send(a, b, 17, udpDatagram(a.guest, 5000, b.guest, 9, [1]), { ttl: 1 });
  settle();
  assert.deepEqual(b.take(), []);
  isError(a.take()[0], 11, 0);
  send(a, b, 17, udpDatagram(a.guest, 5000, b.guest, 9, [1]));
  settle();
  const [packet] = b.take();
  assert.ok(packet);
  const quoting = (quote: Uint8Array): Uint8Array => {
    const message = Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0, ...quote);
    writeU16(message, 2, internetChecksum(message, 0, message.length));
    return message;
  };
  const quote = packet.data.slice(packet.headerAt, packet.payloadAt + 8);
  send(b, a, 1, quoting(quote));
  settle();
  isError(a.take()[0], 3, 3);
  const other = quote.slice();
  writeU16(other, 20, 5001);
  send(b, a, 1, quoting(other));
  settle();
  assert.deepEqual(a.take(), [], "an error about what was never sent");
});

test("large packets are fragmented or refused, and fragments pass whole", () => {
  const { a, b, settle } = lab([{}], { mtu: 1000 });
  const data = udpDatagram(a.guest, 5000, b.guest, 9, new Uint8Array(1400).fill(5));
  send(a, b, 17, data, { fragment: 0x4000 });
  settle();
  const [tooBig] = a.take();
  isError(tooBig, 3, 4);
  assert.equal(tooBig && readU16(tooBig.data, tooBig.payloadAt + 6), 1000);
  send(a, b, 17, data);
  settle();
  const joined = (packets: IpPacket[]): number[] => packets.flatMap((packet) => [...packet.data.subarray(packet.payloadAt, packet.payloadAt + packet.payloadLength)]);
  assert.deepEqual(joined(b.take()), [...data]);
  send(a, b, 17, data.subarray(0, 800), { fragment: 0x2000 });
  settle();
  assert.deepEqual(b.take(), [], "nothing passes before the whole has been seen");
  send(a, b, 17, data.subarray(800), { fragment: 100 });
  settle();
  const pieces = b.take();
  assert.deepEqual([pieces.length, joined(pieces)], [2, [...data]]);
});

test("a guest that is not there is reported after the router has asked for it", () => {
  const { a, b, settle } = lab([{}]);
  b.answersArp = false;
  send(a, b, 1, echo(8));
  settle();
  assert.deepEqual(a.take(), []);
  for (let second = 0; second < 4; second++) settle(1.1e9);
  isError(a.take()[0], 3, 1);
});

test("the far gateway's address answers a ping where pings may pass, and nothing else", () => {
  const { a, settle } = lab([{}]);
  const far = parseIpv4("10.0.20.1") as Uint8Array;
  a.cable.ends[1].send(ip4Frame(10, a.guest, far, 1, echo(8)));
  a.cable.ends[1].send(ip4Frame(10, a.guest, far, 17, udpDatagram(a.guest, 5000, far, 53, [1])));
  a.cable.ends[1].send(ip4Frame(10, a.guest, parseIpv4("10.0.20.255") as Uint8Array, 1, echo(8)));
  settle();
  const [pong, ...others] = a.take();
  assert.deepEqual(pong?.source, far);
  assert.equal(pong?.data[pong.payloadAt], 0);
  assert.equal(others.length, 2);
  for (const other of others) isError(other, 3, 13);
});

test("IPv6 passes by the same rules", () => {
  const { a, b, settle } = lab([{ protocol: "icmp" }]);
  a.cable.ends[1].send(ip6Frame(10, a.guest6, b.guest6, 58, echo(128)));
  settle();
  const [request] = b.take();
  assert.deepEqual([request?.hopLimit, request?.data[request.payloadAt]], [63, 128]);
  b.cable.ends[1].send(ip6Frame(20, b.guest6, a.guest6, 58, echo(129)));
  b.cable.ends[1].send(ip6Frame(20, b.guest6, a.guest6, 58, echo(128, 9)));
  settle();
  assert.deepEqual(a.take().map((packet) => packet.data[packet.payloadAt]), [129]);
  const [refusal] = b.take();
  assert.deepEqual([refusal?.data[refusal.payloadAt], refusal?.data[refusal.payloadAt + 1]], [1, 1]);
});

test("a forged source, a third network and a flood of flows change nothing for others", () => {
  const { a, b, c, settle, router } = lab([{ protocol: "udp" }]);
  a.cable.ends[1].send(ip4Frame(10, c.guest, b.guest, 17, udpDatagram(c.guest, 1, b.guest, 9, [1])));
  send(c, b, 17, udpDatagram(c.guest, 1, b.guest, 9, [1]));
  settle();
  assert.deepEqual(b.take(), []);
  const other = parseIpv4("10.0.10.21") as Uint8Array;
  a.cable.ends[1].send(ip4Frame(10, other, b.guest, 17, udpDatagram(other, 1, b.guest, 9, [1])));
  for (let port = 1; port < 6000; port++) {
    send(a, b, 17, udpDatagram(a.guest, port, b.guest, 9, [1]));
    if (port % 500 === 0) settle();
  }
  settle();
  assert.equal(router.flowCount, 4096 + 1);
  b.take();
  b.cable.ends[1].send(ip4Frame(20, b.guest, other, 17, udpDatagram(b.guest, 9, other, 1, [1])));
  a.take();
  settle();
  // The guest of this side answers ARP for itself only, so that the answer is seen as a question for the other.
  assert.equal(b.take().length, 0, "not refused");
});
