// One counter of an 8254 (82C54 data sheet, mode definitions), as a function of the CLK number: nothing runs, every answer is
// computed from the tick at which counting began. `tick` never goes backwards from call to call.
// Simplified: illegal counts of 1 in modes 2 and 3 count as 2; undefined BCD digits are taken at their binary weight.
import { type PitCounterState, powerOnPitCounter } from "./pit8254.state.ts";

export class PitCounter {
  s: PitCounterState;

  constructor(gate: boolean) {
    this.s = powerOnPitCounter(gate);
  }

  writeControl(control: number, tick: number): void {
    const s = this.s;
    const access = (control >> 4) & 3;
    s.held = this.element(tick);
    s.mode = modeOf((control >> 1) & 7);
    s.access = access === 0 ? 3 : access; // 0 is the latch command, which never comes here
    s.bcd = (control & 1) !== 0;
    s.loaded = false;
    s.running = false;
    s.expired = false;
    s.nextInitial = 0;
    s.writeHigh = false;
    s.readHigh = false;
    s.isLatched = false;
    s.isStatusLatched = false;
  }

  latchCount(tick: number): void {
    if (this.s.isLatched) return;
    this.s.isLatched = true;
    this.s.latch = this.count(tick);
  }

  latchStatus(tick: number): void {
    const s = this.s;
    if (s.isStatusLatched) return;
    s.isStatusLatched = true;
    s.statusLatch = (this.out(tick) ? 0x80 : 0) | (this.isNullCount(tick) ? 0x40 : 0) | (s.access << 4) | (s.mode << 1) | (s.bcd ? 1 : 0);
  }

  readByte(tick: number): number {
    const s = this.s;
    if (s.isStatusLatched) {
      s.isStatusLatched = false;
      return s.statusLatch;
    }
    const value = s.isLatched ? s.latch : this.count(tick);
    const high = s.access === 2 || (s.access === 3 && s.readHigh);
    if (s.access === 3) s.readHigh = !s.readHigh;
    if (!s.readHigh) s.isLatched = false;
    return high ? value >> 8 : value & 0xff;
  }

  writeByte(value: number, tick: number): void {
    const s = this.s;
    if (s.access === 3 && !s.writeHigh) {
      s.writeHigh = true;
      s.writeLow = value;
      if (s.mode === 0) this.stop(tick); // the first byte stops a mode 0 count and lowers OUT
      return;
    }
    const low = s.access === 3 ? s.writeLow : s.access === 1 ? value : 0;
    const high = s.access === 1 ? 0 : value;
    s.writeHigh = false;
    this.load(s.bcd ? fromBcd((high << 8) | low) || 10_000 : (high << 8) | low || 0x10000, tick);
  }

  private load(reload: number, tick: number): void {
    const s = this.s;
    this.settle(tick);
    s.reload = reload;
    const isFirst = !s.loaded;
    s.loaded = true;
    if (s.mode === 1 || s.mode === 5) return; // taken at the next trigger
    if (s.mode === 0 || s.mode === 4) {
      s.expired = false;
      s.held = reload & 0xffff;
      if (s.gate) this.start(reload, tick + 1);
      else s.running = false;
    } else if (isFirst || !s.running) {
      if (s.gate) this.start(reload, tick + 1);
    } else {
      s.nextInitial = reload; // the period under way is finished first, in mode 3 its half
      s.switchTick = this.nextReload(tick);
    }
  }

  private start(initial: number, tick: number): void {
    const s = this.s;
    s.running = true;
    s.startTick = tick;
    s.initial = initial;
    s.nextInitial = 0;
  }

  private stop(tick: number): void {
    const s = this.s;
    s.held = this.element(tick);
    s.running = false;
    s.expired = false;
  }

  setGate(level: boolean, tick: number): void {
    const s = this.s;
    if (s.gate === level) return;
    this.settle(tick);
    if (level) this.openGate(tick);
    else this.closeGate(tick);
    s.gate = level;
  }

  private openGate(tick: number): void {
    const s = this.s;
    if (!s.loaded) return;
    if (s.mode === 0 || s.mode === 4) {
      this.start(s.held || (s.bcd ? 10_000 : 0x10000), tick); // an expired count goes on from where it was, past 0
    } else {
      s.expired = false;
      this.start(s.reload, tick + 1);
    }
  }

  private closeGate(tick: number): void {
    const s = this.s;
    if (s.mode === 1 || s.mode === 5 || !s.running) return;
    s.held = this.element(tick);
    if ((s.mode === 0 || s.mode === 4) && tick - s.startTick >= s.initial) s.expired = true;
    s.running = false;
    s.nextInitial = 0;
  }

