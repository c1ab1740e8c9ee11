// What a PC's BIOS leaves in the first megabyte, for kernels that are started without one: the BIOS data area (IBM PS/2 BIOS Interface
// Technical Reference, "BIOS Data Area") and the extended BIOS data area. No interrupt vectors: there are no services behind them.
import type { DmaView } from "../memory/guest-memory.ts";
import { ByteView } from "./byte-view.ts";
import { EBDA } from "./memory-map.ts";

const BDA = 0x400;
/** FPU (bit 1), PS/2 mouse (2), 80 by 25 colour (5:4 = 2), serial ports (11:9). */
const EQUIPMENT = 0x0026;

export interface LowMemoryOptions {
  /** I/O bases of COM1 and on. */
  comPorts: readonly number[];
}

export function writeLowMemory(memory: DmaView, options: LowMemoryOptions): void {
  const bda = new ByteView(new Uint8Array(0x100));
  for (const [i, base] of options.comPorts.slice(0, 4).entries()) bda.put16(2 * i, base);
  bda.put16(0x0e, EBDA >> 4);
  bda.put16(0x10, EQUIPMENT | (Math.min(options.comPorts.length, 4) << 9));
  bda.put16(0x13, EBDA / 1024);
  bda.put16(0x1a, 0x1e); // keyboard buffer: head, tail, empty
  bda.put16(0x1c, 0x1e);
  bda.put8(0x49, 0x03); // video mode
  bda.put16(0x4a, 80);
  bda.put16(0x4c, 0x1000); // bytes of a screen page
  bda.put16(0x60, 0x0d0e); // cursor shape: last and first line
  bda.put16(0x63, 0x3d4); // CRT controller
  bda.put8(0x65, 0x29);
  bda.put8(0x66, 0x30);
  for (let i = 0; i < 4; i++) bda.put8(0x7c + i, 1); // serial time-outs
  bda.put16(0x80, 0x1e); // keyboard buffer: start, end
  bda.put16(0x82, 0x3e);
  bda.put8(0x84, 24); // rows less one
  bda.put16(0x85, 16); // bytes of a glyph
  bda.put8(0x87, 0x60);
  bda.put8(0x88, 0x09);
  bda.put8(0x89, 0x11); // VGA, 400 lines
  bda.put8(0x96, 0x10); // enhanced keyboard
  memory.write(BDA, bda.bytes);
  const ebda = new ByteView(new Uint8Array(0x400));
  ebda.put8(0, 1); // its size in KiB
  memory.write(EBDA, ebda.bytes);
}
