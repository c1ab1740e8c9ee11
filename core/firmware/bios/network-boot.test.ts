// Expansion ROMs of network cards: called once each, given memory, listed and booted in order. The ROM is testkit/boot-rom.asm.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineNic } from "../../machine/machine.ts";
import { Cable } from "../../network/port.ts";
import { bootRom } from "../../testkit/boot-rom.ts";
import { SystemBiosBench, type SystemBiosOptions } from "../../testkit/system-bios-bench.ts";
import { diskDrive } from "../../testkit/system-bios-media.ts";

const card = (index: number, rom: Uint8Array | undefined = bootRom()): MachineNic => ({
  id: `nic${index}`, model: index % 2 === 0 ? "virtio" : "e1000", mac: Uint8Array.of(2, 0, 0, 0, 0, index), port: new Cable().a, ...(rom && { rom }),
});

function started(nics: MachineNic[], options: SystemBiosOptions = {}): SystemBiosBench {
  return new SystemBiosBench([diskDrive()], { nics, ...options });
}

/** What each ROM has said while it initialized itself. */
function calls(output: string): { bdf: string; words: number[] }[] {
  return [...output.matchAll(/<([0-9A-F]{4})P((?: [0-9A-F]{8})*)>/g)].map(([, bdf = "", words = ""]) => ({
    bdf, words: words.split(" ").slice(1).map((word) => Number.parseInt(word, 16)),
  }));
}

test("a card's ROM is called with its function, and gets memory as it asks", () => {
  const bios = started([card(0)]).boot();
  const [first, ...others] = calls(bios.output);
  assert.ok(first, bios.output);
  assert.deepEqual(others, []);
  const [allocated = 0, found, twice, freed, gone, conventional = 0, tooMuch, unknown] = first.words;
  assert.ok(allocated >= 32 << 20 && allocated < 64 << 20, "from the end of 64 MiB");
  assert.equal(allocated % 4096, 0);
  assert.deepEqual([found, twice, freed, gone, tooMuch, unknown], [allocated, 0, 0, 0, 0, 0xffffffff]);
  assert.ok(conventional >= 0x1000 && conventional < 0xa0000, `${conventional}`);
  assert.deepEqual([...bios.peek(conventional >> 4, 0, 4)], [0, 0, 0, 0], "conventional memory is cleared before a system starts");
  const rom = Buffer.from(bios.peek(0xf000, 0, 0xfff0));
  assert.equal(rom.indexOf("$PMM"), -1, "the manager ends with power-on");
});

test("eight cards' ROMs find room, for each shrinks before the next comes", () => {
  const bios = started(Array.from({ length: 8 }, (_, i) => card(i))).boot();
  const all = calls(bios.output);
  assert.equal(new Set(all.map(({ bdf }) => bdf)).size, 8);
  assert.equal(new Set(all.map(({ words }) => words[5])).size, 8, "conventional memory is not given twice");
});

test("network devices boot where they are in the order, each in turn", () => {
  const bios = started([card(0), card(1)], { order: ["network", "disk"] }).boot();
  const bdfs = calls(bios.output).map(({ bdf }) => bdf);
  const entries = [...bios.output.matchAll(/Booting from Network: Test ROM\.\.\.\r\n\[([0-9A-F]{4})\]/g)].map(([, bdf]) => bdf);
  assert.deepEqual(entries, bdfs);
  assert.equal(bios.bootDrive(), 0x80, "and the disk after them");
  const second = started([card(0)], { order: ["disk", "network"] }).boot();
  assert.doesNotMatch(second.output, /Network/);
});

test("the menu lists them", () => {
  const bios = started([card(0), card(1)], { order: ["disk"], hasMenu: true });
  bios.until(() => bios.output.includes("F12"));
  for (const down of [true, false]) bios.bench.machine.input({ kind: "key", code: "F12", down });
  bios.until(() => /1\. Hard disk 1.*\r\n 2\. Network: Test ROM\r\n 3\. Network: Test ROM\r\n/.test(bios.output));
  for (const down of [true, false]) bios.bench.machine.input({ kind: "key", code: "Digit3", down });
  bios.until(() => bios.output.includes(`[${calls(bios.output)[1]?.bdf}]`));
});

test("a ROM with a wrong checksum, of another processor, or cut off is not run", () => {
  const wrong = bootRom();
  wrong[0x100] = (wrong[0x100] ?? 0) + 1;
  /** Another code type; the sum stays. */
  const ofType = (type: number): Uint8Array => {
    const rom = bootRom();
    rom[0x1c + 0x14] = type;
    rom[rom.length - 1] = (rom.at(-1) ?? 0) - type;
    return rom;
  };
  const efi = ofType(3);
  const endless = ofType(1);
  endless[0x1c + 0x10] = 0;
  endless[0x1c + 0x15] = 0;
  for (const rom of [wrong, efi, endless, Uint8Array.of(0x55, 0xaa, 0), Uint8Array.of(0x55, 0xaa), Uint8Array.of(0x55, 0xaa, 255, 0xc3)]) {
    const bios = started([card(0, rom)]).boot();
    assert.deepEqual(calls(bios.output), []);
    assert.equal(bios.bootDrive(), 0x80);
  }
});
