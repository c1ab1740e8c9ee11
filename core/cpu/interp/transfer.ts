// How generated code finds the next record: links within a page, the jump cache, the block table, and the ways out to the
// run loop. All WebAssembly functions.
import { HANDLER_PARAMS, HANDLER_RESULTS } from "../lift/lift.ts";
import { ACCESS_FETCH, ACCESS_USER } from "../mmu/walker.ts";
import * as L from "../state/layout.ts";
import { EVENT_FAULT, EVENT_HAS_CODE } from "../system/native-events.ts";
import { isCode64, isNotCanonical, noteFault } from "../state/state-nodes.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node, select } from "../wasm/nodes.ts";

/** Values of EXIT_REASON. */
export const EXIT_BUDGET = 0;
/** FAULT* tell; RIP is that of the instruction. */
export const EXIT_FAULT = 1;
/** No block at RIP yet. */
export const EXIT_DECODE = 2;
/** A block's instruction crosses into a page that is now another: its record is in EXIT_RECORD. */
export const EXIT_STALE = 3;

export interface Transfers {
  exitFault: Callee;
  exitAgain: Callee;
  exitAt: Callee;
  dispatch: Callee;
  branch: Callee;
  /** (left): enters at RIP. */
  enter: Callee;
  /** (segment, offset, size | 256): see Runtime.segLinear. */
  segLinear: Callee;
  stale: Callee;
  chain: Callee;
  cross: Callee;
  raiseRecord: Callee;
}

const at = c32;
const PAGE_FAULT = 14;
export const BLOCK_PROBES = 8;

/** Slot of the block table at which probing starts. Also computed by block-cache.ts. */
function blockHash(rip: Node, gpa: Node): Node {
  const mixed = i64.mul(i64.xor(rip, i64.shrU(gpa, c64(12))), c64(0x9e3779b97f4a7c15n));
  return i32.wrap(i64.shrU(mixed, c64(64 - Math.log2(L.BLOCK_TABLE_ENTRIES))));
}

/** Address of the jump cache entry for a RIP, from JUMP_CACHE. */
function jumpSlot(rip: Node): Node {
  const low = i32.wrap(rip);
  return i32.shl(i32.and(i32.xor(low, i32.shrU(low, c32(13))), c32(L.JUMP_CACHE_BYTES / 16 - 1)), c32(4));
}

