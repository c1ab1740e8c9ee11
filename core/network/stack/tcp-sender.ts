// The sending half of a TCP connection: what is in flight, when to send it again, and how fast. RFC 9293 section 3.8, congestion
// control of RFC 5681 and 6582, loss recovery with SACK of RFC 6675, retransmission timer of RFC 6298 with a floor of 200 ms in
// place of 1 s (the path is a virtual cable). Positions are absolute: the SYN is 0, data starts at 1, the FIN follows the data.
// Left out: timestamps, RACK, ECN.
import { RangeSet } from "./range-set.ts";
import type { BufferBudget } from "./stream-buffer.ts";
import { StreamBuffer } from "./stream-buffer.ts";

export const MS = 1e6;
export const SECOND = 1e9;
const RTO_INITIAL = SECOND;
const RTO_MINIMUM = 200 * MS;
const RTO_MAXIMUM = 60 * SECOND;
const GRANULARITY = MS;
/** A window larger than this gains nothing on a cable inside one host. */
const CWND_MAXIMUM = 4 << 20;
/** So many timeouts or probes without any answer and the peer is gone. */
const UNANSWERED_MAXIMUM = 12;

/** Sends `length` bytes from `position`, and FIN or the window-probe meaning it implies. */
export type EmitRange = (position: number, length: number, fin: boolean) => void;

export class TcpSender {
  readonly buffer: StreamBuffer;
  mss = 536;
  sackOk = false;
  /** Window the peer offers, in bytes after scaling. */
  window = 0;
  largestWindow = 0;
  /** First unacknowledged position, the next never sent, the end of what the application gave. */
  una = 0;
  nxt = 0;
  end = 1;
  finQueued = false;
  finSent = false;
  rto = RTO_INITIAL;
  /** When the retransmission or persist timer fires; Infinity when it is off. */
  deadline = Infinity;
  /** The peer stopped answering. */
  isDead = false;
  cwnd = 0;
  ssthresh = CWND_MAXIMUM;
  recovery: "none" | "fast" | "timeout" = "none";
  /** Counters, for tests and statistics. */
  retransmitted = 0;
  timeouts = 0;

  private readonly sacked = new RangeSet(64);
  private dupAcks = 0;
  private recoveryPoint = 0;
  /** Everything missing below lostEdge counts as lost; what is below resent has been sent again since. */
  private lostEdge = 0;
  private resent = 0;
  private mustResend = false;
  /** The persist timer runs: data waits, nothing is in flight, the window is shut. */
  private persisting = false;
  /** Bytes were sent into a shut window. */
  private probed = false;
  private unanswered = 0;
  private smoothedRtt = -1;
  private rttVariance = 0;
  private timedPosition = -1;
  private timedAt = 0;

  constructor(base: number, budget: BufferBudget) {
    this.buffer = new StreamBuffer(1, base, budget);
  }

  start(mss: number, sackOk: boolean): void {
    this.mss = mss;
    this.sackOk = sackOk;
    this.cwnd = 10 * mss;
  }

  get flight(): number {
    return this.nxt - this.una;
  }

  /** Everything up to and including the FIN has been acknowledged. */
  get finAcknowledged(): boolean {
    return this.finSent && this.una > this.end;
  }

  /** The SYN went out (again). */
  synSent(nowNs: number, again: boolean): void {
    this.nxt = 1;
    if (again) {
      this.timedPosition = -1;
      this.unanswered++;
      this.rto = Math.min(this.rto * 2, RTO_MAXIMUM);
      if (this.unanswered > 6) this.isDead = true;
    } else {
      this.timedPosition = 1;
      this.timedAt = nowNs;
    }
    this.deadline = nowNs + this.rto;
  }

  setWindow(bytes: number, nowNs: number): void {
    this.window = bytes;
    this.largestWindow = Math.max(this.largestWindow, bytes);
    if (bytes === 0 || !(this.persisting || this.probed)) return;
    if (this.smoothedRtt >= 0) this.setRto();
    // The window has opened: what the probe carried was probably refused, so it goes again at once.
    if (this.flight > 0) this.resendAll();
    this.deadline = this.flight > 0 ? nowNs + this.rto : Infinity;
    this.persisting = false;
    this.probed = false;
  }

