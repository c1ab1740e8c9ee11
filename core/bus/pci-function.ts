// The configuration space of one PCI function, type 0 header (PCI Local Bus 2.3, chapter 6): write masks, base address registers
// with sizing (32- and 64-bit), an expansion ROM, the command register's decode and bus master enables, INTx, MSI and MSI-X, a
// capability list. A device holds one and gets told of changes. Not modelled: bridges (type 1).
import { z } from "zod";
import { bytes } from "../state/field-schemas.ts";
import { StateError } from "../state/device-state.ts";
import type { AccessSize } from "./device.ts";
import { type MsiSink, PciMsi, type PciMsiSpec, msiCapability } from "./pci-msi.ts";
import { PciMsix, type PciMsixSpec, msixCapability } from "./pci-msix.ts";
import { BAR0, BAR_COUNT, type PciBar, PciRanges, type PciRom, ROM_BAR, put } from "./pci-ranges.ts";

export type { PciBar, PciRom } from "./pci-ranges.ts";

export const CONFIG_BYTES = 256;
const COMMAND = 0x04;
const COMMAND_MASTER = 0x0004;
const COMMAND_INTX_DISABLE = 0x0400;
const STATUS = 0x06;
const STATUS_INTERRUPT = 0x08;
const STATUS_CAPABILITIES = 0x10;
const CAPABILITY_POINTER = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
/** I/O and memory decode, bus master, parity response, SERR#, INTx disable. */
const COMMAND_WRITABLE = 0x0547;

/** An MSI-X table of 2048 vectors with its pending bits. */
const MSIX_MAX_BYTES = 2048 * 16 + 256;

export const PciFunctionState = z.strictObject({
  config: bytes(CONFIG_BYTES),
  intx: z.boolean(),
  /** MSI-X table and pending bits; null for a function without. */
  msix: z.union([bytes(1, MSIX_MAX_BYTES), z.null()]),
});
export type PciFunctionState = z.infer<typeof PciFunctionState>;

/** Bytes of configuration space beyond the header, and which of their bits the guest may write. */
export interface PciRegisters {
  offset: number;
  reset: readonly number[];
  writable: readonly number[];
}

export interface PciCapability extends PciRegisters {
  /** `offset` is where the id goes; `reset` and `writable` start two bytes later, after id and next pointer. */
  id: number;
}

export interface PciConfigWindow {
  offset: number;
  length: number;
  /** `offset` is from the window's start. */
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

export interface PciFunctionSpec {
  name: string;
  vendorId: number;
  deviceId: number;
  revision?: number;
  /** Base class, subclass, programming interface: 0x030000 for a VGA adapter. */
  classCode: number;
  subsystemVendorId?: number;
  subsystemId?: number;
  /** Device with several functions: header type bit 7. */
  isMultifunction?: boolean;
  /** 1 for INTA# to 4 for INTD#, 0 for none. */
  interruptPin?: 0 | 1 | 2 | 3 | 4;
  command?: { reset: number; writable: number };
  bars?: readonly PciBar[];
  registers?: readonly PciRegisters[];
  rom?: PciRom;
  capabilities?: readonly PciCapability[];
  msi?: PciMsiSpec;
  msix?: PciMsixSpec;
  /** Registers whose every read and write is the device's own doing, in place of what is stored there. */
  window?: PciConfigWindow;
  /** After every change to configuration space, whoever made it: guest, reset or load. */
  onConfigChange?(): void;
}

/** What the bus gives a function that is plugged in. */
export interface PciSlot {
  /** Memory that the host bridge passes on to PCI. */
  readonly memoryWindow: { base: number; end: number };
  setIntx(level: boolean): void;
  /** Takes message-signalled interrupts. Without it they are lost. */
  readonly messages?: MsiSink | undefined;
  /** Something stopped decoding: others that wanted its range may have it now. */
  rangesFreed(): void;
}

export class PciFunction {
  readonly spec: PciFunctionSpec;
  private readonly config = new Uint8Array(CONFIG_BYTES);
  private readonly initial = new Uint8Array(CONFIG_BYTES);
  private readonly writable = new Uint8Array(CONFIG_BYTES);
  private readonly ranges: PciRanges;
  private slot: PciSlot | null = null;
  private intx = false;
  private readonly msi: PciMsi | null;
  private readonly msix: PciMsix | null;

