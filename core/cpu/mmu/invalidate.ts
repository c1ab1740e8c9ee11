// Which cached translations go, and when: loads of CR3, INVLPG, changes of privilege. Everything that caches a translation (TLBs,
// jump cache, sites of translated code) compares one random key a privilege level, so that drawing new keys empties all of it at
// once. That is kept for what is rare. A CR3 load must spare global pages: what was filled from other leaves is noted in a log as it
// is filled, and taken out one by one. AMD64 APM vol. 2, 5.5. Left out: PCID. All WebAssembly functions.
import * as L from "../state/layout.ts";
import type { FunctionBuilder } from "../wasm/function-builder.ts";
import type { ModuleBuilder } from "../wasm/module-builder.ts";
import { type Callee, c32, c64, call, I32, I64, i32, i64, type Node } from "../wasm/nodes.ts";
import { largeRange } from "./walker.ts";

export interface InvalidationFunctions {
  /** (address of an entry's tag i32, linear address i64, not 0 if the leaf is global i32): an entry has been filled. */
  noteFill: Callee;
  /** (): forgets all translations. */
  forgetAll: Callee;
  /** (): forgets those that are not global. */
  forgetPrivate: Callee;
  /** (linear i64): forgets one page, however large. */
  forgetPage: Callee;
}

const at = c32;
const state = (offset: number): Node => i64.load(at(offset));

/** Makes the keys of ring 3 or of the others the present ones, for the present MODE_KEY. */
export function selectKeys(f: FunctionBuilder, isUser: boolean): void {
  f.store(at(L.TLB_KEY), state(isUser ? L.TLB_KEY_USER : L.TLB_KEY_SUPERVISOR));
  f.store(at(L.SITE_KEY), state(isUser ? L.SITE_KEY_USER : L.SITE_KEY_SUPERVISOR));
  f.store(at(L.CODE_KEY), i64.xor(state(L.CODE_KEY_SPACE), state(isUser ? L.CODE_MIX_USER : L.CODE_MIX_SUPERVISOR)));
}

/** Notes that an entry, whose tag is at `place`, has been filled from a leaf that is not global; of a page that is in LOGGED_PAGES. */
export function logFill(f: FunctionBuilder, place: Node, page: Node): void {
  const count = f.let(i32.load(at(L.FILL_COUNT)));
  f.if(
    i32.ltU(count, c32(L.FILL_LOG_ENTRIES)),
    () => {
      const entry = f.let(i32.shl(count, c32(3)));
      f.store(entry, place, L.FILL_LOG);
      f.store(entry, page, L.FILL_LOG + 4);
      f.store(at(L.FILL_COUNT), i32.add(count, c32(1)));
    },
    () => f.store(at(L.FILL_COUNT), c32(L.FILL_LOG_ENTRIES + 1)),
  );
}

