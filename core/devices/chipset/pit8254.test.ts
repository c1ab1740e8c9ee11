import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nsOfTick } from "../../time/ticks.ts";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { PIT_HZ, Pit8254 } from "./pit8254.ts";

const PORT_61 = 1;

function makePit(bench: DeviceBench): Pit8254 {
  const pit: Pit8254 = new Pit8254("pit", bench.irq(), bench.timers(() => pit));
  return pit;
}

function setup(): { pit: Pit8254; bench: DeviceBench; toTick(tick: number): void } {
  const bench = new DeviceBench();
  return { pit: makePit(bench), bench, toTick: (tick) => bench.clock.advance(nsOfTick(tick, PIT_HZ) - bench.clock.nowNs()) };
}

const control = (pit: Pit8254, value: number): void => pit.writeReg(0, 3, 1, value);
function write16(pit: Pit8254, counter: number, value: number): void {
  pit.writeReg(0, counter, 1, value & 0xff);
  pit.writeReg(0, counter, 1, value >> 8);
}
function latched(pit: Pit8254, counter: number): number {
  control(pit, counter << 6);
  return pit.readReg(0, counter, 1) | (pit.readReg(0, counter, 1) << 8);
}
function status(pit: Pit8254, counter: number): number {
  control(pit, 0xe0 | (2 << counter));
  return pit.readReg(0, counter, 1);
}
const out2 = (pit: Pit8254): boolean => (pit.readReg(PORT_61, 0, 1) & 0x20) !== 0;
const gate2 = (pit: Pit8254, open: boolean): void => pit.writeReg(PORT_61, 0, 1, open ? 1 : 0);

deviceConformance(
  "pit8254",
  makePit,
  (pit, bench) => {
    control(pit, 0x34);
    write16(pit, 0, 1193);
    gate2(pit, true);
    control(pit, 0xb7);
    write16(pit, 2, 0x1234);
    control(pit, 0x80);
    bench.clock.advanceLate(10_500_000);
  },
  { banks: [4, 1] },
);

