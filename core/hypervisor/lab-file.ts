// A lab file as a network and cards, and back: pure conversions. Names that a lab leaves out are made from what they name; addresses
// of cards are made from the machine's name, so that the same lab has the same addresses each time.
import type { BridgeConfig, LabBridge, LabFile, LabMachine, LabNic, Nic, NicConnection, Topology, TrunkConfig } from "../api/network.ts";
import type { BootSource, Drive, VmConfig } from "../api/vm-config.ts";

const NAME_MAX = 31;

/** A text as a NetName: what is no letter, digit, dot, dash or underscore becomes a dash. */
export function netName(text: string): string {
  const plain = text.normalize("NFKD").replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, NAME_MAX).replace(/-+$/, "");
  return plain === "" ? "machine" : plain;
}

/** `name`, or with a number behind it where that is taken (in any case of letters). Is added to `taken`. */
export function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name.slice(0, NAME_MAX - String(n).length - 1)}-${n}`;
  taken.add(free.toLowerCase());
  return free;
}

/** An address under 52:54:00 that follows from `key`, or the next one that is free. Is added to `taken`. */
export function makeMac(key: string, taken: Set<string>): string {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x0100_0193);
  let low = (hash ^ (hash >>> 24)) & 0xff_ffff;
  const format = () => `52:54:00:${low.toString(16).padStart(6, "0").replace(/..(?!$)/g, "$&:")}`;
  while (taken.has(format())) low = (low + 1) & 0xff_ffff;
  taken.add(format());
  return format();
}

/** What is wrong with the machines of a lab, as a sentence. Its network is for `topologyFault` to check. */
export function labFault(lab: LabFile): string | undefined {
  const switches = new Set(lab.switches.map((each) => each.name));
  const names = new Set<string>();
  const macs = new Set<string>();
  for (const machine of lab.machines) {
    if (names.has(machine.name.toLowerCase())) return `The lab has two machines called ${machine.name}.`;
    names.add(machine.name.toLowerCase());
    if (machine.vm !== undefined && (machine.kernel ?? machine.disk ?? machine.cdrom) !== undefined) {
      return `Machine ${machine.name} is one of the library, so it cannot have a kernel or drives here.`;
    }
    if (machine.kernel !== undefined && machine.boot !== undefined) return `Machine ${machine.name} has both a kernel and an order of drives to boot from.`;
    if (machine.kernel === undefined && (machine.initrd ?? machine.modules) !== undefined) return `Machine ${machine.name} has an initrd or modules, but no kernel.`;
    if (machine.kernel === undefined && machine.append !== undefined && (machine.vm ?? machine.disk ?? machine.cdrom ?? machine.boot) !== undefined) {
      return `Machine ${machine.name} has a command line, but starts from no kernel.`;
    }
    for (const nic of machine.nics) {
      if (!switches.has(nic.switch)) return `Machine ${machine.name} is joined to the switch ${nic.switch}, which the lab does not have.`;
      if (nic.mac === undefined) continue;
      if (macs.has(nic.mac)) return `Machine ${machine.name} has the address ${nic.mac}, which another card of the lab has.`;
      macs.add(nic.mac);
    }
  }
  return undefined;
}

/** The network of a lab, with all names. `absolute` makes paths of it ones of the host. */
export function labTopology(lab: LabFile, absolute: (path: string) => string): Topology {
  const trunkNames = new Set(lab.trunks.flatMap((trunk) => (Array.isArray(trunk) ? [] : [trunk.name.toLowerCase()])));
  const gatewayNames = new Set(lab.gateways.flatMap((gateway) => (gateway.name === undefined ? [] : [gateway.name.toLowerCase()])));
  return {
    version: 1,
    switches: lab.switches,
    trunks: lab.trunks.map((trunk): TrunkConfig => {
      if (!Array.isArray(trunk)) return trunk;
      return { name: freeName(`${trunk[0].slice(0, 15)}-${trunk[1].slice(0, 15)}`, trunkNames), ends: trunk, allowed: "all", cable: true };
    }),
    gateways: lab.gateways.map((gateway) => {
      const name = gateway.name ?? freeName(`${gateway.switch.slice(0, 26)}-${gateway.vlan}`, gatewayNames);
      return { ...gateway, name, ...(gateway.tftpFolder === undefined ? {} : { tftpFolder: absolute(gateway.tftpFolder) }) };
    }),
    bridges: labBridges(lab),
    rules: lab.rules,
    vlanNames: lab.vlanNames,
    places: lab.places,
  };
}

/** None is on: a lab may come from anybody, and its machines are to be in the host's network only when the user wants them there. */
function labBridges({ bridges }: LabFile): BridgeConfig[] {
  const taken = new Set(bridges.flatMap(({ name }) => (name === undefined ? [] : [name.toLowerCase()])));
  return bridges.map((bridge) => {
    const { interface: at, faults } = bridge;
    const name = bridge.name ?? freeName(netName(at), taken);
    return { name, ...connectionOf(bridge), interface: at, enabled: false, ...(faults === undefined ? {} : { faults }) };
  });
}

/** The cards of each machine of a lab, by its name. `taken`: addresses that others have; new ones are added. */
export function labNics(lab: LabFile, taken: Set<string> = new Set()): Map<string, Nic[]> {
  for (const machine of lab.machines) for (const nic of machine.nics) if (nic.mac !== undefined) taken.add(nic.mac);
  return new Map(
    lab.machines.map((machine) => [
      machine.name,
      machine.nics.map((nic, i) => nicOf(nic, i, nic.mac ?? makeMac(`${lab.name ?? ""}/${machine.name}/${i}`, taken))),
    ]),
  );
}

function nicOf(nic: LabNic, index: number, mac: string): Nic {
  const { faults, guards, rom } = nic;
  return {
    id: `nic${index}`,
    model: nic.model ?? "virtio",
    mac,
    connection: connectionOf(nic),
    cable: true,
    ...(faults === undefined ? {} : { faults }),
    ...(guards === undefined ? {} : { guards }),
    ...(rom === undefined ? {} : { rom }),
  };
}

function connectionOf(nic: LabNic | LabBridge): NicConnection {
  if ("vlan" in nic) return { switch: nic.switch, vlans: { mode: "access", vlan: nic.vlan } };
  const native = nic.native === undefined ? {} : { native: nic.native };
  return { switch: nic.switch, vlans: { mode: "trunk", allowed: nic.trunk, ...native } };
}

/** A lab's network beside what is there: names that are taken get a number, everywhere they occur. */
export function joinLab(present: Topology, lab: LabFile, takenMacs: Set<string>, absolute: (path: string) => string): { topology: Topology; nics: Map<string, Nic[]> } {
  const added = labTopology(lab, absolute);
  const rename = (there: readonly { name: string }[], fresh: readonly { name: string }[]): Map<string, string> => {
    const taken = new Set(there.map((each) => each.name.toLowerCase()));
    return new Map(fresh.map((each) => [each.name, freeName(each.name, taken)]));
  };
  const switches = rename(present.switches, added.switches);
  const trunks = rename(present.trunks, added.trunks);
  const gateways = rename(present.gateways, added.gateways);
  const bridges = rename(present.bridges, added.bridges);
  // A name that the lab does not define stays as it is, and the check of the whole says so.
  const to = (names: Map<string, string>, name: string): string => names.get(name) ?? name;
  const places = Object.entries(added.places).map(([key, place]) => {
    const [kind = "", name = ""] = key.split(/:(.*)/s);
    const names: Readonly<Record<string, Map<string, string>>> = { switch: switches, gateway: gateways, bridge: bridges };
    return [`${kind}:${to(names[kind] ?? new Map(), name)}`, place] as const;
  });
  const topology: Topology = {
    version: 1,
    switches: [...present.switches, ...added.switches.map((each) => ({ ...each, name: to(switches, each.name) }))],
    trunks: [
      ...present.trunks,
      ...added.trunks.map((each): TrunkConfig => ({ ...each, name: to(trunks, each.name), ends: [to(switches, each.ends[0]), to(switches, each.ends[1])] })),
    ],
    gateways: [...present.gateways, ...added.gateways.map((each) => ({ ...each, name: to(gateways, each.name), switch: to(switches, each.switch) }))],
    bridges: [...present.bridges, ...added.bridges.map((each) => ({ ...each, name: to(bridges, each.name), switch: to(switches, each.switch) }))],
    rules: [...present.rules, ...added.rules.map((each) => ({ ...each, from: to(gateways, each.from), to: to(gateways, each.to) }))],
    vlanNames: { ...added.vlanNames, ...present.vlanNames },
    places: { ...present.places, ...Object.fromEntries(places) },
  };
  const nics = labNics(lab, takenMacs);
  for (const cards of nics.values()) for (const nic of cards) if (nic.connection) nic.connection = { ...nic.connection, switch: to(switches, nic.connection.switch) };
  return { topology, nics };
}

/** A network and machines as a lab file. A machine that a lab cannot describe in full is one of the library, by name. */
export function labOf(topology: Topology, machines: readonly { config: VmConfig; folder: string }[], absolute: (path: string, folder: string) => string): LabFile {
  const { switches, trunks, gateways, bridges, rules, vlanNames } = topology;
  const taken = new Set<string>();
  const names = new Map(machines.map(({ config }) => [config.id, freeName(netName(config.name), taken)]));
  const places = Object.entries(topology.places).flatMap(([key, place]) => {
    const [, id = ""] = /^vm:(.*)$/s.exec(key) ?? [];
    if (!key.startsWith("vm:")) return [[key, place] as const];
    const name = names.get(id);
    return name === undefined ? [] : [[`vm:${name}`, place] as const];
  });
  return {
    machines: machines.map(({ config, folder }) => machineOf(config, names.get(config.id) ?? netName(config.name), (path) => absolute(path, folder))),
    switches, trunks, gateways, bridges: bridges.map(labBridgeOf), rules, vlanNames, places: Object.fromEntries(places),
  };
}

/** What a machine of a lab is made of and starts from. `file` gives the path on the host of a file that the lab names, or throws; `what` it is. */
export function labMachineParts(machine: LabMachine, file: (path: string, what: string) => string): { memoryMiB: number; drives: Drive[]; boot: BootSource } {
  const { memory: memoryMiB, kernel, initrd, append, modules = [], disk, cdrom, boot } = machine;
  const drives: Drive[] = [];
  if (cdrom !== undefined) drives.push({ id: "cd0", kind: "cd", controller: "ide", slot: 2, path: file(cdrom, "CD image"), readOnly: true, throwAway: false });
  if (disk !== undefined) drives.push({ id: "disk0", kind: "disk", controller: "ide", slot: 0, path: file(disk, "disk image"), readOnly: false, throwAway: false });
  if (kernel !== undefined) {
    const files = { kernel: file(kernel, "kernel"), append: append ?? "", modules: modules.map((text) => text.trim().replace(/^\S+/, (path) => file(path, "module"))) };
    return { memoryMiB, drives, boot: { kind: "kernel", ...files, ...(initrd === undefined ? {} : { initrd: file(initrd, "initial RAM disk") }) } };
  }
  if (drives.length === 0 && boot === undefined) return { memoryMiB, drives, boot: { kind: "demo", ...(append === undefined ? {} : { append }) } };
  return { memoryMiB, drives, boot: { kind: "firmware", order: boot ?? ["cd", "disk", "network"] } };
}

function machineOf(config: VmConfig, name: string, absolute: (path: string) => string): LabMachine {
  const { boot, drives, memoryMiB: memory } = config;
  const nics = config.nics.flatMap((nic) => labNicOf(nic, absolute));
  const base = { name, memory, nics };
  const disks = drives.filter((drive) => drive.kind === "disk");
  const cds = drives.filter((drive) => drive.kind === "cd");
  const isPlain = config.firmware.kind === "ringfence" && disks.length <= 1 && cds.length <= 1 && disks.length + cds.length === drives.length;
  if (boot.kind === "demo" && drives.length === 0) return boot.append === undefined ? base : { ...base, append: boot.append };
  if (boot.kind === "kernel" && isPlain) {
    const { kernel, initrd, append, modules } = boot;
    return {
      ...base,
      kernel: absolute(kernel),
      append,
      ...(initrd === undefined ? {} : { initrd: absolute(initrd) }),
      ...(modules.length === 0 ? {} : { modules: modules.map((text) => text.replace(/^\S+/, (path) => absolute(path))) }),
      ...mediaOf(disks[0]?.path, cds[0]?.path, absolute),
    };
  }
  if (boot.kind === "firmware" && isPlain) return { ...base, boot: boot.order, ...mediaOf(disks[0]?.path, cds[0]?.path, absolute) };
  return { ...base, vm: config.name };
}

function mediaOf(disk: string | null | undefined, cd: string | null | undefined, absolute: (path: string) => string): Pick<LabMachine, "disk" | "cdrom"> {
  return { ...(disk ? { disk: absolute(disk) } : {}), ...(cd ? { cdrom: absolute(cd) } : {}) };
}

/** Whether it is on stays here. */
function labBridgeOf({ name, switch: at, vlans, interface: to, faults }: BridgeConfig): LabBridge {
  const rest = { name, switch: at, interface: to, ...(faults === undefined ? {} : { faults }) };
  return vlans.mode === "access" ? { ...rest, vlan: vlans.vlan } : { ...rest, trunk: vlans.allowed, ...(vlans.native === undefined ? {} : { native: vlans.native }) };
}

/** A card that leads nowhere has no place in a lab. */
function labNicOf(nic: Nic, absolute: (path: string) => string): LabNic[] {
  if (!nic.connection) return [];
  const { switch: name, vlans } = nic.connection;
  const { model, mac, faults, guards, rom } = nic;
  const rest = {
    switch: name, model, mac,
    ...(faults === undefined ? {} : { faults }),
    ...(guards === undefined ? {} : { guards }),
    ...(rom === undefined ? {} : { rom: absolute(rom) }),
  };
  if (vlans.mode === "access") return [{ ...rest, vlan: vlans.vlan }];
  return [{ ...rest, trunk: vlans.allowed, ...(vlans.native === undefined ? {} : { native: vlans.native }) }];
}
