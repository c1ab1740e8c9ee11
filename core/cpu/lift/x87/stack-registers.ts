// Where the stack's registers lie in the state block, and what keeps a result from being stored.
import { BEFORE, EMPTY } from "../../softfloat/f80-format.ts";
import * as L from "../../state/layout.ts";
import { c32, i32, type Node } from "../../wasm/nodes.ts";

/** Exceptions that, unmasked, keep a float from being stored in memory. */
export const BEFORE_STORE = BEFORE | 0x18;

export const top = (): Node => i32.load(c32(L.FPU_TOP));
/** Physical number of ST(i). */
export const physical = (i: Node): Node => i32.and(i32.add(top(), i), c32(7));
export const registerAt = (number: Node): Node => i32.shl(number, c32(4));
/** Sign and exponent with the mark of an empty register. */
export function markedSE(number: Node): Node {
  const mark = i32.and(i32.shl(i32.shrU(i32.load(c32(L.FPU_EMPTY)), number), c32(17)), c32(EMPTY));
  return i32.or(i32.load16u(registerAt(number), L.FPU_REGS + 8), mark);
}
