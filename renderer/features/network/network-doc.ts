// What the editor edits: the topology and the cards of all machines, as one value that is replaced, never changed. Also what can
// be asked of it: which VLANs a switch has, who is on them, which names are free, which cards are where.
import type { BridgeConfig, LeaseInfo, Nic, Topology } from "../../../core/api/network.ts";
import type { VmRecord, VmStatus } from "../../../core/api/vm-state.ts";
import { machineName, sortMachines } from "../../state/machines.ts";

export interface DocMachine {
  id: string;
  name: string;
  status: VmStatus;
  nics: readonly Nic[];
}

export interface NetworkDoc {
  topology: Topology;
  machines: readonly DocMachine[];
}

/** Why an edit cannot be: a text under `net.problem.` and what it is about. */
export class Refusal {
  readonly reason: Reason;
  readonly values: Record<string, string | number>;
  constructor(reason: Reason, values: Record<string, string | number> = {}) {
    this.reason = reason;
    this.values = values;
  }
}
export type Reason =
  | "sameSwitch" | "twoMachines" | "fencedVlans" | "throughGateway" | "gatewayTaken" | "severalCards" | "noRoom" | "nameTaken" | "nameWrong" | "vlanWrong"
  | "vlanTaken" | "networkWrong" | "networkTaken" | "nothingThere" | "dropOnVlan" | "network6Wrong" | "twoGateways" | "gatewayOnSwitch" | "rule" | "bridgeOnSwitch" | "bridgeWithGateway" | "interfaceWrong" | "interfaceTaken";

export function docOf(topology: Topology, machines: Record<string, VmRecord>, ahead: Readonly<Record<string, readonly Nic[]>> = {}): NetworkDoc {
  const readable = sortMachines(machines).filter((machine) => machine.config !== null);
  return {
    topology,
    machines: readable.map((m) => ({ id: m.id, name: machineName(m), status: m.status, nics: ahead[m.id] ?? m.config?.nics ?? [] })),
  };
}

export const vlanKey = (switchName: string, vlan: number): string => `vlan:${switchName}/${vlan}`;

/** VLANs of a switch in order: those that something is on, and those that were drawn and are empty. */
export function vlansOf({ topology, machines }: NetworkDoc, switchName: string): number[] {
  const vlans = new Set<number>();
  for (const { nics } of machines)
    for (const { connection } of nics) if (connection?.switch === switchName && connection.vlans.mode === "access") vlans.add(connection.vlans.vlan);
  for (const gateway of topology.gateways) if (gateway.switch === switchName) vlans.add(gateway.vlan);
  for (const bridge of topology.bridges) if (bridge.switch === switchName && bridge.vlans.mode === "access") vlans.add(bridge.vlans.vlan);
  for (const key of Object.keys(topology.places)) {
    const vlan = Number(key.startsWith(`vlan:${switchName}/`) ? key.slice(key.lastIndexOf("/") + 1) : Number.NaN);
    if (Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094) vlans.add(vlan);
  }
  if (vlans.size === 0) vlans.add(1);
  return [...vlans].sort((a, b) => a - b);
}

export const vlanName = ({ topology }: NetworkDoc, vlan: number): string => topology.vlanNames[String(vlan)] ?? "";

export const machineOf = (doc: NetworkDoc, id: string): DocMachine | undefined => doc.machines.find((machine) => machine.id === id);
export const nicOf = (doc: NetworkDoc, id: string, nicId: string): Nic | undefined => machineOf(doc, id)?.nics.find((nic) => nic.id === nicId);

/** Cards that lead somewhere. */
export const joinedNics = (machine: DocMachine): Nic[] => machine.nics.filter((nic) => nic.connection !== null);

/** Where a machine is drawn: in the area of its only VLAN, by itself, or on the shelf of those that lead nowhere. */
export type Berth = { kind: "area"; switch: string; vlan: number; nic: string } | { kind: "free" } | { kind: "shelf" };

export function berthOf({ topology }: NetworkDoc, machine: DocMachine): Berth {
  const joined = joinedNics(machine).filter((nic) => topology.switches.some((s) => s.name === nic.connection?.switch));
  const [only] = joined;
  if (only?.connection == null) return { kind: "shelf" };
  if (joined.length > 1 || only.connection.vlans.mode === "trunk") return { kind: "free" };
  return { kind: "area", switch: only.connection.switch, vlan: only.connection.vlans.vlan, nic: only.id };
}

