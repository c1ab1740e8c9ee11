// `ringfence link` and `ringfence fault`: what the cards of a library's machines are joined to, their cables, and what goes wrong on a link.
import type { z } from "zod";
import { LinkFaults, type Nic, NIC_MODELS, NICS_MAX, type Topology } from "../../core/api/network.ts";
import type { VmConfig } from "../../core/api/vm-config.ts";
import { setLinkFaults } from "../../core/hypervisor/lab.ts";
import { makeMac } from "../../core/hypervisor/lab-file.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import type { CliHost } from "./cli.ts";
import { parse, UsageError } from "./command-line.ts";
import { LIBRARY_OPTIONS, matching, print, printJson } from "./machines.ts";
import { check, connectionOf } from "./net.ts";
import { type NetworkLibrary, withNetwork } from "./network-library.ts";

const LINK_USAGE = "link needs list, add MACHINE [SWITCH VLAN], remove CARD, connect CARD SWITCH VLAN, disconnect CARD, plug LINK or unplug LINK.";
const FAULT_USAGE = "fault needs list, set LINK FAULT=VALUE... or clear LINK.";
/** Names of faults on the command line. */
const FAULT_NAMES: Readonly<Record<string, keyof LinkFaults>> = {
  loss: "loss", duplication: "duplication", reordering: "reordering", delay: "delayMs", jitter: "jitterMs", bandwidth: "bitsPerSecond", seed: "seed", cut: "cut",
};

interface Card {
  config: VmConfig;
  nic: Nic;
  /** As the app calls it, and as the user does. */
  link: string;
  name: string;
}

export async function link(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, { ...LIBRARY_OPTIONS, model: { type: "string" }, native: { type: "string" } });
  const [command = "", ...rest] = positionals;
  return withNetwork(values, host, async (all) => {
    switch (`${command} ${rest.length}`) {
      case "list 0":
        return listLinks(all, values.json === true, host);
      case "add 1":
      case "add 3":
        return addCard(all, rest, values, host);
      case "remove 1": {
        const { config, nic } = await cardOf(all, rest[0] ?? "");
        return saveNics(all, config, config.nics.filter((each) => each.id !== nic.id), values.json, host);
      }
      case "connect 3":
        return change(all, rest[0] ?? "", (nic) => ({ ...nic, connection: connectionOf(rest[1] ?? "", rest[2] ?? "", values.native) }), values.json, host);
      case "disconnect 1":
        return change(all, rest[0] ?? "", (nic) => ({ ...nic, connection: null }), values.json, host);
      case "plug 1":
      case "unplug 1":
        return setCable(all, rest[0] ?? "", command === "plug", values.json, host);
      default:
        throw new UsageError(LINK_USAGE);
    }
  });
}

export async function fault(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, LIBRARY_OPTIONS);
  const [command = "", name, ...settings] = positionals;
  const isRight = command === "list" ? name === undefined : command === "clear" ? name !== undefined && settings.length === 0 : command === "set" && settings.length > 0;
  if (!isRight) throw new UsageError(FAULT_USAGE);
  return withNetwork(values, host, async (all) => {
    if (name === undefined) {
      const faulty = (await links(all)).filter(({ faults }) => faults !== undefined && Object.keys(faults).length > 0);
      if (values.json) return printJson(host, faulty.map(({ name: at, faults }) => ({ link: at, faults })));
      return print(host, faulty.length === 0 ? "No link has faults." : faulty.map((each) => `${each.name}: ${faultText(each.faults)}`).join("\n"));
    }
    const faults = command === "clear" ? {} : faultsOf(settings);
    await setLinkFaults(all.hypervisor, all.network, await linkIdOf(all, name), faults);
    return values.json ? printJson(host, { link: name, faults }) : 0;
  });
}

/** "loss=0.05 delay=20", delays in milliseconds, shares from 0 to 1. Throws UsageError. */
export function faultsOf(settings: readonly string[]): LinkFaults {
  const pairs = settings.map((text) => {
    const [, name = "", value = ""] = /^([a-z]+)(?:=(.*))?$/.exec(text) ?? [];
    const key = Object.hasOwn(FAULT_NAMES, name) ? FAULT_NAMES[name] : undefined;
    if (key === undefined) throw new UsageError(`A fault is one of ${Object.keys(FAULT_NAMES).join(", ")}, with its value behind "=", not "${text}".`);
    if (key === "cut") return [key, value === "" || value === "true" || value === "1"] as const;
    if (value === "" || Number.isNaN(Number(value))) throw new UsageError(`${name} needs a number, not "${value}".`);
    return [key, Number(value)] as const;
  });
  return check(LinkFaults as z.ZodType<LinkFaults>, Object.fromEntries(pairs));
}

async function cards({ library }: NetworkLibrary): Promise<Card[]> {
  const entries = await library.list();
  return entries.flatMap(({ config }) => (config ? config.nics.map((nic) => ({ config, nic, link: `${config.id}/${nic.id}`, name: `${config.name}/${nic.id}` })) : []));
}

