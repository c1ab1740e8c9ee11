// A budget of translations that is too small for the program: they go again and again, the results stay right, and V8 gets its memory back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { RegionSpace } from "./region-space.ts";
import { EAGER_TIERING } from "./translator.ts";

const FUNCTIONS = 24;
/** Room for some six of the functions. */
const BUDGET = 300_000;

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

test("translations that do not fit are dropped, the least used first, and made anew", () => {
  const expected = finish(prepared("interpreter"));
  const b = prepared({ ...EAGER_TIERING, codeBytes: BUDGET });
  assert.equal(finish(b), expected);
  const { translator } = b.engine;
  assert.ok((translator?.counters.evictions ?? 0) > 2, `${translator?.counters.evictions} evictions`);
  const { liveMemory, liveRegions } = translator?.snapshot() ?? {};
  assert.ok((liveMemory ?? Infinity) <= BUDGET && (liveRegions ?? 0) > 0, `${liveRegions} regions, ${liveMemory} bytes`);
});

test("a budget that is smaller than any region leaves room for the one that is being made", () => {
  const b = prepared({ ...EAGER_TIERING, codeBytes: 1000 });
  assert.equal(finish(b), finish(prepared("interpreter")));
  assert.ok((b.engine.translator?.snapshot()["liveRegions"] ?? 2) <= 1);
});

test("modules of dropped translations are collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const made: WeakRef<WebAssembly.Module>[] = [];
  const { Module } = WebAssembly;
  WebAssembly.Module = class extends Module {
    constructor(bytes: ConstructorParameters<typeof WebAssembly.Module>[0]) {
      super(bytes);
      made.push(new WeakRef(this));
    }
  };
  try {
    const b = prepared({ ...EAGER_TIERING, codeBytes: BUDGET });
    finish(b);
    // A WeakRef holds what it was made from to the end of the task.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const alive = made.filter((ref) => ref.deref() !== undefined).length;
    const live = b.engine.translator?.snapshot()["liveRegions"] ?? 0;
    assert.ok(made.length > live * 3 && alive <= live + 1, `${alive} of ${made.length} modules are left, ${live} regions live`);
  } finally {
    WebAssembly.Module = Module;
  }
});

test("places that are given back are given again, and whole", () => {
  const space = new RegionSpace(100);
  const places = [100, 5000, 64, 2_000_000].map((dataBytes) => ({ ...(space.take(dataBytes) ?? assert.fail()), dataBytes }));
  assert.equal(space.take(L.REGION_DATA_BYTES - 1000), null);
  const [, second, third] = places as [unknown, (typeof places)[0], (typeof places)[0]];
  space.keepOnly([third, second]);
  assert.deepEqual(space.take(112), { data: L.REGION_DATA, slot: 100 });
  assert.deepEqual(space.take(113), { data: third.data + 64, slot: 103 }, "the first piece is too small now");
  space.keepOnly([]);
  assert.deepEqual(space.take(L.REGION_DATA_BYTES), { data: L.REGION_DATA, slot: 100 });
});
