import assert from "node:assert/strict";
import { test } from "node:test";
import type { DmaView } from "../../memory/guest-memory.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { FwCfg } from "./fw-cfg.ts";

const RAM_BYTES = 0x20000;
const CONFIG = { items: new Map([[3, Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0)]]), files: new Map([["bootorder", bytesOf("disk\0")], ["etc/e820", bytesOf("0123456789")]]) };

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
function setup(): { device: FwCfg; ram: Uint8Array } {
  const ram = new Uint8Array(RAM_BYTES);
  const isRam = (gpa: number, length: number): boolean => gpa >= 0 && gpa + length <= RAM_BYTES;
  const memory: DmaView = {
    sizeBytes: RAM_BYTES,
    isRam,
    read: (gpa, into) => into.set(ram.subarray(gpa, gpa + into.length)),
    write: (gpa, from) => ram.set(from, gpa),
  };
  return { device: new FwCfg("fw-cfg", memory, CONFIG), ram };
}
function readItem(device: FwCfg, key: number, length: number): Uint8Array {
  device.writeReg(0, 0, 2, key);
  return Uint8Array.from({ length }, () => device.readReg(0, 1, 1));
}
const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);
const swap = (value: number): number => new DataView(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value).buffer).getUint32(0, true);

const REQUEST = 0x100;
/** Puts a request into RAM, starts it, and gives back its control word. */
function dma(device: FwCfg, ram: Uint8Array, control: number, length: number, address: number, at = REQUEST): number {
  const view = new DataView(ram.buffer);
  view.setUint32(REQUEST, control);
  view.setUint32(REQUEST + 4, length);
  view.setUint32(REQUEST + 8, Math.floor(address / 2 ** 32));
  view.setUint32(REQUEST + 12, address >>> 0);
  device.writeReg(1, 0, 4, swap(Math.floor(at / 2 ** 32)));
  device.writeReg(1, 4, 4, swap(at >>> 0));
  return view.getUint32(REQUEST);
}

deviceConformance(
  "fw-cfg",
  () => setup().device,
  (device) => {
    device.writeReg(0, 0, 2, 3);
    device.readReg(0, 1, 1);
    device.writeReg(1, 0, 4, 5);
  },
  { banks: [2, 8] },
);

test("the signature, and that DMA is there", () => {
  const { device } = setup();
  assert.equal(text(readItem(device, 0, 4)), "QEMU");
  assert.deepEqual([...readItem(device, 1, 5)], [3, 0, 0, 0, 0]);
  assert.equal(device.readReg(1, 0, 4), 0x554d4551);
  assert.equal(device.readReg(1, 4, 4), 0x47464320);
});

test("an item is read byte by byte, and 0 after its end; selecting it starts over", () => {
  const { device } = setup();
  assert.deepEqual([...readItem(device, 3, 10)], [0, 0, 0, 4, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...readItem(device, 3, 4)], [0, 0, 0, 4]);
  assert.deepEqual([...readItem(device, 0x77, 2)], [0, 0]);
  device.writeReg(0, 0, 1, 3);
  assert.equal(device.readReg(0, 1, 1), 0, "a byte does not select");
});

test("files are listed by name with size and number", () => {
  const { device } = setup();
  const directory = readItem(device, 0x19, 4 + 2 * 64);
  const view = new DataView(directory.buffer);
  assert.equal(view.getUint32(0), 2);
  const files = [0, 1].map((n) => {
    const at = 4 + 64 * n;
    return { size: view.getUint32(at), key: view.getUint16(at + 4), name: text(directory.subarray(at + 8, at + 64)).replace(/\0+$/, "") };
  });
  assert.deepEqual(files, [{ size: 5, key: 0x20, name: "bootorder" }, { size: 10, key: 0x21, name: "etc/e820" }]);
  assert.equal(text(readItem(device, 0x21, 10)), "0123456789");
});

test("DMA selects, skips and reads, and fills up with 0", () => {
  const { device, ram } = setup();
  ram.fill(0xee, 0x1000, 0x1010);
  assert.equal(dma(device, ram, (0x21 << 16) | 8 | 2, 4, 0x1000), 0);
  assert.equal(text(ram.subarray(0x1000, 0x1005)), "0123\xee");
  assert.equal(dma(device, ram, 4, 3, 0), 0);
  assert.equal(dma(device, ram, 2, 6, 0x1000), 0);
  assert.equal(text(ram.subarray(0x1000, 0x1007)), "789\0\0\0\xee");
});

test("DMA to what is not RAM and DMA writes fail with the error bit", () => {
  const { device, ram } = setup();
  const select = (0x21 << 16) | 8;
  assert.equal(dma(device, ram, select | 2, 16, RAM_BYTES - 8), 1);
  assert.equal(dma(device, ram, select | 2, 0xffffffff, 0), 1);
  assert.equal(dma(device, ram, select | 2, 16, 2 ** 52), 1);
  assert.equal(dma(device, ram, select | 16, 1, 0x1000), 1);
  dma(device, ram, select | 2, 16, 0x1000, 2 ** 40);
  assert.equal(text(ram.subarray(0x1000, 0x1001)), "\0", "a request outside RAM is not done");
});
