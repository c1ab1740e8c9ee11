// Instructions whose work is always done in TypeScript (cpu/system/operations.ts): the lifter only hands over.
import * as L from "../state/layout.ts";
import { c32, i32 } from "../wasm/nodes.ts";
import type { Lift, Lifter } from "./lift.ts";

const NAMES = [
  "jmpFar", "callFar", "retFar", "into", "int1", "lldt", "ltr", "sldt", "str", "lar", "lsl", "verr", "verw", "arpl",
  "lgdt", "lidt", "sgdt", "sidt", "lmsw", "smsw", "movToDr", "movFromDr", "invd", "wbinvd", "cpuid", "rdpmc", "hlt", "vmcall", "vmmcall", "monitor", "mwait", "bound", "ins", "outs", "les", "lds", "lss", "lfs", "lgs",
] as const;

/** The port of IN and OUT goes to SCRATCH + 8. */
const portAccess = (name: "in" | "out"): Lifter => (l: Lift) => {
  const port = l.operand(name === "in" ? 1 : 0);
  const value = port.kind === "imm" ? i32.wrap(l.imm()) : i32.load16u(c32(L.GPR + 2 * 8));
  l.f.store(c32(L.SCRATCH + 8), value);
  l.system(name);
};

export const systemLifters: Record<string, Lifter> = {
  ...Object.fromEntries(NAMES.map((name) => [name, (l: Lift) => l.system(name)])),
  in: portAccess("in"),
  out: portAccess("out"),
};
