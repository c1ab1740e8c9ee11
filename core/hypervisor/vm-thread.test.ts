// With real threads and a scripted machine.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fakeKernel } from "../testkit/fake-machine.ts";
import { FakeVmWorker } from "../testkit/fake-vm-worker.ts";
import { type ThreadEvents, VmThread, workerSpawner } from "./vm-thread.ts";

const folder = mkdtempSync(join(tmpdir(), "ringfence-thread-"));
after(() => rmSync(folder, { recursive: true }));
const spawn = workerSpawner(new URL("../worker/vm-worker.ts", import.meta.url));
const machineModule = new URL("../testkit/fake-machine.ts", import.meta.url).href;
const settings = { memoryMiB: 16, cpuModel: "x", engine: "interpreter" as const, capPercent: 100, machineModule, debugExitPort: 0xf4 };
const TIMEOUTS = { start: 60_000, answer: 60_000, powerOff: 100 };
let count = 0;

function thread(script: string, events: ThreadEvents = {}, timeouts = TIMEOUTS) {
  const kernel = join(folder, `kernel-${count++}`);
  writeFileSync(kernel, script);
  return new VmThread(spawn, { ...settings, boot: { kind: "kernel", kernel, append: "", modules: [] }, finalScreenshot: true }, events, timeouts);
}

test("a machine runs to its end and leaves its screen", async () => {
  let serial = "";
  const vm = thread(fakeKernel("print hello", "off"), {
    serial: (data) => {
      serial += Buffer.from(data).toString();
    },
  });
  await vm.started;
  const end = await vm.ended;
  assert.equal(serial, "hello\n");
  assert.ok(end.kind === "ended" && end.reason.kind === "poweredOff");
  assert.ok(end.screen.text?.startsWith("hello") && (end.screen.screenshot?.length ?? 0) > 50);
});

test("debug exit and triple fault are told", async () => {
  const exit = await thread(fakeKernel("exit 5")).ended;
  assert.ok(exit.kind === "ended" && exit.reason.kind === "debugExit" && exit.reason.status === 11);
  const crash = await thread(fakeKernel("triple")).ended;
  assert.ok(crash.kind === "ended" && crash.reason.kind === "tripleFault" && crash.reason.dump.includes("RIP"));
});

test("an idle machine takes serial input, keys and the power button", async () => {
  let serial = "";
  const echoed = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  const drained = Promise.withResolvers<void>();
  const vm = thread(fakeKernel("echo", "idle"), {
    serial: (data) => {
      serial += Buffer.from(data).toString();
      if (serial.endsWith("bytes\n")) echoed.resolve();
      if (serial.endsWith("down\n")) heard.resolve();
    },
    serialDrained: () => drained.resolve(),
  });
  await vm.started;
  vm.serialInput(Buffer.from("more than sixteen bytes\n\x04"));
  await Promise.all([drained.promise, echoed.promise]);
  vm.input([{ kind: "key", code: "KeyA", down: true }]);
  await heard.promise;
  assert.equal(serial, "more than sixteen bytes\nkey KeyA down\n");
  vm.pressPowerButton();
  assert.equal((await vm.ended).kind, "ended");
});

test("pause, questions, resume and reset", async () => {
  const vm = thread(fakeKernel("print line", "idle"));
  await vm.started;
  await vm.pause();
  assert.match((await vm.queryText("dump")) ?? "", /^line \d/);
  assert.ok((await vm.screenshot()) instanceof Uint8Array);
  await vm.resume();
  vm.reset();
  assert.ok((await vm.queryText("text")) !== null);
  await vm.powerOff();
});

test("a hung thread is ended by force", async () => {
  const vm = thread(fakeKernel("idle"));
  await vm.started;
  vm.input([{ kind: "key", code: "Hang", down: true }]);
  assert.deepEqual(await vm.powerOff(), { kind: "terminated" });
});

