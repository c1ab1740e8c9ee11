// The user-mode gateway of one network: ARP, IPv4, ICMP, UDP, TCP, DHCP and DNS towards the guests, host sockets towards the outside.
// A state machine without timers: receive() and socket callbacks work at once or leave work for poll(); nextDeadline() says when
// poll() is due. The gateway has the first address of its network.
import type { Clock } from "../../time/clock.ts";
import type { NetPort } from "../port.ts";
import { FRAME_HEADER_BYTES } from "../port.ts";
import type { DhcpMessage } from "../services/dhcp-message.ts";
import { formatDhcp, NAK, parseDhcp } from "../services/dhcp-message.ts";
import type { Lease } from "../services/dhcp-server.ts";
import { DhcpServer } from "../services/dhcp-server.ts";
import { DnsForwarder } from "../services/dns-forwarder.ts";
import { DnsStream } from "../services/dns-stream.ts";
import type { IpAddress, IpPrefix, MacAddress } from "./address.ts";
import { addressAt, ANY_V4, BROADCAST_MAC, BROADCAST_V4, formatIp, formatMac, inPrefix, isSpecial } from "./address.ts";
import type { HostEndpoint, HostListener, HostSockets, HostTcp, HostTcpEvents } from "./host-sockets.ts";
import type { IpPacket } from "./ip-packet.ts";
import { ICMP, ICMP6, parseIpv4, parseIpv6, TCP, UDP } from "./ip-packet.ts";
import { IcmpResponder } from "./icmp.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, LinkLayer, PAYLOAD_AT } from "./link-layer.ts";
import { NeighbourDiscovery } from "./neighbour-discovery.ts";
import { equalOctets, putU16, transportChecksum, u16 } from "./octets.ts";
import { Reassembly } from "./reassembly.ts";
import type { TcpLimits } from "./tcp-splice.ts";
import { TcpSplices } from "./tcp-splice.ts";
import type { UdpLimits } from "./udp-flows.ts";
import { UdpFlows } from "./udp-flows.ts";

export interface PortForward {
  protocol: "tcp" | "udp";
  /** Where the host listens; 127.0.0.1 unless the user asked for more. */
  host: HostEndpoint;
  guest: HostEndpoint;
}

/** A service of the host that guests may reach, at a port of the gateway's address. */
export interface HostService {
  protocol: "tcp" | "udp";
  port: number;
  host: HostEndpoint;
}

export interface GatewaySettings {
  mac: MacAddress;
  network: IpPrefix;
  /** An IPv6 /64 to hand out, or undefined for IPv4 alone. */
  network6: IpPrefix | undefined;
  mtu: number;
  /** Whether guests reach the outside. */
  nat: boolean;
  domain: string;
  leaseSeconds: number;
  bootFile: string;
  reservations: { mac: MacAddress; address: IpAddress; name?: string }[];
  forwards: PortForward[];
  hostServices: HostService[];
  /** A firewall's word on a destination outside; special addresses are out of reach in any case. */
  allows(protocol: "tcp" | "udp", to: HostEndpoint): boolean;
  limits: GatewayLimits;
}

export interface GatewayLimits {
  tcp: TcpLimits;
  udp: UdpLimits;
}

export const DEFAULT_LIMITS: GatewayLimits = {
  tcp: {
    connections: 16384, connectionsPerGuest: 12288, bufferBudget: 256 << 20, bufferMaximum: 1 << 20,
    keepAliveIdleNs: 7200e9, timeWaitNs: 30e9,
  },
  udp: { flows: 2048, flowsPerGuest: 512 },
};

export type GatewayEvent =
  | { kind: "lease"; mac: string; address: string; name: string; bound: boolean }
  | { kind: "pool-exhausted" }
  | { kind: "forward-failed"; protocol: "tcp" | "udp"; host: string; reason: string };

export interface GatewayHost {
  sockets: HostSockets;
  clock: Clock;
  random32(): number;
  event(event: GatewayEvent): void;
  /** nextDeadline() has come closer: poll() soon. */
  wake(): void;
}

const INBOX_FRAMES = 256;
const DNS_PORT = 53;
const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;

