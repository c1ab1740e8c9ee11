// Network cards of machines in the fleet: joined at the start, rewired while the machine runs, let go at its end.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Nic } from "../api/network.ts";
import { FakeVmWorker } from "../testkit/fake-vm-worker.ts";
import { Hypervisor } from "./hypervisor.ts";
import type { NicJoiner } from "./network.ts";
import { VmError } from "./vm-error.ts";
import { VmLibrary } from "./vm-library.ts";

const root = mkdtempSync(join(tmpdir(), "ringfence-nics-"));
after(() => rmSync(root, { recursive: true }));
let count = 0;

const NIC: Nic = { id: "nic0", model: "virtio", mac: "52:54:00:00:00:01", connection: { switch: "s1", vlans: { mode: "access", vlan: 10 } }, cable: true, rom: "card.rom" };
const vm = { name: "Web server", notes: "", memoryMiB: 64, boot: { kind: "demo" as const }, capPercent: 100, nics: [NIC] };

function fleet() {
  const log: string[] = [];
  const controls: SharedArrayBuffer[] = [];
  const workers: FakeVmWorker[] = [];
  let held: Promise<void> | undefined;
  let isRefusing = false;
  const network: NicJoiner = {
    attach: async (_id, machine, { id, model, mac, rom }, control) => {
      await held;
      if (isRefusing) throw new VmError("ioFailed", "no");
      controls.push(control);
      log.push(`attach ${machine}/${id} ${rom === undefined ? "" : "rom"}`.trim());
      return { id, model, mac, ...(rom === undefined ? {} : { rom }), link: new SharedArrayBuffer(8), doorbell: new SharedArrayBuffer(8) };
    },
    wire: async (_id, nic, { connection, cable }) => {
      if (isRefusing) throw new VmError("badRequest", "There is no such switch.");
      log.push(`wire ${nic} ${connection === null ? "nowhere" : connection.switch} ${cable ? "plugged" : "pulled"}`);
    },
    detach: () => void log.push("detach"),
  };
  const spawn = (start: ConstructorParameters<typeof FakeVmWorker>[0]) => {
    workers.push(new FakeVmWorker(start));
    return workers.at(-1) as FakeVmWorker;
  };
  const library = new VmLibrary(join(root, `library-${count++}`), "app");
  const hypervisor = new Hypervisor(library, { spawn, demoKernel: "/demo.elf", timeouts: { start: 60_000, answer: 50, powerOff: 50 }, network });
  return {
    hypervisor, log, workers, controls, library,
    hold: (until: Promise<void>) => (held = until),
    refuse: (refuses: boolean) => (isRefusing = refuses),
  };
}

test("cards are joined before the thread starts, and let go at the machine's end", async () => {
  const { hypervisor, log, workers, controls } = fleet();
  const { id, path } = await hypervisor.create(vm);
  await hypervisor.start(id);
  assert.deepEqual(log, ["attach Web-server/nic0 rom"]);
  const { nics, control } = workers[0]?.start ?? assert.fail("no thread");
  assert.equal(nics?.[0]?.rom, join(path, "card.rom"));
  assert.equal(control, controls[0], "the network wakes the thread that was started");
  await hypervisor.powerOff(id);
  assert.deepEqual(log, ["attach Web-server/nic0 rom", "detach"]);
  await hypervisor.start(id);
  assert.equal(log.length, 3);
  await hypervisor.close();
});

test("what a card is joined to changes at once and is not pending; another model waits", async () => {
  const { hypervisor, log } = fleet();
  const { id } = await hypervisor.create(vm);
  await hypervisor.start(id);
  log.length = 0;
  const moved = { ...NIC, connection: { switch: "s2", vlans: { mode: "access" as const, vlan: 20 } } };
  assert.equal((await hypervisor.update(id, { nics: [moved] })).pending, undefined);
  assert.equal((await hypervisor.update(id, { nics: [{ ...moved, cable: false }] })).pending, undefined);
  assert.deepEqual((await hypervisor.update(id, { nics: [{ ...moved, cable: false, model: "e1000" }] })).pending, ["nics"]);
  assert.deepEqual((await hypervisor.update(id, { nics: [moved, { ...NIC, id: "nic1", mac: "52:54:00:00:00:02" }] })).pending, ["nics"]);
  assert.deepEqual(log, ["wire nic0 s2 plugged", "wire nic0 s2 pulled", "wire nic0 s2 plugged"]);
  await hypervisor.close();
});

test("what the network refuses is neither in force nor saved", async () => {
  const { hypervisor, refuse, library } = fleet();
  const { id } = await hypervisor.create(vm);
  await hypervisor.start(id);
  refuse(true);
  await assert.rejects(hypervisor.update(id, { nics: [{ ...NIC, connection: null }] }), { code: "badRequest" });
  assert.deepEqual((await library.find(id)).config?.nics, [NIC]);
  await hypervisor.close();
});

test("a machine whose cards are being joined can be powered off; one whose cards cannot be, does not start", async () => {
  const { hypervisor, hold, refuse, log } = fleet();
  const { id } = await hypervisor.create(vm);
  const gate = Promise.withResolvers<void>();
  hold(gate.promise);
  const started = Promise.allSettled([hypervisor.start(id)]);
  while ((await hypervisor.list())[0]?.status !== "starting") await new Promise((resolve) => setImmediate(resolve));
  const off = hypervisor.powerOff(id);
  gate.resolve();
  await started;
  await off;
  assert.equal((await hypervisor.list())[0]?.status, "off");
  assert.equal(log.at(-1), "detach");
  refuse(true);
  await assert.rejects(hypervisor.start(id));
  assert.equal((await hypervisor.list())[0]?.status, "error");
  refuse(false);
  await hypervisor.start(id);
  await hypervisor.close();
});

test("a machine made from another's configuration gets addresses of its own; one without cards has none", async () => {
  const { hypervisor } = fleet();
  const first = await hypervisor.create(vm);
  const copy = await hypervisor.create({ ...vm, name: "Copy", nics: [NIC, { ...NIC, id: "nic1" }] });
  const macs = [first, copy].flatMap(({ config }) => config?.nics.map(({ mac }) => mac) ?? []);
  assert.equal(new Set(macs).size, 3);
  assert.equal(macs[0], NIC.mac);
  const { nics: _, ...bare } = vm;
  assert.deepEqual((await hypervisor.create(bare)).config?.nics, []);
  await assert.rejects(hypervisor.update(first.id, { nics: [NIC, NIC] }), /same id/);
});
