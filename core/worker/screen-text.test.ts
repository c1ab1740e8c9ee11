import assert from "node:assert/strict";
import { test } from "node:test";
import { screenText } from "./screen-text.ts";

test("cells become lines of Unicode without trailing blanks", () => {
  const bytes = [0xc9, 0xcd, 0xbb, 0x20, 0x41, 0x00, 0x20, 0x00];
  const cells = Uint8Array.from(bytes.flatMap((b) => [b, 7]));
  assert.equal(screenText({ columns: 4, rows: 2, cells, cursor: { column: 0, row: 0, visible: true } }), "╔═╗\nA");
});
