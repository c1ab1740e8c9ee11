// The router's part of IPv6 neighbour discovery (RFC 4861) and address autoconfiguration (RFC 4862): advertisements with the network's
// prefix and DNS server (RFC 8106), solicited and every few minutes, and answers to neighbour solicitations. No redirects, no DHCPv6.
import type { IpAddress, IpPrefix, MacAddress } from "./address.ts";
import { addressAt, inPrefix } from "./address.ts";
import type { IpPacket } from "./ip-packet.ts";
import { ICMP6 } from "./ip-packet.ts";
import type { LinkLayer } from "./link-layer.ts";
import { PAYLOAD_AT } from "./link-layer.ts";
import { equalOctets } from "./octets.ts";
import { writeU16, writeU32 } from "../wire/bytes.ts";
import { transportChecksum } from "../wire/checksum.ts";

const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const ADVERTISE_NS = 300e9;
/** Multicast advertisements at most so often, however many ask (RFC 4861 section 6.2.6). */
const MINIMUM_INTERVAL_NS = 3e9;
const PREFIX_LIFETIME_S = 86400;
const ROUTER_LIFETIME_S = 1800;

export class NeighbourDiscovery {
  readonly address: IpAddress;
  private readonly linkLocal: IpAddress;
  private readonly link: LinkLayer;
  private readonly mac: MacAddress;
  private readonly prefix: IpPrefix;
  private readonly mtu: number;
  private readonly isRouter: boolean;
  private hasGuests = false;
  private advertisedNs = -Infinity;
  private isDue = false;

  constructor(link: LinkLayer, mac: MacAddress, prefix: IpPrefix, mtu: number, isRouter: boolean) {
    this.link = link;
    this.mac = mac;
    this.prefix = prefix;
    this.mtu = mtu;
    this.isRouter = isRouter;
    this.address = addressAt(prefix, 1);
    this.linkLocal = Uint8Array.of(
      0xfe, 0x80, 0, 0, 0, 0, 0, 0, (mac[0] ?? 0) ^ 2, mac[1] ?? 0, mac[2] ?? 0, 0xff, 0xfe, mac[3] ?? 0, mac[4] ?? 0, mac[5] ?? 0,
    );
  }

  isOwn(address: IpAddress): boolean {
    return equalOctets(address, this.address) || equalOctets(address, this.linkLocal);
  }

  isOnLink(address: IpAddress): boolean {
    return inPrefix(address, this.prefix) || (address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80);
  }

  addressTowards(guest: IpAddress): IpAddress {
    return guest[0] === 0xfe ? this.linkLocal : this.address;
  }

  /** Whether the message was one of discovery, valid or not. */
  receive(packet: IpPacket): boolean {
    const { data, payloadAt: at, payloadLength: length, source, destination } = packet;
    const type = data[at] ?? 0;
    if (type < ROUTER_SOLICITATION || type > 137) return false;
    // A hop limit of 255 proves that no router passed it on.
    if (length < 8 || packet.hopLimit !== 255 || data[at + 1] !== 0) return true;
    if (transportChecksum(data, at, length, source, destination, ICMP6) !== 0) return true;
    const isUnspecified = source.every((octet) => octet === 0);
    if (type === ROUTER_SOLICITATION) {
      this.hasGuests = true;
      this.isDue = true;
      if (this.deadline <= this.link.nowNs) this.tick();
    } else if (type === NEIGHBOUR_SOLICITATION && length >= 24) {
      const target = data.slice(at + 8, at + 24);
      if (!this.isOwn(target)) return true;
      const mac = linkLayerOption(data, at + 24, at + length, 1);
      if (mac !== undefined && !isUnspecified && equalOctets(mac, packet.mac)) this.link.learn(source, mac);
      this.advertise(target, isUnspecified ? ALL_NODES : source.slice(), !isUnspecified);
    } else if (type === NEIGHBOUR_ADVERTISEMENT && length >= 24) {
      const mac = linkLayerOption(data, at + 24, at + length, 2);
      const target = data.slice(at + 8, at + 24);
      if (mac !== undefined && equalOctets(mac, packet.mac) && !this.isOwn(target)) this.link.learn(target, mac, true);
    }
    return true;
  }

