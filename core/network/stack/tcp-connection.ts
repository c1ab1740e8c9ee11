// One TCP connection with a guest: the state machine of RFC 9293 section 3.10 over TcpSender, and the receiving half. Resets and SYNs
// are checked as in RFC 5961, acknowledgements delayed as in RFC 1122 section 4.2.3.2, keep-alive as in 4.2.3.6. Out-of-order data lies
// at its place in the receive buffer, so its memory is bounded by the window. Knows nothing of IP, frames or host sockets.
import { RangeSet } from "./range-set.ts";
import type { BufferBudget } from "./stream-buffer.ts";
import { StreamBuffer } from "./stream-buffer.ts";
import { MS, SECOND, TcpSender } from "./tcp-sender.ts";
import type { TcpHeader, TcpSegment } from "./tcp-segment.ts";
import { ACK, FIN, PSH, RST, SYN } from "./tcp-segment.ts";

export type TcpState =
  | "connecting" // a SYN has come; whether it is accepted is not known yet
  | "syn-sent"
  | "syn-received"
  | "established"
  | "fin-wait-1"
  | "fin-wait-2"
  | "close-wait"
  | "closing"
  | "last-ack"
  | "time-wait"
  | "closed";

export interface TcpSettings {
  /** The largest segment that fits the link. */
  mss: number;
  initialSequence: number;
  bufferBase: number;
  bufferMaximum: number;
  keepAliveIdleNs: number;
  timeWaitNs: number;
}

export interface TcpOutput {
  /** Whether a segment would be taken now. */
  canSend(): boolean;
  /** Sends a segment with `length` bytes of `data` from stream position `from`. Ports are filled in by the receiver of the call. */
  segment(header: TcpHeader, data: StreamBuffer | undefined, from: number, length: number): void;
}

const NOTHING = new Uint8Array(0);
const WINDOW_SCALE = 7;
const DELAYED_ACK_NS = 20 * MS;
const KEEP_ALIVE_INTERVAL_NS = 75 * SECOND;
const KEEP_ALIVE_PROBES = 9;

export class TcpConnection {
  state: TcpState;
  readonly sender: TcpSender;
  /** Why it ended, when state is "closed". */
  ending: "none" | "reset" | "timeout" | "done" = "none";
  private readonly settings: TcpSettings;
  private readonly out: TcpOutput;
  private readonly header: TcpHeader;
  private readonly receiveBuffer: StreamBuffer;
  private readonly early = new RangeSet(32);
  private iss: number;
  private irs = 0;
  private rcvNxt = 0;
  private advertisedEdge = 0;
  private finPosition = -1;
  private lastEarly = -1;
  private sendScale = 0;
  private receiveScale = WINDOW_SCALE;
  private sackOk = true;
  private wl1 = 0;
  private wl2 = 0;
  private ackNow = false;
  private unackedSegments = 0;
  private ackDeadline = Infinity;
  private lifeDeadline = Infinity;
  private heardAt = 0;
  private keepAliveProbes = 0;
  private challengeAt = -Infinity;

  constructor(settings: TcpSettings, out: TcpOutput, budget: BufferBudget) {
    this.settings = settings;
    this.out = out;
    this.iss = settings.initialSequence;
    this.state = "closed";
    this.sender = new TcpSender(settings.bufferBase, budget);
    this.receiveBuffer = new StreamBuffer(1, settings.bufferBase, budget);
    this.header = {
      sourcePort: 0, destinationPort: 0, sequence: 0, acknowledgement: 0, flags: 0, window: 0, mss: 0, windowScale: -1,
      sackPermitted: false, sack: [],
    };
  }

  // --- opening ---

  /** The guest opens: remember its SYN; accept() or refuse() follows. */
  openPassive(syn: TcpSegment): void {
    this.state = "connecting";
    this.takeSyn(syn);
  }

  accept(nowNs: number): void {
    if (this.state !== "connecting") return;
    this.state = "syn-received";
    this.heardAt = nowNs;
    this.sendSyn(nowNs, false);
  }

