// FCOM, FUCOM, FICOM, FTST, FXAM and the comparisons into EFLAGS. Intel SDM vol. 2.
import type { Extended } from "../../softfloat/f80-format.ts";
import { C0, C2, C3, clearFlags } from "../../softfloat/f80-format.ts";
import { c32, c64, call, i32 } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { memoryValue, notePointers, registerOf, stackTop, valueAt, wait } from "./begin.ts";
import { physical } from "./stack-registers.ts";

const compareWith = (pops: number, isQuiet: boolean, source: (l: Lift) => Extended): Lifter => (l) => {
  wait(l);
  const b = source(l);
  const a = valueAt(l, stackTop(l));
  notePointers(l);
  const cc = l.f.let(call(l.named("f80Compare"), a.m, a.se, b.m, b.se, c32(isQuiet ? 1 : 0)));
  l.f.call(l.named("x87Conditions"), cc, c32(pops));
};
const operand = (isInteger: boolean) => (l: Lift): Extended =>
  l.operand(0).kind === "mem" ? memoryValue(l, isInteger) : valueAt(l, registerOf(l, 1));
const second = (l: Lift): Extended => valueAt(l, l.f.let(physical(c32(1))));

/** C0 to CF, C2 to PF, C3 to ZF, even if an unmasked exception keeps the stack as it is. */
const compareFlags = (pops: number, isQuiet: boolean): Lifter => (l) => {
  const f = l.f;
  wait(l);
  notePointers(l);
  const a = valueAt(l, registerOf(l, 0));
  const b = valueAt(l, registerOf(l, 1));
  const cc = f.let(call(l.named("f80Compare"), a.m, a.se, b.m, b.se, c32(isQuiet ? 1 : 0)));
  const bit = (from: number, to: number) => i32.shl(i32.and(i32.shrU(cc, c32(Math.log2(from))), c32(1)), c32(to));
  l.setArith(i32.or(bit(C0, 0), i32.or(bit(C2, 2), bit(C3, 6))));
  f.call(l.named("x87Compared"), c32(pops));
};

export const compareLifters: Record<string, Lifter> = {
  fcom: compareWith(0, false, operand(false)),
  fcomp: compareWith(1, false, operand(false)),
  fcompp: compareWith(2, false, second),
  fucom: compareWith(0, true, operand(false)),
  fucomp: compareWith(1, true, operand(false)),
  fucompp: compareWith(2, true, second),
  ficom: compareWith(0, false, operand(true)),
  ficomp: compareWith(1, false, operand(true)),
  ftst: compareWith(0, false, () => ({ m: c64(0), se: c32(0) })),
  fcomi: compareFlags(0, false),
  fcomip: compareFlags(1, false),
  fucomi: compareFlags(0, true),
  fucomip: compareFlags(1, true),
  fxam: (l) => {
    wait(l);
    notePointers(l);
    const a = valueAt(l, stackTop(l));
    clearFlags(l.f);
    const cc = l.f.let(call(l.named("f80Examine"), a.m, a.se));
    l.f.call(l.named("x87Conditions"), cc, c32(0));
  },
};
