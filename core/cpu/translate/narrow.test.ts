// Random trees of arithmetic: their low 32 bits, computed as i32, are those of the i64.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { instantiate } from "../wasm/instantiate.ts";
import { ModuleBuilder } from "../wasm/module-builder.ts";
import { c64, I32, I64, i32, i64, type Node, select } from "../wasm/nodes.ts";
import { isNarrow, narrow } from "./narrow.ts";
import { RegionBuilder } from "./region-builder.ts";
import { RegionModule } from "./region-module.ts";

const LOCALS = 4;
const TREES = 400;
const EDGES = [0n, 1n, -1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, -0x80000000n, 0x123456789abcdefn];
/** The first two parameters have 32 bits at most. */
const values = { width: (n: Node): number => widthOf(n), origin: () => undefined };
function widthOf(n: Node): number {
  if (n.op === 0x20 || n.kind === 2) return n.op < 2 ? 32 : 64;
  if (n.kind === 1) return n.big < 0n ? 64 : n.big.toString(2).length;
  if (n.kind === 3 && n.op === 0x83) return Math.min(...n.args.map(widthOf));
  if (n.kind === 3 && (n.op === 0x84 || n.op === 0x85)) return Math.max(...n.args.map(widthOf));
  return 64;
}

function tree(random: SeededRandom, param: (n: number) => Node, depth: number): Node {
  const pick = (n: number): number => random.below(n);
  if (depth === 0) return pick(3) === 0 ? c64(EDGES[pick(EDGES.length)] as bigint) : param(pick(LOCALS));
  const a = tree(random, param, depth - 1);
  const b = tree(random, param, depth - 1);
  const two = [i64.add, i64.sub, i64.mul, i64.and, i64.or, i64.xor];
  const n = pick(15);
  if (n < two.length) return (two[n] as (a: Node, b: Node) => Node)(a, b);
  const count = c64(pick(70));
  const one = [
    () => i64.shl(a, count), () => i64.shrU(a, count), () => i64.shrS(a, count), () => i64.extend8(a), () => i64.extend16(a), () => i64.extend32(a),
    () => i64.extendU(i32.wrap(a)), () => select(i64.ltU(a, b), a, b), () => i64.and(a, c64(0xffffffff)),
  ];
  return (one[n - two.length] as () => Node)();
}

test("the low 32 bits of random trees", () => {
  const random = new SeededRandom(7);
  const module = new ModuleBuilder({ initial: 1, maximum: 1 });
  let found = 0;
  for (let n = 0; n < TREES; n++) {
    module.export(
      `t${n}`,
      module.func([I64, I64, I64, I64], [I32], (f) => {
        const wide = tree(random, (at) => f.param(at), 3);
        if (isNarrow(wide, values)) found++;
        const isWhole = isNarrow(wide, values) ? i64.eq(i64.extendU(narrow(wide, values)), wide) : i64.eqz(c64(0));
        f.return(i32.and(isWhole, i32.eq(narrow(wide, values), i32.wrap(wide))));
      }),
    );
  }
  assert.ok(found > 20);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const exports = instantiate(module.build(), { memory });
  const low = (v: bigint): bigint => BigInt.asUintN(32, v);
  for (let n = 0; n < TREES; n++) {
    const check = exports[`t${n}`] as (...values: bigint[]) => number;
    for (const x of EDGES) for (const y of EDGES) assert.equal(check(low(x), low(y), x, y), 1, `tree ${n} of ${x}, ${y}`);
  }
});

test("the low half of a local is computed once if the local keeps its value, and anew if it does not", () => {
  const f = new RegionBuilder(new RegionModule(new Map()));
  const register = f.permanent(I64);
  f.releaseLocals();
  const sum = f.let(i64.add(register.get, c64(1)));
  assert.equal(f.lowHalf(sum), f.lowHalf(sum));
  const before = f.lowHalf(register.get);
  f.set(register, sum);
  assert.notEqual(f.lowHalf(register.get), before);
});
