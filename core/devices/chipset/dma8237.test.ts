import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DmaView } from "../../memory/guest-memory.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { Dma8237Pair } from "./dma8237.ts";

const RAM_BYTES = 0x40000;
const UNIT1 = 0;
const PAGES = 1;
const UNIT2 = 2;
const TO_MEMORY = 0x44; // single mode
const FROM_MEMORY = 0x48;
const VERIFY = 0x40;
const AUTO_INIT = 0x10;
const DECREMENT = 0x20;

class Ram implements DmaView {
  readonly sizeBytes = RAM_BYTES;
  readonly bytes = new Uint8Array(RAM_BYTES);
  isRam(gpa: number, length: number): boolean {
    return gpa >= 0 && gpa + length <= RAM_BYTES;
  }
  read(gpa: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.bytes[gpa + i] ?? 0xff;
  }
  write(gpa: number, from: Uint8Array): void {
    for (const [i, byte] of from.entries()) this.bytes[gpa + i] = byte;
  }
}

function setup(): { dma: Dma8237Pair; ram: Ram; codes: number[] } {
  const ram = new Ram();
  const codes: number[] = [];
  const dma = new Dma8237Pair("dma", ram, (code) => codes.push(code));
  dma.openCascade();
  return { dma, ram, codes };
}

/** Programs channel 2 as a floppy driver does. */
function program(dma: Dma8237Pair, address: number, count: number, mode: number): void {
  dma.writeReg(UNIT1, 10, 1, 6);
  dma.writeReg(UNIT1, 12, 1, 0);
  dma.writeReg(UNIT1, 11, 1, mode | 2);
  dma.writeReg(UNIT1, 4, 1, address & 0xff);
  dma.writeReg(UNIT1, 4, 1, (address >> 8) & 0xff);
  dma.writeReg(UNIT1, 5, 1, (count - 1) & 0xff);
  dma.writeReg(UNIT1, 5, 1, (count - 1) >> 8);
  dma.writeReg(PAGES, 1, 1, address >> 16);
  dma.writeReg(UNIT1, 10, 1, 2);
}

function word(dma: Dma8237Pair, register: number): number {
  return dma.readReg(UNIT1, register, 1) | (dma.readReg(UNIT1, register, 1) << 8);
}

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);

deviceConformance(
  "dma8237",
  () => new Dma8237Pair("dma", new Ram()),
  (dma) => {
    dma.openCascade();
    program(dma, 0x12345, 600, TO_MEMORY);
    dma.channel(2).toMemory(counting(600));
    dma.channel(5).request(true);
    dma.writeReg(UNIT2, 18, 1, 5);
    dma.writeReg(UNIT1, 4, 1, 0x77);
  },
  { banks: [16, 16, 32] },
);

