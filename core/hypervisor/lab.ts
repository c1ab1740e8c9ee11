// Labs and links across the fleet: what concerns machines and the network at once.
import type { LabFile, LinkFaults, LinkId, Nic, Topology } from "../api/network.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { hostPath } from "./host-path.ts";
import { joinLab, labFault, labMachineParts, labOf } from "./lab-file.ts";
import type { VirtualNetwork } from "./network.ts";
import { VmError } from "./vm-error.ts";

/** Makes a lab's machines and joins its network to what is there; paths in it are relative to `folder`. Ids in the lab's order. Rejects with
 *  VmError, and nothing of it is left. */
export async function createLab(hypervisor: Hypervisor, network: VirtualNetwork, lab: LabFile, folder: string): Promise<string[]> {
  const fault = labFault(lab);
  if (fault !== undefined) throw new VmError("badRequest", fault);
  const machines = await hypervisor.list();
  const before = await network.get();
  const macs = new Set(machines.flatMap(({ config }) => config?.nics.map((nic) => nic.mac) ?? []));
  const { topology, nics } = joinLab(before, lab, macs, (path) => hostPath(path, folder));
  const { places, plain } = splitPlaces(topology.places);
  const own = lab.machines.map(({ name, vm }) => {
    const found = vm === undefined ? undefined : machines.filter(({ id, config }) => id === vm || config?.name === vm);
    if (found === undefined) return undefined;
    if (found.length !== 1) throw new VmError("notFound", found.length === 0 ? `Machine ${name}: there is no "${vm}" in the library.` : `Machine ${name}: several machines are called "${vm}".`);
    return found[0];
  });
  const taken = new Set(machines.map(({ config, folder: at }) => (config?.name ?? at).toLowerCase()));
  const made: string[] = [];
  const changed: { id: string; nics: Nic[] }[] = [];
  await network.update({ ...topology, places: { ...plain, ...before.places } });
  try {
    const ids: string[] = [];
    for (const [i, machine] of lab.machines.entries()) {
      const cards = (nics.get(machine.name) ?? []).map((nic) => (nic.rom === undefined ? nic : { ...nic, rom: hostPath(nic.rom, folder) }));
      const present = own[i];
      if (present === undefined) {
        const { id } = await hypervisor.create({
          ...labMachineParts(machine, (path) => hostPath(path, folder)), name: freeTitle(machine.name, taken), notes: "", capPercent: 100, nics: cards,
        });
        made.push(id);
        ids.push(id);
      } else {
        changed.push({ id: present.id, nics: present.config?.nics ?? [] });
        await hypervisor.update(present.id, { nics: cards });
        ids.push(present.id);
      }
    }
    const byName = new Map(lab.machines.map(({ name }, i) => [`vm:${name}`, `vm:${ids[i]}`]));
    const placed = Object.entries(places).flatMap(([key, place]) => {
      const id = byName.get(key);
      return id === undefined ? [] : [[id, place] as const];
    });
    if (placed.length > 0) {
      const now = await network.get();
      await network.update({ ...now, places: { ...now.places, ...Object.fromEntries(placed) } });
    }
    return ids;
  } catch (error) {
    // The first error is the one to tell.
    for (const { id, nics: cards } of changed) await hypervisor.update(id, { nics: cards }).catch(() => undefined);
    for (const id of made) {
      const trash = await hypervisor.delete(id).catch(() => undefined);
      if (trash) await hypervisor.library.removeFromTrash(trash.id).catch(() => undefined);
    }
    await network.update(before).catch(() => undefined);
    throw error;
  }
}

/** All machines that can be read, and the network, as a lab. */
export async function exportLab(hypervisor: Hypervisor, network: VirtualNetwork): Promise<LabFile> {
  const topology = await network.get();
  const machines = (await hypervisor.list()).flatMap(({ config, path }) => (config === null ? [] : [{ config, folder: path }]));
  return labOf(topology, machines.slice(0, MACHINES_MAX), hostPath);
}

/** Of a lab file. */
const MACHINES_MAX = 64;

/** Faults of a card, kept in its machine's configuration, or of a trunk, a gateway's or a bridge's cable, kept in the network. */
export async function setLinkFaults(hypervisor: Hypervisor, network: VirtualNetwork, link: LinkId, faults: LinkFaults): Promise<void> {
  const owner = await ownerOf(hypervisor, network, link);
  if (owner.kind === "card") {
    await hypervisor.update(owner.id, { nics: owner.nics.map((each) => (each.id === owner.nic ? withFaults(each, faults) : each)) });
    return;
  }
  const { kind, name, topology } = owner;
  const set = <T extends { name: string; faults?: LinkFaults | undefined }>(things: T[]): T[] => things.map((each) => (each.name === name ? withFaults(each, faults) : each));
  if (kind === "trunk") await network.update({ ...topology, trunks: set(topology.trunks) });
  else if (kind === "gateway") await network.update({ ...topology, gateways: set(topology.gateways) });
  else await network.update({ ...topology, bridges: set(topology.bridges) });
}

function withFaults<T extends { faults?: LinkFaults | undefined }>(thing: T, faults: LinkFaults): T {
  const { faults: _, ...rest } = thing;
  // The fields of T but one, and that one or not, are a T.
  return (Object.keys(faults).length === 0 ? rest : { ...rest, faults }) as T;
}

/** Throws VmError if there is nothing by this name, running or not. */
export async function checkLink(hypervisor: Hypervisor, network: VirtualNetwork, link: LinkId): Promise<void> {
  await ownerOf(hypervisor, network, link);
}

type LinkOwner = { kind: "trunk" | "gateway" | "bridge"; name: string; topology: Topology } | { kind: "card"; id: string; nic: string; nics: readonly Nic[] };

/** What a link is kept with. Throws VmError if there is none. */
async function ownerOf(hypervisor: Hypervisor, network: VirtualNetwork, link: LinkId): Promise<LinkOwner> {
  const [kind, name = ""] = link.split(/:(.*)/s);
  if (kind === "trunk" || kind === "gateway" || kind === "bridge") {
    const topology = await network.get();
    if (topology[`${kind}s`].some((each) => each.name === name)) return { kind, name, topology };
  } else {
    const at = link.lastIndexOf("/");
    const [id, nic] = [link.slice(0, Math.max(0, at)), link.slice(at + 1)];
    const nics = (await hypervisor.list()).find((each) => each.id === id)?.config?.nics ?? [];
    if (nics.some((each) => each.id === nic)) return { kind: "card", id, nic, nics };
  }
  throw new VmError("notFound", `There is no link ${link}.`);
}

/** Those of machines, by the names of the lab, and the others. */
function splitPlaces<T>(all: Record<string, T>): { places: Record<string, T>; plain: Record<string, T> } {
  const entries = Object.entries(all);
  const isVm = ([key]: [string, T]): boolean => key.startsWith("vm:");
  return { places: Object.fromEntries(entries.filter(isVm)), plain: Object.fromEntries(entries.filter((entry) => !isVm(entry))) };
}

function freeTitle(name: string, taken: Set<string>): string {
  let title = name;
  for (let n = 2; taken.has(title.toLowerCase()); n++) title = `${name} ${n}`;
  taken.add(title.toLowerCase());
  return title;
}
