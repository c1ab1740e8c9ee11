// IMUL of 64 bits near the edge of what fits: CF and OF against exact arithmetic, interpreted and translated.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import * as L from "../state/layout.ts";
import { EAGER_TIERING } from "../translate/translator.ts";

const BIGGEST = 2n ** 63n - 1n;

function pairs(): [bigint, bigint][] {
  const r = new SeededRandom(7);
  const wide = (): bigint => BigInt.asIntN(64, (BigInt(r.next() >>> 0) << 32n) | BigInt(r.next() >>> 0));
  const edges = [0n, 1n, -1n, 2n, -2n, BIGGEST, -BIGGEST - 1n, 0x61c8864680b583ebn, 1n << 32n, -(1n << 31n), 3037000499n, 3037000500n, -3037000500n];
  const list = edges.flatMap((a) => edges.map((b): [bigint, bigint] => [a, b]));
  for (let n = 0; n < 300; n++) {
    const a = wide() >> BigInt(r.below(63));
    // The largest factor that fits, those beside it, and any.
    if (a !== 0n) for (const b of [BIGGEST / a, BIGGEST / a + 1n, BIGGEST / a - 1n, (-BIGGEST - 1n) / a, (-BIGGEST - 1n) / a - 1n]) list.push([a, BigInt.asIntN(64, b)]);
    list.push([a, wide() >> BigInt(r.below(63))]);
  }
  return list;
}

for (const engine of ["interpreter", EAGER_TIERING] as const) {
  test(`CF and OF of IMUL, ${engine === "interpreter" ? "interpreted" : "translated"}`, () => {
    const b = new EngineBench(0x400000, engine).long();
    // next: mov rax, rsi; imul rax, rbx; setc cl; seto ch; jmp next
    b.code("4889f0 480fafc3 0f92c1 0f90c5 ebf1");
    for (const [x, y] of pairs()) {
      b.cpu.set64(L.GPR + 6 * 8, Number(BigInt.asIntN(32, x)), Number(BigInt.asIntN(32, x >> 32n)));
      b.cpu.set64(L.GPR + 3 * 8, Number(BigInt.asIntN(32, y)), Number(BigInt.asIntN(32, y >> 32n)));
      b.cpu.setGpr(1, 0);
      b.cpu.setRip(0x1000);
      b.engine.run(200);
      const over = x * y !== BigInt.asIntN(64, x * y);
      assert.equal(b.cpu.gpr(1) & 0xffff, over ? 0x101 : 0, `${x} * ${y}`);
    }
    if (engine !== "interpreter") assert.ok((b.engine.translator?.counters.regions ?? 0) > 0);
  });
}
