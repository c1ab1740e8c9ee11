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
  /** (linear i64, site i32, size i32) -> 1 if the site now holds the page, 0 if the access is not a plain one. */
  refillRead: Callee;
  refillWrite: Callee;
}

export function defineRefill(module: ModuleBuilder, walk: Callee, pageEntry: Callee, noteFill: Callee): RefillFunctions {
  const define = (table: number, access: number, refusedBits: number): Callee => {
    const slotOf = (ea: Node): Node => i32.and(i32.shrU(i32.wrap(ea), c32(8)), c32(0xfff0));
    /** From a TLB entry that is the page's. What INVLPG has to know of the page has been noted with the entry. */
    const fill = (f: FunctionBuilder, site: Node, ea: Node, entry: Node): void => {
      f.store(site, i64.xor(i64.and(ea, c64(-4096)), i64.load(c32(L.SITE_KEY))));
      f.store(site, i32.load(entry, table + 8), 8);
      f.if(i32.eqz(i32.load(entry, table + 12)), () => logFill(f, site, i32.wrap(i64.shrU(ea, c64(12)))));
      f.return(c32(1));
    };
    /** The TLB has it not, or the access runs over the page's end. */
    const refillByWalk = module.func([I64, I32, I32], [I32], (f) => {
      const ea = f.param(0);
      const site = f.param(1);
      const entry = f.let(slotOf(ea));
      f.if(i32.gtU(i32.and(i32.wrap(ea), c32(4095)), i32.sub(c32(4096), f.param(2))), () => f.return(c32(0)));
      f.if(i32.load(c32(L.WATCHING)), () => f.return(c32(0)));
      f.if(isCode64(), () => f.if(isNotCanonical(ea), () => f.return(c32(0))));
      const user = i32.shl(i32.eq(i32.load(c32(L.CPL)), c32(3)), c32(Math.log2(ACCESS_USER)));
      const gpa = f.let(call(walk, ea, i32.or(user, c32(access))));
      f.if(i64.eq(gpa, c64(-1)), () => {
        // The interpreter meets the fault again and raises it.
        f.store(c32(0), c32(0), L.FAULT);
        f.return(c32(0));
      });
      const page = f.let(call(pageEntry, gpa));
      f.if(i32.eqz(page), () => f.return(c32(0)));
      if (refusedBits !== 0) f.if(i32.and(page, c32(refusedBits)), () => f.return(c32(0)));
      if (access === ACCESS_WRITE) noteWriteCached(f, gpa, page);
      f.store(entry, i64.xor(i64.and(ea, c64(-4096)), i64.load(c32(L.TLB_KEY))), table);
      f.store(entry, i32.sub(i32.and(page, c32(-4096)), i32.and(i32.wrap(ea), c32(-4096))), table + 8);
      f.store(entry, i32.load(c32(L.WALK_GLOBAL)), table + 12);
      f.call(noteFill, i32.add(entry, c32(table)), ea, i32.load(c32(L.WALK_GLOBAL)));
      fill(f, site, ea, entry);
    });
    return module.func([I64, I32, I32], [I32], (f) => {
      const ea = f.param(0);
      const entry = f.let(slotOf(ea));
      const inPage = i64.xor(i64.xor(ea, i64.load(c32(L.TLB_KEY))), i64.load(entry, table));
      const isElsewhere = i64.gtU(inPage, i64.extendU(i32.sub(c32(4096), f.param(2))));
      f.if(isElsewhere, () => f.tailCall(refillByWalk, ea, f.param(1), f.param(2)));
      fill(f, f.param(1), ea, entry);
    });
  };
  return {
    refillRead: define(L.READ_TLB, 0, 0),
    refillWrite: define(L.WRITE_TLB, ACCESS_WRITE, L.PAGE_READ_ONLY | L.PAGE_HAS_CODE),
  };
}
