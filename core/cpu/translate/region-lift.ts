// The driver of lifters within a region: operands are known, registers are locals, flags are remembered, memory goes through a
// cache of one page at each site. What only an interpreter's handler can do is refused (NotTranslatable).
import {
  BASE_RIP, D_BASE, D_DISP_HI, D_DISP_LO, D_IMM2, D_IMM_HI, D_IMM_LO, D_INDEX, D_REG, D_RM, D_SCALE, D_SEG,
} from "../../isa/decoder.ts";
import { type Flavour, Lift, type Runtime, type X87Stack } from "../lift/lift.ts";
import * as L from "../state/layout.ts";
import { type Callee, c32, c64, F32, F64, I32, i32, i64, type Node, NodeKind, simdLane, V128 } from "../wasm/nodes.ts";
import { F32X, F64X, I16, I32X, I64X, I8 } from "../lift/sse/simd-op.ts";
import * as flags from "./flag-state.ts";
import { operandRegister } from "./operand-register.ts";
import type { Instruction } from "./region.ts";
import type { RegionFloats } from "./region-floats.ts";
import { NotTranslatable, POISONED } from "./region-builder.ts";
import type { RegionWriter } from "./region-writer.ts";

const TWO_32 = 4294967296;
/** Writing it out is an error: a region has no record of the instruction, and its count of instructions is kept by the writer. */
const POISON: Node = { kind: POISONED, type: I32, op: 0, imm: 0, big: 0n, args: [] };
const RSP = 4;
const MAX_OPERAND_BYTES = 16;

function refuse(what: string): never {
  throw new NotTranslatable(what);
}
/** A runtime in which nothing can be reached but what the writer imports by name. */
export function regionRuntime(callee: (name: string) => Callee | undefined): Runtime {
  const lookup = (name: string): Callee => callee(name) ?? refuse(name);
  return {
    get readSlow() { return refuse("readSlow"); },
    get writeSlow() { return refuse("writeSlow"); },
    get commitWrite() { return refuse("commitWrite"); },
    get exitFault() { return refuse("exitFault"); },
    get exitAgain() { return refuse("exitAgain"); },
    get exitAt() { return refuse("exitAt"); },
    get dispatch() { return refuse("dispatch"); },
    get branch() { return refuse("branch"); },
    get system() { return refuse("system"); },
    get segLinear() { return refuse("segLinear"); },
    get getArith() { return lookup("getArith"); },
    get setArith() { return lookup("setArith"); },
    named: { get: lookup },
    systemNumber: () => refuse("system"),
  };
}

export class RegionLift extends Lift {
  private readonly w: RegionWriter;
  private readonly d: Int32Array;
  /** The vector register read last, so that a copy of it takes what is known of it along. */
  private lastRead: { number: number; value: Node } | undefined;
  override readonly floats: RegionFloats;
  override readonly x87: X87Stack | undefined;

  constructor(w: RegionWriter, instruction: Instruction, flavour: Flavour, isMemory: boolean) {
    super(w.f, instruction.form, flavour, isMemory, w.runtime, POISON, POISON);
    this.w = w;
    this.floats = w.floats;
    this.x87 = w.x87;
    this.d = instruction.decoded;
  }

  // ---- the instruction -------------------------------------------------------------------------

  override imm(): Node {
    const moving = this.w.movingValue("immediate");
    if (moving) return moving;
    return c64((BigInt(this.d[D_IMM_HI] as number) << 32n) | BigInt((this.d[D_IMM_LO] as number) >>> 0));
  }
  override extra(): Node {
    return c32((this.d[D_IMM2] as number) & 0xffff);
  }
  override rip(): Node {
    return this.w.ripAt(this.w.instruction.offset);
  }
  override leftNow(): Node {
    return this.w.leftNow();
  }
  override nextRip(): Node {
    return this.w.ripAt(this.w.instruction.offset + this.w.instruction.length);
  }

  // ---- registers -------------------------------------------------------------------------------

  private place(index: number): { number: number; high: boolean } {
    return operandRegister(this.operand(index), this.d);
  }
  private vectorNumber(index: number): number {
    const o = this.operand(index);
    return o.kind === "xmmFixed" ? (o.fixed ?? 0) : (this.d[o.kind === "xmmReg" ? D_REG : D_RM] as number);
  }
  private isVector(index: number): boolean {
    return this.operand(index).kind.startsWith("xmm");
  }
  protected override register(index: number): Node {
    const o = this.operand(index);
    if (!o.kind.startsWith("mmx")) refuse("A register's place");
    return c32(L.FPU_REGS + ((this.d[o.kind === "mmxReg" ? D_REG : D_RM] as number) & 7) * 16);
  }

