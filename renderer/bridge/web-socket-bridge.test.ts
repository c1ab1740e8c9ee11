import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "./bridge.ts";
import { BridgeError } from "./bridge.ts";
import { encodeFrame } from "./frame.ts";
import type { Socket } from "./web-socket-bridge.ts";
import { WebSocketBridge } from "./web-socket-bridge.ts";

class FakeSocket implements Socket {
  binaryType = "";
  readyState = 0;
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  sent: { id: number; method: string }[] = [];
  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }
  close(): void {
    this.onclose?.();
  }
  receive(message: unknown): void {
    this.onmessage?.({ data: message instanceof ArrayBuffer ? message : JSON.stringify(message) });
  }
}

function setUp() {
  const sockets: FakeSocket[] = [];
  const timers: { callback: () => void; ms: number }[] = [];
  const bridge = new WebSocketBridge(
    () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1) as FakeSocket;
    },
    { set: (callback, ms) => timers.push({ callback, ms }), clear: () => {}, now: () => 1000 },
  );
  const states: Connection[] = [];
  bridge.onConnection((c) => states.push(c));
  let resyncs = 0;
  bridge.onResync(() => resyncs++);
  return { bridge, sockets, timers, states, resyncs: () => resyncs };
}
const code = (expected: string) => (error: unknown) => error instanceof BridgeError && error.code === expected;

test("calls made before the connection is open are sent when it is, and get their own replies", async () => {
  const { bridge, sockets, states } = setUp();
  const list = bridge.call("vm.list", {});
  const trash = bridge.call("trash.list", {});
  const [socket] = sockets;
  assert.ok(socket);
  assert.equal(socket.sent.length, 0);
  socket.onopen?.();
  const [first, second] = [...socket.sent];
  socket.receive({ id: second?.id, ok: true, result: { entries: [] } });
  socket.receive({ id: first?.id, ok: true, result: { vms: [] } });
  assert.deepEqual(await list, { vms: [] });
  assert.deepEqual(await trash, { entries: [] });
  assert.deepEqual(
    states.map((s) => s.state),
    ["connecting", "open"],
  );
});

test("an error reply rejects with its code, an unagreed result as internal", async () => {
  const { bridge, sockets } = setUp();
  sockets[0]?.onopen?.();
  const start = bridge.call("vm.start", { id: "a" });
  sockets[0]?.receive({ id: sockets[0].sent[0]?.id, ok: false, code: "wrongState", message: "off", detail: "d" });
  await assert.rejects(start, (error: BridgeError) => error.code === "wrongState" && error.detail === "d");
  const list = bridge.call("vm.list", {});
  sockets[0]?.receive({ id: sockets[0].sent[1]?.id, ok: true, result: { vms: "many" } });
  await assert.rejects(list, code("internal"));
});

test("a lost connection fails what waits, refuses what comes, tries again and resyncs", async () => {
  const { bridge, sockets, timers, states, resyncs } = setUp();
  sockets[0]?.onopen?.();
  const waiting = bridge.call("vm.list", {});
  sockets[0]?.onclose?.();
  await assert.rejects(waiting, code("disconnected"));
  await assert.rejects(bridge.call("vm.list", {}), code("disconnected"));
  assert.deepEqual(states.at(-1), { state: "lost", attempt: 1, retryAt: 1250 });
  timers[0]?.callback();
  sockets[1]?.onclose?.();
  assert.equal((timers[1]?.ms ?? 0) > (timers[0]?.ms ?? 0), true);
  bridge.reconnect();
  assert.equal(resyncs(), 0);
  sockets[2]?.onopen?.();
  assert.equal(states.at(-1)?.state, "open");
  assert.equal(resyncs(), 1);
});

test("a first connection that takes several attempts also ends in a resync", () => {
  const { sockets, timers, resyncs } = setUp();
  sockets[0]?.onclose?.();
  timers[0]?.callback();
  sockets[1]?.onopen?.();
  assert.equal(resyncs(), 1);
});

test("events are checked, a gap in the sequence or an unreadable event asks for a resync", () => {
  const { bridge, sockets, resyncs } = setUp();
  const seen: string[] = [];
  bridge.onEvent((event) => seen.push(event.name));
  sockets[0]?.onopen?.();
  const removed = (sequence: number) => sockets[0]?.receive({ event: "vm.removed", sequence, data: { id: "a" } });
  removed(4);
  removed(5);
  assert.equal(resyncs(), 0);
  removed(7);
  assert.equal(resyncs(), 1);
  sockets[0]?.receive({ event: "vm.removed", sequence: 8, data: { id: 1 } });
  assert.equal(resyncs(), 2);
  assert.deepEqual(seen, ["vm.removed", "vm.removed", "vm.removed"]);
});

test("nonsense on the wire is ignored", () => {
  const { bridge, sockets } = setUp();
  let frames = 0;
  bridge.onFrame(() => frames++);
  sockets[0]?.onopen?.();
  for (const data of ["{", "7", "null", '{"id":99,"ok":true}', '{"event":"__proto__","sequence":1}', '{"event":"toString"}'])
    sockets[0]?.onmessage?.({ data });
  sockets[0]?.receive(new ArrayBuffer(5));
  assert.equal(frames, 0);
  sockets[0]?.receive(
    encodeFrame({
      id: "a",
      thumbnail: false,
      screenWidth: 1,
      screenHeight: 1,
      x: 0,
      y: 0,
      width: 1,
      height: 1,
      pixels: new Uint8ClampedArray(4),
    }),
  );
  assert.equal(frames, 1);
});
