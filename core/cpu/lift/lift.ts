// The door between instruction semantics and the machine: a lifter reads and writes operands, sets flags and raises faults
// through this class and nothing else. This driver makes interpreter handlers: operands come from the predecoded record.
//
// Values are i64, zero-extended from the operand's size, when read; when written, bits above the size are ignored.
// Flags are kept as a result and an auxiliary word (layout.ts FLAG_*), cheap to store and free of branches to test.
import type { Form, OperandSpec } from "../../isa/form.ts";
import * as L from "../state/layout.ts";
import { isCode64, noteFault } from "../state/state-nodes.ts";
import type { FunctionBuilder, Variable } from "../wasm/function-builder.ts";
import { type Callee, c32, c64, call, f32, f64, I32, i32, i64, type Node, select, v128 } from "../wasm/nodes.ts";

/** Signature of a handler: (record, instructions left) -> unused. */
export const HANDLER_PARAMS = [I32, I32] as const;
export const HANDLER_RESULTS = [I32] as const;

/** `long`: 64-bit mode. `flat`: 32-bit code with flat CS, DS, ES and SS and no odd addressing. `seg`: everything else,
 *  with a pre-record having checked the memory operand and left its linear address in TMP_EA. */
export type Flavour = "long" | "flat" | "seg";

/** Functions of the module that lifted code calls (defined by interp/runtime.ts). */
export interface Runtime {
  /** (linear i64, size | 256 for stack) -> host address, or 0 with FAULT set. */
  readSlow: Callee;
  writeSlow: Callee;
  /** Finishes a store that went to BOUNCE_WRITE. */
  commitWrite: Callee;
  /** (record, left) -> leaves with the fault in FAULT. */
  exitFault: Callee;
  /** (record, left) -> leaves at the record's own RIP, to be run again. */
  exitAgain: Callee;
  /** (record, left) -> leaves at RIP already stored in state. */
  exitAt: Callee;
  /** (record, left): goes on at RIP in state, through the jump cache. */
  dispatch: Callee;
  /** (record, left, samePage): the taken branch: links if it may. */
  branch: Callee;
  /** (system operation number, record) -> 0 next instruction, 1 leave at NEXT_RIP, 2 fault. */
  system: Callee;
  /** (segment index, offset i64, size | 256 for write) -> linear address; sets FAULT if refused. */
  segLinear: Callee;
  /** () -> CF PF AF ZF SF OF in their EFLAGS places, i32. */
  getArith: Callee;
  /** (EFLAGS i32): sets the six from it. */
  setArith: Callee;
  /** Soft float and the like, by name. */
  named: { get(name: string): Callee | undefined };
  /** The number by which generated code names a system operation. */
  systemNumber(name: string): number;
}

/** A value of the x87: significand, and sign and exponent. */
export interface StackValue {
  readonly m: Node;
  readonly se: Node;
}
/** The x87 stack with its registers known by their distance from the top. What cannot be done leaves the instruction undone. */
export interface X87Stack {
  /** Leaves if an earlier instruction has left an unmasked exception. */
  wait(): void;
  /** Leaves if the i32 condition holds. */
  leaveIf(condition: Node): void;
  /** ST(i) of the instruction's operand `index`. */
  operand(index: number): number;
  /** ST(i); leaves if it is empty. */
  get(i: number): StackValue;
  /** Leaves if a push would overwrite a register. */
  needRoom(): void;
  // From here on the instruction's outcome; nothing may leave any more.
  put(i: number, value: StackValue): void;
  push(value: StackValue): void;
  pop(): void;
  free(i: number): void;
  rotate(by: number): void;
  /** The status word without TOP, and TOP. */
  readonly status: Variable;
  top(): Node;
  /** Puts the exceptions and C1 above bit 15 of the word into the status word. */
  merge(word: Node): void;
  clearC1(): void;
  /** ES may have changed. */
  controlChanged(): void;
  /** Notes where the instruction and its operand are. */
  notePointers(): void;
}