  /** The gateway opens towards the guest. */
  openActive(nowNs: number): void {
    this.state = "syn-sent";
    this.heardAt = nowNs;
    this.sendSyn(nowNs, false);
  }

  private takeSyn(syn: TcpSegment): void {
    this.irs = syn.sequence;
    this.rcvNxt = 1;
    this.advertisedEdge = 1 + Math.min(this.receiveBuffer.capacity, 65535);
    this.sackOk = syn.sackPermitted;
    if (syn.windowScale >= 0) this.sendScale = syn.windowScale;
    else this.receiveScale = 0;
    // An absurdly small segment size would turn every byte into a frame.
    this.sender.start(Math.max(64, Math.min(syn.mss || 536, this.settings.mss)), this.sackOk);
    this.sender.window = syn.window;
    this.sender.largestWindow = syn.window;
    this.wl1 = 0;
    this.wl2 = 0;
  }

  private sendSyn(nowNs: number, again: boolean): void {
    const active = this.state === "syn-sent";
    this.sender.synSent(nowNs, again);
    this.header.mss = this.settings.mss;
    this.header.windowScale = active || this.receiveScale > 0 ? WINDOW_SCALE : -1;
    this.header.sackPermitted = active || this.sackOk;
    this.emit(0, active ? SYN : SYN | ACK, 0);
    this.header.mss = 0;
    this.header.windowScale = -1;
    this.header.sackPermitted = false;
  }

  // --- the application's side ---

  /** Contiguous free space of the send buffer; empty when it is full. Fill it and call written(). */
  writeRegion(): Uint8Array {
    const sender = this.sender;
    if (!this.canWrite) return NOTHING;
    // Grow when the peer and the path could hold more than the buffer does.
    if (sender.end - sender.buffer.start >= sender.buffer.capacity && Math.min(sender.window, sender.cwnd) >= sender.buffer.capacity / 2) {
      sender.buffer.grow(this.settings.bufferMaximum);
    }
    return sender.buffer.region(sender.end, sender.buffer.limit);
  }

  get canWrite(): boolean {
    return !this.sender.finQueued && (this.state === "established" || this.state === "close-wait");
  }

  written(length: number): void {
    this.sender.end += length;
  }

  /** Contiguous bytes received in order; empty if there are none. */
  readRegion(): Uint8Array {
    const end = this.finPosition >= 0 ? Math.min(this.rcvNxt, this.finPosition) : this.rcvNxt;
    if (end <= this.receiveBuffer.start) return NOTHING;
    return this.receiveBuffer.region(this.receiveBuffer.start, end);
  }

  consumed(length: number): void {
    const buffer = this.receiveBuffer;
    const wasFull = this.rcvNxt - buffer.start >= buffer.capacity / 2;
    buffer.start += length;
    if (wasFull && buffer.start === this.rcvNxt) buffer.grow(this.settings.bufferMaximum);
    // Tell of more room once it is worth a segment (RFC 9293 section 3.8.6.2.2).
    const gain = Math.min(buffer.limit, this.rcvNxt + (0xffff << this.receiveScale)) - this.advertisedEdge;
    const isWorthIt = gain >= Math.min(2 * this.settings.mss, buffer.capacity / 2);
    if (isWorthIt && this.advertisedEdge - this.rcvNxt < buffer.capacity / 2) this.ackNow = true;
  }

  /** The guest has closed its side and everything before that has been consumed. */
  get readEnded(): boolean {
    return this.finPosition >= 0 && this.rcvNxt > this.finPosition && this.receiveBuffer.start >= this.finPosition;
  }

  /** No more data will be written: FIN after what is buffered. */
  close(): void {
    if (this.sender.finQueued) return;
    if (this.state === "established") this.state = "fin-wait-1";
    else if (this.state === "close-wait") this.state = "last-ack";
    else if (this.state === "syn-received") this.state = "fin-wait-1";
    else return;
    this.sender.finQueued = true;
  }

