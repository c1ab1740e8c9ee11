import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { Hpet } from "./hpet.ts";

const CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0;
const timerConfig = (n: number): number => 0x100 + 0x20 * n;
const comparator = (n: number): number => 0x108 + 0x20 * n;
const LEVEL = 0x02, ENABLE = 0x04, PERIODIC = 0x08, VALUE_SET = 0x40, MODE_32 = 0x100;
const ROUTE_20 = 20 << 9;

interface Setup {
  hpet: Hpet;
  bench: DeviceBench;
  legacy: boolean[];
  read(offset: number): number;
  write(offset: number, value: number): void;
  advanceTicks(ticks: number): void;
}

function makeHpet(bench: DeviceBench, legacy: boolean[] = []): Hpet {
  const hpet: Hpet = new Hpet(
    "hpet",
    {
      pin: (input) => bench.irq(`pin${input}`),
      legacy0: bench.irq("irq0"),
      legacy8: bench.irq("irq8"),
      onLegacy: (enabled) => legacy.push(enabled),
    },
    bench.timers(() => hpet),
  );
  return hpet;
}

function setup(): Setup {
  const bench = new DeviceBench();
  const legacy: boolean[] = [];
  const hpet = makeHpet(bench, legacy);
  return {
    hpet, bench, legacy,
    read: (offset) => hpet.readReg(0, offset, 4),
    write: (offset, value) => hpet.writeReg(0, offset, 4, value),
    advanceTicks: (ticks) => bench.clock.advance(ticks * 10),
  };
}

deviceConformance(
  "hpet",
  (bench) => makeHpet(bench),
  (hpet, bench) => {
    for (const [offset, value] of [
      [timerConfig(0), ENABLE | PERIODIC | VALUE_SET | MODE_32], [comparator(0), 100_000], [comparator(0), 100_000],
      [timerConfig(1), ENABLE | LEVEL | ROUTE_20], [comparator(1), 5000], [comparator(1) + 4, 0], [COUNTER + 4, 0], [CONFIG, 3],
    ] as const) hpet.writeReg(0, offset, 4, value);
    bench.clock.advance(2_500_000);
  },
  { banks: [0x400] },
);

test("capabilities: three 64-bit timers, legacy routing, 10 ns, and the routes that exist", () => {
  const { read } = setup();
  assert.equal(read(0) & 0xff, 1);
  assert.equal((read(0) >> 8) & 31, 2);
  assert.equal(read(0) & 0xa000, 0xa000);
  assert.equal(read(4), 10_000_000);
  assert.equal(read(timerConfig(2)) & 0x30, 0x30);
  assert.equal(read(timerConfig(2) + 4), 0x00f00000);
});

describe("main counter", () => {
  test("stands until enabled, runs at 100 MHz, stands again", () => {
    const { read, write, advanceTicks } = setup();
    advanceTicks(500);
    assert.equal(read(COUNTER), 0);
    write(CONFIG, 1);
    advanceTicks(500);
    assert.equal(read(COUNTER), 500);
    write(CONFIG, 0);
    advanceTicks(500);
    assert.equal(read(COUNTER), 500);
  });

  test("is written in halves and carries from one to the other", () => {
    const { read, write, advanceTicks } = setup();
    write(COUNTER, 0xfffffff0);
    write(COUNTER + 4, 0xffffffff);
    write(CONFIG, 1);
    advanceTicks(8);
    assert.deepEqual([read(COUNTER + 4), read(COUNTER)], [0xffffffff, 0xfffffff8]);
    advanceTicks(10);
    assert.deepEqual([read(COUNTER + 4), read(COUNTER)], [0, 2]);
    advanceTicks(2 ** 33);
    assert.deepEqual([read(COUNTER + 4), read(COUNTER)], [2, 2]);
  });
});

