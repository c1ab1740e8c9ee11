// The 8 by 14 and 8 by 8 fonts of the video BIOS, made from its 8 by 16 font (core/devices/display/vga-font.ts, of Terminus Font's
// glyphs): rows are left out where that changes a glyph least. Line drawing keeps its lines joined, shades and blocks their pattern.
const ROWS = 16;
/** Rows of the 8 by 16 font: where capitals begin, where the base line is. */
const CAPITAL = 2;
const BASE = 11;

/** 256 glyphs of `height` rows. */
export function deriveFont(font16: Uint8Array, height: 14 | 8): Uint8Array {
  const font = new Uint8Array(256 * height);
  for (let code = 0; code < 256; code++) {
    const glyph = font16.subarray(code * ROWS, (code + 1) * ROWS);
    font.set(height === 14 ? to14(glyph, code) : to8(glyph, code), code * height);
  }
  return font;
}

const isShade = (code: number): boolean => code >= 0xb0 && code <= 0xb2;
const isLine = (code: number): boolean => code >= 0xb3 && code <= 0xda;
const isBlock = (code: number): boolean => code >= 0xdb && code <= 0xdf;
const isInverse = (code: number): boolean => code === 0x08 || code === 0x0a;
const pick = (glyph: Uint8Array, rows: readonly number[]): number[] => rows.map((row) => glyph[row] ?? 0);

function to14(glyph: Uint8Array, code: number): number[] {
  if (isShade(code)) return pick(glyph, range(0, 14));
  if (isBlock(code) || isInverse(code) || isLine(code)) return pick(glyph, range(1, 15));
  if (glyph[0] === 0 && glyph[15] === 0) return [...glyph.subarray(1, 15)];
  return squeeze([...glyph], 14);
}

function to8(glyph: Uint8Array, code: number): number[] {
  if (isShade(code)) return pick(glyph, range(0, 8));
  if (isBlock(code) || isInverse(code)) return pick(glyph, range(0, 8).map((row) => row * 2));
  // Single lines lie in row 7, double ones in 6 and 8: these three stay.
  if (isLine(code) || (code >= 0xf4 && code <= 0xf5)) return pick(glyph, [0, 3, 6, 7, 8, 9, 12, 15]);
  const used = range(0, ROWS).filter((row) => glyph[row] !== 0);
  const [first, last] = [used[0], used.at(-1)];
  if (first === undefined || last === undefined) return new Array<number>(8).fill(0);
  const top = target(first);
  const bottom = last > BASE ? 7 : Math.max(target(last), Math.min(6, top + used.length - 1, top + last - first));
  const body = squeeze([...glyph.subarray(first, last + 1)], bottom - top + 1);
  return [...new Array<number>(top).fill(0), ...body, ...new Array<number>(7 - bottom).fill(0)];
}

/** Row of 8 for a row of 16, capitals being 7 rows high. */
function target(row: number): number {
  return Math.max(0, Math.min(6, Math.round(((row - CAPITAL) * 6) / (BASE - CAPITAL))));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** `count` of the rows, the first and the last among them, so that those left out are as like as can be to one beside them. */
function squeeze(rows: readonly number[], count: number): number[] {
  if (rows.length <= count) return [...rows, ...new Array<number>(count - rows.length).fill(0)];
  let best: { cost: number; kept: number[] } | undefined;
  for (let set = 0; set < 1 << rows.length; set++) {
    if ((set & 1) === 0 || (set & (1 << (rows.length - 1))) === 0 || ones(set) !== count) continue;
    const kept = range(0, rows.length).filter((row) => set & (1 << row));
    let cost = 0;
    for (let row = 0; row < rows.length; row++) {
      if (set & (1 << row)) continue;
      const above = rows[kept.findLast((k) => k < row) ?? 0] ?? 0;
      const below = rows[kept.find((k) => k > row) ?? 0] ?? 0;
      cost += 8 * Math.min(ones((rows[row] ?? 0) ^ above), ones((rows[row] ?? 0) ^ below)) ** 2;
    }
    // Evenly spread, other things being equal.
    for (const [i, row] of kept.entries()) cost += Math.abs(row - (i * (rows.length - 1)) / (count - 1)) / 8;
    if (!best || cost < best.cost) best = { cost, kept };
  }
  return (best?.kept ?? []).map((row) => rows[row] ?? 0);
}

function ones(value: number): number {
  let count = 0;
  for (; value !== 0; value &= value - 1) count++;
  return count;
}
