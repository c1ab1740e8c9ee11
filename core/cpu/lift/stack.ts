// PUSH, POP, PUSHA, POPA, ENTER, LEAVE, and the common cases of PUSHF, POPF, CLI and STI; whatever depends on IOPL or virtual-8086
// mode goes to cpu/system. AMD64 APM vol. 3.
import * as L from "../state/layout.ts";
import { c32, c64, i32, i64, type Node } from "../wasm/nodes.ts";
import type { Lift, Lifter } from "./lift.ts";

/** Operand size of the push or pop; 8 by default in 64-bit mode. */
const bytesOf = (l: Lift) => (l.form.opSize > 1 ? l.form.opSize : l.flavour === "long" ? 8 : 4);

const push: Lifter = (l) => l.push(l.read(0), bytesOf(l));

const pop: Lifter = (l) => {
  const bytes = bytesOf(l);
  const value = l.peek(bytes);
  const sp = l.popped(bytes);
  if (!l.inMemory(0)) {
    l.setStackPointer(sp);
    l.write(0, value);
    return;
  }
  // POP to memory whose address uses the stack pointer takes it after the pop: the predecoder has added the size to the displacement.
  l.prepareWrite(0);
  l.setStackPointer(sp);
  l.write(0, value);
};

const pushAll: Lifter = (l) => {
  const bytes = bytesOf(l);
  const original = l.gpr(4, bytes);
  const start = l.gpr(4);
  // The lowest slot first, so that a fault leaves ESP as it was; a stack that ends in mid-PUSHA has then been written below only.
  const mask = l.flavour === "flat" ? c64(0xffffffff) : l.stackMask();
  for (let n = 7; n >= 0; n--) {
    const at = l.f.let(i64.and(i64.sub(start, c64(bytes * (n + 1))), mask));
    l.store(l.stackLinear(at, bytes, true), bytes, n === 4 ? original : l.gpr(n, bytes));
  }
  l.setStackPointer(l.f.let(i64.and(i64.sub(start, c64(bytes * 8)), mask)));
};
const popAll: Lifter = (l) => {
  const bytes = bytesOf(l);
  const values = [7, 6, 5, 4, 3, 2, 1, 0].map((n, slot) => ({ n, value: l.peek(bytes, slot * bytes) }));
  const sp = l.popped(bytes * 8);
  for (const { n, value } of values) if (n !== 4) l.setGpr(n, value, bytes);
  l.setStackPointer(sp);
};

const leave: Lifter = (l) => {
  const f = l.f;
  const bytes = bytesOf(l);
  const mask = l.flavour === "long" ? c64(-1) : l.flavour === "flat" ? c64(0xffffffff) : l.stackMask();
  const frame = f.let(i64.and(l.gpr(5), mask));
  const value = l.load(l.stackLinear(frame, bytes, false), bytes, c32(0x100));
  l.setStackPointer(f.let(i64.and(i64.add(frame, c64(bytes)), mask)));
  l.setGpr(5, value, bytes);
};

const enter: Lifter = (l) => {
  const f = l.f;
  const bytes = bytesOf(l);
  const mask = f.let(l.flavour === "long" ? c64(-1) : l.flavour === "flat" ? c64(0xffffffff) : l.stackMask());
  const level = f.let(i32.and(l.extra(), c32(31)));
  const old = l.gpr(5, bytes);
  const frame = f.let(i64.and(i64.sub(l.gpr(4), c64(bytes)), mask));
  l.store(l.stackLinear(frame, bytes, true), bytes, old, c32(0x100));
  const sp = f.variable(frame.type, frame);
  const from = f.variable(frame.type, l.gpr(5));
  const n = f.variable(level.type, level);
  f.if(n.get, () => {
    f.block((done) => {
      f.loop((again) => {
        f.set(n, i32.sub(n.get, c32(1)));
        f.brIf(done, i32.eqz(n.get));
        f.set(from, i64.and(i64.sub(from.get, c64(bytes)), mask));
        f.set(sp, i64.and(i64.sub(sp.get, c64(bytes)), mask));
        const value = l.load(l.stackLinear(from.get, bytes, false), bytes, c32(0x100));
        l.store(l.stackLinear(sp.get, bytes, true), bytes, value, c32(0x100));
        f.br(again);
      });
    });
    f.set(sp, i64.and(i64.sub(sp.get, c64(bytes)), mask));
    l.store(l.stackLinear(sp.get, bytes, true), bytes, frame, c32(0x100));
  });
  const last = f.let(i64.and(i64.sub(sp.get, i64.and(l.imm(), c64(0xffff))), mask));
  // The final stack pointer must be writable, or ENTER faults as a whole.
  l.host(l.stackLinear(last, 1, true), 1, "write", c32(0x100));
  l.setStackPointer(last);
  l.setGpr(5, frame, bytes);
};

