// Writes a region as one WebAssembly function with a handler's signature: it is entered from a record of the interpreter's and goes
// on to another, or returns to the run loop. In between the guest's registers are locals, control flow is structured, and nothing
// is stored but what the guest stores. Whatever cannot be done here (a fault, a device, a page crossing, a store to code) leaves the
// instruction undone to the interpreter; whole instructions that only a handler can do are called as one.
import { BASE_RIP, D_ADDRSIZE, D_BASE, D_DISP_HI, D_DISP_LO, D_IMM_LO, D_IS_MEM, D_RM } from "../../isa/decoder.ts";
import type { Form } from "../../isa/form.ts";
import { forms } from "../../isa/forms.ts";
import { HANDLER_PARAMS, HANDLER_RESULTS, type Flavour, type Lifter, type Runtime } from "../lift/lift.ts";
import { lifterOf } from "../lift/registry.ts";
import { directLifters } from "../lift/x87/direct.ts";
import * as L from "../state/layout.ts";
import { isNotCanonical } from "../state/state-nodes.ts";
import type { Label, Variable } from "../wasm/function-builder.ts";
import { type Callee, c32, c64, call, I32, i32, I64, i64, type Node, NodeKind, type Type, V128, v128 } from "../wasm/nodes.ts";
import type { MovingField } from "./code-cache.ts";
import type { CodeBuffer } from "./code-buffer.ts";
import { type FlagLiveness, flagLiveness } from "./flag-liveness.ts";
import { auxWord, type FlagSite, type FlagState, resultWord } from "./flag-state.ts";
import type { BasicBlock, End, Instruction, Region, Target } from "./region.ts";
import { RegionFloats } from "./region-floats.ts";
import { type BranchState, RegionBuilder } from "./region-builder.ts";
import { RegionLift, regionRuntime } from "./region-lift.ts";
import { RegionMemory } from "./region-memory.ts";
import type { FinishedBody, RegionModule } from "./region-module.ts";
import { DATA_HEAD_HANDLER, DATA_KEY, DATA_PAGES, DATA_RECORD } from "./region-data.ts";
import { loopRegisters } from "./loop-registers.ts";
import { movingFields } from "./moving-fields.ts";
import { PageGroups, type Registers } from "./page-groups.ts";
import { PLACES, RegionX87, X87_M, X87_SE } from "./region-x87.ts";
import { type Structure, structureOf } from "./structure.ts";

/** Inserts: loads of the registers in use, stores of those that change. */
const FILL = 1;
const SPILL = 2;
const FIRST_PATCH = 3;
const VECTORS = 16;
const TWO_32 = 4294967296;
const SITE_BYTES = 16;
const LARGEST_TABLE = 4096;
/** An instruction called as a handler: a check of its address, itself, and the way back. */
export const CALL_RECORDS = 3;

/** An instruction that the region calls as an interpreter's handler; its records are at `at` in the region's data. */
export interface CalledInstruction {
  at: number;
  instruction: Instruction;
}

export interface WrittenRegion {
  body: FinishedBody;
  dataBytes: number;
  /** Where in the data the sites and records begin. */
  sitesAt: number;
  /** Offsets of the fields of its code that hold addresses relative to the head's. */
  moving: readonly MovingField[];
  calls: readonly CalledInstruction[];
  tables: readonly JumpBytes[];
}
/** In the data: a byte for each of `length` addresses, 1 and up at the places of the entries. */
export interface JumpBytes {
  at: number;
  length: number;
  entries: readonly number[];
}

export interface WriteOptions {
  flavour: Exclude<Flavour, "seg">;
  /** See movingFields(). */
  origin: number | undefined;
  /** Raises an exception in this mode instead of running. */
  isRefused(form: Form): boolean;
}

interface Saved {
  changed: number[];
  registers: (Node | null)[];
  flags: FlagState;
}

/** Form, flavour and place of operand that lifting has refused once. */
const refused = new Set<number>();

/** A loop has changed a register that it was taken to leave alone. */
class LoopChanges extends Error {
  override readonly name = "LoopChanges";
}

/** The region's code. */
export function writeRegion(module: RegionModule, region: Region, options: WriteOptions): WrittenRegion {
  try {
    return new RegionWriter(module, region, options, false).write();
  } catch (error) {
    if (!(error instanceof LoopChanges)) throw error;
    return new RegionWriter(module, region, options, true).write();
  }
}