  /**
   * An acceptable acknowledgement: `sack` holds positions of blocks, `isDuplicate` says that the segment had no data and no new window.
   * The peer is alive, whatever it acknowledges.
   */
  acknowledge(ack: number, sack: readonly number[], isDuplicate: boolean, nowNs: number): void {
    this.unanswered = 0;
    let news = false;
    if (this.sackOk) {
      for (let i = 0; i + 1 < sack.length; i += 2) {
        const start = Math.max(sack[i] as number, this.una);
        const end = sack[i + 1] as number;
        if (end <= start || end > this.nxt || this.sacked.covered(start, end) === end - start) continue;
        if (this.sacked.add(start, end)) news = true;
      }
    }
    if (ack > this.una) this.advance(ack, nowNs);
    else if (ack === this.una && this.flight > 0 && (this.sackOk ? news : isDuplicate)) this.dupAcks++;
    if (this.recovery === "none" && this.flight > 0) {
      const edge = this.sackOk ? this.sackLostEdge() : 0;
      if (this.dupAcks >= 3 || edge > this.una) this.enterRecovery();
    }
  }

  private advance(ack: number, nowNs: number): void {
    const acked = ack - this.una;
    if (this.timedPosition >= 0 && ack >= this.timedPosition) {
      this.sampleRtt(nowNs - this.timedAt);
      this.timedPosition = -1;
    }
    this.una = ack;
    this.buffer.start = Math.max(this.buffer.start, Math.min(ack, this.end));
    this.sacked.trim(ack);
    this.resent = Math.max(this.resent, ack);
    if (this.recovery !== "none" && ack >= this.recoveryPoint) {
      if (this.recovery === "fast") this.cwnd = this.ssthresh;
      this.recovery = "none";
      this.dupAcks = 0;
      this.lostEdge = 0;
    } else if (this.recovery === "fast" && !this.sackOk) {
      // NewReno: a partial acknowledgement says that the segment after it is lost as well.
      this.resent = ack;
      this.lostEdge = Math.min(ack + this.mss, this.nxt);
      this.dupAcks = Math.max(0, this.dupAcks - Math.ceil(acked / this.mss));
      this.mustResend = true;
    } else if (this.recovery !== "fast") {
      this.dupAcks = 0;
      this.cwnd += this.cwnd < this.ssthresh ? Math.min(acked, 2 * this.mss) : Math.max(1, Math.floor((this.mss * acked) / this.cwnd));
      this.cwnd = Math.min(this.cwnd, CWND_MAXIMUM);
    }
    // RFC 6298 (5.2, 5.3); the back-off ends with new data acknowledged.
    if (this.smoothedRtt >= 0) this.setRto();
    this.deadline = this.flight > 0 ? nowNs + this.rto : Infinity;
  }

  private sampleRtt(rtt: number): void {
    if (this.smoothedRtt < 0) {
      this.smoothedRtt = rtt;
      this.rttVariance = rtt / 2;
    } else {
      this.rttVariance = 0.75 * this.rttVariance + 0.25 * Math.abs(this.smoothedRtt - rtt);
      this.smoothedRtt = 0.875 * this.smoothedRtt + 0.125 * rtt;
    }
    this.setRto();
  }

  private setRto(): void {
    const rto = this.smoothedRtt + Math.max(GRANULARITY, 4 * this.rttVariance);
    this.rto = Math.min(RTO_MAXIMUM, Math.max(RTO_MINIMUM, rto));
  }

  /** Below this position every byte not yet reported has more than two segments reported above it (RFC 6675, IsLost). */
  private sackLostEdge(): number {
    let above = 0;
    const ranges = this.sacked.ranges;
    for (let i = ranges.length - 1; i >= 0; i--) {
      const range = ranges[i] as { start: number; end: number };
      above += range.end - range.start;
      if (above > 2 * this.mss) return range.start;
    }
    return 0;
  }

  private enterRecovery(): void {
    this.ssthresh = Math.max(Math.floor(this.flight / 2), 2 * this.mss);
    this.cwnd = this.ssthresh;
    this.recovery = "fast";
    this.recoveryPoint = this.nxt;
    this.resent = this.una;
    this.lostEdge = Math.min(this.una + this.mss, this.nxt);
    this.mustResend = true;
    this.timedPosition = -1;
  }

  private pipe(): number {
    const lostEdge = this.recovery === "none" ? this.una : this.lostEdge;
    const from = Math.min(Math.max(this.resent, this.una), Math.max(lostEdge, this.una));
    const lost = Math.max(0, lostEdge - from) - this.sacked.covered(from, lostEdge);
    const left = this.sackOk ? this.sacked.total : Math.min(this.dupAcks * this.mss, this.flight);
    return this.flight - left - Math.max(0, lost);
  }

