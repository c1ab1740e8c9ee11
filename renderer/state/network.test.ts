import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { CallName } from "../../core/api/contract.ts";
import type { LinkStats, NetworkStats, PacketRow } from "../../core/api/network.ts";
import { EMPTY_TOPOLOGY } from "../../core/api/network.ts";
import type { Bridge, BridgeEvent } from "../bridge/bridge.ts";
import { Listeners } from "../bridge/listeners.ts";
import { applyPackets, createNetworkStore, followNetwork, ROWS_MAX, rateOf, watchNetwork } from "./network.ts";

const link = (bytes: number, frames = bytes / 100): LinkStats => ({ link: "a/nic0", up: true, blocked: false, receivedFrames: frames, receivedBytes: bytes, sentFrames: 0, sentBytes: 0, drops: {} });
const stats = (bytes: number): NetworkStats => ({ links: [link(bytes)], leases: [], events: [] });
const row = (number: number): PacketRow => ({ number, time: number, direction: "in", vlan: null, source: "", destination: "", protocol: "", length: 60, info: "" });
const settle = () => new Promise((resolve) => setImmediate(resolve));

function bridgeWith(answers: Partial<Record<CallName, unknown>>) {
  const events = new Listeners<BridgeEvent>();
  const resyncs = new Listeners<void>();
  const calls: string[] = [];
  const bridge = {
    call: async (method: CallName) => {
      calls.push(method);
      return answers[method] ?? {};
    },
    onEvent: (l: (event: BridgeEvent) => void) => events.add(l),
    onResync: (l: () => void) => resyncs.add(l),
  } as unknown as Bridge;
  return { bridge, events, resyncs, calls };
}

test("a rate is what passed between two counts; counters that began anew give none", () => {
  assert.deepEqual(rateOf(link(1000), link(2000), 0.5), { received: 16_000, sent: 0, framesPerSecond: 20 });
  assert.equal(rateOf(link(2000), link(0), 0.5).received, 0);
});

test("figures make rates, silence makes them nothing, and leaving stops the watch", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  let time = 0;
  const { bridge, events, calls } = bridgeWith({ "net.watch": stats(0) });
  const store = createNetworkStore();
  const stop = watchNetwork(store, bridge, () => time);
  await settle();
  assert.deepEqual(store.getState().rates, {});
  time = 500;
  events.emit({ name: "net.stats", data: stats(500) });
  assert.equal(store.getState().rates["a/nic0"]?.received, 8000);
  time = 3000;
  mock.timers.tick(2000);
  assert.deepEqual(store.getState().rates, {});
  stop();
  assert.deepEqual(calls, ["net.watch", "net.unwatch"]);
  mock.timers.reset();
});

test("the topology follows the app, and is read anew when something was missed", async () => {
  const { bridge, events, resyncs, calls } = bridgeWith({ "net.get": { topology: EMPTY_TOPOLOGY } });
  const store = createNetworkStore();
  followNetwork(store, bridge);
  await settle();
  assert.equal(store.getState().loaded, true);
  events.emit({ name: "net.changed", data: { topology: { ...EMPTY_TOPOLOGY, switches: [{ name: "s1" }] } } });
  assert.equal(store.getState().topology.switches.length, 1);
  resyncs.emit();
  await settle();
  assert.deepEqual([calls.length, store.getState().topology.switches.length], [2, 0]);
});

test("where a capture was saved is still known when more packets come", () => {
  const store = createNetworkStore();
  const info = { id: "c", link: "a/nic0", packets: 0, bytes: 0, path: null, isRunning: true };
  applyPackets(store, { ...info, path: "/captures/one.pcapng" }, [row(1)]);
  applyPackets(store, info, [row(2)]);
  assert.equal(store.getState().captures["c"]?.info.path, "/captures/one.pcapng");
});

test("a capture keeps its newest rows, each once", () => {
  const store = createNetworkStore();
  const info = { id: "c", link: "a/nic0", packets: 0, bytes: 0, path: null, isRunning: true };
  applyPackets(store, info, [row(1), row(2)]);
  applyPackets(store, info, [row(2), row(3)]);
  assert.deepEqual(store.getState().captures["c"]?.rows.map((r) => r.number), [1, 2, 3]);
  applyPackets(store, { ...info, isRunning: false }, Array.from({ length: ROWS_MAX }, (_, n) => row(n + 4)));
  const { rows, info: last } = store.getState().captures["c"] ?? {};
  assert.deepEqual([rows?.length, rows?.[0]?.number, last?.isRunning], [ROWS_MAX, 4, false]);
});
