// `ringfence net`: the switches, trunks, gateways and rules of a library, as they are drawn in the app.
import type { z } from "zod";
import { BridgeConfig, FirewallRule, GatewayConfig, type Nic, PortForward, type PortVlans, SwitchConfig, type Topology, TrunkConfig } from "../../core/api/network.ts";
import { freeName, netName } from "../../core/hypervisor/lab-file.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import { bridgeText } from "./bridge-state.ts";
import type { CliHost } from "./cli.ts";
import { parse, UsageError, wholeNumber } from "./command-line.ts";
import { LIBRARY_OPTIONS, type LibraryValues, print, printJson } from "./machines.ts";
import { type NetworkLibrary, withNetwork } from "./network-library.ts";

const OPTIONS = {
  ...LIBRARY_OPTIONS,
  name: { type: "string" },
  allowed: { type: "string" },
  network6: { type: "string" },
  nat: { type: "boolean" },
  domain: { type: "string" },
  forward: { type: "string", multiple: true },
  protocol: { type: "string" },
  port: { type: "string" },
  native: { type: "string" },
} as const;
type Values = ReturnType<typeof parse<typeof OPTIONS>>["values"];

type Edit = (topology: Topology, args: string[], values: Values) => Topology;

const EDITS: Readonly<Record<string, { args: string; edit: Edit }>> = {
  "add-switch": {
    args: "NAME",
    edit: (topology, [name]) => ({ ...topology, switches: [...topology.switches, check(SwitchConfig, { name })] }),
  },
  "add-trunk": {
    args: "SWITCH SWITCH",
    edit: (topology, ends, values) => {
      const name = values.name ?? freeName(ends.map((end) => end.slice(0, 15)).join("-"), new Set(topology.trunks.map((each) => each.name.toLowerCase())));
      const trunk = { name, ends, ...(values.allowed === undefined ? {} : { allowed: vlansOf(values.allowed) }) };
      return { ...topology, trunks: [...topology.trunks, check(TrunkConfig, trunk)] };
    },
  },
  "add-gateway": {
    args: "SWITCH VLAN NETWORK",
    edit: (topology, [at = "", vlan = "", network], values) => {
      const name = values.name ?? freeName(`${at.slice(0, 26)}-${vlan}`, new Set(topology.gateways.map((each) => each.name.toLowerCase())));
      const { network6, domain, nat = false } = values;
      const forwards = (values.forward ?? []).map(forwardOf);
      const gateway = {
        name, switch: at, vlan: wholeNumber(vlan, "VLAN", 1, 4094), network, nat, forwards,
        ...(network6 === undefined ? {} : { network6 }), ...(domain === undefined ? {} : { domain }),
      };
      return { ...topology, gateways: [...topology.gateways, check(GatewayConfig, gateway)] };
    },
  },
  "add-bridge": {
    args: "SWITCH VLAN INTERFACE",
    edit: (topology, [at = "", where = "", to = ""], values) => {
      const name = values.name ?? freeName(netName(to), new Set(topology.bridges.map((each) => each.name.toLowerCase())));
      // Who types this wants it.
      return { ...topology, bridges: [...topology.bridges, check(BridgeConfig, { name, ...connectionOf(at, where, values.native), interface: to, enabled: true })] };
    },
  },
  bridge: {
    args: "NAME on|off",
    edit: (topology, [name, state]) => {
      if (state !== "on" && state !== "off") throw new UsageError(`A bridge is turned on or off, not "${state}".`);
      if (!topology.bridges.some((each) => each.name === name)) throw new VmError("notFound", `There is no bridge "${name}".`);
      return { ...topology, bridges: topology.bridges.map((each) => (each.name === name ? { ...each, enabled: state === "on" } : each)) };
    },
  },
  allow: {
    args: "GATEWAY GATEWAY",
    edit: (topology, [from, to], { protocol, port }) => {
      const rule = { from, to, ...(protocol === undefined ? {} : { protocol }), ...(port === undefined ? {} : { port: wholeNumber(port, "port", 1, 65535) }) };
      return { ...topology, rules: [...topology.rules, check(FirewallRule, rule)] };
    },
  },
  remove: { args: "NAME", edit: (topology, [name = ""]) => without(topology, name) },
};

export async function net(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  const [name = "", ...rest] = positionals;
  if (name === "show") {
    if (rest.length > 0) throw new UsageError("net show takes no arguments.");
    return withNetwork(values, host, (all) => show(all, values, host));
  }
  const command = Object.hasOwn(EDITS, name) ? EDITS[name] : undefined;
  if (!command) throw new UsageError(`net needs one of show, ${Object.keys(EDITS).join(", ")}.`);
  if (rest.length !== command.args.split(" ").length) throw new UsageError(`net ${name} needs ${command.args}.`);
  return withNetwork(values, host, async ({ network }) => {
    const topology = await network.update(command.edit(await network.get(), rest, values));
    return values.json ? printJson(host, topology) : 0;
  });
}

