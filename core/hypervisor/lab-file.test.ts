import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY_TOPOLOGY, LabFile, MacText, NetName, Nic, Topology } from "../api/network.ts";
import { joinLab, labFault, labNics, labOf, labTopology, makeMac, netName } from "./lab-file.ts";

const LAB = LabFile.parse({
  name: "two",
  machines: [
    { name: "web", kernel: "bzImage", append: "quiet", nics: [{ switch: "s1", vlan: 10 }, { switch: "s2", trunk: [10, 20], native: 1 }] },
    { name: "db", nics: [{ switch: "s1", vlan: 20, mac: "52:54:00:00:00:07" }] },
  ],
  switches: [{ name: "s1" }, { name: "s2" }],
  trunks: [["s1", "s2"], ["s1", "s2"]],
  gateways: [{ switch: "s1", vlan: 10, network: "10.0.10.0/24", nat: true, forwards: [{ hostPort: 2222, guest: "web", guestPort: 22 }] }],
  rules: [{ from: "s1-10", to: "s1-10" }],
  places: { "switch:s1": { x: 1, y: 2 } },
});

const asIs = (path: string): string => path;

test("what a lab leaves out gets names, and its cards get addresses that stay", () => {
  const topology = Topology.parse(labTopology(LAB, asIs));
  assert.deepEqual(topology.trunks.map((trunk) => trunk.name), ["s1-s2", "s1-s2-2"]);
  assert.equal(topology.gateways[0]!.name, "s1-10");
  const nics = labNics(LAB);
  assert.deepEqual(nics, labNics(LAB));
  const all = [...nics.values()].flat().map((nic) => Nic.parse(nic));
  assert.deepEqual(all.map((nic) => nic.id), ["nic0", "nic1", "nic0"]);
  assert.equal(new Set(all.map((nic) => nic.mac)).size, 3);
  assert.equal(all[2]!.mac, "52:54:00:00:00:07");
  assert.deepEqual(all[1]!.connection, { switch: "s2", vlans: { mode: "trunk", allowed: [10, 20], native: 1 } });
  assert.deepEqual(all[0]!.connection, { switch: "s1", vlans: { mode: "access", vlan: 10 } });
});

test("addresses are unique and those of stations, names are names", () => {
  const taken = new Set<string>();
  for (let i = 0; i < 200; i++) MacText.parse(makeMac("same", taken));
  assert.equal(taken.size, 200);
  for (const text of ["Web server (old)", "…", "x".repeat(80), "_-a", "Größe"]) NetName.parse(netName(text));
  assert.equal(netName("Web server"), "Web-server");
});

test("a lab joins what is there under names of its own", () => {
  const first = joinLab(EMPTY_TOPOLOGY, LAB, new Set(), asIs);
  assert.deepEqual(first.topology, labTopology(LAB, asIs));
  const macs = new Set([...first.nics.values()].flat().map((nic) => nic.mac));
  const second = joinLab(first.topology, { ...LAB, machines: LAB.machines.slice(0, 1) }, macs, asIs);
  assert.deepEqual(second.topology.switches.map((each) => each.name), ["s1", "s2", "s1-2", "s2-2"]);
  assert.deepEqual(second.topology.trunks[2]!.ends, ["s1-2", "s2-2"]);
  assert.equal(second.topology.gateways[1]!.name, "s1-10-2");
  assert.equal(second.topology.gateways[1]!.switch, "s1-2");
  assert.deepEqual(second.topology.rules[1], { from: "s1-10-2", to: "s1-10-2", protocol: "any" });
  assert.deepEqual(second.topology.places["switch:s1-2"], { x: 1, y: 2 });
  const cards = second.nics.get("web")!;
  assert.equal(cards[0]!.connection!.switch, "s1-2");
  assert.ok(cards.every((nic) => !first.nics.get("web")!.some((other) => other.mac === nic.mac)));
});

