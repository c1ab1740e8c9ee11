import assert from "node:assert/strict";
import { test } from "node:test";
import { nsOfTick, ticksAt } from "./ticks.ts";

test("a tick begins at the very nanosecond that nsOfTick gives, even after months", () => {
  for (const hz of [32_768, 1_193_182, 3_579_545]) {
    for (const tick of [0, 1, 2, 65_535, hz - 1, hz, hz + 1, hz * 8_000_000 + 17]) {
      const ns = nsOfTick(tick, hz);
      assert.equal(ticksAt(ns, hz), tick);
      if (tick > 0) assert.equal(ticksAt(ns - 1, hz), tick - 1);
    }
  }
});
