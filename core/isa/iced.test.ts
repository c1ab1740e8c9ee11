// Compares the decoder with iced-x86, an independent one, on random encodings in all three modes: what is accepted, lengths,
// mnemonics, operands, flags and access. Where the two disagree by intent the difference is listed here with its reason;
// anything else fails. Real processors are the judge in doubt, and the comments say where one was asked.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as iced from "iced-x86";
import { BASE_RIP, D_ADDRSIZE, D_BASE, D_DISP_HI, D_DISP_LO, D_FORM, D_IMM2, D_INDEX, D_SCALE, D_SEG, D_SIZE, decode } from "./decoder.ts";
import { gprName, operandText } from "./disassembler.ts";
import type { Form } from "./form.ts";
import { forms } from "./forms.ts";

const IP = 0x1000n;
const OPTIONS =
  // The v2 level has neither TZCNT, LZCNT nor WBNOINVD, and sees the whole hint space as NOP.
  iced.DecoderOptions.NoMPFX_0FBC | iced.DecoderOptions.NoMPFX_0FBD | iced.DecoderOptions.NoWbnoinvd | iced.DecoderOptions.ForceReservedNop;

/** CPUID features that belong to the instruction set of the rows; what needs another one has to be rejected. */
const SUPPORTED = new Set([
  "INTEL8086",
  "INTEL8086_ONLY",
  "INTEL186",
  "INTEL286",
  "INTEL386",
  "INTEL486",
  "X64",
  "FPU",
  "FPU287",
  "FPU387",
  "CMOV",
  "CMPXCHG16B",
  "CPUID",
  "CX8",
  "CLFSH",
  "FXSR",
  "MMX",
  "MONITOR",
  "MOVBE",
  "MSR",
  "MULTIBYTENOP",
  "PAUSE",
  "POPCNT",
  "RDPMC",
  "RDTSCP",
  "SEP",
  "SSE",
  "SSE2",
  "SSE3",
  "SSE4_1",
  "SSE4_2",
  "SSSE3",
  "SYSCALL",
  "TSC",
  "SMM",
]);

/** Rejected although iced names no feature that is missing. */
const REJECTED = new Map([
  ["rsm", "#UD outside system management mode, which the machine does not have"],
  ["reservednop", "0F 0D with a register is #UD on AMD processors (asked one) and a hint on Intel's"],
]);

/** Our name to iced's where it is another word for the same. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  fdisi: ["fndisi"],
  feni: ["fneni"],
  fsetpm: ["fnsetpm"],
  fwait: ["wait"],
  jcxz: ["jecxz", "jrcxz"],
  shl: ["sal"],
  xlat: ["xlatb"],
  sysexitd: ["sysexit"],
  sysretd: ["sysret"],
  pcmpestri: ["pcmpestri64"],
  pcmpestrm: ["pcmpestrm64"],
  // ForceReservedNop hides the hints that have names.
  nop: ["reservednop"],
  prefetch: ["reservednop"],
  prefetchw: ["reservednop"],
  prefetchnta: ["reservednop"],
  prefetcht0: ["reservednop"],
  prefetcht1: ["reservednop"],
  prefetcht2: ["reservednop"],
  // F3 41 90 exchanges (asked an AMD processor); iced calls it PAUSE.
  xchg: ["pause"],
};

/** Accepted although iced rejects: iced wants no prefix here, the manuals name none. */
const ACCEPTED = new Set(["mwait", "monitor"]);

/** Operand lists that differ in what is written out. */
const OTHER_OPERANDS = new Set([
  "blendvpd",
  "blendvps",
  "pblendvb",
  "maskmovdqu",
  "maskmovq",
  "nop",
  "prefetch",
  "prefetchw",
  "prefetchnta",
  "prefetcht0",
  "prefetcht1",
  "prefetcht2",
  "xlat",
]);

/**
 * Registers where ours are narrower: 16-bit selectors, and results that the zero extension of a 32-bit write makes equal to
 * REX.W's 64-bit ones.
 */
const NARROW_REGISTERS = new Set([
  "arpl",
  "lldt",
  "ltr",
  "lmsw",
  "verr",
  "verw",
  "mov",
  "movmskps",
  "movmskpd",
  "pmovmskb",
  "pextrb",
  "pextrw",
  "pinsrb",
  "pinsrw",
  "extractps",
]);

/** Flags listed otherwise on purpose: see the reasons at the comparison. */
const COUNTED = /^(rol|ror|rcl|rcr|shl|shr|sar|shld|shrd)$/;
const CONDITIONAL_ACCESS = /^(cmov|fcmov|bsf$|bsr$|lar$|lsl$)/;

function randomSource(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 8) / 0x1000000) * limit);
  };
}

const PREFIXES = [0x66, 0x66, 0xf2, 0xf3, 0xf3, 0x67, 0x2e, 0x64, 0x3e, 0xf0];

