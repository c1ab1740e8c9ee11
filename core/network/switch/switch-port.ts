// A port of a switch: what the switch knows of it, in the form that it asks for with every frame, and its end of a cable.
import type { NetPort, NetPortClient } from "../port.ts";
import { readU32, readU48 } from "../wire/bytes.ts";
import { arpSenderIp, arpSenderMac, isArp } from "../wire/arp.ts";
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from "../wire/ethernet.ts";
import { type PortCounts, portCounts, PORT_COUNTERS } from "./counters.ts";
import { LONGEST_FRAME, type PortConfig, vlanMembership } from "./port-config.ts";
import type { PortRole, PortState } from "./tree-port.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What a port needs of its switch. */
export interface PortOwner {
  receive(port: SwitchPort, frame: Uint8Array): void;
  linkChanged(port: SwitchPort): void;
  roleOf(port: SwitchPort): { role: PortRole; state: PortState } | undefined;
}

export class SwitchPort implements NetPortClient {
  readonly number: number;
  readonly counters = new Float64Array(PORT_COUNTERS.length);
  private readonly owner: PortOwner;
  private held: NetPort | null = null;
  private current: PortConfig;

  members: Uint8Array = new Uint8Array(0);
  /** VLAN of frames without a tag, in both directions; 0: there is none. */
  untaggedVlan = 0;
  isTrunk = false;
  isIsolated = false;
  isMirror = false;
  maxFrame = 0;
  macLimit = Infinity;
  allowedMacs: ReadonlySet<number> | null = null;
  allowedIpv4: ReadonlySet<number> | null = null;
  blockedMacs: ReadonlySet<number> | null = null;
  storm: TokenBucket | null = null;
  rate: TokenBucket | null = null;
  /** Ports that get copies of what passes here. */
  mirrors: SwitchPort[] = [];
  learns = true;
  forwards = true;

  constructor(number: number, owner: PortOwner, config: PortConfig, nowNs: number) {
    this.number = number;
    this.owner = owner;
    this.current = config;
    this.apply(config, nowNs);
  }

  get config(): PortConfig {
    return this.current;
  }

  get end(): NetPort | null {
    return this.held;
  }

  get linkUp(): boolean {
    return this.held?.linkUp === true;
  }

  get counts(): PortCounts {
    return portCounts(this.counters);
  }

  /** Role and state in the spanning tree, or undefined on a port that does not speak it. */
  get spanningTree(): { role: PortRole; state: PortState } | undefined {
    return this.owner.roleOf(this);
  }

  /** Takes an end of a cable, or lets go of it. */
  attach(end: NetPort | null): void {
    this.held?.connect(null);
    this.held = end;
    end?.connect(this);
    this.owner.linkChanged(this);
  }

  apply(config: PortConfig, nowNs: number): void {
    const { vlans } = config;
    this.current = config;
    this.members = vlanMembership(vlans);
    this.isTrunk = vlans.mode === "trunk";
    this.untaggedVlan = vlans.mode === "access" ? vlans.vlan : (vlans.native ?? 0);
    this.isIsolated = config.isolated ?? false;
    this.isMirror = config.mirrorOf !== undefined;
    this.maxFrame = config.maxFrame ?? LONGEST_FRAME;
    this.macLimit = config.macLimit ?? Infinity;
    this.allowedMacs = config.macs === undefined ? null : new Set(config.macs);
    this.allowedIpv4 = config.ipv4 === undefined ? null : new Set([0, ...config.ipv4]);
    this.blockedMacs = config.blockedMacs === undefined ? null : new Set(config.blockedMacs);
    this.storm = config.stormFramesPerSecond === undefined ? null : new TokenBucket(config.stormFramesPerSecond, 1, nowNs);
    this.rate = config.rateBitsPerSecond === undefined ? null : new TokenBucket(config.rateBitsPerSecond, LONGEST_FRAME * 8, nowNs);
  }

  /** Whether the addresses of a frame whose payload of `type` begins at `at` may come from here. */
  mayBeFrom(frame: Uint8Array, type: number, at: number): boolean {
    const source = readU48(frame, 6);
    if (this.allowedMacs !== null) {
      if (!this.allowedMacs.has(source)) return false;
      if (type === ETHERTYPE_ARP && isArp(frame, at, frame.length) && !this.allowedMacs.has(arpSenderMac(frame, at))) return false;
    }
    if (this.allowedIpv4 === null) return true;
    // A packet too short to show its source has none that is allowed.
    if (type === ETHERTYPE_ARP) return isArp(frame, at, frame.length) && this.allowedIpv4.has(arpSenderIp(frame, at));
    if (type === ETHERTYPE_IPV4) return frame.length >= at + 20 && this.allowedIpv4.has(readU32(frame, at + 12));
    return true;
  }

  isBlocked(frame: Uint8Array): boolean {
    return this.blockedMacs !== null && (this.blockedMacs.has(readU48(frame, 0)) || this.blockedMacs.has(readU48(frame, 6)));
  }

  receive(frame: Uint8Array): void {
    this.owner.receive(this, frame);
  }

  canReceive(): boolean {
    return true;
  }

  linkChanged(): void {
    this.owner.linkChanged(this);
  }

  sendReady(): void {}
}

