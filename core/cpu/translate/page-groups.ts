// Accesses of a region that lie near one another, checked once. Fields of a structure, the words of a stack frame: addresses that are
// the same value and different constants. The first such access (the leader) asks whether all bytes from the least to the last
// address of the group lie in the page that its site met last, and keeps its own host address; the members behind it only add. Where
// the group runs over a page's end, or is not plain RAM, the kept address is 0 and each member asks the TLBs for itself.
// What was asked stays true while the region runs: page tables, rights and code pages change only outside it, or in a handler
// that it calls, after which every kept address is 0.
// Which addresses are the same value follows from the registers' values: each is a root and a distance from it, through additions
// and copies, over joins where both ways bring the same, and around loops that leave the register alone.
import { extentOf } from "../mmu/refill.ts";
import type { Variable } from "../wasm/function-builder.ts";
import { I64_OP, isLowMask, type Node, NodeKind as K } from "../wasm/nodes.ts";
import { CodeBuffer } from "./code-buffer.ts";
import { PATCHED } from "./region-builder.ts";

/** A value as the sum of something unknown and a constant. */
export interface Shape {
  readonly root: number;
  readonly delta: number;
}

export interface PageGroup {
  readonly root: number;
  readonly access: "read" | "write";
  /** Of the leader's address. */
  readonly delta: number;
  readonly size: number;
  /** Host address of the leader's access, or 0. */
  readonly kept: Variable;
  /** Keys of the constants that are known when all members are. */
  readonly patches: { readonly lead: number; readonly limit: number; readonly extent: number };
  /** Least address and end of the last access, as distances from the root. */
  from: number;
  to: number;
}

/** Groups in scope, the latest first. Tails are shared: what a block has, all blocks that it dominates have. */
export interface Scope {
  readonly group: PageGroup;
  readonly outer: Scope | null;
}

/** Bytes of a group at most: the longer, the more often it runs over a page's end. */
const LONGEST = 256;
/** Groups looked at for one that an access could join. */
const SEARCHED = 48;
const LARGEST_DELTA = 0x7fff_ffff;
const REGISTERS = 16;
const CONSTANT_ROOT = 0;
const HEAD_ROOT = 1;

export type Registers = (Shape | null)[];

export class PageGroups {
  private readonly isFlat: boolean;
  private readonly firstPatch: number;
  private readonly makeVariable: () => Variable;
  /** Of locals that are set once, by their index: null if not looked at, undefined if the local can change. */
  private readonly shapes: (Shape | null | undefined)[] = [];
  /** Register whose place a local is, by the local's index. */
  private readonly registerOf = new Map<number, number>();
  private readonly sums = new Map<string, number>();
  private roots = HEAD_ROOT + 1;
  private readonly all: PageGroup[] = [];
  private readonly free: Variable[] = [];
  scope: Scope | null = null;
  /** What is known of the registers' places; null is nothing yet. */
  registers: Registers = new Array<Shape | null>(REGISTERS).fill(null);

  /** `firstPatch`: keys of inserts from there on are the groups'. */
  constructor(isFlat: boolean, firstPatch: number, makeVariable: () => Variable) {
    this.isFlat = isFlat;
    this.firstPatch = firstPatch;
    this.makeVariable = makeVariable;
  }

  // ---- values ----------------------------------------------------------------------------------

  /** The local holds the head's address, always. */
  noteHead(index: number): void {
    this.shapes[index] = { root: HEAD_ROOT, delta: 0 };
  }
  notePlace(index: number, register: number): void {
    this.registerOf.set(index, register);
  }
  /** The local gets a value that it keeps. */
  noteValue(index: number, value: Node): void {
    this.shapes[index] = this.find(value);
  }
  noteVariable(index: number): void {
    this.shapes[index] = undefined;
  }
  /** The register's place takes this value. */
  settle(register: number, value: Node): void {
    this.registers[register] = this.find(value);
  }

  private fresh(): Shape {
    return { root: this.roots++, delta: 0 };
  }
  /** Null: nothing is known of it, and it is no value that can be met again. */
  private find(n: Node): Shape | null {
    switch (n.kind) {
      case K.i64const: {
        const delta = Number(this.isFlat ? BigInt.asIntN(32, n.big) : n.big);
        return Math.abs(delta) <= LARGEST_DELTA ? { root: CONSTANT_ROOT, delta } : null;
      }
      case K.local:
        return this.ofLocal(n.op);
      case K.plain: {
        const [a, b] = n.args as [Node, Node];
        if (n.op === I64_OP.add) return this.sum(a, b);
        if (n.op === I64_OP.and && this.isFlat && isLowMask(b)) return this.find(a);
        if (n.op === I64_OP.sub && b.kind === K.i64const) return this.moved(this.find(a), -Number(b.big));
        if (n.op === I64_OP.shl && b.kind === K.i64const) return this.scaled(a, Number(b.big));
        return null;
      }
      default:
        return null;
    }
  }
  private ofLocal(index: number): Shape | null {
    const register = this.registerOf.get(index);
    if (register !== undefined) {
      this.registers[register] ??= this.fresh();
      return this.registers[register];
    }
    const shape = this.shapes[index];
    if (shape !== null) return shape ?? null;
    const fresh = this.fresh();
    this.shapes[index] = fresh;
    return fresh;
  }
  private moved(shape: Shape | null, by: number): Shape | null {
    if (!shape) return null;
    const delta = this.isFlat ? (shape.delta + by) | 0 : shape.delta + by;
    return Math.abs(delta) <= LARGEST_DELTA ? { root: shape.root, delta } : null;
  }
  private sum(a: Node, b: Node): Shape | null {
    const x = this.find(a);
    const y = x && this.find(b);
    if (!y) return null;
    if (y.root === CONSTANT_ROOT) return this.moved(x, y.delta);
    if (x.root === CONSTANT_ROOT) return this.moved(y, x.delta);
    return this.moved({ root: this.rootOf(`${Math.min(x.root, y.root)}+${Math.max(x.root, y.root)}`), delta: x.delta }, y.delta);
  }
  private scaled(value: Node, shift: number): Shape | null {
    const x = this.find(value);
    return x && x.root !== CONSTANT_ROOT && x.delta === 0 ? { root: this.rootOf(`${x.root}<<${shift}`), delta: 0 } : null;
  }
  private rootOf(sum: string): number {
    const known = this.sums.get(sum);
    if (known !== undefined) return known;
    this.sums.set(sum, this.roots);
    return this.roots++;
  }

