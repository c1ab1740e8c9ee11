// Instructions that are broken off: by a fault, which must leave everything but memory already moved by a string as it was, by the
// end of a run, or by the trap flag. And faults that cannot be delivered.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";

const ECX = 1;
const EBX = 3;
const ESP = 4;
const ESI = 6;
const EDI = 7;
const ABSENT = 0x31000;

/** One-to-one 2-level tables without the page at 31000h. */
function paged(): EngineBench {
  const b = new EngineBench();
  b.poke32(0x200000, 0x201007);
  for (let page = 0; page < 1024; page++) if (page << 12 !== ABSENT) b.poke32(0x201000 + page * 4, (page << 12) | 7);
  return b.paged(0x200000, 0, 0);
}
function state(b: EngineBench): string {
  const registers = Array.from({ length: 8 }, (_, n) => b.cpu.gpr(n).toString(16));
  return [...registers, b.cpu.eflags.toString(16), b.cpu.get(L.RIP).toString(16)].join(" ");
}

test("a fault leaves registers and flags as they were", () => {
  const instructions: Record<string, string> = {
    "add [31000h], eax": "010500100300",
    "adc [31000h], eax": "110500100300",
    "call [31000h]": "ff1500100300",
    "push dword [31000h]": "ff3500100300",
    "pop dword [31000h]": "8f0500100300",
    "cmpxchg [31000h], ecx": "0fb10d00100300",
    "xadd [31000h], ecx": "0fc10d00100300",
    "xchg [31000h], ecx": "870d00100300",
    "shl dword [31000h], 3": "c1250010030003",
    "inc dword [31000h]": "ff0500100300",
    "mul dword [31000h]": "f72500100300",
    "bts [31000h], eax": "0fab0500100300",
    "cmpxchg8b [31000h]": "0fc70d00100300",
    "setz [31000h]": "0f940500100300",
    "movsb to 31000h": "a4",
    "stosd at 31000h": "ab",
    "scasb at 31000h": "ae",
  };
  for (const [name, hex] of Object.entries(instructions)) {
    const b = paged();
    b.cpu.setGpr(ESI, 0x6000);
    b.cpu.setGpr(EDI, ABSENT);
    b.cpu.setGpr(ECX, 5);
    b.cpu.eflags = 0x8d7;
    b.code(hex);
    const before = state(b);
    const fault = b.step();
    assert.deepEqual([fault?.vector, fault?.address], [14, ABSENT], name);
    assert.equal(state(b), before, name);
  }
  // Through the stack: pushes down into the page, pops out of it.
  const stack: Record<string, [hex: string, sp: number]> = {
    "push eax": ["50", ABSENT + 0x1000],
    pusha: ["60", ABSENT + 0x1000 + 8],
    "call 1000h": ["e8fbffffff", ABSENT + 0x1000],
    pushf: ["9c", ABSENT + 0x1000],
    "enter 8, 0": ["c8080000", ABSENT + 0x1000],
    "pop eax": ["58", ABSENT],
    popa: ["61", ABSENT - 8],
    popf: ["9d", ABSENT],
    ret: ["c3", ABSENT],
    "ret 8": ["c20800", ABSENT],
  };
  for (const [name, [hex, sp]] of Object.entries(stack)) {
    const b = paged();
    b.cpu.setGpr(ESP, sp);
    b.cpu.eflags = 0x8d7;
    b.code(hex);
    const before = state(b);
    assert.equal(b.step()?.vector, 14, name);
    assert.equal(state(b), before, name);
  }
});

test("REP MOVS stops in the middle at a fault and goes on from there", () => {
  const b = paged();
  for (let i = 0; i < 0x4000; i++) b.poke(0x6000 + i, (i * 7) & 255);
  // mov esi, 6000h; mov edi, 30800h; mov ecx, 1000h; rep movsd; hlt
  b.code("be00600000 bf00080300 b900100000 f3a5 f4");
  let fault = null;
  for (let n = 0; n < 10_000 && !fault; n++) fault = b.engine.runOne();
  assert.deepEqual(fault, { vector: 14, errorCode: 2, address: ABSENT });
  assert.deepEqual([ECX, ESI, EDI].map((r) => b.cpu.gpr(r)), [0x1000 - 0x200, 0x6800, ABSENT]);
  b.poke32(0x201000 + (ABSENT >>> 12) * 4, ABSENT | 7);
  assert.equal(b.engine.run(100_000), "halted");
  assert.deepEqual([ECX, ESI, EDI].map((r) => b.cpu.gpr(r)), [0, 0x6000 + 0x4000, 0x30800 + 0x4000]);
  for (let i = 0; i < 0x4000; i += 4) assert.equal(b.peek32(0x30800 + i), b.peek32(0x6000 + i));
});