/** Floats of a shape (ss, sd, ps, pd) that need no test again: each is neither denormal nor a NaN, or the shape's limit is 0. */
export interface FloatKnowledge {
  isPlain(shape: string, value: Node): boolean;
  notePlain(shape: string, value: Node): void;
  /** An i32 kept for a shape, 0 where nothing may be taken for granted; `compute` gives it when it is first wanted. */
  limit(shape: string, compute: () => Node): Variable;
}

const CARRY_MASK = 0xc000000000000000n;
const CARRY_AF_MASK = 0xc000000000000008n;

export class Lift {
  readonly f: FunctionBuilder;
  readonly form: Form;
  readonly flavour: Flavour;
  /** True if the ModRM operand is in memory. */
  readonly isMemory: boolean;
  readonly rt: Runtime;
  readonly rec: Node;
  readonly left: Node;
  protected ea: Node | null = null;
  protected writeHost: Node | null = null;

  /** `rec` and `left`: the record and the instructions left of the budget, a handler's parameters. */
  constructor(f: FunctionBuilder, form: Form, flavour: Flavour, isMemory: boolean, rt: Runtime, rec = f.param(0), left = f.param(1)) {
    this.f = f;
    this.form = form;
    this.flavour = flavour;
    this.isMemory = isMemory;
    this.rt = rt;
    this.rec = rec;
    this.left = left;
  }

  /** True where nobody will look at the flags that this instruction sets; what goes into them may then be anything. */
  get areFlagsUnused(): boolean {
    return false;
  }
  /** Operation size in bytes: 1, 2, 4, 8 (16 for whole XMM). */
  get size(): number {
    return this.form.opSize;
  }

  // ---- the record ----------------------------------------------------------------------------

  imm(): Node {
    return i64.load(this.rec, L.REC_IMM);
  }
  extra(): Node {
    return i32.load(this.rec, L.REC_EXTRA);
  }
  rip(): Node {
    return i64.load(this.rec, L.REC_RIP);
  }
  nextRip(): Node {
    return i64.add(this.rip(), i64.load8u(this.rec, L.REC_LENGTH));
  }

  // ---- operands ------------------------------------------------------------------------------

  operand(index: number): OperandSpec {
    const spec = this.form.operands[index];
    if (!spec) throw new Error(`${this.form.mnemonic} has no operand ${index}`);
    return spec;
  }

  /** True if the operand lies in memory in this handler. */
  inMemory(index: number): boolean {
    const kind = this.operand(index).kind;
    return kind === "mem" || kind === "moffs" || (this.isMemory && (kind === "gprRm" || kind === "xmmRm" || kind === "mmxRm"));
  }

  /** Host address of a register operand within the state block. */
  protected register(index: number): Node {
    const o = this.operand(index);
    switch (o.kind) {
      case "gprReg":
      case "xmmReg":
      case "mmxReg":
        return i32.load16u(this.rec, L.REC_REG);
      case "gprRm":
      case "gprOpcode":
      case "xmmRm":
      case "mmxRm":
        return i32.load16u(this.rec, L.REC_RM);
      case "gprFixed":
        return c32(o.size === 1 && (o.fixed ?? 0) >= 4 && (o.fixed ?? 0) < 8 ? L.GPR + ((o.fixed ?? 0) - 4) * 8 + 1 : L.GPR + (o.fixed ?? 0) * 8);
      case "xmmFixed":
        return c32(L.XMM + (o.fixed ?? 0) * 16);
      default:
        throw new Error(`${this.form.mnemonic}: operand ${index} (${o.kind}) is not a register`);
    }
  }

  /** Linear address of the memory operand. */
  address(): Node {
    if (this.ea) return this.ea;
    const r = this.rec;
    if (this.flavour === "seg") this.ea = this.f.let(i64.load(c32(L.TMP_EA)));
    else {
      const base = i64.load(i32.load16u(r, L.REC_BASE));
      const index = i64.shl(i64.load(i32.load16u(r, L.REC_INDEX)), i64.load8u(r, L.REC_SCALE));
      const segment = i64.load(i32.load16u(r, L.REC_SEGBASE));
      const sum = i64.add(i64.add(base, index), i64.add(i64.load(r, L.REC_DISP), segment));
      this.ea = this.f.let(this.flavour === "flat" ? i64.and(sum, c64(0xffffffff)) : sum);
    }
    return this.ea;
  }

