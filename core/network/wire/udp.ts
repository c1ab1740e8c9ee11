// UDP headers (RFC 768; over IPv6, RFC 8200 section 8.1). `pseudo` is the sum of checksum.ts for the packet that holds the datagram.
import { readU16, writeU16 } from "./bytes.ts";
import { foldChecksum, sumBytes } from "./checksum.ts";

export const UDP_HEADER = 8;

/** The datagram's length, header included, if it lies whole between `offset` and `end`; otherwise 0. */
export function udpLength(bytes: Uint8Array, offset: number, end: number): number {
  if (end > bytes.length || offset + UDP_HEADER > end) return 0;
  const length = readU16(bytes, offset + 4);
  return length >= UDP_HEADER && offset + length <= end ? length : 0;
}

/** Whether the checksum is right; one of zero means "none", which only IPv4 allows. */
export function udpChecksumHolds(bytes: Uint8Array, offset: number, length: number, pseudo: number, isV6 = false): boolean {
  if (readU16(bytes, offset + 6) === 0) return !isV6;
  return foldChecksum(sumBytes(bytes, offset, length, pseudo)) === 0;
}

export function udpSourcePort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset);
}

export function udpDestinationPort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 2);
}

/** Writes the header before a payload that is already in place. `length` includes the header. */
export function writeUdp(bytes: Uint8Array, offset: number, length: number, source: number, destination: number, pseudo: number): void {
  writeU16(bytes, offset, source);
  writeU16(bytes, offset + 2, destination);
  writeU16(bytes, offset + 4, length);
  writeU16(bytes, offset + 6, 0);
  const checksum = foldChecksum(sumBytes(bytes, offset, length, pseudo));
  writeU16(bytes, offset + 6, checksum === 0 ? 0xffff : checksum);
}
