// A PS/2 mouse (IBM PS/2 mouse reference; Microsoft's IntelliMouse wheel and five-button extensions): stream, remote and wrap mode,
// scaling, resolution and rate. Motion gathers until the controller takes the last report, so a slow guest loses no motion; each change
// of a button has a report of its own. Not modelled: pacing by sample rate (the controller paces), the effect of the resolution.
import type { Device, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { type Ps2Device, Ps2Queue } from "./ps2-port.ts";
import { MouseState } from "./ps2-mouse.state.ts";

const QUEUE_BYTES = 128;
/** Reports queue up to here only: the rest of the room is for answers. */
const REPORT_BYTES = 64;
const MAX_MOTION = 32_767;
const ACK = 0xfa, RESEND = 0xfe, SELF_TEST_PASSED = 0xaa;
const SCALE_1 = 0xe6, SCALE_2 = 0xe7, RESOLUTION = 0xe8, STATUS = 0xe9, STREAM = 0xea, READ_DATA = 0xeb, WRAP_OFF = 0xec, WRAP_ON = 0xee;
const REMOTE = 0xf0, IDENTIFY = 0xf2, SAMPLE_RATE = 0xf3, ENABLE = 0xf4, DISABLE = 0xf5, DEFAULTS = 0xf6, RESET = 0xff;

export class Ps2Mouse implements Device, Ps2Device {
  readonly id: string;
  readonly kind = "ps2-mouse";
  private readonly onData: () => void;
  private readonly queue = new Ps2Queue(QUEUE_BYTES);
  private s: Omit<MouseState, "queue"> = powerOn();

  constructor(id: string, onData: () => void) {
    this.id = id;
    this.onData = onData;
  }

  /** Motion in counts, y downwards; wheel in notches, away from the user negative; buttons: bit 0 left, 1 right, 2 middle, 3 and 4 side. */
  move(dx: number, dy: number, wheel: number, buttons: number): void {
    const { s } = this;
    s.dx = bounded(s.dx + dx);
    s.dy = bounded(s.dy - dy);
    s.wheel = bounded(s.wheel + wheel);
    const isClick = (buttons & 0x1f) !== s.buttons;
    s.buttons = buttons & 0x1f;
    if (isClick || dx !== 0 || dy !== 0 || wheel !== 0) s.changed = true;
    if (isClick && this.isStreaming() && this.queue.length + 4 <= REPORT_BYTES) this.queueReport();
    if (this.hasByte()) this.onData();
  }

  private isStreaming(): boolean {
    return this.s.reporting && !this.s.remote && !this.s.wrap;
  }

  hasByte(): boolean {
    return this.queue.length > 0 || (this.s.changed && this.isStreaming());
  }

  takeByte(): number {
    if (this.queue.length === 0) this.queueReport();
    this.s.lastSent = this.queue.take();
    return this.s.lastSent;
  }

  /** One movement packet of what has gathered; what does not fit stays for the next. */
  private queueReport(): void {
    const { s } = this;
    const dx = clamp(s.dx, -255, 255);
    const dy = clamp(s.dy, -255, 255);
    const wheel = s.model === 0 ? s.wheel : clamp(s.wheel, s.model === 3 ? -128 : -8, s.model === 3 ? 127 : 7);
    s.dx -= dx;
    s.dy -= dy;
    s.wheel -= wheel;
    s.changed = s.dx !== 0 || s.dy !== 0 || s.wheel !== 0;
    const x = this.isStreaming() ? this.scaled(dx) : dx; // scaling applies to stream mode only
    const y = this.isStreaming() ? this.scaled(dy) : dy;
    this.queue.push(0x08 | (s.buttons & 7) | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0), x & 0xff, y & 0xff);
    if (s.model === 3) this.queue.push(wheel & 0xff);
    else if (s.model === 4) this.queue.push((wheel & 0x0f) | ((s.buttons & 0x18) << 1));
  }

  /** The 2:1 scaling of the reference's table. */
  private scaled(value: number): number {
    if (!this.s.doubleScale) return value;
    const size = Math.abs(value);
    const scaled = size > 5 ? Math.min(size * 2, 255) : ([0, 1, 1, 3, 6, 9][size] ?? 0);
    return value < 0 ? -scaled : scaled;
  }

  writeByte(value: number): void {
    const { s } = this;
    const pending = s.command;
    s.command = 0;
    if (s.wrap && value !== WRAP_OFF && value !== RESET) this.queue.push(value);
    else if (pending !== 0) this.takeArgument(pending, value);
    else this.runCommand(value);
    if (this.hasByte()) this.onData();
  }

  private takeArgument(command: number, value: number): void {
    const { s } = this;
    if (command === RESOLUTION) {
      if (value > 3) {
        this.answer(RESEND);
        return;
      }
      s.resolution = value;
    } else {
      s.sampleRate = value;
      s.knock = [s.knock[1], s.knock[2], value];
      if (s.knock[0] === 200 && s.knock[2] === 80) {
        if (s.knock[1] === 100) s.model = 3;
        else if (s.knock[1] === 200 && s.model === 3) s.model = 4;
      }
    }
    this.answer(ACK);
  }

  private runCommand(value: number): void {
    const { s } = this;
    switch (value) {
      case SCALE_1:
      case SCALE_2:
        s.doubleScale = value === SCALE_2;
        this.answer(ACK);
        break;
      case RESOLUTION:
      case SAMPLE_RATE:
        s.command = value;
        this.answer(ACK);
        break;
      case STATUS:
        this.answer(ACK, this.statusByte(), s.resolution, s.sampleRate);
        break;
      case STREAM:
      case REMOTE:
        s.remote = value === REMOTE;
        this.forgetMotion();
        this.answer(ACK);
        break;
      case READ_DATA:
        this.answer(ACK);
        this.queueReport();
        break;
      case WRAP_ON:
      case WRAP_OFF:
        s.wrap = value === WRAP_ON;
        this.forgetMotion();
        this.answer(ACK);
        break;
      case IDENTIFY:
        this.answer(ACK, s.model);
        break;
      case ENABLE:
      case DISABLE:
        s.reporting = value === ENABLE;
        this.forgetMotion();
        this.answer(ACK);
        break;
      case DEFAULTS:
        this.s = { ...powerOn(), model: s.model, buttons: s.buttons };
        this.answer(ACK);
        break;
      case RESEND:
        this.queue.push(s.lastSent);
        break;
      case RESET:
        this.s = { ...powerOn(), buttons: s.buttons };
        this.answer(ACK, SELF_TEST_PASSED, 0);
        break;
      default:
        this.answer(RESEND);
    }
  }

  private statusByte(): number {
    const { s } = this;
    const buttons = ((s.buttons & 1) << 2) | ((s.buttons & 4) >> 1) | ((s.buttons & 2) >> 1);
    return (s.remote ? 0x40 : 0) | (s.reporting ? 0x20 : 0) | (s.doubleScale ? 0x10 : 0) | buttons;
  }

  /** A command ends what the mouse was sending. */
  private answer(...bytes: number[]): void {
    this.queue.clear();
    this.queue.push(...bytes);
  }

  private forgetMotion(): void {
    this.s.dx = 0;
    this.s.dy = 0;
    this.s.wheel = 0;
    this.s.changed = false;
  }

  reset(_kind: ResetKind): void {
    this.queue.clear();
    this.s = powerOn();
  }

  save(): DeviceState {
    return { ...this.s, knock: [...this.s.knock], queue: this.queue.save() };
  }

  load(saved: unknown): void {
    const { queue, ...rest } = parseState(MouseState, saved, this.id);
    this.s = rest;
    this.queue.load(queue);
  }

  describe(): Record<string, string | number | boolean> {
    const { model, reporting, remote, sampleRate, resolution, buttons } = this.s;
    return { model, reporting, remote, sampleRate, resolution, buttons, queued: this.queue.length };
  }
}

function powerOn(): Omit<MouseState, "queue"> {
  return {
    kind: "ps2-mouse", version: 1, model: 0, reporting: false, remote: false, wrap: false, doubleScale: false, resolution: 2, sampleRate: 100,
    knock: [0, 0, 0], command: 0, lastSent: 0, buttons: 0, dx: 0, dy: 0, wheel: 0, changed: false,
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

function bounded(value: number): number {
  return clamp(value, -MAX_MOTION, MAX_MOTION);
}
