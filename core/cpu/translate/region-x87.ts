// The x87 stack of a region: its registers are locals of the region, numbered from the top of the stack as it was at entry. How far
// the top has moved since is known while a block is written, so that ST(i) is a local and exchanges cost nothing. The status word is
// a local within a block; TOP, the tags and the pointers are brought up to date at its end and wherever it is left. A register's tag
// is looked at where it is first used in a block.
import type { StackValue, X87Stack } from "../lift/lift.ts";
import * as L from "../state/layout.ts";
import type { Variable } from "../wasm/function-builder.ts";
import { c32, I32, i32, I64, i64, type Node } from "../wasm/nodes.ts";
import type { RegionWriter } from "./region-writer.ts";

/** Numbers of the registers' locals among a region's: significands, then signs and exponents. */
export const X87_M = 32;
export const X87_SE = 40;
export const PLACES = 48;
const C1 = 0x200;
const ES = 0x80;
/** Eight tag bits twice, so that they can be rotated by a shift. */
const TWICE = 0x101;
/** Parts of what is pending when an instruction is left undone. TOP's movement is in bits 2:0, registers filled in 15:8, emptied in 23:16. */
const HAS_STATUS = 8;
const HAS_POINTER = 0x10;
const HAS_DATA = 0x20;

export class RegionX87 implements X87Stack {
  /** TOP at the region's entry, or what makes it so: TOP now is this plus `delta`. */
  readonly base: Variable;
  /** By block, from whichever way to it is written first. */
  private readonly deltas: number[] = [0];
  private readonly w: RegionWriter;
  /** How far the top is from `base`. */
  delta = 0;
  private startDelta = 0;
  /** Registers known to be full or empty, now and when the block began. */
  private full = 0;
  private empty = 0;
  private wasFull = 0;
  private wasEmpty = 0;
  /** The status word, where the block has loaded it. */
  private readonly sw: Variable;
  private hasStatus = false;
  private isStatusChanged = false;
  private hasNoPending = false;
  private isC1Clear = false;
  /** The tags by number, once they were needed. */
  private tags: Node | undefined;
  /** Where the last instruction of the block was, and whether one of them had an operand, whose address is in `data`. */
  private pointer: number | undefined;
  private hasData = false;
  private readonly data: Variable;
  /** Where an instruction is left undone: what has to be stored, for finishLeaving(), and the pointer. */
  private readonly pending: Variable;
  private readonly pendingPointer: Variable;

  constructor(w: RegionWriter) {
    this.w = w;
    this.base = w.f.permanent(I32);
    this.sw = w.f.permanent(I32);
    this.data = w.f.permanent(I64);
    this.pending = w.f.permanent(I32);
    this.pendingPointer = w.f.permanent(I32);
  }

  // ---- blocks ----------------------------------------------------------------------------------

  enter(block: number): void {
    this.delta = this.deltas[block] ?? 0;
    this.forget();
  }
  private forget(): void {
    this.startDelta = this.delta;
    this.full = this.empty = this.wasFull = this.wasEmpty = 0;
    this.tags = this.pointer = undefined;
    this.hasStatus = this.isStatusChanged = this.hasNoPending = this.isC1Clear = this.hasData = false;
  }
  /** True if the block that is gone to has the top elsewhere. */
  differs(block: number): boolean {
    this.deltas[block] ??= this.delta;
    return this.deltas[block] !== this.delta;
  }
  /** Takes TOP as it is in the state block for what the block that is gone to wants; registers have to be loaded anew. */
  rebaseFor(block: number): void {
    this.setBase(this.deltas[block] ?? 0);
  }
  private setBase(delta: number): void {
    this.w.f.set(this.base, i32.and(i32.sub(i32.load(c32(L.FPU_TOP)), c32(delta)), c32(7)));
  }
  /** A handler has run: all may have changed. */
  reload(): void {
    this.setBase(this.delta);
    this.forget();
  }
  /** Stores what differs from the state block, but for the registers. Nothing changes here. */
  flush(): void {
    const { f } = this.w;
    if (this.isStatusChanged) f.store(c32(0), this.sw.get, L.FPU_SW);
    if (this.delta !== this.startDelta) f.store(c32(0), this.top(), L.FPU_TOP);
    const [filled, emptied] = [this.full & ~this.wasFull, this.empty & ~this.wasEmpty];
    if (filled !== 0 || emptied !== 0) {
      let tags = i32.load(c32(L.FPU_EMPTY));
      if (filled !== 0) tags = i32.and(tags, i32.xor(this.rotated(filled), c32(-1)));
      if (emptied !== 0) tags = i32.or(tags, this.rotated(emptied));
      f.store(c32(0), tags, L.FPU_EMPTY);
    }
    if (this.pointer !== undefined) f.store(c32(0), this.w.ripAt(this.pointer), L.FPU_IP);
    if (this.hasData) f.store(c32(0), this.data.get, L.FPU_DP);
  }
  /** Notes in locals what flush() would store, in few bytes: there are many places where a region may be left. */
  noteLeaving(): void {
    const { f } = this.w;
    const [filled, emptied] = [this.full & ~this.wasFull, this.empty & ~this.wasEmpty];
    const parts = (this.isStatusChanged ? HAS_STATUS : 0) | (this.pointer === undefined ? 0 : HAS_POINTER) | (this.hasData ? HAS_DATA : 0);
    const what = ((this.delta - this.startDelta) & 7) | parts | (filled << 8) | (emptied << 16);
    if (what === 0) return;
    f.set(this.pending, c32(what));
    if (this.pointer !== undefined) f.set(this.pendingPointer, c32(this.pointer));
  }
  /** Stores what noteLeaving() has noted: once, on the way out. */
  finishLeaving(): void {
    const { f } = this.w;
    const what = this.pending.get;
    const has = (bit: number, then: () => void): void => f.if(i32.and(what, c32(bit)), then);
    f.if(what, () => {
      has(HAS_STATUS, () => f.store(c32(0), this.sw.get, L.FPU_SW));
      const rotated = (shift: number): Node => {
        const bits = i32.mul(i32.and(i32.shrU(what, c32(shift)), c32(0xff)), c32(TWICE));
        return i32.and(i32.shrU(i32.shl(bits, this.base.get), c32(8)), c32(0xff));
      };
      const tags = i32.and(i32.load(c32(L.FPU_EMPTY)), i32.xor(rotated(8), c32(-1)));
      f.store(c32(0), i32.or(tags, rotated(16)), L.FPU_EMPTY);
      f.store(c32(0), i32.and(i32.add(i32.load(c32(L.FPU_TOP)), what), c32(7)), L.FPU_TOP);
      has(HAS_POINTER, () => f.store(c32(0), this.w.ripOf(i64.extendS(this.pendingPointer.get)), L.FPU_IP));
      has(HAS_DATA, () => f.store(c32(0), this.data.get, L.FPU_DP));
    });
  }
  /** Tag bits by number as the state block has them. */
  private rotated(bits: number): Node {
    return i32.and(i32.shrU(i32.shl(c32(bits * TWICE), this.base.get), c32(8)), c32(0xff));
  }
  /** Where a register lies, less FPU_REGS. */
  place(number: number): Node {
    return i32.shl(i32.and(i32.add(this.base.get, c32(number)), c32(7)), c32(4));
  }

