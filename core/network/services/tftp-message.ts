// TFTP messages (RFC 1350) and their options (RFC 2347): requests, acknowledgements and errors read, option acknowledgements and errors
// written. Only whole, zero-terminated strings count, and only bounded ones.
import { readU16, writeU16 } from "../wire/bytes.ts";

export const READ = 1;
export const WRITE = 2;
export const DATA = 3;
export const ACKNOWLEDGEMENT = 4;
export const ERROR = 5;
export const OPTIONS = 6;

export const NOT_DEFINED = 0;
export const NOT_FOUND = 1;
export const ACCESS_VIOLATION = 2;
export const ILLEGAL_OPERATION = 4;
export const UNKNOWN_TRANSFER = 5;

const STRINGS = 34;
const STRING_BYTES = 512;

export interface TftpRequest {
  name: string;
  /** In lower case. */
  mode: string;
  /** By name in lower case. */
  options: Map<string, string>;
}

/** A read or write request, or undefined. */
export function parseRequest(message: Uint8Array): TftpRequest | undefined {
  const strings: string[] = [];
  for (let at = 2; at < message.length; ) {
    const end = message.indexOf(0, at);
    if (end < 0 || end - at > STRING_BYTES || strings.length >= STRINGS) return undefined;
    strings.push(new TextDecoder().decode(message.subarray(at, end)));
    at = end + 1;
  }
  const [name, mode] = strings;
  if (name === undefined || mode === undefined) return undefined;
  const options = new Map<string, string>();
  for (let i = 2; i + 1 < strings.length; i += 2) options.set((strings[i] as string).toLowerCase(), strings[i + 1] as string);
  return { name, mode: mode.toLowerCase(), options };
}

export function operationOf(message: Uint8Array): number {
  return message.length < 2 ? 0 : readU16(message, 0);
}

export function formatOptions(options: ReadonlyMap<string, string>): Uint8Array {
  const text = [...options].map(([name, value]) => `${name}\0${value}\0`).join("");
  const bytes = new TextEncoder().encode(`\0\0${text}`);
  writeU16(bytes, 0, OPTIONS);
  return bytes;
}

export function formatError(code: number, text: string): Uint8Array {
  const bytes = new TextEncoder().encode(`\0\0\0\0${text}\0`);
  writeU16(bytes, 0, ERROR);
  writeU16(bytes, 2, code);
  return bytes;
}
