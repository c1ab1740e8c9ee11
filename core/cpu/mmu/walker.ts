// The page walker, as a WebAssembly function: 2-level, PAE and 4-level paging with 4 MiB, 2 MiB and 1 GiB pages, NX, WP,
// accessed and dirty bits, reserved bits, global pages. AMD64 APM vol. 2 chapter 5, Intel SDM vol. 3 chapter 4. Left out: PSE-36, SMEP, SMAP,
// protection keys, PCID (none is reported by CPUID), and the PDPTR cache of PAE (entries are read at each walk). The A20 gate masks
// every address that leaves the processor, those of page tables too. One function a format, its levels written out.
import * as L from "../state/layout.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import { type Callee, c32, c64, I32, I64, i32, i64, type Node, select } from "../wasm/nodes.ts";

export const ACCESS_WRITE = 1;
export const ACCESS_USER = 2;
export const ACCESS_FETCH = 4;

const PTE_P = 1n;
const PTE_RW = 2n;
const PTE_US = 4n;
const PTE_A = 0x20n;
const PTE_D = 0x40n;
const PTE_PS = 0x80n;
const PTE_G = 0x100n;
const PTE_NX = 1n << 63n;
/** Physical address bits of the CPU models: 40. */
const ADDRESS = 0xff_ffff_f000n;
const RESERVED_HIGH = 0x000f_ff00_0000_0000n;

const at = (offset: number) => c32(offset);
const has = (word: Node, bit: number) => i32.and(word, c32(bit));

/** (gpa i64) -> PAGE_MAP entry; 0 beyond 4 GiB. */
export function definePageEntry(module: ModuleBuilder): Callee {
  return module.func([I64], [I32], (f) => {
    const gpa = f.param(0);
    f.if(i64.ne(i64.shrU(gpa, c64(32)), c64(0)), () => f.return(c32(0)));
    f.return(i32.load(i32.shl(i32.shrU(i32.wrap(gpa), c32(12)), c32(2)), L.PAGE_MAP));
  });
}

/** (linear i64, ACCESS_* i32) -> guest-physical address, or -1 with a page fault in FAULT. Leaves in WALK_GLOBAL whether the page
 *  is global, and marks what a large page covers in LARGE_RANGES. */
export function defineWalk(module: ModuleBuilder): Callee {
  const walkLong = defineFormat(module, [3, 2, 1, 0], 9, true);
  const walkPae = defineFormat(module, [2, 1, 0], 9, false);
  const walkLegacy = defineFormat(module, [1, 0], 10, false);
  return module.func([I64, I32], [I64], (f) => {
    f.if(i32.eqz(has(i32.load(at(L.CR0)), L.CR0_PG | 0)), () => {
      f.store(at(L.WALK_GLOBAL), c32(0));
      f.return(i64.and(i64.and(f.param(0), c64(0xffffffff)), addressLines()));
    });
    f.if(has(i32.load(at(L.EFER)), L.EFER_LMA), () => f.tailCall(walkLong, f.param(0), f.param(1)));
    f.if(has(i32.load(at(L.CR4)), L.CR4_PAE), () => f.tailCall(walkPae, f.param(0), f.param(1)));
    f.tailCall(walkLegacy, f.param(0), f.param(1));
  });
}
const addressLines = (): Node => i64.xor(i64.load(at(L.A20_MASKED)), c64(-1));

