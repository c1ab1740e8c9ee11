// Intel 82371SB (PIIX3) PCI-to-ISA bridge, function 0, PCI 8086:7000 (datasheet 290550): steering of the four PIRQ lines to ISA
// interrupts and the reset control register CF9h. The other registers of the function hold what is written: X-bus decodes, DMA
// type F and SMI timers do nothing here. The interrupt controllers, timer and IDE of the real chip are devices of their own.
import { z } from "zod";
import type { Device, IrqLine } from "../../bus/device.ts";
import { PciFunction, PciFunctionState } from "../../bus/pci-function.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { u8 } from "../../state/field-schemas.ts";

const Piix3State = z.strictObject({
  kind: z.literal("piix3"),
  version: z.literal(1),
  resetControl: u8,
  /** Bit n: PIRQ line n is up. */
  pirqLevels: z.int().min(0).max(15),
  pci: PciFunctionState,
});

const PIRQRC = 0x60;
const ROUTE_DISABLED = 0x80;
/** ISA interrupts that a PIRQ may be steered to: 3-7, 9-12, 14, 15. */
const STEERABLE = 0b1101_1110_1111_1000;
/** Reset control: full reset rather than CPU only, and the bit whose rise does it. */
const RCR_HARD = 0x02;
const RCR_RESET_CPU = 0x04;

export interface Piix3Options {
  /** The bridge's own wire to each ISA interrupt, by number; the machine joins it with those of other devices. */
  irq: readonly (IrqLine | undefined)[];
  /** The guest wrote CF9h to reset the machine. */
  onReset(isHard: boolean): void;
}

export class Piix3 implements Device {
  readonly id: string;
  readonly kind = "piix3";
  readonly pci: PciFunction;
  private readonly options: Piix3Options;
  private resetControl = 0;
  private pirqLevels = 0;
  /** Bit n: this bridge holds ISA interrupt n up. */
  private driven = 0;

  constructor(id: string, options: Piix3Options) {
    this.id = id;
    this.options = options;
    this.pci = new PciFunction({
      name: id,
      vendorId: 0x8086,
      deviceId: 0x7000,
      classCode: 0x060100,
      isMultifunction: true,
      command: { reset: 0x0007, writable: 0x0108 },
      registers: [
        { offset: 0x07, reset: [0x02], writable: [0] },
        { offset: 0x4c, reset: [0x4d, 0, 0x03, 0], writable: [0xff, 0, 0xff, 0x01] }, // IORT, XBCS
        { offset: PIRQRC, reset: [0x80, 0x80, 0x80, 0x80], writable: [0x8f, 0x8f, 0x8f, 0x8f] },
        { offset: 0x69, reset: [0x02, 0], writable: [0xfe, 0xff] }, // TOM, MSTAT
        { offset: 0x70, reset: [0x80, 0x80], writable: [0xff, 0xff] }, // MBIRQ
        { offset: 0x76, reset: [0x0c, 0x0c, 0, 0], writable: [0xff, 0xff, 0xff, 0xff] }, // MBDMA, PCSC
        { offset: 0x80, reset: [0, 0, 0], writable: [0x7f, 0, 0x0f] }, // APICBASE, DLC
        { offset: 0xa0, reset: [0x08, 0, 0, 0, 0, 0, 0, 0], writable: [0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }, // SMI control
        { offset: 0xa8, reset: [0, 0, 0, 0], writable: [0xff, 0, 0xff, 0] }, // FTMR, SMIREQ
      ],
      onConfigChange: () => this.driveIrqs(),
    });
  }

  /** Level of PIRQA (0) to PIRQD (3): what the PCI bus's setPirq goes to. */
  setPirq(pirq: number, level: boolean): void {
    const bit = 1 << (pirq & 3);
    this.pirqLevels = level ? this.pirqLevels | bit : this.pirqLevels & ~bit;
    this.driveIrqs();
  }

  /** Steers the PIRQ lines as a system firmware would. */
  routePirqs(irqs: readonly [number, number, number, number]): void {
    for (const [pirq, irq] of irqs.entries()) this.pci.writeConfig(PIRQRC + pirq, 1, irq);
  }

  private driveIrqs(): void {
    let wanted = 0;
    for (let pirq = 0; pirq < 4; pirq++) {
      const route = this.pci.readConfig(PIRQRC + pirq, 1);
      if (this.pirqLevels & (1 << pirq) && (route & ROUTE_DISABLED) === 0) wanted |= 1 << (route & 15);
    }
    wanted &= STEERABLE;
    const changed = wanted ^ this.driven;
    this.driven = wanted;
    for (let irq = 0; irq < 16; irq++) if (changed & (1 << irq)) this.options.irq[irq]?.set((wanted & (1 << irq)) !== 0);
  }

  /** Byte registers below CONFIG_ADDRESS, by offset from CF8h: the host bridge hands them on. */
  readonly beneathConfigAddress: { readReg(offset: number): number; writeReg(offset: number, value: number): void } = {
    readReg: (offset) => (offset === 1 ? this.resetControl : 0xff),
    writeReg: (offset, value) => {
      if (offset === 1) this.writeResetControl(value);
    },
  };

  private writeResetControl(value: number): void {
    const isRising = (value & RCR_RESET_CPU) !== 0 && (this.resetControl & RCR_RESET_CPU) === 0;
    this.resetControl = value & (RCR_HARD | RCR_RESET_CPU);
    if (isRising) this.options.onReset((value & RCR_HARD) !== 0);
  }

  reset(): void {
    this.resetControl = 0;
    this.pirqLevels = 0;
    this.pci.reset();
  }

  save(): DeviceState {
    return { kind: "piix3", version: 1, resetControl: this.resetControl, pirqLevels: this.pirqLevels, pci: this.pci.save() };
  }

  load(state: unknown): void {
    const saved = parseState(Piix3State, state, this.id);
    this.pci.check(saved.pci);
    this.resetControl = saved.resetControl & (RCR_HARD | RCR_RESET_CPU);
    this.pirqLevels = saved.pirqLevels;
    this.pci.load(saved.pci);
  }

  describe(): Record<string, string> {
    const routes = Array.from({ length: 4 }, (_, pirq) => {
      const route = this.pci.readConfig(PIRQRC + pirq, 1);
      return route & ROUTE_DISABLED ? "off" : `IRQ ${route & 15}`;
    });
    return { "PIRQA-D": routes.join(", ") };
  }
}
