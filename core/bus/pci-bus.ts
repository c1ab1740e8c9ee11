// PCI bus 0: which function sits in which slot, configuration mechanism #1 at CF8h and CFCh (PCI Local Bus 2.3, 3.2.2.3), and the
// wiring of INTx pins to the chipset's four PIRQ lines. Other buses are empty.
import type { AccessSize, BusDevice } from "./device.ts";
import type { MmioBus } from "./mmio-bus.ts";
import type { PciBar, PciFunction, PciRom } from "./pci-function.ts";
import type { MsiSink } from "./pci-msi.ts";
import type { PortBus } from "./port-bus.ts";

export interface PciBusOptions {
  /** Guest-physical addresses that the host bridge passes on to PCI; a base address outside is not decoded. */
  memoryWindow: { base: number; end: number };
  /** Level of PIRQA (0) to PIRQD (3). */
  setPirq(pirq: number, level: boolean): void;
  /** Takes MSI and MSI-X messages: the APIC bus. */
  messages?: MsiSink;
}

interface Plugged {
  device: number;
  fn: PciFunction;
}

/** The PIRQ line of an interrupt pin (1 for INTA#): rotated by slot, so that neighbours do not all share one. */
export function pirqOf(device: number, pin: number): number {
  return (device + pin + 2) & 3;
}

export class PciBus {
  private readonly options: PciBusOptions;
  /** By device * 8 + function. */
  private readonly plugged = new Map<number, Plugged>();
  /** Keys of the functions that hold each PIRQ line up. */
  private readonly raisedBy: Set<number>[] = [new Set(), new Set(), new Set(), new Set()];
  private isOffering = false;

  constructor(options: PciBusOptions) {
    this.options = options;
  }

  /** Throws RangeError if the slot is taken. */
  plug(device: number, functionNumber: number, fn: PciFunction): void {
    const key = device * 8 + functionNumber;
    if (device < 0 || device > 31 || functionNumber < 0 || functionNumber > 7 || this.plugged.has(key)) {
      throw new RangeError(`PCI slot ${device}.${functionNumber} cannot take ${fn.spec.name}`);
    }
    this.plugged.set(key, { device, fn });
    const pin = fn.spec.interruptPin ?? 0;
    fn.attach({
      memoryWindow: this.options.memoryWindow,
      messages: this.options.messages,
      setIntx: (level) => {
        if (pin) this.setIntx(key, pirqOf(device, pin), level);
      },
      rangesFreed: () => this.offerRanges(),
    });
  }

  private setIntx(key: number, pirq: number, level: boolean): void {
    const raisers = this.raisedBy[pirq];
    if (!raisers || raisers.has(key) === level) return;
    if (level) raisers.add(key);
    else raisers.delete(key);
    this.options.setPirq(pirq, raisers.size > 0);
  }

  private offerRanges(): void {
    if (this.isOffering) return;
    this.isOffering = true;
    for (const { fn } of this.plugged.values()) fn.updateDecode();
    this.isOffering = false;
  }

  functionAt(device: number, functionNumber: number): PciFunction | undefined {
    return this.plugged.get(device * 8 + functionNumber)?.fn;
  }

  /** All functions in slot order. */
  list(): { device: number; functionNumber: number; fn: PciFunction }[] {
    return [...this.plugged].sort(([a], [b]) => a - b).map(([key, { device, fn }]) => ({ device, functionNumber: key & 7, fn }));
  }
}

export const CONFIG_ADDRESS_BANK = 0;
export const CONFIG_DATA_BANK = 1;
/** The two register ranges of configuration mechanism #1, for the port bus. */
export const CONFIG_PORTS = [
  { base: 0xcf8, length: 4, bank: CONFIG_ADDRESS_BANK },
  { base: 0xcfc, length: 4, bank: CONFIG_DATA_BANK },
] as const;

/** CONFIG_ADDRESS and CONFIG_DATA. The host bridge holds one. Only a dword reaches CONFIG_ADDRESS: narrower accesses to CF8h-CFBh
 *  are ordinary I/O, and go to `beneath` (offset from CF8h), where the south bridge has its reset control register. */
