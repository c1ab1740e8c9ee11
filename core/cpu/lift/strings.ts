// MOVS, STOS, LODS, CMPS, SCAS with REP, REPE and REPNE. One iteration at a time, interruptible after each; forward MOVS and
// STOS in plain RAM go by page runs (memory.copy, memory.fill, eight bytes at a time). AMD64 APM vol. 3.
//
// The record has the address mask in REC_DISP (FFFFh, FFFFFFFFh, -1), the source segment's base in REC_SEGBASE and, for
// handlers with segment checks, its number in REC_EXTRA 7:0. REC_EXTRA 15:8: 0 no repeat, 1 REP or REPE, 2 REPNE.
import * as L from "../state/layout.ts";
import { c32, c64, call, I32, i32, i64, type Node } from "../wasm/nodes.ts";
import { HANDLER_PARAMS, HANDLER_RESULTS, type Lift, type Lifter } from "./lift.ts";

const RCX = 1;
const RSI = 6;
const RDI = 7;

const mask = (l: Lift): Node => (l.flavour === "long" ? c64(-1) : l.flavour === "flat" ? c64(0xffffffff) : i64.load(l.rec, L.REC_DISP));
const pointer = (l: Lift, register: number): Node => (l.flavour === "long" ? l.gpr(register) : l.f.let(i64.and(l.gpr(register), mask(l))));
function setPointer(l: Lift, register: number, value: Node): void {
  const f = l.f;
  if (l.flavour !== "seg") {
    l.setGpr(register, l.flavour === "flat" ? i64.and(value, c64(0xffffffff)) : value);
    return;
  }
  const v = f.let(value);
  f.if(
    i64.eq(mask(l), c64(0xffff)),
    () => l.setGpr(register, v, 2),
    () => l.setGpr(register, i64.and(v, mask(l))),
  );
}
/** +size or -size by DF. */
const step = (l: Lift, size: number): Node =>
  l.f.let(i64.sub(c64(size), i64.extendU(i32.mul(i32.and(i32.shrU(i32.load(c32(L.EFLAGS_OTHER)), c32(10)), c32(1)), c32(2 * size)))));

function sourceLinear(l: Lift, offset: Node, size: number): Node {
  const f = l.f;
  if (l.flavour === "seg") {
    const linear = f.let(call(l.rt.segLinear, i32.and(l.extra(), c32(255)), offset, c32(size)));
    l.checkFault();
    return linear;
  }
  const sum = i64.add(offset, i64.load(i32.load16u(l.rec, L.REC_SEGBASE)));
  return f.let(l.flavour === "flat" ? i64.and(sum, c64(0xffffffff)) : sum);
}
function destinationLinear(l: Lift, offset: Node, size: number, isWrite: boolean): Node {
  if (l.flavour !== "seg") return offset;
  const linear = l.f.let(call(l.rt.segLinear, c32(L.ES), offset, c32(size | (isWrite ? 256 : 0))));
  l.checkFault();
  return linear;
}

/** Runs `iteration` once, or with a repeat prefix while rCX is not 0. `stop` says, after an iteration, that the condition failed. */
function repeated(l: Lift, iteration: () => void, stop?: () => Node, bulk?: (left: Node) => void): void {
  const f = l.f;
  const kind = f.let(i32.and(i32.shrU(l.extra(), c32(8)), c32(255)));
  f.if(i32.eqz(kind), () => {
    iteration();
    l.next();
  });
  const left = f.paramVariable(1);
  f.loop((again) => {
    const count = f.let(i64.and(l.gpr(RCX), mask(l)));
    f.if(i64.eqz(count), () => l.next());
    if (bulk) bulk(count);
    iteration();
    setPointer(l, RCX, i64.sub(l.gpr(RCX), c64(1)));
    if (stop) f.if(stop(), () => l.next());
    f.set(left, i32.sub(left.get, c32(1)));
    f.if(i32.or(i32.leS(left.get, c32(0)), i32.load(c32(L.EXIT_REQUEST))), () => {
      // The last round ends the instruction: its trap comes with the next one's address.
      f.if(i64.eqz(i64.and(l.gpr(RCX), mask(l))), () => l.next());
      f.tailCall(l.rt.exitAgain, l.rec, left.get);
    });
    f.br(again);
  });
}