  override gpr(number: number, size = 8): Node {
    return this.cut(this.w.register(number), size);
  }
  private cut(value: Node, size: number): Node {
    if (size === 8 || this.w.f.width(value) <= size * 8) return value;
    return this.f.let(i64.and(value, c64((1n << BigInt(size * 8)) - 1n)));
  }
  override setGpr(number: number, value: Node, size = 8): void {
    if (size >= 4) {
      this.w.setRegister(number, size === 4 ? this.unsigned(value, 4) : value);
      return;
    }
    const mask = size === 1 ? 0xffn : 0xffffn;
    this.w.setRegister(number, i64.or(i64.and(this.w.register(number), c64(~mask)), this.unsigned(value, size)));
  }
  override highByte(): Node {
    return this.f.let(i64.and(i64.shrU(this.w.register(0), c64(8)), c64(255)));
  }
  override setHighByte(value: Node): void {
    this.setHigh(0, value);
  }
  private setHigh(number: number, value: Node): void {
    this.w.setRegister(number, i64.or(i64.and(this.w.register(number), c64(~0xff00n)), i64.shl(this.unsigned(value, 1), c64(8))));
  }
  override setWhole(index: number, value: Node): void {
    this.w.setRegister(this.place(index).number, value);
  }

  override read(index: number): Node {
    const o = this.operand(index);
    if (o.kind === "seg") return super.read(index);
    if (o.kind === "imm" || o.kind === "one" || this.inMemory(index)) return super.read(index);
    if (this.isVector(index)) return this.vectorLow(this.w.vector(this.vectorNumber(index)), o.size);
    if (!o.kind.startsWith("gpr")) return super.read(index);
    const { number, high } = this.place(index);
    if (!high) return this.gpr(number, o.size);
    return this.f.let(i64.and(i64.shrU(this.w.register(number), c64(8)), c64(255)));
  }
  private vectorLow(value: Node, size: number): Node {
    if (size === 4) return i64.extendU(simdLane(I32X.extract, I32, 0, value));
    if (size === 8) return simdLane(I64X.extract, 0x7e, 0, value);
    return i64.extendU(size === 2 ? simdLane(I16.extractU, I32, 0, value) : simdLane(I8.extractU, I32, 0, value));
  }
  override write(index: number, value: Node): void {
    const o = this.operand(index);
    if (this.inMemory(index)) {
      super.write(index, value);
      return;
    }
    if (this.isVector(index)) {
      const number = this.vectorNumber(index);
      const old = this.w.vector(number);
      if (o.size === 4) this.w.setVector(number, simdLane(I32X.replace, V128, 0, old, i32.wrap(value)));
      else if (o.size === 8) this.w.setVector(number, simdLane(I64X.replace, V128, 0, old, value));
      else refuse("A narrow part of a vector");
      return;
    }
    if (!o.kind.startsWith("gpr")) refuse(`Writes ${o.kind}`);
    const { number, high } = this.place(index);
    if (high) this.setHigh(number, value);
    else this.setGpr(number, value, o.size);
  }

  override readV(index: number): Node {
    if (this.inMemory(index)) return super.readV(index);
    const number = this.vectorNumber(index);
    const value = this.w.vector(number);
    this.lastRead = { number, value };
    return value;
  }
  override writeV(index: number, value: Node): void {
    if (!this.inMemory(index)) {
      const number = this.vectorNumber(index);
      const low = this.lastRead?.value === value ? this.floats.scalar(this.lastRead.number) : undefined;
      this.w.setVector(number, value);
      this.floats.copied(value, this.w.vector(number));
      if (low) this.floats.setScalar(number, low);
      return;
    }
    const v = this.f.let(value);
    if (this.form.align > 1) this.requireAligned(this.form.align);
    this.f.store(this.host(this.address(), 16, "write"), v);
  }
  override setVector(index: number, value: Node): void {
    this.w.setVector(this.vectorNumber(index), value);
  }
  override setXmm(number: number, value: Node): void {
    this.w.setVector(number, value);
  }
  override vectorHalf(index: number, isHigh: boolean): Node {
    return this.f.let(simdLane(F64X.extract, F64, isHigh ? 1 : 0, this.w.vector(this.vectorNumber(index))));
  }
  override setVectorHalf(index: number, isHigh: boolean, value: Node): void {
    const number = this.vectorNumber(index);
    this.w.setVector(number, simdLane(F64X.replace, V128, isHigh ? 1 : 0, this.w.vector(number), value));
  }
  override readF(index: number, size: number): Node {
    if (this.inMemory(index)) return super.readF(index, size);
    const number = this.vectorNumber(index);
    const vector = this.w.vector(number);
    const known = this.floats.scalar(number);
    if (known && known.type === (size === 4 ? F32 : F64)) return known;
    const value = this.f.let(size === 4 ? simdLane(F32X.extract, F32, 0, vector) : simdLane(F64X.extract, F64, 0, vector));
    this.floats.setScalar(number, value);
    return value;
  }
  override writeF(index: number, value: Node): void {
    if (this.inMemory(index)) {
      super.writeF(index, value);
      return;
    }
    const number = this.vectorNumber(index);
    const kept = value.kind === NodeKind.local ? value : this.f.let(value);
    this.w.setVector(number, simdLane(kept.type === F32 ? F32X.replace : F64X.replace, V128, 0, this.w.vector(number), kept));
    this.floats.setScalar(number, kept);
  }
  override seldom(condition: Node, then: () => void): void {
    this.w.f.ifUnlikely(condition, then);
  }
  override controlChanged(): void {
    this.floats.forgetTests();
  }