export class RegionWriter implements BranchState<Saved> {
  readonly f: RegionBuilder<Saved>;
  readonly runtime: Runtime;
  version = 0;
  flags: FlagState = { kind: "memory" };
  readonly flagSite: FlagSite = {
    keep: (value) => this.f.let(value),
    unsigned: (value, size) => this.unsigned(value, size),
    signed: (value, size) => (size === 8 ? value : size === 4 ? i64.extend32(value) : size === 2 ? i64.extend16(value) : i64.extend8(value)),
    loadResult: () => this.own(() => this.f.let(i64.load(c32(L.FLAG_RESULT)))),
    overflows: (x, y) => this.own(() => this.f.let(call(this.named("productOverflows"), x, y))),
    loadAux: () => this.own(() => this.f.let(i64.load(c32(L.FLAG_AUX)))),
  };
  readonly floats: RegionFloats;
  /** Where the region's x87 instructions find their stack; not if MMX instructions have the same registers by other numbers. */
  readonly x87: RegionX87 | undefined;
  /** The instruction being lifted. */
  instruction!: Instruction;
  /** None of the flags that it writes is wanted. */
  areFlagsDead = false;

  private readonly module: RegionModule;
  private readonly options: WriteOptions;
  private readonly blocks: readonly BasicBlock[];
  private readonly hasPages: boolean;
  private readonly successors: number[][];
  private readonly structure: Structure;
  private readonly liveness: FlagLiveness;
  private readonly base: Variable;
  private readonly key: Variable;
  private readonly pc: Variable;
  private readonly data: Variable;
  /** The instruction at which the region is left: its offset, and how many of its block were done, in the low 8 bits. */
  private readonly undone: Variable;
  private readonly left: Variable;
  private readonly flagResult: Variable;
  private readonly flagAux: Variable;
  private readonly places: (Variable | undefined)[] = [];
  private readonly dirty = new Set<number>();
  private current: (Node | null)[] = new Array<Node | null>(PLACES).fill(null);
  /** Registers whose value is not in their place yet. */
  private changed: number[] = [];
  /** Instructions done since `left` was last brought up to date. */
  private done = 0;
  private readonly sitesAt: number;
  private dataUsed: number;
  private readonly calls: CalledInstruction[] = [];
  private readonly tables: JumpBytes[] = [];
  private readonly groups: PageGroups;
  private readonly memory: RegionMemory<Saved>;
  /** Registers that a loop changes, by its head. */
  private readonly loopChanges: ReadonlyMap<number, number>;
  /** What is known at a loop's head, and at a merge from the ways written so far. */
  private readonly atHead = new Map<number, Registers>();
  private readonly atMerge = new Map<number, Registers>();
  private lastLift: RegionLift | undefined;
  private exitLabel!: Label;
  private undoneLabel!: Label;
  private againLabel!: Label;

  /** `isWary`: nothing is taken to hold around a loop. */
  constructor(module: RegionModule, region: Region, options: WriteOptions, isWary: boolean) {
    this.module = module;
    this.options = options;
    this.f = new RegionBuilder<Saved>(module);
    this.f.state = this;
    this.groups = new PageGroups(options.flavour === "flat", FIRST_PATCH, () => this.f.permanent(I32));
    this.f.values = this.groups;
    this.floats = new RegionFloats(this.f);
    this.x87 = usesX87Alone(region) ? new RegionX87(this) : undefined;
    this.runtime = regionRuntime((name) => module.callee(name));
    this.blocks = region.blocks;
    this.hasPages = region.pages.length > 0;
    this.sitesAt = (DATA_PAGES + region.pages.length * 8 + SITE_BYTES - 1) & -SITE_BYTES;
    this.dataUsed = this.sitesAt;
    const edges = this.blocks.map((b) => targets(b.end));
    this.successors = edges.map((list) => list.filter((to) => to.block >= 0).map((to) => to.block));
    this.structure = structureOf({ successors: this.successors });
    const leaves = this.blocks.map((b, n) => !isClosed(b.end) || (edges[n] as Target[]).some((to) => this.isExit(n, to)));
    this.liveness = flagLiveness(this.blocks, this.successors, leaves);
    this.loopChanges = loopRegisters(this.blocks, this.structure, (i) => isWary || (!isTransfer(i.form) && !this.lifterFor(i)));
    const { f } = this;
    this.left = f.paramVariable(1);
    this.base = f.permanent(I64);
    this.groups.noteHead(this.base.index);
    this.key = f.permanent(I64);
    this.pc = f.permanent(I64);
    this.data = f.permanent(I32);
    this.undone = f.permanent(I32);
    this.flagResult = f.permanent(I64);
    this.flagAux = f.permanent(I64);
    this.memory = new RegionMemory({
      f, groups: this.groups, key: this.key, data: this.data, takeSite: () => this.takeData(SITE_BYTES),
      callee: (name) => this.named(name), cutAddress: (sum) => this.cutAddress(sum), leave: () => this.leaveToInterpreter(),
    });
  }

  /** Room in the region's data; gives its offset. */
  private takeData(bytes: number): number {
    const at = this.dataUsed;
    this.dataUsed += bytes;
    return at;
  }

  private isExit(from: number, to: Target): boolean {
    return to.block < 0 || this.structure.isIrreducible(from, to.block);
  }

