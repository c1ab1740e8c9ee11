// The cable between a machine's thread and the network's: one shared buffer for each card, with a ring of frames each way, who holds its
// ends, and flags for who wants to be woken. Each ring has one writer and one reader; no object is made for a frame.
//
// A ring's positions run on and wrap at 2^32; a frame is a word with its length, padding, and its octets at the next multiple of 8 (copies
// between shared memory are fast only where both ends are aligned). A frame is never split: where it does not fit before the end of the
// ring, a marker sends the reader to the start. Octets are written before the position, which is stored with Atomics and so publishes them.
//
// A reader that has found its ring empty says so and is woken by the next frame; a writer that has found no room is woken when half of the
// ring is free. Each flag is set before the last look and taken back by whoever acts on it, so no wake is lost and none is made twice.
import { NIC_LINK_BYTES } from "../api/network-protocol.ts";
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES, type NetPort, type NetPortClient } from "../network/port.ts";

/** Of each ring: what arrives within a slice of a machine that is busy. */
const RING_BYTES = 1 << 20;
const POSITION = RING_BYTES - 1;
const RECORD_HEADER = 8;
const WRAP = 0xffff_ffff;
/** Frames up to this length are copied for their receiver, to a place with views that are kept; of longer ones a view is made. */
const COPIED_BYTES = 2048;

/** Words of a ring, on cache lines of their own by who writes them. */
const Ring = { WRITTEN: 0, WANTS_FRAMES: 16, READ: 32, WANTS_ROOM: 48 } as const;
const RING_WORDS = 64;
/** Words of the cable. An end's state is a count of its changes times two, plus 1 while it is held (and the cable plugged in). */
const HELD_BY_MACHINE = 2 * RING_WORDS;
const HELD_BY_NETWORK = HELD_BY_MACHINE + 16;
const RINGS_AT = 4096;
const SCRATCH_AT = RINGS_AT + 2 * RING_BYTES;

export type NicLinkSide = "machine" | "network";

/** The buffer of one cable; its ends are made from it on the two threads. */
export function nicLinkBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(NIC_LINK_BYTES);
}

/** One end, on the thread that it belongs to. What has arrived is delivered by poll(), and by receiveReady(). */
export class NicLinkEnd implements NetPort {
  readonly comesInRows = true;
  private readonly words: Int32Array;
  private readonly out: FrameWriter;
  private readonly in: FrameReader;
  private readonly ownState: number;
  private readonly farState: number;
  private readonly wakeFar: () => void;
  private client: NetPortClient | null = null;
  private isPlugged = true;
  private isUp = false;
  /** The far end's state when this end looked last. */
  private seen: number;
  private isRefused = false;
  private isPolling = false;
  private frames = 0;

  /** `wakeFar` makes the far thread poll its end soon: it is called for a frame, for room and for a change of the link. */
  constructor(buffer: SharedArrayBuffer, side: NicLinkSide, wakeFar: () => void) {
    const isMachine = side === "machine";
    this.words = new Int32Array(buffer, 0, RINGS_AT / 4);
    this.wakeFar = wakeFar;
    this.out = new FrameWriter(buffer, isMachine ? 0 : 1);
    this.in = new FrameReader(buffer, isMachine ? 1 : 0);
    this.ownState = isMachine ? HELD_BY_MACHINE : HELD_BY_NETWORK;
    this.farState = isMachine ? HELD_BY_NETWORK : HELD_BY_MACHINE;
    this.seen = Atomics.load(this.words, this.farState);
  }

  /** Frames in both directions so far. */
  get carried(): number {
    return this.frames;
  }

  get linkUp(): boolean {
    return this.isUp;
  }

  /** Pulls or plugs the cable, at this end; both ends lose their carrier. */
  setPlugged(isPlugged: boolean): void {
    this.isPlugged = isPlugged;
    this.publish();
  }

  connect(client: NetPortClient | null): void {
    this.client = client;
    this.publish();
  }

  send(frame: Uint8Array): void {
    if (!this.isUp || frame.length < FRAME_HEADER_BYTES || frame.length > FRAME_MAX_BYTES) return;
    if (!this.out.write(frame)) {
      this.isRefused = true;
      return;
    }
    this.frames++;
    if (this.out.takeWish()) this.wakeFar();
  }

  canSend(): boolean {
    if (!this.isUp) return false;
    if (this.out.hasRoom()) return true;
    this.isRefused = true;
    return false;
  }

  receiveReady(): void {
    this.poll(READY_LIMIT);
  }

