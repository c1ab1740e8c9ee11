// Integer arithmetic, logic and data movement. AMD64 Architecture Programmer's Manual vol. 3.
// Undefined flags are cleared or left as the processors at hand do.
import * as L from "../state/layout.ts";
import { c32, c64, call, i32, i64, type Node, select } from "../wasm/nodes.ts";
import type { Lift, Lifter } from "./lift.ts";

const bits = (l: Lift) => BigInt(l.size * 8);

const binary = (compute: (l: Lift, a: Node, b: Node) => Node, flags: (l: Lift, a: Node, b: Node, r: Node) => void, isWritten = true): Lifter => (l) => {
  const a = l.read(0);
  const b = l.read(1);
  const r = l.f.let(compute(l, a, b));
  if (isWritten) l.write(0, r);
  flags(l, a, b, r);
};
const flagsAdd = (l: Lift, a: Node, b: Node, r: Node) => l.flagsAdd(a, b, r);
const flagsSub = (l: Lift, a: Node, b: Node, r: Node) => l.flagsSub(a, b, r);
const flagsLogic = (l: Lift, _a: Node, _b: Node, r: Node) => l.flagsLogic(r);

const incDec = (kind: "add" | "sub"): Lifter => (l) => {
  const a = l.read(0);
  const r = l.f.let(i64[kind](a, c64(1)));
  l.write(0, r);
  l.flagsKeepCarry(a, c64(1), r, kind);
};

/** The double-width product of rAX and the operand. */
const multiply = (isSigned: boolean): Lifter => (l) => {
  const f = l.f;
  const size = l.size;
  const source = l.read(0);
  const a = isSigned ? f.let(l.signed(l.gpr(0, size))) : l.gpr(0, size);
  const b = isSigned ? f.let(l.signed(source)) : source;
  if (size === 8) {
    const low = f.let(i64.mul(a, b));
    const high = f.let(call(l.named(isSigned ? "mulHighSigned" : "mulHighUnsigned"), a, b));
    l.setGpr(0, low);
    l.setGpr(2, high);
    const over = i64.extendU(isSigned ? i64.ne(high, i64.shrS(low, c64(63))) : i64.ne(high, c64(0)));
    l.flagsShift(low, over, c64(0));
    l.setCarryOverflow(over, over);
    return;
  }
  const product = f.let(i64.mul(a, b));
  if (size === 1) l.setGpr(0, product, 2);
  else {
    l.setGpr(0, product, size);
    l.setGpr(2, i64.shrU(product, c64(bits(l))), size);
  }
  const over = f.let(i64.extendU(isSigned ? i64.ne(l.signed(product), product) : i64.ne(i64.shrU(product, c64(bits(l))), c64(0))));
  l.flagsShift(product, over, over);
};

const imulTo = (a: number, b: number): Lifter => (l) => {
  const f = l.f;
  const x = f.let(l.signed(l.read(a)));
  const y = f.let(l.signed(l.read(b)));
  const product = f.let(i64.mul(x, y));
  l.write(0, product);
  if (l.size === 8) l.flagsProduct(x, y, product);
  else {
    const over = l.areFlagsUnused ? c64(0) : f.let(i64.extendU(i64.ne(l.signed(product), product)));
    l.flagsShift(product, over, over);
  }
};

