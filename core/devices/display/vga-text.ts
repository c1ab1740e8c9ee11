// VGA alphanumeric modes: characters in plane 0, attributes in plane 1, fonts in plane 2 (IBM PS/2 Hardware Interface Technical
// Reference, "Alphanumeric Modes"): 8 and 9 dot cells, two fonts, blinking, underline, cursor, split screen.
// Not modelled: horizontal panning, cursor skew.
import type { TextScreen } from "../../display/display.ts";
import type { VgaRegisters } from "./vga-registers.ts";
import { attributeColours, dacColours, planeAddress, rowOf, type VgaScan, vgaScan } from "./vga-scan.ts";

/** 16 frames at 70 Hz on, 16 off: the cursor. Characters blink at half that rate. */
export const CURSOR_PHASE_NS = 228_000_000;
const GLYPH_BYTES = 32;
/** Plane 2 offsets of the eight fonts, by sequencer register 3's numbers. */
const FONT_OFFSETS = [0x0000, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000];

/** Which of the two halves of their periods cursor and characters are in: changes exactly when the picture may. */
export function blinkPhase(nowNs: number): number {
  return Math.floor(nowNs / CURSOR_PHASE_NS) & 3;
}

const isCursorOn = (phase: number): boolean => (phase & 1) === 0;
const isBlinkOn = (phase: number): boolean => (phase & 2) === 0;

/** True if the blink phase shows in the picture: the cursor is on the screen, or a character blinks. */
export function doesBlink(registers: VgaRegisters, planes: Uint8Array): boolean {
  const screen = readTextScreen(registers, planes);
  if (screen.cursor.visible) return true;
  if (((registers.attribute[0x10] ?? 0) & 8) === 0) return false;
  for (let at = 1; at < screen.cells.length; at += 2) if ((screen.cells[at] ?? 0) & 0x80) return true;
  return false;
}

export function readTextScreen(registers: VgaRegisters, planes: Uint8Array): TextScreen {
  const scan = vgaScan(registers);
  const rows = Math.max(1, Math.floor(scan.lines / scan.cellHeight));
  const cells = new Uint8Array(scan.columns * rows * 2);
  const place = cursorPlace(registers, scan);
  const cursor = { column: 0, row: 0, visible: false };
  for (let row = 0; row < rows; row++) {
    const { start, row: rowInMemory } = rowOf(scan, row * scan.cellHeight);
    for (let column = 0; column < scan.columns; column++) {
      const counter = (start + rowInMemory * scan.rowStep + column) & 0xffff;
      const at = planeAddress(registers.crtc, counter, 0) * 4;
      cells[(row * scan.columns + column) * 2] = planes[at] ?? 0;
      cells[(row * scan.columns + column) * 2 + 1] = planes[at + 1] ?? 0;
      if (counter === place.counter && !cursor.visible) Object.assign(cursor, { column, row, visible: place.isEnabled });
    }
  }
  return { columns: scan.columns, rows, cells, cursor };
}

function cursorPlace(registers: VgaRegisters, scan: VgaScan): { counter: number; first: number; last: number; isEnabled: boolean } {
  const { crtc } = registers;
  const first = (crtc[0x0a] ?? 0) & 0x1f;
  const last = Math.min((crtc[0x0b] ?? 0) & 0x1f, scan.cellHeight - 1);
  return {
    counter: (crtc[0x0e] ?? 0) * 256 + (crtc[0x0f] ?? 0),
    first,
    last,
    isEnabled: ((crtc[0x0a] ?? 0) & 0x20) === 0 && first <= last,
  };
}

/** Draws all scan lines; `into` is scan.columns * scan.cellWidth by scan.lines. */
export function drawText(registers: VgaRegisters, planes: Uint8Array, into: Uint32Array, nowNs: number): void {
  const scan = vgaScan(registers);
  const { columns, cellWidth } = scan;
  const colours = attributeColours(registers, dacColours(registers));
  const control = registers.attribute[0x10] ?? 0;
  const fontSelect = registers.sequencer[3] ?? 0;
  const fontB = FONT_OFFSETS[(fontSelect & 3) | ((fontSelect >> 2) & 4)] ?? 0;
  const fontA = FONT_OFFSETS[((fontSelect >> 2) & 3) | ((fontSelect >> 3) & 4)] ?? 0;
  const underline = control & 2 ? (registers.crtc[0x14] ?? 0) & 0x1f : -1;
  const phase = blinkPhase(nowNs);
  const cursor = cursorPlace(registers, scan);
  const showsCursor = cursor.isEnabled && isCursorOn(phase);
  let out = 0;
  for (let line = 0; line < scan.lines; line++) {
    const { start, row, rowScan } = rowOf(scan, line);
    const first = start + row * scan.rowStep;
    const inCursor = showsCursor && rowScan >= cursor.first && rowScan <= cursor.last;
    for (let column = 0; column < columns; column++) {
      const counter = (first + column) & 0xffff;
      const at = planeAddress(registers.crtc, counter, rowScan) * 4;
      const character = planes[at] ?? 0;
      const attribute = planes[at + 1] ?? 0;
      const font = attribute & 8 ? fontA : fontB;
      let dots = (planes[(font + character * GLYPH_BYTES + rowScan) * 4 + 2] ?? 0) << 1;
      // The ninth dot is blank, except for the line drawing characters, which join.
      if (control & 4 && (character & 0xe0) === 0xc0) dots |= (dots >> 1) & 1;
      if (rowScan === underline && (attribute & 0x77) === 1) dots = 0x1ff;
      let background = attribute >> 4;
      if (control & 8) {
        background &= 7;
        if (attribute & 0x80 && !isBlinkOn(phase)) dots = 0;
      }
      if (inCursor && counter === cursor.counter) dots = 0x1ff;
      const ink = colours[attribute & 15] ?? 0;
      const paper = colours[background] ?? 0;
      for (let dot = 0; dot < cellWidth; dot++) into[out++] = dots & (0x100 >> dot) ? ink : paper;
    }
  }
}
