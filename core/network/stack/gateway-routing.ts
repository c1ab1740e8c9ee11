// A gateway's part in routing: it asks the router about its guests' packets, and sends on to its guests what comes from other networks.
import type { GatewaySettings } from "./gateway-settings.ts";
import type { IcmpErrorKind, IcmpResponder } from "./icmp.ts";
import type { IpPacket } from "./ip-packet.ts";
import { parseIpv4, parseIpv6 } from "./ip-packet.ts";
import { readU16 } from "../wire/bytes.ts";
import { ETHERTYPE_IPV4 } from "../wire/ethernet.ts";
import type { GatewayAddresses } from "./gateway-addresses.ts";
import type { LinkLayer } from "./link-layer.ts";
import type { IpPrefix } from "./address.ts";
import type { Router, RouterMember } from "./router.ts";

export interface RoutingPorts {
  settings: GatewaySettings;
  addresses: GatewayAddresses;
  link: LinkLayer;
  icmp: IcmpResponder;
  /** Whether the gateway is in the middle of something, so that its frame and tables are in use. */
  isBusy(): boolean;
  /** Runs something as one piece of work and lets the owner know of a new deadline. */
  run(work: () => void): void;
  wake(): void;
}

const WAITING_PACKETS = 256;

export class GatewayRouting implements RouterMember {
  readonly name: string;
  readonly network: IpPrefix;
  readonly network6: IpPrefix | undefined;
  readonly mtu: number;
  private readonly ports: RoutingPorts;
  private readonly router: Router;
  /** Packets from other networks that came while the gateway was at work. */
  private readonly waiting: IpPacket[] = [];
  private isClosed = false;

  constructor(router: Router, name: string, ports: RoutingPorts) {
    const { network, network6, mtu } = ports.settings;
    this.router = router;
    this.name = name;
    this.network = network;
    this.network6 = network6;
    this.mtu = mtu;
    this.ports = ports;
    router.join(this);
  }

  isOwn(address: Uint8Array): boolean {
    return this.ports.addresses.isOwn(address);
  }

  /** A guest's packet to an address outside its network; whether the router has taken it. */
  route(packet: IpPacket): boolean {
    if (this.isOwn(packet.destination)) return false;
    const outcome = this.router.route(this, packet);
    if (outcome === "local") this.ports.icmp.receive(packet);
    return outcome !== "elsewhere";
  }

  forward(packet: IpPacket): void {
    const { ports, waiting } = this;
    if (this.isClosed) return;
    if (!ports.isBusy()) ports.run(() => ports.link.forward(packet));
    else if (waiting.length < WAITING_PACKETS) {
      const { data, mac, source, destination } = packet;
      waiting.push({ ...packet, data: data.slice(), mac: mac.slice(), source: source.slice(), destination: destination.slice() });
      ports.wake();
    }
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /** Sends a packet that has waited; whether there was one. */
  forwardWaiting(): boolean {
    const packet = this.waiting.shift();
    if (packet !== undefined) this.ports.link.forward(packet);
    return packet !== undefined;
  }

  sendError(packet: IpPacket, kind: IcmpErrorKind, mtu: number): void {
    const { ports } = this;
    if (!this.isClosed) ports.run(() => ports.icmp.error(packet, kind, ports.addresses.towards(packet), mtu));
  }

  /** A frame whose receiver does not answer: if it came from another network, its sender is told. */
  undeliverable(frame: Uint8Array): void {
    const mac = frame.subarray(6, 12);
    const packet = readU16(frame, 12) === ETHERTYPE_IPV4 ? parseIpv4(frame, 14, frame.length, mac) : parseIpv6(frame, 14, frame.length, mac);
    if (packet !== undefined && packet.fragment === undefined && !this.isOwn(packet.source)) this.router.undeliverable(packet);
  }

  close(): void {
    this.isClosed = true;
    this.router.leave(this);
  }
}
