// Loads, stores, constants, exchanges and conditional moves. Intel SDM vol. 2; the constants are rounded as 8.3.8 of vol. 1 says.
import {
  BEFORE, C1, clearFlags, EMPTY, type Extended, F80_FLAGS, F80_SE, flags, IE, INDEFINITE, INDEFINITE_SE, PE, raise, rounding, SF,
  unmasked,
} from "../../softfloat/f80-format.ts";
import * as L from "../../state/layout.ts";
import { c32, c64, call, i32, i64, type Node, select } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { memoryValue, notePointers, registerOf, stackInfo, stackTop, valueAt, wait } from "./begin.ts";
import { BEFORE_STORE, registerAt } from "./stack-registers.ts";

function push(l: Lift, x: Extended): void {
  l.f.store(c32(0), x.se, F80_SE);
  l.f.call(l.named("x87Push"), x.m);
}
/** `x`, or the indefinite value and a stack fault if its register is empty. Clears the flags. */
function taken(l: Lift, ...values: Extended[]): Extended[] {
  const f = l.f;
  clearFlags(f);
  f.if(i32.and(values.map((x) => x.se).reduce((a, b) => i32.or(a, b)), c32(EMPTY)), () => raise(f, IE | SF));
  return values.map((x) => {
    const isEmpty = f.let(i32.and(x.se, c32(EMPTY)));
    return { m: f.let(select(isEmpty, c64(INDEFINITE), x.m)), se: f.let(select(isEmpty, c32(INDEFINITE_SE), x.se)) };
  });
}

function fld(l: Lift): void {
  const f = l.f;
  wait(l);
  const source = l.operand(0);
  if (source.kind === "sti") {
    notePointers(l);
    const [x] = taken(l, valueAt(l, registerOf(l, 0)));
    if (x) push(l, x);
  } else if (source.memSize === 10) {
    const host = l.host(l.address(), 10, "read", stackInfo(l));
    const x = { m: f.let(i64.load(host)), se: f.let(i32.load16u(host, 8)) };
    notePointers(l);
    clearFlags(f);
    push(l, x);
  } else {
    const x = memoryValue(l, false);
    notePointers(l);
    const m = f.let(call(l.named("f80Take"), x.m, x.se));
    f.call(l.named("x87Push"), m);
  }
}

/** Writes to the memory operand unless an unmasked exception forbids it. */
export function storeUnless(l: Lift, kinds: number, pops: number, write: () => void): void {
  l.address();
  l.f.if(i32.eqz(unmasked(kinds)), write);
  notePointers(l);
  l.f.call(l.named("x87Finish"), c32(pops), c32(kinds));
}

const fst = (pops: number): Lifter => (l) => {
  const f = l.f;
  wait(l);
  const x = valueAt(l, stackTop(l));
  const target = l.operand(0);
  if (target.kind === "sti") {
    notePointers(l);
    const [value] = taken(l, x);
    if (!value) return;
    f.store(c32(0), value.se, F80_SE);
    f.call(l.named("x87Result"), registerOf(l, 0), value.m, c32(pops));
  } else if (target.memSize === 10) {
    const [value] = taken(l, x);
    if (value) storeUnless(l, BEFORE, pops, () => storeExtended(l, value));
  } else {
    const bits = f.let(call(l.named(target.memSize === 4 ? "f80ToF32" : "f80ToF64"), x.m, x.se));
    // What is not stored has not been rounded either.
    f.if(unmasked(BEFORE_STORE), () => f.store(c32(0), i32.and(flags(), c32(~(PE | C1))), F80_FLAGS));
    storeUnless(l, BEFORE_STORE, pops, () => l.store(l.address(), target.memSize, bits, stackInfo(l)));
  }
};
function storeExtended(l: Lift, x: Extended): void {
  const host = l.host(l.address(), 10, "write", stackInfo(l));
  l.f.store(host, x.m);
  l.f.store16(host, x.se, 8);
  l.f.if(i32.eq(host, c32(L.BOUNCE_WRITE)), () => l.f.call(l.rt.commitWrite));
}

const storeInteger = (pops: number, mode: () => Node): Lifter => (l) => {
  wait(l);
  const x = valueAt(l, stackTop(l));
  const size = l.operand(0).memSize;
  const value = l.f.let(call(l.named("f80ToInt"), x.m, x.se, c32(size * 8), mode()));
  storeUnless(l, BEFORE, pops, () => l.store(l.address(), size, value, stackInfo(l)));
};

