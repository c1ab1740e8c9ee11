// A display with an 80x25 text mode, drawn one pixel a character cell, and a plain colour in graphics modes.
import type { DisplaySource, TextScreen } from "../display/display.ts";

const COLUMNS = 80;
const ROWS = 25;

export class FakeScreen implements DisplaySource {
  private readonly cells = new Uint8Array(COLUMNS * ROWS * 2);
  private column = 0;
  private row = 0;
  private graphics: { width: number; height: number; colour: number } | null = null;
  private dirty = true;

  constructor() {
    this.clear();
  }

  clear(): void {
    for (let i = 0; i < this.cells.length; i += 2) this.cells.set([0x20, 7], i);
    this.column = this.row = 0;
    this.graphics = null;
    this.dirty = true;
  }

  write(text: string): void {
    for (const c of text) {
      if (c === "\n" || this.column === COLUMNS) {
        this.column = 0;
        this.row = Math.min(ROWS - 1, this.row + 1);
      }
      if (c !== "\n") this.cells[(this.row * COLUMNS + this.column++) * 2] = c.charCodeAt(0);
    }
    this.dirty = true;
  }

  setMode(width: number, height: number): void {
    this.graphics = { width, height, colour: 0 };
    this.dirty = true;
  }

  fill(colour: number): void {
    if (this.graphics) this.graphics.colour = colour;
    this.dirty = true;
  }

  isDirty(): boolean {
    return this.dirty;
  }

  size(): { width: number; height: number } {
    return this.graphics ?? { width: COLUMNS, height: ROWS };
  }

  render(into: Uint8Array | Uint8ClampedArray): void {
    this.dirty = false;
    const { width, height } = this.size();
    for (let i = 0; i < width * height; i++) {
      const colour = this.graphics ? this.graphics.colour : (this.cells[i * 2] ?? 0) * 0x010101;
      into.set([colour >>> 16, (colour >>> 8) & 0xff, colour & 0xff, 0xff], i * 4);
    }
  }

  text(): TextScreen | null {
    if (this.graphics) return null;
    return { columns: COLUMNS, rows: ROWS, cells: this.cells, cursor: { column: this.column, row: this.row, visible: true } };
  }
}
