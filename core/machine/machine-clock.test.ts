// The clock against a host whose speed the test sets: instructions take as long as it says, and nobody tells the clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../testkit/seeded-random.ts";
import { MachineClock } from "./machine-clock.ts";

class Host {
  ns = 5e9;
  count = 0;
  shown = 0;
  nsPerInstruction = 1;
  samples = 0;
  last = 0;
  readonly clock: MachineClock = new MachineClock({
    hostNowNs: () => this.ns,
    retired: () => this.count,
    shownNs: () => this.shown,
    onSample: () => this.samples++,
  });
  private readonly startNs = this.ns;
  stolenNs = 0;

  instructions(count: number): void {
    this.count += count;
    this.ns += count * this.nsPerInstruction;
  }
  /** Runs as the machine does: as many instructions as are thought to take 100 us. Reads the clock as often as given. */
  run(reads = 0): void {
    this.clock.beginRun();
    const count = Math.min(this.clock.instructionsIn(100e3), 1_000_000);
    for (let i = 0; i < reads; i++) {
      this.instructions(Math.floor(count / (reads + 1)));
      this.read();
    }
    this.instructions(count - reads * Math.floor(count / (reads + 1)));
    this.clock.endRun();
    this.read();
  }
  read(): number {
    const now = this.clock.nowNs();
    assert.ok(now >= this.last, `${now} after ${this.last}`);
    this.last = now;
    return now;
  }
  /** How far the guest's clock is behind the host's; negative: ahead. */
  get lagNs(): number {
    return this.ns - this.startNs - this.stolenNs - this.read();
  }
}

test("between samples and over them, through speeds from 0.3 to 300 ns, the clock goes forward and keeps to the host's", () => {
  const host = new Host();
  const random = new SeededRandom(7);
  host.clock.beginSlice();
  for (let n = 0; n < 3000; n++) {
    if (n % 20 === 0) host.nsPerInstruction = 0.3 * 1000 ** (random.below(1000) / 1000);
    host.run(random.below(40));
    assert.ok(Math.abs(host.lagNs) < 100e3, `${host.lagNs} ns behind after ${n} runs`);
  }
});

test("what happens in one run is timed by the host's clock, however wrong the rate", () => {
  const host = new Host();
  host.nsPerInstruction = 0.3;
  host.clock.beginSlice();
  for (let n = 0; n < 100; n++) host.run();
  host.clock.beginRun();
  host.instructions(1000);
  const before = host.read();
  host.nsPerInstruction = 1400;
  host.instructions(1_000_000);
  const took = host.read() - before;
  assert.ok(took > 1.39e9 && took < 1.41e9, `${took} ns`);
});

test("a busy host's absence is made up for at once, and does not spoil the rate", () => {
  const host = new Host();
  host.clock.beginSlice();
  for (let n = 0; n < 100; n++) host.run();
  host.ns += 80e6;
  host.run();
  assert.ok(Math.abs(host.lagNs) < 1e3);
  for (let n = 0; n < 10; n++) host.run();
  const planned = host.clock.instructionsIn(100e3);
  assert.ok(planned > 80e3 && planned < 120e3, `${planned}`);
});

test("what generated code has shown is not taken back", () => {
  const host = new Host();
  host.clock.beginSlice();
  host.run();
  host.shown = host.read() + 40e3;
  host.clock.beginRun();
  host.instructions(100_000);
  host.clock.endRun();
  assert.ok(host.read() >= host.shown);
  for (let n = 0; n < 20; n++) host.run();
  assert.ok(Math.abs(host.lagNs) < 1e3, "the host has caught up");
});

test("the line that generated code goes by ends where the estimate is no longer to be believed", () => {
  const host = new Host();
  host.clock.beginSlice();
  for (let n = 0; n < 50; n++) host.run();
  const from = host.count;
  const { start, step, limit } = host.clock.line(from);
  assert.ok(Math.abs(start - host.read()) <= 1);
  assert.ok(limit * step <= 10e3 && limit >= 100);
  host.clock.beginRun();
  host.instructions(500);
  assert.ok(Math.abs(host.read() - (start + 500 * step)) <= 1);
});

test("a host clock that stands still for a while leaves the time to the estimate", () => {
  const host = new Host();
  host.clock.beginSlice();
  for (let n = 0; n < 20; n++) host.run();
  const { ns } = host;
  const before = host.read();
  host.clock.beginRun();
  for (let n = 0; n < 100; n++) {
    host.instructions(1000);
    host.ns = ns;
    host.read();
  }
  const took = host.read() - before;
  assert.ok(took > 80e3 && took < 100e3, `${took} ns for what takes 100 us`);
});

test("a pause is not the guest's time, and its length is told", () => {
  const host = new Host();
  assert.equal(host.clock.resume(), 0, "not started yet");
  host.clock.beginSlice();
  for (let n = 0; n < 20; n++) host.run();
  const before = host.read();
  host.ns += 3600e9;
  assert.equal(host.read(), before);
  const missed = host.clock.resume();
  assert.ok(Math.abs(missed - 3600e9) < 1e5, `${missed}`);
  host.stolenNs += missed;
  host.clock.beginSlice();
  assert.ok(host.read() - before < 1e5);
  host.run();
  assert.ok(Math.abs(host.lagNs) < 1e5);
});

test("a halted guest's clock goes on with the host's", () => {
  const host = new Host();
  host.clock.beginSlice();
  host.run();
  const before = host.read();
  host.ns += 7e9;
  host.clock.beginSlice();
  assert.ok(Math.abs(host.read() - before - 7e9) < 1e5);
});

test("time stands still within an instruction, however long a device takes over it", () => {
  const host = new Host();
  host.clock.beginSlice();
  host.run();
  host.clock.beginRun();
  for (let n = 0; n < 50; n++) {
    host.instructions(1);
    const now = host.read();
    for (let i = 0; i < 50; i++) {
      host.ns += 1000;
      assert.equal(host.read(), now);
    }
  }
  assert.ok(host.lagNs < 2e6, "but not for longer than some instructions");
});
