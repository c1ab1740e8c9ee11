import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApicMessages } from "../../bus/apic-bus.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { IoApic } from "./ioapic.ts";

/** A bus that records each message and takes it or not. */
function recordingBus(): ApicMessages & { sent: string[]; takes: boolean } {
  return {
    sent: [],
    takes: true,
    send(destination, logical, mode, vector, level) {
      this.sent.push(`${destination}${logical ? "L" : "P"} mode ${mode} vector ${vector.toString(16)}${level ? " level" : ""}`);
      return this.takes;
    },
    sendToAll() {},
    endOfInterrupt() {},
  };
}

function setup(): { ioapic: IoApic; bus: ReturnType<typeof recordingBus>; read(index: number): number; write(index: number, value: number): void } {
  const bus = recordingBus();
  const ioapic = new IoApic("ioapic", 1, bus);
  return {
    ioapic,
    bus,
    read: (index) => {
      ioapic.writeReg(0, 0, 4, index);
      return ioapic.readReg(0, 0x10, 4);
    },
    write: (index, value) => {
      ioapic.writeReg(0, 0, 4, index);
      ioapic.writeReg(0, 0x10, 4, value);
    },
  };
}

deviceConformance(
  "ioapic",
  () => new IoApic("ioapic", 1, recordingBus()),
  (ioapic) => {
    for (let pin = 0; pin < 24; pin++) {
      ioapic.writeReg(0, 0, 4, 0x10 + 2 * pin);
      ioapic.writeReg(0, 0x10, 4, 0x8030 + pin);
    }
    ioapic.line(9).set(true);
    ioapic.line(9).set(false);
  },
  { banks: [0x1000] },
);

test("ID, version and 24 masked entries after power-on", () => {
  const { read } = setup();
  assert.equal(read(0), 0x01000000);
  assert.equal(read(1), 0x00170020);
  for (let pin = 0; pin < 24; pin++) assert.equal(read(0x10 + 2 * pin), 0x10000);
  assert.equal(read(0x50), 0);
});

test("an edge sends one message with the entry's destination and mode", () => {
  const { ioapic, bus, write } = setup();
  write(0x15, 0x0f000000);
  write(0x14, 0x0931);
  ioapic.line(2).set(true);
  ioapic.line(2).set(true);
  assert.deepEqual(bus.sent, ["15L mode 1 vector 31"]);
  ioapic.line(2).set(false);
  ioapic.line(2).set(true);
  assert.equal(bus.sent.length, 2);
});

test("an edge on a masked pin is lost", () => {
  const { ioapic, bus, write } = setup();
  ioapic.line(2).set(true);
  write(0x14, 0x31);
  assert.deepEqual(bus.sent, []);
});

test("a level is sent once, held by remote IRR until EOI, and sent again while it lasts", () => {
  const { ioapic, bus, read, write } = setup();
  write(0x22, 0x8041);
  ioapic.line(9).set(true);
  assert.equal(read(0x22), 0xc041);
  ioapic.line(9).set(false);
  ioapic.line(9).set(true);
  assert.equal(bus.sent.length, 1);
  ioapic.endOfInterrupt(0x40);
  assert.equal(bus.sent.length, 1);
  ioapic.endOfInterrupt(0x41);
  assert.equal(bus.sent.length, 2);
  ioapic.line(9).set(false);
  ioapic.endOfInterrupt(0x41);
  assert.equal(read(0x22), 0x8041);
  assert.deepEqual(bus.sent, ["0P mode 0 vector 41 level", "0P mode 0 vector 41 level"]);
});

test("a masked level is sent when it is unmasked", () => {
  const { ioapic, bus, write } = setup();
  write(0x22, 0x18041);
  ioapic.line(9).set(true);
  assert.deepEqual(bus.sent, []);
  write(0x22, 0x8041);
  assert.equal(bus.sent.length, 1);
});

test("a level that nobody takes does not set remote IRR", () => {
  const { ioapic, bus, read, write } = setup();
  bus.takes = false;
  write(0x22, 0x8041);
  ioapic.line(9).set(true);
  assert.equal(read(0x22), 0x8041);
});

test("both ways to end an interrupt by hand: the EOI register, and a switch to edge and back", () => {
  const { ioapic, read, write } = setup();
  write(0x22, 0x8041);
  ioapic.line(9).set(true);
  ioapic.line(9).set(false);
  ioapic.writeReg(0, 0x40, 4, 0x41);
  assert.equal(read(0x22), 0x8041);
  ioapic.line(9).set(true);
  ioapic.line(9).set(false);
  write(0x22, 0x10041);
  write(0x22, 0x8041);
  assert.equal(read(0x22), 0x8041);
});

test("vectorOf tells a pin's vector while it is not masked", () => {
  const { ioapic, write } = setup();
  assert.equal(ioapic.vectorOf(2), -1);
  write(0x14, 0x31);
  assert.equal(ioapic.vectorOf(2), 0x31);
});
