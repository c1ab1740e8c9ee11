import assert from "node:assert/strict";
import { test } from "node:test";
import { BridgeError } from "./bridge.ts";
import { encodeFrame } from "./frame.ts";
import type { PreloadApi } from "./preload-bridge.ts";
import { PreloadBridge } from "./preload-bridge.ts";

function setUp(reply: (method: string, params: unknown) => unknown) {
  let event: (message: unknown) => void = () => {};
  let frame: (message: ArrayBuffer) => void = () => {};
  let stopped = 0;
  const api: PreloadApi = {
    call: async (method, params) => reply(method, params),
    onEvent: (listener) => {
      event = listener;
      return () => stopped++;
    },
    onFrame: (listener) => {
      frame = listener;
      return () => stopped++;
    },
  };
  return { bridge: new PreloadBridge(api), event: (m: unknown) => event(m), frame: (m: ArrayBuffer) => frame(m), stopped: () => stopped };
}

test("replies, refusals and a failing preload script", async () => {
  const { bridge } = setUp((method) => {
    if (method === "vm.list") return { ok: true, result: { vms: [] } };
    if (method === "vm.start") return { ok: false, code: "fileMissing", message: "gone" };
    throw new Error("no handler");
  });
  assert.deepEqual(await bridge.call("vm.list", {}), { vms: [] });
  await assert.rejects(bridge.call("vm.start", { id: "a" }), (e) => e instanceof BridgeError && e.code === "fileMissing");
  await assert.rejects(
    bridge.call("trash.list", {}),
    (e) => e instanceof BridgeError && e.code === "internal" && e.message === "no handler",
  );
});

test("events and frames arrive until the bridge is closed", () => {
  const { bridge, event, frame, stopped } = setUp(() => undefined);
  const seen: string[] = [];
  bridge.onEvent((e) => seen.push(e.name));
  bridge.onFrame((f) => seen.push(f.id));
  event({ event: "vm.removed", sequence: 0, data: { id: "a" } });
  frame(
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
  assert.deepEqual(seen, ["vm.removed", "a"]);
  bridge.close();
  assert.equal(stopped(), 2);
});
