// Memory that a card puts frames together in. A port takes a frame as an array of its exact length; making one for every frame costs more
// than copying a short one, so views of usual lengths are made once and kept.

/** Views of longer frames are made anew: there are too many lengths, and the copy outweighs the view. */
const LONGEST_KEPT = 1600;

export class FrameBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly kept: (Uint8Array | undefined)[] = [];

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** The first `length` bytes. */
  frame(length: number): Uint8Array {
    if (length > LONGEST_KEPT) return this.bytes.subarray(0, length);
    const kept = this.kept[length] ?? this.bytes.subarray(0, length);
    this.kept[length] = kept;
    return kept;
  }
}
