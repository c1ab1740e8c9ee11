// Every lifter by the name that instruction rows give.
import type { Form } from "../../isa/form.ts";
import { controlLifters } from "./control.ts";
import { integerLifters } from "./integer.ts";
import type { Lifter } from "./lift.ts";
import { stateImageLifters } from "./privileged-fxstate.ts";
import { privilegedLifters } from "./privileged.ts";
import { shiftLifters } from "./shifts.ts";
import { sseLifters } from "./sse/registry.ts";
import { stackLifters } from "./stack.ts";
import { stringLifters } from "./strings.ts";
import { systemLifters } from "./system.ts";
import { x87Lifters } from "./x87/registry.ts";

const lifters: Record<string, Lifter> = {
  ...integerLifters,
  ...shiftLifters,
  ...stringLifters,
  ...stackLifters,
  ...controlLifters,
  ...systemLifters,
  ...privilegedLifters,
  ...stateImageLifters,
  ...sseLifters,
  ...x87Lifters,
};

/** The form's lifter, or undefined: then the instruction raises #UD. */
export function lifterOf(form: Form): Lifter | undefined {
  return lifters[form.lift];
}

/** Lifters that act differently by flavour even without a memory operand: they use the stack or string registers. */
const FLAVOURED = new Set([
  "push", "pop", "pusha", "popa", "leave", "enter", "pushf", "popf", "call", "callInd", "ret", "movs", "stos", "lods", "cmps", "scas", "xlat", "maskmovq",
  "maskmovdqu", "syscall", "sysret", "sysenter", "sysexit", "int", "int3", "iret", "wrmsr", "rdmsr", "movFromCr", "movToCr", "movSeg", "popSeg",
]);
export function isFlavoured(form: Form): boolean {
  return FLAVOURED.has(form.lift);
}