  /** Offset of the memory operand, without its segment's base (LEA: the predecoder leaves the segment out). */
  effectiveAddress(): Node {
    return this.address();
  }
  /** Moves the memory operand, the first one, by `delta` bytes before its first use (bit tests with a register offset). In the
   *  `seg` flavour the address record has left the offset only: it wraps at the address size, then the segment is checked. */
  moveAddress(delta: Node): void {
    const sum = i64.add(this.address(), delta);
    if (this.flavour !== "seg") {
      this.ea = this.f.let(this.flavour === "flat" ? i64.and(sum, c64(0xffffffff)) : sum);
      return;
    }
    const { memSize, write } = this.operand(0);
    const offset = i64.and(sum, i64.load(this.rec, L.REC_DISP));
    this.ea = this.f.let(call(this.rt.segLinear, i32.load16u(this.rec, L.REC_SEGBASE), offset, c32(memSize | (write ? 0x100 : 0))));
    this.checkFault();
  }

  /** What host() is told so that a fault of a stack operand is #SS. */
  stackFlag(): Node {
    if (this.flavour === "seg") return c32(0);
    return i32.shl(i32.eq(i32.load16u(this.rec, L.REC_SEGBASE), c32(L.ZERO_SS)), c32(8));
  }

  /** Host address for `size` bytes at linear `ea`; leaves the handler on a fault. `info`: 256 for stack accesses. */
  host(ea: Node, size: number, access: "read" | "write", info: Node = c32(0)): Node {
    const f = this.f;
    const table = access === "read" ? L.READ_TLB : L.WRITE_TLB;
    const a = f.let(ea);
    const host = f.variable(I32);
    const entry = f.let(i32.and(i32.shrU(i32.wrap(a), c32(8)), c32(0xfff0)));
    const offset = i64.xor(i64.xor(a, i64.load(c32(L.TLB_KEY))), i64.load(entry, table));
    f.if(
      i64.gtU(offset, c64(4096 - size)),
      () => {
        // The clock that a device register shows counts from the instructions left.
        f.store(c32(0), this.left, L.LEFT);
        f.set(host, call(access === "read" ? this.rt.readSlow : this.rt.writeSlow, a, i32.or(info, c32(size))));
        f.if(i32.eqz(host.get), () => this.leaveWithFault());
      },
      () => f.set(host, i32.add(i32.wrap(a), i32.load(entry, table + 8))),
    );
    return host.get;
  }

  /** Value of `size` bytes (1 to 8) at linear `ea`, zero-extended. */
  load(ea: Node, size: number, info?: Node): Node {
    const h = this.host(ea, size, "read", info);
    return this.f.let(size === 1 ? i64.load8u(h) : size === 2 ? i64.load16u(h) : size === 4 ? i64.load32u(h) : i64.load(h));
  }

  /** Stores at linear `ea`. */
  store(ea: Node, size: number, value: Node, info?: Node): void {
    const v = this.f.let(value);
    this.storeHost(this.host(ea, size, "write", info), size, v);
  }

  protected storeHost(host: Node, size: number, value: Node): void {
    const f = this.f;
    if (size === 1) f.store8(host, value);
    else if (size === 2) f.store16(host, value);
    else if (size === 4) f.store32(host, value);
    else f.store(host, value);
    f.if(i32.eq(host, c32(L.BOUNCE_WRITE)), () => f.call(this.rt.commitWrite));
  }

  /** Raises #GP if the memory operand is not aligned to `bytes`. */
  requireAligned(bytes: number): void {
    const bad = i32.and(i32.wrap(this.address()), c32(bytes - 1));
    this.raiseIf(bad, 13, 0);
  }

