// The spanning tree over trunks that delay, jitter and lose frames: it settles all the same, and no frame goes round meanwhile.
import assert from "node:assert/strict";
import test from "node:test";
import { FaultPort, type LinkFaults } from "../capture/fault-port.ts";
import { Cable } from "../port.ts";
import { Switch } from "./switch.ts";
import type { SwitchPort } from "./switch-port.ts";

const SECOND = 1e9;
const FAULTS: LinkFaults = { delayNs: 50e6, jitterNs: 20e6 };

function ring(size: number, seed: number) {
  const clock = { now: 0, nowNs: () => clock.now };
  const switches = Array.from({ length: size }, (_, i) => new Switch(clock, { name: `s${i}`, mac: 0x0200_0000_1000 + i }));
  const links: FaultPort[] = [];
  const cables: Cable[] = [];
  const joinAt = (name: string, on: Switch, end: Cable["a"]): void => {
    const port = on.addPort({ name, vlans: { mode: "trunk", allowed: "all" }, spanningTree: true });
    assert.ok(typeof port !== "string");
    port.attach(end);
  };
  const join = (from: number, to: number): void => {
    const cable = new Cable();
    const link = new FaultPort(cable.a, clock, seed + links.length);
    const name = `t${links.length}`;
    links.push(link);
    cables.push(cable);
    joinAt(name, switches[from]!, link);
    joinAt(name, switches[to]!, cable.b);
  };
  for (let i = 0; i < size; i++) join(i, (i + 1) % size);
  join(0, 2);
  const heard = switches.map(() => [] as number[]);
  const stations = switches.map((each, i) => {
    const cable = new Cable();
    cable.a.connect({
      receive: (frame) => heard[i]!.push(frame[20]! * 256 + frame[21]!),
      canReceive: () => true,
      linkChanged() {},
      sendReady() {},
    });
    (each.addPort({ name: "station", vlans: { mode: "access", vlan: 5 } }) as SwitchPort).attach(cable.b);
    return cable.a;
  });
  let marker = 0;
  const broadcast = (from: number): number => {
    const frame = new Uint8Array(60).fill(255, 0, 6);
    frame.set([2, 0, 0, 0, 0, from, 8, 0], 6);
    marker++;
    frame.set([marker >>> 8, marker & 255], 20);
    stations[from]!.send(frame);
    return marker;
  };
  const run = (seconds: number): void => {
    const end = clock.now + seconds * SECOND;
    const polled = [...switches, ...links];
    for (;;) {
      const next = Math.min(...polled.map((each) => each.nextDeadlineNs()));
      if (next > end) break;
      clock.now = Math.max(clock.now, next);
      for (const each of polled) each.poll();
    }
    clock.now = end;
  };
  return { links, cables, heard, broadcast, run, size };
}

test("slow trunks settle within a second, and within two after a cut", () => {
  const { links, cables, heard, broadcast, run, size } = ring(5, 1);
  for (const link of links) link.setFaults(FAULTS);
  run(1);
  const assertReaches = (): void => {
    for (let from = 0; from < size; from++) {
      const sent = broadcast(from);
      run(1);
      for (let i = 0; i < size; i++) assert.equal(heard[i]!.filter((got) => got === sent).length, i === from ? 0 : 1);
    }
  };
  assertReaches();
  for (const cable of cables) {
    cable.setPlugged(false);
    run(2);
    assertReaches();
    cable.setPlugged(true);
    run(2);
    assertReaches();
  }
});

test("lost messages of the protocol make no loop, and it settles when the losses end", () => {
  for (const seed of [1, 20, 300]) {
    const { links, heard, broadcast, run, size } = ring(5, seed);
    for (const link of links) link.setFaults({ ...FAULTS, loss: 0.2 });
    for (let second = 0; second < 120; second++) {
      broadcast(second % size);
      run(1);
    }
    for (const got of heard) assert.equal(new Set(got).size, got.length, "a frame came twice");
    for (const link of links) link.setFaults(FAULTS);
    run(60);
    const sent = broadcast(0);
    run(1);
    assert.deepEqual(heard.map((got) => got.filter((each) => each === sent).length), [0, 1, 1, 1, 1]);
  }
});

test("a trunk that goes silent and keeps its carrier is passed by when three hellos are missed", () => {
  const { links, heard, broadcast, run } = ring(5, 3);
  run(10);
  for (const silent of [0, 1, 2, 3, 4]) {
    links[silent]!.setFaults({ loss: 1 });
    run(40);
    const sent = broadcast(2);
    assert.deepEqual(heard.map((got) => got.filter((each) => each === sent).length), [1, 1, 0, 1, 1]);
    links[silent]!.setFaults({});
    run(40);
  }
  for (const got of heard) assert.equal(new Set(got).size, got.length);
});
