// The configuration space of one PCI function, type 0 header (PCI Local Bus 2.3, chapter 6): write masks, base address registers
// with sizing, the command register's decode enables, INTx, a capability list. A device holds one and gets told of changes.
// Not modelled: 64-bit base addresses, an expansion ROM, bridges (type 1).
import { z } from "zod";
import { bytes } from "../state/field-schemas.ts";
import { StateError } from "../state/device-state.ts";
import type { AccessSize } from "./device.ts";

export const CONFIG_BYTES = 256;
const COMMAND = 0x04;
const COMMAND_IO = 0x0001;
const COMMAND_MEMORY = 0x0002;
const COMMAND_INTX_DISABLE = 0x0400;
const STATUS = 0x06;
const STATUS_INTERRUPT = 0x08;
const STATUS_CAPABILITIES = 0x10;
const BAR0 = 0x10;
const BAR_COUNT = 6;
const CAPABILITY_POINTER = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
/** I/O and memory decode, bus master, parity response, SERR#, INTx disable. */
const COMMAND_WRITABLE = 0x0547;

export const PciFunctionState = z.strictObject({ config: bytes(CONFIG_BYTES), intx: z.boolean() });
export type PciFunctionState = z.infer<typeof PciFunctionState>;

export interface PciBar {
  index: 0 | 1 | 2 | 3 | 4 | 5;
  space: "memory" | "io";
  /** A power of two: at least 16 for memory, 4 for I/O. */
  sizeBytes: number;
  prefetchable?: boolean;
  /** The guest has put the range at `base`, or (null) turned it off. False if `base` cannot be taken: the range then stays off
   *  and is offered again when something else on the bus moves. */
  decode(base: number | null): boolean;
}

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
  capabilities?: readonly PciCapability[];
  /** After every change to configuration space, whoever made it: guest, reset or load. */
  onConfigChange?(): void;
}

/** What the bus gives a function that is plugged in. */
export interface PciSlot {
  /** Memory that the host bridge passes on to PCI. */
  readonly memoryWindow: { base: number; end: number };
  setIntx(level: boolean): void;
  /** Something stopped decoding: others that wanted its range may have it now. */
  rangesFreed(): void;
}

interface BarSlot {
  bar: PciBar;
  /** Where it answers now. */
  base: number | null;
}

export class PciFunction {
  readonly spec: PciFunctionSpec;
  private readonly config = new Uint8Array(CONFIG_BYTES);
  private readonly initial = new Uint8Array(CONFIG_BYTES);
  private readonly writable = new Uint8Array(CONFIG_BYTES);
  private readonly bars: BarSlot[] = [];
  private slot: PciSlot | null = null;
  private intx = false;

  constructor(spec: PciFunctionSpec) {
    this.spec = spec;
    this.describeHeader();
    for (const bar of spec.bars ?? []) this.addBar(bar);
    for (const registers of spec.registers ?? []) this.addRegisters(registers.offset, registers);
    let pointerAt = CAPABILITY_POINTER;
    for (const capability of spec.capabilities ?? []) {
      this.initial[pointerAt] = capability.offset;
      this.initial[capability.offset] = capability.id;
      pointerAt = capability.offset + 1;
      this.addRegisters(capability.offset + 2, capability);
      this.initial[STATUS] = STATUS_CAPABILITIES;
    }
    this.config.set(this.initial);
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

  private addBar(bar: PciBar): void {
    const least = bar.space === "io" ? 4 : 16;
    if (bar.sizeBytes < least || 2 ** Math.round(Math.log2(bar.sizeBytes)) !== bar.sizeBytes) {
      throw new RangeError(`BAR ${bar.index} of ${this.spec.name} cannot be ${bar.sizeBytes} bytes`);
    }
    put(this.initial, BAR0 + 4 * bar.index, 4, bar.space === "io" ? 1 : bar.prefetchable ? 8 : 0);
    put(this.writable, BAR0 + 4 * bar.index, 4, 2 ** 32 - bar.sizeBytes);
    this.bars.push({ bar, base: null });
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
    let value = 0;
    for (let i = 0; i < size; i++) value += this.byteAt(offset + i) * 2 ** (8 * i);
    return value;
  }

  private byteAt(offset: number): number {
    if (offset === STATUS) return (this.config[STATUS] ?? 0) | (this.intx ? STATUS_INTERRUPT : 0);
    return this.config[offset] ?? 0xff;
  }

  writeConfig(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size && offset + i < CONFIG_BYTES; i++) {
      const mask = this.writable[offset + i] ?? 0;
      this.config[offset + i] = ((this.config[offset + i] ?? 0) & ~mask) | ((value >>> (8 * i)) & mask);
    }
    this.applyConfig();
  }

