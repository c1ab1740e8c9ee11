// What UDP and TCP carry, in words: DHCP (RFC 2131), DNS (RFC 1035), TFTP (RFC 1350), and the first line of HTTP (RFC 9112).
import { parseDhcp } from "../services/dhcp-message.ts";
import { formatMac } from "../stack/address.ts";
import { readU16, readU32 } from "../wire/bytes.ts";
import { formatIpv4 } from "../wire/ipv4.ts";
import { formatIpv6 } from "../wire/ipv6.ts";
import { asciiOf, hex, type PacketText } from "./packet-text.ts";

const DHCP_TYPES: readonly string[] = ["", "Discover", "Offer", "Request", "Decline", "ACK", "NAK", "Release", "Inform"];
const DNS_TYPES: Readonly<Record<number, string>> = { 1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 41: "OPT", 65: "HTTPS", 255: "ANY" };
const DNS_CODES: readonly string[] = ["no error", "format error", "server failure", "no such name", "not implemented", "refused"];
const TFTP_NAMES: readonly string[] = ["", "Read", "Write", "Data", "Acknowledgement", "Error", "Options"];
/** Names in answers are followed so far; pointers may go in circles. */
const LABELS_MAX = 128;
const RECORDS_MAX = 16;
const HTTP_START = /^(?:(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) [^\r\n]*HTTP\/1\.[01]|HTTP\/1\.[01] \d{3}[^\r\n]*)/;

/** `at` to `end` is the payload. */
export function decodeService(text: PacketText, transport: "udp" | "tcp", from: number, to: number, at: number, end: number): void {
  const isAt = (port: number): boolean => from === port || to === port;
  if (transport === "udp" && ((from === 68 && to === 67) || (from === 67 && (to === 68 || to === 67)))) decodeDhcp(text, at, end);
  else if (isAt(53) || (transport === "udp" && isAt(5353))) decodeDns(text, transport === "tcp" ? at + 2 : at, end, isAt(53) ? "DNS" : "MDNS");
  else if (transport === "udp" && isAt(69)) decodeTftp(text, at, end);
  else if (transport === "tcp") decodeHttp(text, at, end);
}

function decodeDhcp(text: PacketText, at: number, end: number): void {
  const message = parseDhcp(text.bytes.subarray(at, end));
  if (message === undefined) return;
  const kind = DHCP_TYPES[message.options.get(53)?.[0] ?? 0] || "BOOTP";
  const given = message.yourAddress.join(".");
  const asked = message.options.get(50)?.join(".");
  const name = message.options.get(12);
  text.layer("DHCP");
  text.field("Message", kind, at, 1);
  text.field("Transaction", hex(message.transaction, 8), at + 4, 4);
  text.field("Client address", message.clientAddress.join("."), at + 12, 4);
  text.field("Your address", given, at + 16, 4);
  text.field("Client MAC", formatMac(message.mac), at + 28, 6);
  if (asked !== undefined) text.field("Requested address", asked, at + 240, end - at - 240);
  if (name !== undefined) text.field("Host name", asciiOf(name, 0, name.length), at + 240, end - at - 240);
  for (const [code, title] of [[1, "Subnet mask"], [3, "Router"], [6, "DNS server"]] as const) {
    const value = message.options.get(code);
    if (value?.length === 4) text.field(title, value.join("."), at + 240, end - at - 240);
  }
  const detail = given !== "0.0.0.0" ? ` ${given}` : asked !== undefined && kind === "Request" ? ` for ${asked}` : "";
  text.is("DHCP", `${kind}${detail} (${hex(message.transaction, 8)})`);
}

