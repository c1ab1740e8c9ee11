import assert from "node:assert/strict";
import { test } from "node:test";
import { disassemble } from "./disassembler.ts";

function text(hex: string, mode: 16 | 32 | 64, ip: bigint | number = 0x1000): string {
  return disassemble(Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex")), 0, mode, ip).text;
}

const CASES: readonly (readonly [string, 16 | 32 | 64, string])[] = [
  ["48 03 8b ff100000", 64, "add rcx, qword ptr [rbx+0x10ff]"],
  ["f0 0f b1 0f", 64, "lock cmpxchg dword ptr [rdi], ecx"],
  ["8b 42 f8", 16, "mov ax, word ptr [bp+si-0x8]"],
  ["67 8b 42 f8", 64, "mov eax, dword ptr [edx-0x8]"],
  ["42 8b 04 a5 00000000", 64, "mov eax, dword ptr [r12*4]"],
  ["64 8b 04 25 00000080", 64, "mov eax, dword ptr fs:[0xffffffff80000000]"],
  ["48 8d 05 10000000", 64, "lea rax, [rel 0x1017]"],
  ["a1 8877665544332211", 64, "mov eax, dword ptr [0x1122334455667788]"],
  ["88 e0", 64, "mov al, ah"],
  ["40 88 e0", 64, "mov al, spl"],
  ["45 88 e0", 64, "mov r8b, r12b"],
  ["83 c0 ff", 32, "add eax, 0xffffffff"],
  ["e9 fbffffff", 64, "jmp 0x1000"],
  ["e9 fdff", 16, "jmp 0x1000"],
  ["7f fe", 32, "jg 0x1000"],
  ["67 e3 fd", 64, "jecxz 0x1000"],
  ["9a 12345678 1000", 32, "call 0x10:0x78563412"],
  ["c8 1000 05", 64, "enter 0x10, 0x5"],
  ["f3 a5", 32, "rep movsd"],
  ["f2 64 ae", 32, "repne scasb"],
  ["64 a4", 32, "fs movsb"],
  ["f3 a6", 64, "repe cmpsb"],
  ["0f 20 e0", 64, "mov rax, cr4"],
  ["8e d8", 32, "mov ds, ax"],
  ["48 98", 64, "cdqe"],
  ["dc e1", 32, "fsubr st1, st0"],
  ["d9 00", 32, "fld dword ptr [eax]"],
  ["66 48 0f 6e c0", 64, "movq xmm0, rax"],
  ["66 0f 3a 21 45 f8 11", 64, "insertps xmm0, dword ptr [rbp-0x8], 0x11"],
  ["66 0f 38 10 c1", 64, "pblendvb xmm0, xmm1, xmm0"],
  ["0f 6f c1", 64, "movq mm0, mm1"],
];

for (const [hex, mode, expected] of CASES) {
  test(`${hex} in ${mode}-bit mode is ${expected}`, () => {
    assert.equal(text(hex, mode), expected);
  });
}

test("branch targets wrap at the operand size", () => {
  assert.equal(text("eb fc", 16, 0), "jmp 0xfffe");
  assert.equal(text("eb fc", 64, 0n), "jmp 0xfffffffffffffffe");
});

test("what is no instruction takes one byte and says so", () => {
  assert.deepEqual(disassemble(Uint8Array.of(0x0f, 0x04), 0, 64, 0), { text: "(bad)", length: 1 });
  assert.deepEqual(disassemble(Uint8Array.of(0xe9, 0x00), 0, 64, 0), { text: "(incomplete)", length: 1 });
});
