// How the CRT controller walks display memory: the size of the picture, and for each scan line which addresses it shows.
// Pictures come in their own pixels: what the monitor timing merely doubles (double scan, half dot clock) is not.
import type { VgaRegisters } from "./vga-registers.ts";

export interface VgaScan {
  /** Character columns, of 8 or 9 dots. */
  columns: number;
  cellWidth: 8 | 9;
  /** Scan lines of a character row. */
  cellHeight: number;
  /** Scan lines displayed in all. */
  lines: number;
  /** Address of the first character, in the CRT controller's own counting. */
  start: number;
  /** Added to the address from row to row. */
  rowStep: number;
  /** From this scan line on the picture starts again at address 0. */
  lineCompare: number;
  /** First scan line of the first row that is shown. */
  presetRowScan: number;
}

export function vgaScan(registers: VgaRegisters): VgaScan {
  const { crtc, sequencer } = registers;
  const at = (index: number): number => crtc[index] ?? 0;
  const cellHeight = (at(0x09) & 0x1f) + 1;
  return {
    columns: at(0x01) + 1,
    cellWidth: (sequencer[1] ?? 0) & 1 ? 8 : 9,
    cellHeight,
    lines: registers.vertical(0x12, 1, 6) + 1,
    start: at(0x0c) * 256 + at(0x0d),
    rowStep: at(0x13) * 2,
    lineCompare: (at(0x18) | ((at(0x07) & 0x10) << 4) | ((at(0x09) & 0x40) << 3)) + 1,
    presetRowScan: Math.min(at(0x08) & 0x1f, cellHeight - 1),
  };
}

/** Row number and line within it of a scan line, counted from `scan.start`, or from 0 below the split. */
export function rowOf(scan: VgaScan, line: number): { start: number; row: number; rowScan: number } {
  const isBelowSplit = line >= scan.lineCompare;
  const from = isBelowSplit ? line - scan.lineCompare : line + scan.presetRowScan;
  const row = Math.floor(from / scan.cellHeight);
  return { start: isBelowSplit ? 0 : scan.start, row, rowScan: from - row * scan.cellHeight };
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
