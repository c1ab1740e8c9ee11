// Every change that can be drawn, as a function from one network to the next, or to the reason why not. Nothing here acts: the
// editor compares the two and tells the app what differs.
import type { BridgeConfig, FirewallRule, GatewayConfig, LinkFaults, Nic, NicConnection, PortGuards, Topology, TrunkConfig } from "../../../core/api/network.ts";
import { InterfaceName, MacText, NetName, Network6Text, NICS_MAX } from "../../../core/api/network.ts";
import type { DocMachine, NetworkDoc } from "./network-doc.ts";
import {
  freeName, freeNetwork, freeVlan, isOnVlan, joinedNics, machineOf, newMac, nicOf, overlaps, parseNetwork, Refusal, vlanKey, vlanName, vlansOf,
} from "./network-doc.ts";

export type Edited = NetworkDoc | Refusal;

const withTopology = (doc: NetworkDoc, changes: Partial<Topology>): NetworkDoc => ({ ...doc, topology: { ...doc.topology, ...changes } });
const isVlan = (vlan: number): boolean => Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094;
const hasSwitch = ({ topology }: NetworkDoc, name: string): boolean => topology.switches.some((s) => s.name === name);

/** Areas that the edit has emptied stay drawn, so that what was moved away can be moved back. */
function keepAreas(before: NetworkDoc, after: NetworkDoc): NetworkDoc {
  const places = { ...after.topology.places };
  for (const { name } of after.topology.switches) {
    if (!hasSwitch(before, name)) continue;
    const now = new Set(vlansOf(after, name));
    const lost = vlansOf(before, name).filter((vlan) => !now.has(vlan));
    // VLAN 1 is drawn for want of any other.
    for (const vlan of lost) if (vlan !== 1 || before.topology.places[vlanKey(name, 1)] !== undefined || hasMembers(before, name, 1)) places[vlanKey(name, vlan)] = { x: 0, y: 0 };
  }
  return Object.keys(places).length === Object.keys(after.topology.places).length ? after : withTopology(after, { places });
}

function hasMembers(doc: NetworkDoc, name: string, vlan: number): boolean {
  const isOn = ({ connection }: Nic): boolean => connection?.switch === name && connection.vlans.mode === "access" && connection.vlans.vlan === vlan;
  return doc.machines.some((machine) => machine.nics.some(isOn)) || doc.topology.gateways.some((g) => g.switch === name && g.vlan === vlan) || doc.topology.bridges.some((b) => isOnVlan(b, name, vlan));
}

function withNics(doc: NetworkDoc, id: string, change: (nics: readonly Nic[], machine: DocMachine) => readonly Nic[]): NetworkDoc {
  const machines = doc.machines.map((machine) => (machine.id === id ? { ...machine, nics: change(machine.nics, machine) } : machine));
  return keepAreas(doc, { ...doc, machines });
}

// ---- cards -------------------------------------------------------------------------------------

export function setNic(doc: NetworkDoc, id: string, nicId: string, changes: Partial<Omit<Nic, "id">>): Edited {
  if (nicOf(doc, id, nicId) === undefined) return new Refusal("nothingThere");
  if (changes.mac !== undefined && !MacText.safeParse(changes.mac).success) return new Refusal("nameWrong");
  return withNics(doc, id, (nics) => nics.map((nic) => (nic.id === nicId ? { ...nic, ...changes } : nic)));
}

export function connectNic(doc: NetworkDoc, id: string, nicId: string, to: NicConnection | null): Edited {
  if (to !== null && !hasSwitch(doc, to.switch)) return new Refusal("nothingThere");
  if (to?.vlans.mode === "access" && !isVlan(to.vlans.vlan)) return new Refusal("vlanWrong");
  // A card that is drawn to somewhere is meant to work there.
  return setNic(doc, id, nicId, { connection: to, ...(to === null ? {} : { cable: true }) });
}

