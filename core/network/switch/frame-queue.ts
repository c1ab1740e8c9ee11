// A bounded queue of copied frames in one byte ring: what waits at a switch that is at work on another frame. Nothing is allocated per frame.
import { FRAME_MAX_BYTES } from "../port.ts";

/** Length and port, before each frame. */
const HEADER = 4;

export class FrameQueue {
  private readonly bytes: Uint8Array;
  private readonly scratch = new Uint8Array(FRAME_MAX_BYTES);
  private head = 0;
  private used = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  get isEmpty(): boolean {
    return this.used === 0;
  }

  /** Copies a frame to the end. False if there is no room. */
  push(port: number, frame: Uint8Array): boolean {
    if (frame.length > FRAME_MAX_BYTES || this.used + HEADER + frame.length > this.bytes.length) return false;
    this.put(frame.length >>> 8);
    this.put(frame.length);
    this.put(port >>> 8);
    this.put(port);
    const at = (this.head + this.used) % this.bytes.length;
    const first = Math.min(frame.length, this.bytes.length - at);
    this.bytes.set(first === frame.length ? frame : frame.subarray(0, first), at);
    if (first < frame.length) this.bytes.set(frame.subarray(first), 0);
    this.used += frame.length;
    return true;
  }

  /** Takes the first frame out; it is borrowed until the next call. */
  shift(take: (port: number, frame: Uint8Array) => void): void {
    if (this.used === 0) return;
    const length = (this.pop() << 8) | this.pop();
    const port = (this.pop() << 8) | this.pop();
    const first = Math.min(length, this.bytes.length - this.head);
    this.scratch.set(this.bytes.subarray(this.head, this.head + first));
    if (first < length) this.scratch.set(this.bytes.subarray(0, length - first), first);
    this.head = (this.head + length) % this.bytes.length;
    this.used -= length;
    take(port, this.scratch.subarray(0, length));
  }

  private put(value: number): void {
    this.bytes[(this.head + this.used++) % this.bytes.length] = value;
  }

  private pop(): number {
    const value = this.bytes[this.head]!;
    this.head = (this.head + 1) % this.bytes.length;
    this.used--;
    return value;
  }
}
