// The functions that x87 lifters call by name: arithmetic on values (softfloat/f80-*.ts) and what ends an instruction: the status
// word, the result's register, the stack. Intel SDM vol. 1, 8.1 and 8.5. A masked exception has its result in the value already.
import {
  BEFORE, C0, C1, C2, C3, clearFlags, EXPONENT, flags, IE, INDEFINITE, INDEFINITE_SE, raise, SF, takenSE, unmasked,
} from "../../softfloat/f80-format.ts";
import { defineF80Arithmetic, definePropagate } from "../../softfloat/f80-arithmetic.ts";
import { defineF80Compare } from "../../softfloat/f80-compare.ts";
import { defineF80Convert } from "../../softfloat/f80-convert.ts";
import { defineF80Quick } from "../../softfloat/f80-quick.ts";
import { defineF80Remainder } from "../../softfloat/f80-remainder.ts";
import { defineRoundPack } from "../../softfloat/f80-round.ts";
import * as L from "../../state/layout.ts";
import type { FunctionBuilder } from "../../wasm/function-builder.ts";
import type { ModuleBuilder } from "../../wasm/module-builder.ts";
import { type Callee, c32, c64, I32, i32, I64, type Node, select } from "../../wasm/nodes.ts";
import { defineDecimal } from "./decimal.ts";
import { BEFORE_STORE, registerAt, top } from "./stack-registers.ts";

/** ES and B, which go together since the 387. */
export const PENDING = 0x8080;
const CONDITIONS = C0 | C1 | C2 | C3;
/** Puts the exceptions of the operation into the status word; `cleared`: condition bits that it sets anew. */
function settle(f: FunctionBuilder, cleared: number | Node): void {
  const mask = typeof cleared === "number" ? c32(~cleared) : i32.xor(cleared, c32(-1));
  f.store(c32(0), i32.or(i32.and(i32.load(c32(L.FPU_SW)), mask), flags()), L.FPU_SW);
  f.if(unmasked(0x3f), () => f.store(c32(0), i32.or(i32.load(c32(L.FPU_SW)), c32(PENDING)), L.FPU_SW));
}
function put(f: FunctionBuilder, number: Node, m: Node, se: Node): void {
  const at = f.let(registerAt(number));
  f.store(at, m, L.FPU_REGS);
  f.store16(at, se, L.FPU_REGS + 8);
  f.store(c32(0), i32.and(i32.load(c32(L.FPU_EMPTY)), i32.xor(i32.shl(c32(1), number), c32(-1))), L.FPU_EMPTY);
}
function popOnce(f: FunctionBuilder): void {
  const was = f.let(top());
  f.store(c32(0), i32.or(i32.load(c32(L.FPU_EMPTY)), i32.shl(c32(1), was)), L.FPU_EMPTY);
  f.store(c32(0), i32.and(i32.add(was, c32(1)), c32(7)), L.FPU_TOP);
}
function pop(f: FunctionBuilder, count: Node): void {
  f.if(count, () => {
    popOnce(f);
    f.if(i32.gtU(count, c32(1)), () => popOnce(f));
  });
}

export function defineX87Runtime(module: ModuleBuilder): Map<string, Callee> {
  const roundPack = defineRoundPack(module, 0x7fff);
  const propagate = definePropagate(module);
  /** (physical number, significand, pops): ends an operation whose result goes to a register. */
  const result = module.func([I32, I64, I32], [], (f) => {
    settle(f, C1);
    f.if(unmasked(BEFORE), () => f.return());
    put(f, f.param(0), f.param(1), takenSE());
    pop(f, f.param(2));
  });
  /** The same for a remainder, which sets all of C0 to C3; without one, C0 and C3 are left as they were. */
  const resultConditions = module.func([I32, I64], [], (f) => {
    const hasNone = i32.or(unmasked(BEFORE), i32.eq(i32.and(takenSE(), c32(EXPONENT)), c32(EXPONENT)));
    settle(f, f.let(select(hasNone, c32(C1 | C2), c32(CONDITIONS))));
    f.if(unmasked(BEFORE), () => f.return());
    put(f, f.param(0), f.param(1), takenSE());
  });
  /** (pops, exceptions that prevent them): ends an operation whose result, if any, is not in a register. */
  const finish = module.func([I32, I32], [], (f) => {
    settle(f, C1);
    f.if(unmasked(BEFORE_STORE), () => f.if(i32.and(unmasked(BEFORE_STORE), f.param(1)), () => f.return()));
    pop(f, f.param(0));
  });
  /** (physical number, significand): a move that leaves C1 alone unless it meets an empty register. */
  const moved = module.func([I32, I64], [], (f) => {
    settle(f, f.let(select(flags(), c32(C1), c32(0))));
    f.if(unmasked(BEFORE), () => f.return());
    put(f, f.param(0), f.param(1), takenSE());
  });
  /** (pops): ends a comparison into EFLAGS, which does the same. */
  const compared = module.func([I32], [], (f) => {
    settle(f, f.let(select(i32.and(flags(), c32(SF)), c32(C1), c32(0))));
    f.if(unmasked(BEFORE), () => f.return());
    pop(f, f.param(0));
  });
  /** (condition bits, pops): ends a comparison. */
  const conditions = module.func([I32, I32], [], (f) => {
    settle(f, CONDITIONS);
    f.store(c32(0), i32.or(i32.load(c32(L.FPU_SW)), f.param(0)), L.FPU_SW);
    f.if(unmasked(BEFORE), () => f.return());
    pop(f, f.param(1));
  });
  /** (significand): pushes the value. A full register below the top is a stack overflow, which comes before all but a stack underflow. */
  const push = module.func([I64], [], (f) => {
    const to = f.let(i32.and(i32.sub(top(), c32(1)), c32(7)));
    const m = f.variable(I64, f.param(0));
    const se = f.variable(I32, takenSE());
    f.if(i32.eqz(i32.and(i32.shrU(i32.load(c32(L.FPU_EMPTY)), to), c32(1))), () => {
      f.if(i32.eqz(i32.and(flags(), c32(SF))), () => {
        clearFlags(f);
        raise(f, IE | SF | C1);
      });
      f.set(m, c64(INDEFINITE));
      f.set(se, c32(INDEFINITE_SE));
    });
    settle(f, C1);
    // A denormal of a narrower format is loaded even if DE is not masked.
    f.if(unmasked(IE), () => f.return());
    put(f, to, m.get, se.get);
    f.store(c32(0), to, L.FPU_TOP);
  });
  const values = new Map([
    ...defineF80Arithmetic(module, roundPack, propagate),
    ...defineF80Compare(module),
    ...defineF80Convert(module, propagate),
    ...defineF80Remainder(module, roundPack, propagate),
  ]);
  return new Map([
    ...values,
    ...defineF80Quick(module, values),
    ...defineDecimal(module),
    ["x87Result", result],
    ["x87ResultConditions", resultConditions],
    ["x87Finish", finish],
    ["x87Conditions", conditions],
    ["x87Moved", moved],
    ["x87Compared", compared],
    ["x87Push", push],
  ]);
}
