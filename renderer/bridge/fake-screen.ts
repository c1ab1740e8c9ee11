// Draws the text screens of the scripted machines, where the browser can draw. Only for the fake bridge.
import type { Frame } from "./frame.ts";

export const COLUMNS = 80;
const ROWS = 25;
const CELL = { width: 8, height: 16 };

/** The rows as they are drawn, without the marks that colour them. */
export function screenLines(lines: readonly string[]): string[] {
  const shown = lines.slice(-ROWS).map((line) => line.replace(/^[#!]/, "").slice(0, COLUMNS));
  return [...shown, ...Array<string>(ROWS - shown.length).fill("")];
}

export function drawText(id: string, lines: readonly string[], cursor: boolean): Frame | null {
  if (typeof OffscreenCanvas === "undefined") return null;
  const width = COLUMNS * CELL.width;
  const height = ROWS * CELL.height;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.font = "13px 'DejaVu Sans Mono', monospace";
  context.textBaseline = "middle";
  const shown = lines.slice(-ROWS);
  screenLines(lines).forEach((text, row) => {
    const line = shown[row] ?? "";
    context.fillStyle = line.startsWith("#") ? "#5fd7ff" : line.startsWith("!") ? "#ff8787" : "#c0c0c0";
    for (let column = 0; column < text.length; column++) {
      context.fillText(text[column] ?? "", column * CELL.width, row * CELL.height + 8);
    }
  });
  if (cursor) {
    const last = shown.at(-1) ?? "";
    context.fillStyle = "#c0c0c0";
    context.fillRect(Math.min(last.length, COLUMNS - 1) * CELL.width, (shown.length - 1) * CELL.height + 13, CELL.width, 2);
  }
  const pixels = context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
  return { id, thumbnail: false, screenWidth: width, screenHeight: height, x: 0, y: 0, width, height, pixels };
}

/** Halves the picture until it is small, as the app's thumbnails are. */
export function thumbnailOf(frame: Frame): Frame {
  const step = 4;
  const width = Math.floor(frame.width / step);
  const height = Math.floor(frame.height / step);
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0;
        for (let i = 0; i < step * step; i++)
          sum += frame.pixels[((y * step + (i >> 2)) * frame.width + x * step + (i & 3)) * 4 + channel] ?? 0;
        pixels[(y * width + x) * 4 + channel] = sum / (step * step);
      }
    }
  }
  return { ...frame, thumbnail: true, screenWidth: width, screenHeight: height, width, height, pixels };
}
