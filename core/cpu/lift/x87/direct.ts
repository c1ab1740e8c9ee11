// x87 instructions where the stack's registers are at hand as values: in translated code. The same as the lifters beside it, which
// find everything in the state block; what goes beyond (an empty or full register, an exception that is not masked) is left to them.
import { C0, C1, C2, C3, controlWord, INTEGER_BIT, rounding } from "../../softfloat/f80-format.ts";
import * as L from "../../state/layout.ts";
import { c32, c64, call, i32, I32, i64, I64, type Node, select } from "../../wasm/nodes.ts";
import type { Lift, StackValue, X87Stack } from "../lift.ts";
import { CW_BITS, CW_FIXED, SW_EXCEPTIONS } from "./control.ts";
import { CONSTANTS } from "./moves.ts";
import { PENDING } from "./runtime.ts";

type Direct = (l: Lift, s: X87Stack) => void;

/** Value and word of a function of softfloat/f80-quick.ts. */
function run(l: Lift, name: string, ...args: Node[]): { m: Node; word: Node } {
  const [m, word] = [l.f.variable(I64), l.f.variable(I32)];
  l.f.callInto([m, word], l.named(name), ...args);
  return { m: m.get, word: word.get };
}
/** The same, leaving if an exception is not masked. */
function outcome(l: Lift, s: X87Stack, name: string, ...args: Node[]): { m: Node; word: Node; value: StackValue } {
  const r = run(l, name, ...args);
  s.leaveIf(i32.ltS(r.word, c32(0)));
  return { ...r, value: { m: r.m, se: l.f.let(i32.and(r.word, c32(0xffff))) } };
}

/** A normal float of 4 or 8 bytes in line; all others by the function, whose word may carry marks or exceptions. */
function fromFloat(l: Lift, raw: Node, size: number, otherwise: string): { m: Node; word: Node } {
  const f = l.f;
  const isDouble = size === 8;
  const exponent = f.let(i32.and(i32.wrap(i64.shrU(raw, c64(isDouble ? 52 : 23))), c32(isDouble ? 0x7ff : 0xff)));
  const m = f.variable(I64, i64.or(i64.shl(raw, c64(isDouble ? 11 : 40)), c64(INTEGER_BIT)));
  const sign = i32.and(i32.wrap(i64.shrU(raw, c64(isDouble ? 48 : 16))), c32(0x8000));
  const word = f.variable(I32, i32.or(sign, i32.add(exponent, c32(isDouble ? 0x3fff - 1023 : 0x3fff - 127))));
  l.seldom(i32.geU(i32.sub(exponent, c32(1)), c32(isDouble ? 0x7fe : 0xfe)), () => f.callInto([m, word], l.named(otherwise + size), raw));
  return { m: m.get, word: word.get };
}
function memoryOperand(l: Lift, isInteger: boolean): StackValue {
  const size = l.operand(0).memSize;
  const raw = l.load(l.address(), size);
  const { m, word } = isInteger ? run(l, "x87.fromInt", l.signed(raw, size)) : fromFloat(l, raw, size, "x87.from");
  return { m, se: word };
}
const isInMemory = (l: Lift): boolean => l.operand(0).kind === "mem";
function pop(s: X87Stack, count: number): void {
  for (let n = 0; n < count; n++) s.pop();
}

/** x + x, as compilers write 2 * x: exact if x is normal, unless precision control cuts it. */
function doubled(l: Lift, s: X87Stack, x: StackValue): { word: Node; value: StackValue } {
  const m = l.f.variable(I64, x.m);
  const word = l.f.variable(I32, i32.add(x.se, c32(1)));
  const isCut = i32.ne(i32.and(controlWord(), c32(0x300)), c32(0x300));
  const isSpecial = i32.or(i32.geU(i32.sub(i32.and(x.se, c32(0x7fff)), c32(1)), c32(0x7ffd)), i64.geS(x.m, c64(0)));
  l.seldom(i32.or(isCut, isSpecial), () => l.f.callInto([m, word], l.named("x87.add"), x.m, x.se, x.m, x.se));
  s.leaveIf(i32.ltS(word.get, c32(0)));
  return { word: word.get, value: { m: m.get, se: l.f.let(i32.and(word.get, c32(0xffff))) } };
}

