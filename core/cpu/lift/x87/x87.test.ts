// The x87 against what a processor did (processor-cases.ts), and what single instructions cannot show: pending exceptions, the
// layouts of the environment, and the accuracy of the transcendental functions against values known to more digits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { replayVectors } from "../../../debug/vectors.ts";
import { DEFAULT_CPU_MODEL } from "../../models/cpu-model.ts";
import * as L from "../../state/layout.ts";
import { Cpu, type LinearMemory } from "../../system/cpu.ts";
import { PROCESSOR_CASES } from "./processor-cases.ts";
import { x87Operations } from "./transcendental.ts";

const FX_BYTES = 416;
const DATA = 0x10000000;
const CODE = 0x20000000;
const SLOT = 16;

function putRegister(fx: Buffer, place: number, text: string): void {
  const [se = "0", m = "0"] = text.split(":");
  fx.writeBigUInt64LE(BigInt(`0x${m}`), 32 + place * 16);
  fx.writeUInt16LE(Number.parseInt(se, 16), 40 + place * 16);
}
function image(cw: number, sw: number, full: number, registers: readonly string[]): Buffer {
  const fx = Buffer.alloc(FX_BYTES);
  fx.writeUInt16LE(cw, 0);
  fx.writeUInt16LE(sw, 2);
  fx[4] = full;
  fx.writeUInt32LE(0x1f80, 24);
  for (const [i, r] of registers.entries()) putRegister(fx, i, r);
  return fx;
}
/** A vector file of one test for each line; `exception`: what all of them must raise. */
function vectorFile(lines: readonly string[], exception?: number): string[] {
  const memory = Buffer.alloc(0x2000);
  const images: string[] = [];
  const tests = lines.map((line, id) => {
    const [before = "", after = ""] = line.split(" > ");
    const [code = "", cw, sw, full, st0 = "", st1 = "", data = "-"] = before.split(" ");
    const [swAfter, fullAfter, ...changes] = after.split(" ");
    const hex = (text: string | undefined): number => Number.parseInt(text ?? "0", 16);
    const registers = [st0, st1, ...Array<string>(6).fill("0:0")];
    images.push(image(hex(cw), hex(sw), hex(full), registers).toString("hex"));
    if (data !== "-") memory.write(data, id * SLOT, "hex");
    const moved = ((hex(swAfter) >> 11) & 7) - ((hex(sw) >> 11) & 7);
    const result = image(hex(cw), hex(swAfter), hex(fullAfter), registers.map((_, i) => registers[(i + moved + 8) & 7] ?? ""));
    const mem: [number, string][] = [];
    let flags = 0x202;
    for (const change of changes) {
      const [name = "", value = ""] = change.split("=");
      if (name === "mem") mem.push([DATA + id * SLOT, value]);
      else if (name === "fl") flags |= hex(value);
      else if (name.startsWith("ST")) putRegister(result, Number(name[2]), value);
    }
    const gpr = Array.from({ length: 16 }, (_, n) => (n === 7 ? (DATA + id * SLOT).toString(16) : "0"));
    const rip = (CODE + code.length / 2).toString(16);
    const out = { rip, flags, mask: 0x8d5, gpr: {}, fx: [[0, result.toString("hex")]], mem };
    return { id, code: code.padEnd(32, "90"), fx: id, flags: 0x202, gpr, ...(exception === undefined ? { out } : { exception }) };
  });
  const header = { format: "x86-vectors-1", mode: 64, code: CODE, regions: [[DATA, memory.toString("hex")]], fx: images };
  return [header, ...tests].map((value) => JSON.stringify(value));
}
async function failures(lines: readonly string[], exception?: number): Promise<string[]> {
  const found: string[] = [];
  const { passed } = await replayVectors(vectorFile(lines, exception), (line) => found.push(line));
  assert.equal(passed + found.length, lines.length);
  return found;
}

test("x87 instructions do what the processor did", async () => {
  assert.deepEqual(await failures(PROCESSOR_CASES), []);
});

test("a pending exception is raised by the next instruction that waits", async () => {
  const state = "037b b884 80 3fff:8000000000000000 0:0 00000000000000000000";
  const waiting = ["9b", "d9e8", "d8c1", "d907", "d91f", "d9fe", "dd27", "d92f"];
  assert.deepEqual(await failures(waiting.map((code) => `${code} ${state} > 0 0`), 16), []);
  assert.deepEqual(await failures([`dbe2 ${state} > 3800 80`]), []);
  const [stored = ""] = await failures([`dfe0 ${state} > b884 80`]);
  assert.match(stored, /: gpr 0 b884, not 0$/);
});

