// Drawing to edits, what is refused, undo, layout, the lab and the picture: all of the editor that needs no browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Nic, NicConnection } from "../../../core/api/network.ts";
import { EMPTY_TOPOLOGY, LabFile, Topology } from "../../../core/api/network.ts";
import { VmConfig } from "../../../core/api/vm-config.ts";
import { drawn, endOf } from "./drawn-connection.ts";
import type { Edited } from "./edits.ts";
import {
  addBridge, addGateway, addNic, addSwitch, addTrunk, addVlan, arrange, moveMachine, nameVlan, parseVlans, removalOf, removeGateway, removeSwitch, removeVlan, renameSwitch, renumberVlan, setFaults,
  setBridge, setGateway, setPlaces, setRules, vlansText,
} from "./edits.ts";
import { bridgeState, paceOf } from "./link-text.ts";
import type { NetworkDoc } from "./network-doc.ts";
import { berthOf, freeNetwork, gatewayAddress, leasesOf, Refusal, vlanKey, vlansOf } from "./network-doc.ts";
import type { Patch } from "./network-editor.ts";
import { NetworkEditor, patchOf } from "./network-editor.ts";
import { hexLines, matches, visibleRows } from "./packet-filter.ts";
import { pictureOf } from "./picture.ts";
import { absolute, nodeAt, sceneOf, sides } from "./scene.ts";
import { STARTER_LAB } from "./starter-lab.ts";

const random = (): number => 0.5;

test("the lab that is offered is the one that lies ready for the command line", () => {
  const path = new URL("../../../assets/labs/three-machines.json", import.meta.url);
  const { $schema: _, ...file } = LabFile.parse(JSON.parse(readFileSync(path, "utf8")));
  const machines = file.machines.map((machine) => ({ ...machine, nics: machine.nics.map(({ mac, ...nic }) => nic) }));
  assert.deepEqual(STARTER_LAB, { ...file, machines });
});

const on = (name: string, vlan: number): NicConnection => ({ switch: name, vlans: { mode: "access", vlan } });
const card = (n: number, connection: NicConnection | null, id = "nic0"): Nic => ({ id, model: "virtio", mac: `52:54:00:00:00:0${n}`, connection, cable: true });

function lab(): NetworkDoc {
  const gateway = { switch: "s1", nat: true, forwards: [], hostServices: [], reservations: [], domain: "lab" };
  return {
    topology: {
      ...EMPTY_TOPOLOGY,
      switches: [{ name: "s1" }, { name: "s2" }],
      gateways: [{ ...gateway, name: "gw10", vlan: 10, network: "10.0.10.0/24" }, { ...gateway, name: "gw20", vlan: 20, network: "10.0.20.0/24" }],
      rules: [{ from: "gw10", to: "gw20", protocol: "any" }],
    },
    machines: [
      { id: "a", name: "alice", status: "running", nics: [card(1, on("s1", 10))] },
      { id: "b", name: "bob", status: "running", nics: [card(2, on("s1", 10))] },
      { id: "c", name: "carol", status: "off", nics: [card(3, on("s2", 30))] },
      { id: "m", name: "monitor", status: "off", nics: [card(4, on("s1", 10)), card(5, on("s2", 30), "nic1")] },
      { id: "n", name: "spare", status: "off", nics: [] },
    ],
  };
}

function done(edited: Edited): NetworkDoc {
  assert.ok(!(edited instanceof Refusal), edited instanceof Refusal ? edited.reason : "");
  assert.ok(Topology.safeParse(edited.topology).success);
  for (const machine of edited.machines) assert.ok(VmConfig.shape.nics.safeParse(machine.nics).success);
  return edited;
}

const refused = (edited: Edited): string => (edited instanceof Refusal ? edited.reason : "done");
const draw = (doc: NetworkDoc, from: [string, string?], to: [string, string?]) => drawn(doc, endOf(from[0], from[1] ?? null), endOf(to[0], to[1] ?? null), random);

function edited(doc: NetworkDoc, from: [string, string?], to: [string, string?]): Edited {
  const what = draw(doc, from, to);
  assert.ok("edited" in what, "a question was asked");
  return what.edited;
}

