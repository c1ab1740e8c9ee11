// The interrupt chips wired as on a board, and what Linux does with them at boot: calibration, check_timer's four ways to get a timer
// interrupt, and the switch to legacy replacement.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApicBus } from "../../bus/apic-bus.ts";
import type { IrqLine } from "../../bus/device.ts";
import { LineJunction } from "../../bus/line-junction.ts";
import { FakeClock } from "../../testkit/fake-clock.ts";
import { Hpet } from "./hpet.ts";
import { IoApic } from "./ioapic.ts";
import { Lapic } from "./lapic.ts";
import { Pic8259Pair } from "./pic8259.ts";
import { PIT_HZ, Pit8254 } from "./pit8254.ts";

const MS = 1_000_000;
const PIC_TIMER_VECTOR = 0x30, TIMER_VECTOR = 0x31;
const EOI = 0xb0, LVT0 = 0x350;

interface Wired {
  clock: FakeClock;
  pic: Pic8259Pair;
  pit: Pit8254;
  lapic: Lapic;
  hpet: Hpet;
  redirect(pin: number, lo: number): void;
  /** Runs `ms` of guest time in steps of 0.1 ms; gives the vectors taken, ending each at the APIC or the 8259. */
  run(ms: number): number[];
}

function wire(): Wired {
  const clock = new FakeClock();
  const bus = new ApicBus();
  const late: { lapic?: Lapic; pit?: Pit8254 } = {};
  const ioapic = new IoApic("ioapic", 1, bus);
  const pic = new Pic8259Pair(
    "pic",
    (level) => {
      late.lapic?.setLint(0, level);
      ioapic.setPin(0, level);
    },
    (irq) => {
      if (irq === 0) late.pit?.interruptTaken();
    },
  );
  const lapic: Lapic = new Lapic(
    "lapic",
    0,
    true,
    {
      bus, extInt: pic, onOutput: () => {}, onNmi: () => {}, onInit: () => {}, onStartup: () => {},
      onAcknowledge: (vector) => {
        if (vector === ioapic.vectorOf(2)) late.pit?.interruptTaken();
      },
    },
    clock.timers(() => lapic),
  );
  late.lapic = lapic;
  bus.attachLocal(lapic);
  bus.attachIo(ioapic);
  const isa = (irq: number): IrqLine => ({
    set: (level) => {
      pic.setIrq(irq, level);
      ioapic.setPin(irq === 0 ? 2 : irq, level);
    },
  });
  const irq0 = new LineJunction(isa(0));
  const hpetIrq0 = irq0.tap();
  const pitIrq0 = irq0.tap();
  let isLegacy = false;
  let pitLevel = false;
  const gated: IrqLine = {
    set: (level) => {
      pitLevel = level;
      pitIrq0.set(level && !isLegacy);
    },
  };
  const pit: Pit8254 = new Pit8254("pit", gated, clock.timers(() => pit));
  late.pit = pit;
  const hpet: Hpet = new Hpet(
    "hpet",
    {
      pin: (input) => ioapic.line(input),
      legacy0: hpetIrq0,
      legacy8: isa(8),
      onLegacy: (on) => {
        isLegacy = on;
        gated.set(pitLevel);
      },
    },
    clock.timers(() => hpet),
  );
  for (const [bank, base, icw3] of [[0, PIC_TIMER_VECTOR, 4], [1, PIC_TIMER_VECTOR + 8, 2]] as const) {
    pic.writeReg(bank, 0, 1, 0x11);
    for (const icw of [base, icw3, 1]) pic.writeReg(bank, 1, 1, icw);
  }
  lapic.enterVirtualWireMode();
  pit.writeReg(0, 3, 1, 0x34); // 1000 Hz
  pit.writeReg(0, 0, 1, 1193 & 0xff);
  pit.writeReg(0, 0, 1, 1193 >> 8);
  return {
    clock, pic, pit, lapic, hpet,
    redirect: (pin, lo) => {
      ioapic.writeReg(0, 0, 4, 0x10 + 2 * pin);
      ioapic.writeReg(0, 0x10, 4, lo);
    },
    run: (ms) => {
      const vectors: number[] = [];
      for (let step = 0; step < ms * 10; step++) {
        clock.advance(MS / 10);
        while (lapic.hasInterrupt()) {
          const vector = lapic.acknowledge();
          vectors.push(vector);
          if (vector === PIC_TIMER_VECTOR) pic.writeReg(0, 0, 1, 0x20);
          else lapic.writeReg(0, EOI, 4, 0);
        }
      }
      return vectors;
    },
  };
}

