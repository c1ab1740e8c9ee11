// Shifts and rotates. A masked count of 0 changes no flag; OF is defined for a count of 1 only and is then as the manual says,
// otherwise what the same formula gives. AMD64 APM vol. 3, SAL/SAR/SHR/RCL/RCR/ROL/ROR/SHLD/SHRD.
import { c64, i32, i64, type Node, select } from "../wasm/nodes.ts";
import type { Lift, Lifter } from "./lift.ts";

/** The count operand, masked to 5 or 6 bits. */
function count(l: Lift, index: number): Node {
  return l.f.let(i64.and(l.read(index), c64(l.size === 8 ? 63 : 31)));
}
const width = (l: Lift) => l.size * 8;
const top = (l: Lift, v: Node) => i64.and(i64.shrU(v, c64(width(l) - 1)), c64(1));
const ifNotZero = (l: Lift, c: Node, then: () => void) => l.flagsIf(i32.eqz(i64.eqz(c)), then);

const shl: Lifter = (l) => {
  const c = count(l, 1);
  const a = l.read(0);
  const r = l.f.let(i64.shl(a, c));
  l.write(0, r);
  ifNotZero(l, c, () => {
    const cf = l.f.let(i64.and(l.size === 8 ? i64.shrU(a, i64.sub(c64(64), c)) : i64.shrU(r, c64(width(l))), c64(1)));
    l.flagsShift(r, cf, i64.xor(top(l, r), cf));
  });
};
const shr: Lifter = (l) => {
  const c = count(l, 1);
  const a = l.read(0);
  const r = l.f.let(i64.shrU(a, c));
  l.write(0, r);
  ifNotZero(l, c, () => l.flagsShift(r, i64.and(i64.shrU(a, i64.sub(c, c64(1))), c64(1)), top(l, a)));
};
const sar: Lifter = (l) => {
  const c = count(l, 1);
  const a = l.f.let(l.signed(l.read(0)));
  const r = l.f.let(i64.shrS(a, c));
  l.write(0, r);
  ifNotZero(l, c, () => l.flagsShift(r, i64.and(i64.shrS(a, i64.sub(c, c64(1))), c64(1)), c64(0)));
};

/** Rotates the low `width` bits left by c. */
function rotateLeft(l: Lift, a: Node, c: Node): Node {
  if (l.size === 8) return i64.rotl(a, c);
  if (l.size === 4) return i64.extendU(i32.rotl(i32.wrap(a), i32.wrap(c)));
  const n = l.f.let(i64.and(c, c64(width(l) - 1)));
  return i64.or(i64.shl(a, n), i64.shrU(a, i64.sub(c64(width(l)), n)));
}
const rol: Lifter = (l) => {
  const c = count(l, 1);
  const a = l.read(0);
  const r = l.f.let(rotateLeft(l, a, c));
  l.write(0, r);
  ifNotZero(l, c, () => {
    const cf = l.f.let(i64.and(r, c64(1)));
    l.setCarryOverflow(cf, i64.xor(top(l, r), cf));
  });
};
const ror: Lifter = (l) => {
  const c = count(l, 1);
  const a = l.read(0);
  const r = l.f.let(rotateLeft(l, a, i64.and(i64.sub(c64(width(l)), c), c64(width(l) - 1))));
  l.write(0, r);
  ifNotZero(l, c, () => {
    const cf = l.f.let(top(l, r));
    l.setCarryOverflow(cf, i64.xor(cf, i64.and(i64.shrU(r, c64(width(l) - 2)), c64(1))));
  });
};

/** Rotates through carry: `width + 1` bits, or for 64 bits by cases. */
const rotateCarry = (isLeft: boolean): Lifter => (l) => {
  const f = l.f;
  const w = width(l);
  const masked = count(l, 1);
  const c = l.size < 4 ? f.let(i64.remU(masked, c64(w + 1))) : masked;
  const a = l.read(0);
  const cf = f.let(l.carry());
  let r: Node;
  let out: Node;
  if (w < 64) {
    const x = f.let(i64.or(a, i64.shl(cf, c64(w))));
    const back = i64.sub(c64(w + 1), c);
    const y = f.let(isLeft ? i64.or(i64.shl(x, c), i64.shrU(x, back)) : i64.or(i64.shrU(x, c), i64.shl(x, back)));
    r = y;
    out = f.let(i64.and(i64.shrU(y, c64(w)), c64(1)));
  } else {
    // Shifts of 64 or more come out as shifts by 0 in WebAssembly: a count of 1 has no part from the far end.
    const far = f.let(i64.sub(c64(65), c));
    const hasFar = i64.gtU(c, c64(1));
    const main = isLeft ? i64.shl(a, c) : i64.shrU(a, c);
    const wrapped = select(hasFar, isLeft ? i64.shrU(a, far) : i64.shl(a, far), c64(0));
    const mid = isLeft ? i64.shl(cf, i64.sub(c, c64(1))) : i64.shl(cf, i64.sub(c64(64), c));
    r = f.let(select(i64.eqz(c), a, i64.or(i64.or(main, wrapped), mid)));
    out = f.let(i64.and(isLeft ? i64.shrU(a, i64.sub(c64(64), c)) : i64.shrU(a, i64.sub(c, c64(1))), c64(1)));
  }
  l.write(0, r);
  ifNotZero(l, c, () =>
    l.setCarryOverflow(out, isLeft ? i64.xor(top(l, r), out) : i64.xor(top(l, r), i64.and(i64.shrU(r, c64(w - 2)), c64(1)))),
  );
};

const doubleShift = (isLeft: boolean): Lifter => (l) => {
  const f = l.f;
  const w = width(l);
  const c = count(l, 2);
  const a = l.read(0);
  const b = l.read(1);
  let r: Node;
  let cf: Node;
  if (l.size === 8) {
    const back = i64.sub(c64(64), c);
    r = f.let(select(i64.eqz(c), a, isLeft ? i64.or(i64.shl(a, c), i64.shrU(b, back)) : i64.or(i64.shrU(a, c), i64.shl(b, back))));
    cf = isLeft ? i64.shrU(a, back) : i64.shrU(a, i64.sub(c, c64(1)));
  } else if (isLeft) {
    const x = f.let(i64.or(i64.shl(a, c64(w)), b));
    r = f.let(i64.shrU(i64.shl(x, c), c64(w)));
    cf = i64.shrU(a, i64.sub(c64(w), c));
  } else {
    const x = f.let(i64.or(i64.shl(b, c64(w)), a));
    r = f.let(i64.shrU(x, c));
    cf = i64.shrU(a, i64.sub(c, c64(1)));
  }
  l.write(0, r);
  ifNotZero(l, c, () => l.flagsShift(r, i64.and(cf, c64(1)), i64.xor(top(l, r), top(l, a))));
};

export const shiftLifters: Record<string, Lifter> = {
  shl,
  sal: shl,
  shr,
  sar,
  rol,
  ror,
  rcl: rotateCarry(true),
  rcr: rotateCarry(false),
  shld: doubleShift(true),
  shrd: doubleShift(false),
};
