// VGA alphanumeric modes: characters in plane 0, attributes in plane 1, fonts in plane 2 (IBM PS/2 Hardware Interface Technical
// Reference, "Alphanumeric Modes"): 8 and 9 dot cells, two fonts, blinking, underline, cursor, panning, split screen, double scan.
// Only rows of characters that have changed are drawn. Not modelled: cursor skew.
import type { RowRange, TextScreen } from "../../display/display.ts";
import type { VgaRegisters } from "./vga-registers.ts";
import {
  attributeColours, blinkPhase, dacColours, isBlinkOn, isCursorOn, planeAddress, type ScanLine, scanLine, type VgaScan, vgaScan,
} from "./vga-scan.ts";

const GLYPH_BYTES = 32;
/** Plane 2 offsets of the eight fonts, by sequencer register 3's numbers. */
const FONT_OFFSETS = [0x0000, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000];

export function textSize(registers: VgaRegisters): { width: number; height: number } {
  const { columns, cellWidth, rawLines, doubles } = vgaScan(registers);
  return { width: columns * cellWidth, height: Math.max(1, Math.floor(rawLines / doubles)) };
}

export function readTextScreen(registers: VgaRegisters, planes: Uint8Array): TextScreen {
  const scan = vgaScan(registers);
  const rows = Math.max(1, Math.floor(scan.rawLines / (scan.cellHeight * scan.doubles)));
  const cells = new Uint8Array(scan.columns * rows * 2);
  const place = cursorPlace(registers, scan);
  const cursor = { column: 0, row: 0, visible: false };
  for (let row = 0; row < rows; row++) {
    const { first } = scanLine(scan, row * scan.cellHeight * scan.doubles);
    for (let column = 0; column < scan.columns; column++) {
      const counter = (first + column) & 0xffff;
      const at = planeAddress(registers.crtc, counter, 0) * 4;
      cells[(row * scan.columns + column) * 2] = planes[at] ?? 0;
      cells[(row * scan.columns + column) * 2 + 1] = planes[at + 1] ?? 0;
      if (counter === place.counter && !cursor.visible) Object.assign(cursor, { column, row, visible: place.isEnabled });
    }
  }
  return { columns: scan.columns, rows, cells, cursor };
}

interface Cursor {
  counter: number;
  first: number;
  last: number;
  isEnabled: boolean;
}