  /** Ends with a reset to the guest. */
  abort(): void {
    if (this.state === "connecting") {
      this.header.sequence = 0;
      this.emitRaw(0, RST | ACK);
    } else if (this.state !== "closed" && this.state !== "time-wait" && this.state !== "syn-sent") {
      this.emitRaw((this.iss + this.sender.nxt) >>> 0, RST | ACK);
    }
    this.finish("reset");
  }

  /** Ends without a word to the guest. */
  abandon(): void {
    this.finish("done");
  }

  private finish(ending: "reset" | "timeout" | "done"): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.ending = ending;
    this.sender.buffer.free();
    this.receiveBuffer.free();
    this.sender.deadline = Infinity;
    this.ackDeadline = Infinity;
    this.lifeDeadline = Infinity;
    this.ackNow = false;
  }

  // --- segments from the guest ---

  receive(segment: TcpSegment, nowNs: number): void {
    if (this.state === "closed" || this.state === "connecting") return;
    if (this.state === "syn-sent") {
      this.receiveInSynSent(segment, nowNs);
      return;
    }
    const flags = segment.flags;
    const synLength = flags & SYN ? 1 : 0;
    const sequence = this.rcvNxt + ((segment.sequence - ((this.irs + this.rcvNxt) >>> 0)) | 0);
    const end = sequence + synLength + segment.dataLength + (flags & FIN ? 1 : 0);
    const windowEnd = Math.max(this.advertisedEdge, this.rcvNxt);
    const acceptable =
      end === sequence
        ? sequence >= this.rcvNxt && (sequence < windowEnd || sequence === this.rcvNxt)
        : end > this.rcvNxt && (sequence < windowEnd || sequence === this.rcvNxt);
    if (flags & RST) {
      if (sequence === this.rcvNxt) this.finish("reset");
      else if (acceptable) this.challenge(nowNs);
      return;
    }
    if (flags & SYN) {
      if (this.state === "syn-received" && sequence === 0) this.sendSyn(nowNs, true);
      else this.challenge(nowNs);
      return;
    }
    if (!acceptable) {
      this.heardAt = nowNs;
      this.keepAliveProbes = 0;
      this.ackNow = true;
      if (this.state === "time-wait") this.lifeDeadline = nowNs + this.settings.timeWaitNs;
      // An old segment's acknowledgement may still be news, as when both sides probe shut windows.
      if (!(flags & ACK) || sequence > this.rcvNxt) return;
    }
    if (!(flags & ACK)) return;
    this.heardAt = nowNs;
    this.keepAliveProbes = 0;
    if (!this.takeAcknowledgement(segment, sequence, nowNs)) return;
    if (!acceptable) return;
    if (segment.dataLength > 0) this.takeData(segment, sequence, windowEnd, nowNs);
    if (flags & FIN && this.finPosition < 0 && end - 1 <= windowEnd) {
      const position = end - 1;
      if (position >= this.rcvNxt) this.finPosition = position;
    }
    if (this.finPosition >= 0 && this.rcvNxt === this.finPosition) this.takeFin(nowNs);
  }

  private receiveInSynSent(segment: TcpSegment, nowNs: number): void {
    const ackOk = (segment.flags & ACK) !== 0 && segment.acknowledgement === (this.iss + 1) >>> 0;
    if (segment.flags & RST) {
      if (ackOk) this.finish("reset");
      return;
    }
    if (!(segment.flags & SYN)) return;
    if (!ackOk) {
      // Simultaneous open is not supported: a wrong acknowledgement is an old duplicate.
      if (segment.flags & ACK) this.emitRaw(segment.acknowledgement, RST);
      return;
    }
    this.takeSyn(segment);
    this.heardAt = nowNs;
    this.state = "established";
    this.sender.acknowledge(1, [], false, nowNs);
    this.sender.setWindow(segment.window, nowNs);
    this.ackNow = true;
  }

  private takeAcknowledgement(segment: TcpSegment, sequence: number, nowNs: number): boolean {
    const sender = this.sender;
    const ack = sender.una + ((segment.acknowledgement - ((this.iss + sender.una) >>> 0)) | 0);
    if (this.state === "syn-received") {
      if (ack !== 1) {
        this.emitRaw(segment.acknowledgement, RST);
        return false;
      }
      this.state = "established";
    }
    if (ack > sender.nxt) {
      this.challenge(nowNs);
      return false;
    }
    if (ack < sender.una) return true;
    const window = segment.window << this.sendScale;
    const isDuplicate = segment.dataLength === 0 && !(segment.flags & FIN) && window === sender.window;
    const sack = segment.sack;
    for (let i = 0; i < sack.length; i++) sack[i] = sender.una + (((sack[i] as number) - ((this.iss + sender.una) >>> 0)) | 0);
    const finSeen = sender.finAcknowledged;
    sender.acknowledge(ack, sack, isDuplicate, nowNs);
    if (this.wl1 < sequence || (this.wl1 === sequence && this.wl2 <= ack)) {
      sender.setWindow(window, nowNs);
      this.wl1 = sequence;
      this.wl2 = ack;
    }
    if (!finSeen && sender.finAcknowledged) {
      if (this.state === "fin-wait-1") this.state = "fin-wait-2";
      else if (this.state === "closing") this.enterTimeWait(nowNs);
      else if (this.state === "last-ack") this.finish("done");
    }
    return true;
  }

  private takeData(segment: TcpSegment, sequence: number, windowEnd: number, nowNs: number): void {
    const limit = this.finPosition >= 0 ? Math.min(windowEnd, this.finPosition) : windowEnd;
    const from = Math.max(sequence, this.rcvNxt);
    const to = Math.min(sequence + segment.dataLength, limit, this.receiveBuffer.limit);
    if (from > sequence || to <= from) this.ackNow = true;
    if (to <= from) return;
    if (from > this.rcvNxt) {
      this.ackNow = true;
      if (!this.early.add(from, to)) return;
      this.lastEarly = from;
      this.receiveBuffer.write(from, segment.data, segment.dataAt + (from - sequence), to - from);
      return;
    }
    if (this.state === "established" || this.state === "fin-wait-1" || this.state === "fin-wait-2") {
      this.receiveBuffer.write(from, segment.data, segment.dataAt + (from - sequence), to - from);
      this.rcvNxt = to;
      if (this.early.ranges.length > 0) {
        this.ackNow = true;
        const next = this.early.ranges[0];
        if (next !== undefined && next.start <= to) this.rcvNxt = Math.max(to, next.end);
        this.early.trim(this.rcvNxt);
      }
    }
    this.unackedSegments++;
    if (this.unackedSegments >= 2) this.ackNow = true;
    else this.ackDeadline = Math.min(this.ackDeadline, nowNs + DELAYED_ACK_NS);
  }

  private takeFin(nowNs: number): void {
    this.rcvNxt = this.finPosition + 1;
    this.ackNow = true;
    this.early.clear();
    if (this.state === "established") this.state = "close-wait";
    else if (this.state === "fin-wait-1") {
      if (this.sender.finAcknowledged) this.enterTimeWait(nowNs);
      else this.state = "closing";
    } else if (this.state === "fin-wait-2") this.enterTimeWait(nowNs);
  }

  private enterTimeWait(nowNs: number): void {
    this.state = "time-wait";
    this.sender.deadline = Infinity;
    this.sender.buffer.free();
    this.lifeDeadline = nowNs + this.settings.timeWaitNs;
  }

  /** In TIME-WAIT a SYN with a later sequence number may open the pair of ports anew (RFC 1122 section 4.2.2.13). */
  mayReopen(syn: TcpSegment): boolean {
    return this.state === "time-wait" && ((syn.sequence - ((this.irs + this.rcvNxt) >>> 0)) | 0) > 0;
  }

  private challenge(nowNs: number): void {
    if (nowNs - this.challengeAt < 100 * MS) return;
    this.challengeAt = nowNs;
    this.ackNow = true;
  }

  // --- segments to the guest ---

  /** Sends what is due: data, FIN, acknowledgement. */
  output(nowNs: number): void {
    if (this.state === "closed" || this.state === "connecting") return;
    if (this.sender.una > 0 && this.state !== "time-wait") this.sender.output(nowNs, this.out.canSend, this.emitRange);
    if (this.ackNow && this.rcvNxt > 0 && this.out.canSend()) this.emit(this.sender.nxt, ACK, 0);
  }

  private readonly emitRange = (position: number, length: number, fin: boolean): void => {
    const isLast = position + length >= this.sender.end;
    this.emit(position, ACK | (fin ? FIN : 0) | (length > 0 && isLast ? PSH : 0), length);
  };

  private emit(position: number, flags: number, length: number): void {
    const header = this.header;
    header.sequence = (this.iss + position) >>> 0;
    header.flags = flags;
    header.acknowledgement = flags & ACK ? (this.irs + this.rcvNxt) >>> 0 : 0;
    const scale = flags & SYN ? 0 : this.receiveScale;
    const room = Math.max(0, this.receiveBuffer.limit - Math.max(this.rcvNxt, 1));
    // Never take back what was offered; offer nothing less than a segment more (RFC 9293 section 3.8.6.2.2).
    let edge = Math.max(this.rcvNxt, 1) + room;
    if (edge - this.advertisedEdge < Math.min(this.settings.mss, this.receiveBuffer.capacity / 2)) edge = this.advertisedEdge;
    const offered = Math.max(0, edge - Math.max(this.rcvNxt, 1));
    header.window = Math.min(0xffff, offered >> scale);
    this.advertisedEdge = Math.max(this.advertisedEdge, Math.max(this.rcvNxt, 1) + (header.window << scale));
    header.sack = flags & SYN || !this.sackOk || this.early.ranges.length === 0 ? [] : this.sackBlocks();
    this.out.segment(header, length > 0 ? this.sender.buffer : undefined, position, length);
    if (flags & ACK) {
      this.ackNow = false;
      this.unackedSegments = 0;
      this.ackDeadline = Infinity;
    }
  }

  private sackBlocks(): { start: number; end: number }[] {
    const latest = this.early.find(this.lastEarly);
    const rest = this.early.ranges.filter((range) => range !== latest);
    return (latest === undefined ? rest : [latest, ...rest]).slice(0, 4).map((range) => ({
      start: (this.irs + range.start) >>> 0,
      end: (this.irs + range.end) >>> 0,
    }));
  }

  private emitRaw(sequence: number, flags: number): void {
    this.header.sequence = sequence;
    this.header.flags = flags;
    this.header.acknowledgement = flags & ACK ? (this.irs + this.rcvNxt) >>> 0 : 0;
    this.header.window = 0;
    this.header.sack = [];
    this.out.segment(this.header, undefined, 0, 0);
  }

  // --- time ---

  get deadline(): number {
    return Math.min(this.sender.deadline, this.ackDeadline, this.lifeDeadline, this.keepAliveAt);
  }

  private get keepAliveAt(): number {
    const open = this.state === "established" || this.state === "close-wait" || this.state === "fin-wait-2";
    if (!open || this.sender.flight > 0) return Infinity;
    return this.heardAt + this.settings.keepAliveIdleNs + this.keepAliveProbes * KEEP_ALIVE_INTERVAL_NS;
  }

  /** Handles whatever is due at `nowNs`. */
  tick(nowNs: number): void {
    if (this.lifeDeadline <= nowNs) {
      this.finish("done");
      return;
    }
    if (this.ackDeadline <= nowNs) this.ackNow = true;
    if (this.sender.deadline <= nowNs) {
      if (this.state === "syn-sent" || this.state === "syn-received") this.sendSyn(nowNs, true);
      else this.sender.timeout(nowNs, this.emitRange);
    }
    if (this.sender.isDead) {
      if (this.state !== "syn-sent") this.emitRaw((this.iss + this.sender.nxt) >>> 0, RST | ACK);
      this.finish("timeout");
      return;
    }
    if (this.keepAliveAt <= nowNs) this.keepAlive();
  }

  private keepAlive(): void {
    this.keepAliveProbes++;
    if (this.keepAliveProbes > KEEP_ALIVE_PROBES) {
      this.abort();
      this.ending = "timeout";
      return;
    }
    this.emit(this.sender.nxt - 1, ACK, 0);
  }
}
