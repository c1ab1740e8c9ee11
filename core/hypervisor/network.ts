// The virtual network as the fleet sees it: what is drawn and saved, the cards of running machines, captures and statistics. All of it runs
// in one thread, which is started when it is first needed, and again, with everything that was there, should it die. Machines never wait
// for it: one that cannot be joined has cards without carrier.
import { type BridgeInfo, type CaptureInfo, EMPTY_TOPOLOGY, type LinkId, type NetworkStats, type Nic, type PacketDetails, type PacketRow, type Topology } from "../api/network.ts";
import { DOORBELL_BYTES, NIC_LINK_BYTES, type NicStart, type NicWiring, type ToNetworkWorker } from "../api/network-protocol.ts";
import { findMacvtap } from "../network/host/macvtap.ts";
import { topologyFault } from "../network/fabric/topology-check.ts";
import type { TopologyStore } from "./network-file.ts";
import { NetworkThread, type SpawnNetworkWorker } from "./network-thread.ts";
import { VmError } from "./vm-error.ts";

/** What joins the cards of a machine to the network, for whoever starts the machine. */
export interface NicJoiner {
  /** Before the machine's thread starts: what it is to be told of the card. `control` holds its ControlWords; `nic.rom` is absolute.
   *  Never rejects for the network's sake: a card whose switch does not exist, or whose network does not run, has no carrier. */
  attach(vmId: string, machine: string, nic: Nic, control: SharedArrayBuffer): Promise<NicStart>;
  /** Changes what a card that is attached is joined to, at once. Rejects with VmError, and nothing has changed. */
  wire(vmId: string, nicId: Nic["id"], wiring: NicWiring): Promise<void>;
  /** At the machine's end: all its cards. */
  detach(vmId: string): void;
}

export type NetworkChange =
  | { kind: "changed"; topology: Topology }
  | { kind: "stats"; stats: NetworkStats }
  | { kind: "packets"; capture: CaptureInfo; rows: PacketRow[] }
  /** For the user to know. */
  | { kind: "problem"; message: string };

export interface VirtualNetworkOptions {
  spawn: SpawnNetworkWorker;
  /** Null: the network is not kept. */
  store: TopologyStore | null;
  /** Whether gateways with NAT reach more than this host's loopback. */
  allowsOutside: boolean;
  /** Of chance in links. */
  seed?: number;
  /** What the host says of an interface; the real one unless given. */
  findInterface?: (name: string) => ReturnType<typeof findMacvtap>;
}

type Attach = Omit<Extract<ToNetworkWorker, { kind: "attach" }>, "queryId" | "kind">;

const STATS_MS = 500;
/** How often bridges are looked at while no thread does. */
const LOOK_MS = 2000;
/** A thread that dies so many times within so many milliseconds is left dead. */
const DEATHS_MAX = 3;
const DEATHS_MS = 60_000;
/** Captures that have ended and are still known. */
const STOPPED_MAX = 64;
const NO_STATS: NetworkStats = { links: [], leases: [], bridges: [], events: [] };

export class VirtualNetwork implements NicJoiner {
  private readonly o: VirtualNetworkOptions;
  private readonly doorbell = new SharedArrayBuffer(DOORBELL_BYTES);
  private readonly listeners = new Set<(change: NetworkChange) => void>();
  private readonly cards = new Map<LinkId, Attach>();
  private readonly captures = new Map<string, CaptureInfo>();
  private loading: Promise<Topology> | undefined;
  private topology: Topology = EMPTY_TOPOLOGY;
  private thread: NetworkThread | undefined;
  private starting: Promise<NetworkThread | undefined> | undefined;
  private stats: NetworkStats = NO_STATS;
  private isWatched = false;
  private isClosed = false;
  private captureCount = 0;
  private deaths: number[] = [];
  private awaitingStats: (() => void)[] = [];
  private looking: NodeJS.Timeout | undefined;
  /** Changes of the topology are made one after another. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(options: VirtualNetworkOptions) {
    this.o = options;
  }

  subscribe(listener: (change: NetworkChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // ---- what is drawn ----

  /** Rejects with VmError where the file cannot be read. */
  async get(): Promise<Topology> {
    this.loading ??= this.load();
    await this.loading;
    return this.topology;
  }

  private async load(): Promise<Topology> {
    try {
      this.topology = (await this.o.store?.load()) ?? EMPTY_TOPOLOGY;
      return this.topology;
    } catch (error) {
      this.loading = undefined; // the user may put it right
      throw error;
    }
  }