function cursorPlace(registers: VgaRegisters, scan: VgaScan): Cursor {
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

function isSameCursor(a: Cursor, b: Cursor): boolean {
  return a.counter === b.counter && a.first === b.first && a.last === b.last && a.isEnabled === b.isEnabled;
}

/** Everything that is the same for all cells of a picture. */
interface Look {
  scan: VgaScan;
  crtc: Uint8Array;
  planes: Uint8Array;
  colours: Uint32Array;
  control: number;
  fontA: number;
  fontB: number;
  /** Line of the underline, or -1. */
  underline: number;
  phase: number;
  cursor: Cursor;
}

export class TextPainter {
  /** By plane address: character and attribute as they were drawn last. */
  private readonly drawn = new Uint16Array(0x10000);
  private cursor: Cursor = { counter: 0, first: 0, last: 0, isEnabled: false };
  private phase = 0;
  /** What was drawn last changes with the blink phase: the cursor is on the screen, or a character blinks. */
  private showsBlinking = false;

  /** True if the phase of blinking is another than drawn, and shows. */
  isPhaseStale(nowNs: number): boolean {
    return this.showsBlinking && this.phase !== blinkPhase(nowNs);
  }

  /** Draws what differs from the last picture, or everything. */
  draw(registers: VgaRegisters, planes: Uint8Array, into: Uint32Array, isWhole: boolean, nowNs: number): RowRange | null {
    const look = lookOf(registers, planes, nowNs);
    const { scan, crtc } = look;
    // Where the row scan counter goes into the address, a row has more cells than are compared below.
    isWhole ||= ((crtc[0x17] ?? 0) & 3) !== 3;
    const { width, height } = textSize(registers);
    const pan = pannedDots(scan);
    const panned = new Uint32Array(pan > 0 ? width + scan.cellWidth : 0);
    const columns = scan.columns + (pan > 0 ? 1 : 0);
    const isNewPhase = this.phase !== look.phase;
    const hasCursorChanged = isNewPhase || !isSameCursor(this.cursor, look.cursor);
    const cursors = [this.cursor.counter, look.cursor.counter];
    let range: RowRange | null = null;
    let checked = -1;
    let isRowStale = false;
    const redrawn: number[] = [];
    this.showsBlinking = false;
    for (let y = 0; y < height; y++) {
      const line = scanLine(scan, y * scan.doubles);
      if (line.first !== checked) {
        checked = line.first;
        isRowStale = isWhole;
        for (let column = 0; column < columns; column++) {
          const counter = (line.first + column) & 0xffff;
          const address = planeAddress(crtc, counter, 0);
          const attribute = planes[address * 4 + 1] as number;
          if (this.drawn[address] !== ((planes[address * 4] as number) | (attribute << 8))) isRowStale = true;
          if (attribute & 0x80 && look.control & 8) {
            this.showsBlinking = true;
            if (isNewPhase) isRowStale = true;
          }
          if (counter === look.cursor.counter && look.cursor.isEnabled) this.showsBlinking = true;
          if (hasCursorChanged && cursors.includes(counter)) isRowStale = true;
        }
        if (isRowStale) redrawn.push(line.first);
      }
      if (!isRowStale) continue;
      const row = into.subarray(y * width, (y + 1) * width);
      if (pan > 0 && line.isPanned) {
        drawLine(look, line, columns, panned);
        row.set(panned.subarray(pan, pan + width));
      } else {
        drawLine(look, line, scan.columns, row);
      }
      range ??= { first: y, last: y };
      range.last = y;
    }
    // Only now: the same characters may stand on the screen twice.
    for (const first of redrawn) {
      for (let column = 0; column < columns; column++) {
        const address = planeAddress(crtc, (first + column) & 0xffff, 0);
        this.drawn[address] = (planes[address * 4] as number) | ((planes[address * 4 + 1] as number) << 8);
      }
    }
    this.cursor = look.cursor;
    this.phase = look.phase;
    return range;
  }
}

function lookOf(registers: VgaRegisters, planes: Uint8Array, nowNs: number): Look {
  const scan = vgaScan(registers);
  const control = registers.attribute[0x10] ?? 0;
  const fontSelect = registers.sequencer[3] ?? 0;
  return {
    scan,
    crtc: registers.crtc,
    planes,
    colours: attributeColours(registers, dacColours(registers)),
    control,
    fontA: FONT_OFFSETS[((fontSelect >> 2) & 3) | ((fontSelect >> 3) & 4)] ?? 0,
    fontB: FONT_OFFSETS[(fontSelect & 3) | ((fontSelect >> 2) & 4)] ?? 0,
    underline: control & 2 ? (registers.crtc[0x14] ?? 0) & 0x1f : -1,
    phase: blinkPhase(nowNs),
    cursor: cursorPlace(registers, scan),
  };
}

/** Dots to the left: with 9-dot cells 8 means none, and the others one more than they say. */
function pannedDots(scan: VgaScan): number {
  if (scan.cellWidth === 8) return scan.pixelPan & 7;
  return scan.pixelPan >= 8 ? 0 : scan.pixelPan + 1;
}

function drawLine(look: Look, line: ScanLine, columns: number, into: Uint32Array): void {
  const { scan, crtc, planes, colours, control, cursor, phase } = look;
  const { first, rowScan } = line;
  const { cellWidth } = scan;
  const inCursor = cursor.isEnabled && isCursorOn(phase) && rowScan >= cursor.first && rowScan <= cursor.last;
  let out = 0;
  for (let column = 0; column < columns; column++) {
    const counter = (first + column) & 0xffff;
    const at = planeAddress(crtc, counter, rowScan) * 4;
    const character = planes[at] ?? 0;
    const attribute = planes[at + 1] ?? 0;
    const font = attribute & 8 ? look.fontA : look.fontB;
    let dots = (planes[(font + character * GLYPH_BYTES + rowScan) * 4 + 2] ?? 0) << 1;
    // The ninth dot is blank, except for the line drawing characters, which join.
    if (control & 4 && (character & 0xe0) === 0xc0) dots |= (dots >> 1) & 1;
    if (rowScan === look.underline && (attribute & 0x77) === 1) dots = 0x1ff;
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
