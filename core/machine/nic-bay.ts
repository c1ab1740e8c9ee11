// The machine's network cards: which devices they are and in which PCI slots. The cable of each is there already.
import type { Device } from "../bus/device.ts";
import { type PciBus, romBar } from "../bus/pci-bus.ts";
import type { PciFunction, PciRom } from "../bus/pci-function.ts";
import { E1000 } from "../devices/net/e1000.ts";
import { Rtl8029 } from "../devices/net/ne2000.ts";
import type { VirtioPorts } from "../devices/virtio/virtio-device.ts";
import { VirtioNet } from "../devices/virtio/virtio-net.ts";
import type { DeviceTimers } from "../time/clock.ts";
import { romForCard } from "./card-rom.ts";
import { FIRST_VIRTIO_SLOT } from "./drive-bay.ts";
import { type MachineConfig, MachineError, type MachineNic } from "./machine.ts";

const SLOTS = 32;
/** Larger than any boot ROM that there is. */
const ROM_MAX_BYTES = 1 << 20;

/** Vendor and device, as the cards have them. */
const CARD_IDS: Readonly<Record<MachineNic["model"], readonly [vendorId: number, deviceId: number]>> = {
  virtio: [0x1af4, 0x1000], e1000: [0x8086, 0x100e], ne2000: [0x10ec, 0x8029],
};

export interface NicWiring {
  pci: PciBus;
  /** Makes a device that has timers and adds it to the machine's. */
  timed<D extends Device>(make: (timers: DeviceTimers) => D): D;
  virtioPorts(timers: DeviceTimers): VirtioPorts;
}

/** Cards take the slots from `firstSlot` on, in order. Throws MachineError for one that cannot be. */
export function plugNics(nics: readonly MachineNic[], firstSlot: number, w: NicWiring): void {
  for (const [i, nic] of nics.entries()) {
    if (firstSlot + i >= SLOTS) throw new MachineError("badRequest", `There is no PCI slot left for the network card ${nic.id}`);
    if (nic.mac.length !== 6 || ((nic.mac[0] ?? 0) & 1) !== 0) throw new MachineError("badRequest", `The network card ${nic.id} needs the address of one station`);
    w.pci.plug(firstSlot + i, 0, w.timed((timers) => cardOf(nic, w.virtioPorts(timers))).pci);
  }
}

function cardOf(nic: MachineNic, bus: VirtioPorts): Device & { pci: PciFunction } {
  const { id, model, mac, port } = nic;
  const rom = romOf(nic, bus);
  const options = { mac, port, ...(rom ? { rom } : {}) };
  switch (model) {
    case "virtio":
      return new VirtioNet(id, bus, options);
    case "e1000":
      return new E1000(id, bus, options);
    case "ne2000":
      return new Rtl8029(id, bus.ports, { ...options, timers: bus.timers });
  }
}

function romOf({ id, model, rom }: MachineNic, { mmio }: VirtioPorts): PciRom | undefined {
  if (!rom) return undefined;
  if (rom[0] !== 0x55 || rom[1] !== 0xaa || rom.length > ROM_MAX_BYTES) {
    throw new MachineError("badRequest", `The ROM of network card ${id} is no expansion ROM of at most 1 MiB (it has to begin with 55h AAh)`);
  }
  return romBar(mmio, romForCard(rom, ...CARD_IDS[model]), `${id} rom`);
}

/** Slots of the cards, for what is told to firmware before the board is built: behind the virtio devices. */
export function nicSlots({ drives = [], devices = {}, nics = [] }: MachineConfig, hasEntropy: boolean): number[] {
  const virtioDrives = drives.filter((drive) => drive.controller === "virtio").length;
  const others = [devices.entropy && hasEntropy, devices.balloon, devices.tablet].filter((has) => has === true).length;
  return nics.map((_, i) => FIRST_VIRTIO_SLOT + virtioDrives + others + i);
}
