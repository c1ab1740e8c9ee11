// The time-stamp counter counts each instruction, also within a translated region, and asks where its estimate ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { EAGER_TIERING } from "./translator.ts";

/** next: rdtsc; add rsi, rax; nop; nop; imul rsi, rsi, 3; rdtscp; xor rsi, rax; mov [3000h + rbx*8], rax; dec ebx; jnz next; hlt */
const LOOP = "0f31 4801c6 90 90 486bf603 0f01f9 4831c6 488904dd00300000 ffcb 75e3 f4";
const ROUNDS = 300;

function finish(engine: "interpreter" | typeof EAGER_TIERING, limit: number): { b: EngineBench; seen: string } {
  const b = new EngineBench(0x400000, engine).long();
  b.code(LOOP);
  b.cpu.setGpr(3, ROUNDS);
  let outcome = "budget";
  for (let n = 0; n < 400 && outcome === "budget"; n++) {
    b.tscScale = { start: 1e6 + n * 5000, step: 2.5, limit };
    outcome = b.engine.run(1000);
  }
  assert.equal(outcome, "halted");
  const readings = Array.from({ length: ROUNDS }, (_, n) => b.peek32(0x3008 + n * 8));
  return { b, seen: `${b.cpu.get(L.GPR + 6 * 8)} ${b.cpu.getHigh(L.GPR + 6 * 8)} ${b.engine.retired} ${readings.join()}` };
}

for (const limit of [1_000_000, 400]) {
  test(`readings in a region are the interpreter's, estimates holding for ${limit} instructions`, () => {
    const expected = finish("interpreter", limit);
    const actual = finish(EAGER_TIERING, limit);
    assert.ok((actual.b.engine.translator?.counters.regions ?? 0) > 0);
    assert.equal(actual.seen, expected.seen);
  });
}