export function addNic(doc: NetworkDoc, id: string, connection: NicConnection | null, random: () => number, model: Nic["model"] = "virtio"): Edited {
  const machine = machineOf(doc, id);
  if (machine === undefined) return new Refusal("nothingThere");
  const free = Array.from({ length: NICS_MAX }, (_, n) => `nic${n}`).find((nicId) => !machine.nics.some((nic) => nic.id === nicId));
  if (free === undefined) return new Refusal("noRoom", { count: NICS_MAX });
  const nic: Nic = { id: free, model, mac: newMac(doc, random), connection, cable: true };
  return withNics(doc, id, (nics) => [...nics, nic]);
}

export const removeNic = (doc: NetworkDoc, id: string, nicId: string): Edited => withNics(doc, id, (nics) => nics.filter((nic) => nic.id !== nicId));

/** Moves a machine as a whole: the card that leads somewhere, or the first, or a new one. */
export function moveMachine(doc: NetworkDoc, id: string, to: NicConnection | null, random: () => number): Edited {
  const machine = machineOf(doc, id);
  if (machine === undefined) return new Refusal("nothingThere");
  const joined = joinedNics(machine);
  if (to === null) return joined.reduce<Edited>((all, nic) => (all instanceof Refusal ? all : connectNic(all, id, nic.id, null)), doc);
  if (joined.length > 1) return new Refusal("severalCards", { name: machine.name });
  const nic = joined[0] ?? machine.nics[0];
  return nic === undefined ? addNic(doc, id, to, random) : connectNic(doc, id, nic.id, to);
}

// ---- links -------------------------------------------------------------------------------------

/** "VM/nic0" or "trunk:NAME", whichever the link is. */
export function setFaults(doc: NetworkDoc, link: string, faults: LinkFaults): Edited {
  const wanted = Object.fromEntries(Object.entries(faults).filter(([, value]) => value !== undefined && value !== false && value !== 0)) as LinkFaults;
  if (link.startsWith("trunk:")) return setTrunk(doc, link.slice(6), { faults: wanted });
  const [id = "", nicId = ""] = link.split("/");
  return setNic(doc, id, nicId, { faults: wanted });
}

export function setGuards(doc: NetworkDoc, id: string, nicId: string, guards: PortGuards): Edited {
  const wanted = Object.fromEntries(Object.entries(guards).filter(([, value]) => value !== undefined && value !== false)) as PortGuards;
  return setNic(doc, id, nicId, { guards: wanted });
}

export function setCable(doc: NetworkDoc, link: string, cable: boolean): Edited {
  if (link.startsWith("trunk:")) return setTrunk(doc, link.slice(6), { cable });
  const [id = "", nicId = ""] = link.split("/");
  return setNic(doc, id, nicId, { cable });
}

// ---- switches and VLANs ------------------------------------------------------------------------

export function addSwitch(doc: NetworkDoc, name = freeName(doc, "s", true)): Edited {
  return checkName(doc, name) ?? withTopology(doc, { switches: [...doc.topology.switches, { name }] });
}

function checkName(doc: NetworkDoc, name: string, own?: string): Refusal | null {
  if (!NetName.safeParse(name).success) return new Refusal("nameWrong", { name });
  return name !== own && freeName(doc, name) !== name ? new Refusal("nameTaken", { name }) : null;
}

