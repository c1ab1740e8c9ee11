// With an interrupt waiting, the instruction in the shadow of STI runs by itself. Time goes on for it as for any other: the counter and
// devices must not see the whole run's instructions as done, or the clock steps back by them afterwards.
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineBench } from "../../testkit/engine-bench.ts";

/** An interrupt waits, for which there is no descriptor table: after the instruction in the shadow the processor shuts down. */
function waiting(code: string): EngineBench {
  const b = new EngineBench().protected32();
  b.code(code);
  b.engine.setInterruptLine(true);
  return b;
}

test("RDTSC right after STI counts what is done, not what the run may yet do", () => {
  // nop; nop; sti; rdtsc
  const b = waiting("90 90 fb 0f31 f4");
  b.tscScale = { start: 1e6, step: 2, limit: 1_000_000 };
  assert.equal(b.engine.run(1000), "shutdown");
  assert.equal(b.cpu.gpr(0), 1e6 + 3 * 2);
});

test("a device that is read there is told the right count", () => {
  // nop; nop; sti; mov ebx, [FEE00020h]
  const b = waiting("90 90 fb 8b1d2000e0fe f4");
  const counts: number[] = [];
  b.deviceReads.push = (gpa: number) => {
    counts.push(b.engine.retiredInRun());
    return gpa;
  };
  assert.equal(b.engine.run(1000), "shutdown");
  assert.deepEqual(counts, [3]);
});
