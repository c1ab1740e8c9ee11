// Whether a drawn network can be: the first thing that is wrong with it as a sentence for the user. A topology comes from files and
// dialogs; its form has been checked by its schema, what its parts say of each other is checked here.
import type { GatewayConfig, Topology, TrunkConfig } from "../../api/network.ts";
import { bridgeFault } from "./bridge-check.ts";
import { equalOctets } from "../stack/octets.ts";
import { addressAt, formatIp, inPrefix, type IpPrefix, parseIp, parsePrefix } from "../stack/address.ts";

/** The longest mask that leaves a gateway and some guests. */
const MASK_MIN = 8;
const MASK_MAX = 29;
/** Ports of a gateway's own services. */
const OWN_PORTS: Readonly<Record<"tcp" | "udp", readonly number[]>> = { tcp: [53], udp: [53, 67, 69] };

export function topologyFault(topology: Topology): string | undefined {
  const { switches, trunks, gateways, bridges } = topology;
  const double = twice("switches", switches) ?? twice("trunks", trunks) ?? twice("gateways", gateways) ?? twice("bridges", bridges);
  if (double !== undefined) return double;
  const names = new Set(switches.map((each) => each.name));
  for (const trunk of trunks) {
    const missing = trunk.ends.find((end) => !names.has(end));
    if (missing !== undefined) return `Trunk ${trunk.name} leads to the switch ${missing}, which does not exist.`;
  }
  for (const gateway of gateways) {
    const fault = names.has(gateway.switch) ? gatewayFault(gateway) : `Gateway ${gateway.name} is at the switch ${gateway.switch}, which does not exist.`;
    if (fault !== undefined) return fault;
  }
  return bridgeFault(topology) ?? meetingFault(gateways, trunks) ?? forwardFault(gateways) ?? ruleFault(topology);
}

function twice(kind: string, things: readonly { name: string }[]): string | undefined {
  const seen = new Set<string>();
  for (const { name } of things) {
    if (seen.has(name.toLowerCase())) return `There are two ${kind} called ${name}.`;
    seen.add(name.toLowerCase());
  }
  return undefined;
}

/** The network of a gateway that has been checked. */
export function networkOf(gateway: GatewayConfig): IpPrefix {
  const prefix = parsePrefix(gateway.network);
  if (prefix === undefined) throw new Error(`unchecked network ${gateway.network}`);
  return prefix;
}

function gatewayFault(gateway: GatewayConfig): string | undefined {
  const { name, network, network6 } = gateway;
  const prefix = parsePrefix(network);
  if (prefix === undefined) return `Gateway ${name}: ${network} is not a network; it is written as "10.0.10.0/24".`;
  if (prefix.length < MASK_MIN || prefix.length > MASK_MAX) return `Gateway ${name}: the network ${network} has to have a mask between /${MASK_MIN} and /${MASK_MAX}.`;
  const plain = `${formatIp(prefix.address)}/${prefix.length}`;
  if (plain !== network) return `Gateway ${name}: ${network} is an address within a network; the network is ${plain}.`;
  const [first = 0] = prefix.address;
  if (first === 0 || first === 127 || first >= 224 || (first === 169 && prefix.address[1] === 254)) return `Gateway ${name}: machines cannot have addresses of ${network}.`;
  if (network6 !== undefined) {
    const prefix6 = parsePrefix(network6);
    if (prefix6 === undefined || prefix6.address.length !== 16) return `Gateway ${name}: ${network6} is not an IPv6 network; it is written as "fd00:10::/64".`;
    const [high = 0, next = 0] = prefix6.address;
    if (high === 0xff || high === 0 || (high === 0xfe && next >= 0x80)) return `Gateway ${name}: machines cannot have addresses of ${network6}.`;
  }
  return serviceFault(gateway) ?? reservationFault(gateway, prefix);
}

function serviceFault({ name, hostServices }: GatewayConfig): string | undefined {
  const ports = new Set<string>();
  for (const { protocol, port, hostAddress } of hostServices) {
    if (parseIp(hostAddress) === undefined) return `Gateway ${name}: ${hostAddress} is not an address of the host.`;
    if (OWN_PORTS[protocol].includes(port)) return `Gateway ${name} needs its ${protocol.toUpperCase()} port ${port} itself.`;
    if (ports.has(`${protocol} ${port}`)) return `Gateway ${name} offers two services of the host at its ${protocol.toUpperCase()} port ${port}.`;
    ports.add(`${protocol} ${port}`);
  }
  return undefined;
}

