import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import { SeededRandom } from "../testkit/seeded-random.ts";
import { CP437 } from "./cp437.ts";
import { zlibCompress } from "./deflate.ts";
import { encodePng } from "./png.ts";
import { textLines } from "./text.ts";

test("code page 437 has 256 characters, each in its place", () => {
  assert.equal(CP437.length, 256);
  assert.equal(new Set(CP437).size, 255, "only NUL and blank look alike");
  assert.deepEqual([0x01, 0x41, 0x7f, 0x80, 0xb3, 0xdb, 0xe1, 0xfe].map((code) => CP437[code]), ["☺", "A", "⌂", "Ç", "│", "█", "ß", "■"]);
});

test("what is compressed inflates to itself", () => {
  const random = new SeededRandom(7);
  const inputs = [new Uint8Array(0), Uint8Array.of(5), new Uint8Array(100_000), Uint8Array.from({ length: 3 }, () => 9)];
  for (let i = 0; i < 40; i++) {
    const alphabet = 1 + random.below(256);
    inputs.push(Uint8Array.from({ length: random.below(70_000) }, () => (random.below(4) ? 0 : random.below(alphabet))));
  }
  for (const input of inputs) assert.ok(inflateSync(zlibCompress(input)).equals(input), `${input.length} bytes`);
});

test("a flat screen becomes small", () => {
  assert.ok(zlibCompress(new Uint8Array(720 * 400 * 3)).length < 12_000);
});

test("a PNG has a header, true checksums and the pixels without alpha", () => {
  const pixels = Uint8ClampedArray.from([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 1, 2, 3, 255]);
  const png = Buffer.from(encodePng({ width: 2, height: 2, pixels }));
  assert.equal(png.toString("latin1", 1, 4), "PNG");
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]], [2, 2, 8, 2]);
  const length = png.readUInt32BE(33);
  assert.equal(png.toString("latin1", 37, 41), "IDAT");
  assert.deepEqual([...inflateSync(png.subarray(41, 41 + length))], [0, 255, 0, 0, 0, 255, 0, 0, 0, 0, 255, 1, 2, 3]);
  assert.equal(png.toString("hex").slice(-24), "0000000049454e44ae426082");
});

test("text lines are Unicode without trailing blanks", () => {
  const cells = Uint8Array.from([0x48, 7, 0xc9, 7, 0, 7, 0x20, 7, 0xff, 7, 0x20, 7]);
  const lines = textLines({ columns: 3, rows: 2, cells, cursor: { column: 0, row: 0, visible: true } });
  assert.deepEqual(lines, ["H╔", ""]);
});
