// The machine's drives: which controllers they need, how those are wired, and where media are changed.
import type { Device, IrqLine } from "../bus/device.ts";
import type { MmioBus } from "../bus/mmio-bus.ts";
import type { PciBus } from "../bus/pci-bus.ts";
import type { PortBus } from "../bus/port-bus.ts";
import { FLOPPY_TYPES, type FloppyType } from "../devices/chipset/cmos-image.ts";
import type { Dma8237Pair } from "../devices/chipset/dma8237.ts";
import { Ahci } from "../devices/storage/ahci.ts";
import type { AtaTransport } from "../devices/storage/ata-device.ts";
import { AtaDisk } from "../devices/storage/ata-disk.ts";
import { AtapiCd } from "../devices/storage/atapi-cd.ts";
import { Fdc82077 } from "../devices/storage/fdc82077.ts";
import { FloppyDrive } from "../devices/storage/floppy-drive.ts";
import { floppyFormatOf } from "../devices/storage/floppy-media.ts";
import { type IdeDriveSpec, Piix3Ide } from "../devices/storage/piix3-ide.ts";
import { VirtioBlock } from "../devices/virtio/virtio-block.ts";
import type { VirtioPorts } from "../devices/virtio/virtio-device.ts";
import type { DmaView } from "../memory/guest-memory.ts";
import type { BlockBackend, DriveEvents, RemovableDrive } from "../storage/block.ts";
import type { DeviceTimers } from "../time/clock.ts";
import { type MachineDrive, MachineError } from "./machine.ts";

const IDE_SLOT = { device: 1, functionNumber: 1 };
const SERIAL_NUMBER_LENGTH = 20;
/** PCI slots of the controllers that not every machine has. */
export const AHCI_SLOT = 3;
const AHCI_PORT_COUNT = 6;
export const FIRST_VIRTIO_SLOT = 4;
const FDC_IRQ = 6;
const FDC_DMA = 2;

export interface DriveEventsOf {
  onDriveActivity(drive: MachineDrive): void;
  onDriveEjected(drive: MachineDrive): void;
}

export interface BayWiring extends DriveEventsOf {
  drives: readonly MachineDrive[];
  ports: PortBus;
  mmio: MmioBus;
  pci: PciBus;
  memory: DmaView;
  dma: Dma8237Pair;
  irq(number: number): IrqLine;
  /** Makes a device that has timers and adds it to the machine's. */
  timed<D extends Device>(make: (timers: DeviceTimers) => D): D;
  plain<D extends Device>(device: D): D;
  virtioPorts(timers: DeviceTimers): VirtioPorts;
}

export class DriveBay {
  private readonly drives: readonly MachineDrive[];
  private readonly removable = new Map<string, RemovableDrive>();
  private readonly ide: Piix3Ide;
  /** The first PCI slot behind those of the drives. */
  readonly nextSlot: number;

  /** Throws MachineError for two drives in one place and for a medium that is not right for its drive. */
  constructor(w: BayWiring) {
    this.drives = w.drives;
    const places = new Set<string>();
    for (const { id, controller, slot } of w.drives) {
      const place = `${controller} ${slot}`;
      if (places.has(place)) throw new MachineError("badRequest", `Drive ${id} has the place of another: ${place}`);
      places.add(place);
    }
    this.addFloppies(w);
    this.ide = this.addIde(w);
    this.addAhci(w);
    this.nextSlot = this.addVirtio(w);
  }

  /** What firmware does before an operating system runs. */
  enable(): void {
    this.ide.enableChannels();
  }

  private eventsOf(w: BayWiring, drive: MachineDrive): DriveEvents {
    return { onActivity: () => w.onDriveActivity(drive), onEjected: () => w.onDriveEjected(drive) };
  }

  private addFloppies(w: BayWiring): void {
    const found = [0, 1].map((slot) => w.drives.find((d) => d.controller === "fdc" && d.slot === slot));
    if (!found.some((d) => d)) return;
    const [a, b] = found.map((d) => d && new FloppyDrive(this.eventsOf(w, d)));
    const drives = b ? ([a ?? new FloppyDrive(), b] as const) : a ? ([a] as const) : ([] as const);
    const fdc = w.timed((timers) => new Fdc82077("fdc", { irq: w.irq(FDC_IRQ), dma: w.dma.channel(FDC_DMA), timers, drives }));
    for (const [slot, drive] of [a, b].entries()) if (drive) this.add(found[slot] as MachineDrive, drive); // made for just that one
    w.ports.map(0x3f0, 6, fdc, 0, "fdc");
    w.ports.map(0x3f7, 1, fdc, 1, "fdc");
  }

