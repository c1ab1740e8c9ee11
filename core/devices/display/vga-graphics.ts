// VGA graphics modes: four planes of 16 colours, 256 colours (chained or not), and the CGA's two bits a pixel
// (IBM PS/2 Hardware Interface Technical Reference, "Modes"). Not modelled: horizontal panning.
import type { VgaRegisters } from "./vga-registers.ts";
import { attributeColours, dacColours, planeAddress, rowOf, vgaScan } from "./vga-scan.ts";

interface GraphicsSize {
  width: number;
  height: number;
  /** Scan lines to one line of the picture. */
  linesPerPixel: number;
}

export function graphicsSize(registers: VgaRegisters): GraphicsSize {
  const scan = vgaScan(registers);
  const doubles = (registers.crtc[9] ?? 0) & 0x80 ? 2 : 1;
  // Where the row scan counter goes into the address, each of its lines is a picture line of its own.
  const repeats = ((registers.crtc[0x17] ?? 0) & 3) === 3 ? scan.cellHeight : 1;
  const linesPerPixel = doubles * repeats;
  const is256 = ((registers.graphics[5] ?? 0) & 0x40) !== 0;
  return { width: (scan.columns * 8) / (is256 ? 2 : 1), height: Math.max(1, Math.floor(scan.lines / linesPerPixel)), linesPerPixel };
}

export function drawGraphics(registers: VgaRegisters, planes: Uint8Array, into: Uint32Array): void {
  const { width, height, linesPerPixel } = graphicsSize(registers);
  const scan = vgaScan(registers);
  const dac = dacColours(registers);
  const mode = registers.graphics[5] ?? 0;
  const drawLine = mode & 0x40 ? draw256 : mode & 0x20 ? drawInterleaved : drawPlanar;
  const colours = mode & 0x40 ? maskedDac(dac, registers.dacMask) : attributeColours(registers, dac);
  const enabled = (registers.attribute[0x12] ?? 0) & 15;
  // With double scan the row counter sees every second line.
  const doubles = (registers.crtc[9] ?? 0) & 0x80 ? 2 : 1;
  for (let y = 0; y < height; y++) {
    const { start, row, rowScan } = rowOf(scan, Math.floor((y * linesPerPixel) / doubles));
    const first = start + row * scan.rowStep;
    const addressAt = (step: number): number => planeAddress(registers.crtc, (first + step) & 0xffff, rowScan) * 4;
    drawLine(planes, addressAt, colours, enabled, into.subarray(y * width, (y + 1) * width));
  }
}

function maskedDac(dac: Uint32Array, mask: number): Uint32Array {
  return dac.map((_, i) => dac[i & mask] ?? 0);
}

type LineDrawer = (planes: Uint8Array, addressAt: (step: number) => number, colours: Uint32Array, enabled: number, into: Uint32Array) => void;

const draw256: LineDrawer = (planes, addressAt, colours, _enabled, into) => {
  for (let x = 0; x < into.length; x++) into[x] = colours[planes[addressAt(x >> 2) + (x & 3)] ?? 0] ?? 0;
};

const drawPlanar: LineDrawer = (planes, addressAt, colours, enabled, into) => {
  for (let x = 0; x < into.length; x += 8) {
    const at = addressAt(x >> 3);
    const [p0, p1, p2, p3] = [planes[at] ?? 0, planes[at + 1] ?? 0, planes[at + 2] ?? 0, planes[at + 3] ?? 0];
    for (let dot = 0; dot < 8; dot++) {
      const shift = 7 - dot;
      const index = ((p0 >> shift) & 1) | (((p1 >> shift) & 1) << 1) | (((p2 >> shift) & 1) << 2) | (((p3 >> shift) & 1) << 3);
      into[x + dot] = colours[index & enabled] ?? 0;
    }
  }
};

/** CGA: two bits a pixel, in even bytes of planes 0 and 2 and odd bytes of 1 and 3. */
const drawInterleaved: LineDrawer = (planes, addressAt, colours, enabled, into) => {
  for (let x = 0; x < into.length; x += 8) {
    const at = addressAt(x >> 3);
    for (let dot = 0; dot < 8; dot++) {
      const plane = dot >> 2;
      const shift = 6 - 2 * (dot & 3);
      const low = ((planes[at + plane] ?? 0) >> shift) & 3;
      const high = ((planes[at + 2 + plane] ?? 0) >> shift) & 3;
      into[x + dot] = colours[(low | (high << 2)) & enabled] ?? 0;
    }
  }
};
