// What is set on a port of a switch, and the checks on it. IEEE 802.1Q clause 6.9: an access port has a PVID and sends without tags,
// a trunk sends with them except in its native VLAN. A configuration comes from files and dialogs, so it is checked in full first.
import { FRAME_MAX_BYTES } from "../port.ts";
import { TAG_BYTES, VLAN_MAX, VLAN_MIN } from "../wire/ethernet.ts";

/** A jumbo frame that leaves room for the tag of a trunk, and for one more on a wire that is not ours. */
export const LONGEST_FRAME = FRAME_MAX_BYTES - 2 * TAG_BYTES;

export type PortVlans =
  | { readonly mode: "access"; readonly vlan: number }
  /** `native` is the VLAN of frames without a tag; without one they are dropped. It need not be repeated in `allowed`. */
  | { readonly mode: "trunk"; readonly allowed: readonly number[] | "all"; readonly native?: number };

export interface PortConfig {
  readonly name: string;
  readonly vlans: PortVlans;
  /** An isolated port reaches only ports that are not isolated. */
  readonly isolated?: boolean;
  /** Source addresses that may be sent from here, and from no other port of their VLANs. Others are dropped as forged. */
  readonly macs?: readonly number[];
  /** IPv4 addresses that may be the source of packets and ARP messages from here; 0.0.0.0 always may, for DHCP and address probes. */
  readonly ipv4?: readonly number[];
  /** Addresses to or from which nothing passes at this port. */
  readonly blockedMacs?: readonly number[];
  /** Stations that may be heard here within the ageing time; frames from more of them are dropped as forged. */
  readonly macLimit?: number;
  /** Longest frame, a tag not counted; LONGEST_FRAME unless set. */
  readonly maxFrame?: number;
  /** Broadcast, multicast and unknown unicast frames a second that are taken from this port. */
  readonly stormFramesPerSecond?: number;
  /** Bits a second that are taken from this port. */
  readonly rateBitsPerSecond?: number;
  /** Speaks the spanning tree protocol: a trunk to another switch. On any other port its messages are dropped. */
  readonly spanningTree?: boolean;
  /** Cost of the path over this port; 20,000 is that of 1 Gb/s (IEEE 802.1D-2004 table 17-3). */
  readonly pathCost?: number;
  /** This port gets copies of the frames of the ports named, or of all, and takes part in nothing else. */
  readonly mirrorOf?: readonly string[] | "all";
}

/** The first fault of a configuration as a sentence, or undefined. */
export function portConfigFault(config: PortConfig): string | undefined {
  const { vlans } = config;
  const inRange = (vlan: number): boolean => Number.isInteger(vlan) && vlan >= VLAN_MIN && vlan <= VLAN_MAX;
  const named = vlans.mode === "access" ? [vlans.vlan] : [...(vlans.allowed === "all" ? [] : vlans.allowed)];
  if (vlans.mode === "trunk" && vlans.native !== undefined) named.push(vlans.native);
  const wrong = named.find((vlan) => !inRange(vlan));
  if (wrong !== undefined) return `Port ${config.name}: ${wrong} is not a VLAN; VLANs are numbered ${VLAN_MIN} to ${VLAN_MAX}.`;
  const max = config.maxFrame;
  if (max !== undefined && !(Number.isInteger(max) && max >= 64 && max <= LONGEST_FRAME)) {
    return `Port ${config.name}: the longest frame has to be between 64 and ${LONGEST_FRAME} bytes.`;
  }
  for (const limit of [config.stormFramesPerSecond, config.rateBitsPerSecond, config.pathCost]) {
    if (limit !== undefined && !(Number.isFinite(limit) && limit > 0)) return `Port ${config.name}: a limit or cost has to be above zero.`;
  }
  const { macLimit } = config;
  if (macLimit !== undefined && !(Number.isInteger(macLimit) && macLimit > 0)) {
    return `Port ${config.name}: the number of stations has to be a whole number above zero.`;
  }
  for (const mac of [...(config.macs ?? []), ...(config.blockedMacs ?? [])]) {
    if (!(Number.isInteger(mac) && mac > 0 && mac < 2 ** 48)) return `Port ${config.name}: ${mac} is not a station's address.`;
  }
  if (config.macs?.some((mac) => Math.floor(mac / 2 ** 40) % 2 === 1)) return `Port ${config.name}: a group address cannot be a source.`;
  return undefined;
}

/** The VLANs of a port as one byte each, indexed by number: what the switch asks for every frame. */
export function vlanMembership(vlans: PortVlans): Uint8Array {
  const members = new Uint8Array(4096);
  if (vlans.mode === "access") members[vlans.vlan] = 1;
  else {
    if (vlans.allowed === "all") members.fill(1, VLAN_MIN, VLAN_MAX + 1);
    else for (const vlan of vlans.allowed) members[vlan] = 1;
    if (vlans.native !== undefined) members[vlans.native] = 1;
  }
  return members;
}
