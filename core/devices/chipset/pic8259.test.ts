import assert from "node:assert/strict";
import { test } from "node:test";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { IrqRecorder } from "../../testkit/irq-recorder.ts";
import { Pic8259Pair } from "./pic8259.ts";

/** A pair as the PC firmware sets it up: vectors 08h and 70h, nothing masked. */
function pcPair(icw4 = 0x01): { pic: Pic8259Pair; intr: IrqRecorder } {
  const intr = new IrqRecorder();
  const pic = new Pic8259Pair("pic", (level) => intr.set(level));
  initialise(pic, 0, 0x08, 0x04, icw4);
  initialise(pic, 1, 0x70, 0x02, 0x01);
  return { pic, intr };
}

function initialise(pic: Pic8259Pair, chip: 0 | 1, base: number, icw3: number, icw4: number): void {
  pic.writeReg(chip, 0, 1, 0x11);
  for (const icw of [base, icw3, icw4]) pic.writeReg(chip, 1, 1, icw);
}

const readBy = (pic: Pic8259Pair, chip: number, ocw3: number): number => {
  pic.writeReg(chip, 0, 1, ocw3);
  return pic.readReg(chip, 0, 1);
};
const irr = (pic: Pic8259Pair, chip: number): number => readBy(pic, chip, 0x0a);
const isr = (pic: Pic8259Pair, chip: number): number => readBy(pic, chip, 0x0b);
const eoi = (pic: Pic8259Pair, chip: number): void => pic.writeReg(chip, 0, 1, 0x20);

deviceConformance(
  "pic8259",
  (bench) => new Pic8259Pair("pic", (level) => bench.irq("intr").set(level)),
  (pic) => {
    initialise(pic, 0, 0x20, 4, 1);
    initialise(pic, 1, 0x28, 2, 3);
    pic.writeReg(2, 1, 1, 0x0e);
    pic.writeReg(0, 1, 1, 0x5a);
    for (const irq of [0, 9]) {
      pic.line(irq).set(true);
      if (pic.hasInterrupt()) pic.acknowledge();
      pic.line(irq).set(false);
    }
  },
  { banks: [2, 2, 2] },
);

test("an edge on IR1 raises INTR and is acknowledged with its vector", () => {
  const { pic, intr } = pcPair();
  pic.line(1).set(true);
  assert.equal(intr.level, true);
  assert.equal(irr(pic, 0), 0x02);
  assert.equal(pic.acknowledge(), 0x09);
  assert.equal(irr(pic, 0), 0);
  assert.equal(isr(pic, 0), 0x02);
  assert.equal(pic.hasInterrupt(), false);
});

test("an edge-triggered line that stays high interrupts once", () => {
  const { pic } = pcPair();
  pic.line(1).set(true);
  pic.acknowledge();
  eoi(pic, 0);
  assert.equal(pic.hasInterrupt(), false);
  pic.line(1).set(false);
  pic.line(1).set(true);
  assert.equal(pic.hasInterrupt(), true);
});

test("a level-triggered line interrupts again after EOI while it stays high", () => {
  const { pic } = pcPair();
  pic.writeReg(2, 1, 1, 0x08); // IRQ 11
  pic.line(11).set(true);
  assert.equal(pic.acknowledge(), 0x73);
  eoi(pic, 1);
  eoi(pic, 0);
  assert.equal(pic.hasInterrupt(), true);
  pic.line(11).set(false);
  assert.equal(pic.hasInterrupt(), false);
});

test("the registers 4D0h and 4D1h refuse the lines that are edge-triggered on every PC", () => {
  const { pic } = pcPair();
  pic.writeReg(2, 0, 2, 0xffff);
  assert.equal(pic.readReg(2, 0, 2), 0xdef8);
});

test("a slave request comes through IR2 and needs an EOI on both chips", () => {
  const { pic } = pcPair();
  pic.line(12).set(true);
  assert.equal(irr(pic, 0), 0x04);
  assert.equal(pic.acknowledge(), 0x74);
  assert.equal(isr(pic, 0), 0x04);
  assert.equal(isr(pic, 1), 0x10);
  pic.line(14).set(true);
  eoi(pic, 1);
  assert.equal(pic.hasInterrupt(), false, "IR2 is still in service on the master");
  eoi(pic, 0);
  assert.equal(pic.acknowledge(), 0x76);
});

test("fully nested: a higher priority interrupts a lower one, not the other way round", () => {
  const { pic } = pcPair();
  pic.line(4).set(true);
  pic.acknowledge();
  pic.line(5).set(true);
  assert.equal(pic.hasInterrupt(), false);
  pic.line(3).set(true);
  assert.equal(pic.acknowledge(), 0x0b);
  assert.equal(isr(pic, 0), 0x18);
  eoi(pic, 0);
  assert.equal(isr(pic, 0), 0x10, "a non-specific EOI ends the highest");
});

test("special fully nested: a second slave request of higher priority interrupts", () => {
  const { pic } = pcPair(0x11);
  pic.line(12).set(true);
  pic.acknowledge();
  pic.line(8).set(true);
  assert.equal(pic.acknowledge(), 0x70);
});

