// All clocks of a guest against one another for some seconds: in real machines, with a guest that halts and with one that computes, and
// in one whose host is away two thirds of the time. How they keep to the host's over minutes is measured by clocks.ts, by hand.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildMachine } from "../../core/testkit/machine-bench.ts";
import { type Answer, ANSWER, type ApicMode, buildClockGuest, type ClockFigures, type ClockName, COUNTERS, figuresOf, measureClocks, parseAnswer } from "./clock-run.ts";

const guest = buildClockGuest();
const skip = "missing" in guest ? guest.missing : false;
const kernel = "kernel" in guest ? guest.kernel : "";

function assertAgree({ seconds, guestSeconds }: ClockFigures, slackOfTicks: number): void {
  for (const [clock, counted] of Object.entries(seconds) as [ClockName, number][]) {
    const slack = guestSeconds * 1e-3 + (COUNTERS.includes(clock) ? 1e-3 : slackOfTicks);
    assert.ok(Math.abs(counted - guestSeconds) < slack, `${clock}: ${counted} s in ${guestSeconds} s`);
  }
}

const CASES: readonly (readonly [ApicMode, isGuestBusy: boolean, engine: string])[] = [
  ["deadline", false, "translator"],
  ["periodic", true, "translator"],
  ["periodic", true, "interpreter"],
];
for (const [mode, isGuestBusy, engine] of CASES) {
  test(`the clocks of a guest that ${isGuestBusy ? "computes" : "halts"} agree, APIC timer ${mode}, ${engine}`, { skip, timeout: 120_000 }, async () => {
    const figures = await measureClocks(kernel, { seconds: 6, mode, isGuestBusy, cli: ["--engine", engine] });
    assert.ok(figures.guestSeconds > 5, `${figures.guestSeconds} s went by`);
    // On a busy host late ticks may still be waiting when the clocks are read.
    assertAgree(figures, 0.3);
  });
}

for (const mode of ["pi", "db"]) {
  test(`ticks are made up for where the host is away two thirds of the time (${mode})`, { skip, timeout: 120_000 }, () => {
    // The host's time goes on with this machine's, and jumps by 4 ms after every 2.
    let awayNs = 0;
    let nextNs = 0;
    const nowNs = (): number => {
      const now = performance.now() * 1e6;
      if (now >= nextNs) {
        if (nextNs > 0) awayNs += 4e6;
        nextNs = now + 2e6;
      }
      return now + awayNs;
    };
    let output = "";
    const serialOutput = (port: number, byte: number): void => {
      if (port === 0) output += String.fromCharCode(byte);
    };
    const machine = buildMachine(
      {
        memoryMiB: 16, cpuModel: "ringfence64", engine: "translator", epochMs: 1.7e12,
        boot: { kind: "kernel", name: "clocks", kernel: new Uint8Array(readFileSync(kernel)), append: mode, modules: [] },
      },
      { hostNowNs: nowNs, serialOutput, debugConsole() {} },
    );
    const run = (isDone: () => boolean): void => {
      while (!isDone()) {
        const slice = machine.runSlice(2e6);
        assert.notEqual(slice.kind, "ended");
        // A halt costs no time here.
        if (slice.kind === "halted") awayNs += Math.max(slice.wakeNs - machine.nowNs(), 0);
      }
    };
    const ask = (): Answer => {
      const from = output.length;
      machine.serialInput(0, Uint8Array.of(0x3f));
      run(() => ANSWER.test(output.slice(from)));
      return parseAnswer(output.slice(from), 0);
    };
    run(() => output.includes("@READY"));
    ask();
    const first = ask();
    const untilNs = machine.nowNs() + 10e9;
    run(() => machine.nowNs() >= untilNs);
    assertAgree(figuresOf([first, ask()], "periodic", 0), 0.3);
  });
}
