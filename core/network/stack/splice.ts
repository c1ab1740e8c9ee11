// One guest's connection joined to a host socket: bytes move only as fast as the slower side takes them. What the host does not take
// stays in the receive buffer and shuts the guest's window; what the guest does not take is left in the host's socket.
import { foldChecksum, sumBytes } from "../wire/checksum.ts";
import { writeU16 } from "../wire/bytes.ts";
import type { IpAddress } from "./address.ts";
import { addressKey } from "./address.ts";
import type { HostSocketError, HostTcp, HostTcpEvents } from "./host-sockets.ts";
import type { IpPacket } from "./ip-packet.ts";
import { TCP } from "./ip-packet.ts";
import { PAYLOAD_AT } from "./link-layer.ts";
import { equalOctets } from "./octets.ts";
import type { BufferBudget, StreamBuffer } from "./stream-buffer.ts";
import type { TcpOutput } from "./tcp-connection.ts";
import { TcpConnection } from "./tcp-connection.ts";
import type { TcpHeader } from "./tcp-segment.ts";
import { putHeader } from "./tcp-segment.ts";
import type { TcpPorts } from "./tcp-splices.ts";

const BUFFER_BASE = 16384;

/** All connections of a network, as one of them sees them. */
export interface SpliceOwner {
  readonly ports: TcpPorts;
  readonly budget: BufferBudget;
  /** Connections that had something to send when the link took nothing. */
  readonly blocked: Set<Splice>;
  /** There is work for it at the next poll. */
  ready(splice: Splice): void;
}

export class Splice implements HostTcpEvents, TcpOutput {
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
  private readonly owner: SpliceOwner;
  private readonly guestAddress: IpAddress;
  private readonly farAddress: IpAddress;
  private readonly guestPort: number;
  private readonly farPort: number;
  private readonly pseudo: number;

  constructor(owner: SpliceOwner, guest: IpAddress, guestPort: number, far: IpAddress, farPort: number, nowNs: number) {
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

export function flowKey(guest: Uint8Array, guestPort: number, far: Uint8Array, farPort: number): string {
  return addressKey(guest) + addressKey(far) + String.fromCharCode(guestPort, farPort);
}