const berth = (doc: NetworkDoc, id: string) => {
  const machine = doc.machines.find((m) => m.id === id);
  assert.ok(machine);
  const at = berthOf(doc, machine);
  return at.kind === "area" ? `${at.switch}/${at.vlan}` : at.kind;
};

test("a machine that is dropped on a VLAN, a gateway or the shelf goes there, from whichever end the line was drawn", () => {
  const doc = lab();
  assert.equal(berth(done(edited(doc, ["vm:a"], ["vlan:s2/30"])), "a"), "s2/30");
  assert.equal(berth(done(edited(doc, ["vlan:s2/30"], ["vm:a", "nic0"])), "a"), "s2/30");
  assert.equal(berth(done(edited(doc, ["vm:a", "nic0"], ["switch:s1", "vlan-20"])), "a"), "s1/20");
  assert.equal(berth(done(edited(doc, ["vm:c"], ["gateway:gw20"])), "c"), "s1/20");
  assert.equal(berth(done(edited(doc, ["vm:a"], ["shelf"])), "a"), "shelf");
  const joined = done(edited(doc, ["vm:n"], ["vlan:s1/10"]));
  assert.equal(berth(joined, "n"), "s1/10");
  assert.match(joined.machines[4]?.nics[0]?.mac ?? "", /^52:54:00:/);
});

test("one card of several is moved by its own line, the machine as a whole is not", () => {
  const doc = lab();
  assert.equal(refused(edited(doc, ["vm:m"], ["vlan:s1/20"])), "severalCards");
  const moved = done(edited(doc, ["vm:m", "nic1"], ["vlan:s1/20"]));
  assert.deepEqual(moved.machines[3]?.nics.map((nic) => nic.connection), [on("s1", 10), on("s1", 20)]);
});

test("lines that cannot be are refused with their reason and change nothing", () => {
  const doc = lab();
  const cases: [[string, string?], [string, string?], string][] = [
    [["vm:a", "nic0"], ["vm:b", "nic0"], "twoMachines"],
    [["vm:a"], ["internet"], "throughGateway"],
    [["vm:a"], ["switch:s1"], "dropOnVlan"],
    [["vlan:s1/10"], ["vlan:s1/20"], "fencedVlans"],
    [["vlan:s1/10"], ["vlan:s2/30"], "fencedVlans"],
    [["switch:s1", "left"], ["switch:s1", "right"], "sameSwitch"],
    [["gateway:gw10"], ["gateway:gw20"], "twoGateways"],
    [["gateway:gw10"], ["vlan:s1/20"], "gatewayTaken"],
    [["gateway:gw10"], ["switch:s2"], "gatewayOnSwitch"],
    [["switch:s1"], ["internet"], "throughGateway"],
    [["vm:ghost", "nic0"], ["vlan:s1/10"], "nothingThere"],
  ];
  for (const [from, to, reason] of cases) assert.equal(refused(edited(doc, from, to)), reason, `${from} ${to}`);
  assert.deepEqual(doc, lab());
});

test("a line to a switch as a whole asks which VLANs pass; one between the same VLAN of two switches does not", () => {
  const doc = done(addVlan(lab(), "s2", 10));
  assert.deepEqual(draw(doc, ["switch:s1", "right"], ["switch:s2"]), { ask: "trunk", switches: ["s1", "s2"] });
  assert.deepEqual(draw(doc, ["vm:a", "nic0"], ["switch:s2"]), { ask: "nicTrunk", vm: "a", nic: "nic0", switch: "s2" });
  const trunked = done(edited(doc, ["vlan:s1/10"], ["vlan:s2/10"]));
  assert.deepEqual(trunked.topology.trunks.map((t) => [t.ends, t.allowed]), [[["s1", "s2"], [10]]]);
});

test("a VLAN that the last machine has left stays drawn, until it is removed", () => {
  let doc = done(moveMachine(lab(), "c", on("s1", 20), random));
  doc = done(removeVlan(doc, "s2", 30));
  assert.deepEqual(vlansOf(doc, "s2"), [1]);
  const emptied = done(moveMachine(lab(), "c", null, random));
  assert.deepEqual(vlansOf(emptied, "s2"), [30]);
});

