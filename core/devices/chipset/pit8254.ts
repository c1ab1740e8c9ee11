// The PC's 8254 interval timer with the bits of port 61h that belong to it. Counter 0 drives IRQ 0, counter 1 nothing (the refresh
// bit of port 61h toggles on its own), counter 2 the speaker and port 61h bit 5, gated by port 61h bit 0.
// Banks: 0 = 40h-43h, 1 = 61h. IRQ 0 falls only when OUT 0 is set low for long (mode 0) and just before each rise; the low halves of
// mode 3 are not driven. What counter 2 sounds is told to a listener as a frequency.
// Rises of OUT 0 are counted from the load, so they do not drift. Where the machine looks late and several have come due, each is
// still given out, one after the other, as the guest takes them (interruptTaken) or half a period apart (late-ticks.ts).
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { nsOfTick, ticksAt } from "../../time/ticks.ts";
import { isRetryDue, type LateTicks, noLateTicks, retryAt, ticksDue, tickTaken } from "./late-ticks.ts";
import { PitState, powerOnPitCounter } from "./pit8254.state.ts";
import { PitCounter } from "./pit8254-counter.ts";
import { type SpeakerListener, speakerHertz } from "./speaker.ts";

export const PIT_HZ = 1_193_182;
const TIMER = "counter0";
/** The refresh request toggles about every 15.085 us: 18 CLKs. */
const REFRESH_TICKS = 18;
/** Rises that have come due together are counted up to here. */
const MOST_COUNTED = 1000;
/** Rises closer than this (100 us) are neither made up for nor timed one by one. */
const MIN_TIMED_TICKS = 120;
const MIN_TIMED_NS = 100_000;

