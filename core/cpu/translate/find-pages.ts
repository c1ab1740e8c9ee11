// Whether the pages that a region has code in, beside its head's, are where they were when it was made: looked at when it is entered
// under another CODE_KEY than the last time. A WebAssembly function; what it does not find, TypeScript looks at again.
import { ACCESS_FETCH, ACCESS_USER } from "../mmu/walker.ts";
import * as L from "../state/layout.ts";
import { isCode64 } from "../state/state-nodes.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, i32, i64, select } from "../wasm/nodes.ts";
import { DATA_KEY, DATA_PAGE_COUNT, DATA_PAGES, DATA_RECORD } from "./region-data.ts";

/** (record, the region's data) -> 1 if the region may run. `moved`: the same question to the translator. */
export function defineFindPages(module: ModuleBuilder, walk: Callee, noteFill: Callee, moved: Callee): Callee {
  return module.func([I32, I32], [I32], (f) => {
    const rec = f.param(0);
    const data = f.param(1);
    const rip = f.let(i64.load(rec, L.REC_RIP));
    const based = i64.and(i64.add(rip, i64.load(c32(L.SEG + L.CS * L.SEG_SIZE + L.SEG_BASE))), c64(0xffffffff));
    const linear = f.let(select(isCode64(), rip, based));
    const user = i32.shl(i32.eq(i32.load(c32(L.CPL)), c32(3)), c32(Math.log2(ACCESS_USER)));
    const access = f.let(i32.or(user, c32(ACCESS_FETCH)));
    const at = f.variable(I32, i32.add(data, c32(DATA_PAGES)));
    const end = f.let(i32.add(at.get, i32.shl(i32.load(data, DATA_PAGE_COUNT), c32(3))));
    f.loop((next) => {
      const page = i64.add(i64.and(linear, c64(-4096)), i64.shl(i64.load32s(at.get), c64(12)));
      const pageLinear = f.let(select(isCode64(), page, i64.and(page, c64(0xffffffff))));
      const gpa = f.let(call(walk, pageLinear, access));
      f.if(i64.eq(gpa, c64(-1)), () => {
        f.store(c32(0), c32(0), L.FAULT);
        f.return(c32(0));
      });
      f.if(i64.ne(i64.shrU(gpa, c64(12)), i64.load32u(at.get, 4)), () => f.return(call(moved, rec, data)));
      f.call(noteFill, i32.add(data, c32(DATA_KEY)), pageLinear, i32.load(c32(L.WALK_GLOBAL)));
      f.set(at, i32.add(at.get, c32(8)));
      f.brIf(next, i32.ltU(at.get, end));
    });
    f.store(data, rec, DATA_RECORD);
    f.store(data, i64.load(c32(L.CODE_KEY)), DATA_KEY);
    f.return(c32(1));
  });
}