/** True (i32) where IF and the flags image may be handled without looking further: CPL <= IOPL, not virtual-8086. */
function isPlain(l: Lift): Node {
  const other = l.f.let(i32.load(c32(L.EFLAGS_OTHER)));
  const iopl = i32.and(i32.shrU(other, c32(12)), c32(3));
  return i32.and(i32.leU(i32.load(c32(L.CPL)), iopl), i32.eqz(i32.and(other, c32(L.FL_VM))));
}

export const stackLifters: Record<string, Lifter> = {
  push,
  pop,
  pusha: pushAll,
  popa: popAll,
  leave,
  enter,
  pushf: (l) => {
    const f = l.f;
    const push = () => {
      const other = i32.and(i32.load(c32(L.EFLAGS_OTHER)), c32(~(L.FL_RF | L.FL_VM)));
      l.push(i64.extendU(i32.or(i32.or(other, c32(2)), l.getArith())), bytesOf(l));
    };
    if (l.flavour === "seg") {
      f.if(i32.and(i32.load(c32(L.EFLAGS_OTHER)), c32(L.FL_VM)), () => {
        l.system("pushf");
        l.next();
      });
    }
    push();
  },
  popf: (l) => {
    const f = l.f;
    const bytes = bytesOf(l);
    f.if(i32.and(isPlain(l), i32.eqz(i32.load(c32(L.CPL)))), () => {
      const value = f.let(i32.wrap(l.peek(bytes)));
      const other = f.let(i32.load(c32(L.EFLAGS_OTHER)));
      // TF makes the next instruction trap: rare, and done by the run loop.
      f.if(i32.eqz(i32.and(i32.or(value, other), c32(L.FL_TF))), () => {
        l.setStackPointer(l.popped(bytes));
        const may = L.FL_IF | L.FL_DF | L.FL_IOPL | L.FL_NT | (bytes > 2 ? L.FL_AC | L.FL_ID : 0);
        const kept = i32.and(other, c32(bytes > 2 ? ~(may | L.FL_RF | L.FL_VIF | L.FL_VIP) : ~may));
        f.store(c32(0), i32.or(kept, i32.and(value, c32(may))), L.EFLAGS_OTHER);
        l.setArith(value);
        f.if(i32.and(i32.ne(i32.load(c32(L.INTR_PENDING)), c32(0)), i32.and(i32.shrU(value, c32(9)), c32(1))), () => {
          l.setRip(l.nextRip());
          l.leave();
        });
        l.next();
      });
    });
    l.system("popf");
  },
  cli: (l) => {
    l.systemIf(i32.eqz(isPlain(l)), "cli");
    l.f.store(c32(0), i32.and(i32.load(c32(L.EFLAGS_OTHER)), c32(~L.FL_IF)), L.EFLAGS_OTHER);
    l.f.store(c32(0), c32(0), L.SHADOW);
  },
  sti: (l) => {
    l.systemIf(i32.eqz(i32.and(isPlain(l), i32.eqz(i32.load(c32(L.INTR_PENDING))))), "sti");
    l.f.store(c32(0), i32.or(i32.load(c32(L.EFLAGS_OTHER)), c32(L.FL_IF)), L.EFLAGS_OTHER);
    // If the run ends here, no interrupt may come before the next instruction: it may be HLT. Otherwise this lasts until the next
    // CLI or return from an interrupt or system call; interrupts are then held off for the first instruction after a run.
    l.f.store(c32(0), c32(1), L.SHADOW);
  },
};
