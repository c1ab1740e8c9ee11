// Reassembly of fragmented datagrams (RFC 791 section 3.2, RFC 8200 section 4.5) within bounds: so many datagrams in all and per sender,
// so many bytes; the oldest goes. Repeats are ignored; other overlaps discard the datagram (RFC 5722), as no honest sender makes them.
import { addressKey } from "./address.ts";
import type { IpPacket } from "./ip-packet.ts";
import { skipExtensions } from "./ip-packet.ts";

const DATAGRAMS = 64;
const DATAGRAMS_PER_SENDER = 16;
const BYTES = 1 << 20;
const FRAGMENTS_PER_DATAGRAM = 128;
const LIFETIME_NS = 30e9;

interface Partial {
  sender: string;
  expiresNs: number;
  parts: { start: number; data: Uint8Array }[];
  bytes: number;
  /** Length of the whole payload, once the last fragment is there. */
  total: number;
  protocol: number;
}

export class Reassembly {
  private readonly partials = new Map<string, Partial>();
  bytes = 0;

  get size(): number {
    return this.partials.size;
  }

  /** Takes a fragment; gives the whole packet when this was the last one missing. */
  add(packet: IpPacket, nowNs: number): IpPacket | undefined {
    const fragment = packet.fragment;
    if (fragment === undefined) return packet;
    this.expire(nowNs);
    const length = packet.payloadLength;
    const end = fragment.offset + length;
    if (length === 0 || end > 65535 || (fragment.more && length % 8 !== 0)) return undefined;
    const sender = addressKey(packet.source);
    const key = `${sender}${addressKey(packet.destination)}${packet.source.length === 4 ? packet.protocol : ""}/${fragment.id}`;
    let partial = this.partials.get(key);
    if (partial === undefined) {
      this.makeRoom(sender);
      partial = { sender, expiresNs: nowNs + LIFETIME_NS, parts: [], bytes: 0, total: -1, protocol: packet.protocol };
      this.partials.set(key, partial);
    }
    if (partial.parts.some((part) => part.start === fragment.offset && part.data.length === length)) return undefined;
    const overlaps = partial.parts.some((part) => part.start < end && fragment.offset < part.start + part.data.length);
    const wrongEnd = partial.total >= 0 && (end > partial.total || !fragment.more);
    const pastLast = !fragment.more && partial.parts.some((part) => part.start + part.data.length > end);
    if (overlaps || wrongEnd || pastLast || partial.parts.length >= FRAGMENTS_PER_DATAGRAM) {
      this.drop(key);
      return undefined;
    }
    if (fragment.offset === 0) partial.protocol = packet.protocol;
    if (!fragment.more) partial.total = end;
    partial.parts.push({ start: fragment.offset, data: packet.data.slice(packet.payloadAt, packet.payloadAt + length) });
    partial.bytes += length;
    this.bytes += length;
    if (partial.bytes === partial.total) return this.assemble(key, partial, packet);
    while (this.bytes > BYTES) this.drop(this.partials.keys().next().value as string);
    return undefined;
  }

  private assemble(key: string, partial: Partial, last: IpPacket): IpPacket | undefined {
    this.drop(key);
    const data = new Uint8Array(partial.total);
    for (const part of partial.parts) data.set(part.data, part.start);
    const whole: IpPacket = {
      ...last, data, mac: last.mac.slice(), source: last.source.slice(), destination: last.destination.slice(), protocol: partial.protocol,
      headerAt: -1, payloadAt: 0, payloadLength: partial.total, fragment: undefined,
    };
    if (whole.source.length === 16 && (!skipExtensions(whole) || whole.fragment !== undefined)) return undefined;
    return whole;
  }

  private makeRoom(sender: string): void {
    let own = 0;
    let oldestOwn: string | undefined;
    for (const [key, partial] of this.partials) {
      if (partial.sender !== sender) continue;
      own++;
      oldestOwn ??= key;
    }
    if (own >= DATAGRAMS_PER_SENDER && oldestOwn !== undefined) this.drop(oldestOwn);
    else if (this.partials.size >= DATAGRAMS) this.drop(this.partials.keys().next().value as string);
  }

  private drop(key: string): void {
    const partial = this.partials.get(key);
    if (partial === undefined) return;
    this.bytes -= partial.bytes;
    this.partials.delete(key);
  }

  /** The oldest are first in the map, as all live equally long. */
  private expire(nowNs: number): void {
    for (const [key, partial] of this.partials) {
      if (partial.expiresNs > nowNs) return;
      this.drop(key);
    }
  }
}
