// PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM of SSE4.2. Intel SDM vol. 2, "Operation of PCMPxSTRx". Comparisons of one element
// of the first string with all of the second run as one vector operation each. Reading past a page's end can fault, as there.
import * as L from "../../state/layout.ts";
import type { FunctionBuilder } from "../../wasm/function-builder.ts";
import type { ModuleBuilder } from "../../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, i64, type Node, select, simd, V128, v128 } from "../../wasm/nodes.ts";
import type { Lift, Lifter } from "../lift.ts";
import { I16, I8 } from "./simd-op.ts";
import { bytes, imm8, readVector, words, zero } from "./vector.ts";

/** The first string, whose elements are needed one by one. */
const FIRST = L.SCRATCH + 0x80;

/** Bit i for lane i of a mask vector, of bytes or words. */
const bitsOf = (isWords: boolean, mask: Node): Node => simd(isWords ? I16.bitmask : I8.bitmask, I32, mask);
const lowBits = (count: Node): Node => i32.sub(i32.shl(c32(1), count), c32(1));

/** IntRes1 for one element size, into `result`. `b` is the second string; lengths are in elements. */
function aggregate(f: FunctionBuilder, isWords: boolean, control: Node, b: Node, lengthA: Node, lengthB: Node, result: { get: Node; set: (value: Node) => void }): void {
  const lanes = isWords ? 8 : 16;
  const ops = isWords ? I16 : I8;
  const everyLane = (1 << lanes) - 1;
  const j = f.variable(I32, c32(0));
  const element = (index: Node): Node => simd(ops.splat, V128, isWords ? i32.load16u(i32.shl(index, c32(1)), FIRST) : i32.load8u(index, FIRST));
  const isSigned = i32.and(control, c32(2));
  const validB = f.let(lowBits(lengthB));
  /** Runs `body` for j = 0, step, ... below the first length. */
  const each = (step: number, body: () => void) =>
    f.loop((again) => {
      f.if(i32.ltU(j.get, lengthA), () => {
        body();
        f.set(j, i32.add(j.get, c32(step)));
        f.br(again);
      });
    });
  f.switch(
    i32.and(i32.shrU(control, c32(2)), c32(3)),
    [
      // Equal any: the second string's elements that are somewhere in the first.
      () => {
        result.set(c32(0));
        each(1, () => result.set(i32.or(result.get, bitsOf(isWords, simd(ops.eq, V128, element(j.get), b)))));
        result.set(i32.and(result.get, validB));
      },
      // Ranges: elements within any of the first string's pairs. An odd last element has no upper bound and is left out.
      () => {
        const from = f.variable(V128);
        const to = f.variable(V128);
        result.set(c32(0));
        each(2, () => {
          f.if(i32.ltU(i32.add(j.get, c32(1)), lengthA), () => {
            f.set(from, element(j.get));
            f.set(to, element(i32.add(j.get, c32(1))));
            const within = (ge: number, le: number) => bitsOf(isWords, v128.and(simd(ge, V128, b, from.get), simd(le, V128, b, to.get)));
            result.set(i32.or(result.get, select(isSigned, within(ops.geS, ops.leS), within(ops.geU, ops.leU))));
          });
        });
        result.set(i32.and(result.get, validB));
      },
      // Equal each: elements alike, and places where both strings have ended.
      () => {
        const validA = f.let(lowBits(lengthA));
        const same = i32.and(bitsOf(isWords, simd(ops.eq, V128, v128.load(c32(0), FIRST), b)), i32.and(validA, validB));
        result.set(i32.or(same, i32.and(i32.xor(i32.or(validA, validB), c32(-1)), c32(everyLane))));
      },
    ],
    // Equal ordered: places where the first string starts, as far as can be seen.
    () => {
      result.set(c32(everyLane));
      each(1, () => {
        const matches = i32.and(bitsOf(isWords, simd(ops.eq, V128, element(j.get), b)), validB);
        const unseen = i32.xor(i32.shrU(c32(everyLane), j.get), c32(everyLane));
        result.set(i32.and(result.get, i32.or(i32.shrU(matches, j.get), unseen)));
      });
    },
  );
}

