// The common cases of interrupts, exceptions and segment loads as WebAssembly functions: 64-bit mode, and flat 32-bit protected mode;
// gates to ring 0, descriptors in the GDT that are marked accessed, frames within one page of RAM. Each function looks at everything
// before it changes anything, and says so if the case is another one: interrupts.ts, iret.ts and segments.ts then do it, as they
// define what is right. AMD64 APM vol. 2, chapters 4 and 8.
import { noteWriteCached } from "../mmu/translate.ts";
import { selectKeys } from "../mmu/invalidate.ts";
import { ACCESS_USER, ACCESS_WRITE } from "../mmu/walker.ts";
import * as L from "../state/layout.ts";
import { isCode64, isNotCanonical } from "../state/state-nodes.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node, select } from "../wasm/nodes.ts";
import { MODE_CODE_32, MODE_CODE_SIZE, MODE_FLAT } from "./mode.ts";

export interface EventFunctions {
  /** (linear i64, size) -> host address for an access of the present privilege within a page of RAM, or 0: nothing has happened. */
  plainRead: Callee;
  plainWrite: Callee;
  /** (vector, return address i64, error code, EVENT_* bits) -> 1 if the handler has been entered, 0 if nothing has changed. */
  deliver: Callee;
  /** (selector, privilege, 1 for 64-bit code or 0 for a flat 32-bit one) -> host address of its descriptor, or 0. */
  findCode: Callee;
  /** (selector, privilege, 1 for any or 0 for a flat 32-bit one) -> the same of a stack segment's. */
  findStack: Callee;
  /** (segment register, selector, descriptor): loads it. */
  loadDescriptor: Callee;
  /** (segment register, selector, 1 if DS and ES have to stay flat) -> 1 if loaded. */
  loadDataSegment: Callee;
  /** (privilege) -> not 0 if DS, ES, FS or GS is not for this outer ring. */
  hasInnerSegments: Callee;
}

export const EVENT_SOFTWARE = 1;
export const EVENT_HAS_CODE = 2;
/** RF is pushed as set: the handler returns to the instruction. */
export const EVENT_FAULT = 4;

const DB = 1;
const RSP = L.GPR + 4 * 8;
/** Offsets in the TSS; of IST1 less 8. */
const TSS64_RSP0 = 4;
const TSS64_IST = 0x1c;
const TSS32_ESP0 = 4;
const TSS32_SS0 = 8;
const TYPE_INTERRUPT = 14;
/** Bits of a descriptor's upper word. */
const HI_ACCESSED = 0x100;
const HI_WRITABLE = 0x200;
const HI_CONFORMING = 0x400;
const HI_CODE = 0x800;
const HI_S = 0x1000;
const HI_P = 0x8000;
const HI_LONG = 0x200000;
const HI_BIG = 0x400000;
/** Base and upper limit bits with G, and what they are where the segment is all of 4 GiB. */
const HI_EXTENT = 0xff8f00ff;
const HI_ALL = 0x008f0000;
const LO_ALL = 0xffff;
const ATTRIBUTES = 0xf0ff;

const at = c32;
const word = (offset: number): Node => i32.load(at(offset));
const segment = (index: number): number => L.SEG + index * L.SEG_SIZE;

/** Loads a null selector. */
export function storeNull(f: FunctionBuilder, place: Node, selector: Node): void {
  f.store(place, c64(0), L.SEG + L.SEG_BASE);
  f.store(place, c64(0), L.SEG + L.SEG_LIMIT);
  f.store(place, selector, L.SEG + L.SEG_SELECTOR);
}