  // ---- the whole -------------------------------------------------------------------------------

  write(): WrittenRegion {
    const { f } = this;
    this.own(() => {
      if (this.hasPages) this.checkPages();
      f.set(this.base, i64.load(f.param(0), L.REC_RIP));
      f.set(this.key, i64.load(c32(L.SITE_KEY)));
      f.set(this.data, this.module.dataBase());
      if ((this.liveness.liveIn[0] as number) !== 0) {
        f.set(this.flagResult, i64.load(c32(L.FLAG_RESULT)));
        f.set(this.flagAux, i64.load(c32(L.FLAG_AUX)));
      }
      if (this.x87) f.set(this.x87.base, i32.load(c32(L.FPU_TOP)));
      f.insert(FILL);
      f.block((again) => {
        this.againLabel = again;
        f.block((exit) => {
          this.exitLabel = exit;
          f.block((undone) => {
            this.undoneLabel = undone;
            this.tree(0, new Map());
            f.unreachable();
          });
          f.set(this.left, i32.sub(this.left.get, i32.and(this.undone.get, c32(255))));
          f.set(this.pc, this.cutAddress(i64.add(this.base.get, i64.shrS(i64.extendS(this.undone.get), c64(8)))));
        });
        this.x87?.finishLeaving();
        f.insert(SPILL);
        this.goOn();
      });
      this.x87?.finishLeaving();
      f.insert(SPILL);
      f.tailCallTable(i32.load(this.data.get, DATA_HEAD_HANDLER), HANDLER_PARAMS, HANDLER_RESULTS, f.param(0), this.left.get);
    });
    const pieces = new Map([
      [FILL, this.piece(() => this.eachPlace((place, n) => {
            const { at, offset } = this.home(n);
            f.set(place, place.type === V128 ? v128.load(at, offset) : place.type === I64 ? i64.load(at, offset) : i32.load16u(at, offset));
          }))],
      [
        SPILL,
        this.piece(() =>
          this.eachPlace((place, n) => {
            if (!this.dirty.has(n)) return;
            const { at, offset } = this.home(n);
            if (place.type === I32) f.store16(at, place.get, offset);
            else f.store(at, place.get, offset);
          }),
        ),
      ],
    ]);
    this.groups.addPieces(pieces);
    return { body: { locals: f.localTypes, code: f.written.resolved(pieces) }, dataBytes: this.dataUsed, sitesAt: this.sitesAt, moving: this.movingFields(), calls: this.calls, tables: this.tables };
  }

  /** Of all instructions, also those that nothing of the code comes from as they cannot be reached. */
  private movingFields(): MovingField[] {
    const moving = new Map<number, MovingField>();
    for (const { instructions } of this.blocks) {
      for (const { offset, decoded } of instructions) {
        const { displacement, sign, immediate } = movingFields(decoded, this.options.origin);
        if (displacement >= 0) moving.set(offset + displacement, { at: offset + displacement, sign });
        if (immediate >= 0) moving.set(offset + immediate, { at: offset + immediate, sign: 1 });
      }
    }
    return [...moving.values()];
  }

  /** Goes on as the head's own handler if another page of the region is not where it was. */
  private checkPages(): void {
    const { f } = this;
    const data = this.module.dataBase();
    const isKnown = i32.and(i64.eq(i64.load(data, DATA_KEY), i64.load(c32(L.CODE_KEY))), i32.eq(i32.load(data, DATA_RECORD), f.param(0)));
    f.ifUnlikely(i32.eqz(isKnown), () =>
      f.ifUnlikely(i32.eqz(call(this.named("findPages"), f.param(0), data)), () =>
        f.tailCallTable(i32.load(data, DATA_HEAD_HANDLER), HANDLER_PARAMS, HANDLER_RESULTS, f.param(0), this.left.get),
      ),
    );
  }

  private piece(write: () => void): CodeBuffer {
    return this.f.apart(() => this.own(write));
  }
  private eachPlace(visit: (place: Variable, n: number) => void): void {
    for (const [n, place] of this.places.entries()) if (place) visit(place, n);
  }
  /** Where a register lies in the state block. */
  private home(n: number): { at: Node; offset: number } {
    if (n < VECTORS) return { at: c32(0), offset: L.GPR + n * 8 };
    if (n < X87_M || !this.x87) return { at: c32(0), offset: L.XMM + (n - VECTORS) * 16 };
    return { at: this.x87.place(n & 7), offset: n < X87_SE ? L.FPU_REGS : L.FPU_REGS + 8 };
  }

