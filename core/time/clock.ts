// Time as devices see it: a virtual clock in nanoseconds and named timers, never the host's clock.
// A timer is plain data (deadline, owner, name), so that it can be saved; the queue is re-armed by each device's load().

/** Reads the machine's virtual time. Nanoseconds since power-on, monotonic, exact to 2^53. */
export interface Clock {
  nowNs(): number;
}

/** What one device gets: its own timers, by name. A deadline in the past fires at the next slice edge. */
export interface DeviceTimers extends Clock {
  arm(name: string, deadlineNs: number): void;
  cancel(name: string): void;
  /** The deadline of an armed timer, or undefined. */
  deadlineNs(name: string): number | undefined;
}

export interface TimerOwner {
  onTimer(name: string): void;
}

interface Entry {
  deadlineNs: number;
  sequence: number;
  owner: TimerOwner;
  name: string;
}

/** All armed timers of one machine, fired in order of deadline, then of arming. */
export class TimerQueue {
  private readonly clock: Clock;
  private readonly entries: Entry[] = [];
  private sequence = 0;
  /** Deadline of the earliest timer, or Infinity. Kept for the run loop, which reads it for every slice. */
  nextDeadlineNs = Infinity;
  /** Called when a timer becomes the earliest: a run that was planned to a later deadline has to end sooner. */
  onEarlier: (deadlineNs: number) => void = () => {};

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The port that a device's constructor takes. `owner` is asked for late, because the device does not exist yet. */
  portFor(owner: () => TimerOwner): DeviceTimers {
    return {
      nowNs: () => this.clock.nowNs(),
      arm: (name, deadlineNs) => this.arm(owner(), name, deadlineNs),
      cancel: (name) => this.remove(owner(), name),
      deadlineNs: (name) => this.entries.find((e) => e.owner === owner() && e.name === name)?.deadlineNs,
    };
  }

  private arm(owner: TimerOwner, name: string, deadlineNs: number): void {
    this.remove(owner, name);
    const entry = { deadlineNs, sequence: this.sequence++, owner, name };
    let at = this.entries.length;
    while (at > 0 && before(entry, this.entries[at - 1])) at--;
    this.entries.splice(at, 0, entry);
    const isEarlier = deadlineNs < this.nextDeadlineNs;
    this.nextDeadlineNs = this.entries[0]?.deadlineNs ?? Infinity;
    if (isEarlier) this.onEarlier(deadlineNs);
  }

  private remove(owner: TimerOwner, name: string): void {
    const at = this.entries.findIndex((e) => e.owner === owner && e.name === name);
    if (at >= 0) this.entries.splice(at, 1);
    this.nextDeadlineNs = this.entries[0]?.deadlineNs ?? Infinity;
  }

  /** Fires every timer that is due at `nowNs`. A timer that re-arms itself in the past fires again, at most `limit` in all. */
  runDue(nowNs: number, limit = 1000): void {
    for (let fired = 0; fired < limit; fired++) {
      const first = this.entries[0];
      if (first === undefined || first.deadlineNs > nowNs) return;
      this.entries.shift();
      this.nextDeadlineNs = this.entries[0]?.deadlineNs ?? Infinity;
      first.owner.onTimer(first.name);
    }
  }
}

function before(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && (a.deadlineNs < b.deadlineNs || (a.deadlineNs === b.deadlineNs && a.sequence < b.sequence));
}
