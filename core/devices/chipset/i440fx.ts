// Intel 82441FX (440FX) host bridge, PCI 8086:1237 (datasheet 290549): configuration mechanism #1 and the registers that firmware
// and kernels read and write. The PAM and SMRAM registers are stored and told to the machine, which decides what they do to the memory map.
// Not modelled: DRAM timing, ECC, the AGP-less arbiter; their registers hold what is written and do nothing.
import { z } from "zod";
import type { AccessSize, BusDevice, Device } from "../../bus/device.ts";
import { type PciBus, PciConfigPorts } from "../../bus/pci-bus.ts";
import { PciFunction, PciFunctionState } from "../../bus/pci-function.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { u32 } from "../../state/field-schemas.ts";

const I440fxState = z.strictObject({ kind: z.literal("i440fx"), version: z.literal(1), configAddress: u32, pci: PciFunctionState });

const PAM0 = 0x59;
const PAM_COUNT = 7;
const SMRAM = 0x72;

export interface I440fxOptions {
  bus: PciBus;
  /** Byte-wide registers under CF8h-CFBh, by offset: the south bridge's reset control at 1. */
  beneath?: { readReg(offset: number): number; writeReg(offset: number, value: number): void };
  /** PAM0 to PAM6 (which of C0000h-FFFFFh is DRAM for reads and writes) and SMRAM, after each change. */
  onMemoryMapChange?(pam: Uint8Array, smram: number): void;
}

export class I440fx implements Device, BusDevice {
  readonly id: string;
  readonly kind = "i440fx";
  readonly pci: PciFunction;
  private readonly ports: PciConfigPorts;
  private told = "";

  constructor(id: string, options: I440fxOptions) {
    this.id = id;
    this.ports = new PciConfigPorts(options.bus, options.beneath);
    this.pci = new PciFunction({
      name: id,
      vendorId: 0x8086,
      deviceId: 0x1237,
      revision: 2,
      classCode: 0x060000,
      // Not the chip's: QEMU marks its board so, and firmware for virtual machines looks for it.
      subsystemVendorId: 0x1af4,
      subsystemId: 0x1100,
      command: { reset: 0x0006, writable: 0x0140 },
      registers: [
        { offset: 0x07, reset: [0x02], writable: [0] }, // DEVSEL# timing: medium
        { offset: 0x50, reset: [0, 0, 0, 0], writable: [0xff, 0xff, 0xff, 0xff] }, // PMCCFG, DETURBO, DBC
        { offset: 0x54, reset: [0, 0, 0, 0, 0], writable: [0xff, 0xff, 0xff, 0xff, 0xff] }, // AXC, DRAMR, DRAMC, DRAMT
        { offset: PAM0, reset: [0, 0, 0, 0, 0, 0, 0], writable: [0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33] },
        { offset: 0x60, reset: [1, 1, 1, 1, 1, 1, 1, 1, 0], writable: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }, // DRB, FDHC
        { offset: 0x70, reset: [0, 0, 0x02], writable: [0xff, 0xff, 0x7f] }, // MTT, CLT, SMRAM
        { offset: 0x90, reset: [0, 0, 0, 0], writable: [0xff, 0xff, 0xff, 0xff] }, // ERRCMD, ERRSTS, TRC
      ],
      onConfigChange: () => this.tellMemoryMap(options),
    });
  }

  private tellMemoryMap(options: I440fxOptions): void {
    const pam = Uint8Array.from({ length: PAM_COUNT }, (_, i) => this.pci.readConfig(PAM0 + i, 1));
    const smram = this.pci.readConfig(SMRAM, 1);
    const now = `${pam.join()},${smram}`;
    if (now === this.told) return;
    this.told = now;
    options.onMemoryMapChange?.(pam, smram);
  }

  readReg(bank: number, offset: number, size: AccessSize): number {
    return this.ports.readReg(bank, offset, size);
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    this.ports.writeReg(bank, offset, size, value);
  }

  reset(): void {
    this.ports.address = 0;
    this.pci.reset();
  }

  save(): DeviceState {
    return { kind: "i440fx", version: 1, configAddress: this.ports.address, pci: this.pci.save() };
  }

  load(state: unknown): void {
    const saved = parseState(I440fxState, state, this.id);
    this.pci.check(saved.pci);
    this.ports.address = (saved.configAddress & 0x80fffffc) >>> 0;
    this.pci.load(saved.pci);
  }

  describe(): Record<string, string> {
    return { "configuration address": `${this.ports.address.toString(16)}h` };
  }
}