/** (a, b, length of a, length of b, immediate) -> IntRes2. Lengths in elements, at most a vector's. */
function defineAggregate(module: ModuleBuilder): Callee {
  return module.func([V128, V128, I32, I32, I32], [I32], (f) => {
    const [b, lengthA, lengthB, control] = [f.param(1), f.param(2), f.param(3), f.param(4)];
    f.store(c32(0), f.param(0), FIRST);
    const value = f.variable(I32);
    const result = { get: value.get, set: (node: Node) => f.set(value, node) };
    f.if(
      i32.and(control, c32(1)),
      () => aggregate(f, true, control, b, lengthA, lengthB, result),
      () => aggregate(f, false, control, b, lengthA, lengthB, result),
    );
    const everyLane = select(i32.and(control, c32(1)), c32(0xff), c32(0xffff));
    const negated = select(i32.and(control, c32(0x20)), lowBits(lengthB), everyLane);
    f.return(select(i32.and(control, c32(0x10)), i32.xor(value.get, negated), value.get));
  });
}

export function defineStringRuntime(module: ModuleBuilder): Map<string, Callee> {
  return new Map([["string.aggregate", defineAggregate(module)]]);
}

const lanesOf = (imm: Node): Node => select(i32.and(imm, c32(1)), c32(8), c32(16));

/** |length| of EAX or EDX (RAX, RDX with REX.W), at most a vector's number of elements. */
function explicitLength(l: Lift, register: number, imm: Node): Node {
  const value = l.f.let(l.size === 8 ? l.gpr(register) : i64.extend32(l.gpr(register)));
  const size = l.f.let(select(i64.ltS(value, c64(0)), i64.sub(c64(0), value), value));
  return l.f.let(select(i64.gtU(size, c64(16)), lanesOf(imm), i32.wrap(select(i64.gtU(size, i64.extendU(lanesOf(imm))), i64.extendU(lanesOf(imm)), size))));
}
/** Elements before the first that is zero. */
function implicitLength(l: Lift, v: Node, imm: Node): Node {
  const byWords = i32.ctz(i32.or(bitsOf(true, simd(I16.eq, V128, v, zero())), c32(0x100)));
  const byBytes = i32.ctz(i32.or(bitsOf(false, simd(I8.eq, V128, v, zero())), c32(0x10000)));
  return l.f.let(select(i32.and(imm, c32(1)), byWords, byBytes));
}

/** IntRes2 as a vector: a bit each, or with bit 6 of the immediate an element each. */
function maskVector(imm: Node, result: Node): Node {
  const bit = (isWords: boolean) => (isWords ? words(1, 2, 4, 8, 16, 32, 64, 128) : bytes(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128));
  const asWords = simd(I16.eq, V128, v128.and(simd(I16.splat, V128, result), bit(true)), bit(true));
  const spread = v128.swizzle(simd(I16.splat, V128, result), bytes(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const asBytes = simd(I8.eq, V128, v128.and(spread, bit(false)), bit(false));
  const asBits = v128.and(simd(I16.splat, V128, result), bytes(255, 255));
  return select(i32.and(imm, c32(0x40)), select(i32.and(imm, c32(1)), asWords, asBytes), asBits);
}

const compare = (isExplicit: boolean, givesIndex: boolean): Lifter => (l) => {
  const f = l.f;
  const imm = imm8(l);
  const [a, b] = [readVector(l, 0), readVector(l, 1)];
  const lengthA = isExplicit ? explicitLength(l, 0, imm) : implicitLength(l, a, imm);
  const lengthB = isExplicit ? explicitLength(l, 2, imm) : implicitLength(l, b, imm);
  const result = f.let(call(l.named("string.aggregate"), a, b, lengthA, lengthB, imm));
  const lanes = f.let(lanesOf(imm));
  if (givesIndex) {
    const last = i32.sub(c32(31), i32.clz(result));
    const index = select(i32.and(imm, c32(0x40)), last, i32.ctz(result));
    l.setGpr(1, i64.extendU(select(result, index, lanes)));
  } else l.setXmm(0, f.let(maskVector(imm, result)));
  const flag = (condition: Node, bit: number) => select(condition, c32(bit), c32(0));
  const carry = flag(i32.ne(result, c32(0)), L.FL_CF);
  const zeroFlag = flag(i32.ltU(lengthB, lanes), L.FL_ZF);
  const sign = flag(i32.ltU(lengthA, lanes), L.FL_SF);
  const overflow = flag(i32.and(result, c32(1)), L.FL_OF);
  l.setArith(i32.or(i32.or(carry, zeroFlag), i32.or(sign, overflow)));
};

export const stringCompare: Record<string, Lifter> = {
  pcmpestri: compare(true, true), pcmpestrm: compare(true, false), pcmpistri: compare(false, true), pcmpistrm: compare(false, false),
};
