// WebAssembly expressions as small typed trees. A tree is emitted where a statement of function.ts uses it, so a load inside
// one happens there and not where the tree was made: keep a value in a local (`f.let`) before anything that may change it.
// Follows the WebAssembly core specification 2.0, binary format, with tail calls and fixed-width SIMD.

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type Type = typeof I32 | typeof I64 | typeof F32 | typeof F64 | typeof V128;

export const NodeKind = { i32const: 0, i64const: 1, local: 2, plain: 3, load: 4, call: 5, simd: 6, lane: 7, v128const: 8, fc: 9, simdLoad: 10, f64const: 11, f32const: 12, global: 13 } as const;

export interface Node {
  readonly kind: number;
  readonly type: Type;
  /** Opcode; function index for calls; local index. */
  readonly op: number;
  /** Constant, memory offset or lane. */
  readonly imm: number;
  readonly big: bigint;
  readonly args: readonly Node[];
  readonly bytes?: Uint8Array;
}

const K = NodeKind;
const none: readonly Node[] = [];
function node(kind: number, type: Type, op: number, imm: number, args: readonly Node[], big = 0n): Node {
  return { kind, type, op, imm, big, args };
}

/** A function of the module being built, as a callee. */
export interface Callee {
  readonly index: number;
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}

export const c32 = (value: number): Node => node(K.i32const, I32, 0, value | 0, none);
export const c64 = (value: bigint | number): Node => node(K.i64const, I64, 0, 0, none, BigInt.asIntN(64, BigInt(value)));
export const cf64 = (value: number): Node => node(K.f64const, F64, 0, value, none);
export const cf32 = (value: number): Node => node(K.f32const, F32, 0, value, none);
export const local = (index: number, type: Type): Node => node(K.local, type, index, 0, none);
export const call = (f: Callee, ...args: Node[]): Node => node(K.call, f.results[0] ?? I32, f.index, 0, args);
/** Picks `a` if the i32 condition is not 0. Both are evaluated. */
export const select = (cond: Node, a: Node, b: Node): Node =>
  cond.kind === K.i32const ? (cond.imm === 0 ? b : a) : node(K.plain, a.type, a.type === V128 ? 0x1c : 0x1b, 0, [a, b, cond]);

/** Opcodes of i64 operations, for those who look into a tree. */
export const I64_OP = { add: 0x7c, sub: 0x7d, mul: 0x7e, and: 0x83, or: 0x84, xor: 0x85, shl: 0x86, shrU: 0x88, extendS: 0xac, extendU: 0xad, extend8: 0xc2, extend16: 0xc3, extend32: 0xc4 } as const;
/** Whether it is the constant that leaves the low 32 bits of an i64. */
export const isLowMask = (n: Node): boolean => n.kind === K.i64const && n.big === 0xffff_ffffn;

/** The result of an integer operation on constants, or one that an identity gives away; undefined where it has to be computed. */
function folded(op: number, a: Node, b: Node): Node | undefined {
  if (b.kind !== K.i32const && b.kind !== K.i64const) return undefined;
  const wide = b.kind === K.i64const;
  const y = wide ? b.big : BigInt(b.imm);
  const name = op - (wide ? 0x7c : 0x6a);
  // Shifts, additions and OR, XOR by zero.
  if (y === 0n && (name === 0 || name === 1 || (name >= 8 && name <= 12))) return a;
  if (y === -1n && name === 7) return a;
  if (a.kind !== b.kind) return undefined;
  const x = wide ? a.big : BigInt(a.imm);
  const bits = wide ? 64n : 32n;
  const count = y & (bits - 1n);
  const unsigned = BigInt.asUintN(Number(bits), x);
  let r: bigint;
  switch (name) {
    case 0:
      r = x + y;
      break;
    case 1:
      r = x - y;
      break;
    case 2:
      r = x * y;
      break;
    case 7:
      r = x & y;
      break;
    case 8:
      r = x | y;
      break;
    case 9:
      r = x ^ y;
      break;
    case 10:
      r = x << count;
      break;
    case 11:
      r = x >> count;
      break;
    case 12:
      r = unsigned >> count;
      break;
    default:
      return undefined;
  }
  return wide ? c64(r) : c32(Number(BigInt.asIntN(32, r)));
}

