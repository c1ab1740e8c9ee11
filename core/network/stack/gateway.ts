// The user-mode gateway of one network: ARP, IPv4, ICMP, UDP, TCP, DHCP and DNS towards the guests, host sockets towards the outside.
// A state machine without timers: receive() and socket callbacks work at once or leave work for poll(); nextDeadline() says when
// poll() is due. The gateway has the first address of its network.
import type { NetPort } from "../port.ts";
import { FRAME_HEADER_BYTES } from "../port.ts";
import type { Lease } from "../services/dhcp-server.ts";
import { DnsStream } from "../services/dns-stream.ts";
import { DNS_PORT, GatewayServices } from "../services/gateway-services.ts";
import { readU16, writeU16 } from "../wire/bytes.ts";
import { transportChecksum } from "../wire/checksum.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import type { IpAddress, MacAddress } from "./address.ts";
import { addressAt, ANY_V4, isSpecial } from "./address.ts";
import { GatewayAddresses } from "./gateway-addresses.ts";
import { GatewayRouting } from "./gateway-routing.ts";
import type { GatewayHost, GatewaySettings, PortForward } from "./gateway-settings.ts";
import type { HostEndpoint, HostTcp, HostTcpEvents } from "./host-sockets.ts";
import type { IcmpErrorKind } from "./icmp.ts";
import { IcmpResponder } from "./icmp.ts";
import type { IpPacket } from "./ip-packet.ts";
import { ICMP, ICMP6, parseIpv4, parseIpv6, TCP, UDP } from "./ip-packet.ts";
import { LinkLayer, PAYLOAD_AT } from "./link-layer.ts";
import { NeighbourDiscovery } from "./neighbour-discovery.ts";
import { equalOctets } from "./octets.ts";
import { PortForwards } from "./port-forwards.ts";
import { Reassembly } from "./reassembly.ts";
import { TcpSplices } from "./tcp-splices.ts";
import { UdpFlows } from "./udp-flows.ts";

const INBOX_FRAMES = 256;

