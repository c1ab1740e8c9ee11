// Where translated code leaves: what the flags follow from, turned into the two words of the state block. Functions, as such places
// are many and seldom come to be.
import * as L from "../state/layout.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, I32, I64, i32, i64, type Node } from "../wasm/nodes.ts";

const CARRY_MASK = 0xc000000000000000n;
const not = (n: Node): Node => i64.xor(n, c64(-1));

/** keepAdd and keepSub: (a, b, r, bytes); keepLogic: (r, bytes). As flag-state.ts has them. */
export function defineKeepFlags(module: ModuleBuilder): { keepAdd: Callee; keepSub: Callee; keepLogic: Callee } {
  /** Bits above the operand. */
  const excess = (bytes: Node): Node => i64.extendU(i32.sub(c32(64), i32.shl(bytes, c32(3))));
  const signed = (r: Node, shift: Node): Node => i64.shrS(i64.shl(r, shift), shift);
  const arithmetic = (vector: (a: Node, b: Node, r: Node) => Node): Callee =>
    module.func([I64, I64, I64, I32], [], (f) => {
      const [a, b, r] = [f.param(0), f.param(1), f.param(2)];
      const shift = f.let(excess(f.param(3)));
      const v = f.let(vector(a, b, r));
      f.store(c32(0), signed(r, shift), L.FLAG_RESULT);
      const carries = i64.and(i64.shl(v, shift), c64(CARRY_MASK));
      f.store(c32(0), i64.or(carries, i64.and(v, c64(8))), L.FLAG_AUX);
    });
  const keepAdd = arithmetic((a, b, r) => i64.or(i64.and(a, b), i64.and(i64.or(a, b), not(r))));
  const keepSub = arithmetic((a, b, r) => i64.or(i64.and(not(a), b), i64.and(i64.or(not(a), b), r)));
  const keepLogic = module.func([I64, I32], [], (f) => {
    const shift = f.let(excess(f.param(1)));
    f.store(c32(0), signed(f.param(0), shift), L.FLAG_RESULT);
    f.store(c32(0), c64(0), L.FLAG_AUX);
  });
  return { keepAdd, keepSub, keepLogic };
}
