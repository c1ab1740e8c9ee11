// A made-up network for the scripted machines: traffic in waves, leases as a DHCP server would hand them out, captures with a
// few kinds of packets. Keeps what the interface must meet: refusals of what cannot be, and a loop of trunks with one blocked.
import type { EventData } from "../../core/api/contract.ts";
import type { BridgeInfo, CaptureInfo, LabFile, LeaseInfo, LinkStats, NetworkEvent, NetworkStats, Nic, PacketDetails, PacketRow } from "../../core/api/network.ts";
import { EMPTY_TOPOLOGY, type Topology } from "../../core/api/network.ts";
import type { VmRecord } from "../../core/api/vm-state.ts";
import { BridgeError } from "./bridge.ts";
import { fakePacket } from "./fake-packets.ts";

interface Link {
  id: string;
  up: boolean;
  blocked: boolean;
  loss: number;
}

interface Capture {
  info: CaptureInfo;
  packets: PacketDetails[];
  began: number;
}

interface Host {
  machines(): VmRecord[];
  changed(topology: Topology): void;
  stats(stats: NetworkStats): void;
  packets(data: EventData<"net.packets">): void;
}

/** The same text gives the same number, from 0 to 1. */
function chance(text: string): number {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619) >>> 0;
  return (hash % 1000) / 1000;
}