/** Divides rDX:rAX; the quotient that does not fit and a divisor of 0 raise #DE. */
const divide = (isSigned: boolean): Lifter => (l) => {
  const f = l.f;
  const size = l.size;
  const source = l.read(0);
  l.raiseIf(i64.eqz(source), 0);
  if (size === 8) {
    const low = l.gpr(0);
    const high = l.gpr(2);
    const quotient = f.let(call(l.named(isSigned ? "divSigned128" : "divUnsigned128"), high, low, source));
    l.checkFault();
    l.setGpr(0, quotient);
    l.setGpr(2, i64.load(c32(L.SCRATCH)));
    return;
  }
  const dividend = f.let(
    size === 1
      ? isSigned ? i64.extend16(l.gpr(0)) : l.gpr(0, 2)
      : size === 2 ? (isSigned ? i64.extend32(i64.or(i64.shl(l.gpr(2, 2), c64(16)), l.gpr(0, 2))) : i64.or(i64.shl(l.gpr(2, 2), c64(16)), l.gpr(0, 2)))
      : i64.or(i64.shl(l.gpr(2, 4), c64(32)), l.gpr(0, 4)),
  );
  const divisor = isSigned ? f.let(l.signed(source)) : source;
  // The one case in which WebAssembly's own division would trap: the most negative dividend by -1.
  if (isSigned && size === 4) l.raiseIf(i32.and(i64.eq(dividend, c64(1n << 63n)), i64.eq(divisor, c64(-1))), 0);
  const quotient = f.let((isSigned ? i64.divS : i64.divU)(dividend, divisor));
  const remainder = f.let((isSigned ? i64.remS : i64.remU)(dividend, divisor));
  l.raiseIf(isSigned ? i64.ne(l.signed(quotient), quotient) : i64.ne(i64.shrU(quotient, c64(bits(l))), c64(0)), 0);
  if (size === 1) l.setGpr(0, i64.or(i64.and(quotient, c64(0xff)), i64.shl(i64.and(remainder, c64(0xff)), c64(8))), 2);
  else {
    l.setGpr(0, quotient, size);
    l.setGpr(2, remainder, size);
  }
};

const move: Lifter = (l) => l.write(0, l.read(1));
const moveSigned: Lifter = (l) => l.write(0, l.signed(l.read(1), l.operand(1).size));

/** BT and its kin. A register bit offset reaches beyond a memory operand. */
const bitTest = (change: ((value: Node, mask: Node) => Node) | null): Lifter => (l) => {
  const f = l.f;
  const size = l.size;
  const offset = l.read(1);
  if (l.inMemory(0) && l.operand(1).kind !== "imm") {
    const shift = size === 8 ? 6 : size === 4 ? 5 : 4;
    l.moveAddress(i64.mul(i64.shrS(l.signed(offset), c64(shift)), c64(size)));
  }
  const value = l.read(0);
  const bit = f.let(i64.and(offset, c64(size * 8 - 1)));
  if (change) l.write(0, change(value, f.let(i64.shl(c64(1), bit))));
  l.setCarry(i64.and(i64.shrU(value, bit), c64(1)));
};

const bitScan = (isReverse: boolean): Lifter => (l) => {
  const f = l.f;
  const source = l.read(1);
  f.if(
    i64.eqz(source),
    () => l.flagsLogic(c64(0)),
    () => {
      l.write(0, isReverse ? i64.sub(c64(63), i64.clz(source)) : i64.ctz(source));
      l.flagsLogic(c64(1));
    },
  );
};

function byteSwap(value: Node, size: number): Node {
  const parts: Node[] = [];
  for (let i = 0; i < size; i++) parts.push(i64.shl(i64.and(i64.shrU(value, c64(8 * i)), c64(0xff)), c64(8 * (size - 1 - i))));
  return parts.reduce((a, b) => i64.or(a, b));
}

const compareExchangeWide: Lifter = (l) => {
  const f = l.f;
  const half = l.operand(0).size / 2;
  if (half === 8) l.requireAligned(16);
  const h = l.host(l.address(), half * 2, "write", i32.or(l.stackFlag(), c32(0x200)));
  const at = (offset: number) => f.let(half === 8 ? i64.load(h, offset) : i64.load32u(h, offset));
  const low = at(0);
  const high = at(half);
  const same = f.let(i32.and(i64.eq(low, l.gpr(0, half)), i64.eq(high, l.gpr(2, half))));
  const put = (offset: number, value: Node) => (half === 8 ? f.store(h, value, offset) : f.store32(h, value, offset));
  put(0, select(same, l.gpr(3, half), low));
  put(half, select(same, l.gpr(1, half), high));
  f.if(i32.eq(h, c32(L.BOUNCE_WRITE)), () => f.call(l.rt.commitWrite));
  f.if(i32.eqz(same), () => {
    l.setGpr(0, low, half);
    l.setGpr(2, high, half);
  });
  l.setArith(i32.or(i32.and(l.getArith(), c32(~L.FL_ZF)), i32.shl(same, c32(6))));
};

