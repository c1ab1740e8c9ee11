// Big-endian reads and writes in a packet, and the Internet checksum (RFC 1071). Readers expect that the caller has checked lengths:
// a read past the end gives zeros, never an exception.

export function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;
}

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, value >>> 16);
  putU16(bytes, at + 2, value);
}

export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Adds 16-bit words to a running sum; an odd last byte is padded with zero. Sums of 64 KiB stay below 2^32. */
export function addWords(sum: number, bytes: Uint8Array, at: number, length: number): number {
  const end = at + (length & ~1);
  let i = at;
  for (; i < end; i += 2) sum += ((bytes[i] as number) << 8) | (bytes[i + 1] as number);
  if (length & 1) sum += (bytes[i] as number) << 8;
  return sum;
}

/** The checksum of a running sum: folded and complemented. */
export function foldChecksum(sum: number): number {
  let folded = (sum % 0x10000) + Math.floor(sum / 0x10000);
  folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

export function checksum(bytes: Uint8Array, at: number, length: number): number {
  return foldChecksum(addWords(0, bytes, at, length));
}

/** The checksum of a UDP, TCP or ICMPv6 message with its pseudo-header (RFC 768, 9293, 8200 section 8.1). */
export function transportChecksum(
  bytes: Uint8Array,
  at: number,
  length: number,
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
): number {
  let sum = addWords(0, source, 0, source.length);
  sum = addWords(sum, destination, 0, destination.length);
  return foldChecksum(addWords(sum + protocol + length, bytes, at, length));
}
