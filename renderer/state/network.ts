// Mirror of the network that the app runs: topology, figures of its links, leases, live captures. Figures come while somebody
// looks; a link that says nothing for a while is taken for silent. What an edit shows ahead of the app is laid over until the
// app has it.
import { createStore } from "zustand/vanilla";
import type { BridgeInfo, CaptureInfo, LeaseInfo, LinkStats, NetworkEvent, NetworkStats, Nic, PacketRow, Topology } from "../../core/api/network.ts";
import { EMPTY_TOPOLOGY } from "../../core/api/network.ts";
import type { Bridge } from "../bridge/bridge.ts";

export interface Rate {
  /** Bits a second towards and from the switch. */
  received: number;
  sent: number;
  framesPerSecond: number;
}

export interface LiveCapture {
  info: CaptureInfo;
  /** The newest ROWS_MAX. */
  rows: readonly PacketRow[];
}

export interface NetworkState {
  /** False until the first answer, or where the app has no networks. */
  loaded: boolean;
  topology: Topology;
  links: Readonly<Record<string, LinkStats>>;
  rates: Readonly<Record<string, Rate>>;
  leases: readonly LeaseInfo[];
  /** How bridges to the host's network stand. */
  bridges: readonly BridgeInfo[];
  events: readonly NetworkEvent[];
  captures: Readonly<Record<string, LiveCapture>>;
  /** The capture that is shown. */
  shownCapture: string | null;
  /** Cards as an edit under way will have them, by machine. */
  ahead: Readonly<Record<string, readonly Nic[]>>;
  /** Raised by every edit, so that what shows undo and redo is drawn anew. */
  edits: number;
}

export const ROWS_MAX = 5000;
const SILENT_MS = 1600;

export type NetworkStore = ReturnType<typeof createNetworkStore>;

export function createNetworkStore() {
  return createStore<NetworkState>(() => ({
    loaded: false, topology: EMPTY_TOPOLOGY, links: {}, rates: {}, leases: [], bridges: [], events: [], captures: {}, shownCapture: null, ahead: {}, edits: 0,
  }));
}

/** How fast it went between two counts; nothing for counters that began anew. */
export function rateOf(old: LinkStats, now: LinkStats, seconds: number): Rate {
  const perSecond = (key: "receivedBytes" | "sentBytes" | "receivedFrames" | "sentFrames"): number => Math.max(0, now[key] - old[key]) / Math.max(0.05, seconds);
  return {
    received: perSecond("receivedBytes") * 8,
    sent: perSecond("sentBytes") * 8,
    framesPerSecond: perSecond("receivedFrames") + perSecond("sentFrames"),
  };
}

export function applyPackets(store: NetworkStore, info: CaptureInfo, rows: readonly PacketRow[]): void {
  store.setState(({ captures }) => {
    const before = captures[info.id];
    const old = before?.rows ?? [];
    const last = old.at(-1)?.number ?? 0;
    const all = [...old, ...rows.filter((row) => row.number > last)];
    // The network's thread tells of packets, and does not know of files saved meanwhile.
    const known = { ...info, path: info.path ?? before?.info.path ?? null };
    return { captures: { ...captures, [info.id]: { info: known, rows: all.length > ROWS_MAX ? all.slice(-ROWS_MAX) : all } } };
  });
}

/** Follows the topology and captures for the life of the page. */
export function followNetwork(store: NetworkStore, bridge: Bridge): () => void {
  const read = (): void => {
    bridge.call("net.get", {}).then(
      ({ topology }) => store.setState({ topology, loaded: true }),
      () => {}, // read again with the next connection
    );
  };
  const stops = [
    bridge.onEvent((event) => {
      if (event.name === "net.changed") store.setState({ topology: event.data.topology, loaded: true });
      if (event.name === "net.packets") applyPackets(store, event.data.capture, event.data.rows);
    }),
    bridge.onResync(() => {
      // A capture ends with the connection that began it; one that goes on says so with its next packets.
      store.setState(({ captures }) => ({ captures: Object.fromEntries(Object.entries(captures).map(([id, c]) => [id, { ...c, info: { ...c.info, isRunning: false } }])) }));
      read();
    }),
  ];
  read();
  return () => {
    for (const stop of stops) stop();
  };
}

/** Follows figures and leases while somebody looks, until the returned function is called. */
export function watchNetwork(store: NetworkStore, bridge: Bridge, now = () => Date.now()): () => void {
  const counted = new Map<string, number>();
  const take = (stats: NetworkStats): void => {
    const time = now();
    const { links: old, rates: before } = store.getState();
    const links: Record<string, LinkStats> = {};
    const rates: Record<string, Rate> = {};
    for (const link of stats.links) {
      links[link.link] = link;
      const last = old[link.link];
      const since = counted.get(link.link);
      if (last !== undefined && since !== undefined) rates[link.link] = rateOf(last, link, (time - since) / 1000);
      else if (before[link.link] !== undefined) rates[link.link] = { received: 0, sent: 0, framesPerSecond: 0 };
      counted.set(link.link, time);
    }
    store.setState({ links, rates, leases: stats.leases, bridges: stats.bridges, events: stats.events });
  };
  const start = (): void => {
    bridge.call("net.watch", {}).then(take, () => {});
  };
  const stops = [
    bridge.onEvent((event) => {
      if (event.name === "net.stats") take(event.data);
    }),
    bridge.onResync(start),
  ];
  // Nothing is sent while nothing changes.
  const timer = setInterval(() => {
    const newest = Math.max(0, ...counted.values());
    if (now() - newest > SILENT_MS && Object.keys(store.getState().rates).length > 0) store.setState({ rates: {} });
  }, SILENT_MS);
  start();
  return () => {
    clearInterval(timer);
    for (const stop of stops) stop();
    store.setState({ rates: {} });
    bridge.call("net.unwatch", {}).catch(() => {});
  };
}
