// FXSAVE and FXRSTOR of an image in RAM, with CR4.OSFXSR set, as every switch of processes has them. An image that lies across two
// pages, as it does in half of Linux's tasks, goes through a buffer. All else is cpu/system/fxstate.ts. AMD64 APM vol. 2, 11.4.4.
import * as L from "../state/layout.ts";
import { c32, c64, call, I32, i32, i64, type Node, select, v128 } from "../wasm/nodes.ts";
import type { Lift, Lifter } from "./lift.ts";
import { orSystem } from "./privileged.ts";

const IMAGE_BYTES = 512;
const MXCSR_MASK = 0xffff;
const ST_AREA = 32;
const XMM_AREA = 160;
const SW_TOP = 0x3800;
const SW_PENDING = 0x8080;
const SW_EXCEPTIONS = 0x3f;
const CW_RESET_BITS = 0x40;

const word = (offset: number): Node => i32.load(c32(offset));
const vectorCount = (l: Lift): number => (l.flavour === "long" ? 16 : 8);

/** Bytes of the image that are read and written. */
const usedBytes = (l: Lift): number => XMM_AREA + vectorCount(l) * 16;

interface Image {
  /** Host address of all of it, of its first part, and of the part in the second page. In locals. */
  host: Node;
  first: Node;
  second: Node;
  /** Bytes in the first page. */
  room: Node;
}
/** Where `bytes` of the image are, in one page or in two; then `host` is the buffer. */
function findImage(l: Lift, kind: "plainRead" | "plainWrite", bytes: number, slow: (condition: Node) => void): Image {
  const { f } = l;
  const ea = l.address();
  slow(i32.or(i32.and(i32.wrap(ea), c32(15)), i32.eqz(i32.and(word(L.CR4), c32(L.CR4_OSFXSR)))));
  if (l.flavour === "flat") slow(i64.gtU(ea, c64(0x100000000 - IMAGE_BYTES)));
  const room = f.let(i32.sub(c32(4096), i32.and(i32.wrap(ea), c32(4095))));
  const isWhole = f.let(i32.geU(room, c32(bytes)));
  const first = f.let(call(l.named(kind), ea, select(isWhole, c32(bytes), room)));
  slow(i32.eqz(first));
  const second = f.variable(I32, c32(0));
  f.if(i32.eqz(isWhole), () => {
    f.set(second, call(l.named(kind), i64.add(ea, i64.extendU(room)), i32.sub(c32(bytes), room)));
    slow(i32.eqz(second.get));
  });
  return { host: f.let(select(isWhole, first, c32(L.FPU_IMAGE))), first, second: second.get, room };
}
/** Address of ST(i) in the state block, less FPU_REGS. */
function place(l: Lift, top: Node, i: number): Node {
  return l.f.let(i32.shl(i32.and(i32.add(top, c32(i)), c32(7)), c32(4)));
}

const fxsave: Lifter = (l) => {
  if (l.flavour === "seg") return l.system("fxsave");
  const { f } = l;
  orSystem(l, "fxsave", (slow) => {
    // All 512 bytes have to be writable.
    const { host, first, second, room } = findImage(l, "plainWrite", IMAGE_BYTES, slow);
    const top = f.let(word(L.FPU_TOP));
    f.store16(host, word(L.FPU_CW));
    f.store16(host, i32.or(i32.and(word(L.FPU_SW), c32(~SW_TOP)), i32.shl(top, c32(11))), 2);
    f.store16(host, i32.and(i32.xor(word(L.FPU_EMPTY), c32(-1)), c32(255)), 4);
    f.store16(host, i32.and(word(L.FPU_OPCODE), c32(0x7ff)), 6);
    for (const [at, pointer, selector] of [[8, L.FPU_IP, L.FPU_CS], [16, L.FPU_DP, L.FPU_DS]] as const) {
      if (l.size === 8) f.store(host, i64.load(c32(pointer)), at);
      else {
        f.store(host, word(pointer), at);
        f.store(host, i32.and(word(selector), c32(0xffff)), at + 4);
      }
    }
    f.store(host, word(L.MXCSR), 24);
    f.store(host, c32(MXCSR_MASK), 28);
    for (let i = 0; i < 8; i++) {
      const from = place(l, top, i);
      f.store(host, i64.load(from, L.FPU_REGS), ST_AREA + i * 16);
      f.store(host, i64.load16u(from, L.FPU_REGS + 8), ST_AREA + i * 16 + 8);
    }
    for (let i = 0; i < vectorCount(l); i++) f.store(host, v128.load(c32(0), L.XMM + i * 16), XMM_AREA + i * 16);
    f.if(second, () => {
      const inFirst = f.let(select(i32.ltU(room, c32(usedBytes(l))), room, c32(usedBytes(l))));
      f.memoryCopy(first, c32(L.FPU_IMAGE), inFirst);
      f.memoryCopy(second, i32.add(c32(L.FPU_IMAGE), inFirst), i32.sub(c32(usedBytes(l)), inFirst));
    });
    l.next();
  });
};

const fxrstor: Lifter = (l) => {
  if (l.flavour === "seg") return l.system("fxrstor");
  const { f } = l;
  orSystem(l, "fxrstor", (slow) => {
    const { host, first, second, room } = findImage(l, "plainRead", usedBytes(l), slow);
    f.if(second, () => {
      f.memoryCopy(c32(L.FPU_IMAGE), first, room);
      f.memoryCopy(i32.add(c32(L.FPU_IMAGE), room), second, i32.sub(c32(usedBytes(l)), room));
    });
    const mxcsr = f.let(i32.load(host, 24));
    slow(i32.and(mxcsr, c32(~MXCSR_MASK)));
    const cw = f.let(i32.or(i32.load16u(host), c32(CW_RESET_BITS)));
    const sw = f.let(i32.load16u(host, 2));
    const top = f.let(i32.and(i32.shrU(sw, c32(11)), c32(7)));
    // ES and B say whether an unmasked exception is pending, whatever the image claims.
    const isPending = i32.and(i32.and(sw, i32.xor(cw, c32(-1))), c32(SW_EXCEPTIONS));
    f.store(c32(0), cw, L.FPU_CW);
    f.store(c32(0), i32.or(i32.and(sw, c32(~(SW_TOP | SW_PENDING))), select(isPending, c32(SW_PENDING), c32(0))), L.FPU_SW);
    f.store(c32(0), top, L.FPU_TOP);
    f.store(c32(0), i32.xor(i32.load8u(host, 4), c32(255)), L.FPU_EMPTY);
    f.store(c32(0), i32.and(i32.load16u(host, 6), c32(0x7ff)), L.FPU_OPCODE);
    for (const [at, pointer, selector] of [[8, L.FPU_IP, L.FPU_CS], [16, L.FPU_DP, L.FPU_DS]] as const) {
      f.store(c32(0), l.size === 8 ? i64.load(host, at) : i64.load32u(host, at), pointer);
      f.store(c32(0), l.size === 8 ? c32(0) : i32.load16u(host, at + 4), selector);
    }
    for (let i = 0; i < 8; i++) {
      const to = place(l, top, i);
      f.store(to, i64.load(host, ST_AREA + i * 16), L.FPU_REGS);
      f.store16(to, i32.load16u(host, ST_AREA + i * 16 + 8), L.FPU_REGS + 8);
    }
    f.store(c32(0), mxcsr, L.MXCSR);
    for (let i = 0; i < vectorCount(l); i++) f.store(c32(0), v128.load(host, XMM_AREA + i * 16), L.XMM + i * 16);
    l.next();
  });
};

export const stateImageLifters: Record<string, Lifter> = { fxsave, fxrstor };
