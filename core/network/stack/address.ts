// Addresses as octets: IPv4 (4), IPv6 (16, RFC 4291 and RFC 5952 text forms) and MAC (6). The length of an array says which it is.
import { readU32 } from "../wire/bytes.ts";
import { formatIpv6 } from "../wire/ipv6.ts";

export type IpAddress = Uint8Array;
export type MacAddress = Uint8Array;

export interface IpPrefix {
  address: IpAddress;
  length: number;
}

export const BROADCAST_MAC: MacAddress = Uint8Array.of(255, 255, 255, 255, 255, 255);
export const BROADCAST_V4: IpAddress = Uint8Array.of(255, 255, 255, 255);
export const ANY_V4: IpAddress = new Uint8Array(4);

export function parseMac(text: string): MacAddress | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return Uint8Array.from(text.split(/[:-]/), (part) => Number.parseInt(part, 16));
}

export function formatMac(mac: MacAddress): string {
  return Array.from(mac, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

export function parseIpv4(text: string): IpAddress | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split(".").map(Number);
  return parts.some((part) => part > 255) ? undefined : Uint8Array.from(parts);
}

export function parseIpv6(text: string): IpAddress | undefined {
  if (text.length > 45 || !/^[0-9a-f:.]+$/i.test(text)) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string): number[] | undefined => {
    const words: number[] = [];
    if (half === "") return words;
    const parts = half.split(":");
    for (const [i, part] of parts.entries()) {
      const dotted = i === parts.length - 1 ? parseIpv4(part) : undefined;
      if (dotted !== undefined) words.push(readU32(dotted, 0) >>> 16, readU32(dotted, 0) & 0xffff);
      else if (/^[0-9a-f]{1,4}$/i.test(part)) words.push(Number.parseInt(part, 16));
      else return undefined;
    }
    return words;
  };
  const head = groups(halves[0] ?? "");
  const tail = groups(halves[1] ?? "");
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const words = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

export function parseIp(text: string): IpAddress | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

export function formatIp(address: IpAddress): string {
  return address.length === 4 ? address.join(".") : formatIpv6(address);
}

/** "10.0.10.0/24" or "fd00:1::/64"; the host part is cleared. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [addressText, lengthText, ...rest] = text.split("/");
  const address = parseIp(addressText ?? "");
  if (address === undefined || lengthText === undefined || rest.length > 0 || !/^\d{1,3}$/.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > address.length * 8) return undefined;
  for (let bit = length; bit < address.length * 8; bit++) address[bit >> 3] = (address[bit >> 3] ?? 0) & ~(0x80 >> (bit & 7));
  return { address, length };
}

export function inPrefix(address: IpAddress, prefix: IpPrefix): boolean {
  if (address.length !== prefix.address.length) return false;
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== prefix.address[i]) return false;
  const rest = prefix.length & 7;
  return rest === 0 || (((address[whole] ?? 0) ^ (prefix.address[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}

/** The prefix's network address plus `index`, as IPv4 hosts are numbered (index below 2^32). */
export function addressAt(prefix: IpPrefix, index: number): IpAddress {
  const address = prefix.address.slice();
  let carry = index;
  for (let i = address.length - 1; i >= 0 && carry > 0; i--) {
    const sum = (address[i] ?? 0) + (carry % 256);
    address[i] = sum;
    carry = Math.floor(carry / 256) + (sum >> 8);
  }
  return address;
}

/** A map key: short, and equal exactly for equal octets. */
export function addressKey(bytes: Uint8Array, at = 0, length = bytes.length): string {
  let key = "";
  for (let i = at; i < at + length; i += 2) key += String.fromCharCode(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  return key;
}

/**
 * Addresses that are no destination on the outside: this host, loopback, link-local, multicast, broadcast, reserved, and their IPv6
 * counterparts with mapped and translated forms of IPv4, which would otherwise be a way round the rule.
 */
export function isSpecial(address: IpAddress): boolean {
  const first = address[0] ?? 0;
  if (address.length === 4) return first === 0 || first === 127 || first >= 224 || (first === 169 && address[1] === 254);
  if (first === 0xff || (first === 0xfe && (address[1] ?? 0) >= 0x80)) return true;
  const leadingZeros = address.findIndex((octet) => octet !== 0);
  if (leadingZeros < 0 || leadingZeros >= 8) return true;
  return first === 0 && address[1] === 0x64 && address[2] === 0xff && address[3] === 0x9b;
}
