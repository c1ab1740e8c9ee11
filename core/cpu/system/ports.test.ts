import assert from "node:assert/strict";
import { test } from "node:test";
import { FlatCpu, longMachine, protectedMachine, setRing } from "../../testkit/flat-cpu.ts";
import * as L from "../state/layout.ts";
import { checkIo } from "./ports.ts";

const gp = { outcome: 2, vector: 13, errorCode: 0, address: 0 };
const BITMAP = 0x68;

/** A ring 3 machine whose TSS opens ports 60h and 64h to 67h. */
function userMachine(): FlatCpu {
  const m = protectedMachine();
  setRing(m, 3);
  m.write16(0x3066, BITMAP);
  for (let i = 0; i < 0x20; i++) m.memory.view.setUint8(0x3000 + BITMAP + i, 0xff);
  m.memory.view.setUint8(0x3000 + BITMAP + 0xc, 0x0e);
  return m;
}

test("IN and OUT move 1, 2 and 4 bytes", () => {
  const m = new FlatCpu();
  m.cpu.setGpr(0, 0x11223344, 0x55);
  m.run("out", { port: 0x80, size: 1 });
  m.run("out", { port: 0x80, size: 2 });
  m.run("out", { port: 0x80, size: 4 });
  assert.deepEqual(m.hooks.written, [
    [0x80, 1, 0x44],
    [0x80, 2, 0x3344],
    [0x80, 4, 0x11223344],
  ]);
  m.hooks.toRead.push(0xaa, 0xbbbb, 0xcccccccc);
  m.run("in", { port: 0x60, size: 1 });
  assert.equal(m.cpu.gpr(0), 0x112233aa);
  m.run("in", { port: 0x60, size: 2 });
  assert.equal(m.cpu.gpr(0), 0x1122bbbb);
  m.run("in", { port: 0x60, size: 4 });
  assert.deepEqual([m.cpu.gpr(0), m.cpu.gprHigh(0)], [0xcccccccc, 0]);
});

test("IOPL opens all ports, the bitmap single ones; every byte of an access counts", () => {
  const m = userMachine();
  assert.equal(m.run("in", { port: 0x60, size: 1 }).outcome, 0);
  assert.deepEqual(m.run("in", { port: 0x60, size: 2 }), gp);
  assert.equal(m.run("in", { port: 0x64, size: 4 }).outcome, 0);
  assert.deepEqual(m.run("in", { port: 0x67, size: 2 }), gp);
  m.cpu.eflags = L.FL_IOPL;
  assert.equal(m.run("in", { port: 0x61, size: 1 }).outcome, 0);
  m.cpu.eflags = L.FL_IOPL | L.FL_VM;
  assert.deepEqual(m.run("in", { port: 0x61, size: 1 }), gp, "virtual-8086 mode goes by the bitmap alone");
});

test("ports beyond the TSS limit, a TSS of 16 bits and no TSS", () => {
  const m = userMachine();
  assert.deepEqual(m.run("in", { port: 0x4b8, size: 1 }), gp);
  m.cpu.setSegment(L.TR, 0x28, 0x3000, 0xff, L.ATTR_P | 3);
  assert.deepEqual(m.run("in", { port: 0x60, size: 1 }), gp);
  m.cpu.nullSegment(L.TR);
  assert.deepEqual(m.run("in", { port: 0x60, size: 1 }), gp);
  const n = longMachine();
  checkIo(n.cpu, 0x60, 4);
  setRing(n, 3);
  assert.throws(() => checkIo(n.cpu, 0x60, 1));
});

/** Runs INS or OUTS with the record of a string instruction. */
function string(m: FlatCpu, name: "ins" | "outs", size: number, repeat: boolean, segment: number = L.DS, mask = -1) {
  return m.run(name, { size, second: (repeat ? 0x100 : 0) | segment, displacement: mask });
}

test("REP INSW stores at ES:RDI and counts down RCX", () => {
  const m = longMachine();
  m.cpu.setGpr(1, 3);
  m.cpu.setGpr(7, 0x6000, 0xffffffff);
  m.cpu.setGpr(2, 0x1f0);
  m.hooks.toRead.push(0x1111, 0x2222, 0x3333);
  assert.equal(string(m, "ins", 2, true).outcome, 0);
  assert.deepEqual([m.read16(0x6000), m.read16(0x6002), m.read16(0x6004)], [0x1111, 0x2222, 0x3333]);
  assert.deepEqual([m.cpu.gpr(7), m.cpu.gprHigh(7), m.cpu.gpr(1)], [0x6006, 0xffffffff, 0]);
});

test("REP OUTSB backwards with 16-bit addresses leaves the upper halves", () => {
  const m = protectedMachine();
  m.cpu.setGpr(1, 0xabcd0002);
  m.cpu.setGpr(6, 0x12346001);
  m.cpu.setGpr(2, 0x3f8);
  m.cpu.eflags = L.FL_DF;
  m.write16(0x6000, 0x4142);
  assert.equal(string(m, "outs", 1, true, L.DS, 0xffff).outcome, 0);
  assert.deepEqual(m.hooks.written, [
    [0x3f8, 1, 0x41],
    [0x3f8, 1, 0x42],
  ]);
  assert.deepEqual([m.cpu.gpr(6), m.cpu.gpr(1)], [0x12345fff, 0xabcd0000]);
});

test("a fault in mid-string leaves what was done and can be restarted", () => {
  const m = longMachine();
  m.cpu.setGpr(1, 4);
  m.cpu.setGpr(7, 0x6ffe);
  m.memory.absent.add(0x7000);
  m.hooks.toRead.push(1, 2, 3, 4);
  const run = string(m, "ins", 1, true);
  assert.deepEqual([run.vector, run.address], [14, 0x7000]);
  assert.deepEqual([m.cpu.gpr(1), m.cpu.gpr(7), m.hooks.toRead.length], [2, 0x7000, 2]);
  assert.equal(m.cpu.get(L.RIP), 0x4000);
});

test("a wish to leave ends the run and repeats the instruction; a count of 0 does nothing", () => {
  const m = longMachine();
  m.cpu.setGpr(1, 4);
  m.cpu.setGpr(6, 0x6000);
  m.cpu.set(L.EXIT_REQUEST, 1);
  assert.equal(string(m, "outs", 4, true).outcome, 1);
  assert.deepEqual([m.cpu.gpr(1), m.cpu.get(L.RIP)], [3, 0x4000]);
  m.cpu.setGpr(1, 0);
  assert.equal(string(m, "outs", 4, true).outcome, 0);
  assert.equal(m.hooks.written.length, 1);
});

test("segments: null, read-only and too short ones are refused", () => {
  const m = protectedMachine();
  m.cpu.setGpr(7, 0x6000);
  m.cpu.nullSegment(L.ES);
  assert.deepEqual(string(m, "ins", 1, false, L.DS, 0xffffffff), gp);
  m.cpu.setSegment(L.ES, 0x10, 0, 0xffffffff, 0xc091);
  assert.deepEqual(string(m, "ins", 1, false, L.DS, 0xffffffff), gp);
  m.cpu.setSegment(L.ES, 0x10, 0, 0x6000, 0x4093);
  assert.deepEqual(string(m, "ins", 2, false, L.DS, 0xffffffff), gp);
  assert.equal(string(m, "ins", 1, false, L.DS, 0xffffffff).outcome, 0);
  m.cpu.setGpr(6, 0xffffffff);
  assert.deepEqual(string(m, "outs", 2, false, L.SS, 0xffffffff), { outcome: 2, vector: 12, errorCode: 0, address: 0 });
});
