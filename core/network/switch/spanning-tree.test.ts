import assert from "node:assert/strict";
import test from "node:test";
import { Cable } from "../port.ts";
import type { Switch } from "./switch.ts";
import { SwitchFabric, type Trunk } from "./switch-fabric.ts";
import type { SwitchPort } from "./switch-port.ts";

const BROADCAST = [255, 255, 255, 255, 255, 255];

class Station {
  readonly cable = new Cable();
  readonly heard: number[] = [];
  readonly mac: number;
  constructor(to: Switch, mac: number) {
    this.mac = mac;
    const port = to.addPort({ name: `station ${mac}`, vlans: { mode: "access", vlan: 7 } }) as SwitchPort;
    this.cable.a.connect({ receive: (frame) => this.heard.push(frame[20]!), canReceive: () => true, linkChanged() {}, sendReady() {} });
    port.attach(this.cable.b);
  }
  send(to: readonly number[], marker: number): void {
    const frame = new Uint8Array(60);
    frame.set([...to, 2, 0, 0, 0, 0, this.mac, 8, 0]);
    frame[20] = marker;
    this.cable.a.send(frame);
  }
}

function network(count: number): { fabric: SwitchFabric; switches: Switch[]; stations: Station[]; run: (seconds: number) => void } {
  const clock = { now: 1e9, nowNs: () => clock.now };
  const fabric = new SwitchFabric(clock);
  const switches = Array.from({ length: count }, (_, i) => fabric.addSwitch({ name: `s${i}`, mac: 0x0200_0000_1000 + i }));
  const stations = switches.map((each, i) => new Station(each, i + 1));
  const run = (seconds: number): void => {
    const end = clock.now + seconds * 1e9;
    for (let next = fabric.nextDeadlineNs(); next <= end; next = fabric.nextDeadlineNs()) {
      clock.now = Math.max(clock.now, next);
      fabric.poll();
    }
    clock.now = end;
  };
  return { fabric, switches, stations, run };
}

const join = (fabric: SwitchFabric, a: Switch, b: Switch, name: string): Trunk => fabric.addTrunk(a, b, { name }) as Trunk;

/** Every station hears a broadcast of each other one exactly once. */
function assertReaches(stations: Station[]): void {
  for (const from of stations) {
    for (const station of stations) station.heard.length = 0;
    from.send(BROADCAST, from.mac);
    for (const station of stations) assert.deepEqual(station.heard, station === from ? [] : [from.mac]);
  }
}

test("a loop of three switches converges at once, with one trunk end blocked", () => {
  const { fabric, switches, stations, run } = network(3);
  const trunks = [0, 1, 2].map((i) => join(fabric, switches[i]!, switches[(i + 1) % 3]!, `t${i}`));
  run(1);
  assertReaches(stations);
  const roles = trunks.flatMap((trunk) => trunk.ends.map((port) => port.spanningTree!.role));
  assert.deepEqual(roles.toSorted(), ["alternate", "designated", "designated", "designated", "root", "root"]);
  assert.deepEqual(switches.map((each) => each.isRoot), [true, false, false]);
});

test("it recovers when any one trunk is cut, and again when it is mended", () => {
  const { fabric, switches, stations, run } = network(3);
  const trunks = [0, 1, 2].map((i) => join(fabric, switches[i]!, switches[(i + 1) % 3]!, `t${i}`));
  run(10);
  for (const trunk of trunks) {
    trunk.cable.setPlugged(false);
    run(1);
    assertReaches(stations);
    trunk.cable.setPlugged(true);
    run(1);
    assertReaches(stations);
    run(5);
  }
});

test("what was learned over a trunk that was cut is forgotten, so that unicast finds the other way", () => {
  const { fabric, switches, stations, run } = network(3);
  const trunks = [0, 1, 2].map((i) => join(fabric, switches[i]!, switches[(i + 1) % 3]!, `t${i}`));
  run(1);
  assertReaches(stations);
  trunks[0]!.cable.setPlugged(false);
  run(1);
  for (const station of stations) station.heard.length = 0;
  stations[0]!.send([2, 0, 0, 0, 0, 2], 99);
  assert.deepEqual(stations[1]!.heard, [99]);
});

test("the root going away is noticed, and the others agree on a new one", () => {
  const { fabric, switches, stations, run } = network(4);
  for (let i = 0; i < 4; i++) for (let j = 0; j < i; j++) join(fabric, switches[i]!, switches[j]!, `t${i}${j}`);
  run(5);
  assertReaches(stations);
  fabric.removeSwitch(switches[0]!);
  run(60);
  assertReaches(stations.slice(1));
  assert.equal(switches[1]!.isRoot, true);
});

test("two trunks side by side, and one from a switch to itself, make no loop", () => {
  const { fabric, switches, stations, run } = network(2);
  for (const name of ["a", "b", "c"]) join(fabric, switches[0]!, switches[1]!, name);
  join(fabric, switches[0]!, switches[0]!, "self");
  run(60);
  assertReaches(stations);
});

test("a station cannot take part in the spanning tree", () => {
  const { fabric, switches, stations, run } = network(2);
  const trunk = join(fabric, switches[0]!, switches[1]!, "t");
  run(1);
  const before = trunk.ends.map((port) => port.spanningTree);
  const frame = new Uint8Array(60);
  frame.set([0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 39, 0x42, 0x42, 3, 0, 0, 2, 2, 0x3c]);
  stations[0]!.cable.a.send(frame);
  run(1);
  assert.deepEqual(trunk.ends.map((port) => port.spanningTree), before);
  assert.equal(switches[0]!.isRoot, true);
  assert.equal(switches[0]!.ports[0]!.counts.filtered, 1);
  assertReaches(stations);
});