async function show({ network, hypervisor }: NetworkLibrary, values: LibraryValues, host: CliHost): Promise<number> {
  const topology = await network.get();
  const machines = (await hypervisor.list()).flatMap(({ id, config }) => (config ? [{ id, name: config.name, nics: config.nics }] : []));
  const bridges = await network.bridges();
  if (values.json) return printJson(host, { topology, machines, bridges });
  const lines: string[] = [];
  for (const { name } of topology.switches) {
    lines.push(`switch ${name}`);
    for (const { name: trunk, ends, allowed, cable } of topology.trunks) {
      const far = ends[0] === name ? ends[1] : ends[1] === name ? ends[0] : undefined;
      if (far !== undefined) lines.push(`  trunk ${trunk} to ${far}, VLANs ${allowed === "all" ? "all" : allowed.join(",")}${cable ? "" : ", unplugged"}`);
    }
    for (const each of topology.gateways.filter((gateway) => gateway.switch === name)) {
      lines.push(`  VLAN ${each.vlan}: gateway ${each.name}, ${[each.network, each.network6].filter(Boolean).join(", ")}${each.nat ? ", NAT" : ""}`);
      for (const { protocol, hostAddress, hostPort, guest, guestPort } of each.forwards) lines.push(`    ${protocol} ${hostAddress}:${hostPort} to ${guest}:${guestPort}`);
    }
    for (const { name: bridge, vlans, interface: to } of topology.bridges.filter((each) => each.switch === name)) {
      lines.push(`  ${vlansText(vlans)}: bridge ${bridge} to the host's interface ${to}, ${bridgeText(bridges.find((each) => each.bridge === bridge))}`);
    }
    for (const machine of machines) {
      for (const { id, mac, connection, cable } of machine.nics) {
        if (connection?.switch !== name) continue;
        lines.push(`  ${vlansText(connection.vlans)}: ${machine.name}/${id} ${mac}${cable ? "" : ", unplugged"}`);
      }
    }
  }
  for (const { from, to, protocol, port } of topology.rules) lines.push(`allow ${from} to ${to} ${protocol}${port === undefined ? "" : ` port ${port}`}`);
  return print(host, lines.length > 0 ? lines.join("\n") : "The network is empty.");
}

function vlansText(vlans: PortVlans): string {
  return vlans.mode === "access" ? `VLAN ${vlans.vlan}` : `trunk ${vlans.allowed === "all" ? "all" : vlans.allowed.join(",")}`;
}

/** A switch goes with what is joined to it; its machines' cards stay, without carrier. */
function without(topology: Topology, name: string): Topology {
  const { switches, trunks, gateways, bridges, rules } = topology;
  const named = (each: { name: string }) => each.name === name;
  if (![...switches, ...trunks, ...gateways, ...bridges].some(named)) throw new VmError("notFound", `There is no switch, trunk, gateway or bridge "${name}".`);
  const isSwitch = switches.some(named);
  const gone = new Set(gateways.filter((each) => named(each) || (isSwitch && each.switch === name)).map((each) => each.name));
  return {
    ...topology,
    switches: switches.filter((each) => !named(each)),
    trunks: trunks.filter((each) => !named(each) && !(isSwitch && each.ends.includes(name))),
    gateways: gateways.filter((each) => !gone.has(each.name)),
    bridges: bridges.filter((each) => !named(each) && !(isSwitch && each.switch === name)),
    rules: rules.filter(({ from, to }) => !gone.has(from) && !gone.has(to)),
  };
}

/** "VLAN", or "trunk:10,20" with the VLAN of frames without a tag. */
export function connectionOf(at: string, where: string, native?: string): NonNullable<Nic["connection"]> {
  const trunk = /^trunk:(.+)$/.exec(where)?.[1];
  if (trunk === undefined) return { switch: at, vlans: { mode: "access", vlan: wholeNumber(where, "VLAN", 1, 4094) } };
  return { switch: at, vlans: { mode: "trunk", allowed: vlansOf(trunk), ...(native === undefined ? {} : { native: wholeNumber(native, "native", 1, 4094) }) } };
}

/** "10,20" or "all". */
function vlansOf(text: string): number[] | "all" {
  return text === "all" ? "all" : text.split(",").map((vlan) => wholeNumber(vlan, "VLANs", 1, 4094));
}

/** [tcp:|udp:][ADDRESS:]HOSTPORT:GUEST:GUESTPORT */
function forwardOf(text: string): unknown {
  const match = /^(?:(tcp|udp):)?(?:([\d.]+):)?(\d+):([^:]+):(\d+)$/.exec(text);
  if (!match) throw new UsageError(`--forward is written as "tcp:2222:GUEST:22", not "${text}".`);
  const [, protocol, hostAddress, hostPort, guest, guestPort] = match;
  return check(PortForward, {
    ...(protocol === undefined ? {} : { protocol }), ...(hostAddress === undefined ? {} : { hostAddress }), hostPort: Number(hostPort), guest, guestPort: Number(guestPort),
  });
}

export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new UsageError(`${issue?.path.join(".") ?? ""}: ${(issue?.message ?? "").replace(/\.$/, "")}.`);
}
