import assert from "node:assert/strict";
import { test } from "node:test";
import { streamRate } from "./gateway-bench.ts";

test("a stream through the gateway is carried to its end, either way", { timeout: 120_000 }, async () => {
  for (const direction of ["guest-to-host", "host-to-guest"] as const) {
    const { bitsPerSecond, bitsPerCpuSecond } = await streamRate(direction, 2);
    assert.ok(bitsPerSecond > 0 && bitsPerCpuSecond > 0, direction);
  }
});
