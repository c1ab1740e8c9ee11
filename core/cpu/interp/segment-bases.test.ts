// Code found by offset alone would be another segment's: real mode runs the same offsets in many segments.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";
import * as L from "../state/layout.ts";
import { updateMode } from "../system/mode.ts";

const CODE_16 = 0x009b;

test("the same offset in two code segments is different code, both ways and after many jumps", () => {
  const b = new EngineBench().protected32();
  const { cpu } = b;
  cpu.set(L.CR0, L.CR0_ET);
  for (const segment of [L.ES, L.SS, L.DS, L.FS, L.GS]) cpu.setSegment(segment, 0, 0, 0xffff, 0x0093);
  cpu.setSegment(L.CS, 0x1000, 0x10000, 0xffff, CODE_16);
  cpu.setRip(0x100);
  updateMode(cpu);
  // 1000:0100 inc ax; jmp 2000:0100. 2000:0100 inc bx; jmp 1000:0100
  b.poke(0x10100, 0x40, 0xea, 0x00, 0x01, 0x00, 0x20);
  b.poke(0x20100, 0x43, 0xea, 0x00, 0x01, 0x00, 0x10);
  b.step();
  b.engine.run(4000);
  assert.ok(cpu.gpr(0) > 900, `${cpu.gpr(0)}`);
  assert.ok(Math.abs(cpu.gpr(0) - cpu.gpr(3)) <= 1, `${cpu.gpr(0)} and ${cpu.gpr(3)}`);
});
