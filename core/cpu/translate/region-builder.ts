// The function of a region as it is written. Beyond a plain function builder it keeps the guest's registers right over the `if`s
// that lifters write (what one side changed is joined with what the other left), reuses locals, takes hints for branches that are
// seldom taken, and refuses what only the interpreter's handlers may do: a lifter that needs it runs as a call of its handler.
import { FunctionBuilder, type Label, type TypeNumbers, type Variable } from "../wasm/function-builder.ts";
import { type Callee, c64, I32, I64, i64, type Node, NodeKind as K, type Type } from "../wasm/nodes.ts";
import * as L from "../state/layout.ts";
import { CodeBuffer } from "./code-buffer.ts";
import { isNarrow, isPure, narrow } from "./narrow.ts";

/** Thrown while lifting: this instruction cannot be written into a region. */
export class NotTranslatable extends Error {
  override readonly name = "NotTranslatable";
}

/** What has to be joined after an `if`. */
export interface BranchState<S> {
  /** Changes with every change of the state. */
  readonly version: number;
  save(): S;
  restore(saved: S): void;
  /** Brings both outcomes together. `inThen` and `inElse` write code at the end of either side. */
  join(then: S, otherwise: S, inThen: (write: () => void) => void, inElse: (write: () => void) => void): void;
}

/** Kind of a node that stands for what a region does not have. */
export const POISONED = 255;
/** Kind of a node that is a constant put in when the region is finished: `op` is the key of the insert. */
export const PATCHED = 254;

/** Hears which locals keep the value that they are given. */
export interface ValueListener {
  noteVariable(index: number): void;
  noteValue(index: number, value: Node): void;
}

/** State that lives in locals within a region, so that loads and stores of it would see old values. */
function isShadowed(address: number): boolean {
  return (address >= L.GPR && address < L.GPR + 0x80) || (address >= L.FLAG_RESULT && address < L.FLAG_AUX + 8) || (address >= L.XMM && address < L.XMM + 0x100);
}

export interface SavedLocals {
  used: { type: Type; index: number }[];
  free: Map<Type, number[]>;
  widths: number[];
  low: Map<number, Node>;
  count: number;
}

export class RegionBuilder<S> extends FunctionBuilder {
  protected override code: CodeBuffer = new CodeBuffer();
  /** Set while the translator's own code, which may touch the state block, is written. */
  isOwn = false;
  state: BranchState<S> | undefined;
  values: ValueListener | undefined;
  private readonly free = new Map<Type, number[]>();
  private used: { type: Type; index: number }[] = [];
  /** Known upper bound of the bits that a local can have set, by its index. */
  readonly widths: number[] = [];
  /** What locals were computed from, by their index, and how many variables had been set then: it holds until the next is. */
  private readonly origins = new Map<number, { value: Node; sets: number }>();
  private sets = 0;
  /** Whether a local keeps the value that let() has given it, by its index. */
  private readonly isKept: boolean[] = [];
  /** Locals with the low 32 bits of others that keep their value, by those' index. */
  private low = new Map<number, Node>();
  private blockDepth = 0;

  constructor(module: TypeNumbers) {
    super(module, [I32, I32], [I32]);
  }

  get localTypes(): readonly Type[] {
    return this.locals;
  }
  get written(): CodeBuffer {
    return this.code;
  }

  // ---- locals ----------------------------------------------------------------------------------

  /** A local for the whole region. */
  permanent(type: Type): Variable {
    const variable = super.variable(type);
    this.isPermanent.add(variable.index);
    return variable;
  }
  override variable(type: Type, initial?: Node): Variable {
    const reused = this.free.get(type)?.pop();
    const variable = reused === undefined ? super.variable(type) : { index: reused, type, get: { kind: K.local, type, op: reused, imm: 0, big: 0n, args: [] } };
    this.used.push({ type, index: variable.index });
    this.widths[variable.index] = 64;
    this.low.delete(variable.index);
    this.isKept[variable.index] = false;
    if (type === I64) this.values?.noteVariable(variable.index);
    if (initial) this.set(variable, initial);
    return variable;
  }
  override let(value: Node): Node {
    if (value.kind === K.i32const || value.kind === K.i64const || (value.kind === K.local && value.op < this.params.length)) return value;
    const variable = this.variable(value.type);
    super.set(variable, value);
    this.isKept[variable.index] = true;
    this.widths[variable.index] = this.width(value);
    if (value.kind === K.plain && isPure(value)) this.origins.set(variable.index, { value, sets: this.sets });
    else this.origins.delete(variable.index);
    if (value.type === I64) this.values?.noteValue(variable.index, value);
    return variable.get;
  }
  override set(variable: Variable, value: Node): void {
    super.set(variable, value);
    this.isKept[variable.index] = false;
    this.sets++;
  }
  /** See Values in narrow.ts. */
  origin(index: number): Node | undefined {
    const origin = this.origins.get(index);
    return origin?.sets === this.sets ? origin.value : undefined;
  }
  /** The low 32 bits, zero-extended; of a local that keeps its value the same local each time that they are asked for in a block. */
  lowHalf(value: Node): Node {
    const cut = i64.and(value, c64(0xffffffff));
    if (value.kind !== K.local) return cut;
    const known = this.low.get(value.op);
    if (known) return known;
    const kept = this.let(cut);
    if (this.isKept[value.op] === true && this.isUnconditional) this.low.set(value.op, kept);
    return kept;
  }

