import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { Ps2Mouse } from "./ps2-mouse.ts";

function setup(...commands: number[]): { mouse: Ps2Mouse; send(...values: number[]): string; drain(): string } {
  const mouse = new Ps2Mouse("mouse", () => {});
  const drain = (): string => {
    const bytes: string[] = [];
    while (mouse.hasByte()) bytes.push(mouse.takeByte().toString(16));
    return bytes.join(" ");
  };
  const send = (...values: number[]): string => {
    for (const value of values) mouse.writeByte(value);
    return drain();
  };
  send(...commands);
  return { mouse, send, drain };
}

const WHEEL_KNOCK = [0xf3, 200, 0xf3, 100, 0xf3, 80];
const FIVE_BUTTON_KNOCK = [0xf3, 200, 0xf3, 200, 0xf3, 80];

deviceConformance(
  "ps2-mouse",
  () => new Ps2Mouse("mouse", () => {}),
  (mouse) => {
    for (const value of [...WHEEL_KNOCK, 0xe7, 0xf4]) mouse.writeByte(value);
    mouse.move(300, -40, 2, 1);
    mouse.takeByte();
    mouse.writeByte(0xe8);
  },
);

test("reset answers with the self test and the model", () => {
  const { send } = setup();
  assert.equal(send(0xff), "fa aa 0");
  assert.equal(send(0x42), "fe");
});

test("nothing is sent before reporting is enabled, and motion of that time is forgotten", () => {
  const { mouse, send, drain } = setup();
  mouse.move(10, 10, 0, 0);
  assert.equal(drain(), "");
  assert.equal(send(0xf4), "fa");
  assert.equal(drain(), "");
});

describe("packets", () => {
  test("standard: buttons, sign bits, y upwards", () => {
    const { mouse, drain } = setup(0xf4);
    mouse.move(3, -4, 0, 0);
    assert.equal(drain(), "8 3 4");
    mouse.move(-3, 4, 0, 0b111);
    assert.equal(drain(), "3f fd fc");
    mouse.move(0, 0, 0, 0);
    assert.equal(drain(), "8 0 0");
  });

  test("motion gathers while the guest is slow and is sent in full, in pieces of at most 255", () => {
    const { mouse, drain } = setup(0xf4);
    for (let i = 0; i < 300; i++) mouse.move(2, 0, 0, 0);
    assert.equal(drain(), "8 ff 0 8 ff 0 8 5a 0");
  });

  test("a click within one poll is not lost", () => {
    const { mouse, drain } = setup(0xf4);
    mouse.move(0, 0, 0, 1);
    mouse.move(0, 0, 0, 0);
    assert.equal(drain(), "9 0 0 8 0 0");
  });

  test("many clicks unread do not grow without bound, and the last state of the buttons is told", () => {
    const { mouse, drain } = setup(0xf4);
    for (let i = 0; i < 1001; i++) mouse.move(0, 0, 0, i % 2 === 0 ? 1 : 0);
    const bytes = drain().split(" ");
    assert.ok(bytes.length <= 70);
    assert.equal(bytes.at(-3), "9");
  });

  test("2:1 scaling", () => {
    const { mouse, drain } = setup(0xe7, 0xf4);
    const sent = [1, 2, 3, 4, 5, 6, -3].map((dx) => {
      mouse.move(dx, 0, 0, 0);
      return drain().split(" ")[1];
    });
    assert.deepEqual(sent, ["1", "1", "3", "6", "9", "c", "fd"]);
  });
});

describe("wheel models", () => {
  test("the wheel knock makes it model 3 with a fourth byte", () => {
    const { mouse, send, drain } = setup(...WHEEL_KNOCK);
    assert.equal(send(0xf2), "fa 3");
    send(0xf4);
    mouse.move(0, 0, 2, 0);
    assert.equal(drain(), "8 0 0 2");
  });

  test("the second knock makes it model 4 with side buttons", () => {
    const { mouse, send, drain } = setup(...WHEEL_KNOCK, ...FIVE_BUTTON_KNOCK);
    assert.equal(send(0xf2), "fa 4");
    send(0xf4);
    mouse.move(0, 0, -1, 0b11000);
    assert.equal(drain(), "8 0 0 3f");
    assert.equal(send(0xff, 0xf2), "fa 0");
  });

  test("a standard mouse swallows the wheel", () => {
    const { mouse, drain } = setup(0xf4);
    mouse.move(0, 0, 5, 0);
    assert.equal(drain(), "8 0 0");
  });
});

describe("modes", () => {
  test("status shows mode, buttons, resolution and rate", () => {
    const { mouse, send } = setup(0xe8, 3, 0xf3, 60, 0xe7, 0xf4);
    mouse.move(0, 0, 0, 0b110);
    assert.equal(send(0xe9), "fa 33 3 3c");
  });

  test("remote mode sends on request only", () => {
    const { mouse, send, drain } = setup(0xf4, 0xf0);
    mouse.move(7, 0, 0, 0);
    assert.equal(drain(), "");
    assert.equal(send(0xeb), "fa 8 7 0");
    assert.equal(send(0xeb), "fa 8 0 0");
  });

  test("wrap mode echoes all but reset and its own end", () => {
    const { send } = setup();
    assert.equal(send(0xee), "fa");
    assert.equal(send(0xf4, 0x12), "f4 12");
    assert.equal(send(0xec), "fa");
    assert.equal(send(0xf2), "fa 0");
  });

  test("a resolution out of range is refused", () => {
    const { send } = setup();
    assert.equal(send(0xe8, 9), "fe");
  });

  test("defaults keep the model", () => {
    const { send } = setup(...WHEEL_KNOCK, 0xf3, 200);
    assert.equal(send(0xf6), "fa");
    assert.equal(send(0xe9), "fa 0 2 64");
    assert.equal(send(0xf2), "fa 3");
  });
});
