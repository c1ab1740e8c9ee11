// The running network: switches, trunks, gateways and the cards of machines, brought to a drawn topology by difference. What a change does
// not name goes on undisturbed: a card that stays in its VLAN loses no frame, a gateway that stays keeps its connections and leases.
// A card that is moved loses its carrier for a while, as when a cable is put into another socket, so that its guest asks for an address anew.
// Time, sockets and chance are handed in; poll() does what is due at nextDeadlineNs().
import { EMPTY_TOPOLOGY, type BridgeInfo, type GatewayConfig, type LeaseInfo, type LinkId, type LinkStats, type Topology, type TrunkConfig } from "../../api/network.ts";
import type { NicWiring } from "../../api/network-protocol.ts";
import type { Clock } from "../../time/clock.ts";
import type { FrameObserver } from "../capture/capture-port.ts";
import type { FaultPort } from "../capture/fault-port.ts";
import type { HostSockets } from "../stack/host-sockets.ts";
import { SwitchFabric, type Trunk } from "../switch/switch-fabric.ts";
import type { PortConfig } from "../switch/port-config.ts";
import type { Switch } from "../switch/switch.ts";
import type { GatewayEvent } from "../stack/gateway.ts";
import { Router } from "../stack/router.ts";
import type { TftpFiles } from "../services/tftp-files.ts";
import { Bridges, type HostInterfaces } from "./bridges.ts";
import { Cards, type CardStart } from "./cards.ts";
import { GatewayNode } from "./gateway-node.ts";
import { hashOf, Link, type LinkHost, setFaults } from "./link.ts";
import { linkStats, trunkStats } from "./link-stats.ts";
import { topologyFault } from "./topology-check.ts";

/** Locally administered addresses of switches (02:52:46) and gateways (02:52:47), before three octets of their own. */
const SWITCH_MACS = 0x02_5246;
const GATEWAY_MACS = 0x02_5247;

export interface FabricHost {
  readonly clock: Clock;
  readonly sockets: HostSockets;
  /** What bridges lead to. */
  readonly interfaces: HostInterfaces;
  /** Of a folder on the host that TFTP serves. */
  tftpFiles(folder: string): TftpFiles;
  /** Of faults by chance: the same seed, the same faults. */
  readonly seed: number;
  random32(): number;
  event(level: "info" | "warning" | "error", subject: string, message: string): void;
  /** nextDeadlineNs() has come closer: poll() soon. */
  wake(): void;
}

interface TrunkLine {
  config: TrunkConfig;
  readonly trunk: Trunk;
  readonly line: Link;
}

export class NetworkFabric {
  private readonly host: FabricHost;
  private readonly switches: SwitchFabric;
  private readonly router: Router;
  private readonly cards: Cards;
  private readonly bridges: Bridges;
  private readonly switchMacs = new Map<string, number>();
  private readonly trunks = new Map<string, TrunkLine>();
  private readonly gateways = new Map<string, GatewayNode>();
  private readonly observers = new Map<LinkId, Set<FrameObserver>>();
  /** Links in which frames wait. */
  private readonly waiting = new Set<FaultPort>();
  private readonly links: LinkHost;
  private current: Topology = EMPTY_TOPOLOGY;

  constructor(host: FabricHost) {
    this.host = host;
    this.switches = new SwitchFabric(host.clock);
    this.router = new Router(host.clock);
    this.links = {
      clock: host.clock,
      seed: host.seed,
      observersOf: (id) => this.observers.get(id),
      waits: (link) => {
        this.waiting.add(link);
        host.wake();
      },
    };
    const switchNamed = (name: string): Switch | undefined => this.switchNamed(name);
    this.cards = new Cards(host.clock, this.links, switchNamed);
    this.bridges = new Bridges(host, this.links, switchNamed);
  }

  get topology(): Topology {
    return this.current;
  }

  // ---- what is drawn ----

  /** Brings the network to a topology, or says what is wrong with it; then nothing has changed. */
  apply(topology: Topology): string | undefined {
    const fault = topologyFault(topology);
    if (fault !== undefined) return fault;
    this.current = topology;
    this.dropWhatIsGone(topology);
    for (const { name } of topology.switches) {
      if (this.switchNamed(name) !== undefined) continue;
      const mac = freeMac(SWITCH_MACS, name, (taken) => [...this.switchMacs.values()].includes(taken));
      this.switchMacs.set(name, mac);
      this.switches.addSwitch({ name, mac });
    }
    for (const config of topology.trunks) this.applyTrunk(config);
    for (const config of topology.gateways) this.applyGateway(config);
    for (const config of topology.bridges) this.bridges.apply(config);
    this.router.setRules(topology.rules);
    this.cards.refresh();
    this.host.wake();
    return undefined;
  }