  /** Of an x87 instruction: where its memory operand is, if it has one. */
  x87Address(): Node | undefined {
    return this.form.operands.some((o) => o.kind === "mem") ? this.address() : undefined;
  }

  // ---- memory ----------------------------------------------------------------------------------

  override stackFlag(): Node {
    return c32(0);
  }
  private displacement(): number {
    let displacement = (this.d[D_DISP_HI] as number) * TWO_32 + ((this.d[D_DISP_LO] as number) >>> 0);
    if (this.form.lift === "pop" && this.d[D_BASE] === RSP) displacement += this.form.opSize;
    return displacement;
  }
  override address(): Node {
    if (this.ea) return this.ea;
    if (this.flavour === "seg") return refuse("Segment checks");
    const base = this.d[D_BASE] as number;
    const index = this.d[D_INDEX] as number;
    const { w } = this;
    let sum: Node | undefined;
    let displacement = this.displacement();
    if (base === BASE_RIP) {
      sum = w.ripRelative(w.instruction);
      displacement = 0;
    } else if (base >= 0) sum = w.register(base);
    if (index >= 0) {
      const scaled = i64.shl(w.register(index), c64(this.d[D_SCALE] as number));
      sum = sum ? i64.add(sum, scaled) : scaled;
    }
    const moving = base === BASE_RIP ? undefined : w.movingValue("displacement");
    const offset = moving ?? c64(this.flavour === "flat" && !sum ? displacement >>> 0 : displacement);
    sum = sum ? i64.add(sum, offset) : offset;
    const segment = this.d[D_SEG] as number;
    if (this.flavour === "flat" && this.form.lift !== "lea" && segment >= L.FS) {
      this.ea = this.throughBase(sum, L.SEG + segment * L.SEG_SIZE);
      return this.ea;
    }
    if (this.form.lift !== "lea" && segment >= L.FS) sum = i64.add(sum, i64.load(c32(L.SEG + segment * L.SEG_SIZE + L.SEG_BASE)));
    this.ea = this.f.let(this.flavour === "flat" && sum.kind !== 1 ? i64.and(sum, c64(0xffffffff)) : sum);
    return this.ea;
  }

  /** Linear address in a segment that is writable data of 4 GiB; others are the interpreter's. */
  private throughBase(sum: Node, segment: number): Node {
    const offset = this.f.let(i64.and(sum, c64(0xffffffff)));
    const kind = i32.and(i32.load(c32(segment + L.SEG_ATTR)), c32(L.ATTR_P | L.ATTR_CODE | L.ATTR_CONFORMING | L.ATTR_WRITABLE));
    const isWhole = i32.eq(i32.load(c32(segment + L.SEG_LIMIT)), c32(-1));
    this.raiseIf(i32.eqz(i32.and(isWhole, i32.eq(kind, c32(L.ATTR_P | L.ATTR_WRITABLE)))));
    this.raiseIf(i64.gtU(offset, c64(0xffffffff - MAX_OPERAND_BYTES)));
    return this.f.let(i64.and(i64.add(offset, i64.load(c32(segment + L.SEG_BASE))), c64(0xffffffff)));
  }
  override host(ea: Node, size: number, access: "read" | "write"): Node {
    return this.w.host(this.f.let(ea), size, access);
  }
  protected override storeHost(host: Node, size: number, value: Node): void {
    const { f } = this;
    if (size === 1) f.store8(host, value);
    else if (size === 2) f.store16(host, value);
    else if (size === 4) f.store32(host, value);
    else f.store(host, value);
  }

