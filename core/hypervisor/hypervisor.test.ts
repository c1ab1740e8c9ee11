import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FakeVmWorker } from "../testkit/fake-vm-worker.ts";
import { Hypervisor, type HypervisorEvent } from "./hypervisor.ts";
import { VmLibrary } from "./vm-library.ts";

const root = mkdtempSync(join(tmpdir(), "ringfence-fleet-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;
const demo = { name: "Demo", notes: "", memoryMiB: 64, boot: { kind: "demo" as const }, capPercent: 80 };

function fleet(isStarting = true) {
  const workers: FakeVmWorker[] = [];
  const events: HypervisorEvent[] = [];
  const spawn = (start: ConstructorParameters<typeof FakeVmWorker>[0]) => {
    const worker = new FakeVmWorker(start, isStarting);
    workers.push(worker);
    return worker;
  };
  const library = new VmLibrary(join(root, `library-${count++}`), "app");
  const hypervisor = new Hypervisor(library, { spawn, demoKernel: "/demo.elf", timeouts: { start: 60_000, answer: 50, powerOff: 50 } });
  hypervisor.subscribe((event) => events.push(event));
  const worker = () => {
    const last = workers.at(-1);
    assert.ok(last);
    return last;
  };
  const statuses = () => events.flatMap((e) => (e.kind === "changed" ? [e.record.status] : []));
  const status = async (id: string) => (await hypervisor.list()).find((r) => r.id === id)?.status;
  return { hypervisor, library, events, worker, workers, statuses, status };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the life of a machine, in states", async () => {
  const { hypervisor, worker, statuses, events } = fleet();
  const { id } = await hypervisor.create(demo);
  await hypervisor.start(id);
  assert.deepEqual(worker().start.boot, { kind: "kernel", kernel: "/demo.elf", append: "", modules: [] });
  assert.equal(worker().start.capPercent, 80);
  await hypervisor.pause(id);
  await hypervisor.resume(id);
  await hypervisor.reset(id);
  await hypervisor.shutdown(id);
  await hypervisor.powerOff(id);
  assert.deepEqual(statuses(), ["off", "starting", "running", "paused", "running", "stopping", "off"]);
  assert.deepEqual(worker().received.map((m) => m.kind), ["pause", "resume", "reset", "powerButton", "powerOff"]);
  await hypervisor.delete(id);
  assert.deepEqual(events.at(-1), { kind: "removed", id });
});

test("orders that a state does not allow are refused and change nothing", async () => {
  const { hypervisor, status, worker } = fleet();
  const { id } = await hypervisor.create(demo);
  const refused = { code: "wrongState" };
  for (const order of ["pause", "resume", "reset", "shutdown", "powerOff"] as const) await assert.rejects(hypervisor[order](id), refused);
  await assert.rejects(hypervisor.input(id, []), refused);
  await hypervisor.start(id);
  await assert.rejects(hypervisor.start(id), refused);
  await assert.rejects(hypervisor.resume(id), refused);
  await assert.rejects(hypervisor.delete(id), refused);
  assert.deepEqual((await hypervisor.update(id, { memoryMiB: 128 })).pending, ["memoryMiB"]);
  await hypervisor.update(id, { name: "Renamed" });
  assert.equal(await status(id), "running");
  assert.equal(worker().received.length, 0);
  await assert.rejects(hypervisor.start("nobody"), { code: "notFound" });
  await hypervisor.close();
});

test("a machine that powers itself off is off", async () => {
  const { hypervisor, worker, status } = fleet();
  const { id } = await hypervisor.create(demo);
  await hypervisor.start(id);
  worker().end();
  await settled();
  assert.equal(await status(id), "off");
  await hypervisor.start(id);
  assert.equal(await status(id), "running");
  await hypervisor.close();
});

test("a crashed thread ends one machine with a reason; the others go on", async () => {
  const { hypervisor, workers, status, events } = fleet();
  const a = await hypervisor.create({ ...demo, name: "A" });
  const b = await hypervisor.create({ ...demo, name: "B" });
  await hypervisor.start(a.id);
  await hypervisor.start(b.id);
  workers[0]?.crash(new Error("heap exhausted"));
  await settled();
  assert.equal(await status(a.id), "error");
  assert.equal(await status(b.id), "running");
  const failure = (await hypervisor.list()).find((r) => r.id === a.id)?.failure;
  assert.equal(failure?.code, "workerCrashed");
  assert.match(failure.message, /heap exhausted/);
  await hypervisor.start(a.id);
  const last = events.findLast((e) => e.kind === "changed");
  assert.ok(last?.kind === "changed" && last.record.failure === null && last.record.status === "running");
  await hypervisor.close();
});

test("a triple fault is an error with the registers", async () => {
  const { hypervisor, worker } = fleet();
  const { id } = await hypervisor.create(demo);
  await hypervisor.start(id);
  worker().say({ kind: "ended", reason: { kind: "tripleFault", dump: "RIP=1" }, screen: { text: null, screenshot: null, counters: {} } });
  worker().exit(0);
  await settled();
  const record = (await hypervisor.list())[0];
  assert.deepEqual([record?.status, record?.failure?.code, record?.failure?.detail], ["error", "tripleFault", "RIP=1"]);
});

test("a start that fails tells why, in the reply and in the record", async () => {
  const { hypervisor, worker } = fleet(false);
  const { id } = await hypervisor.create(demo);
  const start = hypervisor.start(id);
  await settled();
  while (!(await hypervisor.list()).some((r) => r.status === "starting")) await settled();
  worker().say({ kind: "failed", failure: { code: "fileMissing", message: "Kernel not found: /demo.elf" } });
  worker().exit(1);
  await assert.rejects(start, { code: "fileMissing" });
  assert.equal((await hypervisor.list())[0]?.failure?.message, "Kernel not found: /demo.elf");
});

test("power off works while the machine starts and when its thread hangs", async () => {
  const starting = fleet(false);
  const a = await starting.hypervisor.create(demo);
  const start = starting.hypervisor.start(a.id).catch((error: unknown) => error);
  while ((await starting.status(a.id)) !== "starting") await settled();
  starting.worker().isResponsive = false;
  await starting.hypervisor.powerOff(a.id);
  assert.match(String(await start), /switched off/);
  assert.equal(await starting.status(a.id), "off");

  const hung = fleet();
  const b = await hung.hypervisor.create(demo);
  await hung.hypervisor.start(b.id);
  hung.worker().isResponsive = false;
  await assert.rejects(hung.hypervisor.pause(b.id), { code: "workerCrashed", message: /does not answer/ });
  await hung.hypervisor.powerOff(b.id);
  assert.equal(hung.worker().isTerminated, true);
  assert.equal(await hung.status(b.id), "off");
});

test("the cap moves at once and is saved, of many changes the last", async () => {
  const { hypervisor, library, worker } = fleet();
  const { id } = await hypervisor.create(demo);
  await hypervisor.start(id);
  await Promise.all([70, 60, 50, 40, 30].map((cap) => hypervisor.setCap(id, cap)));
  assert.deepEqual(worker().received.map((m) => m.kind === "setCap" && m.capPercent), [70, 60, 50, 40, 30]);
  assert.equal((await library.find(id)).config?.cpu.capPercent, 30);
  assert.equal((await hypervisor.list())[0]?.capPercent, 30);
  await hypervisor.close();
});

test("keys are pressed in order and released in reverse", async () => {
  const { hypervisor, worker } = fleet();
  const { id } = await hypervisor.create(demo);
  await hypervisor.start(id);
  await hypervisor.keys(id, ["ControlLeft", "AltLeft", "Delete"]);
  const [message] = worker().received;
  assert.ok(message?.kind === "input");
  const told = message.events.map((e) => (e.kind === "key" ? `${e.down ? "+" : "-"}${e.code}` : ""));
  assert.deepEqual(told, ["+ControlLeft", "+AltLeft", "+Delete", "-Delete", "-AltLeft", "-ControlLeft"]);
  await hypervisor.close();
});

test("the serial backlog is the last 256 KiB and starts anew with the machine", async () => {
  const { hypervisor, worker } = fleet();
  const { id } = await hypervisor.create(demo);
  await hypervisor.start(id);
  for (let i = 0; i < 60; i++) worker().say({ kind: "serial", data: Buffer.alloc(10_000, 65 + (i % 26)) });
  worker().say({ kind: "serial", data: Buffer.from([0xe9]) });
  const backlog = await hypervisor.serialBacklog(id);
  assert.equal(backlog.length, 256 * 1024);
  assert.equal(backlog.at(-1), "\u00e9");
  await hypervisor.powerOff(id);
  assert.equal((await hypervisor.serialBacklog(id)).length, 256 * 1024);
  await hypervisor.start(id);
  assert.equal(await hypervisor.serialBacklog(id), "");
  await hypervisor.close();
});

test("paths of a kernel are meant from the machine's folder", async () => {
  const { hypervisor, worker } = fleet();
  const boot = { kind: "kernel" as const, kernel: "vmlinuz", initrd: "/abs/initrd", append: "quiet", modules: ["mod.bin arg"] };
  const { id, path } = await hypervisor.create({ ...demo, boot });
  await hypervisor.start(id);
  assert.deepEqual(worker().start.boot, { ...boot, kernel: join(path, "vmlinuz"), modules: [`${join(path, "mod.bin")} arg`] });
  await hypervisor.close();
});

test("a broken folder is listed, cannot start, and can be deleted", async () => {
  const { hypervisor, library } = fleet();
  mkdirSync(join(library.path, "bad"));
  writeFileSync(join(library.path, "bad", "machine.json"), "{");
  const [record] = await hypervisor.list();
  assert.deepEqual([record?.id, record?.status, record?.config], ["folder:bad", "broken", null]);
  await assert.rejects(hypervisor.start("folder:bad"), { code: "configUnreadable" });
  await assert.rejects(hypervisor.setCap("folder:bad", 5), { code: "wrongState" });
  assert.equal(readFileSync(join(library.path, "bad", "machine.json"), "utf8"), "{");
  await hypervisor.delete("folder:bad");
  assert.deepEqual(await hypervisor.list(), []);
});

test("a configuration that breaks while the machine runs does not stop it", async () => {
  const { hypervisor, status } = fleet();
  const { id, path } = await hypervisor.create(demo);
  await hypervisor.start(id);
  writeFileSync(join(path, "machine.json"), "{");
  assert.equal(await status(id), "running");
  await hypervisor.powerOff(id);
  assert.equal(await status(`folder:${path.split(/[\\/]/).at(-1)}`), "broken");
});

test("closing powers everything off", async () => {
  const { hypervisor, workers } = fleet();
  for (const name of ["A", "B"]) await hypervisor.start((await hypervisor.create({ ...demo, name })).id);
  await hypervisor.close();
  assert.deepEqual(workers.map((w) => w.received.at(-1)?.kind), ["powerOff", "powerOff"]);
});
