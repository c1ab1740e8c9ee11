// A parallel port with a printer that is always ready, or with nothing on it: the standard (SPP) registers of the PC/AT printer
// adapter with the direction bit of the PS/2, and the handshake of IEEE 1284 compatibility mode.
// Bank 0: 3 ports: data, status, control. Bytes go to `onByte` when they are strobed. Not modelled: EPP, ECP, a device that answers.
import { z } from "zod";
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { timeNs, u8, uint } from "../../state/field-schemas.ts";
import type { DeviceTimers } from "../../time/clock.ts";

const ParallelPortState = z.strictObject({
  kind: z.literal("parallel-port"),
  version: z.literal(1),
  data: u8,
  control: uint(6),
  /** When the printer acknowledges the byte that it has, or 0: it is ready. */
  busyUntilNs: timeNs,
  /** The line is up since an acknowledgement. */
  isInterrupting: z.boolean(),
});

const STROBE = 0x01;
/** nINIT: the printer works while this is set. */
const NOT_INIT = 0x04;
const SELECT_IN = 0x08;
const INTERRUPT_ENABLE = 0x10;
const INPUT = 0x20;
const READY = 0x80;
/** nACK high, paper, selected, no error; the interrupt flag of the PS/2 is low when set, the low two bits are not there. */
const PRINTER = 0x5b;
const NO_INTERRUPT = 0x04;
/** With nothing plugged in the inputs are pulled up, of which BUSY reads inverted. */
const NOTHING = 0x7f;
const TIMER = "acknowledge";
/** A printer with a buffer takes a byte in a few microseconds. */
const BUSY_NS = 5_000;

export class ParallelPort extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "parallel-port";
  private readonly irq: IrqLine;
  private readonly timers: DeviceTimers;
  private readonly onByte: ((byte: number) => void) | null;
  private data = 0;
  private control = 0;
  private busyUntilNs = 0;
  private isInterrupting = false;

  /** `onByte`: what is printed goes there; null: nothing is plugged in. */
  constructor(id: string, irq: IrqLine, timers: DeviceTimers, onByte: ((byte: number) => void) | null) {
    super();
    this.id = id;
    this.irq = irq;
    this.timers = timers;
    this.onByte = onByte;
  }

  protected override readByte(_bank: number, offset: number): number {
    if (offset === 0) return this.control & INPUT ? 0xff : this.data;
    if (offset === 1) return this.readStatus();
    return offset === 2 ? this.control | 0xc0 : 0xff;
  }

  private readStatus(): number {
    if (!this.onByte) return NOTHING;
    const flag = this.isInterrupting ? 0 : NO_INTERRUPT;
    this.setInterrupt(false);
    return PRINTER | flag | (this.isReady() ? READY : 0);
  }

  private isReady(): boolean {
    return this.busyUntilNs === 0 && (this.control & NOT_INIT) !== 0;
  }

  protected override writeByte(_bank: number, offset: number, value: number): void {
    if (offset === 0) this.data = value;
    else if (offset === 2) this.writeControl(value & 0x3f);
  }

  private writeControl(value: number): void {
    const isStrobed = (value & STROBE) !== 0 && (this.control & STROBE) === 0;
    this.control = value;
    if (!(value & NOT_INIT)) this.setBusy(0);
    if (!(value & INTERRUPT_ENABLE)) this.setInterrupt(false);
    if (isStrobed && value & SELECT_IN && this.onByte && this.isReady()) {
      this.setInterrupt(false);
      this.setBusy(this.timers.nowNs() + BUSY_NS);
      this.onByte(this.data);
    }
  }

  private setBusy(untilNs: number): void {
    this.busyUntilNs = untilNs;
    if (untilNs > 0) this.timers.arm(TIMER, untilNs);
    else this.timers.cancel(TIMER);
  }

  private setInterrupt(level: boolean): void {
    this.isInterrupting = level;
    this.irq.set(level);
  }

  onTimer(_name: string): void {
    this.busyUntilNs = 0;
    if (this.control & INTERRUPT_ENABLE) this.setInterrupt(true);
  }

  reset(_kind: ResetKind): void {
    this.data = 0;
    this.control = 0;
    this.setBusy(0);
    this.setInterrupt(false);
  }

  save(): DeviceState {
    const { data, control, busyUntilNs, isInterrupting } = this;
    return { kind: "parallel-port", version: 1, data, control, busyUntilNs, isInterrupting };
  }

  load(state: unknown): void {
    const saved = parseState(ParallelPortState, state, this.id);
    this.data = saved.data;
    this.control = saved.control;
    this.setBusy(saved.busyUntilNs);
    this.setInterrupt(saved.isInterrupting);
  }

  describe(): Record<string, string> {
    return { printer: !this.onByte ? "none" : this.isReady() ? "ready" : "busy" };
  }
}
