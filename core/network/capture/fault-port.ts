// An end of a cable with faults, in both directions: loss, delay, jitter, duplication, reordering, bandwidth, cut. Chance comes from a
// seed and time from the clock that is handed in, so the same run has the same faults. Frames that wait are copies in a bounded store.
import type { Clock } from "../../time/clock.ts";
import type { NetPort, NetPortClient } from "../port.ts";

export interface LinkFaults {
  /** Shares of frames, 0 to 1. */
  readonly loss?: number;
  readonly duplication?: number;
  /** A frame that is reordered goes without the delay, and so overtakes those before it; with no delay it waits one millisecond instead. */
  readonly reordering?: number;
  readonly delayNs?: number;
  /** Added to or taken from the delay, evenly spread. Order is kept: a frame never overtakes another through jitter alone. */
  readonly jitterNs?: number;
  readonly bitsPerSecond?: number;
  /** Carrier is gone at this end, and what the far end sends is lost. The far end keeps its own carrier: pull the cable to take both. */
  readonly cut?: boolean;
  /** Chance begins anew from this when it changes. */
  readonly seed?: number;
}

/** What may wait in one direction; more is lost, as in a router's queue. */
const WAITING_BYTES_MAX = 4 << 20;
const WAITING_FRAMES_MAX = 8192;
const REORDER_NS = 1_000_000;
/** A wait above an hour is a mistake. */
const DELAY_MAX_NS = 3600e9;

export interface FaultCounts {
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Lost because too much was waiting. */
  readonly overrun: number;
}

interface Waiting {
  readonly dueNs: number;
  readonly frame: Uint8Array;
}

/** The first fault of a description as a sentence, or undefined. */
export function linkFaultsFault(faults: LinkFaults): string | undefined {
  for (const [name, share] of [["loss", faults.loss], ["duplication", faults.duplication], ["reordering", faults.reordering]] as const) {
    if (share !== undefined && !(share >= 0 && share <= 1)) return `The share of ${name} has to be between 0 and 1.`;
  }
  for (const ns of [faults.delayNs, faults.jitterNs]) {
    if (ns !== undefined && !(ns >= 0 && ns <= DELAY_MAX_NS)) return "Delay and jitter have to be between 0 and one hour.";
  }
  const bits = faults.bitsPerSecond;
  if (bits !== undefined && !(bits >= 1 && Number.isFinite(bits))) return "The bandwidth has to be at least one bit a second.";
  return undefined;
}

export class FaultPort implements NetPort {
  private readonly inner: NetPort;
  private readonly clock: Clock;
  private readonly outward: FaultQueue;
  private readonly inward: FaultQueue;
  private readonly chance: SeededChance;
  private faults: LinkFaults = {};
  /** What the chance began from, where the faults say it. */
  private seed: number | undefined;
  /** No faults but a cut. */
  private isClear = true;
  private client: NetPortClient | null = null;
  /** Called when nextDeadlineNs() has become earlier. */
  onEarlier: (deadlineNs: number) => void = () => {};

  constructor(inner: NetPort, clock: Clock, seed: number) {
    this.inner = inner;
    this.clock = clock;
    this.chance = new SeededChance(seed);
    this.outward = new FaultQueue(this.chance, (frame) => inner.send(frame));
    this.inward = new FaultQueue(this.chance, (frame) => {
      if (this.client?.canReceive()) this.client.receive(frame);
    });
  }

  get counts(): FaultCounts {
    const { outward, inward } = this;
    return {
      lost: outward.lost + inward.lost,
      duplicated: outward.duplicated + inward.duplicated,
      reordered: outward.reordered + inward.reordered,
      overrun: outward.overrun + inward.overrun,
    };
  }

  /** Sets the faults from now on, or says what is wrong with them. What waits keeps its time; a cut loses it. */
  setFaults(faults: LinkFaults): string | undefined {
    const fault = linkFaultsFault(faults);
    if (fault !== undefined) return fault;
    const wasUp = this.linkUp;
    this.faults = faults;
    this.isClear = !(faults.loss || faults.duplication || faults.reordering || faults.delayNs || faults.jitterNs || faults.bitsPerSecond);
    if (faults.seed !== undefined && faults.seed !== this.seed) this.chance.begin(faults.seed);
    this.seed = faults.seed;
    if (!this.linkUp) this.clear();
    if (wasUp !== this.linkUp) this.client?.linkChanged(this.linkUp);
    return undefined;
  }

  send(frame: Uint8Array): void {
    if (!this.linkUp) return;
    if (this.isClear && this.outward.isEmpty) this.inner.send(frame);
    else this.pass(this.outward, frame);
  }

  canSend(): boolean {
    return this.linkUp && (this.outward.isIdle(this.faults) ? this.inner.canSend() : this.outward.hasRoom);
  }

  get linkUp(): boolean {
    return this.faults.cut !== true && this.inner.linkUp;
  }

