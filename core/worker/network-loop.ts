// The loop of the network's thread: takes frames from the rings of all cards in turns, lets the fabric do what is due, and otherwise leaves
// the thread to its event loop, which host sockets need. Nothing polls: an idle network waits for its doorbell (Atomics.waitAsync), for a
// timer at the fabric's next deadline, or for a socket.
import { DoorbellWord } from "../api/network-protocol.ts";
import { ControlWord } from "../api/worker-protocol.ts";
import type { NicLinkEnd } from "./nic-link.ts";

/** Of one card, before the next one's turn. */
const BATCH_FRAMES = 64;
/** Sockets and messages wait no longer than this. */
const TURN_NS = 500_000;
/** After a turn that did something, the answer is likely to come soon: waking up takes longer than this. */
const SPIN_NS = 20_000;
/** A timer fires a millisecond late or so; deadlines closer than this are waited for by going round the event loop. */
const SHORTEST_TIMER_NS = 300_000;
const LONGEST_TIMER_MS = 0x7fff_ffff;

export interface NetworkLoopOptions {
  /** Words of DoorbellWord. */
  readonly doorbell: Int32Array;
  readonly fabric: { poll(): void; nextDeadlineNs(): number };
  nowNs(): number;
  /** Something that should be impossible: the thread cannot go on. */
  failed(error: unknown): void;
}

export class NetworkLoop {
  private readonly o: NetworkLoopOptions;
  /** Replaced, never changed: cards may come and go while frames are handed on. */
  private ends: readonly NicLinkEnd[] = [];
  private first = 0;
  private isInTurn = false;
  private isScheduled = false;
  private isWaiting = false;
  private isOver = false;
  private timer: NodeJS.Timeout | undefined;
  /** SIGNAL words of machines that are to be woken. */
  private sleepers: Int32Array[] = [];

  constructor(options: NetworkLoopOptions) {
    this.o = options;
  }

  add(end: NicLinkEnd): void {
    this.ends = [...this.ends, end];
    this.wake();
  }

  remove(end: NicLinkEnd): void {
    this.ends = this.ends.filter((each) => each !== end);
  }

  /** Something has come up outside a turn: takes one soon. */
  wake(): void {
    if (this.isInTurn || this.isScheduled || this.isOver) return;
    this.isScheduled = true;
    setImmediate(this.scheduled);
  }

  /** Wakes a machine at the end of this round, so that it finds more than the first frame. */
  wakeMachine(control: Int32Array): void {
    this.sleepers.push(control);
    this.wake();
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  private readonly scheduled = (): void => {
    this.isScheduled = false;
    this.turn();
  };

  private readonly rung = (): void => {
    this.isWaiting = false;
    if (!this.isScheduled) this.turn();
  };

  private turn(): void {
    if (this.isOver) return;
    this.isInTurn = true;
    Atomics.store(this.o.doorbell, DoorbellWord.ASLEEP, 0);
    try {
      const seen = this.work();
      this.isInTurn = false;
      this.rest(seen);
    } catch (error) {
      this.isInTurn = false;
      this.stop();
      this.o.failed(error);
    }
  }

  /** Works until there is nothing to do or the time is up: the doorbell as it was before the last look at the rings, or undefined for more. */
  private work(): number | undefined {
    const { doorbell, fabric, nowNs } = this.o;
    const startNs = nowNs();
    let spinUntilNs = 0;
    for (;;) {
      const seen = Atomics.load(doorbell, DoorbellWord.RUNG);
      let done = this.pollEnds();
      const now = nowNs();
      if (fabric.nextDeadlineNs() <= now) {
        fabric.poll();
        done++;
      }
      if (this.sleepers.length > 0) this.wakeMachines();
      if (now - startNs > TURN_NS) return done > 0 ? undefined : seen;
      if (done > 0) {
        spinUntilNs = now + SPIN_NS;
        continue;
      }
      while (Atomics.load(doorbell, DoorbellWord.RUNG) === seen) if (nowNs() >= spinUntilNs) return seen;
    }
  }

  /** Another card is the first each time, so that none is always served before the others. */
  private pollEnds(): number {
    const { ends } = this;
    if (++this.first >= ends.length) this.first = 0;
    let done = 0;
    for (let i = this.first; i < ends.length; i++) done += ends[i]!.poll(BATCH_FRAMES);
    for (let i = 0; i < this.first; i++) done += ends[i]?.poll(BATCH_FRAMES) ?? 0;
    return done;
  }

  private wakeMachines(): void {
    const { sleepers } = this;
    this.sleepers = [];
    for (const control of sleepers) {
      Atomics.add(control, ControlWord.SIGNAL, 1);
      Atomics.notify(control, ControlWord.SIGNAL);
    }
  }

  private rest(seen: number | undefined): void {
    const { doorbell, fabric, nowNs } = this.o;
    if (this.isOver) return;
    clearTimeout(this.timer);
    const untilNs = fabric.nextDeadlineNs() - nowNs();
    if (seen === undefined || untilNs < SHORTEST_TIMER_NS) {
      this.wake();
      return;
    }
    if (untilNs !== Infinity) this.timer = setTimeout(this.scheduled, Math.min(LONGEST_TIMER_MS, Math.max(1, Math.floor(untilNs / 1e6))));
    Atomics.store(doorbell, DoorbellWord.ASLEEP, 1);
    if (this.isWaiting) {
      // Whoever has rung since the last look saw nobody asleep.
      if (Atomics.load(doorbell, DoorbellWord.RUNG) !== seen) this.wake();
      return;
    }
    const wait = Atomics.waitAsync(doorbell, DoorbellWord.RUNG, seen);
    if (wait.async) {
      this.isWaiting = true;
      void wait.value.then(this.rung);
    } else this.wake();
  }
}