export function renameSwitch(doc: NetworkDoc, old: string, name: string): Edited {
  if (name === old) return doc;
  const wrong = checkName(doc, name, old);
  if (wrong !== null) return wrong;
  const of = (text: string): string => (text === old ? name : text);
  const { topology } = doc;
  const places = Object.entries(topology.places).map(([key, place]) => {
    if (key === `switch:${old}`) return [`switch:${name}`, place] as const;
    return [key.startsWith(`vlan:${old}/`) ? `vlan:${name}${key.slice(5 + old.length)}` : key, place] as const;
  });
  return {
    topology: {
      ...topology,
      switches: topology.switches.map((s) => ({ ...s, name: of(s.name) })),
      trunks: topology.trunks.map((trunk) => ({ ...trunk, ends: [of(trunk.ends[0]), of(trunk.ends[1])] })),
      gateways: topology.gateways.map((gateway) => ({ ...gateway, switch: of(gateway.switch) })),
      bridges: topology.bridges.map((bridge) => ({ ...bridge, switch: of(bridge.switch) })),
      places: Object.fromEntries(places),
    },
    machines: doc.machines.map((machine) => {
      if (!machine.nics.some((nic) => nic.connection?.switch === old)) return machine;
      return { ...machine, nics: machine.nics.map((nic) => (nic.connection?.switch === old ? { ...nic, connection: { ...nic.connection, switch: name } } : nic)) };
    }),
  };
}

/** With its trunks, gateways and bridges; its machines are left without. */
export function removeSwitch(doc: NetworkDoc, name: string): Edited {
  const { topology } = doc;
  const gone = new Set(topology.gateways.filter((g) => g.switch === name).map((g) => g.name));
  const places = Object.entries(topology.places).filter(([key]) => key !== `switch:${name}` && !key.startsWith(`vlan:${name}/`));
  return {
    topology: {
      ...topology,
      switches: topology.switches.filter((s) => s.name !== name),
      trunks: topology.trunks.filter((trunk) => !trunk.ends.includes(name)),
      gateways: topology.gateways.filter((g) => g.switch !== name),
      bridges: topology.bridges.filter((bridge) => bridge.switch !== name),
      rules: topology.rules.filter((rule) => !gone.has(rule.from) && !gone.has(rule.to)),
      places: Object.fromEntries(places),
    },
    machines: doc.machines.map((machine) => {
      if (!machine.nics.some((nic) => nic.connection?.switch === name)) return machine;
      return { ...machine, nics: machine.nics.map((nic) => (nic.connection?.switch === name ? { ...nic, connection: null } : nic)) };
    }),
  };
}

export function addVlan(doc: NetworkDoc, switchName: string, vlan = freeVlan(doc, switchName)): Edited {
  if (!isVlan(vlan)) return new Refusal("vlanWrong");
  const isFirst = vlansOf(doc, switchName).length === 1 && !hasMembers(doc, switchName, 1) && doc.topology.places[vlanKey(switchName, 1)] === undefined;
  if (!isFirst && vlansOf(doc, switchName).includes(vlan)) return new Refusal("vlanTaken", { vlan, switch: switchName });
  return withTopology(doc, { places: { ...doc.topology.places, [vlanKey(switchName, vlan)]: { x: 0, y: 0 } } });
}

export function nameVlan(doc: NetworkDoc, vlan: number, name: string): Edited {
  const { [String(vlan)]: _old, ...others } = doc.topology.vlanNames;
  const trimmed = name.trim().slice(0, 40);
  return withTopology(doc, { vlanNames: trimmed === "" ? others : { ...others, [String(vlan)]: trimmed } });
}

/** Gives an area another number: everything on it goes along. */
export function renumberVlan(doc: NetworkDoc, switchName: string, old: number, vlan: number): Edited {
  if (old === vlan) return doc;
  if (!isVlan(vlan)) return new Refusal("vlanWrong");
  if (vlansOf(doc, switchName).includes(vlan)) return new Refusal("vlanTaken", { vlan, switch: switchName });
  const { [vlanKey(switchName, old)]: _place, ...places } = doc.topology.places;
  const isOn = (nic: Nic): boolean => nic.connection?.switch === switchName && nic.connection.vlans.mode === "access" && nic.connection.vlans.vlan === old;
  const machines = doc.machines.map((machine) => {
    if (!machine.nics.some(isOn)) return machine;
    const connection: NicConnection = { switch: switchName, vlans: { mode: "access", vlan } };
    return { ...machine, nics: machine.nics.map((nic) => (isOn(nic) ? { ...nic, connection } : nic)) };
  });
  const name = vlanName(doc, old);
  const renamed = withTopology(
    { ...doc, machines },
    {
      gateways: doc.topology.gateways.map((g) => (g.switch === switchName && g.vlan === old ? { ...g, vlan } : g)),
      bridges: doc.topology.bridges.map((bridge) => (isOnVlan(bridge, switchName, old) ? { ...bridge, vlans: { mode: "access", vlan } } : bridge)),
      places: { ...places, [vlanKey(switchName, vlan)]: { x: 0, y: 0 } },
    },
  );
  return name !== "" && vlanName(doc, vlan) === "" ? nameVlan(renamed, vlan, name) : renamed;
}