const binary = (name: string, isReversed: boolean, isInteger: boolean, pops: number): Direct => (l, s) => {
  const to = isInMemory(l) ? 0 : s.operand(0);
  const source = isInMemory(l) ? memoryOperand(l, isInteger) : s.get(s.operand(1));
  const target = s.get(to);
  const [a, b] = isReversed ? [source, target] : [target, source];
  const isDoubling = name === "x87.add" && !isInMemory(l) && s.operand(1) === to;
  const r = isDoubling ? doubled(l, s, target) : outcome(l, s, name, a.m, a.se, b.m, b.se);
  s.merge(r.word);
  s.put(to, r.value);
  s.notePointers();
  pop(s, pops);
};
const unary = (name: string, hasSecond = false): Direct => (l, s) => {
  const a = s.get(0);
  const b = hasSecond ? s.get(1) : undefined;
  const r = outcome(l, s, name, a.m, a.se, ...(b ? [b.m, b.se] : []));
  s.merge(r.word);
  s.put(0, r.value);
  s.notePointers();
};
const signChange = (change: (se: Node) => Node): Direct => (l, s) => {
  const a = s.get(0);
  s.clearC1();
  s.put(0, { m: a.m, se: l.f.let(change(a.se)) });
  s.notePointers();
};

function pushed(s: X87Stack, value: StackValue): void {
  s.clearC1();
  s.push(value);
  s.notePointers();
}
const fld: Direct = (l, s) => {
  const f = l.f;
  const source = l.operand(0);
  s.needRoom();
  if (source.kind === "sti") pushed(s, s.get(s.operand(0)));
  else if (source.memSize === 10) {
    const host = l.host(l.address(), 10, "read");
    pushed(s, { m: f.let(i64.load(host)), se: f.let(i32.load16u(host, 8)) });
  } else {
    const { m, word } = fromFloat(l, l.load(l.address(), source.memSize), source.memSize, "x87.take");
    s.leaveIf(i32.ltS(word, c32(0)));
    s.merge(word);
    s.push({ m, se: f.let(i32.and(word, c32(0xffff))) });
    s.notePointers();
  }
};
const fst = (pops: number): Direct => (l, s) => {
  const target = l.operand(0);
  const x = s.get(0);
  if (target.kind === "sti") {
    s.clearC1();
    s.put(s.operand(0), x);
  } else if (target.memSize === 10) {
    const host = l.host(l.address(), 10, "write");
    l.f.store(host, x.m);
    l.f.store16(host, x.se, 8);
    s.clearC1();
  } else {
    const r = outcome(l, s, `x87.to${target.memSize}`, x.m, x.se);
    l.store(l.address(), target.memSize, r.m);
    s.merge(r.word);
  }
  s.notePointers();
  pop(s, pops);
};
const storeInteger = (pops: number, mode: () => Node): Direct => (l, s) => {
  const x = s.get(0);
  const size = l.operand(0).memSize;
  const r = outcome(l, s, "x87.toInt", x.m, x.se, c32(size * 8), mode());
  l.store(l.address(), size, r.m);
  s.merge(r.word);
  s.notePointers();
  pop(s, pops);
};
const constant = (name: string): Direct => (l, s) => {
  const [m, exponent, isUp] = CONSTANTS[name] ?? [0n, 0, false];
  const isExact = name === "fld1" || name === "fldz";
  s.needRoom();
  const up = i64.extendU(i32.or(i32.eq(rounding(), c32(2)), isUp ? i32.eqz(rounding()) : c32(0)));
  pushed(s, { m: isExact ? c64(m) : l.f.let(i64.add(c64(m), up)), se: c32(exponent) });
};
const exchange: Direct = (_l, s) => {
  const [to, from] = [s.operand(0), s.operand(1)];
  const [a, b] = [s.get(to), s.get(from)];
  s.clearC1();
  s.put(from, a);
  s.put(to, b);
  s.notePointers();
};
const conditionalMove: Direct = (l, s) => {
  const a = s.get(s.operand(0));
  const b = s.get(s.operand(1));
  const isTaken = l.f.let(l.condition(l.form.arg));
  s.put(s.operand(0), { m: l.f.let(select(isTaken, b.m, a.m)), se: l.f.let(select(isTaken, b.se, a.se)) });
  s.notePointers();
};

function compared(l: Lift, s: X87Stack, a: StackValue, b: StackValue, isQuiet: boolean): Node {
  const word = l.f.let(call(l.named("x87.compare"), a.m, a.se, b.m, b.se, c32(isQuiet ? 1 : 0)));
  s.leaveIf(i32.ltS(word, c32(0)));
  return word;
}
function setConditions(l: Lift, s: X87Stack, word: Node): void {
  const kept = i32.and(s.status.get, c32(~(C0 | C1 | C2 | C3)));
  l.f.set(s.status, i32.or(kept, i32.or(i32.and(word, c32(0xffff)), i32.shrU(word, c32(16)))));
}
const compare = (pops: number, isQuiet: boolean, source: (l: Lift, s: X87Stack) => StackValue): Direct => (l, s) => {
  const b = source(l, s);
  const word = compared(l, s, s.get(0), b, isQuiet);
  setConditions(l, s, word);
  s.notePointers();
  pop(s, pops);
};
const operand = (isInteger: boolean) => (l: Lift, s: X87Stack): StackValue => (isInMemory(l) ? memoryOperand(l, isInteger) : s.get(s.operand(1)));
const compareFlags = (pops: number, isQuiet: boolean): Direct => (l, s) => {
  const word = compared(l, s, s.get(s.operand(0)), s.get(s.operand(1)), isQuiet);
  l.f.set(s.status, i32.or(s.status.get, i32.shrU(word, c32(16))));
  l.flagsCompare(l.f.let(i32.and(i32.shrU(word, c32(8)), c32(0x45))));
  s.notePointers();
  pop(s, pops);
};
const examine: Direct = (l, s) => {
  const a = s.get(0);
  const cc = l.f.let(call(l.named("x87.examine"), a.m, a.se));
  setConditions(l, s, cc);
  s.notePointers();
};

