// Arithmetic of which only the low 32 bits are wanted, as i32 operations. Registers are i64 in regions, and what a 32-bit operation
// leaves is zero-extended; done in 64 bits, each would need an instruction more to cut it, and one behind the other would wait for
// it. As i32 the processor's own 32-bit instructions do both: the extension costs nothing, and V8 takes it out again where the next
// operation is i32 too.
import { c32, I64_OP, i32, isLowMask, type Node, NodeKind as K, select } from "../wasm/nodes.ts";

const SELECT = 0x1b;
/** Operations whose low 32 bits follow from their operands'. */
const LOW_BITS = new Map<number, typeof i32.add>([[I64_OP.add, i32.add], [I64_OP.sub, i32.sub], [I64_OP.mul, i32.mul], [I64_OP.and, i32.and], [I64_OP.or, i32.or], [I64_OP.xor, i32.xor]]);
/** Locals followed to what they were computed from, one behind the other. */
const FOLLOWED = 3;

export interface Values {
  /** How many low bits of an i64 can be set at most. */
  width(n: Node): number;
  /** What the local was computed from, if that can be computed again. */
  origin(index: number): Node | undefined;
}

/** Whether the i64 is better computed in 32 bits and zero-extended. */
export function isNarrow(n: Node, values: Values): boolean {
  if (n.kind !== K.plain || n.args.length !== 2) return false;
  const [a, b] = n.args as [Node, Node];
  switch (n.op) {
    case I64_OP.and:
      return isLowMask(b) || values.width(n) <= 32;
    case I64_OP.or:
    case I64_OP.xor:
      return values.width(n) <= 32;
    case I64_OP.shrU:
      return b.kind === K.i64const && values.width(a) <= 32;
    default:
      return false;
  }
}
function countOf(n: Node): number {
  return Number(n.big & 63n);
}

/** The low 32 bits of an i64, as an i32. */
export function narrow(n: Node, values: Values, followed = 0): Node {
  if (n.kind === K.local) {
    const origin = followed < FOLLOWED ? values.origin(n.op) : undefined;
    // What is narrow itself has been computed so, and V8 sees that.
    return origin && !isNarrow(origin, values) && isLow(origin) ? narrow(origin, values, followed + 1) : i32.wrap(n);
  }
  if (n.kind !== K.plain) return i32.wrap(n);
  const [a, b] = n.args as [Node, Node];
  const low = (m: Node): Node => narrow(m, values, followed);
  const operation = LOW_BITS.get(n.op);
  if (operation) return n.op === I64_OP.and && isLowMask(b) ? low(a) : operation(low(a), low(b));
  switch (n.op) {
    case I64_OP.shl:
      if (b.kind !== K.i64const) return i32.wrap(n);
      return countOf(b) < 32 ? i32.shl(low(a), c32(countOf(b))) : c32(0);
    case I64_OP.shrU:
      if (b.kind !== K.i64const || values.width(a) > 32) return i32.wrap(n);
      return countOf(b) < 32 ? i32.shrU(low(a), c32(countOf(b))) : c32(0);
    case SELECT:
      return select(n.args[2] as Node, low(a), low(b));
    case I64_OP.extendS:
    case I64_OP.extendU:
      return a;
    case I64_OP.extend8:
      return i32.extend8(low(a));
    case I64_OP.extend16:
      return i32.extend16(low(a));
    case I64_OP.extend32:
      return low(a);
    default:
      return i32.wrap(n);
  }
}
function isLow(n: Node): boolean {
  return n.kind === K.plain && (LOW_BITS.has(n.op) || (n.op === I64_OP.shl && n.args[1]?.kind === K.i64const));
}

/** Whether a tree can be computed again as long as no local changes. */
export function isPure(n: Node): boolean {
  return n.kind === K.local || n.kind === K.i64const || n.kind === K.i32const || (n.kind === K.plain && n.args.every(isPure));
}
