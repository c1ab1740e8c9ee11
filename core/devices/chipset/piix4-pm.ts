// Intel 82371AB (PIIX4) power management function, PCI 8086:7113 (datasheet 290562, chapter 7): the configuration space that says
// where the ACPI register block lies. The block itself is another device, which the machine moves when told. Resource decodes, the
// SMBus controller and device monitors hold what is written and do nothing.
import { z } from "zod";
import type { Device } from "../../bus/device.ts";
import { PciFunction, PciFunctionState } from "../../bus/pci-function.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";

const Piix4PmState = z.strictObject({ kind: z.literal("piix4-pm"), version: z.literal(1), pci: PciFunctionState });

const PMBA = 0x40;
const PMREGMISC = 0x80;
const PMIOSE = 0x01;
const COMMAND_IO = 0x01;
const ONES = (count: number): number[] => new Array<number>(count).fill(0xff);
/** 44h-7Fh. APMC_EN (58h bit 25) is on from reset: there is no SMM, and firmware that finds it on does not wait for a handler. */
const DEVICE_REGISTERS: readonly number[] = Array.from({ length: 0x3c }, (_, i) => (0x44 + i === 0x5b ? 0x02 : 0));

export class Piix4Pm implements Device {
  readonly id: string;
  readonly kind = "piix4-pm";
  readonly pci: PciFunction;
  private readonly onPmBase: (base: number | null) => void;
  private pmBase: number | null = null;

  /** `onPmBase` hears where the 64-byte ACPI block answers, or null while it is off. */
  constructor(id: string, onPmBase: (base: number | null) => void) {
    this.id = id;
    this.onPmBase = onPmBase;
    this.pci = new PciFunction({
      name: id,
      vendorId: 0x8086,
      deviceId: 0x7113,
      revision: 3,
      classCode: 0x068000,
      interruptPin: 1,
      command: { reset: 0, writable: 0x0105 },
      registers: [
        { offset: 0x06, reset: [0x80, 0x02], writable: [0, 0] },
        { offset: 0x3c, reset: [9], writable: [0xff] }, // SCI is IRQ 9 by wire
        { offset: PMBA, reset: [0x01, 0, 0, 0], writable: [0xc0, 0xff, 0, 0] },
        { offset: 0x44, reset: DEVICE_REGISTERS, writable: ONES(0x3c) }, // counters, resource decodes, device activity
        { offset: PMREGMISC, reset: [0], writable: [PMIOSE] },
        { offset: 0x90, reset: [0x01, 0, 0, 0], writable: [0xf0, 0xff, 0, 0] }, // SMBBA
        { offset: 0xd2, reset: [0, 0, 0, 0, 0], writable: [0x0f, 0xff, 0xff, 0xff, 0] }, // SMBus host configuration
      ],
      onConfigChange: () => this.tellPmBase(),
    });
  }

  /** Places and enables the ACPI block as a system firmware would. */
  placePmBlock(base: number): void {
    this.pci.writeConfig(PMBA, 4, base);
    this.pci.writeConfig(PMREGMISC, 1, PMIOSE);
    this.pci.writeConfig(0x04, 2, COMMAND_IO);
  }

  private tellPmBase(): void {
    const base = this.pci.readConfig(PMBA, 2) & 0xffc0;
    const isOn = base !== 0 && (this.pci.readConfig(PMREGMISC, 1) & PMIOSE) !== 0;
    const now = isOn ? base : null;
    if (now === this.pmBase) return;
    this.pmBase = now;
    this.onPmBase(now);
  }

  reset(): void {
    this.pci.reset();
  }

  save(): DeviceState {
    return { kind: "piix4-pm", version: 1, pci: this.pci.save() };
  }

  load(state: unknown): void {
    const saved = parseState(Piix4PmState, state, this.id);
    this.pci.check(saved.pci);
    this.pci.load(saved.pci);
  }

  describe(): Record<string, string> {
    return { "ACPI block": this.pmBase === null ? "off" : `${this.pmBase.toString(16)}h` };
  }
}
