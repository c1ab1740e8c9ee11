import assert from "node:assert/strict";
import { test } from "node:test";
import type { Device } from "../bus/device.ts";
import { MmioBus } from "../bus/mmio-bus.ts";
import { PciBus } from "../bus/pci-bus.ts";
import { PortBus } from "../bus/port-bus.ts";
import { Cable } from "../network/port.ts";
import { DeviceBench } from "../testkit/device-bench.ts";
import { TestRam } from "../testkit/test-ram.ts";
import { bootPaths } from "./boot-order.ts";
import { MachineError, type MachineNic } from "./machine.ts";
import { nicSlots, plugNics } from "./nic-bay.ts";

const WINDOW = { base: 0xe000_0000, end: 0xfec0_0000 };
const nic = (n: number, model: MachineNic["model"], rom?: Uint8Array): MachineNic => ({
  id: `nic${n}` as MachineNic["id"], model, mac: Uint8Array.of(0x52, 0x54, 0, 0, 0, n), port: new Cable().a, ...(rom ? { rom } : {}),
});

function bay(nics: readonly MachineNic[], firstSlot: number) {
  const bench = new DeviceBench();
  const mmio = new MmioBus();
  const pci = new PciBus({ memoryWindow: WINDOW, setPirq: () => undefined });
  const devices: Device[] = [];
  plugNics(nics, firstSlot, {
    pci,
    timed: (make) => {
      const device = make(bench.timers(() => ({})));
      devices.push(device);
      return device;
    },
    virtioPorts: (timers) => ({ memory: new TestRam(1 << 20), mmio, ports: new PortBus(), timers }),
  });
  return { pci, mmio, devices };
}

test("cards take the slots behind the virtio devices, as firmware has been told", () => {
  const nics = [nic(0, "virtio"), nic(1, "e1000"), nic(2, "ne2000")];
  const devices = { tablet: true, balloon: true, entropy: true, paravirtual: true };
  const slots = nicSlots({ memoryMiB: 64, cpuModel: "", engine: "interpreter", boot: { kind: "none" }, epochMs: 0, devices, nics }, true);
  assert.deepEqual(slots, [7, 8, 9]);
  const { pci } = bay(nics, slots[0] ?? 0);
  assert.deepEqual(pci.list().map(({ device, fn }) => `${device} ${fn.spec.vendorId.toString(16)}:${fn.spec.deviceId.toString(16)}`), ["7 1af4:1000", "8 8086:100e", "9 10ec:8029"]);
  assert.deepEqual(bootPaths(["network"], [], slots), [7, 8, 9].map((slot) => `/pci@i0cf8/ethernet@${slot}/ethernet-phy@0`));
  assert.deepEqual(nicSlots({ memoryMiB: 64, cpuModel: "", engine: "interpreter", boot: { kind: "none" }, epochMs: 0, devices, nics }, false), [6, 7, 8]);
});

test("a card shows its ROM where the guest puts it", () => {
  const rom = new Uint8Array(3000).fill(0x90);
  rom.set([0x55, 0xaa, 6]);
  for (const model of ["virtio", "e1000", "ne2000"] as const) {
    const { pci, mmio } = bay([nic(0, model, rom)], 5);
    const card = pci.functionAt(5, 0);
    assert.ok(card);
    card.writeConfig(0x30, 4, 0xe100_0001);
    card.writeConfig(0x04, 2, 0x0002);
    assert.equal(mmio.read(0xe100_0000, 4), 0x9006_aa55, model);
    assert.equal(mmio.read(0xe100_0000 + 3000, 4), 0xffff_ffff, "behind the image");
  }
});

test("eight cards fit behind eight drives; what cannot be is refused by name", () => {
  const eight = Array.from({ length: 8 }, (_, n) => nic(n, "e1000"));
  assert.equal(bay(eight, 15).pci.list().length, 8);
  const refused = (nics: MachineNic[], slot: number, message: RegExp) =>
    assert.throws(() => bay(nics, slot), (error) => error instanceof MachineError && error.code === "badRequest" && message.test(error.message));
  refused(eight, 25, /no PCI slot left for the network card nic7/);
  refused([{ ...nic(0, "virtio"), mac: Uint8Array.of(1, 2, 3, 4, 5, 6) }], 5, /nic0 needs the address of one station/);
  refused([{ ...nic(0, "virtio"), mac: new Uint8Array(5) }], 5, /nic0/);
  refused([nic(0, "e1000", new Uint8Array(512))], 5, /no expansion ROM/);
  refused([nic(0, "e1000", Uint8Array.from({ length: 2 << 20 }, (_, i) => [0x55, 0xaa][i] ?? 0))], 5, /at most 1 MiB/);
});
