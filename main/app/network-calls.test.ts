import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { calls, events } from "../../core/api/contract.ts";
import { LabFile, Topology } from "../../core/api/network.ts";
import { FakeVmWorker } from "../../core/testkit/fake-vm-worker.ts";
import { fakeApp } from "../testing/fake-app.ts";
import { connectPeer, type RecordingPeer } from "../testing/recording-peer.ts";

const LAN = Topology.parse({ version: 1, switches: [{ name: "lan" }, { name: "far" }], trunks: [{ name: "t", ends: ["lan", "far"] }] });
const LAB = LabFile.parse({
  name: "two",
  machines: [
    { name: "web", nics: [{ switch: "lan", vlan: 10 }] },
    { name: "db", kernel: "bzImage", append: "quiet", memory: 64, nics: [{ switch: "lan", vlan: 20 }, { switch: "lan", trunk: [10, 20] }] },
  ],
  switches: [{ name: "lan" }],
  gateways: [{ switch: "lan", vlan: 10, network: "10.0.10.0/24", tftpFolder: "boot" }],
  places: { "vm:web": { x: 1, y: 2 }, "switch:lan": { x: 3, y: 4 } },
});

const vms = async (peer: RecordingPeer) => calls["vm.list"].reply.parse(await peer.call("vm.list")).vms;
const topology = async (peer: RecordingPeer) => calls["net.get"].reply.parse(await peer.call("net.get")).topology;

