// The common cases of system instructions, without leaving generated code: ring changes of flat systems, MSRs and control registers
// that kernels touch at every switch, segment loads from the GDT, the time-stamp counter. Everything else goes to cpu/system.
// AMD64 APM vol. 2, 6.1 and 8.9; vol. 3.
import * as L from "../state/layout.ts";
import { isNotCanonical } from "../state/state-nodes.ts";
import { selectKeys } from "../mmu/invalidate.ts";
import { EVENT_SOFTWARE, isLegacyFlat, storeNull } from "../system/native-events.ts";
import type { Label } from "../wasm/function-builder.ts";
import { c32, c64, call, f64, i32, i64, type Node, select } from "../wasm/nodes.ts";
import type { Lift, Lifter } from "./lift.ts";

const CR8 = 8;
const FS_BASE = 0xc0000100;
const KEPT_FLAGS =
  L.FL_TF | L.FL_IF | L.FL_DF | L.FL_IOPL | L.FL_NT | L.FL_RF | L.FL_VM | L.FL_AC | L.FL_VIF | L.FL_VIP | L.FL_ID;
/** Attributes that the fast system calls give CS and SS, which read no descriptor. */
const CODE = L.ATTR_P | L.ATTR_S | 0xb | L.ATTR_G;
const DATA = L.ATTR_P | L.ATTR_S | 3 | L.ATTR_G | L.ATTR_DB;
const RING_3 = 0x60;

const word = (offset: number): Node => i32.load(c32(offset));
const place = (index: number): number => L.SEG + index * L.SEG_SIZE;

/** What may be done here, as a block that `slow` leaves; then the system operation of that name does it. */
export function orSystem(l: Lift, name: string, write: (slow: (condition: Node) => void) => void): void {
  l.f.block((out: Label) => write((condition) => l.f.brIf(out, condition)));
  l.system(name);
}

function flatSegment(l: Lift, index: number, selector: Node, attributes: number): void {
  const { f } = l;
  f.store(c32(0), c64(0), place(index) + L.SEG_BASE);
  f.store(c32(0), c32(-1), place(index) + L.SEG_LIMIT);
  f.store(c32(0), c32(attributes), place(index) + L.SEG_ATTR);
  f.store(c32(0), selector, place(index) + L.SEG_SELECTOR);
}
function setRing(l: Lift, cpl: 0 | 3): void {
  l.f.store(c32(0), c32(cpl), L.CPL);
  selectKeys(l.f, cpl === 3);
}
/** All of EFLAGS from an image (a local). */
function setFlags(l: Lift, image: Node): void {
  l.f.store(c32(0), i32.and(image, c32(KEPT_FLAGS)), L.EFLAGS_OTHER);
  l.setArith(image);
}
/** Goes on at RIP; through the run loop if IF lets an interrupt in now. */
function goOn(l: Lift): void {
  l.f.store(c32(0), c32(0), L.SHADOW);
  const mayTake = i32.and(i32.shrU(word(L.EFLAGS_OTHER), c32(9)), c32(1));
  l.f.if(i32.and(i32.ne(word(L.INTR_PENDING), c32(0)), mayTake), () => l.leave());
  l.dispatch();
}
/** Goes on with the next instruction, found anew: translations have changed. */
function goOnAnew(l: Lift): void {
  // A region that has called this as a handler looks for itself.
  const isCalled = i32.ltU(i32.sub(l.rec, c32(L.REGION_DATA)), c32(L.REGION_DATA_BYTES));
  l.f.if(isCalled, () => l.next());
  l.setRip(l.nextRip());
  l.dispatch();
}

const syscall: Lifter = (l) => {
  if (l.flavour !== "long") return l.system("syscall");
  const { f } = l;
  orSystem(l, "syscall", (slow) => {
    slow(i32.eqz(i32.and(word(L.EFER), c32(L.EFER_SCE))));
    const flags = f.let(i32.or(i32.or(i32.and(word(L.EFLAGS_OTHER), c32(~L.FL_RF)), c32(2)), l.getArith()));
    l.setGpr(1, l.nextRip());
    l.setGpr(11, i64.extendU(flags));
    setFlags(l, f.let(i32.and(flags, i32.xor(word(L.MSR_SFMASK), c32(-1)))));
    const selector = f.let(i32.and(word(L.MSR_STAR + 4), c32(0xfffc)));
    flatSegment(l, L.CS, selector, CODE | L.ATTR_L);
    flatSegment(l, L.SS, i32.and(i32.add(selector, c32(8)), c32(0xffff)), DATA);
    setRing(l, 0);
    l.setRip(i64.load(c32(L.MSR_LSTAR)));
    l.dispatch();
  });
};

