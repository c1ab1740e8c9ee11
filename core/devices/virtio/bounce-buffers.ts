// Buffers between a medium and memory in pieces: taken for one request, given back, and used again.

const SMALLEST = 4096;
/** Larger buffers, and more than this many of a size, are left to the garbage collector. */
const LARGEST_KEPT = 1 << 20;
const KEPT_OF_A_SIZE = 32;

export class BounceBuffers {
  /** Kept buffers by power of two. */
  private readonly kept: ArrayBuffer[][] = [];

  /** A buffer of exactly this length, with anything in it. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const order = orderOf(length);
    const buffer = this.kept[order]?.pop() ?? new ArrayBuffer(2 ** order);
    return new Uint8Array(buffer, 0, length);
  }

  give(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength > LARGEST_KEPT) return;
    const order = orderOf(buffer.byteLength);
    const list = this.kept[order] ?? [];
    this.kept[order] = list;
    if (list.length < KEPT_OF_A_SIZE) list.push(buffer);
  }
}

function orderOf(length: number): number {
  return Math.ceil(Math.log2(Math.max(length, SMALLEST)));
}