export function defineInvalidation(module: ModuleBuilder): InvalidationFunctions {
  /** A member of a set of pages: its byte (i32, from the set's start) and its bit. */
  const member = (f: FunctionBuilder, page: Node): { byte: Node; bit: Node } => {
    const hash = f.let(i32.and(page, c32(L.PAGE_SET_BYTES * 8 - 1)));
    return { byte: f.let(i32.shrU(hash, c32(3))), bit: i32.shl(c32(1), i32.and(hash, c32(7))) };
  };
  const pageOf = (ea: Node): Node => i32.wrap(i64.shrU(ea, c64(12)));

  const noteFill = module.func([I32, I64, I32], [], (f) => {
    const page = f.let(pageOf(f.param(1)));
    const { byte, bit } = member(f, page);
    f.if(
      f.param(2),
      () => f.store8(byte, i32.or(i32.load8u(byte, L.GLOBAL_PAGES), bit), L.GLOBAL_PAGES),
      () => {
        f.store8(byte, i32.or(i32.load8u(byte, L.LOGGED_PAGES), bit), L.LOGGED_PAGES);
        logFill(f, f.param(0), page);
      },
    );
  });

  /** A new key: bits 63:12 of a xorshift generator's output. */
  const drawKey = module.func([], [I64], (f) => {
    const x = f.variable(I64, state(L.KEY_NOISE));
    f.set(x, i64.xor(x.get, i64.shrU(x.get, c64(12))));
    f.set(x, i64.xor(x.get, i64.shl(x.get, c64(25))));
    f.set(x, i64.xor(x.get, i64.shrU(x.get, c64(27))));
    f.store(at(L.KEY_NOISE), x.get);
    f.return(i64.and(i64.mul(x.get, c64(0x2545f4914f6cdd1dn)), c64(-4096)));
  });
  const draw = (f: FunctionBuilder, ...keys: number[]): void => {
    for (const key of keys) f.store(at(key), call(drawKey));
    f.if(
      i32.eq(i32.load(at(L.CPL)), c32(3)),
      () => selectKeys(f, true),
      () => selectKeys(f, false),
    );
  };

  const forgetAll = module.func([], [], (f) => {
    f.store(at(L.FILL_COUNT), c32(0));
    f.memoryFill(at(L.LARGE_RANGES), c32(0), c32(L.LARGE_RANGES_BYTES));
    f.memoryFill(at(L.GLOBAL_PAGES), c32(0), c32(L.PAGE_SET_BYTES));
    f.memoryFill(at(L.LOGGED_PAGES), c32(0), c32(L.PAGE_SET_BYTES));
    draw(f, L.TLB_KEY_SUPERVISOR, L.TLB_KEY_USER, L.CODE_KEY_SPACE, L.SITE_KEY_SUPERVISOR, L.SITE_KEY_USER);
  });

  /** Runs over the log; `visit` gets an entry's place in it. */
  const eachLogged = (f: FunctionBuilder, count: Node, visit: (entry: Node) => void): void => {
    const n = f.variable(I32, i32.shl(count, c32(3)));
    f.block((done) => {
      f.loop((next) => {
        f.brIf(done, i32.eqz(n.get));
        f.set(n, i32.sub(n.get, c32(8)));
        visit(n.get);
        f.br(next);
      });
    });
  };
  const takeOut = (f: FunctionBuilder, entry: Node): void => f.store(i32.load(entry, L.FILL_LOG), c64(L.TLB_EMPTY));

  const forgetPrivate = module.func([], [], (f) => {
    const count = f.let(i32.load(at(L.FILL_COUNT)));
    f.if(i32.gtU(count, c32(L.FILL_LOG_ENTRIES)), () => {
      f.call(forgetAll);
      f.return();
    });
    f.if(i32.eqz(count), () => f.return());
    eachLogged(f, count, (entry) => takeOut(f, entry));
    f.store(at(L.FILL_COUNT), c32(0));
    f.memoryFill(at(L.LOGGED_PAGES), c32(0), c32(L.PAGE_SET_BYTES));
  });

  /** Entries of the log that INVLPG looks through; with more, it takes them all out. */
  const LOOKED_THROUGH = 512;
  const forgetPage = module.func([I64], [], (f) => {
    const ea = f.param(0);
    const slot = f.let(i32.and(i32.shrU(i32.wrap(ea), c32(8)), c32(0xfff0)));
    for (const table of [L.READ_TLB, L.WRITE_TLB]) f.store(slot, c64(L.TLB_EMPTY), table);
    const range = f.let(largeRange(ea));
    f.if(i32.and(i32.shrU(i32.load8u(i32.shrU(range, c32(3)), L.LARGE_RANGES), i32.and(range, c32(7))), c32(1)), () => {
      f.call(forgetAll);
      f.return();
    });
    const page = f.let(pageOf(ea));
    const { byte, bit } = member(f, page);
    const isMember = (set: number): Node => i32.and(i32.load8u(byte, set), bit);
    f.if(isMember(L.GLOBAL_PAGES), () => draw(f, L.CODE_KEY_SPACE, L.SITE_KEY_SUPERVISOR, L.SITE_KEY_USER));
    const count = f.let(i32.load(at(L.FILL_COUNT)));
    f.if(i32.gtU(count, c32(L.FILL_LOG_ENTRIES)), () => {
      f.call(forgetAll);
      f.return();
    });
    f.if(i32.eqz(isMember(L.LOGGED_PAGES)), () => f.return());
    f.if(i32.gtU(count, c32(LOOKED_THROUGH)), () => {
      f.call(forgetPrivate);
      f.return();
    });
    eachLogged(f, count, (entry) => f.if(i32.eq(i32.load(entry, L.FILL_LOG + 4), page), () => takeOut(f, entry)));
  });
  return { noteFill, forgetAll, forgetPrivate, forgetPage };
}
