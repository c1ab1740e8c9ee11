// MC146818A real-time clock with 128 bytes of CMOS (data sheet: update cycle, alarm, periodic rates), century in 32h as PCs have it.
// Bank 0 = ports 70h-71h; bit 7 of port 70h is the PC's NMI mask. Time is a second number and the moment it began, in virtual time;
// the flags of register C are worked out when someone looks, so that a clock nobody waits for costs no timer events.
// Periods that came due together, because the machine looks late or the guest has not read register C yet, are each given out, one
// after the other as the guest reads register C: Windows counts them to keep time.
// Not modelled: daylight saving (DSE is kept, nothing happens), the square wave output, RAM protection.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { nsOfTick, ticksAt } from "../../time/ticks.ts";
import { civilTimeOf, secondsOf, weekdayOf } from "./calendar.ts";
import { RtcState } from "./rtc146818.state.ts";

const NS_PER_SECOND = 1_000_000_000;
const DAY_SECONDS = 86_400;
const DIVIDER_HZ = 32_768;
/** UIP rises tBUC (244 us) before the update cycle, which takes tUC (1984 us). */
const UPDATE_NS = 2_228_000;
const TIMER = "event";
/** No more than this many late periods are kept: about a second at 1024 Hz. */
const MAX_BACKLOG = 1000;
/** A late period follows the reading of register C by this part of its length, and by so much at least: time for a guest that reads
 *  it twice, and short enough for one that gets little of the host. */
const PAUSE_PART = 32;
const MIN_PAUSE_NS = 25_000;

const SECONDS = 0x00, SECONDS_ALARM = 0x01, MINUTES = 0x02, MINUTES_ALARM = 0x03, HOURS = 0x04, HOURS_ALARM = 0x05;
const WEEKDAY = 0x06, DAY = 0x07, MONTH = 0x08, YEAR = 0x09, A = 0x0a, B = 0x0b, C = 0x0c, D = 0x0d, CENTURY = 0x32;
const B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 0x08, B_BINARY = 0x04, B_24H = 0x02;
const C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10;

