// Data movement of MMX to SSE4.1, MXCSR, and the masked stores. Intel SDM vol. 2. Non-temporal hints have no meaning here.
import * as L from "../../state/layout.ts";
import { c32, i32, i64, simd, simdLane, V128, v128 } from "../../wasm/nodes.ts";
import type { Lifter } from "../lift.ts";
import { F64X, I8 } from "./simd-op.ts";
import { enterMmx, fromI64, isMmx, lowI64, readVector, touchesMmx, writeGpr, writeMmx, zero } from "./vector.ts";

/** All 128 bits, or all of an MMX register. */
const move: Lifter = (l) => {
  if (!isMmx(l, 0) && !isMmx(l, 1) && l.operand(0).memSize === 16) return l.writeV(0, l.readV(1));
  moveLow(l);
};
/** The low lane: into an XMM register it clears the rest, except between XMM registers if `keeps`. */
const low = (keeps: boolean): Lifter => (l) => {
  const { kind, memSize } = l.operand(0);
  const isFromVector = l.operand(1).kind.startsWith("xmm");
  if (kind.startsWith("xmm") && isFromVector) {
    if (l.inMemory(1)) l.setVector(0, l.loadVectorLow(1));
    else if (keeps || l.inMemory(0)) l.writeF(0, l.readF(1, memSize));
    else l.setVector(0, simdLane(F64X.replace, V128, 0, zero(), l.readF(1, 8)));
    return;
  }
  const value = l.read(1);
  if (l.inMemory(0)) l.write(0, value);
  else if (kind.startsWith("gpr")) writeGpr(l, 0, value);
  else if (kind.startsWith("mmx")) return writeMmx(l, 0, value);
  else l.setVector(0, fromI64(value));
  if (touchesMmx(l)) enterMmx(l);
};
const moveLow = low(false);
const moveScalar = low(true);

/** MOVLPS, MOVHPS and their like: one half, the other kept. Register to register they are MOVHLPS and MOVLHPS. */
const moveHalf = (isHigh: boolean): Lifter => (l) => {
  if (l.inMemory(0)) l.writeF(0, l.vectorHalf(1, isHigh));
  else l.setVectorHalf(0, isHigh, l.inMemory(1) ? l.readF(1, 8) : l.vectorHalf(1, !isHigh));
};

const ldmxcsr: Lifter = (l) => {
  const value = l.f.let(i32.wrap(l.read(0)));
  l.raiseIf(i32.and(value, c32(~0xffff)), 13, 0);
  l.f.store(c32(0), value, L.MXCSR);
  l.controlChanged();
};

/** MASKMOVQ and MASKMOVDQU: bytes whose mask byte has its top bit set go to DS:rDI. Processors check all bytes for writing. */
const maskmov: Lifter = (l) => {
  const f = l.f;
  const isShort = isMmx(l, 0);
  const at = l.host(l.address(), isShort ? 8 : 16, "write", c32(MODIFY));
  const mask = simd(I8.shrS, V128, readVector(l, 1), c32(7));
  const merged = v128.bitselect(readVector(l, 0), isShort ? fromI64(i64.load(at)) : v128.load(at), mask);
  f.store(at, isShort ? lowI64(merged) : merged);
  f.if(i32.eq(at, c32(L.BOUNCE_WRITE)), () => f.call(l.rt.commitWrite));
  if (isShort) enterMmx(l);
};
/** To Lift.host(): what is there already is wanted too. */
const MODIFY = 0x200;

export const moves: Record<string, Lifter> = {
  movaps: move, movapd: move, movups: move, movupd: move, movdqa: move, movdqu: move, lddqu: move, movntdqa: move,
  movntps: move, movntpd: move, movntdq: move, movntq: moveLow,
  movd: moveLow, movq: moveLow, movss: moveScalar, movsd: moveScalar,
  movlps: moveHalf(false), movlpd: moveHalf(false), movhps: moveHalf(true), movhpd: moveHalf(true),
  movhlps: moveHalf(false), movlhps: moveHalf(true),
  movq2dq: moveLow, movdq2q: moveLow,
  maskmovq: maskmov, maskmovdqu: maskmov,
  ldmxcsr, stmxcsr: (l) => l.write(0, i64.load32u(c32(L.MXCSR))),
  emms: (l) => {
    enterMmx(l);
    l.f.store(c32(0), c32(0xff), L.FPU_EMPTY);
  },
};
