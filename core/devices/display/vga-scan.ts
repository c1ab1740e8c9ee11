// How the CRT controller walks display memory: the size of the picture, and for each scan line which addresses it shows.
// Pictures come in their own pixels: what the monitor timing merely doubles (double scan, half dot clock) is not.
// A scan line of the raster is `raw`; with double scan, or the row counter's own repeats, several of them are one line of the picture.
import type { VgaRegisters } from "./vga-registers.ts";

export interface VgaScan {
  /** Character columns, of 8 or 9 dots. */
  columns: number;
  cellWidth: 8 | 9;
  /** Lines of a character row. */
  cellHeight: number;
  /** Raw lines displayed in all. */
  rawLines: number;
  /** Raw lines to one count of the row scan counter: 2 with double scan. */
  doubles: 1 | 2;
  /** Address of the first character, in the CRT controller's own counting. */
  start: number;
  /** Added to the address from row to row. */
  rowStep: number;
  /** From this raw line on the picture starts again at address 0. */
  lineCompare: number;
  /** First line of the first row that is shown. */
  presetRowScan: number;
  /** Characters and, as the attribute controller has them, dots that the picture is moved to the left. */
  bytePan: number;
  pixelPan: number;
  /** Below the split nothing is panned. */
  isSplitFixed: boolean;
}

export function vgaScan(registers: VgaRegisters): VgaScan {
  const { crtc, sequencer, attribute } = registers;
  const at = (index: number): number => crtc[index] ?? 0;
  const cellHeight = (at(0x09) & 0x1f) + 1;
  const vertical = at(0x17) & 4 ? 2 : 1;
  return {
    columns: at(0x01) + 1,
    cellWidth: (sequencer[1] ?? 0) & 1 ? 8 : 9,
    cellHeight,
    rawLines: (registers.vertical(0x12, 1, 6) + 1) * vertical,
    doubles: at(0x09) & 0x80 ? 2 : 1,
    start: at(0x0c) * 256 + at(0x0d),
    rowStep: at(0x13) * 2,
    lineCompare: ((at(0x18) | ((at(0x07) & 0x10) << 4) | ((at(0x09) & 0x40) << 3)) + 1) * vertical,
    presetRowScan: Math.min(at(0x08) & 0x1f, cellHeight - 1),
    bytePan: (at(0x08) >> 5) & 3,
    pixelPan: (attribute[0x13] ?? 0) & 0x0f,
    isSplitFixed: ((attribute[0x10] ?? 0) & 0x20) !== 0,
  };
}

/** Where a raw line's addresses start, and which line of its row it is. */
export interface ScanLine {
  /** Address of the first character. */
  first: number;
  rowScan: number;
  isPanned: boolean;
}

export function scanLine(scan: VgaScan, raw: number): ScanLine {
  const isBelowSplit = raw >= scan.lineCompare;
  const from = isBelowSplit ? Math.floor((raw - scan.lineCompare) / scan.doubles) : Math.floor(raw / scan.doubles) + scan.presetRowScan;
  const row = Math.floor(from / scan.cellHeight);
  const isPanned = !(isBelowSplit && scan.isSplitFixed);
  const first = (isBelowSplit ? 0 : scan.start) + (isPanned ? scan.bytePan : 0) + row * scan.rowStep;
  return { first: first & 0xffff, rowScan: from - row * scan.cellHeight, isPanned };
}

/** The plane address that the CRT controller's counter puts out: byte, word or doubleword mode, with row scan substitution. */
export function planeAddress(crtc: Uint8Array, counter: number, rowScan: number): number {
  const mode = crtc[0x17] ?? 0;
  let address = counter;
  if ((crtc[0x14] ?? 0) & 0x40) address = (counter << 2) | ((counter >> 14) & 3);
  else if ((mode & 0x40) === 0) address = (counter << 1) | ((counter >> (mode & 0x20 ? 15 : 13)) & 1);
  if ((mode & 1) === 0) address = (address & ~0x2000) | ((rowScan & 1) << 13);
  if ((mode & 2) === 0) address = (address & ~0x4000) | ((rowScan & 2) << 13);
  return address & 0xffff;
}

/** The DAC's 256 colours as RGBA words (red in the low byte). */
export function dacColours(registers: VgaRegisters): Uint32Array {
  const { dac, isDac8Bit } = registers;
  const level = (at: number): number => {
    const value = dac[at] ?? 0;
    return isDac8Bit ? value : ((value & 0x3f) << 2) | ((value & 0x3f) >> 4);
  };
  const colour = (at: number): number => 0xff000000 + level(at + 2) * 0x10000 + level(at + 1) * 0x100 + level(at);
  return Uint32Array.from({ length: 256 }, (_, i) => colour(i * 3));
}

/** The colours of the 16 attribute palette entries. */
export function attributeColours(registers: VgaRegisters, dac: Uint32Array): Uint32Array {
  const { attribute, dacMask } = registers;
  const select = attribute[0x14] ?? 0;
  return Uint32Array.from({ length: 16 }, (_, i) => {
    const entry = attribute[i] ?? 0;
    const index = (attribute[0x10] ?? 0) & 0x80 ? (entry & 0x0f) | ((select & 0x0f) << 4) : (entry & 0x3f) | ((select & 0x0c) << 4);
    return dac[index & dacMask] ?? 0xff000000;
  });
}

/** The phases of blinking: 16 frames at 70 Hz on, 16 off, for the cursor; characters and dots blink at half that rate. */
export const CURSOR_PHASE_NS = 228_000_000;

/** Which of the two halves of their periods cursor and characters are in: changes exactly when the picture may. */
export function blinkPhase(nowNs: number): number {
  return Math.floor(nowNs / CURSOR_PHASE_NS) & 3;
}
export const isCursorOn = (phase: number): boolean => (phase & 1) === 0;
export const isBlinkOn = (phase: number): boolean => (phase & 2) === 0;
