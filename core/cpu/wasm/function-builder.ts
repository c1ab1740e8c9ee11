// Statements of one WebAssembly function, emitted in order as they are called; expressions are the trees of nodes.ts.
import { ByteWriter } from "./byte-writer.ts";
import { type Callee, I32, I64, local, type Node, NodeKind as K, type Type, V128, F32 } from "./nodes.ts";

/** A local variable that may be set more than once. */
export interface Variable {
  readonly index: number;
  readonly type: Type;
  /** Its value, where the tree is used. */
  readonly get: Node;
}

/** A block or loop to branch to, by its nesting depth when it was opened. */
export interface Label {
  readonly depth: number;
}

/** What a function needs of its module: numbers for signatures. */
export interface TypeNumbers {
  typeIndex(params: readonly Type[], results: readonly Type[]): number;
}

export class FunctionBuilder {
  protected code = new ByteWriter();
  protected readonly module: TypeNumbers;
  protected readonly params: readonly Type[];
  readonly results: readonly Type[];
  protected readonly locals: Type[] = [];
  protected depth = 0;

  constructor(module: TypeNumbers, params: readonly Type[], results: readonly Type[]) {
    this.module = module;
    this.params = params;
    this.results = results;
  }

  param(index: number): Node {
    const type = this.params[index];
    if (type === undefined) throw new RangeError(`No parameter ${index}`);
    return local(index, type);
  }

  variable(type: Type, initial?: Node): Variable {
    const index = this.params.length + this.locals.push(type) - 1;
    const variable = { index, type, get: local(index, type) };
    if (initial) this.set(variable, initial);
    return variable;
  }

  /** Evaluates now and keeps the value. Constants and unchanged locals are given back as they are. */
  let(value: Node): Node {
    if (value.kind === K.i32const || value.kind === K.i64const) return value;
    return this.variable(value.type, value).get;
  }

  set(variable: Variable, value: Node): void {
    this.expression(value);
    this.code.byte(0x21);
    this.code.u32(variable.index);
  }

  protected storeOp(op: number, address: Node, value: Node, offset: number): void {
    this.expression(address);
    this.expression(value);
    this.code.byte(op);
    this.code.byte(0);
    this.code.u32(offset);
  }
  store8(address: Node, value: Node, offset = 0): void {
    this.storeOp(value.type === I64 ? 0x3c : 0x3a, address, value, offset);
  }
  store16(address: Node, value: Node, offset = 0): void {
    this.storeOp(value.type === I64 ? 0x3d : 0x3b, address, value, offset);
  }
  store32(address: Node, value: Node, offset = 0): void {
    this.storeOp(value.type === I64 ? 0x3e : 0x36, address, value, offset);
  }
  /** Stores the whole value by its own type: i32, i64, f32, f64 or v128. */
  store(address: Node, value: Node, offset = 0): void {
    if (value.type === V128) {
      this.expression(address);
      this.expression(value);
      this.code.byte(0xfd);
      this.code.u32(11);
      this.code.byte(0);
      this.code.u32(offset);
    } else this.storeOp(value.type === I32 ? 0x36 : value.type === I64 ? 0x37 : value.type === F32 ? 0x38 : 0x39, address, value, offset);
  }

