// Fills the site caches of translated code: 16 bytes in a region's data for each place that accesses memory, with the page that was
// met last (tag i64: page address ^ SITE_KEY; addend i32). Backed by the TLBs, these by the page walker. Only accesses that stay in
// one page of plain RAM are served; for everything else the region leaves the instruction to the interpreter.
import * as L from "../state/layout.ts";
import { isCode64, isNotCanonical } from "../state/state-nodes.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node } from "../wasm/nodes.ts";
import { logFill } from "./invalidate.ts";
import { noteWriteCached } from "./translate.ts";
import { ACCESS_USER, ACCESS_WRITE } from "./walker.ts";

export interface RefillFunctions {
  /** (linear i64, site i32, extent i32: see extentOf()) -> host address of the access, or 0 if it is not a plain one. In the upper half
   *  the same again if the whole extent lies in that page, which the site then holds, or else 0. */
  refillRead: Callee;
  refillWrite: Callee;
  /** (linear i64, size i32) -> host address, or 0 if the access is not a plain one. */
  probeRead: Callee;
  probeWrite: Callee;
}

const SPAN_SHIFT = 8;
const LEAD_SHIFT = 18;
/** Largest access, and largest extent that one can stand for. */
const LARGEST_ACCESS = (1 << SPAN_SHIFT) - 1;
const LARGEST_SPAN = (1 << (LEAD_SHIFT - SPAN_SHIFT)) - 1;
/** What an access of `size` bytes asks a page for: `span` bytes from `lead` before it on. */
export function extentOf(size: number, span = size, lead = 0): number {
  if (size > LARGEST_ACCESS || span > LARGEST_SPAN || lead >= span) throw new RangeError(`No extent of ${size}, ${span} and ${lead} bytes`);
  return size | (span << SPAN_SHIFT) | (lead << LEAD_SHIFT);
}

export function defineRefill(module: ModuleBuilder, walk: Callee, pageEntry: Callee, noteFill: Callee): RefillFunctions {
  const define = (table: number, access: number, refusedBits: number): { refill: Callee; probe: Callee } => {
    const slotOf = (ea: Node): Node => i32.and(i32.shrU(i32.wrap(ea), c32(8)), c32(0xfff0));
    /** (linear, size) -> the page's TLB entry after a walk, or -1. The TLB has it not, or the access runs over the page's end. */
    const find = module.func([I64, I32], [I32], (f) => {
      const ea = f.param(0);
      const entry = f.let(slotOf(ea));
      f.if(i32.gtU(i32.and(i32.wrap(ea), c32(4095)), i32.sub(c32(4096), f.param(1))), () => f.return(c32(-1)));
      f.if(i32.load(c32(L.WATCHING)), () => f.return(c32(-1)));
      f.if(isCode64(), () => f.if(isNotCanonical(ea), () => f.return(c32(-1))));
      const user = i32.shl(i32.eq(i32.load(c32(L.CPL)), c32(3)), c32(Math.log2(ACCESS_USER)));
      const gpa = f.let(call(walk, ea, i32.or(user, c32(access))));
      f.if(i64.eq(gpa, c64(-1)), () => {
        // The interpreter meets the fault again and raises it.
        f.store(c32(0), c32(0), L.FAULT);
        f.return(c32(-1));
      });
      const page = f.let(call(pageEntry, gpa));
      f.if(i32.eqz(page), () => f.return(c32(-1)));
      if (refusedBits !== 0) f.if(i32.and(page, c32(refusedBits)), () => f.return(c32(-1)));
      if (access === ACCESS_WRITE) noteWriteCached(f, gpa, page);
      f.store(entry, i64.xor(i64.and(ea, c64(-4096)), i64.load(c32(L.TLB_KEY))), table);
      f.store(entry, i32.sub(i32.and(page, c32(-4096)), i32.and(i32.wrap(ea), c32(-4096))), table + 8);
      f.store(entry, i32.load(c32(L.WALK_GLOBAL)), table + 12);
      f.call(noteFill, i32.add(entry, c32(table)), ea, i32.load(c32(L.WALK_GLOBAL)));
      f.return(entry);
    });
    /** Host address of the access, and the page's TLB entry; where there is none the function returns `none`. */
    const locate = (f: FunctionBuilder, ea: Node, size: Node, none: Node): { host: Node; entry: Node } => {
      const entry = f.variable(I32, slotOf(ea));
      const offset = i64.xor(i64.xor(ea, i64.load(c32(L.TLB_KEY))), i64.load(entry.get, table));
      f.if(i64.gtU(offset, i64.extendU(i32.sub(c32(4096), size))), () => {
        f.set(entry, call(find, ea, size));
        f.if(i32.ltS(entry.get, c32(0)), () => f.return(none));
      });
      return { host: f.let(i32.add(i32.wrap(ea), i32.load(entry.get, table + 8))), entry: entry.get };
    };
    const probe = module.func([I64, I32], [I32], (f) => f.return(locate(f, f.param(0), f.param(1), c32(0)).host));
    const refill = module.func([I64, I32, I32], [I64], (f) => {
      const [ea, site, extent] = [0, 1, 2].map((n) => f.param(n)) as [Node, Node, Node];
      const { host: at, entry } = locate(f, ea, i32.and(extent, c32(LARGEST_ACCESS)), c64(0));
      const host = f.let(i64.extendU(at));
      const least = i32.sub(i32.and(i32.wrap(ea), c32(4095)), i32.shrU(extent, c32(LEAD_SHIFT)));
      const span = i32.and(i32.shrU(extent, c32(SPAN_SHIFT)), c32(LARGEST_SPAN));
      f.if(i32.gtU(least, i32.sub(c32(4096), span)), () => f.return(host));
      // What INVLPG has to know of the page has been noted with the TLB's entry.
      f.store(site, i64.xor(i64.and(ea, c64(-4096)), i64.load(c32(L.SITE_KEY))));
      f.store(site, i32.load(entry, table + 8), 8);
      f.if(i32.eqz(i32.load(entry, table + 12)), () => logFill(f, site, i32.wrap(i64.shrU(ea, c64(12)))));
      f.return(i64.or(host, i64.shl(host, c64(32))));
    });
    return { refill, probe };
  };
  const read = define(L.READ_TLB, 0, 0);
  const write = define(L.WRITE_TLB, ACCESS_WRITE, L.PAGE_READ_ONLY | L.PAGE_HAS_CODE);
  return { refillRead: read.refill, refillWrite: write.refill, probeRead: read.probe, probeWrite: write.probe };
}
