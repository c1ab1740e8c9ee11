// The memory behind VBE modes: drawn from, and watched for changes. The guest's processor writes it directly and tells nobody, so
// what was drawn last is kept and compared. A look goes over one line in eight, a different eighth each time: anything eight lines
// high is seen at once, the smallest dot within eight looks, and a still screen costs next to nothing.

export interface LinearMode {
  width: number;
  height: number;
  bitsPerPixel: 8 | 15 | 16 | 24 | 32;
  /** Bytes from line to line. */
  pitchBytes: number;
  /** Byte offset of the first pixel. */
  startBytes: number;
}

const LOOKS = 8;

export class LinearFramebuffer {
  readonly memory: Uint8Array;
  private readonly words: Int32Array;
  /** What render() saw, from the word of the first pixel on. */
  private shadow = new Int32Array(0);
  private look = 0;

  /** `memory` must start on a word and be whole words. */
  constructor(memory: Uint8Array) {
    this.memory = memory;
    this.words = new Int32Array(memory.buffer, memory.byteOffset, memory.length >> 2);
  }

  isChanged(mode: LinearMode): boolean {
    this.look = (this.look + 1) % LOOKS;
    const { words, shadow } = this;
    const origin = mode.startBytes >> 2;
    const rowBytes = (mode.width * storedBits(mode)) >> 3;
    for (let y = this.look; y < mode.height; y += LOOKS) {
      const from = mode.startBytes + y * mode.pitchBytes;
      const end = (from + rowBytes + 3) >> 2;
      for (let at = from >> 2; at < end; at++) if (words[at] !== shadow[at - origin]) return true;
    }
    return false;
  }

  /** Draws into width * height RGBA words and remembers what was drawn. */
  draw(mode: LinearMode, palette: Uint32Array, into: Uint32Array): void {
    const origin = mode.startBytes >> 2;
    const end = (mode.startBytes + mode.height * mode.pitchBytes + 3) >> 2;
    if (this.shadow.length !== end - origin) this.shadow = new Int32Array(end - origin);
    this.shadow.set(this.words.subarray(origin, end));
    // From the copy: the guest may be writing meanwhile, and what is shown must be what is compared with later.
    const seen = new Uint8Array(this.shadow.buffer);
    const skew = mode.startBytes & 3;
    for (let y = 0; y < mode.height; y++) {
      drawRow(mode, seen, skew + y * mode.pitchBytes, palette, into, y * mode.width);
    }
  }
}

/** Bits that a pixel takes in memory. */
export function storedBits(mode: { bitsPerPixel: number }): number {
  return mode.bitsPerPixel === 15 ? 16 : mode.bitsPerPixel;
}

function drawRow(mode: LinearMode, from: Uint8Array, at: number, palette: Uint32Array, into: Uint32Array, out: number): void {
  const { width, bitsPerPixel } = mode;
  for (let x = 0; x < width; x++) {
    if (bitsPerPixel === 32 || bitsPerPixel === 24) {
      into[out + x] = 0xff000000 | ((from[at] ?? 0) << 16) | ((from[at + 1] ?? 0) << 8) | (from[at + 2] ?? 0);
      at += bitsPerPixel >> 3;
    } else if (bitsPerPixel === 8) {
      into[out + x] = palette[from[at++] ?? 0] ?? 0;
    } else {
      const pixel = (from[at] ?? 0) | ((from[at + 1] ?? 0) << 8);
      at += 2;
      const greenBits = bitsPerPixel === 16 ? 6 : 5;
      const red = (pixel >> (5 + greenBits)) & 31;
      const green = (pixel >> 5) & (2 ** greenBits - 1);
      const blue = pixel & 31;
      into[out + x] = 0xff000000 | (widen(blue, 5) << 16) | (widen(green, greenBits) << 8) | widen(red, 5);
    }
  }
}

/** A component of 5 or 6 bits as 8, so that full stays full. */
function widen(value: number, bits: number): number {
  return (value << (8 - bits)) | (value >> (2 * bits - 8));
}