  if(condition: Node, then: () => void, otherwise?: () => void): void {
    this.expression(condition);
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

  block(body: (exit: Label) => void): void {
    this.code.byte(0x02);
    this.code.byte(0x40);
    body({ depth: ++this.depth });
    this.depth--;
    this.code.byte(0x0b);
  }

  /** Branching to the label goes round again; falling off the end leaves. */
  loop(body: (again: Label) => void): void {
    this.code.byte(0x03);
    this.code.byte(0x40);
    body({ depth: ++this.depth });
    this.depth--;
    this.code.byte(0x0b);
  }

  br(label: Label): void {
    this.code.byte(0x0c);
    this.code.u32(this.depth - label.depth);
  }

  brIf(label: Label, condition: Node): void {
    this.expression(condition);
    this.code.byte(0x0d);
    this.code.u32(this.depth - label.depth);
  }

  /** Runs the case of that number; a number past the last runs `otherwise`. Cases do not fall through. */
  switch(selector: Node, cases: readonly (() => void)[], otherwise: () => void): void {
    this.block((end) => {
      const open = (at: number): void => {
        if (at < 0) {
          this.expression(selector);
          this.code.byte(0x0e);
          this.code.u32(cases.length);
          for (let i = 0; i <= cases.length; i++) this.code.u32(i);
          return;
        }
        this.block(() => open(at - 1));
        const body = cases[at];
        if (at < cases.length && body) {
          body();
          this.br(end);
        }
      };
      this.block(() => open(cases.length - 1));
      otherwise();
    });
  }

  return(...values: Node[]): void {
    for (const value of values) this.expression(value);
    this.code.byte(0x0f);
  }

  /** A call for its effect. */
  call(callee: Callee, ...args: Node[]): void {
    for (const a of args) this.expression(a);
    this.code.byte(0x10);
    this.code.u32(callee.index);
    for (const _ of callee.results) this.code.byte(0x1a);
  }

  /** A call whose results go to the variables, in their order. */
  callInto(variables: readonly Variable[], callee: Callee, ...args: Node[]): void {
    for (const a of args) this.expression(a);
    this.code.byte(0x10);
    this.code.u32(callee.index);
    for (const variable of [...variables].reverse()) {
      this.code.byte(0x21);
      this.code.u32(variable.index);
    }
  }

  tailCall(callee: Callee, ...args: Node[]): void {
    for (const a of args) this.expression(a);
    this.code.byte(0x12);
    this.code.u32(callee.index);
  }

  tailCallTable(slot: Node, params: readonly Type[], results: readonly Type[], ...args: Node[]): void {
    for (const a of args) this.expression(a);
    this.expression(slot);
    this.code.byte(0x13);
    this.code.u32(this.module.typeIndex(params, results));
    this.code.byte(0);
  }

  /** memory.copy: (destination, source, bytes). */
  memoryCopy(to: Node, from: Node, bytes: Node): void {
    for (const n of [to, from, bytes]) this.expression(n);
    this.code.raw(Uint8Array.of(0xfc, 10, 0, 0));
  }
  /** memory.fill: (destination, byte, bytes). */
  memoryFill(to: Node, value: Node, bytes: Node): void {
    for (const n of [to, value, bytes]) this.expression(n);
    this.code.raw(Uint8Array.of(0xfc, 11, 0));
  }

  /** A parameter as a variable. */
  paramVariable(index: number): Variable {
    const get = this.param(index);
    return { index, type: get.type, get };
  }

  unreachable(): void {
    this.code.byte(0x00);
  }

  protected expression(n: Node): void {
    for (const a of n.args) this.expression(a);
    const w = this.code;
    switch (n.kind) {
      case K.i32const:
        w.byte(0x41);
        w.s32(n.imm);
        break;
      case K.i64const:
        w.byte(0x42);
        w.s64(n.big);
        break;
      case K.f64const:
        w.byte(0x44);
        w.f64(n.imm);
        break;
      case K.f32const:
        w.byte(0x43);
        w.f32(n.imm);
        break;
      case K.global:
        w.byte(0x23);
        w.u32(n.op);
        break;
      case K.local:
        w.byte(0x20);
        w.u32(n.op);
        break;
      case K.plain:
        w.byte(n.op);
        if (n.op === 0x1c) {
          w.byte(1);
          w.byte(n.type);
        }
        break;
      case K.load:
        w.byte(n.op);
        w.byte(0);
        w.u32(n.imm);
        break;
      case K.call:
        w.byte(0x10);
        w.u32(n.op);
        break;
      case K.fc:
        w.byte(0xfc);
        w.u32(n.op);
        break;
      case K.simd:
        w.byte(0xfd);
        w.u32(n.op);
        break;
      case K.lane:
        w.byte(0xfd);
        w.u32(n.op);
        w.byte(n.imm);
        break;
      case K.simdLoad:
        w.byte(0xfd);
        w.u32(n.op);
        w.byte(0);
        w.u32(n.imm);
        break;
      case K.v128const:
        w.byte(0xfd);
        w.u32(n.op);
        w.raw(n.bytes ?? new Uint8Array(16));
        break;
      default:
        throw new Error(`Unknown node kind ${n.kind}`);
    }
  }

  /** The body with its locals, as the code section wants it. A function with a result must have returned on every path. */
  finish(): ByteWriter {
    const out = new ByteWriter();
    const runs: { type: Type; count: number }[] = [];
    for (const type of this.locals) {
      const last = runs[runs.length - 1];
      if (last && last.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    out.u32(runs.length);
    for (const run of runs) {
      out.u32(run.count);
      out.byte(run.type);
    }
    out.raw(this.code.bytes.subarray(0, this.code.length));
    if (this.results.length > 0) out.byte(0x00);
    out.byte(0x0b);
    return out;
  }
}

