// The translator against the interpreter: random programs leave the same registers, flags, vectors, x87 state and memory, and the same
// count of instructions, whether they were interpreted or translated at the first chance.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import { prepareProgram, runProgram } from "../../testkit/program-run.ts";
import { randomProgram } from "../../testkit/random-program.ts";
import { EAGER_TIERING } from "./translator.ts";

const PROGRAMS = Number(process.env["RINGFENCE_PROGRAMS"] ?? 60);
const FIRST = Number(process.env["RINGFENCE_SEED"] ?? 1);

for (const bits of [64, 32] as const) {
  test(`${PROGRAMS} random ${bits}-bit programs: translated and interpreted alike`, { timeout: 600_000 }, () => {
    let regions = 0;
    for (let seed = FIRST; seed < FIRST + PROGRAMS; seed++) {
      const program = randomProgram(seed, bits);
      const expected = runProgram(prepareProgram(new EngineBench(), program, seed));
      const translating = prepareProgram(new EngineBench(0x400000, EAGER_TIERING), program, seed);
      const actual = runProgram(translating);
      regions += translating.engine.translator?.counters.regions ?? 0;
      if (process.env["RINGFENCE_SHOW"]) console.log(seed, actual["outcome"], actual["retired"], JSON.stringify(translating.engine.translator?.counters));
      const differing = Object.keys({ ...expected, ...actual }).filter((key) => expected[key] !== actual[key]);
      const code = program.code.map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const shown = differing.map((key) => `${key}: interpreted ${expected[key]}, translated ${actual[key]}`).slice(0, 12);
      assert.deepEqual(shown, [], `seed ${seed}, ${bits} bits: ${code}`);
    }
    assert.ok(regions >= PROGRAMS, `only ${regions} regions were made of ${PROGRAMS} programs`);
  });
}