/** Removes an area with its gateway and bridge; its machines are left without. */
export function removeVlan(doc: NetworkDoc, switchName: string, vlan: number): Edited {
  const gone = doc.topology.gateways.filter((g) => g.switch === switchName && g.vlan === vlan).map((g) => g.name);
  const { [vlanKey(switchName, vlan)]: _place, ...places } = doc.topology.places;
  const isOn = (nic: Nic): boolean => nic.connection?.switch === switchName && nic.connection.vlans.mode === "access" && nic.connection.vlans.vlan === vlan;
  return {
    topology: {
      ...doc.topology,
      gateways: doc.topology.gateways.filter((g) => !gone.includes(g.name)),
      bridges: doc.topology.bridges.filter((bridge) => !isOnVlan(bridge, switchName, vlan)),
      rules: doc.topology.rules.filter((rule) => !gone.includes(rule.from) && !gone.includes(rule.to)),
      places,
    },
    machines: doc.machines.map((m) => (m.nics.some(isOn) ? { ...m, nics: m.nics.map((nic) => (isOn(nic) ? { ...nic, connection: null } : nic)) } : m)),
  };
}

// ---- trunks ------------------------------------------------------------------------------------

export function addTrunk(doc: NetworkDoc, a: string, b: string, allowed: TrunkConfig["allowed"]): Edited {
  if (a === b) return new Refusal("sameSwitch");
  if (!hasSwitch(doc, a) || !hasSwitch(doc, b)) return new Refusal("nothingThere");
  const trunk: TrunkConfig = { name: freeName(doc, "trunk", true), ends: [a, b], allowed, cable: true };
  return withTopology(doc, { trunks: [...doc.topology.trunks, trunk] });
}

export function setTrunk(doc: NetworkDoc, name: string, changes: Partial<TrunkConfig>): Edited {
  const wrong = changes.name === undefined ? null : checkName(doc, changes.name, name);
  return wrong ?? withTopology(doc, { trunks: doc.topology.trunks.map((trunk) => (trunk.name === name ? { ...trunk, ...changes } : trunk)) });
}

export const removeTrunk = (doc: NetworkDoc, name: string): Edited => withTopology(doc, { trunks: doc.topology.trunks.filter((t) => t.name !== name) });

/** "10, 20, 30-32" or "all" as a list of VLANs; null for what is neither. */
export function parseVlans(text: string): number[] | "all" | null {
  const wanted = text.trim().toLowerCase();
  if (wanted === "all" || wanted === "*") return "all";
  const vlans = new Set<number>();
  for (const part of wanted.split(/[\s,]+/).filter((p) => p !== "")) {
    const found = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
    const from = Number(found?.[1]);
    const to = Number(found?.[2] ?? found?.[1]);
    if (!isVlan(from) || !isVlan(to) || from > to) return null;
    for (let vlan = from; vlan <= to; vlan++) vlans.add(vlan);
  }
  return [...vlans].sort((a, b) => a - b);
}