test("renaming a switch or giving a VLAN another number takes everything along", () => {
  let doc = done(addTrunk(lab(), "s1", "s2", "all"));
  doc = done(setPlaces(done(addVlan(doc, "s1", 40)), { "switch:s1": { x: 5, y: 6 } }));
  doc = done(renameSwitch(doc, "s1", "core"));
  assert.deepEqual(doc.topology.trunks[0]?.ends, ["core", "s2"]);
  assert.ok(doc.topology.gateways.every((g) => g.switch === "core"));
  assert.deepEqual(Object.keys(doc.topology.places).sort(), ["switch:core", vlanKey("core", 40)]);
  assert.equal(berth(doc, "a"), "core/10");
  doc = done(renumberVlan(done(nameVlan(doc, 10, "Office")), "core", 10, 11));
  assert.deepEqual([berth(doc, "a"), berth(doc, "b"), doc.topology.vlanNames["11"]], ["core/11", "core/11", "Office"]);
  assert.equal(doc.topology.gateways[0]?.vlan, 11);
  assert.equal(refused(renameSwitch(doc, "core", "gw20")), "nameTaken");
  assert.equal(refused(renameSwitch(doc, "core", "a b")), "nameWrong");
  assert.equal(refused(renumberVlan(doc, "core", 11, 20)), "vlanTaken");
  assert.equal(refused(renumberVlan(doc, "core", 11, 4095)), "vlanWrong");
});

test("a removed switch takes its trunks, gateways and their rules; machines stay", () => {
  const doc = done(removeSwitch(done(addTrunk(lab(), "s1", "s2", "all")), "s1"));
  assert.deepEqual([doc.topology.trunks, doc.topology.gateways, doc.topology.rules], [[], [], []]);
  assert.equal(berth(doc, "a"), "shelf");
  assert.equal(berth(doc, "c"), "s2/30");
  assert.equal(berth(doc, "m"), "s2/30");
});

test("a bridge is drawn off, moved by a line, and goes with its VLAN and its switch", () => {
  let doc = done(addBridge(lab(), "s2", 30));
  const [bridge] = doc.topology.bridges;
  assert.deepEqual(bridge, { name: "bridge1", switch: "s2", vlans: { mode: "access", vlan: 30 }, interface: "vmtap0", enabled: false });
  assert.equal(done(addBridge(doc, "s2", 30)).topology.bridges[1]?.interface, "vmtap1");
  assert.equal(berth(done(edited(doc, ["vm:a"], ["bridge:bridge1"])), "a"), "s2/30");
  assert.equal(done(edited(doc, ["bridge:bridge1"], ["vlan:s1/20"])).topology.bridges[0]?.switch, "s1");
  assert.equal(refused(edited(doc, ["bridge:bridge1"], ["switch:s1"])), "bridgeOnSwitch");
  assert.equal(refused(edited(doc, ["bridge:bridge1"], ["internet"])), "bridgeOnSwitch");
  doc = done(setPlaces(doc, { "bridge:bridge1": { x: 1, y: 2 } }));
  doc = done(setBridge(doc, "bridge1", { name: "out" }));
  assert.deepEqual(doc.topology.places["bridge:out"], { x: 1, y: 2 });
  assert.equal(done(renameSwitch(doc, "s2", "edge")).topology.bridges[0]?.switch, "edge");
  assert.deepEqual(done(renumberVlan(doc, "s2", 30, 31)).topology.bridges[0]?.vlans, { mode: "access", vlan: 31 });
  assert.deepEqual(done(removeVlan(doc, "s2", 30)).topology.bridges, []);
  assert.deepEqual(done(removeSwitch(doc, "s2")).topology.bridges, []);
  const gone = done(removalOf(doc, "bridge:out") ?? assert.fail());
  assert.deepEqual([gone.topology.bridges, gone.topology.places["bridge:out"]], [[], undefined]);
  const { nodes, lines } = sceneOf(doc);
  assert.deepEqual([nodes.find(({ id }) => id === "bridge:out")?.x, lines.find(({ id }) => id === "bridge:out")?.to], [1, { node: "switch:s2", handle: "vlan-30" }]);
  assert.match(pictureOf(doc, sceneOf(doc), "Internet", String), />out<[\s\S]*>vmtap0</);
});

