// The Internet checksum (RFC 1071) and the pseudo-headers of IPv4 (RFC 768, RFC 9293) and IPv6 (RFC 8200 section 8.1).
// Sums are kept unfolded in a number between calls, exact up to 2^53. Long runs are added 32 bits at a time in the host's order,
// which RFC 1071 (2 B) allows, folded to 16 bits and turned round once.
import { readU16 } from "./bytes.ts";

/** Where a view of the buffer begins to pay. */
const LONG = 64;

/** Adds the 16-bit words of a range to a running sum; an odd last byte counts as the high half of a word. */
export function sumBytes(bytes: Uint8Array, offset: number, length: number, sum = 0): number {
  const end = Math.min(offset + length, bytes.length);
  if (end - offset >= LONG) return sumView(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset, end - offset, sum);
  let at = offset;
  for (; at + 1 < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) sum += bytes[at]! << 8;
  return sum;
}

/** The same of a range that lies whole in a view. */
export function sumView(view: DataView, offset: number, length: number, sum = 0): number {
  const end = offset + length;
  let turned = 0;
  let at = offset;
  for (; at + 15 < end; at += 16) {
    turned += view.getUint32(at, true) + view.getUint32(at + 4, true) + view.getUint32(at + 8, true) + view.getUint32(at + 12, true);
  }
  for (; at + 3 < end; at += 4) turned += view.getUint32(at, true);
  if (at + 1 < end) {
    turned += view.getUint16(at, true);
    at += 2;
  }
  if (at < end) turned += view.getUint8(at);
  const folded = fold(turned);
  return sum + (((folded & 0xff) << 8) | (folded >>> 8));
}

function fold(sum: number): number {
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum % 0x10000);
  return sum;
}

/** Folds a sum to 16 bits and complements it: what is written to the header, or 0 over a range that holds its right checksum. */
export function foldChecksum(sum: number): number {
  return ~fold(sum) & 0xffff;
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

/** The checksum of a TCP, UDP or ICMPv6 message with the pseudo-header of its addresses, which are 4 or 16 octets long. */
export function transportChecksum(
  bytes: Uint8Array,
  offset: number,
  length: number,
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
): number {
  const pseudo = sumBytes(destination, 0, destination.length, sumBytes(source, 0, source.length, protocol + length));
  return foldChecksum(sumBytes(bytes, offset, length, pseudo));
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