describe("pit8254 counting", () => {
  test("a count is loaded by the next CLK and goes down by one each", () => {
    const { pit, toTick } = setup();
    control(pit, 0x30);
    write16(pit, 0, 1000);
    assert.equal(status(pit, 0) & 0x40, 0x40, "null count until CLK");
    toTick(1);
    assert.equal(latched(pit, 0), 1000);
    assert.equal(status(pit, 0) & 0x40, 0);
    toTick(301);
    assert.equal(latched(pit, 0), 700);
  });

  test("mode 0: OUT rises N+1 CLKs after the write and the count goes on through FFFFh", () => {
    const { pit, bench, toTick } = setup();
    control(pit, 0x30);
    write16(pit, 0, 100);
    toTick(100);
    assert.equal(bench.irq().level, false);
    toTick(101);
    assert.equal(bench.irq().level, true);
    toTick(103);
    assert.equal(latched(pit, 0), 0xfffe);
    toTick(80_000);
    assert.equal(bench.irq().rises, 1);
  });

  test("mode 0: a new control word lowers OUT, and the first of two bytes stops the count", () => {
    const { pit, bench, toTick } = setup();
    control(pit, 0x30);
    write16(pit, 0, 10);
    toTick(20);
    assert.equal(bench.irq().level, true);
    control(pit, 0x30);
    assert.equal(bench.irq().level, false);
    write16(pit, 0, 100);
    toTick(50);
    pit.writeReg(0, 0, 1, 0xff);
    toTick(500);
    assert.equal(bench.irq().level, false);
  });

  test("mode 2: one rise every N CLKs without drift", () => {
    const { pit, bench, toTick } = setup();
    control(pit, 0x34);
    write16(pit, 0, 1193);
    const before = bench.irq().rises; // OUT went high with the control word
    toTick(1);
    assert.equal(latched(pit, 0), 1193);
    toTick(1193);
    assert.equal(latched(pit, 0), 1);
    assert.equal(bench.irq().rises, before);
    toTick(1194);
    assert.equal(latched(pit, 0), 1193);
    toTick(1 + 1193 * 5000);
    assert.equal(bench.irq().rises - before, 5000);
  });

  test("mode 2: a new count waits for the end of the period", () => {
    const { pit, bench, toTick } = setup();
    control(pit, 0x34);
    write16(pit, 0, 1000);
    toTick(501);
    write16(pit, 0, 4000);
    assert.equal(status(pit, 0) & 0x40, 0x40);
    assert.equal(latched(pit, 0), 500);
    const before = bench.irq().rises;
    toTick(1001);
    assert.equal(latched(pit, 0), 4000);
    assert.equal(bench.irq().rises - before, 1);
    toTick(5000);
    assert.equal(bench.irq().rises - before, 1);
    toTick(5001);
    assert.equal(bench.irq().rises - before, 2);
  });

  test("mode 3: counts by two, high for the longer half of an odd count", () => {
    const { pit, toTick } = setup();
    gate2(pit, true);
    control(pit, 0xb6);
    write16(pit, 2, 7);
    const seen: string[] = [];
    for (let tick = 1; tick <= 8; tick++) {
      toTick(tick);
      seen.push(`${latched(pit, 2)}${out2(pit) ? "h" : "l"}`);
    }
    assert.deepEqual(seen, ["6h", "4h", "2h", "0h", "6l", "4l", "2l", "6h"]);
  });

  test("mode 3: a new count is taken at the end of the half", () => {
    const { pit, toTick } = setup();
    gate2(pit, true);
    control(pit, 0xb6);
    write16(pit, 2, 100);
    toTick(11);
    write16(pit, 2, 40);
    toTick(50);
    assert.equal(out2(pit), true);
    toTick(51);
    assert.equal(out2(pit), false);
    assert.equal(latched(pit, 2), 40);
    toTick(70);
    assert.equal(out2(pit), false);
    toTick(71);
    assert.equal(out2(pit), true);
  });

  test("mode 4: OUT strobes low for one CLK, once", () => {
    const { pit, bench, toTick } = setup();
    control(pit, 0x38);
    write16(pit, 0, 100);
    const before = bench.irq().rises;
    toTick(101);
    assert.equal(status(pit, 0) & 0x80, 0);
    toTick(102);
    assert.equal(status(pit, 0) & 0x80, 0x80);
    assert.equal(bench.irq().rises - before, 1);
    toTick(200_000);
    assert.equal(bench.irq().rises - before, 1);
    write16(pit, 0, 50);
    toTick(200_051);
    assert.equal(bench.irq().rises - before, 1);
    toTick(200_052);
    assert.equal(bench.irq().rises - before, 2);
  });

  test("modes 1 and 5 wait for the gate and start anew at each rise of it", () => {
    const { pit, toTick } = setup();
    control(pit, 0xb2);
    write16(pit, 2, 10);
    toTick(50);
    assert.equal(out2(pit), true);
    gate2(pit, true);
    toTick(51);
    assert.equal(out2(pit), false);
    gate2(pit, false);
    toTick(55);
    gate2(pit, true);
    toTick(65);
    assert.equal(out2(pit), false, "retriggered");
    toTick(66);
    assert.equal(out2(pit), true);
    control(pit, 0xba);
    write16(pit, 2, 5);
    gate2(pit, false);
    gate2(pit, true);
    toTick(72);
    assert.equal(out2(pit), false);
    toTick(73);
    assert.equal(out2(pit), true);
  });

  test("mode 0: a low gate stops the count and OUT waits", () => {
    const { pit, toTick } = setup();
    gate2(pit, true);
    control(pit, 0xb0);
    write16(pit, 2, 100);
    toTick(41);
    gate2(pit, false);
    toTick(1000);
    assert.equal(latched(pit, 2), 60);
    gate2(pit, true);
    toTick(1059);
    assert.equal(out2(pit), false);
    toTick(1060);
    assert.equal(out2(pit), true);
    gate2(pit, false);
    assert.equal(out2(pit), true, "a count that has ended stays ended");
  });

  test("BCD counts in decimal and 0 stands for 10000", () => {
    const { pit, toTick } = setup();
    control(pit, 0x35);
    write16(pit, 0, 0);
    toTick(2);
    assert.equal(latched(pit, 0), 0x9999);
    toTick(1000);
    assert.equal(latched(pit, 0), 0x9001);
  });
});