  /** Delivers what has arrived, at most `limit` frames, and tells of room and of the link. How much that was: with `limit`, there may be
   *  more. Having given less, the far thread wakes this one when there is more, except for frames that the client has no room for. */
  poll(limit = 256): number {
    if (this.isPolling) return 0;
    this.isPolling = true;
    let done = this.look();
    done += this.offerRoom();
    done += this.deliver(limit);
    this.isPolling = false;
    return done;
  }

  private deliver(limit: number): number {
    const { client } = this;
    if (!client || !this.isUp) {
      // Nobody is there: what is on the wire is lost.
      if (this.in.skipAll()) this.wakeFar();
      this.in.isAtEnd();
      return 0;
    }
    let count = 0;
    while (count < limit && !(this.in.isEmpty() && this.in.isAtEnd())) {
      // A client may change the link, and with it who is to receive.
      if (!this.isUp || !client.canReceive()) break;
      const length = this.in.next();
      if (length > 0) client.receive(this.in.frame(length));
      this.in.release();
      count++;
    }
    this.frames += count;
    if (count > 0) client.receiveEnd?.();
    if (this.in.takeWish()) this.wakeFar();
    return count;
  }

  private offerRoom(): number {
    if (!this.isRefused || !this.out.hasRoom()) return 0;
    this.isRefused = false;
    this.client?.sendReady();
    return 1;
  }

  /** The own end has changed: says so to the far one, and to the client. */
  private publish(): void {
    const state = Atomics.load(this.words, this.ownState);
    const isHeld = this.isPlugged && this.client !== null;
    if ((state & 1) !== Number(isHeld)) {
      // The count is in all bits but the lowest.
      Atomics.store(this.words, this.ownState, (((state >>> 1) + 1) << 1) | Number(isHeld));
      this.wakeFar();
    }
    this.seen = Atomics.load(this.words, this.farState);
    this.setUp(isHeld && (this.seen & 1) !== 0);
  }

  /** Tells the client of changes at the far end, of a short loss of carrier too. */
  private look(): number {
    const state = Atomics.load(this.words, this.farState);
    if (state === this.seen) return 0;
    const isOwn = (Atomics.load(this.words, this.ownState) & 1) !== 0;
    this.seen = state;
    this.setUp(false);
    this.setUp(isOwn && (state & 1) !== 0);
    return 1;
  }

  private setUp(isUp: boolean): void {
    if (isUp === this.isUp) return;
    this.isUp = isUp;
    this.isRefused = false;
    this.client?.linkChanged(isUp);
  }
}

/** What a card that has room again gets at once; the rest comes with the next poll. */
const READY_LIMIT = 64;

const roundUp = (bytes: number): number => (bytes + 7) & ~7;

class FrameWriter {
  private readonly words: Int32Array;
  private readonly ring: Uint8Array;
  private readonly headers: Uint32Array;
  private written: number;
  /** As far as the reader was when this looked last. */
  private read: number;

  constructor(buffer: SharedArrayBuffer, number: number) {
    this.words = new Int32Array(buffer, number * RING_WORDS * 4, RING_WORDS);
    this.ring = new Uint8Array(buffer, RINGS_AT + number * RING_BYTES, RING_BYTES);
    this.headers = new Uint32Array(buffer, RINGS_AT + number * RING_BYTES, RING_BYTES / 4);
    this.written = Atomics.load(this.words, Ring.WRITTEN);
    this.read = Atomics.load(this.words, Ring.READ);
  }

  /** Whether a frame of any length fits, wherever the end of the ring is. Where not, the reader is asked to say when one does. */
  hasRoom(): boolean {
    return this.fits(2 * (RECORD_HEADER + roundUp(FRAME_MAX_BYTES)));
  }

  private fits(bytes: number): boolean {
    if (this.used() + bytes <= RING_BYTES) return true;
    this.read = Atomics.load(this.words, Ring.READ);
    if (this.used() + bytes <= RING_BYTES) return true;
    Atomics.store(this.words, Ring.WANTS_ROOM, 1);
    this.read = Atomics.load(this.words, Ring.READ);
    return this.used() + bytes <= RING_BYTES;
  }

  private used(): number {
    return (this.written - this.read) & (2 * RING_BYTES - 1);
  }

  write(frame: Uint8Array): boolean {
    const record = RECORD_HEADER + roundUp(frame.length);
    let at = this.written & POSITION;
    const left = RING_BYTES - at;
    const skipped = left < record ? left : 0;
    if (!this.fits(skipped + record)) return false;
    if (skipped > 0) {
      this.headers[at >>> 2] = WRAP;
      at = 0;
    }
    this.headers[at >>> 2] = frame.length;
    this.ring.set(frame, at + RECORD_HEADER);
    this.written = (this.written + skipped + record) | 0;
    Atomics.store(this.words, Ring.WRITTEN, this.written);
    return true;
  }