export function vlansText(vlans: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < vlans.length; i++) {
    const from = vlans[i] ?? 0;
    let to = from;
    while (vlans[i + 1] === to + 1) {
      to++;
      i++;
    }
    parts.push(to > from + 1 ? `${from}-${to}` : to === from ? `${from}` : `${from}, ${to}`);
  }
  return parts.join(", ");
}

// ---- gateways, bridges and rules ------------------------------------------------------------------------

export function addGateway(doc: NetworkDoc, switchName: string, vlan: number, nat = true): Edited {
  if (!hasSwitch(doc, switchName)) return new Refusal("nothingThere");
  if (doc.topology.gateways.some((g) => g.switch === switchName && g.vlan === vlan)) return new Refusal("gatewayTaken", { vlan, switch: switchName });
  const gateway: GatewayConfig = {
    name: freeName(doc, "gw", true), switch: switchName, vlan, network: freeNetwork(doc, vlan), nat, forwards: [], hostServices: [], reservations: [], domain: "lab",
  };
  return meetsBridge(doc, gateway) ?? withTopology(doc, { gateways: [...doc.topology.gateways, gateway] });
}

/** Its DHCP would answer the host's network. The app looks across trunks, too. */
function meetsBridge(doc: NetworkDoc, { name, switch: at, vlan }: GatewayConfig): Refusal | null {
  return doc.topology.bridges.some((bridge) => bridge.enabled && isOnVlan(bridge, at, vlan)) ? new Refusal("bridgeWithGateway", { name, vlan }) : null;
}

export function setGateway(doc: NetworkDoc, name: string, changes: Partial<GatewayConfig>): Edited {
  const old = doc.topology.gateways.find((g) => g.name === name);
  if (old === undefined) return new Refusal("nothingThere");
  if (changes.name !== undefined) {
    const wrong = checkName(doc, changes.name, name);
    if (wrong !== null) return wrong;
  }
  const gateway = { ...old, ...changes };
  const others = doc.topology.gateways.filter((g) => g !== old);
  if (others.some((g) => g.switch === gateway.switch && g.vlan === gateway.vlan)) return new Refusal("gatewayTaken", { vlan: gateway.vlan, switch: gateway.switch });
  const met = meetsBridge(doc, gateway);
  if (met !== null) return met;
  const network = parseNetwork(gateway.network);
  if (network === null) return new Refusal("networkWrong", { network: gateway.network });
  if (gateway.network6 !== undefined && !Network6Text.safeParse(gateway.network6).success) return new Refusal("network6Wrong");
  const double = others.find((g) => {
    const theirs = parseNetwork(g.network);
    return theirs !== null && overlaps(theirs, network);
  });
  if (double !== undefined) return new Refusal("networkTaken", { network: gateway.network, name: double.name });
  const of = (text: string): string => (text === name ? gateway.name : text);
  const { [`gateway:${name}`]: place, ...places } = doc.topology.places;
  return keepAreas(
    doc,
    withTopology(doc, {
      gateways: doc.topology.gateways.map((g) => (g === old ? gateway : g)),
      rules: doc.topology.rules.map((rule) => ({ ...rule, from: of(rule.from), to: of(rule.to) })),
      places: place === undefined ? places : { ...places, [`gateway:${gateway.name}`]: place },
    }),
  );
}

export function removeGateway(doc: NetworkDoc, name: string): Edited {
  const { [`gateway:${name}`]: _place, ...places } = doc.topology.places;
  return keepAreas(
    doc,
    withTopology(doc, {
      gateways: doc.topology.gateways.filter((g) => g.name !== name),
      rules: doc.topology.rules.filter((rule) => rule.from !== name && rule.to !== name),
      places,
    }),
  );
}

/** Off, until the user turns it on. */
export function addBridge(doc: NetworkDoc, switchName: string, vlan: number): Edited {
  if (!hasSwitch(doc, switchName)) return new Refusal("nothingThere");
  const taken = new Set(doc.topology.bridges.map((bridge) => bridge.interface));
  let at = 0;
  while (taken.has(`vmtap${at}`)) at++;
  const bridge: BridgeConfig = { name: freeName(doc, "bridge", true), switch: switchName, vlans: { mode: "access", vlan }, interface: `vmtap${at}`, enabled: false };
  return withTopology(doc, { bridges: [...doc.topology.bridges, bridge] });
}

