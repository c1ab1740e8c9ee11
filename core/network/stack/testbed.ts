// For the tests of this folder: a fake clock, a cable with seeded faults, host sockets that are plain objects, and a guest that writes
// and reads packets by hand.
import type { Clock } from "../../time/clock.ts";
import type { NetPort, NetPortClient } from "../port.ts";
import { parseIpv4, parseIpv6, parseMac, parsePrefix } from "./address.ts";
import type { GatewayEvent, GatewaySettings } from "./gateway.ts";
import { DEFAULT_LIMITS, Gateway } from "./gateway.ts";
import type { DnsAnswer, DnsRecord, HostEndpoint, HostListener, HostSockets, HostTcp, HostTcpEvents, HostUdp } from "./host-sockets.ts";
import { parseIpv4 as parsePacket, parseIpv6 as parsePacket6, TCP } from "./ip-packet.ts";
import { LinkLayer } from "./link-layer.ts";
import { equalOctets } from "./octets.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import { internetChecksum, transportChecksum } from "../wire/checksum.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import type { TcpHeader } from "./tcp-segment.ts";
import { putHeader } from "./tcp-segment.ts";
import { TcpSplices } from "./tcp-splices.ts";

export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface Faults {
  loss: number;
  duplicate: number;
  reorder: number;
  delayNs: number;
  bandwidth?: number;
}

/** Both directions of a cable in fake time, with faults. */
export class FaultyCable {
  readonly clock = { now: 0, nowNs: () => this.clock.now };
  readonly ends: [NetPort, NetPort];
  readonly clients: [NetPortClient | null, NetPortClient | null] = [null, null];
  sent = 0;
  private readonly queue: { atNs: number; order: number; to: number; frame: Uint8Array }[] = [];
  private readonly faults: Faults;
  private readonly random: () => number;

  constructor(faults: Faults, seed: number) {
    this.faults = faults;
    this.random = seededRandom(seed);
    this.ends = [this.end(0), this.end(1)];
  }

  private end(index: 0 | 1): NetPort {
    return {
      linkUp: true,
      send: (frame) => this.send(1 - index, frame),
      canSend: () => true,
      connect: (client) => {
        this.clients[index] = client;
      },
      receiveReady: () => {},
    };
  }

  private send(to: number, frame: Uint8Array): void {
    this.sent++;
    const { loss, duplicate, reorder, delayNs } = this.faults;
    if (this.random() < loss) return;
    for (let copies = this.random() < duplicate ? 2 : 1; copies > 0; copies--) {
      const late = this.random() < reorder ? delayNs * (1 + 2 * this.random()) : 0;
      this.queue.push({ atNs: this.clock.now + delayNs + late, order: this.sent, to, frame: frame.slice() });
    }
  }

  /** Runs `parts` and deliveries in fake time until `done` says so or `limitNs` is reached. True if done. */
  run(parts: { poll(nowNs: number): void; nextDeadline(): number }[], done: () => boolean, limitNs: number): boolean {
    for (let steps = 0; steps < 2_000_000; steps++) {
      if (done()) return true;
      let next = Infinity;
      for (const entry of this.queue) next = Math.min(next, entry.atNs);
      for (const part of parts) next = Math.min(next, Math.max(this.clock.now, part.nextDeadline()));
      if (next > limitNs) return done();
      this.clock.now = Math.max(this.clock.now, next);
      const due = this.queue.filter((entry) => entry.atNs <= this.clock.now).sort((a, b) => a.atNs - b.atNs || a.order - b.order);
      for (const entry of due) this.queue.splice(this.queue.indexOf(entry), 1);
      for (const entry of due) this.clients[entry.to]?.receive(entry.frame);
      for (const part of parts) if (part.nextDeadline() <= this.clock.now) part.poll(this.clock.now);
    }
    return false;
  }
}

/** One end of a host's TCP connection, written and read by the test. */
export class FakeTcp implements HostTcp {
  events: HostTcpEvents | undefined;
  /** What the guest will read. */
  outgoing: Uint8Array = new Uint8Array(0);
  outgoingEnded = false;
  received: number[] = [];
  /** How many more bytes write() takes. */
  window = Infinity;
  ended = false;
  wasReset = false;
  onData: (bytes: Uint8Array) => void = () => {};

