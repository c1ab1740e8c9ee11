import assert from "node:assert/strict";
import { test } from "node:test";
import type { SystemBiosBench } from "../../testkit/system-bios-bench.ts";
import { SystemBiosBench as Bench, ZERO } from "../../testkit/system-bios-bench.ts";
import { booted, cdDrive, diskDrive, floppyDrive, bootableBytes } from "../../testkit/system-bios-media.ts";

const low = (value: number): number => value & 0xffff;

function press(bios: SystemBiosBench, ...codes: string[]): void {
  for (const code of codes) bios.bench.machine.input({ kind: "key", code, down: true });
  for (const code of codes.reverse()) bios.bench.machine.input({ kind: "key", code, down: false });
}

/** Lets the keyboard's bytes come: a sleep of 20 ms. */
function settle(bios: SystemBiosBench): void {
  bios.call(0x15, { eax: 0x8600, ecx: 0, edx: 20_000 });
}

const KEYSTROKES: [string[], number, number?][] = [
  [["KeyA"], 0x1e61],
  [["ShiftLeft", "KeyA"], 0x1e41],
  [["ControlLeft", "KeyA"], 0x1e01],
  [["AltLeft", "KeyA"], 0x1e00],
  [["Digit1"], 0x0231],
  [["ShiftRight", "Digit1"], 0x0221],
  [["Enter"], 0x1c0d],
  [["Escape"], 0x011b],
  [["Backspace"], 0x0e08],
  [["Tab"], 0x0f09],
  [["ShiftLeft", "Tab"], 0x0f00],
  [["Space"], 0x3920],
  [["F1"], 0x3b00],
  [["ControlLeft", "F10"], 0x6700],
  [["F12"], 0x8600],
  [["ArrowUp"], 0x48e0, 0x4800],
  [["Delete"], 0x53e0, 0x5300],
  [["ControlRight", "ArrowLeft"], 0x73e0, 0x7300],
  [["AltRight", "Home"], 0x9700],
  [["NumpadEnter"], 0xe00d, 0x1c0d],
  [["NumpadDivide"], 0xe02f, 0x352f],
  [["Numpad8"], 0x4800],
  [["ShiftLeft", "Numpad8"], 0x4838],
  [["NumpadAdd"], 0x4e2b],
  [["IntlBackslash"], 0x565c],
];

test("keys become keystrokes, and the old services know the grey keys by their old codes", () => {
  const bios = booted();
  for (const [codes, keystroke, old] of KEYSTROKES) {
    press(bios, ...codes);
    settle(bios);
    const peeked = bios.call(0x16, { eax: 0x1100 });
    assert.deepEqual([low(peeked.eax), peeked.flags & ZERO], [keystroke, 0], codes.join("+"));
    if (old !== undefined) assert.equal(low(bios.call(0x16, { eax: 0x0100 }).eax), old, codes.join("+"));
    assert.equal(low(bios.call(0x16, { eax: 0x1000 }).eax), keystroke);
    assert.equal(bios.call(0x16, { eax: 0x1100 }).flags & ZERO, ZERO, "and that was all");
  }
});

test("a wait for a key ends with the key; what is stored comes back; a full buffer says so", () => {
  const bios = booted();
  const answer = bios.begin(0x16, { eax: 0x0000 });
  settleWhileWaiting(bios);
  press(bios, "KeyQ");
  assert.equal(low(answer().eax), 0x1071);
  for (let i = 0; i < 15; i++) assert.equal(bios.call(0x16, { eax: 0x0500, ecx: 0x1100 + i }).eax & 0xff, 0);
  assert.equal(bios.call(0x16, { eax: 0x0500, ecx: 0x1234 }).eax & 0xff, 1);
  for (let i = 0; i < 15; i++) assert.equal(low(bios.call(0x16, { eax: 0x1000 }).eax), 0x1100 + i);
});

function settleWhileWaiting(bios: SystemBiosBench): void {
  for (let n = 0; n < 50; n++) bios.step();
}

test("locks and shifts are in the flags", () => {
  const bios = booted();
  const flags = (): number => bios.call(0x16, { eax: 0x0200 }).eax & 0xff;
  press(bios, "CapsLock");
  settle(bios);
  assert.equal(flags(), 0x40);
  press(bios, "KeyA");
  settle(bios);
  assert.equal(low(bios.call(0x16, { eax: 0 }).eax), 0x1e41);
  press(bios, "CapsLock");
  bios.bench.machine.input({ kind: "key", code: "ShiftRight", down: true });
  bios.bench.machine.input({ kind: "key", code: "ControlRight", down: true });
  settle(bios);
  assert.equal(low(bios.call(0x16, { eax: 0x1200 }).eax), 0x0405);
});

test("Ctrl+Alt+Delete starts the machine over", () => {
  const bios = booted();
  const before = bios.output.length;
  press(bios, "ControlLeft", "AltLeft", "Delete");
  bios.until(() => bios.output.length > before + 20 && bios.output.endsWith("!"));
});

test("the boot menu: F12 while it waits, and a choice by number", () => {
  const bios = new Bench([diskDrive(), cdDrive(null), floppyDrive(bootableBytes(1_474_560))], { order: ["disk", "floppy"], hasMenu: true });
  bios.until(() => bios.output.includes("F12"));
  press(bios, "F12");
  bios.until(() => /1\. Hard disk 1.*\r\n 2\. Floppy A\r\n 3\. CD-ROM 1.*\r\n/.test(bios.output));
  press(bios, "Digit2");
  bios.until(() => bios.output.endsWith("!"));
  assert.equal(bios.bootDrive(), 0);
});

test("a mouse driver gets its packets through INT 15h C2h", () => {
  const bios = booted();
  // 0:9000, called far with four words: mov ax,[bp+..] is left to the test: bp=sp; copies 8 bytes from ss:bp+4 to 0:9100; retf
  bios.poke(0, 0x9000, [0x55, 0x89, 0xe5, 0x8d, 0x76, 0x06, 0x16, 0x1f, 0x31, 0xc0, 0x8e, 0xc0, 0xbf, 0x00, 0x91, 0xb9, 0x04, 0x00, 0xf3, 0xa5, 0x5d, 0xcb]);
  const ok = (eax: number, more: object = {}): void => {
    const { flags, eax: answer } = bios.call(0x15, { eax, ...more });
    assert.deepEqual([flags & 1, low(answer) >> 8], [0, 0], eax.toString(16));
  };
  ok(0xc205, { ebx: 0x0300 });
  ok(0xc207, { ebx: 0x9000 });
  ok(0xc203, { ebx: 0x0300 });
  ok(0xc202, { ebx: 0x0500 });
  assert.equal(bios.call(0x15, { eax: 0xc204 }).ebx & 0xff00, 0);
  ok(0xc200, { ebx: 0x0100 });
  bios.bench.machine.input({ kind: "pointer", dx: 5, dy: -3, wheel: 0, buttons: 0 });
  settle(bios);
  const [, , y = 0, , x = 0, , state = 0] = bios.peek(0, 0x9100, 8);
  assert.deepEqual([x, y, state & 0x0f], [5, 3, 8]);
  assert.equal(bios.call(0x15, { eax: 0xc20f }).flags & 1, 1);
});
