// PC16550D UART (National data sheet): 16450 and FIFO modes, trigger levels, character timeout, loopback, interrupts by priority.
// Bank 0 = its eight ports. Transmission is instant: a byte written leaves at once and THR is empty again, which the guest sees as a
// very fast line; what is received waits at the host until there is room. The other end always has CTS, DSR and DCD raised.
// OUT2 gates the interrupt as on every PC. Not modelled: line errors and break, timing by baud rate except the character timeout.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { UartState } from "./uart16550.state.ts";

const FIFO_SIZE = 16;
const CLOCK_HZ = 1_843_200;
const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
const TIMER = "rxTimeout";

const IER_RDA = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8;
const IIR_NONE = 0x01, IIR_MODEM = 0x00, IIR_THRE = 0x02, IIR_RDA = 0x04, IIR_LINE = 0x06, IIR_TIMEOUT = 0x0c;
const FCR_ENABLE = 1, FCR_CLEAR_RX = 2;
const LCR_DLAB = 0x80;
const MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10;
const LSR_DR = 1, LSR_OE = 2, LSR_THRE = 0x20, LSR_TEMT = 0x40;
const MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80;

export class Uart16550 extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "uart16550";
  private readonly irq: IrqLine;
  private readonly onTransmit: (byte: number) => void;
  private readonly timers: DeviceTimers;
  private ier = 0;
  private fcr = 0;
  private lcr = 0;
  private mcr = 0;
  private scr = 0;
  private divisor = 12;
  private modemDelta = 0;
  private overrun = false;
  private thrEmptyPending = false;
  private readonly rx = new Uint8Array(FIFO_SIZE);
  private rxHead = 0;
  private rxCount = 0;
  private rbr = 0;
  private timedOut = false;
  private timeoutNs = 0;

  constructor(id: string, irq: IrqLine, onTransmit: (byte: number) => void, timers: DeviceTimers) {
    super();
    this.id = id;
    this.irq = irq;
    this.onTransmit = onTransmit;
    this.timers = timers;
  }

  /** How many bytes receive() would take now. */
  get receiveRoom(): number {
    if (this.mcr & MCR_LOOP) return 0; // the receiver is cut off from the line
    return Math.max(this.capacity() - this.rxCount, 0);
  }

  /** Offers bytes from the line; gives how many were taken. The rest is to be offered again later. */
  receive(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.receiveRoom);
    for (let i = 0; i < taken; i++) this.push(bytes[i] ?? 0);
    if (taken > 0) this.receivedSome();
    return taken;
  }

  private capacity(): number {
    return this.fcr & FCR_ENABLE ? FIFO_SIZE : 1;
  }

  private push(byte: number): void {
    this.rx[(this.rxHead + this.rxCount) % FIFO_SIZE] = byte;
    this.rxCount++;
  }

  private receivedSome(): void {
    this.timedOut = false;
    this.restartTimeout();
    this.updateIrq();
  }

  /** Four character times without a byte coming or going, while the FIFO holds some. */
  private restartTimeout(): void {
    if (this.rxCount === 0 || !(this.fcr & FCR_ENABLE)) {
      this.timeoutNs = 0;
      this.timers.cancel(TIMER);
      return;
    }
    const bits = 2 + 5 + (this.lcr & 3) + ((this.lcr >> 2) & 1) + ((this.lcr >> 3) & 1);
    this.timeoutNs = this.timers.nowNs() + Math.ceil((4 * bits * 16 * (this.divisor || 0x10000) * 1e9) / CLOCK_HZ);
    this.timers.arm(TIMER, this.timeoutNs);
  }

  onTimer(_name: string): void {
    this.timeoutNs = 0;
    this.timedOut = this.rxCount > 0;
    this.updateIrq();
  }

  protected override readByte(_bank: number, offset: number): number {
    switch (offset) {
      case 0:
        return this.lcr & LCR_DLAB ? this.divisor & 0xff : this.readRbr();
      case 1:
        return this.lcr & LCR_DLAB ? this.divisor >> 8 : this.ier;
      case 2:
        return this.readIir();
      case 3:
        return this.lcr;
      case 4:
        return this.mcr;
      case 5:
        return this.readLsr();
      case 6:
        return this.readMsr();
      case 7:
        return this.scr;
      default:
        return 0xff;
    }
  }

  protected override writeByte(_bank: number, offset: number, value: number): void {
    switch (offset) {
      case 0:
        if (this.lcr & LCR_DLAB) this.divisor = (this.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case 1:
        if (this.lcr & LCR_DLAB) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.writeIer(value & 0x0f);
        break;
      case 2:
        this.writeFcr(value);
        break;
      case 3:
        this.lcr = value;
        break;
      case 4:
        this.writeMcr(value & 0x1f);
        break;
      case 7:
        this.scr = value;
        break;
    }
  }

  private readRbr(): number {
    if (this.rxCount === 0) return this.rbr;
    this.rbr = this.rx[this.rxHead] ?? 0;
    this.rxHead = (this.rxHead + 1) % FIFO_SIZE;
    this.rxCount--;
    this.timedOut = false;
    this.restartTimeout();
    this.updateIrq();
    return this.rbr;
  }

  private transmit(byte: number): void {
    this.thrEmptyPending = false;
    this.updateIrq(); // THR is full for a moment: INTR falls, so that an edge-triggered controller sees it rise again
    if (this.mcr & MCR_LOOP) this.receiveOwn(byte);
    else this.onTransmit(byte);
    this.thrEmptyPending = true;
    this.updateIrq();
  }

  private receiveOwn(byte: number): void {
    if (this.rxCount < this.capacity()) {
      this.push(byte & (0xff >> (3 - (this.lcr & 3))));
    } else {
      this.overrun = true;
      // The FIFO keeps what it has; without it, the new character takes the old one's place.
      if (!(this.fcr & FCR_ENABLE)) this.rx[this.rxHead] = byte & (0xff >> (3 - (this.lcr & 3)));
    }
    this.receivedSome();
  }

  private writeIer(value: number): void {
    // Enabling the transmitter interrupt while THR is empty raises it at once: drivers start sending so.
    if (value & IER_THRE && !(this.ier & IER_THRE)) this.thrEmptyPending = true;
    this.ier = value;
    this.updateIrq();
  }

  private writeFcr(value: number): void {
    const isToggled = ((value ^ this.fcr) & FCR_ENABLE) !== 0;
    this.fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
    if (isToggled || (value & (FCR_ENABLE | FCR_CLEAR_RX)) === (FCR_ENABLE | FCR_CLEAR_RX)) {
      this.rxHead = 0;
      this.rxCount = 0;
      this.timedOut = false;
      this.restartTimeout();
    }
    this.updateIrq();
  }

  private writeMcr(value: number): void {
    const before = this.modemLines();
    this.mcr = value;
    const after = this.modemLines();
    const changed = before ^ after;
    // CTS, DSR and DCD tell any change, RI only its end.
    this.modemDelta |= ((changed & MSR_CTS) >> 4) | ((changed & MSR_DSR) >> 4) | ((changed & MSR_DCD) >> 4) | ((changed & before & MSR_RI) >> 4);
    this.updateIrq();
  }

  /** MSR's upper half: the other end's outputs, or in loopback the UART's own. */
  private modemLines(): number {
    const { mcr } = this;
    if (!(mcr & MCR_LOOP)) return MSR_CTS | MSR_DSR | MSR_DCD;
    return (mcr & MCR_RTS ? MSR_CTS : 0) | (mcr & MCR_DTR ? MSR_DSR : 0) | (mcr & MCR_OUT1 ? MSR_RI : 0) | (mcr & MCR_OUT2 ? MSR_DCD : 0);
  }

  private readMsr(): number {
    const value = this.modemLines() | this.modemDelta;
    this.modemDelta = 0;
    this.updateIrq();
    return value;
  }

  private readLsr(): number {
    const value = LSR_THRE | LSR_TEMT | (this.rxCount > 0 ? LSR_DR : 0) | (this.overrun ? LSR_OE : 0);
    this.overrun = false;
    this.updateIrq();
    return value;
  }

  /** The interrupt of highest priority, as IIR shows it. */
  private interruptId(): number {
    const { ier } = this;
    if (ier & IER_LINE && this.overrun) return IIR_LINE;
    if (ier & IER_RDA) {
      const trigger = this.fcr & FCR_ENABLE ? (TRIGGER_LEVELS[this.fcr >> 6] ?? 1) : 1;
      if (this.rxCount >= trigger) return IIR_RDA;
      if (this.timedOut) return IIR_TIMEOUT;
    }
    if (ier & IER_THRE && this.thrEmptyPending) return IIR_THRE;
    if (ier & IER_MODEM && this.modemDelta !== 0) return IIR_MODEM;
    return IIR_NONE;
  }

  private readIir(): number {
    const id = this.interruptId();
    if (id === IIR_THRE) {
      this.thrEmptyPending = false;
      this.updateIrq();
    }
    return id | (this.fcr & FCR_ENABLE ? 0xc0 : 0);
  }

  private updateIrq(): void {
    this.irq.set(this.interruptId() !== IIR_NONE && (this.mcr & (MCR_OUT2 | MCR_LOOP)) === MCR_OUT2);
  }

  reset(_kind: ResetKind): void {
    this.ier = 0;
    this.fcr = 0;
    this.lcr = 0;
    this.mcr = 0;
    this.scr = 0;
    this.divisor = 12;
    this.modemDelta = 0;
    this.overrun = false;
    this.thrEmptyPending = false;
    this.rxHead = 0;
    this.rxCount = 0;
    this.rbr = 0;
    this.timedOut = false;
    this.restartTimeout();
    this.updateIrq();
  }

  save(): DeviceState {
    const state: UartState = {
      kind: "uart16550", version: 1, ier: this.ier, fcr: this.fcr, lcr: this.lcr, mcr: this.mcr, scr: this.scr, divisor: this.divisor,
      modemDelta: this.modemDelta, overrun: this.overrun, thrEmptyPending: this.thrEmptyPending,
      rx: Uint8Array.from({ length: this.rxCount }, (_, i) => this.rx[(this.rxHead + i) % FIFO_SIZE] ?? 0),
      rbr: this.rbr, timedOut: this.timedOut, timeoutNs: this.timeoutNs,
    };
    return state;
  }

  load(saved: unknown): void {
    const state = parseState(UartState, saved, this.id);
    this.ier = state.ier;
    this.fcr = state.fcr;
    this.lcr = state.lcr;
    this.mcr = state.mcr;
    this.scr = state.scr;
    this.divisor = state.divisor;
    this.modemDelta = state.modemDelta;
    this.overrun = state.overrun;
    this.thrEmptyPending = state.thrEmptyPending;
    this.rx.set(state.rx);
    this.rxHead = 0;
    this.rxCount = state.rx.length;
    this.rbr = state.rbr;
    this.timedOut = state.timedOut;
    this.timeoutNs = state.timeoutNs;
    if (this.timeoutNs > 0) this.timers.arm(TIMER, this.timeoutNs);
    else this.timers.cancel(TIMER);
    this.updateIrq();
  }

  describe(): Record<string, string | number | boolean> {
    const baud = Math.round(CLOCK_HZ / 16 / (this.divisor || 0x10000));
    const fifo = (this.fcr & FCR_ENABLE) !== 0;
    return { baud, ier: this.ier, lcr: this.lcr, mcr: this.mcr, fifo, received: this.rxCount, iir: this.interruptId() };
  }
}
