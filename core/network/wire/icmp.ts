// ICMP (RFC 792) and ICMPv6 (RFC 4443) messages: the eight bytes that all have, and their checksums.
import { readU16, writeU16, writeU32 } from "./bytes.ts";
import { foldChecksum, internetChecksum, ipv6PseudoSum, sumBytes } from "./checksum.ts";
import { PROTOCOL_ICMPV6 } from "./ipv4.ts";

export const ICMP_HEADER = 8;
export const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMPV6_UNREACHABLE = 1;
export const ICMPV6_PACKET_TOO_BIG = 2;
export const ICMPV6_TIME_EXCEEDED = 3;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_ROUTER_SOLICITATION = 133;
export const ICMPV6_ROUTER_ADVERTISEMENT = 134;
export const ICMPV6_NEIGHBOUR_SOLICITATION = 135;
export const ICMPV6_NEIGHBOUR_ADVERTISEMENT = 136;

/** Whether a message of `length` bytes is there in full and has the right checksum. */
export function isIcmp(bytes: Uint8Array, offset: number, length: number): boolean {
  return length >= ICMP_HEADER && offset + length <= bytes.length && internetChecksum(bytes, offset, length) === 0;
}

/** The same for ICMPv6, whose checksum takes in the packet at `ip`. */
export function isIcmpv6(bytes: Uint8Array, ip: number, offset: number, length: number): boolean {
  if (length < ICMP_HEADER || offset + length > bytes.length) return false;
  return foldChecksum(sumBytes(bytes, offset, length, ipv6PseudoSum(bytes, ip, PROTOCOL_ICMPV6, length))) === 0;
}

export function icmpType(bytes: Uint8Array, offset: number): number {
  return bytes[offset]!;
}

export function icmpCode(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 1]!;
}

/** Identifier of an echo message. */
export function icmpIdentifier(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 4);
}

/** Sequence number of an echo message. */
export function icmpSequence(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 6);
}

/** Writes the first eight bytes of a message whose body is already in place, and its checksum. `rest` is the second word. */
export function writeIcmp(bytes: Uint8Array, offset: number, length: number, type: number, code: number, rest: number): void {
  writeHeader(bytes, offset, type, code, rest);
  writeU16(bytes, offset + 2, internetChecksum(bytes, offset, length));
}

/** The same for ICMPv6; the IPv6 header at `ip` must be written first. */
export function writeIcmpv6(
  bytes: Uint8Array,
  ip: number,
  offset: number,
  length: number,
  type: number,
  code: number,
  rest: number,
): void {
  writeHeader(bytes, offset, type, code, rest);
  const sum = sumBytes(bytes, offset, length, ipv6PseudoSum(bytes, ip, PROTOCOL_ICMPV6, length));
  writeU16(bytes, offset + 2, foldChecksum(sum));
}

function writeHeader(bytes: Uint8Array, offset: number, type: number, code: number, rest: number): void {
  bytes[offset] = type;
  bytes[offset + 1] = code;
  writeU16(bytes, offset + 2, 0);
  writeU32(bytes, offset + 4, rest);
}
