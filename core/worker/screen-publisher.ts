// Draws the machine's picture into the shared screen, changed part only, and says which part that was. Writes are bracketed by
// two counters (see ScreenWord), so that a reader in another thread knows a torn picture when it has copied one.
import { type DirtyRect, SCREEN_MAX_HEIGHT, SCREEN_MAX_WIDTH, SCREEN_PIXELS_OFFSET, ScreenWord } from "../api/worker-protocol.ts";
import type { Machine } from "../machine/machine.ts";
import { encodePng } from "./png.ts";

export interface PublishedFrame {
  rect: DirtyRect;
  screenWidth: number;
  screenHeight: number;
}

export class ScreenPublisher {
  private readonly display: Machine["display"];
  private readonly words: Int32Array;
  private readonly shared: Uint32Array;
  private readonly sharedBytes: Buffer;
  private drawn = new Uint32Array(0);
  private drawnBytes = Buffer.alloc(0);

  constructor(display: Machine["display"], screen: SharedArrayBuffer) {
    this.display = display;
    this.words = new Int32Array(screen, 0, SCREEN_PIXELS_OFFSET / 4);
    this.shared = new Uint32Array(screen, SCREEN_PIXELS_OFFSET);
    this.sharedBytes = Buffer.from(screen, SCREEN_PIXELS_OFFSET);
  }

  /** Brings the shared screen up to date. Undefined if nothing differs. A picture too large for it is cut at right and bottom. */
  publish(nowNs: number): PublishedFrame | undefined {
    const { words } = this;
    if (words[ScreenWord.WIDTH] !== 0 && !this.display.isDirty(nowNs)) return undefined;
    const size = this.display.size();
    if (size.width < 1 || size.height < 1) return undefined;
    this.render(size.width, size.height, nowNs);
    const width = Math.min(size.width, SCREEN_MAX_WIDTH);
    const height = Math.min(size.height, SCREEN_MAX_HEIGHT);
    const isNewSize = words[ScreenWord.WIDTH] !== width || words[ScreenWord.HEIGHT] !== height;
    const rect = isNewSize ? { x: 0, y: 0, width, height } : this.difference(size.width, width, height);
    if (!rect) return undefined;
    const begun = ((words[ScreenWord.BEGUN] ?? 0) + 1) | 0;
    Atomics.store(words, ScreenWord.BEGUN, begun);
    words[ScreenWord.WIDTH] = width;
    words[ScreenWord.HEIGHT] = height;
    for (let y = rect.y; y < rect.y + rect.height; y++) {
      const from = y * size.width + rect.x;
      this.shared.set(this.drawn.subarray(from, from + rect.width), y * width + rect.x);
    }
    Atomics.store(words, ScreenWord.ENDED, begun);
    return { rect, screenWidth: width, screenHeight: height };
  }

  /** The shared screen as a PNG file, or null before anything was published. */
  screenshot(): Uint8Array<ArrayBuffer> | null {
    const width = this.words[ScreenWord.WIDTH] ?? 0;
    const height = this.words[ScreenWord.HEIGHT] ?? 0;
    return width === 0 ? null : encodePng(width, height, this.sharedBytes);
  }

  private render(width: number, height: number, nowNs: number): void {
    const pixels = width * height;
    if (this.drawn.length < pixels) {
      this.drawn = new Uint32Array(pixels);
      this.drawnBytes = Buffer.from(this.drawn.buffer);
    }
    this.display.render(this.drawnBytes.subarray(0, pixels * 4), nowNs);
  }

  /** Smallest rectangle around all pixels that differ. `stride` is the width of what was drawn. */
  private difference(stride: number, width: number, height: number): DirtyRect | undefined {
    const { drawn, shared, drawnBytes, sharedBytes } = this;
    let top = -1;
    let bottom = -1;
    let left = width;
    let right = -1;
    for (let y = 0; y < height; y++) {
      const row = y * stride;
      const old = y * width;
      if (drawnBytes.compare(sharedBytes, old * 4, (old + width) * 4, row * 4, (row + width) * 4) === 0) continue;
      if (top < 0) top = y;
      bottom = y;
      let x = 0;
      while (x < left && drawn[row + x] === shared[old + x]) x++;
      left = x;
      x = width - 1;
      while (x > right && drawn[row + x] === shared[old + x]) x--;
      right = x;
    }
    return top < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  }
}
