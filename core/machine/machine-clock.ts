// The machine's virtual clock: host time, sampled every 200 us or so while the guest runs, with instructions counted in between. It
// never goes back, and while the machine is paused it stands still. Devices and the time-stamp counter all read it, so they cannot
// disagree.
// How long an instruction takes varies a thousandfold from one loop to the next, so an estimate is trusted only for a few
// microseconds: a read after that, by a device or by RDTSC, samples the host's clock again. What was told once is never taken back;
// where it turns out to be ahead of the host, the clock goes slower until the host has caught up.
import type { Clock } from "../time/clock.ts";

/** First guess of what an instruction takes, in nanoseconds, until it has been measured. */
const FIRST_NS_PER_INSTRUCTION = 10;
const FASTEST_NS = 0.05, SLOWEST_NS = 5000;
/** One measurement moves the rate by no more than this factor: the host may just have run something else. */
const MOST_CHANGE = 4;
const WEIGHT_OF_NEWEST = 0.5;
/** Less than this is measured together with what follows. */
const SHORTEST_MEASURED_NS = 10e3;
/** Between samples the clock goes a little slower than measured, so that the next sample moves it on and not back... */
const CAUTION = 0.95;
/** ... and the slower the further it is ahead, until it all but stands. */
const MOST_AHEAD_NS = 50e3;
const SLOWEST_PACE = 0.01;
/** A read is answered by the estimate if the last sample was about this long ago at most; in instructions, so and so many. */
const TRUSTED_NS = 10e3;
const LEAST_TRUSTED = 100, MOST_TRUSTED = 20_000;
/** A device register that is read is slower than any other instruction. */
const TRUSTED_READS = 16;

export interface ClockPorts {
  /** Monotonic host time. It may be coarse: while it stands still, the estimate goes on. */
  hostNowNs(): number;
  /** Instructions retired since power-on, as far as can be known now. */
  retired(): number;
  /** The latest time that generated code has shown the guest. */
  shownNs(): number;
  /** In the middle of a run the host's clock has been looked at: line() is another, and it is `nowNs`. */
  onSample(nowNs: number): void;
}

export class MachineClock implements Clock {
  private readonly ports: ClockPorts;
  /** The estimate: baseNs at instruction number baseCount, and nsPerInstruction times `pace` from there. */
  private baseNs = 0;
  private baseCount = 0;
  private pace = CAUTION;
  private nsPerInstruction = FIRST_NS_PER_INSTRUCTION;
  private trusted = LEAST_TRUSTED;
  private readsLeft = TRUSTED_READS;
  /** The latest time told, and at which instruction. */
  private toldNs = 0;
  private toldCount = -1;
  /** Host time minus virtual time; undefined until the first sample. */
  private offsetNs: number | undefined;
  /** The host's time at instruction number hostCount. */
  private hostNs = 0;
  private hostCount = 0;
  /** Where the measurement of the rate began. */
  private measuredNs = 0;
  private measuredCount = 0;
  private isRunning = false;

  constructor(ports: ClockPorts) {
    this.ports = ports;
  }

  /** The same all through an instruction: a device may ask more than once while it serves an access. */
  nowNs(): number {
    const count = this.ports.retired();
    if (count === this.toldCount) return this.toldNs;
    this.toldCount = count;
    if (this.isRunning && (--this.readsLeft < 0 || count - this.baseCount >= this.trusted)) {
      this.sample();
      this.toldNs = Math.floor(this.baseNs);
      this.ports.onSample(this.toldNs);
    } else {
      this.toldNs = Math.max(this.toldNs, Math.floor(this.estimateNs(count)));
    }
    return this.toldNs;
  }

  private estimateNs(count: number): number {
    return this.baseNs + (count - this.baseCount) * this.nsPerInstruction * this.pace;
  }

  /** nowNs() is floor(start + step * (instructions since number `count`)), to be believed up to `limit` of these. */
  line(count: number): { start: number; step: number; limit: number } {
    return { start: this.estimateNs(count), step: this.nsPerInstruction * this.pace, limit: this.baseCount - count + this.trusted };
  }

  /** Host time now, estimated from the last sample. */
  hostEstimateNs(): number {
    return this.hostNs + (this.ports.retired() - this.hostCount) * this.nsPerInstruction;
  }

  /** How many instructions take so much host time, if they go on as they did. */
  instructionsIn(ns: number): number {
    return Math.ceil(ns / (this.nsPerInstruction * CAUTION));
  }

  /** Before a slice. What went before does not count for the guest's speed. */
  beginSlice(): void {
    this.toldCount = -1;
    this.sample();
    this.measuredNs = this.hostNs;
    this.measuredCount = this.hostCount;
  }

  beginRun(): void {
    this.isRunning = true;
  }

  endRun(): void {
    this.isRunning = false;
    this.toldCount = -1;
    this.sample();
    this.measure();
  }

  /** Virtual time becomes host time, less what the machine was paused. */
  private sample(): void {
    const hostNs = this.ports.hostNowNs();
    const count = this.ports.retired();
    this.readsLeft = TRUSTED_READS;
    if (hostNs === this.hostNs && this.offsetNs !== undefined) {
      this.baseNs = this.estimateNs(count);
      this.baseCount = count;
      return;
    }
    this.offsetNs ??= hostNs - this.baseNs;
    this.hostNs = hostNs;
    this.hostCount = count;
    const dueNs = hostNs - this.offsetNs;
    this.baseNs = Math.max(dueNs, this.toldNs, this.ports.shownNs());
    this.baseCount = count;
    this.pace = Math.max(CAUTION * (1 - (this.baseNs - dueNs) / MOST_AHEAD_NS), SLOWEST_PACE);
  }

  /** Learns the engine's speed. */
  private measure(): void {
    const ns = this.hostNs - this.measuredNs;
    const count = this.hostCount - this.measuredCount;
    if (ns < SHORTEST_MEASURED_NS || count === 0) return;
    this.measuredNs = this.hostNs;
    this.measuredCount = this.hostCount;
    const before = this.nsPerInstruction;
    const measured = Math.min(Math.max(ns / count, before / MOST_CHANGE, FASTEST_NS), before * MOST_CHANGE, SLOWEST_NS);
    this.nsPerInstruction += (measured - before) * WEIGHT_OF_NEWEST;
    this.trusted = Math.min(Math.max(Math.floor(TRUSTED_NS / this.nsPerInstruction), LEAST_TRUSTED), MOST_TRUSTED);
  }

  /** The machine goes on after a pause: the host time that has passed is not the guest's. Gives how much that was. */
  resume(): number {
    const hostNs = this.ports.hostNowNs();
    if (this.offsetNs === undefined) return 0;
    const nowNs = this.nowNs();
    const missedNs = Math.max(hostNs - this.offsetNs - nowNs, 0);
    this.offsetNs += missedNs;
    this.hostNs = hostNs;
    return missedNs;
  }
}
