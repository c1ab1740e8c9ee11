import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_VERSION, type Drive, VmConfig } from "../api/vm-config.ts";
import { pendingChanges } from "./pending-changes.ts";

const drive = (kind: Drive["kind"], path: string): unknown => ({ id: `${kind}0`, kind, controller: "ide", slot: kind === "disk" ? 0 : 2, path });
const config = (more: Record<string, unknown> = {}) =>
  VmConfig.parse({
    version: CONFIG_VERSION, id: "11111111-1111-4111-8111-111111111111", name: "A", createdAt: "2026-01-01T00:00:00.000Z", memoryMiB: 64, cpu: {},
    boot: { kind: "demo" }, drives: [drive("disk", "a.img"), drive("cd", "a.iso")], ...more,
  });

test("name, notes, cap and media of CD drives wait for nothing", () => {
  const changed = config({ name: "B", notes: "x", cpu: { capPercent: 5 }, drives: [drive("disk", "a.img"), drive("cd", "b.iso")] });
  assert.deepEqual(pendingChanges(config(), changed), []);
});

test("what the machine is made of waits, each part for itself", () => {
  assert.deepEqual(pendingChanges(config(), config({ memoryMiB: 65 })), ["memoryMiB"]);
  assert.deepEqual(pendingChanges(config(), config({ drives: [drive("disk", "b.img"), drive("cd", "a.iso")] })), ["drives"]);
  assert.deepEqual(pendingChanges(config(), config({ drives: [drive("disk", "a.img")] })), ["drives"]);
  assert.deepEqual(pendingChanges(config(), config({ cpu: { engine: "interpreter" }, boot: { kind: "firmware" } })).sort(), ["boot", "engine"]);
});
