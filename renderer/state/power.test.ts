import assert from "node:assert/strict";
import { test } from "node:test";
import { VmStatus } from "../../core/api/vm-state.ts";
import type { PowerAction } from "./power.ts";
import { asksFirst, isOn, whyNot } from "./power.ts";

const ACTIONS: PowerAction[] = ["start", "pause", "resume", "reset", "shutdown", "powerOff", "delete"];

test("each state allows exactly the actions that the contract documents", () => {
  const allowed = Object.fromEntries(
    VmStatus.options.map((status) => [status, ACTIONS.filter((action) => whyNot(action, status) === null)]),
  );
  assert.deepEqual(allowed, {
    off: ["start", "delete"],
    starting: ["powerOff"],
    running: ["pause", "reset", "shutdown", "powerOff"],
    paused: ["resume", "reset", "powerOff"],
    stopping: ["powerOff"],
    error: ["start", "delete"],
    broken: ["delete"],
  });
});

test("every refusal has a reason that fits the state", () => {
  assert.equal(whyNot("shutdown", "paused"), "pausedNoButton");
  assert.equal(whyNot("delete", "running"), "turnOffFirst");
  assert.equal(whyNot("start", "running"), "alreadyOn");
  assert.equal(whyNot("start", "broken"), "broken");
  assert.equal(whyNot("pause", "off"), "off");
  assert.equal(whyNot("pause", "paused"), "alreadyPaused");
  assert.equal(whyNot("reset", "stopping"), "stopping");
});

test("while an action is under way only the power can be taken", () => {
  assert.equal(whyNot("pause", "running", true), "busy");
  assert.equal(whyNot("powerOff", "running", true), null);
});

test("what the guest cannot take back asks first", () => {
  assert.deepEqual(ACTIONS.filter(asksFirst), ["reset", "powerOff", "delete"]);
  assert.deepEqual(VmStatus.options.filter(isOn), ["starting", "running", "paused", "stopping"]);
});
