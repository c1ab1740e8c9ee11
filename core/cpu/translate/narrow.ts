// Arithmetic of which only the low 32 bits are wanted, as i32 operations. Registers are i64 in regions, and what a 32-bit operation
// leaves is zero-extended; done in 64 bits, each would need an instruction more to cut it, and one behind the other would wait for
// it. As i32 the processor's own 32-bit instructions do both: the extension costs nothing, and V8 takes it out again where the next
// operation is i32 too.
import { c32, i32, type Node, NodeKind as K, select } from "../wasm/nodes.ts";

const MASK_32 = 0xffff_ffffn;
const ADD = 0x7c;
const SUB = 0x7d;
const MUL = 0x7e;
const AND = 0x83;
const OR = 0x84;
const XOR = 0x85;
const SHL = 0x86;
const SHR_U = 0x88;
const SELECT = 0x1b;
const EXTEND_S = 0xac;
const EXTEND_U = 0xad;
const EXTEND_8 = 0xc2;
const EXTEND_16 = 0xc3;
const EXTEND_32 = 0xc4;
/** Operations whose low 32 bits follow from their operands'. */
const LOW_BITS = new Map([[ADD, i32.add], [SUB, i32.sub], [MUL, i32.mul], [AND, i32.and], [OR, i32.or], [XOR, i32.xor]]);
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
    case AND:
      return isMask(b) || values.width(n) <= 32;
    case OR:
    case XOR:
      return values.width(n) <= 32;
    case SHR_U:
      return b.kind === K.i64const && values.width(a) <= 32;
    default:
      return false;
  }
}
function countOf(n: Node): number {
  return Number(n.big & 63n);
}
function isMask(n: Node): boolean {
  return n.kind === K.i64const && n.big === MASK_32;
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
  if (operation) return n.op === AND && isMask(b) ? low(a) : operation(low(a), low(b));
  switch (n.op) {
    case SHL:
      if (b.kind !== K.i64const) return i32.wrap(n);
      return countOf(b) < 32 ? i32.shl(low(a), c32(countOf(b))) : c32(0);
    case SHR_U:
      if (b.kind !== K.i64const || values.width(a) > 32) return i32.wrap(n);
      return countOf(b) < 32 ? i32.shrU(low(a), c32(countOf(b))) : c32(0);
    case SELECT:
      return select(n.args[2] as Node, low(a), low(b));
    case EXTEND_S:
    case EXTEND_U:
      return a;
    case EXTEND_8:
      return i32.extend8(low(a));
    case EXTEND_16:
      return i32.extend16(low(a));
    case EXTEND_32:
      return low(a);
    default:
      return i32.wrap(n);
  }
}
function isLow(n: Node): boolean {
  return n.kind === K.plain && (LOW_BITS.has(n.op) || (n.op === SHL && n.args[1]?.kind === K.i64const));
}

/** Whether a tree can be computed again as long as no local changes. */
export function isPure(n: Node): boolean {
  return n.kind === K.local || n.kind === K.i64const || n.kind === K.i32const || (n.kind === K.plain && n.args.every(isPure));
}
