// The machine's virtual clock: host time sampled once a slice, instructions counted in between. It never goes back, and while
// the machine is paused it stands still. Devices and the time-stamp counter all read it, so they cannot disagree.
import type { Clock } from "../time/clock.ts";

/** First guess of what an instruction takes, in nanoseconds, until slices have been measured. */
const FIRST_NS_PER_INSTRUCTION = 10;
/** In-slice time runs a little slow, so that the next host sample moves it on and not back. */
const CAUTION = 0.9;
const WEIGHT_OF_NEWEST = 0.2;

export class MachineClock implements Clock {
  private baseNs = 0;
  /** Host time minus virtual time; undefined until the first sample, and after a pause. */
  private offsetNs: number | undefined;
  private readonly retiredInRun: () => number;
  nsPerInstruction = FIRST_NS_PER_INSTRUCTION;

  /** `retiredInRun`: instructions since the last settle(). */
  constructor(retiredInRun: () => number) {
    this.retiredInRun = retiredInRun;
  }

  nowNs(): number {
    return Math.floor(this.baseNs + this.retiredInRun() * this.nsPerInstruction);
  }

  /** nowNs() for a number of instructions since the last settle(): floor(start + step * instructions). */
  scale(): { start: number; step: number } {
    return { start: this.baseNs, step: this.nsPerInstruction };
  }

  /** Takes a host sample: virtual time moves on to it. Only between runs. */
  sample(hostNs: number): void {
    this.offsetNs ??= hostNs - this.baseNs;
    // Virtual time that has run ahead is kept, and host time catches up with it.
    this.baseNs = Math.max(this.baseNs, hostNs - this.offsetNs);
  }

  /** Adds what a run took, once its instructions no longer count as in progress. */
  settle(instructions: number): void {
    this.baseNs += instructions * this.nsPerInstruction;
  }

  /** The next sample is taken as the present: host time that has passed is not the guest's. */
  hold(): void {
    this.offsetNs = undefined;
  }

  /** Learns the engine's speed from a slice. */
  learn(hostNs: number, instructions: number): void {
    if (instructions < 1000 || hostNs <= 0) return;
    const measured = Math.min(Math.max((hostNs / instructions) * CAUTION, 0.2), 200);
    this.nsPerInstruction += (measured - this.nsPerInstruction) * WEIGHT_OF_NEWEST;
  }
}
