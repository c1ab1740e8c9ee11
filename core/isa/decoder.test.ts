// The decoder's record and its quirks, each from the manuals' prose (Intel SDM vol. 2 chapter 2, AMD APM vol. 3 chapter 1).
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BASE_RIP,
  D_ADDRSIZE,
  D_BASE,
  D_DISP_HI,
  D_DISP_LO,
  D_FORM,
  D_IMM2,
  D_IMM_HI,
  D_IMM_LO,
  D_INDEX,
  D_IS_MEM,
  D_LENGTH,
  D_MODRM,
  D_OPSIZE,
  D_PREFIX,
  D_REG,
  D_RM,
  D_SCALE,
  D_SEG,
  D_SIZE,
  DECODE_INVALID,
  DECODE_NEEDS_MORE,
  DECODE_TOO_LONG,
  decode,
  PREFIX_LOCK,
  PREFIX_OPSIZE,
  PREFIX_REP,
  PREFIX_REPNE,
  PREFIX_REX,
  PREFIX_REX_W,
} from "./decoder.ts";
import type { Form } from "./form.ts";
import { forms } from "./forms.ts";

type Mode = 16 | 32 | 64;

interface Decoded {
  readonly length: number;
  readonly form: Form;
  readonly field: (index: number) => number;
}

/** Decodes hexadecimal bytes, followed by bytes that do not matter. */
function decoded(text: string, mode: Mode): Decoded {
  const record = new Int32Array(D_SIZE);
  const bytes = new Uint8Array(32).fill(0x90);
  bytes.set(Buffer.from(text.replaceAll(" ", ""), "hex"));
  const length = decode(bytes, 0, 15, mode, record);
  assert.ok(length > 0, `${text} is not decoded: ${length}`);
  assert.equal(record[D_LENGTH], length);
  const form = forms[record[D_FORM] ?? -1];
  assert.ok(form);
  return { length, form, field: (index) => record[index] ?? 0 };
}

function result(text: string, mode: Mode, limit = 15): number {
  const bytes = new Uint8Array(32).fill(0x90);
  bytes.set(Buffer.from(text.replaceAll(" ", ""), "hex"));
  return decode(bytes, 0, limit, mode, new Int32Array(D_SIZE));
}

function invalid(text: string, mode: Mode, why: string): void {
  assert.equal(result(text, mode), DECODE_INVALID, `${text} in ${mode}-bit mode: ${why}`);
}

test("the record names every field of a long addressing form", () => {
  const { length, form, field } = decoded("f0 64 4e 81 84 8b f0ffffff 78563482", 64);
  assert.equal(form.lift, "add");
  assert.equal(length, 14);
  assert.equal(field(D_PREFIX), PREFIX_LOCK | PREFIX_REX | PREFIX_REX_W);
  assert.equal(field(D_OPSIZE), 8);
  assert.equal(field(D_ADDRSIZE), 8);
  assert.equal(field(D_MODRM), 0x84);
  assert.equal(field(D_IS_MEM), 1);
  assert.equal(field(D_BASE), 3);
  assert.equal(field(D_INDEX), 9);
  assert.equal(field(D_SCALE), 2);
  assert.equal(field(D_SEG), 4);
  assert.equal(field(D_DISP_LO), -16);
  assert.equal(field(D_DISP_HI), -1);
  assert.equal(field(D_IMM_LO), 0x82345678 | 0);
  assert.equal(field(D_IMM_HI), -1);
});

test("operand size follows the mode, 66 and REX.W, and W wins over 66", () => {
  assert.equal(decoded("01 c8", 16).field(D_OPSIZE), 2);
  assert.equal(decoded("66 01 c8", 16).field(D_OPSIZE), 4);
  assert.equal(decoded("01 c8", 32).field(D_OPSIZE), 4);
  assert.equal(decoded("66 01 c8", 32).field(D_OPSIZE), 2);
  assert.equal(decoded("66 01 c8", 64).field(D_OPSIZE), 2);
  assert.equal(decoded("66 48 01 c8", 64).field(D_OPSIZE), 8);
  assert.equal(decoded("00 c8", 64).field(D_OPSIZE), 1);
  // An immediate of operand size is at most 32 bits, except in MOV.
  assert.equal(decoded("66 05 3412", 64).length, 4);
  assert.equal(decoded("48 05 78563412", 64).length, 6);
  assert.equal(decoded("48 b8 8877665544332211", 64).field(D_IMM_HI), 0x11223344);
});

