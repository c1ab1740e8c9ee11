// TCP headers (RFC 9293 section 3.1). Options are the connection's business: they lie between TCP_HEADER and the header's length.
import { readU16, readU32, writeU16, writeU32 } from "./bytes.ts";
import { foldChecksum, sumBytes } from "./checksum.ts";

export const TCP_HEADER = 20;
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;

/** Length of the header if it lies whole between `offset` and `end`, otherwise 0. */
export function tcpHeaderLength(bytes: Uint8Array, offset: number, end: number): number {
  if (end > bytes.length || offset + TCP_HEADER > end) return 0;
  const header = (bytes[offset + 12]! >>> 4) * 4;
  return header >= TCP_HEADER && offset + header <= end ? header : 0;
}

/** Whether the checksum over the segment of `length` bytes is right. */
export function tcpChecksumHolds(bytes: Uint8Array, offset: number, length: number, pseudo: number): boolean {
  return foldChecksum(sumBytes(bytes, offset, length, pseudo)) === 0;
}

export function tcpSourcePort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset);
}

export function tcpDestinationPort(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 2);
}

export function tcpSequence(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 4);
}

export function tcpAcknowledgment(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 8);
}

export function tcpFlags(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 13]! & 0x3f;
}

export function tcpWindow(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 14);
}

/** Writes a header; options and payload must be in place. `headerLength` is a multiple of 4; `length` is that of the whole segment. */
export function writeTcp(
  bytes: Uint8Array,
  offset: number,
  headerLength: number,
  length: number,
  source: number,
  destination: number,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
  pseudo: number,
): void {
  writeU16(bytes, offset, source);
  writeU16(bytes, offset + 2, destination);
  writeU32(bytes, offset + 4, sequence);
  writeU32(bytes, offset + 8, acknowledgment);
  bytes[offset + 12] = (headerLength / 4) << 4;
  bytes[offset + 13] = flags;
  writeU16(bytes, offset + 14, window);
  writeU32(bytes, offset + 16, 0);
  writeU16(bytes, offset + 16, foldChecksum(sumBytes(bytes, offset, length, pseudo)));
}