export function setBridge(doc: NetworkDoc, name: string, changes: Partial<BridgeConfig>): Edited {
  const old = doc.topology.bridges.find((b) => b.name === name);
  if (old === undefined) return new Refusal("nothingThere");
  const bridge = { ...old, ...changes };
  const wrong = changes.name === undefined ? null : checkName(doc, changes.name, name);
  if (wrong !== null) return wrong;
  if (!hasSwitch(doc, bridge.switch)) return new Refusal("nothingThere");
  if (!InterfaceName.safeParse(bridge.interface).success) return new Refusal("interfaceWrong", { name: bridge.interface });
  if (bridge.enabled) {
    const other = doc.topology.bridges.find((b) => b !== old && b.enabled && b.interface === bridge.interface);
    if (other !== undefined) return new Refusal("interfaceTaken", { name: bridge.interface, other: other.name });
    const gateway = doc.topology.gateways.find((g) => isOnVlan(bridge, g.switch, g.vlan));
    if (gateway !== undefined) return new Refusal("bridgeWithGateway", { name: gateway.name, vlan: gateway.vlan });
  }
  const { [`bridge:${name}`]: place, ...places } = doc.topology.places;
  return keepAreas(
    doc,
    withTopology(doc, {
      bridges: doc.topology.bridges.map((b) => (b === old ? bridge : b)),
      places: place === undefined ? places : { ...places, [`bridge:${bridge.name}`]: place },
    }),
  );
}

export function removeBridge(doc: NetworkDoc, name: string): Edited {
  const { [`bridge:${name}`]: _place, ...places } = doc.topology.places;
  return keepAreas(doc, withTopology(doc, { bridges: doc.topology.bridges.filter((b) => b.name !== name), places }));
}

export function setRules(doc: NetworkDoc, rules: readonly FirewallRule[]): Edited {
  const names = new Set(doc.topology.gateways.map((g) => g.name));
  if (rules.some((rule) => rule.from === rule.to || !names.has(rule.from) || !names.has(rule.to))) return new Refusal("rule");
  return withTopology(doc, { rules: [...rules] });
}

/** What the Delete key does to a thing of the drawing: machines and cards are disconnected, the rest is removed. */
export function removalOf(doc: NetworkDoc, what: string): Edited | null {
  const rest = what.slice(what.indexOf(":") + 1);
  if (what.startsWith("link:trunk:")) return removeTrunk(doc, what.slice(11));
  if (what.startsWith("gateway:")) return removeGateway(doc, rest);
  if (what.startsWith("bridge:")) return removeBridge(doc, rest);
  if (what.startsWith("switch:")) return removeSwitch(doc, rest);
  const slash = rest.lastIndexOf("/");
  if (what.startsWith("vlan:")) return removeVlan(doc, rest.slice(0, slash), Number(rest.slice(slash + 1)));
  if (what.startsWith("vm:")) return moveMachine(doc, rest, null, () => 0);
  if (what.startsWith("link:") && slash > 0) return connectNic(doc, rest.slice(0, slash), rest.slice(slash + 1), null);
  return null;
}

// ---- places ------------------------------------------------------------------------------------

export const setPlaces = (doc: NetworkDoc, moved: Readonly<Record<string, { x: number; y: number }>>): Edited =>
  withTopology(doc, { places: { ...doc.topology.places, ...moved } });

/** Forgets where things were put, so that the automatic layout places them. */
export const arrange = (doc: NetworkDoc): Edited =>
  withTopology(doc, { places: Object.fromEntries(Object.entries(doc.topology.places).filter(([key]) => key.startsWith("vlan:"))) });
