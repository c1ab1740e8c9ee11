import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { calls, events } from "../../core/api/contract.ts";
import { CONFIG_VERSION } from "../../core/api/vm-config.ts";
import { ErrorCode } from "../../core/api/vm-state.ts";
import { FakeVmWorker } from "../../core/testkit/fake-vm-worker.ts";
import { fakeApp } from "../testing/fake-app.ts";
import { connectPeer } from "../testing/recording-peer.ts";

const demo = { name: "Demo", memoryMiB: 64, boot: { kind: "demo" } };
const create = async (peer: ReturnType<typeof connectPeer>) => ((await peer.call("vm.create", demo))["vm"] as { id: string }).id;

test("a machine is made, started, listed and thrown away over the contract", async (t) => {
  const { app, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  const id = await create(peer);
  await peer.call("vm.start", { id });
  const { vms } = calls["vm.list"].reply.parse(await peer.call("vm.list"));
  assert.deepEqual(vms.map((vm) => [vm.id, vm.status]), [[id, "running"]]);
  await peer.call("vm.powerOff", { id });
  await peer.call("vm.delete", { id });
  const { entries } = calls["trash.list"].reply.parse(await peer.call("trash.list"));
  await peer.call("trash.restore", { id: entries[0]?.id });
  assert.deepEqual(peer.named("vm.changed").map((r) => (r as { status: string }).status), ["off", "starting", "running", "stopping", "off", "off"]);
  assert.deepEqual(peer.named("vm.removed"), [{ id }]);
});

test("events are numbered without gaps, each peer for itself, and are as the contract says", async (t) => {
  const { app, worker, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const early = connectPeer(app);
  const id = await create(early);
  const late = connectPeer(app);
  await late.call("vm.start", { id });
  worker().say({ kind: "stats", stats: { hostCpuPercent: 1, instructionsPerSecond: 2, uptimeNs: 3, haltedPercent: 4, counters: {} } });
  for (const peer of [early, late]) {
    assert.deepEqual(peer.events.map((e) => e.sequence), peer.events.map((_, i) => i));
    for (const { event, data } of peer.events) assert.ok(events[event].safeParse(data).success, event);
  }
  assert.equal(early.events.length, late.events.length + 1);
  assert.equal(late.named("vm.stats").length, 1);
});

test("serial output goes to those that watch, after what was shown before", async (t) => {
  const { app, worker, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  const other = connectPeer(app);
  const id = await create(peer);
  await peer.call("vm.start", { id });
  worker().say({ kind: "serial", data: Buffer.from("before ") });
  assert.deepEqual(await peer.call("vm.watch", { id }), { serialBacklog: "before " });
  worker().say({ kind: "serial", data: Buffer.from([0x41, 0xff]) });
  assert.deepEqual(peer.named("vm.serial"), [{ id, data: "A\u00ff" }]);
  assert.deepEqual(other.named("vm.serial"), []);
  await peer.call("vm.unwatch", { id });
  worker().say({ kind: "serial", data: Buffer.from("after") });
  assert.equal(peer.named("vm.serial").length, 1);
});

const nonsense: [string, unknown][] = [
  ["nothing", undefined], ["null", null], ["a number", 7], ["text", "vm.list"], ["a list", []], ["no method", { id: 1 }],
  ["a negative id", { id: -1, method: "vm.list" }], ["a method that is none", { id: 1, method: "vm.explode", params: {} }],
  ["a method of Object", { id: 1, method: "constructor", params: {} }], ["__proto__", { id: 1, method: "__proto__", params: {} }],
  ["no parameters", { id: 1, method: "vm.start" }], ["an id of the wrong kind", { id: 1, method: "vm.start", params: { id: 5 } }],
  ["too much memory", { id: 1, method: "vm.create", params: { ...demo, memoryMiB: 1e9 } }],
  ["a cap of 0", { id: 1, method: "vm.setCap", params: { id: "x", capPercent: 0 } }],
  ["too many events", { id: 1, method: "vm.input", params: { id: "x", events: Array.from({ length: 65 }, () => ({ kind: "key", code: "KeyA", down: true })) } }],
  ["serial text without end", { id: 1, method: "vm.serialInput", params: { id: "x", data: "x".repeat(70_000) } }],
  ["a boot source with extras", { id: 1, method: "vm.create", params: { ...demo, boot: { kind: "demo", exec: "rm" } } }],
];
for (const [what, message] of nonsense) {
  test(`${what} instead of a call is a bad request`, async (t) => {
    const { app, close } = fakeApp(FakeVmWorker);
    t.after(close);
    const peer = connectPeer(app);
    const reply = await peer.dispatch(message);
    assert.ok(!reply.ok && reply.code === "badRequest", JSON.stringify(reply));
    assert.deepEqual(await peer.call("vm.list"), { vms: [] });
  });
}

test("no message whatever makes the router throw or answer without a known code", async (t) => {
  const { app, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  const method = fc.oneof(fc.string(), fc.constantFrom(...Object.keys(calls).filter((name) => !name.startsWith("file."))));
  const message = fc.oneof(fc.anything(), fc.record({ id: fc.anything(), method, params: fc.anything() }));
  await fc.assert(
    fc.asyncProperty(message, async (value) => {
      const reply = await peer.dispatch(value);
      assert.equal(typeof reply.id, "number");
      assert.ok(reply.ok || ErrorCode.safeParse(reply.code).success);
    }),
    { numRuns: 300 },
  );
});

test("refusals carry their code, and faults of ours are logged", async (t) => {
  const { app, logged, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  await assert.rejects(peer.call("vm.start", { id: "nobody" }), { code: "notFound" });
  const id = await create(peer);
  await assert.rejects(peer.call("vm.pause", { id }), { code: "wrongState", message: "The machine cannot pause while it is off." });
  assert.deepEqual(logged, []);
});

test("a second app on the library says so and changes nothing", async (t) => {
  const { app, path, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const id = await create(connectPeer(app));
  const second = fakeApp(FakeVmWorker, path);
  t.after(() => second.app.close());
  const peer = connectPeer(second.app);
  await Promise.resolve();
  assert.match(second.logged[0] ?? "", /Another program \(process \d+/);
  assert.equal((peer.named("app.notice")[0] as { code: string }).code, "libraryBusy");
  assert.equal(calls["vm.list"].reply.parse(await peer.call("vm.list")).vms.length, 1);
  await assert.rejects(peer.call("vm.create", demo), { code: "libraryBusy" });
  await assert.rejects(peer.call("vm.delete", { id }), { code: "libraryBusy" });
});

test("a folder with a newer configuration is shown broken", async (t) => {
  const { app, path, close } = fakeApp(FakeVmWorker);
  t.after(close);
  mkdirSync(join(path, "future"));
  writeFileSync(join(path, "future", "machine.json"), JSON.stringify({ version: CONFIG_VERSION + 1 }));
  const { vms } = calls["vm.list"].reply.parse(await connectPeer(app).call("vm.list"));
  assert.deepEqual([vms[0]?.status, vms[0]?.failure?.code], ["broken", "configNewer"]);
});

test("facts about the host are plausible", async (t) => {
  const { app, path, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const info = calls["app.info"].reply.parse(await connectPeer(app).call("app.info"));
  assert.deepEqual([info.version, info.host, info.libraryPath], ["1.2.3", "headless", path]);
  assert.ok(info.hostMemoryMiB > 100 && info.hostFreeMemoryMiB <= info.hostMemoryMiB && info.hostCores >= 1);
});