export class Gateway {
  readonly address: IpAddress;
  private readonly settings: GatewaySettings;
  private readonly host: GatewayHost;
  private readonly port: NetPort;
  private readonly link: LinkLayer;
  private readonly reassembly = new Reassembly();
  private readonly tcp: TcpSplices;
  private readonly udp: UdpFlows;
  private readonly icmp: IcmpResponder;
  private readonly discovery: NeighbourDiscovery | undefined;
  private readonly dhcp: DhcpServer;
  private readonly dns: DnsForwarder;
  private readonly listeners: HostListener[] = [];
  private readonly inbox: Uint8Array[] = [];
  private readonly broadcast: IpAddress;
  private isBusy = false;
  private isWoken = false;
  private isClosed = false;

  /** Takes hold of `port`. Settings are to be valid: a network of /29 or more addresses, forwards into it. */
  constructor(settings: GatewaySettings, port: NetPort, host: GatewayHost) {
    this.settings = settings;
    this.host = host;
    this.port = port;
    this.address = addressAt(settings.network, 1);
    const hosts = 2 ** (32 - settings.network.length);
    this.broadcast = addressAt(settings.network, hosts - 1);
    this.link = new LinkLayer({
      mac: settings.mac,
      mtu: settings.mtu,
      address4: this.address,
      transmit: (frame) => port.send(frame),
      canTransmit: () => port.canSend(),
      solicit6: (target, mac) => this.discovery?.solicit(target, mac),
    });
    this.icmp = new IcmpResponder(this.link);
    this.discovery = settings.network6 && new NeighbourDiscovery(this.link, settings.mac, settings.network6, settings.mtu, settings.nat);
    this.tcp = new TcpSplices({
      link: this.link,
      mtu: settings.mtu,
      limits: settings.limits.tcp,
      random32: host.random32,
      connect: (guest, to, tcpPort, events) => this.connectTcp(guest, to, tcpPort, events),
      unreachable: (packet, kind) => this.icmp.unreachable(packet, kind, this.addressFor(packet)),
      wake: () => this.wake(),
    });
    this.udp = new UdpFlows({
      sockets: host.sockets,
      limits: settings.limits.udp,
      toGuest: (from, fromPort, guest, guestPort, data) => this.sendUdp(from, fromPort, guest, guestPort, data),
    });
    this.dhcp = new DhcpServer({
      network: settings.network,
      gateway: this.address,
      poolFirst: Math.min(hosts - 2, hosts > 32 ? 10 : 2),
      poolLast: hosts - 2,
      reservations: settings.reservations,
      leaseSeconds: settings.leaseSeconds,
      domain: settings.domain,
      mtu: settings.mtu,
      bootFile: settings.bootFile,
      leaseChanged: (lease, bound) =>
        host.event({ kind: "lease", mac: formatMac(lease.mac), address: formatIp(lease.address), name: lease.name, bound }),
      poolExhausted: () => host.event({ kind: "pool-exhausted" }),
    });
    this.dns = new DnsForwarder({
      domain: settings.domain,
      lookup: (name) => this.lookup(name),
      reverse: (address) => this.reverse(address),
      resolve: (name, type, answered) => {
        if (settings.nat) host.sockets.resolve(name, type, answered);
        else answered({ code: "refused", records: [] });
      },
    });
    this.tick();
    for (const forward of settings.forwards) this.openForward(forward);
    port.connect({
      receive: (frame) => this.receive(frame),
      canReceive: () => this.inbox.length < INBOX_FRAMES,
      linkChanged: (up) => {
        if (up) this.wake();
      },
      sendReady: () => this.wake(),
    });
  }

  get leases(): Iterable<Lease> {
    return this.dhcp.leases;
  }

  /** Sizes of the bounded tables. */
  get occupancy(): { tcp: number; udp: number; neighbours: number; fragments: number } {
    return { tcp: this.tcp.size, udp: this.udp.size, neighbours: this.link.neighbourCount, fragments: this.reassembly.bytes };
  }