test("a bridge that is on shares no interface, and no VLAN with a gateway", () => {
  const doc = done(setBridge(done(addBridge(lab(), "s2", 30)), "bridge1", { enabled: true }));
  assert.equal(refused(addGateway(doc, "s2", 30)), "bridgeWithGateway");
  assert.equal(refused(setGateway(doc, "gw10", { switch: "s2", vlan: 30 })), "bridgeWithGateway");
  assert.equal(refused(edited(doc, ["bridge:bridge1"], ["vlan:s1/10"])), "bridgeWithGateway");
  const two = done(setBridge(done(addBridge(doc, "s2", 40)), "bridge2", { interface: "vmtap0" }));
  assert.equal(refused(setBridge(two, "bridge2", { enabled: true })), "interfaceTaken");
  for (const name of ["", "..", "/dev/tap1", "seventeen-letters"]) assert.equal(refused(setBridge(doc, "bridge1", { interface: name })), "interfaceWrong");
  assert.equal(bridgeState(doc.topology.bridges[0]!, []), "connecting");
});

test("gateways have networks of their own", () => {
  const doc = lab();
  assert.equal(freeNetwork(doc, 10), "10.0.11.0/24");
  assert.equal(gatewayAddress("192.168.5.77/24"), "192.168.5.1");
  assert.equal(done(addGateway(doc, "s2", 30)).topology.gateways[2]?.network, "10.0.30.0/24");
  assert.equal(refused(addGateway(doc, "s1", 10)), "gatewayTaken");
  assert.equal(refused(setGateway(doc, "gw10", { network: "10.0.20.128/25" })), "networkTaken");
  assert.equal(refused(setGateway(doc, "gw10", { network: "10.0.300.0/24" })), "networkWrong");
  assert.equal(refused(setGateway(doc, "gw10", { network6: "nonsense" })), "network6Wrong");
  const renamed = done(setGateway(doc, "gw10", { name: "office" }));
  assert.equal(renamed.topology.rules[0]?.from, "office");
  assert.deepEqual(done(removeGateway(renamed, "office")).topology.rules, []);
  assert.equal(refused(setRules(doc, [{ from: "gw10", to: "gw10", protocol: "any" }])), "rule");
});

test("a machine has eight cards and no ninth; faults that are none are left out", () => {
  let doc = lab();
  for (let i = 0; i < 8; i++) doc = done(addNic(doc, "n", null, (() => { let n = i; return () => (n++ % 16) / 16; })()));
  assert.equal(refused(addNic(doc, "n", null, random)), "noRoom");
  const faulty = done(setFaults(doc, "a/nic0", { loss: 0.1, delayMs: 0, cut: false }));
  assert.deepEqual(faulty.machines[0]?.nics[0]?.faults, { loss: 0.1 });
});

test("an address is one of the network that the card is on now", () => {
  const doc = lab();
  const [nic] = doc.machines[0]?.nics ?? [];
  assert.ok(nic);
  const leases = [{ gateway: "gw10", mac: nic.mac, address: "10.0.10.5", name: "alice" }, { gateway: "gw20", mac: nic.mac, address: "10.0.20.5", name: "alice" }];
  assert.deepEqual(leasesOf(doc, leases, nic).map((l) => l.address), ["10.0.10.5"]);
  assert.deepEqual(leasesOf(doc, leases, { ...nic, connection: on("s1", 20) }).map((l) => l.address), ["10.0.20.5"]);
  assert.deepEqual(leasesOf(doc, leases, { ...nic, connection: null }), []);
});

test("VLAN lists are read and written as people write them", () => {
  assert.deepEqual(parseVlans("30, 10 12-14"), [10, 12, 13, 14, 30]);
  assert.equal(parseVlans(" ALL "), "all");
  for (const wrong of ["0", "4095", "9-5", "ten", "1,,x"]) assert.equal(parseVlans(wrong), null, wrong);
  assert.equal(vlansText([10, 12, 13, 14, 30, 31]), "10, 12-14, 30, 31");
});