  private dropWhatIsGone(topology: Topology): void {
    const wanted = new Set(topology.switches.map((each) => each.name));
    const trunks = new Map(topology.trunks.map((each) => [each.name, each]));
    for (const [name, { config, trunk }] of this.trunks) {
      const next = trunks.get(name);
      if (next !== undefined && String(next.ends) === String(config.ends) && config.ends.every((end) => wanted.has(end))) continue;
      this.switches.removeTrunk(trunk);
      this.trunks.delete(name);
    }
    for (const [name, node] of this.gateways) {
      const next = topology.gateways.find((each) => each.name === name);
      if (next === undefined) {
        this.unplugGateway(node);
        node.gateway.close();
        this.gateways.delete(name);
      } else if (next.switch !== node.config.switch) this.unplugGateway(node);
    }
    this.bridges.dropWhatIsGone(topology.bridges);
    for (const each of this.switches.switches.filter(({ name }) => !wanted.has(name))) {
      this.cards.leave(each);
      this.switches.removeSwitch(each);
      this.switchMacs.delete(each.name);
    }
  }

  private applyTrunk(config: TrunkConfig): void {
    const known = this.trunks.get(config.name);
    if (known !== undefined) {
      const isSame = (of: TrunkConfig): string => JSON.stringify([of.allowed, of.pathCost]);
      if (isSame(known.config) !== isSame(config)) this.configureTrunk(known, config);
      known.config = config;
      setFaults(known.line, known.trunk.cable, config.faults, config.cable);
      return;
    }
    const [a, b] = config.ends.map((name) => this.switchNamed(name));
    if (a === undefined || b === undefined) return;
    let line: Link | undefined;
    const trunk = this.switches.addTrunk(a, b, {
      name: `trunk:${config.name}`,
      allowed: config.allowed,
      ...(config.pathCost === undefined ? {} : { pathCost: config.pathCost }),
      wrap: (end) => {
        line = new Link(`trunk:${config.name}`, end, this.links, true);
        return line.end;
      },
    });
    if (typeof trunk === "string" || line === undefined) {
      this.host.event("error", config.name, typeof trunk === "string" ? trunk : "The trunk could not be made.");
      return;
    }
    this.trunks.set(config.name, { config, trunk, line });
    setFaults(line, trunk.cable, config.faults, config.cable);
  }

  private configureTrunk({ trunk, config: { ends } }: TrunkLine, config: TrunkConfig): void {
    for (const [i, port] of trunk.ends.entries()) {
      const { name } = port.config;
      const fault = this.switchNamed(ends[i] as string)?.configure(port, {
        name,
        vlans: { mode: "trunk", allowed: config.allowed },
        spanningTree: true,
        ...(config.pathCost === undefined ? {} : { pathCost: config.pathCost }),
      });
      if (fault !== undefined) this.host.event("error", config.name, fault);
    }
  }

  private applyGateway(config: GatewayConfig): void {
    const before = this.gateways.get(config.name);
    const node = before?.update(config) === true ? before : this.makeGateway(config, before);
    this.gateways.set(config.name, node);
    setFaults(node.link, node.cable, config.faults, true);
    const on = this.switchNamed(config.switch);
    if (on === undefined) return;
    // Nobody else may have the gateway's address.
    const port: PortConfig = { name: node.link.id, vlans: { mode: "access", vlan: config.vlan }, macs: [node.mac] };
    if (node.port !== null) {
      if (JSON.stringify(node.port.config) !== JSON.stringify(port)) on.configure(node.port, port);
      return;
    }
    const added = on.addPort(port);
    if (typeof added === "string") this.host.event("error", config.name, added);
    else {
      node.port = added;
      added.attach(node.link.end);
    }
  }

  private makeGateway(config: GatewayConfig, before: GatewayNode | undefined): GatewayNode {
    const { host } = this;
    const others = [...this.gateways.values()].filter((each) => each.config.name !== config.name);
    const mac = freeMac(GATEWAY_MACS, config.name, (taken) => others.some((each) => each.mac === taken));
    const parts = {
      sockets: host.sockets,
      router: this.router,
      tftpFiles: (folder: string) => host.tftpFiles(folder),
      clock: host.clock,
      random32: () => host.random32(),
      wake: () => host.wake(),
      machineOf: (address: string) => this.cards.machineOf(address),
      event: (name: string, event: GatewayEvent) => {
        const { level, message } = describe(event);
        host.event(level, name, message);
      },
    };
    const leases = [...(before?.gateway.leases ?? [])];
    if (before !== undefined) {
      this.unplugGateway(before);
      before.gateway.close();
    }
    const node = new GatewayNode(config, mac, parts, this.links);
    node.gateway.restoreLeases(leases);
    return node;
  }