  /** The operand's value, kept in a local. Reads of an operand that will be written too fault as writes do. */
  read(index: number): Node {
    const o = this.operand(index);
    switch (o.kind) {
      case "imm":
        return this.f.let(o.size < 8 ? i64.and(this.imm(), c64((1n << BigInt(o.size * 8)) - 1n)) : this.imm());
      case "one":
        return c64(1);
      case "seg": {
        if (o.fixed !== undefined) return this.f.let(i64.load32u(c32(L.SEG + o.fixed * L.SEG_SIZE + L.SEG_SELECTOR)));
        const segment = i32.shl(i32.load16u(this.rec, L.REC_REG), c32(Math.log2(L.SEG_SIZE)));
        return this.f.let(i64.load32u(segment, L.SEG + L.SEG_SELECTOR));
      }
      default:
    }
    if (this.inMemory(index)) {
      const size = o.memSize;
      if (o.write && o.read) {
        const h = this.hostForWrite(size);
        return this.f.let(size === 1 ? i64.load8u(h) : size === 2 ? i64.load16u(h) : size === 4 ? i64.load32u(h) : i64.load(h));
      }
      return this.load(this.address(), size, this.stackFlag());
    }
    const at = this.register(index);
    return this.f.let(o.size === 1 ? i64.load8u(at) : o.size === 2 ? i64.load16u(at) : o.size === 4 ? i64.load32u(at) : i64.load(at));
  }

  protected hostForWrite(size: number): Node {
    this.writeHost ??= this.host(this.address(), size, "write", i32.or(this.stackFlag(), c32(0x200)));
    return this.writeHost;
  }

  /** Translates the memory operand for writing before anything is changed. For lifters that change state before write(). */
  prepareWrite(index: number): void {
    if (this.inMemory(index)) this.hostForWrite(this.operand(index).memSize);
  }

  write(index: number, value: Node): void {
    const o = this.operand(index);
    if (this.inMemory(index)) {
      const v = this.f.let(value);
      this.storeHost(this.hostForWrite(o.memSize), o.memSize, v);
      return;
    }
    this.writeAt(this.register(index), o.size, value, o.kind.startsWith("gpr"));
  }

  private writeAt(at: Node, size: number, value: Node, zeroUpper: boolean): void {
    const f = this.f;
    if (size === 1) f.store8(at, value);
    else if (size === 2) f.store16(at, value);
    else if (size === 4 && zeroUpper) f.store(at, i64.and(value, c64(0xffffffff)));
    else if (size === 4) f.store32(at, value);
    else f.store(at, value);
  }

  /** A general register by number, whole 64 bits or the low `size` bytes zero-extended. */
  gpr(number: number, size = 8): Node {
    const at = c32(L.GPR + number * 8);
    return this.f.let(size === 1 ? i64.load8u(at) : size === 2 ? i64.load16u(at) : size === 4 ? i64.load32u(at) : i64.load(at));
  }
  /** AH. */
  highByte(): Node {
    return this.f.let(i64.load8u(c32(L.GPR + 1)));
  }
  setHighByte(value: Node): void {
    this.f.store8(c32(L.GPR + 1), value);
  }
  setGpr(number: number, value: Node, size = 8): void {
    this.writeAt(c32(L.GPR + number * 8), size, value, true);
  }

