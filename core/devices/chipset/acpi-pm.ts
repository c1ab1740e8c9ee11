// ACPI fixed hardware (ACPI 4.8.3; register offsets of the PIIX4): PM1a event and control block, PM timer, a general-purpose event
// block nobody raises, and the SMI command port's ACPI enable and disable. SCI is a level.
// Banks: 0 = the 64 PM ports, 1 = B2h-B3h. Not modelled: SMI itself (ACPI goes on and off at once, no code runs), sleep states
// other than S5 (they wake at once), throttling, the RTC and sleep-button events.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { AccessSize, Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { nsOfTick, ticksAt } from "../../time/ticks.ts";
import { AcpiPmState } from "./acpi-pm.state.ts";

/** Offsets from the PM base, for the FADT. */
export const PM1_EVENT = 0x00, PM1_CONTROL = 0x04, PM_TIMER = 0x08, GPE0 = 0x0c, GPE0_LENGTH = 4;
/** What the FADT says goes to the SMI command port. */
export const ACPI_ENABLE = 0xf1, ACPI_DISABLE = 0xf0;
/** SLP_TYP of soft-off in the PIIX4, for the DSDT's \_S5 package. */
export const SLEEP_TYPE_S5 = 0;
export const PM_TIMER_HZ = 3_579_545;

const TMR_STS = 0x0001, PWRBTN_STS = 0x0100, WAK_STS = 0x8000;
const STATUS_BITS = 0x8f31;
const ENABLE_BITS = 0x0721;
const SCI_EN = 0x0001, CONTROL_KEPT = 0x1c03, SLP_EN = 0x2000;
const TIMER = "overflow";

export interface AcpiPmPorts {
  readonly sci: IrqLine;
  /** The guest entered S5. */
  onPowerOff(): void;
}