  /** Whether the reader wants to be woken, asked after a frame; once. */
  takeWish(): boolean {
    return Atomics.load(this.words, Ring.WANTS_FRAMES) !== 0 && Atomics.exchange(this.words, Ring.WANTS_FRAMES, 0) !== 0;
  }
}

/** Lengths and positions are the other thread's: none is used that leads out of the ring, and a ring that holds nonsense is emptied. */
class FrameReader {
  private readonly words: Int32Array;
  private readonly ring: Uint8Array;
  private readonly headers: Uint32Array;
  private readonly bytes: Uint8Array;
  private readonly kept: (Uint8Array | undefined)[] = [];
  private readonly ringAt: number;
  private readonly scratchAt: number;
  private written: number;
  private read: number;
  /** Where the current frame ends. */
  private end: number;

  constructor(buffer: SharedArrayBuffer, number: number) {
    this.words = new Int32Array(buffer, number * RING_WORDS * 4, RING_WORDS);
    this.ringAt = RINGS_AT + number * RING_BYTES;
    this.scratchAt = SCRATCH_AT + number * COPIED_BYTES;
    this.ring = new Uint8Array(buffer, this.ringAt, RING_BYTES);
    this.headers = new Uint32Array(buffer, this.ringAt, RING_BYTES / 4);
    this.bytes = new Uint8Array(buffer);
    this.written = Atomics.load(this.words, Ring.WRITTEN);
    this.read = Atomics.load(this.words, Ring.READ);
    this.end = this.read;
  }

  /** By the last look at what has been written. */
  isEmpty(): boolean {
    return this.written === this.read;
  }

  /** Looks for more; without any, the writer is asked to wake this thread. */
  isAtEnd(): boolean {
    this.written = Atomics.load(this.words, Ring.WRITTEN);
    if (!this.isEmpty()) return false;
    Atomics.store(this.words, Ring.WANTS_FRAMES, 1);
    this.written = Atomics.load(this.words, Ring.WRITTEN);
    return this.isEmpty();
  }

  /** The length of the first frame, which stays until release(); 0 where there is none, but nonsense, which release() throws away. */
  next(): number {
    const available = (this.written - this.read) >>> 0;
    const at = this.read & POSITION;
    this.end = this.written;
    if (available > RING_BYTES || (at & 7) !== 0) return 0;
    const isWrapped = this.headers[at >>> 2] === WRAP;
    const skipped = isWrapped ? RING_BYTES - at : 0;
    if (available < skipped + RECORD_HEADER) return 0;
    const start = isWrapped ? 0 : at;
    const length = this.headers[start >>> 2] as number; // within the ring
    const record = RECORD_HEADER + roundUp(length);
    if (length < FRAME_HEADER_BYTES || length > FRAME_MAX_BYTES || record > RING_BYTES - start || skipped + record > available) return 0;
    this.read = (this.read + skipped) | 0;
    this.end = (this.read + record) | 0;
    return length;
  }

  /** Its octets, until release(). */
  frame(length: number): Uint8Array {
    const from = (this.read & POSITION) + RECORD_HEADER;
    if (length > COPIED_BYTES) return this.ring.subarray(from, from + length);
    this.bytes.copyWithin(this.scratchAt, this.ringAt + from, this.ringAt + from + length);
    const frame = this.kept[length] ?? this.bytes.subarray(this.scratchAt, this.scratchAt + length);
    this.kept[length] = frame;
    return frame;
  }

  release(): void {
    this.read = this.end;
    Atomics.store(this.words, Ring.READ, this.read);
  }

  /** Throws everything away. Whether the writer wants to be woken. */
  skipAll(): boolean {
    this.end = Atomics.load(this.words, Ring.WRITTEN);
    this.written = this.end;
    if (this.end === this.read) return false;
    this.release();
    return this.takeWish();
  }

  /** Whether the writer waits for room, and there is enough of it; once. */
  takeWish(): boolean {
    if (Atomics.load(this.words, Ring.WANTS_ROOM) === 0) return false;
    const waiting = (Atomics.load(this.words, Ring.WRITTEN) - this.read) >>> 0;
    return waiting <= RING_BYTES / 2 && Atomics.exchange(this.words, Ring.WANTS_ROOM, 0) !== 0;
  }
}