  override get areFlagsUnused(): boolean {
    return this.w.areFlagsDead;
  }

  // ---- flags -----------------------------------------------------------------------------------

  override unsigned(value: Node, size = this.size): Node {
    return this.w.unsigned(value, size);
  }
  override setFlags(result: Node, aux: Node): void {
    this.w.setFlags({ kind: "words", result: this.f.let(result), aux: this.f.let(aux) });
  }
  override flagsAdd(a: Node, b: Node, r: Node, size = this.size): void {
    this.w.setFlags({ kind: "add", a, b, r, size, isPlain: true });
  }
  override flagsSub(a: Node, b: Node, r: Node, size = this.size): void {
    this.w.setFlags({ kind: "sub", a, b, r, size, isPlain: true });
  }
  override flagsAdc(a: Node, b: Node, r: Node): void {
    this.w.setFlags({ kind: "add", a, b, r, size: this.size, isPlain: false });
  }
  override flagsSbb(a: Node, b: Node, r: Node): void {
    this.w.setFlags({ kind: "sub", a, b, r, size: this.size, isPlain: false });
  }
  override flagsLogic(r: Node, size = this.size): void {
    this.w.setFlags({ kind: "logic", r: this.f.let(r), size });
  }
  override flagsKeepCarry(a: Node, _b: Node, r: Node, kind: "add" | "sub", size = this.size): void {
    this.w.setFlags({ kind: "step", isAdd: kind === "add", a, r, size, before: this.w.flags });
  }
  override flagsShift(r: Node, cf: Node, of: Node, size = this.size): void {
    if (this.w.areFlagsDead) return;
    this.w.setFlags({ kind: "shift", r, cf: this.f.let(cf), of: this.f.let(of), size });
  }
  override flagsProduct(x: Node, y: Node, r: Node): void {
    this.w.setFlags({ kind: "product", x, y, r, size: 8 });
  }
  override flagsIf(condition: Node, change: () => void): void {
    if (this.w.areFlagsDead) return;
    this.f.if(condition, change);
  }
  override flagsCompare(x: Node): void {
    this.w.setFlags({ kind: "compare", x });
  }
  override setCarry(cf: Node): void {
    const aux = this.f.let(this.w.auxWord());
    const flip = i64.sub(c64(0), i64.xor(i64.shrU(aux, c64(63)), cf));
    this.setFlags(this.w.resultWord(), i64.xor(aux, i64.and(flip, c64(0xc000000000000000n))));
  }
  override setCarryOverflow(cf: Node, of: Node): void {
    const c = this.f.let(cf);
    const aux = i64.and(this.w.auxWord(), c64(0x3fffffffffffffffn));
    this.setFlags(this.w.resultWord(), i64.or(aux, i64.or(i64.shl(c, c64(63)), i64.shl(i64.xor(c, of), c64(62)))));
  }
  override setArith(eflags: Node): void {
    super.setArith(eflags);
    this.w.setFlags({ kind: "memory" });
    this.w.flagsToLocals();
  }
  override getArith(): Node {
    this.w.flagsToMemory();
    return this.f.let(super.getArith());
  }
  override carry(): Node {
    return flags.carry(this.w.flagSite, this.w.flags);
  }
  override condition(code: number): Node {
    return flags.condition(this.w.flagSite, this.w.flags, code);
  }

  // ---- the stack -------------------------------------------------------------------------------

  override setStackPointer(offset: Node): void {
    this.w.setRegister(RSP, offset);
  }

  // ---- ways out --------------------------------------------------------------------------------

  override leaveWithFault(): void {
    this.w.leaveToInterpreter();
  }
  override checkFault(): void {
    this.w.f.ifUnlikely(i32.load(c32(L.FAULT)), () => {
      this.f.store(c32(0), c32(0), L.FAULT);
      this.w.leaveToInterpreter();
    });
  }
  override raise(): void {
    this.w.leaveToInterpreter();
  }
  override raiseIf(condition: Node): void {
    this.w.f.ifUnlikely(condition, () => this.w.leaveToInterpreter());
  }
  /** CPL 0 is part of what a region is keyed by only through its mode, so it is looked at here too. */
  override requireCpl0(): void {
    this.raiseIf(i32.load(c32(L.CPL)));
  }
  override next(): void {
    refuse("Ends early");
  }
  override dispatch(): void {
    refuse("Jumps by itself");
  }
  override leave(): void {
    refuse("Leaves");
  }
  override system(name: string): void {
    refuse(name);
  }
  override systemIf(condition: Node): void {
    this.raiseIf(condition);
  }
}