export class AcpiPm extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "acpi-pm";
  private readonly ports: AcpiPmPorts;
  private readonly timers: DeviceTimers;
  private readonly timerBits: 24 | 32;
  private s: AcpiPmState;

  constructor(id: string, ports: AcpiPmPorts, timers: DeviceTimers, timerBits: 24 | 32 = 32) {
    super();
    this.id = id;
    this.ports = ports;
    this.timers = timers;
    this.timerBits = timerBits;
    this.s = this.powerOn();
  }

  private powerOn(): AcpiPmState {
    return {
      kind: "acpi-pm", version: 1, pm1Status: 0, pm1Enable: 0, pm1Control: 0, gpeStatus: 0, gpeEnable: 0, smiCommand: 0, smiStatus: 0,
      settledNs: this.timers.nowNs(),
    };
  }

  /** True once the guest has switched ACPI on: only then does it hear of the power button. */
  get isAcpiEnabled(): boolean {
    return (this.s.pm1Control & SCI_EN) !== 0;
  }

  /** The user presses the power button. False if the guest will not hear of it. */
  pressPowerButton(): boolean {
    this.s.pm1Status |= PWRBTN_STS;
    this.updateSci();
    return this.isAcpiEnabled && (this.s.pm1Enable & PWRBTN_STS) !== 0;
  }

  private timerTicks(): number {
    return ticksAt(this.timers.nowNs(), PM_TIMER_HZ);
  }

  /** The PM timer register. */
  private timerValue(): number {
    return this.timerTicks() % 2 ** this.timerBits;
  }

  /** TMR_STS is set whenever the timer's highest bit changes. */
  private settle(): void {
    const half = 2 ** (this.timerBits - 1);
    const now = this.timers.nowNs();
    const before = Math.floor(ticksAt(this.s.settledNs, PM_TIMER_HZ) / half);
    if (Math.floor(this.timerTicks() / half) > before) this.s.pm1Status |= TMR_STS;
    this.s.settledNs = Math.max(now, this.s.settledNs);
  }

  private updateSci(): void {
    const { pm1Status, pm1Enable, gpeStatus, gpeEnable } = this.s;
    this.ports.sci.set(this.isAcpiEnabled && ((pm1Status & pm1Enable & ENABLE_BITS) !== 0 || (gpeStatus & gpeEnable) !== 0));
    // The overflow is waited for only while it can raise SCI.
    if (!this.isAcpiEnabled || !(pm1Enable & TMR_STS) || pm1Status & TMR_STS) {
      this.timers.cancel(TIMER);
      return;
    }
    const half = 2 ** (this.timerBits - 1);
    this.timers.arm(TIMER, nsOfTick((Math.floor(this.timerTicks() / half) + 1) * half, PM_TIMER_HZ));
  }

  onTimer(_name: string): void {
    this.settle();
    this.updateSci();
  }

  override readReg(bank: number, offset: number, size: AccessSize): number {
    // The timer is read whole: four byte reads would tear it.
    if (bank === 0 && offset === PM_TIMER && size === 4) return this.timerValue();
    return super.readReg(bank, offset, size);
  }

  protected override readByte(bank: number, offset: number): number {
    const { s } = this;
    if (bank === 1) return offset === 0 ? s.smiCommand : offset === 1 ? s.smiStatus : 0xff;
    if (offset === PM1_EVENT || offset === PM1_EVENT + 1) this.settle();
    switch (offset) {
      case PM1_EVENT:
        return s.pm1Status & 0xff;
      case PM1_EVENT + 1:
        return s.pm1Status >> 8;
      case PM1_EVENT + 2:
        return s.pm1Enable & 0xff;
      case PM1_EVENT + 3:
        return s.pm1Enable >> 8;
      case PM1_CONTROL:
        return s.pm1Control & 0xff;
      case PM1_CONTROL + 1:
        return s.pm1Control >> 8;
      case PM_TIMER:
      case PM_TIMER + 1:
      case PM_TIMER + 2:
      case PM_TIMER + 3:
        return (this.timerValue() >>> (8 * (offset - PM_TIMER))) & 0xff;
      case GPE0:
        return s.gpeStatus & 0xff;
      case GPE0 + 1:
        return s.gpeStatus >> 8;
      case GPE0 + 2:
        return s.gpeEnable & 0xff;
      case GPE0 + 3:
        return s.gpeEnable >> 8;
      default:
        return 0;
    }
  }

  protected override writeByte(bank: number, offset: number, value: number): void {
    const { s } = this;
    this.settle();
    if (bank === 1) {
      this.writeSmiPort(offset, value);
      return;
    }
    const shift = 8 * (offset & 1);
    const placed = value << shift;
    const keep = 0xff00 >> shift;
    switch (offset & ~1) {
      case PM1_EVENT:
        s.pm1Status &= ~(placed & STATUS_BITS); // written ones clear
        break;
      case PM1_EVENT + 2:
        s.pm1Enable = ((s.pm1Enable & keep) | placed) & ENABLE_BITS;
        break;
      case PM1_CONTROL:
        s.pm1Control = ((s.pm1Control & keep) | placed) & CONTROL_KEPT;
        if (placed & SLP_EN) this.sleep((s.pm1Control >> 10) & 7);
        break;
      case GPE0:
        s.gpeStatus &= ~placed;
        break;
      case GPE0 + 2:
        s.gpeEnable = (s.gpeEnable & keep) | placed;
        break;
      default:
        return;
    }
    this.updateSci();
  }

  private sleep(type: number): void {
    if (type === SLEEP_TYPE_S5) this.ports.onPowerOff();
    else this.s.pm1Status |= WAK_STS;
  }

  private writeSmiPort(offset: number, value: number): void {
    const { s } = this;
    if (offset === 1) s.smiStatus = value;
    if (offset !== 0) return;
    s.smiCommand = value;
    if (value === ACPI_ENABLE) s.pm1Control |= SCI_EN;
    else if (value === ACPI_DISABLE) s.pm1Control &= ~SCI_EN;
    this.updateSci();
  }

  reset(_kind: ResetKind): void {
    this.s = this.powerOn();
    this.updateSci();
  }

  save(): DeviceState {
    return { ...this.s };
  }

  load(saved: unknown): void {
    this.s = parseState(AcpiPmState, saved, this.id);
    this.updateSci();
  }

  describe(): Record<string, string | number | boolean> {
    const { pm1Status, pm1Enable, pm1Control } = this.s;
    return { acpi: this.isAcpiEnabled, pm1Status, pm1Enable, pm1Control, pmTimer: this.timerValue() };
  }
}