test("a store that meets a fault in the middle of an element moves nothing of it", () => {
  const b = paged();
  b.poke32(0x6000, 0x11111111);
  b.poke32(0x6004, 0x22222222);
  // mov esi, 6000h; mov edi, 30ffah; mov ecx, 4; rep movsd
  b.code("be00600000 bffa0f0300 b904000000 f3a5");
  const fault = b.step(8);
  assert.deepEqual([fault?.vector, fault?.address, b.cpu.gpr(ECX), b.cpu.gpr(EDI)], [14, ABSENT, 3, 0x30ffe]);
  assert.equal(b.peek32(0x30ffc) >>> 16, 0);
});

test("overlapping moves copy byte after byte, forwards and backwards", () => {
  const forward = new EngineBench().protected32();
  forward.poke(0x6000, 0xab);
  // mov esi, 6000h; mov edi, 6001h; mov ecx, 5000; rep movsb; hlt
  forward.code("be00600000 bf01600000 b988130000 f3a4 f4");
  assert.equal(forward.engine.run(100_000), "halted");
  for (let i = 0; i <= 5000; i++) assert.equal(forward.peek32(0x6000 + i) & 255, 0xab, `byte ${i}`);
  assert.equal(forward.peek32(0x6000 + 5001) & 255, 0);

  const backward = new EngineBench().protected32();
  for (let i = 0; i < 0x2000; i++) backward.poke(0x6000 + i, (i * 13 + (i >> 8)) & 255);
  // std; mov esi, 7fffh; mov edi, 8fffh; mov ecx, 2000h; rep movsb; cld; hlt: the regions share 1000h bytes
  backward.code("fd beff7f0000 bfff8f0000 b900200000 f3a4 fc f4");
  assert.equal(backward.engine.run(100_000), "halted");
  for (let i = 0; i < 0x2000; i++) assert.equal(backward.peek32(0x7000 + i) & 255, (i * 13 + (i >> 8)) & 255, `byte ${i}`);
});

test("a string in many short runs ends as in one", () => {
  const b = new EngineBench().protected32();
  for (let i = 0; i < 0x1000; i++) b.poke(0x6000 + i, (i * 5) & 255);
  b.code("be00600000 bf00800000 b900100000 f3a4 f4");
  let runs = 0;
  while (b.engine.run(7) !== "halted" && runs < 10_000) runs++;
  assert.ok(runs > 0);
  for (let i = 0; i < 0x1000; i++) assert.equal(b.peek32(0x8000 + i) & 255, (i * 5) & 255);
});

/** GDT at 4000h, IDT at 5000h with a 32-bit interrupt gate for each vector given; handlers count in EBX and return. */
function withHandlers(b: EngineBench, vectors: Record<number, number>): EngineBench {
  b.poke(0x4008, ...bytesOf("ffff0000009bcf00 ffff00000093cf00"));
  b.cpu.set64(L.GDTR, 0x4000, 0);
  b.cpu.set(L.GDTR + 8, 0x17);
  for (const [vector, handler] of Object.entries(vectors)) {
    b.poke32(0x5000 + Number(vector) * 8, 0x80000 | handler);
    b.poke32(0x5004 + Number(vector) * 8, 0x8e00);
  }
  b.cpu.set64(L.IDTR, 0x5000, 0);
  b.cpu.set(L.IDTR + 8, 0x7ff);
  return b;
}

test("the trap flag traps after every instruction and every round of a string", () => {
  const b = withHandlers(new EngineBench().protected32(), { 1: 0x3000 });
  // inc ebx; iret
  b.poke(0x3000, ...bytesOf("43 cf"));
  // push 102h; popf; nop; mov ecx, 5; mov edi, 6000h; rep stosb; nop; pushf; and dword [esp], ~100h; popf; nop; hlt
  b.code("6802010000 9d 90 b905000000 bf00600000 f3aa 90 9c 812424fffeffff 9d 90 f4");
  assert.equal(b.engine.run(10_000), "halted");
  // nop, two moves, five rounds, nop, pushf, and, popf.
  assert.equal(b.cpu.gpr(EBX), 12);
  assert.equal(b.cpu.get(L.DR + 48) & 0x4000, 0x4000);
  assert.equal(b.cpu.eflags & L.FL_TF, 0);
});

/** Breakpoint 0 of `kind` (DR7's R/W and LEN bits) at an address; #DB counts in EBX and sets RF in what it returns to. */
function withBreakpoint(b: EngineBench, address: number, kind: number): EngineBench {
  withHandlers(b, { 1: 0x3000 });
  // inc ebx; or dword [esp+8], 10000h; iret
  b.poke(0x3000, ...bytesOf("43 814c240800000100 cf"));
  b.cpu.set(L.DR, address);
  b.cpu.set(L.DR + 56, 0x401 | (kind << 16));
  return b;
}