/** ES and B by the exceptions that are set and not masked. */
const loadControl: Direct = (l, s) => {
  const f = l.f;
  const value = i32.wrap(l.load(l.address(), 2));
  const cw = f.let(i32.or(i32.and(value, c32(CW_BITS)), c32(CW_FIXED)));
  f.store(c32(0), cw, L.FPU_CW);
  const sw = s.status.get;
  const open = i32.and(i32.and(sw, i32.xor(cw, c32(-1))), c32(SW_EXCEPTIONS));
  f.set(s.status, select(open, i32.or(sw, c32(PENDING)), i32.and(sw, c32(~PENDING))));
  s.controlChanged();
};
const storeStatus: Direct = (l, s) => {
  const word = l.f.let(i64.extendU(i32.or(s.status.get, i32.shl(s.top(), c32(11)))));
  if (isInMemory(l)) l.store(l.address(), 2, word);
  else l.setGpr(0, word, 2);
};
const rotate = (by: number): Direct => (_l, s) => {
  s.clearC1();
  s.rotate(by);
  s.notePointers();
};

const OPERATIONS: readonly (readonly [string, string, boolean])[] = [
  ["add", "x87.add", false], ["mul", "x87.mul", false], ["sub", "x87.sub", false],
  ["subr", "x87.sub", true], ["div", "x87.div", false], ["divr", "x87.div", true],
];

export const directLifters: Readonly<Record<string, Direct>> = {
  ...Object.fromEntries(
    OPERATIONS.flatMap(([name, operation, isReversed]) => [
      [`f${name}`, binary(operation, isReversed, false, 0)],
      [`fi${name}`, binary(operation, isReversed, true, 0)],
      [`f${name}p`, binary(operation, isReversed, false, 1)],
    ]),
  ),
  fsqrt: unary("x87.sqrt"),
  frndint: unary("x87.toIntegral"),
  fscale: unary("x87.scale", true),
  fabs: signChange((se) => i32.and(se, c32(0x7fff))),
  fchs: signChange((se) => i32.xor(se, c32(0x8000))),
  fld,
  fst: fst(0),
  fstp: fst(1),
  fild: (l, s) => {
    s.needRoom();
    const x = memoryOperand(l, true);
    pushed(s, x);
  },
  fist: storeInteger(0, rounding),
  fistp: storeInteger(1, rounding),
  fisttp: storeInteger(1, () => c32(3)),
  fxch: exchange,
  fcmov: conditionalMove,
  ...Object.fromEntries(Object.keys(CONSTANTS).map((name) => [name, constant(name)])),
  fcom: compare(0, false, operand(false)),
  fcomp: compare(1, false, operand(false)),
  fcompp: compare(2, false, (_l, s) => s.get(1)),
  fucom: compare(0, true, operand(false)),
  fucomp: compare(1, true, operand(false)),
  fucompp: compare(2, true, (_l, s) => s.get(1)),
  ficom: compare(0, false, operand(true)),
  ficomp: compare(1, false, operand(true)),
  ftst: compare(0, false, () => ({ m: c64(0), se: c32(0) })),
  fcomi: compareFlags(0, false),
  fcomip: compareFlags(1, false),
  fucomi: compareFlags(0, true),
  fucomip: compareFlags(1, true),
  fxam: examine,
  fnclex: (l, s) => {
    l.f.set(s.status, i32.and(s.status.get, c32(0x7f00)));
    s.controlChanged();
  },
  fnstcw: (l) => l.store(l.address(), 2, i64.load32u(c32(L.FPU_CW))),
  fnstsw: storeStatus,
  fldcw: loadControl,
  fwait: () => {},
  fnop: (_l, s) => s.notePointers(),
  fincstp: rotate(1),
  fdecstp: rotate(-1),
  ffree: (_l, s) => {
    s.free(s.operand(0));
    s.notePointers();
  },
  ffreep: (_l, s) => {
    s.free(s.operand(0));
    s.clearC1();
    s.pop();
    s.notePointers();
  },
};

/** True if this could be done. */
export function liftDirectly(l: Lift, s: X87Stack): boolean {
  const direct = directLifters[l.form.lift];
  if (!direct) return false;
  if (!l.form.noWait) s.wait();
  direct(l, s);
  return true;
}