  constructor(spec: PciFunctionSpec) {
    this.spec = spec;
    this.describeHeader();
    this.ranges = new PciRanges(spec, this.initial, this.writable, (offset) => this.readConfig(offset, 4));
    for (const registers of spec.registers ?? []) this.addRegisters(registers.offset, registers);
    let pointerAt = CAPABILITY_POINTER;
    const capabilities = [...(spec.capabilities ?? [])];
    if (spec.msi) capabilities.push(msiCapability(spec.msi));
    if (spec.msix) capabilities.push(msixCapability(spec.msix));
    for (const capability of capabilities) {
      this.initial[pointerAt] = capability.offset;
      this.initial[capability.offset] = capability.id;
      pointerAt = capability.offset + 1;
      this.addRegisters(capability.offset + 2, capability);
      this.initial[STATUS] = STATUS_CAPABILITIES;
    }
    this.config.set(this.initial);
    const port = {
      readConfig: (offset: number, size: AccessSize) => this.readConfig(offset, size),
      setConfigByte: (offset: number, value: number) => this.setConfigByte(offset, value),
      canSend: () => this.isBusMaster && this.slot !== null,
      send: (high: number, address: number, data: number) => this.send(high, address, data),
    };
    this.msi = spec.msi ? new PciMsi(spec.msi, port) : null;
    this.msix = spec.msix ? new PciMsix(spec.msix, port) : null;
  }

  private describeHeader(): void {
    const { spec, initial, writable } = this;
    const command = spec.command ?? { reset: 0, writable: COMMAND_WRITABLE };
    put(initial, 0x00, 2, spec.vendorId);
    put(initial, 0x02, 2, spec.deviceId);
    put(initial, COMMAND, 2, command.reset);
    put(writable, COMMAND, 2, command.writable);
    put(initial, 0x08, 4, spec.classCode * 0x100 + (spec.revision ?? 0));
    writable[0x0c] = 0xff; // cache line size
    writable[0x0d] = 0xf8; // latency timer
    initial[0x0e] = spec.isMultifunction ? 0x80 : 0;
    put(initial, 0x2c, 2, spec.subsystemVendorId ?? 0);
    put(initial, 0x2e, 2, spec.subsystemId ?? 0);
    initial[INTERRUPT_PIN] = spec.interruptPin ?? 0;
    writable[INTERRUPT_LINE] = 0xff;
  }

  private addRegisters(offset: number, registers: PciRegisters): void {
    this.initial.set(registers.reset, offset);
    this.writable.set(registers.writable, offset);
  }

  /** Called by the bus, once. */
  attach(slot: PciSlot): void {
    this.slot = slot;
    this.applyConfig();
  }

  readConfig(offset: number, size: AccessSize): number {
    const { window } = this.spec;
    if (window && offset >= window.offset && offset < window.offset + window.length) return window.read(offset - window.offset, size);
    let value = 0;
    for (let i = 0; i < size; i++) value += this.byteAt(offset + i) * 2 ** (8 * i);
    return value;
  }

  private byteAt(offset: number): number {
    if (offset === STATUS) return (this.config[STATUS] ?? 0) | (this.intx ? STATUS_INTERRUPT : 0);
    return this.config[offset] ?? 0xff;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    const { window } = this.spec;
    if (window && offset >= window.offset && offset < window.offset + window.length) {
      window.write(offset - window.offset, size, value);
      return;
    }
    for (let i = 0; i < size && offset + i < CONFIG_BYTES; i++) {
      const mask = this.writable[offset + i] ?? 0;
      this.config[offset + i] = ((this.config[offset + i] ?? 0) & ~mask) | ((value >>> (8 * i)) & mask);
    }
    this.applyConfig();
    this.msi?.flush();
    this.msix?.flush();
  }

