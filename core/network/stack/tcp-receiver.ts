// The receiving half of a TCP connection (RFC 9293 section 3.10.7.4): what has come in order and early, the window that is offered, and
// when an acknowledgement is due (RFC 1122 section 4.2.3.2). Early data lie at their place in the buffer, so that their memory is bounded by
// the window. Positions are absolute: the SYN is 0, data start at 1, the FIN follows the data.
import { RangeSet } from "./range-set.ts";
import type { BufferBudget } from "./stream-buffer.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { MS } from "./tcp-sender.ts";
import type { TcpSegment } from "./tcp-segment.ts";

const NOTHING = new Uint8Array(0);
export const WINDOW_SCALE = 7;
const DELAYED_ACK_NS = 20 * MS;
/** A peer that sends a whole window within this time, to a reader that keeps up, is given a larger one. */
const FAST_WINDOW_NS = 250 * MS;

export class TcpReceiver {
  /** Every position below has come. 0 until the SYN has. */
  next = 0;
  /** The FIN's position, or -1. */
  finPosition = -1;
  /** An acknowledgement is to go out at once. */
  ackNow = false;
  ackDeadline = Infinity;
  scale = WINDOW_SCALE;
  /** The last segment's data were the next ones, and no gap was there. */
  isInOrder = false;
  private readonly buffer: StreamBuffer;
  private readonly bufferMaximum: number;
  private readonly mss: number;
  private readonly early = new RangeSet(32);
  private irs = 0;
  private advertisedEdge = 0;
  private lastEarly = -1;
  private unackedSegments = 0;
  private tookNs = 0;
  /** Where and when the window was looked at last for growing it. */
  private lookedAt = 1;
  private lookedNs = 0;

  constructor(mss: number, base: number, maximum: number, budget: BufferBudget) {
    this.mss = mss;
    this.bufferMaximum = maximum;
    this.buffer = new StreamBuffer(1, base, budget);
  }

  start(syn: TcpSegment): void {
    this.irs = syn.sequence;
    this.next = 1;
    this.advertisedEdge = 1 + Math.min(this.buffer.capacity, 65535);
    if (syn.windowScale < 0) this.scale = 0;
  }

  /** The position that a sequence number near `next` stands for. */
  positionOf(sequence: number): number {
    return this.next + ((sequence - ((this.irs + this.next) >>> 0)) | 0);
  }

  get acknowledgement(): number {
    return (this.irs + this.next) >>> 0;
  }

  /** Where the window ends that the peer knows of. */
  get windowEnd(): number {
    return Math.max(this.advertisedEdge, this.next);
  }

  /** Whether a segment from `start` to `end` touches the window. */
  accepts(start: number, end: number): boolean {
    const begins = start < this.windowEnd || start === this.next;
    return end === start ? start >= this.next && begins : end > this.next && begins;
  }

  /** Contiguous bytes received in order; empty if there are none. */
  readRegion(): Uint8Array {
    const end = this.finPosition >= 0 ? Math.min(this.next, this.finPosition) : this.next;
    if (end <= this.buffer.start) return NOTHING;
    return this.buffer.region(this.buffer.start, end);
  }

  consumed(length: number): void {
    const { buffer } = this;
    buffer.start += length;
    if (buffer.start === this.next && this.next - this.lookedAt >= buffer.capacity) {
      if (this.tookNs - this.lookedNs <= FAST_WINDOW_NS) buffer.grow(this.bufferMaximum);
      this.lookedAt = this.next;
      this.lookedNs = this.tookNs;
    }
    // Tell of more room once it is worth a segment (RFC 9293 section 3.8.6.2.2).
    const gain = Math.min(buffer.limit, this.next + (0xffff << this.scale)) - this.advertisedEdge;
    const isWorthIt = gain >= Math.min(2 * this.mss, buffer.capacity / 2);
    if (isWorthIt && this.advertisedEdge - this.next < buffer.capacity / 2) this.ackNow = true;
  }

  /** The peer has closed its side and everything before that has been consumed. */
  get isAtEnd(): boolean {
    return this.finPosition >= 0 && this.next > this.finPosition && this.buffer.start >= this.finPosition;
  }

  /** Takes a segment's data, which begin at `start`; in order only where the connection still reads. */
  take(segment: TcpSegment, start: number, windowEnd: number, isReading: boolean, nowNs: number): void {
    const limit = this.finPosition >= 0 ? Math.min(windowEnd, this.finPosition) : windowEnd;
    const from = Math.max(start, this.next);
    const to = Math.min(start + segment.dataLength, limit, this.buffer.limit);
    this.isInOrder = from === start && from === this.next && to === start + segment.dataLength && this.early.ranges.length === 0;
    if (from > start || to <= from) this.ackNow = true;
    if (to <= from) return;
    if (from > this.next) {
      this.ackNow = true;
      if (!this.early.add(from, to)) return;
      this.lastEarly = from;
      this.buffer.write(from, segment.data, segment.dataAt + (from - start), to - from);
      return;
    }
    if (isReading) {
      this.buffer.write(from, segment.data, segment.dataAt + (from - start), to - from);
      this.next = to;
      if (this.early.ranges.length > 0) {
        this.ackNow = true;
        const next = this.early.ranges[0];
        if (next !== undefined && next.start <= to) this.next = Math.max(to, next.end);
        this.early.trim(this.next);
      }
    }
    this.tookNs = nowNs;
    // A segment larger than the MSS is many that a card was to cut.
    this.unackedSegments += segment.dataLength > this.mss ? 2 : 1;
    if (this.unackedSegments >= 2) this.ackNow = true;
    else this.ackDeadline = Math.min(this.ackDeadline, nowNs + DELAYED_ACK_NS);
  }

  /** A segment with FIN ends at `end`. */
  noteFin(end: number, windowEnd: number): void {
    if (this.finPosition < 0 && end - 1 <= windowEnd && end - 1 >= this.next) this.finPosition = end - 1;
  }

  /** Steps over the FIN if everything before it has come; whether it has. */
  takeFin(): boolean {
    if (this.finPosition < 0 || this.next !== this.finPosition) return false;
    this.next++;
    this.ackNow = true;
    this.early.clear();
    return true;
  }

  /** The window field of a segment that goes out now. */
  offer(isSyn: boolean): number {
    const scale = isSyn ? 0 : this.scale;
    const next = Math.max(this.next, 1);
    // Never take back what was offered; offer nothing less than a segment more (RFC 9293 section 3.8.6.2.2).
    let edge = next + Math.max(0, this.buffer.limit - next);
    if (edge - this.advertisedEdge < Math.min(this.mss, this.buffer.capacity / 2)) edge = this.advertisedEdge;
    const window = Math.min(0xffff, Math.max(0, edge - next) >> scale);
    this.advertisedEdge = Math.max(this.advertisedEdge, next + (window << scale));
    return window;
  }

  /** What has come early, the latest first (RFC 2018 section 4). */
  sackBlocks(): { start: number; end: number }[] {
    if (this.early.ranges.length === 0) return [];
    const latest = this.early.find(this.lastEarly);
    const rest = this.early.ranges.filter((range) => range !== latest);
    return (latest === undefined ? rest : [latest, ...rest]).slice(0, 4).map((range) => ({
      start: (this.irs + range.start) >>> 0,
      end: (this.irs + range.end) >>> 0,
    }));
  }

  /** An acknowledgement has gone out. */
  acknowledged(): void {
    this.ackNow = false;
    this.unackedSegments = 0;
    this.ackDeadline = Infinity;
  }

  free(): void {
    this.buffer.free();
    this.acknowledged();
  }
}
