// High precision event timers (IA-PC HPET 1.0a): a 64-bit counter at 100 MHz and three comparators, one-shot and periodic, 64 or 32
// bits wide, edge or level, with legacy replacement (timer 0 on IRQ 0, timer 1 on IRQ 8). Bank 0 = the 1 KiB register page.
// Periods that came due together, because the machine looks late, are each given out (late-ticks.ts).
// Not modelled: FSB delivery (the capability bit says so). A period shorter than 20 us interrupts no more often than that.
// 64-bit registers are pairs of 32-bit halves: doubles would lose their low bits.
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import { DwordRegisters } from "../../bus/dword-registers.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { isRetryDue, noLateTicks, retryAt, ticksDue, tickTaken } from "./late-ticks.ts";
import { HpetState, type HpetTimerState } from "./hpet.state.ts";

export interface HpetPorts {
  /** An I/O APIC input; asked for 20 to 23 only. */
  pin(input: number): IrqLine;
  /** IRQ 0 and IRQ 8 in legacy replacement mode. */
  readonly legacy0: IrqLine;
  readonly legacy8: IrqLine;
  /** Legacy replacement was switched: while on, the 8254 and the RTC must not reach IRQ 0 and IRQ 8 (see `isLegacy`). */
  onLegacy?(enabled: boolean): void;
}

/** The I/O APIC inputs a timer may be routed to: those that no ISA or PCI interrupt uses. */
const ROUTES = 0x00f0_0000;
const TICK_NS = 10;
const PERIOD_FS = 10_000_000;
const TWO_32 = 2 ** 32;
/** Matches further away than this (about 8 days) are looked at again then. */
const MAX_WAIT_TICKS = 2 ** 46;
const MIN_WAIT_NS = 20_000;
/** Late periods shorter than this (100 us) are not made up for. */
const MIN_KEPT_TICKS = 10_000;
const LEVEL = 0x02, ENABLE = 0x04, PERIODIC = 0x08, CAP_PERIODIC = 0x10, CAP_64 = 0x20, VALUE_SET = 0x40, MODE_32 = 0x100;
const CONFIG_WRITABLE = LEVEL | ENABLE | PERIODIC | VALUE_SET | MODE_32 | 0x3e00;
const TIMER_NAMES = ["timer0", "timer1", "timer2"] as const;
type Index = 0 | 1 | 2;

export class Hpet extends DwordRegisters implements Device {
  readonly id: string;
  readonly kind = "hpet";
  private readonly ports: HpetPorts;
  private readonly timers: DeviceTimers;
  private s: HpetState = powerOn();

  constructor(id: string, ports: HpetPorts, timers: DeviceTimers) {
    super();
    this.id = id;
    this.ports = ports;
    this.timers = timers;
  }

  /** Legacy replacement is on. To be read after load(), which tells nobody. */
  get isLegacy(): boolean {
    return this.s.legacy;
  }

  private nowTick(): number {
    return Math.floor(this.timers.nowNs() / TICK_NS);
  }

  /** Brings the stored counter up to now; all else can then read counterLo and counterHi. */
  private settle(): void {
    this.settleCounter();
    for (const timer of this.s.timers) {
      if (!isSilent(timer) || timer.matchNs === 0 || this.s.baseTick * TICK_NS < timer.matchNs) continue;
      const behind = this.ticksBehind(timer);
      if (behind < MAX_WAIT_TICKS) this.moveComparator(timer, behind);
      this.noteMatch(timer);
    }
  }

  private settleCounter(): void {
    const { s } = this;
    const tick = this.nowTick();
    if (s.enabled) {
      const elapsed = Math.max(tick - s.baseTick, 0);
      const lo = s.counterLo + (elapsed % TWO_32);
      s.counterLo = lo >>> 0;
      s.counterHi = (s.counterHi + Math.floor(elapsed / TWO_32) + (lo >= TWO_32 ? 1 : 0)) >>> 0;
    }
    s.baseTick = tick;
  }

