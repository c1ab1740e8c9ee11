// A PS/2 keyboard (IBM PS/2 keyboard technical reference): scan code sets 2 and 1, the commands of the host, a bounded output queue.
// A repeat comes from the host as a further "down". Not modelled: scan code set 3 (refused with FEh), typematic of its own.
import type { Device, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { KeyboardState } from "./ps2-keyboard.state.ts";
import { type Ps2Device, Ps2Queue } from "./ps2-port.ts";
import { set1Codes, set2Codes } from "./scan-codes.ts";

const QUEUE_BYTES = 256;
/** Kept free of key-down codes, so that the release of a held key and an answer always find room. */
const RESERVED_BYTES = 64;
const ACK = 0xfa, RESEND = 0xfe, SELF_TEST_PASSED = 0xaa;
const SET_LEDS = 0xed, ECHO = 0xee, SCAN_SET = 0xf0, IDENTIFY = 0xf2, TYPEMATIC = 0xf3, ENABLE = 0xf4, DISABLE = 0xf5, DEFAULTS = 0xf6;
const RESET = 0xff;
const DEFAULT_TYPEMATIC = 0x2b; // 10.9 a second after 500 ms

export class Ps2Keyboard implements Device, Ps2Device {
  readonly id: string;
  readonly kind = "ps2-keyboard";
  private readonly onData: () => void;
  private readonly onLeds: ((leds: number) => void) | undefined;
  private readonly queue = new Ps2Queue(QUEUE_BYTES);
  private scanning = true;
  private scanSet: 1 | 2 = 2;
  private leds = 0;
  private typematic = DEFAULT_TYPEMATIC;
  private command = 0;
  private lastSent = 0;

  /** `onData`: there is something to take. `onLeds`: the guest has changed the lights (see `lights`). */
  constructor(id: string, onData: () => void, onLeds?: (leds: number) => void) {
    this.id = id;
    this.onData = onData;
    this.onLeds = onLeds;
  }

  /** A key by its KeyboardEvent.code goes down or up. False if it is not on this keyboard or was dropped. */
  key(code: string, down: boolean): boolean {
    const codes = this.scanSet === 2 ? set2Codes(code, down) : set1Codes(code, down);
    if (!codes || !this.scanning) return false;
    if (down && !this.queue.hasRoom(codes.length + RESERVED_BYTES)) return false;
    if (!this.queue.push(...codes)) return false;
    if (codes.length > 0) this.onData();
    return true;
  }

  /** The lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. To be read after load(), which tells nobody. */
  get lights(): number {
    return this.leds;
  }

  hasByte(): boolean {
    return this.queue.length > 0;
  }

  takeByte(): number {
    this.lastSent = this.queue.take();
    return this.lastSent;
  }

  writeByte(value: number): void {
    const pending = this.command;
    this.command = 0;
    if (pending !== 0 && value < 0x80) this.takeArgument(pending, value);
    else this.runCommand(value); // a command in place of an argument is obeyed
    if (this.queue.length > 0) this.onData();
  }

  private takeArgument(command: number, value: number): void {
    if (command === SET_LEDS) {
      this.setLeds(value & 7);
      this.answer(ACK);
    } else if (command === TYPEMATIC) {
      this.typematic = value;
      this.answer(ACK);
    } else if (value === 0) {
      this.answer(ACK, this.scanSet);
    } else if (value === 1 || value === 2) {
      this.scanSet = value;
      this.answer(ACK);
    } else {
      this.answer(RESEND);
    }
  }

  private runCommand(value: number): void {
    switch (value) {
      case SET_LEDS:
      case SCAN_SET:
      case TYPEMATIC:
        this.command = value;
        this.answer(ACK);
        break;
      case ECHO:
        this.answer(ECHO);
        break;
      case IDENTIFY:
        this.answer(ACK, 0xab, 0x83);
        break;
      case ENABLE:
        this.queue.clear();
        this.scanning = true;
        this.answer(ACK);
        break;
      case DISABLE:
      case DEFAULTS:
        this.setDefaults();
        this.scanning = value === DEFAULTS;
        this.answer(ACK);
        break;
      case RESEND:
        this.answer(this.lastSent);
        break;
      case RESET:
        this.setDefaults();
        this.setLeds(0);
        this.answer(ACK, SELF_TEST_PASSED);
        break;
      default:
        // F7h to FDh choose what set 3 keys send: accepted, and without effect in sets 1 and 2.
        this.answer(value >= 0xf7 ? ACK : RESEND);
    }
  }

  /** An answer is never lost: keys that fill the queue give way to it. */
  private answer(...bytes: number[]): void {
    if (this.queue.push(...bytes)) return;
    this.queue.clear();
    this.queue.push(...bytes);
  }

  private setDefaults(): void {
    this.queue.clear();
    this.scanning = true;
    this.scanSet = 2;
    this.typematic = DEFAULT_TYPEMATIC;
    this.command = 0;
  }

  private setLeds(leds: number): void {
    if (leds === this.leds) return;
    this.leds = leds;
    this.onLeds?.(leds);
  }

  reset(_kind: ResetKind): void {
    this.setDefaults();
    this.setLeds(0);
    this.lastSent = 0;
  }

  save(): DeviceState {
    const state: KeyboardState = {
      kind: "ps2-keyboard", version: 1, scanning: this.scanning, scanSet: this.scanSet, leds: this.leds, typematic: this.typematic,
      command: this.command, lastSent: this.lastSent, queue: this.queue.save(),
    };
    return state;
  }

  load(saved: unknown): void {
    const state = parseState(KeyboardState, saved, this.id);
    this.scanning = state.scanning;
    this.scanSet = state.scanSet;
    this.leds = state.leds;
    this.typematic = state.typematic;
    this.command = state.command;
    this.lastSent = state.lastSent;
    this.queue.load(state.queue);
  }

  describe(): Record<string, string | number | boolean> {
    return { scanning: this.scanning, scanSet: this.scanSet, leds: this.leds, queued: this.queue.length };
  }
}
