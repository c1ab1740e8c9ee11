import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlatCpu, longMachine, protectedMachine } from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";

const gp = { outcome: 2, vector: 13, errorCode: 0, address: 0 };

function filled(m: FlatCpu): FlatCpu {
  const { cpu } = m;
  cpu.set(L.CR4, cpu.get(L.CR4) | L.CR4_OSFXSR);
  cpu.set(L.FPU_CW, 0x37f);
  cpu.set(L.FPU_SW, 0x4100);
  cpu.set(L.FPU_TOP, 6);
  cpu.set(L.FPU_EMPTY, 0x3f);
  for (let i = 0; i < 8; i++) {
    cpu.set64(L.FPU_REGS + i * 16, 0x1000 + i, 0x80000000);
    cpu.halves[(L.FPU_REGS + i * 16 + 8) >> 1] = 0x4000 + i;
  }
  for (let i = 0; i < 64; i++) cpu.set(L.XMM + i * 4, 0xab000000 + i);
  cpu.set64(L.FPU_IP, 0x12345678, 0x7fff);
  cpu.set(L.MXCSR, 0x1fa0);
  return m;
}
/** All that the image holds, without the gaps of the state block. */
function saved({ cpu }: FlatCpu): number[] {
  const registers = [...cpu.words.subarray(L.FPU_REGS >> 2, L.FPU_TOP >> 2)].map((word, i) => (i % 4 === 3 ? 0 : i % 4 === 2 ? word & 0xffff : word));
  const control = [L.FPU_TOP, L.FPU_CW, L.FPU_SW, L.FPU_EMPTY, L.FPU_OPCODE, L.FPU_IP, L.FPU_IP + 4, L.FPU_DP, L.FPU_DP + 4, L.MXCSR];
  return [...registers, ...control.map((at) => cpu.get(at)), ...cpu.words.subarray(L.XMM >> 2, (L.XMM + 256) >> 2)];
}

test("FXSAVE lays out x87 by stack order and XMM by number", () => {
  const m = filled(longMachine());
  m.run("fxsave", { memory: 0x6000, size: 8 });
  assert.equal(m.read32(0x6000), 0x7100037f);
  assert.equal(m.memory.view.getUint8(0x6004), 0xc0);
  assert.deepEqual([m.read32(0x6008), m.read32(0x600c)], [0x12345678, 0x7fff]);
  assert.deepEqual([m.read32(0x6018), m.read32(0x601c)], [0x1fa0, 0xffff]);
  assert.deepEqual([m.read32(0x6020), m.read32(0x6024), m.read16(0x6028)], [0x1006, 0x80000000, 0x4006]);
  assert.deepEqual([m.read32(0x60a0), m.read32(0x60a0 + 252)], [0xab000000, 0xab00003f]);
});

test("FXRSTOR undoes FXSAVE", () => {
  const m = filled(longMachine());
  const before = saved(m);
  m.run("fxsave", { memory: 0x6000, size: 8 });
  m.cpu.words.fill(0x5555, L.FPU_REGS >> 2, (L.XMM + 256) >> 2);
  assert.equal(m.run("fxrstor", { memory: 0x6000, size: 8 }).outcome, 0);
  assert.deepEqual(saved(m), before);
});

test("outside 64-bit mode eight XMM registers, with selectors beside the pointers", () => {
  const m = filled(protectedMachine());
  m.cpu.set(L.FPU_CS, 0x1b);
  m.write32(0x60a0 + 128, 0x99);
  m.run("fxsave", { memory: 0x6000, size: 4 });
  assert.equal(m.read32(0x600c), 0x1b);
  assert.equal(m.read32(0x60a0 + 124), 0xab00001f);
  assert.equal(m.read32(0x60a0 + 128), 0x99);
});

test("misaligned: #GP; TS: #NM; reserved MXCSR bits: #GP with nothing loaded", () => {
  const m = filled(longMachine());
  assert.deepEqual(m.run("fxsave", { memory: 0x6008 }), gp);
  m.run("fxsave", { memory: 0x6000 });
  m.write32(0x6018, 0x10000);
  const before = saved(m);
  assert.deepEqual(m.run("fxrstor", { memory: 0x6000 }), gp);
  assert.deepEqual(m.run("ldmxcsr", { memory: 0x6018 }), gp);
  assert.deepEqual(saved(m), before);
  m.cpu.set(L.CR0, m.cpu.get(L.CR0) | L.CR0_TS);
  for (const name of ["fxsave", "fxrstor", "ldmxcsr"]) assert.equal(m.run(name, { memory: 0x6000 }).vector, 7, name);
});

test("FXSAVE to a page that cannot be written writes nothing", () => {
  const m = filled(longMachine());
  m.memory.readOnly.add(0x7000);
  assert.equal(m.run("fxsave", { memory: 0x6ff0 }).vector, 14);
  assert.equal(m.read32(0x6ff0), 0);
});