  /** Gives back the locals taken since the last call: nothing that was kept in one is needed any more. */
  releaseLocals(): void {
    for (const { type, index } of this.used) {
      const list = this.free.get(type);
      if (list) list.push(index);
      else this.free.set(type, [index]);
    }
    this.used = [];
    this.low.clear();
    this.blockDepth = this.depth;
  }

  /** The pool as it is, for a part of the program that is written elsewhere in the middle of this one's. */
  saveLocals(): SavedLocals {
    return { used: [...this.used], free: new Map([...this.free].map(([type, list]) => [type, [...list]])), widths: [...this.widths], low: new Map(this.low), count: this.locals.length };
  }
  /** Back to what it was, with the locals made since then free. */
  restoreLocals(saved: SavedLocals): void {
    this.used = saved.used;
    this.low = saved.low;
    for (const [type, list] of this.free) list.splice(0, list.length, ...(saved.free.get(type) ?? []));
    for (const [index, width] of this.widths.entries()) if (index < this.params.length + saved.count) this.widths[index] = saved.widths[index] ?? width;
    for (let n = saved.count; n < this.locals.length; n++) {
      const index = this.params.length + n;
      if (!this.isPermanent.has(index)) this.free.get(this.locals[n] as Type)?.push(index);
    }
  }
  private readonly isPermanent = new Set<number>();

  /** How many low bits of an i64 can be set at most. */
  width(n: Node): number {
    switch (n.kind) {
      case K.i64const:
        return n.big < 0n ? 64 : n.big.toString(2).length;
      case K.local:
        return this.widths[n.op] ?? 64;
      case K.load:
        return n.op === 0x31 ? 8 : n.op === 0x33 ? 16 : n.op === 0x35 ? 32 : 64;
      case K.plain: {
        const [a, b] = n.args as [Node, Node];
        if (n.op === 0x83) return Math.min(this.width(a), this.width(b));
        if (n.op === 0x84 || n.op === 0x85) return Math.max(this.width(a), this.width(b));
        if (n.op === 0xad) return 32;
        if (n.op === 0x88 && b.kind === K.i64const) return Math.max(1, this.width(a) - Number(b.big & 63n));
        if (n.op === 0x1b && n.type === a.type) return Math.max(this.width(a), this.width(b));
        return 64;
      }
      default:
        return 64;
    }
  }

  // ---- control ---------------------------------------------------------------------------------

  private capture(write: () => void): CodeBuffer {
    const outer = this.code;
    const inner = new CodeBuffer();
    this.code = inner;
    write();
    this.code = outer;
    return inner;
  }
  private into(buffer: CodeBuffer, write: () => void): void {
    const outer = this.code;
    this.code = buffer;
    write();
    this.code = outer;
  }

  /** Code written by itself, to be put in elsewhere. */
  apart(write: () => void): CodeBuffer {
    return this.capture(write);
  }
  /** Writes the code, or nothing at all if it turns out that it cannot be written. */
  attempt(write: () => void): boolean {
    const outer = this.code;
    const { depth, isOwn } = this;
    const inner = new CodeBuffer();
    this.code = inner;
    this.isOwn = false;
    try {
      write();
    } catch (error) {
      if (!(error instanceof NotTranslatable)) throw error;
      this.depth = depth;
      this.isOwn = isOwn;
      this.code = outer;
      this.low.clear();
      return false;
    }
    this.isOwn = isOwn;
    this.code = outer;
    outer.append(inner);
    return true;
  }