  private addIde(w: BayWiring): Piix3Ide {
    const found = [0, 1, 2, 3].map((slot) => w.drives.find((d) => d.controller === "ide" && d.slot === slot));
    const specs = found.map((d) => d && this.ataSpec(w, d));
    const irq = [w.irq(14), w.irq(15)] as const;
    const ide = w.plain(new Piix3Ide("ide", { drives: specs, irq, memory: w.memory, ports: w.ports }));
    w.pci.plug(IDE_SLOT.device, IDE_SLOT.functionNumber, ide.pci);
    for (const [slot, drive] of found.entries()) {
      const device = ide.drive(slot);
      if (drive && device) this.removable.set(drive.id, device);
    }
    return ide;
  }

  private addAhci(w: BayWiring): void {
    const found = w.drives.filter((d) => d.controller === "ahci");
    if (found.length === 0) return;
    const makerOf = (drive: MachineDrive) => (transport: AtaTransport) => {
      const id = `ahci.${drive.slot}`;
      const common = { interface: "serial" as const, serialNumber: serialNumberOf(drive), events: this.eventsOf(w, drive) };
      if (drive.kind === "disk") return new AtaDisk(id, { ...common, medium: mediumOf(drive) }, transport);
      const cd = new AtapiCd(id, { ...common, medium: drive.medium }, transport);
      this.removable.set(drive.id, cd);
      return cd;
    };
    const drives = Array.from({ length: AHCI_PORT_COUNT }, (_, port) => {
      const drive = found.find((d) => d.slot === port);
      return drive && makerOf(drive);
    });
    w.pci.plug(AHCI_SLOT, 0, w.plain(new Ahci("ahci", { drives, memory: w.memory, mmio: w.mmio })).pci);
  }

  private addVirtio(w: BayWiring): number {
    let slot = FIRST_VIRTIO_SLOT;
    for (const drive of w.drives.filter((d) => d.controller === "virtio")) {
      const backend = mediumOf(drive);
      const options = { backend, serial: serialNumberOf(drive), events: this.eventsOf(w, drive) };
      const block = w.timed((timers) => new VirtioBlock(`virtio-${drive.id}`, w.virtioPorts(timers), options));
      w.pci.plug(slot++, 0, block.pci);
    }
    return slot;
  }

  private ataSpec(w: BayWiring, drive: MachineDrive): IdeDriveSpec {
    const common = { serialNumber: serialNumberOf(drive), events: this.eventsOf(w, drive) };
    if (drive.kind === "cd") return { ...common, kind: "cd", medium: drive.medium };
    return { ...common, kind: "disk", medium: mediumOf(drive) };
  }

  private add(drive: MachineDrive, device: RemovableDrive): void {
    this.removable.set(drive.id, device);
    if (drive.medium) this.put(drive, device, drive.medium);
  }

  private put(drive: MachineDrive, device: RemovableDrive, medium: BlockBackend | null): void {
    try {
      device.setMedium(medium);
    } catch (error) {
      if (error instanceof RangeError) throw new MachineError("badRequest", `Drive ${drive.id} cannot take this medium: ${error.message}`, { cause: error });
      throw error;
    }
  }

  /** Throws MachineError: no such drive, `wrongState` while the guest holds the tray shut and `force` is not given, not a medium for it. */
  setMedium(driveId: string, medium: BlockBackend | null, force: boolean): void {
    const drive = this.drives.find((d) => d.id === driveId);
    const device = this.removable.get(driveId);
    if (!drive || !device) throw new MachineError("notFound", `The machine has no drive ${driveId} whose medium can be changed`);
    if (device.isLocked && !force) throw new MachineError("wrongState", `The guest holds the tray of ${driveId} shut`);
    this.put(drive, device, medium);
  }
}

function serialNumberOf({ id }: MachineDrive): string {
  return `RF-${id}`.slice(0, SERIAL_NUMBER_LENGTH);
}

function mediumOf({ id, medium }: MachineDrive): BlockBackend {
  if (!medium) throw new MachineError("fileMissing", `Disk drive ${id} has no medium`);
  return medium;
}

/** CMOS types of drives A: and B:. */
export function floppyTypes(drives: readonly MachineDrive[]): [FloppyType, FloppyType] {
  const typeOf = (slot: number): FloppyType => {
    const drive = drives.find((d) => d.controller === "fdc" && d.slot === slot);
    if (!drive) return FLOPPY_TYPES.none;
    const format = drive.medium && floppyFormatOf(drive.medium.sizeBytes);
    if (format?.name === "2.88M") return FLOPPY_TYPES[2880];
    if (format?.name === "1.2M") return FLOPPY_TYPES[1200];
    return format?.cylinders === 40 ? FLOPPY_TYPES[360] : FLOPPY_TYPES[1440];
  };
  return [typeOf(0), typeOf(1)];
}
