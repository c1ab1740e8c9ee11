import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { Cable } from "../port.ts";
import { type Bpdu, compareVectors, readBpdu, writeBpdu } from "./bpdu.ts";
import { Switch } from "./switch.ts";

const SAMPLE: Bpdu = {
  vector: [0x8000, 0x0200_0000_0001, 20_000, 0x9000, 0x0200_0000_0002, 0x8003],
  role: "designated",
  topologyChange: true,
  proposal: true,
  agreement: false,
  learning: true,
  forwarding: false,
  messageAge: 1,
};

test("an RST BPDU has the bytes of the standard and is read as written", () => {
  const frame = writeBpdu(SAMPLE, 0x0200_0000_0002, 20, 2, 15);
  const hex = Buffer.from(frame.subarray(0, 53)).toString("hex");
  assert.equal(
    hex,
    "0180c2000000" + "020000000002" + "0027" + "424203" + "0000" + "02" + "02" + "1f" + "8000020000000001" + "00004e20" +
      "9000020000000002" + "8003" + "0100" + "1400" + "0200" + "0f00" + "00",
  );
  assert.deepEqual(readBpdu(frame), SAMPLE);
});

test("old configuration BPDUs and notifications are read, truncated ones refused", () => {
  const frame = writeBpdu(SAMPLE, 0x0200_0000_0002, 20, 2, 15);
  for (let length = 0; length < 53; length++) assert.equal(readBpdu(frame.subarray(0, length)), undefined);
  frame[19] = 0;
  frame[20] = 0;
  const old = readBpdu(frame);
  assert.ok(typeof old === "object");
  assert.deepEqual([old.role, old.proposal, old.learning, old.topologyChange], ["designated", false, false, true]);
  frame[20] = 0x80;
  assert.equal(readBpdu(frame), "notification");
});

test("priority vectors are compared from the left", () => {
  assert.equal(compareVectors([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]), 0);
  assert.equal(compareVectors([1, 2, 3, 4, 5, 6], [1, 2, 4, 0, 0, 0]), -1);
  assert.equal(compareVectors([2, 0, 0, 0, 0, 0], [1, 9, 9, 9, 9, 9]), 1);
});

test("whatever a trunk sends as BPDUs, the switch answers a bounded number and recovers when it stops", () => {
  const random = new SeededRandom(7);
  const clock = { now: 1e9, nowNs: () => clock.now };
  const made = new Switch(clock, { name: "s", mac: 0x0200_0000_0009 });
  const ends = ["one", "two"].map((name) => {
    const port = made.addPort({ name, vlans: { mode: "trunk", allowed: "all" }, spanningTree: true });
    assert.ok(typeof port !== "string");
    const cable = new Cable();
    const end = { port, cable, got: 0 };
    cable.a.connect({
      receive: () => {
        end.got++;
      },
      canReceive: () => true,
      linkChanged() {},
      sendReady() {},
    });
    port.attach(cable.b);
    return end;
  });
  for (let i = 0; i < 20_000; i++) {
    const frame = writeBpdu(SAMPLE, random.next(), 20, 2, 15);
    for (let n = random.below(6); n > 0; n--) frame[17 + random.below(36)] = random.next();
    random.pick(ends).cable.a.send(random.below(8) === 0 ? frame.subarray(0, 14 + random.below(46)) : frame);
    if (i % 100 === 0) {
      clock.now += 1e8;
      made.poll();
    }
  }
  for (const { got } of ends) assert.ok(got <= 21 * 6 + 6, `${got} answers in twenty seconds`);
  for (let second = 0; second < 60; second++) {
    clock.now += 1e9;
    made.poll();
  }
  assert.equal(made.isRoot, true);
  assert.deepEqual(ends.map(({ port }) => port.spanningTree), Array(2).fill({ role: "designated", state: "forwarding" }));
});
