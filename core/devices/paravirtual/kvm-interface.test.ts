import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceBench } from "../../testkit/device-bench.ts";
import { deviceConformance } from "../../testkit/device-conformance.ts";
import { TestRam } from "../../testkit/test-ram.ts";
import { clockScale } from "./kvm-clock.ts";
import { KvmInterface } from "./kvm-interface.ts";

const WALL_CLOCK = 0x4b564d00, SYSTEM_TIME = 0x4b564d01, EOI = 0x4b564d04;
const EPOCH_MS = Date.UTC(2024, 1, 28, 23, 59, 58, 500);
const MS = 1_000_000;
/** The guest's counter runs at 2 GHz and started 1000 ticks before the machine. */
const TSC_HZ = 2e9;
const tscAt = (ns: number): number => ns * 2 + 1000;

function makeKvm(bench: DeviceBench, memory = new TestRam(0x10000), moves: string[] = []): KvmInterface {
  return new KvmInterface("kvm", {
    memory, clock: bench.clock, tscHz: TSC_HZ, epochMs: EPOCH_MS,
    tscAt: (ns) => [tscAt(ns) % 2 ** 32, Math.floor(tscAt(ns) / 2 ** 32)],
    beforeEoiMoves: () => moves.push("moves"),
  });
}
function setup() {
  const bench = new DeviceBench();
  const ram = new TestRam(0x10000);
  const moves: string[] = [];
  return { bench, ram, moves, kvm: makeKvm(bench, ram, moves) };
}
/** What a guest computes from the structure, and what else is in it. */
function timeAt(ram: TestRam, gpa: number, tsc: number): { ns: number; version: number; flags: number } {
  const v = ram.view;
  const delta = BigInt(tsc) - v.getBigUint64(gpa + 8, true);
  const shift = v.getInt8(gpa + 28);
  const shifted = shift < 0 ? delta >> BigInt(-shift) : delta << BigInt(shift);
  const ns = Number(v.getBigUint64(gpa + 16, true) + ((shifted * BigInt(v.getUint32(gpa + 24, true))) >> 32n));
  return { ns, version: v.getUint32(gpa, true), flags: v.getUint8(gpa + 29) };
}

deviceConformance(
  "kvm",
  (bench) => makeKvm(bench),
  (kvm) => {
    kvm.writeMsr(SYSTEM_TIME, 0x2001, 0);
    kvm.writeMsr(EOI, 0x3001, 0);
    kvm.writeMsr(WALL_CLOCK, 0x4000, 0);
    kvm.resumed(12345);
  },
  { survivesPowerOn: ["pausedNs"] },
);

test("the structure gives virtual time from the counter, to a nanosecond over hours", () => {
  const { bench, ram, kvm } = setup();
  bench.clock.advance(5_000_000_123);
  assert.equal(kvm.writeMsr(SYSTEM_TIME, 0x2001, 0), true);
  assert.deepEqual(kvm.readMsr(SYSTEM_TIME), [0x2001, 0]);
  for (const ns of [5_000_000_123, 5_000_000_124, 9e9, 3600e9 * 5]) assert.equal(timeAt(ram, 0x2000, tscAt(ns)).ns, ns);
  assert.deepEqual(timeAt(ram, 0x2000, 0).flags, 1);
  assert.equal(timeAt(ram, 0x2000, 0).version % 2, 0);
});

for (const hz of [1e9, 2e9, 100e6, 3_579_545, 999_999_999, 1_000_000_001, 5e9]) {
  test(`the scale of a counter of ${hz} Hz is right to 1 in 10^8`, () => {
    const { multiplier, shift } = clockScale(hz);
    assert.ok(multiplier >= 2 ** 31 && multiplier < 2 ** 32);
    const nsPerTick = (multiplier / 2 ** 32) * 2 ** shift;
    assert.ok(Math.abs((nsPerTick * hz) / 1e9 - 1) < 1e-8);
  });
}