/** Whether several elements may be done at once: forwards, and not when stepping, where each round traps by itself. */
const mayRun = (l: Lift): Node => i32.and(i32.eqz(i32.and(i32.load(c32(L.EFLAGS_OTHER)), c32(L.FL_DF))), i32.gtS(l.left, c32(1)));
/** How many elements fit before the pages of both addresses end. */
function runLength(l: Lift, count: Node, addresses: readonly Node[], size: number): Node {
  const f = l.f;
  const n = f.variable(I32, i32.wrap(count));
  f.if(i64.gtU(count, c64(4096)), () => f.set(n, c32(4096)));
  for (const a of addresses) {
    const room = f.let(i32.divU(i32.sub(c32(4096), i32.and(i32.wrap(a), c32(4095))), c32(size)));
    f.if(i32.gtU(n.get, room), () => f.set(n, room));
  }
  return n.get;
}
function advance(l: Lift, registers: readonly number[], elements: Node, size: number): void {
  const f = l.f;
  for (const r of registers) setPointer(l, r, i64.add(l.gpr(r), i64.extendU(i32.mul(elements, c32(size)))));
  setPointer(l, RCX, i64.sub(l.gpr(RCX), i64.extendU(elements)));
  const left = f.paramVariable(1);
  f.set(left, i32.sub(left.get, elements));
}
/** After a run: done, or out of budget, or round the loop by running the instruction again. */
function afterRun(l: Lift): void {
  l.f.if(i64.eqz(i64.and(l.gpr(RCX), mask(l))), () => l.next());
  const mayGo = i32.and(i32.gtS(l.left, c32(0)), i32.eqz(i32.load(c32(L.EXIT_REQUEST))));
  l.f.if(mayGo, () => l.f.tailCallTable(i32.load(l.rec), HANDLER_PARAMS, HANDLER_RESULTS, l.rec, l.left));
  l.f.tailCall(l.rt.exitAgain, l.rec, l.left);
}

const movs: Lifter = (l) => {
  const f = l.f;
  const size = l.size;
  const copyRun = (count: Node): void => {
    if (l.flavour === "seg") return;
    f.if(i32.and(mayRun(l), i64.geU(count, c64(4))), () => {
      const source = sourceLinear(l, pointer(l, RSI), size);
      const destination = destinationLinear(l, pointer(l, RDI), size, true);
      const n = f.let(runLength(l, count, [source, destination], size));
      // An overlap that a forward copy would replicate (destination shortly after source) is left to the slow way.
      const bytes = i64.extendU(i32.mul(n, c32(size)));
      f.if(i32.and(i32.gtU(n, c32(3)), i64.geU(i64.sub(destination, source), bytes)), () => {
        const from = l.host(source, size, "read");
        const to = l.host(destination, size, "write");
        // Pages may alias, so the hosts are compared too; bounce buffers are no RAM.
        const length = f.let(i32.mul(n, c32(size)));
        const isRam = i32.and(i32.geU(from, c32(L.RAM)), i32.geU(to, c32(L.RAM)));
        f.if(i32.and(isRam, i32.geU(i32.sub(to, from), length)), () => {
          f.memoryCopy(to, from, length);
          advance(l, [RSI, RDI], n, size);
          afterRun(l);
        });
      });
    });
  };
  repeated(
    l,
    () => {
      const s = pointer(l, RSI);
      const d = pointer(l, RDI);
      const delta = step(l, size);
      const value = l.load(sourceLinear(l, s, size), size);
      l.store(destinationLinear(l, d, size, true), size, value);
      setPointer(l, RSI, i64.add(s, delta));
      setPointer(l, RDI, i64.add(d, delta));
    },
    undefined,
    copyRun,
  );
};

