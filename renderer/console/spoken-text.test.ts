import assert from "node:assert/strict";
import { test } from "node:test";
import { newText } from "./spoken-text.ts";

test("lines that came below are spoken, after a scroll too", () => {
  assert.deepEqual(newText(["a", "b", "", ""], ["a", "b", "c", ""]), ["c"]);
  assert.deepEqual(newText(["a", "b", "see", "$"], ["see", "$ ls", "x", "$"]), ["ls", "x", "$"]);
});

test("of a line that grew only the new part is spoken", () => {
  assert.deepEqual(newText(["login:"], ["login: root"]), ["root"]);
});

test("nothing is said of what has not changed, and of blank lines", () => {
  assert.deepEqual(newText(["a", "b"], ["a", "b"]), []);
  assert.deepEqual(newText(["a", "b"], ["", ""]), []);
});

test("another screen is spoken as a whole, but no more than 20 lines", () => {
  assert.deepEqual(newText(["a"], ["Boot menu", "1 Linux"]), ["Boot menu", "1 Linux"]);
  assert.equal(newText([], Array.from({ length: 60 }, (_, i) => `line ${i}`)).length, 20);
});