  protected override readDword(_bank: number, offset: number): number {
    const { s } = this;
    switch (offset) {
      case 0x000:
        return 0x8086_a201; // Intel, legacy replacement, 64 bits, three timers, revision 1
      case 0x004:
        return PERIOD_FS;
      case 0x010:
        return (s.enabled ? 1 : 0) | (s.legacy ? 2 : 0);
      case 0x020:
        return s.status;
      case 0x0f0:
        this.settle();
        return s.counterLo;
      case 0x0f4:
        this.settle();
        return s.counterHi;
    }
    const timer = s.timers[(offset - 0x100) >> 5];
    return offset >= 0x100 && timer ? this.readTimer(timer, offset & 0x1f) : 0;
  }

  private readTimer(timer: HpetTimerState, offset: number): number {
    switch (offset) {
      case 0x00:
        return (timer.configLo & ~VALUE_SET) | CAP_PERIODIC | CAP_64;
      case 0x04:
        return ROUTES;
      case 0x08:
        this.settle();
        return timer.comparatorLo;
      case 0x0c:
        this.settle();
        return timer.comparatorHi;
      case 0x10:
        return timer.fsbLo;
      case 0x14:
        return timer.fsbHi;
      default:
        return 0;
    }
  }

  protected override writeDword(_bank: number, offset: number, value: number): void {
    const { s } = this;
    this.settle();
    switch (offset) {
      case 0x010:
        this.writeGeneralConfig(value);
        return;
      case 0x020:
        for (const i of [0, 1, 2] as const) if (value & (1 << i)) this.clearStatus(i);
        return;
      case 0x0f0:
        s.counterLo = value;
        this.followAll();
        return;
      case 0x0f4:
        s.counterHi = value;
        this.followAll();
        return;
    }
    const index = (offset - 0x100) >> 5;
    if (index === 0 || index === 1 || index === 2) this.writeTimer(index, offset & 0x1f, value);
  }

  private writeGeneralConfig(value: number): void {
    const { s } = this;
    const legacy = (value & 2) !== 0;
    s.enabled = (value & 1) !== 0;
    if (legacy !== s.legacy) {
      for (const i of [0, 1] as const) this.drive(i, false);
      s.legacy = legacy;
      this.ports.onLegacy?.(legacy);
      for (const i of [0, 1] as const) this.driveLevel(i);
    }
    this.followAll();
  }

  private writeTimer(index: Index, offset: number, value: number): void {
    const timer = this.s.timers[index];
    switch (offset) {
      case 0x00:
        this.writeTimerConfig(index, timer, value);
        break;
      case 0x08:
        if (!(timer.configLo & PERIODIC) || timer.configLo & VALUE_SET) timer.comparatorLo = value;
        timer.periodLo = value;
        timer.configLo &= ~VALUE_SET;
        break;
      case 0x0c:
        if (!(timer.configLo & PERIODIC) || timer.configLo & VALUE_SET) timer.comparatorHi = value;
        timer.periodHi = value;
        timer.configLo &= ~VALUE_SET;
        break;
      case 0x10:
        timer.fsbLo = value;
        return;
      case 0x14:
        timer.fsbHi = value;
        return;
      default:
        return;
    }
    this.follow(index);
  }

  private writeTimerConfig(index: Index, timer: HpetTimerState, value: number): void {
    this.drive(index, false);
    let config = value & CONFIG_WRITABLE;
    const route = (config >> 9) & 31;
    if (!(ROUTES & (1 << route))) config &= ~0x3e00; // a route it does not have reads back as another
    timer.configLo = config;
    if (config & MODE_32) {
      timer.comparatorHi = 0;
      timer.periodHi = 0;
    }
    if (!(config & LEVEL)) this.s.status &= ~(1 << index);
    this.driveLevel(index);
  }

  private lineOf(index: Index): IrqLine | undefined {
    if (this.s.legacy && index === 0) return this.ports.legacy0;
    if (this.s.legacy && index === 1) return this.ports.legacy8;
    const route = (this.s.timers[index].configLo >> 9) & 31;
    return ROUTES & (1 << route) ? this.ports.pin(route) : undefined;
  }

  private drive(index: Index, level: boolean): void {
    const timer = this.s.timers[index];
    if (timer.level === level) return;
    timer.level = level;
    this.lineOf(index)?.set(level);
  }

