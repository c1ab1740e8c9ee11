// What a video BIOS leaves behind in mode 3 (80 by 25 text, 720 by 400 dots): register values of the IBM VGA's parameter table, the
// 64-colour palette and the font. No video BIOS runs when a kernel is started directly.
import { decodeBase64 } from "../../base/base64.ts";
import { VGA_FONT_8X16_BASE64 } from "./vga-font.ts";
import type { VgaModeTable } from "./vga-registers.ts";

export const MODE_3: VgaModeTable = {
  misc: 0x67,
  sequencer: [0x03, 0x00, 0x03, 0x00, 0x02],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96,
    0xb9, 0xa3, 0xff,
  ],
  graphics: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff],
  attribute: [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00,
  ],
};

/** The first 64 DAC entries: bits 0-2 of the index are two thirds of blue, green and red, bits 3-5 one third. */
export function textPalette(): Uint8Array {
  const palette = new Uint8Array(64 * 3);
  for (let index = 0; index < 64; index++) {
    for (let component = 0; component < 3; component++) {
      const [strong, weak] = [4 >> component, 32 >> component];
      palette[index * 3 + component] = (index & strong ? 0x2a : 0) + (index & weak ? 0x15 : 0);
    }
  }
  return palette;
}

/** 256 glyphs of 16 rows. */
export function textFont(): Uint8Array {
  return decodeBase64(VGA_FONT_8X16_BASE64);
}
