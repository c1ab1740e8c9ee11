// What a real processor did, instruction by instruction, replayed on the engine: 3000 vectors of each mode, captured on an AMD
// EPYC. Flags that the manuals leave undefined are masked in the vectors; everything else must agree to the bit.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { replayVectors } from "../../core/debug/vectors.ts";

const read = (name: string): string[] =>
  gunzipSync(readFileSync(fileURLToPath(new URL(`vectors/${name}.jsonl.gz`, import.meta.url)))).toString("utf8").split("\n");

for (const engine of ["interpreter", "translator"] as const) {
  for (const mode of ["mode-64", "mode-32"]) {
    test(`the ${engine} does what the processor did: ${mode}`, async () => {
      const failures: string[] = [];
      const result = await replayVectors(read(mode), (line) => failures.push(line), engine);
      assert.deepEqual(failures, []);
      assert.equal(result.passed, 3000);
      if (engine === "translator") assert.ok(result.translated > 2000, `only ${result.translated} instructions were translated`);
    });
  }
}

test("a wrong result is found and named", async () => {
  const lines = read("mode-64").slice(0, 60);
  const at = lines.findIndex((line) => line.includes('"out"') && line.includes('"gpr":{"'));
  assert.ok(at > 0, "the corpus begins with a vector that changes a register");
  const vector = JSON.parse(lines[at] as string) as { id: number; out: { gpr: Record<string, string> } };
  const register = Object.keys(vector.out.gpr)[0] as string;
  vector.out.gpr[register] = `${vector.out.gpr[register] === "1" ? "2" : "1"}`;
  lines[at] = JSON.stringify(vector);
  const failures: string[] = [];
  const result = await replayVectors(lines, (line) => failures.push(line));
  assert.equal(result.failed, 1);
  assert.match(failures[0] ?? "", new RegExp(`^vector ${vector.id} .*gpr ${register} `));
});

test("what is no vector file is refused with the reason", async () => {
  await assert.rejects(replayVectors([], () => {}), /empty/);
  await assert.rejects(replayVectors(["not json"], () => {}), /not JSON/i);
  await assert.rejects(replayVectors(['{"format":"x86-vectors-9"}'], () => {}), /x86-vectors-9.*x86-vectors-1/);
});