const sysret: Lifter = (l) => {
  if (l.flavour !== "long" || l.size !== 8) return l.system("sysret");
  const { f } = l;
  orSystem(l, "sysret", (slow) => {
    const target = l.gpr(1);
    const image = f.let(i32.wrap(l.gpr(11)));
    slow(i32.eqz(i32.and(word(L.EFER), c32(L.EFER_SCE))));
    slow(i32.or(isNotCanonical(target), i32.and(image, c32(L.FL_TF))));
    setFlags(l, f.let(i32.and(image, c32(~(L.FL_VM | L.FL_RF)))));
    const selector = f.let(i32.load16u(c32(L.MSR_STAR + 6)));
    const ofRing3 = (offset: number): Node => i32.or(i32.and(i32.add(selector, c32(offset)), c32(0xffff)), c32(3));
    flatSegment(l, L.CS, ofRing3(16), CODE | RING_3 | L.ATTR_L);
    flatSegment(l, L.SS, ofRing3(8), DATA | RING_3);
    setRing(l, 3);
    l.setRip(target);
    goOn(l);
  });
};

const sysenter: Lifter = (l) => {
  if (l.flavour !== "flat") return l.system("sysenter");
  const { f } = l;
  orSystem(l, "sysenter", (slow) => {
    const selector = f.let(i32.and(word(L.MSR_SYSENTER_CS), c32(0xfffc)));
    slow(i32.or(i32.eqz(isLegacyFlat()), i32.eqz(selector)));
    f.store(c32(0), i32.and(word(L.EFLAGS_OTHER), c32(~(L.FL_VM | L.FL_IF | L.FL_RF))), L.EFLAGS_OTHER);
    l.setGpr(4, i64.load32u(c32(L.MSR_SYSENTER_ESP)));
    flatSegment(l, L.CS, selector, CODE | L.ATTR_DB);
    flatSegment(l, L.SS, i32.and(i32.add(selector, c32(8)), c32(0xffff)), DATA);
    setRing(l, 0);
    l.setRip(i64.load32u(c32(L.MSR_SYSENTER_EIP)));
    l.dispatch();
  });
};

const sysexit: Lifter = (l) => {
  if (l.flavour !== "flat") return l.system("sysexit");
  const { f } = l;
  orSystem(l, "sysexit", (slow) => {
    const selector = f.let(i32.and(word(L.MSR_SYSENTER_CS), c32(0xfffc)));
    slow(i32.or(i32.eqz(isLegacyFlat()), i32.eqz(selector)));
    const target = l.gpr(2, 4);
    l.setGpr(4, l.gpr(1, 4));
    const ofRing3 = (offset: number): Node => i32.or(i32.and(i32.add(selector, c32(offset)), c32(0xffff)), c32(3));
    flatSegment(l, L.CS, ofRing3(16), CODE | RING_3 | L.ATTR_DB);
    flatSegment(l, L.SS, ofRing3(24), DATA | RING_3);
    setRing(l, 3);
    l.setRip(target);
    goOn(l);
  });
};

/** INT n and INT3, through a gate to ring 0. */
const softwareInterrupt = (name: "int" | "int3"): Lifter => (l) => {
  if (l.flavour === "seg") return l.system(name);
  orSystem(l, name, (slow) => {
    const vector = name === "int3" ? c32(3) : i32.and(i32.wrap(l.imm()), c32(255));
    slow(i32.eqz(call(l.named("deliver"), vector, l.nextRip(), c32(0), c32(EVENT_SOFTWARE))));
    goOn(l);
  });
};