/** AAA and AAS. */
const asciiAdjust = (sign: 1 | -1): Lifter => (l) => {
  const f = l.f;
  const flags = f.let(l.getArith());
  const ax = f.let(i32.wrap(l.gpr(0, 2)));
  const adjust = f.let(i32.or(i32.gtU(i32.and(ax, c32(15)), c32(9)), i32.and(i32.shrU(flags, c32(4)), c32(1))));
  const changed = i32.and(i32.add(ax, select(adjust, c32(sign * 0x106), c32(0))), c32(0xff0f));
  l.setGpr(0, i64.extendU(changed), 2);
  l.setArith(i32.or(i32.and(flags, c32(~(L.FL_CF | L.FL_AF))), i32.mul(adjust, c32(L.FL_CF | L.FL_AF))));
};

/** DAA and DAS. */
const decimalAdjust = (sign: 1 | -1): Lifter => (l) => {
  const f = l.f;
  const flags = f.let(l.getArith());
  const al = f.let(i32.wrap(l.gpr(0, 1)));
  const low = f.let(i32.or(i32.gtU(i32.and(al, c32(15)), c32(9)), i32.and(i32.shrU(flags, c32(4)), c32(1))));
  const high = f.let(i32.or(i32.gtU(al, c32(0x99)), i32.and(flags, c32(1))));
  const r = f.let(i64.extendU(i32.add(al, i32.add(select(low, c32(sign * 6), c32(0)), select(high, c32(sign * 0x60), c32(0))))));
  // DAS also sets CF when the subtraction of 6 borrows.
  const borrow = sign < 0 ? i32.and(low, i32.ltU(al, c32(6))) : c32(0);
  const carry = f.let(i32.or(high, borrow));
  l.setGpr(0, r, 1);
  l.flagsLogic(r, 1);
  l.setArith(i32.or(i32.and(l.getArith(), c32(~(L.FL_CF | L.FL_AF))), i32.or(carry, i32.shl(low, c32(4)))));
};

const setEflag = (mask: number, value: boolean): Lifter => (l) => {
  const old = i32.load(c32(L.EFLAGS_OTHER));
  l.f.store(c32(0), value ? i32.or(old, c32(mask)) : i32.and(old, c32(~mask)), L.EFLAGS_OTHER);
};

const nothing: Lifter = () => {};