test("the network is got, replaced and told to every peer; what cannot be is refused", async (t) => {
  const { app, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const [one, other] = [connectPeer(app), connectPeer(app)];
  assert.deepEqual((await topology(one)).switches, []);
  await one.call("net.update", { topology: LAN });
  for (const peer of [one, other]) assert.deepEqual(peer.named("net.changed"), [{ topology: LAN }]);
  await assert.rejects(one.call("net.update", { topology: { ...LAN, switches: [{ name: "lan" }] } }), { code: "badRequest", message: "Trunk t leads to the switch far, which does not exist." });
  assert.deepEqual(await topology(other), LAN);
});

test("a lab makes machines and a network, twice beside each other, and is exported as it was", async (t) => {
  const { app, path, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  const { ids } = calls["lab.create"].reply.parse(await peer.call("lab.create", { lab: LAB, folder: "/labs" }));
  const made = await vms(peer);
  assert.deepEqual(ids.map((id) => made.find((vm) => vm.id === id)?.config?.name), ["web", "db"]);
  assert.deepEqual(made.find((vm) => vm.config?.name === "db")?.config?.boot, { kind: "kernel", kernel: "/labs/bzImage", append: "quiet", modules: [] });
  assert.deepEqual((await topology(peer)).places, { "switch:lan": { x: 3, y: 4 }, [`vm:${ids[0]}`]: { x: 1, y: 2 } });
  const { lab } = calls["lab.export"].reply.parse(await peer.call("lab.export"));
  assert.deepEqual(lab.machines.find(({ name }) => name === "db")?.nics.map((nic) => ("vlan" in nic ? nic.vlan : nic.trunk)), [20, [10, 20]]);
  assert.deepEqual([lab.gateways[0]?.name, lab.gateways[0]?.tftpFolder], ["lan-10", "/labs/boot"]);
  await peer.call("lab.create", { lab: LAB, folder: "/labs" });
  const all = await vms(peer);
  assert.deepEqual(all.map((vm) => vm.config?.name).sort(), ["db", "db 2", "web", "web 2"]);
  assert.deepEqual((await topology(peer)).switches, [{ name: "lan" }, { name: "lan-2" }]);
  const macs = all.flatMap((vm) => vm.config?.nics.map((nic) => nic.mac) ?? []);
  assert.equal(new Set(macs).size, 6);
  assert.ok(existsSync(join(path, "networks.json")));
});

test("a lab that cannot be leaves nothing behind", async (t) => {
  const { app, path, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  await peer.call("net.update", { topology: LAN });
  const before = readFileSync(join(path, "networks.json"), "utf8");
  const cases = [
    { ...LAB, machines: [{ name: "a", vm: "nobody" }] },
    { ...LAB, gateways: [{ switch: "lan", vlan: 1, network: "10.0.0.9/24" }] },
    { ...LAB, machines: [{ name: "a", nics: [{ switch: "none", vlan: 1 }] }] },
  ];
  for (const lab of cases) await assert.rejects(peer.call("lab.create", { lab }));
  assert.deepEqual(await vms(peer), []);
  assert.equal(readFileSync(join(path, "networks.json"), "utf8"), before);
});

test("faults go to the machine of a card, and to the network for a trunk", async (t) => {
  const { app, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const peer = connectPeer(app);
  await peer.call("net.update", { topology: LAN });
  const { ids: [id = ""] } = calls["lab.create"].reply.parse(await peer.call("lab.create", { lab: LAB }));
  await peer.call("vm.start", { id });
  await peer.call("net.setFaults", { link: `${id}/nic0`, faults: { loss: 0.5 } });
  assert.deepEqual((await vms(peer)).find((vm) => vm.id === id)?.config?.nics[0]?.faults, { loss: 0.5 });
  await peer.call("net.setFaults", { link: `${id}/nic0`, faults: {} });
  assert.equal((await vms(peer)).find((vm) => vm.id === id)?.config?.nics[0]?.faults, undefined);
  await peer.call("net.setFaults", { link: "trunk:t", faults: { cut: true } });
  assert.deepEqual((await topology(peer)).trunks[0]?.faults, { cut: true });
  await peer.call("net.setFaults", { link: "gateway:lan-10", faults: { delayMs: 5 } });
  assert.deepEqual((await topology(peer)).gateways[0]?.faults, { delayMs: 5 });
  assert.deepEqual((await topology(peer)).trunks[0]?.faults, { cut: true });
  for (const link of ["trunk:x", `${id}/nic7`, "nobody/nic0", "x"]) await assert.rejects(peer.call("net.setFaults", { link, faults: {} }), { code: "notFound" });
});

test("statistics go to those that watch; captures to those that began them", async (t) => {
  const { app, path, close } = fakeApp(FakeVmWorker);
  t.after(close);
  const [peer, other] = [connectPeer(app), connectPeer(app)];
  const { ids: [id = ""] } = calls["lab.create"].reply.parse(await peer.call("lab.create", { lab: LAB }));
  await peer.call("vm.start", { id });
  const stats = calls["net.watch"].reply.parse(await peer.call("net.watch"));
  assert.deepEqual(stats.links.map(({ link, up }) => [link, up]), [[`${id}/nic0`, false], ["gateway:lan-10", true]]);
  assert.deepEqual(other.named("net.stats"), []);
  for (const data of peer.named("net.stats")) assert.ok(events["net.stats"].safeParse(data).success);
  await peer.call("net.unwatch");
  const { capture } = calls["net.startCapture"].reply.parse(await peer.call("net.startCapture", { link: "gateway:lan-10", path: "gateway.pcapng" }));
  assert.deepEqual(capture, { id: capture.id, link: "gateway:lan-10", packets: 0, bytes: 0, path: join(path, ".media", "gateway.pcapng"), isRunning: true });
  await assert.rejects(peer.call("net.startCapture", { link: "gateway:none" }), { code: "notFound" });
  assert.deepEqual(await peer.call("net.packet", { captureId: capture.id, number: 1 }), { packet: null });
  const saved = [await peer.call("net.saveCapture", { captureId: capture.id }), await peer.call("net.saveCapture", { captureId: capture.id })];
  assert.deepEqual(saved, [{ path: join(path, ".media", "capture.pcapng") }, { path: join(path, ".media", "capture-2.pcapng") }]);
  const stopped = calls["net.stopCapture"].reply.parse(await peer.call("net.stopCapture", { captureId: capture.id }));
  assert.equal(stopped.capture.isRunning, false);
  assert.ok(existsSync(join(path, ".media", "gateway.pcapng")));
  await assert.rejects(other.call("net.stopCapture", { captureId: "capture-77" }), { code: "notFound" });
});