  /** A register that the device itself changes (a status field, say); not for the header's decode fields. */
  setConfigByte(offset: number, value: number): void {
    this.config[offset] = value;
  }

  /** The device raises or lowers its interrupt pin. */
  setIntx(level: boolean): void {
    this.intx = level;
    this.driveIntx();
  }

  private driveIntx(): void {
    this.slot?.setIntx(this.intx && (this.readConfig(COMMAND, 2) & COMMAND_INTX_DISABLE) === 0);
  }

  reset(): void {
    this.config.set(this.initial);
    this.intx = false;
    this.applyConfig();
  }

  private applyConfig(): void {
    this.updateDecode();
    this.driveIntx();
    this.spec.onConfigChange?.();
  }

  /** Brings what answers on the buses in line with the registers. Also called by the bus, when a range has become free. */
  updateDecode(): void {
    let hasFreed = false;
    for (const slot of this.bars) {
      if (slot.base === null || slot.base === this.wantedBase(slot.bar)) continue;
      slot.bar.decode(null);
      slot.base = null;
      hasFreed = true;
    }
    for (const slot of this.bars) {
      const wanted = this.wantedBase(slot.bar);
      if (wanted !== null && slot.base === null && slot.bar.decode(wanted)) slot.base = wanted;
    }
    if (hasFreed) this.slot?.rangesFreed();
  }

  /** Where the registers put a BAR, or null where nothing may answer. An address of 0 is one not assigned yet. */
  private wantedBase(bar: PciBar): number | null {
    const window = this.slot?.memoryWindow;
    const enable = bar.space === "io" ? COMMAND_IO : COMMAND_MEMORY;
    if (!window || (this.readConfig(COMMAND, 2) & enable) === 0) return null;
    const base = (this.readConfig(BAR0 + 4 * bar.index, 4) & -bar.sizeBytes) >>> 0;
    const [lowest, end] = bar.space === "io" ? [1, 0x10000] : [window.base, window.end];
    return base >= lowest && base + bar.sizeBytes <= end ? base : null;
  }

  /** Where a BAR answers now. */
  decodedBase(index: number): number | null {
    return this.bars.find((slot) => slot.bar.index === index)?.base ?? null;
  }

  save(): PciFunctionState {
    return { config: Uint8Array.from(this.config), intx: this.intx };
  }

  /** Refuses (StateError) what this function could not have saved. Call before the device changes anything of its own. */
  check(state: PciFunctionState): void {
    for (let i = 0; i < BAR0 + 4 * BAR_COUNT; i++) {
      if (((state.config[i] ?? 0) ^ (this.initial[i] ?? 0)) & ~(this.writable[i] ?? 0)) {
        throw new StateError(`Saved state of ${this.spec.name} is not usable: configuration byte ${i} is another device's`);
      }
    }
  }

  load(state: PciFunctionState): void {
    this.config.set(state.config);
    this.intx = state.intx;
    this.applyConfig();
  }
}

function put(into: Uint8Array, offset: number, size: number, value: number): void {
  for (let i = 0; i < size; i++) into[offset + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
}