function decodeDns(text: PacketText, at: number, end: number, protocol: string): void {
  const { bytes } = text;
  if (at + 12 > end) return;
  const flags = readU16(bytes, at + 2);
  const [questions, answers] = [readU16(bytes, at + 4), readU16(bytes, at + 6)];
  const isAnswer = (flags & 0x8000) !== 0;
  text.layer(protocol);
  text.field("Transaction", hex(readU16(bytes, at), 4), at, 2);
  text.field("Flags", `${isAnswer ? "response" : "query"}${flags & 0x200 ? ", truncated" : ""}, ${DNS_CODES[flags & 15] ?? `code ${flags & 15}`}`, at + 2, 2);
  text.field("Questions", questions, at + 4, 2);
  text.field("Answers", answers, at + 6, 2);
  let next = at + 12;
  let asked = "";
  for (let n = 0; n < Math.min(questions, RECORDS_MAX); n++) {
    const name = dnsName(bytes, at, next, end);
    if (name === undefined || name.next + 4 > end) return;
    const type = dnsType(readU16(bytes, name.next));
    text.field("Question", `${type} ${name.text}`, next, name.next + 4 - next);
    asked ||= `${type} ${name.text}`;
    next = name.next + 4;
  }
  const found: string[] = [];
  for (let n = 0; n < Math.min(answers, RECORDS_MAX); n++) {
    const name = dnsName(bytes, at, next, end);
    if (name === undefined || name.next + 10 > end) break;
    const length = readU16(bytes, name.next + 8);
    const value = dnsValue(bytes, at, readU16(bytes, name.next), name.next + 10, Math.min(end, name.next + 10 + length));
    text.field("Answer", `${dnsType(readU16(bytes, name.next))} ${name.text} ${value}`, next, name.next + 10 + length - next);
    found.push(value);
    next = name.next + 10 + length;
  }
  const code = flags & 15;
  text.is(protocol, isAnswer ? `Response ${asked}: ${code !== 0 ? (DNS_CODES[code] ?? `code ${code}`) : found.join(", ") || "nothing"}` : `Query ${asked}`);
}

function dnsType(type: number): string {
  return DNS_TYPES[type] ?? `TYPE${type}`;
}

function dnsName(bytes: Uint8Array, start: number, from: number, end: number): { text: string; next: number } | undefined {
  const labels: string[] = [];
  let next = -1;
  let at = from;
  for (let n = 0; n < LABELS_MAX; n++) {
    const length = at < end ? (bytes[at] as number) : 64;
    if (length === 0) return { text: labels.join(".") || ".", next: next < 0 ? at + 1 : next };
    if (length >= 0xc0) {
      if (next < 0) next = at + 2;
      at = start + (readU16(bytes, at) & 0x3fff);
    } else if (length > 63) return undefined;
    else {
      labels.push(asciiOf(bytes, at + 1, Math.min(end, at + 1 + length)));
      at += 1 + length;
    }
  }
  return undefined;
}

function dnsValue(bytes: Uint8Array, start: number, type: number, at: number, end: number): string {
  if (type === 1 && end - at === 4) return formatIpv4(readU32(bytes, at));
  if (type === 28 && end - at === 16) return formatIpv6(bytes, at);
  if (type === 2 || type === 5 || type === 12) return dnsName(bytes, start, at, end)?.text ?? "?";
  if (type === 15) return dnsName(bytes, start, at + 2, end)?.text ?? "?";
  if (type === 16) return JSON.stringify(asciiOf(bytes, at + 1, end));
  return dnsType(type);
}

function decodeTftp(text: PacketText, at: number, end: number): void {
  const { bytes } = text;
  const operation = readU16(bytes, at);
  const name = TFTP_NAMES[operation] ?? "";
  if (at + 4 > end || name === "") return;
  text.layer("TFTP");
  text.field("Operation", name, at, 2);
  if (operation > 2) {
    text.is("TFTP", `${name} ${operation === 6 ? "" : readU16(bytes, at + 2)}`.trim());
    return;
  }
  const file = asciiOf(bytes, at + 2, end).split("\0")[0] ?? "";
  text.field("File", file, at + 2, file.length);
  text.is("TFTP", `${name} ${file}`);
}

function decodeHttp(text: PacketText, at: number, end: number): void {
  const line = HTTP_START.exec(asciiOf(text.bytes, at, Math.min(end, at + 1024)))?.[0];
  if (line === undefined) return;
  text.layer("HTTP");
  text.field("Line", line, at, line.length);
  text.is("HTTP", line);
}
