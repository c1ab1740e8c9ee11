// Packets in words, for the live view of a capture: Ethernet, 802.1Q, ARP, spanning tree, and IP with what it carries (decode-ip.ts,
// decode-services.ts). Reads what is there and stops where a header does not fit; a frame may hold anything. Checksums are not looked at:
// cards compute them late. Left out: IP fragments beyond the first, streams over several segments, whatever is not named here.
import type { PacketDetails, PacketRow } from "../../api/network.ts";
import { readBpdu } from "../switch/bpdu.ts";
import { ARP_REPLY, ARP_REQUEST, arpOperation, arpSenderIp, arpSenderMac, arpTargetIp, arpTargetMac, isArp } from "../wire/arp.ts";
import { readU16, readU48 } from "../wire/bytes.ts";
import { ETHERNET_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN, formatMac, isTagType, MAC_BROADCAST, TAG_BYTES } from "../wire/ethernet.ts";
import { formatIpv4 } from "../wire/ipv4.ts";
import { decodeIpv4, decodeIpv6 } from "./decode-ip.ts";
import { hex, PacketText } from "./packet-text.ts";

/** Tags that are followed; a frame of nothing but tags is not a puzzle. */
const TAGS_MAX = 4;
/** Shorter values of the type field are lengths (IEEE 802.3 clause 3.2.6). */
const SMALLEST_TYPE = 0x600;
const TYPE_NAMES: Readonly<Record<number, string>> = { [ETHERTYPE_IPV4]: "IPv4", [ETHERTYPE_ARP]: "ARP", [ETHERTYPE_IPV6]: "IPv6", [ETHERTYPE_VLAN]: "802.1Q" };

/** A row of a packet list. `bytes` may be less than the `length` that was on the wire. */
export function packetRow(number: number, time: number, direction: "in" | "out", bytes: Uint8Array, length: number = bytes.length): PacketRow {
  const { vlan, source, destination, protocol, info } = decode(bytes);
  return { number, time, direction, vlan, source, destination, protocol, length, info };
}

/** A packet with all its headers. */
export function packetDetails(number: number, bytes: Uint8Array, length: number, timeNs: number): PacketDetails {
  const text = decode(bytes);
  const frame = { name: "Frame", fields: [
    { name: "Time", value: `${(timeNs / 1e9).toFixed(6)} s`, offset: 0, length: 0 },
    { name: "Length", value: length === bytes.length ? `${length} bytes` : `${length} bytes, ${bytes.length} captured`, offset: 0, length: bytes.length },
  ] };
  let octets = "";
  for (const octet of bytes) octets += octet.toString(16).padStart(2, "0");
  return { number, layers: [frame, ...text.layers], bytes: octets };
}

function decode(bytes: Uint8Array): PacketText {
  const text = new PacketText(bytes);
  text.is("Ethernet", "Not a whole header");
  if (bytes.length < ETHERNET_HEADER) return text;
  text.layer("Ethernet");
  text.destination = macOf(readU48(bytes, 0));
  text.source = macOf(readU48(bytes, 6));
  text.field("Destination", text.destination, 0, 6);
  text.field("Source", text.source, 6, 6);
  let type = typeField(text, 12);
  let at = ETHERNET_HEADER;
  for (let n = 0; n < TAGS_MAX && isTagType(type) && at + TAG_BYTES <= bytes.length; n++) {
    const control = readU16(bytes, at);
    text.layer(type === ETHERTYPE_VLAN ? "802.1Q" : "802.1ad");
    text.field("Priority", control >>> 13, at, 1);
    text.field("VLAN", control & 0xfff, at, 2);
    text.vlan ??= control & 0xfff;
    type = typeField(text, at + 2);
    at += TAG_BYTES;
  }
  text.is(TYPE_NAMES[type] ?? "Ethernet", type < SMALLEST_TYPE ? `802.3, ${type} bytes` : `Type ${hex(type, 4)}`);
  if (type === ETHERTYPE_ARP) decodeArp(text, at);
  else if (type === ETHERTYPE_IPV4) decodeIpv4(text, at);
  else if (type === ETHERTYPE_IPV6) decodeIpv6(text, at);
  else if (type < SMALLEST_TYPE) decodeBpdu(text);
  return text;
}

function macOf(mac: number): string {
  return mac === MAC_BROADCAST ? "ff:ff:ff:ff:ff:ff" : formatMac(mac);
}

function typeField(text: PacketText, at: number): number {
  const type = readU16(text.bytes, at);
  if (type < SMALLEST_TYPE) text.field("Length", type, at, 2);
  else text.field("Type", TYPE_NAMES[type] === undefined ? hex(type, 4) : `${TYPE_NAMES[type]} (${hex(type, 4)})`, at, 2);
  return type;
}

function decodeArp(text: PacketText, at: number): void {
  const { bytes } = text;
  if (!isArp(bytes, at, bytes.length)) return;
  const operation = arpOperation(bytes, at);
  const [sender, target] = [formatIpv4(arpSenderIp(bytes, at)), formatIpv4(arpTargetIp(bytes, at))];
  const mac = formatMac(arpSenderMac(bytes, at));
  const name = operation === ARP_REQUEST ? "request" : operation === ARP_REPLY ? "reply" : `operation ${operation}`;
  text.layer("ARP");
  text.field("Operation", name, at + 6, 2);
  text.field("Sender MAC", mac, at + 8, 6);
  text.field("Sender IP", sender, at + 14, 4);
  text.field("Target MAC", formatMac(arpTargetMac(bytes, at)), at + 18, 6);
  text.field("Target IP", target, at + 24, 4);
  if (operation === ARP_REPLY) text.is("ARP", `${sender} is at ${mac}`);
  else text.is("ARP", sender === target ? `${sender} is announced` : `Who has ${target}? Tell ${sender}`);
}

function decodeBpdu(text: PacketText): void {
  const bpdu = readBpdu(text.bytes);
  if (bpdu === undefined) return;
  text.layer("Spanning tree");
  if (bpdu === "notification") {
    text.is("STP", "Topology change notification");
    return;
  }
  const [rootPriority, root, cost, priority, bridge, port] = bpdu.vector;
  text.field("Role", bpdu.role, 21, 1);
  text.field("Root", `${rootPriority} / ${formatMac(root)}`, 22, 8);
  text.field("Path cost", cost, 30, 4);
  text.field("Bridge", `${priority} / ${formatMac(bridge)}`, 34, 8);
  text.field("Port", hex(port, 4), 42, 2);
  const flags = (["topologyChange", "proposal", "agreement", "learning", "forwarding"] as const).filter((flag) => bpdu[flag]);
  text.field("Flags", flags.join(", "), 21, 1);
  text.is("STP", `Root ${formatMac(root)}, cost ${cost}, port ${hex(port, 4)}, ${bpdu.role}${bpdu.topologyChange ? ", topology change" : ""}`);
}