  /** OUT. */
  out(tick: number): boolean {
    const s = this.s;
    this.settle(tick);
    const elapsed = tick - s.startTick;
    switch (s.mode) {
      case 0:
        return s.expired || (s.running && elapsed >= s.initial);
      case 1:
        return !s.running || elapsed < 0 || elapsed >= s.initial;
      case 2:
        return !s.running || elapsed < 0 || elapsed % period(s) !== period(s) - 1;
      case 3:
        return !s.running || elapsed < 0 || elapsed % period(s) < Math.ceil(period(s) / 2);
      default:
        return !s.running || s.expired || elapsed !== s.initial;
    }
  }

  /** The first tick after `tick` at which OUT rises if nothing is written, or 0 if there is none. */
  nextRise(tick: number): number {
    const s = this.s;
    this.settle(tick);
    if (!s.running) return 0;
    if (s.mode === 2 || s.mode === 3) return this.nextPeriodicRise(tick);
    if (s.expired) return 0;
    const rise = s.startTick + s.initial + (s.mode >= 4 ? 1 : 0);
    return rise > tick ? rise : 0;
  }

  private nextPeriodicRise(tick: number): number {
    const s = this.s;
    const n = period(s);
    const elapsed = tick - s.startTick;
    const rise = elapsed < 0 ? s.startTick + n : s.startTick + (Math.floor(elapsed / n) + 1) * n;
    if (s.nextInitial === 0 || rise <= s.switchTick) return rise;
    // Mode 3 takes its new count in mid-period: the low half that follows has the new length.
    return s.switchTick + Math.floor(Math.max(s.nextInitial, 2) / 2);
  }

  /** Modes 2 and 3: when CE is next loaded from CR. */
  private nextReload(tick: number): number {
    const s = this.s;
    const n = period(s);
    const phase = Math.max(tick - s.startTick, 0) % n;
    const begin = Math.max(tick, s.startTick) - phase;
    const half = Math.ceil(n / 2);
    return s.mode === 3 && phase < half ? begin + half : begin + n;
  }

  /** Lets a waiting count take effect. */
  private settle(tick: number): void {
    const s = this.s;
    if (s.nextInitial === 0 || tick < s.switchTick) return;
    const wasMidPeriod = s.mode === 3 && (s.switchTick - s.startTick) % period(s) !== 0;
    const offset = wasMidPeriod ? Math.ceil(Math.max(s.nextInitial, 2) / 2) : 0;
    s.startTick = Math.max(s.switchTick - offset, 0);
    s.initial = s.nextInitial;
    s.nextInitial = 0;
  }

  /** CE as a binary number. */
  private element(tick: number): number {
    const s = this.s;
    this.settle(tick);
    if (!s.running) return s.held;
    const elapsed = Math.max(tick - s.startTick, 0);
    if (s.mode === 2) return (s.initial - (elapsed % period(s))) & 0xffff;
    if (s.mode === 3) {
      const n = period(s);
      const half = Math.ceil(n / 2);
      const phase = elapsed % n;
      return ((n & ~1) - 2 * (phase < half ? phase : phase - half)) & 0xffff;
    }
    const modulus = s.bcd ? 10_000 : 0x10000;
    return (((s.initial - elapsed) % modulus) + modulus) % modulus;
  }

  /** CE as the guest reads it. */
  private count(tick: number): number {
    const element = this.element(tick);
    return this.s.bcd ? toBcd(element) : element;
  }

  private isNullCount(tick: number): boolean {
    const s = this.s;
    this.settle(tick);
    if (s.mode === 1 || s.mode === 5) return s.initial !== s.reload || !s.running || tick < s.startTick;
    return !s.loaded || s.nextInitial !== 0 || (s.running && tick < s.startTick);
  }
}

function period(s: PitCounterState): number {
  return s.initial < 2 ? 2 : s.initial;
}

/** Modes 6 and 7 are 2 and 3: the top bit is a don't-care there. */
function modeOf(bits: number): number {
  return bits > 5 ? bits - 4 : bits;
}

function fromBcd(value: number): number {
  return ((value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15)) % 10_000;
}

function toBcd(value: number): number {
  const v = value % 10_000;
  return (Math.floor(v / 1000) << 12) | ((Math.floor(v / 100) % 10) << 8) | ((Math.floor(v / 10) % 10) << 4) | v % 10;
}
