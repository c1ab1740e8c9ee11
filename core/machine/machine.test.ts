// The machine as its thread sees it: sizes of RAM, boot sources that cannot be started, slices, HLT, and a clock that stands still
// while nothing runs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MachineBench, tinyKernel } from "../testkit/machine-bench.ts";
import { MachineError } from "./machine.ts";

const demo = new Uint8Array(readFileSync(fileURLToPath(new URL("../../assets/guests/demo/demo.elf", import.meta.url))));

for (const memoryMiB of [4, 16, 3584]) {
  test(`${memoryMiB} MiB of RAM: the demo guest boots, runs its commands and powers off`, () => {
    const b = new MachineBench(demo, { memoryMiB, append: "exec=uptime;memory;poweroff" });
    const result = b.run(3000);
    assert.deepEqual(result?.exit, { kind: "poweredOff" }, b.serial.slice(-500));
    assert.match(b.serial, /up \d|uptime/i);
  });
}

const refused = (options: ConstructorParameters<typeof MachineBench>[1], kernel: Uint8Array): MachineError => {
  try {
    new MachineBench(kernel, options);
  } catch (error) {
    assert.ok(error instanceof MachineError, String(error));
    return error;
  }
  return assert.fail("it was started");
};

test("what cannot be started is refused with a code and a message that names it", () => {
  const text = refused({}, new TextEncoder().encode("this is a letter, not a kernel\n".repeat(100)));
  assert.equal(text.code, "notAKernel");
  assert.match(text.message, /kernel/);
  assert.equal(refused({}, new Uint8Array(0)).code, "notAKernel");
  for (const length of [1, 64, 600, 5000]) refused({}, demo.subarray(0, length));
  assert.match(refused({ cpuModel: "i8008" }, demo).message, /i8008/);
  assert.equal(refused({ boot: { kind: "none" } }, demo).code, "badRequest");
});

test("an initrd or a module larger than RAM is refused", () => {
  const large = new Uint8Array(20 << 20);
  const module = refused({ boot: { kind: "kernel", name: "demo.elf", kernel: demo, append: "", modules: [{ data: large, commandLine: "big" }] } }, demo);
  assert.match(module.message, /MiB|RAM|memory|room/i);
  assert.match(refused({ initrd: large }, demo).message, /MiB|RAM|memory|room|initrd/i);
});

test("a machine that ran before another was refused goes on", () => {
  const b = new MachineBench(tinyKernel("b041 e6e9 ebfe"));
  b.slice();
  refused({}, new Uint8Array(100));
  assert.equal(b.slice().kind, "ran");
  assert.equal(b.debug, "A");
});

test("HLT gives the time of the next timer, or none", () => {
  // PIT channel 0, mode 2, 11932 ticks; then sti is not done: cli; hlt
  const timed = new MachineBench(tinyKernel("b034 e643 b09c e640 b02e e640 fa f4 ebfd"));
  const first = timed.slice();
  assert.equal(first.kind, "halted");
  assert.ok(first.wakeNs > timed.machine.nowNs());
  assert.ok(first.wakeNs < timed.machine.nowNs() + 1e9);
  const forever = new MachineBench(tinyKernel("fa f4"));
  assert.equal(forever.slice().kind, "halted");
});

test("a halted guest sees all of the host's time once it wakes", () => {
  const b = new MachineBench(tinyKernel("fa f4"));
  b.slice();
  const before = b.machine.nowNs();
  b.hostNs += 5e9;
  b.slice();
  assert.ok(b.machine.nowNs() - before >= 5e9);
});

test("the clock stands still while the machine is paused, and never goes back", () => {
  // again: rdtsc; jmp again
  const b = new MachineBench(tinyKernel("0f31 ebfc"));
  let last = 0;
  const check = (): number => {
    const now = b.machine.nowNs();
    assert.ok(now >= last, `${now} after ${last}`);
    last = now;
    return now;
  };
  for (let n = 0; n < 20; n++) {
    b.slice();
    check();
  }
  const before = check();
  b.hostNs += 3600e9;
  assert.equal(b.machine.nowNs(), before, "nothing runs, nothing passes");
  b.machine.resumeClock();
  for (let n = 0; n < 5; n++) {
    b.slice();
    check();
  }
  assert.ok(check() - before < 100e6, "an hour's pause is not seen by the guest");
  // Without the announcement it is the host that was slow, and the time counts.
  b.hostNs += 10e9;
  b.slice();
  b.slice();
  assert.ok(check() - before >= 10e9);
});

test("a host clock that stands still or goes back harms nothing", () => {
  const b = new MachineBench(tinyKernel("0f31 ebfc"));
  b.slice();
  for (const step of [0, -1e9, 0, 5e6, -2e6]) {
    const before = b.machine.nowNs();
    b.hostNs += step;
    const result = b.machine.runSlice(1e6);
    assert.notEqual(result.kind, "ended");
    assert.ok(b.machine.nowNs() >= before);
  }
});

test("keys, mouse and serial bytes of any amount are taken without harm", () => {
  const b = new MachineBench(tinyKernel("fa ebfe"));
  for (let n = 0; n < 2000; n++) {
    b.machine.input({ kind: "key", code: n % 3 === 0 ? "KeyA" : n % 3 === 1 ? "NoSuchKey" : "Pause", down: n % 2 === 0 });
    b.machine.input({ kind: "pointer", dx: (n - 1000) * 1e6, dy: Number.MAX_SAFE_INTEGER, wheel: -n, buttons: n });
  }
  const taken = b.machine.serialInput(0, new Uint8Array(100_000));
  assert.ok(taken >= 0 && taken < 100_000, "what does not fit is left");
  assert.equal(b.machine.serialInput(1, new Uint8Array(0)), 0);
  assert.equal(b.slice().kind, "ran");
});