  /** Replaces the network, in force at once, and saves it. Rejects with VmError, and nothing has changed. */
  update(topology: Topology): Promise<Topology> {
    const result = this.queue.then(async () => {
      const before = await this.get();
      const fault = topologyFault(topology) ?? (await this.thread?.ask({ kind: "topology", topology })) ?? undefined;
      if (fault !== undefined) throw new VmError("badRequest", fault);
      try {
        await this.o.store?.save(topology);
      } catch (error) {
        await this.thread?.ask({ kind: "topology", topology: before });
        throw error;
      }
      this.topology = topology;
      this.emit({ kind: "changed", topology });
      if (this.thread === undefined && this.isWatched) this.onStats(await this.resting());
      return topology;
    });
    this.queue = result.catch(() => undefined); // the caller hears of it; the next change goes on
    return result;
  }

  // ---- cards ----

  async attach(vmId: string, machine: string, nic: Nic, control: SharedArrayBuffer): Promise<NicStart> {
    const { id, model, mac, rom } = nic;
    const buffer = new SharedArrayBuffer(NIC_LINK_BYTES);
    const card: Attach = { link: `${vmId}/${id}`, machine, mac, buffer, control, wiring: wiringOf(nic) };
    const thread = await this.start();
    this.cards.set(card.link, card);
    const fault = thread === undefined ? undefined : await thread.ask({ kind: "attach", ...card });
    if (typeof fault === "string") this.problem(`The card ${machine}.${id} could not be joined to the network: ${fault}`);
    return { id, model, mac, link: buffer, doorbell: this.doorbell, ...(rom === undefined ? {} : { rom }) };
  }

  async wire(vmId: string, nicId: Nic["id"], wiring: NicWiring): Promise<void> {
    const card = this.cards.get(`${vmId}/${nicId}`);
    if (card === undefined) throw new VmError("notFound", `The machine has no running card ${nicId}.`);
    const link = card.link;
    if (this.thread !== undefined) this.check(await this.thread.ask({ kind: "wire", link, wiring }));
    card.wiring = wiring;
  }

  detach(vmId: string): void {
    for (const link of [...this.cards.keys()].filter((each) => each.startsWith(`${vmId}/`))) {
      this.cards.delete(link);
      this.thread?.tell({ kind: "detach", link });
    }
  }

  // ---- sight ----

  /** How things stand; from now on changes of it are told to subscribers. */
  async watch(): Promise<NetworkStats> {
    this.isWatched = true;
    const { thread } = this;
    clearInterval(this.looking);
    this.looking = setInterval(() => void this.look(), LOOK_MS);
    this.looking.unref();
    if (thread === undefined) {
      this.stats = await this.resting();
      return this.stats;
    }
    const come = new Promise<void>((resolve) => this.awaitingStats.push(resolve));
    thread.tell({ kind: "watch", intervalMs: STATS_MS });
    await come;
    return this.stats;
  }

  /** Where bridges lead while no thread runs that would join them. */
  async bridges(): Promise<BridgeInfo[]> {
    const { findInterface = (name: string) => findMacvtap(name) } = this.o;
    return (await this.get()).bridges.map(({ name, interface: at, enabled }): BridgeInfo => {
      const found = enabled ? findInterface(at) : undefined;
      const none = { fault: null, message: "", remedy: [] };
      if (found === undefined) return { bridge: name, interface: at, state: "off", ...none };
      return { bridge: name, interface: at, ...("fault" in found ? { state: "failed", ...found } : { state: "ready", ...none }) };
    });
  }

  /** An administrator may have made the interface by now. */
  private async look(): Promise<void> {
    if (this.thread !== undefined || !this.topology.bridges.some(({ enabled }) => enabled)) return;
    const stats = await this.resting();
    if (this.thread === undefined && this.isWatched && JSON.stringify(stats) !== JSON.stringify(this.stats)) this.onStats(stats);
  }

  private async resting(): Promise<NetworkStats> {
    return { ...NO_STATS, bridges: await this.bridges().catch(() => []) };
  }

  unwatch(): void {
    this.isWatched = false;
    clearInterval(this.looking);
    this.thread?.tell({ kind: "watch", intervalMs: 0 });
  }

  /** `path`: the pcapng file to write, absolute. `isLive`: rows are told to subscribers, and packets can be asked for. */
  async startCapture(link: LinkId, path: string | null, isLive: boolean): Promise<CaptureInfo> {
    const thread = await this.running();
    const id = `capture-${++this.captureCount}`;
    const capture: CaptureInfo = { id, link, packets: 0, bytes: 0, path, isRunning: true };
    const stopped = [...this.captures.values()].filter((each) => !each.isRunning);
    for (const old of stopped.slice(0, Math.max(0, stopped.length - STOPPED_MAX))) this.captures.delete(old.id);
    this.captures.set(id, capture);
    const fault = await thread.ask({ kind: "capture", captureId: id, link, path, isLive });
    if (fault !== null) this.captures.delete(id);
    this.check(fault, "ioFailed");
    return { ...capture };
  }

  /** Settles when the file is whole. */
  async stopCapture(captureId: string): Promise<CaptureInfo> {
    const capture = this.capture(captureId);
    if (capture.isRunning) {
      capture.isRunning = false;
      this.check(await (await this.running()).ask({ kind: "stopCapture", captureId }), "ioFailed");
    }
    return { ...capture };
  }

