import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { SystemControlPort } from "./reset-control.ts";

function setup(): { device: SystemControlPort; events: string[] } {
  const events: string[] = [];
  const device = new SystemControlPort("port92", { onReset: () => events.push("reset"), onA20: (enabled) => events.push(`a20 ${enabled}`) });
  return { device, events };
}

deviceConformance("port92", () => setup().device, (device) => device.writeReg(0, 0, 1, 0x02), { banks: [1] });

test("bit 1 is A20, told at each change", () => {
  const { device, events } = setup();
  device.writeReg(0, 0, 1, 0x02);
  device.writeReg(0, 0, 1, 0x02);
  assert.equal(device.a20, true);
  assert.equal(device.readReg(0, 0, 1), 0x02);
  device.writeReg(0, 0, 1, 0x00);
  assert.deepEqual(events, ["a20 true", "a20 false"]);
});

test("bit 0 resets and reads back as 0", () => {
  const { device, events } = setup();
  device.writeReg(0, 0, 1, 0x01);
  device.writeReg(0, 0, 1, 0x01);
  assert.deepEqual(events, ["reset", "reset"]);
  assert.equal(device.readReg(0, 0, 1), 0);
});
