// The page walker, as a WebAssembly function: 2-level, PAE and 4-level paging with 4 MiB, 2 MiB and 1 GiB pages, NX, WP,
// accessed and dirty bits, reserved bits. AMD64 APM vol. 2 chapter 5, Intel SDM vol. 3 chapter 4. Left out: PSE-36, SMEP, SMAP,
// protection keys, PCID (none is reported by CPUID), and the PDPTR cache of PAE (entries are read at each walk). The A20 gate masks
// every address that leaves the processor, those of page tables too.
import * as L from "../state/layout.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node, select } from "../wasm/nodes.ts";

export const ACCESS_WRITE = 1;
export const ACCESS_USER = 2;
export const ACCESS_FETCH = 4;

const PTE_P = 1n;
const PTE_RW = 2n;
const PTE_US = 4n;
const PTE_A = 0x20n;
const PTE_PS = 0x80n;
const PTE_NX = 1n << 63n;
/** Physical address bits of the CPU models: 40. */
const ADDRESS = 0xff_ffff_f000n;
const RESERVED_HIGH = 0x000f_ff00_0000_0000n;

const at = (offset: number) => c32(offset);
const cr0 = () => i32.load(at(L.CR0));
const has = (word: Node, bit: number) => i32.and(word, c32(bit));

/** (gpa i64) -> PAGE_MAP entry; 0 beyond 4 GiB. */
export function definePageEntry(module: ModuleBuilder): Callee {
  return module.func([I64], [I32], (f) => {
    const gpa = f.param(0);
    f.if(i64.ne(i64.shrU(gpa, c64(32)), c64(0)), () => f.return(c32(0)));
    f.return(i32.load(i32.shl(i32.shrU(i32.wrap(gpa), c32(12)), c32(2)), L.PAGE_MAP));
  });
}

