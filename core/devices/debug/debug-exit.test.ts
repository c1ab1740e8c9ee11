import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DebugExit } from "./debug-exit.ts";

deviceConformance("debug-exit", () => new DebugExit("debug-exit", () => {}), () => {}, { banks: [4], stateless: true });

test("a write of V ends the machine with (V << 1) | 1", () => {
  const statuses: number[] = [];
  const device = new DebugExit("debug-exit", (status) => statuses.push(status));
  device.writeReg(0, 0, 1, 0);
  device.writeReg(0, 0, 4, 0x10);
  device.writeReg(0, 0, 4, 0xffffffff);
  assert.deepEqual(statuses, [1, 0x21, 0xffffffff]);
});

test("a read gives 0 and ends nothing", () => {
  const statuses: number[] = [];
  const device = new DebugExit("debug-exit", (status) => statuses.push(status));
  assert.equal(device.readReg(), 0);
  assert.deepEqual(statuses, []);
});