export class Pit8254 extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "pit8254";
  private readonly irq0: IrqLine;
  private readonly timers: DeviceTimers;
  private readonly counters = [new PitCounter(true), new PitCounter(true), new PitCounter(false)] as const;
  private port61 = 0;
  private irqLevel = false;
  private nextRiseTick = 0;
  private ticks: LateTicks = noLateTicks();
  private readonly onSpeaker: SpeakerListener;
  private lastHertz = 0;

  constructor(id: string, irq0: IrqLine, timers: DeviceTimers, onSpeaker: SpeakerListener = () => {}) {
    super();
    this.id = id;
    this.irq0 = irq0;
    this.timers = timers;
    this.onSpeaker = onSpeaker;
  }

  /** The tone that the speaker sounds now, or 0. After a load the listener has not heard of it. */
  get speakerHertz(): number {
    return speakerHertz(this.port61, this.counters[2].s, PIT_HZ);
  }

  private tellSpeaker(): void {
    const hertz = this.speakerHertz;
    if (hertz === this.lastHertz) return;
    this.lastHertz = hertz;
    this.onSpeaker(hertz);
  }

  private now(): number {
    return ticksAt(this.timers.nowNs(), PIT_HZ);
  }

  protected override readByte(bank: number, offset: number): number {
    const tick = this.now();
    if (bank === 1) return offset === 0 ? this.readPort61(tick) : 0xff;
    return this.counters[offset]?.readByte(tick) ?? 0xff;
  }

  protected override writeByte(bank: number, offset: number, value: number): void {
    const tick = this.now();
    if (bank === 1) {
      if (offset !== 0) return;
      this.port61 = value & 0x0f;
      this.counters[2].setGate((value & 1) !== 0, tick);
    } else if (offset === 3) {
      this.writeControlWord(value, tick);
    } else {
      this.counters[offset]?.writeByte(value, tick);
      if (offset === 0) this.followCounter0(tick);
    }
    this.tellSpeaker();
  }

  private readPort61(tick: number): number {
    const refresh = Math.floor(tick / REFRESH_TICKS) & 1;
    return this.port61 | (refresh << 4) | (this.counters[2].out(tick) ? 0x20 : 0);
  }

  private writeControlWord(value: number, tick: number): void {
    const select = value >> 6;
    if (select === 3) {
      for (let i = 0; i < 3; i++) {
        if (!(value & (2 << i))) continue;
        if (!(value & 0x20)) this.counters[i]?.latchCount(tick);
        if (!(value & 0x10)) this.counters[i]?.latchStatus(tick);
      }
    } else if ((value & 0x30) === 0) {
      this.counters[select]?.latchCount(tick);
    } else {
      this.counters[select]?.writeControl(value, tick);
      if (select === 0) this.followCounter0(tick);
    }
  }

  /** After counter 0 was written to: its line, and the rise to wait for. */
  private followCounter0(tick: number): void {
    this.setIrq(this.counters[0].out(tick));
    this.nextRiseTick = this.counters[0].nextRise(tick);
    this.ticks = noLateTicks();
    this.arm();
  }

  private arm(): void {
    let deadlineNs = retryAt(this.ticks);
    if (this.nextRiseTick > 0) {
      const riseNs = nsOfTick(this.nextRiseTick, PIT_HZ);
      deadlineNs = Math.min(deadlineNs, this.isTooFast() ? Math.max(riseNs, this.ticks.retryNs) : riseNs);
    }
    if (deadlineNs < Infinity) this.timers.arm(TIMER, deadlineNs);
    else this.timers.cancel(TIMER);
  }

  private isTooFast(): boolean {
    return this.counters[0].s.initial < MIN_TIMED_TICKS;
  }

  onTimer(_name: string): void {
    const nowNs = this.timers.nowNs();
    const riseNs = nsOfTick(this.nextRiseTick, PIT_HZ);
    const due = this.takeDueRises(ticksAt(nowNs, PIT_HZ));
    const isPulse = due > 0 ? ticksDue(this.ticks, due, nowNs - riseNs, nowNs, this.pauseNs()) : isRetryDue(this.ticks, nowNs, this.pauseNs());
    if (this.isTooFast()) this.ticks = { ...noLateTicks(), retryNs: nowNs + this.pauseNs() };
    if (isPulse) this.pulse();
    this.arm();
  }

  /** Moves nextRiseTick past `tick` and says how many rises that were, 1001 standing for any more. */
  private takeDueRises(tick: number): number {
    let due = 0;
    while (this.nextRiseTick > 0 && this.nextRiseTick <= tick && due <= MOST_COUNTED) {
      this.nextRiseTick = this.counters[0].nextRise(this.nextRiseTick);
      due++;
    }
    if (this.nextRiseTick > 0 && this.nextRiseTick <= tick) this.nextRiseTick = this.counters[0].nextRise(tick);
    return due;
  }

  /** The least time between two late rises of which nothing is heard from the guest. */
  private pauseNs(): number {
    return Math.max(nsOfTick(this.counters[0].s.initial >> 1, PIT_HZ), MIN_TIMED_NS);
  }

  /** Call when the guest has taken IRQ 0 into service: the next late rise, if any, follows at once. */
  interruptTaken(): void {
    if (!tickTaken(this.ticks, this.timers.nowNs(), this.pauseNs())) return;
    this.pulse();
    this.arm();
  }

  private pulse(): void {
    this.setIrq(false);
    this.setIrq(true);
  }

  private setIrq(level: boolean): void {
    this.irqLevel = level;
    this.irq0.set(level);
  }

  reset(_kind: ResetKind): void {
    for (const [i, counter] of this.counters.entries()) counter.s = powerOnPitCounter(i < 2);
    this.port61 = 0;
    this.followCounter0(this.now());
    this.tellSpeaker();
  }

  save(): DeviceState {
    const state: PitState = {
      kind: "pit8254",
      version: 1,
      counters: [{ ...this.counters[0].s }, { ...this.counters[1].s }, { ...this.counters[2].s }],
      port61: this.port61,
      irqLevel: this.irqLevel,
      nextRiseTick: this.nextRiseTick,
      ticks: { ...this.ticks },
    };
    return state;
  }

  load(saved: unknown): void {
    const state = parseState(PitState, saved, this.id);
    for (const [i, counter] of this.counters.entries()) counter.s = state.counters[i] ?? powerOnPitCounter(i < 2);
    this.port61 = state.port61;
    this.nextRiseTick = state.nextRiseTick;
    this.ticks = state.ticks;
    this.lastHertz = this.speakerHertz;
    this.setIrq(state.irqLevel);
    this.arm();
  }

  describe(): Record<string, string | number | boolean> {
    const tick = this.now();
    const lines = this.counters.map(({ s }, i): [string, string] => [`counter${i}`, `mode ${s.mode}, count ${s.reload}${s.gate ? "" : ", gated"}`]);
    return { ...Object.fromEntries(lines), out0: this.irqLevel, out2: this.counters[2].out(tick), late: this.ticks.late };
  }
}
