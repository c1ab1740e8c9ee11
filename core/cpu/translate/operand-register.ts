// Which general register an operand is.
import { D_PREFIX, D_REG, D_RM, PREFIX_REX } from "../../isa/decoder.ts";
import type { OperandSpec } from "../../isa/form.ts";

/** Its number, and whether the operand is the second byte of it. Not for operands in memory. */
export function operandRegister({ kind, size, fixed }: OperandSpec, decoded: Int32Array): { number: number; high: boolean } {
  const number = kind === "gprFixed" ? (fixed ?? 0) : (decoded[kind.endsWith("Reg") ? D_REG : D_RM] as number);
  const isHigh = size === 1 && number >= 4 && number < 8 && (kind === "gprFixed" || ((decoded[D_PREFIX] as number) & PREFIX_REX) === 0);
  return isHigh ? { number: number - 4, high: true } : { number, high: false };
}
