// Intel 82371SB (PIIX3) function 1, PCI 8086:7010: the IDE interface (datasheet 290550, 2.4 and 2.5). Two channels at their legacy
// ports and interrupts, decoded when the command register and the channel's IDETIM say so, and a bus master for each at BAR 4.
// Timing registers hold what is written; transfers take as long as the medium does.
import { z } from "zod";
import type { AccessSize, BusDevice, Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { portBar } from "../../bus/pci-bus.ts";
import { PciFunction, PciFunctionState } from "../../bus/pci-function.ts";
import type { PortBus } from "../../bus/port-bus.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import type { BlockBackend, DriveEvents, RemovableDrive } from "../../storage/block.ts";
import { type DeviceState, type PlainData, parseState } from "../../state/device-state.ts";
import { AtaDisk } from "./ata-disk.ts";
import { AtapiCd } from "./atapi-cd.ts";
import { BUS_MASTER_BYTES } from "./ide-bus-master.ts";
import { IdeChannel, IdeChannelState } from "./ide-channel.ts";
import type { DriveMaker } from "./ide-drive.ts";

const Piix3IdeState = z.strictObject({
  kind: z.literal("piix3-ide"),
  version: z.literal(1),
  pci: PciFunctionState,
  channels: z.array(IdeChannelState).length(2),
});

const COMMAND = 0x04;
const COMMAND_IO = 0x01;
const COMMAND_BUS_MASTER = 0x04;
const IDETIM = [0x40, 0x42] as const;
const DECODE_ENABLE = 0x8000;
/** Command block and control register of each channel, as banks 2n and 2n + 1. */
const LEGACY_PORTS = [
  { command: 0x1f0, control: 0x3f6, name: "ide primary" },
  { command: 0x170, control: 0x376, name: "ide secondary" },
] as const;
const BUS_MASTER_BANK = 4;
/** Length of each bank of registers. */
export const PIIX3_IDE_BANKS = [8, 1, 8, 1, 2 * BUS_MASTER_BYTES] as const;

interface CommonDrive {
  /** Up to 20 printable characters: the same after every start. */
  serialNumber: string;
  model?: string;
  events?: DriveEvents;
}
export type IdeDriveSpec =
  | (CommonDrive & { kind: "disk"; medium: BlockBackend })
  /** Medium null: the tray is empty. */
  | (CommonDrive & { kind: "cd"; medium: BlockBackend | null });

export interface Piix3IdeOptions {
  /** Primary master, primary slave, secondary master, secondary slave. */
  drives: readonly (IdeDriveSpec | undefined)[];
  /** ISA interrupts 14 and 15. */
  irq: readonly [IrqLine, IrqLine];
  memory: DmaView;
  ports: PortBus;
}

export class Piix3Ide implements Device, BusDevice {
  readonly id: string;
  readonly kind = "piix3-ide";
  readonly pci: PciFunction;
  private readonly ports: PortBus;
  private readonly channels: readonly [IdeChannel, IdeChannel];
  private readonly isDecoded: [boolean, boolean] = [false, false];
  /** load() is putting registers back: nothing moves before it is done. */
  private isLoading = false;
  private readonly removable: (AtapiCd | undefined)[] = [];

  constructor(id: string, options: Piix3IdeOptions) {
    this.id = id;
    this.ports = options.ports;
    const channel = (n: 0 | 1): IdeChannel => {
      const common = { irq: options.irq[n], memory: options.memory, isBusMasterEnabled: () => this.isBusMasterEnabled() };
      return new IdeChannel(common, [this.makerOf(options, 2 * n), this.makerOf(options, 2 * n + 1)]);
    };
    this.pci = new PciFunction({
      name: id,
      vendorId: 0x8086,
      deviceId: 0x7010,
      classCode: 0x010180,
      command: { reset: 0, writable: COMMAND_IO | COMMAND_BUS_MASTER },
      bars: [portBar(options.ports, this, BUS_MASTER_BANK, { index: 4, sizeBytes: 2 * BUS_MASTER_BYTES }, "ide bus master")],
      registers: [
        { offset: 0x06, reset: [0x80, 0x02], writable: [0, 0] },
        { offset: IDETIM[0], reset: [0, 0, 0, 0, 0], writable: [0xff, 0xff, 0xff, 0xff, 0xff] }, // and SIDETIM
      ],
      onConfigChange: () => this.configChanged(),
    });
    this.channels = [channel(0), channel(1)];
  }

  private makerOf(options: Piix3IdeOptions, n: number): DriveMaker | undefined {
    const spec = options.drives[n];
    if (!spec) return undefined;
    const { kind: _kind, medium: _medium, ...rest } = spec;
    const common = { ...rest, interface: "parallel" as const, isSecond: n % 2 === 1 };
    return (transport) => {
      if (spec.kind === "disk") return new AtaDisk(`${this.id}.${n}`, { ...common, medium: spec.medium }, transport);
      const cd = new AtapiCd(`${this.id}.${n}`, { ...common, medium: spec.medium }, transport);
      this.removable[n] = cd;
      return cd;
    };
  }

  /** The CD drive in a place (0 primary master, 1 primary slave, 2 and 3 secondary). */
  drive(n: number): (RemovableDrive & { requestEject(): void }) | undefined {
    return this.removable[n];
  }

  /** What firmware does before an operating system runs: both channels answer, and bus mastering is on. */
  enableChannels(): void {
    for (const offset of IDETIM) this.pci.writeConfig(offset, 2, this.pci.readConfig(offset, 2) | DECODE_ENABLE);
    this.pci.writeConfig(COMMAND, 2, this.pci.readConfig(COMMAND, 2) | COMMAND_IO | COMMAND_BUS_MASTER);
  }

  private isBusMasterEnabled(): boolean {
    return (this.pci.readConfig(COMMAND, 2) & COMMAND_BUS_MASTER) !== 0;
  }

  private configChanged(): void {
    const hasIo = (this.pci.readConfig(COMMAND, 2) & COMMAND_IO) !== 0;
    for (const n of [0, 1] as const) {
      const wanted = hasIo && (this.pci.readConfig(IDETIM[n], 2) & DECODE_ENABLE) !== 0;
      if (wanted !== this.isDecoded[n]) this.decode(n, wanted);
      if (!this.isLoading) this.channels[n].moveDma();
    }
  }

  private decode(n: 0 | 1, isOn: boolean): void {
    const { command, control, name } = LEGACY_PORTS[n];
    if (!isOn) {
      this.ports.unmap(command);
      this.ports.unmap(control);
      this.isDecoded[n] = false;
      return;
    }
    try {
      this.ports.map(command, 8, this, 2 * n, name);
    } catch (error) {
      // The guest has put a base address there. It is tried again when the configuration next changes.
      if (error instanceof RangeError) return;
      throw error;
    }
    try {
      this.ports.map(control, 1, this, 2 * n + 1, `${name} control`);
      this.isDecoded[n] = true;
    } catch (error) {
      this.ports.unmap(command);
      if (!(error instanceof RangeError)) throw error;
    }
  }

  readReg(bank: number, offset: number, size: AccessSize): number {
    if (bank === BUS_MASTER_BANK) return this.readBusMaster(offset, size);
    const channel = this.channels[bank >> 1 ? 1 : 0];
    if ((bank & 1) === 0) return channel.read(offset, size);
    return (channel.readAlternateStatus() | 0xffffff00 & (2 ** (8 * size) - 1)) >>> 0;
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    const channel = this.channels[bank >> 1 ? 1 : 0];
    if (bank === BUS_MASTER_BANK) this.writeBusMaster(offset, size, value);
    else if ((bank & 1) === 0) channel.write(offset, size, value);
    else channel.writeControl(value & 0xff);
  }

  /** REP INSW and OUTSW at the data port. */
  readRun(bank: number, offset: number, size: AccessSize, into: Uint8Array): number {
    return (bank === 0 || bank === 2) && offset === 0 && size > 1 ? this.channels[bank === 2 ? 1 : 0].readRun(size, into) : 0;
  }

  writeRun(bank: number, offset: number, size: AccessSize, from: Uint8Array): number {
    return (bank === 0 || bank === 2) && offset === 0 && size > 1 ? this.channels[bank === 2 ? 1 : 0].writeRun(size, from) : 0;
  }

  private readBusMaster(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      const byte = at < 2 * BUS_MASTER_BYTES ? this.channels[at < BUS_MASTER_BYTES ? 0 : 1].busMaster.readByte(at % BUS_MASTER_BYTES) : 0xff;
      value += byte * 2 ** (8 * i);
    }
    return value;
  }

  private writeBusMaster(offset: number, size: AccessSize, value: number): void {
    for (let at = offset; at < Math.min(offset + size, 2 * BUS_MASTER_BYTES); at++) {
      const byte = (value >>> (8 * (at - offset))) & 0xff;
      this.channels[at < BUS_MASTER_BYTES ? 0 : 1].busMaster.writeByte(at % BUS_MASTER_BYTES, byte);
    }
  }

  reset(kind: ResetKind): void {
    for (const channel of this.channels) channel.reset(kind === "power" ? "power" : "hard");
    this.pci.reset();
  }

  save(): DeviceState {
    const channels = this.channels.map((channel) => channel.save()) as unknown as PlainData;
    return { kind: "piix3-ide", version: 1, pci: this.pci.save(), channels };
  }

  load(state: unknown): void {
    const saved = parseState(Piix3IdeState, state, this.id);
    this.pci.check(saved.pci);
    const loaders = this.channels.map((channel, n) => channel.prepareLoad(saved.channels[n] as IdeChannelState, this.id));
    for (const load of loaders) load();
    this.isLoading = true;
    this.pci.load(saved.pci);
    this.isLoading = false;
  }

  describe(): Record<string, string> {
    return Object.fromEntries(LEGACY_PORTS.map(({ name }, n) => [name, this.isDecoded[n] ? "on" : "off"]));
  }
}