export class PciConfigPorts implements BusDevice {
  /** CONFIG_ADDRESS: enable, bus, device, function, register. */
  address = 0;
  private readonly bus: PciBus;
  private readonly beneath: { readReg(offset: number): number; writeReg(offset: number, value: number): void } | undefined;

  constructor(bus: PciBus, beneath?: { readReg(offset: number): number; writeReg(offset: number, value: number): void }) {
    this.bus = bus;
    this.beneath = beneath;
  }

  private target(): PciFunction | undefined {
    const { address } = this;
    if (address < 0x80000000 || (address & 0x00ff0000) !== 0) return undefined;
    return this.bus.functionAt((address >>> 11) & 0x1f, (address >>> 8) & 7);
  }

  readReg(bank: number, offset: number, size: AccessSize): number {
    if (bank === CONFIG_DATA_BANK) {
      const span = Math.min(size, 4 - (offset & 3));
      const value = this.target()?.readConfig((this.address & 0xfc) + (offset & 3), size);
      const ones = 2 ** (8 * size) - 1;
      if (value === undefined) return ones;
      return span === size ? value : (value | (ones & ~(2 ** (8 * span) - 1))) >>> 0;
    }
    if (size === 4 && offset === 0) return this.address;
    let value = 0;
    for (let i = 0; i < size; i++) value += (this.beneath?.readReg((offset + i) & 3) ?? 0xff) * 2 ** (8 * i);
    return value;
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    if (bank === CONFIG_DATA_BANK) {
      // What runs past CFFh is not configuration data.
      for (const part of partsWithin(offset & 3, size)) {
        this.target()?.writeConfig((this.address & 0xfc) + part.offset, part.size, (value >>> part.shift) >>> 0);
      }
    } else if (size === 4 && offset === 0) {
      this.address = (value & 0x80fffffc) >>> 0;
    } else {
      for (let i = 0; i < size && offset + i < 4; i++) this.beneath?.writeReg(offset + i, (value >>> (8 * i)) & 0xff);
    }
  }
}

function partsWithin(offset: number, size: AccessSize): { offset: number; size: AccessSize; shift: number }[] {
  if (offset + size <= 4) return [{ offset, size, shift: 0 }];
  return Array.from({ length: 4 - offset }, (_, i) => ({ offset: offset + i, size: 1 as const, shift: 8 * i }));
}

/** A BAR whose registers are a device's bank on the port bus. */
export function portBar(ports: PortBus, device: BusDevice, bank: number, bar: Omit<PciBar, "space" | "decode">, name: string): PciBar {
  return { ...bar, space: "io", decode: mapper(ports, device, bank, bar.sizeBytes, name) };
}

/** A BAR whose registers are a device's bank on the memory-mapped bus. */
export function mmioBar(mmio: MmioBus, device: BusDevice, bank: number, bar: Omit<PciBar, "space" | "decode">, name: string): PciBar {
  return { ...bar, space: "memory", decode: mapper(mmio, device, bank, bar.sizeBytes, name) };
}

/** An expansion ROM with these contents, on the memory-mapped bus; what follows them in its range reads as ones. */
export function romBar(mmio: MmioBus, contents: Uint8Array, name: string): PciRom {
  const sizeBytes = Math.max(2048, 2 ** Math.ceil(Math.log2(contents.length)));
  const device: BusDevice = {
    readReg: (_bank, offset, size) => {
      let value = 0;
      for (let i = 0; i < size; i++) value += (contents[offset + i] ?? 0xff) * 2 ** (8 * i);
      return value;
    },
    writeReg: () => {},
  };
  return { sizeBytes, decode: mapper(mmio, device, 0, sizeBytes, name) };
}

function mapper(bus: PortBus | MmioBus, device: BusDevice, bank: number, length: number, name: string): PciBar["decode"] {
  let mapped: number | null = null;
  return (base) => {
    if (mapped !== null) bus.unmap(mapped);
    mapped = null;
    if (base === null) return true;
    try {
      bus.map(base, length, device, bank, name);
    } catch (error) {
      // The guest put it over something else. Who wins on a real bus is not defined: here the first one does.
      if (error instanceof RangeError) return false;
      throw error;
    }
    mapped = base;
    return true;
  };
}