test("a breakpoint on an instruction faults before it, once for each time it is reached", () => {
  const b = withBreakpoint(new EngineBench().protected32(), 0x1006, 0);
  // mov ecx, 3; nop; again: inc eax; loop again; hlt
  b.code("b903000000 90 40 e2fd f4");
  assert.equal(b.engine.run(10_000), "halted");
  assert.deepEqual([b.cpu.gpr(EBX), b.cpu.gpr(0), b.cpu.get(L.DR + 48) & 0xf], [3, 3, 1]);
});

test("breakpoints on data trap after stores, and after loads if they watch both", () => {
  // mov [6000h], eax; mov ecx, [6000h]; mov cl, [6004h]; inc byte [6003h]; push eax; mov edi, 5ffeh; mov ecx, 4; rep stosb; hlt
  const code = "a300600000 8b0d00600000 8a0d04600000 fe0503600000 50 bffe5f0000 b904000000 f3aa f4";
  for (const [kind, expected] of [[0xd, 4], [0xf, 5]] as const) {
    const b = withBreakpoint(new EngineBench().protected32(), 0x6000, kind).code(code);
    assert.equal(b.engine.run(10_000), "halted");
    // The stores at 6000h and 6003h, and two rounds of the string.
    assert.equal(b.cpu.gpr(EBX), expected, `R/W and LEN ${kind.toString(2)}`);
    assert.equal(b.cpu.get(L.WATCHING), 1);
    // Off again: nothing traps, and the fast path is back.
    b.cpu.set(L.DR + 56, 0x400);
    b.engine.isHalted = false;
    b.cpu.setRip(0x1000);
    assert.equal(b.engine.run(10_000), "halted");
    assert.deepEqual([b.cpu.gpr(EBX), b.cpu.get(L.WATCHING)], [expected, 0]);
  }
});

test("a handler that faults at its first instruction does not hold the run for ever", () => {
  const b = withHandlers(new EngineBench().protected32(), { 6: 0x3000 });
  // ud2 in the handler too; the stack is reset by nothing, but has room for more than the run's length.
  b.poke(0x3000, ...bytesOf("0f0b"));
  b.code("0f0b");
  assert.equal(b.engine.run(1000), "budget");
});

test("faults without a usable IDT end in a shutdown", () => {
  for (const hex of ["0f0b", "cc", "cd80", "f7f3", "8e1d00000000", "0f22c8"]) {
    assert.equal(new EngineBench().protected32().code(hex).engine.run(1000), "shutdown", hex);
  }
});

test("a bit test's offset wraps at the address size before the segment's base is added", () => {
  const b = new EngineBench().long();
  // bt [edi], rcx with RCX = 2^35 + 12: the 4 GiB that it moves by wrap away
  b.poke(0x6001, 0x10);
  b.cpu.setGpr(EDI, 0x6000);
  b.cpu.setGpr(ECX, 12, 8);
  b.code("67480fa30f");
  assert.equal(b.step(), null);
  assert.equal(b.cpu.eflags & L.FL_CF, 1);
});

test("F2 and F3 choose the condition of LOOPE and LOOPNE", () => {
  const jumps = (hex: string, isZero: boolean): boolean => {
    const b = new EngineBench().protected32().code(hex);
    b.cpu.setGpr(ECX, 5);
    b.cpu.eflags = isZero ? 0x42 : 2;
    b.step();
    return b.cpu.get(L.RIP) > 0x1010;
  };
  for (const [hex, onZero] of [["e110", true], ["e010", false], ["f2e110", false], ["f3e010", true], ["f3e110", true], ["f2e010", false]] as const) {
    assert.deepEqual([jumps(hex, true), jumps(hex, false)], [onZero, !onZero], hex);
  }
});

test("CMPXCHG8B past the end of the address space raises #SS through EBP, #GP otherwise", () => {
  for (const [hex, vector] of [["0fc74d00", 12], ["0fc70f", 13]] as const) {
    const b = new EngineBench().protected32().code(hex);
    b.cpu.setGpr(5, 0xfffffffc);
    b.cpu.setGpr(EDI, 0xfffffffc);
    assert.equal(b.step()?.vector, vector);
  }
});

test("the instruction after STI comes before any interrupt, even where a run ends between them", () => {
  const b = new EngineBench().protected32();
  b.cpu.setRip(0x1fff);
  b.code("fb f4 90");
  b.engine.run(1);
  assert.equal(b.cpu.get(L.RIP), 0x2000);
  b.engine.setInterruptLine(true);
  assert.equal(b.engine.run(1), "budget");
  assert.equal(b.cpu.get(L.RIP), 0x2001, "HLT was executed");
  assert.equal(b.interruptsTaken, 0);
  b.engine.run(1);
  assert.equal(b.interruptsTaken, 1);
});
