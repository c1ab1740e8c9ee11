import assert from "node:assert/strict";
import { test } from "node:test";
import { BOOT_ROM_BYTES, bootRom } from "../testkit/boot-rom.ts";
import { romForCard } from "./card-rom.ts";

const PCIR_AT = 0x1c;
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const idsOf = (rom: Uint8Array, image = 0): number[] => [4, 6].map((at) => (rom[image + PCIR_AT + at] ?? 0) + (rom[image + PCIR_AT + at + 1] ?? 0) * 256);

test("a ROM gets the numbers of its card, and its sum stays", () => {
  const original = bootRom();
  const fitted = romForCard(original, 0x10ec, 0x8029);
  assert.deepEqual(idsOf(fitted), [0x10ec, 0x8029]);
  assert.equal(sum(fitted), 0);
  assert.deepEqual(original, bootRom(), "the file's bytes are not touched");
});

test("every image for PCs is fitted, images of other kinds are not", () => {
  const rom = new Uint8Array(3 * BOOT_ROM_BYTES);
  for (let image = 0; image < 3; image++) {
    rom.set(bootRom(), image * BOOT_ROM_BYTES);
    rom[image * BOOT_ROM_BYTES + PCIR_AT + 0x15] = image === 2 ? 0x80 : 0;
  }
  rom[BOOT_ROM_BYTES + PCIR_AT + 0x14] = 3;
  const fitted = romForCard(rom, 1, 2);
  assert.deepEqual([0, 1, 2].map((image) => idsOf(fitted, image * BOOT_ROM_BYTES)), [[1, 2], idsOf(bootRom()), [1, 2]]);
});

test("ROMs that are cut off, endless or no ROMs stay as they are", () => {
  const endless = bootRom();
  endless.set([0, 0, 0, 0, 0, 0], PCIR_AT + 0x10);
  const wild = bootRom();
  wild.set([0xff, 0xff], 0x18);
  for (const rom of [new Uint8Array(0), Uint8Array.of(0x55, 0xaa), bootRom().subarray(0, 0x1a), bootRom().subarray(0, PCIR_AT + 10), wild]) {
    assert.deepEqual(romForCard(rom, 1, 2), rom.slice());
  }
  assert.deepEqual(idsOf(romForCard(endless, 1, 2)), [1, 2]);
});