  read(into: Uint8Array): number {
    if (this.outgoing.length === 0) return this.outgoingEnded ? -1 : 0;
    const count = Math.min(into.length, this.outgoing.length);
    into.set(this.outgoing.subarray(0, count));
    this.outgoing = this.outgoing.subarray(count);
    return count;
  }

  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.window);
    this.window -= count;
    for (let i = 0; i < count; i++) this.received.push(bytes[i] as number);
    this.onData(bytes.subarray(0, count));
    return count;
  }

  end(): void {
    this.ended = true;
  }

  reset(): void {
    this.wasReset = true;
  }
}

export class FakeSockets implements HostSockets {
  readonly connections: { to: HostEndpoint; socket: FakeTcp }[] = [];
  readonly datagrams: { to: HostEndpoint; data: Uint8Array; reply(from: HostEndpoint, data: Uint8Array): void }[] = [];
  readonly listeners: { at: HostEndpoint; accepted(socket: HostTcp, from: HostEndpoint): HostTcpEvents | undefined }[] = [];
  openUdpSockets = 0;
  private readonly bound: { at: HostEndpoint; received(from: HostEndpoint, data: Uint8Array): void }[] = [];
  answers = new Map<string, DnsRecord[]>();
  refuse = false;

  connectTcp(to: HostEndpoint, events: HostTcpEvents): HostTcp {
    const socket = new FakeTcp();
    socket.events = events;
    this.connections.push({ to, socket });
    if (this.refuse) events.failed("refused");
    else events.connected();
    return socket;
  }

  listenTcp(at: HostEndpoint, accepted: (socket: HostTcp, from: HostEndpoint) => HostTcpEvents | undefined): HostListener {
    this.listeners.push({ at, accepted });
    return { close: () => {} };
  }

  /** A datagram comes to a socket that was opened at `at`. */
  arrive(at: HostEndpoint, from: HostEndpoint, data: Uint8Array): void {
    for (const bound of this.bound) if (bound.at.port === at.port) bound.received(from, data);
  }

  openUdp(_family: 4 | 6, at: HostEndpoint | undefined, received: (from: HostEndpoint, data: Uint8Array) => void): HostUdp {
    this.openUdpSockets++;
    if (at !== undefined) this.bound.push({ at, received });
    return {
      send: (to, data) => {
        this.datagrams.push({ to, data: data.slice(), reply: received });
      },
      close: () => {
        this.openUdpSockets--;
      },
    };
  }

  resolve(name: string, type: DnsRecord["type"], answered: (answer: DnsAnswer) => void): void {
    const records = this.answers.get(`${name} ${type}`);
    answered(records === undefined ? { code: "no-name", records: [] } : { code: "ok", records });
  }
}

export const GATEWAY_MAC = parseMac("02:00:00:00:00:01") as Uint8Array;
export const GUEST_MAC = parseMac("02:00:00:00:00:0a") as Uint8Array;
export const GATEWAY_ADDRESS = parseIpv4("10.0.10.1") as Uint8Array;
export const GUEST_ADDRESS = parseIpv4("10.0.10.20") as Uint8Array;
export const GATEWAY_ADDRESS6 = parseIpv6("fd00:10::1") as Uint8Array;
export const GUEST_ADDRESS6 = parseIpv6("fd00:10::20") as Uint8Array;
export const OUTSIDE = parseIpv4("192.0.2.7") as Uint8Array;

export function gatewaySettings(change: Partial<GatewaySettings> = {}): GatewaySettings {
  return {
    mac: GATEWAY_MAC,
    network: parsePrefix("10.0.10.0/24") as { address: Uint8Array; length: number },
    network6: parsePrefix("fd00:10::/64"),
    mtu: 1500, nat: true, domain: "lab.internal", leaseSeconds: 3600, bootFile: "", reservations: [], forwards: [], hostServices: [],
    allows: () => true,
    limits: DEFAULT_LIMITS,
    ...change,
  };
}

