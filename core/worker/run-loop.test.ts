import assert from "node:assert/strict";
import { test } from "node:test";
import { CONTROL_BYTES, ControlWord, type FromVmWorker, OUTPUT_PENDING_LIMIT, SCREEN_BYTES, type ToVmWorker } from "../api/worker-protocol.ts";
import type { Machine, SliceResult } from "../machine/machine.ts";
import { FakeScreen } from "../testkit/fake-screen.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { RunLoop } from "./run-loop.ts";
import { ScreenPublisher } from "./screen-publisher.ts";

const MS = 1e6;
const OFF: SliceResult = { kind: "ended", wakeNs: 0, instructions: 0, exit: { kind: "poweredOff" } };

/** A loop on a bench: time passes only in slices and sleeps; `at` puts a message or a change into the future. */
function bench(slice: (b: Bench) => SliceResult, capPercent = 100) {
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  const display = new FakeScreen();
  const serial = new OutputBuffer();
  const posted: (FromVmWorker & { atMs: number })[] = [];
  const mailbox: ToVmWorker[] = [];
  const plans: { atNs: number; act: () => void }[] = [];
  const b = {
    nowNs: 0, cpuNs: 0, slices: 0, sleeps: 0, resumes: 0, room: 0, taken: "", display, serial, control, posted,
    at(ms: number, plan: ToVmWorker | (() => void)) {
      plans.push({ atNs: ms * MS, act: typeof plan === "function" ? plan : () => mailbox.push(plan) });
    },
    use(ns: number) {
      b.nowNs += ns;
      b.cpuNs += ns;
    },
    kinds: () => posted.map((m) => m.kind),
    run() {
      const machine: Machine = {
        display,
        nowNs: () => b.nowNs,
        runSlice: () => {
          b.slices++;
          return slice(b);
        },
        resumeClock: () => b.resumes++,
        input: () => undefined,
        serialInput: (_port, bytes) => {
          const count = Math.min(b.room, bytes.length);
          b.room -= count;
          b.taken += Buffer.from(bytes.subarray(0, count)).toString();
          return count;
        },
        pressPowerButton: () => undefined,
        reset: () => undefined,
    setMedium: () => undefined,
        setBalloon: () => undefined,
        generatedCode: () => ({ interpreter: () => undefined, translations: [] }), counters: () => ({}), dump: () => "dump",
      };
      const due = () => {
        for (const plan of plans.splice(0).sort((x, y) => x.atNs - y.atNs)) {
          if (plan.atNs > b.nowNs) plans.push(plan);
          else {
            plan.act();
            Atomics.add(control, ControlWord.SIGNAL, 1);
          }
        }
      };
      const host = {
        nowNs: () => {
          due();
          return b.nowNs;
        },
        cpuNs: () => b.cpuNs,
        sampledNs: () => b.nowNs,
        receive: () => mailbox.shift(),
        post: (message: FromVmWorker) => posted.push({ ...message, atMs: b.nowNs / MS }),
        sleep: (seen: number, timeoutNs: number) => {
          due();
          if (Atomics.load(control, ControlWord.SIGNAL) !== seen) return;
          b.sleeps++;
          b.nowNs = Math.min(b.nowNs + timeoutNs, ...plans.map((p) => p.atNs));
          assert.ok(b.nowNs < Infinity, "sleeps for ever with nothing planned");
        },
      };
      const screen = new ScreenPublisher(display, new SharedArrayBuffer(SCREEN_BYTES));
      new RunLoop({ machine, host, control, screen, serial, debugConsole: new OutputBuffer(), capPercent, finalScreenshot: false }).run();
      return b;
    },
  };
  return b;
}
type Bench = ReturnType<typeof bench>;
const idle = (): SliceResult => ({ kind: "halted", wakeNs: Infinity, instructions: 0 });
const busy = (b: Bench): SliceResult => {
  b.use(2 * MS);
  return { kind: "ran", wakeNs: 0, instructions: 100 };
};

test("an idle guest wakes only for statistics", () => {
  const b = bench(idle);
  b.at(10_000, { kind: "powerOff" });
  b.run();
  assert.ok(b.sleeps <= 22, `${b.sleeps} sleeps in 10 s`);
  const stats = b.posted.filter((m) => m.kind === "stats");
  assert.ok(stats.length >= 19 && stats.every((m) => m.stats.haltedPercent > 99 && m.stats.hostCpuPercent < 1));
});

test("a halted guest wakes at its timer", () => {
  const wakes: number[] = [];
  const b = bench((x) => {
    wakes.push(x.nowNs / MS);
    return x.slices < 4 ? { kind: "halted", wakeNs: x.nowNs + 7 * MS, instructions: 0 } : OFF;
  });
  b.run();
  assert.deepEqual(wakes, [0, 7, 14, 21]);
});