export const integerLifters: Record<string, Lifter> = {
  add: binary((_l, a, b) => i64.add(a, b), flagsAdd),
  adc: binary((l, a, b) => i64.add(i64.add(a, b), l.carry()), (l, a, b, r) => l.flagsAdc(a, b, r)),
  sub: binary((_l, a, b) => i64.sub(a, b), flagsSub),
  sbb: binary((l, a, b) => i64.sub(i64.sub(a, b), l.carry()), (l, a, b, r) => l.flagsSbb(a, b, r)),
  cmp: binary((_l, a, b) => i64.sub(a, b), flagsSub, false),
  and: binary((_l, a, b) => i64.and(a, b), flagsLogic),
  or: binary((_l, a, b) => i64.or(a, b), flagsLogic),
  xor: binary((_l, a, b) => i64.xor(a, b), flagsLogic),
  test: binary((_l, a, b) => i64.and(a, b), flagsLogic, false),
  inc: incDec("add"),
  dec: incDec("sub"),
  not: (l) => l.write(0, i64.xor(l.read(0), c64(-1))),
  neg: (l) => {
    const a = l.read(0);
    const r = l.f.let(i64.sub(c64(0), a));
    l.write(0, r);
    l.flagsSub(c64(0), a, r);
  },
  mul: multiply(false),
  imul1: multiply(true),
  imul2: imulTo(0, 1),
  imul3: imulTo(1, 2),
  div: divide(false),
  idiv: divide(true),
  mov: move,
  movzx: move,
  movsx: moveSigned,
  movsxd: moveSigned,
  lea: (l) => l.write(0, l.effectiveAddress()),
  xchg: (l) => {
    const a = l.read(0);
    const b = l.read(1);
    if (l.inMemory(1)) {
      l.write(1, a);
      l.write(0, b);
    } else {
      l.write(0, b);
      l.write(1, a);
    }
  },
  xadd: (l) => {
    const a = l.read(0);
    const b = l.read(1);
    const r = l.f.let(i64.add(a, b));
    if (l.inMemory(0)) {
      l.write(0, r);
      l.write(1, a);
    } else {
      l.write(1, a);
      l.write(0, r);
    }
    l.flagsAdd(a, b, r);
  },
  cmpxchg: (l) => {
    const f = l.f;
    const destination = l.read(0);
    const source = l.read(1);
    const accumulator = l.gpr(0, l.size);
    const r = f.let(i64.sub(accumulator, destination));
    const same = f.let(i64.eq(accumulator, destination));
    if (l.inMemory(0)) l.write(0, select(same, source, destination));
    else f.if(same, () => l.write(0, source));
    f.if(i32.eqz(same), () => l.setGpr(0, destination, l.size));
    l.flagsSub(accumulator, destination, r);
  },
  cmpxchg8b: compareExchangeWide,
  cmpxchg16b: compareExchangeWide,
  bt: bitTest(null),
  bts: bitTest((v, m) => i64.or(v, m)),
  btr: bitTest((v, m) => i64.and(v, i64.xor(m, c64(-1)))),
  btc: bitTest((v, m) => i64.xor(v, m)),
  bsf: bitScan(false),
  bsr: bitScan(true),
  popcnt: (l) => {
    const r = l.f.let(i64.popcnt(l.read(1)));
    l.write(0, r);
    // Only ZF may be set; a result that is not zero has even "parity" here, so PF is taken out through the delta byte.
    const zero = i64.eqz(r);
    l.setArith(i32.shl(zero, c32(6)));
  },
  bswap: (l) => l.write(0, byteSwap(l.read(0), l.size)),
  movbe: (l) => l.write(0, byteSwap(l.read(1), l.size)),
  crc32: (l) => l.write(0, call(l.named("crc32c"), i64.and(l.read(0), c64(0xffffffff)), l.read(1), c32(l.operand(1).size))),
  setcc: (l) => l.write(0, i64.extendU(l.condition(l.form.arg))),
  cmovcc: (l) => {
    const source = l.read(1);
    const old = l.read(0);
    l.write(0, select(l.condition(l.form.arg), source, old));
  },
  // CBW, CWDE, CDQE and CWD, CDQ, CQO by operand size.
  cbw: (l) => l.setGpr(0, l.signed(l.gpr(0, l.size / 2), l.size / 2), l.size),
  cwd: (l) => l.setGpr(2, i64.shrS(l.signed(l.gpr(0, l.size)), c64(63)), l.size),
  lahf: (l) => l.setHighByte(i64.extendU(i32.or(l.getArith(), c32(2)))),
  sahf: (l) => l.setArith(i32.or(i32.and(i32.wrap(l.highByte()), c32(0xd5)), i32.and(l.getArith(), c32(L.FL_OF)))),
  clc: (l) => l.setCarry(c64(0)),
  stc: (l) => l.setCarry(c64(1)),
  cmc: (l) => l.setCarry(i64.xor(l.carry(), c64(1))),
  cld: setEflag(L.FL_DF, false),
  std: setEflag(L.FL_DF, true),
  salc: (l) => l.setGpr(0, i64.sub(c64(0), l.carry()), 1),
  aaa: asciiAdjust(1),
  aas: asciiAdjust(-1),
  daa: decimalAdjust(1),
  das: decimalAdjust(-1),
  aam: (l) => {
    const f = l.f;
    const base = l.read(0);
    l.raiseIf(i64.eqz(base), 0);
    const al = l.gpr(0, 1);
    const low = f.let(i64.remU(al, base));
    l.setGpr(0, i64.or(i64.shl(i64.divU(al, base), c64(8)), low), 2);
    l.flagsLogic(low, 1);
  },
  aad: (l) => {
    const ax = l.gpr(0, 2);
    const r = l.f.let(i64.and(i64.add(i64.and(ax, c64(0xff)), i64.mul(i64.shrU(ax, c64(8)), l.read(0))), c64(0xff)));
    l.setGpr(0, r, 2);
    l.flagsLogic(r, 1);
  },
  nop: nothing,
  pause: nothing,
  movnti: move,
  clflush: nothing,
  lfence: nothing,
  sfence: nothing,
  mfence: nothing,
};
