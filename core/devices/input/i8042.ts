// The PS/2 keyboard controller (Intel 8042 with IBM PS/2 firmware; IBM PS/2 technical reference, "Keyboard and auxiliary device
// controller"): commands, two device ports, translation of scan code set 2 to 1, A20 and the reset pulse.
// Banks: 0 = port 60h, 1 = port 64h. Bytes of a device come at least 300 us apart, as on the wire: drivers that read port 60h twice
// for one interrupt rely on it. Power-on leaves the command byte as PC firmware does (65h). Not modelled: the test port, passwords,
// active multiplexing (its probe sees an ordinary controller), parity and timeout errors.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { I8042State } from "./i8042.state.ts";
import type { Ps2Device } from "./ps2-port.ts";
import { translateToSet1 } from "./scan-codes.ts";

export interface I8042Ports {
  readonly keyboard: Ps2Device;
  readonly aux: Ps2Device;
  /** IRQ 1 and IRQ 12. */
  readonly keyboardIrq: IrqLine;
  readonly auxIrq: IrqLine;
  /** The guest switched the A20 gate (see `a20`). */
  onA20(enabled: boolean): void;
  /** The guest pulsed the reset line. */
  onReset(): void;
}

const BYTE_NS = 300_000;
const TIMER = "byte";
const MAX_REPLIES = 32;

const STATUS_OBF = 0x01, STATUS_COMMAND = 0x08, STATUS_UNLOCKED = 0x10, STATUS_AUX = 0x20;
const CTR_KEYBOARD_INT = 0x01, CTR_AUX_INT = 0x02, CTR_SYSTEM = 0x04, CTR_KEYBOARD_OFF = 0x10, CTR_AUX_OFF = 0x20, CTR_TRANSLATE = 0x40;
const CTR_POWER_ON = CTR_KEYBOARD_INT | CTR_SYSTEM | CTR_AUX_OFF | CTR_TRANSLATE;
const OUT_RUN = 0x01, OUT_A20 = 0x02, OUT_KEYBOARD_OBF = 0x10, OUT_AUX_OBF = 0x20;
const OUT_POWER_ON = 0xc0 | OUT_RUN | OUT_A20;
const INPUT_PORT = 0xa0; // not locked, colour display

const READ_RAM = 0x20, WRITE_RAM = 0x60;
const AUX_DISABLE = 0xa7, AUX_ENABLE = 0xa8, AUX_TEST = 0xa9, SELF_TEST = 0xaa, KEYBOARD_TEST = 0xab, KEYBOARD_DISABLE = 0xad, KEYBOARD_ENABLE = 0xae;
const READ_INPUT = 0xc0, READ_OUTPUT = 0xd0, WRITE_OUTPUT = 0xd1, WRITE_KEYBOARD_BUFFER = 0xd2, WRITE_AUX_BUFFER = 0xd3, WRITE_AUX = 0xd4;
const A20_OFF = 0xdd, A20_ON = 0xdf, PULSE = 0xf0;