describe("dma8237", () => {
  test("a device's bytes land at the programmed address, and the count tells what is left", () => {
    const { dma, ram } = setup();
    program(dma, 0x1fff0, 16, TO_MEMORY);
    assert.deepEqual(dma.channel(2).toMemory(counting(10)), { bytes: 10, isTerminal: false });
    assert.deepEqual(ram.bytes.subarray(0x1fff0, 0x1fffa), counting(10));
    assert.equal(word(dma, 4), 0xfffa);
    assert.equal(word(dma, 5), 5);
  });

  test("the terminal count stops the channel, masks it and shows once in the status", () => {
    const { dma } = setup();
    program(dma, 0x1000, 16, TO_MEMORY);
    assert.deepEqual(dma.channel(2).toMemory(counting(100)), { bytes: 16, isTerminal: true });
    assert.equal(dma.channel(2).isReady(), false);
    assert.deepEqual(dma.channel(2).toMemory(counting(100)), { bytes: 0, isTerminal: false });
    assert.equal(word(dma, 5), 0xffff);
    assert.equal(dma.readReg(UNIT1, 8, 1), 4);
    assert.equal(dma.readReg(UNIT1, 8, 1), 0);
  });

  test("auto-initialize begins again with the base registers", () => {
    const { dma, ram } = setup();
    program(dma, 0x1000, 4, TO_MEMORY | AUTO_INIT);
    for (const byte of [1, 2]) assert.deepEqual(dma.channel(2).toMemory(new Uint8Array(4).fill(byte)), { bytes: 4, isTerminal: true });
    assert.deepEqual([...ram.bytes.subarray(0x1000, 0x1005)], [2, 2, 2, 2, 0]);
    assert.equal(word(dma, 4), 0x1000);
  });

  test("the address wraps within its 64 KiB page", () => {
    const { dma, ram } = setup();
    program(dma, 0x1fffe, 4, TO_MEMORY);
    dma.channel(2).toMemory(counting(4));
    assert.deepEqual([...ram.bytes.subarray(0x1fffe, 0x20000)], [1, 2]);
    assert.deepEqual([...ram.bytes.subarray(0x10000, 0x10002)], [3, 4]);
    assert.equal(ram.bytes[0x20000], 0);
  });

  test("a decrementing channel fills downwards, through its page", () => {
    const { dma, ram } = setup();
    program(dma, 0x10001, 3, TO_MEMORY | DECREMENT);
    dma.channel(2).toMemory(counting(3));
    assert.deepEqual([ram.bytes[0x10001], ram.bytes[0x10000], ram.bytes[0x1ffff]], [1, 2, 3]);
  });

  test("memory to device gives FFh for what is not RAM", () => {
    const { dma, ram } = setup();
    ram.bytes.set([9, 8], RAM_BYTES - 2);
    program(dma, RAM_BYTES - 2, 2, FROM_MEMORY);
    const into = new Uint8Array(2);
    dma.channel(2).fromMemory(into);
    assert.deepEqual([...into], [9, 8]);
    program(dma, 0xff0000, 2, FROM_MEMORY);
    dma.channel(2).fromMemory(into);
    assert.deepEqual([...into], [0xff, 0xff]);
  });

  test("verify counts and stores nothing", () => {
    const { dma, ram } = setup();
    program(dma, 0x1000, 4, VERIFY);
    assert.deepEqual(dma.channel(2).toMemory(counting(4)), { bytes: 4, isTerminal: true });
    assert.equal(ram.bytes[0x1000], 0);
  });

  test("a channel programmed for the other direction moves nothing", () => {
    const { dma } = setup();
    program(dma, 0x1000, 4, FROM_MEMORY);
    assert.deepEqual(dma.channel(2).toMemory(counting(4)), { bytes: 0, isTerminal: false });
  });

  test("mask bits, the disable command and a closed cascade hold a device back", () => {
    const { dma } = setup();
    program(dma, 0x1000, 4, TO_MEMORY);
    const channel = dma.channel(2);
    assert.equal(channel.isReady(), true);
    dma.writeReg(UNIT1, 15, 1, 4);
    assert.equal(channel.isReady(), false);
    dma.writeReg(UNIT1, 14, 1, 0);
    assert.equal(channel.isReady(), true);
    dma.writeReg(UNIT1, 8, 1, 4);
    assert.equal(channel.isReady(), false);
    dma.writeReg(UNIT1, 8, 1, 0);
    dma.writeReg(UNIT2, 20, 1, 4);
    assert.equal(channel.isReady(), false);
  });

  test("channel 5 moves words within 128 KiB", () => {
    const { dma, ram } = setup();
    dma.writeReg(UNIT2, 22, 1, TO_MEMORY | 1);
    for (const value of [0xff, 0xff]) dma.writeReg(UNIT2, 4, 1, value); // word address FFFFh
    for (const value of [1, 0]) dma.writeReg(UNIT2, 6, 1, value); // two words
    dma.writeReg(PAGES, 0x0b, 1, 0x03); // bit 0 of the page is not used
    dma.writeReg(UNIT2, 20, 1, 1);
    assert.deepEqual(dma.channel(5).toMemory(counting(5)), { bytes: 4, isTerminal: true });
    assert.deepEqual([...ram.bytes.subarray(0x3fffe, 0x40000)], [1, 2]);
    assert.deepEqual([...ram.bytes.subarray(0x20000, 0x20003)], [3, 4, 0]);
  });

  test("the request pin shows in the status until it falls", () => {
    const { dma } = setup();
    dma.channel(2).request(true);
    assert.equal(dma.readReg(UNIT1, 8, 1), 0x40);
    dma.channel(2).request(false);
    assert.equal(dma.readReg(UNIT1, 8, 1), 0);
  });

  test("master clear masks all channels and leaves their addresses", () => {
    const { dma } = setup();
    program(dma, 0x1234, 4, TO_MEMORY);
    dma.writeReg(UNIT1, 13, 1, 0);
    assert.equal(dma.readReg(UNIT1, 15, 1) & 15, 15);
    assert.equal(word(dma, 4), 0x1234);
  });

  test("port 80h is a page register of no channel and tells its codes", () => {
    const { dma, codes } = setup();
    dma.writeReg(PAGES, 0, 1, 0x5a);
    dma.writeReg(PAGES, 1, 1, 0x11);
    assert.deepEqual(codes, [0x5a]);
    assert.equal(dma.postCode, 0x5a);
    assert.equal(dma.readReg(PAGES, 0, 1), 0x5a);
  });
});