export function defineTransfers(module: ModuleBuilder, walk: Callee, noteFill: Callee, deliver: Callee): Transfers {
  const go = (f: FunctionBuilder, rec: Node, left: Node) => f.tailCallTable(i32.load(rec), HANDLER_PARAMS, HANDLER_RESULTS, rec, left);
  const handler = (write: (f: FunctionBuilder, rec: Node, left: Node) => void) =>
    module.func(HANDLER_PARAMS, HANDLER_RESULTS, (f) => write(f, f.param(0), f.param(1)));
  const leave = (f: FunctionBuilder, rec: Node, left: Node, reason: number) => {
    f.store(at(L.LEFT), left);
    f.store(at(L.EXIT_RECORD), rec);
    f.store(at(L.EXIT_REASON), c32(reason));
    f.return(c32(0));
  };

  const exitFault = handler((f, rec, left) => {
    f.store(at(L.RIP), i64.load(rec, L.REC_RIP));
    leave(f, rec, left, EXIT_FAULT);
  });
  const exitAgain = handler((f, rec, left) => {
    f.store(at(L.RIP), i64.load(rec, L.REC_RIP));
    leave(f, rec, left, EXIT_BUDGET);
  });
  const exitAt = handler((f, rec, left) => leave(f, rec, left, EXIT_BUDGET));

  /** (RIP) -> linear address of code. */
  const codeLinear = module.func([I64], [I64], (f) => {
    const rip = f.param(0);
    f.if(isCode64(), () => f.return(rip));
    f.return(i64.and(i64.add(rip, i64.load(at(L.SEG + L.CS * L.SEG_SIZE + L.SEG_BASE))), c64(0xffffffff)));
  });

  /** (RIP) -> record, or 0 with EXIT_REASON set to EXIT_DECODE or EXIT_FAULT. */
  const findBlock = module.func([I64], [I32], (f) => {
    const rip = f.param(0);
    const linear = f.let(call(codeLinear, rip));
    f.if(isCode64(), () =>
      f.if(isNotCanonical(rip), () => {
        noteFault(f, 13, 0);
        f.store(at(L.EXIT_REASON), c32(EXIT_FAULT));
        f.return(c32(0));
      }),
    );
    const entry = f.let(i32.and(i32.shrU(i32.wrap(linear), c32(8)), c32((L.CODE_TLB_ENTRIES - 1) << 4)));
    const tag = f.let(i64.or(i64.xor(i64.and(linear, c64(-4096)), i64.load(at(L.CODE_KEY))), c64(1)));
    f.if(i64.ne(i64.load(entry, L.CODE_TLB), tag), () => {
      const user = i32.shl(i32.eq(i32.load(at(L.CPL)), c32(3)), c32(Math.log2(ACCESS_USER)));
      const walked = f.let(call(walk, linear, i32.or(user, c32(ACCESS_FETCH))));
      f.if(i64.eq(walked, c64(-1)), () => {
        f.store(at(L.EXIT_REASON), c32(EXIT_FAULT));
        f.return(c32(0));
      });
      f.store(entry, tag, L.CODE_TLB);
      f.store(entry, i32.wrap(i64.shrU(walked, c64(12))), L.CODE_TLB + 8);
      f.store(entry, i32.load(at(L.WALK_GLOBAL)), L.CODE_TLB + 12);
      f.call(noteFill, i32.add(entry, c32(L.CODE_TLB)), linear, i32.load(at(L.WALK_GLOBAL)));
    });
    const gpa = f.let(i64.or(i64.shl(i64.load32u(entry, L.CODE_TLB + 8), c64(12)), i64.and(linear, c64(4095))));
    const isGlobal = f.let(i32.load(entry, L.CODE_TLB + 12));
    const slot = f.variable(I32, blockHash(rip, gpa));
    const probes = f.variable(I32, c32(BLOCK_PROBES));
    const mode = f.let(i32.load(at(L.MODE_KEY)));
    f.loop((again) => {
      const known = f.let(i32.shl(slot.get, c32(5)));
      const record = f.let(i32.load(known, L.BLOCK_TABLE + 20));
      const same = i32.and(
        i32.and(i64.eq(i64.load(known, L.BLOCK_TABLE), rip), i64.eq(i64.load(known, L.BLOCK_TABLE + 8), gpa)),
        i32.eq(i32.load(known, L.BLOCK_TABLE + 16), mode),
      );
      f.if(i32.and(same, i32.ne(record, c32(0))), () => {
        const cache = f.let(jumpSlot(rip));
        f.store(cache, i64.xor(rip, i64.load(at(L.CODE_KEY))), L.JUMP_CACHE);
        f.store(cache, record, L.JUMP_CACHE + 8);
        f.call(noteFill, i32.add(cache, c32(L.JUMP_CACHE)), linear, isGlobal);
        f.return(record);
      });
      f.set(slot, i32.and(i32.add(slot.get, c32(1)), c32(L.BLOCK_TABLE_ENTRIES - 1)));
      f.set(probes, i32.sub(probes.get, c32(1)));
      f.brIf(again, probes.get);
    });
    // Whoever decodes it walks the tables as they are now: what is noted of the page must not be older.
    f.store(entry, c64(L.TLB_EMPTY), L.CODE_TLB);
    f.store(at(L.EXIT_REASON), c32(EXIT_DECODE));
    f.return(c32(0));
  });
  /** (RIP) -> record or 0, through the jump cache. */
  const lookup = module.func([I64], [I32], (f) => {
    const rip = f.param(0);
    const cache = f.let(jumpSlot(rip));
    const isHit = i64.eq(i64.load(cache, L.JUMP_CACHE), i64.xor(rip, i64.load(at(L.CODE_KEY))));
    f.if(isHit, () => f.return(i32.load(cache, L.JUMP_CACHE + 8)));
    f.return(call(findBlock, rip));
  });
  const isOver = (left: Node) => i32.or(i32.leS(left, c32(0)), i32.load(at(L.EXIT_REQUEST)));

  const dispatch = handler((f, rec, left) => {
    f.if(isOver(left), () => f.tailCall(exitAt, rec, left));
    const rip = f.let(i64.load(at(L.RIP)));
    const cache = f.let(jumpSlot(rip));
    f.if(i64.eq(i64.load(cache, L.JUMP_CACHE), i64.xor(rip, i64.load(at(L.CODE_KEY)))), () => {
      const record = f.let(i32.load(cache, L.JUMP_CACHE + 8));
      go(f, record, left);
    });
    const record = f.let(call(findBlock, rip));
    f.if(record, () => go(f, record, left));
    f.store(at(L.LEFT), left);
    f.return(c32(0));
  });

  const branch = handler((f, rec, left) => {
    const target = f.let(i64.load(rec, L.REC_IMM));
    f.store(at(L.RIP), target);
    f.if(isOver(left), () => f.tailCall(exitAt, rec, left));
    const record = f.let(call(lookup, target));
    f.if(record, () => {
      f.if(i64.eqz(i64.shrU(i64.xor(target, i64.load(rec, L.REC_RIP)), c64(12))), () => {
        // A link is only right if offsets and linear pages agree, which they do where CS starts on a page.
        const base = i32.load(at(L.SEG + L.CS * L.SEG_SIZE + L.SEG_BASE));
        f.if(i32.eqz(i32.and(base, c32(4095))), () => f.store(rec, record, L.REC_LINK));
      });
      go(f, record, left);
    });
    f.store(at(L.LEFT), left);
    f.return(c32(0));
  });

  const enterRecord = handler(go);
  /** Runs from RIP. Faults whose handler can be entered without TypeScript's help do not leave. */
  const enter = module.func([I32], [I32], (f) => {
    const left = f.variable(I32, f.param(0));
    f.loop((again) => {
      const record = f.let(call(lookup, i64.load(at(L.RIP))));
      f.if(
        record,
        () => f.call(enterRecord, record, left.get),
        () => f.store(at(L.LEFT), left.get),
      );
      f.if(i32.ne(i32.load(at(L.EXIT_REASON)), c32(EXIT_FAULT)), () => f.return(c32(0)));
      const fault = f.let(i32.load(at(L.FAULT)));
      const hasCode = f.let(i32.load(at(L.FAULT_HAS_CODE)));
      const code = f.let(i32.load(at(L.FAULT_CODE)));
      const address = f.let(i64.load(at(L.FAULT_ADDRESS)));
      const info = i32.or(c32(EVENT_FAULT), i32.shl(hasCode, c32(Math.log2(EVENT_HAS_CODE))));
      f.if(i32.eqz(call(deliver, i32.sub(fault, c32(1)), i64.load(at(L.RIP)), code, info)), () => {
        f.store(at(L.FAULT), fault);
        f.store(at(L.FAULT_HAS_CODE), hasCode);
        f.store(at(L.FAULT_CODE), code);
        f.store(at(L.FAULT_ADDRESS), address);
        f.return(c32(0));
      });
      f.store(at(L.FAULT), c32(0));
      f.if(i32.eq(fault, c32(PAGE_FAULT + 1)), () => f.store(at(L.CR2), address));
      // Counted, so that a handler that cannot even start does not run for ever.
      f.set(left, i32.sub(i32.load(at(L.LEFT)), c32(1)));
      f.store(at(L.LEFT), left.get);
      f.brIf(again, i32.eqz(isOver(left.get)));
    });
    f.store(at(L.EXIT_REASON), c32(EXIT_BUDGET));
    f.return(c32(0));
  });

  // Pseudo-records.
  /** Of a dropped block. The jump cache may still lead here, so the block table is asked, which renews it. */
  const stale = handler((f, rec, left) => {
    const rip = f.let(i64.load(rec, L.REC_RIP));
    f.store(at(L.RIP), rip);
    f.if(isOver(left), () => f.tailCall(exitAt, rec, left));
    const record = f.let(call(findBlock, rip));
    f.if(record, () => go(f, record, left));
    f.store(at(L.LEFT), left);
    f.return(c32(0));
  });
  /** End of a block: goes on at REC_IMM. */
  const chain = handler((f, rec, left) => {
    const link = f.let(i32.load(rec, L.REC_LINK));
    f.if(i32.and(i32.ne(link, c32(0)), i32.eqz(isOver(left))), () => go(f, link, left));
    f.tailCall(branch, rec, left);
  });
  /** Before an instruction that crosses into another page: REC_DISP is the page's linear address, REC_IMM the physical one seen. */
  const cross = handler((f, rec, left) => {
    const user = i32.shl(i32.eq(i32.load(at(L.CPL)), c32(3)), c32(Math.log2(ACCESS_USER)));
    const gpa = f.let(call(walk, i64.load(rec, L.REC_DISP), i32.or(user, c32(ACCESS_FETCH))));
    f.if(i64.eq(gpa, c64(-1)), () => f.tailCall(exitFault, rec, left));
    f.if(i64.ne(gpa, i64.load(rec, L.REC_IMM)), () => {
      f.store(at(L.RIP), i64.load(rec, L.REC_RIP));
      leave(f, rec, left, EXIT_STALE);
    });
    go(f, i32.add(rec, c32(L.REC_SIZE)), left);
  });
  /** Raises the exception in REC_EXTRA: vector, bit 8 set if it has the error code 0. */
  const raiseRecord = handler((f, rec, left) => {
    const what = f.let(i32.load(rec, L.REC_EXTRA));
    f.store(at(L.FAULT), i32.add(i32.and(what, c32(255)), c32(1)));
    f.store(at(L.FAULT_HAS_CODE), i32.shrU(what, c32(8)));
    f.store(at(L.FAULT_CODE), c32(0));
    f.tailCall(exitFault, rec, left);
  });

  return { exitFault, exitAgain, exitAt, dispatch, branch, enter, segLinear: defineSegLinear(module), stale, chain, cross, raiseRecord };
}

