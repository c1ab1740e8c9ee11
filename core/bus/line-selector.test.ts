import assert from "node:assert/strict";
import { test } from "node:test";
import { LineSelector } from "./line-selector.ts";

test("only the selected source reaches the output, at its own level when selected", () => {
  const seen: boolean[] = [];
  const lines = new LineSelector({ set: (level) => seen.push(level) });
  lines.first.set(true);
  lines.second.set(false);
  lines.selectSecond(true);
  lines.first.set(false);
  lines.first.set(true);
  lines.second.set(true);
  lines.selectSecond(false);
  assert.deepEqual(seen, [true, false, true, true]);
});
