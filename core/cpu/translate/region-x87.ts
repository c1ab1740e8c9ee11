// The x87 stack of a region: its registers are locals of the region, numbered from the top of the stack as it was at entry. How far
// the top has moved since is known while a block is written, so that ST(i) is a local and exchanges cost nothing. The status word is
// a local within a block; TOP, the tags and the pointers are brought up to date at its end and wherever it is left. A register's tag
// is looked at where it is first used in a block.
import type { StackValue, X87Stack } from "../lift/lift.ts";
import * as L from "../state/layout.ts";
import type { Variable } from "../wasm/function-builder.ts";
import { c32, I32, i32, type Node } from "../wasm/nodes.ts";
import type { RegionWriter } from "./region-writer.ts";

/** Numbers of the registers' locals among a region's: significands, then signs and exponents. */
export const X87_M = 32;
export const X87_SE = 40;
export const PLACES = 48;
const C1 = 0x200;
const ES = 0x80;
/** Eight tag bits twice, so that they can be rotated by a shift. */
const TWICE = 0x101;

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
  private sw: Variable | undefined;
  private isStatusChanged = false;
  private hasNoPending = false;
  private isC1Clear = false;
  /** The tags by number, once they were needed. */
  private tags: Node | undefined;
  private pointer: { offset: number; data: Node | undefined } | undefined;

  constructor(w: RegionWriter) {
    this.w = w;
    this.base = w.f.permanent(I32);
  }

  // ---- blocks ----------------------------------------------------------------------------------

  enter(block: number): void {
    this.delta = this.deltas[block] ?? 0;
    this.forget();
  }
  private forget(): void {
    this.startDelta = this.delta;
    this.full = this.empty = this.wasFull = this.wasEmpty = 0;
    this.sw = this.tags = this.pointer = undefined;
    this.isStatusChanged = this.hasNoPending = this.isC1Clear = false;
  }
  /** True if the block that is gone to has the top elsewhere. */
  differs(block: number): boolean {
    const expected = (this.deltas[block] ??= this.delta);
    return expected !== this.delta;
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
    if (this.sw && this.isStatusChanged) f.store(c32(0), this.sw.get, L.FPU_SW);
    if (this.delta !== this.startDelta) f.store(c32(0), this.top(), L.FPU_TOP);
    const [filled, emptied] = [this.full & ~this.wasFull, this.empty & ~this.wasEmpty];
    if (filled !== 0 || emptied !== 0) {
      let tags = i32.load(c32(L.FPU_EMPTY));
      if (filled !== 0) tags = i32.and(tags, i32.xor(this.rotated(filled), c32(-1)));
      if (emptied !== 0) tags = i32.or(tags, this.rotated(emptied));
      f.store(c32(0), tags, L.FPU_EMPTY);
    }
    if (!this.pointer) return;
    f.store(c32(0), this.w.ripAt(this.pointer.offset), L.FPU_IP);
    if (this.pointer.data) f.store(c32(0), this.pointer.data, L.FPU_DP);
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
    this.sw ??= this.w.f.variable(I32, i32.load(c32(L.FPU_SW)));
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
    this.pointer = { offset: this.w.instruction.offset, data: this.w.dataPointer() ?? this.pointer?.data };
  }
}
