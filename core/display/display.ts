// What a display adapter shows, host-neutral: the machine's run loop asks for it at most 60 times a second.

/** A text screen: characters in CP437 order of cells, attribute bytes beside. */
export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  /** columns*rows pairs (character, attribute). */
  readonly cells: Uint8Array;
  readonly cursor: { column: number; row: number; visible: boolean };
}

/** Rows of the picture, both included. */
export interface RowRange {
  first: number;
  last: number;
}

/** True if `length` bytes of `a` from `aAt` on differ from those of `b` from `bAt` on, all of which exist. */
export type MemoryComparison = (a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number) => boolean;

/** The port that a display adapter offers. */
export interface DisplaySource {
  /** True if the picture may differ from the last one drawn. A look, cheap enough for every halt of the guest: a change of few lines
   *  may take a few looks to be noticed, fewer if a frame is due. `nowNs` drives blinking. */
  isDirty(nowNs: number, isFrameDue?: boolean): boolean;
  /** Size of the current mode in pixels. */
  size(): { width: number; height: number };
  /** Draws the current picture into `into`, RGBA, size().width * size().height * 4 bytes long, and clears the dirty mark. */
  render(into: Uint8Array | Uint8ClampedArray, nowNs: number): void;
  /** Brings `into`, which holds what was drawn last in this size (or anything, if `isWhole`), up to date, however small the change.
   *  Only rows of the range given can have changed; null: none. RGBA words, red in the low byte. */
  update?(into: Uint32Array, isWhole: boolean, nowNs: number): RowRange | null;
  /** Gives the adapter the host's fastest way to compare memory. */
  compareWith?(differs: MemoryComparison): void;
  /** The text screen, or null in a graphics mode. */
  text(): TextScreen | null;
}
