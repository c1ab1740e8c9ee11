import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { DebugConsole } from "./debug-console.ts";

deviceConformance("debug-console", () => new DebugConsole("debug-console", () => {}), () => {}, { banks: [1], stateless: true });

test("each byte written goes out, wider writes low byte first", () => {
  const bytes: number[] = [];
  const device = new DebugConsole("debugcon", (byte) => bytes.push(byte));
  device.writeReg(0, 0, 1, 0x41);
  device.writeReg(0, 0, 4, 0x45444342);
  assert.equal(String.fromCharCode(...bytes), "ABCDE");
});

test("a read gives E9h", () => {
  assert.equal(new DebugConsole("debugcon", () => {}).readReg(), 0xe9);
});
