// IPv4, IPv6, ICMP, ICMPv6, UDP and TCP in words (RFC 791, 8200, 792, 4443, 4861, 768, 9293).
import { readU16, readU32 } from "../wire/bytes.ts";
import {
  formatIpv4, IPV4_HEADER, ipv4Destination, ipv4FragmentOffset, ipv4Identification, ipv4MoreFragments, ipv4Protocol, ipv4Source,
  ipv4TotalLength, ipv4Ttl, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP,
} from "../wire/ipv4.ts";
import { formatIpv6, IPV6_HEADER, ipv6HopLimit, ipv6NextHeader, ipv6PayloadLength, ipv6UpperLayer, isIpv6 } from "../wire/ipv6.ts";
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG, tcpHeaderLength } from "../wire/tcp.ts";
import { UDP_HEADER } from "../wire/udp.ts";
import { decodeService } from "./decode-services.ts";
import { hex, type PacketText } from "./packet-text.ts";

const PROTOCOLS: Readonly<Record<number, string>> = { [PROTOCOL_ICMP]: "ICMP", 2: "IGMP", [PROTOCOL_TCP]: "TCP", [PROTOCOL_UDP]: "UDP", 47: "GRE", [PROTOCOL_ICMPV6]: "ICMPv6", 132: "SCTP" };
const UNREACHABLE: readonly string[] = ["network", "host", "protocol", "port", "fragmentation needed", "source route failed"];
const TCP_FLAGS = [[TCP_SYN, "SYN"], [TCP_FIN, "FIN"], [TCP_RST, "RST"], [TCP_PSH, "PSH"], [TCP_ACK, "ACK"], [TCP_URG, "URG"]] as const;

export function decodeIpv4(text: PacketText, at: number): void {
  const { bytes } = text;
  const header = ((bytes[at] ?? 0) & 15) * 4;
  if (at + IPV4_HEADER > bytes.length || header < IPV4_HEADER || (bytes[at] as number) >>> 4 !== 4) return;
  text.source = formatIpv4(ipv4Source(bytes, at));
  text.destination = formatIpv4(ipv4Destination(bytes, at));
  const total = ipv4TotalLength(bytes, at);
  const offset = ipv4FragmentOffset(bytes, at);
  text.layer("IPv4");
  text.field("Total length", total, at + 2, 2);
  text.field("Identification", hex(ipv4Identification(bytes, at), 4), at + 4, 2);
  if (offset > 0 || ipv4MoreFragments(bytes, at)) text.field("Fragment", `offset ${offset}${ipv4MoreFragments(bytes, at) ? ", more follow" : ", last"}`, at + 6, 2);
  text.field("Time to live", ipv4Ttl(bytes, at), at + 8, 1);
  text.field("Protocol", protocolName(ipv4Protocol(bytes, at)), at + 9, 1);
  text.field("Source", text.source, at + 12, 4);
  text.field("Destination", text.destination, at + 16, 4);
  if (offset > 0) text.is("IPv4", `Fragment of ${protocolName(ipv4Protocol(bytes, at))} ${hex(ipv4Identification(bytes, at), 4)} at ${offset}`);
  // A segment that its card is yet to cut may say nothing of its length.
  else decodeTransport(text, ipv4Protocol(bytes, at), at + header, total >= header ? Math.min(bytes.length, at + total) : bytes.length);
}

export function decodeIpv6(text: PacketText, at: number): void {
  const { bytes } = text;
  if (at + IPV6_HEADER > bytes.length || (bytes[at] as number) >>> 4 !== 6) return;
  text.source = formatIpv6(bytes, at + 8);
  text.destination = formatIpv6(bytes, at + 24);
  text.layer("IPv6");
  text.field("Payload length", ipv6PayloadLength(bytes, at), at + 4, 2);
  text.field("Next header", protocolName(ipv6NextHeader(bytes, at)), at + 6, 1);
  text.field("Hop limit", ipv6HopLimit(bytes, at), at + 7, 1);
  text.field("Source", text.source, at + 8, 16);
  text.field("Destination", text.destination, at + 24, 16);
  const upper = isIpv6(bytes, at, bytes.length) ? ipv6UpperLayer(bytes, at) : -1;
  if (upper < 0) text.is("IPv6", "Fragment, or headers that are not whole");
  else decodeTransport(text, upper & 0xff, upper >>> 8, at + IPV6_HEADER + ipv6PayloadLength(bytes, at));
}

function protocolName(protocol: number): string {
  return PROTOCOLS[protocol] ?? `protocol ${protocol}`;
}