  // ---- joins -----------------------------------------------------------------------------------

  /** The registers where control flow goes on with one block only. */
  saved(): Registers {
    return [...this.registers];
  }
  /** What is known after `other` or the present one. */
  joined(other: Registers | undefined): Registers {
    if (!other) return this.saved();
    return this.registers.map((shape, n) => (isSame(shape, other[n] as Shape | null) ? shape : null));
  }
  /** Of the registers that a loop changes nothing is known at its head; gives what holds all through it, then. */
  enterLoop(changed: number): Registers {
    for (let n = 0; n < REGISTERS; n++) {
      if ((changed >> n) & 1) this.registers[n] = null;
      else this.registers[n] ??= this.fresh();
    }
    return this.registers.map((shape, n) => ((changed >> n) & 1 ? null : shape));
  }
  /** Whether that still holds, at the way back to the head. */
  hasKept(atHead: Registers): boolean {
    return atHead.every((shape, n) => !shape || isSame(shape, this.registers[n] as Shape | null));
  }
  /** Registers have come from elsewhere. */
  forget(): void {
    this.registers.fill(null);
  }

  // ---- groups ----------------------------------------------------------------------------------

  /** A group that the access at `ea` is a member of from now on, and how far it is from the leader's. */
  join(ea: Node, size: number, access: "read" | "write"): { group: PageGroup; distance: number } | null {
    const at = this.find(ea);
    if (!at) return null;
    let searched = 0;
    for (let scope = this.scope; scope && searched < SEARCHED; scope = scope.outer, searched++) {
      const { group } = scope;
      if (group.root !== at.root || (access === "write" && group.access === "read")) continue;
      const from = Math.min(group.from, at.delta);
      const to = Math.max(group.to, at.delta + size);
      if (to - from > LONGEST) continue;
      group.from = from;
      group.to = to;
      return { group, distance: at.delta - group.delta };
    }
    return null;
  }
  /** A new group with the access as its leader; null if nothing is known of its address. */
  open(ea: Node, size: number, access: "read" | "write"): PageGroup | null {
    const at = this.find(ea);
    if (!at) return null;
    const patch = this.firstPatch + this.all.length * 3;
    const group: PageGroup = {
      root: at.root, access, delta: at.delta, kept: this.free.pop() ?? this.makeVariable(), patches: { lead: patch, limit: patch + 1, extent: patch + 2 },
      size, from: at.delta, to: at.delta + size,
    };
    this.all.push(group);
    this.scope = { group, outer: this.scope };
    return group;
  }
  /** Back to the groups that were in scope; the variables of the others may be taken again. */
  close(outer: Scope | null): void {
    for (let scope = this.scope; scope && scope !== outer; scope = scope.outer) this.free.push(scope.group.kept);
    this.scope = outer;
  }
  *inScope(): Iterable<PageGroup> {
    for (let { scope } = this; scope; scope = scope.outer) yield scope.group;
  }
  /** The constants, for their places in the code. */
  addPieces(pieces: Map<number, CodeBuffer>): void {
    for (const { delta, size, from, to, patches } of this.all) {
      pieces.set(patches.lead, constant(K.i64const, delta - from));
      pieces.set(patches.limit, constant(K.i64const, 4096 - (to - from)));
      pieces.set(patches.extent, constant(K.i32const, extentOf(size, to - from, delta - from)));
    }
  }
}

function isSame(a: Shape | null, b: Shape | null): boolean {
  return a === b || (a !== null && b !== null && a.root === b.root && a.delta === b.delta);
}
function constant(kind: number, value: number): CodeBuffer {
  const code = new CodeBuffer();
  code.byte(kind === K.i32const ? 0x41 : 0x42);
  code.s32(value);
  return code;
}
/** A constant that is put in when the region is finished. */
export function patched(key: number, type: Node["type"]): Node {
  return { kind: PATCHED, type, op: key, imm: 0, big: 0n, args: [] };
}
