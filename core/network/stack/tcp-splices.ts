// The TCP connections of a network's guests with host sockets: which segment belongs to which, bounds, deadlines, resets for those that
// belong to none.
import { writeU16 } from "../wire/bytes.ts";
import { transportChecksum } from "../wire/checksum.ts";
import type { IpAddress } from "./address.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { FlowTable } from "./flow-table.ts";
import type { HostTcp, HostTcpEvents } from "./host-sockets.ts";
import type { IpPacket } from "./ip-packet.ts";
import { TCP } from "./ip-packet.ts";
import type { LinkLayer } from "./link-layer.ts";
import { PAYLOAD_AT } from "./link-layer.ts";
import type { SpliceOwner } from "./splice.ts";
import { flowKey, Splice } from "./splice.ts";
import type { BufferBudget } from "./stream-buffer.ts";
import type { TcpSegment } from "./tcp-segment.ts";
import { ACK, emptySegment, FIN, parseSegment, putHeader, RST, SYN } from "./tcp-segment.ts";

export interface TcpLimits {
  connections: number;
  connectionsPerGuest: number;
  /** Bytes for buffers beyond each connection's base of 16 KiB in either direction. */
  bufferBudget: number;
  bufferMaximum: number;
  keepAliveIdleNs: number;
  timeWaitNs: number;
}

export interface TcpPorts {
  link: LinkLayer;
  mtu: number;
  limits: TcpLimits;
  random32(): number;
  /** Opens the far side of a guest's connection, or gives the reason why not. */
  connect(guest: IpAddress, to: IpAddress, port: number, events: HostTcpEvents): HostTcp | "refused" | "prohibited";
  /** Tells the guest that its packet had nowhere to go. */
  unreachable(packet: IpPacket, kind: "prohibited" | "host"): void;
  /** Something is to be done at the next poll. */
  wake(): void;
}

const HEADER_QUOTE = 40;

export class TcpSplices implements SpliceOwner {
  readonly ports: TcpPorts;
  readonly budget: BufferBudget;
  readonly blocked = new Set<Splice>();
  private readonly table: FlowTable<Splice>;
  private readonly deadlines = new DeadlineQueue<Splice>();
  private pending = new Set<Splice>();
  private readonly parsed: TcpSegment = emptySegment();
  /** Of the last segment: the next one is probably of the same. */
  private latest: Splice | undefined;
  private nextPort = 0;
  private resetsLeft = 0;
  private resetsAtNs = -Infinity;

  constructor(ports: TcpPorts) {
    this.ports = ports;
    this.budget = { left: ports.limits.bufferBudget };
    this.table = new FlowTable(ports.limits.connections, ports.limits.connectionsPerGuest, (splice) => {
      splice.connection.abort();
      this.close(splice);
    });
  }

  get size(): number {
    return this.table.size;
  }

  ready(splice: Splice): void {
    this.pending.add(splice);
    this.ports.wake();
  }

  /** A segment whose packet is valid; the destination is not checked yet. */
  receive(packet: IpPacket, nowNs: number): void {
    const { data, payloadAt, payloadLength, source, destination } = packet;
    const segment = this.parsed;
    if (!parseSegment(segment, data, payloadAt, payloadLength)) return;
    if (transportChecksum(data, payloadAt, payloadLength, source, destination, TCP) !== 0) return;
    if (segment.sourcePort === 0 || segment.destinationPort === 0) return;
    let splice = this.latest?.isOf(source, segment.sourcePort, destination, segment.destinationPort)
      ? this.latest
      : this.table.get(flowKey(source, segment.sourcePort, destination, segment.destinationPort));
    this.latest = splice;
    const isOpening = (segment.flags & (SYN | ACK | RST | FIN)) === SYN;
    if (splice !== undefined && isOpening && splice.connection.mayReopen(segment)) {
      this.close(splice);
      splice = undefined;
    }
    if (splice !== undefined) {
      this.table.touch(splice, nowNs);
      if (splice.connection.state === "connecting" && segment.flags & RST) {
        this.close(splice);
        return;
      }
      if (segment.flags & RST) splice.pump(nowNs);
      splice.connection.receive(segment, nowNs);
      // A row of data goes to the host in one piece and is acknowledged once, at the poll that follows it: a guest pays for each answer.
      if (splice.connection.mayWait(segment)) this.ready(splice);
      else this.settle(splice, nowNs);
      return;
    }
    if (isOpening) this.open(packet, segment, nowNs);
    else if (!(segment.flags & RST)) this.sendReset(packet, segment, nowNs);
  }

