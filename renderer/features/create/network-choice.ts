// Which network a new machine is connected to: one that is there, one made for it, or none. The default gives a newcomer the
// internet without a question.
import type { KnownSystem } from "../../../core/api/known-systems.ts";
import type { Nic, NicConnection, Topology } from "../../../core/api/network.ts";
import { addGateway, addSwitch, addVlan } from "../network/edits.ts";
import type { Edited } from "../network/edits.ts";
import type { NetworkDoc } from "../network/network-doc.ts";
import { freeName, newMac, Refusal } from "../network/network-doc.ts";

/** "none", "nat" (made for it), or "SWITCH/VLAN". */
export type NetworkChoice = string;

export interface NetworkOption {
  value: NetworkChoice;
  switch: string;
  vlan: number;
  hasNat: boolean;
}

/** VLANs with a gateway, those that lead to the internet first. */
export function optionsOf({ gateways }: Topology): NetworkOption[] {
  const options = gateways.map((g) => ({ value: `${g.switch}/${g.vlan}`, switch: g.switch, vlan: g.vlan, hasNat: g.nat }));
  return [...options.filter((o) => o.hasNat), ...options.filter((o) => !o.hasNat)];
}

/** Until the user has chosen: the first network with a way out; where there is no network at all, one is made. */
export function defaultNetwork(topology: Topology, isKnown: boolean): NetworkChoice {
  if (!isKnown) return "none";
  const [first] = optionsOf(topology);
  if (first?.hasNat === true) return first.value;
  return topology.switches.length === 0 ? "nat" : "none";
}

/** A switch with a gateway to the internet: where a machine goes for which none was there. */
export function natNetwork(doc: NetworkDoc): { edited: Edited; connection: NicConnection } {
  const name = freeName(doc, "lan");
  const connection: NicConnection = { switch: name, vlans: { mode: "access", vlan: 1 } };
  const withSwitch = addSwitch(doc, name);
  if (withSwitch instanceof Refusal) return { edited: withSwitch, connection };
  const withVlan = addVlan(withSwitch, name, 1);
  if (withVlan instanceof Refusal) return { edited: withVlan, connection };
  const made = addGateway(withVlan, name, 1);
  if (made instanceof Refusal) return { edited: made, connection };
  // The network that other programs of the kind have by default.
  const isFree = !doc.topology.gateways.some((g) => g.network.startsWith("10.0.2."));
  const gateways = made.topology.gateways.map((g) => (g.switch === name && isFree ? { ...g, network: "10.0.2.0/24" } : g));
  return { edited: { ...made, topology: { ...made.topology, gateways } }, connection };
}

export function connectionOf(choice: NetworkChoice): NicConnection | null {
  const slash = choice.lastIndexOf("/");
  if (slash < 1) return null;
  return { switch: choice.slice(0, slash), vlans: { mode: "access", vlan: Number(choice.slice(slash + 1)) } };
}

/** Null for a system that has no use for a card. */
export function modelFor(system: KnownSystem | null): Nic["model"] | null {
  const wanted = system?.devices.network ?? "virtio";
  if (wanted === "none") return null;
  return wanted === "rtl8139" ? "e1000" : wanted;
}

export const newNic = (doc: NetworkDoc, connection: NicConnection, model: Nic["model"], random: () => number): Nic => ({
  id: "nic0", model, mac: newMac(doc, random), connection, cable: true,
});