function decodeTransport(text: PacketText, protocol: number, at: number, end: number): void {
  text.is(PROTOCOLS[protocol] ?? "IP", protocolName(protocol));
  if (protocol === PROTOCOL_UDP) decodeUdp(text, at, end);
  else if (protocol === PROTOCOL_TCP) decodeTcp(text, at, end);
  else if (protocol === PROTOCOL_ICMP) decodeIcmp(text, at, end);
  else if (protocol === PROTOCOL_ICMPV6) decodeIcmpv6(text, at, end);
}

function decodeUdp(text: PacketText, at: number, end: number): void {
  const { bytes } = text;
  if (at + UDP_HEADER > end) return;
  const [from, to, length] = [readU16(bytes, at), readU16(bytes, at + 2), readU16(bytes, at + 4)];
  text.layer("UDP");
  text.field("Source port", from, at, 2);
  text.field("Destination port", to, at + 2, 2);
  text.field("Length", length, at + 4, 2);
  text.is("UDP", `${from} → ${to}, ${Math.max(0, length - UDP_HEADER)} bytes`);
  decodeService(text, "udp", from, to, at + UDP_HEADER, end);
}

function decodeTcp(text: PacketText, at: number, end: number): void {
  const { bytes } = text;
  const header = tcpHeaderLength(bytes, at, end);
  if (header === 0) return;
  const [from, to] = [readU16(bytes, at), readU16(bytes, at + 2)];
  const bits = bytes[at + 13] as number;
  const flags = TCP_FLAGS.flatMap(([bit, name]) => ((bits & bit) === 0 ? [] : [name])).join(", ");
  const [sequence, acknowledgment, window, length] = [readU32(bytes, at + 4), readU32(bytes, at + 8), readU16(bytes, at + 14), end - at - header];
  text.layer("TCP");
  text.field("Source port", from, at, 2);
  text.field("Destination port", to, at + 2, 2);
  text.field("Sequence", sequence, at + 4, 4);
  text.field("Acknowledgment", acknowledgment, at + 8, 4);
  text.field("Flags", flags, at + 13, 1);
  text.field("Window", window, at + 14, 2);
  if (header > 20) text.field("Options", `${header - 20} bytes`, at + 20, header - 20);
  text.is("TCP", `${from} → ${to} [${flags}] Seq=${sequence}${bits & TCP_ACK ? ` Ack=${acknowledgment}` : ""} Win=${window} Len=${length}`);
  if (length > 0) decodeService(text, "tcp", from, to, at + header, end);
}

function decodeIcmp(text: PacketText, at: number, end: number): void {
  const { bytes } = text;
  if (at + 8 > end) return;
  const [type = 0, code = 0] = bytes.subarray(at, at + 2);
  const echo = `id=${hex(readU16(bytes, at + 4), 4)} seq=${readU16(bytes, at + 6)}`;
  text.layer("ICMP");
  text.field("Type", type, at, 1);
  text.field("Code", code, at + 1, 1);
  if (type === 8 || type === 0) text.field("Echo", echo, at + 4, 4);
  if (type === 8) text.is("ICMP", `Echo request ${echo}`);
  else if (type === 0) text.is("ICMP", `Echo reply ${echo}`);
  else if (type === 3) text.is("ICMP", `Unreachable: ${UNREACHABLE[code] ?? (code >= 9 ? "prohibited" : `code ${code}`)}`);
  else if (type === 11) text.is("ICMP", "Time exceeded");
  else text.is("ICMP", `Type ${type}, code ${code}`);
}

function decodeIcmpv6(text: PacketText, at: number, end: number): void {
  const { bytes } = text;
  if (at + 8 > end) return;
  const [type = 0, code = 0] = bytes.subarray(at, at + 2);
  const echo = `id=${hex(readU16(bytes, at + 4), 4)} seq=${readU16(bytes, at + 6)}`;
  const target = at + 24 <= end ? formatIpv6(bytes, at + 8) : "?";
  const names: Readonly<Record<number, string>> = {
    1: "Unreachable", 2: `Packet too big, ${readU32(bytes, at + 4)} bytes fit`, 3: "Time exceeded", 4: "Parameter problem", 128: `Echo request ${echo}`, 129: `Echo reply ${echo}`,
    130: "Multicast listener query", 131: "Multicast listener report", 133: "Router solicitation", 134: "Router advertisement",
    135: `Neighbour solicitation for ${target}`, 136: `Neighbour advertisement of ${target}`, 143: "Multicast listener report",
  };
  text.layer("ICMPv6");
  text.field("Type", type, at, 1);
  text.field("Code", code, at + 1, 1);
  if (type === 135 || type === 136) text.field("Target", target, at + 8, 16);
  text.is("ICMPv6", names[type] ?? `Type ${type}, code ${code}`);
}