  /** The way on to `pc`: straight to its record if the jump cache knows it. As jumpSlot() and dispatch in interp/transfer.ts. */
  private goOn(): void {
    const { f } = this;
    const pc = this.pc.get;
    const low = f.let(i32.wrap(pc));
    const slot = f.let(i32.shl(i32.and(i32.xor(low, i32.shrU(low, c32(13))), c32(L.JUMP_CACHE_BYTES / 16 - 1)), c32(4)));
    const isHit = i64.eq(i64.load(slot, L.JUMP_CACHE), i64.xor(pc, i64.load(c32(L.CODE_KEY))));
    f.fork(
      i32.and(isHit, i32.gtS(this.left.get, c32(0))),
      () => {
        const record = f.let(i32.load(slot, L.JUMP_CACHE + 8));
        f.tailCallTable(i32.load(record), HANDLER_PARAMS, HANDLER_RESULTS, record, this.left.get);
      },
      () => {
        f.store(c32(0), pc, L.RIP);
        f.tailCall(this.named("dispatch"), f.param(0), this.left.get);
      },
    );
    f.unreachable();
  }
  private named(name: string): Callee {
    const callee = this.module.callee(name);
    if (!callee) throw new Error(`No runtime function ${name}`);
    return callee;
  }

  /** Code of the translator's own, which knows what it does with the state block. */
  private own<T>(write: () => T): T {
    const before = this.f.isOwn;
    this.f.isOwn = true;
    try {
      return write();
    } finally {
      this.f.isOwn = before;
    }
  }

  // ---- control flow ----------------------------------------------------------------------------

  private tree(node: number, labels: ReadonlyMap<number, Label>): void {
    const { groups } = this;
    const { scope } = groups;
    const known = this.atMerge.get(node);
    if (known) groups.registers = [...known];
    const changed = this.loopChanges.get(node);
    if (changed !== undefined) this.atHead.set(node, groups.enterLoop(changed));
    this.structured(node, labels);
    groups.close(scope);
  }
  private structured(node: number, labels: ReadonlyMap<number, Label>): void {
    const merges = (this.structure.children[node] as readonly number[]).filter((n) => this.structure.isMerge[n]);
    const inner = (known: ReadonlyMap<number, Label>): void => this.within(node, merges, 0, known);
    if (this.structure.isLoopHead[node]) this.f.loop((label) => inner(new Map(labels).set(node, label)));
    else inner(labels);
  }
  /** The node's code inside a block for each merge that it dominates, whose code follows the block's end. */
  private within(node: number, merges: readonly number[], at: number, labels: ReadonlyMap<number, Label>): void {
    const merge = merges[at];
    if (merge === undefined) {
      this.block(node, labels);
      return;
    }
    this.f.block((label) => this.within(node, merges, at + 1, new Map(labels).set(merge, label)));
    this.tree(merge, labels);
  }

  private block(node: number, labels: ReadonlyMap<number, Label>): void {
    const { f } = this;
    const block = this.blocks[node] as BasicBlock;
    const liveIn = (this.liveness.liveIn[node] as number) !== 0;
    f.releaseLocals();
    this.floats.reset();
    this.x87?.enter(node);
    this.current.fill(null);
    this.changed = [];
    this.flags = liveIn ? { kind: "words", result: this.flagResult.get, aux: this.flagAux.get } : { kind: "memory" };
    this.done = 0;
    const liveAfter = this.liveness.after(block, this.liveness.liveOut(node));
    const last = block.instructions.length - 1;
    block.instructions.forEach((instruction, k) => {
      this.instruction = instruction;
      const written = (instruction.form.flagsWritten | instruction.form.flagsUndefined) & L.FL_ARITH;
      this.areFlagsDead = written !== 0 && (written & (liveAfter[k] as number)) === 0;
      if (k < last || block.end.kind === "leave" || !isTransfer(instruction.form)) this.plainInstruction(instruction);
      this.done += k < last || !isTransfer(instruction.form) ? 1 : 0;
      if (this.changed.length > 0) {
        this.steadyFlags();
        this.settle();
      }
    });
    this.end(node, block, labels);
  }

  /** The end of a block: what its last instruction does, and the ways on. */
  private end(node: number, block: BasicBlock, labels: ReadonlyMap<number, Label>): void {
    const { f } = this;
    const { end } = block;
    const last = block.instructions[block.instructions.length - 1] as Instruction;
    const isOwnEnd = isTransfer(last.form) && end.kind !== "leave";
    const wordsAreWanted = (this.successors[node] as number[]).some((to) => (this.liveness.liveIn[to] as number) !== 0);
    let condition: Node | undefined;
    if (isOwnEnd) {
      this.own(() => {
        if (end.kind === "branch") condition = f.let(this.branchCondition(last));
        else if (end.kind !== "jump") condition = this.transfer(last, end);
      });
      this.done++;
    }
    this.own(() => {
      if (wordsAreWanted) this.flagsToLocals();
      else this.steadyFlags();
      this.x87?.flush();
      this.settle();
      f.set(this.left, i32.sub(this.left.get, c32(this.done)));
      this.done = 0;
      switch (end.kind) {
        case "branch":
          f.fork(
            condition as Node,
            () => this.goTo(node, end.taken, labels),
            () => this.goTo(node, end.next, labels),
          );
          break;
        case "return": {
          // The address on the stack is the guest's to change: where it is not the caller's, it is gone to.
          const { expected } = end;
          if (expected && condition) {
            f.fork(
              condition,
              () => this.goTo(node, expected, labels),
              () => this.exit(),
            );
          } else this.exit();
          break;
        }
        case "call":
          this.goTo(node, end.to, labels);
          break;
        case "jump":
          this.goTo(node, end.to, labels);
          break;
        case "leave":
          this.exitTo(end.to.offset);
          break;
        case "indirect":
          if (end.targets.length > 1) this.byTable(node, end.targets, labels);
          else this.exit();
          break;
        default:
          // The target is in `pc`.
          this.exit();
      }
    });
  }