test("bridges of a lab come in off, whatever was on where it was made, and under names of their own", () => {
  const lab = LabFile.parse({ ...LAB, bridges: [{ switch: "s1", vlan: 30, interface: "vmtap0" }, { name: "up", switch: "s2", trunk: [40], native: 50, interface: "vmtap1" }] });
  const topology = Topology.parse(labTopology(lab, asIs));
  assert.deepEqual(topology.bridges, [
    { name: "vmtap0", switch: "s1", vlans: { mode: "access", vlan: 30 }, interface: "vmtap0", enabled: false },
    { name: "up", switch: "s2", vlans: { mode: "trunk", allowed: [40], native: 50 }, interface: "vmtap1", enabled: false },
  ]);
  const on: Topology = { ...topology, bridges: topology.bridges.map((each) => ({ ...each, enabled: true })), places: { "bridge:up": { x: 5, y: 6 } } };
  const exported = labOf(on, [], asIs);
  assert.deepEqual(LabFile.parse(exported), exported);
  assert.ok(!JSON.stringify(exported).includes("enabled"));
  const joined = joinLab(on, exported, new Set(), asIs).topology;
  assert.deepEqual(joined.bridges.map(({ name, switch: at, enabled }) => [name, at, enabled]), [["vmtap0", "s1", true], ["up", "s2", true], ["vmtap0-2", "s1-2", false], ["up-2", "s2-2", false]]);
  assert.deepEqual(joined.places["bridge:up-2"], { x: 5, y: 6 });
  assert.equal(LabFile.safeParse({ ...LAB, bridges: [{ switch: "s1", vlan: 30, interface: "vmtap0", enabled: true }] }).success, false);
});

test("machines that contradict themselves are refused with a sentence", () => {
  const fault = (machines: unknown[]): string => labFault(LabFile.parse({ machines, switches: [{ name: "s1" }] })) ?? "";
  assert.match(fault([{ name: "a" }, { name: "A" }]), /two machines called A/);
  assert.match(fault([{ name: "a", nics: [{ switch: "s9", vlan: 1 }] }]), /switch s9, which the lab does not have/);
  assert.match(fault([{ name: "a", vm: "x", kernel: "k" }]), /one of the library/);
  assert.match(fault([{ name: "a", initrd: "i" }]), /no kernel/);
  assert.match(fault([{ name: "a", cdrom: "c.iso", append: "quiet" }]), /starts from no kernel/);
  assert.equal(fault([{ name: "a", append: "name=a" }]), "", "words for the demo guest");
  const nics = [{ switch: "s1", vlan: 1, mac: "52:54:00:00:00:01" }];
  assert.match(fault([{ name: "a", nics }, { name: "b", nics }]), /another card of the lab has/);
  assert.equal(labFault(LAB), undefined);
});

test("what is exported comes back as it was", () => {
  const nics = labNics(LAB);
  const config = {
    version: 2, id: "00000000-0000-4000-8000-000000000000", name: "web", notes: "", createdAt: "2026-01-01T00:00:00Z", memoryMiB: 256,
    cpu: { model: "ringfence64", capPercent: 100, engine: "translator" }, boot: { kind: "kernel", kernel: "bzImage", append: "quiet", modules: [] },
    drives: [], firmware: { kind: "ringfence" }, devices: { tablet: true, balloon: true, entropy: true, paravirtual: true }, nics: nics.get("web")!,
  };
  const topology = { ...labTopology(LAB, asIs), places: { [`vm:${config.id}`]: { x: 5, y: 6 } } };
  const exported = LabFile.parse(labOf(topology, [{ config: config as never, folder: "/vm" }], (path, folder) => `${folder}/${path}`));
  assert.equal(exported.machines[0]!.kernel, "/vm/bzImage");
  assert.deepEqual(labNics(exported).get("web"), nics.get("web"));
  assert.deepEqual(exported.places, { "vm:web": { x: 5, y: 6 } });
  assert.deepEqual(labTopology(exported, asIs).trunks, topology.trunks);
});
