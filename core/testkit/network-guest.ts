// A guest on a network card, by hand: it remembers what comes, and speaks DHCP, ARP and DNS as far as tests of the network need it.
import type { NetPort, NetPortClient } from "../network/port.ts";
import { ACKNOWLEDGE, DISCOVER, type DhcpMessage, formatDhcp, OFFER, parseDhcp, REQUEST } from "../network/services/dhcp-message.ts";
import { readU16, readU48 } from "../network/wire/bytes.ts";
import { ipv4PseudoSum } from "../network/wire/checksum.ts";
import { ARP_BYTES, ARP_REQUEST, writeArp } from "../network/wire/arp.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, MAC_BROADCAST, parseMac, writeEthernet } from "../network/wire/ethernet.ts";
import { ipv4Source, PROTOCOL_UDP, writeIpv4 } from "../network/wire/ipv4.ts";
import { udpDestinationPort, udpSourcePort, writeUdp } from "../network/wire/udp.ts";

const IP_AT = 14;
const UDP_AT = IP_AT + 20;
const DATA_AT = UDP_AT + 8;
const ANY = 0;
const EVERYONE = 0xffff_ffff;

export class NetworkGuest implements NetPortClient {
  readonly mac: number;
  readonly frames: Uint8Array[] = [];
  /** "up" and "down" as they came. */
  readonly carrier: string[] = [];
  private readonly port: NetPort;
  private transaction: number;

  constructor(mac: string, port: NetPort) {
    this.mac = parseMac(mac) ?? 0;
    this.transaction = (this.mac % 0x1_0000) * 0x1_0000;
    this.port = port;
    port.connect(this);
  }

  receive(frame: Uint8Array): void {
    this.frames.push(frame.slice());
  }

  canReceive(): boolean {
    return true;
  }

  linkChanged(up: boolean): void {
    this.carrier.push(up ? "up" : "down");
  }

  sendReady(): void {}

  /** What has come since the last time. */
  take(): Uint8Array[] {
    return this.frames.splice(0);
  }

  /** A frame of a type that nobody knows, with a marker. */
  send(marker: number, to: number = MAC_BROADCAST, length = 60): void {
    const frame = new Uint8Array(length);
    writeEthernet(frame, 0, to, this.mac, 0x88b5);
    frame[14] = marker;
    this.port.send(frame);
  }

  /** Markers of the frames of send() that have come since the last time. */
  markers(): number[] {
    return this.take().flatMap((frame) => (readU16(frame, 12) === 0x88b5 ? [frame[14] as number] : []));
  }

  /** Asks who has an address, and so says what its own is. */
  arp(from: number, target: number): void {
    const frame = new Uint8Array(IP_AT + ARP_BYTES);
    writeEthernet(frame, 0, MAC_BROADCAST, this.mac, ETHERTYPE_ARP);
    writeArp(frame, IP_AT, ARP_REQUEST, this.mac, from, 0, target);
    this.port.send(frame);
  }

  udp(from: number, fromPort: number, to: number, toPort: number, data: Uint8Array, mac: number = MAC_BROADCAST): void {
    const frame = new Uint8Array(DATA_AT + data.length);
    writeEthernet(frame, 0, mac, this.mac, ETHERTYPE_IPV4);
    writeIpv4(frame, IP_AT, frame.length - IP_AT, 1, 0, 64, PROTOCOL_UDP, from, to);
    frame.set(data, DATA_AT);
    const length = frame.length - UDP_AT;
    writeUdp(frame, UDP_AT, length, fromPort, toPort, ipv4PseudoSum(frame, IP_AT, PROTOCOL_UDP, length));
    this.port.send(frame);
  }

  /** Datagrams to a port among what has come since the last time. */
  datagrams(port: number): { from: number; fromPort: number; mac: number; data: Uint8Array }[] {
    return this.take().flatMap((frame) => {
      if (readU16(frame, 12) !== ETHERTYPE_IPV4 || frame[IP_AT + 9] !== PROTOCOL_UDP || udpDestinationPort(frame, UDP_AT) !== port) return [];
      return [{ from: ipv4Source(frame, IP_AT), fromPort: udpSourcePort(frame, UDP_AT), mac: readU48(frame, 6), data: frame.subarray(DATA_AT, IP_AT + readU16(frame, IP_AT + 2)) }];
    });
  }

  /** Asks for an address and takes what is offered, all at once: the address as text, or undefined. `settle` lets time pass. */
  dhcp(hostName = "", settle: () => void = () => undefined): string | undefined {
    this.requestAddress(hostName);
    settle();
    const offer = this.dhcpAnswer(OFFER);
    const server = offer?.options.get(54);
    if (offer === undefined || server === undefined) return undefined;
    this.sendDhcp(REQUEST, new Map([[50, offer.yourAddress], [54, server]]), hostName);
    settle();
    return this.dhcpAnswer(ACKNOWLEDGE)?.yourAddress.join(".");
  }

  /** The first half of dhcp(): asks only. */
  requestAddress(hostName = ""): void {
    this.sendDhcp(DISCOVER, new Map(), hostName);
  }

  /** What has been offered, as text. */
  offeredAddress(): string | undefined {
    return this.dhcpAnswer(OFFER)?.yourAddress.join(".");
  }

  private sendDhcp(kind: number, options: Map<number, Uint8Array>, hostName: string): void {
    const zero = new Uint8Array(4);
    const all = new Map([[53, Uint8Array.of(kind)], ...options]);
    if (hostName !== "") all.set(12, Uint8Array.from(hostName, (character) => character.charCodeAt(0)));
    const mac = Uint8Array.from({ length: 6 }, (_, i) => Math.floor(this.mac / 2 ** (40 - 8 * i)) & 0xff);
    const message: DhcpMessage = {
      operation: 1, transaction: ++this.transaction, seconds: 0, flags: 0x8000, clientAddress: zero, yourAddress: zero, serverAddress: zero,
      relayAddress: zero, mac, bootFile: "", options: all,
    };
    this.udp(ANY, 68, EVERYONE, 67, formatDhcp(message));
  }

  private dhcpAnswer(kind: number): DhcpMessage | undefined {
    for (const { data } of this.datagrams(68)) {
      const message = parseDhcp(data);
      if (message?.transaction === this.transaction && message.options.get(53)?.[0] === kind) return message;
    }
    return undefined;
  }
}