test("IMR holds a request back and lets it through later", () => {
  const { pic, intr } = pcPair();
  pic.writeReg(0, 1, 1, 0xff);
  pic.line(1).set(true);
  assert.equal(intr.level, false);
  pic.writeReg(0, 1, 1, 0);
  assert.equal(intr.level, true);
});

test("a line that falls before INTA takes its request with it, and INTA then gives IR7 without ISR", () => {
  const { pic, intr } = pcPair();
  pic.line(3).set(true);
  pic.line(3).set(false);
  assert.equal(intr.level, false);
  assert.equal(pic.acknowledge(), 0x0f);
  assert.equal(isr(pic, 0), 0);
});

test("automatic EOI leaves nothing in service", () => {
  const { pic } = pcPair(0x03);
  pic.line(0).set(true);
  assert.equal(pic.acknowledge(), 0x08);
  assert.equal(isr(pic, 0), 0);
});

test("rotation on automatic EOI makes the served level the lowest", () => {
  const { pic } = pcPair(0x03);
  pic.writeReg(0, 0, 1, 0x80);
  pic.line(0).set(true);
  pic.line(1).set(true);
  assert.equal(pic.acknowledge(), 0x08);
  pic.line(0).set(false);
  pic.line(0).set(true);
  assert.equal(pic.acknowledge(), 0x09, "IR1 is now above IR0");
});

test("rotate on non-specific EOI gives the served level the lowest priority", () => {
  const { pic } = pcPair();
  pic.line(0).set(true);
  pic.acknowledge();
  pic.writeReg(0, 0, 1, 0xa0);
  pic.line(0).set(false);
  pic.line(0).set(true);
  pic.line(6).set(true);
  assert.equal(pic.acknowledge(), 0x0e);
});

test("set priority makes IRn+1 the highest", () => {
  const { pic } = pcPair();
  pic.writeReg(0, 0, 1, 0xc0 | 4);
  pic.line(1).set(true);
  pic.line(5).set(true);
  assert.equal(pic.acknowledge(), 0x0d);
});

test("a specific EOI ends that level only", () => {
  const { pic } = pcPair();
  pic.line(5).set(true);
  pic.acknowledge();
  pic.line(1).set(true);
  pic.acknowledge();
  pic.writeReg(0, 0, 1, 0x60 | 5);
  assert.equal(isr(pic, 0), 0x02);
});

test("special mask mode lets lower levels interrupt a masked one in service", () => {
  const { pic } = pcPair();
  pic.line(3).set(true);
  pic.acknowledge();
  pic.line(6).set(true);
  pic.writeReg(0, 1, 1, 0x08);
  assert.equal(pic.hasInterrupt(), false);
  pic.writeReg(0, 0, 1, 0x68);
  assert.equal(pic.acknowledge(), 0x0e);
  eoi(pic, 0);
  assert.equal(isr(pic, 0), 0x08, "a non-specific EOI does not end the masked level");
});

test("a poll acknowledges and gives the level with bit 7", () => {
  const { pic } = pcPair();
  pic.line(6).set(true);
  pic.writeReg(0, 0, 1, 0x0c);
  assert.equal(pic.readReg(0, 0, 1), 0x86);
  assert.equal(pic.hasInterrupt(), false);
  assert.equal(isr(pic, 0), 0x40);
  pic.writeReg(0, 0, 1, 0x0c);
  assert.equal(pic.readReg(0, 0, 1), 0);
});

test("ICW1 forgets edges, masks and priorities; without IC4 no third word is awaited", () => {
  const { pic } = pcPair(0x03);
  pic.line(1).set(true);
  pic.writeReg(0, 1, 1, 0xff);
  pic.writeReg(0, 0, 1, 0x10);
  pic.writeReg(0, 1, 1, 0x20);
  pic.writeReg(0, 1, 1, 0x04);
  assert.equal(pic.readReg(0, 1, 1), 0);
  assert.equal(pic.hasInterrupt(), false);
  pic.writeReg(0, 1, 1, 0xfe);
  assert.equal(pic.readReg(0, 1, 1), 0xfe);
  pic.writeReg(0, 1, 1, 0);
  pic.line(0).set(true);
  assert.equal(pic.acknowledge(), 0x20);
  assert.equal(isr(pic, 0), 1, "automatic EOI went with ICW4");
});

test("a pulse on an unacknowledged line drops and raises INTR, for a local APIC that takes INTR as an edge", () => {
  const { pic, intr } = pcPair(0x03);
  for (let i = 0; i < 3; i++) {
    pic.line(0).set(false);
    pic.line(0).set(true);
  }
  assert.equal(intr.rises, 3);
});

test("each acknowledged IRQ is told", () => {
  const taken: number[] = [];
  const pic = new Pic8259Pair("pic", () => {}, (irq) => taken.push(irq));
  initialise(pic, 0, 0x08, 4, 1);
  initialise(pic, 1, 0x70, 2, 1);
  for (const irq of [0, 15]) {
    pic.line(irq).set(true);
    pic.acknowledge();
    eoi(pic, 1);
    eoi(pic, 0);
  }
  assert.deepEqual(taken, [0, 15]);
});