  /** Goes on at `pc` within the region if it is one of the targets: a byte for each address between them says which. */
  private byTable(node: number, targets: readonly Target[], labels: ReadonlyMap<number, Label>): void {
    const { f } = this;
    const offsets = targets.map((t) => t.offset);
    const least = Math.min(...offsets);
    const length = Math.max(...offsets) - least + 1;
    if (length > LARGEST_TABLE) {
      this.exit();
      return;
    }
    const at = this.takeData((length + SITE_BYTES - 1) & -SITE_BYTES);
    this.tables.push({ at, length, entries: offsets.map((offset) => offset - least) });
    const place = f.let(i64.sub(this.pc.get, this.ripAt(least)));
    f.ifUnlikely(i64.geU(place, c64(length)), () => this.exit());
    f.switch(
      i32.load8u(i32.add(this.data.get, i32.wrap(place)), at),
      [() => this.exit(), ...targets.map((target) => () => this.goTo(node, target, labels))],
      () => this.exit(),
    );
  }

  private branchCondition(last: Instruction): Node {
    const l = this.lift(last);
    const { lift, arg } = last.form;
    if (lift === "jcc") return l.condition(arg);
    const rcx = l.gpr(1);
    if (lift === "jcxz") return i64.eqz(rcx);
    const count = this.f.let(this.cutAddress(i64.sub(rcx, c64(1))));
    this.setRegister(1, count);
    const goes = i64.ne(count, c64(0));
    return lift === "loop" ? goes : i32.and(goes, l.condition(lift === "loope" ? 4 : 5));
  }
  private cutAddress(value: Node): Node {
    return this.options.flavour === "flat" ? i64.and(value, c64(0xffffffff)) : value;
  }

  /** CALL, RET and indirect jumps: leaves the target in `pc`. Gives, for a return within the region, whether it goes where it should. */
  private transfer(last: Instruction, end: End): Node | undefined {
    const { f } = this;
    this.instruction = last;
    const l = this.lift(last);
    const bytes = this.options.flavour === "long" ? 8 : 4;
    const checked = (target: Node): Node => {
      const kept = f.let(target);
      if (this.options.flavour === "long") f.ifUnlikely(isNotCanonical(kept), () => this.leaveToInterpreter());
      return kept;
    };
    const next = last.offset + last.length;
    let isExpected: Node | undefined;
    f.isOwn = false;
    switch (last.form.lift) {
      case "call":
        l.push(this.ripAt(next), bytes);
        break;
      case "callInd": {
        const target = checked(l.read(0));
        l.push(this.ripAt(next), bytes);
        f.set(this.pc, target);
        break;
      }
      case "jmpInd":
        f.set(this.pc, checked(l.read(0)));
        break;
      default: {
        const target = checked(l.peek(bytes));
        const extra = last.form.operands.length > 0 ? l.read(0) : undefined;
        const sp = l.popped(bytes);
        l.setStackPointer(extra ? f.let(this.cutAddress(i64.add(sp, extra))) : sp);
        f.set(this.pc, target);
        if (end.kind === "return" && end.expected) isExpected = f.let(i64.eq(target, this.ripAt(end.expected.offset)));
      }
    }
    f.isOwn = true;
    return isExpected;
  }

  private goTo(from: number, target: Target, labels: ReadonlyMap<number, Label>): void {
    const { f } = this;
    const { block: to, offset } = target;
    if (this.isExit(from, target)) {
      this.exitTo(offset);
      return;
    }
    if (this.x87?.differs(to)) {
      f.insert(SPILL);
      this.x87.rebaseFor(to);
      f.insert(FILL);
    }
    if (this.structure.isBackEdge(from, to)) {
      if (!this.groups.hasKept(this.atHead.get(to) as Registers)) throw new LoopChanges();
      f.ifUnlikely(i32.leS(this.left.get, c32(0)), () => this.exitTo(offset));
      f.br(labels.get(to) as Label);
    } else if (this.structure.isMerge[to]) {
      this.atMerge.set(to, this.groups.joined(this.atMerge.get(to)));
      f.br(labels.get(to) as Label);
    } else {
      const saved = this.save();
      const registers = this.groups.saved();
      const locals = f.saveLocals();
      const delta = this.x87?.delta ?? 0;
      this.tree(to, labels);
      this.groups.registers = registers;
      f.restoreLocals(locals);
      if (this.x87) this.x87.delta = delta;
      this.restore(saved);
    }
  }

