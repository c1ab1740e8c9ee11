// Accesses that are checked as a group: translated as interpreted, wherever the group lies, and whatever becomes of its page between
// one access and the next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { updateMode } from "../system/mode.ts";
import { EAGER_TIERING } from "./translator.ts";

const CODE = 0x1000;
const LINEAR = 0x4000_0000;
/** Physical pages of LINEAR, which are no neighbours, and one to change to. */
const FIRST = 0x100000;
const SECOND = 0x180000;
const OTHER = 0x140000;
const STACK = 0x8f000;
const PT = 0x205000;
const PRESENT = 7n;
const ROUNDS = 200;

interface Setup {
  code: string;
  rsi: number;
  rdi?: number;
  /** What the page behind the first is. */
  second?: bigint;
  rounds?: number;
}

function run(b: EngineBench, { code, rsi, rdi = 0, second = BigInt(SECOND) | PRESENT, rounds = ROUNDS }: Setup): string {
  const { cpu } = b.long();
  b.poke64(0x201000 + 8, 0x204007n);
  b.poke64(0x204000, BigInt(PT) | PRESENT);
  b.poke64(PT, BigInt(FIRST) | PRESENT);
  b.poke64(PT + 8, second);
  for (let n = 0; n < 4096; n += 4) for (const page of [FIRST, SECOND, OTHER, STACK]) b.poke32(page + n, (n ^ page) * 0x9e3779b1);
  // mov eax, 1dh; ret
  b.poke(FIRST + 0x200, ...bytesOf("b8 1d000000 c3"));
  b.poke(CODE, ...bytesOf(code));
  b.cpu.set64(L.GPR + 6 * 8, rsi, 0);
  b.cpu.set64(L.GPR + 7 * 8, rdi, 0);
  b.cpu.set64(L.GPR + 1 * 8, rounds, 0);
  b.cpu.set64(L.GPR + 2 * 8, PT, 0);
  b.cpu.set64(L.GPR + 4 * 8, STACK + 0xf80, 0);
  b.cpu.set64(L.GPR + 8 * 8, OTHER | Number(PRESENT), 0);
  b.cpu.set64(L.GPR + 9 * 8, FIRST | Number(PRESENT), 0);
  cpu.set(L.CR4, cpu.get(L.CR4) | L.CR4_OSFXSR);
  updateMode(cpu);
  cpu.setRip(CODE);
  let outcome = "budget";
  for (let n = 0; n < 3000 && outcome === "budget"; n++) outcome = b.engine.run(1000);
  const state: unknown[] = [outcome, b.engine.retired, cpu.get(L.RIP), cpu.get(L.CR2)];
  for (let n = 0; n < 16; n++) state.push(cpu.gpr(n));
  for (const page of [FIRST, SECOND, OTHER, STACK]) {
    let hash = 0;
    for (let n = 0; n < 4096; n += 4) hash = Math.imul(hash ^ b.peek32(page + n), 0x0100_0193) ^ (hash >>> 15);
    state.push(hash);
  }
  return state.join(" ");
}
function runsAlike(setup: Setup, outcome = "halted"): void {
  const interpreted = run(new EngineBench(), setup);
  const translating = new EngineBench(0x400000, EAGER_TIERING);
  assert.equal(run(translating, setup), interpreted);
  assert.ok(interpreted.startsWith(outcome), interpreted.slice(0, 60));
  assert.ok((translating.engine.translator?.counters.regions ?? 0) > 0);
}

/** mov eax,[rsi]; add [rsi+8],eax; mov [rsi+43h],ax; mov rbx,[rsi+14h]; lea rdi,[rsi+10h]; xor [rdi-4],rbx; movups xmm0,[rdi+20h];
 *  movups [rsi+61h],xmm0; inc qword [rsi+r9*2+4]; mov edx,[rsi+r9*2+20h]; rol dword [rsi+r9*2+4],cl; push rdx; adc [rsp+8],rax; pop r10;
 *  add rsi,[rsp]; sub rsi,[rsp]; dec ecx; jnz; hlt, R9 being 0 */
const FIELDS =
  "4531c9 8b06 014608 66894643 488b5e14 488d7e10 48315ffc 0f104720 0f114661 4aff444e04 428b544e20 42d3444e04 52 4811442408 415a 48033424 482b3424 ffc9 75c0 f4";
/** mov ebx,[rsi]; add eax,[rsi+4]; inc dword [rsi+8]; mov [rdx],r8; xchg r8,r9; invlpg [rsi]; add eax,[rsi+12]; inc dword [rsi+16];
 *  sub eax,ebx; dec ecx; jnz; hlt */
const REMAP = "8b1e 034604 ff4608 4c8902 4d87c1 0f013e 03460c ff4610 29d8 ffc9 75e3 f4";
/** mov rbp,rsp; outer (at RDI): mov rsp,rbp; mov rbx,[rsp-8]; mov edx,2; inner: add rax,[rsp-8]; add rax,[rsp+8]; push rax; inc esi (40
 *  times); dec edx; jnz inner; dec ecx; jz over; jmp rdi; over: hlt */
const PUSHES = `4889e5 4889ec 488b5c24f8 ba02000000 48034424f8 4803442408 50 ${"ffc6".repeat(40)} ffca 75a1 ffc9 7402 ffe7 f4`;
/** The same, with RSI one further each time. */
const MOVING_FIELDS = FIELDS.replace("ffc9 75c0", "48ffc6 ffc9 75bd");
/** test cl,1fh; jnz over; inc dword [rsi+1]; over: mov [rsi+80h],ecx; call rdi; add [rsi+84h],eax; add edx,[rsi+80h]; dec ecx; jnz; hlt */
const PATCH = "f6c11f 7503 ff4601 898e80000000 ffd7 018684000000 039680000000 ffc9 75e0 f4";

test("fields of a structure at every place before, on and behind a page's end", () => {
  for (let at = 0x1000 - 0x80; at <= 0x1004; at += at % 3 === 0 ? 1 : 5) runsAlike({ code: FIELDS, rsi: LINEAR + at });
  runsAlike({ code: MOVING_FIELDS, rsi: LINEAR + 0xf80 });
});

test("a structure that runs into a page that is not there faults where its first field there is touched", () => {
  runsAlike({ code: MOVING_FIELDS, rsi: LINEAR + 0xf00, second: 0n }, "shutdown");
});

test("a page that is exchanged between two fields", () => {
  runsAlike({ code: REMAP, rsi: LINEAR + 0x40 });
});

test("a loop that leaves its stack pointer elsewhere", () => {
  runsAlike({ code: PUSHES, rsi: 0, rdi: CODE + 3, rounds: 2000 });
});

test("fields among code that changes", () => {
  runsAlike({ code: PATCH, rsi: LINEAR + 0x200, rdi: LINEAR + 0x200 });
});
