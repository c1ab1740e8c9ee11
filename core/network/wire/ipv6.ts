// IPv6 headers (RFC 8200) and the walk over extension headers to the upper layer. Addresses stay where they are, as 16 bytes.
import { readU16, writeU16, writeU32 } from "./bytes.ts";

export const IPV6_HEADER = 40;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
/** More extension headers than this are an attack, not a packet. */
const MAX_EXTENSIONS = 8;

/** Whether a whole packet lies between `offset` and `end`. */
export function isIpv6(bytes: Uint8Array, offset: number, end: number): boolean {
  if (end > bytes.length || offset + IPV6_HEADER > end || bytes[offset]! >>> 4 !== 6) return false;
  return offset + IPV6_HEADER + ipv6PayloadLength(bytes, offset) <= end;
}

export function ipv6PayloadLength(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 4);
}

export function ipv6NextHeader(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 6]!;
}

export function ipv6HopLimit(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 7]!;
}

/** Borrowed view of the source address. */
export function ipv6Source(bytes: Uint8Array, offset: number): Uint8Array {
  return bytes.subarray(offset + 8, offset + 24);
}

/** Borrowed view of the destination address. */
export function ipv6Destination(bytes: Uint8Array, offset: number): Uint8Array {
  return bytes.subarray(offset + 24, offset + 40);
}

/**
 * The protocol and place of the upper layer of the packet at `offset`, as `offset * 256 + protocol`, or -1 if the chain of extension
 * headers is malformed, too long, or leads into a fragment.
 */
export function ipv6UpperLayer(bytes: Uint8Array, offset: number): number {
  const end = offset + IPV6_HEADER + ipv6PayloadLength(bytes, offset);
  let next = ipv6NextHeader(bytes, offset);
  let at = offset + IPV6_HEADER;
  for (let n = 0; n <= MAX_EXTENSIONS; n++) {
    if (next === FRAGMENT) return -1;
    if (next !== HOP_BY_HOP && next !== ROUTING && next !== DESTINATION_OPTIONS) return at * 256 + next;
    if (at + 8 > end) return -1;
    next = bytes[at]!;
    at += (bytes[at + 1]! + 1) * 8;
    if (at > end) return -1;
  }
  return -1;
}

export function writeIpv6(
  bytes: Uint8Array,
  offset: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  source: Uint8Array,
  destination: Uint8Array,
): void {
  writeU32(bytes, offset, 0x6000_0000);
  writeU16(bytes, offset + 4, payloadLength);
  bytes[offset + 6] = nextHeader;
  bytes[offset + 7] = hopLimit;
  for (let i = 0; i < 16; i++) {
    bytes[offset + 8 + i] = source[i]!;
    bytes[offset + 24 + i] = destination[i]!;
  }
}

/** The canonical text of the address at `offset` (RFC 5952): the longest run of two or more zero groups is "::". */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  const groups = Array.from({ length: 8 }, (_, i) => readU16(bytes, offset + i * 2));
  let best = 0;
  let bestLength = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > bestLength) [best, bestLength] = [from, to - from];
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(":");
  return bestLength < 2 ? text(groups) : `${text(groups.slice(0, best))}::${text(groups.slice(best + bestLength))}`;
}