/** Random bytes behind random prefixes, spread evenly over the opcode maps. */
function randomInstruction(random: (limit: number) => number, mode: number): Uint8Array {
  const bytes = Uint8Array.from({ length: 24 }, () => random(256));
  let at = 0;
  for (let count = random(2) * (1 + random(3)); count > 0; count--) bytes[at++] = PREFIXES[random(PREFIXES.length)] ?? 0;
  if (mode === 64 && random(5) < 2) bytes[at++] = 0x40 + random(16);
  const map = random(5);
  if (map >= 2) bytes[at++] = 0x0f;
  if (map >= 3) bytes[at++] = map === 3 ? 0x38 : 0x3a;
  if (map >= 3 && random(10) < 7) bytes[at] = random(0x70);
  return bytes;
}

function mnemonicOf(instruction: iced.Instruction): string {
  return (iced.Mnemonic[instruction.mnemonic] ?? "").toLowerCase();
}

function registerOf(register: iced.Register): string {
  return (iced.Register[register] ?? "").toLowerCase().replace(/^(r\d+)l$/, "$1b");
}

function compareMemory(record: Int32Array, mode: number, instruction: iced.Instruction, memSize: number, isHint: boolean): string[] {
  const addressSize = record[D_ADDRSIZE] ?? 0;
  const base = record[D_BASE] ?? 0;
  const index = record[D_INDEX] ?? 0;
  const name = (number: number) =>
    number < 0 ? "none" : number === BASE_RIP ? (addressSize === 8 ? "rip" : "eip") : gprName(number, addressSize, true);
  const problems: string[] = [];
  if (name(base) !== registerOf(instruction.memoryBase)) problems.push(`base ${name(base)}`);
  if (name(index) !== registerOf(instruction.memoryIndex)) problems.push(`index ${name(index)}`);
  if (index >= 0 && 1 << (record[D_SCALE] ?? 0) !== instruction.memoryIndexScale) problems.push("scale");
  let displacement = (BigInt(record[D_DISP_HI] ?? 0) << 32n) | BigInt((record[D_DISP_LO] ?? 0) >>> 0);
  if (base === BASE_RIP) displacement += IP + BigInt(instruction.length);
  const bits = addressSize * 8;
  if (BigInt.asUintN(bits, displacement) !== BigInt.asUintN(bits, instruction.memoryDisplacement))
    problems.push(`displacement ${displacement}`);
  const segment = ["es", "cs", "ss", "ds", "fs", "gs"][record[D_SEG] ?? 0] ?? "";
  // iced reports the overrides that long mode ignores.
  const theirs = registerOf(instruction.memorySegment);
  if (segment !== theirs && (mode !== 64 || theirs === "fs" || theirs === "gs")) problems.push(`segment ${segment}`);
  if (!isHint && iced.MemorySizeExt.size(instruction.memorySize) !== memSize) problems.push(`memory size ${memSize}`);
  return problems;
}

function compareOperands(record: Int32Array, mode: number, form: Form, instruction: iced.Instruction): string[] {
  if (form.rep !== "none" || OTHER_OPERANDS.has(form.mnemonic) || mnemonicOf(instruction) === "pause") return [];
  if (instruction.opCount !== form.operands.length) return [`${form.operands.length} operands`];
  return form.operands.flatMap((spec, at) => {
    const kind = instruction.opKind(at);
    const ours = operandText(record, spec, IP);
    if (kind === iced.OpKind.Register) {
      const theirs = registerOf(instruction.opRegister(at));
      return theirs === ours || NARROW_REGISTERS.has(form.mnemonic) ? [] : [`register ${ours}, not ${theirs}`];
    }
    if (kind === iced.OpKind.Memory) return compareMemory(record, mode, instruction, spec.memSize, form.mnemonic === "clflush");
    if (spec.kind === "farPtr") return instruction.farBranchSelector === record[D_IMM2] ? [] : ["selector"];
    if (spec.kind === "one" || form.mnemonic === "enter") return [];
    const value = spec.kind === "rel" ? instruction.nearBranchTarget : instruction.immediate(at);
    const theirs = `0x${BigInt.asUintN(spec.size * 8, BigInt(value)).toString(16)}`;
    return theirs === ours ? [] : [`${spec.kind} ${ours}, not ${theirs}`];
  });
}

function flagsOf(bits: number): number {
  const pairs: readonly (readonly [number, number])[] = [
    [iced.RflagsBits.CF, 0x1],
    [iced.RflagsBits.PF, 0x4],
    [iced.RflagsBits.AF, 0x10],
    [iced.RflagsBits.ZF, 0x40],
    [iced.RflagsBits.SF, 0x80],
    [iced.RflagsBits.IF, 0x200],
    [iced.RflagsBits.DF, 0x400],
    [iced.RflagsBits.OF, 0x800],
  ];
  return pairs.reduce((mask, [theirs, ours]) => ((bits & theirs) !== 0 ? mask | ours : mask), 0);
}