describe("pit8254 reads", () => {
  test("a latched count stays until it is read and later latches do not move it", () => {
    const { pit, toTick } = setup();
    control(pit, 0x34);
    write16(pit, 0, 0x8000);
    toTick(1);
    control(pit, 0x00);
    toTick(500);
    control(pit, 0x00);
    assert.equal(pit.readReg(0, 0, 1), 0x00);
    assert.equal(pit.readReg(0, 0, 1), 0x80);
    assert.notEqual(pit.readReg(0, 0, 1), 0x00, "unlatched again");
  });

  test("read-back latches count and status of several counters; status comes first", () => {
    const { pit, toTick } = setup();
    control(pit, 0x34);
    write16(pit, 0, 0x1000);
    control(pit, 0x54); // counter 1, low byte, mode 2
    pit.writeReg(0, 1, 1, 0x12);
    toTick(1);
    control(pit, 0xc6);
    assert.equal(pit.readReg(0, 0, 1), 0xb4);
    assert.equal(pit.readReg(0, 0, 1), 0x00);
    assert.equal(pit.readReg(0, 0, 1), 0x10);
    assert.equal(pit.readReg(0, 1, 1), 0x94);
    assert.equal(pit.readReg(0, 1, 1), 0x12);
  });

  test("unlatched reads of a two-byte counter alternate low and high, as Linux's calibration wants", () => {
    const { pit, toTick } = setup();
    gate2(pit, true);
    control(pit, 0xb0);
    write16(pit, 2, 0xffff);
    toTick(1);
    assert.equal(pit.readReg(0, 2, 1), 0xff);
    assert.equal(pit.readReg(0, 2, 1), 0xff);
    toTick(300);
    pit.readReg(0, 2, 1);
    assert.equal(pit.readReg(0, 2, 1), 0xfe);
  });

  test("the refresh bit of port 61h toggles every 15 us", () => {
    const { pit, bench } = setup();
    const first = pit.readReg(PORT_61, 0, 1) & 0x10;
    bench.clock.advance(15_100);
    assert.notEqual(pit.readReg(PORT_61, 0, 1) & 0x10, first);
  });
});

describe("pit8254 late ticks", () => {
  function ticking(): { pit: Pit8254; bench: DeviceBench; before: number } {
    const { pit, bench } = setup();
    control(pit, 0x34);
    write16(pit, 0, 1193);
    return { pit, bench, before: bench.irq().rises };
  }

  test("ticks missed in one jump follow as the guest takes them", () => {
    const { pit, bench, before } = ticking();
    bench.clock.advanceLate(10_050_000);
    assert.equal(bench.irq().rises - before, 1);
    for (let i = 0; i < 20; i++) pit.interruptTaken();
    assert.equal(bench.irq().rises - before, 10);
  });

  test("a guest that gives no sign gets them half a period apart", () => {
    const { bench, before } = ticking();
    bench.clock.advanceLate(10_050_000);
    bench.clock.advance(20_000_000);
    assert.equal(bench.irq().rises - before, 30);
  });

  test("a tick that comes late and finds the last one still waiting is kept; one that comes on time is lost, as in hardware", () => {
    const { pit, bench } = ticking();
    const taken = (times: number): number => {
      const before = bench.irq().rises;
      for (let i = 0; i < times; i++) pit.interruptTaken();
      return bench.irq().rises - before;
    };
    bench.clock.advance(1_050_000);
    taken(1);
    bench.clock.advance(3_000_000);
    assert.equal(taken(10), 0, "three on time, of which one waits");
    bench.clock.advance(1_000_000);
    bench.clock.advanceLate(2_500_000);
    assert.equal(taken(10), 2);
    bench.clock.advanceLate(60e9);
    assert.equal(taken(5000), 1000, "no more than that");
  });

  test("a fast counter costs few timer events and owes nothing", () => {
    const { pit, bench } = setup();
    control(pit, 0x34);
    write16(pit, 0, 2);
    bench.clock.advance(10_000_000);
    assert.ok(bench.irq().rises <= 102);
    control(pit, 0x30);
    write16(pit, 0, 0);
    const rises = bench.irq().rises;
    bench.clock.advance(50_000_000);
    assert.equal(bench.irq().rises, rises);
  });
});