const iret: Lifter = (l) => {
  const isLong = l.flavour === "long";
  const bytes = isLong ? 8 : 4;
  if (l.flavour === "seg" || l.size !== bytes) return l.system("iret");
  const { f } = l;
  orSystem(l, "iret", (slow) => {
    slow(i32.and(word(L.EFLAGS_OTHER), c32(L.FL_NT)));
    if (!isLong) slow(i32.eqz(isLegacyFlat()));
    const sp = l.gpr(4, bytes);
    slow(i32.gtU(i32.and(i32.wrap(sp), c32(4095)), c32(4096 - 5 * bytes)));
    const frame = l.host(sp, 5 * bytes, "read", c32(0x100));
    const slot = (n: number): Node => f.let(isLong ? i64.load(frame, n * 8) : i64.load32u(frame, n * 4));
    const rip = slot(0);
    const selector = f.let(i32.load16u(frame, bytes));
    const image = f.let(i32.load(frame, 2 * bytes));
    const stackSelector = f.let(i32.load16u(frame, 4 * bytes));
    const newSp = slot(3);
    const cpl = f.let(word(L.CPL));
    const rpl = f.let(i32.and(selector, c32(3)));
    slow(i32.or(i32.ltU(rpl, cpl), i32.and(image, c32(L.FL_TF | L.FL_VM))));
    const code = f.let(call(l.named("findCode"), selector, rpl, c32(isLong ? 1 : 0)));
    slow(i32.eqz(code));
    if (isLong) slow(isNotCanonical(rip));
    /** 64-bit mode always pops a stack; its selector may be null outside ring 3. */
    const popsStack = isLong ? c32(1) : f.let(i32.ne(rpl, cpl));
    const isNull = f.let(isLong ? i32.eqz(i32.and(stackSelector, c32(0xfffc))) : c32(0));
    const stack = f.variable(code.type, c32(0));
    f.if(popsStack, () => {
      slow(i32.ne(i32.and(stackSelector, c32(3)), rpl));
      f.if(
        isNull,
        () => slow(i32.eq(rpl, c32(3))),
        () => {
          f.set(stack, call(l.named("findStack"), stackSelector, rpl, c32(isLong ? 1 : 0)));
          slow(i32.eqz(stack.get));
        },
      );
    });
    f.if(i32.ne(rpl, cpl), () => slow(call(l.named("hasInnerSegments"), rpl)));

    const other = f.let(word(L.EFLAGS_OTHER));
    const iopl = i32.and(i32.shrU(other, c32(12)), c32(3));
    const always = L.FL_DF | L.FL_NT | L.FL_RF | L.FL_AC | L.FL_ID;
    const ofRing0 = select(cpl, c32(0), c32(L.FL_IOPL | L.FL_VIF | L.FL_VIP));
    const mask = f.let(i32.or(i32.or(c32(always), ofRing0), select(i32.leU(cpl, iopl), c32(L.FL_IF), c32(0))));
    // TF is clear in the image.
    const kept = i32.and(other, i32.xor(i32.or(mask, c32(L.FL_TF)), c32(-1)));
    f.store(c32(0), i32.or(kept, i32.and(image, mask)), L.EFLAGS_OTHER);
    l.setArith(image);
    f.call(l.named("loadDescriptor"), c32(L.CS), selector, code);
    f.if(
      popsStack,
      () => {
        f.if(
          isNull,
          () => storeNull(f, c32(L.SS * L.SEG_SIZE), stackSelector),
          () => f.call(l.named("loadDescriptor"), c32(L.SS), stackSelector, stack.get),
        );
        l.setGpr(4, newSp);
      },
      () => l.setGpr(4, i64.and(i64.add(sp, c64(3 * bytes)), c64(0xffffffff))),
    );
    f.if(
      i32.eq(rpl, c32(3)),
      () => setRing(l, 3),
      () => {
        f.store(c32(0), rpl, L.CPL);
        selectKeys(f, false);
      },
    );
    l.setRip(rip);
    goOn(l);
  });
};

const swapgs: Lifter = (l) => {
  const { f } = l;
  const base = f.let(i64.load(c32(place(L.GS) + L.SEG_BASE)));
  f.store(c32(0), i64.load(c32(L.MSR_KERNEL_GS_BASE)), place(L.GS) + L.SEG_BASE);
  f.store(c32(0), base, L.MSR_KERNEL_GS_BASE);
};

/** Where the base in MSR C0000100h, 101h or 102h is kept, given the number less C0000100h. */
function baseMsr(l: Lift, number: Node): Node {
  const ofFs = c32(place(L.FS) + L.SEG_BASE);
  const ofGs = c32(place(L.GS) + L.SEG_BASE);
  return l.f.let(select(i32.eqz(number), ofFs, select(i32.eq(number, c32(1)), ofGs, c32(L.MSR_KERNEL_GS_BASE))));
}
const msrNumber = (l: Lift): Node => l.f.let(i32.sub(i32.wrap(l.gpr(1)), c32(FS_BASE)));

const wrmsr: Lifter = (l) => {
  if (l.flavour !== "long") return l.system("wrmsr");
  const number = msrNumber(l);
  const value = l.f.let(i64.or(l.gpr(0, 4), i64.shl(l.gpr(2), c64(32))));
  l.systemIf(i32.or(i32.gtU(number, c32(2)), isNotCanonical(value)), "wrmsr");
  l.f.store(baseMsr(l, number), value);
};
const rdmsr: Lifter = (l) => {
  if (l.flavour !== "long") return l.system("rdmsr");
  const number = msrNumber(l);
  l.systemIf(i32.gtU(number, c32(2)), "rdmsr");
  const value = l.f.let(i64.load(baseMsr(l, number)));
  l.setGpr(0, i64.and(value, c64(0xffffffff)));
  l.setGpr(2, i64.shrU(value, c64(32)));
};

