import assert from "node:assert/strict";
import { test } from "node:test";
import { LinkFaults, type NicConnection, Topology } from "../../api/network.ts";
import type { NicWiring } from "../../api/network-protocol.ts";
import { FakeInterfaces } from "../../testkit/fake-interfaces.ts";
import { NetworkGuest } from "../../testkit/network-guest.ts";
import { Cable } from "../port.ts";
import { parseIpv4 } from "../wire/ipv4.ts";
import { readU48 } from "../wire/bytes.ts";
import { parseMac } from "../wire/ethernet.ts";
import { FakeSockets } from "../stack/testbed.ts";
import type { JointState } from "./bridges.ts";
import { FLAP_NS } from "./cards.ts";
import { NetworkFabric } from "./network-fabric.ts";

const access = (vlan: number, on = "lan"): NicConnection => ({ switch: on, vlans: { mode: "access", vlan } });
const trunk = (allowed: number[], native?: number): NicConnection => ({ switch: "lan", vlans: { mode: "trunk", allowed, ...(native === undefined ? {} : { native }) } });
const wiring = (connection: NicConnection | null, more: Partial<NicWiring> = {}): NicWiring => ({ connection, cable: true, ...more });
const GATEWAY_ADDRESS = parseIpv4("10.0.10.1")!;
const GATEWAY = { name: "gw", switch: "lan", vlan: 10, network: "10.0.10.0/24" };

function bench(drawn: object = { version: 1, switches: [{ name: "lan" }] }) {
  const clock = { now: 1e9, nowNs: () => clock.now };
  const sockets = new FakeSockets();
  const interfaces = new FakeInterfaces();
  const events: string[] = [];
  let random = 1;
  const fabric = new NetworkFabric({
    clock, sockets, interfaces, seed: 7,
    tftpFiles: () => ({ open: (_, opened) => opened("not-found") }),
    random32: () => (random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0),
    event: (level, subject, message) => events.push(`${level} ${subject}: ${message}`),
    wake: () => undefined,
  });
  const apply = (topology: object): string | undefined => fabric.apply(Topology.parse(topology));
  assert.equal(apply(drawn), undefined);
  const guest = (machine: string, last: number, to: NicWiring): NetworkGuest => {
    const mac = `52:54:00:00:00:${last.toString(16).padStart(2, "0")}`;
    const cable = new Cable();
    const card = new NetworkGuest(mac, cable.a);
    assert.equal(fabric.attach({ link: `${machine}-id/nic0`, machine, mac, wiring: to, end: cable.b }), undefined);
    return card;
  };
  const pass = (ns: number): void => {
    for (const end = clock.now + ns; clock.now < end; ) {
      clock.now = Math.max(clock.now, Math.min(end, fabric.nextDeadlineNs()));
      fabric.poll();
      if (fabric.nextDeadlineNs() > end) clock.now = end;
    }
  };
  const wire = (machine: string, to: NicWiring): void => assert.equal(fabric.wire(`${machine}-id/nic0`, to), undefined);
  return { clock, sockets, interfaces, events, fabric, apply, guest, pass, wire };
}

test("a VLAN is a fence, and a card that moves to another is on the other side of it", () => {
  const { guest, wire, pass } = bench();
  const a = guest("a", 1, wiring(access(10)));
  const b = guest("b", 2, wiring(access(10)));
  const c = guest("c", 3, wiring(access(20)));
  a.send(1);
  assert.deepEqual([b.markers(), c.markers()], [[1], []]);
  wire("b", wiring(access(20)));
  assert.deepEqual(b.carrier, ["up", "down"]);
  a.send(2);
  c.send(3);
  assert.deepEqual([b.markers(), c.markers()], [[], []]);
  pass(FLAP_NS - 1);
  assert.deepEqual(b.carrier, ["up", "down"]);
  pass(1);
  assert.deepEqual(b.carrier, ["up", "down", "up"]);
  a.send(4);
  c.send(5);
  assert.deepEqual([b.markers(), c.markers()], [[5], []]);
  assert.deepEqual(a.carrier, ["up"]);
});

