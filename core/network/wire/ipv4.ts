// IPv4 headers (RFC 791): lengths checked, checksum, fragment fields. Options are stepped over, never interpreted or written.
import { readU16, readU32, writeU16, writeU32 } from "./bytes.ts";
import { internetChecksum } from "./checksum.ts";

export const IPV4_HEADER = 20;
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;

/** Length of the header if a whole packet lies between `offset` and `end` and its checksum is right, otherwise 0. */
export function ipv4HeaderLength(bytes: Uint8Array, offset: number, end: number): number {
  if (end > bytes.length || offset + IPV4_HEADER > end || bytes[offset]! >>> 4 !== 4) return 0;
  const header = (bytes[offset]! & 15) * 4;
  const total = ipv4TotalLength(bytes, offset);
  if (header < IPV4_HEADER || total < header || offset + total > end) return 0;
  return internetChecksum(bytes, offset, header) === 0 ? header : 0;
}

/** Header and payload; a frame may have padding behind them. */
export function ipv4TotalLength(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 2);
}

export function ipv4Identification(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 4);
}

export function ipv4DontFragment(bytes: Uint8Array, offset: number): boolean {
  return (bytes[offset + 6]! & 0x40) !== 0;
}

export function ipv4MoreFragments(bytes: Uint8Array, offset: number): boolean {
  return (bytes[offset + 6]! & 0x20) !== 0;
}

/** In bytes. */
export function ipv4FragmentOffset(bytes: Uint8Array, offset: number): number {
  return (readU16(bytes, offset + 6) & 0x1fff) * 8;
}

export function ipv4Ttl(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 8]!;
}

export function ipv4Protocol(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 9]!;
}

export function ipv4Source(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 12);
}

export function ipv4Destination(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 16);
}

/** Writes a header of 20 bytes with its checksum. `fragment` is the flags and offset word; 0x4000 is "don't fragment". */
export function writeIpv4(
  bytes: Uint8Array,
  offset: number,
  totalLength: number,
  identification: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  bytes[offset] = 0x45;
  bytes[offset + 1] = 0;
  writeU16(bytes, offset + 2, totalLength);
  writeU16(bytes, offset + 4, identification);
  writeU16(bytes, offset + 6, fragment);
  bytes[offset + 8] = ttl;
  bytes[offset + 9] = protocol;
  writeU16(bytes, offset + 10, 0);
  writeU32(bytes, offset + 12, source);
  writeU32(bytes, offset + 16, destination);
  writeU16(bytes, offset + 10, internetChecksum(bytes, offset, IPV4_HEADER));
}

/** "10.0.10.1" as a number, or undefined. */
export function parseIpv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((address, part) => address * 256 + part, 0);
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