  /** A register that the device itself changes (a status field, say); not for the header's decode fields. */
  setConfigByte(offset: number, value: number): void {
    this.config[offset] = value;
  }

  /** The function may read and write memory by itself. */
  get isBusMaster(): boolean {
    return (this.readConfig(COMMAND, 2) & COMMAND_MASTER) !== 0;
  }

  get usesMsix(): boolean {
    return this.msix?.isEnabled ?? false;
  }

  /** The guest has put messages in the pin's place. */
  get usesMessages(): boolean {
    return this.usesMsix || (this.msi?.isEnabled ?? false);
  }

  /** Signals an event by message. False if the guest has enabled neither MSI nor MSI-X: then the pin is the way. A masked message,
   *  or one that the function may not send yet, becomes pending. */
  sendMessage(vector: number): boolean {
    if (this.msix?.isEnabled) this.msix.notify(vector);
    else if (this.msi?.isEnabled) this.msi.notify(vector);
    else return false;
    return true;
  }

  private send(addressHigh: number, address: number, data: number): void {
    // A message anywhere else is a plain memory write, with which no driver has ever meant anything.
    if (addressHigh === 0 && address >>> 20 === 0xfee) this.slot?.messages?.sendMsi(address, data);
  }

  /** The device raises or lowers its interrupt pin, which is silent while messages are in use. */
  setIntx(level: boolean): void {
    this.intx = level;
    this.driveIntx();
  }

  private driveIntx(): void {
    const isDisabled = this.usesMessages || (this.readConfig(COMMAND, 2) & COMMAND_INTX_DISABLE) !== 0;
    this.slot?.setIntx(this.intx && !isDisabled);
  }

  reset(): void {
    this.config.set(this.initial);
    this.intx = false;
    this.spec.msix?.registers.reset();
    this.applyConfig();
  }

  private applyConfig(): void {
    this.updateDecode();
    this.driveIntx();
    this.spec.onConfigChange?.();
  }

  /** Brings what answers on the buses in line with the registers. Also called by the bus, when a range has become free. */
  updateDecode(): void {
    if (this.slot) this.ranges.update(this.readConfig(COMMAND, 2), this.slot);
  }

  /** Where a BAR answers now. */
  decodedBase(index: number): number | null {
    return this.ranges.baseOf(BAR0 + 4 * index);
  }

  /** Where the expansion ROM answers now. */
  decodedRomBase(): number | null {
    return this.ranges.baseOf(ROM_BAR);
  }

  save(): PciFunctionState {
    return { config: Uint8Array.from(this.config), intx: this.intx, msix: this.spec.msix?.registers.save() ?? null };
  }

  /** Refuses (StateError) what this function could not have saved. Call before the device changes anything of its own. */
  check(state: PciFunctionState): void {
    for (let i = 0; i < BAR0 + 4 * BAR_COUNT; i++) {
      if (((state.config[i] ?? 0) ^ (this.initial[i] ?? 0)) & ~(this.writable[i] ?? 0)) {
        throw new StateError(`Saved state of ${this.spec.name} is not usable: configuration byte ${i} is another device's`);
      }
    }
    if ((state.msix?.length ?? 0) !== (this.spec.msix?.registers.savedBytes ?? 0)) {
      throw new StateError(`Saved state of ${this.spec.name} is not usable: its MSI-X table is another device's`);
    }
  }

  load(state: PciFunctionState): void {
    this.config.set(state.config);
    this.intx = state.intx;
    if (state.msix) this.spec.msix?.registers.load(state.msix);
    this.applyConfig();
  }
}
