// What a display adapter shows, host-neutral: the machine's run loop asks for it at most 60 times a second.

/** A text screen: characters in CP437 order of cells, attribute bytes beside. */
export interface TextScreen {
  readonly columns: number;
  readonly rows: number;
  /** columns*rows pairs (character, attribute). */
  readonly cells: Uint8Array;
  readonly cursor: { column: number; row: number; visible: boolean };
}

/** The port that a display adapter offers. */
export interface DisplaySource {
  /** True if the picture may differ from the last one that render() gave. `nowNs` drives blinking. */
  isDirty(nowNs: number): boolean;
  /** Size of the current mode in pixels. */
  size(): { width: number; height: number };
  /** Draws the current picture into `into`, RGBA, size().width * size().height * 4 bytes long, and clears the dirty mark. */
  render(into: Uint8Array | Uint8ClampedArray, nowNs: number): void;
  /** The text screen, or null in a graphics mode. */
  text(): TextScreen | null;
}
