// Golden pictures of every standard mode, drawn through INT 10h alone. After a wanted change: UPDATE_GOLDEN=1, and look at them.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { VideoBiosBench } from "../../testkit/video-bios-bench.ts";
import { encodePng } from "../../worker/png.ts";

const FOLDER = new URL("./__golden__/", import.meta.url);
const STANDARD = [0, 1, 2, 3, 4, 5, 6, 7, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13];

/** All characters, all colours, and lines of dots where there are dots. */
function draw(bench: VideoBiosBench, mode: number): void {
  bench.call({ ax: mode });
  const isText = mode < 4 || mode === 7;
  const columns = bench.call({ ax: 0x0f00 }).ax >> 8;
  bench.print(`Mode ${mode.toString(16).padStart(2, "0")}h`);
  for (let code = 0; code < 256; code++) {
    bench.call({ ax: 0x0200, dx: (2 + (code >> 5)) * 256 + (code & 31) });
    bench.call({ ax: 0x0900 | code, bx: isText ? code : mode === 0x13 ? code : code & 15, cx: 1 });
  }
  for (let colour = 0; colour < 16; colour++) {
    bench.call({ ax: 0x0200, dx: 0x0b00 + colour * 2 });
    bench.call({ ax: 0x09db, bx: colour, cx: 2 });
  }
  bench.call({ ax: 0x0200, dx: 0x0d00 });
  bench.print(`wraps at the end of the line: ${"<>".repeat(columns / 4)}`);
  if (isText) return;
  for (let i = 0; i < 64; i++) {
    bench.call({ ax: 0x0c00 | (i & 15), cx: columns * 4 + i, dx: 140 + (i >> 1) });
    bench.call({ ax: 0x0c00 | (mode === 0x13 ? i * 4 : i >> 2), cx: columns * 4 + i, dx: 180 });
    bench.call({ ax: 0x0c8f, cx: i, dx: 20 });
  }
}

/** Red, green, blue of a PNG as encodePng writes them: rows without filter. */
function decode(png: Uint8Array): { width: number; height: number; rows: Buffer } {
  const file = Buffer.from(png);
  const length = file.readUInt32BE(33);
  return { width: file.readUInt32BE(16), height: file.readUInt32BE(20), rows: inflateSync(file.subarray(41, 41 + length)) };
}

for (const mode of STANDARD) {
  test(`mode ${mode.toString(16)}h looks as it did`, () => {
    const bench = new VideoBiosBench();
    draw(bench, mode);
    const { width, height, bytes } = bench.picture();
    const png = encodePng(width, height, bytes);
    const golden = new URL(`mode-${mode.toString(16).padStart(2, "0")}.png`, FOLDER);
    if (process.env.UPDATE_GOLDEN || !existsSync(golden)) {
      assert.ok(process.env.UPDATE_GOLDEN, `${golden.pathname} is missing`);
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(golden, png);
    }
    const [seen, expected] = [decode(png), decode(readFileSync(golden))];
    assert.deepEqual([seen.width, seen.height], [expected.width, expected.height]);
    const row = seen.rows.equals(expected.rows) ? -1 : seen.rows.findIndex((byte, i) => byte !== expected.rows[i]) / (1 + width * 3);
    assert.equal(Math.floor(row), -1, "first row that differs");
  });
}