export function defineEvents(module: ModuleBuilder, walk: Callee, pageEntry: Callee, noteFill: Callee, getArith: Callee): EventFunctions {
  const access = (table: number, write: number, isSystem: boolean): Callee =>
    module.func([I64, I32], [I32], (f) => {
      const ea = f.param(0);
      const keyAt = isSystem ? L.TLB_KEY_SUPERVISOR : L.TLB_KEY;
      const userBit = isSystem ? c32(0) : i32.shl(i32.eq(word(L.CPL), c32(3)), c32(Math.log2(ACCESS_USER)));
      const refusedBits = write ? L.PAGE_READ_ONLY | L.PAGE_HAS_CODE : 0;
      f.if(i32.gtU(i32.and(i32.wrap(ea), c32(4095)), i32.sub(c32(4096), f.param(1))), () => f.return(c32(0)));
      const entry = f.let(i32.and(i32.shrU(i32.wrap(ea), c32(8)), c32(0xfff0)));
      const key = i64.load(at(keyAt));
      f.if(i64.ltU(i64.xor(i64.xor(ea, key), i64.load(entry, table)), c64(4096)), () => f.return(i32.add(i32.wrap(ea), i32.load(entry, table + 8))));
      f.if(i32.load(at(L.WATCHING)), () => f.return(c32(0)));
      f.if(isCode64(), () => f.if(isNotCanonical(ea), () => f.return(c32(0))));
      const gpa = f.let(call(walk, ea, i32.or(userBit, c32(write))));
      f.if(i64.eq(gpa, c64(-1)), () => {
        f.store(at(L.FAULT), c32(0));
        f.return(c32(0));
      });
      const page = f.let(call(pageEntry, gpa));
      f.if(i32.or(i32.eqz(page), i32.and(page, c32(refusedBits))), () => f.return(c32(0)));
      if (write) noteWriteCached(f, gpa, page);
      const addend = f.let(i32.sub(i32.and(page, c32(-4096)), i32.and(i32.wrap(ea), c32(-4096))));
      f.store(entry, i64.xor(i64.and(ea, c64(-4096)), i64.load(at(keyAt))), table);
      f.store(entry, addend, table + 8);
      f.store(entry, word(L.WALK_GLOBAL), table + 12);
      f.call(noteFill, i32.add(entry, c32(table)), ea, word(L.WALK_GLOBAL));
      f.return(i32.add(i32.wrap(ea), addend));
    });
  const systemRead = access(L.READ_TLB, 0, true);
  const systemWrite = access(L.WRITE_TLB, ACCESS_WRITE, true);
  const plainRead = access(L.READ_TLB, 0, false);
  const plainWrite = access(L.WRITE_TLB, ACCESS_WRITE, false);

  const giveUpIf = (f: FunctionBuilder, condition: Node): void => f.if(condition, () => f.return(c32(0)));
  /** A system structure's address: 32 bits in legacy modes. */
  const systemAddress = (f: FunctionBuilder, base: Node, offset: Node): Node => {
    const sum = f.let(i64.add(base, offset));
    return f.let(select(isCode64(), sum, i64.and(sum, c64(0xffffffff))));
  };
  const isFlatExtent = (lo: Node, hi: Node): Node => i32.and(i32.eq(lo, c32(LO_ALL)), i32.eq(i32.and(hi, c32(HI_EXTENT)), c32(HI_ALL)));

  /** (selector) -> host address of its descriptor in the GDT, or 0. */
  const findDescriptor = module.func([I32], [I32], (f) => {
    const selector = f.param(0);
    giveUpIf(f, i32.or(i32.eqz(i32.and(selector, c32(0xfffc))), i32.and(selector, c32(4))));
    const offset = f.let(i32.and(selector, c32(0xfff8)));
    giveUpIf(f, i32.gtU(i32.add(offset, c32(7)), word(L.GDTR + 8)));
    f.return(call(systemRead, systemAddress(f, i64.load(at(L.GDTR)), i64.extendU(offset)), c32(8)));
  });
  const find = (mask: number, wanted: number, longMask: number, longWanted: number): Callee =>
    module.func([I32, I32, I32], [I32], (f) => {
      const place = f.let(call(findDescriptor, f.param(0)));
      giveUpIf(f, i32.eqz(place));
      const hi = f.let(i32.load(place, 4));
      giveUpIf(f, i32.ne(i32.and(hi, c32(mask)), c32(wanted)));
      giveUpIf(f, i32.ne(i32.and(i32.shrU(hi, c32(13)), c32(3)), f.param(1)));
      f.if(
        f.param(2),
        () => giveUpIf(f, i32.ne(i32.and(hi, c32(longMask)), c32(longWanted))),
        () => giveUpIf(f, i32.eqz(i32.and(isFlatExtent(i32.load(place), hi), i32.eq(i32.and(hi, c32(HI_LONG | HI_BIG)), c32(HI_BIG))))),
      );
      f.return(place);
    });
  const findCode = find(
    HI_P | HI_S | HI_CODE | HI_CONFORMING | HI_ACCESSED,
    HI_P | HI_S | HI_CODE | HI_ACCESSED,
    HI_LONG | HI_BIG,
    HI_LONG,
  );
  const findStack = find(
    HI_P | HI_S | HI_CODE | HI_CONFORMING | HI_WRITABLE | HI_ACCESSED,
    HI_P | HI_S | HI_WRITABLE | HI_ACCESSED,
    0,
    0,
  );

  const loadDescriptor = module.func([I32, I32, I32], [], (f) => {
    const place = f.let(i32.shl(f.param(0), c32(Math.log2(L.SEG_SIZE))));
    const lo = f.let(i32.load(f.param(2)));
    const hi = f.let(i32.load(f.param(2), 4));
    const base = i32.or(i32.or(i32.shrU(lo, c32(16)), i32.shl(i32.and(hi, c32(0xff)), c32(16))), i32.and(hi, c32(0xff000000)));
    const raw = f.let(i32.or(i32.and(lo, c32(0xffff)), i32.and(hi, c32(0xf0000))));
    f.store(place, i64.extendU(base), L.SEG + L.SEG_BASE);
    f.store(place, select(i32.and(hi, c32(0x800000)), i32.or(i32.shl(raw, c32(12)), c32(0xfff)), raw), L.SEG + L.SEG_LIMIT);
    f.store(place, i32.and(i32.shrU(hi, c32(8)), c32(ATTRIBUTES)), L.SEG + L.SEG_ATTR);
    f.store(place, f.param(1), L.SEG + L.SEG_SELECTOR);
  });

  const loadDataSegment = module.func([I32, I32, I32], [I32], (f) => {
    const index = f.param(0);
    const selector = f.param(1);
    giveUpIf(f, i32.or(i32.eq(index, c32(L.SS)), i32.eq(index, c32(L.CS))));
    const mustBeFlat = f.let(i32.and(f.param(2), i32.ltU(index, c32(L.FS))));
    f.if(i32.eqz(i32.and(selector, c32(0xfffc))), () => {
      giveUpIf(f, mustBeFlat);
      storeNull(f, f.let(i32.shl(index, c32(Math.log2(L.SEG_SIZE)))), selector);
      f.return(c32(1));
    });
    const place = f.let(call(findDescriptor, selector));
    giveUpIf(f, i32.eqz(place));
    const hi = f.let(i32.load(place, 4));
    giveUpIf(f, i32.ne(i32.and(hi, c32(HI_P | HI_S | HI_CODE | HI_ACCESSED)), c32(HI_P | HI_S | HI_ACCESSED)));
    const dpl = f.let(i32.and(i32.shrU(hi, c32(13)), c32(3)));
    giveUpIf(f, i32.or(i32.ltU(dpl, word(L.CPL)), i32.ltU(dpl, i32.and(selector, c32(3)))));
    f.if(mustBeFlat, () => {
      giveUpIf(f, i32.eqz(isFlatExtent(i32.load(place), hi)));
      giveUpIf(f, i32.ne(i32.and(hi, c32(HI_WRITABLE | HI_CONFORMING)), c32(HI_WRITABLE)));
    });
    f.call(loadDescriptor, index, selector, place);
    f.return(c32(1));
  });

  const hasInnerSegments = module.func([I32], [I32], (f) => {
    const isInner = (index: number): Node => {
      const attributes = f.let(word(segment(index) + L.SEG_ATTR));
      const isLess = i32.ltU(i32.and(i32.shrU(attributes, c32(5)), c32(3)), f.param(0));
      return i32.and(isLess, i32.ne(attributes, c32(0)));
    };
    f.return([L.DS, L.FS, L.GS].reduce((any: Node, index) => i32.or(any, isInner(index)), isInner(L.ES)));
  });

  const deliver = module.func([I32, I64, I32, I32], [I32], (f) => {
    const vector = f.param(0);
    const info = f.param(3);
    const hasCode = f.let(i32.ne(i32.and(info, c32(EVENT_HAS_CODE)), c32(0)));
    const isLong = f.let(isCode64());
    giveUpIf(f, i32.eq(vector, c32(DB)));
    f.if(i32.eqz(isLong), () => giveUpIf(f, i32.eqz(isLegacyFlat())));
    const cpl = f.let(word(L.CPL));
    const shift = f.let(i32.add(c32(3), isLong));
    const gateBytes = f.let(i32.shl(c32(1), shift));
    const gateOffset = f.let(i32.shl(vector, shift));
    giveUpIf(f, i32.gtU(i32.sub(i32.add(gateOffset, gateBytes), c32(1)), word(L.IDTR + 8)));
    const gate = f.let(call(systemRead, systemAddress(f, i64.load(at(L.IDTR)), i64.extendU(gateOffset)), gateBytes));
    giveUpIf(f, i32.eqz(gate));
    const lo = f.let(i32.load(gate));
    const hi = f.let(i32.load(gate, 4));
    // Present, of type 14 or 15.
    giveUpIf(f, i32.ne(i32.and(hi, c32(HI_P | 0x1e00)), c32(HI_P | (TYPE_INTERRUPT << 8))));
    f.if(i32.and(info, c32(EVENT_SOFTWARE)), () => giveUpIf(f, i32.ltU(i32.and(i32.shrU(hi, c32(13)), c32(3)), cpl)));
    const selector = f.let(i32.shrU(lo, c32(16)));
    const code = f.let(call(findCode, selector, c32(0), isLong));
    giveUpIf(f, i32.eqz(code));

    const entry = f.variable(I64, i64.extendU(i32.or(i32.and(lo, c32(0xffff)), i32.and(hi, c32(0xffff0000)))));
    const sp = f.variable(I64, i64.load(at(RSP)));
    const stack = f.variable(I32, c32(0));
    const stackSelector = f.variable(I32, c32(0));
    const task = segment(L.TR);
    const size = f.let(i32.shl(c32(4), isLong));
    const slots = f.let(i32.add(select(i32.or(isLong, cpl), c32(5), c32(3)), hasCode));
    const frameBytes = f.let(i32.mul(slots, size));
    f.if(
      isLong,
      () => {
        const ist = f.let(i32.and(hi, c32(7)));
        f.if(i32.or(ist, cpl), () => {
          const offset = f.let(select(ist, i32.add(c32(TSS64_IST), i32.shl(ist, c32(3))), c32(TSS64_RSP0)));
          giveUpIf(f, i32.or(i32.eqz(word(task + L.SEG_ATTR)), i32.gtU(i32.add(offset, c32(7)), word(task + L.SEG_LIMIT))));
          const field = f.let(call(systemRead, f.let(i64.add(i64.load(at(task + L.SEG_BASE)), i64.extendU(offset))), c32(8)));
          giveUpIf(f, i32.eqz(field));
          f.set(sp, i64.load(field));
        });
        giveUpIf(f, isNotCanonical(sp.get));
        f.set(entry, i64.or(entry.get, i64.shl(i64.load32u(gate, 8), c64(32))));
        giveUpIf(f, isNotCanonical(entry.get));
        f.set(sp, i64.and(sp.get, c64(-16)));
      },
      () => {
        f.if(cpl, () => {
          giveUpIf(f, i32.or(i32.eqz(i32.and(word(task + L.SEG_ATTR), c32(8))), i32.ltU(word(task + L.SEG_LIMIT), c32(TSS32_SS0 + 1))));
          const field = f.let(call(systemRead, systemAddress(f, i64.load(at(task + L.SEG_BASE)), c64(TSS32_ESP0)), c32(6)));
          giveUpIf(f, i32.eqz(field));
          f.set(sp, i64.load32u(field));
          f.set(stackSelector, i32.load16u(field, TSS32_SS0 - TSS32_ESP0));
          giveUpIf(f, i32.and(stackSelector.get, c32(3)));
          f.set(stack, call(findStack, stackSelector.get, c32(0), c32(0)));
          giveUpIf(f, i32.eqz(stack.get));
        });
        giveUpIf(f, i64.ltU(sp.get, i64.extendU(frameBytes)));
      },
    );
    const bottom = f.let(i64.sub(sp.get, i64.extendU(frameBytes)));
    const frame = f.let(call(systemWrite, bottom, frameBytes));
    giveUpIf(f, i32.eqz(frame));

    // Nothing stands in the way any more. Descriptors are read before the frame is written, which might lie over them.
    const oldStack = f.let(word(segment(L.SS) + L.SEG_SELECTOR));
    const oldSp = f.let(i64.load(at(RSP)));
    const oldCode = f.let(word(segment(L.CS) + L.SEG_SELECTOR));
    const restart = select(i32.and(info, c32(EVENT_FAULT)), c32(L.FL_RF), c32(0));
    const other = f.let(word(L.EFLAGS_OTHER));
    const flags = f.let(i32.or(i32.or(i32.and(other, c32(~L.FL_RF)), c32(2)), i32.or(call(getArith), restart)));
    f.call(loadDescriptor, c32(L.CS), i32.and(selector, c32(0xfffc)), code);
    f.if(cpl, () =>
      f.if(
        isLong,
        () => storeNull(f, c32(L.SS * L.SEG_SIZE), c32(0)),
        () => f.call(loadDescriptor, c32(L.SS), stackSelector.get, stack.get),
      ),
    );
    f.if(
      isLong,
      () => {
        f.if(hasCode, () => f.store(frame, i64.extendU(f.param(2))));
        const low = f.let(i32.add(frame, i32.shl(hasCode, c32(3))));
        f.store(low, f.param(1));
        f.store(low, i64.extendU(oldCode), 8);
        f.store(low, i64.extendU(flags), 16);
        f.store(low, oldSp, 24);
        f.store(low, i64.extendU(oldStack), 32);
      },
      () => {
        f.if(hasCode, () => f.store(frame, f.param(2)));
        const low = f.let(i32.add(frame, i32.shl(hasCode, c32(2))));
        f.store(low, i32.wrap(f.param(1)));
        f.store(low, oldCode, 4);
        f.store(low, flags, 8);
        f.if(cpl, () => {
          f.store(low, i32.wrap(oldSp), 12);
          f.store(low, oldStack, 16);
        });
      },
    );
    f.store(at(RSP), bottom);
    f.store(at(L.RIP), entry.get);
    const masked = select(i32.and(hi, c32(0x100)), c32(0), c32(L.FL_IF));
    f.store(at(L.EFLAGS_OTHER), i32.and(other, i32.xor(i32.or(c32(L.FL_TF | L.FL_NT | L.FL_RF | L.FL_VM), masked), c32(-1))));
    f.store(at(L.SHADOW), c32(0));
    f.store(at(L.CPL), c32(0));
    selectKeys(f, false);
    f.return(c32(1));
  });

  return { plainRead, plainWrite, deliver, findCode, findStack, loadDescriptor, loadDataSegment, hasInnerSegments };
}

/** Flat 32-bit protected mode, and not long mode's compatibility with it, i32 0 or 1. */
export function isLegacyFlat(): Node {
  const isFlat = i32.eq(i32.and(word(L.MODE_KEY), c32(MODE_FLAT | MODE_CODE_SIZE)), c32(MODE_FLAT | MODE_CODE_32));
  return i32.and(isFlat, i32.eqz(i32.and(word(L.EFER), c32(L.EFER_LMA))));
}