  /** Leaves to another place of the program. All registers are in their places. */
  private exitTo(offset: number): void {
    this.f.set(this.pc, this.ripAt(offset));
    this.exit();
  }
  private exit(): void {
    this.storeFlags();
    this.f.br(this.exitLabel);
  }

  /** Leaves the instruction being written undone: the interpreter does it, and all that comes with it. */
  leaveToInterpreter(): void {
    this.own(() => {
      const { f } = this;
      this.storeFlags();
      this.x87?.noteLeaving();
      for (const n of this.changed) f.set(this.place(n), this.value(n));
      const { offset } = this.instruction;
      if (offset !== 0 && this.done < 256 && offset === (offset << 8) >> 8) {
        f.set(this.undone, c32((offset << 8) | this.done));
        f.br(this.undoneLabel);
        return;
      }
      if (this.done > 0) f.set(this.left, i32.sub(this.left.get, c32(this.done)));
      if (offset === 0) f.br(this.againLabel);
      else {
        f.set(this.pc, this.ripAt(offset));
        f.br(this.exitLabel);
      }
    });
  }

  // ---- instructions ----------------------------------------------------------------------------

  private isMemory(instruction: Instruction): boolean {
    return instruction.decoded[D_IS_MEM] !== 0 || instruction.form.operands.some((o) => o.kind === "moffs");
  }
  private lift(instruction: Instruction): RegionLift {
    this.lastLift = new RegionLift(this, instruction, this.options.flavour, this.isMemory(instruction));
    return this.lastLift;
  }

  private refusalKey(instruction: Instruction): number {
    return instruction.form.id * 4 + (this.isMemory(instruction) ? 2 : 0) + (this.options.flavour === "flat" ? 1 : 0);
  }

  /** What may write the instruction into the region; undefined if only its handler can do it. */
  private lifterFor(instruction: Instruction): Lifter | undefined {
    const { form } = instruction;
    const usesAddressSize = instruction.decoded[D_ADDRSIZE] === (this.options.flavour === "long" ? 8 : 4);
    const isReachable = !this.x87 || form.unit !== "x87" || form.lift in directLifters;
    const isWritten = isReachable && (instruction.isPlain || instruction.isThroughBase === true) && usesAddressSize;
    return isWritten && !refused.has(this.refusalKey(instruction)) && !this.options.isRefused(form) ? lifterOf(form) : undefined;
  }

  private plainInstruction(instruction: Instruction): void {
    const { form } = instruction;
    const lifter = this.lifterFor(instruction);
    if (lifter) {
      const saved = this.save();
      const version = this.version;
      const { scope } = this.groups;
      const isWritten = this.f.attempt(() => {
        const l = this.lift(instruction);
        if (form.cpl0) l.requireCpl0();
        lifter(l);
      });
      if (isWritten) {
        if (form.cpl0) this.memory.forgetKept();
        return;
      }
      refused.add(this.refusalKey(instruction));
      this.groups.close(scope);
      this.floats.reset();
      if (this.version !== version) this.restore(saved);
    }
    this.own(() => this.callHandler(instruction));
  }

  /** The instruction as the interpreter's handler does it: registers go to the state block and come back. */
  private callHandler(instruction: Instruction): void {
    const { f } = this;
    this.flagsToMemory();
    this.x87?.flush();
    this.settle();
    f.insert(SPILL);
    f.set(this.left, i32.sub(this.left.get, c32(this.done)));
    // The handler counts the instruction itself, so that it must not be counted again at the block's end.
    this.done = -1;
    const at = this.takeData(CALL_RECORDS * L.REC_SIZE);
    this.calls.push({ at, instruction });
    const records = instruction.isPlain && !instruction.form.lift.startsWith("maskmov") ? 1 : 2;
    for (let n = 0; n < records; n++) f.store(this.data.get, this.ripAt(instruction.offset), at + n * L.REC_SIZE + L.REC_RIP);
    const { decoded: d } = instruction;
    if (d[D_BASE] === BASE_RIP && this.isMemory(instruction)) f.store(this.data.get, this.ripRelative(instruction), at + L.REC_DISP);
    const record = f.let(i32.add(this.data.get, c32(at)));
    const went = f.callTable(i32.load(record), record, this.left.get);
    f.ifUnlikely(i32.eqz(went.get), () => f.return(c32(0)));
    this.memory.forgetKept();
    this.groups.forget();
    f.set(this.left, i32.load(c32(L.LEFT)));
    this.x87?.reload();
    f.insert(FILL);
    this.floats.reset();
    f.set(this.key, i64.load(c32(L.SITE_KEY)));
    this.flags = { kind: "memory" };
    this.version++;
    f.ifUnlikely(i32.load(c32(L.EXIT_REQUEST)), () => {
      f.set(this.pc, this.ripAt(instruction.offset + instruction.length));
      f.br(this.exitLabel);
    });
  }

