// What the comparison with the processor (sse-hardware.test.ts) does not reach: faults by alignment and control bits, the
// estimates, which are the maker's own, and that shared state is left alone when an instruction raises an exception.
import assert from "node:assert/strict";
import { test } from "node:test";
import { forms } from "../../../isa/forms.ts";
import * as L from "../../state/layout.ts";
import { LifterBench, OPERANDS_BYTES } from "./lifter-bench.ts";
import { sseLifters } from "./registry.ts";

const SYNTAX = ["movaps Vps,Wps", "movups Vps,Wps", "addps Vps,Wps", "divss Vss,Wss", "rcpss Vss,Wss", "rsqrtps Vps,Wps", "movdqa Wdq,Vdq", "pcmpistri Vdq,Wdq,Ib", "punpcklbw Pq,Qq/d", "maxss Vss,Wss", "cvttss2si Gy,Wss"];
const entries = SYNTAX.flatMap((syntax) => {
  const form = forms.find((f) => f.row.syn === syntax);
  assert.ok(form, syntax);
  return [false, true].map((isMemory) => ({ form, isMemory, flavour: "long" as const }));
});
const bench = new LifterBench(entries);
const indexOf = (syntax: string, isMemory = false) => SYNTAX.indexOf(syntax) * 2 + (isMemory ? 1 : 0);

/** Operands with singles in XMM1 and XMM2 (or memory), and MXCSR. */
function operands(a: number[], b: number[], mxcsr = 0x1f80): Uint8Array {
  const bytes = new Uint8Array(OPERANDS_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(24, mxcsr, true);
  view.setUint32(28, 1, true);
  for (const [i, x] of a.entries()) view.setFloat32(48 + i * 4, x, true);
  for (const at of [64, 128]) for (const [i, x] of b.entries()) view.setFloat32(at + i * 4, x, true);
  return bytes;
}
const single = (result: Uint8Array, lane = 0) => new DataView(result.buffer).getFloat32(32 + lane * 4, true);
const word = (result: Uint8Array, at: number) => new DataView(result.buffer).getUint32(at, true);

test("every MMX and SSE row has a lifter", () => {
  const missing = forms.filter((f) => (f.unit === "mmx" || f.unit === "sse") && !sseLifters[f.lift] && !/^fx/.test(f.lift)).map((f) => f.row.syn);
  assert.deepEqual(missing, []);
});

test("a misaligned 16-byte operand is #GP, and MOVUPS and PCMPISTRI take it", () => {
  const input = operands([1, 2, 3, 4], [5, 6, 7, 8]);
  for (const syntax of ["movaps Vps,Wps", "addps Vps,Wps", "movdqa Wdq,Vdq", "punpcklbw Pq,Qq/d"]) {
    const expected = syntax.startsWith("punpck") ? 0 : 13;
    assert.equal(word(bench.run(indexOf(syntax, true), input, 8), 0), expected, syntax);
  }
  for (const syntax of ["movups Vps,Wps", "pcmpistri Vdq,Wdq,Ib"]) assert.equal(word(bench.run(indexOf(syntax, true), input, 3), 0), 0, syntax);
});

test("an unmasked exception is #XM with CR4.OSXMMEXCPT and #UD without, the destination kept", () => {
  const input = operands([1, 9], [0, 0], 0x1f80 & ~0x200);
  for (const [cr4, vector] of [[L.CR4_OSXMMEXCPT, 19], [0, 6]] as const) {
    const result = bench.run(indexOf("divss Vss,Wss"), input, 0, cr4);
    assert.deepEqual([word(result, 0), word(result, 4) & 0x3f, single(result)], [vector, 4, 1]);
  }
});

test("a masked exception is only recorded", () => {
  const result = bench.run(indexOf("divss Vss,Wss"), operands([-1, 9], [0, 0]));
  assert.deepEqual([word(result, 0), word(result, 4), single(result), single(result, 1)], [0, 0x1f84, -Infinity, 9]);
});

test("MAXSS gives the second operand for a NaN and for two zeros", () => {
  assert.equal(single(bench.run(indexOf("maxss Vss,Wss"), operands([NaN], [3]))), 3);
  assert.ok(Object.is(single(bench.run(indexOf("maxss Vss,Wss"), operands([0], [-0]))), -0));
});

test("reciprocal estimates are within 1.5 * 2^-12 and raise nothing", () => {
  for (let x = 1e-30; x < 1e30; x *= 7.31) {
    const reciprocal = bench.run(indexOf("rcpss Vss,Wss"), operands([0], [-x]));
    assert.ok(Math.abs(single(reciprocal) * -x - 1) < 1.5 * 2 ** -12);
    const root = bench.run(indexOf("rsqrtps Vps,Wps"), operands([], [x, 4 * x, x, x]));
    assert.ok(Math.abs(single(root, 1) * Math.sqrt(4 * x) - 1) < 1.5 * 2 ** -12);
    assert.deepEqual([word(reciprocal, 4), word(root, 4)], [0x1f80, 0x1f80]);
  }
  assert.equal(single(bench.run(indexOf("rcpss Vss,Wss"), operands([0], [-0]))), -Infinity);
  assert.ok(Number.isNaN(single(bench.run(indexOf("rsqrtps Vps,Wps"), operands([], [-4, 1, 1, 1])))));
});