export class Rtc146818 extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "rtc146818";
  private readonly irq8: IrqLine;
  private readonly timers: DeviceTimers;
  private s: RtcState;

  /** `epochMs`: wall time at virtual time 0, UTC or local as the machine wants it. `cmos`: what the battery kept (see cmosImage). */
  constructor(id: string, irq8: IrqLine, timers: DeviceTimers, epochMs: number, cmos: Uint8Array = new Uint8Array(128)) {
    super();
    this.id = id;
    this.irq8 = irq8;
    this.timers = timers;
    const baseSecond = Math.floor(epochMs / 1000);
    const image = new Uint8Array(128);
    image.set(cmos.subarray(0, 128));
    image[A] = 0x26; // 32768 Hz, 1024 Hz rate: as every PC firmware leaves it
    image[B] = B_24H;
    this.s = {
      kind: "rtc146818", version: 1, index: 0, nmiMasked: false, cmos: image, baseSecond,
      baseNs: -Math.round((epochMs - baseSecond * 1000) * 1e6), weekdayShift: 0, flags: 0, settledNs: timers.nowNs(), backlog: 0, retryNs: 0,
    };
  }

  /** True while the guest holds NMI off with bit 7 of port 70h. */
  get nmiMasked(): boolean {
    return this.s.nmiMasked;
  }

  protected override readByte(_bank: number, offset: number): number {
    return offset === 1 ? this.readRegister(this.s.index) : 0xff; // port 70h is write-only
  }

  protected override writeByte(_bank: number, offset: number, value: number): void {
    if (offset === 0) {
      this.s.index = value & 0x7f;
      this.s.nmiMasked = (value & 0x80) !== 0;
    } else if (offset === 1) {
      this.writeRegister(this.s.index, value);
    }
  }

  /** CMOS memory as the battery keeps it, for wiring that looks at it. */
  cmosByte(index: number): number {
    return this.raw(index & 0x7f);
  }

  private readRegister(index: number): number {
    if (isTimeRegister(index)) return this.isHeld() ? this.raw(index) : this.timeRegister(index);
    if (index === A) return (this.raw(A) & 0x7f) | (this.isUpdating() ? 0x80 : 0);
    if (index === C) return this.readFlags();
    if (index === D) return 0x80; // VRT: the battery is good
    return this.raw(index);
  }

  private writeRegister(index: number, value: number): void {
    if (index === C || index === D) return;
    this.settle();
    if (index === A) this.writeA(value & 0x7f);
    else if (index === B) this.writeB(value);
    else if (isTimeRegister(index)) this.writeTime(index, value);
    else this.s.cmos[index] = value;
    this.followEvents();
  }

  private raw(index: number): number {
    return this.s.cmos[index] ?? 0;
  }

  /** The time registers stand still: SET, or the divider chain held in reset. */
  private isHeld(): boolean {
    return (this.raw(B) & B_SET) !== 0 || (this.raw(A) & 0x60) === 0x60;
  }

  private writeA(value: number): void {
    if ((value ^ this.raw(A)) & 0x7f) this.s.backlog = 0;
    const wasHeld = this.isHeld();
    const wasReset = (this.raw(A) & 0x60) === 0x60;
    if (!wasHeld && (value & 0x60) === 0x60) this.holdTime();
    this.s.cmos[A] = value;
    if (!wasReset || (value & 0x60) === 0x60) return;
    // The first update comes half a second after the divider chain is released.
    if (!this.isHeld()) this.releaseTime(NS_PER_SECOND / 2);
  }

  private writeB(value: number): void {
    const wasHeld = this.isHeld();
    if (!wasHeld && value & B_SET) this.holdTime();
    this.s.cmos[B] = value & B_SET ? value & ~B_UIE : value; // SET clears UIE
    if (wasHeld && !this.isHeld()) this.releaseTime(0);
    if (!(value & B_PIE)) this.s.backlog = 0;
  }

  private writeTime(index: number, value: number): void {
    if (this.isHeld()) {
      this.s.cmos[index] = value;
      return;
    }
    const now = this.timers.nowNs();
    const intoSecondNs = now - this.secondStartNs(this.secondAt(now));
    this.holdTime();
    this.s.cmos[index] = value;
    this.releaseTime(intoSecondNs);
  }

  /** Puts the running time into the registers. */
  private holdTime(): void {
    for (const index of [SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY]) this.s.cmos[index] = this.timeRegister(index);
  }

  /** Starts the clock from the registers, `intoSecondNs` into their second. */
  private releaseTime(intoSecondNs: number): void {
    const year = this.decode(this.raw(CENTURY)) * 100 + (this.decode(this.raw(YEAR)) % 100);
    const seconds = secondsOf({
      year,
      month: clamp(this.decode(this.raw(MONTH)), 1, 12),
      day: clamp(this.decode(this.raw(DAY)), 1, 31),
      hour: clamp(this.decodeHour(this.raw(HOURS)), 0, 23),
      minute: clamp(this.decode(this.raw(MINUTES)), 0, 59),
      second: clamp(this.decode(this.raw(SECONDS)), 0, 59),
    });
    this.s.baseSecond = seconds;
    this.s.baseNs = this.timers.nowNs() - intoSecondNs;
    this.s.weekdayShift = (clamp(this.decode(this.raw(WEEKDAY)), 1, 7) - weekdayOf(seconds) + 7) % 7;
    this.s.settledNs = this.timers.nowNs();
  }

  private secondAt(ns: number): number {
    return this.s.baseSecond + Math.floor((ns - this.s.baseNs) / NS_PER_SECOND);
  }

  private secondStartNs(second: number): number {
    return this.s.baseNs + (second - this.s.baseSecond) * NS_PER_SECOND;
  }

  private isUpdating(): boolean {
    if (this.isHeld()) return false;
    const now = this.timers.nowNs();
    return this.secondStartNs(this.secondAt(now) + 1) - now <= UPDATE_NS;
  }

  private timeRegister(index: number): number {
    const second = this.secondAt(this.timers.nowNs());
    if (index === WEEKDAY) return this.encode(((weekdayOf(second) - 1 + this.s.weekdayShift) % 7) + 1);
    const time = civilTimeOf(second);
    switch (index) {
      case SECONDS:
        return this.encode(time.second);
      case MINUTES:
        return this.encode(time.minute);
      case HOURS:
        return this.encodeHour(time.hour);
      case DAY:
        return this.encode(time.day);
      case MONTH:
        return this.encode(time.month);
      case YEAR:
        return this.encode(((time.year % 100) + 100) % 100);
      default:
        return this.encode((Math.floor(time.year / 100) + 1000) % 100);
    }
  }

  private encode(value: number): number {
    return this.raw(B) & B_BINARY ? value : (Math.floor(value / 10) << 4) | value % 10;
  }

  private decode(value: number): number {
    return this.raw(B) & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
  }

  private encodeHour(hour: number): number {
    if (this.raw(B) & B_24H) return this.encode(hour);
    return this.encode(hour % 12 || 12) | (hour >= 12 ? 0x80 : 0);
  }

  private decodeHour(value: number): number {
    if (this.raw(B) & B_24H) return this.decode(value);
    return (this.decode(value & 0x7f) % 12) + (value & 0x80 ? 12 : 0);
  }

  /** Length of the periodic interrupt in ticks of the divider chain, or 0 for none. */
  private periodTicks(): number {
    const rate = this.raw(A) & 15;
    if (rate === 0 || (this.raw(A) & 0x60) === 0x60) return 0;
    return 1 << ((rate < 3 ? rate + 7 : rate) - 1);
  }

  /** Periods since the divider chain's last known whole second. */
  private periodsAt(ns: number, ticks: number): number {
    return Math.floor(ticksAt(Math.max(ns - this.s.baseNs, 0), DIVIDER_HZ) / ticks);
  }

  /** The first second after `after` at which the alarm goes off, or Infinity. */
  private nextAlarm(after: number): number {
    const wanted = [HOURS_ALARM, MINUTES_ALARM, SECONDS_ALARM].map((index) => {
      const value = this.raw(index);
      if (value >= 0xc0) return -1; // "don't care"
      return index === HOURS_ALARM ? this.decodeHour(value) : this.decode(value);
    });
    const [hour = -1, minute = -1, second = -1] = wanted;
    for (let t = after + 1; t <= after + DAY_SECONDS; ) {
      const ofDay = ((t % DAY_SECONDS) + DAY_SECONDS) % DAY_SECONDS;
      if (hour >= 0 && Math.floor(ofDay / 3600) !== hour) t += 3600 - (ofDay % 3600);
      else if (minute >= 0 && Math.floor(ofDay / 60) % 60 !== minute) t += 60 - (ofDay % 60);
      else if (second >= 0 && ofDay % 60 !== second) t++;
      else return t;
    }
    return Infinity;
  }

  /** Brings the flags of register C up to now. */
  private settle(): void {
    const now = this.timers.nowNs();
    const from = this.s.settledNs;
    if (now <= from) return;
    this.s.settledNs = now;
    const ticks = this.periodTicks();
    const periods = ticks > 0 ? this.periodsAt(now, ticks) - this.periodsAt(from, ticks) : 0;
    if (periods > 0) this.endPeriods(periods);
    this.endSeconds(this.secondAt(from), this.secondAt(now));
  }

  private endSeconds(before: number, second: number): void {
    if (second === before || this.isHeld()) return;
    this.s.flags |= C_UF;
    if (!(this.s.flags & C_AF) && this.nextAlarm(before) <= second) this.s.flags |= C_AF;
  }

  /** Sets PF for the first of so many periods. The others wait, if they are listened to, until it has been read. */
  private endPeriods(count: number): void {
    const waiting = this.s.flags & C_PF ? count : count - 1;
    if (this.raw(B) & B_PIE) this.s.backlog = Math.min(this.s.backlog + waiting, MAX_BACKLOG);
    this.s.flags |= C_PF;
  }

  private readFlags(): number {
    this.settle();
    const { flags } = this.s;
    const value = flags | (flags & this.raw(B) & 0x70 ? C_IRQF : 0);
    this.s.flags = 0;
    if (this.s.backlog > 0) this.s.retryNs = this.timers.nowNs() + Math.max(nsOfTick(Math.floor(this.periodTicks() / PAUSE_PART), DIVIDER_HZ), MIN_PAUSE_NS);
    this.followEvents();
    return value;
  }

  /** Sets the line from the flags and waits for the next enabled event. The flags must be settled. */
  private followEvents(): void {
    const enabled = this.raw(B) & 0x70;
    this.irq8.set((this.s.flags & enabled) !== 0);
    const waiting = enabled & ~this.s.flags;
    const now = this.timers.nowNs();
    let deadline = Infinity;
    const ticks = this.periodTicks();
    if (waiting & B_PIE && ticks > 0) deadline = this.s.baseNs + nsOfTick((this.periodsAt(now, ticks) + 1) * ticks, DIVIDER_HZ);
    if (waiting & B_PIE && this.s.backlog > 0) deadline = Math.min(deadline, this.s.retryNs);
    if (!this.isHeld()) {
      const second = this.secondAt(now);
      if (waiting & B_UIE) deadline = Math.min(deadline, this.secondStartNs(second + 1));
      if (waiting & B_AIE) deadline = Math.min(deadline, this.secondStartNs(this.nextAlarm(second)));
    }
    if (deadline < Infinity) this.timers.arm(TIMER, deadline);
    else this.timers.cancel(TIMER);
  }

  onTimer(_name: string): void {
    this.settle();
    const { s } = this;
    if (s.backlog > 0 && !(s.flags & C_PF) && this.timers.nowNs() >= s.retryNs) {
      s.backlog--;
      s.flags |= C_PF;
    }
    this.followEvents();
  }

  /** Wall time has gone on without virtual time: the guest was paused. An alarm in between goes off now. */
  advance(ns: number): void {
    this.settle();
    const { s } = this;
    const before = this.secondAt(s.settledNs);
    const seconds = Math.floor(ns / NS_PER_SECOND);
    s.baseSecond += seconds;
    s.baseNs -= Math.round(ns - seconds * NS_PER_SECOND);
    if (s.baseNs <= -NS_PER_SECOND) {
      s.baseNs += NS_PER_SECOND;
      s.baseSecond++;
    }
    this.endSeconds(before, this.secondAt(s.settledNs));
    this.followEvents();
  }

  /** The RESET pin: interrupts go off, time and memory stay on their battery. */
  reset(_kind: ResetKind): void {
    this.settle();
    this.s.cmos[B] = this.raw(B) & ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    this.s.flags = 0;
    this.s.backlog = 0;
    this.s.index = 0;
    this.s.nmiMasked = false;
    this.followEvents();
  }

  save(): DeviceState {
    return { ...this.s, cmos: this.s.cmos.slice() };
  }

  load(saved: unknown): void {
    const state = parseState(RtcState, saved, this.id);
    this.s = { ...state, cmos: state.cmos.slice() };
    this.followEvents();
  }

  describe(): Record<string, string | number | boolean> {
    const { year, month, day, hour, minute, second } = civilTimeOf(this.secondAt(this.timers.nowNs()));
    const two = (n: number): string => String(n).padStart(2, "0");
    return { time: `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`, a: this.raw(A), b: this.raw(B) };
  }
}

function isTimeRegister(index: number): boolean {
  return index === CENTURY || (index <= YEAR && index !== SECONDS_ALARM && index !== MINUTES_ALARM && index !== HOURS_ALARM);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