  /** 128 bits of an XMM register or memory operand. Memory is checked for alignment if the form says so. */
  readV(index: number): Node {
    if (this.inMemory(index)) {
      if (this.form.align > 1) this.requireAligned(this.form.align);
      return this.f.let(v128.load(this.host(this.address(), 16, "read", this.stackFlag())));
    }
    return this.f.let(v128.load(this.register(index)));
  }
  writeV(index: number, value: Node): void {
    const f = this.f;
    if (!this.inMemory(index)) {
      f.store(this.register(index), value);
      return;
    }
    const v = f.let(value);
    if (this.form.align > 1) this.requireAligned(this.form.align);
    const h = this.host(this.address(), 16, "write", this.stackFlag());
    f.store(h, v);
    f.if(i32.eq(h, c32(L.BOUNCE_WRITE)), () => f.call(this.rt.commitWrite));
  }
  /** All of an XMM register operand, whatever the operand's size. */
  setVector(index: number, value: Node): void {
    this.f.store(this.register(index), value);
  }
  /** All of an XMM register by number. */
  setXmm(number: number, value: Node): void {
    this.f.store(c32(0), value, L.XMM + number * 16);
  }
  /** 64 bits of an XMM register operand, as f64. */
  vectorHalf(index: number, isHigh: boolean): Node {
    return this.f.let(f64.load(this.register(index), isHigh ? 8 : 0));
  }
  setVectorHalf(index: number, isHigh: boolean, value: Node): void {
    this.f.store(this.register(index), value, isHigh ? 8 : 0);
  }
  /** All 64 bits of a general register operand, whatever its size. */
  setWhole(index: number, value: Node): void {
    this.f.store(this.register(index), value);
  }
  /** A scalar float: the low 4 or 8 bytes of an XMM register operand, or a memory operand, as f32 or f64. */
  readF(index: number, size: number): Node {
    const at = this.inMemory(index) ? this.host(this.address(), size, "read", this.stackFlag()) : this.register(index);
    return this.f.let(size === 4 ? f32.load(at) : f64.load(at));
  }
  /** Writes a scalar float; the rest of an XMM register stays. */
  writeF(index: number, value: Node): void {
    if (this.inMemory(index)) {
      const v = this.f.let(value);
      this.storeHost(this.hostForWrite(this.operand(index).memSize), 8, v);
    } else this.f.store(this.register(index), value);
  }
  /** The 4 or 8 bytes of a memory operand as a vector, zero above. */
  loadVectorLow(index: number): Node {
    const { memSize } = this.operand(index);
    return this.f.let(v128.loadZero(this.host(this.address(), memSize, "read", this.stackFlag()), memSize));
  }
  /** Code that seldom runs and changes no register. */
  seldom(condition: Node, then: () => void): void {
    this.f.if(condition, then);
  }
  /** Where a driver keeps what float lifters found out about operands in this stretch of code; none here. */
  readonly floats: FloatKnowledge | undefined = undefined;
  /** The x87 stack, where the driver knows which registers it is made of; otherwise lifters find them in the state block. */
  readonly x87: X87Stack | undefined = undefined;
  /** MXCSR has been changed. */
  controlChanged(): void {}
  /** Host address in the state block of an XMM or MMX register operand (for lanes). */
  registerAddress(index: number): Node {
    return this.register(index);
  }

  // ---- flags ---------------------------------------------------------------------------------

  /** Sign-extends the low `size` bytes. */
  signed(value: Node, size = this.size): Node {
    return size === 8 ? value : size === 4 ? i64.extend32(value) : size === 2 ? i64.extend16(value) : i64.extend8(value);
  }
  /** Keeps the low `size` bytes. */
  unsigned(value: Node, size = this.size): Node {
    return size === 8 ? value : i64.and(value, c64((1n << BigInt(size * 8)) - 1n));
  }

