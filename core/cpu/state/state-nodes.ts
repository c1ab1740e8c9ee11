// What generated code asks of the state block and notes in it, in one place: the mode, the rights of an access, a fault.
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import { c32, c64, i32, i64, type Node } from "../wasm/nodes.ts";
import * as L from "./layout.ts";

/** 64-bit code, i32: the low bits of MODE_KEY. */
export const isCode64 = (): Node => i32.eq(i32.and(i32.load(c32(L.MODE_KEY)), c32(3)), c32(2));

/** An address whose bits 63:47 are not all equal, i32. `address` is used twice: a local or a constant. */
export const isNotCanonical = (address: Node): Node => i64.ne(i64.shrS(i64.shl(address, c64(16)), c64(16)), address);

/** Notes an exception of the instruction being executed; leaving is the caller's. `code` undefined: it has no error code. */
export function noteFault(f: FunctionBuilder, vector: number | Node, code?: number): void {
  f.store(c32(L.FAULT), typeof vector === "number" ? c32(vector + 1) : i32.add(vector, c32(1)));
  f.store(c32(L.FAULT_HAS_CODE), c32(code === undefined ? 0 : 1));
  if (code !== undefined) f.store(c32(L.FAULT_CODE), c32(code));
}