  /** The next lost range not sent again yet. */
  private nextHole(): { start: number; end: number } | undefined {
    let start = Math.max(this.resent, this.una);
    for (const range of this.sacked.ranges) {
      if (range.end <= start) continue;
      if (range.start <= start) {
        start = range.end;
        continue;
      }
      return start < this.lostEdge ? { start, end: Math.min(range.start, this.lostEdge, start + this.mss) } : undefined;
    }
    return start < this.lostEdge ? { start, end: Math.min(this.lostEdge, start + this.mss) } : undefined;
  }

  /** Sends what may be sent now. `canSend` is asked before every segment. */
  output(nowNs: number, canSend: () => boolean, emit: EmitRange): void {
    while (this.recovery !== "none" && canSend()) {
      if (this.sackOk) this.lostEdge = Math.max(this.lostEdge, this.sackLostEdge());
      const hole = this.nextHole();
      if (hole === undefined || (!this.mustResend && this.pipe() + (hole.end - hole.start) > this.cwnd)) break;
      this.mustResend = false;
      this.resent = hole.end;
      this.retransmitted++;
      this.timedPosition = -1;
      this.emitRange(hole.start, hole.end, emit);
      if (this.deadline === Infinity || hole.start === this.una) this.deadline = nowNs + this.rto;
    }
    while (this.nxt > 0 && canSend()) {
      const room = this.una + this.window - this.nxt;
      const waiting = this.end - this.nxt;
      const length = Math.max(0, Math.min(waiting, room, this.mss));
      const withFin = this.finQueued && !this.finSent && length === waiting && this.nxt + length === this.end;
      if (length === 0 && !withFin) break;
      const pipe = this.pipe();
      if (pipe > 0 && pipe + length > this.cwnd) break;
      // Sender's silly window avoidance: a short segment only if it is all there is, or the window never allows more.
      if (length < this.mss && length < waiting && length < this.largestWindow / 2 && this.flight > 0) break;
      if (this.timedPosition < 0 && this.recovery === "none") {
        this.timedPosition = this.nxt + Math.max(length, 1);
        this.timedAt = nowNs;
      }
      if (withFin) this.finSent = true;
      const from = this.nxt;
      this.nxt += length + (withFin ? 1 : 0);
      emit(from, length, withFin);
      if (this.deadline === Infinity || this.persisting) this.deadline = nowNs + this.rto;
      this.persisting = false;
    }
    const stuck = this.nxt > 0 && this.flight === 0 && (this.nxt < this.end || (this.finQueued && !this.finSent));
    if (stuck && this.deadline === Infinity && this.window === 0) {
      this.persisting = true;
      this.deadline = nowNs + this.rto;
    }
  }

  private emitRange(start: number, end: number, emit: EmitRange): void {
    const dataEnd = Math.min(end, this.end);
    emit(start, Math.max(0, dataEnd - start), this.finSent && end > this.end);
  }

  /** The deadline has passed. */
  timeout(nowNs: number, emit: EmitRange): void {
    this.unanswered++;
    if (this.unanswered > UNANSWERED_MAXIMUM) {
      this.isDead = true;
      this.deadline = Infinity;
      return;
    }
    this.rto = Math.min(this.rto * 2, RTO_MAXIMUM);
    this.deadline = nowNs + this.rto;
    if (this.persisting || this.window === 0) {
      // One byte past the window makes the peer say what its window is now. It counts as sent.
      const from = this.flight > 0 ? this.una : this.nxt;
      if (from < this.end) emit(from, 1, false);
      else emit(from, 0, this.finSent);
      this.nxt = Math.max(this.nxt, Math.min(from + 1, this.end));
      this.persisting = false;
      this.probed = true;
      this.timedPosition = -1;
      return;
    }
    this.timeouts++;
    this.timedPosition = -1;
    this.ssthresh = Math.max(Math.floor(this.flight / 2), 2 * this.mss);
    this.cwnd = this.mss;
    // A receiver may forget what it reported (RFC 2018 section 8).
    if (this.unanswered > 1) this.sacked.clear();
    this.resendAll();
  }

  /** Takes everything in flight for lost, except what the scoreboard has. */
  private resendAll(): void {
    this.recovery = "timeout";
    this.recoveryPoint = this.nxt;
    this.resent = this.una;
    this.lostEdge = this.nxt;
    this.mustResend = true;
    this.dupAcks = 0;
  }
}
