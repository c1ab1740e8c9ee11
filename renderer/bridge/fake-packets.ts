// Packets for made-up captures: bytes that hold together as far as their headers go (checksums are left at zero), with the
// fields that the details show. Only for the fake bridge.
import type { PacketDetails, PacketRow } from "../../core/api/network.ts";

type Field = PacketDetails["layers"][number]["fields"][number];

const A = { mac: "52:54:00:00:00:0a", ip: "10.0.10.15" };
const B = { mac: "52:54:00:00:00:0b", ip: "10.0.10.16" };
const GATEWAY = { mac: "52:55:0a:00:0a:01", ip: "10.0.10.1" };
const ALL = "ff:ff:ff:ff:ff:ff";

class Bytes {
  readonly all: number[] = [];
  readonly layers: PacketDetails["layers"] = [];

  layer(name: string): this {
    this.layers.push({ name, fields: [] });
    return this;
  }

  put(name: string, value: string, bytes: readonly number[]): this {
    const field: Field = { name, value, offset: this.all.length, length: bytes.length };
    this.layers.at(-1)?.fields.push(field);
    this.all.push(...bytes);
    return this;
  }

  u16(name: string, value: number, text = String(value)): this {
    return this.put(name, text, [value >> 8, value & 255]);
  }

  u32(name: string, value: number): this {
    return this.put(name, String(value), [value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);
  }

  mac(name: string, mac: string): this {
    return this.put(name, mac, mac.split(":").map((octet) => Number.parseInt(octet, 16)));
  }

  ip(name: string, ip: string): this {
    return this.put(name, ip, ip.split(".").map(Number));
  }

  ethernet(source: string, destination: string, type: number, typeName: string): this {
    return this.layer("Ethernet II").mac("Destination", destination).mac("Source", source).u16("Type", type, typeName);
  }

  ipv4(source: string, destination: string, protocol: number, protocolName: string, payload: number): this {
    return this.layer("Internet Protocol version 4")
      .put("Version, header length", "4, 20 bytes", [0x45])
      .put("DSCP, ECN", "0", [0])
      .u16("Total length", 20 + payload)
      .u16("Identification", 0x1c46)
      .put("Flags, fragment offset", "do not fragment", [0x40, 0])
      .put("Time to live", "64", [64])
      .put("Protocol", protocolName, [protocol])
      .u16("Header checksum", 0)
      .ip("Source", source)
      .ip("Destination", destination);
  }
}

const text = (value: string): number[] => [...value].map((character) => character.charCodeAt(0) & 127);

type Kind = (number: number) => { bytes: Bytes; row: Pick<PacketRow, "source" | "destination" | "protocol" | "info" | "direction"> };

const arp: Kind = (number) => {
  const isReply = number % 2 === 0;
  const [from, to] = isReply ? [B, A] : [A, B];
  const bytes = new Bytes().ethernet(from.mac, isReply ? to.mac : ALL, 0x0806, "ARP (0x0806)").layer("Address Resolution Protocol");
  bytes.u16("Hardware type", 1).u16("Protocol type", 0x0800, "IPv4").put("Sizes", "6, 4", [6, 4]).u16("Operation", isReply ? 2 : 1);
  bytes.mac("Sender MAC", from.mac).ip("Sender IP", from.ip).mac("Target MAC", isReply ? to.mac : "00:00:00:00:00:00").ip("Target IP", to.ip);
  const info = isReply ? `${from.ip} is at ${from.mac}` : `Who has ${to.ip}? Tell ${from.ip}`;
  return { bytes, row: { source: from.mac, destination: isReply ? to.mac : ALL, protocol: "ARP", info, direction: isReply ? "in" : "out" } };
};

const ping: Kind = (number) => {
  const isReply = number % 2 === 0;
  const [from, to] = isReply ? [B, A] : [A, B];
  const bytes = new Bytes().ethernet(from.mac, to.mac, 0x0800, "IPv4 (0x0800)").ipv4(from.ip, to.ip, 1, "ICMP", 64);
  bytes.layer("Internet Control Message Protocol").put("Type", isReply ? "0, echo reply" : "8, echo request", [isReply ? 0 : 8]).put("Code", "0", [0]);
  bytes.u16("Checksum", 0).u16("Identifier", 77).u16("Sequence", number >> 1).put("Data", "56 bytes", Array.from({ length: 56 }, (_, i) => i));
  const info = `Echo ${isReply ? "reply" : "request"} id=77 seq=${number >> 1}`;
  return { bytes, row: { source: from.ip, destination: to.ip, protocol: "ICMP", info, direction: isReply ? "in" : "out" } };
};

const http: Kind = (number) => {
  const isReply = number % 2 === 0;
  const [from, to] = isReply ? [B, A] : [A, B];
  const data = text(isReply ? "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello, alice" : "GET / HTTP/1.1\r\nHost: bob.lab\r\n\r\n");
  const bytes = new Bytes().ethernet(from.mac, to.mac, 0x0800, "IPv4 (0x0800)").ipv4(from.ip, to.ip, 6, "TCP", 20 + data.length);
  bytes.layer("Transmission Control Protocol").u16("Source port", isReply ? 80 : 49152).u16("Destination port", isReply ? 49152 : 80);
  bytes.u32("Sequence number", 1000 + number).u32("Acknowledgement", 2000 + number).put("Header length, flags", "20 bytes, PSH, ACK", [0x50, 0x18]);
  bytes.u16("Window", 64240).u16("Checksum", 0).u16("Urgent pointer", 0).put("Data", `${data.length} bytes`, data);
  const info = `${isReply ? "80 → 49152" : "49152 → 80"} [PSH, ACK] Seq=${1000 + number} Len=${data.length}`;
  return { bytes, row: { source: from.ip, destination: to.ip, protocol: "TCP", info, direction: isReply ? "in" : "out" } };
};

const dns: Kind = (number) => {
  const isReply = number % 2 === 0;
  const [from, to] = isReply ? [GATEWAY, A] : [A, GATEWAY];
  const name = [3, ...text("bob"), 3, ...text("lab"), 0];
  const bytes = new Bytes().ethernet(from.mac, to.mac, 0x0800, "IPv4 (0x0800)").ipv4(from.ip, to.ip, 17, "UDP", 8 + 12 + name.length + 4);
  bytes.layer("User Datagram Protocol").u16("Source port", isReply ? 53 : 51000).u16("Destination port", isReply ? 51000 : 53);
  bytes.u16("Length", 24 + name.length).u16("Checksum", 0).layer("Domain Name System").u16("Identifier", number, `0x${number.toString(16)}`);
  bytes.u16("Flags", isReply ? 0x8180 : 0x0100, isReply ? "response" : "query").u16("Questions", 1).u16("Answers", 0).u16("Authorities", 0);
  bytes.u16("Additional", 0).put("Name", "bob.lab", name).u16("Type", 1, "A").u16("Class", 1, "IN");
  const info = isReply ? `Response A bob.lab ${B.ip}` : "Query A bob.lab";
  return { bytes, row: { source: from.ip, destination: to.ip, protocol: "DNS", info, direction: isReply ? "in" : "out" } };
};

const KINDS = [arp, dns, http, ping, ping, http] as const;

export function fakePacket(number: number, time: number): { row: PacketRow; details: PacketDetails } {
  const make = KINDS[((number - 1) >> 1) % KINDS.length] ?? ping;
  const { bytes, row } = make(number);
  const hex = bytes.all.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return {
    row: { number, time: time + (number % 10) / 1000, vlan: null, length: bytes.all.length, ...row },
    details: { number, layers: bytes.layers, bytes: hex },
  };
}
