import assert from "node:assert/strict";
import { test } from "node:test";
import { CP437 } from "./cp437.ts";
import { textLines } from "./text.ts";

test("code page 437 has 256 characters, each in its place", () => {
  assert.equal(CP437.length, 256);
  assert.equal(new Set(CP437).size, 255, "only NUL and blank look alike");
  assert.deepEqual([0x01, 0x41, 0x7f, 0x80, 0xb3, 0xdb, 0xe1, 0xfe].map((code) => CP437[code]), ["☺", "A", "⌂", "Ç", "│", "█", "ß", "■"]);
});

test("text lines are Unicode without trailing blanks", () => {
  const cells = Uint8Array.from([0x48, 7, 0xc9, 7, 0, 7, 0x20, 7, 0xff, 7, 0x20, 7]);
  const lines = textLines({ columns: 3, rows: 2, cells, cursor: { column: 0, row: 0, visible: true } });
  assert.deepEqual(lines, ["H╔", ""]);
});

test("cells become lines of Unicode without trailing blanks", () => {
  const bytes = [0xc9, 0xcd, 0xbb, 0x20, 0x41, 0x00, 0x20, 0x00];
  const cells = Uint8Array.from(bytes.flatMap((b) => [b, 7]));
  assert.equal(textLines({ columns: 4, rows: 2, cells, cursor: { column: 0, row: 0, visible: true } }).join("\n"), "╔═╗\nA");
});