export class I8042 extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "i8042";
  private readonly ports: I8042Ports;
  private readonly timers: DeviceTimers;
  private s: I8042State;
  private replies: number[] = [];

  constructor(id: string, ports: I8042Ports, timers: DeviceTimers) {
    super();
    this.id = id;
    this.ports = ports;
    this.timers = timers;
    this.s = powerOn();
  }

  /** The A20 gate as this controller drives it. To be read after load() and reset(), which tell nobody. */
  get a20(): boolean {
    return (this.s.outputPort & OUT_A20) !== 0;
  }

  /** A device has a byte to send. */
  deviceReady(): void {
    this.fill();
  }

  onTimer(_name: string): void {
    this.fill();
  }

  private get ctr(): number {
    return this.s.ram[0] ?? 0;
  }

  private set ctr(value: number) {
    this.s.ram[0] = value;
    this.updateIrqs();
    this.fill();
  }

  /** Puts the next byte into the output buffer if that is free: the controller's answers first, then the keyboard, then the mouse. */
  private fill(): void {
    if (this.s.isFull) return;
    if (this.replies.length > 0) {
      const value = this.replies.shift() ?? 0;
      this.output(value, this.replies.shift() === 1);
      return;
    }
    const { keyboard, aux } = this.ports;
    const hasKey = !(this.ctr & CTR_KEYBOARD_OFF) && keyboard.hasByte();
    const hasAux = !(this.ctr & CTR_AUX_OFF) && aux.hasByte();
    if (!hasKey && !hasAux) return;
    if (this.timers.nowNs() < this.s.readyNs) {
      this.timers.arm(TIMER, this.s.readyNs);
      return;
    }
    if (hasKey && this.takeKeyboardByte()) return;
    if (hasAux) this.output(aux.takeByte(), true);
  }

  /** False if all there was was the F0h that translation swallows. */
  private takeKeyboardByte(): boolean {
    const { keyboard } = this.ports;
    while (keyboard.hasByte()) {
      const byte = keyboard.takeByte();
      if (!(this.ctr & CTR_TRANSLATE)) {
        this.output(byte, false);
        return true;
      }
      if (byte === 0xf0) {
        this.s.breakSeen = true;
        continue;
      }
      const translated = translateToSet1(byte) | (this.s.breakSeen ? 0x80 : 0);
      this.s.breakSeen = false;
      this.output(translated, false);
      return true;
    }
    return false;
  }

  private output(value: number, isFromAux: boolean): void {
    this.s.data = value;
    this.s.isFull = true;
    this.s.isFromAux = isFromAux;
    this.updateIrqs();
  }

  private updateIrqs(): void {
    const { isFull, isFromAux } = this.s;
    this.ports.keyboardIrq.set(isFull && !isFromAux && (this.ctr & CTR_KEYBOARD_INT) !== 0);
    this.ports.auxIrq.set(isFull && isFromAux && (this.ctr & CTR_AUX_INT) !== 0);
  }

  private reply(value: number, isFromAux = false): void {
    if (this.replies.length < MAX_REPLIES) this.replies.push(value, isFromAux ? 1 : 0);
    this.fill();
  }

  protected override readByte(bank: number, offset: number): number {
    if (offset !== 0) return 0xff;
    return bank === 0 ? this.readData() : this.status();
  }

  protected override writeByte(bank: number, offset: number, value: number): void {
    if (offset !== 0) return;
    this.s.lastWasCommand = bank === 1;
    if (bank === 1) this.runCommand(value);
    else this.writeData(value);
  }

  private status(): number {
    const { isFull, isFromAux, lastWasCommand } = this.s;
    return (
      STATUS_UNLOCKED | (this.ctr & CTR_SYSTEM) | (lastWasCommand ? STATUS_COMMAND : 0) | (isFull ? STATUS_OBF | (isFromAux ? STATUS_AUX : 0) : 0)
    );
  }

  private readData(): number {
    if (!this.s.isFull) return this.s.data;
    const { data } = this.s;
    this.s.isFull = false;
    this.s.readyNs = this.timers.nowNs() + BYTE_NS;
    this.updateIrqs();
    this.fill();
    return data;
  }

  private runCommand(value: number): void {
    this.s.command = 0;
    if (value >= READ_RAM && value < READ_RAM + 32) {
      this.reply(this.s.ram[value - READ_RAM] ?? 0);
      return;
    }
    if ((value >= WRITE_RAM && value < WRITE_RAM + 32) || (value >= WRITE_OUTPUT && value <= WRITE_AUX)) {
      this.s.command = value;
      return;
    }
    if (value >= PULSE) {
      if (!(value & 1)) this.ports.onReset();
      return;
    }
    switch (value) {
      case AUX_DISABLE:
        this.ctr |= CTR_AUX_OFF;
        break;
      case AUX_ENABLE:
        this.ctr &= ~CTR_AUX_OFF;
        break;
      case KEYBOARD_DISABLE:
        this.ctr |= CTR_KEYBOARD_OFF;
        break;
      case KEYBOARD_ENABLE:
        this.ctr &= ~CTR_KEYBOARD_OFF;
        break;
      case SELF_TEST:
        this.s.isFull = false;
        this.replies = [];
        this.ctr |= CTR_SYSTEM;
        this.reply(0x55);
        break;
      case AUX_TEST:
      case KEYBOARD_TEST:
        this.reply(0);
        break;
      case READ_INPUT:
        this.reply(INPUT_PORT);
        break;
      case READ_OUTPUT:
        this.reply(this.outputPins());
        break;
      case A20_OFF:
      case A20_ON:
        this.setOutputPort(value === A20_ON ? this.s.outputPort | OUT_A20 : this.s.outputPort & ~OUT_A20);
        break;
    }
  }

  private writeData(value: number): void {
    const { command } = this.s;
    this.s.command = 0;
    if (command === WRITE_RAM) {
      this.ctr = value;
    } else if (command > WRITE_RAM && command < WRITE_RAM + 32) {
      this.s.ram[command - WRITE_RAM] = value;
    } else if (command === WRITE_OUTPUT) {
      this.setOutputPort(value);
    } else if (command === WRITE_KEYBOARD_BUFFER) {
      this.reply(value);
    } else if (command === WRITE_AUX_BUFFER) {
      this.reply(value, true);
    } else if (command === WRITE_AUX) {
      this.ctr &= ~CTR_AUX_OFF; // sending to a device enables its clock
      this.ports.aux.writeByte(value);
      this.fill();
    } else {
      this.ctr &= ~CTR_KEYBOARD_OFF;
      this.ports.keyboard.writeByte(value);
      this.fill();
    }
  }

  private outputPins(): number {
    const { isFull, isFromAux, outputPort } = this.s;
    return outputPort | (isFull ? (isFromAux ? OUT_AUX_OBF : OUT_KEYBOARD_OBF) : 0);
  }

  private setOutputPort(value: number): void {
    const before = this.s.outputPort;
    this.s.outputPort = (value | OUT_RUN) & ~(OUT_KEYBOARD_OBF | OUT_AUX_OBF);
    if ((before ^ value) & OUT_A20) this.ports.onA20((value & OUT_A20) !== 0);
    if (!(value & OUT_RUN)) this.ports.onReset();
  }

  reset(_kind: ResetKind): void {
    this.s = powerOn();
    this.replies = [];
    this.timers.cancel(TIMER);
    this.updateIrqs();
  }

  save(): DeviceState {
    return { ...this.s, ram: this.s.ram.slice(), replies: Uint8Array.from(this.replies) };
  }

  load(saved: unknown): void {
    const state = parseState(I8042State, saved, this.id);
    this.s = { ...state, ram: state.ram.slice() };
    this.replies = [...state.replies];
    // If a device has a byte is its own to say, and may be loaded later: look again when the next one may come.
    this.timers.arm(TIMER, Math.max(state.readyNs, this.timers.nowNs()));
    this.updateIrqs();
  }

  describe(): Record<string, string | number | boolean> {
    return { ctr: this.ctr, status: this.status(), a20: this.a20, outputBuffer: this.s.data, full: this.s.isFull };
  }
}

function powerOn(): I8042State {
  const ram = new Uint8Array(32);
  ram[0] = CTR_POWER_ON;
  return {
    kind: "i8042", version: 1, ram, outputPort: OUT_POWER_ON, command: 0, lastWasCommand: false, data: 0, isFull: false, isFromAux: false,
    replies: new Uint8Array(0), breakSeen: false, readyNs: 0,
  };
}