const rdtsc = (name: "rdtsc" | "rdtscp"): Lifter => (l) => {
  const { f } = l;
  const step = f.let(f64.load(c32(L.TSC_STEP)));
  const isForbidden = i32.and(i32.ne(i32.and(word(L.CR4), c32(L.CR4_TSD)), c32(0)), i32.ne(word(L.CPL), c32(0)));
  const done = f.let(i32.sub(word(L.RUN_TOTAL), l.leftNow()));
  const isUnknown = i32.or(f64.eq(step, f64.convertI32S(c32(0))), i32.geS(done, word(L.TSC_LIMIT)));
  l.systemIf(i32.or(isForbidden, isUnknown), name);
  const ticks = f.let(f64.add(f64.load(c32(L.TSC_START)), f64.mul(f64.convertI32S(done), step)));
  f.store(c32(L.TSC_LAST), ticks);
  const value = f.let(i64.add(i64.truncSatF64S(ticks), i64.load(c32(L.TSC_OFFSET))));
  l.setGpr(0, i64.and(value, c64(0xffffffff)));
  l.setGpr(2, i64.shrU(value, c64(32)));
  if (name === "rdtscp") l.setGpr(1, i64.load32u(c32(L.MSR_TSC_AUX)));
};

const movFromCr: Lifter = (l) => {
  const { f } = l;
  const number = f.let(i32.load16u(l.rec, L.REC_REG));
  l.systemIf(i32.eq(number, c32(CR8)), "movFromCr");
  const index = i32.sub(number, i32.ne(number, c32(0)));
  const value = i64.load(i32.shl(index, c32(3)), L.CR0);
  f.store(i32.load16u(l.rec, L.REC_RM), l.flavour === "long" ? value : i64.and(value, c64(0xffffffff)));
};
const movToCr: Lifter = (l) => {
  const { f } = l;
  orSystem(l, "movToCr", (slow) => {
    const whole = i64.load(i32.load16u(l.rec, L.REC_RM));
    const value = f.let(l.flavour === "long" ? whole : i64.and(whole, c64(0xffffffff)));
    // Physical addresses have 40 bits in every model that has long mode.
    slow(i32.or(i32.ne(i32.load16u(l.rec, L.REC_REG), c32(3)), i64.ne(i64.shrU(value, c64(40)), c64(0))));
    f.store(c32(0), value, L.CR3);
    f.call(l.named("forgetPrivate"));
    goOnAnew(l);
  });
};
const invlpg: Lifter = (l) => {
  if (l.flavour === "seg") return l.system("invlpg");
  const { f } = l;
  const ea = l.address();
  const forget = (): void => f.call(l.named("forgetPage"), ea);
  if (l.flavour === "long") f.if(i32.eqz(isNotCanonical(ea)), forget);
  else forget();
  goOnAnew(l);
};
const clts: Lifter = (l) => l.systemIf(i32.and(word(L.CR0), c32(L.CR0_TS)), "clts");

const loadData = (l: Lift, selector: Node): Node =>
  call(l.named("loadDataSegment"), i32.load16u(l.rec, L.REC_REG), selector, c32(l.flavour === "flat" ? 1 : 0));
const movSeg: Lifter = (l) => {
  if (l.flavour !== "seg") l.f.if(loadData(l, i32.wrap(l.read(1))), () => l.next());
  l.system("movToSeg");
};
const popSeg: Lifter = (l) => {
  if (l.flavour !== "seg") {
    const selector = l.f.let(i32.and(i32.wrap(l.peek(l.size)), c32(0xffff)));
    const sp = l.popped(l.size);
    l.f.if(loadData(l, selector), () => {
      l.setStackPointer(sp);
      l.next();
    });
  }
  l.system("popSeg");
};

export const privilegedLifters: Record<string, Lifter> = {
  syscall,
  sysret,
  sysenter,
  sysexit,
  int: softwareInterrupt("int"),
  int3: softwareInterrupt("int3"),
  iret,
  swapgs,
  wrmsr,
  rdmsr,
  rdtsc: rdtsc("rdtsc"),
  rdtscp: rdtsc("rdtscp"),
  movFromCr,
  movToCr,
  invlpg,
  clts,
  movSeg,
  popSeg,
};