  // ---- registers -------------------------------------------------------------------------------

  leftNow(): Node {
    return i32.sub(this.left.get, c32(this.done));
  }
  /** RIP of an offset from the head. */
  ripOf(offset: Node): Node {
    return this.cutAddress(i64.add(this.base.get, offset));
  }
  ripAt(offset: number): Node {
    return this.cutAddress(i64.add(this.base.get, c64(offset)));
  }
  /** The field of the instruction being lifted, sign-extended, if it holds an address that moves with the code. */
  movingValue(field: "displacement" | "immediate"): Node | undefined {
    const { decoded } = this.instruction;
    if (movingFields(decoded, this.options.origin)[field] < 0) return undefined;
    const value = this.ripAt((decoded[field === "immediate" ? D_IMM_LO : D_DISP_LO] as number) - (this.options.origin as number));
    return this.f.let(this.options.flavour === "flat" ? i64.extend32(value) : value);
  }
  /** Address of an operand that is relative to RIP. */
  ripRelative({ offset, length, decoded: d }: Instruction): Node {
    const { origin } = this.options;
    const target = offset + length + (d[D_DISP_HI] as number) * TWO_32 + ((d[D_DISP_LO] as number) >>> 0);
    const { displacement, sign } = movingFields(d, origin);
    return origin !== undefined && displacement >= 0 && sign === -1 ? c64(origin + target) : this.ripAt(target);
  }
  private place(n: number): Variable {
    let place = this.places[n];
    if (!place) {
      place = this.f.permanent(typeOf(n));
      if (n < VECTORS) this.groups.notePlace(place.index, n);
      if (n < VECTORS && this.options.flavour === "flat") this.f.widths[place.index] = 32;
      this.places[n] = place;
    }
    return place;
  }
  private value(n: number): Node {
    return this.current[n] ?? this.place(n).get;
  }
  private change(n: number, value: Node): void {
    this.place(n);
    if (!this.changed.includes(n)) this.changed.push(n);
    this.current[n] = this.f.let(value);
    if (n >= VECTORS) this.floats.forget(n - VECTORS, this.place(n).get);
    this.dirty.add(n);
    this.version++;
  }
  register(number: number): Node {
    return this.value(number);
  }
  setRegister(number: number, value: Node): void {
    this.change(number, value);
  }
  vector(number: number): Node {
    return this.value(VECTORS + number);
  }
  setVector(number: number, value: Node): void {
    this.change(VECTORS + number, value);
  }
  stackValue(n: number): Node {
    return this.value(n);
  }
  setStackValue(n: number, value: Node): void {
    this.change(n, value);
  }
  /** Number of the instruction's stack register operand, counted from the top. */
  stackOperand(index: number): number {
    return this.instruction.form.operands[index]?.kind === "sti" ? (this.instruction.decoded[D_RM] as number) & 7 : 0;
  }
  /** Linear address of the x87 instruction's operand in memory. */
  dataPointer(): Node | undefined {
    return this.lastLift?.x87Address();
  }
  /** Brings every register to its place. */
  private settle(): void {
    this.current.forEach((value, n) => {
      if (!value) return;
      const place = this.place(n);
      this.f.set(place, value);
      if (n < VECTORS) this.groups.settle(n, value);
      if (n >= VECTORS) this.floats.copied(value, place.get);
    });
    this.current.fill(null);
    this.changed = [];
    this.version++;
  }

  save(): Saved {
    return { changed: [...this.changed], registers: [...this.current], flags: this.flags };
  }
  restore(saved: Saved): void {
    this.changed = [...saved.changed];
    this.current = [...saved.registers];
    this.flags = saved.flags;
    this.version++;
  }
  join(then: Saved, otherwise: Saved, inThen: (write: () => void) => void, inElse: (write: () => void) => void): void {
    const { f } = this;
    const both = [
      { saved: then, side: inThen },
      { saved: otherwise, side: inElse },
    ];
    this.changed = [...new Set([...then.changed, ...otherwise.changed])];
    for (const n of this.changed) {
      if (n >= VECTORS) this.floats.forget(n - VECTORS, this.place(n).get);
      if (then.registers[n] === otherwise.registers[n]) continue;
      const joined = f.variable(typeOf(n));
      let width = 0;
      for (const { saved, side } of both) {
        const value = saved.registers[n] ?? this.place(n).get;
        width = Math.max(width, f.width(value));
        side(() => f.set(joined, value));
      }
      f.widths[joined.index] = width;
      this.current[n] = joined.get;
    }
    if (then.flags !== otherwise.flags) {
      const result = f.variable(I64);
      const aux = f.variable(I64);
      for (const { saved, side } of both) {
        side(() =>
          this.own(() => {
            f.set(result, resultWord(this.flagSite, saved.flags));
            f.set(aux, auxWord(this.flagSite, saved.flags));
          }),
        );
      }
      this.flags = { kind: "words", result: result.get, aux: aux.get };
    } else this.flags = then.flags;
    this.version++;
  }