/** A gateway on a perfect cable, and a guest whose frames the test makes and looks at. */
export class Testbed {
  readonly cable = new FaultyCable({ loss: 0, duplicate: 0, reorder: 0, delayNs: 0 }, 1);
  readonly sockets = new FakeSockets();
  readonly gateway: Gateway;
  readonly events: GatewayEvent[] = [];
  /** Frames the guest has got and the test has not taken. */
  frames: Uint8Array[] = [];

  constructor(change: Partial<GatewaySettings> = {}) {
    const random = seededRandom(7);
    this.gateway = new Gateway(gatewaySettings(change), this.cable.ends[0], {
      sockets: this.sockets,
      clock: this.cable.clock,
      random32: () => Math.floor(random() * 2 ** 32),
      event: (event) => this.events.push(event),
      wake: () => {},
    });
    this.cable.clients[1] = {
      receive: (frame) => {
        if (isQuestionFor(frame, GUEST_ADDRESS)) this.cable.ends[1].send(arpReply(GUEST_MAC, GUEST_ADDRESS));
        else this.frames.push(frame.slice());
      },
      canReceive: () => true,
      linkChanged: () => {},
      sendReady: () => {},
    };
  }

  /** Lets time pass and everything settle. */
  run(ns = 0): void {
    const end = this.cable.clock.now + ns;
    this.cable.run([this.gateway], () => false, end);
    this.cable.clock.now = end;
  }

  /** Hands a frame to the gateway and gives what comes back at once. */
  exchange(frame: Uint8Array): Uint8Array[] {
    this.frames = [];
    this.cable.clients[0]?.receive(frame);
    this.run();
    return this.frames;
  }

  sayWhereGuestIs(): void {
    this.exchange(arpRequest(GUEST_MAC, GUEST_ADDRESS, GATEWAY_ADDRESS));
    this.frames = [];
  }
}

export function ethernet(to: Uint8Array, from: Uint8Array, type: number, payload: ArrayLike<number>): Uint8Array {
  const frame = new Uint8Array(14 + payload.length);
  frame.set(to);
  frame.set(from, 6);
  writeU16(frame, 12, type);
  frame.set(payload, 14);
  return frame;
}

export function arpRequest(mac: Uint8Array, from: Uint8Array, target: Uint8Array): Uint8Array {
  return ethernet(new Uint8Array(6).fill(255), mac, 0x0806, [0, 1, 8, 0, 6, 4, 0, 1, ...mac, ...from, 0, 0, 0, 0, 0, 0, ...target]);
}

export function arpReply(mac: Uint8Array, from: Uint8Array): Uint8Array {
  return ethernet(GATEWAY_MAC, mac, 0x0806, [0, 1, 8, 0, 6, 4, 0, 2, ...mac, ...from, ...GATEWAY_MAC, ...GATEWAY_ADDRESS]);
}

export function isQuestionFor(frame: Uint8Array, address: Uint8Array): boolean {
  return frame[12] === 8 && frame[13] === 6 && frame[21] === 1 && equalOctets(frame.subarray(38, 42), address);
}

export function ip4(from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array, fragment = 0, id = 1): Uint8Array {
  const packet = new Uint8Array(20 + payload.length);
  packet.set([0x45, 0, packet.length >> 8, packet.length & 255, id >> 8, id & 255, fragment >> 8, fragment & 255, 64, protocol]);
  packet.set(from, 12);
  packet.set(to, 16);
  writeU16(packet, 10, internetChecksum(packet, 0, 20));
  packet.set(payload, 20);
  return ethernet(GATEWAY_MAC, GUEST_MAC, 0x0800, packet);
}