  private unplugGateway(node: GatewayNode): void {
    const { port } = node;
    node.port = null;
    if (port !== null) for (const each of this.switches.switches) each.removePort(port);
  }

  private switchNamed(name: string): Switch | undefined {
    return this.switches.switches.find((each) => each.name === name);
  }

  // ---- cards ----

  /** Takes a card on, or says why not. One whose switch does not exist has no carrier until it does. */
  attach(start: CardStart): string | undefined {
    const fault = this.cards.attach(start);
    this.host.wake();
    return fault;
  }

  /** Joins a card to something else, or says why not; then nothing has changed. */
  wire(link: LinkId, wiring: NicWiring): string | undefined {
    const fault = this.cards.wire(link, wiring);
    this.host.wake();
    return fault;
  }

  detach(link: LinkId): void {
    this.cards.detach(link);
  }

  // ---- links ----

  /** Shows what passes a link to somebody, from now on and also where the link comes only later. Gives back what ends that. */
  observe(link: LinkId, observer: FrameObserver): () => void {
    const observers = new Set([...(this.observers.get(link) ?? []), observer]);
    this.observers.set(link, observers);
    this.lineOf(link)?.observe();
    return () => {
      const left = new Set(this.observers.get(link));
      left.delete(observer);
      if (left.size > 0) this.observers.set(link, left);
      else this.observers.delete(link);
      this.lineOf(link)?.observe();
    };
  }

  /** What captures call a link: "web.0", or undefined for one that is not there. */
  titleOf(link: LinkId): string | undefined {
    return this.cards.titleOf(link) ?? (this.lineOf(link) === undefined ? undefined : link.replace(":", " "));
  }

  private lineOf(link: LinkId): Link | undefined {
    const [kind, name = ""] = link.split(/:(.*)/s);
    if (kind === "trunk") return this.trunks.get(name)?.line;
    if (kind === "bridge") return this.bridges.lineOf(name);
    return kind === "gateway" ? this.gateways.get(name)?.link : this.cards.lineOf(link);
  }

  // ---- time ----

  /** Does what is due. */
  poll(): void {
    const nowNs = this.host.clock.nowNs();
    this.switches.poll();
    this.cards.poll(nowNs);
    for (const link of this.waiting) {
      if (link.nextDeadlineNs() <= nowNs) link.poll();
      if (link.nextDeadlineNs() === Infinity) this.waiting.delete(link);
    }
    for (const { gateway } of this.gateways.values()) if (gateway.nextDeadline() <= nowNs) gateway.poll(nowNs);
  }

  /** When poll() is due: -Infinity for at once, Infinity for not before something happens. */
  nextDeadlineNs(): number {
    let next = Math.min(this.switches.nextDeadlineNs(), this.cards.dueNs);
    for (const link of this.waiting) next = Math.min(next, link.nextDeadlineNs());
    for (const { gateway } of this.gateways.values()) next = Math.min(next, gateway.nextDeadline());
    return next;
  }

  // ---- sight ----

  stats(): { links: LinkStats[]; leases: LeaseInfo[]; bridges: BridgeInfo[] } {
    const nowNs = this.host.clock.nowNs();
    return {
      links: [
        ...this.cards.stats(),
        ...[...this.trunks.values()].map(({ trunk, line }) => trunkStats(line, trunk)),
        ...[...this.gateways.values()].map(({ link, port }) => linkStats(link, port)),
        ...this.bridges.stats(),
      ],
      leases: [...this.gateways.values()].flatMap((node) => node.leases(nowNs)),
      bridges: this.bridges.infos(),
    };
  }

  /** Ends all flows of the gateways, and lets go of the host's interfaces. */
  close(): void {
    this.bridges.close();
    for (const { gateway } of this.gateways.values()) gateway.close();
    this.gateways.clear();
  }
}

/** An address that follows from the name, or the next one that is free. */
function freeMac(prefix: number, name: string, isTaken: (mac: number) => boolean): number {
  let low = hashOf(name) & 0xff_ffff;
  while (isTaken(prefix * 0x100_0000 + low)) low = (low + 1) & 0xff_ffff;
  return prefix * 0x100_0000 + low;
}

function describe(event: GatewayEvent): { level: "info" | "warning" | "error"; message: string } {
  switch (event.kind) {
    case "lease": {
      const who = event.name === "" ? event.mac : `${event.name} (${event.mac})`;
      return { level: "info", message: event.bound ? `${who} has the address ${event.address}.` : `${who} no longer has the address ${event.address}.` };
    }
    case "pool-exhausted":
      return { level: "warning", message: "A machine asked for an address, and none is left." };
    case "forward-failed":
      return { level: "error", message: `The forward of ${event.protocol.toUpperCase()} at ${event.host} could not be opened: ${event.reason}` };
  }
}
