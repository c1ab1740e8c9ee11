// DHCP messages (RFC 2131 section 2, options of RFC 2132). Option overload (52) is read; long options (RFC 3396) are joined.
import { readU16, readU32, writeU16, writeU32 } from "../wire/bytes.ts";

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACKNOWLEDGE = 5;
export const NAK = 6;
export const RELEASE = 7;
export const INFORM = 8;

const COOKIE = 0x63825363;

export interface DhcpMessage {
  operation: number;
  transaction: number;
  seconds: number;
  flags: number;
  clientAddress: Uint8Array;
  yourAddress: Uint8Array;
  serverAddress: Uint8Array;
  relayAddress: Uint8Array;
  mac: Uint8Array;
  bootFile: string;
  options: Map<number, Uint8Array>;
}

/** A message for Ethernet clients, or undefined. */
export function parseDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  if (bytes.length < 240 || bytes[1] !== 1 || bytes[2] !== 6 || readU32(bytes, 236) !== COOKIE) return undefined;
  const options = new Map<number, Uint8Array>();
  readOptions(bytes.subarray(240), options);
  const overload = options.get(52)?.[0] ?? 0;
  if (overload & 1) readOptions(bytes.subarray(108, 236), options);
  if (overload & 2) readOptions(bytes.subarray(44, 108), options);
  return {
    operation: bytes[0] as number,
    transaction: readU32(bytes, 4),
    seconds: readU16(bytes, 8),
    flags: readU16(bytes, 10),
    clientAddress: bytes.slice(12, 16),
    yourAddress: bytes.slice(16, 20),
    serverAddress: bytes.slice(20, 24),
    relayAddress: bytes.slice(24, 28),
    mac: bytes.slice(28, 34),
    bootFile: "",
    options,
  };
}

function readOptions(bytes: Uint8Array, into: Map<number, Uint8Array>): void {
  for (let p = 0; p < bytes.length; ) {
    const code = bytes[p] as number;
    if (code === 255) return;
    if (code === 0) {
      p++;
      continue;
    }
    const length = bytes[p + 1];
    if (length === undefined || p + 2 + length > bytes.length) return;
    const value = bytes.subarray(p + 2, p + 2 + length);
    const before = into.get(code);
    into.set(code, before === undefined ? value.slice() : Uint8Array.of(...before, ...value));
    p += 2 + length;
  }
}

/** The message as octets, at least 300 of them, as old BOOTP relays and clients expect. */
export function formatDhcp(message: DhcpMessage): Uint8Array {
  const options: number[] = [];
  for (const [code, value] of message.options) {
    for (let at = 0; at < Math.max(1, value.length); at += 255) {
      const part = value.subarray(at, at + 255);
      options.push(code, part.length, ...part);
    }
  }
  const bytes = new Uint8Array(Math.max(300, 240 + options.length + 1));
  bytes[0] = message.operation;
  bytes[1] = 1;
  bytes[2] = 6;
  writeU32(bytes, 4, message.transaction);
  writeU16(bytes, 8, message.seconds);
  writeU16(bytes, 10, message.flags);
  bytes.set(message.clientAddress, 12);
  bytes.set(message.yourAddress, 16);
  bytes.set(message.serverAddress, 20);
  bytes.set(message.relayAddress, 24);
  bytes.set(message.mac, 28);
  bytes.set(new TextEncoder().encode(message.bootFile).subarray(0, 127), 108);
  writeU32(bytes, 236, COOKIE);
  bytes.set(options, 240);
  bytes[240 + options.length] = 255;
  return bytes;
}