  async packet(captureId: string, number: number): Promise<PacketDetails | null> {
    this.capture(captureId);
    return (await this.thread?.packet(captureId, number)) ?? null;
  }

  async saveCapture(captureId: string, path: string): Promise<void> {
    this.capture(captureId);
    this.check(await (await this.running()).ask({ kind: "saveCapture", captureId, path }), "ioFailed");
  }

  /** Settles when captures are written. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.looking);
    await this.queue;
    await this.starting;
    await this.thread?.shutdown();
    this.thread = undefined;
  }

  // ---- the thread ----

  private async running(): Promise<NetworkThread> {
    const thread = await this.start();
    if (thread === undefined) throw new VmError("networkFailed", "The network does not run.");
    return thread;
  }

  /** The thread, started and told of everything. Undefined where there can be none; that has been told. */
  private start(): Promise<NetworkThread | undefined> {
    if (this.thread !== undefined || this.isClosed || this.deaths.length >= DEATHS_MAX) return Promise.resolve(this.thread);
    if (this.starting === undefined) {
      // Among the changes, so that the thread gets all of them.
      const starting = this.queue.then(() => this.startNow());
      this.queue = starting.catch(() => undefined);
      this.starting = starting.finally(() => {
        this.starting = undefined;
      });
    }
    return this.starting;
  }

  private async startNow(): Promise<NetworkThread | undefined> {
    const topology = await this.get().catch((error: unknown) => {
      this.problem(error instanceof VmError ? error.message : String(error));
      return EMPTY_TOPOLOGY;
    });
    let thread: NetworkThread;
    try {
      const start = { doorbell: this.doorbell, allowsOutside: this.o.allowsOutside, seed: this.o.seed ?? Math.floor(Math.random() * 2 ** 32) };
      thread = new NetworkThread(this.o.spawn, start, {
        stats: (stats) => this.onStats(stats),
        packets: (captureId, rows, packets, bytes) => this.onPackets(captureId, rows, packets, bytes),
        captureFailed: (captureId, message) => {
          this.onPackets(captureId, []);
          this.problem(message);
        },
        died: (reason) => this.onDeath(reason),
      });
    } catch (error) {
      this.problem(`The network's thread could not be started: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
    this.thread = thread;
    const fault = await thread.ask({ kind: "topology", topology });
    if (fault !== null) this.problem(fault);
    if (this.isWatched) thread.tell({ kind: "watch", intervalMs: STATS_MS });
    return this.thread;
  }

  private onDeath(reason: string): void {
    this.thread = undefined;
    const now = Date.now();
    this.deaths = [...this.deaths.filter((at) => now - at < DEATHS_MS), now];
    for (const capture of this.captures.values()) capture.isRunning = false;
    this.onStats(NO_STATS);
    const isLast = this.deaths.length >= DEATHS_MAX;
    const [first = ""] = reason.split("\n");
    this.problem(`The network's thread has failed and ${isLast ? "is not started again; machines go on without a network" : "is started anew"}: ${first}`);
    if (!isLast && this.cards.size > 0) void this.restart();
  }

  private async restart(): Promise<void> {
    const cards = [...this.cards.values()];
    const thread = await this.start();
    for (const card of cards) {
      if (this.cards.get(card.link) !== card) continue;
      const fault = await thread?.ask({ kind: "attach", ...card });
      if (typeof fault === "string") this.problem(fault);
    }
  }

  private onStats(stats: NetworkStats): void {
    this.stats = stats;
    for (const resolve of this.awaitingStats.splice(0)) resolve();
    this.emit({ kind: "stats", stats });
  }

  private onPackets(captureId: string, rows: PacketRow[], packets?: number, bytes?: number): void {
    const capture = this.captures.get(captureId);
    if (capture === undefined) return;
    capture.packets = packets ?? capture.packets;
    capture.bytes = bytes ?? capture.bytes;
    this.emit({ kind: "packets", capture: { ...capture }, rows });
  }

  private capture(captureId: string): CaptureInfo {
    const capture = this.captures.get(captureId);
    if (capture === undefined) throw new VmError("notFound", `There is no capture ${captureId}.`);
    return capture;
  }

  private check(fault: string | null, code: "badRequest" | "ioFailed" = "badRequest"): void {
    if (fault !== null) throw new VmError(this.thread === undefined ? "networkFailed" : code, fault);
  }

  private problem(message: string): void {
    this.emit({ kind: "problem", message });
  }

  private emit(change: NetworkChange): void {
    for (const listener of this.listeners) listener(change);
  }
}

export function wiringOf({ connection, cable, faults, guards }: Nic): NicWiring {
  return { connection, cable, ...(faults === undefined ? {} : { faults }), ...(guards === undefined ? {} : { guards }) };
}