function reservationFault({ name, reservations }: GatewayConfig, network: IpPrefix): string | undefined {
  const seen = new Set<string>();
  for (const { mac, address } of reservations) {
    const parsed = parseIp(address);
    if (parsed === undefined || !isForGuest(parsed, network)) return `Gateway ${name}: ${address} is not an address for a machine in its network.`;
    for (const key of [mac, formatIp(parsed)]) {
      if (seen.has(key)) return `Gateway ${name} reserves twice for ${key}.`;
      seen.add(key);
    }
  }
  return undefined;
}

/** In the network, and neither its own address, the gateway's nor the broadcast. */
function isForGuest(address: Uint8Array, network: IpPrefix): boolean {
  const last = 2 ** (32 - network.length) - 1;
  return inPrefix(address, network) && [0, 1, last].every((index) => !equalOctets(address, addressAt(network, index)));
}

/** Gateways in one VLAN of switches that trunks join see each other. */
function meetingFault(gateways: readonly GatewayConfig[], trunks: readonly TrunkConfig[]): string | undefined {
  for (const [i, one] of gateways.entries()) {
    for (const other of gateways.slice(i + 1)) {
      if (one.vlan !== other.vlan || !overlap(networkOf(one), networkOf(other)) || !areJoined(one, other, trunks)) continue;
      return `Gateways ${one.name} and ${other.name} are both in VLAN ${one.vlan} with the network ${one.network}; one of the two has to go, or to have another network.`;
    }
  }
  return undefined;
}

function overlap(a: IpPrefix, b: IpPrefix): boolean {
  return inPrefix(a.address, { ...b, length: Math.min(a.length, b.length) });
}

function areJoined(one: GatewayConfig, other: GatewayConfig, trunks: readonly TrunkConfig[]): boolean {
  const reached = new Set([one.switch]);
  const carrying = trunks.filter(({ allowed }) => allowed === "all" || allowed.includes(one.vlan));
  for (let grown = true; grown; ) {
    grown = false;
    for (const { ends } of carrying) {
      if (reached.has(ends[0]) === reached.has(ends[1])) continue;
      for (const end of ends) reached.add(end);
      grown = true;
    }
  }
  return reached.has(other.switch);
}

function forwardFault(gateways: readonly GatewayConfig[]): string | undefined {
  const ports = new Set<string>();
  for (const gateway of gateways) {
    for (const { protocol, hostAddress, hostPort, guest } of gateway.forwards) {
      const host = parseIp(hostAddress);
      if (host === undefined) return `Gateway ${gateway.name}: ${hostAddress} is not an address of the host.`;
      const key = `${protocol.toUpperCase()} port ${hostPort} of ${formatIp(host)}`;
      if (ports.has(key)) return `${key} is forwarded twice.`;
      ports.add(key);
      const fault = guestFault(gateway, guest);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

function guestFault(gateway: GatewayConfig, guest: string): string | undefined {
  const address = parseIp(guest);
  if (address === undefined) {
    return /^[a-z0-9]([a-z0-9_.-]*[a-z0-9])?$/i.test(guest) && !/^[\d.]+$/.test(guest) ? undefined : `Gateway ${gateway.name}: ${guest} is neither an address nor the name of a machine.`;
  }
  const network6 = gateway.network6 === undefined ? undefined : parsePrefix(gateway.network6);
  const isGuest = address.length === 4 ? isForGuest(address, networkOf(gateway)) : network6 !== undefined && inPrefix(address, network6);
  return isGuest ? undefined : `Gateway ${gateway.name}: ${guest} is not an address for a machine in its network.`;
}

function ruleFault({ rules, gateways }: Topology): string | undefined {
  const byName = new Map(gateways.map((each) => [each.name, each]));
  for (const { from, to, protocol, port } of rules) {
    const [one, other] = [byName.get(from), byName.get(to)];
    if (one === undefined || other === undefined) return `A firewall rule names the gateway ${one === undefined ? from : to}, which does not exist.`;
    if (one === other) return `A firewall rule leads from the gateway ${from} to itself.`;
    if (overlap(networkOf(one), networkOf(other))) return `Nothing can be routed between the gateways ${from} and ${to}: their networks overlap.`;
    if (port !== undefined && (protocol === "any" || protocol === "icmp")) return `The firewall rule from ${from} to ${to} has a port, so it has to say whether it is of TCP or UDP.`;
  }
  return undefined;
}
