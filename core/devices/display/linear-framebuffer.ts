// The memory behind VBE modes: drawn from, and watched for changes. The guest's processor writes it directly and tells nobody, so
// what was drawn last is kept and compared, line by line, and only lines that differ are drawn. A look compares one line in four or
// in sixteen, other ones each time: anything as high as that is seen at once, and less costs the guest next to nothing.
import type { MemoryComparison, RowRange } from "../../display/display.ts";

export interface LinearMode {
  width: number;
  height: number;
  bitsPerPixel: 8 | 15 | 16 | 24 | 32;
  /** Bytes from line to line. */
  pitchBytes: number;
  /** Byte offset of the first pixel. */
  startBytes: number;
}

export class LinearFramebuffer {
  readonly memory: Uint8Array;
  /** Lines of the picture as drawn last, one after the other. */
  private shadow = new Uint8Array(0);
  private shadowWords = new Uint32Array(0);
  private shadowHalves = new Uint16Array(0);
  private looks = 0;
  private colours16: { bits: 15 | 16; colours: Uint32Array } | undefined;
  differs: MemoryComparison = (a, aAt, b, bAt, length) => {
    for (let i = 0; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return true;
    return false;
  };

  constructor(memory: Uint8Array) {
    this.memory = memory;
  }

  /** A look for changes in a mode that was drawn before, at one line in `step`. */
  isChanged(mode: LinearMode, step: 4 | 16): boolean {
    const rowBytes = lineBytes(mode);
    if (this.shadow.length < rowBytes * mode.height) return true;
    this.looks = (this.looks + 1) & 0xffff;
    for (let y = this.looks % step; y < mode.height; y += step) {
      if (this.differs(this.memory, mode.startBytes + y * mode.pitchBytes, this.shadow, y * rowBytes, rowBytes)) return true;
    }
    return false;
  }

  /** Draws the lines that differ from the last picture, or all, into width * height RGBA words. */
  draw(mode: LinearMode, palette: Uint32Array, into: Uint32Array, isWhole: boolean): RowRange | null {
    const rowBytes = lineBytes(mode);
    if (this.shadow.length < rowBytes * mode.height) {
      const buffer = new ArrayBuffer((rowBytes * mode.height + 3) & ~3);
      this.shadow = new Uint8Array(buffer);
      this.shadowWords = new Uint32Array(buffer);
      this.shadowHalves = new Uint16Array(buffer);
      isWhole = true;
    }
    let range: RowRange | null = null;
    for (let y = 0; y < mode.height; y++) {
      const from = mode.startBytes + y * mode.pitchBytes;
      if (!isWhole && !this.differs(this.memory, from, this.shadow, y * rowBytes, rowBytes)) continue;
      // From the copy: the guest may be writing meanwhile, and what is shown must be what is compared with later.
      this.shadow.set(this.memory.subarray(from, from + rowBytes), y * rowBytes);
      this.drawLine(mode, y, palette, into);
      range ??= { first: y, last: y };
      range.last = y;
    }
    return range;
  }

  private drawLine(mode: LinearMode, y: number, palette: Uint32Array, into: Uint32Array): void {
    const { width } = mode;
    const at = y * width;
    if (mode.bitsPerPixel === 32) draw32(this.shadowWords, into, at, width);
    else if (mode.bitsPerPixel === 24) draw24(this.shadow, into, at, width);
    else if (mode.bitsPerPixel === 8) drawIndexed(this.shadow, palette, into, at, width);
    else drawIndexed(this.shadowHalves, this.coloursOf(mode.bitsPerPixel), into, at, width);
  }

  /** All colours of a mode of 15 or 16 bits. */
  private coloursOf(bits: 15 | 16): Uint32Array {
    if (this.colours16?.bits !== bits) {
      const greenBits = bits === 16 ? 6 : 5;
      const colours = Uint32Array.from({ length: 0x10000 }, (_, pixel) => {
        const red = (pixel >> (5 + greenBits)) & 31;
        const green = (pixel >> 5) & (2 ** greenBits - 1);
        return 0xff000000 | (widen(pixel & 31, 5) << 16) | (widen(green, greenBits) << 8) | widen(red, 5);
      });
      this.colours16 = { bits, colours };
    }
    return this.colours16.colours;
  }
}

/** Bits that a pixel takes in memory. */
export function storedBits(mode: { bitsPerPixel: number }): number {
  return mode.bitsPerPixel === 15 ? 16 : mode.bitsPerPixel;
}

function lineBytes(mode: LinearMode): number {
  return (mode.width * storedBits(mode)) >> 3;
}

// Lines in the copy follow one another, so a pixel has the same number there and in the picture.

function draw32(from: Uint32Array, into: Uint32Array, at: number, width: number): void {
  for (let i = at; i < at + width; i++) {
    const pixel = from[i] as number;
    const outer = pixel & 0xff00ff;
    into[i] = 0xff000000 | (pixel & 0xff00) | (outer << 16) | (outer >>> 16);
  }
}

function draw24(from: Uint8Array, into: Uint32Array, at: number, width: number): void {
  for (let i = at, byte = at * 3; i < at + width; i++, byte += 3) {
    into[i] = 0xff000000 | ((from[byte] as number) << 16) | ((from[byte + 1] as number) << 8) | (from[byte + 2] as number);
  }
}

function drawIndexed(from: Uint8Array | Uint16Array, colours: Uint32Array, into: Uint32Array, at: number, width: number): void {
  for (let i = at; i < at + width; i++) into[i] = colours[from[i] as number] as number;
}

/** A component of 5 or 6 bits as 8, so that full stays full. */
function widen(value: number, bits: number): number {
  return (value << (8 - bits)) | (value >> (2 * bits - 8));
}
