// The memory of one request: first what the device reads, then what it writes (virtio 1.1, 2.6.4.2), as pieces of guest RAM that
// the queue has checked. Chains are kept and used again, so that a request costs no allocation.
import type { DirectDmaView } from "../../memory/guest-memory.ts";

export class DescriptorChain {
  /** Index of the first descriptor: the driver's name for the request. */
  head = 0;
  readableBytes = 0;
  writableBytes = 0;
  /** Pieces in order; neighbours of one kind that touch are one piece. */
  private readonly addresses: number[] = [];
  private readonly lengths: number[] = [];
  private count = 0;
  private readableCount = 0;
  private readonly memory: DirectDmaView;

  constructor(memory: DirectDmaView) {
    this.memory = memory;
  }

  begin(head: number): void {
    this.head = head;
    this.readableBytes = this.writableBytes = this.count = this.readableCount = 0;
  }

  /** Adds a piece. False if the device would read after it has begun to write. */
  add(gpa: number, length: number, isWritable: boolean): boolean {
    if (!isWritable && this.count > this.readableCount) return false;
    if (length === 0) return true;
    const first = isWritable ? this.readableCount : 0;
    const last = this.count - 1;
    if (last >= first && (this.addresses[last] as number) + (this.lengths[last] as number) === gpa) {
      this.lengths[last] = (this.lengths[last] as number) + length;
    } else {
      this.addresses[this.count] = gpa;
      this.lengths[this.count++] = length;
      if (!isWritable) this.readableCount++;
    }
    if (isWritable) this.writableBytes += length;
    else this.readableBytes += length;
    return true;
  }

  /** Copies out of the readable part from `offset` on; gives how many bytes there were. */
  read(offset: number, into: Uint8Array): number {
    return this.copy(0, this.readableCount, offset, into, false);
  }

  /** Copies into the writable part from `offset` on; gives how many bytes there was room for. */
  write(offset: number, from: Uint8Array): number {
    return this.copy(this.readableCount, this.count, offset, from, true);
  }

  private copy(piece: number, end: number, offset: number, bytes: Uint8Array, isWrite: boolean): number {
    let skip = offset;
    let done = 0;
    for (; piece < end && done < bytes.length; piece++) {
      const length = this.lengths[piece] as number;
      if (skip >= length) {
        skip -= length;
        continue;
      }
      const count = Math.min(length - skip, bytes.length - done);
      const part = count === bytes.length ? bytes : bytes.subarray(done, done + count);
      const gpa = (this.addresses[piece] as number) + skip;
      if (isWrite) this.memory.write(gpa, part);
      else this.memory.read(gpa, part);
      done += count;
      skip = 0;
    }
    return done;
  }

  /** The guest's own bytes at `offset` of the readable part, if they lie in one piece; else null. */
  directReadable(offset: number, length: number): Uint8Array | null {
    const gpa = this.addressOf(0, this.readableCount, offset, length);
    return gpa < 0 ? null : this.memory.direct(gpa, length);
  }

  /** The same of the writable part; call writableChanged() once they are written. */
  directWritable(offset: number, length: number): Uint8Array | null {
    const gpa = this.addressOf(this.readableCount, this.count, offset, length);
    return gpa < 0 ? null : this.memory.direct(gpa, length);
  }

  writableChanged(offset: number, length: number): void {
    const gpa = this.addressOf(this.readableCount, this.count, offset, length);
    if (gpa >= 0) this.memory.changed(gpa, length);
  }

  private addressOf(piece: number, end: number, offset: number, length: number): number {
    let skip = offset;
    for (; piece < end; piece++) {
      const size = this.lengths[piece] as number;
      if (skip < size) return skip + length <= size ? (this.addresses[piece] as number) + skip : -1;
      skip -= size;
    }
    return -1;
  }

  /** Each piece of the writable part. */
  eachWritable(visit: (gpa: number, length: number) => void): void {
    for (let piece = this.readableCount; piece < this.count; piece++) visit(this.addresses[piece] as number, this.lengths[piece] as number);
  }
}