/** Segment checks by AMD64 APM vol. 2, 4.8 and 4.12: limits (expand-down too), rights, null selectors. */
function defineSegLinear(module: ModuleBuilder): Callee {
  return module.func([I32, I64, I32], [I64], (f) => {
    const number = f.param(0);
    const offset = f.param(1);
    const info = f.param(2);
    const segment = f.let(i32.shl(number, c32(Math.log2(L.SEG_SIZE))));
    const base = () => i64.load(segment, L.SEG + L.SEG_BASE);
    const fail = () => {
      noteFault(f, select(i32.eq(number, c32(L.SS)), c32(12), c32(13)), 0);
      f.return(c64(0));
    };
    f.if(isCode64(), () => {
      f.if(i32.geU(number, c32(L.FS)), () => f.return(i64.add(offset, base())));
      f.return(offset);
    });
    const attributes = f.let(i32.load(segment, L.SEG + L.SEG_ATTR));
    const last = f.let(i64.add(offset, i64.extendU(i32.sub(i32.and(info, c32(255)), c32(1)))));
    const limit = f.let(i64.load32u(segment, L.SEG + L.SEG_LIMIT));
    const isExpandDown = f.variable(I32, c32(0));
    // Bit 4 of MODE_KEY: protected; bit 5: virtual-8086.
    f.if(i32.eq(i32.and(i32.load(at(L.MODE_KEY)), c32(0x30)), c32(0x10)), () => {
      f.if(i32.eqz(i32.and(attributes, c32(L.ATTR_P))), fail);
      f.if(
        i32.and(attributes, c32(L.ATTR_CODE)),
        () => {
          // Code is never writable; readable if bit 1 is set.
          f.if(i32.or(i32.and(info, c32(256)), i32.eqz(i32.and(attributes, c32(L.ATTR_WRITABLE)))), fail);
        },
        () => {
          f.if(i32.and(i32.shrU(info, c32(8)), i32.eqz(i32.and(attributes, c32(L.ATTR_WRITABLE)))), fail);
          f.set(isExpandDown, i32.and(attributes, c32(L.ATTR_CONFORMING)));
        },
      );
    });
    f.if(
      isExpandDown.get,
      () => {
        f.if(i64.leU(offset, limit), fail);
        f.if(i64.gtU(last, select(i32.and(attributes, c32(L.ATTR_DB)), c64(0xffffffff), c64(0xffff))), fail);
      },
      () => f.if(i64.gtU(last, limit), fail),
    );
    f.return(i64.and(i64.add(offset, base()), c64(0xffffffff)));
  });
}
