// A window onto a byte stream: a ring addressed by absolute stream position, so that bytes that came out of order are stored where
// they belong and retransmissions need no queue. Memory is taken when the first byte arrives. Growth beyond the base size comes out of
// one budget for all connections, so that many of them cannot use the host up.

export interface BufferBudget {
  left: number;
}

export class StreamBuffer {
  /** Position of the first byte held; bytes may be written up to start + capacity. */
  start: number;
  capacity: number;
  private readonly base: number;
  private readonly budget: BufferBudget;
  private bytes: Uint8Array | undefined;

  constructor(start: number, base: number, budget: BufferBudget) {
    this.start = start;
    this.base = base;
    this.capacity = base;
    this.budget = budget;
  }

  get limit(): number {
    return this.start + this.capacity;
  }

  /** The contiguous part of [position, end) that begins at position; a view, valid until the next grow. */
  region(position: number, end: number): Uint8Array {
    this.bytes ??= new Uint8Array(this.capacity);
    // Division and rounding down is several times as fast as % for numbers beyond 31 bits.
    const at = position - Math.floor(position / this.capacity) * this.capacity;
    return this.bytes.subarray(at, at + Math.max(0, Math.min(end - position, this.capacity - at)));
  }

  write(position: number, source: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length; ) {
      const region = this.region(position + done, position + length);
      region.set(source.subarray(at + done, at + done + region.length));
      done += region.length;
    }
  }

  read(position: number, target: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length; ) {
      const region = this.region(position + done, position + length);
      target.set(region, at + done);
      done += region.length;
    }
  }

  /** Doubles the capacity if `maximum` and the budget allow it. */
  grow(maximum: number): boolean {
    const capacity = this.capacity * 2;
    if (capacity > maximum || this.budget.left < this.capacity) return false;
    this.budget.left -= this.capacity;
    if (this.bytes !== undefined) {
      const old = this.bytes;
      const bytes = new Uint8Array(capacity);
      for (let position = this.start; position < this.start + old.length; ) {
        const from = position % old.length;
        const length = Math.min(old.length - from, this.start + old.length - position, capacity - (position % capacity));
        bytes.set(old.subarray(from, from + length), position % capacity);
        position += length;
      }
      this.bytes = bytes;
    }
    this.capacity = capacity;
    return true;
  }

  /** Gives memory and budget back. The buffer may still be asked for its positions. */
  free(): void {
    this.budget.left += this.capacity - this.base;
    this.capacity = this.base;
    this.bytes = undefined;
  }
}
