import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlatCpu, longMachine, protectedMachine, setRing } from "../../testkit/flat-cpu.ts";
import { findCpuModel } from "../models/cpu-model.ts";
import * as L from "../state/layout.ts";
import { loadStoredMsrs, saveStoredMsrs } from "./msr.ts";

const gp = { outcome: 2, vector: 13, errorCode: 0, address: 0 };

function write(m: FlatCpu, index: number, lo: number, hi = 0) {
  m.cpu.setGpr(1, index);
  m.cpu.setGpr(0, lo);
  m.cpu.setGpr(2, hi);
  return m.run("wrmsr");
}
function read(m: FlatCpu, index: number): [number, number] | "gp" {
  m.cpu.setGpr(1, index);
  m.cpu.setGpr(0, 0, 7);
  const run = m.run("rdmsr");
  if (run.outcome === 2) {
    assert.deepEqual(run, gp);
    return "gp";
  }
  assert.equal(m.cpu.gprHigh(0), 0);
  return [m.cpu.gpr(0), m.cpu.gpr(2)];
}

test("what is written is read back", () => {
  const m = longMachine();
  for (const index of [0x174, 0xc0000081, 0xc0000084, 0xc0010015, 0xc001001a, 0xc0011029, 0x17a]) {
    assert.equal(write(m, index, 0x12340000, 0x5678).outcome, 1, index.toString(16));
    assert.deepEqual(read(m, index), [0x12340000, 0x5678], index.toString(16));
  }
  for (const index of [0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102]) {
    assert.equal(write(m, index, 0x1000, 0xffff8000).outcome, 1);
    assert.deepEqual(read(m, index), [0x1000, 0xffff8000]);
    assert.deepEqual(write(m, index, 0x1000, 0x8000), gp, "not canonical");
  }
  assert.equal(m.cpu.segBase(L.FS), -0x8000_0000_0000 + 0x1000);
});

test("registers that nobody has, and rings above 0", () => {
  const m = longMachine();
  for (const index of [0x2, 0x3b, 0xce, 0x48, 0xc0010004, 0xc0000104, 0x4b564d00]) {
    assert.equal(read(m, index), "gp");
    assert.deepEqual(write(m, index, 0), gp);
  }
  setRing(m, 3);
  assert.equal(read(m, 0x10), "gp");
});

test("EFER: reserved bits, LME under paging, NXE flushes, LMA is not written", () => {
  const m = longMachine();
  assert.equal(write(m, 0xc0000080, L.EFER_LME | L.EFER_SCE | L.EFER_NXE).outcome, 1);
  assert.deepEqual(read(m, 0xc0000080), [L.EFER_LME | L.EFER_LMA | L.EFER_SCE | L.EFER_NXE, 0]);
  assert.deepEqual(m.memory.flushes, [true]);
  assert.deepEqual(write(m, 0xc0000080, L.EFER_SCE), gp);
  assert.deepEqual(write(m, 0xc0000080, 0x1901 | 0x1000), gp, "SVME");
  assert.deepEqual(write(m, 0xc0000080, 0x4900), gp, "FFXSR");
});

test("a model without long mode has neither LME nor its MSRs", () => {
  const m = protectedMachine(findCpuModel("ringfence32"));
  assert.deepEqual(write(m, 0xc0000080, L.EFER_LME), gp);
  assert.equal(write(m, 0xc0000080, L.EFER_NXE).outcome, 1);
  assert.equal(read(m, 0xc0000102), "gp");
  assert.equal(read(m, 0xc0000081), "gp");
});

test("PAT and MTRRs take memory types only", () => {
  const m = longMachine();
  assert.deepEqual(read(m, 0x277), [0x00070406, 0x00070406]);
  assert.equal(write(m, 0x277, 0x07010600, 0x07010600).outcome, 1);
  assert.deepEqual(write(m, 0x277, 2, 0), gp);
  assert.deepEqual(read(m, 0xfe), [0x508, 0]);
  assert.deepEqual(write(m, 0xfe, 0), gp);
  assert.equal(write(m, 0x200, 0xc0000000 + 6, 0).outcome, 1);
  assert.deepEqual(write(m, 0x200, 3, 0), gp);
  assert.deepEqual(write(m, 0x201, 0xc0000800, 0x100), gp, "beyond the physical address width");
  assert.equal(write(m, 0x201, 0xc0000800, 0xff).outcome, 1);
  assert.deepEqual(write(m, 0x2ff, 0x1000), gp);
  assert.deepEqual(write(m, 0x250, 0x07070707), gp);
});

test("TSC and APIC base belong to the machine", () => {
  const m = longMachine();
  write(m, 0x10, 5, 6);
  assert.deepEqual(m.hooks.tsc, [5, 6]);
  assert.deepEqual(read(m, 0x10), [5, 6]);
  assert.deepEqual(read(m, 0x1b), [0xfee00900, 0]);
  assert.equal(write(m, 0x1b, 0xfee00100).outcome, 1);
  assert.deepEqual(m.hooks.apicBase, [0xfee00100, 0]);
  assert.equal(read(m, 0x6e0), "gp", "the fake has no deadline timer");
});

test("no machine check banks; vendors keep to their own registers", () => {
  const m = longMachine();
  assert.deepEqual(read(m, 0x179), [0x100, 0]);
  assert.equal(read(m, 0x400), "gp");
  assert.deepEqual(read(m, 0xc0010010), [0, 0]);
  const intel = longMachine(findCpuModel("ringfence64-intel"));
  assert.equal(read(intel, 0xc0010010), "gp");
  assert.deepEqual(read(intel, 0x3a), [1, 0]);
  assert.equal(read(m, 0x3a), "gp");
  assert.equal(write(m, 0x8b, 0).outcome, 1);
});

test("stored MSRs can be saved and loaded; what could not have been written is refused as a whole", () => {
  const m = longMachine();
  write(m, 0x2ff, 0x806);
  write(m, 0x200, 0x80000006, 1);
  const saved = saveStoredMsrs(m.cpu);
  assert.deepEqual(saved, [
    [0x200, 0x80000006, 1],
    [0x2ff, 0x806, 0],
  ]);
  const n = longMachine();
  loadStoredMsrs(n.cpu, saved);
  assert.deepEqual(read(n, 0x200), [0x80000006, 1]);
  for (const bad of [[[0x200, 6, 0], [0x12345, 0, 0]], [[0xfe, 0, 0]], [[0x2ff, 0x5000, 0]], [[]]]) {
    assert.throws(() => loadStoredMsrs(n.cpu, bad));
  }
  assert.deepEqual(saveStoredMsrs(n.cpu), saved);
});
