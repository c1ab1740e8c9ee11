import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmRecord } from "../../core/api/vm-state.ts";
import type { Bridge, BridgeEvent } from "../bridge/bridge.ts";
import { BridgeError } from "../bridge/bridge.ts";
import { Listeners } from "../bridge/listeners.ts";
import {
  applyRecord,
  applyStats,
  createMachinesStore,
  followMachines,
  HISTORY,
  machineName,
  sortMachines,
  uniqueName,
} from "./machines.ts";

const record = (id: string, name: string, status: VmRecord["status"] = "off", createdAt = "2026-01-01T00:00:00Z"): VmRecord => ({
  id,
  folder: name,
  path: `/lib/${name}`,
  status,
  failure: null,
  capPercent: 100,
  config: {
    version: 1,
    id,
    name,
    notes: "",
    createdAt,
    memoryMiB: 64,
    cpu: { model: "m", capPercent: 100, engine: "interpreter" },
    boot: { kind: "demo" },
  },
});
const stats = { hostCpuPercent: 50, instructionsPerSecond: 2e7, uptimeNs: 1, haltedPercent: 0, counters: {} };
const settle = () => new Promise((resolve) => setImmediate(resolve));
const unexpected = (error: unknown): never => assert.fail(String(error));

/** A bridge whose vm.list the test answers by hand. */
function handBridge() {
  const events = new Listeners<BridgeEvent>();
  const resyncs = new Listeners<void>();
  const lists: { answer: (vms: VmRecord[]) => void; fail: (error: unknown) => void }[] = [];
  const bridge = {
    call: () => new Promise((resolve, reject) => lists.push({ answer: (vms) => resolve({ vms }), fail: reject })),
    onEvent: (l: (event: BridgeEvent) => void) => events.add(l),
    onResync: (l: () => void) => resyncs.add(l),
  } as unknown as Bridge;
  return { bridge, events, resyncs, lists };
}

test("an event that overtakes the list is not undone by it", async () => {
  const { bridge, events, lists } = handBridge();
  const store = createMachinesStore();
  followMachines(store, bridge, unexpected);
  events.emit({ name: "vm.changed", data: record("a", "A", "running") });
  events.emit({ name: "vm.removed", data: { id: "b" } });
  lists[0]?.answer([record("a", "A", "off"), record("b", "B")]);
  await settle();
  assert.equal(store.getState().loaded, true);
  assert.deepEqual(
    Object.values(store.getState().machines).map((m) => [m.id, m.status]),
    [["a", "running"]],
  );
});

test("missed events are made good by a new list, and an answer to the old one is ignored", async () => {
  const { bridge, resyncs, lists } = handBridge();
  const store = createMachinesStore();
  followMachines(store, bridge, unexpected);
  resyncs.emit();
  lists[1]?.answer([record("new", "N")]);
  lists[0]?.answer([record("old", "O")]);
  await settle();
  assert.deepEqual(Object.keys(store.getState().machines), ["new"]);
});

test("a list that cannot be read is told, and the machines stay", async () => {
  const { bridge, resyncs, lists } = handBridge();
  const store = createMachinesStore();
  const errors: unknown[] = [];
  followMachines(store, bridge, (error) => errors.push(error));
  lists[0]?.answer([record("a", "A")]);
  await settle();
  resyncs.emit();
  lists[1]?.fail(new BridgeError("ioFailed", "disk"));
  await settle();
  assert.equal(errors.length, 1);
  assert.deepEqual(Object.keys(store.getState().machines), ["a"]);
});

test("figures are kept for a minute and go when the machine goes off", () => {
  const store = createMachinesStore();
  applyRecord(store, record("a", "A", "running"));
  for (let i = 0; i < HISTORY + 10; i++) applyStats(store, "a", { ...stats, hostCpuPercent: i }, i / 2);
  const history = store.getState().stats["a"];
  assert.equal(history?.time.length, HISTORY);
  assert.equal(history?.hostCpuPercent.at(-1), HISTORY + 9);
  assert.equal(history?.mips.at(-1), 20);
  applyRecord(store, record("a", "A", "off"));
  assert.equal(store.getState().stats["a"], undefined);
  applyStats(store, "ghost", stats, 0);
  assert.equal(store.getState().stats["ghost"], undefined);
});

test("machines are in order of age, unreadable folders last and by their folder", () => {
  const broken: VmRecord = { ...record("folder:x", "x", "broken"), config: null };
  const machines = { x: broken, b: record("b", "B", "off", "2026-02-01T00:00:00Z"), a: record("a", "A", "off", "2026-01-01T00:00:00Z") };
  assert.deepEqual(sortMachines(machines).map(machineName), ["A", "B", "x"]);
});

test("a default name is not one that a machine has, whatever its case", () => {
  const machines = { a: record("a", "demo GUEST"), b: record("b", "Demo guest 2") };
  assert.equal(uniqueName("Demo guest", machines), "Demo guest 3");
  assert.equal(uniqueName("Linux", machines), "Linux");
});