const plain = (op: number, type: Type) => (...args: Node[]): Node => node(K.plain, type, op, 0, args);
type Un = (a: Node) => Node;
type Bin = (a: Node, b: Node) => Node;
type Load = (address: Node, offset?: number) => Node;
const un = (op: number, type: Type): Un => plain(op, type) as Un;
const bin = (op: number, type: Type): Bin => (a, b) => folded(op, a, b) ?? node(K.plain, type, op, 0, [a, b]);
const load = (op: number, type: Type): Load => (address, offset = 0) => node(K.load, type, op, offset, [address]);

export const i32 = {
  eqz: (a: Node): Node => (a.kind === K.i32const ? c32(a.imm === 0 ? 1 : 0) : node(K.plain, I32, 0x45, 0, [a])), eq: bin(0x46, I32), ne: bin(0x47, I32), ltS: bin(0x48, I32), ltU: bin(0x49, I32), gtS: bin(0x4a, I32), gtU: bin(0x4b, I32),
  leS: bin(0x4c, I32), leU: bin(0x4d, I32), geS: bin(0x4e, I32), geU: bin(0x4f, I32),
  clz: un(0x67, I32), ctz: un(0x68, I32), popcnt: un(0x69, I32), add: bin(0x6a, I32), sub: bin(0x6b, I32), mul: bin(0x6c, I32),
  divS: bin(0x6d, I32), divU: bin(0x6e, I32), remS: bin(0x6f, I32), remU: bin(0x70, I32), and: bin(0x71, I32), or: bin(0x72, I32), xor: bin(0x73, I32),
  shl: bin(0x74, I32), shrS: bin(0x75, I32), shrU: bin(0x76, I32), rotl: bin(0x77, I32), rotr: bin(0x78, I32),
  wrap: (a: Node): Node => (a.kind === K.i64const ? c32(Number(BigInt.asIntN(32, a.big))) : node(K.plain, I32, 0xa7, 0, [a])), reinterpretF32: un(0xbc, I32), extend8: un(0xc0, I32), extend16: un(0xc1, I32),
  load: load(0x28, I32), load8s: load(0x2c, I32), load8u: load(0x2d, I32), load16s: load(0x2e, I32), load16u: load(0x2f, I32),
  truncSatF32S: (a: Node): Node => node(K.fc, I32, 0, 0, [a]), truncSatF64S: (a: Node): Node => node(K.fc, I32, 2, 0, [a]),
};

export const i64 = {
  eqz: (a: Node): Node => (a.kind === K.i64const ? c32(a.big === 0n ? 1 : 0) : node(K.plain, I32, 0x50, 0, [a])), eq: bin(0x51, I32), ne: bin(0x52, I32), ltS: bin(0x53, I32), ltU: bin(0x54, I32), gtS: bin(0x55, I32), gtU: bin(0x56, I32),
  leS: bin(0x57, I32), leU: bin(0x58, I32), geS: bin(0x59, I32), geU: bin(0x5a, I32),
  clz: un(0x79, I64), ctz: un(0x7a, I64), popcnt: un(0x7b, I64), add: bin(0x7c, I64), sub: bin(0x7d, I64), mul: bin(0x7e, I64),
  divS: bin(0x7f, I64), divU: bin(0x80, I64), remS: bin(0x81, I64), remU: bin(0x82, I64), and: bin(0x83, I64), or: bin(0x84, I64), xor: bin(0x85, I64),
  shl: bin(0x86, I64), shrS: bin(0x87, I64), shrU: bin(0x88, I64), rotl: bin(0x89, I64), rotr: bin(0x8a, I64),
  extendS: un(0xac, I64), extendU: (a: Node): Node => (a.kind === K.i32const ? c64(a.imm >>> 0) : node(K.plain, I64, 0xad, 0, [a])), reinterpretF64: un(0xbd, I64), extend8: un(0xc2, I64), extend16: un(0xc3, I64), extend32: un(0xc4, I64),
  load: load(0x29, I64), load8s: load(0x30, I64), load8u: load(0x31, I64), load16s: load(0x32, I64), load16u: load(0x33, I64), load32s: load(0x34, I64), load32u: load(0x35, I64),
  truncSatF32S: (a: Node): Node => node(K.fc, I64, 4, 0, [a]), truncSatF64S: (a: Node): Node => node(K.fc, I64, 6, 0, [a]),
};

