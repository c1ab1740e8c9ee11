// SSE arithmetic in translated code against the interpreter on every pair of a list of floats that are at some edge: values and MXCSR
// flags, from several control words on. Each operation is done twice, so that the second meets what the first left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { EAGER_TIERING, type Tiering } from "./translator.ts";

const DOUBLES = [
  0x0n, 0x1n, 0xfffffffffffffn, 0x8000000000000n, 0x10000000000000n, 0x10000000000001n, 0x10000100000000n, 0x10000200000000n, 0x20000000000000n, 0x17ffffffffffffn,
  0x1ff0000000000000n, 0x3ca0000000000000n, 0x3fd5555555555555n, 0x3ff0000000000000n, 0x3ff0000000000001n, 0x3ff8000000000000n, 0x4008000000000000n, 0x5fe0000000000000n,
  0x7fe0000000000000n, 0x7fefffff00000000n, 0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff0000000000001n, 0x7ff8000000000000n,
].flatMap((x) => [x, x | (1n << 63n)]);
const SINGLES = [
  0, 1, 0x7fffff, 0x400000, 0x800000, 0x800001, 0x800002, 0x1000000, 0x1ffffff, 0x20000000, 0x33800000, 0x3eaaaaab, 0x3f800000, 0x3f800001, 0x3fc00000, 0x40400000, 0x5f800000,
  0x7f000000, 0x7f7ffffe, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000,
].flatMap((x) => [x, (x | 0x80000000) >>> 0]);
const CONTROLS = [0x1fa0, 0x1f80, 0x1fe0, 0x9fa0, 0x5fa0];
const CODE = 0x1000;
const DATA = 0x10000;
const CONTROL = 0xf000;
const OUT = 0x100000;
const ROW = 32;

/** ldmxcsr [r8]; movups xmm0,[rsi]; movups xmm1,[rsi+16]; the instructions; stmxcsr [rdi]; mov [rdi+4],ax; movups [rdi+16],xmm0; on. */
function program(instructions: readonly number[]): number[] {
  const body = [
    0x41, 0x0f, 0xae, 0x10, 0x31, 0xc0, 0x0f, 0x10, 0x06, 0x0f, 0x10, 0x4e, 0x10, ...instructions, 0x0f, 0xae, 0x1f, 0x66, 0x89, 0x47, 0x04, 0x0f, 0x11, 0x47, 0x10,
    0x48, 0x83, 0xc6, ROW, 0x48, 0x83, 0xc7, ROW, 0xff, 0xc9,
  ];
  return [...body, 0x0f, 0x85, ...[0, 8, 16, 24].map((shift) => ((-body.length - 6) >> shift) & 255), 0xf4];
}

function run(code: readonly number[], rows: readonly (readonly bigint[])[], control: number, engine: "interpreter" | Tiering): string[] {
  const b = new EngineBench(0x400000, engine).long();
  const { cpu } = b;
  cpu.set(L.CR4, cpu.get(L.CR4) | L.CR4_OSFXSR | L.CR4_OSXMMEXCPT);
  b.ring(0);
  b.poke(CODE, ...code);
  b.poke32(CONTROL, control);
  for (const [n, row] of rows.entries()) for (const [k, value] of row.entries()) b.poke64(DATA + n * ROW + k * 8, value);
  cpu.setGpr(1, rows.length);
  cpu.setGpr(6, DATA);
  cpu.setGpr(7, OUT);
  cpu.setGpr(8, CONTROL);
  cpu.setRip(CODE);
  let outcome = "budget";
  for (let n = 0; n < 1000 && outcome === "budget"; n++) outcome = b.engine.run(50_000);
  assert.equal(outcome, "halted");
  if (engine !== "interpreter") assert.ok((b.engine.translator?.counters.regions ?? 0) > 0);
  return rows.map((row, n) => {
    const at = OUT + n * ROW;
    return [...row, 0n, b.peek64(at) & 0xffffffffffffn, b.peek64(at + 16), b.peek64(at + 24)].map((x) => x.toString(16)).join(" ");
  });
}

const ARITHMETIC = { add: 0x58, mul: 0x59, sub: 0x5c, min: 0x5d, div: 0x5e, max: 0x5f, sqrt: 0x51 };
const both = (prefix: number, opcode: number, ...tail: number[]): number[] => [...(prefix ? [prefix] : []), 0x0f, opcode, 0xc1, ...tail];
const CASES: Record<string, (prefix: number) => number[]> = {
  ...Object.fromEntries(Object.entries(ARITHMETIC).map(([name, opcode]) => [name, (prefix: number) => both(prefix, opcode)])),
  "add, then mul": (prefix) => [...both(prefix, 0x58), ...both(prefix, 0x59)],
  "div, then max": (prefix) => [...both(prefix, 0x5e), ...both(prefix, 0x5f)],
  "mul, then sub, then div": (prefix) => [...both(prefix, 0x59), ...both(prefix, 0x5c), ...both(prefix, 0x5e)],
  "sqrt, then less": (prefix) => [...both(prefix, 0x51), ...both(prefix, 0xc2, 1)],
  "mul from memory": (prefix) => [...(prefix === 0xf2 || prefix === 0xf3 ? [prefix, 0x0f, 0x59, 0x46, 0x10] : both(prefix, 0x59))],
  compare: (prefix) => [...both(prefix & 0xfe ? (prefix === 0xf3 ? 0 : 0x66) : 0, 0x2e), 0x0f, 0x97, 0xc0, 0x0f, 0x9a, 0xc4],
  "mul, then compare": (prefix) => [...both(prefix, 0x59), ...both(prefix === 0xf2 || prefix === 0x66 ? 0x66 : 0, 0x2f), 0x0f, 0x93, 0xc0, 0x0f, 0x94, 0xc4],
  "mul, then as the other format": (prefix) => [...both(prefix, 0x59), ...both(prefix === 0xf2 ? 0xf3 : prefix === 0xf3 ? 0xf2 : prefix ? 0 : 0x66, 0x58)],
};
const SHAPES = { ss: 0xf3, sd: 0xf2, ps: 0, pd: 0x66 } as const;

for (const [shape, prefix] of Object.entries(SHAPES)) {
  const isDouble = shape.endsWith("d");
  const values = isDouble ? DOUBLES : SINGLES.map(BigInt);
  const one = isDouble ? 0x3ff0000000000000n : 0x3f8000003f800000n;
  // Only the lowest lane is at an edge, and once in a while the others too.
  const wide = (x: bigint, n: number): [bigint, bigint] => {
    const upper = n % 7 === 0 ? (values[n % values.length] as bigint) : isDouble ? one : 0x3f800000n;
    return isDouble ? [x, upper] : [x | (upper << 32n), one];
  };
  const rows = values.flatMap((a, n) => values.map((b, k) => [...wide(a, n + k * 3), ...wide(b, n * 5 + k)]));
  test(`${shape}: edges`, () => {
    for (const [name, instructions] of Object.entries(CASES)) {
      for (const control of CONTROLS) {
        const code = program(instructions(prefix));
        const expected = run(code, rows, control, "interpreter");
        const actual = run(code, rows, control, EAGER_TIERING);
        const at = expected.findIndex((row, n) => row !== actual[n]);
        assert.equal(actual[at], expected[at], `${name}${shape}, mxcsr ${control.toString(16)}, operands, then flags and result`);
      }
    }
  });
}