test("an exception in the engine ends the machine with its text and registers", async () => {
  const end = await thread(fakeKernel("throw out of ideas")).ended;
  assert.ok(end.kind === "failed" && end.failure.code === "workerCrashed");
  assert.match(end.failure.message, /out of ideas/);
  assert.match(end.failure.detail ?? "", /fake-machine[\s\S]*line 0: throw/);
});

test("a kernel that is none and a missing one are told, and the start is refused with it", async () => {
  const none = thread("not a kernel");
  await assert.rejects(none.started, { code: "notAKernel" });
  const start = { ...settings, boot: { kind: "kernel" as const, kernel: join(folder, "missing"), append: "", modules: [] } };
  const missing = new VmThread(spawn, start, {});
  await assert.rejects(missing.started, { code: "fileMissing", message: `Kernel not found: ${join(folder, "missing")}` });
  assert.equal((await missing.ended).kind, "failed");
});

test("a machine module that cannot be loaded is told", async () => {
  const start = { ...settings, machineModule: "file:///no/such/module.ts", boot: { kind: "none" as const } };
  const end = await new VmThread(spawn, start, {}).ended;
  assert.ok(end.kind === "failed" && /no\/such\/module/.test(end.failure.message));
});

test("output waits for a slow reader and all of it arrives", async () => {
  let length = 0;
  const script = fakeKernel(...Array.from({ length: 20 }, () => "flood 100000"), "off");
  const vm = thread(script, {
    serial: async (data) => {
      length += data.length;
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  await vm.ended;
  assert.equal(length, 2_000_000);
});

test("what a machine draws is in the shared screen when it is announced", async () => {
  const orange = Promise.withResolvers<Uint8Array>();
  const vm = thread(fakeKernel("graphics 40 30", "fill ff8000", "idle"), {
    frame: (_rect, width, height) => {
      const pixels = new Uint8Array(4);
      // Earlier frames show the modes before.
      if (width === 40 && vm.screen.copy({ x: 39, y: 29, width: 1, height: 1 }, width, height, pixels) && pixels[0] !== 0) orange.resolve(pixels);
    },
  });
  await vm.started;
  vm.setFrameInterval(20);
  assert.deepEqual([...(await orange.promise)], [0xff, 0x80, 0, 0xff]);
  assert.equal(vm.screen.copy({ x: 39, y: 29, width: 2, height: 1 }, 40, 30, new Uint8Array(8)), false);
  await vm.powerOff();
});

test("a thread that vanishes or crashes leaves a reason, and no question hangs", async () => {
  let worker: FakeVmWorker | undefined;
  const make = () => new VmThread((start) => (worker = new FakeVmWorker(start)), { ...settings, boot: { kind: "none" } }, {});
  const vanishing = make();
  await vanishing.started;
  if (worker) worker.isResponsive = false;
  const question = vanishing.queryText("text");
  worker?.exit(7);
  await assert.rejects(question, { code: "workerCrashed", message: /exit code 7/ });
  const crashing = make();
  worker?.crash(new Error("out of memory"));
  await assert.rejects(crashing.started, /out of memory/);
  await assert.rejects(crashing.pause(), { code: "wrongState" });
});

test("serial input that the guest never reads is refused at some point", async () => {
  const vm = new VmThread((start) => new FakeVmWorker(start), { ...settings, boot: { kind: "none" } }, {});
  await vm.started;
  const chunk = new Uint8Array(65536);
  assert.throws(() => {
    for (let i = 0; i < 100; i++) vm.serialInput(chunk);
  }, { code: "wrongState" });
  await vm.powerOff();
});

test("a thread that does not start in time is given up", async () => {
  let worker: FakeVmWorker | undefined;
  const vm = new VmThread((start) => (worker = new FakeVmWorker(start, false)), { ...settings, boot: { kind: "none" } }, {}, { ...TIMEOUTS, start: 10 });
  await assert.rejects(vm.started, { code: "workerCrashed", message: /did not start within 0\.01 s/ });
  assert.equal((await vm.ended).kind, "failed");
  assert.equal(worker?.isTerminated, true);
});
