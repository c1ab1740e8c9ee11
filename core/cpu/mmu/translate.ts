// What a memory access does when its TLB entry does not match: translate, fill the TLB, or go through a bounce buffer for
// page crossings, device memory, ROM and pages that hold translated code. All WebAssembly functions.
import * as L from "../state/layout.ts";
import { isCode64, isNotCanonical, noteFault } from "../state/state-nodes.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node } from "../wasm/nodes.ts";
import { ACCESS_USER, ACCESS_WRITE } from "./walker.ts";

/** Imports: devices and the code cache, in TypeScript. */
export interface MemoryImports {
  /** (gpa i32, size, host address to fill). */
  mmioRead: Callee;
  /** (gpa i32, size, host address of the bytes). */
  mmioWrite: Callee;
  /** (gpa i32, size): bytes of decoded code have been written. */
  codeWritten: Callee;
}

export interface MemoryFunctions {
  readSlow: Callee;
  writeSlow: Callee;
  commitWrite: Callee;
}

/** `gpa` and its PAGE_MAP entry are locals; the page is RAM. */
export function noteWriteCached(f: FunctionBuilder, gpa: Node, page: Node): void {
  f.store(i32.shl(i32.shrU(i32.wrap(gpa), c32(12)), c32(2)), i32.or(page, c32(L.PAGE_WRITE_CACHED)), L.PAGE_MAP);
}

const at = c32;
const INFO_STACK = 0x100;
const INFO_MODIFY = 0x200;