/** Stores the element's value all over [to, to + bytes). */
function fillWith(l: Lift, to: Node, value: Node, bytes: Node): void {
  const { f, size } = l;
  const at = f.variable(I32, to);
  const end = f.let(i32.add(to, bytes));
  const eight = f.let(size === 8 ? value : i64.mul(value, c64(size === 4 ? 0x1_0000_0001n : 0x1_0001_0001_0001n)));
  f.loop((again) => {
    f.if(i32.geU(i32.sub(end, at.get), c32(8)), () => {
      f.store(at.get, eight);
      f.set(at, i32.add(at.get, c32(8)));
      f.br(again);
    });
  });
  if (size === 8) return;
  f.loop((again) => {
    f.if(i32.ltU(at.get, end), () => {
      if (size === 4) f.store32(at.get, value);
      else f.store16(at.get, value);
      f.set(at, i32.add(at.get, c32(size)));
      f.br(again);
    });
  });
}

const stos: Lifter = (l) => {
  const f = l.f;
  const size = l.size;
  const fillRun = (count: Node): void => {
    if (l.flavour === "seg") return;
    const value = f.let(l.gpr(0, size));
    const byte = f.let(i64.and(value, c64(255)));
    const isUniform = size === 1 ? c32(1) : i64.eq(value, i64.mul(byte, c64(size === 2 ? 0x0101n : size === 4 ? 0x01010101n : 0x0101010101010101n)));
    f.if(i32.and(mayRun(l), i64.geU(count, c64(4))), () => {
      const destination = destinationLinear(l, pointer(l, RDI), size, true);
      const n = f.let(runLength(l, count, [destination], size));
      f.if(i32.gtU(n, c32(3)), () => {
        const to = l.host(destination, size, "write");
        f.if(i32.geU(to, c32(L.RAM)), () => {
          const bytes = f.let(i32.mul(n, c32(size)));
          f.if(
            isUniform,
            () => f.memoryFill(to, i32.wrap(byte), bytes),
            () => {
              if (size > 1) fillWith(l, to, value, bytes);
            },
          );
          advance(l, [RDI], n, size);
          afterRun(l);
        });
      });
    });
  };
  repeated(
    l,
    () => {
      const d = pointer(l, RDI);
      const delta = step(l, size);
      l.store(destinationLinear(l, d, size, true), size, l.gpr(0, size));
      setPointer(l, RDI, i64.add(d, delta));
    },
    undefined,
    fillRun,
  );
};

const lods: Lifter = (l) => {
  const size = l.size;
  repeated(l, () => {
    const s = pointer(l, RSI);
    const delta = step(l, size);
    l.setGpr(0, l.load(sourceLinear(l, s, size), size), size);
    setPointer(l, RSI, i64.add(s, delta));
  });
};

/** REPE stops on a difference, REPNE on equality. */
const conditionFailed = (l: Lift) => (): Node =>
  i32.ne(l.condition(4), i32.eq(i32.and(i32.shrU(l.extra(), c32(8)), c32(255)), c32(1)));

const cmps: Lifter = (l) => {
  const size = l.size;
  repeated(
    l,
    () => {
      const s = pointer(l, RSI);
      const d = pointer(l, RDI);
      const delta = step(l, size);
      const a = l.load(sourceLinear(l, s, size), size);
      const b = l.load(destinationLinear(l, d, size, false), size);
      setPointer(l, RSI, i64.add(s, delta));
      setPointer(l, RDI, i64.add(d, delta));
      l.flagsSub(a, b, l.f.let(i64.sub(a, b)));
    },
    conditionFailed(l),
  );
};

const scas: Lifter = (l) => {
  const size = l.size;
  repeated(
    l,
    () => {
      const d = pointer(l, RDI);
      const delta = step(l, size);
      const a = l.gpr(0, size);
      const b = l.load(destinationLinear(l, d, size, false), size);
      setPointer(l, RDI, i64.add(d, delta));
      l.flagsSub(a, b, l.f.let(i64.sub(a, b)));
    },
    conditionFailed(l),
  );
};

/** AL = [rBX + AL] in the source segment. */
const xlat: Lifter = (l) => {
  const offset = l.f.let(i64.and(i64.add(l.gpr(3), l.gpr(0, 1)), mask(l)));
  l.setGpr(0, l.load(sourceLinear(l, offset, 1), 1), 1);
};

export const stringLifters: Record<string, Lifter> = { movs, stos, lods, cmps, scas, xlat };
