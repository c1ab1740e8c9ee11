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
  /** A picture that has to be cut, or of a display that always draws everything. */
  private drawn = new Uint32Array(0);
  private drawnBytes = Buffer.alloc(0);
  /** The display itself drew what the shared screen has. */
  private isDrawnShared = false;
  /** Put into the shared screen and not reported yet. */
  private unreported: DirtyRect | undefined;
  private lastNs = 0;

  constructor(display: Machine["display"], screen: SharedArrayBuffer) {
    this.display = display;
    this.words = new Int32Array(screen, 0, SCREEN_PIXELS_OFFSET / 4);
    this.shared = new Uint32Array(screen, SCREEN_PIXELS_OFFSET);
    this.sharedBytes = Buffer.from(screen, SCREEN_PIXELS_OFFSET);
    display.compareWith?.((a, aAt, b, bAt, length) => Buffer.prototype.compare.call(a, b, bAt, bAt + length, aAt, aAt + length) !== 0);
  }

  /** Brings the shared screen up to date. Undefined if nothing differs. A picture too large for it is cut at right and bottom. */
  publish(nowNs: number): PublishedFrame | undefined {
    this.lastNs = nowNs;
    if (this.words[ScreenWord.WIDTH] === 0 || this.display.isDirty(nowNs, true)) this.bringUp(nowNs);
    const rect = this.unreported;
    if (!rect) return undefined;
    this.unreported = undefined;
    return { rect, screenWidth: this.words[ScreenWord.WIDTH] ?? 0, screenHeight: this.words[ScreenWord.HEIGHT] ?? 0 };
  }

  /** The screen as of the last publish(), but to the last dot, as a PNG file; null before anything was published. */
  screenshot(): Uint8Array<ArrayBuffer> | null {
    if (this.words[ScreenWord.WIDTH] === 0) return null;
    this.bringUp(this.lastNs);
    return encodePng(this.words[ScreenWord.WIDTH] ?? 0, this.words[ScreenWord.HEIGHT] ?? 0, this.sharedBytes);
  }

  private bringUp(nowNs: number): void {
    const { words, display } = this;
    const size = display.size();
    if (size.width < 1 || size.height < 1) return;
    const width = Math.min(size.width, SCREEN_MAX_WIDTH);
    const height = Math.min(size.height, SCREEN_MAX_HEIGHT);
    const isNewSize = words[ScreenWord.WIDTH] !== width || words[ScreenWord.HEIGHT] !== height;
    const isCut = size.width !== width || size.height !== height;
    const begun = ((words[ScreenWord.BEGUN] ?? 0) + 1) | 0;
    let rect: DirtyRect | undefined;
    if (display.update && !isCut) {
      // Straight into the shared screen, whose rows are the picture's.
      Atomics.store(words, ScreenWord.BEGUN, begun);
      const rows = display.update(this.shared.subarray(0, width * height), isNewSize || !this.isDrawnShared, nowNs);
      this.isDrawnShared = true;
      if (rows) rect = { x: 0, y: rows.first, width, height: rows.last - rows.first + 1 };
      if (isNewSize) rect = { x: 0, y: 0, width, height };
    } else {
      this.isDrawnShared = false;
      this.draw(size.width, size.height, nowNs);
      rect = isNewSize ? { x: 0, y: 0, width, height } : this.difference(size.width, width, height);
      if (!rect) return;
      Atomics.store(words, ScreenWord.BEGUN, begun);
      for (let y = rect.y; y < rect.y + rect.height; y++) {
        const from = y * size.width + rect.x;
        this.shared.set(this.drawn.subarray(from, from + rect.width), y * width + rect.x);
      }
    }
    words[ScreenWord.WIDTH] = width;
    words[ScreenWord.HEIGHT] = height;
    Atomics.store(words, ScreenWord.ENDED, begun);
    if (rect) this.unreported = isNewSize || !this.unreported ? rect : union(this.unreported, rect);
  }

  private draw(width: number, height: number, nowNs: number): void {
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

function union(a: DirtyRect, b: DirtyRect): DirtyRect {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}