function compareEffects(form: Form, instruction: iced.Instruction, info: iced.InstructionInfo): string[] {
  const problems: string[] = [];
  const listed = 0xed5;
  // Ours also names the flags that a count of zero keeps, and those that traps and IRET touch by way of the stack image.
  const stackImage = form.flow === "trap" || form.mnemonic.startsWith("iret") || form.mnemonic.startsWith("popf");
  if (!stackImage && !COUNTED.test(form.lift)) {
    if (form.rep !== "stringcc" && (form.flagsRead & listed) !== flagsOf(instruction.rflagsRead))
      problems.push(`flags read ${form.flagsRead}`);
    const written = flagsOf(instruction.rflagsWritten | instruction.rflagsCleared | instruction.rflagsSet);
    if ((form.flagsWritten & listed) !== written) problems.push(`flags written ${form.flagsWritten}`);
    // The manuals leave the flags undefined after MOV to and from CR and DR; processors keep them.
    if (!/^mov(To|From)[CD]r$/.test(form.lift) && form.flagsUndefined !== flagsOf(instruction.rflagsUndefined))
      problems.push("undefined flags");
  }
  // iced knows that xor r,r reads nothing, calls a conditional write a write, and sees no access where only a tag changes.
  const zeroing =
    instruction.opCount === 2 && instruction.opKind(1) === iced.OpKind.Register && instruction.opRegister(0) === instruction.opRegister(1);
  const special = /^(ffreep?|clflush|movss|movsd)$/;
  if (
    form.rep === "none" &&
    instruction.opCount === form.operands.length &&
    !zeroing &&
    !special.test(form.mnemonic) &&
    !CONDITIONAL_ACCESS.test(form.mnemonic)
  ) {
    const { OpAccess } = iced;
    form.operands.forEach((spec, at) => {
      const access = info.opAccess(at);
      const read = [OpAccess.Read, OpAccess.CondRead, OpAccess.ReadWrite, OpAccess.ReadCondWrite].includes(access);
      const write = [OpAccess.Write, OpAccess.CondWrite, OpAccess.ReadWrite, OpAccess.ReadCondWrite].includes(access);
      if (mnemonicOf(instruction) !== "pause" && (read !== spec.read || write !== spec.write)) problems.push(`access of operand ${at}`);
    });
  }
  return problems;
}

function compare(
  bytes: Uint8Array,
  mode: 16 | 32 | 64,
  record: Int32Array,
  factory: iced.InstructionInfoFactory,
): { problems: string[]; accepted: boolean } {
  const length = decode(bytes, 0, 15, mode, record);
  const decoder = new iced.Decoder(mode, bytes.subarray(0, 15), OPTIONS);
  decoder.ip = IP;
  const instruction = decoder.decode();
  const theirs = mnemonicOf(instruction);
  const info = factory.info(instruction);
  try {
    const form = length > 0 ? forms[record[D_FORM] ?? -1] : undefined;
    if (form === undefined) {
      const unsupported = Array.from(instruction.cpuidFeatures(), (feature) => iced.CpuidFeature[feature] ?? "").some(
        (name) => !SUPPORTED.has(name),
      );
      return { problems: theirs === "invalid" || unsupported || REJECTED.has(theirs) ? [] : [`rejected, not ${theirs}`], accepted: false };
    }
    if (theirs === "invalid") return { problems: ACCEPTED.has(form.mnemonic) ? [] : [`accepted as ${form.mnemonic}`], accepted: true };
    if (length !== instruction.length) return { problems: [`length ${length}, not ${instruction.length}`], accepted: true };
    if (form.mnemonic !== theirs && !(SYNONYMS[form.mnemonic] ?? []).includes(theirs))
      return { problems: [`${form.mnemonic}, not ${theirs}`], accepted: true };
    return { problems: [...compareOperands(record, mode, form, instruction), ...compareEffects(form, instruction, info)], accepted: true };
  } finally {
    info.free();
    instruction.free();
    decoder.free();
  }
}

for (const mode of [16, 32, 64] as const) {
  test(`decodes random ${mode}-bit encodings as iced does, but for the listed differences`, () => {
    const random = randomSource(mode);
    const record = new Int32Array(D_SIZE);
    const factory = new iced.InstructionInfoFactory();
    let accepted = 0;
    for (let count = 0; count < 100_000; count++) {
      const bytes = randomInstruction(random, mode);
      const result = compare(bytes, mode, record, factory);
      assert.deepEqual(result.problems, [], Buffer.from(bytes.subarray(0, 15)).toString("hex"));
      if (result.accepted) accepted++;
    }
    factory.free();
    assert.ok(accepted > 40_000, `only ${accepted} encodings were instructions`);
  });
}