  /** Both words of the lazy flags, as they are kept (layout.ts FLAG_*). */
  setFlags(result: Node, aux: Node): void {
    this.f.store(c32(0), result, L.FLAG_RESULT);
    this.f.store(c32(0), aux, L.FLAG_AUX);
  }
  protected carries(vector: Node, size: number): Node {
    if (size === 8) return i64.and(vector, c64(CARRY_AF_MASK));
    const v = this.f.let(vector);
    return i64.or(i64.and(i64.shl(v, c64(64 - size * 8)), c64(CARRY_MASK)), i64.and(v, c64(8)));
  }
  /** Carry vector of r = a + b (+ carry). */
  protected addVector(a: Node, b: Node, r: Node): Node {
    return i64.or(i64.and(a, b), i64.and(i64.or(a, b), i64.xor(r, c64(-1))));
  }
  /** Borrow vector of r = a - b (- borrow). */
  protected subVector(a: Node, b: Node, r: Node): Node {
    const notA = i64.xor(a, c64(-1));
    return i64.or(i64.and(notA, b), i64.and(i64.or(notA, b), r));
  }
  /** All six flags of an addition; `r` is not masked. All three are locals. */
  flagsAdd(a: Node, b: Node, r: Node, size = this.size): void {
    this.setFlags(this.signed(r, size), this.carries(this.addVector(a, b, r), size));
  }
  flagsSub(a: Node, b: Node, r: Node, size = this.size): void {
    this.setFlags(this.signed(r, size), this.carries(this.subVector(a, b, r), size));
  }
  /** ADC and SBB: `r` has the carry in it, so that `a` and `b` alone do not tell CF. */
  flagsAdc(a: Node, b: Node, r: Node): void {
    this.flagsAdd(a, b, r);
  }
  flagsSbb(a: Node, b: Node, r: Node): void {
    this.flagsSub(a, b, r);
  }
  /** Changes flags only if the i32 condition holds: shifts by a count that may be 0. */
  flagsIf(condition: Node, change: () => void): void {
    this.f.if(condition, change);
  }
  /** CF and OF clear, AF clear (undefined in the manuals). */
  flagsLogic(r: Node, size = this.size): void {
    this.setFlags(this.signed(r, size), c64(0));
  }
  /** INC and DEC: all but CF. */
  flagsKeepCarry(a: Node, b: Node, r: Node, kind: "add" | "sub", size = this.size): void {
    const f = this.f;
    const v = f.let(this.carries(kind === "add" ? this.addVector(a, b, r) : this.subVector(a, b, r), size));
    const old = f.let(i64.and(i64.load(c32(L.FLAG_AUX)), c64(1n << 63n)));
    const overflow = i64.and(i64.xor(v, i64.shrU(v, c64(1))), c64(1n << 62n));
    this.setFlags(this.signed(r, size), i64.or(i64.or(old, i64.xor(overflow, i64.shrU(old, c64(1)))), i64.and(v, c64(8))));
  }
  /** SF ZF PF from the result; CF and OF given as i64 0 or 1; AF clear. */
  flagsShift(r: Node, cf: Node, of: Node, size = this.size): void {
    const c = this.f.let(cf);
    this.setFlags(this.signed(r, size), i64.or(i64.shl(c, c64(63)), i64.shl(i64.xor(c, of), c64(62))));
  }
  /** Of the signed product r of two i64. */
  flagsProduct(x: Node, y: Node, r: Node): void {
    const over = this.f.let(call(this.named("productOverflows"), x, y));
    this.flagsShift(r, over, over, 8);
  }
  /** ZF, PF and CF from an i32 local with them in their EFLAGS places, the others clear: of a comparison, so that ZF with PF means all. */
  flagsCompare(x: Node): void {
    const f = this.f;
    const wide = f.let(i64.extendU(x));
    const z = f.let(i64.and(i64.shrU(wide, c64(6)), c64(1)));
    const carry = i64.and(i64.sub(c64(0), i64.and(wide, c64(1))), c64(CARRY_MASK));
    // The result is 0 or 1: even parity for 0, so that the delta has to be the result's own parity against PF.
    const odd = i64.and(i64.xor(z, i64.shrU(wide, c64(2))), c64(1));
    this.setFlags(f.let(i64.xor(z, c64(1))), f.let(i64.or(carry, i64.shl(odd, c64(8)))));
  }
  /** Changes CF only; i64 0 or 1. */
  setCarry(cf: Node): void {
    const f = this.f;
    const aux = f.let(i64.load(c32(L.FLAG_AUX)));
    const flip = i64.sub(c64(0), i64.xor(i64.shrU(aux, c64(63)), cf));
    f.store(c32(0), i64.xor(aux, i64.and(flip, c64(CARRY_MASK))), L.FLAG_AUX);
  }
  /** Changes CF and OF only; i64 0 or 1. */
  setCarryOverflow(cf: Node, of: Node): void {
    const f = this.f;
    const c = f.let(cf);
    const aux = i64.and(i64.load(c32(L.FLAG_AUX)), c64(~CARRY_MASK));
    f.store(c32(0), i64.or(aux, i64.or(i64.shl(c, c64(63)), i64.shl(i64.xor(c, of), c64(62)))), L.FLAG_AUX);
  }
  /** Sets the six from EFLAGS bits (i32). Slow: for POPF, SAHF, COMISS and the like. */
  setArith(eflags: Node): void {
    this.f.call(this.rt.setArith, eflags);
  }
  getArith(): Node {
    return call(this.rt.getArith);
  }
  /** CF as i64 0 or 1. */
  carry(): Node {
    return i64.shrU(i64.load(c32(L.FLAG_AUX)), c64(63));
  }
  /** The condition of Jcc, SETcc, CMOVcc by its code 0-15, as i32 0 or 1. */
  condition(code: number): Node {
    const aux = () => i64.load(c32(L.FLAG_AUX));
    const result = () => i64.load(c32(L.FLAG_RESULT));
    const bit = (n: Node) => i32.wrap(n);
    const sign = () => i64.xor(i64.shrU(result(), c64(63)), i64.and(aux(), c64(1)));
    const overflow = () => i64.and(i64.shrU(i64.xor(aux(), i64.shrU(aux(), c64(1))), c64(62)), c64(1));
    let c: Node;
    switch (code >> 1) {
      case 0:
        c = bit(overflow());
        break;
      case 1:
        c = bit(this.carry());
        break;
      case 2:
        c = i64.eqz(result());
        break;
      case 3:
        c = i32.or(bit(this.carry()), i64.eqz(result()));
        break;
      case 4:
        c = bit(sign());
        break;
      case 5:
        c = i32.and(i32.xor(i32.popcnt(i32.and(i32.wrap(i64.xor(result(), i64.shrU(aux(), c64(8)))), c32(0xff))), c32(1)), c32(1));
        break;
      case 6:
        c = bit(i64.xor(sign(), overflow()));
        break;
      default:
        c = i32.or(bit(i64.xor(sign(), overflow())), i64.eqz(result()));
    }
    return code & 1 ? i32.xor(c, c32(1)) : c;
  }