export const f32 = {
  eq: bin(0x5b, I32), ne: bin(0x5c, I32), lt: bin(0x5d, I32), gt: bin(0x5e, I32), le: bin(0x5f, I32), ge: bin(0x60, I32),
  abs: un(0x8b, F32), neg: un(0x8c, F32), ceil: un(0x8d, F32), floor: un(0x8e, F32), trunc: un(0x8f, F32), nearest: un(0x90, F32), sqrt: un(0x91, F32),
  add: bin(0x92, F32), sub: bin(0x93, F32), mul: bin(0x94, F32), div: bin(0x95, F32),
  convertI32S: un(0xb2, F32), convertI64S: un(0xb4, F32), demoteF64: un(0xb6, F32), reinterpretI32: un(0xbe, F32), load: load(0x2a, F32),
};

export const f64 = {
  eq: bin(0x61, I32), ne: bin(0x62, I32), lt: bin(0x63, I32), gt: bin(0x64, I32), le: bin(0x65, I32), ge: bin(0x66, I32),
  abs: un(0x99, F64), neg: un(0x9a, F64), ceil: un(0x9b, F64), floor: un(0x9c, F64), trunc: un(0x9d, F64), nearest: un(0x9e, F64), sqrt: un(0x9f, F64),
  add: bin(0xa0, F64), sub: bin(0xa1, F64), mul: bin(0xa2, F64), div: bin(0xa3, F64),
  convertI32S: un(0xb7, F64), convertI64S: un(0xb9, F64), promoteF32: un(0xbb, F64), reinterpretI64: un(0xbf, F64), load: load(0x2b, F64),
};

/** SIMD by its opcode in the specification's table (FDh prefix). */
export const simd = (op: number, type: Type, ...args: Node[]): Node => node(K.simd, type, op, 0, args);
/** extract_lane and replace_lane. */
export const simdLane = (op: number, type: Type, lane: number, ...args: Node[]): Node => node(K.lane, type, op, lane, args);
export const v128 = {
  load: (address: Node, offset = 0): Node => node(K.simdLoad, V128, 0, offset, [address]),
  /** 4 or 8 bytes, the rest zero. */
  loadZero: (address: Node, size: number, offset = 0): Node => node(K.simdLoad, V128, size === 4 ? 92 : 93, offset, [address]),
  /** 16 bytes. */
  const: (bytes: Uint8Array): Node => ({ kind: K.v128const, type: V128, op: 12, imm: 0, big: 0n, args: none, bytes }),
  shuffle: (a: Node, b: Node, lanes: Uint8Array): Node => ({ kind: K.v128const, type: V128, op: 13, imm: 0, big: 0n, args: [a, b], bytes: lanes }),
  swizzle: (a: Node, b: Node): Node => simd(14, V128, a, b),
  not: (a: Node): Node => simd(77, V128, a), and: (a: Node, b: Node): Node => simd(78, V128, a, b), andnot: (a: Node, b: Node): Node => simd(79, V128, a, b),
  or: (a: Node, b: Node): Node => simd(80, V128, a, b), xor: (a: Node, b: Node): Node => simd(81, V128, a, b),
  bitselect: (a: Node, b: Node, mask: Node): Node => simd(82, V128, a, b, mask), anyTrue: (a: Node): Node => simd(83, I32, a),
};
