// TCP header codec (RFC 9293 section 3.1) with the options used: maximum segment size, window scale (RFC 7323), SACK (RFC 2018).
// Timestamps and urgent data are left out.
import { readU16, readU32, writeU16, writeU32 } from "../wire/bytes.ts";
import type { Range } from "./range-set.ts";

export { TCP_ACK as ACK, TCP_FIN as FIN, TCP_PSH as PSH, TCP_RST as RST, TCP_SYN as SYN } from "../wire/tcp.ts";

/** What a header says, apart from SACK. */
interface TcpFields {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgement: number;
  flags: number;
  window: number;
  /** 0 when the option is absent. */
  mss: number;
  /** -1 when the option is absent. */
  windowScale: number;
  sackPermitted: boolean;
}

export interface TcpSegment extends TcpFields {
  /** Left and right edges as 32-bit numbers, in the order received. */
  sack: number[];
  data: Uint8Array;
  dataAt: number;
  dataLength: number;
}

export function emptySegment(): TcpSegment {
  return {
    sourcePort: 0, destinationPort: 0, sequence: 0, acknowledgement: 0, flags: 0, window: 0, mss: 0, windowScale: -1,
    sackPermitted: false, sack: [], data: new Uint8Array(0), dataAt: 0, dataLength: 0,
  };
}

/** Fills `into` from the segment at [at, at + length). False if the header is impossible. Malformed options end the list, no more. */
export function parseSegment(into: TcpSegment, bytes: Uint8Array, at: number, length: number): boolean {
  if (length < 20) return false;
  const headerLength = ((bytes[at + 12] ?? 0) >> 4) * 4;
  if (headerLength < 20 || headerLength > length) return false;
  into.sourcePort = readU16(bytes, at);
  into.destinationPort = readU16(bytes, at + 2);
  into.sequence = readU32(bytes, at + 4);
  into.acknowledgement = readU32(bytes, at + 8);
  into.flags = (bytes[at + 13] ?? 0) & 0x3f;
  into.window = readU16(bytes, at + 14);
  into.mss = 0;
  into.windowScale = -1;
  into.sackPermitted = false;
  into.sack.length = 0;
  into.data = bytes;
  into.dataAt = at + headerLength;
  into.dataLength = length - headerLength;
  const end = at + headerLength;
  for (let p = at + 20; p < end; ) {
    const kind = bytes[p] as number;
    if (kind === 0) break;
    if (kind === 1) {
      p++;
      continue;
    }
    const size = p + 1 < end ? (bytes[p + 1] as number) : 0;
    if (size < 2 || p + size > end) break;
    if (kind === 2 && size === 4) into.mss = readU16(bytes, p + 2);
    else if (kind === 3 && size === 3) into.windowScale = Math.min(14, bytes[p + 2] as number);
    else if (kind === 4 && size === 2) into.sackPermitted = true;
    else if (kind === 5 && size >= 10 && (size - 2) % 8 === 0) {
      for (let q = p + 2; q < p + size; q += 4) into.sack.push(readU32(bytes, q));
    }
    p += size;
  }
  return true;
}

export interface TcpHeader extends TcpFields {
  /** Left out when empty. */
  sack: readonly Range[];
}

/** Writes the header without checksum and returns its length, at most 60. */
export function putHeader(bytes: Uint8Array, at: number, header: TcpHeader): number {
  writeU16(bytes, at, header.sourcePort);
  writeU16(bytes, at + 2, header.destinationPort);
  writeU32(bytes, at + 4, header.sequence);
  writeU32(bytes, at + 8, header.acknowledgement);
  bytes[at + 13] = header.flags;
  writeU16(bytes, at + 14, header.window);
  writeU32(bytes, at + 16, 0);
  let p = at + 20;
  if (header.mss > 0) {
    writeU16(bytes, p, 0x0204);
    writeU16(bytes, p + 2, header.mss);
    p += 4;
  }
  if (header.windowScale >= 0) {
    writeU32(bytes, p, 0x01030300 | header.windowScale);
    p += 4;
  }
  if (header.sackPermitted) {
    writeU32(bytes, p, 0x01010402);
    p += 4;
  }
  if (header.sack.length > 0) {
    const blocks = header.sack.slice(0, Math.min(4, (at + 60 - p - 4) >> 3));
    writeU32(bytes, p, 0x01010500 | (2 + 8 * blocks.length));
    p += 4;
    for (const block of blocks) {
      writeU32(bytes, p, block.start);
      writeU32(bytes, p + 4, block.end);
      p += 8;
    }
  }
  bytes[at + 12] = ((p - at) >> 2) << 4;
  return p - at;
}
