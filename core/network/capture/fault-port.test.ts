import assert from "node:assert/strict";
import test from "node:test";
import { Cable } from "../port.ts";
import { FaultPort, type LinkFaults } from "./fault-port.ts";

function link(seed = 1) {
  const clock = { now: 0, nowNs: () => clock.now };
  const cable = new Cable();
  const port = new FaultPort(cable.a, clock, seed);
  const near: string[] = [];
  const far: { marker: number; atNs: number; length: number }[] = [];
  port.connect({
    receive: (frame) => near.push(`frame ${frame[14]}`),
    canReceive: () => true,
    linkChanged: (up) => near.push(up ? "up" : "down"),
    sendReady: () => near.push("ready"),
  });
  cable.b.connect({
    receive: (frame) => far.push({ marker: frame[14]! * 256 + frame[15]!, atNs: clock.now, length: frame.length }),
    canReceive: () => true,
    linkChanged() {},
    sendReady() {},
  });
  const send = (marker: number, length = 60): void => {
    const frame = new Uint8Array(length);
    frame[14] = marker >>> 8;
    frame[15] = marker;
    port.send(frame);
    frame.fill(0xee);
  };
  const run = (): void => {
    for (let next = port.nextDeadlineNs(); next < Infinity; next = port.nextDeadlineNs()) {
      clock.now = Math.max(clock.now, next);
      port.poll();
    }
  };
  const set = (faults: LinkFaults): void => assert.equal(port.setFaults(faults), undefined);
  return { clock, cable, port, near, far, send, run, set };
}

test("without faults frames pass at once and nothing waits", () => {
  const { far, send, port } = link();
  send(1);
  assert.deepEqual(far, [{ marker: 1, atNs: 0, length: 60 }]);
  assert.equal(port.nextDeadlineNs(), Infinity);
});

test("loss and duplication have their shares, and one seed gives one run", () => {
  const once = (seed: number): number[] => {
    const { far, send, set } = link(seed);
    set({ loss: 0.2, duplication: 0.1 });
    for (let i = 0; i < 5000; i++) send(i);
    return far.map((frame) => frame.marker);
  };
  const got = once(5);
  assert.ok(Math.abs(new Set(got).size - 4000) < 150, `${new Set(got).size} of 5000 arrived`);
  assert.ok(Math.abs(got.length - new Set(got).size - 400) < 80, `${got.length - new Set(got).size} twice`);
  assert.deepEqual(once(5), got);
  assert.notDeepEqual(once(6), got);
});

test("delay with jitter keeps the order; reordering breaks it", () => {
  const { clock, far, send, run, set, port } = link();
  set({ delayNs: 10e6, jitterNs: 4e6 });
  for (let i = 0; i < 100; i++) {
    clock.now = i * 1e5;
    send(i);
  }
  run();
  assert.deepEqual(far.map((frame) => frame.marker), Array.from({ length: 100 }, (_, i) => i));
  assert.ok(far.every((frame) => frame.atNs >= frame.marker * 1e5 + 6e6));
  far.length = 0;
  set({ delayNs: 10e6, reordering: 0.3 });
  for (let i = 0; i < 100; i++) send(i);
  run();
  const order = far.map((frame) => frame.marker);
  assert.notDeepEqual(order, order.toSorted((a, b) => a - b));
  assert.equal(new Set(order).size, 100);
  assert.equal(port.counts.reordered, order.findIndex((marker, i) => i > 0 && marker < order[i - 1]!));
});

test("bandwidth spaces frames by their length", () => {
  const { far, send, run, set } = link();
  set({ bitsPerSecond: 8e6 });
  for (const length of [1000, 1000, 500]) send(length, length);
  run();
  assert.deepEqual(far.map((frame) => frame.atNs), [1e6, 2e6, 2.5e6]);
});

test("what waits is bounded; the sender is told to stop and to go on", () => {
  const { far, near, send, run, set, port } = link();
  set({ delayNs: 1e9 });
  let sent = 0;
  for (; port.canSend(); sent++) send(sent);
  run();
  assert.equal(far.length, sent);
  assert.equal(near.at(-1), "ready");
  for (let i = 0; i < 20_000; i++) send(i, 1514);
  assert.ok(port.counts.overrun > 10_000);
});

test("a cut takes the carrier and what was on the way", () => {
  const { far, near, cable, send, run, set, port } = link();
  set({ delayNs: 1e6 });
  send(1);
  set({ cut: true });
  send(2);
  cable.b.send(new Uint8Array(60));
  run();
  assert.equal(port.canSend(), false);
  set({});
  send(3);
  assert.deepEqual(far.map((frame) => frame.marker), [3]);
  assert.deepEqual(near, ["up", "down", "up"]);
});

test("impossible faults are refused with a reason", () => {
  const { port } = link();
  for (const faults of [{ loss: 1.5 }, { loss: NaN }, { delayNs: -1 }, { jitterNs: Infinity }, { bitsPerSecond: 0 }]) {
    assert.match(port.setFaults(faults) ?? "", /has to be|have to be/);
  }
});
