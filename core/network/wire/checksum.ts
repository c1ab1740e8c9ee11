// The Internet checksum (RFC 1071) and the pseudo-headers of IPv4 (RFC 768, RFC 9293) and IPv6 (RFC 8200 section 8.1).
// Sums are kept unfolded in a number between calls: 32 bits hold the sum of 128 KiB.
import { readU16 } from "./bytes.ts";

/** Adds the 16-bit words of a range to a running sum; an odd last byte counts as the high half of a word. */
export function sumBytes(bytes: Uint8Array, offset: number, length: number, sum = 0): number {
  const end = Math.min(offset + length, bytes.length);
  let at = offset;
  for (; at + 1 < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) sum += bytes[at]! << 8;
  return sum;
}

/** Folds a sum to 16 bits and complements it: what is written to the header, or 0 over a range that holds its right checksum. */
export function foldChecksum(sum: number): number {
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum & 0xffff);
  return ~sum & 0xffff;
}

export function internetChecksum(bytes: Uint8Array, offset: number, length: number): number {
  return foldChecksum(sumBytes(bytes, offset, length));
}

/** Sum of the pseudo-header of the IPv4 packet that begins at `ip`. */
export function ipv4PseudoSum(bytes: Uint8Array, ip: number, protocol: number, length: number): number {
  return sumBytes(bytes, ip + 12, 8, protocol + length);
}

/** Sum of the pseudo-header of the IPv6 packet that begins at `ip`. */
export function ipv6PseudoSum(bytes: Uint8Array, ip: number, protocol: number, length: number): number {
  return sumBytes(bytes, ip + 8, 32, protocol + (length >>> 16) + (length & 0xffff));
}

/** A checksum after one 16-bit word of what it covers has changed (RFC 1624, equation 3). */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return foldChecksum((~checksum & 0xffff) + (~before & 0xffff) + after);
}

/** Updates the checksum at `at` for a field of whole 16-bit words that is about to be overwritten with `value`. */
export function updateChecksumFor(bytes: Uint8Array, at: number, field: number, value: Uint8Array): void {
  let checksum = readU16(bytes, at);
  for (let i = 0; i < value.length; i += 2) checksum = updateChecksum(checksum, readU16(bytes, field + i), readU16(value, i));
  bytes[at] = checksum >>> 8;
  bytes[at + 1] = checksum;
}