/** Significand rounded down, exponent, whether the rest is above half. */
export const CONSTANTS: Readonly<Record<string, readonly [bigint, number, boolean]>> = {
  fld1: [0x8000000000000000n, 0x3fff, false],
  fldl2t: [0xd49a784bcd1b8afen, 0x4000, false],
  fldl2e: [0xb8aa3b295c17f0bbn, 0x3fff, true],
  fldpi: [0xc90fdaa22168c234n, 0x4000, true],
  fldlg2: [0x9a209a84fbcff798n, 0x3ffd, true],
  fldln2: [0xb17217f7d1cf79abn, 0x3ffe, true],
  fldz: [0n, 0, false],
};
const constant = (name: string): Lifter => (l) => {
  const [m, exponent, isUp] = CONSTANTS[name] ?? [0n, 0, false];
  wait(l);
  notePointers(l);
  clearFlags(l.f);
  // Rounded up when the mode is up, or nearest and the rest is above half.
  const isExact = name === "fld1" || name === "fldz";
  const up = isExact ? c64(0) : i64.extendU(i32.or(i32.eq(rounding(), c32(2)), isUp ? i32.eqz(rounding()) : c32(0)));
  push(l, { m: i64.add(c64(m), up), se: c32(exponent) });
};

function exchange(l: Lift): void {
  const f = l.f;
  wait(l);
  notePointers(l);
  const [to, from] = [registerOf(l, 0), registerOf(l, 1)];
  const [a, b] = taken(l, valueAt(l, to), valueAt(l, from));
  if (!a || !b) return;
  f.if(i32.eqz(unmasked(IE)), () => {
    f.store(registerAt(from), a.m, L.FPU_REGS);
    f.store16(registerAt(from), a.se, L.FPU_REGS + 8);
    f.store(registerAt(to), b.m, L.FPU_REGS);
    f.store16(registerAt(to), b.se, L.FPU_REGS + 8);
    const both = i32.or(i32.shl(c32(1), to), i32.shl(c32(1), from));
    f.store(c32(0), i32.and(i32.load(c32(L.FPU_EMPTY)), i32.xor(both, c32(-1))), L.FPU_EMPTY);
  });
  f.call(l.named("x87Finish"), c32(0), c32(0));
}

function conditionalMove(l: Lift): void {
  const f = l.f;
  wait(l);
  notePointers(l);
  const to = registerOf(l, 0);
  const a = valueAt(l, to);
  const b = valueAt(l, registerOf(l, 1));
  taken(l, a, b);
  const isTaken = f.let(l.condition(l.form.arg));
  const isFaulty = f.let(i32.and(i32.or(a.se, b.se), c32(EMPTY)));
  f.store(c32(0), select(isFaulty, c32(INDEFINITE_SE), select(isTaken, b.se, a.se)), F80_SE);
  f.call(l.named("x87Moved"), to, select(isFaulty, c64(INDEFINITE), select(isTaken, b.m, a.m)));
}

/** FSTPNCE: an empty register is popped without a stack fault, and without being copied. */
function copyQuietly(l: Lift): void {
  const f = l.f;
  wait(l);
  notePointers(l);
  const x = valueAt(l, stackTop(l));
  clearFlags(f);
  f.store(c32(0), x.se, F80_SE);
  f.if(
    i32.and(x.se, c32(EMPTY)),
    () => f.call(l.named("x87Finish"), c32(1), c32(0)),
    () => f.call(l.named("x87Result"), registerOf(l, 0), x.m, c32(1)),
  );
}

export const moveLifters: Record<string, Lifter> = {
  fld,
  fst: fst(0),
  fstp: fst(1),
  fstpnce: copyQuietly,
  fild: (l) => {
    wait(l);
    const x = memoryValue(l, true);
    notePointers(l);
    push(l, x);
  },
  fist: storeInteger(0, rounding),
  fistp: storeInteger(1, rounding),
  fisttp: storeInteger(1, () => c32(3)),
  fxch: exchange,
  fcmov: conditionalMove,
  ...Object.fromEntries(Object.keys(CONSTANTS).map((name) => [name, constant(name)])),
};