/** (linear i64, ACCESS_* i32) -> guest-physical address, or -1 with a page fault in FAULT. */
export function defineWalk(module: ModuleBuilder, pageEntry: Callee): Callee {
  return module.func([I64, I32], [I64], (f) => {
    const ea = f.param(0);
    const access = f.param(1);
    const lines = f.let(i64.xor(i64.load(at(L.A20_MASKED)), c64(-1)));
    f.if(i32.eqz(has(cr0(), L.CR0_PG | 0)), () => f.return(i64.and(i64.and(ea, c64(0xffffffff)), lines)));
    const cr4 = f.let(i32.load(at(L.CR4)));
    const efer = f.let(i32.load(at(L.EFER)));
    const isWide = f.let(has(cr4, L.CR4_PAE));
    const nxe = f.let(i32.and(isWide, i32.shrU(i32.and(efer, c32(L.EFER_NXE)), c32(11 - 5))));
    const level = f.variable(I32);
    const table = f.variable(I64);
    f.if(
      has(efer, L.EFER_LMA),
      () => {
        f.set(level, c32(3));
        f.set(table, i64.and(i64.load(at(L.CR3)), c64(ADDRESS)));
      },
      () => {
        f.set(level, select(isWide, c32(2), c32(1)));
        f.set(table, i64.and(i64.load(at(L.CR3)), select(isWide, c64(0xffffffe0), c64(0xfffff000))));
      },
    );
    // RW and US are ANDed over the levels, NX is ORed.
    const rights = f.variable(I64, c64(PTE_RW | PTE_US));
    const noExecute = f.variable(I64, c64(0));
    const hosts = [f.variable(I32), f.variable(I32), f.variable(I32), f.variable(I32)];
    const entry = f.variable(I64);
    const host = f.variable(I32);
    const shift = f.variable(I64);
    const fail = (present: number, reserved: number) => raisePageFault(f, ea, access, c32(present | (reserved << 3)), nxe);

    f.block((done) => {
      f.loop((next) => {
        const index = (bits: bigint) => i64.and(i64.shrU(ea, shift.get), c64(bits));
        f.if(
          isWide,
          () => {
            f.set(shift, i64.extendU(i32.add(c32(12), i32.mul(level.get, c32(9)))));
            f.set(table, i64.add(table.get, i64.shl(index(511n), c64(3))));
          },
          () => {
            f.set(shift, i64.extendU(i32.add(c32(12), i32.mul(level.get, c32(10)))));
            f.set(table, i64.add(table.get, i64.shl(index(1023n), c64(2))));
          },
        );
        // A PDPT of PAE has four entries; its index is 2 bits because linear addresses have 32.
        const page = f.let(call(pageEntry, i64.and(table.get, lines)));
        // A page table outside RAM reads as not present.
        f.if(i32.eqz(page), () => fail(0, 0));
        f.set(host, i32.or(i32.and(page, c32(-4096)), i32.and(i32.wrap(table.get), c32(4095))));
        f.set(entry, i64.load32u(host.get));
        f.if(isWide, () => f.set(entry, i64.load(host.get)));
        f.if(i64.eqz(i64.and(entry.get, c64(PTE_P))), () => fail(0, 0));
        f.if(isWide, () => {
          f.if(i64.ne(i64.and(entry.get, c64(RESERVED_HIGH)), c64(0)), () => fail(1, 1));
          f.if(i32.eqz(nxe), () => f.if(i64.ltS(entry.get, c64(0)), () => fail(1, 1)));
        });
        const isLegacyPdpt = i32.and(i32.eqz(has(efer, L.EFER_LMA)), i32.eq(level.get, c32(2)));
        f.if(i32.eqz(isLegacyPdpt), () => {
          f.set(rights, i64.and(rights.get, entry.get));
          f.set(noExecute, i64.or(noExecute.get, i64.and(entry.get, c64(PTE_NX))));
          for (let n = 0; n < 4; n++) f.if(i32.eq(level.get, c32(n)), () => f.set(hosts[n] as (typeof hosts)[0], host.get));
        });
        f.brIf(done, i32.eqz(level.get));
        const isLarge = f.let(i64.ne(i64.and(entry.get, c64(PTE_PS)), c64(0)));
        f.if(isLarge, () => {
          f.if(i32.eq(level.get, c32(3)), () => fail(1, 1));
          f.if(i32.eqz(isLegacyPdpt), () => {
            const isOn = f.let(i32.or(isWide, has(cr4, L.CR4_PSE)));
            f.if(isOn, () => {
              // Address bits below the page's size, of which bit 12 is PAT, must be clear.
              const inside = i64.sub(i64.shl(c64(1), shift.get), c64(0x2000));
              f.if(i64.ne(i64.and(entry.get, inside), c64(0)), () => fail(1, 1));
              f.br(done);
            });
          });
        });
        f.set(table, i64.and(entry.get, c64(ADDRESS)));
        f.set(level, i32.sub(level.get, c32(1)));
        f.br(next);
      });
    });

    // Permissions.
    const isUser = i32.and(i32.shrU(access, c32(1)), c32(1));
    f.if(isUser, () => f.if(i64.eqz(i64.and(rights.get, c64(PTE_US))), () => fail(1, 0)));
    f.if(has(access, ACCESS_WRITE), () =>
      f.if(i64.eqz(i64.and(rights.get, c64(PTE_RW))), () => {
        f.if(i32.or(has(access, ACCESS_USER), has(cr0(), L.CR0_WP)), () => fail(1, 0));
      }),
    );
    f.if(has(access, ACCESS_FETCH), () => f.if(i64.ne(noExecute.get, c64(0)), () => fail(1, 0)));

    // Accessed bits of all levels, dirty of the leaf.
    const leafBits = i64.or(c64(PTE_A), i64.extendU(i32.shl(has(access, ACCESS_WRITE), c32(6))));
    const wanted = f.let(leafBits);
    f.if(i64.ne(i64.and(entry.get, wanted), wanted), () => f.store8(host.get, i64.or(entry.get, wanted)));
    for (let n = 1; n < 4; n++) {
      const h = (hosts[n] as (typeof hosts)[0]).get;
      f.if(i32.and(i32.ne(h, c32(0)), i32.ltS(level.get, c32(n))), () => {
        f.if(i32.eqz(i32.and(i32.load8u(h), c32(Number(PTE_A)))), () => f.store8(h, i32.or(i32.load8u(h), c32(Number(PTE_A)))));
      });
    }
    // Large pages take the rest of the address from the linear one.
    f.if(i32.eqz(level.get), () => f.set(shift, c64(12)));
    const low = f.let(i64.sub(i64.shl(c64(1), shift.get), c64(1)));
    f.return(i64.and(i64.or(i64.and(i64.and(entry.get, c64(ADDRESS | 0xfffn)), i64.xor(low, c64(-1))), i64.and(ea, low)), lines));
  });
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
