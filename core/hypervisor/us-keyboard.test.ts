import assert from "node:assert/strict";
import { test } from "node:test";
import { keystrokeFor } from "./us-keyboard.ts";

test("every printable character of ASCII has a key, and shifted ones hold Shift", () => {
  const strokes = Array.from({ length: 95 }, (_, i) => keystrokeFor(String.fromCharCode(32 + i)));
  assert.ok(strokes.every((stroke) => stroke !== undefined));
  assert.equal(new Set(strokes.map(String)).size, 95);
  assert.deepEqual([keystrokeFor("a"), keystrokeFor("A"), keystrokeFor("?"), keystrokeFor("\n")], [["KeyA"], ["ShiftLeft", "KeyA"], ["ShiftLeft", "Slash"], ["Enter"]]);
});

test("what no key makes has none", () => {
  for (const character of ["é", "한", "😀", "\u0007", "", "ab", "constructor"]) assert.equal(keystrokeFor(character), undefined, character);
});
