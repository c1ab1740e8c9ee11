// One TCP connection with a guest: the state machine of RFC 9293 section 3.10 over TcpSender and TcpReceiver. Resets and SYNs are checked
// as in RFC 5961, keep-alive is as in RFC 1122 section 4.2.3.6. Knows nothing of IP, frames or host sockets.
import type { BufferBudget } from "./stream-buffer.ts";
import type { StreamBuffer } from "./stream-buffer.ts";
import { TcpReceiver, WINDOW_SCALE } from "./tcp-receiver.ts";
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
const NO_BLOCKS: TcpHeader["sack"] = [];
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
  private readonly receiver: TcpReceiver;
  private iss: number;
  private sendScale = 0;
  private sackOk = true;
  private wl1 = 0;
  private wl2 = 0;
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
    this.receiver = new TcpReceiver(settings.mss, settings.bufferBase, settings.bufferMaximum, budget);
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
    this.receiver.start(syn);
    this.sackOk = syn.sackPermitted;
    if (syn.windowScale >= 0) this.sendScale = syn.windowScale;
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
    this.header.windowScale = active || this.receiver.scale > 0 ? WINDOW_SCALE : -1;
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
    return this.receiver.readRegion();
  }

  consumed(length: number): void {
    this.receiver.consumed(length);
  }

  /** The guest has closed its side and everything before that has been consumed. */
  get readEnded(): boolean {
    return this.receiver.isAtEnd;
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
    this.receiver.free();
    this.sender.deadline = Infinity;
    this.lifeDeadline = Infinity;
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
    const { receiver } = this;
    const sequence = receiver.positionOf(segment.sequence);
    const end = sequence + synLength + segment.dataLength + (flags & FIN ? 1 : 0);
    const { windowEnd } = receiver;
    const acceptable = receiver.accepts(sequence, end);
    if (flags & RST) {
      if (sequence === receiver.next) this.finish("reset");
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
      receiver.ackNow = true;
      if (this.state === "time-wait") this.lifeDeadline = nowNs + this.settings.timeWaitNs;
      // An old segment's acknowledgement may still be news, as when both sides probe shut windows.
      if (!(flags & ACK) || sequence > receiver.next) return;
    }
    if (!(flags & ACK)) return;
    this.heardAt = nowNs;
    this.keepAliveProbes = 0;
    if (!this.takeAcknowledgement(segment, sequence, nowNs)) return;
    if (!acceptable) return;
    const isReading = this.state === "established" || this.state === "fin-wait-1" || this.state === "fin-wait-2";
    if (segment.dataLength > 0) receiver.take(segment, sequence, windowEnd, isReading, nowNs);
    if (flags & FIN) receiver.noteFin(end, windowEnd);
    if (receiver.takeFin()) this.closedByGuest(nowNs);
  }

  /** Whether what a received segment calls for may wait for others in the same row: data in order, and nothing else. */
  mayWait(segment: TcpSegment): boolean {
    return this.state === "established" && segment.dataLength > 0 && !(segment.flags & (FIN | SYN | RST)) && this.receiver.isInOrder;
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
    this.receiver.ackNow = true;
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

  private closedByGuest(nowNs: number): void {
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
    return this.state === "time-wait" && this.receiver.positionOf(syn.sequence) > this.receiver.next;
  }

  private challenge(nowNs: number): void {
    if (nowNs - this.challengeAt < 100 * MS) return;
    this.challengeAt = nowNs;
    this.receiver.ackNow = true;
  }

  // --- segments to the guest ---

  /** Sends what is due: data, FIN, acknowledgement. */
  output(nowNs: number): void {
    if (this.state === "closed" || this.state === "connecting") return;
    if (this.sender.una > 0 && this.state !== "time-wait") this.sender.output(nowNs, this.out.canSend, this.emitRange);
    if (this.receiver.ackNow && this.receiver.next > 0 && this.out.canSend()) this.emit(this.sender.nxt, ACK, 0);
  }

  private readonly emitRange = (position: number, length: number, fin: boolean): void => {
    const isLast = position + length >= this.sender.end;
    this.emit(position, ACK | (fin ? FIN : 0) | (length > 0 && isLast ? PSH : 0), length);
  };

  private emit(position: number, flags: number, length: number): void {
    const header = this.header;
    header.sequence = (this.iss + position) >>> 0;
    header.flags = flags;
    header.acknowledgement = flags & ACK ? this.receiver.acknowledgement : 0;
    header.window = this.receiver.offer((flags & SYN) !== 0);
    header.sack = flags & SYN || !this.sackOk ? NO_BLOCKS : this.receiver.sackBlocks();
    this.out.segment(header, length > 0 ? this.sender.buffer : undefined, position, length);
    if (flags & ACK) this.receiver.acknowledged();
  }

  private emitRaw(sequence: number, flags: number): void {
    this.header.sequence = sequence;
    this.header.flags = flags;
    this.header.acknowledgement = flags & ACK ? this.receiver.acknowledgement : 0;
    this.header.window = 0;
    this.header.sack = NO_BLOCKS;
    this.out.segment(this.header, undefined, 0, 0);
  }

  // --- time ---

  get deadline(): number {
    return Math.min(this.sender.deadline, this.receiver.ackDeadline, this.lifeDeadline, this.keepAliveAt);
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
    if (this.receiver.ackDeadline <= nowNs) this.receiver.ackNow = true;
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