  override if(condition: Node, then: () => void, otherwise?: () => void): void {
    const { state } = this;
    if (condition.kind === K.i32const) {
      if (condition.imm !== 0) then();
      else otherwise?.();
      return;
    }
    if (!state) {
      super.if(condition, then, otherwise);
      return;
    }
    this.expression(condition);
    this.code.byte(0x04);
    this.code.byte(0x40);
    this.depth++;
    const before = state.save();
    const version = state.version;
    const thenCode = this.capture(then);
    const isThenChanged = state.version !== version;
    const afterThen = isThenChanged ? state.save() : before;
    if (isThenChanged) state.restore(before);
    const beforeElse = state.version;
    const elseCode = otherwise ? this.capture(otherwise) : new CodeBuffer();
    if (isThenChanged || state.version !== beforeElse) {
      const afterElse = state.save();
      state.join(
        afterThen,
        afterElse,
        (write) => this.into(thenCode, write),
        (write) => this.into(elseCode, write),
      );
    }
    this.code.append(thenCode);
    if (elseCode.length > 0) {
      this.code.byte(0x05);
      this.code.append(elseCode);
    }
    this.depth--;
    this.code.byte(0x0b);
  }

  /** Whether what is written now runs whenever the block does, and once: the block begins where releaseLocals() was called. */
  get isUnconditional(): boolean {
    return this.depth === this.blockDepth;
  }

  /** An `if` that is seldom taken and changes no guest state. */
  ifUnlikely(condition: Node, then: () => void, otherwise?: () => void): void {
    this.expression(condition);
    this.code.unlikely.push(this.code.length);
    this.code.byte(0x04);
    this.code.byte(0x40);
    this.depth++;
    then();
    if (otherwise) {
      this.code.byte(0x05);
      otherwise();
    }
    this.depth--;
    this.code.byte(0x0b);
  }

  /** A two-way branch at the end of a block; each side goes its own way and nothing is joined. */
  fork(condition: Node, then: () => void, otherwise: () => void): void {
    this.expression(condition);
    this.code.byte(0x04);
    this.code.byte(0x40);
    this.depth++;
    then();
    this.code.byte(0x05);
    otherwise();
    this.depth--;
    this.code.byte(0x0b);
  }

  private unchanged(write: () => void): void {
    if (this.isOwn || !this.state) {
      write();
      return;
    }
    const { version } = this.state;
    write();
    if (this.state.version !== version) throw new NotTranslatable("Guest state changes in a loop");
  }
  override block(body: (exit: Label) => void): void {
    this.unchanged(() => super.block(body));
  }
  override loop(body: (again: Label) => void): void {
    this.unchanged(() => super.loop(body));
  }

  /** Bytes that are put in when the region is finished. */
  insert(what: number): void {
    this.code.inserts.push({ at: this.code.length, what });
  }

  // ---- what lifters may not do -----------------------------------------------------------------

  override tailCall(callee: Callee, ...args: Node[]): void {
    if (!this.isOwn) throw new NotTranslatable("Leaves its handler");
    super.tailCall(callee, ...args);
  }
  override tailCallTable(slot: Node, params: readonly Type[], results: readonly Type[], ...args: Node[]): void {
    if (!this.isOwn) throw new NotTranslatable("Leaves its handler");
    super.tailCallTable(slot, params, results, ...args);
  }
  override return(...values: Node[]): void {
    if (!this.isOwn) throw new NotTranslatable("Leaves its handler");
    super.return(...values);
  }
  protected override storeOp(op: number, address: Node, value: Node, offset: number): void {
    if (!this.isOwn && address.kind === K.i32const && isShadowed(address.imm + offset)) throw new NotTranslatable("Stores to a register's place");
    super.storeOp(op, address, value, offset);
  }
  override store(address: Node, value: Node, offset = 0): void {
    if (!this.isOwn && address.kind === K.i32const && isShadowed(address.imm + offset)) throw new NotTranslatable("Stores to a register's place");
    super.store(address, value, offset);
  }
  protected override expression(n: Node): void {
    if (n.kind === POISONED) throw new NotTranslatable("Reads its record");
    if (n.kind === PATCHED) {
      this.insert(n.op);
      return;
    }
    if (n.type === I64 && n.kind === K.plain && isNarrow(n, this)) {
      super.expression(i64.extendU(narrow(n, this)));
      return;
    }
    if (!this.isOwn && (n.kind === K.load || n.kind === K.simdLoad)) {
      const address = n.args[0];
      if (address?.kind === K.i32const && isShadowed(address.imm + n.imm)) throw new NotTranslatable("Loads from a register's place");
    }
    super.expression(n);
  }

  /** call_indirect through the shared table, giving an i32. */
  callTable(slot: Node, rec: Node, left: Node): Variable {
    const result = this.variable(I32);
    this.expression(rec);
    this.expression(left);
    this.expression(slot);
    this.code.byte(0x11);
    this.code.u32(this.module.typeIndex([I32, I32], [I32]));
    this.code.byte(0);
    this.code.byte(0x21);
    this.code.u32(result.index);
    return result;
  }
}