/** Links that end at a switch: trunks, gateways, bridges, cards. */
export function portsOf({ topology, machines }: NetworkDoc, name: string): string[] {
  return [
    ...topology.trunks.filter((trunk) => trunk.ends.includes(name)).map((trunk) => `trunk:${trunk.name}`),
    ...topology.gateways.filter((gateway) => gateway.switch === name).map((gateway) => `gateway:${gateway.name}`),
    ...topology.bridges.filter((bridge) => bridge.switch === name).map((bridge) => `bridge:${bridge.name}`),
    ...machines.flatMap((machine) => machine.nics.filter((nic) => nic.connection?.switch === name).map((nic) => `${machine.id}/${nic.id}`)),
  ];
}

/** Whether it joins this VLAN, and no other. */
export const isOnVlan = ({ switch: at, vlans }: BridgeConfig, name: string, vlan: number): boolean => at === name && vlans.mode === "access" && vlans.vlan === vlan;

/** Colours are told apart by number, the same everywhere: VLAN 1 is plain, 10, 20, 30... follow one another, as do 2, 3, 4... */
export const HUES = 8;
export const hueOf = (vlan: number): number => (vlan === 1 ? 0 : 1 + ((vlan % 10 === 0 ? vlan / 10 - 1 : vlan) % (HUES - 1)));

/** `base`, or `base2`, `base3`... whichever no switch, trunk, gateway or bridge has. */
export function freeName({ topology }: NetworkDoc, base: string, isNumbered = false): string {
  const taken = new Set([...topology.switches, ...topology.trunks, ...topology.gateways, ...topology.bridges].map((thing) => thing.name));
  for (let n = 1; ; n++) {
    const name = n === 1 && !isNumbered ? base : `${base}${n}`;
    if (!taken.has(name)) return name;
  }
}

export function freeVlan(doc: NetworkDoc, switchName: string): number {
  const taken = new Set(vlansOf(doc, switchName));
  for (let vlan = 10; vlan <= 4090; vlan += 10) if (!taken.has(vlan)) return vlan;
  for (let vlan = 2; ; vlan++) if (!taken.has(vlan)) return vlan;
}

/** First address and prefix length as numbers; null for what is no network of at least four addresses. */
export function parseNetwork(text: string): { base: number; bits: number } | null {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (found === null) return null;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = found.slice(1).map(Number);
  if ([a, b, c, d].some((part) => part > 255) || bits < 8 || bits > 30) return null;
  const address = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  return { base: (address & (0xffffffff << (32 - bits))) >>> 0, bits };
}

export const overlaps = (a: { base: number; bits: number }, b: { base: number; bits: number }): boolean => {
  const mask = (0xffffffff << (32 - Math.min(a.bits, b.bits))) >>> 0;
  return (a.base & mask) >>> 0 === (b.base & mask) >>> 0;
};

const dotted = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");

/** The first host address, which is the gateway's. */
export function gatewayAddress(network: string): string {
  const parsed = parseNetwork(network);
  return parsed === null ? network : dotted(parsed.base + 1);
}

/** 10.0.VLAN.0/24, or the next that no gateway has. */
export function freeNetwork({ topology }: NetworkDoc, vlan: number): string {
  const taken = topology.gateways.map((gateway) => parseNetwork(gateway.network));
  for (let n = vlan <= 255 ? vlan : 0; ; n++) {
    const text = `10.${(n >> 8) & 255}.${n & 255}.0/24`;
    const network = parseNetwork(text);
    if (network === null || !taken.some((other) => other !== null && overlaps(other, network))) return text;
  }
}

/** What the DHCP servers of the networks that a card is on have given it. One that it had before it was moved is not its address. */
export function leasesOf({ topology }: NetworkDoc, leases: readonly LeaseInfo[], { mac, connection }: Nic): LeaseInfo[] {
  const vlans = connection?.vlans;
  if (vlans === undefined) return [];
  const isOn = (vlan: number): boolean => (vlans.mode === "access" ? vlans.vlan === vlan : vlans.allowed === "all" || vlans.allowed.includes(vlan) || vlans.native === vlan);
  return leases.filter((lease) => lease.mac === mac && topology.gateways.some((gateway) => gateway.name === lease.gateway && isOn(gateway.vlan)));
}

/** A locally administered address in the range that virtual machines use. */
export function newMac(doc: NetworkDoc, random: () => number): string {
  const taken = new Set(doc.machines.flatMap((machine) => machine.nics.map((nic) => nic.mac)));
  for (;;) {
    const octet = (): string => Math.floor(random() * 256).toString(16).padStart(2, "0");
    const mac = `52:54:00:${octet()}:${octet()}:${octet()}`;
    if (!taken.has(mac)) return mac;
  }
}
