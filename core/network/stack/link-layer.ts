// The gateway's side of its Ethernet: finding neighbours (ARP, RFC 826; the caller of ndp() does the same for RFC 4861) and sending IP
// packets to them, in fragments where needed. One scratch frame serves all senders: a frame is borrowed only for the call.
// Neighbours are learned only from what they say to the gateway, so that chatter of others cannot fill the table.
import type { IpAddress, MacAddress } from "./address.ts";
import { addressKey, BROADCAST_MAC } from "./address.ts";
import type { IpPacket } from "./ip-packet.ts";
import { equalOctets as equal } from "./octets.ts";
import { ARP_BYTES, ARP_REPLY, ARP_REQUEST, arpOperation, isArp, writeArp } from "../wire/arp.ts";
import { readU32, readU48, writeU16, writeU32 } from "../wire/bytes.ts";
import { internetChecksum } from "../wire/checksum.ts";
import { ETHERNET_HEADER, ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeEthernet } from "../wire/ethernet.ts";
import { IPV4_HEADER, writeIpv4 } from "../wire/ipv4.ts";
import { IPV6_HEADER, writeIpv6 } from "../wire/ipv6.ts";

const NEIGHBOURS = 1024;
const ADDRESSES_PER_MACHINE = 64;
const WAITING_PER_NEIGHBOUR = 4;
const WAITING = 64;
const UNRESOLVED = 128;
const PROBES = 3;
const PROBE_INTERVAL_NS = 1e9;
const FRESH_NS = 300e9;
const LIFETIME_NS = 600e9;

interface Neighbour {
  address: IpAddress;
  mac: MacAddress | undefined;
  confirmedNs: number;
  probes: number;
  probeNs: number;
  waiting: Uint8Array[];
}

export interface LinkSettings {
  mac: MacAddress;
  mtu: number;
  address4: IpAddress;
  /** Sends a frame; borrowed. */
  transmit(frame: Uint8Array): void;
  canTransmit(): boolean;
  /** Asks for an IPv6 neighbour (a neighbour solicitation), to `mac` or by multicast. */
  solicit6(target: IpAddress, mac: MacAddress | undefined): void;
  /** A frame that waited for a neighbour that has not answered. */
  undeliverable?(frame: Uint8Array): void;
}

/** Offset of the payload in the scratch frame for either version of IP. */
export const PAYLOAD_AT = ETHERNET_HEADER + IPV6_HEADER;

export class LinkLayer {
  /** Senders put a payload at PAYLOAD_AT and call sendIp(). */
  readonly frame = new Uint8Array(PAYLOAD_AT + 65535);
  nowNs = 0;
  private readonly piece = new Uint8Array(14 + 65535);
  private readonly arp = new Uint8Array(ETHERNET_HEADER + ARP_BYTES);
  private readonly settings: LinkSettings;
  private readonly neighbours = new Map<string, Neighbour>();
  private readonly unresolved = new Set<Neighbour>();
  private waitingCount = 0;
  /** To whom the last packet went: the next one probably goes there too. */
  private latest: Neighbour | undefined;
  private nextId = 1;

  constructor(settings: LinkSettings) {
    this.settings = settings;
  }

  get neighbourCount(): number {
    return this.neighbours.size;
  }

  canSend = (): boolean => this.settings.canTransmit();

  /** Handles an ARP message in a frame. */
  receiveArp(frame: Uint8Array): void {
    if (!isArp(frame, 14, frame.length)) return;
    const operation = arpOperation(frame, 14);
    const mac = frame.slice(22, 28);
    const sender = frame.slice(28, 32);
    const forUs = equal(frame.subarray(38, 42), this.settings.address4);
    // The Ethernet source must agree, or one machine could take another's address over behind a switch that guards the former.
    if (((mac[0] ?? 1) & 1) !== 0 || !equal(mac, frame.subarray(6, 12)) || !forUs || equal(sender, this.settings.address4)) return;
    if (sender.some((octet) => octet !== 0)) this.learn(sender, mac, operation === ARP_REPLY);
    if (operation === ARP_REQUEST) this.sendArp(ARP_REPLY, mac, mac, sender);
  }