export function defineMemory(module: ModuleBuilder, walk: Callee, pageEntry: Callee, noteFill: Callee, imports: MemoryImports): MemoryFunctions {
  const userBit = () => i32.shl(i32.eq(i32.load(at(L.CPL)), c32(3)), c32(Math.log2(ACCESS_USER)));
  const isMinusOne = (n: Node) => i64.eq(n, c64(-1));

  /** #GP(0), or #SS(0) for the stack, if a 64-bit address is not canonical. */
  const refuse = (f: FunctionBuilder, info: Node): void => {
    noteFault(f, i32.sub(c32(13), i32.shrU(i32.and(info, c32(INFO_STACK)), c32(8))), 0);
    f.return(c32(0));
  };
  const checkCanonical = (f: FunctionBuilder, ea: Node, info: Node): void => {
    f.if(isCode64(), () => f.if(isNotCanonical(ea), () => refuse(f, info)));
  };
  /** The page after that of `ea`. In legacy modes an operand that runs over 4 GiB is beyond every segment's limit; in 64-bit mode
   *  one that runs out of the lower canonical half is refused as one that starts outside. */
  const nextPage = (f: FunctionBuilder, ea: Node, info: Node): Node => {
    const next = f.let(i64.add(i64.and(ea, c64(-4096)), c64(4096)));
    f.if(i64.eq(next, c64(0x100000000)), () => f.if(i32.eqz(isCode64()), () => refuse(f, info)));
    f.if(i64.eq(next, c64(0x800000000000)), () => refuse(f, info));
    return next;
  };
  /** While data breakpoints are on, notes an access of up to 16 bytes. */
  const note = (f: FunctionBuilder, ea: Node, size: Node, write: number): void => {
    f.if(i32.load(at(L.WATCHING)), () => {
      const count = f.let(i32.load(at(L.WATCH_COUNT)));
      f.if(i32.ltU(count, c32(L.WATCH_ENTRIES)), () => {
        const entry = f.let(i32.shl(count, c32(4)));
        f.store(entry, ea, L.WATCH_LOG);
        f.store(entry, i32.or(size, c32(write)), L.WATCH_LOG + 8);
        f.store(at(L.WATCH_COUNT), i32.add(count, c32(1)));
      });
    });
  };
  const fillTlb = (f: FunctionBuilder, table: number, ea: Node, page: Node): void => {
    f.if(i32.eqz(i32.load(at(L.WATCHING))), () => fillEntry(f, table, ea, page));
  };
  const fillEntry = (f: FunctionBuilder, table: number, ea: Node, page: Node): void => {
    const entry = f.let(i32.and(i32.shrU(i32.wrap(ea), c32(8)), c32(0xfff0)));
    f.store(entry, i64.xor(i64.and(ea, c64(-4096)), i64.load(at(L.TLB_KEY))), table);
    f.store(entry, i32.sub(i32.and(page, c32(-4096)), i32.and(i32.wrap(ea), c32(-4096))), table + 8);
    f.store(entry, i32.load(at(L.WALK_GLOBAL)), table + 12);
    f.call(noteFill, i32.add(entry, c32(table)), ea, i32.load(at(L.WALK_GLOBAL)));
  };
  const hostOf = (page: Node, ea: Node): Node => i32.or(i32.and(page, c32(-4096)), i32.and(i32.wrap(ea), c32(4095)));

  /** (gpa i64, count, to host): bytes from RAM, ROM or devices; all ones where there is nothing. */
  const readPhysical = module.func([I64, I32, I32], [], (f) => {
    const gpa = f.param(0);
    const page = f.let(call(pageEntry, gpa));
    f.if(
      page,
      () => f.memoryCopy(f.param(2), hostOf(page, gpa), f.param(1)),
      () =>
        f.if(
          i64.eqz(i64.shrU(gpa, c64(32))),
          () => f.call(imports.mmioRead, i32.wrap(gpa), f.param(1), f.param(2)),
          () => f.memoryFill(f.param(2), c32(255), f.param(1)),
        ),
    );
  });
  const writePhysical = module.func([I64, I32, I32], [], (f) => {
    const gpa = f.param(0);
    const size = f.param(1);
    const page = f.let(call(pageEntry, gpa));
    f.if(
      page,
      () => {
        // A store to ROM goes out on the bus, where shadow RAM or a flash chip may take it.
        f.if(i32.and(page, c32(L.PAGE_READ_ONLY)), () => {
          f.call(imports.mmioWrite, i32.wrap(gpa), size, f.param(2));
          f.return();
        });
        f.memoryCopy(hostOf(page, gpa), f.param(2), size);
        f.if(i32.and(page, c32(L.PAGE_HAS_CODE)), () => {
          const granules = i64.load(i32.shl(i32.shrU(i32.wrap(gpa), c32(12)), c32(3)), L.CODE_GRANULES);
          const first = i64.and(i64.shrU(gpa, c64(6)), c64(63));
          const last = i64.and(i64.shrU(i64.add(gpa, i64.extendU(i32.sub(size, c32(1)))), c64(6)), c64(63));
          const hit = i64.and(i64.or(i64.shrU(granules, first), i64.shrU(granules, last)), c64(1));
          f.if(i32.wrap(hit), () => f.call(imports.codeWritten, i32.wrap(gpa), size));
        });
      },
      () => f.if(i64.eqz(i64.shrU(gpa, c64(32))), () => f.call(imports.mmioWrite, i32.wrap(gpa), size, f.param(2))),
    );
  });

  const readSlow = module.func([I64, I32], [I32], (f) => {
    const ea = f.param(0);
    const size = f.let(i32.and(f.param(1), c32(255)));
    note(f, ea, size, 0);
    checkCanonical(f, ea, f.param(1));
    const room = f.let(i32.sub(c32(4096), i32.and(i32.wrap(ea), c32(4095))));
    const next = f.variable(I64);
    f.if(i32.gtU(size, room), () => f.set(next, nextPage(f, ea, f.param(1))));
    const gpa = f.let(call(walk, ea, userBit()));
    f.if(isMinusOne(gpa), () => f.return(c32(0)));
    f.if(i32.gtU(size, room), () => {
      const second = f.let(call(walk, next.get, userBit()));
      f.if(isMinusOne(second), () => f.return(c32(0)));
      f.call(readPhysical, gpa, room, c32(L.BOUNCE_READ));
      f.call(readPhysical, second, i32.sub(size, room), i32.add(c32(L.BOUNCE_READ), room));
      f.return(c32(L.BOUNCE_READ));
    });
    const page = f.let(call(pageEntry, gpa));
    f.if(page, () => {
      fillTlb(f, L.READ_TLB, ea, page);
      f.return(hostOf(page, ea));
    });
    f.call(readPhysical, gpa, size, c32(L.BOUNCE_READ));
    f.return(c32(L.BOUNCE_READ));
  });

  const writeSlow = module.func([I64, I32], [I32], (f) => {
    const ea = f.param(0);
    const info = f.param(1);
    const size = f.let(i32.and(info, c32(255)));
    note(f, ea, size, 256);
    checkCanonical(f, ea, info);
    const access = f.let(i32.or(userBit(), c32(ACCESS_WRITE)));
    const room = f.let(i32.sub(c32(4096), i32.and(i32.wrap(ea), c32(4095))));
    const next = f.variable(I64);
    f.if(i32.gtU(size, room), () => f.set(next, nextPage(f, ea, info)));
    const gpa = f.let(call(walk, ea, access));
    f.if(isMinusOne(gpa), () => f.return(c32(0)));
    const second = f.variable(I64, c64(0));
    f.if(
      i32.gtU(size, room),
      () => {
        f.set(second, call(walk, next.get, access));
        f.if(isMinusOne(second.get), () => f.return(c32(0)));
        f.store(at(L.WRITE_SPLIT), room);
      },
      () => {
        const page = f.let(call(pageEntry, gpa));
        f.if(i32.and(i32.ne(page, c32(0)), i32.eqz(i32.and(page, c32(L.PAGE_READ_ONLY | L.PAGE_HAS_CODE)))), () => {
          fillTlb(f, L.WRITE_TLB, ea, page);
          noteWriteCached(f, gpa, page);
          f.return(hostOf(page, ea));
        });
        f.store(at(L.WRITE_SPLIT), size);
      },
    );
    f.store(at(L.WRITE_GPA0), gpa);
    f.store(at(L.WRITE_GPA1), second.get);
    f.store(at(L.WRITE_SIZE), size);
    f.if(i32.and(info, c32(INFO_MODIFY)), () => {
      const split = i32.load(at(L.WRITE_SPLIT));
      f.call(readPhysical, gpa, split, c32(L.BOUNCE_WRITE));
      f.if(i32.gtU(size, split), () => f.call(readPhysical, second.get, i32.sub(size, split), i32.add(c32(L.BOUNCE_WRITE), split)));
    });
    f.return(c32(L.BOUNCE_WRITE));
  });

  const commitWrite = module.func([], [], (f) => {
    const split = f.let(i32.load(at(L.WRITE_SPLIT)));
    const size = f.let(i32.load(at(L.WRITE_SIZE)));
    f.call(writePhysical, i64.load(at(L.WRITE_GPA0)), split, c32(L.BOUNCE_WRITE));
    f.if(i32.gtU(size, split), () =>
      f.call(writePhysical, i64.load(at(L.WRITE_GPA1)), i32.sub(size, split), i32.add(c32(L.BOUNCE_WRITE), split)),
    );
  });
  return { readSlow, writeSlow, commitWrite };
}
