// What a gateway serves at its own address: DHCP, DNS and TFTP over UDP, and the names of the network's machines. Ports of UDP are
// assigned here; everything else a datagram may be for is the gateway's matter.
import type { IpAddress, MacAddress } from "../stack/address.ts";
import { BROADCAST_MAC, BROADCAST_V4, formatIp, formatMac, inPrefix } from "../stack/address.ts";
import type { GatewayHost, GatewaySettings } from "../stack/gateway-settings.ts";
import type { IpPacket } from "../stack/ip-packet.ts";
import { equalOctets } from "../stack/octets.ts";
import type { DhcpMessage } from "./dhcp-message.ts";
import { formatDhcp, NAK, parseDhcp } from "./dhcp-message.ts";
import type { Lease } from "./dhcp-server.ts";
import { DhcpServer } from "./dhcp-server.ts";
import { DnsForwarder } from "./dns-forwarder.ts";
import { TFTP_PORT, TftpServer } from "./tftp-server.ts";

export const DNS_PORT = 53;
const DHCP_SERVER_PORT = 67;
const DHCP_CLIENT_PORT = 68;
/** Addresses that DHCP gives out in a large network. */
const POOL_MAX = 4096;

export interface ServicePorts {
  readonly settings: GatewaySettings;
  readonly host: GatewayHost;
  readonly address: IpAddress;
  readonly address6: IpAddress | undefined;
  send(from: IpAddress, fromPort: number, to: IpAddress, port: number, data: Uint8Array, mac?: MacAddress): void;
  /** Runs what comes from outside the gateway, with frames held back meanwhile. */
  run(work: () => void): void;
}

export class GatewayServices {
  readonly dns: DnsForwarder;
  private readonly ports: ServicePorts;
  private readonly dhcp: DhcpServer;
  private readonly tftp: TftpServer | undefined;

  constructor(ports: ServicePorts) {
    this.ports = ports;
    const { settings, host, address } = ports;
    const hosts = 2 ** (32 - settings.network.length);
    const poolFirst = Math.min(hosts - 2, hosts > 32 ? 10 : 2);
    this.dhcp = new DhcpServer({
      network: settings.network,
      gateway: address,
      poolFirst,
      poolLast: Math.min(hosts - 2, poolFirst + POOL_MAX - 1),
      reservations: settings.reservations,
      leaseSeconds: settings.leaseSeconds,
      domain: settings.domain,
      mtu: settings.mtu,
      bootFile: settings.bootFile,
      leaseChanged: (lease, bound) =>
        host.event({ kind: "lease", mac: formatMac(lease.mac), address: formatIp(lease.address), name: this.nameOf(lease), bound }),
      poolExhausted: () => host.event({ kind: "pool-exhausted" }),
    });
    this.dns = new DnsForwarder({
      domain: settings.domain,
      lookup: (name) => this.lookup(name),
      reverse: (at) => this.reverse(at),
      resolve: (name, type, answered) => {
        if (settings.nat) host.sockets.resolve(name, type, answered);
        else answered({ code: "refused", records: [] });
      },
    });
    this.tftp = settings.tftp && new TftpServer({
      files: settings.tftp,
      mtu: settings.mtu,
      nowNs: () => host.clock.nowNs(),
      send: ports.send,
      run: ports.run,
    });
  }

  get leases(): Iterable<Lease> {
    return this.dhcp.leases;
  }

  restoreLeases(leases: Iterable<Lease>): void {
    this.dhcp.restore(leases, this.ports.host.clock.nowNs());
  }

  get tftpTransfers(): number {
    return this.tftp?.size ?? 0;
  }

  /** A DHCP client's message, which may come without an address; whether it was one. */
  receiveDhcp(packet: IpPacket, from: number, to: number, payload: Uint8Array, nowNs: number): boolean {
    if (packet.source.length !== 4 || to !== DHCP_SERVER_PORT || from !== DHCP_CLIENT_PORT) return false;
    const message = parseDhcp(payload);
    // A client speaks for itself only.
    if (message === undefined || !equalOctets(message.mac, packet.mac)) return true;
    const answer = this.dhcp.answer(message, nowNs);
    if (answer === undefined) return true;
    const [destination, mac] = this.dhcpDestination(message, answer);
    this.ports.send(this.ports.address, DHCP_SERVER_PORT, destination, DHCP_CLIENT_PORT, formatDhcp(answer), mac);
    return true;
  }

  /** RFC 2131 section 4.1. */
  private dhcpDestination(message: DhcpMessage, answer: DhcpMessage): [IpAddress, MacAddress] {
    const isNak = answer.options.get(53)?.[0] === NAK;
    if (isNak || message.flags & 0x8000) return [BROADCAST_V4, BROADCAST_MAC];
    if (inPrefix(message.clientAddress, this.ports.settings.network)) return [message.clientAddress, message.mac];
    return [answer.yourAddress, message.mac];
  }

  /** A guest's datagram to the gateway itself; whether it was for a service. */
  receive(packet: IpPacket, from: number, to: number, payload: Uint8Array): boolean {
    if (to === DNS_PORT) {
      const guest = packet.source.slice();
      const ours = packet.destination.slice();
      this.dns.query(guest, payload, false, (answer) => this.ports.send(ours, DNS_PORT, guest, from, answer));
      return true;
    }
    if (this.tftp === undefined) return false;
    if (to !== TFTP_PORT) return this.tftp.receive(packet.source, from, to, payload);
    this.tftp.request(packet.source, from, packet.destination, payload);
    return true;
  }

  private nameOf(lease: { mac: MacAddress; name: string }): string {
    return this.ports.settings.machineName?.(lease.mac)?.toLowerCase() ?? lease.name;
  }

  /** Addresses of the machine with this name, in lower case. */
  lookup(name: string): IpAddress[] | undefined {
    const { address, address6, settings, host } = this.ports;
    if (name === "gateway") return address6 === undefined ? [address] : [address, address6];
    const nowNs = host.clock.nowNs();
    let byHostName: IpAddress | undefined;
    for (const lease of this.dhcp.leases) {
      if (lease.state !== "bound" || lease.expiresNs <= nowNs) continue;
      // What the user calls a machine goes before what a guest says of itself.
      if (this.nameOf(lease) === name) return [lease.address];
      if (lease.name === name) byHostName = lease.address;
    }
    for (const entry of settings.reservations) if (entry.name?.toLowerCase() === name) return [entry.address];
    return byHostName && [byHostName];
  }

  private reverse(address: IpAddress): string | undefined {
    const { settings } = this.ports;
    if (!inPrefix(address, settings.network)) return undefined;
    if (equalOctets(address, this.ports.address)) return "gateway";
    for (const lease of this.dhcp.leases) if (equalOctets(lease.address, address) && lease.state === "bound") return this.nameOf(lease);
    return settings.reservations.find((entry) => equalOctets(entry.address, address))?.name ?? "";
  }

  nextDeadline(): number {
    return this.tftp?.nextDeadline() ?? Infinity;
  }

  poll(): void {
    this.tftp?.poll();
  }

  close(): void {
    this.tftp?.close();
  }
}