  /** A neighbour has said where it is. An unasked-for answer changes only what is known already. */
  learn(address: IpAddress, mac: MacAddress, onlyKnown = false): void {
    const key = addressKey(address);
    let neighbour = this.neighbours.get(key);
    if (neighbour === undefined) {
      if (onlyKnown) return;
      this.limitAddresses(mac);
      neighbour = this.addNeighbour(key, address);
    }
    neighbour.mac = mac.slice();
    neighbour.confirmedNs = this.nowNs;
    neighbour.probes = 0;
    this.unresolved.delete(neighbour);
    const waiting = neighbour.waiting;
    neighbour.waiting = [];
    this.waitingCount -= waiting.length;
    for (const frame of waiting) {
      frame.set(neighbour.mac, 0);
      if (this.settings.canTransmit()) this.settings.transmit(frame);
    }
  }

  /** One machine that speaks for many addresses costs itself, not the others. */
  private limitAddresses(mac: MacAddress): void {
    let count = 0;
    let oldest: [string, Neighbour] | undefined;
    for (const entry of this.neighbours) {
      if (entry[1].mac === undefined || !equal(entry[1].mac, mac)) continue;
      count++;
      oldest ??= entry;
    }
    if (count >= ADDRESSES_PER_MACHINE && oldest !== undefined) this.forget(...oldest);
  }

  private addNeighbour(key: string, address: IpAddress): Neighbour {
    // Those that have not answered give way first, so that asking for many that are not there pushes nobody out who is.
    const [unanswered] = this.unresolved;
    if (unanswered !== undefined && (this.neighbours.size >= NEIGHBOURS || this.unresolved.size >= UNRESOLVED)) {
      this.forget(addressKey(unanswered.address), unanswered);
    } else if (this.neighbours.size >= NEIGHBOURS) {
      const [oldKey, old] = this.neighbours.entries().next().value as [string, Neighbour];
      this.forget(oldKey, old);
    }
    const neighbour = { address: address.slice(), mac: undefined, confirmedNs: this.nowNs, probes: 0, probeNs: 0, waiting: [] };
    this.neighbours.set(key, neighbour);
    return neighbour;
  }

  private forget(key: string, neighbour: Neighbour): void {
    this.neighbours.delete(key);
    this.unresolved.delete(neighbour);
    this.waitingCount -= neighbour.waiting.length;
    if (this.latest === neighbour) this.latest = undefined;
  }

  private probe(neighbour: Neighbour): void {
    neighbour.probes++;
    neighbour.probeNs = this.nowNs;
    if (neighbour.address.length === 4) this.sendArp(ARP_REQUEST, neighbour.mac ?? BROADCAST_MAC, new Uint8Array(6), neighbour.address);
    else this.settings.solicit6(neighbour.address, neighbour.mac);
  }

  private sendArp(operation: number, to: MacAddress, targetMac: MacAddress, target: IpAddress): void {
    const { arp, settings } = this;
    writeEthernet(arp, 0, readU48(to, 0), readU48(settings.mac, 0), ETHERTYPE_ARP);
    writeArp(arp, 14, operation, readU48(settings.mac, 0), readU32(settings.address4, 0), readU48(targetMac, 0), readU32(target, 0));
    settings.transmit(arp);
  }

  /**
   * Sends the scratch frame's payload as one datagram. `mac` is given where the neighbour is not to be looked up (DHCP to a client
   * without an address, multicast).
   */
  sendIp(source: IpAddress, destination: IpAddress, protocol: number, length: number, mac?: MacAddress, hopLimit = 64): void {
    const header = source.length === 4 ? IPV4_HEADER : IPV6_HEADER;
    if (header + length <= this.settings.mtu) {
      const at = PAYLOAD_AT - header - 14;
      this.putHeader(this.frame, at, source, destination, protocol, length, 0, 0, hopLimit);
      this.deliver(this.frame.subarray(at, PAYLOAD_AT + length), destination, mac);
      return;
    }
    const id = this.nextId++ & 0xffff;
    const extension = source.length === 4 ? 0 : 8;
    const step = (this.settings.mtu - header - extension) & ~7;
    for (let offset = 0; offset < length; offset += step) {
      const size = Math.min(step, length - offset);
      const more = offset + size < length;
      const from = 14 + header + extension;
      this.piece.set(this.frame.subarray(PAYLOAD_AT + offset, PAYLOAD_AT + offset + size), from);
      if (extension === 0) this.putHeader(this.piece, 0, source, destination, protocol, size, id, (offset >> 3) | (more ? 0x2000 : 0), hopLimit);
      else {
        this.putHeader(this.piece, 0, source, destination, 44, size + 8, 0, 0, hopLimit);
        writeU16(this.piece, 54, protocol << 8);
        writeU16(this.piece, 56, offset | (more ? 1 : 0));
        writeU32(this.piece, 58, id);
      }
      this.deliver(this.piece.subarray(0, from + size), destination, mac);
    }
  }

