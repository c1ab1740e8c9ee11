import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { BridgeError } from "./bridge.ts";
import { FakeBridge } from "./fake-bridge.ts";

test("a scripted machine goes through its life as the contract says", async () => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const bridge = new FakeBridge("empty");
  const statuses: string[] = [];
  let serial = "";
  bridge.onEvent((event) => {
    if (event.name === "vm.changed") statuses.push(event.data.status);
    if (event.name === "vm.serial") serial += event.data.data;
  });
  const { vm } = await bridge.call("vm.create", { name: "T", memoryMiB: 64, boot: { kind: "demo" } });
  await assert.rejects(bridge.call("vm.pause", { id: vm.id }), (e) => e instanceof BridgeError && e.code === "wrongState");
  await bridge.call("vm.watch", { id: vm.id });
  await bridge.call("vm.start", { id: vm.id });
  mock.timers.tick(400);
  await bridge.call("vm.serialInput", { id: vm.id, data: "priv\r" });
  assert.match(serial, /#GP\(0\)/);
  await bridge.call("vm.serialInput", { id: vm.id, data: "crash\r" });
  const { vms } = await bridge.call("vm.list", {});
  assert.equal(vms[0]?.failure?.code, "tripleFault");
  assert.deepEqual(statuses, ["off", "starting", "running", "error"]);
  const { trash } = await bridge.call("vm.delete", { id: vm.id });
  assert.equal((await bridge.call("vm.list", {})).vms.length, 0);
  await bridge.call("trash.restore", { id: trash.id });
  assert.equal((await bridge.call("vm.list", {})).vms.length, 1);
  bridge.close();
  mock.timers.reset();
});

test("requests are checked as over a wire, and a lost connection fails them", async () => {
  const bridge = new FakeBridge();
  await assert.rejects(
    bridge.call("vm.create", { name: " ", memoryMiB: 64, boot: { kind: "demo" } }),
    (e) => e instanceof BridgeError && e.code === "badRequest",
  );
  let resyncs = 0;
  bridge.onResync(() => resyncs++);
  bridge.loseConnection();
  await assert.rejects(bridge.call("vm.list", {}), (e) => e instanceof BridgeError && e.code === "disconnected");
  bridge.reconnect();
  assert.equal(resyncs, 1);
  assert.equal((await bridge.call("vm.list", {})).vms.length, 6);
  bridge.close();
});