test("push, pop and near branches default to 64 bits in long mode", () => {
  assert.equal(decoded("50", 64).field(D_OPSIZE), 8);
  assert.equal(decoded("66 50", 64).field(D_OPSIZE), 2);
  assert.equal(decoded("68 00000080", 64).field(D_IMM_HI), -1);
  assert.equal(decoded("66 e9 00000000", 64).length, 6);
  assert.equal(decoded("66 e9 00000000", 64).field(D_OPSIZE), 8);
  assert.equal(decoded("66 e9 0000", 32).length, 4);
  assert.equal(decoded("c3", 64).field(D_OPSIZE), 8);
  assert.equal(decoded("cb", 64).field(D_OPSIZE), 4);
  assert.equal(decoded("48 cf", 64).field(D_OPSIZE), 8);
});

test("REX counts only directly before the opcode", () => {
  assert.equal(decoded("48 66 01 c8", 64).field(D_OPSIZE), 2);
  assert.equal(decoded("48 66 01 c8", 64).field(D_PREFIX), PREFIX_OPSIZE);
  assert.equal(decoded("4f 41 01 c8", 64).field(D_PREFIX), PREFIX_REX, "of two, the last");
  assert.equal(decoded("48", 32).form.lift, "dec");
});

test("byte registers 4 to 7 need a REX prefix to be SPL to DIL", () => {
  const high = decoded("88 e0", 64);
  assert.equal(high.field(D_REG), 4);
  assert.equal(high.field(D_PREFIX) & PREFIX_REX, 0);
  assert.equal(decoded("40 88 e0", 64).field(D_PREFIX) & PREFIX_REX, PREFIX_REX);
});

test("of F2 and F3 the last one wins, and 66 gives way to both", () => {
  assert.equal(decoded("f2 f3 0f 58 c0", 64).form.mnemonic, "addss");
  assert.equal(decoded("f3 f2 0f 58 c0", 64).form.mnemonic, "addsd");
  assert.equal(decoded("66 f2 0f 58 c0", 64).form.mnemonic, "addsd");
  assert.equal(decoded("66 0f 58 c0", 64).form.mnemonic, "addpd");
  assert.equal(decoded("f2 f3 a5", 32).field(D_PREFIX), PREFIX_REP);
  assert.equal(decoded("f3 f2 a5", 32).field(D_PREFIX), PREFIX_REPNE);
});

test("66 is the operand size where F2 or F3 selects, and no operand size where it selects itself", () => {
  assert.equal(decoded("66 f2 0f 38 f1 c1", 64).form.operands[1]?.size, 2);
  assert.equal(decoded("66 f3 0f b8 c1", 64).field(D_OPSIZE), 2);
  assert.equal(decoded("66 0f 6e c0", 16).form.operands[1]?.size, 4);
  assert.equal(decoded("66 48 0f 6e c0", 64).form.operands[1]?.size, 8);
});

test("a mandatory prefix that no row has is invalid", () => {
  invalid("f3 0f fc c1", 64, "PADDB");
  invalid("f2 0f 77", 64, "EMMS");
  invalid("66 0f ae e8", 64, "LFENCE");
  invalid("0f b8 c1", 64, "POPCNT without F3");
});

test("LZCNT and TZCNT are BSR and BSF", () => {
  assert.equal(decoded("f3 0f bd c1", 64).form.lift, "bsr");
  assert.equal(decoded("f3 0f bc c1", 64).form.lift, "bsf");
});

test("90 is NOP, PAUSE or XCHG with R8", () => {
  assert.equal(decoded("90", 64).form.lift, "nop");
  assert.equal(decoded("48 90", 64).form.lift, "nop");
  assert.equal(decoded("f3 90", 64).form.lift, "pause");
  assert.equal(decoded("41 90", 64).form.lift, "xchg");
  assert.equal(decoded("41 90", 64).field(D_RM), 8);
  assert.equal(decoded("f3 41 90", 64).form.lift, "xchg");
  assert.equal(decoded("91", 16).form.lift, "xchg");
});

test("16-bit addressing pairs base and index, and BP means SS", () => {
  const { field } = decoded("8b 42 f0", 16);
  assert.deepEqual([field(D_BASE), field(D_INDEX), field(D_DISP_LO), field(D_SEG), field(D_ADDRSIZE)], [5, 6, -16, 2, 2]);
  const direct = decoded("8b 06 00f0", 16);
  assert.deepEqual([direct.field(D_BASE), direct.field(D_INDEX), direct.field(D_DISP_LO), direct.field(D_SEG)], [-1, -1, -0x1000, 3]);
  const bx = decoded("8b 07", 16);
  assert.deepEqual([bx.field(D_BASE), bx.field(D_INDEX), bx.field(D_SEG)], [3, -1, 3]);
  assert.equal(decoded("67 8b 04 24", 16).field(D_SEG), 2);
  assert.equal(decoded("67 8b 06 3412", 32).field(D_ADDRSIZE), 2);
});

