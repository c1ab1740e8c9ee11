// Every x87 lifter by the name that instruction rows give.
import type { Lifter } from "../lift.ts";
import { notePointers, wait } from "./begin.ts";
import { arithmeticLifters } from "./arithmetic.ts";
import { compareLifters } from "./compare.ts";
import { controlLifters } from "./control.ts";
import { decimalLifters } from "./decimal.ts";
import { liftDirectly } from "./direct.ts";
import { moveLifters } from "./moves.ts";

/** Done in TypeScript: rare, and long (transcendental.ts). */
const IN_TYPESCRIPT = ["fnstenv", "fldenv", "fnsave", "frstor", "f2xm1", "fyl2x", "fyl2xp1", "fptan", "fpatan", "fsin", "fcos", "fsincos"];
const handed: Record<string, Lifter> = Object.fromEntries(
  IN_TYPESCRIPT.map((name): [string, Lifter] => [
    name,
    (l) => {
      wait(l);
      if (l.form.operands.length === 0) notePointers(l);
      l.system(name);
    },
  ]),
);

const fromStateBlock: Record<string, Lifter> = {
  ...arithmeticLifters,
  ...compareLifters,
  ...controlLifters,
  ...moveLifters,
  ...decimalLifters,
  ...handed,
};
export const x87Lifters: Record<string, Lifter> = Object.fromEntries(
  Object.entries(fromStateBlock).map(([name, lifter]): [string, Lifter] => [name, (l) => (l.x87 && liftDirectly(l, l.x87)) || lifter(l)]),
);