/** The walk through tables of 2 to the `bits` entries at each of `levels`, the root's first. */
function defineFormat(module: ModuleBuilder, levels: readonly number[], bits: 9 | 10, isLong: boolean): Callee {
  const isWide = bits === 9;
  const entryBytes = isWide ? 3 : 2;
  return module.func([I64, I32], [I64], (f) => {
    const ea = f.param(0);
    const access = f.param(1);
    const lines = f.let(addressLines());
    const cr4 = f.let(i32.load(at(L.CR4)));
    const nxe = f.let(isWide ? has(i32.load(at(L.EFER)), L.EFER_NXE) : c32(0));
    const reserved = isWide ? f.let(select(nxe, c64(RESERVED_HIGH), c64(RESERVED_HIGH | PTE_NX))) : c64(0);
    const fail = (present: number, isReserved: number) => raisePageFault(f, ea, access, c32(present | (isReserved << 3)), nxe);
    const root = isLong ? ADDRESS : isWide ? 0xffffffe0n : 0xfffff000n;
    const table = f.variable(I64, i64.and(i64.load(at(L.CR3)), c64(root)));
    /** Entries met that have rights, with their places. */
    const met: { level: number; entry: Node; host: Node }[] = [];

    const finish = (level: number, entry: Node, host: Node): void => {
      // RW and US of all levels have to be set where they matter; NX of none.
      const isChecked = i32.or(has(access, ACCESS_USER), has(i32.load(at(L.CR0)), L.CR0_WP));
      const write = select(has(access, ACCESS_WRITE), select(isChecked, c64(PTE_RW), c64(0)), c64(0));
      const needs = f.let(i64.or(select(has(access, ACCESS_USER), c64(PTE_US), c64(0)), write));
      const rights = met.reduce((all: Node, e) => i64.and(all, e.entry), entry);
      f.if(i64.ne(i64.and(rights, needs), needs), () => fail(1, 0));
      if (isWide) {
        const any = met.reduce((all: Node, e) => i64.or(all, e.entry), entry);
        f.if(has(access, ACCESS_FETCH), () => f.if(i64.ltS(any, c64(0)), () => fail(1, 0)));
      }
      // Accessed bits of all levels, dirty of the leaf.
      const wanted = f.let(select(has(access, ACCESS_WRITE), c64(PTE_A | PTE_D), c64(PTE_A)));
      f.if(i64.ne(i64.and(entry, wanted), wanted), () => f.store8(host, i64.or(entry, wanted)));
      for (const e of met) f.if(i64.eqz(i64.and(e.entry, c64(PTE_A))), () => f.store8(e.host, i64.or(e.entry, c64(PTE_A))));
      // CR4.PGE and the entry's G lie at bits 7 and 8.
      f.store(at(L.WALK_GLOBAL), i32.and(i32.shl(has(cr4, L.CR4_PGE), c32(1)), i32.and(i32.wrap(entry), c32(Number(PTE_G)))));
      if (level > 0) noteLarge(f, ea, level === 2 ? "every range" : "one range");
      const low = (1n << BigInt(12 + level * bits)) - 1n;
      f.return(i64.and(i64.or(i64.and(entry, c64(ADDRESS & ~low)), i64.and(ea, c64(low))), lines));
    };

    for (const level of levels) {
      const isLegacyPdpt = isWide && !isLong && level === 2;
      const index = i64.and(i64.shrU(ea, c64(12 + level * bits)), c64((1 << bits) - 1));
      const gpa = f.let(i64.add(table.get, i64.shl(index, c64(entryBytes))));
      const masked = f.let(i64.and(gpa, lines));
      // A page table outside RAM reads as not present.
      f.if(i64.ne(i64.shrU(masked, c64(32)), c64(0)), () => fail(0, 0));
      const page = f.let(i32.load(i32.shl(i32.shrU(i32.wrap(masked), c32(12)), c32(2)), L.PAGE_MAP));
      f.if(i32.eqz(page), () => fail(0, 0));
      const host = f.let(i32.or(i32.and(page, c32(-4096)), i32.and(i32.wrap(gpa), c32(4095))));
      const entry = f.let(isWide ? i64.load(host) : i64.load32u(host));
      f.if(i64.eqz(i64.and(entry, c64(PTE_P))), () => fail(0, 0));
      if (isWide) f.if(i64.ne(i64.and(entry, reserved), c64(0)), () => fail(1, 1));
      if (level === 0) finish(0, entry, host);
      else {
        if (level === 3) f.if(i64.ne(i64.and(entry, c64(PTE_PS)), c64(0)), () => fail(1, 1));
        else if (!isLegacyPdpt) {
          const isLarge = i64.ne(i64.and(entry, c64(PTE_PS)), c64(0));
          f.if(isWide ? isLarge : i32.and(isLarge, i32.ne(has(cr4, L.CR4_PSE), c32(0))), () => {
            // Address bits below the page's size, of which bit 12 is PAT, must be clear.
            const inside = (1n << BigInt(12 + level * bits)) - 0x2000n;
            f.if(i64.ne(i64.and(entry, c64(inside)), c64(0)), () => fail(1, 1));
            finish(level, entry, host);
          });
        }
        if (!isLegacyPdpt) met.push({ level, entry, host });
        f.set(table, i64.and(entry, c64(ADDRESS)));
      }
    }
  });
}

/** INVLPG has to know where a page may be cached in pieces. A page of 1 GiB marks everything. */
function noteLarge(f: FunctionBuilder, ea: Node, covers: "one range" | "every range"): void {
  if (covers === "every range") f.memoryFill(at(L.LARGE_RANGES), c32(255), c32(L.LARGE_RANGES_BYTES));
  else {
    const byte = f.let(i32.shrU(largeRange(ea), c32(3)));
    f.store8(byte, i32.or(i32.load8u(byte, L.LARGE_RANGES), i32.shl(c32(1), i32.and(largeRange(ea), c32(7)))), L.LARGE_RANGES);
  }
}
/** Number of the range in LARGE_RANGES. `ea` is used twice. */
export function largeRange(ea: Node): Node {
  const upper = i32.and(i32.wrap(i64.shrU(ea, c64(53))), c32(1024));
  return i32.or(i32.and(i32.shrU(i32.wrap(ea), c32(22)), c32(1023)), upper);
}

function raisePageFault(f: FunctionBuilder, ea: Node, access: Node, code: Node, nxe: Node): void {
  f.store(at(L.FAULT), c32(15));
  f.store(at(L.FAULT_HAS_CODE), c32(1));
  // I/D is reported only where NX is on.
  const fetch = i32.and(i32.shl(has(access, ACCESS_FETCH), c32(2)), select(nxe, c32(16), c32(0)));
  f.store(at(L.FAULT_CODE), i32.or(i32.or(code, i32.shl(i32.and(access, c32(3)), c32(1))), fetch));
  f.store(at(L.FAULT_ADDRESS), ea);
  f.return(c64(-1));
}