  /** Does what is due and what waits for the link or a socket. */
  poll(nowNs: number): void {
    if (this.isBusy || this.isClosed) return;
    this.isBusy = true;
    this.isWoken = false;
    this.link.nowNs = nowNs;
    this.udp.nowNs = nowNs;
    this.tcp.poll(nowNs);
    this.udp.poll();
    this.link.tick();
    this.discovery?.tick();
    this.isBusy = false;
    this.drainInbox();
  }

  /** When poll() is due: -Infinity for at once, Infinity for not before something happens. */
  nextDeadline(): number {
    if (this.isClosed) return Infinity;
    if (this.isWoken) return -Infinity;
    const discovery = this.discovery?.deadline ?? Infinity;
    return Math.min(this.tcp.nextDeadline(), this.udp.nextDeadline(), this.link.nextDeadline(), discovery);
  }

  /** Ends every flow and lets go of the port. */
  close(): void {
    if (this.isClosed) return;
    this.tcp.closeAll();
    this.udp.closeAll();
    for (const listener of this.listeners) listener.close();
    this.isClosed = true;
    this.port.connect(null);
  }

  private wake(): void {
    if (this.isWoken) return;
    this.isWoken = true;
    this.host.wake();
  }

  private tick(): number {
    const nowNs = this.host.clock.nowNs();
    this.link.nowNs = nowNs;
    this.udp.nowNs = nowNs;
    return nowNs;
  }

  // --- frames ---

  /** A frame may come within a send() of ours; it waits then, since the scratch frame and the tables are in use. */
  private receive(frame: Uint8Array): void {
    if (this.isClosed) return;
    if (this.isBusy) {
      if (this.inbox.length < INBOX_FRAMES) this.inbox.push(frame.slice());
      return;
    }
    const before = this.nextDeadline();
    this.isBusy = true;
    this.handle(frame);
    this.isBusy = false;
    this.drainInbox();
    if (this.nextDeadline() < before && !this.isWoken) this.host.wake();
  }

  /** Handles what waited, up to a bound: the rest at the next poll, so that two chatterers cannot hold the thread. */
  private drainInbox(): void {
    for (let handled = 0; handled < INBOX_FRAMES; handled++) {
      const frame = this.inbox.shift();
      if (frame === undefined) return;
      this.isBusy = true;
      this.handle(frame);
      this.isBusy = false;
    }
    if (this.inbox.length > 0) this.wake();
  }

  private handle(frame: Uint8Array): void {
    if (frame.length < FRAME_HEADER_BYTES) return;
    const mac = frame.subarray(6, 12);
    if (((frame[6] as number) & 1) !== 0 || equalOctets(mac, this.settings.mac)) return;
    const isGroup = ((frame[0] as number) & 1) !== 0;
    if (!isGroup && !equalOctets(frame.subarray(0, 6), this.settings.mac)) return;
    this.tick();
    const type = u16(frame, 12);
    if (type === ETHERTYPE_ARP) this.link.receiveArp(frame);
    else if (type === ETHERTYPE_IPV4) this.receiveIp(parseIpv4(frame, 14, frame.length, mac), isGroup);
    else if (type === ETHERTYPE_IPV6 && this.discovery !== undefined) this.receiveIp(parseIpv6(frame, 14, frame.length, mac), isGroup);
  }

  private receiveIp(parsed: IpPacket | undefined, isGroup: boolean): void {
    if (parsed === undefined) return;
    const isUnnumbered = equalOctets(parsed.source, ANY_V4);
    const isOwn = this.isOwn(parsed.source) || equalOctets(parsed.source, this.broadcast);
    if (isOwn || (!isUnnumbered && !this.isGuest(parsed.source))) {
      if (!(parsed.protocol === ICMP6 && parsed.source.every((octet) => octet === 0))) return;
    }
    const packet = parsed.fragment === undefined ? parsed : this.reassembly.add(parsed, this.link.nowNs);
    if (packet === undefined) return;
    if (packet.protocol === UDP) this.receiveUdp(packet, isGroup);
    else if (packet.protocol === ICMP6 && packet.source.length === 16) this.receiveIcmp6(packet);
    else if (isGroup || isUnnumbered || this.isGroupAddress(packet.destination)) return;
    else if (packet.protocol === TCP) {
      if (!this.isOwn(packet.destination) && this.isGuest(packet.destination)) return;
      this.tcp.receive(packet, this.link.nowNs);
    } else if (packet.protocol === ICMP) {
      if (this.isOwn(packet.destination)) this.icmp.receive(packet);
      else this.icmp.unreachable(packet, "prohibited", this.addressFor(packet));
    } else this.icmp.unreachable(packet, "protocol", this.addressFor(packet));
  }

