// Vector operands of MMX and SSE lifters: XMM registers, MMX registers (64 bits, taken as a v128 with a zero upper half) and
// memory. An MMX write sets the register's sign and exponent, and every MMX instruction sets TOP to 0 and, but for EMMS, marks
// all x87 registers in use (Intel SDM vol. 3, 12.2).
import * as L from "../../state/layout.ts";
import { c32, c64, i32, i64, type Node, NodeKind, simd, simdLane, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift } from "../lift.ts";
import { I64X } from "./simd-op.ts";

/** 16 bytes as a constant; shorter lists are filled with zeros. */
export const bytes = (...values: number[]): Node => v128.const(Uint8Array.from({ length: 16 }, (_, i) => values[i] ?? 0));
export const words = (...values: number[]): Node => bytes(...values.flatMap((w) => [w & 255, (w >> 8) & 255]));
export const dwords = (...values: number[]): Node => bytes(...values.flatMap((d) => [d & 255, (d >>> 8) & 255, (d >>> 16) & 255, d >>> 24]));
/** The 64-bit value in both halves. */
export const qwords = (value: bigint): Node => {
  const at = (shift: number) => Number((value >> BigInt(shift)) & 0xffffffffn);
  return dwords(at(0), at(32), at(0), at(32));
};
export const zero = (): Node => bytes();
/** 0, 1, ... 15. */
export const iota = (): Node => bytes(...Array.from({ length: 16 }, (_, i) => i));
/** Shuffle by byte numbers: 0-15 from `a`, 16-31 from `b`. */
export const shuffle = (a: Node, b: Node, lanes: readonly number[]): Node => v128.shuffle(a, b, Uint8Array.from(lanes));

export const isMmx = (l: Lift, index: number): boolean => l.operand(index).kind.startsWith("mmx");
/** True if a register operand of the instruction is an MMX register, or it names one by its operand kind. */
export const touchesMmx = (l: Lift): boolean => l.form.operands.some((o, i) => o.kind === "mmxReg" || (o.kind === "mmxRm" && !l.inMemory(i)));

export const fromI64 = (value: Node): Node => simdLane(I64X.replace, V128, 0, zero(), value);
export const lowI64 = (value: Node): Node => simdLane(I64X.extract, 0x7e, 0, value);

/** The operand as a v128, upper part zero if it is narrower. */
export function readVector(l: Lift, index: number): Node {
  const o = l.operand(index);
  if ((l.inMemory(index) ? o.memSize : o.size) === 16) return l.readV(index);
  return l.f.let(fromI64(l.read(index)));
}

/** Sets the x87 state as MMX instructions leave it. After everything that can fault. */
export function enterMmx(l: Lift): void {
  l.f.store(c32(0), c32(0), L.FPU_TOP);
  l.f.store(c32(0), c32(0), L.FPU_EMPTY);
}

/** Writes an MMX register whole (the low half of the v128) or all of an XMM register or a memory operand. */
export function writeVector(l: Lift, index: number, value: Node): void {
  if (isMmx(l, index)) writeMmx(l, index, lowI64(value));
  else l.writeV(index, value);
}

export function writeMmx(l: Lift, index: number, value: Node): void {
  if (l.inMemory(index)) l.write(index, value);
  else {
    const at = l.f.let(l.registerAddress(index));
    l.f.store(at, value);
    l.f.store16(at, c32(0xffff), 8);
  }
  enterMmx(l);
}

/** Writes a general register with zero extension to 64 bits. */
export function writeGpr(l: Lift, index: number, value: Node): void {
  l.setWhole(index, value);
}

/** Low byte of the immediate, i32: a constant in translated code. */
export const imm8 = (l: Lift): Node => l.f.let(i32.and(i32.wrap(l.imm()), c32(255)));
/** The immediate where it is known while lifting: then lanes and counts need not be computed when the code runs. */
export function knownImm8(l: Lift): number | undefined {
  const imm = imm8(l);
  return imm.kind === NodeKind.i32const ? imm.imm & 255 : undefined;
}
/** 16 numbers by their place. */
export const lanes16 = (of: (i: number) => number): number[] => Array.from({ length: 16 }, (_, i) => of(i));

/** ZF and CF from i32 0 or 1, the other four clear. */
export function setZeroCarry(l: Lift, zf: Node, cf: Node): void {
  const f = l.f;
  const z = f.let(i64.extendU(zf));
  const carry = i64.and(i64.sub(c64(0), i64.extendU(cf)), c64(0xc000000000000000n));
  l.setFlags(f.let(i64.xor(z, c64(1))), f.let(i64.or(carry, i64.shl(z, c64(8)))));
}

export const vand = v128.and;
export const vor = v128.or;
export const shiftedRight = (op: number, value: Node, count: number): Node => simd(op, V128, value, c32(count));
