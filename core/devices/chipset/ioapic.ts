// 82093AA I/O APIC with 24 pins (data sheet; version 20h adds the EOI register at 40h, as in the ICH). Bank 0 = the register page.
// A pin's level is its asserted state: the polarity bit is kept and has no effect. An edge that finds its pin masked is lost.
// Not modelled: delivery status (delivery is instant), the arbitration ID.
import type { ApicMessages, IoApicPort } from "../../bus/apic-bus.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { DwordRegisters } from "../../bus/dword-registers.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { IoApicState } from "./ioapic.state.ts";

const PINS = 24;
const MASKED = 0x10000, LEVEL = 0x8000, REMOTE_IRR = 0x4000;
const LO_WRITABLE = 0x1afff;
const VERSION = ((PINS - 1) << 16) | 0x20;

class IoApicPin implements IrqLine {
  private readonly ioapic: IoApic;
  private readonly pin: number;

  constructor(ioapic: IoApic, pin: number) {
    this.ioapic = ioapic;
    this.pin = pin;
  }

  set(level: boolean): void {
    this.ioapic.setPin(this.pin, level);
  }
}

export class IoApic extends DwordRegisters implements Device, IoApicPort {
  readonly id: string;
  readonly kind = "ioapic";
  private readonly hardwareId: number;
  private readonly bus: ApicMessages;
  private readonly lines: readonly IoApicPin[];
  private s: IoApicState;

  constructor(id: string, apicId: number, bus: ApicMessages) {
    super();
    this.id = id;
    this.hardwareId = apicId & 15;
    this.bus = bus;
    this.lines = Array.from({ length: PINS }, (_, pin) => new IoApicPin(this, pin));
    this.s = this.powerOn();
  }

  private powerOn(): IoApicState {
    return {
      kind: "ioapic", version: 1, apicId: this.hardwareId, index: 0, pins: 0,
      redirectionLo: new Array<number>(PINS).fill(MASKED), redirectionHi: new Array<number>(PINS).fill(0),
    };
  }

  /** The input of pin 0 to 23. */
  line(pin: number): IrqLine {
    const line = this.lines[pin];
    if (!line) throw new RangeError(`The I/O APIC has no pin ${pin}`);
    return line;
  }

  /** The vector that a pin delivers, or -1 while it is masked. */
  vectorOf(pin: number): number {
    const lo = this.s.redirectionLo[pin] ?? MASKED;
    return lo & MASKED ? -1 : lo & 0xff;
  }

  setPin(pin: number, level: boolean): void {
    const bit = 1 << pin;
    if (((this.s.pins & bit) !== 0) === level) return;
    this.s.pins ^= bit;
    if (level) this.service(pin, true);
  }

  /** Sends what the pin asks for: a level while it lasts, an edge only when it `rose`. */
  private service(pin: number, rose: boolean): void {
    const lo = this.s.redirectionLo[pin] ?? MASKED;
    if (lo & MASKED || !(this.s.pins & (1 << pin))) return;
    const isLevel = (lo & LEVEL) !== 0;
    if (isLevel ? lo & REMOTE_IRR : !rose) return;
    const mode = (lo >> 8) & 7;
    const destination = (this.s.redirectionHi[pin] ?? 0) >>> 24;
    if (isLevel) this.s.redirectionLo[pin] = lo | REMOTE_IRR; // before sending: the EOI may come within
    if (!this.bus.send(destination, (lo & 0x800) !== 0, mode, lo & 0xff, isLevel) && isLevel) this.s.redirectionLo[pin] = lo;
  }

  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < PINS; pin++) {
      const lo = this.s.redirectionLo[pin] ?? MASKED;
      if (!(lo & REMOTE_IRR) || (lo & 0xff) !== vector) continue;
      this.s.redirectionLo[pin] = lo & ~REMOTE_IRR;
      this.service(pin, false);
    }
  }

  protected override readDword(_bank: number, offset: number): number {
    if (offset === 0) return this.s.index;
    return offset === 0x10 ? this.readIndexed() : 0;
  }

  protected override writeDword(_bank: number, offset: number, value: number): void {
    if (offset === 0) this.s.index = value & 0xff;
    else if (offset === 0x10) this.writeIndexed(value);
    else if (offset === 0x40) this.endOfInterrupt(value & 0xff);
  }

  private readIndexed(): number {
    const { index } = this.s;
    if (index === 0 || index === 2) return this.s.apicId << 24;
    if (index === 1) return VERSION;
    const pin = (index - 0x10) >> 1;
    return (index & 1 ? this.s.redirectionHi[pin] : this.s.redirectionLo[pin]) ?? 0;
  }

  private writeIndexed(value: number): void {
    const { index } = this.s;
    if (index === 0) this.s.apicId = (value >>> 24) & 15;
    const pin = (index - 0x10) >> 1;
    if (pin < 0 || pin >= PINS) return;
    if (index & 1) {
      this.s.redirectionHi[pin] = (value & 0xff000000) >>> 0;
      return;
    }
    let lo = (value & LO_WRITABLE) | ((this.s.redirectionLo[pin] ?? 0) & REMOTE_IRR);
    if (!(lo & LEVEL)) lo &= ~REMOTE_IRR; // a pin made edge-triggered forgets; older systems end interrupts so
    this.s.redirectionLo[pin] = lo;
    this.service(pin, false);
  }

  reset(_kind: ResetKind): void {
    const { pins } = this.s;
    this.s = { ...this.powerOn(), pins }; // the wires belong to other devices
  }

  save(): DeviceState {
    return { ...this.s, redirectionLo: [...this.s.redirectionLo], redirectionHi: [...this.s.redirectionHi] };
  }

  load(state: unknown): void {
    this.s = parseState(IoApicState, state, this.id);
  }

  describe(): Record<string, string | number | boolean> {
    const entries = this.s.redirectionLo.map((lo, pin): [string, string] => [`pin${pin}`, `${lo.toString(16)}h`]);
    return { pins: this.s.pins, ...Object.fromEntries(entries.filter(([, lo]) => lo !== "10000h")) };
  }
}
