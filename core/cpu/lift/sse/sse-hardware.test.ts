// Every MMX and SSE lifter against the processor this test runs on: random operands, all MXCSR settings, unmasked exceptions
// too. A small C program executes the instructions; without gcc or an x86-64 host the test is skipped and says so.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Form } from "../../../isa/form.ts";
import { forms } from "../../../isa/forms.ts";
import type { Flavour } from "../lift.ts";
import { LifterBench, OPERANDS_BYTES, RESULT_BYTES } from "./lifter-bench.ts";
import { sseLifters } from "./registry.ts";

/** Runs records from standard input (see lifter-bench.ts for their layout), each with up to 16 bytes of code. */
const EXECUTOR = String.raw`
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
struct operands { uint8_t code[24]; uint32_t mxcsr, length; uint8_t xmm[3][16]; uint64_t mm[2], gpr[3], pad; uint8_t mem[32]; } __attribute__((aligned(16)));
struct result { uint32_t status, mxcsr, eflags, x87; uint8_t xmm[3][16]; uint64_t mm[2], gpr[3], pad2; uint8_t mem[32]; } __attribute__((aligned(16)));
static struct operands in; static struct result out;
static volatile uint32_t status;
static uint16_t env[14];
static void on_fault(int sig, siginfo_t *si, void *p) { (void)si; ucontext_t *u = p; status = sig == SIGFPE ? 19 : sig == SIGILL ? 6 : 13; u->uc_mcontext.gregs[REG_RIP] += in.length; }
__attribute__((noinline)) static void run(void *code) {
  __asm__ volatile(
    "ldmxcsr %[cin]\n movdqa 0(%[x]), %%xmm0\n movdqa 16(%[x]), %%xmm1\n movdqa 32(%[x]), %%xmm2\n movq 0(%[m]), %%mm1\n movq 8(%[m]), %%mm2\n emms\n fincstp\n fincstp\n fincstp\n"
    "mov %[mem], %%rdi\n mov %[code], %%r8\n lea %[g], %%r9\n mov 0(%%r9), %%rax\n mov 8(%%r9), %%rcx\n mov 16(%%r9), %%rdx\n cmp $1, %%r8\n sub $128, %%rsp\n call *%%r8\n pushfq\n pop %%r8\n add $128, %%rsp\n fnstenv %[env]\n"
    "lea %[og], %%r9\n mov %%rax, 0(%%r9)\n mov %%rcx, 8(%%r9)\n mov %%rdx, 16(%%r9)\n mov %%r8d, %[fl]\n stmxcsr %[cout]\n"
    "lea %[ox], %%r9\n movdqa %%xmm0, 0(%%r9)\n movdqa %%xmm1, 16(%%r9)\n movdqa %%xmm2, 32(%%r9)\n lea %[om], %%r9\n movq %%mm1, 0(%%r9)\n movq %%mm2, 8(%%r9)\n emms\n"
    : [cout] "=m"(out.mxcsr), [fl] "=m"(out.eflags), [og] "=m"(out.gpr), [ox] "=m"(out.xmm), [om] "=m"(out.mm), [env] "=m"(env)
    : [cin] "m"(in.mxcsr), [x] "r"(in.xmm), [m] "r"(in.mm), [mem] "r"(in.mem), [code] "r"(code), [g] "m"(in.gpr)
    : "rax", "rcx", "rdx", "rdi", "r8", "r9", "xmm0", "xmm1", "xmm2", "memory", "cc");
}
int main(void) {
  uint8_t *code = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction a; memset(&a, 0, sizeof a); a.sa_sigaction = on_fault; a.sa_flags = SA_SIGINFO;
  sigaction(SIGFPE, &a, 0); sigaction(SIGSEGV, &a, 0); sigaction(SIGILL, &a, 0);
  while (fread(&in, sizeof in, 1, stdin) == 1) {
    memcpy(code, in.code, in.length); code[in.length] = 0xC3;
    memset(&out, 0, sizeof out); status = 0;
    run(code);
    uint32_t c = 0x1F80; __asm__ volatile("ldmxcsr %0" : : "m"(c));
    out.status = status; out.x87 = env[2] >> 3 & 0x700;
    for (int i = 0; i < 8; i++) out.x87 |= (env[4] >> i * 2 & 3) == 3 ? 1u << i : 0;
    memcpy(out.mem, in.mem, 32);
    fwrite(&out, sizeof out, 1, stdout);
  }
  return 0;
}`;

