// The arithmetic flags between two instructions of a region: not computed, but remembered as what they follow from. Conditions are
// read straight from the operands where that is shorter; the two words of the lazy flags (layout.ts FLAG_*) are made only where
// something outside needs them.
import { c32, c64, i32, i64, type Node } from "../wasm/nodes.ts";

export type FlagState =
  /** In the state block. */
  | { kind: "memory" }
  /** Both words, as they are kept there. */
  | { kind: "words"; result: Node; aux: Node }
  /** r = a + b or a - b. `isPlain`: without a carry in it. All are values of their size, `r` perhaps with more above. */
  | { kind: "add" | "sub"; a: Node; b: Node; r: Node; size: number; isPlain: boolean }
  | { kind: "logic"; r: Node; size: number }
  /** CF and OF given as i64 0 or 1. */
  | { kind: "shift"; r: Node; cf: Node; of: Node; size: number }
  /** r = x * y, signed, of 64 bits: CF and OF say that it does not fit, which takes a while to find out. */
  | { kind: "product"; x: Node; y: Node; r: Node; size: number }
  /** Comparison of floats: ZF, PF and CF in their EFLAGS places (i32), the others clear; ZF with PF only if all three are set. */
  | { kind: "compare"; x: Node }
  /** INC and DEC: CF is still that of `before`. */
  | { kind: "step"; isAdd: boolean; a: Node; r: Node; size: number; before: FlagState };

/** What the state needs of the place where it is used. */
export interface FlagSite {
  keep(value: Node): Node;
  unsigned(value: Node, size: number): Node;
  signed(value: Node, size: number): Node;
  loadResult(): Node;
  loadAux(): Node;
  /** Whether the signed product of two i64 does not fit in one: i64 0 or 1. */
  overflows(x: Node, y: Node): Node;
}

const CARRY_MASK = 0xc000000000000000n;
const not = (n: Node): Node => i64.xor(n, c64(-1));
const bool = (n: Node): Node => i64.extendU(n);

function carryVector(s: Extract<FlagState, { kind: "add" | "sub" }>): Node {
  const { a, b, r } = s;
  return s.kind === "add" ? i64.or(i64.and(a, b), i64.and(i64.or(a, b), not(r))) : i64.or(i64.and(not(a), b), i64.and(i64.or(not(a), b), r));
}
/** Bit 63 CF, bit 62 the carry into the top bit... as Lift.carries() keeps them, with AF in bit 3. */
function packed(site: FlagSite, vector: Node, size: number): Node {
  if (size === 8) return i64.and(vector, c64(CARRY_MASK | 8n));
  const v = site.keep(vector);
  return i64.or(i64.and(i64.shl(v, c64(64 - size * 8)), c64(CARRY_MASK)), i64.and(v, c64(8)));
}

export function resultWord(site: FlagSite, s: FlagState): Node {
  switch (s.kind) {
    case "memory":
      return site.loadResult();
    case "words":
      return s.result;
    case "compare":
      return bool(i32.eqz(i32.and(s.x, c32(0x40))));
    default:
      return site.signed(s.r, s.size);
  }
}

export function auxWord(site: FlagSite, s: FlagState): Node {
  switch (s.kind) {
    case "memory":
      return site.loadAux();
    case "words":
      return s.aux;
    case "compare": {
      // The result is 0 or 1, of even and odd parity.
      const delta = i32.and(i32.xor(i32.shrU(s.x, c32(6)), i32.shrU(s.x, c32(2))), c32(1));
      return i64.or(i64.and(i64.sub(c64(0), carry(site, s)), c64(CARRY_MASK)), i64.shl(bool(delta), c64(8)));
    }
    case "logic":
      return c64(0);
    case "product":
      return i64.shl(site.overflows(s.x, s.y), c64(63));
    case "shift": {
      const c = site.keep(s.cf);
      return i64.or(i64.shl(c, c64(63)), i64.shl(i64.xor(c, s.of), c64(62)));
    }
    case "step": {
      const one = { kind: s.isAdd ? "add" : "sub", a: s.a, b: c64(1), r: s.r, size: s.size, isPlain: true } as const;
      const v = site.keep(packed(site, carryVector(one), s.size));
      const old = site.keep(i64.shl(carry(site, s.before), c64(63)));
      const overflow = i64.and(i64.xor(v, i64.shrU(v, c64(1))), c64(1n << 62n));
      return i64.or(i64.or(old, i64.xor(overflow, i64.shrU(old, c64(1)))), i64.and(v, c64(8)));
    }
    default:
      return packed(site, carryVector(s), s.size);
  }
}

/** CF as i64 0 or 1. */
export function carry(site: FlagSite, s: FlagState): Node {
  switch (s.kind) {
    case "memory":
    case "words":
      return i64.shrU(auxWord(site, s), c64(63));
    case "logic":
      return c64(0);
    case "compare":
      return bool(i32.and(s.x, c32(1)));
    case "product":
      return site.overflows(s.x, s.y);
    case "shift":
      return s.cf;
    case "step":
      return carry(site, s.before);
    default:
      if (s.isPlain) return bool(carryCondition(site, s));
      return i64.and(i64.shrU(carryVector(s), c64(s.size * 8 - 1)), c64(1));
  }
}
function carryCondition(site: FlagSite, s: Extract<FlagState, { kind: "add" | "sub" }>): Node {
  return s.kind === "sub" ? i64.ltU(s.a, s.b) : i64.ltU(site.unsigned(s.r, s.size), s.a);
}
const carryBit = (site: FlagSite, s: FlagState): Node =>
  s.kind === "compare" ? i32.and(s.x, c32(1)) : (s.kind === "add" || s.kind === "sub") && s.isPlain ? carryCondition(site, s) : i32.wrap(carry(site, s));