test("a trunk card sees its VLANs with tags, and its native VLAN without", () => {
  const { guest, wire } = bench();
  const a = guest("a", 1, wiring(access(10)));
  const b = guest("b", 2, wiring(access(20)));
  const t = guest("t", 3, wiring(trunk([10], 20)));
  a.send(1);
  b.send(2);
  assert.deepEqual(t.take().map((frame) => [frame[12], frame[13], frame.length]), [[0x81, 0, 64], [0x88, 0xb5, 60]]);
  wire("t", wiring(trunk([], 20)));
  a.send(3);
  b.send(4);
  assert.deepEqual(t.markers(), [4]);
  assert.deepEqual(t.carrier, ["up"]);
});

test("what a change of the topology does not name goes on undisturbed", () => {
  const base = { version: 1, switches: [{ name: "lan" }, { name: "old" }], trunks: [{ name: "t", ends: ["lan", "old"] }], gateways: [GATEWAY] };
  const { guest, apply, pass, fabric } = bench(base);
  const a = guest("a", 1, wiring(access(10)));
  const b = guest("b", 2, wiring(access(10)));
  const far = guest("far", 3, wiring(access(10, "old")));
  pass(5e9);
  assert.equal(a.dhcp("", () => pass(1e6)), "10.0.10.10");
  const lease = fabric.stats().leases;
  assert.deepEqual(lease, [{ gateway: "gw", mac: "52:54:00:00:00:01", address: "10.0.10.10", name: "a" }]);
  b.take();
  const after = { ...base, switches: [{ name: "lan" }, { name: "new" }], trunks: [], gateways: [{ ...GATEWAY, reservations: [{ mac: "52:54:00:00:00:02", address: "10.0.10.99" }] }, { ...GATEWAY, name: "g2", vlan: 20 }] };
  assert.equal(apply(after), undefined);
  assert.deepEqual([a.carrier, b.carrier, far.carrier], [["up"], ["up"], ["up", "down"]]);
  a.send(1, parseMac("52:54:00:00:00:02"));
  assert.deepEqual(b.markers(), [1]);
  assert.deepEqual(fabric.stats().leases, lease);
  assert.equal(b.dhcp("", () => pass(1e6)), "10.0.10.99");
  // The switch comes back, and the card that was there with it.
  assert.equal(apply(base), undefined);
  pass(FLAP_NS);
  assert.deepEqual(far.carrier, ["up", "down", "up"]);
});

test("a card without a switch waits for it; wiring to one that does not exist is refused", () => {
  const { guest, apply, fabric } = bench({ version: 1 });
  const a = guest("a", 1, wiring(access(10)));
  assert.deepEqual(a.carrier, []);
  assert.equal(apply({ version: 1, switches: [{ name: "lan" }] }), undefined);
  assert.deepEqual(a.carrier, ["up"]);
  assert.equal(fabric.wire("a-id/nic0", wiring(access(10, "none"))), "There is no switch none.");
  assert.equal(fabric.wire("b-id/nic0", wiring(access(10))), "There is no link b-id/nic0.");
  assert.deepEqual(a.carrier, ["up"]);
});

test("cable and cut take the carrier; other faults, guards and captures work on the link", () => {
  const { guest, wire, pass, fabric } = bench();
  const a = guest("a", 1, wiring(access(10)));
  const b = guest("b", 2, wiring(access(10)));
  const seen: string[] = [];
  const end = fabric.observe("a-id/nic0", (frame, direction) => seen.push(`${direction} ${frame[14]}`));
  a.send(1);
  b.send(2);
  assert.deepEqual(seen, ["out 1", "in 2"]);
  end();
  for (const without of [wiring(access(10), { cable: false }), wiring(access(10), { faults: { cut: true } })]) {
    wire("a", without);
    assert.equal(a.carrier.at(-1), "down");
    wire("a", wiring(access(10)));
    pass(FLAP_NS);
    assert.equal(a.carrier.at(-1), "up");
  }
  assert.equal(seen.length, 2);
  a.take();
  b.take();
  wire("a", wiring(access(10), { faults: { delayMs: 5 } }));
  a.send(3);
  assert.deepEqual(b.markers(), []);
  pass(5e6);
  assert.deepEqual(b.markers(), [3]);
  wire("a", wiring(access(10), { faults: { loss: 1 }, guards: { isolated: true } }));
  a.send(4);
  assert.deepEqual(b.markers(), []);
  assert.equal(fabric.stats().links[0]?.drops["lost"], 1);
  wire("a", wiring(access(10), { guards: { antiSpoofing: true } }));
  a.send(5);
  assert.deepEqual(b.markers(), [5]);
});

