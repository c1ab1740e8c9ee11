// A clock that tests move by hand, with the machine's own timer queue on top. Time moves from deadline to deadline, so that a
// device sees each of its timers exactly when it is due.
import { type Clock, type DeviceTimers, type TimerOwner, TimerQueue } from "../time/clock.ts";

/** A device may re-arm itself for ever: more firings than this in one advance() and the clock goes straight to its target. */
const MAX_FIRINGS = 20_000;

export class FakeClock implements Clock {
  private ns = 0;
  readonly queue: TimerQueue = new TimerQueue(this);

  nowNs(): number {
    return this.ns;
  }

  /** The timers port for a device that is made in the same breath: `const d = new X(clock.timers(() => d))`. */
  timers(owner: () => TimerOwner): DeviceTimers {
    return this.queue.portFor(owner);
  }

  /** Moves on by `ns`, firing each timer at its own deadline. */
  advance(ns: number): void {
    const target = this.ns + ns;
    for (let fired = 0; fired < MAX_FIRINGS && this.queue.nextDeadlineNs <= target; fired++) {
      this.ns = Math.max(this.ns, this.queue.nextDeadlineNs);
      this.queue.runDue(this.ns, 1);
    }
    this.ns = target;
  }

  /** Moves on by `ns` in one jump and only then fires what is overdue, as a host that was busy elsewhere does. */
  advanceLate(ns: number): void {
    this.ns += ns;
    this.queue.runDue(this.ns);
  }
}