  // ---- flags -----------------------------------------------------------------------------------

  setFlags(state: FlagState): void {
    this.flags = state;
    this.version++;
  }
  resultWord(): Node {
    return this.f.let(resultWord(this.flagSite, this.flags));
  }
  auxWord(): Node {
    return this.f.let(auxWord(this.flagSite, this.flags));
  }
  /** Stores both words, for those outside; the state stays what it is. */
  private storeFlags(): void {
    const { f, flags } = this;
    switch (flags.kind) {
      case "memory":
        return;
      case "add":
      case "sub":
        f.call(this.named(flags.kind === "add" ? "keepAdd" : "keepSub"), flags.a, flags.b, flags.r, c32(flags.size));
        return;
      case "logic":
        f.call(this.named("keepLogic"), flags.r, c32(flags.size));
        return;
      default:
    }
    const result = resultWord(this.flagSite, this.flags);
    const aux = f.let(auxWord(this.flagSite, this.flags));
    this.own(() => {
      f.store(c32(0), result, L.FLAG_RESULT);
      f.store(c32(0), aux, L.FLAG_AUX);
    });
  }
  flagsToMemory(): void {
    this.storeFlags();
    this.setFlags({ kind: "memory" });
  }
  /** Both words in the locals in which blocks hand them on. */
  flagsToLocals(): void {
    const { f } = this;
    const result = f.let(resultWord(this.flagSite, this.flags));
    const aux = f.let(auxWord(this.flagSite, this.flags));
    f.set(this.flagResult, result);
    f.set(this.flagAux, aux);
    this.flags = { kind: "words", result: this.flagResult.get, aux: this.flagAux.get };
  }
  /** Takes copies of what the flags follow from where that is about to change: registers on their way to their places. */
  private steadyFlags(): void {
    const steady = (n: Node): Node => (n.kind === NodeKind.local && this.changed.some((r) => this.places[r]?.index === n.op) ? this.f.let(n) : n);
    const fix = (s: FlagState): FlagState => {
      switch (s.kind) {
        case "add":
        case "sub":
          return { ...s, a: steady(s.a), b: steady(s.b), r: steady(s.r) };
        case "product":
          return { ...s, x: steady(s.x), y: steady(s.y), r: steady(s.r) };
        case "logic":
        case "shift":
          return { ...s, r: steady(s.r) };
        case "step":
          return { ...s, a: steady(s.a), r: steady(s.r), before: fix(s.before) };
        default:
          return s;
      }
    };
    this.flags = fix(this.flags);
  }

  unsigned(value: Node, size: number): Node {
    if (size === 8 || this.f.width(value) <= size * 8) return value;
    return size === 4 ? this.f.lowHalf(value) : i64.and(value, c64((1n << BigInt(size * 8)) - 1n));
  }

  // ---- memory ----------------------------------------------------------------------------------

  host(ea: Node, size: number, access: "read" | "write"): Node {
    return this.memory.host(ea, size, access);
  }
}

const typeOf = (n: number): Type => (n < VECTORS ? I64 : n < X87_M ? V128 : n < X87_SE ? I64 : I32);
function usesX87Alone(region: Region): boolean {
  const forms = region.blocks.flatMap((b) => b.instructions.map((i) => i.form));
  return forms.some((form) => form.unit === "x87") && !forms.some((form) => form.lift === "emms" || form.operands.some((o) => o.kind.startsWith("mmx")));
}
/** Ends that the writer makes itself. */
const TRANSFERS = new Set(["jmp", "jcc", "jcxz", "loop", "loope", "loopne", "call", "callInd", "jmpInd", "ret"]);
const transfers = forms.map((form) => TRANSFERS.has(form.lift));
function isTransfer(form: Form): boolean {
  return transfers[form.id] === true;
}
function targets(end: End): Target[] {
  switch (end.kind) {
    case "branch":
      return [end.taken, end.next];
    case "jump":
    case "call":
      return [end.to];
    case "return":
      return end.expected ? [end.expected] : [];
    case "indirect":
      return end.targets.length > 1 ? end.targets : [];
    default:
      return [];
  }
}
/** Whether all ways on are among the targets. */
function isClosed(end: End): boolean {
  return end.kind === "branch" || end.kind === "jump" || end.kind === "call";
}
