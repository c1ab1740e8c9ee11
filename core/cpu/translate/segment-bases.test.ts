// Flat 32-bit code that reaches memory through FS, as kernels and thread libraries do: translated as interpreted, whatever FS is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { EAGER_TIERING } from "./translator.ts";

/** mov eax,fs:[100h]; add fs:[ebx+4],eax; mov fs:[ecx*4+8],al; push dword fs:[40h]; pop esi; xchg fs:[48h],esi; lea ebp,fs:[ebx+5];
 *  cmp fs:[ecx+4],dl; adc ebp,0; add [2000h],ebp; dec edi; jnz; hlt */
const LOOP = "64a100010000 64014304 6488048d08000000 64ff3540000000 5e 64873548000000 648d6b05 64385104 83d500 012d00200000 4f 75cb f4";
const FS_KINDS: Readonly<Record<string, readonly [base: number, limit: number, attributes: number]>> = {
  "4 GiB of data": [0x5000, 0xffffffff, 0xc093],
  "4 GiB of data, from high up": [0xfffff000, 0xffffffff, 0xc093],
  "a small segment": [0x5000, 0x1ff, 0x4093],
  "one that is too small": [0x5000, 0x43, 0x4093],
  "read-only data": [0x5000, 0xffffffff, 0xc091],
  "data that expand down": [0x5000, 0xff, 0x4097],
  "code": [0x5000, 0xffffffff, 0xc09b],
  "nothing": [0, 0, 0],
};

function run(b: EngineBench, [base, limit, attributes]: readonly [number, number, number], ebx: number): string {
  const { cpu } = b.protected32();
  b.code(LOOP);
  assert.equal(bytesOf(LOOP).length, 0x36);
  cpu.setSegment(L.FS, attributes === 0 ? 0 : 0x18, base, limit, attributes);
  for (let n = 0; n < 8; n++) cpu.setGpr(n, n === 4 ? 0x80000 : n * 3);
  cpu.setGpr(3, ebx);
  cpu.setGpr(7, 3000);
  for (let n = 0; n < 0x400; n += 4) b.poke32(0x5000 + n, n * 0x01234567);
  let outcome = "budget";
  for (let n = 0; n < 300 && outcome === "budget"; n++) outcome = b.engine.run(1000);
  const state = [outcome, b.engine.retired, cpu.eflags, cpu.get(L.RIP)];
  for (let n = 0; n < 8; n++) state.push(cpu.gpr(n));
  for (const from of [0, 0x1000, 0x5000]) for (let n = 0; n < 0x1000; n += 4) if (from !== 0x1000 || n >= 0x100) state.push(b.peek32(from + n));
  return state.join(" ");
}

for (const [name, kind] of Object.entries(FS_KINDS)) {
  test(`FS is ${name}`, () => {
    for (const ebx of [0x20, 0xfffffff6]) {
      const interpreted = run(new EngineBench(), kind, ebx);
      const translating = new EngineBench(0x400000, EAGER_TIERING);
      assert.equal(run(translating, kind, ebx), interpreted);
      if (interpreted.startsWith("halted")) assert.ok((translating.engine.translator?.counters.regions ?? 0) > 0);
    }
  });
}