  // ---- for lifters -----------------------------------------------------------------------------

  private number(i: number): number {
    return (this.delta + i) & 7;
  }
  get status(): Variable {
    this.isStatusChanged = true;
    this.isC1Clear = false;
    return this.statusWord();
  }
  private statusWord(): Variable {
    if (!this.hasStatus) this.w.f.set(this.sw, i32.load(c32(L.FPU_SW)));
    this.hasStatus = true;
    return this.sw;
  }
  top(): Node {
    return i32.and(i32.add(this.base.get, c32(this.delta & 7)), c32(7));
  }
  leaveIf(condition: Node): void {
    this.w.f.ifUnlikely(condition, () => this.w.leaveToInterpreter());
  }
  wait(): void {
    if (this.hasNoPending) return;
    this.leaveIf(i32.and(this.statusWord().get, c32(ES)));
    this.hasNoPending = true;
  }
  controlChanged(): void {
    this.hasNoPending = false;
  }
  operand(index: number): number {
    return this.w.stackOperand(index);
  }
  private tag(number: number): Node {
    if (!this.tags) {
      const tags = this.w.f.let(i32.load(c32(L.FPU_EMPTY)));
      this.tags = this.w.f.let(i32.shrU(i32.or(tags, i32.shl(tags, c32(8))), this.base.get));
    }
    return i32.and(this.tags, c32(1 << number));
  }
  get(i: number): StackValue {
    const number = this.number(i);
    const bit = 1 << number;
    if ((this.full & bit) === 0) {
      this.leaveIf((this.empty & bit) !== 0 ? c32(1) : this.tag(number));
      if ((this.empty & bit) === 0) {
        this.full |= bit;
        this.wasFull |= bit;
      }
    }
    return { m: this.w.stackValue(X87_M + number), se: this.w.stackValue(X87_SE + number) };
  }
  needRoom(): void {
    const number = this.number(-1);
    const bit = 1 << number;
    if ((this.empty & bit) !== 0) return;
    const isFull = (this.full & bit) !== 0;
    this.leaveIf(isFull ? c32(1) : i32.eqz(this.tag(number)));
    if (isFull) return;
    this.empty |= bit;
    this.wasEmpty |= bit;
  }
  put(i: number, value: StackValue): void {
    const number = this.number(i);
    this.full |= 1 << number;
    this.empty &= ~(1 << number);
    this.w.setStackValue(X87_M + number, value.m);
    this.w.setStackValue(X87_SE + number, value.se);
  }
  push(value: StackValue): void {
    this.rotate(-1);
    this.put(0, value);
  }
  pop(): void {
    this.free(0);
    this.rotate(1);
  }
  free(i: number): void {
    const bit = 1 << this.number(i);
    this.empty |= bit;
    this.full &= ~bit;
  }
  rotate(by: number): void {
    this.delta = (this.delta + by) & 7;
  }
  merge(word: Node): void {
    const { status } = this;
    this.w.f.set(status, i32.or(i32.and(status.get, c32(~C1)), i32.shrU(word, c32(16))));
  }
  clearC1(): void {
    if (this.isC1Clear) return;
    const { status } = this;
    this.w.f.set(status, i32.and(status.get, c32(~C1)));
    this.isC1Clear = true;
  }
  notePointers(): void {
    this.pointer = this.w.instruction.offset;
    const data = this.w.dataPointer();
    if (!data) return;
    this.w.f.set(this.data, data);
    this.hasData = true;
  }
}