let seed = Number(process.env["SSE_SEED"] ?? 1);
function random(): number {
  seed = (seed + 0x9e3779b9) | 0;
  let x = seed;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
const below = (n: number) => random() % n;

const EDGE32 = [0, 0x80000000, 1, 0x80000001, 0x7fffff, 0x800000, 0x80800000, 0x800001, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc12345, 0x7f812345, 0xffa00001, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x3f000000, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0x4b000001, 0x3effffff];
const EDGE64 = [0n, 1n << 63n, 1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x8010000000000000n, 0x0010000000000001n, 0x7ff0000000000000n, 0xfff0000000000000n, 0x7ff8000000000000n, 0xfff8123456789abcn, 0x7ff0123456789abcn, 0x7fefffffffffffffn, 0xffefffffffffffffn, 0x3ff0000000000000n, 0x3fe0000000000000n, 0x41e0000000000000n, 0xc1e0000000000000n, 0x41dfffffffe00000n, 0x43e0000000000000n, 0xc3e0000000000000n, 0x36a0000000000001n, 0x3810000000000000n, 0x380fffffffffffffn, 0x47efffffe0000000n, 0x47efffffefffffffn, 0xb690000000000000n];

/** Fills with bytes, integers or floats, the exponents of which often lie close, or at the ends of the range. */
function fill(view: DataView, from: number, length: number): void {
  const style = below(6);
  const centre = [1, 127, 127, 254, 150, 60][below(6)] ?? 127;
  const centre64 = [1, 1023, 1023, 2046, 1060, 500, 897, 1150][below(8)] ?? 1023;
  for (let at = from; at < from + length; at += 8) {
    if (style < 2) {
      for (const half of [0, 4]) {
        const kind = below(4);
        const exponent = Math.max(0, Math.min(255, centre + below(7) - 3));
        const fraction = below(2) ? random() & 0x7fffff : (random() & 0x7fffff & -(1 << below(23))) >>> 0;
        view.setUint32(at + half, kind === 0 ? (EDGE32[below(EDGE32.length)] ?? 0) : (((random() & 0x80000000) | (exponent << 23) | fraction) >>> 0), true);
      }
    } else if (style < 4) {
      const kind = below(4);
      const exponent = BigInt(Math.max(0, Math.min(2047, centre64 + below(7) - 3)));
      const noise = (BigInt(random()) << 32n) | BigInt(random());
      const fraction = (below(2) ? noise : noise & (-1n << BigInt(below(52)))) & 0xfffffffffffffn;
      view.setBigUint64(at, kind === 0 ? (EDGE64[below(EDGE64.length)] ?? 0n) : (noise & (1n << 63n)) | (exponent << 52n) | fraction, true);
    } else {
      for (let i = 0; i < 8; i++) view.setUint8(at + i, style === 4 ? random() : (0x7a80ff000141 / 256 ** below(6)) & 255);
    }
  }
}

/** The instruction with register fields 1 and 2, or memory at [RDI]. Empty if the row is of no such kind. */
function encode(form: Form, isMemory: boolean, imm: number): number[] {
  const tokens = (form.row.enc.split(" | ")[0] ?? "").split(" ");
  const prefix = ["66", "F2", "F3"].includes(tokens[0] ?? "") ? [Number.parseInt(tokens[0] ?? "", 16)] : [];
  const opcode = tokens.slice(1).filter((token) => /^[0-9A-F]{2}$/.test(token)).map((token) => Number.parseInt(token, 16));
  const field = /\/(\d)/.exec(form.row.enc)?.[1];
  const rex = form.operands.some((o) => o.kind.startsWith("gpr") && o.size === 8) || (form.mnemonic.startsWith("pcmpestr") && form.opSize === 8) ? [0x48] : [];
  const modrm = form.operands.length === 0 ? [] : [(isMemory ? 7 : 0xc2) | ((field === undefined ? 1 : Number(field)) << 3)];
  return [...prefix, ...rex, ...opcode, ...modrm, ...(form.operands.some((o) => o.kind === "imm") ? [imm] : [])];
}

const canBeMemory = (form: Form) => !/mod=3/.test(form.row.enc) && form.operands.some((o, i) => o.kind === "mem" || (/Rm$/.test(o.kind) && !/^[NUR]/.test(form.row.syn.split(" ")[1]?.split(",")[i] ?? "")));
const canBeRegister = (form: Form) => !/mod=m/.test(form.row.enc) && form.operands.every((o) => o.kind !== "mem");
const ESTIMATES = /^(rcp|rsqrt)/;

const gcc = (() => {
  if (arch() !== "x64") return "the host is not x86-64";
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return "";
  } catch {
    return "gcc is not installed";
  }
})();
if (gcc !== "") console.log(`skipped: ${gcc}`);