/** OF as i32 0 or 1. */
function overflowBit(site: FlagSite, s: FlagState): Node {
  switch (s.kind) {
    case "memory":
    case "words": {
      const aux = site.keep(auxWord(site, s));
      return i32.wrap(i64.and(i64.shrU(i64.xor(aux, i64.shrU(aux, c64(1))), c64(62)), c64(1)));
    }
    case "logic":
    case "compare":
      return c32(0);
    case "product":
      return i32.wrap(site.overflows(s.x, s.y));
    case "shift":
      return i32.wrap(s.of);
    default: {
      const b = s.kind === "step" ? c64(1) : s.b;
      const isAdd = s.kind === "step" ? s.isAdd : s.kind === "add";
      const both = isAdd ? i64.and(i64.xor(s.a, s.r), i64.xor(b, s.r)) : i64.and(i64.xor(s.a, b), i64.xor(s.a, s.r));
      return i32.wrap(i64.and(i64.shrU(both, c64(s.size * 8 - 1)), c64(1)));
    }
  }
}
function signBit(site: FlagSite, s: FlagState): Node {
  if (s.kind === "memory" || s.kind === "words") {
    const delta = i64.and(auxWord(site, s), c64(1));
    return i32.wrap(i64.xor(i64.shrU(resultWord(site, s), c64(63)), delta));
  }
  if (s.kind === "compare") return c32(0);
  return i64.ltS(site.signed(s.r, s.size), c64(0));
}
function isZero(site: FlagSite, s: FlagState): Node {
  if (s.kind === "memory" || s.kind === "words") return i64.eqz(resultWord(site, s));
  if (s.kind === "sub" && s.isPlain) return i64.eq(s.a, s.b);
  if (s.kind === "compare") return i32.and(i32.shrU(s.x, c32(6)), c32(1));
  return i64.eqz(site.unsigned(s.r, s.size));
}
function parityBit(site: FlagSite, s: FlagState): Node {
  if (s.kind === "compare") return i32.and(i32.shrU(s.x, c32(2)), c32(1));
  const isKept = s.kind === "memory" || s.kind === "words";
  const low = isKept ? i64.xor(resultWord(site, s), i64.shrU(auxWord(site, s), c64(8))) : s.r;
  return i32.and(i32.xor(i32.popcnt(i32.and(i32.wrap(low), c32(0xff))), c32(1)), c32(1));
}
const negated = (n: Node): Node => i32.eqz(n);

/** The condition of Jcc by its code 0 to 15, i32 0 or 1. */
export function condition(site: FlagSite, s: FlagState, code: number): Node {
  const isNegated = (code & 1) !== 0;
  const is = (n: Node): Node => (isNegated ? negated(n) : n);
  const plainSub = s.kind === "sub" && s.isPlain ? s : undefined;
  switch (code >> 1) {
    case 0:
      return is(overflowBit(site, s));
    case 1:
      if (plainSub) return isNegated ? i64.geU(plainSub.a, plainSub.b) : i64.ltU(plainSub.a, plainSub.b);
      return is(carryBit(site, s));
    case 2:
      if (plainSub) return isNegated ? i64.ne(plainSub.a, plainSub.b) : i64.eq(plainSub.a, plainSub.b);
      return is(isZero(site, s));
    case 3:
      if (plainSub) return isNegated ? i64.gtU(plainSub.a, plainSub.b) : i64.leU(plainSub.a, plainSub.b);
      if (s.kind === "compare") return isNegated ? i32.eqz(i32.and(s.x, c32(0x41))) : i32.ne(i32.and(s.x, c32(0x41)), c32(0));
      return is(i32.or(carryBit(site, s), isZero(site, s)));
    case 4:
      return is(signBit(site, s));
    case 5:
      return is(parityBit(site, s));
    case 6:
      if (plainSub) {
        const [a, b] = [site.signed(plainSub.a, plainSub.size), site.signed(plainSub.b, plainSub.size)];
        return isNegated ? i64.geS(a, b) : i64.ltS(a, b);
      }
      if (s.kind === "logic") return is(signBit(site, s));
      return is(i32.xor(signBit(site, s), overflowBit(site, s)));
    default:
      if (plainSub) {
        const [a, b] = [site.signed(plainSub.a, plainSub.size), site.signed(plainSub.b, plainSub.size)];
        return isNegated ? i64.gtS(a, b) : i64.leS(a, b);
      }
      if (s.kind === "logic") {
        const r = site.signed(s.r, s.size);
        return isNegated ? i64.gtS(r, c64(0)) : i64.leS(r, c64(0));
      }
      return is(i32.or(i32.xor(signBit(site, s), overflowBit(site, s)), isZero(site, s)));
  }
}