  /** A level-triggered timer whose status is set holds its line while it is enabled. */
  private driveLevel(index: Index): void {
    const { configLo } = this.s.timers[index];
    if (configLo & LEVEL) this.drive(index, (configLo & ENABLE) !== 0 && (this.s.status & (1 << index)) !== 0);
  }

  private clearStatus(index: Index): void {
    this.s.status &= ~(1 << index);
    this.driveLevel(index);
  }

  private followAll(): void {
    for (const i of [0, 1, 2] as const) this.follow(i);
  }

  /** Counter ticks until the counter meets the comparator; 0 = now. The counter must be settled. */
  private ticksToMatch(timer: HpetTimerState): number {
    const { s } = this;
    const lo = timer.comparatorLo - s.counterLo;
    if (timer.configLo & MODE_32) return lo < 0 ? lo + TWO_32 : lo;
    const hi = (timer.comparatorHi - s.counterHi - (lo < 0 ? 1 : 0)) >>> 0;
    return hi * TWO_32 + (lo < 0 ? lo + TWO_32 : lo); // rounded only where it is far beyond any wait
  }

  /** Waits for the timer's next match. The counter must be settled. */
  private follow(index: Index): void {
    const timer = this.s.timers[index];
    timer.ticks = noLateTicks();
    timer.matchNs = this.s.enabled ? (this.s.baseTick + Math.min(this.ticksToMatch(timer), MAX_WAIT_TICKS)) * TICK_NS : 0;
    this.arm(index);
  }

  private arm(index: Index): void {
    const timer = this.s.timers[index];
    // A match nobody hears of need not be waited for: settle() lets the period go on.
    const dueNs = Math.min(timer.matchNs, retryAt(timer.ticks));
    if (timer.matchNs > 0 && !isSilent(timer)) this.timers.arm(TIMER_NAMES[index], dueNs);
    else this.timers.cancel(TIMER_NAMES[index]);
  }

  onTimer(name: string): void {
    const index = name === "timer0" ? 0 : name === "timer1" ? 1 : 2;
    const timer = this.s.timers[index];
    const nowNs = this.timers.nowNs();
    if (timer.matchNs === 0) return;
    if (nowNs < timer.matchNs) {
      if (isRetryDue(timer.ticks, nowNs, pauseOf(timer))) this.fire(index);
      this.arm(index);
      return;
    }
    this.settle();
    const behind = this.ticksBehind(timer);
    if (behind >= MAX_WAIT_TICKS) {
      this.follow(index); // only a stop on a long way
      return;
    }
    const periods = timer.configLo & PERIODIC ? this.moveComparator(timer, behind) : 1;
    const isKept = (timer.configLo & (PERIODIC | ENABLE)) === (PERIODIC | ENABLE) && periodOf(timer) >= MIN_KEPT_TICKS;
    if (!isKept || ticksDue(timer.ticks, periods, behind * TICK_NS, nowNs, pauseOf(timer))) this.fire(index);
    this.noteMatch(timer);
    this.arm(index);
  }

  /** Sets the moment of the next match, the present one being done. The counter must be settled. */
  private noteMatch(timer: HpetTimerState): void {
    const ahead = this.ticksToMatch(timer) || (timer.configLo & MODE_32 ? TWO_32 : MAX_WAIT_TICKS); // this match is done: the next is a wrap away
    const waitTicks = timer.configLo & PERIODIC ? Math.max(ahead, MIN_WAIT_NS / TICK_NS) : ahead;
    timer.matchNs = (this.s.baseTick + Math.min(waitTicks, MAX_WAIT_TICKS)) * TICK_NS;
  }

  /** The guest has taken an interrupt into service; `isInput` says of an I/O APIC input whether it was that one. In legacy replacement
   *  mode timers 0 and 1 count as inputs 2 and 8. */
  interruptTaken(isInput: (input: number) => boolean): void {
    for (const i of [0, 1, 2] as const) {
      const timer = this.s.timers[i];
      if (timer.matchNs === 0 || !(timer.configLo & PERIODIC) || timer.configLo & LEVEL) continue;
      const input = this.s.legacy && i < 2 ? [2, 8][i] : (timer.configLo >> 9) & 31;
      if (input === undefined || !isInput(input) || !tickTaken(timer.ticks, this.timers.nowNs(), pauseOf(timer))) continue;
      this.fire(i);
      this.arm(i);
    }
  }

