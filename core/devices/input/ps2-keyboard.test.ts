import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { Ps2Keyboard } from "./ps2-keyboard.ts";
import { knownKeys, set1Codes, set2Codes, translateToSet1 } from "./scan-codes.ts";

function setup(): { keyboard: Ps2Keyboard; lights: number[]; send(...values: number[]): string; drain(): string } {
  const lights: number[] = [];
  const keyboard = new Ps2Keyboard("keyboard", () => {}, (leds) => lights.push(leds));
  const drain = (): string => {
    const bytes: string[] = [];
    while (keyboard.hasByte()) bytes.push(keyboard.takeByte().toString(16));
    return bytes.join(" ");
  };
  const send = (...values: number[]): string => {
    for (const value of values) keyboard.writeByte(value);
    return drain();
  };
  return { keyboard, lights, drain, send };
}

deviceConformance(
  "ps2-keyboard",
  () => new Ps2Keyboard("keyboard", () => {}),
  (keyboard) => {
    for (const value of [0xf0, 1, 0xed, 3, 0xf3]) keyboard.writeByte(value);
    keyboard.key("KeyA", true);
    keyboard.takeByte();
  },
);

describe("ps2-keyboard commands", () => {
  test("reset, identify, echo, enable, disable and defaults answer by the reference", () => {
    const { send } = setup();
    assert.equal(send(0xff), "fa aa");
    assert.equal(send(0xf2), "fa ab 83");
    assert.equal(send(0xee), "ee");
    for (const command of [0xf4, 0xf5, 0xf6, 0xfa]) assert.equal(send(command), "fa");
    assert.equal(send(0x12), "fe");
  });

  test("lights and typematic take an argument", () => {
    const { send, lights } = setup();
    assert.equal(send(0xed, 0x07), "fa fa");
    assert.equal(send(0xf3, 0x20), "fa fa");
    assert.deepEqual(lights, [7]);
  });

  test("a command in place of an argument is obeyed", () => {
    const { send, lights } = setup();
    assert.equal(send(0xed, 0xee), "fa ee");
    assert.deepEqual(lights, []);
  });

  test("scan code set: asked for, changed to 1, and 3 refused", () => {
    const { keyboard, send, drain } = setup();
    assert.equal(send(0xf0, 0), "fa fa 2");
    assert.equal(send(0xf0, 1), "fa fa");
    keyboard.key("ArrowUp", true);
    keyboard.key("ArrowUp", false);
    assert.equal(drain(), "e0 48 e0 c8");
    assert.equal(send(0xf0, 3), "fa fe");
    assert.equal(send(0xf6), "fa");
    assert.equal(send(0xf0, 0), "fa fa 2");
  });

  test("resend gives the last byte again", () => {
    const { send } = setup();
    send(0xf2);
    assert.equal(send(0xfe), "83");
  });

  test("a disabled keyboard drops keys", () => {
    const { keyboard, send, drain } = setup();
    send(0xf5);
    assert.equal(keyboard.key("KeyA", true), false);
    assert.equal(drain(), "");
    send(0xf4);
    assert.equal(keyboard.key("KeyA", true), true);
  });
});

describe("ps2-keyboard keys", () => {
  test("make and break, a repeat as a further make", () => {
    const { keyboard, drain } = setup();
    for (const down of [true, true, false]) keyboard.key("Enter", down);
    assert.equal(drain(), "5a 5a f0 5a");
  });

  test("the keys with sequences of their own", () => {
    const { keyboard, drain } = setup();
    keyboard.key("Pause", true);
    keyboard.key("Pause", false);
    assert.equal(drain(), "e1 14 77 e1 f0 14 f0 77");
    keyboard.key("PrintScreen", true);
    keyboard.key("PrintScreen", false);
    assert.equal(drain(), "e0 12 e0 7c e0 f0 7c e0 f0 12");
    keyboard.key("Lang1", true);
    keyboard.key("Lang1", false);
    assert.equal(drain(), "f2", "Hangul has no break");
  });

  test("an unknown key is none", () => {
    const { keyboard } = setup();
    for (const code of ["", "Unidentified", "toString", "__proto__", "KeyÄ"]) assert.equal(keyboard.key(code, true), false);
  });

  test("a full queue drops presses, keeps room for releases and answers, and never half a key", () => {
    const { keyboard, drain } = setup();
    let taken = 0;
    while (keyboard.key("ArrowUp", true)) taken++;
    assert.ok(taken > 50);
    assert.equal(keyboard.key("ArrowUp", false), true);
    keyboard.writeByte(0xee);
    const bytes = drain().split(" ");
    assert.deepEqual(bytes.slice(-4), ["e0", "f0", "75", "ee"]);
    assert.equal(bytes.length, 2 * taken + 4);
  });
});

describe("scan codes", () => {
  test("every key of a 105-key board, the Korean and Japanese ones and the media keys have codes of their own", () => {
    const keys = knownKeys();
    assert.ok(keys.length >= 105 + 10 + 20, `${keys.length}`);
    const seen = new Map<string, string>();
    for (const key of keys) {
      const codes = set2Codes(key, true)?.join() ?? "";
      // F24 and the Japanese Zenkaku/Hankaku share 5Fh by the standard's own table.
      if (key !== "Lang5") assert.equal(seen.get(codes), undefined, `${key} has the codes of ${seen.get(codes)}`);
      seen.set(codes, key);
    }
  });

  test("set 1 by the usual reference points", () => {
    const hex = (code: string, down = true): string => (set1Codes(code, down) ?? []).map((b) => b.toString(16)).join(" ");
    assert.equal(hex("Escape"), "1");
    assert.equal(hex("Digit1"), "2");
    assert.equal(hex("KeyQ"), "10");
    assert.equal(hex("Space", false), "b9");
    assert.equal(hex("F11"), "57");
    assert.equal(hex("F12"), "58");
    assert.equal(hex("NumLock"), "45");
    assert.equal(hex("ScrollLock"), "46");
    assert.equal(hex("IntlBackslash"), "56");
    assert.equal(hex("MetaLeft"), "e0 5b");
    assert.equal(hex("ContextMenu"), "e0 5d");
    assert.equal(hex("ControlRight", false), "e0 9d");
    assert.equal(hex("IntlYen"), "7d");
    assert.equal(hex("KanaMode"), "70");
    assert.equal(hex("AudioVolumeUp"), "e0 30");
    assert.equal(hex("Pause"), "e1 1d 45 e1 9d c5");
  });

  test("translation leaves answers alone and maps the two codes above 80h", () => {
    assert.deepEqual([0xfa, 0xaa, 0xee, 0xe0, 0xe1, 0xf2, 0x83, 0x84].map(translateToSet1), [0xfa, 0xaa, 0xee, 0xe0, 0xe1, 0xf2, 0x41, 0x54]);
  });
});