  private receiveIcmp6(packet: IpPacket): void {
    if (this.discovery?.receive(packet)) return;
    if (this.isOwn(packet.destination)) this.icmp.receive(packet);
  }

  private isGroupAddress(address: IpAddress): boolean {
    const first = address[0] as number;
    return address.length === 16 ? first === 0xff : first >= 224 || equalOctets(address, this.broadcast);
  }

  private isGuest(address: IpAddress): boolean {
    if (address.length === 4) return inPrefix(address, this.settings.network);
    return this.discovery?.isOnLink(address) ?? false;
  }

  private isOwn(address: IpAddress): boolean {
    return address.length === 4 ? equalOctets(address, this.address) : (this.discovery?.isOwn(address) ?? false);
  }

  private addressFor(packet: IpPacket): IpAddress {
    return packet.source.length === 4 || this.discovery === undefined ? this.address : this.discovery.addressTowards(packet.source);
  }

  // --- UDP ---

  private receiveUdp(packet: IpPacket, isGroup: boolean): void {
    const { data, payloadAt: at, payloadLength, source, destination } = packet;
    if (payloadLength < 8) return;
    const length = u16(data, at + 4);
    if (length < 8 || length > payloadLength) return;
    const hasChecksum = u16(data, at + 6) !== 0;
    if (hasChecksum ? transportChecksum(data, at, length, source, destination, UDP) !== 0 : source.length === 16) return;
    const from = u16(data, at);
    const to = u16(data, at + 2);
    const payload = data.subarray(at + 8, at + length);
    const isForUs = this.isOwn(destination);
    if (source.length === 4 && to === DHCP_SERVER_PORT && from === DHCP_CLIENT_PORT) {
      if (isForUs || this.isGroupAddress(destination)) this.receiveDhcp(payload, packet.mac);
      return;
    }
    if (isGroup || from === 0 || to === 0 || this.isGroupAddress(destination) || equalOctets(source, ANY_V4)) return;
    if (isForUs) {
      if (to === DNS_PORT) {
        const guest = source.slice();
        const ours = destination.slice();
        this.dns.query(guest, payload, false, (answer) => this.sendUdp(ours, DNS_PORT, guest, from, answer));
        return;
      }
      const service = this.settings.hostServices.find((entry) => entry.protocol === "udp" && entry.port === to);
      if (service !== undefined) this.udp.send(source, from, { address: destination, port: to }, service.host, payload);
      else if (!this.udp.answer(source, from, to, payload)) this.icmp.unreachable(packet, "port", this.addressFor(packet));
      return;
    }
    if (this.isGuest(destination)) return;
    const remote = { address: destination, port: to };
    if (!this.mayLeave("udp", remote)) this.icmp.unreachable(packet, "prohibited", this.addressFor(packet));
    else this.udp.send(source, from, remote, remote, payload);
  }

  private mayLeave(protocol: "tcp" | "udp", to: HostEndpoint): boolean {
    return this.settings.nat && !isSpecial(to.address) && this.settings.allows(protocol, to);
  }