  /** Sends another's packet one hop further, as it is but for the hop limit; in fragments where it came so or is too long. */
  forward(packet: IpPacket): void {
    const { data, headerAt, payloadAt, payloadLength, source, destination, protocol, hopLimit } = packet;
    const end = payloadAt + payloadLength;
    if (headerAt < 0 || end - headerAt > this.settings.mtu) {
      this.frame.set(data.subarray(payloadAt, end), PAYLOAD_AT);
      this.sendIp(source, destination, protocol, payloadLength, undefined, hopLimit - 1);
      return;
    }
    const { piece } = this;
    piece.set(data.subarray(headerAt, end), 14);
    piece.set(this.settings.mac, 6);
    const is4 = source.length === 4;
    writeU16(piece, 12, is4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    piece[is4 ? 22 : 21] = hopLimit - 1;
    if (is4) {
      writeU16(piece, 24, 0);
      writeU16(piece, 24, internetChecksum(piece, 14, ((piece[14] as number) & 15) * 4));
    }
    this.deliver(piece.subarray(0, 14 + end - headerAt), destination, undefined);
  }

  private putHeader(
    frame: Uint8Array, at: number, source: IpAddress, destination: IpAddress, protocol: number, length: number,
    id: number, fragment: number, hopLimit: number,
  ): void {
    const p = at + 14;
    frame.set(this.settings.mac, at + 6);
    if (source.length === 4) {
      writeU16(frame, at + 12, ETHERTYPE_IPV4);
      writeIpv4(frame, p, IPV4_HEADER + length, id, fragment, hopLimit, protocol, readU32(source, 0), readU32(destination, 0));
    } else {
      writeU16(frame, at + 12, ETHERTYPE_IPV6);
      writeIpv6(frame, p, length, protocol, hopLimit, source, destination);
    }
  }

  private neighbourAt(address: IpAddress): Neighbour {
    if (this.latest !== undefined && equal(this.latest.address, address)) return this.latest;
    const key = addressKey(address);
    this.latest = this.neighbours.get(key) ?? this.addNeighbour(key, address);
    return this.latest;
  }

  private deliver(frame: Uint8Array, destination: IpAddress, mac: MacAddress | undefined): void {
    if (mac !== undefined) {
      frame.set(mac, 0);
      this.settings.transmit(frame);
      return;
    }
    const neighbour = this.neighbourAt(destination);
    if (neighbour.mac !== undefined && this.nowNs - neighbour.confirmedNs < LIFETIME_NS) {
      frame.set(neighbour.mac, 0);
      this.settings.transmit(frame);
      if (this.nowNs - neighbour.confirmedNs > FRESH_NS && this.nowNs - neighbour.probeNs > PROBE_INTERVAL_NS) this.probe(neighbour);
      return;
    }
    neighbour.mac = undefined;
    if (neighbour.waiting.length < WAITING_PER_NEIGHBOUR && this.waitingCount < WAITING) {
      neighbour.waiting.push(frame.slice());
      this.waitingCount++;
    }
    if (this.unresolved.has(neighbour)) return;
    neighbour.probes = 0;
    this.unresolved.add(neighbour);
    this.probe(neighbour);
  }

  nextDeadline(): number {
    let next = Infinity;
    for (const neighbour of this.unresolved) next = Math.min(next, neighbour.probeNs + PROBE_INTERVAL_NS);
    return next;
  }

  /** Repeats questions without an answer, and gives up on them. */
  tick(): void {
    for (const neighbour of this.unresolved) {
      if (neighbour.probeNs + PROBE_INTERVAL_NS > this.nowNs) continue;
      if (neighbour.probes < PROBES) {
        this.probe(neighbour);
        continue;
      }
      this.forget(addressKey(neighbour.address), neighbour);
      for (const frame of neighbour.waiting) this.settings.undeliverable?.(frame);
    }
  }
}