function assertTicks(vectors: number[], vector: number, count: number): void {
  assert.ok(Math.abs(vectors.length - count) <= 1, `${vectors.length} interrupts, ${count} expected`);
  assert.ok(vectors.every((v) => v === vector), `vectors ${vectors.join()}`);
}

test("virtual wire as firmware leaves it: the 8259 through LINT0", () => {
  const { run } = wire();
  assertTicks(run(50), PIC_TIMER_VECTOR, 50);
});

test("check_timer: the timer at pin 2 of the I/O APIC with the 8259 masked", () => {
  const { pic, lapic, redirect, run } = wire();
  pic.writeReg(0, 1, 1, 0xff);
  lapic.writeReg(0, LVT0, 4, 0x10700);
  redirect(2, TIMER_VECTOR);
  assertTicks(run(50), TIMER_VECTOR, 50);
});

test("check_timer: the timer through the 8259 to pin 0 as ExtINT", () => {
  const { lapic, redirect, run } = wire();
  lapic.writeReg(0, LVT0, 4, 0x10700);
  redirect(0, 0x700);
  assertTicks(run(50), PIC_TIMER_VECTOR, 50);
});

test("check_timer: virtual wire as a fixed interrupt at LINT0, with nobody acknowledging the 8259", () => {
  const { lapic, run } = wire();
  lapic.writeReg(0, LVT0, 4, TIMER_VECTOR);
  assertTicks(run(50), TIMER_VECTOR, 50);
});

test("late ticks through the I/O APIC follow one another as the guest ends each", () => {
  const { clock, pic, redirect, run } = wire();
  pic.writeReg(0, 1, 1, 0xff);
  redirect(2, TIMER_VECTOR);
  run(1);
  clock.advanceLate(20 * MS);
  assertTicks(run(0.1), TIMER_VECTOR, 20);
});

test("TSC calibration: counter 2 in mode 0 through port 61h takes 50 ms", () => {
  const { clock, pit } = wire();
  const latch = Math.floor(PIT_HZ / 20);
  pit.writeReg(1, 0, 1, (pit.readReg(1, 0, 1) & ~2) | 1);
  pit.writeReg(0, 3, 1, 0xb0);
  pit.writeReg(0, 2, 1, latch & 0xff);
  pit.writeReg(0, 2, 1, latch >> 8);
  const start = clock.nowNs();
  while (!(pit.readReg(1, 0, 1) & 0x20)) clock.advance(1000);
  assert.ok(Math.abs(clock.nowNs() - start - 50 * MS) < 5000);
});

test("legacy replacement: the HPET has IRQ 0 and the 8254 is silent, and back", () => {
  const { pic, hpet, redirect, run } = wire();
  pic.writeReg(0, 1, 1, 0xff);
  redirect(2, TIMER_VECTOR);
  hpet.writeReg(0, 0x100, 4, 0x14c); // periodic, 32-bit, VAL_SET, enabled
  hpet.writeReg(0, 0x108, 4, 400_000);
  hpet.writeReg(0, 0x108, 4, 400_000);
  hpet.writeReg(0, 0x010, 4, 3);
  run(0.1); // the switch itself may be an edge
  assertTicks(run(100), TIMER_VECTOR, 25);
  hpet.writeReg(0, 0x010, 4, 0);
  run(0.1);
  assertTicks(run(50), TIMER_VECTOR, 50);
});