describe("SSE lifters agree with the processor", { skip: gcc !== "" && gcc }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sse-"));
  const executor = join(folder, "executor");
  before(() => {
    writeFileSync(`${executor}.c`, EXECUTOR);
    execFileSync("gcc", ["-O1", "-w", "-o", executor, `${executor}.c`]);
  });
  after(() => rmSync(folder, { recursive: true }));

  const tested = forms.filter((form) => sseLifters[form.lift] && !ESTIMATES.test(form.lift));
  const variants = tested.flatMap((form) => [...(canBeRegister(form) ? [{ form, isMemory: false }] : []), ...(canBeMemory(form) ? [{ form, isMemory: true }] : [])]);
  const bench = new LifterBench(variants.map((v) => ({ ...v, flavour: "long" as Flavour })));
  const count = Number(process.env["SSE_COUNT"] ?? 300);

  for (const [index, { form, isMemory }] of variants.entries()) {
    test(`${form.row.syn} (${form.opSize}) ${isMemory ? "memory" : "register"}`, () => {
      const input = new Uint8Array(count * OPERANDS_BYTES);
      for (let n = 0; n < count; n++) {
        const view = new DataView(input.buffer, n * OPERANDS_BYTES, OPERANDS_BYTES);
        const imm = random() & 255;
        const code = encode(form, isMemory, imm);
        for (const [i, byte] of code.entries()) view.setUint8(i, byte);
        const masks = below(3) ? 0x1f80 : random() & 0x1f80;
        view.setUint32(24, masks | (below(2) ? 0x20 : random() & 0x3f) | (below(2) ? random() & 0xe040 : 0), true);
        view.setUint32(28, code.length, true);
        fill(view, 32, 64);
        for (let i = 0; i < 3; i++) view.setBigUint64(96 + i * 8, below(2) ? BigInt(below(20) - 2) & 0xffffffffffffffffn : (BigInt(random()) << 32n) | BigInt(random()), true);
        fill(view, 128, 32);
      }
      const silicon = execFileSync(executor, { input, maxBuffer: count * RESULT_BYTES + 1024 });
      for (let n = 0; n < count; n++) {
        const operands = input.slice(n * OPERANDS_BYTES, (n + 1) * OPERANDS_BYTES);
        const expected = Uint8Array.from(silicon.subarray(n * RESULT_BYTES, (n + 1) * RESULT_BYTES));
        const actual = bench.run(index, operands);
        // Flags only where the instruction set them.
        if (form.flagsWritten === 0 || actual[0] !== 0) actual.set(expected.subarray(8, 12), 8);
        else for (const result of [actual, expected]) new DataView(result.buffer).setUint32(8, new DataView(result.buffer).getUint32(8, true) & 0x8d5, true);
        if (Buffer.compare(actual, expected) !== 0) assert.fail(difference(form, operands, actual, expected));
      }
    });
  }
});

function difference(form: Form, operands: Uint8Array, actual: Uint8Array, expected: Uint8Array): string {
  const hex = (b: Uint8Array, from: number, length: number) => Array.from(b.slice(from, from + length).reverse(), (x) => x.toString(16).padStart(2, "0")).join("");
  const parts: [string, number, number, number][] = [["mxcsr", 4, 4, 24], ["x87", 12, 4, 4], ["xmm0", 16, 16, 32], ["xmm1", 32, 16, 48], ["xmm2", 48, 16, 64], ["mm1", 64, 8, 80], ["mm2", 72, 8, 88], ["rax", 80, 8, 96], ["rcx", 88, 8, 104], ["rdx", 96, 8, 112], ["mem", 112, 16, 128]];
  const line = ([name, at, length, from]: [string, number, number, number]) => {
    const [was, is, wanted] = [hex(operands, from, length), hex(actual, at, length), hex(expected, at, length)];
    return `${name.padEnd(6)} ${was}${is !== was || wanted !== was ? ` -> ${is}` : ""}${is === wanted ? "" : ` BUT ${wanted}`}`;
  };
  return [`${form.row.syn}, code ${Array.from(operands.slice(0, 8), (x) => x.toString(16).padStart(2, "0")).join(" ")}`, `status ${hex(actual, 0, 4)} / ${hex(expected, 0, 4)}, eflags ${hex(actual, 8, 4)} / ${hex(expected, 8, 4)}`, ...parts.map(line)].join("\n");
}