/** An IPv6 packet of the guest's; an ICMPv6 message gets its checksum. */
export function ip6(from: Uint8Array, to: Uint8Array, protocol: number, payload: Uint8Array, hopLimit = 64): Uint8Array {
  if (protocol === 58) writeU16(payload, 2, transportChecksum(payload, 0, payload.length, from, to, 58));
  const mac = to[0] === 0xff ? Uint8Array.of(0x33, 0x33, ...to.subarray(12)) : GATEWAY_MAC;
  return ethernet(mac, GUEST_MAC, ETHERTYPE_IPV6, [0x60, 0, 0, 0, payload.length >> 8, payload.length & 255, protocol, hopLimit, ...from, ...to, ...payload]);
}

/** The guest says by IPv6 where it is, by asking for the gateway. */
export function solicitGateway(): Uint8Array {
  const group = parseIpv6("ff02::1:ff00:1") as Uint8Array;
  return ip6(GUEST_ADDRESS6, group, 58, Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...GATEWAY_ADDRESS6, 1, 1, ...GUEST_MAC), 255);
}

export function udpDatagram(from: Uint8Array, fromPort: number, to: Uint8Array, toPort: number, data: ArrayLike<number>): Uint8Array {
  const datagram = new Uint8Array(8 + data.length);
  writeU16(datagram, 0, fromPort);
  writeU16(datagram, 2, toPort);
  writeU16(datagram, 4, datagram.length);
  datagram.set(data, 8);
  writeU16(datagram, 6, transportChecksum(datagram, 0, datagram.length, from, to, 17));
  return datagram;
}

export function tcp4(to: Uint8Array, header: Partial<TcpHeader>, data: ArrayLike<number> = []): Uint8Array {
  const segment = new Uint8Array(60 + data.length);
  const size = putHeader(segment, 0, {
    sourcePort: 40000, destinationPort: 80, sequence: 0, acknowledgement: 0, flags: 16, window: 65535, mss: 0, windowScale: -1,
    sackPermitted: false, sack: [], ...header,
  });
  segment.set(data, size);
  const whole = segment.subarray(0, size + data.length);
  writeU16(whole, 16, transportChecksum(whole, 0, whole.length, GUEST_ADDRESS, to, 6));
  return ip4(GUEST_ADDRESS, to, 6, whole);
}


/** A guest with a TCP of its own: a second stack that dials through the gateway. */
export class StackGuest {
  readonly splices: TcpSplices;
  private readonly link: LinkLayer;
  private readonly clock: Clock;

  constructor(port: NetPort, clock: Clock, random32: () => number) {
    this.clock = clock;
    this.link = new LinkLayer({
      mac: GUEST_MAC, mtu: 1500, address4: GUEST_ADDRESS, transmit: (frame) => port.send(frame), canTransmit: () => port.canSend(),
      solicit6: () => {},
    });
    this.link.nowNs = clock.nowNs();
    this.link.learn(OUTSIDE, GATEWAY_MAC);
    this.link.learn(GATEWAY_ADDRESS, GATEWAY_MAC);
    this.link.learn(GATEWAY_ADDRESS6, GATEWAY_MAC);
    this.splices = new TcpSplices({
      link: this.link, mtu: 1500, limits: DEFAULT_LIMITS.tcp, random32, connect: () => "refused", unreachable: () => {}, wake: () => {},
    });
    port.connect({
      receive: (frame) => this.receive(frame),
      canReceive: () => true, linkChanged: () => {}, sendReady: () => {},
    });
  }

  receive(frame: Uint8Array): void {
    this.link.nowNs = this.clock.nowNs();
    if (readU16(frame, 12) === 0x0806) this.link.receiveArp(frame);
    const parse = readU16(frame, 12) === ETHERTYPE_IPV6 ? parsePacket6 : readU16(frame, 12) === ETHERTYPE_IPV4 ? parsePacket : undefined;
    const packet = parse?.(frame, 14, frame.length, frame.subarray(6, 12));
    if (packet?.protocol === TCP) this.splices.receive(packet, this.link.nowNs);
  }

  poll(nowNs: number): void {
    this.link.nowNs = nowNs;
    this.splices.poll(nowNs);
    this.link.tick();
  }

  nextDeadline(): number {
    return Math.min(this.splices.nextDeadline(), this.link.nextDeadline());
  }
}
