// Guests' TCP connections joined to host sockets. Bytes move only as fast as the slower side takes them: what the host does not take
// stays in the receive buffer and shuts the guest's window; what the guest does not take is left in the host's socket.
import type { IpAddress } from "./address.ts";
import { addressKey } from "./address.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { FlowTable } from "./flow-table.ts";
import type { HostSocketError, HostTcp, HostTcpEvents } from "./host-sockets.ts";
import type { IpPacket } from "./ip-packet.ts";
import { TCP } from "./ip-packet.ts";
import type { LinkLayer } from "./link-layer.ts";
import { PAYLOAD_AT } from "./link-layer.ts";
import { equalOctets } from "./octets.ts";
import { writeU16 } from "../wire/bytes.ts";
import { foldChecksum, sumBytes, transportChecksum } from "../wire/checksum.ts";
import type { BufferBudget, StreamBuffer } from "./stream-buffer.ts";
import type { TcpOutput } from "./tcp-connection.ts";
import { TcpConnection } from "./tcp-connection.ts";
import type { TcpHeader, TcpSegment } from "./tcp-segment.ts";
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

const BUFFER_BASE = 16384;
const HEADER_QUOTE = 40;

class Splice implements HostTcpEvents, TcpOutput {
  readonly key: string;
  readonly guest: string;
  readonly connection: TcpConnection;
  usedNs: number;
  queuedNs = Infinity;
  host: HostTcp | undefined;
  isConnected = false;
  hostReadable = false;
  hostWritable = true;
  hostEnded = false;
  endSent = false;
  error: HostSocketError | undefined;
  /** The SYN that opened it, for an ICMP error. */
  opening: IpPacket | undefined;
  private readonly owner: TcpSplices;
  private readonly guestAddress: IpAddress;
  private readonly farAddress: IpAddress;
  private readonly guestPort: number;
  private readonly farPort: number;
  private readonly pseudo: number;

  constructor(owner: TcpSplices, guest: IpAddress, guestPort: number, far: IpAddress, farPort: number, nowNs: number) {
    this.owner = owner;
    this.guestAddress = guest.slice();
    this.farAddress = far.slice();
    this.guestPort = guestPort;
    this.farPort = farPort;
    this.guest = addressKey(guest);
    this.key = flowKey(guest, guestPort, far, farPort);
    this.usedNs = nowNs;
    this.pseudo = sumBytes(this.farAddress, 0, far.length, sumBytes(this.guestAddress, 0, guest.length, TCP));
    const { limits, mtu } = owner.ports;
    this.connection = new TcpConnection(
      {
        mss: mtu - (guest.length === 4 ? 40 : 60),
        initialSequence: owner.ports.random32() >>> 0,
        bufferBase: BUFFER_BASE,
        bufferMaximum: limits.bufferMaximum,
        keepAliveIdleNs: limits.keepAliveIdleNs,
        timeWaitNs: limits.timeWaitNs,
      },
      this,
      owner.budget,
    );
  }

  get deadline(): number {
    return this.connection.deadline;
  }

  isOf(guest: IpAddress, guestPort: number, far: IpAddress, farPort: number): boolean {
    if (this.guestPort !== guestPort || this.farPort !== farPort) return false;
    return equalOctets(guest, this.guestAddress) && equalOctets(far, this.farAddress);
  }

  canSend = (): boolean => {
    const can = this.owner.ports.link.canSend();
    if (!can) this.owner.blocked.add(this);
    return can;
  };

  segment(header: TcpHeader, data: StreamBuffer | undefined, from: number, length: number): void {
    const { link } = this.owner.ports;
    header.sourcePort = this.farPort;
    header.destinationPort = this.guestPort;
    const size = putHeader(link.frame, PAYLOAD_AT, header);
    data?.read(from, link.frame, PAYLOAD_AT + size, length);
    writeU16(link.frame, PAYLOAD_AT + 16, foldChecksum(sumBytes(link.frame, PAYLOAD_AT, size + length, this.pseudo + size + length)));
    link.sendIp(this.farAddress, this.guestAddress, TCP, size + length);
  }

  connected(): void {
    this.isConnected = true;
    this.owner.ready(this);
  }

  readable(): void {
    this.hostReadable = true;
    this.owner.ready(this);
  }

  writable(): void {
    this.hostWritable = true;
    this.owner.ready(this);
  }

  failed(error: HostSocketError): void {
    this.error = error;
    this.owner.ready(this);
  }

  /** Moves bytes both ways and passes ends and failures on. */
  pump(nowNs: number): void {
    const { connection, host } = this;
    if (this.error !== undefined) {
      this.host = undefined;
      if (connection.state === "connecting" && this.opening !== undefined && this.error !== "refused" && this.error !== "reset") {
        this.owner.ports.unreachable(this.opening, this.error === "denied" ? "prohibited" : "host");
      }
      connection.abort();
      return;
    }
    if (host === undefined) return;
    if (connection.state === "connecting") {
      if (!this.isConnected) return;
      this.opening = undefined;
      connection.accept(nowNs);
    }
    while (this.hostReadable && connection.canWrite) {
      const region = connection.writeRegion();
      if (region.length === 0) break;
      const count = host.read(region);
      if (count > 0) connection.written(count);
      else {
        this.hostReadable = false;
        if (count < 0) {
          this.hostEnded = true;
          connection.close();
        }
      }
    }
    while (this.hostWritable) {
      const region = connection.readRegion();
      if (region.length === 0) break;
      const count = host.write(region);
      if (count > 0) connection.consumed(count);
      if (count < region.length) this.hostWritable = false;
    }
    if (connection.readEnded && !this.endSent) {
      this.endSent = true;
      host.end();
    }
  }
}

function flowKey(guest: Uint8Array, guestPort: number, far: Uint8Array, farPort: number): string {
  return addressKey(guest) + addressKey(far) + String.fromCharCode(guestPort, farPort);
}

export class TcpSplices {
  readonly ports: TcpPorts;
  readonly budget: BufferBudget;
  /** Connections that had something to send when the link took nothing. */
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
      splice.connection.receive(segment, nowNs);
      this.settle(splice, nowNs);
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
