// A budget of translations that is too small for the program: everything goes again and again, and the results stay right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import { EAGER_TIERING } from "./translator.ts";

const FUNCTIONS = 24;

/** Calls functions at 2000h, 2100h, ... in turn, 300 rounds; each adds its number to EBX through memory at 80000h. */
function prepared(engine: "interpreter" | typeof EAGER_TIERING): EngineBench {
  const b = new EngineBench(0x400000, engine).protected32();
  const code = [0xb9, 0x2c, 1, 0, 0];
  const start = 0x1000 + code.length;
  for (let n = 0; n < FUNCTIONS; n++) {
    const next = 0x1000 + code.length + 5;
    const d = 0x2000 + n * 0x100 - next;
    code.push(0xe8, d & 255, (d >> 8) & 255, (d >> 16) & 255, (d >> 24) & 255);
    // add dword [70000h], n; mov ebx, [70000h]; mov eax, 4; again: add ebx, n; dec eax; jnz again; mov [70000h], ebx; ret
    b.poke(0x2000 + n * 0x100, 0x83, 0x05, 0, 0, 7, 0, n, 0x8b, 0x1d, 0, 0, 7, 0, 0xb8, 4, 0, 0, 0, 0x83, 0xc3, n, 0x48, 0x75, 0xfa, 0x89, 0x1d, 0, 0, 7, 0, 0xc3);
  }
  const back = start - (0x1000 + code.length + 7);
  b.poke(0x1000, ...code, 0x49, 0x0f, 0x85, back & 255, (back >> 8) & 255, 255, 255, 0xf4);
  return b;
}
function finish(b: EngineBench): number {
  let outcome = "budget";
  for (let n = 0; n < 3000 && outcome === "budget"; n++) outcome = b.engine.run(500);
  assert.equal(outcome, "halted");
  return b.peek32(0x70000);
}

test("translations that do not fit are dropped, all at once, and made anew", () => {
  const expected = finish(prepared("interpreter"));
  const b = prepared({ ...EAGER_TIERING, codeBytes: 6000 });
  assert.equal(finish(b), expected);
  const { translator } = b.engine;
  assert.ok((translator?.counters.evictions ?? 0) > 2, `${translator?.counters.evictions} evictions`);
  assert.ok((translator?.snapshot()["liveBytes"] ?? Infinity) <= 6000);
});