  // ---- the stack -----------------------------------------------------------------------------

  /** True if the stack pointer is RSP or ESP with a flat segment, so that no checks are needed. */
  private pushAddress(bytes: number): Node {
    const f = this.f;
    if (this.flavour === "long") return f.let(i64.sub(this.gpr(4), c64(bytes)));
    if (this.flavour === "flat") return f.let(i64.and(i64.sub(this.gpr(4), c64(bytes)), c64(0xffffffff)));
    return f.let(i64.and(i64.sub(this.gpr(4), c64(bytes)), this.stackMask()));
  }
  /** FFFFh or FFFFFFFFh by the B bit of SS; all ones in 64-bit mode. */
  stackMask(): Node {
    const big = i32.and(i32.load(c32(L.SEG + L.SS * L.SEG_SIZE + L.SEG_ATTR)), c32(L.ATTR_DB));
    return this.f.let(select(isCode64(), c64(-1), select(big, c64(0xffffffff), c64(0xffff))));
  }
  /** Linear address of stack offset `offset`, checked for `bytes`. */
  stackLinear(offset: Node, bytes: number, isWrite: boolean): Node {
    if (this.flavour !== "seg") return offset;
    const linear = this.f.let(call(this.rt.segLinear, c32(L.SS), offset, c32(bytes | (isWrite ? 256 : 0))));
    this.checkFault();
    return linear;
  }
  /** Sets SP, ESP or RSP to an offset that is already masked. */
  setStackPointer(offset: Node): void {
    const f = this.f;
    if (this.flavour !== "seg") {
      f.store(c32(0), offset, L.GPR + 32);
      return;
    }
    const mask = this.stackMask();
    f.if(
      i64.eq(mask, c64(0xffff)),
      () => f.store16(c32(0), offset, L.GPR + 32),
      () => f.store(c32(0), offset, L.GPR + 32),
    );
  }
  push(value: Node, bytes: number): void {
    const v = this.f.let(value);
    const at = this.pushAddress(bytes);
    this.store(this.stackLinear(at, bytes, true), bytes, v, c32(0x100));
    this.setStackPointer(at);
  }
  /** The value at the top of the stack plus `skip` bytes, without moving the pointer. */
  peek(bytes: number, skip = 0): Node {
    return this.load(this.stackLinear(this.popped(skip), bytes, false), bytes, c32(0x100));
  }
  /** The stack pointer after `bytes` have been popped. */
  popped(bytes: number): Node {
    const sum = bytes === 0 ? this.gpr(4) : i64.add(this.gpr(4), c64(bytes));
    return this.f.let(this.flavour === "long" ? sum : i64.and(sum, this.flavour === "flat" ? c64(0xffffffff) : this.stackMask()));
  }