/** An editor whose app is this: it takes patches, or refuses them. */
function editorOn(start: NetworkDoc, answers: (() => Promise<void>)[] = []) {
  let doc = start;
  const sent: Patch[] = [];
  const errors: unknown[] = [];
  const apply = ({ topology, nics }: Patch): void => {
    doc = { topology: { ...doc.topology, ...topology }, machines: doc.machines.map((m) => (nics[m.id] === undefined ? m : { ...m, nics: nics[m.id] ?? [] })) };
  };
  const editor = new NetworkEditor({
    doc: () => doc,
    show: apply,
    send: async (patch) => {
      await (answers.shift() ?? (async () => {}))();
      sent.push(patch);
    },
    failed: (error) => errors.push(error),
    changed: () => {},
  });
  return { editor, sent, errors, doc: () => doc, set: (wanted: NetworkDoc) => (doc = wanted) };
}

test("undo and redo give back exactly what an edit changed, and only that", async () => {
  const { editor, sent, doc, set } = editorOn(lab());
  await editor.apply("move", moveMachine(doc(), "a", on("s1", 20), random));
  await editor.apply("switch", addSwitch(doc()));
  assert.deepEqual([Object.keys(sent[0]?.nics ?? {}), Object.keys(sent[1]?.topology ?? {})], [["a"], ["switches"]]);
  // Somebody else names a VLAN meanwhile.
  set(done(nameVlan(doc(), 20, "Guests")));
  assert.equal(editor.undoLabel, "switch");
  await editor.undo();
  await editor.undo();
  assert.equal(berth(doc(), "a"), "s1/10");
  assert.equal(doc().topology.switches.length, 2);
  assert.equal(doc().topology.vlanNames["20"], "Guests");
  assert.deepEqual([editor.undoLabel, editor.redoLabel], [null, "move"]);
  await editor.redo();
  assert.equal(berth(doc(), "a"), "s1/20");
  await editor.apply("name", nameVlan(doc(), 10, "Office"));
  assert.equal(editor.redoLabel, null);
});

