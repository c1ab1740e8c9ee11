// Validation of IPv4 (RFC 791) and IPv6 (RFC 8200) headers. A packet is a description of where things are in a borrowed buffer.
// Options and extension headers other than fragmentation are skipped; source routing is refused.
import { readU16 } from "../wire/bytes.ts";
import { internetChecksum } from "../wire/checksum.ts";

export { PROTOCOL_ICMP as ICMP, PROTOCOL_ICMPV6 as ICMP6, PROTOCOL_TCP as TCP, PROTOCOL_UDP as UDP } from "../wire/ipv4.ts";

export interface IpPacket {
  data: Uint8Array;
  /** The Ethernet source. */
  mac: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  protocol: number;
  hopLimit: number;
  /** Where the IP header starts; for error messages that quote it. */
  headerAt: number;
  payloadAt: number;
  payloadLength: number;
  /** Set for a fragment. */
  fragment: { id: number; offset: number; more: boolean } | undefined;
}

export function parseIpv4(data: Uint8Array, at: number, end: number, mac: Uint8Array): IpPacket | undefined {
  if (end - at < 20 || (data[at] as number) >> 4 !== 4) return undefined;
  const headerLength = ((data[at] as number) & 15) * 4;
  const total = readU16(data, at + 2);
  if (headerLength < 20 || total < headerLength || at + total > end || internetChecksum(data, at, headerLength) !== 0) return undefined;
  for (let p = at + 20; p < at + headerLength && data[p] !== 0; ) {
    const kind = data[p] as number;
    if (kind === 131 || kind === 137) return undefined;
    const size = kind === 1 ? 1 : (data[p + 1] ?? 0);
    if (size < 1 || (kind !== 1 && size < 2)) return undefined;
    p += size;
  }
  const flags = readU16(data, at + 6);
  const offset = (flags & 0x1fff) * 8;
  const more = (flags & 0x2000) !== 0;
  return {
    data, mac,
    source: data.subarray(at + 12, at + 16),
    destination: data.subarray(at + 16, at + 20),
    protocol: data[at + 9] as number,
    hopLimit: data[at + 8] as number,
    headerAt: at,
    payloadAt: at + headerLength,
    payloadLength: total - headerLength,
    fragment: offset > 0 || more ? { id: readU16(data, at + 4), offset, more } : undefined,
  };
}

export function parseIpv6(data: Uint8Array, at: number, end: number, mac: Uint8Array): IpPacket | undefined {
  if (end - at < 40 || (data[at] as number) >> 4 !== 6) return undefined;
  const length = readU16(data, at + 4);
  if (at + 40 + length > end) return undefined;
  const packet: IpPacket = {
    data, mac,
    source: data.subarray(at + 8, at + 24),
    destination: data.subarray(at + 24, at + 40),
    protocol: data[at + 6] as number,
    hopLimit: data[at + 7] as number,
    headerAt: at,
    payloadAt: at + 40,
    payloadLength: length,
    fragment: undefined,
  };
  if (packet.source[0] === 0xff) return undefined;
  return skipExtensions(packet) ? packet : undefined;
}

/** The beginning of a packet, as an ICMP error quotes it: where it has been cut off, its own lengths do not hold. */
export function parseQuoted(data: Uint8Array, at: number, end: number): Pick<IpPacket, "source" | "destination" | "protocol" | "payloadAt"> | undefined {
  const version = at < end ? (data[at] as number) >> 4 : 0;
  const headerLength = version === 4 ? ((data[at] as number) & 15) * 4 : 40;
  if ((version !== 4 && version !== 6) || headerLength < 20 || at + headerLength + 8 > end) return undefined;
  const [addressAt, size, protocolAt] = version === 4 ? [at + 12, 4, at + 9] : [at + 8, 16, at + 6];
  // A later fragment has no ports.
  if (version === 4 && (readU16(data, at + 6) & 0x1fff) !== 0) return undefined;
  return {
    source: data.subarray(addressAt, addressAt + size),
    destination: data.subarray(addressAt + size, addressAt + 2 * size),
    protocol: data[protocolAt] as number,
    payloadAt: at + headerLength,
  };
}

/** Moves the payload past hop-by-hop, routing (only when used up), fragment and destination option headers. */
export function skipExtensions(packet: IpPacket): boolean {
  for (let headers = 0; headers < 8; headers++) {
    const { data, payloadAt: p, protocol, payloadLength } = packet;
    if (protocol === 44) {
      if (payloadLength < 8 || packet.fragment !== undefined) return false;
      const offset = readU16(data, p + 2);
      packet.fragment = { id: (readU16(data, p + 4) * 65536 + readU16(data, p + 6)) >>> 0, offset: offset & 0xfff8, more: (offset & 1) !== 0 };
      packet.protocol = data[p] as number;
      packet.payloadAt += 8;
      packet.payloadLength -= 8;
      if (packet.fragment.offset > 0 || packet.fragment.more) return true;
      packet.fragment = undefined;
      continue;
    }
    if (protocol !== 0 && protocol !== 43 && protocol !== 60) return true;
    if (payloadLength < 8 || (protocol === 43 && data[p + 3] !== 0)) return false;
    const size = ((data[p + 1] as number) + 1) * 8;
    if (size > payloadLength) return false;
    packet.protocol = data[p] as number;
    packet.payloadAt += size;
    packet.payloadLength -= size;
  }
  return false;
}