  // ---- faults and ends -----------------------------------------------------------------------

  leaveWithFault(): void {
    this.f.tailCall(this.rt.exitFault, this.rec, this.left);
  }
  /** Leaves if a called function has set FAULT. */
  checkFault(): void {
    this.f.if(i32.load(c32(L.FAULT)), () => this.leaveWithFault());
  }
  /** Raises an exception. `code` undefined: the vector has no error code. */
  raise(vector: number, code?: number): void {
    noteFault(this.f, vector, code);
    this.leaveWithFault();
  }
  raiseIf(condition: Node, vector: number, code?: number): void {
    this.f.if(condition, () => this.raise(vector, code));
  }
  requireCpl0(): void {
    this.raiseIf(i32.load(c32(L.CPL)), 13, 0);
  }

  /** Goes on with the next instruction. Every handler that does not branch ends with it; the driver adds it. */
  next(): void {
    this.f.tailCallTable(
      i32.load(this.rec, L.REC_SIZE + L.REC_HANDLER),
      HANDLER_PARAMS,
      HANDLER_RESULTS,
      i32.add(this.rec, c32(L.REC_SIZE)),
      i32.sub(this.left, c32(1)),
    );
  }
  /** Goes on at RIP, which has been stored: indirect jumps and returns. */
  dispatch(): void {
    this.f.tailCall(this.rt.dispatch, this.rec, i32.sub(this.left, c32(1)));
  }
  /** Stores RIP. */
  setRip(rip: Node): void {
    this.f.store(c32(0), rip, L.RIP);
  }
  /** Leaves to the run loop with RIP stored, this instruction being done. */
  leave(): void {
    this.f.tailCall(this.rt.exitAt, this.rec, i32.sub(this.left, c32(1)));
  }

  /** Runs a system operation in TypeScript (cpu/system), with the memory operand's address, if any, in SCRATCH. */
  system(name: string): void {
    const f = this.f;
    if (this.isMemory || this.form.operands.some((o) => o.kind === "mem")) f.store(c32(0), this.address(), L.SCRATCH);
    f.store(c32(0), this.nextRip(), L.NEXT_RIP);
    f.store(c32(0), this.rip(), L.RIP);
    f.store(c32(0), this.left, L.LEFT);
    const outcome = f.let(call(this.rt.system, c32(this.rt.systemNumber(name)), this.rec));
    f.if(outcome, () => {
      f.if(i32.eq(outcome, c32(2)), () => this.leaveWithFault());
      f.store(c32(0), i64.load(c32(L.NEXT_RIP)), L.RIP);
      this.leave();
    });
  }

  /** In the cases that the i32 condition tells, the system operation does the whole instruction. */
  systemIf(condition: Node, name: string): void {
    this.f.if(condition, () => {
      this.system(name);
      this.next();
    });
  }

  /** Instructions left of the budget, this one among them. */
  leftNow(): Node {
    return this.left;
  }

  named(name: string): Callee {
    const callee = this.rt.named.get(name);
    if (!callee) throw new Error(`No runtime function ${name}`);
    return callee;
  }
}

/** What an instruction does. Ends by falling off (then the next instruction follows) or by dispatch(), leave(), raise(). */
export type Lifter = (l: Lift) => void;
export type { Variable };