test("the same seed gives the same faults", () => {
  const run = (seed: number): number[] => {
    const { guest } = bench();
    const a = guest("a", 1, wiring(access(10), { faults: LinkFaults.parse({ loss: 0.5, seed }) }));
    const b = guest("b", 2, wiring(access(10)));
    for (let i = 0; i < 50; i++) a.send(i);
    return b.markers();
  };
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

test("machines resolve each other's names, and a forward follows a machine's name to its lease", () => {
  const forward = { hostPort: 2222, guest: "Web", guestPort: 22 };
  const { guest, pass, sockets, events, fabric } = bench({ version: 1, switches: [{ name: "lan" }], gateways: [{ ...GATEWAY, forwards: [forward] }] });
  const web = guest("Web", 1, wiring(access(10)));
  const db = guest("db", 2, wiring(access(10)));
  const settle = (): void => pass(1e6);
  assert.equal(db.dhcp("debian", settle), "10.0.10.10");
  assert.equal(web.dhcp("debian", settle), "10.0.10.11");
  assert.match(events.join("\n"), /info gw: web \(52:54:00:00:00:01\) has the address 10\.0\.10\.11\./);
  const own = parseIpv4("10.0.10.10")!;
  const question = Buffer.from(`000101000001000000000000${Buffer.from("\x03web\x03lab").toString("hex")}0000010001`, "hex");
  const gateway = fabric.stats().links.find(({ link }) => link === "gateway:gw");
  assert.ok(gateway?.up);
  db.take();
  db.arp(own, GATEWAY_ADDRESS);
  db.udp(own, 5353, GATEWAY_ADDRESS, 53, question, readU48(db.take()[0]!, 6));
  const [answer] = db.datagrams(5353);
  assert.equal(answer?.data.subarray(-4).join("."), "10.0.10.11");
  sockets.listeners[0]!.accepted({ read: () => 0, write: () => 0, end() {}, reset() {} }, { address: Uint8Array.of(127, 0, 0, 1), port: 5 });
  pass(1e7);
  // The gateway looks for the machine's address to open the connection to.
  assert.ok(web.take().some((frame) => frame[12] === 8 && frame[13] === 6 && frame.subarray(38, 42).join(".") === "10.0.10.11"));
});

test("a gateway keeps its leases, and its forwards as far as they stay, whatever else changes of it", () => {
  const forward = { hostPort: 2222, guest: "a", guestPort: 22 };
  const drawn = (more: object): object => ({ version: 1, switches: [{ name: "lan" }], gateways: [{ ...GATEWAY, forwards: [forward], ...more }] });
  const { guest, pass, apply, fabric, sockets } = bench(drawn({}));
  const a = guest("a", 1, wiring(access(10)));
  assert.equal(a.dhcp("", () => pass(1e6)), "10.0.10.10");
  const { leases } = fabric.stats();
  assert.equal(leases.length, 1);
  assert.equal(sockets.listeners.length, 1);
  assert.equal(apply(drawn({ nat: true, forwards: [forward, { ...forward, hostPort: 8080, guestPort: 80 }] })), undefined);
  assert.deepEqual([fabric.stats().leases, sockets.listeners.length], [leases, 2]);
  assert.equal(apply(drawn({ domain: "test" })), undefined);
  assert.deepEqual(fabric.stats().leases, leases);
  assert.equal(a.dhcp("", () => pass(1e6)), "10.0.10.10");
  assert.equal(apply(drawn({ network: "10.0.11.0/24" })), undefined);
  assert.deepEqual(fabric.stats().leases, []);
});

test("rules let networks reach each other, and nothing else does", () => {
  const gateways = [GATEWAY, { ...GATEWAY, name: "g2", vlan: 20, network: "10.0.20.0/24" }];
  const { guest, pass, apply } = bench({ version: 1, switches: [{ name: "lan" }], gateways });
  const a = guest("a", 1, wiring(access(10)));
  const b = guest("b", 2, wiring(access(20)));
  const [own, far] = [parseIpv4("10.0.10.10")!, parseIpv4("10.0.20.10")!];
  // What arrives for the far guest makes its gateway ask for it.
  const asks = (): boolean => {
    a.arp(own, GATEWAY_ADDRESS);
    const gateway = readU48(a.take().at(-1)!, 6);
    a.udp(own, 1000, far, 2000, Uint8Array.of(1), gateway);
    pass(1e8);
    return b.take().some((frame) => frame[12] === 8 && frame[13] === 6 && frame.subarray(38, 42).join(".") === "10.0.20.10");
  };
  assert.equal(asks(), false);
  assert.equal(apply({ version: 1, switches: [{ name: "lan" }], gateways, rules: [{ from: "g2", to: "gw" }] }), undefined);
  assert.equal(asks(), false);
  assert.equal(apply({ version: 1, switches: [{ name: "lan" }], gateways, rules: [{ from: "gw", to: "g2", protocol: "udp", port: 2000 }] }), undefined);
  assert.equal(asks(), true);
});

test("a loop of trunks is safe, and a cut is found a way round", () => {
  const switches = [{ name: "lan" }, { name: "s2" }, { name: "s3" }];
  const trunks = [["lan", "s2"], ["s2", "s3"], ["s3", "lan"]].map((ends, i) => ({ name: `t${i}`, ends }));
  const { guest, pass, fabric, apply } = bench({ version: 1, switches, trunks });
  const a = guest("a", 1, wiring(access(10)));
  const b = guest("b", 2, wiring(access(10, "s2")));
  pass(10e9);
  a.take();
  a.send(1);
  assert.deepEqual([a.markers(), b.markers()], [[], [1]]);
  const blocked = (): number => fabric.stats().links.filter((link) => link.blocked).length;
  assert.equal(blocked(), 1);
  const [first, ...others] = trunks;
  assert.equal(apply({ version: 1, switches, trunks: [{ ...first, faults: { cut: true } }, ...others] }), undefined);
  pass(10e9);
  assert.equal(blocked(), 0);
  a.send(2);
  assert.deepEqual(b.markers(), [2]);
  assert.equal(apply({ version: 1, switches, trunks: [{ ...first, cable: false }, ...others] }), undefined);
  assert.equal(fabric.stats().links.find(({ link }) => link === "trunk:t0")?.up, false);
  assert.equal(apply({ version: 1, switches, trunks }), undefined);
  pass(10e9);
  assert.equal(blocked(), 1);
});

test("what cannot be is refused with a sentence, and nothing changes", () => {
  const { apply, fabric } = bench();
  const before = fabric.topology;
  const lan = { version: 1, switches: [{ name: "lan" }, { name: "s2" }] };
  const gateway = (more: object): object => ({ ...lan, gateways: [{ ...GATEWAY, ...more }] });
  const cases: [object, RegExp][] = [
    [{ version: 1, switches: [{ name: "x" }, { name: "X" }] }, /two switches called X/],
    [{ ...lan, trunks: [{ name: "t", ends: ["lan", "no"] }] }, /Trunk t leads to the switch no, which does not exist/],
    [gateway({ switch: "no" }), /at the switch no, which does not exist/],
    [gateway({ network: "10.0.10.0/31" }), /mask between \/8 and \/29/],
    [gateway({ network: "10.0.999.0/24" }), /is not a network/],
    [gateway({ network: "10.0.10.7/24" }), /the network is 10\.0\.10\.0\/24/],
    [gateway({ network: "127.0.0.0/8" }), /cannot have addresses/],
    [gateway({ network6: "fe80::/64" }), /cannot have addresses/],
    [gateway({ network6: ":::/64" }), /not an IPv6 network/],
    [gateway({ reservations: [{ mac: "52:54:00:00:00:01", address: "10.0.10.1" }] }), /not an address for a machine/],
    [gateway({ hostServices: [{ port: 53, hostPort: 5353 }] }), /needs its TCP port 53 itself/],
    [gateway({ forwards: [{ hostPort: 1, guest: "10.0.11.5", guestPort: 1 }] }), /not an address for a machine/],
    [gateway({ forwards: [{ hostPort: 1, guest: "a b", guestPort: 1 }] }), /neither an address nor the name/],
    [gateway({ forwards: [1, 2].map((guestPort) => ({ hostPort: 1, guest: "web", guestPort })) }), /TCP port 1 of 127\.0\.0\.1 is forwarded twice/],
    [{ ...lan, trunks: [{ name: "t", ends: ["lan", "s2"] }], gateways: [GATEWAY, { ...GATEWAY, name: "g2", switch: "s2" }] }, /both in VLAN 10 with the network/],
    [{ ...lan, gateways: [GATEWAY], rules: [{ from: "gw", to: "no" }] }, /names the gateway no, which does not exist/],
    [{ ...lan, gateways: [GATEWAY, { ...GATEWAY, name: "g2", vlan: 20 }], rules: [{ from: "gw", to: "g2" }] }, /their networks overlap/],
  ];
  for (const [topology, reason] of cases) assert.match(apply(topology) ?? "(nothing)", reason);
  assert.equal(fabric.topology, before);
  assert.equal(apply({ ...lan, gateways: [GATEWAY, { ...GATEWAY, name: "g2", switch: "s2" }] }), undefined);
});

const BRIDGE = { name: "out", switch: "lan", vlans: { mode: "access", vlan: 10 }, interface: "vmtap0", enabled: true };
const CONNECTED: JointState = { state: "connected", fault: null, message: "", remedy: [] };
const bridged = (more: object = {}, bridges: object[] = [BRIDGE]) => ({ version: 1, switches: [{ name: "lan" }, { name: "far" }], trunks: [{ name: "t", ends: ["lan", "far"] }], bridges, ...more });

test("a bridge joins its VLAN to the host's interface both ways, and no other VLAN; spanning tree stays on its side", () => {
  const { fabric, interfaces, guest, pass, events } = bench(bridged());
  const inside = guest("a", 1, wiring(access(10)));
  const outside = guest("b", 2, wiring(access(20)));
  const joint = interfaces.joined.get("vmtap0")!;
  inside.send(1);
  const host = new NetworkGuest("52:54:00:00:00:99", joint.end);
  joint.changed(CONNECTED);
  assert.deepEqual(events, ["info out: Joined to the host's network at vmtap0."]);
  inside.send(2);
  outside.send(3);
  host.send(4);
  assert.deepEqual([host.markers(), inside.markers(), outside.markers()], [[2], [4], []]);
  pass(10e9);
  assert.deepEqual(host.take(), [], "no BPDU of ours");
  const bpdu = Uint8Array.from([1, 0x80, 0xc2, 0, 0, 0, ...new Uint8Array(54)]);
  joint.end.send(bpdu);
  const stats = fabric.stats().links.find(({ link }) => link === "bridge:out");
  assert.deepEqual([stats?.up, stats?.drops], [true, { filtered: 1 }]);
  assert.deepEqual(fabric.stats().bridges, [{ bridge: "out", interface: "vmtap0", ...CONNECTED }]);
});

test("a trunk of a bridge carries its VLANs with tags", () => {
  const { interfaces, guest } = bench(bridged({}, [{ ...BRIDGE, vlans: { mode: "trunk", allowed: [10, 20], native: 30 } }]));
  const cards = [10, 20, 30, 40].map((vlan, i) => guest(`m${vlan}`, i + 1, wiring(access(vlan))));
  const host = new NetworkGuest("52:54:00:00:00:99", interfaces.joined.get("vmtap0")!.end);
  for (const [i, card] of cards.entries()) card.send(i + 1);
  assert.deepEqual(host.take().map((frame) => [frame[12], frame[13], frame[15]]), [[0x81, 0, 10], [0x81, 0, 20], [0x88, 0xb5, 0]]);
  host.send(5);
  assert.deepEqual(cards.map((card) => card.markers()), [[], [], [5], []]);
});

test("a bridge that is off is joined to nothing; what is off, renamed or gone lets go of the interface", () => {
  const { fabric, interfaces, apply, guest } = bench(bridged({}, [{ ...BRIDGE, enabled: false }]));
  assert.deepEqual([interfaces.joined.size, fabric.stats().bridges[0]?.state], [0, "off"]);
  assert.equal(apply(bridged()), undefined);
  const first = interfaces.joined.get("vmtap0")!;
  const host = new NetworkGuest("52:54:00:00:00:99", first.end);
  assert.equal(apply(bridged({ vlanNames: { 10: "lab" } })), undefined);
  assert.equal(interfaces.joined.get("vmtap0"), first, "what a change does not name goes on");
  assert.equal(apply(bridged({}, [{ ...BRIDGE, switch: "far" }])), undefined);
  const far = guest("a", 1, wiring(access(10, "far")));
  far.send(1);
  assert.deepEqual(host.markers(), [1], "at another switch, by the same way");
  assert.equal(apply(bridged({}, [{ ...BRIDGE, interface: "vmtap1" }])), undefined);
  assert.deepEqual([...interfaces.joined.keys()], ["vmtap1"]);
  // One takes over what another lets go of.
  assert.equal(apply(bridged({}, [{ ...BRIDGE, name: "other", interface: "vmtap1" }])), undefined);
  assert.deepEqual([[...interfaces.joined.keys()], fabric.stats().bridges.map(({ bridge }) => bridge)], [["vmtap1"], ["other"]]);
  assert.equal(apply(bridged({}, [])), undefined);
  assert.equal(interfaces.joined.size, 0);
  assert.equal(apply(bridged()), undefined);
  fabric.close();
  assert.equal(interfaces.joined.size, 0);
});

test("a bridge that fails is told of once, others go on, and it comes back", () => {
  const { fabric, interfaces, events, guest } = bench(bridged());
  const [a, b] = [guest("a", 1, wiring(access(10))), guest("b", 2, wiring(access(10)))];
  const { changed, end } = interfaces.joined.get("vmtap0")!;
  const failed: JointState = { state: "failed", fault: "missing", message: "This host has no interface vmtap0.", remedy: ["ip link add"] };
  changed(failed);
  changed(failed);
  a.send(1);
  assert.deepEqual([events, b.markers()], [["warning out: This host has no interface vmtap0."], [1]]);
  assert.deepEqual(fabric.stats().bridges[0], { bridge: "out", interface: "vmtap0", ...failed });
  const host = new NetworkGuest("52:54:00:00:00:99", end);
  changed(CONNECTED);
  a.send(2);
  assert.deepEqual([host.markers(), events.length], [[2], 2]);
});

test("what would make a loop through the host's network, or speak for it, cannot be drawn", () => {
  const { apply } = bench();
  const other = { ...BRIDGE, name: "two", interface: "vmtap1" };
  const at = (changes: object) => apply(bridged({}, [BRIDGE, { ...other, ...changes }]));
  assert.match(at({}) ?? "", /Bridges out and two meet in VLAN 10/);
  assert.match(at({ switch: "far" }) ?? "", /meet in VLAN 10/, "over the trunk");
  assert.match(at({ switch: "far", vlans: { mode: "trunk", allowed: "all" } }) ?? "", /meet in VLAN 10/);
  assert.match(at({ vlans: { mode: "trunk", allowed: [20], native: 10 } }) ?? "", /meet in VLAN 10/);
  assert.match(at({ interface: "vmtap0", vlans: { mode: "access", vlan: 20 } }) ?? "", /both lead to the host's interface vmtap0/);
  assert.match(at({ switch: "none" }) ?? "", /the switch none, which does not exist/);
  assert.match(at({ name: "OUT" }) ?? "", /two bridges called OUT/);
  assert.equal(at({ vlans: { mode: "access", vlan: 20 } }), undefined);
  assert.equal(at({ enabled: false, interface: "vmtap0" }), undefined, "what is off is a drawing only");
  assert.match(apply(bridged({ gateways: [{ ...GATEWAY, switch: "far" }] })) ?? "", /Gateway gw is in VLAN 10, which bridge out joins to the host's network/);
  assert.equal(apply(bridged({ gateways: [{ ...GATEWAY, vlan: 20 }] })), undefined);
  assert.equal(apply({ ...bridged({ gateways: [{ ...GATEWAY, switch: "far" }] }), trunks: [{ name: "t", ends: ["lan", "far"], allowed: [20] }] }), undefined);
  for (const name of ["..", ".", "a/b", "", "sixteen-letters-", "a b"]) assert.equal(Topology.safeParse(bridged({}, [{ ...BRIDGE, interface: name }])).success, false, name);
});