export class FakeNetwork {
  topology: Topology = EMPTY_TOPOLOGY;
  isWatched = false;
  readonly #host: Host;
  readonly #counts = new Map<string, LinkStats>();
  readonly #captures = new Map<string, Capture>();
  readonly #events: NetworkEvent[] = [];
  #time = 0;
  #made = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  update(topology: Topology): Topology {
    const switches = new Set(topology.switches.map((s) => s.name));
    const names = [...topology.switches, ...topology.gateways].map((thing) => thing.name);
    const double = names.find((name, i) => names.indexOf(name) !== i);
    if (double !== undefined) throw new BridgeError("badRequest", `Two things are called ${double}`);
    for (const { name, ends } of topology.trunks)
      for (const end of ends) if (!switches.has(end)) throw new BridgeError("badRequest", `Trunk ${name} leads to ${end}, which does not exist`);
    for (const gateway of topology.gateways)
      if (!switches.has(gateway.switch)) throw new BridgeError("badRequest", `Gateway ${gateway.name} is on ${gateway.switch}, which does not exist`);
    for (const bridge of topology.bridges) {
      const other = topology.bridges.find((each) => each !== bridge && each.interface === bridge.interface);
      if (other !== undefined) throw new BridgeError("badRequest", `Bridges ${bridge.name} and ${other.name} both lead to the host's interface ${bridge.interface}`);
    }
    this.topology = topology;
    this.#host.changed(topology);
    return topology;
  }

  tick(): void {
    this.#time++;
    if (this.isWatched) this.#host.stats(this.stats());
    for (const capture of this.#captures.values()) {
      const link = this.#links().find((l) => l.id === capture.info.link);
      if (!capture.info.isRunning || link?.up !== true) continue;
      const rows = Array.from({ length: 1 + Math.floor(3 * chance(`${this.#time}`)) }, () => this.#capturePacket(capture));
      this.#host.packets({ capture: { ...capture.info }, rows });
    }
  }

  stats(): NetworkStats {
    const links = this.#links();
    for (const link of links) {
      const none = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0, drops: {} };
      const old: LinkStats = this.#counts.get(link.id) ?? { link: link.id, up: false, blocked: false, ...none };
      const own = chance(link.id);
      const wave = link.up && !link.blocked ? Math.max(0, 0.6 + Math.sin(this.#time / (4 + 6 * own) + 9 * own)) * own * (1 - link.loss) : 0;
      const bytes = Math.round(wave * wave * 900_000);
      const drops = link.loss > 0 && bytes > 0 ? { fault: Math.round((old.drops["fault"] ?? 0) + 40 * link.loss) } : old.drops;
      this.#counts.set(link.id, {
        link: link.id, up: link.up, blocked: link.blocked, drops,
        receivedFrames: old.receivedFrames + Math.ceil(bytes / 900), receivedBytes: old.receivedBytes + bytes,
        sentFrames: old.sentFrames + Math.ceil(bytes / 2100), sentBytes: old.sentBytes + Math.round(bytes * (0.2 + own / 3)),
      });
    }
    return { links: links.flatMap((link) => this.#counts.get(link.id) ?? []), leases: this.#leases(), bridges: this.#bridges(), events: this.#events };
  }

  startCapture(link: string): CaptureInfo {
    if (!this.#links().some((l) => l.id === link)) throw new BridgeError("notFound", `No link ${link}`);
    const id = `capture-${++this.#made}`;
    const info: CaptureInfo = { id, link, packets: 0, bytes: 0, path: null, isRunning: true };
    this.#captures.set(id, { info, packets: [], began: this.#time });
    return info;
  }

  stopCapture(id: string): CaptureInfo {
    const capture = this.#capture(id);
    capture.info = { ...capture.info, isRunning: false };
    return capture.info;
  }

  packet(id: string, number: number): PacketDetails | null {
    return this.#capture(id).packets[number - 1] ?? null;
  }

  saveCapture(id: string, folder: string, path: string | undefined): string {
    const capture = this.#capture(id);
    const saved = path ?? `${folder}/${capture.info.link.replaceAll(/[^\w]+/g, "-")}.pcapng`;
    capture.info = { ...capture.info, path: saved };
    return saved;
  }

  /** Joins the lab's network to what is there, and gives the cards of each machine. */
  addLab(lab: LabFile): Nic[][] {
    const rename = new Map<string, string>();
    const taken = new Set([...this.topology.switches, ...this.topology.gateways].map((thing) => thing.name));
    const free = (name: string): string => {
      let wanted = name;
      for (let n = 2; taken.has(wanted); n++) wanted = `${name}-${n}`;
      taken.add(wanted);
      rename.set(name, wanted);
      return wanted;
    };
    const of = (name: string): string => rename.get(name) ?? name;
    const switches = lab.switches.map(({ name }) => ({ name: free(name) }));
    const gateways = lab.gateways.map((gateway) => ({ ...gateway, name: free(gateway.name ?? `${gateway.switch}-${gateway.vlan}`), switch: of(gateway.switch) }));
    const trunks = lab.trunks.map((trunk, i) =>
      Array.isArray(trunk)
        ? { name: `trunk${this.topology.trunks.length + i + 1}`, ends: [of(trunk[0]), of(trunk[1])] as [string, string], allowed: "all" as const, cable: true }
        : { ...trunk, ends: [of(trunk.ends[0]), of(trunk.ends[1])] as [string, string] },
    );
    const bridges = lab.bridges.map((bridge) => ({
      name: free(bridge.name ?? bridge.interface), switch: of(bridge.switch), interface: bridge.interface, enabled: false,
      vlans: "vlan" in bridge ? { mode: "access" as const, vlan: bridge.vlan } : { mode: "trunk" as const, allowed: bridge.trunk },
    }));
    this.update({
      ...this.topology,
      bridges: [...this.topology.bridges, ...bridges],
      switches: [...this.topology.switches, ...switches],
      gateways: [...this.topology.gateways, ...gateways],
      trunks: [...this.topology.trunks, ...trunks],
      rules: [...this.topology.rules, ...lab.rules],
      vlanNames: { ...lab.vlanNames, ...this.topology.vlanNames },
      places: { ...lab.places, ...this.topology.places },
    });
    return lab.machines.map((machine, m) =>
      machine.nics.map((nic, i) => ({
        id: `nic${i}`,
        model: nic.model ?? "virtio",
        mac: nic.mac ?? fakeMac(this.#made++ * 16 + m + i),
        connection: {
          switch: of(nic.switch),
          vlans: "vlan" in nic ? { mode: "access", vlan: nic.vlan } : { mode: "trunk", allowed: nic.trunk, ...(nic.native === undefined ? {} : { native: nic.native }) },
        },
        cable: true,
      })),
    );
  }

  #capture(id: string): Capture {
    const capture = this.#captures.get(id);
    if (capture === undefined) throw new BridgeError("notFound", `No capture ${id}`);
    return capture;
  }

  #capturePacket(capture: Capture): PacketRow {
    const { row, details } = fakePacket(capture.packets.length + 1, (this.#time - capture.began) / 2);
    capture.packets.push(details);
    capture.info = { ...capture.info, packets: capture.info.packets + 1, bytes: capture.info.bytes + row.length };
    return row;
  }

  #links(): Link[] {
    const cards = this.#host.machines().flatMap(({ id, status, config }) =>
      (config?.nics ?? []).map(
        (nic): Link => ({
          id: `${id}/${nic.id}`,
          up: status === "running" && nic.connection !== null && nic.cable && nic.faults?.cut !== true,
          blocked: false,
          loss: nic.faults?.loss ?? 0,
        }),
      ),
    );
    // What closes a loop is blocked.
    const group = new Map(this.topology.switches.map(({ name }) => [name, name]));
    const trunks = this.topology.trunks.map(({ name, ends, cable, faults }): Link => {
      const [a, b] = [group.get(ends[0]), group.get(ends[1])];
      const up = cable && faults?.cut !== true;
      if (up && a !== b) for (const [key, value] of group) if (value === b) group.set(key, a ?? key);
      return { id: `trunk:${name}`, up, blocked: up && a === b, loss: faults?.loss ?? 0 };
    });
    const gateways = this.topology.gateways.map(({ name }): Link => ({ id: `gateway:${name}`, up: true, blocked: false, loss: 0 }));
    const bridges = this.#bridges().map(({ bridge, state }): Link => ({ id: `bridge:${bridge}`, up: state === "connected", blocked: false, loss: 0 }));
    return [...cards, ...trunks, ...gateways, ...bridges];
  }

  /** The made-up host has one macvtap. */
  #bridges(): BridgeInfo[] {
    return this.topology.bridges.map(({ name, interface: at, enabled }): BridgeInfo => {
      const common = { bridge: name, interface: at, message: "", remedy: [] };
      if (!enabled) return { ...common, state: "off", fault: null };
      if (at === "vmtap0") return { ...common, state: "connected", fault: null };
      return { ...common, state: "failed", fault: "missing", message: `This host has no interface ${at}.`, remedy: [`ip link add link eth1 name ${at} type macvtap mode passthru`] };
    });
  }

  #leases(): LeaseInfo[] {
    const leases: LeaseInfo[] = [];
    for (const { config, status } of this.#host.machines()) {
      if (status !== "running") continue;
      for (const { connection, mac, cable } of config?.nics ?? []) {
        if (connection === null || connection.vlans.mode !== "access" || !cable) continue;
        const { vlan } = connection.vlans;
        const gateway = this.topology.gateways.find((g) => g.vlan === vlan);
        if (gateway === undefined) continue;
        const own = 15 + leases.filter((l) => l.gateway === gateway.name).length;
        const name = (config?.name ?? "").toLowerCase().replaceAll(/\W+/g, "-");
        leases.push({ gateway: gateway.name, mac, address: gateway.network.replace(/\d+\/\d+$/, String(own)), name });
      }
    }
    return leases;
  }
}

export const fakeMac = (n: number): string =>
  `52:54:00:${[n >> 16, n >> 8, n].map((byte) => (byte & 255).toString(16).padStart(2, "0")).join(":")}`;