  /** How far the counter is past the comparator. The counter must be settled. */
  private ticksBehind(timer: HpetTimerState): number {
    const { s } = this;
    const lo = (s.counterLo - timer.comparatorLo) >>> 0;
    if (timer.configLo & MODE_32) return lo;
    return ((s.counterHi - timer.comparatorHi - (s.counterLo < timer.comparatorLo ? 1 : 0)) >>> 0) * TWO_32 + lo;
  }

  /** Adds the period as often as it takes to be ahead of the counter, and says how often that is. With a period of 0 the comparator
   *  stays. */
  private moveComparator(timer: HpetTimerState, behind: number): number {
    const is32 = (timer.configLo & MODE_32) !== 0;
    const period = periodOf(timer);
    if (period === 0) return 1;
    const periods = Math.floor(behind / period) + 1;
    const step = periods * period;
    const lo = timer.comparatorLo + (step % TWO_32);
    timer.comparatorLo = lo >>> 0;
    if (!is32) timer.comparatorHi = (timer.comparatorHi + (Math.floor(step / TWO_32) % TWO_32) + (lo >= TWO_32 ? 1 : 0)) >>> 0;
    return periods;
  }

  private fire(index: Index): void {
    const { configLo } = this.s.timers[index];
    if (configLo & LEVEL) {
      this.s.status |= 1 << index;
      this.driveLevel(index);
    } else if (configLo & ENABLE) {
      this.drive(index, false);
      this.drive(index, true);
    }
  }

  reset(_kind: ResetKind): void {
    for (const i of [0, 1, 2] as const) {
      this.drive(i, false);
      this.timers.cancel(TIMER_NAMES[i]);
    }
    const wasLegacy = this.s.legacy;
    this.s = powerOn();
    if (wasLegacy) this.ports.onLegacy?.(false);
  }

  save(): DeviceState {
    const [t0, t1, t2] = this.s.timers;
    const state: HpetState = { ...this.s, timers: [copyOf(t0), copyOf(t1), copyOf(t2)] };
    return state;
  }

  load(saved: unknown): void {
    const state = parseState(HpetState, saved, this.id);
    for (const i of [0, 1, 2] as const) this.drive(i, false);
    this.s = state;
    for (const i of [0, 1, 2] as const) {
      if (state.timers[i].level) this.lineOf(i)?.set(true);
      this.arm(i);
    }
  }

  describe(): Record<string, string | number | boolean> {
    this.settle();
    const { s } = this;
    const timers = s.timers.map((t, i): [string, string] => [`timer${i}`, `config ${t.configLo.toString(16)}h, matches at ${t.matchNs} ns`]);
    return { enabled: s.enabled, legacy: s.legacy, counter: s.counterHi * TWO_32 + s.counterLo, ...Object.fromEntries(timers) };
  }
}

/** Nobody hears of the timer's matches: no interrupt, no status. */
function isSilent({ configLo }: HpetTimerState): boolean {
  return !(configLo & ENABLE) && (configLo & (PERIODIC | LEVEL)) !== (PERIODIC | LEVEL);
}

function copyOf(timer: HpetTimerState): HpetTimerState {
  return { ...timer, ticks: { ...timer.ticks } };
}

function periodOf(timer: HpetTimerState): number {
  return timer.configLo & MODE_32 ? timer.periodLo : timer.periodHi * TWO_32 + timer.periodLo;
}

/** Half a period, in nanoseconds. */
function pauseOf(timer: HpetTimerState): number {
  return Math.floor(periodOf(timer) / 2) * TICK_NS;
}

function powerOn(): HpetState {
  const timer = (): HpetTimerState => ({
    configLo: 0, comparatorLo: 0xffffffff, comparatorHi: 0xffffffff, periodLo: 0, periodHi: 0, fsbLo: 0, fsbHi: 0, matchNs: 0, level: false, ticks: noLateTicks(),
  });
  return {
    kind: "hpet", version: 1, enabled: false, legacy: false, status: 0, counterLo: 0, counterHi: 0, baseTick: 0,
    timers: [timer(), timer(), timer()],
  };
}