/** MACHINE/nic0; with one card only, MACHINE. */
async function cardOf(all: NetworkLibrary, text: string): Promise<Card> {
  const [, machine = text, nicId] = /^(.*)\/(nic[0-7])$/s.exec(text) ?? [];
  const { config } = matching(await all.library.list(), machine, all.library);
  const found = (config?.nics ?? []).filter((nic) => nicId === undefined || nic.id === nicId);
  const [nic] = found;
  if (!config || !nic) throw new VmError("notFound", `There is no card ${text}.`);
  if (found.length > 1) throw new VmError("notFound", `${config.name} has ${found.length} cards; say which, as in ${config.name}/nic0.`);
  return { config, nic, link: `${config.id}/${nic.id}`, name: `${config.name}/${nic.id}` };
}

/** Of a trunk by its name, or of a card. */
async function linkIdOf(all: NetworkLibrary, text: string): Promise<string> {
  return trunkOf(await all.network.get(), text) ? `trunk:${text}` : (await cardOf(all, text)).link;
}

const trunkOf = (topology: Topology, name: string) => topology.trunks.find((trunk) => trunk.name === name);

async function links(all: NetworkLibrary): Promise<{ name: string; to: string; cable: boolean; faults: LinkFaults | undefined; model?: string; mac?: string }[]> {
  const { trunks } = await all.network.get();
  const ofCards = (await cards(all)).map(({ name, nic: { connection, cable, faults, model, mac } }) => {
    const vlans = connection?.vlans;
    const allowed = vlans?.mode === "trunk" ? (vlans.allowed === "all" ? "all" : vlans.allowed.join(",")) : "";
    const to = !connection || !vlans ? "nowhere" : `${connection.switch} ${vlans.mode === "access" ? `VLAN ${vlans.vlan}` : `trunk ${allowed}`}`;
    return { name, to, cable, faults, model, mac };
  });
  return [...ofCards, ...trunks.map(({ name, ends, cable, faults }) => ({ name, to: ends.join(" - "), cable, faults }))];
}

async function listLinks(all: NetworkLibrary, asJson: boolean, host: CliHost): Promise<number> {
  const found = await links(all);
  if (asJson) return printJson(host, found);
  const lines = found.map((each) => {
    const facts = [each.model, each.mac, each.cable ? "" : "unplugged", faultText(each.faults)].filter(Boolean);
    return `${each.name.padEnd(24)} ${each.to.padEnd(24)} ${facts.join(" ")}`.trimEnd();
  });
  return print(host, lines.length > 0 ? lines.join("\n") : "There are no links.");
}

function faultText(faults: LinkFaults | undefined): string {
  const names = Object.entries(FAULT_NAMES).filter(([, key]) => faults?.[key] !== undefined);
  return names.map(([name, key]) => `${name}=${String(faults?.[key])}`).join(" ");
}

async function addCard(all: NetworkLibrary, [machine = "", at, where]: string[], values: { model?: string; native?: string; json?: boolean }, host: CliHost): Promise<number> {
  const { config } = matching(await all.library.list(), machine, all.library);
  if (!config) throw new VmError("configUnreadable", `The configuration of ${machine} cannot be read.`);
  const taken = new Set((await cards(all)).map(({ nic }) => nic.mac));
  const id = Array.from({ length: NICS_MAX }, (_, n) => `nic${n}`).find((free) => !config.nics.some((nic) => nic.id === free));
  if (id === undefined) throw new VmError("badRequest", `${config.name} has ${NICS_MAX} cards already.`);
  const model = values.model === undefined ? "virtio" : NIC_MODELS.find((known) => known === values.model);
  if (!model) throw new UsageError(`--model is ${NIC_MODELS.join(", ")}, not "${values.model}".`);
  const connection = at === undefined || where === undefined ? null : connectionOf(at, where, values.native);
  await checkSwitch(all, connection);
  return saveNics(all, config, [...config.nics, { id, model, mac: makeMac(`${config.id}/${id}`, taken), connection, cable: true }], values.json, host);
}

async function change(all: NetworkLibrary, text: string, edit: (nic: Nic) => Nic, asJson: boolean | undefined, host: CliHost): Promise<number> {
  const { config, nic } = await cardOf(all, text);
  const changed = edit(nic);
  await checkSwitch(all, changed.connection);
  return saveNics(all, config, config.nics.map((each) => (each.id === nic.id ? changed : each)), asJson, host);
}

async function checkSwitch({ network }: NetworkLibrary, connection: Nic["connection"]): Promise<void> {
  const { switches } = await network.get();
  if (connection && !switches.some(({ name }) => name === connection.switch)) throw new VmError("notFound", `There is no switch "${connection.switch}".`);
}

async function setCable(all: NetworkLibrary, text: string, cable: boolean, asJson: boolean | undefined, host: CliHost): Promise<number> {
  const topology = await all.network.get();
  if (!trunkOf(topology, text)) return change(all, text, (nic) => ({ ...nic, cable }), asJson, host);
  const trunks = topology.trunks.map((trunk) => (trunk.name === text ? { ...trunk, cable } : trunk));
  await all.network.update({ ...topology, trunks });
  return asJson ? printJson(host, { link: text, cable }) : 0;
}

async function saveNics({ library }: NetworkLibrary, config: VmConfig, nics: Nic[], asJson: boolean | undefined, host: CliHost): Promise<number> {
  const saved = await library.update(config.id, { nics });
  return asJson ? printJson(host, { id: config.id, name: config.name, nics: saved.config?.nics ?? [] }) : 0;
}