  private open(packet: IpPacket, segment: TcpSegment, nowNs: number): void {
    const splice = new Splice(this, packet.source, segment.sourcePort, packet.destination, segment.destinationPort, nowNs);
    splice.connection.openPassive(segment);
    const host = this.ports.connect(packet.source, packet.destination, segment.destinationPort, splice);
    if (typeof host === "string") {
      if (host === "prohibited") this.ports.unreachable(packet, "prohibited");
      else this.sendReset(packet, segment, nowNs);
      return;
    }
    splice.host = host;
    const { headerAt, payloadAt, data } = packet;
    if (headerAt >= 0) {
      const quote = data.slice(headerAt, payloadAt + HEADER_QUOTE);
      splice.opening = { ...packet, data: quote, source: packet.source.slice(), headerAt: 0, payloadAt: payloadAt - headerAt, mac: packet.mac.slice() };
    }
    this.table.add(splice);
    this.ready(splice);
  }

  /** A connection from outside to a guest's port, as from `far` (an address of the gateway). Events for the accepted socket. */
  openToGuest(host: HostTcp, far: IpAddress, guest: IpAddress, port: number, nowNs: number): HostTcpEvents | undefined {
    for (let tries = 0; tries < 64; tries++) {
      const farPort = 49152 + (this.nextPort++ & 0x3fff);
      if (this.table.get(flowKey(guest, port, far, farPort)) !== undefined) continue;
      const splice = new Splice(this, guest, port, far, farPort, nowNs);
      splice.host = host;
      splice.isConnected = true;
      splice.hostReadable = true;
      this.table.add(splice);
      splice.connection.openActive(nowNs);
      this.deadlines.update(splice);
      return splice;
    }
    return undefined;
  }

  private sendReset(packet: IpPacket, segment: TcpSegment, nowNs: number): void {
    if (nowNs - this.resetsAtNs > 1e9) {
      this.resetsAtNs = nowNs;
      this.resetsLeft = 1000;
    }
    if (this.resetsLeft-- <= 0 || !this.ports.link.canSend()) return;
    const { link } = this.ports;
    const length = segment.dataLength + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
    const hasAck = (segment.flags & ACK) !== 0;
    const size = putHeader(link.frame, PAYLOAD_AT, {
      sourcePort: segment.destinationPort,
      destinationPort: segment.sourcePort,
      sequence: hasAck ? segment.acknowledgement : 0,
      acknowledgement: hasAck ? 0 : (segment.sequence + length) >>> 0,
      flags: hasAck ? RST : RST | ACK,
      window: 0, mss: 0, windowScale: -1, sackPermitted: false, sack: [],
    });
    const from = packet.destination.slice();
    const to = packet.source.slice();
    writeU16(link.frame, PAYLOAD_AT + 16, transportChecksum(link.frame, PAYLOAD_AT, size, from, to, TCP));
    link.sendIp(from, to, TCP, size);
  }

  private settle(splice: Splice, nowNs: number): void {
    const { connection } = splice;
    splice.pump(nowNs);
    connection.output(nowNs);
    if (connection.state === "time-wait" && splice.endSent) splice.host = undefined;
    if (connection.state === "closed") this.close(splice);
    else this.deadlines.update(splice);
  }

  /** Takes a connection out. A host socket that has not seen both ends is reset. */
  private close(splice: Splice): void {
    if (this.latest === splice) this.latest = undefined;
    this.table.delete(splice);
    this.pending.delete(splice);
    this.blocked.delete(splice);
    const { host, connection } = splice;
    splice.host = undefined;
    if (host !== undefined && !(splice.endSent && splice.hostEnded)) host.reset();
    if (connection.state !== "closed") connection.abandon();
  }

  /** The guest's address is gone, or the whole network is: every connection ends. */
  closeAll(): void {
    for (const splice of [...this.table.values()]) {
      splice.connection.abort();
      this.close(splice);
    }
  }

  nextDeadline(): number {
    return this.pending.size > 0 ? -Infinity : this.deadlines.nextNs;
  }

  poll(nowNs: number): void {
    const pending = this.pending;
    this.pending = new Set();
    for (const splice of pending) if (this.table.get(splice.key) === splice) this.settle(splice, nowNs);
    for (let due = this.deadlines.takeDue(nowNs); due !== undefined; due = this.deadlines.takeDue(nowNs)) {
      if (this.table.get(due.key) !== due) continue;
      due.connection.tick(nowNs);
      this.settle(due, nowNs);
    }
    if (this.blocked.size > 0 && this.ports.link.canSend()) {
      const blocked = [...this.blocked];
      this.blocked.clear();
      for (const splice of blocked) if (this.table.get(splice.key) === splice) this.settle(splice, nowNs);
    }
  }
}
