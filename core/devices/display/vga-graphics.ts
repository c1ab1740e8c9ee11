// VGA graphics modes: four planes of 16 colours, 256 colours (chained or not), and the CGA's two bits a pixel
// (IBM PS/2 Hardware Interface Technical Reference, "Modes"), with panning, split screen and blinking.
// Only lines whose memory has changed are drawn.
import type { RowRange } from "../../display/display.ts";
import type { VgaPlanes } from "./vga-planes.ts";
import type { VgaRegisters } from "./vga-registers.ts";
import { attributeColours, blinkPhase, dacColours, isBlinkOn, planeAddress, scanLine, type VgaScan, vgaScan } from "./vga-scan.ts";

interface GraphicsSize {
  width: number;
  height: number;
  /** Raw lines to one line of the picture. */
  rawLinesPerLine: number;
}

export function graphicsSize(registers: VgaRegisters, scan: VgaScan = vgaScan(registers)): GraphicsSize {
  // Where the row scan counter goes into the address, each of its lines is a picture line of its own.
  const repeats = ((registers.crtc[0x17] ?? 0) & 3) === 3 ? scan.cellHeight : 1;
  const rawLinesPerLine = scan.doubles * repeats;
  const is256 = ((registers.graphics[5] ?? 0) & 0x40) !== 0;
  return { width: scan.columns * (is256 ? 4 : 8), height: Math.max(1, Math.floor(scan.rawLines / rawLinesPerLine)), rawLinesPerLine };
}

/** True if the picture changes with the blink phase: the attribute controller then inverts the top bit of every dot. */
export function doGraphicsBlink(registers: VgaRegisters): boolean {
  return ((registers.attribute[0x10] ?? 0) & 8) !== 0 && ((registers.graphics[5] ?? 0) & 0x40) === 0;
}

/** Draws what the planes mark as changed, or everything. */
export function drawGraphics(registers: VgaRegisters, planes: VgaPlanes, into: Uint32Array, isWhole: boolean, nowNs: number): RowRange | null {
  const scan = vgaScan(registers);
  const { width, height, rawLinesPerLine } = graphicsSize(registers, scan);
  const dac = dacColours(registers);
  const mode = registers.graphics[5] ?? 0;
  const draw: Dots = {
    bytes: planes.bytes,
    crtc: registers.crtc,
    colours: mode & 0x40 ? dac.map((_, i) => dac[i & registers.dacMask] ?? 0) : attributeColours(registers, dac),
    enabled: (registers.attribute[0x12] ?? 0) & 15,
    first: 0,
    rowScan: 0,
  };
  if (doGraphicsBlink(registers) && !isBlinkOn(blinkPhase(nowNs))) draw.colours = draw.colours.map((_, i) => draw.colours[i ^ 8] ?? 0);
  const drawLine = mode & 0x40 ? draw256 : mode & 0x20 ? drawInterleaved : drawPlanar;
  const dotsPerStep = mode & 0x40 ? 4 : 8;
  const pan = mode & 0x40 ? (scan.pixelPan >> 1) & 3 : scan.pixelPan & 7;
  const panned = new Uint32Array(pan > 0 ? width + dotsPerStep : 0);
  let range: RowRange | null = null;
  for (let y = 0; y < height; y++) {
    const line = scanLine(scan, y * rawLinesPerLine);
    draw.first = line.first;
    draw.rowScan = line.rowScan;
    const steps = width / dotsPerStep + (pan > 0 ? 1 : 0);
    const from = planeAddress(registers.crtc, line.first, line.rowScan);
    const to = planeAddress(registers.crtc, (line.first + steps - 1) & 0xffff, line.rowScan);
    if (!isWhole && !planes.isRangeChanged(from, to)) continue;
    const row = into.subarray(y * width, (y + 1) * width);
    if (pan > 0 && line.isPanned) {
      drawLine(draw, panned);
      row.set(panned.subarray(pan, pan + width));
    } else {
      drawLine(draw, row);
    }
    range ??= { first: y, last: y };
    range.last = y;
  }
  return range;
}

/** What a line is drawn from. */
interface Dots {
  bytes: Uint8Array;
  crtc: Uint8Array;
  colours: Uint32Array;
  /** Planes that the attribute controller lets through. */
  enabled: number;
  first: number;
  rowScan: number;
}

function draw256(from: Dots, into: Uint32Array): void {
  const { bytes, colours } = from;
  for (let x = 0, step = 0; x < into.length; x += 4, step++) {
    const at = planeAddress(from.crtc, (from.first + step) & 0xffff, from.rowScan) * 4;
    into[x] = colours[bytes[at] ?? 0] ?? 0;
    into[x + 1] = colours[bytes[at + 1] ?? 0] ?? 0;
    into[x + 2] = colours[bytes[at + 2] ?? 0] ?? 0;
    into[x + 3] = colours[bytes[at + 3] ?? 0] ?? 0;
  }
}

/** The four upper dots of a byte as bits 0, 8, 16, 24, the leftmost lowest. */
const SPREAD = Uint32Array.from({ length: 16 }, (_, bits) => ((bits >> 3) & 1) | ((bits & 4) << 6) | ((bits & 2) << 15) | ((bits & 1) << 24));

function drawPlanar(from: Dots, into: Uint32Array): void {
  const { bytes, colours, enabled } = from;
  const mask = enabled * 0x01010101;
  for (let x = 0, step = 0; x < into.length; x += 8, step++) {
    const at = planeAddress(from.crtc, (from.first + step) & 0xffff, from.rowScan) * 4;
    const p0 = bytes[at] as number;
    const p1 = bytes[at + 1] as number;
    const p2 = bytes[at + 2] as number;
    const p3 = bytes[at + 3] as number;
    const left = fourDots(p0 >> 4, p1 >> 4, p2 >> 4, p3 >> 4) & mask;
    const right = fourDots(p0 & 15, p1 & 15, p2 & 15, p3 & 15) & mask;
    for (let dot = 0; dot < 4; dot++) {
      into[x + dot] = colours[(left >> (8 * dot)) & 15] as number;
      into[x + 4 + dot] = colours[(right >> (8 * dot)) & 15] as number;
    }
  }
}

function fourDots(p0: number, p1: number, p2: number, p3: number): number {
  return (SPREAD[p0] as number) | ((SPREAD[p1] as number) << 1) | ((SPREAD[p2] as number) << 2) | ((SPREAD[p3] as number) << 3);
}

/** CGA: two bits a pixel, in even bytes of planes 0 and 2 and odd bytes of 1 and 3. */
function drawInterleaved(from: Dots, into: Uint32Array): void {
  const { bytes, colours, enabled } = from;
  for (let x = 0, step = 0; x < into.length; x += 8, step++) {
    const at = planeAddress(from.crtc, (from.first + step) & 0xffff, from.rowScan) * 4;
    for (let dot = 0; dot < 8; dot++) {
      const plane = dot >> 2;
      const shift = 6 - 2 * (dot & 3);
      const low = ((bytes[at + plane] ?? 0) >> shift) & 3;
      const high = ((bytes[at + 2 + plane] ?? 0) >> shift) & 3;
      into[x + dot] = colours[(low | (high << 2)) & enabled] ?? 0;
    }
  }
}
