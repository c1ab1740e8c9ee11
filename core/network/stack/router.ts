// Routing between the networks of gateways (RFC 1812, as far as a router with one address in each network needs): nothing passes but what
// a rule lets begin, and the answers to it. A gateway asks about each packet of its guests that goes to another member's network; the
// router decides and hands it to that member. Fragments come reassembled, and source routing is refused by the gateways.
// Left out: routes to anything else, multicast, redirects. A connection that was there before the router is taken up in the middle, if it
// is its beginner that speaks first.
import type { FirewallRule } from "../../api/network.ts";
import type { Clock } from "../../time/clock.ts";
import type { IpAddress, IpPrefix } from "./address.ts";
import { addressAt, inPrefix } from "./address.ts";
import type { IcmpErrorKind } from "./icmp.ts";
import type { IpPacket } from "./ip-packet.ts";
import { ICMP, ICMP6, parseQuoted, TCP, UDP } from "./ip-packet.ts";
import { equalOctets } from "./octets.ts";
import { readU16 } from "../wire/bytes.ts";
import { flowKey, RouterFlows } from "./router-flows.ts";

/** A gateway, as the router sees it. */
export interface RouterMember {
  /** What rules call its network. */
  readonly name: string;
  readonly network: IpPrefix;
  readonly network6: IpPrefix | undefined;
  readonly mtu: number;
  isOwn(address: IpAddress): boolean;
  /** Sends a packet to a guest of this network, one hop on. Borrowed. */
  forward(packet: IpPacket): void;
  /** Tells a guest of this network what became of its packet. */
  sendError(packet: IpPacket, kind: IcmpErrorKind, mtu: number): void;
}

/** "elsewhere": to no member's network; "local": an echo request for another gateway's address, which the asking one is to answer. */
export type RouteOutcome = "elsewhere" | "local" | "done";

const SYN_ACK_RST = 0x16;
const SYN = 2;
const RST = 4;
const FIN_RST = 5;
const DONT_FRAGMENT = 0x40;