test("a paused guest does not run, and its clock is told afterwards", () => {
  const b = bench(busy);
  b.at(10, { kind: "pause" });
  b.at(5000, { kind: "resume" });
  b.at(5009, { kind: "powerOff" });
  b.run();
  assert.ok(b.slices <= 12, `${b.slices} slices`);
  assert.equal(b.resumes, 1);
  assert.deepEqual(b.kinds().filter((k) => k === "paused" || k === "resumed" || k === "ended"), ["paused", "resumed", "ended"]);
});

test("serial input that the guest cannot take yet is offered again", () => {
  const b = bench((x) => {
    x.room = 2;
    x.use(2 * MS);
    return x.nowNs > 40 * MS ? OFF : { kind: "ran", wakeNs: 0, instructions: 1 };
  });
  Atomics.store(b.control, ControlWord.INPUT_PENDING, 7);
  b.at(1, { kind: "serialInput", data: Buffer.from("hel") });
  b.at(2, { kind: "serialInput", data: Buffer.from("lo!\n") });
  b.run();
  assert.equal(b.taken, "hello!\n");
  assert.equal(Atomics.load(b.control, ControlWord.INPUT_PENDING), 0);
  assert.equal(b.kinds().filter((k) => k === "serialDrained").length, 1);
});

test("the guest is held while its output waits for the host", () => {
  const b = bench((x) => {
    for (let i = 0; i < 100_000; i++) x.serial.push(46);
    return busy(x);
  });
  b.at(1000, { kind: "powerOff" });
  b.run();
  const sent = b.posted.reduce((sum, m) => sum + (m.kind === "serial" ? m.data.length : 0), 0);
  assert.ok(sent >= OUTPUT_PENDING_LIMIT && sent <= OUTPUT_PENDING_LIMIT + 200_000, `${sent} bytes`);
});

test("output goes out before the guest sleeps, and all of it before the end", () => {
  const b = bench((x) => {
    x.serial.push(0x40 + x.slices);
    return x.slices < 3 ? { kind: "halted", wakeNs: x.nowNs + 50 * MS, instructions: 0 } : OFF;
  });
  b.run();
  const serial = b.posted.flatMap((m) => (m.kind === "serial" ? [[Math.round(m.atMs), Buffer.from(m.data).toString()]] : []));
  assert.deepEqual(serial, [[0, "A"], [50, "B"], [100, "C"]]);
});

test("pictures are sent only while watched, only when changed, no faster than asked", () => {
  const b = bench((x) => {
    x.display.write(String(x.slices % 10));
    return busy(x);
  });
  b.at(1000, () => Atomics.store(b.control, ControlWord.FRAME_INTERVAL_MS, 50));
  b.at(2000, () => Atomics.store(b.control, ControlWord.FRAME_INTERVAL_MS, 0));
  b.at(3000, { kind: "powerOff" });
  b.run();
  const frames = b.posted.filter((m) => m.kind === "frame").map((m) => m.atMs);
  assert.ok(frames.slice(0, -1).every((ms) => ms >= 999 && ms <= 2003), frames.join());
  assert.ok(frames.length >= 19 && frames.length <= 22, `${frames.length} frames`);
});

test("a guest that changes its screen and halts is shown at the next frame time", () => {
  const b = bench((x) => {
    if (x.slices === 1) x.display.write("x");
    return idle();
  });
  Atomics.store(b.control, ControlWord.FRAME_INTERVAL_MS, 33);
  b.at(400, { kind: "powerOff" });
  b.run();
  const frames = b.posted.filter((m) => m.kind === "frame").map((m) => Math.round(m.atMs));
  assert.deepEqual(frames, [0, 33]);
});

test("a capped guest uses its share and no more", () => {
  const b = bench(busy, 30);
  b.at(4000, { kind: "powerOff" });
  b.run();
  const percent = (b.cpuNs / b.nowNs) * 100;
  assert.ok(Math.abs(percent - 30) < 2, `${percent} %`);
});

test("the cap moves while the guest runs", () => {
  const b = bench(busy, 100);
  b.at(2000, { kind: "setCap", capPercent: 10 });
  b.at(4000, { kind: "powerOff" });
  b.run();
  assert.ok(Math.abs(b.cpuNs / MS - 2200) < 40, `${b.cpuNs / MS} ms`);
});

test("an engine error ends the machine with its dump, a triple fault with its reason", () => {
  const broken = bench(() => ({ ...OFF, exit: { kind: "engineError", message: "No form", dump: "RIP" } })).run().posted.at(-1);
  assert.ok(broken?.kind === "failed" && broken.failure.message.includes("No form") && broken.failure.detail === "RIP");
  const crashed = bench(() => ({ ...OFF, exit: { kind: "tripleFault", dump: "RSP" } })).run().posted.at(-1);
  assert.ok(crashed?.kind === "ended" && crashed.reason.kind === "tripleFault");
});

test("the last message holds the text on the screen", () => {
  const b = bench((x) => {
    x.display.write("bye");
    return OFF;
  });
  const last = b.run().posted.at(-1);
  assert.ok(last?.kind === "ended" && last.screen.text?.startsWith("bye"));
});