test("32-bit addressing without a base, and RIP-relative in long mode", () => {
  const absolute = decoded("8b 05 00000080", 32);
  assert.deepEqual([absolute.field(D_BASE), absolute.field(D_DISP_LO), absolute.field(D_SEG)], [-1, -0x80000000, 3]);
  const relative = decoded("8b 05 10000000", 64);
  assert.deepEqual([relative.field(D_BASE), relative.field(D_DISP_LO)], [BASE_RIP, 16]);
  assert.equal(decoded("67 8b 05 10000000", 64).field(D_ADDRSIZE), 4);
  // With a SIB byte it is absolute again, also with REX.B.
  const absolute64 = decoded("41 8b 04 25 00000080", 64);
  assert.deepEqual([absolute64.field(D_BASE), absolute64.field(D_INDEX), absolute64.field(D_DISP_HI)], [-1, -1, -1]);
});

test("RSP is no index but R12 is, and R13 needs a displacement as RBP does", () => {
  assert.equal(decoded("8b 04 64", 64).field(D_INDEX), -1);
  assert.equal(decoded("42 8b 04 64", 64).field(D_INDEX), 12);
  const r13 = decoded("41 8b 45 00", 64);
  assert.deepEqual([r13.length, r13.field(D_BASE), r13.field(D_SEG)], [4, 13, 3]);
  assert.equal(decoded("41 8b 05 00000000", 64).field(D_BASE), BASE_RIP);
  assert.equal(decoded("8b 45 00", 64).field(D_SEG), 2);
});

test("segment overrides: the last one counts, and long mode knows only FS and GS", () => {
  assert.equal(decoded("2e 26 8b 03", 32).field(D_SEG), 0);
  assert.equal(decoded("2e 8b 45 00", 32).field(D_SEG), 1);
  assert.equal(decoded("2e 8b 45 00", 64).field(D_SEG), 2);
  assert.equal(decoded("65 2e 8b 03", 64).field(D_SEG), 5);
  assert.equal(decoded("64 a4", 32).field(D_SEG), 4);
  assert.equal(decoded("a4", 32).field(D_SEG), 3);
});

test("moffs has the address size and is not sign-extended", () => {
  const wide = decoded("a1 8877665544332291", 64);
  assert.deepEqual([wide.length, wide.field(D_DISP_LO), wide.field(D_DISP_HI), wide.field(D_IS_MEM)], [9, 0x55667788, 0x91223344 | 0, 1]);
  const narrow = decoded("67 a1 00000080", 64);
  assert.deepEqual([narrow.length, narrow.field(D_DISP_LO), narrow.field(D_DISP_HI)], [6, -0x80000000, 0]);
  assert.equal(decoded("a1 00f0", 16).field(D_DISP_LO), 0xf000);
});

test("immediates: signed ones extend, byte and word ones do not", () => {
  assert.equal(decoded("83 c0 ff", 32).field(D_IMM_LO), -1);
  assert.equal(decoded("6a ff", 64).field(D_IMM_HI), -1);
  assert.equal(decoded("cd 80", 32).field(D_IMM_LO), 0x80);
  assert.equal(decoded("c2 feff", 32).field(D_IMM_LO), 0xfffe);
  const enter = decoded("c8 1000 05", 64);
  assert.deepEqual([enter.length, enter.field(D_IMM_LO), enter.field(D_IMM2)], [4, 16, 5]);
  const far = decoded("ea 78563482 0800", 32);
  assert.deepEqual([far.length, far.field(D_IMM_LO), far.field(D_IMM2)], [7, 0x82345678 | 0, 8]);
  assert.equal(decoded("ea 3412 00f0", 16).field(D_IMM2), 0xf000);
});

test("LOCK wants a memory destination of an instruction that has it", () => {
  assert.equal(decoded("f0 0f b1 0f", 64).field(D_PREFIX), PREFIX_LOCK);
  invalid("f0 0f b1 cf", 64, "register");
  invalid("f0 8b 07", 64, "MOV");
  invalid("f0 03 07", 64, "ADD from memory");
  invalid("f0 39 07", 64, "CMP");
  invalid("f0 90", 64, "NOP");
});

test("MOV CR and DR take only registers, and only those there are", () => {
  assert.deepEqual([decoded("0f 20 00", 64).field(D_IS_MEM), decoded("0f 20 04", 64).length], [0, 3]);
  assert.equal(decoded("44 0f 20 c0", 64).field(D_REG), 8);
  assert.equal(decoded("0f 22 e0", 32).form.lift, "movToCr");
  invalid("0f 20 c8", 64, "CR1");
  invalid("44 0f 20 d0", 64, "CR10");
  invalid("44 0f 21 c0", 64, "DR8");
});

