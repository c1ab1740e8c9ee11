// Control words, the stack pointer, tags and exceptions: FNINIT, FLDCW, FNSTCW, FNSTSW, FNCLEX, FWAIT, FINCSTP, FDECSTP, FFREE.
// Intel SDM vol. 2.
import * as L from "../../state/layout.ts";
import type { FunctionBuilder } from "../../wasm/function-builder.ts";
import { c32, c64, i32, i64, type Node, select } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { clearFlags } from "../../softfloat/f80-format.ts";
import { notePointers, registerOf, stackInfo, wait } from "./begin.ts";
import { PENDING } from "./runtime.ts";
import { top } from "./stack-registers.ts";

/** Control word bits that exist; bit 6 reads as 1. */
export const CW_BITS = 0x1f3f;
export const CW_FIXED = 0x40;
const CW_INITIAL = 0x37f;
export const SW_EXCEPTIONS = 0x3f;

/** ES and B by the exceptions that are set and not masked. */
function updatePending(f: FunctionBuilder): void {
  const sw = f.let(i32.load(c32(L.FPU_SW)));
  const open = i32.and(i32.and(sw, i32.xor(i32.load(c32(L.FPU_CW)), c32(-1))), c32(SW_EXCEPTIONS));
  f.store(c32(0), select(open, i32.or(sw, c32(PENDING)), i32.and(sw, c32(~PENDING))), L.FPU_SW);
}
const statusWord = (): Node => i64.extendU(i32.or(i32.load(c32(L.FPU_SW)), i32.shl(top(), c32(11))));

const rotate = (by: number): Lifter => (l) => {
  wait(l);
  notePointers(l);
  l.f.store(c32(0), i32.and(i32.add(top(), c32(by)), c32(7)), L.FPU_TOP);
  clearFlags(l.f);
  l.f.call(l.named("x87Finish"), c32(0), c32(0));
};
const free = (pops: number): Lifter => (l) => {
  wait(l);
  notePointers(l);
  const bit = i32.shl(c32(1), registerOf(l, 0));
  l.f.store(c32(0), i32.or(i32.load(c32(L.FPU_EMPTY)), bit), L.FPU_EMPTY);
  if (pops === 0) return;
  clearFlags(l.f);
  l.f.call(l.named("x87Finish"), c32(pops), c32(0));
};

/** What FNINIT and FNSAVE leave. The registers keep their contents. */
function initialize(l: Lift): void {
  const f = l.f;
  f.store(c32(0), c32(CW_INITIAL), L.FPU_CW);
  f.store(c32(0), c32(0xff), L.FPU_EMPTY);
  for (const at of [L.FPU_SW, L.FPU_TOP, L.FPU_OPCODE]) f.store(c32(0), c32(0), at);
  f.store(c32(0), c64(0), L.FPU_IP);
  f.store(c32(0), c64(0), L.FPU_DP);
}

export const controlLifters: Record<string, Lifter> = {
  fninit: initialize,
  fnclex: (l) => l.f.store(c32(0), i32.and(i32.load(c32(L.FPU_SW)), c32(0x7f00)), L.FPU_SW),
  fnstcw: (l) => l.store(l.address(), 2, i64.load32u(c32(L.FPU_CW)), stackInfo(l)),
  fnstsw: (l) => {
    if (l.operand(0).kind === "mem") l.store(l.address(), 2, statusWord(), stackInfo(l));
    else l.setGpr(0, statusWord(), 2);
  },
  fldcw: (l) => {
    wait(l);
    const value = i32.wrap(l.load(l.address(), 2, stackInfo(l)));
    l.f.store(c32(0), i32.or(i32.and(value, c32(CW_BITS)), c32(CW_FIXED)), L.FPU_CW);
    updatePending(l.f);
  },
  fwait: wait,
  fnop: (l) => {
    wait(l);
    notePointers(l);
  },
  fincstp: rotate(1),
  fdecstp: rotate(-1),
  ffree: free(0),
  ffreep: free(1),
};
