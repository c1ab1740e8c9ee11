// The screen as Linux is told of it (struct screen_info, Documentation/arch/x86/zero-page.rst), and the `vga=` parameter by which a
// user asks for a VESA mode (Documentation/admin-guide/svga.rst): mode numbers are VBE's plus 200h.
import type { ByteView } from "./byte-view.ts";
import type { EntryDisplay } from "./entry-state.ts";
import { fitsFramebuffer, linearDisplay, type LoadOptions, pitchBytes } from "./load-options.ts";

const VESA_NUMBERS = 0x200;
const SIZES: readonly [number, number, number][] = [
  [0x10d, 320, 200], [0x110, 640, 480], [0x113, 800, 600], [0x116, 1024, 768], [0x119, 1280, 1024],
];
const DEPTHS = [15, 16, 24] as const;
const MODES = new Map<number, [number, number, 8 | 15 | 16 | 24 | 32]>([
  [0x100, [640, 400, 8]], [0x101, [640, 480, 8]], [0x103, [800, 600, 8]], [0x105, [1024, 768, 8]], [0x107, [1280, 1024, 8]],
  ...SIZES.flatMap(([first, width, height]) =>
    DEPTHS.map((depth, i) => [first + i, [width, height, depth]] as [number, [number, number, typeof depth]]),
  ),
  // Numbers that Bochs gave the modes of 32 bits.
  [0x140, [320, 200, 32]], [0x141, [640, 400, 32]], [0x142, [640, 480, 32]], [0x143, [800, 600, 32]], [0x144, [1024, 768, 32]],
  [0x145, [1280, 1024, 32]],
]);

const VIDEO_TYPE_VGA = 0x01;
const VIDEO_TYPE_VESA = 0x23;

/** The mode that the command line asks for; text if it asks for none, or for one that the adapter has not. */
export function requestedDisplay(append: string, options: LoadOptions): EntryDisplay {
  const asked = /(?:^|\s)vga=(0x[0-9a-f]{1,4}|\d{1,5})(?=\s|$)/i.exec(append)?.[1];
  const mode = asked === undefined ? undefined : MODES.get(Number(asked) - VESA_NUMBERS);
  const display = mode && linearDisplay(...mode);
  return display && fitsFramebuffer(display, options) ? display : { kind: "text" };
}

/** Fills in screen_info at the start of boot_params. */
export function putScreenInfo(view: ByteView, display: EntryDisplay, options: LoadOptions): void {
  if (display.kind === "text" || !options.framebuffer) {
    view.put8(0x06, 3); // video mode
    view.put8(0x07, 80);
    view.put8(0x0e, 25);
    view.put8(0x0f, VIDEO_TYPE_VGA);
    view.put16(0x10, 16); // glyph lines
    return;
  }
  const pitch = pitchBytes(display);
  view.put8(0x0f, VIDEO_TYPE_VESA);
  view.put16(0x12, display.width);
  view.put16(0x14, display.height);
  view.put16(0x16, display.bitsPerPixel);
  view.put32(0x18, options.framebuffer.base);
  view.put32(0x1c, Math.ceil(options.framebuffer.sizeBytes / 0x10000));
  view.put16(0x24, pitch);
  for (const [i, byte] of componentMasks(display.bitsPerPixel).entries()) view.put8(0x26 + i, byte);
  view.put16(0x32, 1); // pages
  view.put16(0x34, 0x9b); // mode attributes: supported, colour, graphics, linear
}

/** Size and position of red, green, blue and unused bits. */
export function componentMasks(bitsPerPixel: number): number[] {
  if (bitsPerPixel === 8) return [6, 0, 6, 0, 6, 0, 0, 0];
  if (bitsPerPixel === 15) return [5, 10, 5, 5, 5, 0, 1, 15];
  if (bitsPerPixel === 16) return [5, 11, 6, 5, 5, 0, 0, 0];
  return [8, 16, 8, 8, 8, 0, bitsPerPixel - 24, 24];
}
