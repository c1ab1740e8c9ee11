// Data movement of MMX to SSE4.1, MXCSR, and the masked stores. Intel SDM vol. 2. Non-temporal hints have no meaning here.
import * as L from "../../state/layout.ts";
import { c32, I32, i32, i64, type Node } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { enterMmx, fromI64, isMmx, touchesMmx, writeGpr, writeMmx } from "./vector.ts";

/** All 128 bits, or all of an MMX register. */
const move: Lifter = (l) => {
  if (!isMmx(l, 0) && !isMmx(l, 1) && l.operand(0).memSize === 16) return l.writeV(0, l.readV(1));
  moveLow(l);
};
/** The low lane: into an XMM register it clears the rest, except between XMM registers if `keeps`. */
const low = (keeps: boolean): Lifter => (l) => {
  const value = l.read(1);
  const { kind } = l.operand(0);
  if (l.inMemory(0)) l.write(0, value);
  else if (kind.startsWith("gpr")) writeGpr(l, 0, value);
  else if (kind.startsWith("mmx")) return writeMmx(l, 0, value);
  else if (keeps && !l.inMemory(1)) l.write(0, value);
  else l.f.store(l.registerAddress(0), fromI64(value));
  if (touchesMmx(l)) enterMmx(l);
};
const moveLow = low(false);
const moveScalar = low(true);

const half = (l: Lift, index: number, isHigh: boolean): Node => l.f.let(i64.load(l.registerAddress(index), isHigh ? 8 : 0));
const setHalf = (l: Lift, index: number, isHigh: boolean, value: Node): void => l.f.store(l.registerAddress(index), value, isHigh ? 8 : 0);
/** MOVLPS, MOVHPS and their like: one half, the other kept. Register to register they are MOVHLPS and MOVLHPS. */
const moveHalf = (isHigh: boolean): Lifter => (l) => {
  if (l.inMemory(0)) l.write(0, half(l, 1, isHigh));
  else setHalf(l, 0, isHigh, l.inMemory(1) ? l.read(1) : half(l, 1, !isHigh));
};

const ldmxcsr: Lifter = (l) => {
  const value = l.f.let(i32.wrap(l.read(0)));
  l.raiseIf(i32.and(value, c32(~0xffff)), 13, 0);
  l.f.store(c32(0), value, L.MXCSR);
};

/** Stores the bytes whose mask byte has its top bit set, at DS:rDI. All of them are translated before the first is stored. */
const maskmov: Lifter = (l) => {
  const f = l.f;
  const width = isMmx(l, 0) ? 8 : 16;
  const source = f.let(l.registerAddress(0));
  const mask = f.let(l.registerAddress(1));
  const ea = l.address();
  const each = (visit: (at: Node, i: Node) => void) => {
    const i = f.variable(I32, c32(0));
    f.loop((again) => {
      f.if(i32.and(i32.load8u(i32.add(mask, i.get)), c32(0x80)), () => visit(i64.add(ea, i64.extendU(i.get)), i.get));
      f.set(i, i32.add(i.get, c32(1)));
      f.brIf(again, i32.ltU(i.get, c32(width)));
    });
  };
  each((at) => l.host(at, 1, "write", c32(0x200)));
  each((at, i) => l.store(at, 1, i64.load8u(i32.add(source, i))));
  if (width === 8) enterMmx(l);
};

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