  connect(client: NetPortClient | null): void {
    this.client = client;
    if (client === null) {
      this.clear();
      this.inner.connect(null);
      return;
    }
    this.inner.connect({
      receive: (frame) => {
        if (!this.linkUp) return;
        if (this.isClear && this.inward.isEmpty) {
          if (client.canReceive()) client.receive(frame);
        } else this.pass(this.inward, frame);
      },
      canReceive: () => this.linkUp && (this.inward.isIdle(this.faults) ? client.canReceive() : this.inward.hasRoom),
      linkChanged: (up) => {
        if (!up) this.clear();
        if (this.faults.cut !== true) client.linkChanged(up);
      },
      sendReady: () => client.sendReady(),
    });
  }

  receiveReady(): void {
    this.inner.receiveReady();
  }

  /** Hands on what is due. */
  poll(): void {
    const now = this.clock.nowNs();
    const wasFull = !this.outward.hasRoom;
    const farWasFull = !this.inward.hasRoom;
    this.outward.release(now);
    this.inward.release(now);
    if (wasFull && this.outward.hasRoom) this.client?.sendReady();
    if (farWasFull && this.inward.hasRoom) this.inner.receiveReady();
  }

  nextDeadlineNs(): number {
    return Math.min(this.outward.nextNs, this.inward.nextNs);
  }

  private pass(queue: FaultQueue, frame: Uint8Array): void {
    const before = this.nextDeadlineNs();
    queue.push(frame, this.faults, this.clock.nowNs());
    const after = this.nextDeadlineNs();
    if (after < before) this.onEarlier(after);
  }

  private clear(): void {
    this.outward.clear();
    this.inward.clear();
  }
}

/** One direction. */
class FaultQueue {
  private readonly chance: SeededChance;
  private readonly deliver: (frame: Uint8Array) => void;
  /** In order of time, then of arrival. */
  private readonly waiting: Waiting[] = [];
  private waitingBytes = 0;
  private lastDueNs = 0;
  private lineFreeNs = 0;
  lost = 0;
  duplicated = 0;
  reordered = 0;
  overrun = 0;

  constructor(chance: SeededChance, deliver: (frame: Uint8Array) => void) {
    this.chance = chance;
    this.deliver = deliver;
  }

  get nextNs(): number {
    return this.waiting[0]?.dueNs ?? Infinity;
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get hasRoom(): boolean {
    return this.waiting.length < WAITING_FRAMES_MAX / 2 && this.waitingBytes < WAITING_BYTES_MAX / 2;
  }

  /** Whether a frame would go straight through. */
  isIdle(faults: LinkFaults): boolean {
    return this.waiting.length === 0 && !faults.delayNs && !faults.jitterNs && faults.bitsPerSecond === undefined && !faults.reordering;
  }

  push(frame: Uint8Array, faults: LinkFaults, now: number): void {
    if (this.happens(faults.loss)) {
      this.lost++;
      return;
    }
    this.enter(frame, faults, now);
    if (this.happens(faults.duplication)) {
      this.duplicated++;
      this.enter(frame, faults, now);
    }
  }

  release(now: number): void {
    // What arrives meanwhile waits for the next call, so that two ends cannot keep each other here.
    let left = this.waiting.length;
    for (; left > 0 && this.nextNs <= now; left--) {
      const { frame } = this.waiting.shift()!;
      this.waitingBytes -= frame.length;
      this.deliver(frame);
    }
  }

  clear(): void {
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.lastDueNs = 0;
    this.lineFreeNs = 0;
  }

  private enter(frame: Uint8Array, faults: LinkFaults, now: number): void {
    let due = now;
    if (faults.bitsPerSecond !== undefined) {
      this.lineFreeNs = Math.max(this.lineFreeNs, now) + (frame.length * 8e9) / faults.bitsPerSecond;
      due = this.lineFreeNs;
    }
    const delay = faults.delayNs ?? 0;
    if (this.happens(faults.reordering)) {
      this.reordered++;
      if (delay === 0) due += REORDER_NS;
    } else {
      const jitter = faults.jitterNs ?? 0;
      due += Math.max(0, delay + (jitter === 0 ? 0 : (this.chance.next() * 2 - 1) * jitter));
      due = Math.max(due, this.lastDueNs);
      this.lastDueNs = due;
    }
    if (due <= now && this.waiting.length === 0) {
      this.deliver(frame);
      return;
    }
    if (this.waiting.length >= WAITING_FRAMES_MAX || this.waitingBytes + frame.length > WAITING_BYTES_MAX) {
      this.overrun++;
      return;
    }
    let at = this.waiting.length;
    while (at > 0 && this.waiting[at - 1]!.dueNs > due) at--;
    this.waiting.splice(at, 0, { dueNs: due, frame: frame.slice() });
    this.waitingBytes += frame.length;
  }

  private happens(share: number | undefined): boolean {
    return share !== undefined && share > 0 && this.chance.next() < share;
  }
}

/** Numbers from 0 to 1 (splitmix32). */
class SeededChance {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  begin(seed: number): void {
    this.state = seed >>> 0;
  }

  next(): number {
    const state = (this.state + 0x9e37_79b9) >>> 0;
    this.state = state;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 0x1_0000_0000;
  }
}