test("fields of eight registers ignore REX", () => {
  assert.equal(decoded("45 0f 6f c1", 64).field(D_REG), 0, "MMX");
  assert.equal(decoded("45 0f 6f c1", 64).field(D_RM), 1, "MMX");
  assert.equal(decoded("44 8e d8", 64).field(D_REG), 3, "segment register");
  assert.equal(decoded("41 d8 c1", 64).field(D_RM), 1, "x87");
  assert.equal(decoded("66 45 0f 6f c1", 64).field(D_REG), 8, "XMM");
  assert.equal(decoded("41 dd 00", 64).field(D_BASE), 8, "but not as the base of an address");
});

test("segment registers that cannot be loaded or do not exist", () => {
  invalid("8e c8", 32, "MOV CS");
  invalid("8e f0", 32, "segment 6");
  invalid("8c f8", 32, "segment 7");
});

test("instructions that long mode dropped", () => {
  for (const text of [
    "06",
    "27",
    "37",
    "60",
    "62 07",
    "82 c0 01",
    "9a 000000000000",
    "c4 00",
    "c5 00",
    "ce",
    "d4 0a",
    "d6",
    "ea 000000000000",
    "1e",
  ]) {
    assert.ok(result(text, 32) > 0, `${text} in 32-bit mode`);
    invalid(text, 64, "not in long mode");
  }
  assert.equal(decoded("63 c8", 32).form.lift, "arpl");
  assert.equal(decoded("48 63 c8", 64).form.lift, "movsxd");
});

test("what is above the v2 level is invalid", () => {
  for (const text of [
    "c5 f8 58 c1",
    "62 f1 7c 48 58 c1",
    "0f 0f c1 9e",
    "0f c7 f0",
    "0f c7 f8",
    "f3 0f c7 f8",
    "0f ae 20",
    "f3 0f ae c0",
    "66 0f 38 dc c1",
    "0f 38 f6 07",
  ]) {
    invalid(text, 64, "not listed");
  }
  assert.equal(decoded("f3 0f 1e fa", 64).form.lift, "nop", "ENDBR64 is a hint");
});

test("CMPXCHG8B and 16B differ by REX.W, and neither takes a register", () => {
  assert.equal(decoded("0f c7 0f", 64).form.lift, "cmpxchg8b");
  assert.equal(decoded("48 0f c7 0f", 64).form.lift, "cmpxchg16b");
  assert.equal(decoded("48 0f c7 0f", 64).form.align, 16);
  invalid("0f c7 c9", 64, "register");
});

test("condition families carry their condition", () => {
  assert.deepEqual([decoded("75 00", 64).form.lift, decoded("75 00", 64).form.arg], ["jcc", 5]);
  assert.deepEqual([decoded("0f 9f c0", 64).form.lift, decoded("0f 9f c0", 64).form.arg], ["setcc", 15]);
  assert.equal(decoded("0f 4c c1", 64).form.flagsRead, 0x880);
});

test("alignment is demanded only where the manuals demand it", () => {
  assert.equal(decoded("0f 28 07", 64).form.align, 16);
  assert.equal(decoded("0f 58 07", 64).form.align, 16);
  for (const text of ["0f 10 07", "f3 0f 6f 07", "f2 0f f0 07", "66 0f 3a 63 07 00", "f3 0f 58 07", "66 0f d6 07"])
    assert.equal(decoded(text, 64).form.align, 0, text);
});

test("a cut-off instruction asks for more, at every length", () => {
  const text = "f0 64 4e 81 84 8b f0ffffff 78563482";
  for (let limit = 0; limit < 14; limit++) assert.equal(result(text, 64, limit), DECODE_NEEDS_MORE, `${limit} bytes`);
  assert.equal(result(text, 64, 14), 14);
});

test("fifteen bytes are an instruction, sixteen are too long", () => {
  assert.equal(result(`${"66".repeat(14)} 90`, 32), 15);
  assert.equal(result(`${"66".repeat(15)} 90`, 32), DECODE_TOO_LONG);
  assert.equal(result(`${"2e".repeat(10)} 81 05 00000000 00000000`, 32), DECODE_TOO_LONG);
});

test("decoding starts anywhere in the array and reads nothing beyond the limit", () => {
  const bytes = Uint8Array.of(0xff, 0xff, 0x48, 0x89, 0xc8);
  assert.equal(decode(bytes, 2, 3, 64, new Int32Array(D_SIZE)), 3);
  assert.equal(decode(bytes, 2, 2, 64, new Int32Array(D_SIZE)), DECODE_NEEDS_MORE);
});