/** Bare memory for the system operations. */
class PlainMemory implements LinearMemory {
  readonly view = new DataView(new ArrayBuffer(256));
  read8 = (at: number): number => this.view.getUint8(at);
  read16 = (at: number): number => this.view.getUint16(at, true);
  read32 = (at: number): number => this.view.getUint32(at, true);
  write8 = (at: number, value: number): void => this.view.setUint8(at, value);
  write16 = (at: number, value: number): void => this.view.setUint16(at, value, true);
  write32 = (at: number, value: number): void => this.view.setUint32(at, value, true);
  checkWrite = (): void => {};
  invalidatePage = (): void => {};
  flushTlb = (): void => {};
}
function bareCpu(): { cpu: Cpu; memory: PlainMemory } {
  const memory = new PlainMemory();
  const cpu = new Cpu(new ArrayBuffer(0x2000), memory, {} as ConstructorParameters<typeof Cpu>[2], DEFAULT_CPU_MODEL);
  cpu.set(L.FPU_CW, 0x37f);
  cpu.set(L.FPU_EMPTY, 0xff);
  return { cpu, memory };
}
const RECORD = 0x1800;

for (const [mode, size, bytes] of [["protected", 4, 108], ["protected", 2, 94], ["real", 4, 108], ["real", 2, 94]] as const) {
  test(`FNSAVE of ${bytes} bytes in ${mode} mode is undone by FRSTOR`, () => {
    const { cpu, memory } = bareCpu();
    cpu.set(L.CR0, mode === "real" ? 0 : L.CR0_PE);
    cpu.set(RECORD + L.REC_EXTRA, size << 16);
    cpu.set(L.FPU_CW, 0x27e);
    cpu.set(L.FPU_SW, 0x4720);
    cpu.set(L.FPU_TOP, 3);
    cpu.set(L.FPU_EMPTY, 0x07);
    cpu.set64(L.FPU_IP, 0x1234, 0);
    for (let n = 0; n < 8; n++) {
      cpu.set64(L.FPU_REGS + n * 16, n * 0x1111, 0x80000000);
      cpu.halves[(L.FPU_REGS + n * 16 + 8) >> 1] = 0x3fff + n;
    }
    const before = cpu.bytes.slice(L.FPU_REGS, L.FPU_OPCODE);
    memory.view.setUint8(bytes, 0xa5);
    assert.equal(x87Operations["fnsave"]?.(cpu, RECORD), 0);
    assert.equal(memory.view.getUint8(bytes), 0xa5);
    assert.equal(memory.view.getUint16(size, true), 0x5f20);
    assert.equal(memory.view.getUint16(size * 7 + 8, true), 0x3fff + 3);
    assert.deepEqual([cpu.get(L.FPU_CW), cpu.get(L.FPU_SW), cpu.get(L.FPU_TOP), cpu.get(L.FPU_EMPTY)], [0x37f, 0, 0, 0xff]);
    cpu.bytes.fill(0, L.FPU_REGS, L.FPU_REGS + 128);
    assert.equal(x87Operations["frstor"]?.(cpu, RECORD), 0);
    assert.deepEqual(cpu.bytes.slice(L.FPU_REGS, L.FPU_OPCODE), before);
    assert.equal(cpu.get(L.FPU_IP), 0x1234);
  });
}

/** Instruction, operands ST0 and ST1, result, all correctly rounded to nearest. */
const KNOWN = [
  ["fsin", "3fff:8000000000000000", "", "3ffe:d76aa47848677021"],
  ["fcos", "3fff:8000000000000000", "", "3ffe:8a51407da8345c92"],
  ["fpatan", "3fff:8000000000000000", "3fff:8000000000000000", "3ffe:c90fdaa22168c235"],
  ["fyl2x", "4002:a000000000000000", "3fff:8000000000000000", "4000:d49a784bcd1b8afe"],
  ["fyl2xp1", "3f00:8000000000000000", "3fff:8000000000000000", "3f00:b8aa3b295c17f0bc"],
  ["f2xm1", "3ffe:8000000000000000", "", "3ffd:d413cccfe7799211"],
] as const;
for (const [name, st0, st1, wanted] of KNOWN) {
  test(`${name.toUpperCase()} of ${st0} is right to the last bit`, () => {
    const { cpu } = bareCpu();
    cpu.set(L.FPU_EMPTY, 0xfc);
    [st0, st1].forEach((text, n) => {
      const [se = "0", m = "0"] = text.split(":");
      cpu.set64(L.FPU_REGS + n * 16, Number.parseInt(m.slice(8), 16), Number.parseInt(m.slice(0, 8), 16));
      cpu.halves[(L.FPU_REGS + n * 16 + 8) >> 1] = Number.parseInt(se, 16);
    });
    assert.equal(x87Operations[name]?.(cpu, RECORD), 0);
    const at = L.FPU_REGS + cpu.get(L.FPU_TOP) * 16;
    const word = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    assert.equal(`${cpu.get16(at + 8).toString(16)}:${word(cpu.getHigh(at))}${word(cpu.get(at))}`, wanted);
    assert.equal(cpu.get(L.FPU_SW) & 0x20, 0x20);
  });
}