test("edits go to the app in their order, and one that it refuses cannot be undone", async () => {
  let release = (): void => {};
  const slow = (): Promise<void> => new Promise((resolve) => (release = resolve));
  const { editor, sent, errors, doc } = editorOn(lab(), [slow, async () => Promise.reject(new Error("no"))]);
  const first = editor.apply("first", addSwitch(doc(), "x1"));
  const second = editor.apply("second", addSwitch(doc(), "x2"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sent.length, 0);
  release();
  assert.deepEqual(await Promise.all([first, second]), [true, false]);
  assert.deepEqual([sent.length, errors.length, editor.undoLabel], [1, 1, "first"]);
  assert.equal(await editor.apply("refused", new Refusal("rule")), false);
});

test("nothing is sent where nothing differs", async () => {
  const { editor, sent, doc } = editorOn(lab());
  assert.equal(await editor.apply("same", renameSwitch(doc(), "s1", "s1")), true);
  assert.deepEqual([sent, editor.undoLabel], [[], null]);
  assert.deepEqual(patchOf(doc(), lab()), { topology: {}, nics: {} });
});

test("the automatic layout overlaps nothing, whatever is drawn", () => {
  for (const doc of [lab(), done(addTrunk(lab(), "s1", "s2", "all")), crowd()]) {
    const scene = sceneOf(doc);
    const boxes = scene.nodes.map((node) => ({ node, box: absolute(scene, node.id) }));
    for (const a of boxes) {
      for (const b of boxes) {
        if (a === b || a.box === null || b.box === null || a.node.parent !== b.node.parent) continue;
        const apart = a.box.x + a.box.width <= b.box.x || b.box.x + b.box.width <= a.box.x || a.box.y + a.box.height <= b.box.y || b.box.y + b.box.height <= a.box.y;
        assert.ok(apart, `${a.node.id} lies on ${b.node.id}`);
      }
      const parent = a.node.parent === null ? null : absolute(scene, a.node.parent);
      if (parent !== null && a.box !== null) {
        assert.ok(a.box.x >= parent.x && a.box.x + a.box.width <= parent.x + parent.width && a.box.y + a.box.height <= parent.y + parent.height, `${a.node.id} sticks out`);
      }
    }
    assert.equal(new Set(scene.nodes.map((n) => n.id)).size, scene.nodes.length);
    for (const line of scene.lines) for (const end of [line.from, line.to]) assert.ok(scene.nodes.some((n) => n.id === end.node), `${line.id} leads to ${end.node}`);
  }
});

/** Many machines, a loop of three switches. */
function crowd(): NetworkDoc {
  let doc: NetworkDoc = { ...lab(), machines: [] };
  doc = done(addSwitch(doc, "s3"));
  for (const [a, b] of [["s1", "s2"], ["s2", "s3"], ["s3", "s1"]] as const) doc = done(addTrunk(doc, a, b, "all"));
  const machines = Array.from({ length: 40 }, (_, n) => ({ id: `v${n}`, name: `v${n}`, status: "off" as const, nics: n % 5 === 4 ? [] : [card(n % 10, on(`s${1 + (n % 3)}`, 10 * (1 + (n % 2))))] }));
  return { ...doc, machines };
}

test("places that were chosen win, and arranging forgets them but not the empty VLANs", () => {
  let doc = done(addVlan(setPlaces(lab(), { "switch:s1": { x: 500, y: 700 } }) as NetworkDoc, "s1", 99));
  assert.deepEqual(absolute(sceneOf(doc), "switch:s1")?.x, 500);
  doc = done(arrange(doc));
  assert.notEqual(absolute(sceneOf(doc), "switch:s1")?.x, 500);
  assert.ok(vlansOf(doc, "s1").includes(99));
});

test("the smallest thing under the pointer is meant, and lines leave by the near sides", () => {
  const scene = sceneOf(lab());
  const area = absolute(scene, "vlan:s1/10");
  assert.ok(area);
  assert.equal(nodeAt(scene, { x: area.x + 2, y: area.y + 2 }, () => true)?.id, "vlan:s1/10");
  assert.equal(nodeAt(scene, { x: -9999, y: 0 }, () => true), null);
  const box = { y: 0, width: 10, height: 10 };
  assert.deepEqual(sides({ ...box, x: 0 }, { ...box, x: 50 }), ["right", "left"]);
  assert.deepEqual(sides({ ...box, x: 0 }, { ...box, x: 5, y: 60 }), ["bottom", "top"]);
});

test("the picture is well-formed and writes names as text", () => {
  const doc = done(nameVlan(lab(), 10, '<b>"A&B"</b>'));
  const svg = pictureOf(doc, sceneOf(doc), "Internet", (vlan) => `VLAN ${vlan}`);
  assert.match(svg, /^<svg [^>]+>.*<\/svg>\n$/s);
  assert.ok(!svg.includes("<b>") && svg.includes("&#60;b&#62;"));
  for (const name of ["alice", "monitor", "gw20", "s2"]) assert.ok(svg.includes(`>${name}<`), name);
});

test("the ready lab is a lab: two VLANs with gateways, three machines", () => {
  assert.ok(LabFile.safeParse(STARTER_LAB).success);
  assert.deepEqual(STARTER_LAB.machines.map((m) => [m.name, m.nics.map((nic) => ("vlan" in nic ? nic.vlan : 0))]), [["alice", [10]], ["bob", [10]], ["carol", [20]]]);
});

test("a filter needs every word; bytes are shown sixteen to the line; only rows in view are drawn", () => {
  const row = { number: 1, time: 0, direction: "in" as const, vlan: 10, source: "10.0.0.1", destination: "10.0.0.2", protocol: "DNS", length: 60, info: "Query A bob.lab" };
  assert.ok(matches(row, "dns BOB") && matches(row, "vlan 10") && matches(row, ""));
  assert.ok(!matches(row, "dns carol"));
  const lines = hexLines("41420a".padEnd(40, "0"));
  assert.deepEqual(lines.map((l) => [l.offset, l.bytes.length]), [["0000", 16], ["0010", 4]]);
  assert.equal(lines[0]?.text.slice(0, 4), "AB..");
  assert.deepEqual(visibleRows(5000, 2200, 220, 22), { first: 92, last: 118 });
  assert.deepEqual(visibleRows(3, 0, 500, 22), { first: 0, last: 3 });
});

test("dashes move by steps of the rate, and stand still without traffic", () => {
  const at = (bits: number) => paceOf({ received: bits, sent: 0, framesPerSecond: 1 });
  assert.deepEqual([paceOf(undefined), at(0), at(500), at(1e6), at(1e7), at(1e9)], [0, 0, 1, 2, 3, 4]);
});
