// REP STOS with values of all sizes and patterns, from any place, over page ends, forwards and backwards: what is stored, what beside it
// is left alone, and where the registers end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import * as L from "../state/layout.ts";

const AT = 0x10000;
const SPAN = 0x6000;
const CODE = { 1: "f3aa f4", 2: "66f3ab f4", 4: "f3ab f4", 8: "f348ab f4" } as const;
const GUARD = 0x5a;

test("REP STOS stores what it should and nothing else", () => {
  const r = new SeededRandom(31);
  const b = new EngineBench(0x400000).long();
  for (let round = 0; round < 500; round++) {
    const size = r.pick([1, 2, 4, 8] as const);
    const isBackwards = r.below(5) === 0;
    const count = r.below(4) === 0 ? r.below(1500) : r.below(40);
    const start = AT + 0x2f00 + r.below(0x200);
    const uniform = r.below(256) * 0x01010101;
    const [low, high] = r.below(3) === 0 ? [uniform, uniform] : [r.next(), r.next()];
    b.poke(AT, ...new Uint8Array(SPAN).fill(GUARD));
    b.cpu.setRip(0x1000 + size * 16);
    b.code(CODE[size]);
    b.engine.isHalted = false;
    b.cpu.eflags = isBackwards ? 0x402 : 2;
    b.cpu.set64(L.GPR, low | 0, high | 0);
    b.cpu.setGpr(1, count);
    b.cpu.setGpr(7, start);
    let outcome = "budget";
    for (let n = 0; n < 200 && outcome === "budget"; n++) outcome = b.engine.run(1 + r.below(700));
    const what = `round ${round}: ${count} of ${size} bytes at ${start.toString(16)}${isBackwards ? " backwards" : ""}`;
    assert.equal(outcome, "halted", what);
    const expected = new Uint8Array(SPAN).fill(GUARD);
    for (let n = 0; n < count; n++) {
      const to = start - AT + (isBackwards ? -n : n) * size;
      for (let k = 0; k < size; k++) expected[to + k] = ((k < 4 ? low : high) >>> (8 * (k & 3))) & 255;
    }
    const actual = Array.from({ length: SPAN / 4 }, (_, n) => b.peek32(AT + n * 4));
    assert.deepEqual(actual, [...new Uint32Array(expected.buffer)], what);
    assert.deepEqual([b.cpu.gpr(1), b.cpu.gpr(7)], [0, start + (isBackwards ? -count : count) * size], what);
  }
});
