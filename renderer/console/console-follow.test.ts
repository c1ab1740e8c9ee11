// What follows the bridge while the console is open: lights and text.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { ScreenText } from "../../core/api/vm-state.ts";
import { FakeBridge } from "../bridge/fake-bridge.ts";
import { followLights, LIT_MS } from "./activity-lights.ts";
import { followText } from "./text-feed.ts";

const settled = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

test("a light stays on for a moment after the last word of its device", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  t.after(() => mock.timers.reset());
  const bridge = new FakeBridge();
  const { vms } = await bridge.call("vm.list", {});
  const id = vms.find((vm) => vm.config?.drives.some((d) => d.kind === "cd"))?.id ?? "";
  const seen: string[] = [];
  // The scripted machine's disk works by itself now and then.
  const stop = followLights(bridge, id, (lit) => seen.push([...lit].filter((light) => light !== "disk").join()));
  await bridge.call("vm.insertMedium", { id, driveId: "cd0", path: "/home/user/images/freedos.img" });
  mock.timers.tick(LIT_MS - 1);
  await bridge.call("vm.insertMedium", { id, driveId: "cd0", path: "/home/user/images/server.img" });
  mock.timers.tick(LIT_MS - 1);
  assert.equal(seen.at(-1), "cd");
  mock.timers.tick(1);
  assert.equal(seen.at(-1), "");
  stop();
  const { length } = seen;
  await bridge.call("vm.insertMedium", { id, driveId: "cd0", path: "/home/user/images/server.img" });
  assert.equal(seen.length, length);
  bridge.close();
});

test("text comes at once, with each change, and again after a lost connection", async (t) => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  t.after(() => mock.timers.reset());
  const bridge = new FakeBridge();
  const { vms } = await bridge.call("vm.list", {});
  const id = vms[0]?.id ?? "";
  const seen: (ScreenText | null)[] = [];
  const stop = followText(bridge, id, (screen) => seen.push(screen));
  await settled();
  assert.match(seen[0]?.lines.join("\n") ?? "", /ring0> priv/);
  await bridge.call("vm.typeText", { id, text: "mem\n" });
  assert.match(seen.at(-1)?.lines.join("\n") ?? "", /usable {2}64512 KiB/);
  bridge.loseConnection();
  bridge.reconnect();
  await settled();
  assert.equal(bridge.log.filter((call) => call.method === "vm.watchText").length, 2);
  stop();
  await settled();
  assert.equal(bridge.log.at(-1)?.method, "vm.unwatchText");
  bridge.close();
});
