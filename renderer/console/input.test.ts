import assert from "node:assert/strict";
import { test } from "node:test";
import type { InputEvent } from "../../core/api/vm-state.ts";
import { InputSender } from "./input-sender.ts";
import { KeyboardCapture } from "./keyboard-capture.ts";
import { PointerCapture } from "./pointer-capture.ts";

function keyboard() {
  const log: string[] = [];
  let prevented = 0;
  const capture = new KeyboardCapture(
    {
      key: (code, down) => log.push((down ? "+" : "-") + code),
      release: () => log.push("release"),
      shortcut: (code) => log.push(`shortcut ${code}`),
    },
    "ControlRight",
  );
  const event = (code: string, repeat = false) => ({ code, repeat, preventDefault: () => prevented++, stopPropagation: () => {} });
  return {
    log,
    capture,
    down: (code: string, repeat = false) => capture.keyDown(event(code, repeat)),
    up: (code: string) => capture.keyUp(event(code)),
    prevented: () => prevented,
  };
}

test("keys go by place, repeats pass, Tab is not left to the browser", () => {
  const { log, down, up, prevented } = keyboard();
  down("KeyA");
  down("KeyA", true);
  up("KeyA");
  down("Tab");
  up("Tab");
  assert.deepEqual(log, ["+KeyA", "+KeyA", "-KeyA", "+Tab", "-Tab"]);
  assert.equal(prevented(), 5);
});

test("losing the focus lets go of everything that is held, last first", () => {
  const { log, capture, down, up } = keyboard();
  down("ControlLeft");
  down("KeyC");
  capture.releaseAll();
  up("KeyC");
  assert.deepEqual(log, ["+ControlLeft", "+KeyC", "-KeyC", "-ControlLeft"]);
});

test("the host key alone releases, with another key it is a shortcut, and the guest sees neither", () => {
  const { log, down, up } = keyboard();
  down("ControlRight");
  up("ControlRight");
  down("ControlRight");
  down("ControlRight", true);
  down("Delete");
  up("Delete");
  up("ControlRight");
  assert.deepEqual(log, ["release", "shortcut Delete"]);
});

test("a host key that went down before the screen had the focus does not release", () => {
  const { log, up } = keyboard();
  up("ControlRight");
  assert.deepEqual(log, []);
});

test("keys without a place are dropped, Hangul and Hanja keys are let go at once", () => {
  const { log, down, up } = keyboard();
  down("");
  down("Unidentified");
  down("Lang1");
  up("Lang1");
  assert.deepEqual(log, ["+Lang1", "-Lang1"]);
});

test("when Command goes up, keys whose release macOS swallowed go up as well", () => {
  const { log, down, up } = keyboard();
  down("MetaLeft");
  down("KeyA");
  down("ShiftLeft");
  up("MetaLeft");
  assert.deepEqual(log, ["+MetaLeft", "+KeyA", "+ShiftLeft", "-MetaLeft", "-KeyA"]);
});

test("pointer motion is summed, fractions kept, buttons pass at once and are let go", () => {
  const sent: unknown[] = [];
  const pointer = new PointerCapture({ pointer: (motion) => sent.push(motion) });
  pointer.move({ movementX: 0.6, movementY: 0, buttons: 0 });
  pointer.flush();
  assert.deepEqual(sent, []);
  pointer.move({ movementX: 0.6, movementY: -3, buttons: 0 });
  pointer.buttons({ movementX: 0, movementY: 0, buttons: 2 });
  pointer.wheel({ deltaY: 250, deltaMode: 0 });
  pointer.flush();
  pointer.releaseAll();
  pointer.releaseAll();
  assert.deepEqual(sent, [
    { dx: 1, dy: -3, wheel: 0, buttons: 0 },
    { dx: 0, dy: 0, wheel: 0, buttons: 2 },
    { dx: 0, dy: 0, wheel: 2, buttons: 2 },
    { dx: 0, dy: 0, wheel: 0, buttons: 0 },
  ]);
});

test("motion beyond the contract's limit is sent in parts", () => {
  const sent: number[] = [];
  const pointer = new PointerCapture({ pointer: (motion) => sent.push(motion.dx) });
  pointer.move({ movementX: 5000, movementY: 0, buttons: 0 });
  pointer.flush();
  pointer.flush();
  assert.deepEqual(sent, [4096, 904]);
});

test("input goes in order, one call at a time, and a failure drops what waits", async () => {
  const calls: InputEvent[][] = [];
  let answer: (() => void) | null = null;
  let fail = false;
  const errors: unknown[] = [];
  const sender = new InputSender(
    (events) =>
      new Promise((resolve, reject) => {
        calls.push(events);
        answer = () => (fail ? reject(new Error("off")) : resolve({}));
      }),
    (error) => errors.push(error),
  );
  const key = (code: string): InputEvent => ({ kind: "key", code, down: true });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  for (const code of ["A", "B", "C"]) sender.push(key(code));
  assert.deepEqual(
    calls.map((c) => c.length),
    [1],
  );
  (answer as unknown as () => void)();
  await settle();
  assert.deepEqual(calls[1], [key("B"), key("C")]);
  for (let i = 0; i < 200; i++) sender.push(key("D"));
  (answer as unknown as () => void)();
  await settle();
  assert.equal(calls[2]?.length, 64);
  fail = true;
  (answer as unknown as () => void)();
  await settle();
  assert.equal(errors.length, 1);
  assert.equal(calls.length, 3);
});
