// Mirror of the machines that the app knows, kept by events and read anew whenever some may have been missed. Never guesses:
// a status changes only when the app says so.
import { createStore } from "zustand/vanilla";
import type { VmRecord, VmStats } from "../../core/api/vm-state.ts";
import type { Bridge } from "../bridge/bridge.ts";

/** One minute at two samples a second. */
export const HISTORY = 120;

export interface StatsHistory {
  latest: VmStats;
  /** Sample times in seconds, as the graph wants them. */
  time: number[];
  hostCpuPercent: number[];
  mips: number[];
}

export interface MachinesState {
  /** False until the first list has come. */
  loaded: boolean;
  machines: Record<string, VmRecord>;
  stats: Record<string, StatsHistory>;
}

export type MachinesStore = ReturnType<typeof createMachinesStore>;

export function createMachinesStore() {
  return createStore<MachinesState>(() => ({ loaded: false, machines: {}, stats: {} }));
}

export function applyRecord(store: MachinesStore, record: VmRecord): void {
  store.setState((state) => {
    const machines = { ...state.machines, [record.id]: record };
    if (record.status === "running" || record.status === "paused") return { machines };
    // Figures of a machine that is not on would be read as its present ones.
    const { [record.id]: _gone, ...stats } = state.stats;
    return { machines, stats };
  });
}

export function applyRemoval(store: MachinesStore, id: string): void {
  store.setState((state) => {
    const { [id]: _machine, ...machines } = state.machines;
    const { [id]: _stats, ...stats } = state.stats;
    return { machines, stats };
  });
}

const tail = (values: number[] | undefined, value: number): number[] => [...(values ?? []).slice(-(HISTORY - 1)), value];

export function applyStats(store: MachinesStore, id: string, stats: VmStats, nowSeconds: number): void {
  store.setState((state) => {
    if (state.machines[id] === undefined) return state;
    const old = state.stats[id];
    const history: StatsHistory = {
      latest: stats,
      time: tail(old?.time, nowSeconds),
      hostCpuPercent: tail(old?.hostCpuPercent, stats.hostCpuPercent),
      mips: tail(old?.mips, stats.instructionsPerSecond / 1e6),
    };
    return { stats: { ...state.stats, [id]: history } };
  });
}

/** Follows the bridge until the returned function is called. `onError` hears of a list that could not be read. */
export function followMachines(
  store: MachinesStore,
  bridge: Bridge,
  onError: (error: unknown) => void,
  now = () => Date.now(),
): () => void {
  let round = 0;
  const load = async (): Promise<void> => {
    const mine = ++round;
    // Events that come while the list is on its way are newer than the list.
    const touched = new Map<string, VmRecord | null>();
    const unsubscribe = bridge.onEvent((event) => {
      if (event.name === "vm.changed") touched.set(event.data.id, event.data);
      if (event.name === "vm.removed") touched.set(event.data.id, null);
    });
    try {
      const { vms } = await bridge.call("vm.list", {});
      if (mine !== round) return;
      const machines: Record<string, VmRecord> = {};
      for (const vm of vms) machines[vm.id] = vm;
      for (const [id, vm] of touched) {
        if (vm === null) delete machines[id];
        else machines[id] = vm;
      }
      store.setState((state) => ({
        loaded: true,
        machines,
        stats: Object.fromEntries(Object.entries(state.stats).filter(([id]) => machines[id] !== undefined)),
      }));
    } catch (error) {
      if (mine === round) onError(error);
    } finally {
      unsubscribe();
    }
  };
  const stopEvents = bridge.onEvent((event) => {
    if (event.name === "vm.changed") applyRecord(store, event.data);
    if (event.name === "vm.removed") applyRemoval(store, event.data.id);
    if (event.name === "vm.stats") applyStats(store, event.data.id, event.data.stats, now() / 1000);
  });
  const stopResync = bridge.onResync(() => void load());
  void load();
  return () => {
    round++;
    stopEvents();
    stopResync();
  };
}

export const machineName = (machine: VmRecord): string => machine.config?.name ?? machine.folder;

/** In order of age; folders that cannot be read come last. */
export function sortMachines(machines: Record<string, VmRecord>): VmRecord[] {
  const key = (m: VmRecord): string => (m.config === null ? `~${m.folder}` : m.config.createdAt + m.id);
  return Object.values(machines).sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** `base`, or the first of `base 2`, `base 3`... that no machine has (names are compared without regard to case). */
export function uniqueName(base: string, machines: Record<string, VmRecord>): string {
  const taken = new Set(Object.values(machines).map((m) => machineName(m).toLowerCase()));
  let name = base;
  for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${base} ${n}`;
  return name;
}