  private advertise(target: IpAddress, to: IpAddress, isSolicited: boolean): void {
    const { frame } = this.link;
    writeU32(frame, PAYLOAD_AT + 4, ((this.isRouter ? 0x80000000 : 0) | (isSolicited ? 0x40000000 : 0) | 0x20000000) >>> 0);
    frame.set(target, PAYLOAD_AT + 8);
    frame.set([2, 1, ...this.mac], PAYLOAD_AT + 24);
    this.send(target, to, NEIGHBOUR_ADVERTISEMENT, 32, to === ALL_NODES ? multicastMac(to) : undefined);
  }

  /** Asks who has `target`. */
  solicit(target: IpAddress, mac: MacAddress | undefined): void {
    const { frame } = this.link;
    const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13));
    writeU32(frame, PAYLOAD_AT + 4, 0);
    frame.set(target, PAYLOAD_AT + 8);
    frame.set([1, 1, ...this.mac], PAYLOAD_AT + 24);
    const to = mac === undefined ? group : target;
    this.send(this.addressTowards(target), to, NEIGHBOUR_SOLICITATION, 32, mac ?? multicastMac(group));
  }

  /** Once a guest has asked for routers, they are told again from time to time; a network without IPv6 guests stays quiet. */
  get deadline(): number {
    if (!this.hasGuests) return Infinity;
    return this.advertisedNs + (this.isDue ? MINIMUM_INTERVAL_NS : ADVERTISE_NS);
  }

  tick(): void {
    if (this.deadline > this.link.nowNs) return;
    this.advertisedNs = this.link.nowNs;
    this.isDue = false;
    const { frame } = this.link;
    const p = PAYLOAD_AT;
    writeU32(frame, p + 4, (64 << 24) | (this.isRouter ? ROUTER_LIFETIME_S : 0));
    writeU32(frame, p + 8, 0);
    writeU32(frame, p + 12, 0);
    frame.set([1, 1, ...this.mac], p + 16);
    writeU32(frame, p + 24, 0x05010000);
    writeU32(frame, p + 28, this.mtu);
    writeU32(frame, p + 32, 0x030400c0 | (this.prefix.length << 8));
    writeU32(frame, p + 36, PREFIX_LIFETIME_S);
    writeU32(frame, p + 40, PREFIX_LIFETIME_S / 2);
    writeU32(frame, p + 44, 0);
    frame.set(this.prefix.address, p + 48);
    writeU32(frame, p + 64, 0x19030000);
    writeU32(frame, p + 68, ROUTER_LIFETIME_S);
    frame.set(this.address, p + 72);
    this.send(this.linkLocal, ALL_NODES, ROUTER_ADVERTISEMENT, 88, multicastMac(ALL_NODES));
  }

  private send(from: IpAddress, to: IpAddress, type: number, length: number, mac: MacAddress | undefined): void {
    const { frame } = this.link;
    writeU16(frame, PAYLOAD_AT, type << 8);
    writeU16(frame, PAYLOAD_AT + 2, 0);
    writeU16(frame, PAYLOAD_AT + 2, transportChecksum(frame, PAYLOAD_AT, length, from, to, ICMP6));
    this.link.sendIp(from, to, ICMP6, length, mac, 255);
  }
}

function multicastMac(group: IpAddress): MacAddress {
  return Uint8Array.of(0x33, 0x33, ...group.subarray(12));
}

function linkLayerOption(data: Uint8Array, at: number, end: number, kind: number): MacAddress | undefined {
  for (let p = at; p + 8 <= end; ) {
    const size = (data[p + 1] as number) * 8;
    if (size === 0 || p + size > end) return undefined;
    if (data[p] === kind && size === 8) return data.slice(p + 2, p + 8);
    p += size;
  }
  return undefined;
}
