// A jump through a table of addresses: the targets belong to the region, and one that is not among them is reached all the same.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import { EAGER_TIERING } from "./translator.ts";

const TABLE = 0x3000;
const CASES = 0x1020;
const ROUNDS = 5000;

/** mov ecx, ROUNDS; next: mov eax, ecx; and eax, 7; jmp [TABLE + eax * 4]. Each case: add ebx, 2^n; dec ecx; jnz next; hlt. */
function prepared(engine: "interpreter" | typeof EAGER_TIERING): EngineBench {
  const b = new EngineBench(0x400000, engine).protected32();
  b.code(`b9${ROUNDS.toString(16).padStart(4, "0").replace(/(..)(..)/, "$2$1")}0000 89c8 83e007 ff248500300000`);
  for (let n = 0; n < 8; n++) {
    const at = CASES + n * 16;
    b.poke(at, 0x81, 0xc3, 1 << n, 0, 0, 0, 0x49, 0x0f, 0x85, (0x1005 - (at + 13)) & 0xff, 0xff, 0xff, 0xff, 0xf4);
    b.poke32(TABLE + n * 4, at);
  }
  return b;
}
function finish(b: EngineBench): { ebx: number; retired: number } {
  let outcome = "budget";
  for (let n = 0; n < 400 && outcome === "budget"; n++) outcome = b.engine.run(1000);
  assert.equal(outcome, "halted");
  return { ebx: b.cpu.gpr(3), retired: b.engine.retired };
}

test("all ways of a jump table are part of the loop's region", () => {
  const expected = finish(prepared("interpreter"));
  const b = prepared(EAGER_TIERING);
  assert.deepEqual(finish(b), expected);
  const largest = b.engine.translator?.counters.instructions ?? 0;
  assert.ok(largest >= 8 * 3 + 3, `${largest} instructions are in regions`);
});

test("an entry that changes while the region is there is followed", () => {
  const b = prepared(EAGER_TIERING);
  b.engine.run(20_000);
  // From now on case 3 is another one's code, outside the region: sub ebx, 1; dec ecx; jnz next; hlt.
  b.poke(0x1800, 0x83, 0xeb, 0x01, 0x49, 0x0f, 0x85, 0xfb, 0xf7, 0xff, 0xff, 0xf4);
  b.poke32(TABLE + 12, 0x1800);
  const other = prepared("interpreter");
  other.engine.run(20_000);
  other.poke(0x1800, 0x83, 0xeb, 0x01, 0x49, 0x0f, 0x85, 0xfb, 0xf7, 0xff, 0xff, 0xf4);
  other.poke32(TABLE + 12, 0x1800);
  assert.equal(finish(b).ebx, finish(other).ebx);
});
