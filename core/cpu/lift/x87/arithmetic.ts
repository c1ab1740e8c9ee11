// FADD, FSUB, FMUL, FDIV with their integer, reversed and popping forms; FSQRT, FRNDINT, FSCALE, FPREM, FXTRACT, FABS, FCHS.
// Intel SDM vol. 2.
import {
  BEFORE, C1, clearFlags, F80_FLAGS, F80_SE, flags, IE, INDEFINITE, INDEFINITE_SE, raise, SF, takenSE, unmasked,
} from "../../softfloat/f80-format.ts";
import * as L from "../../state/layout.ts";
import { c32, c64, call, i32, type Node } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { memoryValue, notePointers, registerOf, stackTop, valueAt, wait } from "./begin.ts";
import { physical, registerAt } from "./stack-registers.ts";

/** `operation`: of the destination by the source; reversed, of the source by the destination. */
const binary = (operation: string, isReversed: boolean, isInteger: boolean, pops: number): Lifter => (l) => {
  wait(l);
  const isMemory = l.operand(0).kind === "mem";
  const source = isMemory ? memoryValue(l, isInteger) : valueAt(l, registerOf(l, 1));
  const to = isMemory ? stackTop(l) : registerOf(l, 0);
  const target = valueAt(l, to);
  notePointers(l);
  const [a, b] = isReversed ? [source, target] : [target, source];
  const m = l.f.let(call(l.named(operation), a.m, a.se, b.m, b.se));
  l.f.call(l.named("x87Result"), to, m, c32(pops));
};

const unary = (operation: string): Lifter => (l) => {
  wait(l);
  notePointers(l);
  const to = stackTop(l);
  const a = valueAt(l, to);
  const m = l.f.let(call(l.named(operation), a.m, a.se));
  l.f.call(l.named("x87Result"), to, m, c32(0));
};

/** ST0 by ST1. */
const pair = (operation: string, result: string): Lifter => (l) => {
  wait(l);
  notePointers(l);
  const to = stackTop(l);
  const a = valueAt(l, to);
  const b = valueAt(l, l.f.let(physical(c32(1))));
  const m = l.f.let(call(l.named(operation), a.m, a.se, b.m, b.se));
  l.f.call(l.named(result), to, m, ...(result === "x87Result" ? [c32(0)] : []));
};

/** FABS and FCHS change the sign of anything, NaNs and unsupported formats included. */
const signChange = (change: (se: Node) => Node): Lifter => (l) => {
  const f = l.f;
  wait(l);
  notePointers(l);
  const to = stackTop(l);
  const a = valueAt(l, to);
  clearFlags(f);
  f.if(
    i32.shrU(a.se, c32(17)),
    () => {
      raise(f, IE | SF);
      f.store(c32(0), c32(INDEFINITE_SE), F80_SE);
      f.call(l.named("x87Result"), to, c64(INDEFINITE), c32(0));
    },
    () => {
      f.store16(registerAt(to), change(a.se), L.FPU_REGS + 8);
      f.call(l.named("x87Finish"), c32(0), c32(0));
    },
  );
};

function extract(l: Lift): void {
  const f = l.f;
  wait(l);
  notePointers(l);
  const to = stackTop(l);
  const a = valueAt(l, to);
  const isFull = i32.eqz(i32.and(i32.shrU(i32.load(c32(L.FPU_EMPTY)), physical(c32(7))), c32(1)));
  f.if(
    i32.and(isFull, i32.eqz(i32.shrU(a.se, c32(17)))),
    () => {
      // The stack has no room: both results are the indefinite value.
      clearFlags(f);
      raise(f, IE | SF | C1);
      f.if(i32.eqz(unmasked(IE)), () => {
        f.store(registerAt(to), c64(INDEFINITE), L.FPU_REGS);
        f.store16(registerAt(to), c32(INDEFINITE_SE), L.FPU_REGS + 8);
      });
      f.call(l.named("x87Push"), c64(0));
    },
    () => {
      const m = f.let(call(l.named("f80ExtractExponent"), a.m, a.se));
      const se = f.let(takenSE());
      const raised = f.let(flags());
      f.if(
        unmasked(BEFORE),
        () => f.call(l.named("x87Finish"), c32(0), c32(0)),
        () => {
          const part = f.let(call(l.named("f80ExtractSignificand"), a.m, a.se));
          const partSE = f.let(takenSE());
          f.store(c32(0), se, F80_SE);
          f.call(l.named("x87Result"), to, m, c32(0));
          f.store(c32(0), partSE, F80_SE);
          f.store(c32(0), raised, F80_FLAGS);
          f.call(l.named("x87Push"), part);
        },
      );
    },
  );
}

const OPERATIONS: readonly (readonly [string, string, boolean])[] = [
  ["add", "f80Add", false], ["mul", "f80Mul", false], ["sub", "f80Sub", false],
  ["subr", "f80Sub", true], ["div", "f80Div", false], ["divr", "f80Div", true],
];

export const arithmeticLifters: Record<string, Lifter> = {
  ...Object.fromEntries(
    OPERATIONS.flatMap(([name, operation, isReversed]) => [
      [`f${name}`, binary(operation, isReversed, false, 0)],
      [`fi${name}`, binary(operation, isReversed, true, 0)],
      [`f${name}p`, binary(operation, isReversed, false, 1)],
    ]),
  ),
  fsqrt: unary("f80Sqrt"),
  frndint: unary("f80ToIntegral"),
  fscale: pair("f80Scale", "x87Result"),
  fprem: pair("f80Prem", "x87ResultConditions"),
  fprem1: pair("f80Prem1", "x87ResultConditions"),
  fxtract: extract,
  fabs: signChange((se) => i32.and(se, c32(0x7fff))),
  fchs: signChange((se) => i32.xor(se, c32(0x8000))),
};
