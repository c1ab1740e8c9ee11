// The last frames of a live capture: a ring of fixed size in which a new frame takes the place of the oldest ones. A reader asks for what
// came after the frame it saw last, and learns how many it missed. Writing allocates nothing.
import type { CaptureDirection } from "./pcapng.ts";

/** Frames that are remembered at most, whatever their size. */
const FRAMES_MAX = 1 << 16;

export interface CapturedFrame {
  /** Counts up from 0 for every frame of the capture, kept or not. */
  readonly sequence: number;
  readonly timeNs: number;
  readonly source: number;
  readonly direction: CaptureDirection;
  /** On the wire; `bytes` may hold less. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

export class CaptureRing {
  private readonly data: Uint8Array;
  private readonly snapLength: number;
  private readonly capacity: number;
  private readonly starts: Uint32Array;
  private readonly kept: Uint32Array;
  private readonly lengths: Uint32Array;
  private readonly sources: Uint32Array;
  private readonly directions: Uint8Array;
  private readonly times: Float64Array;
  private first = 0;
  private next = 0;
  private used = 0;
  private at = 0;

  constructor(bytes: number, snapLength: number) {
    this.snapLength = Math.min(snapLength, bytes);
    this.data = new Uint8Array(bytes);
    this.capacity = Math.min(FRAMES_MAX, Math.max(1, Math.floor(bytes / 32)));
    this.starts = new Uint32Array(this.capacity);
    this.kept = new Uint32Array(this.capacity);
    this.lengths = new Uint32Array(this.capacity);
    this.sources = new Uint32Array(this.capacity);
    this.directions = new Uint8Array(this.capacity);
    this.times = new Float64Array(this.capacity);
  }

  /** Frames captured so far, the lost ones too. */
  get total(): number {
    return this.next;
  }

  push(source: number, timeNs: number, frame: Uint8Array, direction: CaptureDirection): void {
    const kept = Math.min(frame.length, this.snapLength);
    while (this.first < this.next && (this.used + kept > this.data.length || this.next - this.first >= this.capacity)) {
      this.used -= this.kept[this.first % this.capacity]!;
      this.first++;
    }
    const slot = this.next % this.capacity;
    this.starts[slot] = this.at;
    this.kept[slot] = kept;
    this.lengths[slot] = frame.length;
    this.sources[slot] = source;
    this.directions[slot] = direction === "in" ? 0 : 1;
    this.times[slot] = timeNs;
    const before = Math.min(kept, this.data.length - this.at);
    this.data.set(frame.subarray(0, before), this.at);
    if (before < kept) this.data.set(frame.subarray(before, kept), 0);
    this.at = (this.at + kept) % this.data.length;
    this.used += kept;
    this.next++;
  }

  /** At most `limit` frames from `sequence` on, as copies, and how many before them are gone. */
  read(sequence: number, limit: number): { frames: CapturedFrame[]; missed: number } {
    const from = Math.max(sequence, this.first);
    const frames: CapturedFrame[] = [];
    for (let n = from; n < this.next && frames.length < limit; n++) {
      const slot = n % this.capacity;
      const bytes = new Uint8Array(this.kept[slot]!);
      const start = this.starts[slot]!;
      const before = Math.min(bytes.length, this.data.length - start);
      bytes.set(this.data.subarray(start, start + before));
      bytes.set(this.data.subarray(0, bytes.length - before), before);
      frames.push({
        sequence: n,
        timeNs: this.times[slot]!,
        source: this.sources[slot]!,
        direction: this.directions[slot] === 0 ? "in" : "out",
        length: this.lengths[slot]!,
        bytes,
      });
    }
    return { frames, missed: from - sequence };
  }
}