describe("comparators", () => {
  test("one-shot on its edge route, once", () => {
    const { write, advanceTicks, bench } = setup();
    write(timerConfig(2), ENABLE | ROUTE_20);
    write(comparator(2), 1000);
    write(comparator(2) + 4, 0);
    write(CONFIG, 1);
    advanceTicks(999);
    assert.equal(bench.irq("pin20").rises, 0);
    advanceTicks(1);
    assert.equal(bench.irq("pin20").rises, 1);
    advanceTicks(1e8);
    assert.equal(bench.irq("pin20").rises, 1);
  });

  test("a one-shot beyond 2^32 ticks waits for both halves", () => {
    const { write, advanceTicks, bench } = setup();
    write(timerConfig(2), ENABLE | ROUTE_20);
    write(comparator(2), 5);
    write(comparator(2) + 4, 3);
    write(CONFIG, 1);
    advanceTicks(3 * 2 ** 32 + 4);
    assert.equal(bench.irq("pin20").rises, 0);
    advanceTicks(1);
    assert.equal(bench.irq("pin20").rises, 1);
  });

  test("a 32-bit one-shot matches at each wrap of the low half", () => {
    const { write, advanceTicks, bench } = setup();
    write(timerConfig(2), ENABLE | MODE_32 | ROUTE_20);
    write(comparator(2), 100);
    write(CONFIG, 1);
    advanceTicks(100);
    advanceTicks(2 ** 32);
    assert.equal(bench.irq("pin20").rises, 2);
  });

  test("periodic as Linux sets it: VAL_SET, first match, then the period; no drift over late service", () => {
    const { read, write, advanceTicks, bench } = setup();
    write(CONFIG, 3);
    write(timerConfig(0), ENABLE | PERIODIC | VALUE_SET | MODE_32);
    write(comparator(0), 400_000);
    write(comparator(0), 100_000);
    assert.equal(read(timerConfig(0)) & VALUE_SET, 0);
    advanceTicks(399_999);
    assert.equal(bench.irq("irq0").rises, 0);
    advanceTicks(1);
    assert.equal(bench.irq("irq0").rises, 1);
    assert.equal(read(comparator(0)), 500_000);
    advanceTicks(600_000);
    assert.equal(bench.irq("irq0").rises, 7);
    bench.clock.advanceLate(2_550_000);
    assert.equal(read(comparator(0)), 1_300_000);
    assert.equal(bench.irq("irq0").rises, 8);
  });

  test("level: status holds the line until it is cleared", () => {
    const { read, write, advanceTicks, bench } = setup();
    write(timerConfig(1), ENABLE | LEVEL | MODE_32 | (21 << 9));
    write(comparator(1), 50);
    write(CONFIG, 1);
    advanceTicks(50);
    assert.equal(read(STATUS), 2);
    assert.equal(bench.irq("pin21").level, true);
    write(STATUS, 1);
    assert.equal(bench.irq("pin21").level, true);
    write(STATUS, 2);
    assert.equal(bench.irq("pin21").level, false);
    assert.equal(read(STATUS), 0);
  });

  test("a route that does not exist is not taken", () => {
    const { read, write } = setup();
    write(timerConfig(0), ENABLE | (3 << 9));
    assert.equal(read(timerConfig(0)) & 0x3e00, 0);
    write(timerConfig(0), ENABLE | (22 << 9));
    assert.equal(read(timerConfig(0)) & 0x3e00, 22 << 9);
  });

  test("a senselessly short period interrupts at most every 20 us", () => {
    const { write, advanceTicks, bench } = setup();
    write(timerConfig(0), ENABLE | PERIODIC | VALUE_SET | MODE_32 | ROUTE_20);
    write(comparator(0), 1);
    write(CONFIG, 1);
    advanceTicks(100_000);
    assert.ok(bench.irq("pin20").rises <= 51);
  });
});

test("legacy replacement moves timers 0 and 1 to IRQ 0 and IRQ 8 and says so", () => {
  const { write, advanceTicks, bench, legacy, hpet } = setup();
  write(timerConfig(1), ENABLE | MODE_32 | ROUTE_20);
  write(comparator(1), 50);
  write(CONFIG, 3);
  assert.deepEqual(legacy, [true]);
  assert.equal(hpet.isLegacy, true);
  advanceTicks(50);
  assert.equal(bench.irq("irq8").rises, 1);
  assert.equal(bench.irq("pin20").rises, 0);
  write(CONFIG, 1);
  assert.equal(bench.irq("irq8").level, false);
  assert.deepEqual(legacy, [true, false]);
});

test("periods missed in one jump follow half a period apart, up to a bound, and none once the timer is set anew", () => {
  const { hpet, bench, write } = setup();
  const start = (): void => {
    write(timerConfig(0), ENABLE | PERIODIC | VALUE_SET | MODE_32 | ROUTE_20);
    write(comparator(0), 100_000);
    write(comparator(0), 100_000);
    write(COUNTER, 0);
    write(CONFIG, 1);
  };
  start();
  const ticks = (ns: number): number => {
    const before = bench.irq("pin20").rises;
    bench.clock.advance(ns);
    return bench.irq("pin20").rises - before;
  };
  bench.clock.advanceLate(50_500_000);
  assert.equal(ticks(60_000_000), 49 + 60);
  assert.equal(ticks(60_000_000), 60);
  bench.clock.advanceLate(10e9);
  assert.equal(ticks(2e9), 2000 + 999, "one came while the bound was reached");
  bench.clock.advanceLate(50_000_000);
  start();
  assert.equal(ticks(10_050_000), 10);
  // A guest that is heard to take them gets the next at once.
  const taken = (): void => hpet.interruptTaken((input) => input === 20);
  const before = bench.irq("pin20").rises;
  bench.clock.advanceLate(5_000_000);
  for (let n = 0; n < 10; n++) taken();
  assert.equal(bench.irq("pin20").rises - before, 5);
  // One that has come on time and lies there takes the next with it; late ones are kept until it is taken.
  assert.equal(ticks(3_000_000), 3);
  bench.clock.advanceLate(5_000_000);
  const lying = bench.irq("pin20").rises;
  for (let n = 0; n < 10; n++) taken();
  assert.equal(bench.irq("pin20").rises - lying, 5);
});

test("a periodic timer that is off costs no timer events, and its comparator goes on", () => {
  const { bench, read, write, advanceTicks } = setup();
  write(timerConfig(0), ENABLE | PERIODIC | VALUE_SET | MODE_32 | ROUTE_20);
  write(comparator(0), 100_000);
  write(comparator(0), 100_000);
  write(CONFIG, 1);
  advanceTicks(250_000);
  assert.ok(bench.clock.queue.nextDeadlineNs < Infinity);
  write(timerConfig(0), PERIODIC | MODE_32 | ROUTE_20);
  assert.equal(bench.clock.queue.nextDeadlineNs, Infinity);
  advanceTicks(1_000_000);
  assert.equal(read(comparator(0)), 1_300_000);
  advanceTicks(1_000_000);
  write(timerConfig(0), ENABLE | PERIODIC | MODE_32 | ROUTE_20);
  assert.equal(bench.clock.queue.nextDeadlineNs, 23_000_000);
  assert.equal(bench.irq("pin20").rises, 2);
});
