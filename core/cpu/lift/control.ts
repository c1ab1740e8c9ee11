// Near branches, calls and returns; the rest of control transfer (far, interrupts, IRET) is cpu/system.
// A branch to the same page is linked to its target's record; anything else goes through the jump cache.
import * as L from "../state/layout.ts";
import { isNotCanonical } from "../state/state-nodes.ts";
import { c32, c64, i32, i64, type Node } from "../wasm/nodes.ts";
import { HANDLER_PARAMS, HANDLER_RESULTS, type Lift, type Lifter } from "./lift.ts";

/** Goes to the target in REC_IMM, this instruction being counted. */
export function takeBranch(l: Lift, left: Node): void {
  const f = l.f;
  const rest = f.let(left);
  const link = f.let(i32.load(l.rec, L.REC_LINK));
  const mayGo = i32.and(i32.gtS(rest, c32(0)), i32.eqz(i32.load(c32(L.EXIT_REQUEST))));
  f.if(i32.and(i32.ne(link, c32(0)), mayGo), () => f.tailCallTable(i32.load(link), HANDLER_PARAMS, HANDLER_RESULTS, link, rest));
  f.tailCall(l.rt.branch, l.rec, rest);
}
const counted = (l: Lift) => i32.sub(l.left, c32(1));

/** #GP(0) for a target outside the canonical space, the instruction not being done. */
function checkTarget(l: Lift, target: Node): Node {
  if (l.flavour === "long") l.raiseIf(isNotCanonical(target), 13, 0);
  return target;
}

/** The count register of LOOP and JCXZ by address size; the mask is in REC_DISP. */
function counter(l: Lift): Node {
  return l.f.let(i64.and(l.gpr(1), i64.load(l.rec, L.REC_DISP)));
}
function setMasked(l: Lift, register: number, value: Node): void {
  const f = l.f;
  const mask = f.let(i64.load(l.rec, L.REC_DISP));
  f.if(
    i64.eq(mask, c64(0xffff)),
    () => l.setGpr(register, value, 2),
    () => l.setGpr(register, i64.and(value, mask)),
  );
}
const loop = (condition: ((l: Lift) => Node) | null): Lifter => (l) => {
  const f = l.f;
  const count = f.let(i64.and(i64.sub(l.gpr(1), c64(1)), i64.load(l.rec, L.REC_DISP)));
  setMasked(l, 1, count);
  const goes = i32.eqz(i64.eqz(count));
  f.if(condition ? i32.and(goes, condition(l)) : goes, () => takeBranch(l, counted(l)));
};

/** Size of what CALL pushes and RET pops. */
const pointerSize = (l: Lift) => (l.flavour === "long" ? 8 : l.form.opSize === 0 ? 4 : l.form.opSize);
const cut = (l: Lift, rip: Node) => (l.form.opSize === 2 ? i64.and(rip, c64(0xffff)) : rip);

const ret = (l: Lift, extra: Node | null): void => {
  const f = l.f;
  const bytes = pointerSize(l);
  const target = checkTarget(l, l.peek(bytes));
  const sp = l.popped(bytes);
  l.setStackPointer(extra ? f.let(stackSum(l, sp, extra)) : sp);
  l.setRip(target);
  l.dispatch();
};
function stackSum(l: Lift, sp: Node, extra: Node): Node {
  const sum = i64.add(sp, extra);
  return l.flavour === "long" ? sum : i64.and(sum, l.flavour === "flat" ? c64(0xffffffff) : l.stackMask());
}

export const controlLifters: Record<string, Lifter> = {
  jmp: (l) => takeBranch(l, counted(l)),
  jcc: (l) => l.f.if(l.condition(l.form.arg), () => takeBranch(l, counted(l))),
  jcxz: (l) => l.f.if(i64.eqz(counter(l)), () => takeBranch(l, counted(l))),
  loop: loop(null),
  loope: loop((l) => l.condition(4)),
  loopne: loop((l) => l.condition(5)),
  call: (l) => {
    l.push(cut(l, l.nextRip()), pointerSize(l));
    takeBranch(l, counted(l));
  },
  jmpInd: (l) => {
    l.setRip(checkTarget(l, l.read(0)));
    l.dispatch();
  },
  callInd: (l) => {
    const target = checkTarget(l, l.read(0));
    l.push(cut(l, l.nextRip()), pointerSize(l));
    l.setRip(target);
    l.dispatch();
  },
  ret: (l) => ret(l, l.form.operands.length > 0 ? l.read(0) : null),
  ud: (l) => l.raise(6),
};
