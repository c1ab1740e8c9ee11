// How every x87 lifter begins and how it reaches its operands. Instruction and data pointers keep the offset of the instruction
// and the linear address of the operand; their selectors read as 0, as processors with deprecated FCS and FDS have it.
// CR0.NE = 0 would report errors through IRQ 13; #MF is raised then too.
import type { Extended } from "../../softfloat/f80-format.ts";
import { takenSE } from "../../softfloat/f80-format.ts";
import * as L from "../../state/layout.ts";
import { c32, call, i32, i64, type Node } from "../../wasm/nodes.ts";
import type { Lift } from "../lift.ts";
import { markedSE, physical, registerAt } from "./stack-registers.ts";

const MF = 16;
const SW_ES = 0x80;

/** Raises #MF if an earlier instruction has left an unmasked exception. */
export function wait(l: Lift): void {
  if (!l.form.noWait) l.raiseIf(i32.and(i32.load(c32(L.FPU_SW)), c32(SW_ES)), MF);
}
/** Notes where the instruction and its operand are; after all that can fault. */
export function notePointers(l: Lift): void {
  l.f.store(c32(0), l.rip(), L.FPU_IP);
  if (l.form.operands.some((o) => o.kind === "mem")) l.f.store(c32(0), l.address(), L.FPU_DP);
}

/** Physical number of the operand's register. */
export function registerOf(l: Lift, index: number): Node {
  return l.f.let(physical(l.operand(index).kind === "st0" ? c32(0) : i32.load16u(l.rec, L.REC_RM)));
}
export function stackTop(l: Lift): Node {
  return l.f.let(physical(c32(0)));
}
/** The value of a register by physical number. */
export function valueAt(l: Lift, number: Node): Extended {
  return { m: l.f.let(i64.load(registerAt(number), L.FPU_REGS)), se: l.f.let(markedSE(number)) };
}

/** Marks accesses through SS, whose faults are #SS; where segments are checked before, that is done. */
export const stackInfo = (l: Lift): Node =>
  l.flavour === "seg" ? c32(0) : i32.shl(i32.eq(i32.load16u(l.rec, L.REC_SEGBASE), c32(L.ZERO_SS)), c32(8));

/** The memory operand of a form named `f…` (a float) or `fi…` (an integer), as an extended value. */
export function memoryValue(l: Lift, isInteger: boolean): Extended {
  const size = l.operand(0).memSize;
  const raw = l.load(l.address(), size, stackInfo(l));
  const name = isInteger ? "f80FromInt" : size === 4 ? "f80FromF32" : "f80FromF64";
  const m = l.f.let(call(l.named(name), isInteger ? l.signed(raw, size) : raw));
  return { m, se: l.f.let(takenSE()) };
}