  private sendUdp(from: IpAddress, fromPort: number, to: IpAddress, port: number, data: Uint8Array, mac?: MacAddress): void {
    if (this.isClosed || data.length > 65507 || !this.port.canSend()) return;
    const wasBusy = this.isBusy;
    this.isBusy = true;
    if (!wasBusy) this.tick();
    const { frame } = this.link;
    putU16(frame, PAYLOAD_AT, fromPort);
    putU16(frame, PAYLOAD_AT + 2, port);
    putU16(frame, PAYLOAD_AT + 4, 8 + data.length);
    putU16(frame, PAYLOAD_AT + 6, 0);
    frame.set(data, PAYLOAD_AT + 8);
    putU16(frame, PAYLOAD_AT + 6, transportChecksum(frame, PAYLOAD_AT, 8 + data.length, from, to, UDP) || 0xffff);
    this.link.sendIp(from, to, UDP, 8 + data.length, mac);
    this.isBusy = wasBusy;
    if (!wasBusy) this.drainInbox();
  }

  // --- services ---

  private receiveDhcp(payload: Uint8Array, mac: MacAddress): void {
    const message = parseDhcp(payload);
    // A client speaks for itself only.
    if (message === undefined || !equalOctets(message.mac, mac)) return;
    const answer = this.dhcp.answer(message, this.link.nowNs);
    if (answer === undefined) return;
    const [to, toMac] = this.dhcpDestination(message, answer);
    this.sendUdp(this.address, DHCP_SERVER_PORT, to, DHCP_CLIENT_PORT, formatDhcp(answer), toMac);
  }

  /** RFC 2131 section 4.1. */
  private dhcpDestination(message: DhcpMessage, answer: DhcpMessage): [IpAddress, MacAddress] {
    const isNak = answer.options.get(53)?.[0] === NAK;
    if (isNak || message.flags & 0x8000) return [BROADCAST_V4, BROADCAST_MAC];
    if (inPrefix(message.clientAddress, this.settings.network)) return [message.clientAddress, message.mac];
    return [answer.yourAddress, message.mac];
  }

  private lookup(name: string): IpAddress[] | undefined {
    if (name === "gateway") return this.discovery === undefined ? [this.address] : [this.address, this.discovery.address];
    for (const lease of this.dhcp.leases) {
      if (lease.name === name && lease.state === "bound" && lease.expiresNs > this.link.nowNs) return [lease.address];
    }
    for (const entry of this.settings.reservations) if (entry.name === name) return [entry.address];
    return undefined;
  }

  private reverse(address: IpAddress): string | undefined {
    if (!inPrefix(address, this.settings.network)) return undefined;
    if (equalOctets(address, this.address)) return "gateway";
    for (const lease of this.dhcp.leases) if (equalOctets(lease.address, address) && lease.state === "bound") return lease.name;
    return this.settings.reservations.find((entry) => equalOctets(entry.address, address))?.name ?? "";
  }

  // --- TCP ---

  private connectTcp(guest: IpAddress, to: IpAddress, port: number, events: HostTcpEvents): HostTcp | "refused" | "prohibited" {
    const { sockets } = this.host;
    if (this.isOwn(to)) {
      if (port === DNS_PORT) return new DnsStream(this.dns, guest.slice(), events);
      const service = this.settings.hostServices.find((entry) => entry.protocol === "tcp" && entry.port === port);
      return service === undefined ? "refused" : sockets.connectTcp(service.host, events);
    }
    const remote = { address: to.slice(), port };
    return this.mayLeave("tcp", remote) ? sockets.connectTcp(remote, events) : "prohibited";
  }

  private openForward(forward: PortForward): void {
    const { sockets } = this.host;
    const { protocol, host, guest } = forward;
    const failed = (reason: string): void =>
      this.host.event({ kind: "forward-failed", protocol, host: `${formatIp(host.address)} port ${host.port}`, reason });
    const ours = guest.address.length === 16 && this.discovery !== undefined ? this.discovery.address : this.address;
    if (protocol === "udp") {
      this.udp.forward(host, ours, guest.address, guest.port, failed);
      return;
    }
    const accepted = (socket: HostTcp): HostTcpEvents | undefined => {
      if (this.isClosed) return undefined;
      const wasBusy = this.isBusy;
      this.isBusy = true;
      const nowNs = this.tick();
      const events = this.tcp.openToGuest(socket, ours, guest.address, guest.port, nowNs);
      this.isBusy = wasBusy;
      this.wake();
      return events;
    };
    this.listeners.push(sockets.listenTcp(host, accepted, failed));
  }
}