export type { GatewayEvent, GatewayHost, GatewayLimits, GatewaySettings, HostService, PortForward } from "./gateway-settings.ts";
export { DEFAULT_LIMITS } from "./gateway-settings.ts";

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
  private readonly services: GatewayServices;
  private readonly addresses: GatewayAddresses;
  private readonly routing: GatewayRouting | undefined;
  private readonly forwards: PortForwards;
  private readonly inbox: Uint8Array[] = [];
  private isBusy = false;
  private isWoken = false;
  private isClosed = false;

  /** Takes hold of `port`. Settings are to be valid: a network of /29 or more addresses, forwards into it. */
  constructor(settings: GatewaySettings, port: NetPort, host: GatewayHost) {
    this.settings = settings;
    this.host = host;
    this.port = port;
    this.address = addressAt(settings.network, 1);
    this.link = new LinkLayer({
      mac: settings.mac,
      mtu: settings.mtu,
      address4: this.address,
      transmit: (frame) => port.send(frame),
      canTransmit: () => port.canSend(),
      solicit6: (target, mac) => this.discovery?.solicit(target, mac),
      undeliverable: (frame) => this.routing?.undeliverable(frame),
    });
    this.icmp = new IcmpResponder(this.link);
    const isRouter = settings.nat || settings.router !== undefined;
    this.discovery = settings.network6 && new NeighbourDiscovery(this.link, settings.mac, settings.network6, settings.mtu, isRouter);
    this.addresses = new GatewayAddresses(settings, this.discovery);
    this.tcp = new TcpSplices({
      link: this.link,
      mtu: settings.mtu,
      limits: settings.limits.tcp,
      random32: host.random32,
      connect: (guest, to, tcpPort, events) => this.connectTcp(guest, to, tcpPort, events),
      unreachable: (packet, kind) => this.error(packet, kind),
      wake: () => this.wake(),
    });
    this.udp = new UdpFlows({
      sockets: host.sockets,
      limits: settings.limits.udp,
      toGuest: (from, fromPort, guest, guestPort, data) => this.sendUdp(from, fromPort, guest, guestPort, data),
    });
    this.services = new GatewayServices({
      settings,
      host,
      address: this.address,
      address6: this.discovery?.address,
      send: (from, fromPort, to, toPort, data, mac) => this.sendUdp(from, fromPort, to, toPort, data, mac),
      run: (work) => {
        this.run(work);
        this.wake();
      },
    });
    this.routing = settings.router && new GatewayRouting(settings.router.router, settings.router.name, {
      settings,
      addresses: this.addresses,
      link: this.link,
      icmp: this.icmp,
      isBusy: () => this.isBusy,
      run: (work) => this.runAndTell(work),
      wake: () => this.wake(),
    });
    this.forwards = new PortForwards({
      sockets: host.sockets,
      udp: this.udp,
      facing: (guest) => this.addresses.facing(guest ?? this.address),
      lookup: (name) => this.services.lookup(name),
      accepted: (socket, ours, guest, guestPort) => this.acceptForward(socket, ours, guest, guestPort),
      event: (event) => host.event(event),
    });
    this.tick();
    this.forwards.set(settings.forwards);
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
    return this.services.leases;
  }

  /** Takes over what another gateway had leased in this network. */
  restoreLeases(leases: Iterable<Lease>): void {
    this.services.restoreLeases(leases);
  }

  /** Opens and closes forwards until these are there; one that stays keeps its connections, and so do those of one that goes. */
  setForwards(forwards: readonly PortForward[]): void {
    this.forwards.set(forwards);
  }

  /** Sizes of the bounded tables. */
  get occupancy(): { tcp: number; udp: number; neighbours: number; fragments: number; tftp: number } {
    const { tcp, udp, link, reassembly, services } = this;
    return { tcp: tcp.size, udp: udp.size, neighbours: link.neighbourCount, fragments: reassembly.bytes, tftp: services.tftpTransfers };
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
    this.services.poll();
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
    return Math.min(this.tcp.nextDeadline(), this.udp.nextDeadline(), this.link.nextDeadline(), this.services.nextDeadline(), discovery);
  }

  /** Ends every flow and lets go of the port. */
  close(): void {
    if (this.isClosed) return;
    this.tcp.closeAll();
    this.udp.closeAll();
    this.services.close();
    this.routing?.close();
    this.forwards.close();
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

  /** Runs what comes from outside as one piece of work: frames and packets that arrive meanwhile wait until it is done. */
  private run(work: () => void): void {
    if (this.isClosed) return;
    if (this.isBusy) {
      work();
      return;
    }
    this.isBusy = true;
    this.tick();
    work();
    this.isBusy = false;
    this.drainInbox();
  }

  private runAndTell(work: () => void): void {
    const before = this.nextDeadline();
    this.run(work);
    if (this.nextDeadline() < before && !this.isWoken) this.host.wake();
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
      if (frame === undefined && !this.routing?.hasWaiting) return;
      this.isBusy = true;
      if (frame !== undefined) this.handle(frame);
      else this.routing?.forwardWaiting();
      this.isBusy = false;
    }
    if (this.inbox.length > 0 || this.routing?.hasWaiting) this.wake();
  }

  private handle(frame: Uint8Array): void {
    if (frame.length < FRAME_HEADER_BYTES) return;
    const mac = frame.subarray(6, 12);
    if (((frame[6] as number) & 1) !== 0 || equalOctets(mac, this.settings.mac)) return;
    const isGroup = ((frame[0] as number) & 1) !== 0;
    if (!isGroup && !equalOctets(frame.subarray(0, 6), this.settings.mac)) return;
    this.tick();
    const type = readU16(frame, 12);
    if (type === ETHERTYPE_ARP) this.link.receiveArp(frame);
    else if (type === ETHERTYPE_IPV4) this.receiveIp(parseIpv4(frame, 14, frame.length, mac), isGroup);
    else if (type === ETHERTYPE_IPV6 && this.discovery !== undefined) this.receiveIp(parseIpv6(frame, 14, frame.length, mac), isGroup);
  }

  private receiveIp(parsed: IpPacket | undefined, isGroup: boolean): void {
    if (parsed === undefined) return;
    const isUnnumbered = equalOctets(parsed.source, ANY_V4);
    if (!isUnnumbered && !this.addresses.maySend(parsed.source)) {
      if (!(parsed.protocol === ICMP6 && parsed.source.every((octet) => octet === 0))) return;
    }
    const packet = parsed.fragment === undefined ? parsed : this.reassembly.add(parsed, this.link.nowNs);
    if (packet === undefined) return;
    if (packet.protocol === UDP) this.receiveUdp(packet, isGroup);
    else if (packet.protocol === ICMP6 && packet.source.length === 16) this.receiveIcmp6(packet);
    else if (isGroup || isUnnumbered || this.addresses.isGroup(packet.destination) || this.route(packet)) return;
    else if (packet.protocol === TCP) {
      if (!this.addresses.isOwn(packet.destination) && this.addresses.isGuest(packet.destination)) return;
      this.tcp.receive(packet, this.link.nowNs);
    } else if (packet.protocol === ICMP) {
      if (this.addresses.isOwn(packet.destination)) this.icmp.receive(packet);
      else this.error(packet, "prohibited");
    } else this.error(packet, "protocol");
  }

  private receiveIcmp6(packet: IpPacket): void {
    if (this.discovery?.receive(packet)) return;
    if (this.addresses.isOwn(packet.destination)) this.icmp.receive(packet);
    else if (!this.addresses.isGroup(packet.destination) && !this.route(packet)) this.error(packet, "prohibited");
  }

  // --- UDP ---

  private receiveUdp(packet: IpPacket, isGroup: boolean): void {
    const { data, payloadAt: at, payloadLength, source, destination } = packet;
    if (payloadLength < 8) return;
    const length = readU16(data, at + 4);
    if (length < 8 || length > payloadLength) return;
    const hasChecksum = readU16(data, at + 6) !== 0;
    if (hasChecksum ? transportChecksum(data, at, length, source, destination, UDP) !== 0 : source.length === 16) return;
    const from = readU16(data, at);
    const to = readU16(data, at + 2);
    const payload = data.subarray(at + 8, at + length);
    const isForUs = this.addresses.isOwn(destination);
    if ((isForUs || this.addresses.isGroup(destination)) && this.services.receiveDhcp(packet, from, to, payload, this.link.nowNs)) return;
    if (isGroup || from === 0 || to === 0 || this.addresses.isGroup(destination) || equalOctets(source, ANY_V4)) return;
    if (isForUs) {
      if (this.services.receive(packet, from, to, payload)) return;
      const service = this.settings.hostServices.find((entry) => entry.protocol === "udp" && entry.port === to);
      if (service !== undefined) this.udp.send(source, from, { address: destination, port: to }, service.host, payload);
      else if (!this.udp.answer(source, from, to, payload)) this.error(packet, "port");
      return;
    }
    if (this.addresses.isGuest(destination) || this.route(packet)) return;
    const remote = { address: destination, port: to };
    if (!this.mayLeave("udp", remote)) this.error(packet, "prohibited");
    else this.udp.send(source, from, remote, remote, payload);
  }

  private mayLeave(protocol: "tcp" | "udp", to: HostEndpoint): boolean {
    return this.settings.nat && !isSpecial(to.address) && this.settings.allows(protocol, to);
  }

  private sendUdp(from: IpAddress, fromPort: number, to: IpAddress, port: number, data: Uint8Array, mac?: MacAddress): void {
    if (this.isClosed || data.length > 65507 || !this.port.canSend()) return;
    this.run(() => {
      const { frame } = this.link;
      writeU16(frame, PAYLOAD_AT, fromPort);
      writeU16(frame, PAYLOAD_AT + 2, port);
      writeU16(frame, PAYLOAD_AT + 4, 8 + data.length);
      writeU16(frame, PAYLOAD_AT + 6, 0);
      frame.set(data, PAYLOAD_AT + 8);
      writeU16(frame, PAYLOAD_AT + 6, transportChecksum(frame, PAYLOAD_AT, 8 + data.length, from, to, UDP) || 0xffff);
      this.link.sendIp(from, to, UDP, 8 + data.length, mac);
    });
  }

  private route(packet: IpPacket): boolean {
    return this.routing?.route(packet) ?? false;
  }

  private error(packet: IpPacket, kind: IcmpErrorKind): void {
    this.icmp.error(packet, kind, this.addresses.towards(packet));
  }

  // --- TCP ---

  private connectTcp(guest: IpAddress, to: IpAddress, port: number, events: HostTcpEvents): HostTcp | "refused" | "prohibited" {
    const { sockets } = this.host;
    if (this.addresses.isOwn(to)) {
      if (port === DNS_PORT) return new DnsStream(this.services.dns, guest.slice(), events);
      const service = this.settings.hostServices.find((entry) => entry.protocol === "tcp" && entry.port === port);
      return service === undefined ? "refused" : sockets.connectTcp(service.host, events);
    }
    const remote = { address: to.slice(), port };
    return this.mayLeave("tcp", remote) ? sockets.connectTcp(remote, events) : "prohibited";
  }

  private acceptForward(socket: HostTcp, ours: IpAddress, guest: IpAddress, port: number): HostTcpEvents | undefined {
    let events: HostTcpEvents | undefined;
    this.run(() => {
      events = this.tcp.openToGuest(socket, ours, guest, port, this.link.nowNs);
    });
    this.wake();
    return events;
  }
}
