// Makes core/devices/display/vga-font.ts: the 256 CP437 glyphs, 8 by 16, that a video BIOS would have loaded. The glyphs come from
// Terminus Font (SIL Open Font License 1.1, assets/licenses/terminus-font-OFL.txt); the result is a font of another name, as that licence asks.
// Run with the file `ter-u16n_unicode.pcf.gz` of Debian's xfonts-terminus (4.48): node assets/fonts/build-vga-font.ts FILE
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { CP437 } from "../../core/display/cp437.ts";

const HEIGHT = 16;
const TABLE_BITMAPS = 8;
const TABLE_ENCODINGS = 32;
const FORMAT_BIG_ENDIAN_BYTES = 4;
const FORMAT_BIG_ENDIAN_BITS = 8;

/** Reads the two tables of an X11 portable compiled font that matter: glyph bitmaps, and glyph number by code point. */
function readPcf(file: Buffer): (codePoint: number) => Uint8Array | undefined {
  const tables = new Map<number, number>();
  for (let i = 0; i < file.readUInt32LE(4); i++) tables.set(file.readUInt32LE(8 + 16 * i), file.readUInt32LE(8 + 16 * i + 12));
  const open = (type: number) => {
    const at = tables.get(type);
    if (at === undefined) throw new Error(`The font has no table ${type}`);
    const format = file.readUInt32LE(at);
    const isBig = (format & FORMAT_BIG_ENDIAN_BYTES) !== 0;
    return {
      format,
      at: at + 4,
      u32: (offset: number) => (isBig ? file.readUInt32BE(offset) : file.readUInt32LE(offset)),
      u16: (offset: number) => (isBig ? file.readUInt16BE(offset) : file.readUInt16LE(offset)),
    };
  };
  const bitmaps = open(TABLE_BITMAPS);
  if (!(bitmaps.format & FORMAT_BIG_ENDIAN_BITS)) throw new Error("The font's bitmaps have their least significant bit left");
  const rowBytes = 1 << (bitmaps.format & 3);
  const glyphCount = bitmaps.u32(bitmaps.at);
  const dataAt = bitmaps.at + 4 + 4 * glyphCount + 16;
  const encodings = open(TABLE_ENCODINGS);
  const [minLow, maxLow, minHigh, maxHigh] = [0, 2, 4, 6].map((offset) => encodings.u16(encodings.at + offset)) as [number, number, number, number];
  return (codePoint) => {
    const [high, low] = [codePoint >> 8, codePoint & 0xff];
    if (low < minLow || low > maxLow || high < minHigh || high > maxHigh) return undefined;
    const glyph = encodings.u16(encodings.at + 10 + 2 * ((high - minHigh) * (maxLow - minLow + 1) + low - minLow));
    if (glyph === 0xffff) return undefined;
    const from = dataAt + bitmaps.u32(bitmaps.at + 4 + 4 * glyph);
    return Uint8Array.from({ length: HEIGHT }, (_, row) => file[from + row * rowBytes] ?? 0);
  };
}

const source = process.argv[2];
if (!source) throw new Error("Usage: node assets/fonts/build-vga-font.ts ter-u16n_unicode.pcf.gz");
const glyphOf = readPcf(gunzipSync(readFileSync(source)));
const font = Buffer.alloc(256 * HEIGHT);
CP437.forEach((character, code) => {
  const glyph = glyphOf(character.codePointAt(0) ?? 0);
  if (!glyph) throw new Error(`The font has no ${character}`);
  font.set(glyph, code * HEIGHT);
});
const lines = font.toString("base64").replace(/=+$/, "").match(/.{1,132}/g) ?? [];
writeFileSync(
  fileURLToPath(new URL("../../core/devices/display/vga-font.ts", import.meta.url)),
  `// The 8 by 16 font of CP437 that text mode starts with, one byte a row, 16 rows a glyph. Made by assets/fonts/build-vga-font.ts
// from glyphs of Terminus Font, Copyright (c) 2010-2014 Dimitar Toshkov Zhekov, SIL Open Font License 1.1
// (assets/licenses/terminus-font-OFL.txt): do not edit.
export const VGA_FONT_8X16_BASE64 =
${lines.map((line) => `  "${line}"`).join(" +\n")};
`,
);
