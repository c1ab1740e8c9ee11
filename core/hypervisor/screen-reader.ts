// Copies pictures out of the screen that a machine's thread shares. The thread may draw at the same moment: the two counters of
// ScreenWord say when a copy is torn, and then there is none; the thread is about to announce another picture anyway.
import { type DirtyRect, SCREEN_BYTES, SCREEN_MAX_HEIGHT, SCREEN_MAX_WIDTH, SCREEN_PIXELS_OFFSET, ScreenWord } from "../api/worker-protocol.ts";

export class ScreenReader {
  readonly buffer = new SharedArrayBuffer(SCREEN_BYTES);
  private readonly words = new Int32Array(this.buffer, 0, SCREEN_PIXELS_OFFSET / 4);
  private readonly pixels = new Uint8Array(this.buffer, SCREEN_PIXELS_OFFSET);

  /** Size of the picture; 0 by 0 before the first. */
  size(): { width: number; height: number } {
    const clamp = (value: number | undefined, most: number) => Math.max(0, Math.min(value ?? 0, most));
    return { width: clamp(this.words[ScreenWord.WIDTH], SCREEN_MAX_WIDTH), height: clamp(this.words[ScreenWord.HEIGHT], SCREEN_MAX_HEIGHT) };
  }

  /** Copies the rectangle's rows one after another into `into`. False if the thread was drawing or the picture has another size. */
  copy(rect: DirtyRect, screenWidth: number, screenHeight: number, into: Uint8Array): boolean {
    const ended = Atomics.load(this.words, ScreenWord.ENDED);
    const { width, height } = this.size();
    if (width !== screenWidth || height !== screenHeight || rect.x + rect.width > width || rect.y + rect.height > height) return false;
    for (let y = 0; y < rect.height; y++) {
      const from = ((rect.y + y) * width + rect.x) * 4;
      into.set(this.pixels.subarray(from, from + rect.width * 4), y * rect.width * 4);
    }
    return Atomics.load(this.words, ScreenWord.BEGUN) === ended;
  }

  /** The whole picture scaled down to fit, by the mean of each box. Undefined before the first picture or while one is drawn. */
  thumbnail(maxWidth: number, maxHeight: number): { width: number; height: number; pixels: Uint8Array } | undefined {
    const ended = Atomics.load(this.words, ScreenWord.ENDED);
    const { width: fromWidth, height: fromHeight } = this.size();
    if (fromWidth === 0 || fromHeight === 0) return undefined;
    const scale = Math.min(1, maxWidth / fromWidth, maxHeight / fromHeight);
    const width = Math.max(1, Math.round(fromWidth * scale));
    const height = Math.max(1, Math.round(fromHeight * scale));
    const { pixels: from } = this;
    const pixels = new Uint8Array(width * height * 4);
    let to = 0;
    for (let y = 0; y < height; y++) {
      const top = Math.floor((y * fromHeight) / height);
      const bottom = Math.max(top + 1, Math.floor(((y + 1) * fromHeight) / height));
      for (let x = 0; x < width; x++) {
        const left = Math.floor((x * fromWidth) / width);
        const right = Math.max(left + 1, Math.floor(((x + 1) * fromWidth) / width));
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let v = top; v < bottom; v++) {
          for (let at = (v * fromWidth + left) * 4, stop = at + (right - left) * 4; at < stop; at += 4) {
            red += from[at] ?? 0;
            green += from[at + 1] ?? 0;
            blue += from[at + 2] ?? 0;
          }
        }
        const count = (bottom - top) * (right - left);
        pixels[to++] = red / count;
        pixels[to++] = green / count;
        pixels[to++] = blue / count;
        pixels[to++] = 255;
      }
    }
    return Atomics.load(this.words, ScreenWord.BEGUN) === ended ? { width, height, pixels } : undefined;
  }
}