export class Router {
  private readonly clock: Clock;
  private readonly members = new Set<RouterMember>();
  private readonly flows = new RouterFlows();
  private rules: readonly FirewallRule[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get flowCount(): number {
    return this.flows.size;
  }

  /** In force with the next packet; what passed by a rule that is gone passes no more. */
  setRules(rules: readonly FirewallRule[]): void {
    this.rules = [...rules];
    this.flows.forget((flow) => !this.allows(flow.from, flow.to, flow.protocol, flow.port));
  }

  join(member: RouterMember): void {
    this.members.add(member);
  }

  leave(member: RouterMember): void {
    this.members.delete(member);
    this.flows.forget((flow) => flow.from === member.name || flow.to === member.name);
  }

  /** Takes a packet of a guest of `from`; errors go back to the guest. */
  route(from: RouterMember, packet: IpPacket): RouteOutcome {
    const to = this.memberOf(packet.destination, from);
    if (to === undefined) return "elsewhere";
    const { source, destination } = packet;
    // A link-local source means nothing in another network.
    if (!isInside(source, from)) return "done";
    const isIcmp = packet.protocol === (source.length === 4 ? ICMP : ICMP6);
    if (to.isOwn(destination) && isIcmp && this.allows(from.name, to.name, packet.protocol, 0)) return "local";
    if (to.isOwn(destination) || isBroadcast(destination, to) || !this.mayPass(from, to, packet)) from.sendError(packet, "prohibited", 0);
    else if (packet.hopLimit <= 1) from.sendError(packet, "hop-limit", 0);
    else if (isTooBig(packet, to.mtu)) from.sendError(packet, "too-big", to.mtu);
    else to.forward(packet);
    return "done";
  }

  /** A packet that was handed to a member, and whose destination does not answer there. */
  undeliverable(packet: IpPacket): void {
    this.memberOf(packet.source)?.sendError(packet, "host", 0);
  }

  private memberOf(address: IpAddress, besides?: RouterMember): RouterMember | undefined {
    for (const member of this.members) if (member !== besides && isInside(address, member)) return member;
    return undefined;
  }

  private mayPass(from: RouterMember, to: RouterMember, packet: IpPacket): boolean {
    const { data, payloadAt: at, payloadLength: length, source, destination } = packet;
    let { protocol } = packet;
    let sourcePort = 0;
    let port = 0;
    let mayBegin = true;
    let mayAnswer = true;
    let flags = 0;
    if (protocol === TCP || protocol === UDP) {
      if (length < (protocol === TCP ? 20 : 8)) return false;
      sourcePort = readU16(data, at);
      port = readU16(data, at + 2);
      if (protocol === TCP) {
        flags = data[at + 13] as number;
        mayBegin = (flags & RST) === 0;
        mayAnswer = (flags & SYN_ACK_RST) !== SYN;
      }
    } else if (protocol === ICMP || protocol === ICMP6) {
      if (length < 8 || (protocol === ICMP) !== (source.length === 4)) return false;
      const type = data[at] as number;
      const [request, reply] = protocol === ICMP ? [8, 0] : [128, 129];
      mayBegin = type === request;
      mayAnswer = type === reply;
      if (!mayBegin && !mayAnswer) return this.isErrorOfFlow(packet);
      protocol = ICMP;
      sourcePort = readU16(data, at + 4);
    }
    const isEcho = protocol === ICMP;
    const nowNs = this.clock.nowNs();
    const key = flowKey(protocol, source, sourcePort, destination, port);
    let flow = mayBegin || !isEcho ? this.flows.use(key, nowNs) : undefined;
    if (flow === undefined && mayAnswer) {
      flow = this.flows.use(isEcho ? flowKey(protocol, destination, sourcePort, source, 0) : flowKey(protocol, destination, port, source, sourcePort), nowNs);
      if (flow !== undefined) flow.isAnswered = true;
    }
    if (flow === undefined) {
      if (!mayBegin || !this.allows(from.name, to.name, protocol, port)) return false;
      const guest = flowKey(0, source, 0, source, 0);
      flow = { key, guest, usedNs: nowNs, from: from.name, to: to.name, protocol, port, isAnswered: false, isEnding: false };
      this.flows.add(flow, nowNs);
    }
    if ((flags & FIN_RST) !== 0) flow.isEnding = true;
    else if ((flags & SYN) !== 0) flow.isEnding = false;
    return true;
  }

  /** An ICMP error passes to whoever sent the packet that it quotes, if that packet was of a flow. */
  private isErrorOfFlow(packet: IpPacket): boolean {
    const { data, payloadAt: at, payloadLength: length, destination } = packet;
    const type = data[at] as number;
    if (packet.protocol === ICMP ? type !== 3 && type !== 11 && type !== 12 : type < 1 || type > 4) return false;
    const quoted = parseQuoted(data, at + 8, at + length);
    if (quoted === undefined || !equalOctets(quoted.source, destination)) return false;
    const { source, destination: target, payloadAt } = quoted;
    const nowNs = this.clock.nowNs();
    if (quoted.protocol === ICMP || quoted.protocol === ICMP6) {
      return this.flows.use(flowKey(ICMP, source, readU16(data, payloadAt + 4), target, 0), nowNs) !== undefined;
    }
    const a = readU16(data, payloadAt);
    const b = readU16(data, payloadAt + 2);
    const { protocol } = quoted;
    return (this.flows.use(flowKey(protocol, source, a, target, b), nowNs) ?? this.flows.use(flowKey(protocol, target, b, source, a), nowNs)) !== undefined;
  }

  private allows(from: string, to: string, protocol: number, port: number): boolean {
    const name = protocol === TCP ? "tcp" : protocol === UDP ? "udp" : protocol === ICMP || protocol === ICMP6 ? "icmp" : "other";
    return this.rules.some((rule) => {
      if (rule.from !== from || rule.to !== to || (rule.protocol !== "any" && rule.protocol !== name)) return false;
      return rule.port === undefined || ((name === "tcp" || name === "udp") && rule.port === port);
    });
  }
}

function isInside(address: IpAddress, member: RouterMember): boolean {
  if (address.length === 4) return inPrefix(address, member.network);
  return member.network6 !== undefined && inPrefix(address, member.network6);
}

/** The first and last address of an IPv4 network are no machine's. */
function isBroadcast(address: IpAddress, { network }: RouterMember): boolean {
  if (address.length !== 4) return false;
  return equalOctets(address, network.address) || equalOctets(address, addressAt(network, 2 ** (32 - network.length) - 1));
}

/** IPv4 is fragmented on the way if it may be, and what came in fragments leaves so. */
function isTooBig({ data, headerAt, payloadAt, payloadLength, source }: IpPacket, mtu: number): boolean {
  if (headerAt < 0 || payloadAt + payloadLength - headerAt <= mtu) return false;
  return source.length === 16 || ((data[headerAt + 6] as number) & DONT_FRAGMENT) !== 0;
}