test("each update makes the version another even number; a stopped guest is told so until it takes the flag back", () => {
  const { bench, ram, kvm } = setup();
  ram.view.setUint32(0x2000, 7, true);
  kvm.writeMsr(SYSTEM_TIME, 0x2001, 0);
  assert.equal(timeAt(ram, 0x2000, 0).version, 10);
  kvm.resumed(50 * MS);
  assert.deepEqual(timeAt(ram, 0x2000, tscAt(0)), { ns: 0, version: 12, flags: 3 });
  bench.clock.advance(MS);
  kvm.tscChanged();
  assert.equal(timeAt(ram, 0x2000, 0).flags, 3);
  ram.view.setUint8(0x2000 + 29, 1);
  kvm.tscChanged();
  assert.equal(timeAt(ram, 0x2000, 0).flags, 1);
});

test("the wall clock is the host's at virtual time 0, plus pauses", () => {
  const { bench, ram, kvm } = setup();
  bench.clock.advance(3000 * MS);
  kvm.writeMsr(WALL_CLOCK, 0x4000, 0);
  assert.equal(ram.view.getUint32(0x4004, true), Math.floor(EPOCH_MS / 1000));
  assert.equal(ram.view.getUint32(0x4008, true), 500 * MS);
  kvm.resumed(1_700_000_123);
  assert.equal(ram.view.getUint32(0x4008, true), 500 * MS, "until it is asked for again");
  kvm.writeMsr(WALL_CLOCK, 0x4000, 0);
  assert.equal(ram.view.getUint32(0x4004, true), Math.floor(EPOCH_MS / 1000) + 2);
  assert.equal(ram.view.getUint32(0x4008, true), 200 * MS + 123);
  assert.equal(ram.view.getUint32(0x4000, true) % 2, 0);
});

test("nothing is written where the guest has switched it off, or where there is no RAM", () => {
  const { ram, kvm } = setup();
  const before = ram.bytes.slice();
  kvm.writeMsr(SYSTEM_TIME, 0x2000, 0);
  for (const [lo, hi] of [[0xfff1, 0], [0xffffffff, 0xffffffff], [1, 5], [0xa0001, 0]] as const) {
    assert.equal(kvm.writeMsr(SYSTEM_TIME, lo, hi), true);
    kvm.writeMsr(WALL_CLOCK, (lo | 0xc) >>> 0, hi);
    kvm.resumed(1);
    kvm.writeMsr(EOI, (lo & ~2) >>> 0, hi);
    kvm.withdrawEoi();
  }
  kvm.writeMsr(EOI, 0xffff_fffd, 0xffff_ffff);
  assert.equal(kvm.offerEoi(), false);
  assert.deepEqual(ram.bytes, before);
});

test("the end of interrupt: a bit that is set, and found cleared or taken back", () => {
  const { ram, kvm, moves } = setup();
  assert.equal(kvm.offerEoi(), false);
  assert.equal(kvm.writeMsr(EOI, 0x3003, 0), false, "misaligned");
  assert.equal(kvm.writeMsr(EOI, 0x3001, 0), true);
  assert.deepEqual(moves, ["moves"]);
  assert.equal(kvm.offerEoi(), true);
  assert.equal(ram.bytes[0x3000], 1);
  assert.equal(kvm.withdrawEoi(), false);
  assert.equal(ram.bytes[0x3000], 0);
  kvm.offerEoi();
  ram.bytes[0x3000] = 0;
  assert.equal(kvm.withdrawEoi(), true);
});

test("other registers of the range do not exist", () => {
  const { kvm } = setup();
  for (const index of [0x4b564d02, 0x4b564d03, 0x4b564d05, 0x4b564dff, 0x11, 0x12]) {
    assert.equal(kvm.readMsr(index), null);
    assert.equal(kvm.writeMsr(index, 1, 0), false);
  }
});
