import assert from "node:assert/strict";
import { test } from "node:test";
import { type FlatCpu, longMachine, protectedMachine } from "../../testkit/flat-cpu.ts";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import * as L from "../state/layout.ts";

const FLAT_BYTES = 0x100000;

/** A device with a stream of counted bytes, and one that remembers what it was given. `runs`: it takes many at once. */
function plug(m: FlatCpu, runs: SeededRandom | null): number[] {
  const written: number[] = [];
  let next = 0;
  m.hooks.ioRead = (_port, size) => {
    let value = 0;
    for (let i = 0; i < size; i++) value += (next++ & 0xff) * 2 ** (8 * i);
    return value;
  };
  m.hooks.ioWrite = (_port, size, value) => {
    for (let i = 0; i < size; i++) written.push((value >>> (8 * i)) & 0xff);
  };
  if (!runs) return written;
  /** Sometimes fewer than could be, sometimes none. */
  const some = (length: number, size: number): number => (runs.below(4) === 0 ? 0 : Math.floor(runs.below(length + 1) / size) * size);
  let isLent = false;
  Object.assign(m.memory, {
    lend: (linear: number, length: number, isWrite: boolean): Uint8Array | null => {
      assert.ok((((linear % 4096) + 4096) % 4096) + length <= 4096, "within a page");
      if (isWrite) m.memory.checkWrite(linear, length, "current");
      else m.memory.read8(linear, "current");
      isLent = isWrite;
      return new Uint8Array(m.memory.view.buffer, ((linear % FLAT_BYTES) + FLAT_BYTES) % FLAT_BYTES, length);
    },
    lentChanged: (length: number): void => {
      assert.ok(isLent && length > 0);
      isLent = false;
    },
  });
  Object.assign(m.hooks, {
    ioReadRun: (_port: number, size: number, into: Uint8Array): number => {
      const length = some(into.length, size);
      for (let i = 0; i < length; i++) into[i] = next++;
      return length;
    },
    ioWriteRun: (_port: number, size: number, from: Uint8Array): number => {
      const length = some(from.length, size);
      written.push(...from.subarray(0, length));
      return length;
    },
  });
  return written;
}

test("many elements at once leave the same registers, memory, port and faults as one by one", () => {
  const random = new SeededRandom(0x1ead);
  let faults = 0;
  let moved = 0;
  for (let round = 0; round < 800; round++) {
    const isLong = random.below(3) === 0;
    const size = random.pick([1, 2, 4]);
    const mask = random.pick(isLong ? [-1, 0xffffffff] : [0xffff, 0xffffffff]);
    const isInput = random.below(2) === 0;
    const address = random.pick([0x5000, 0x6ff1, 0x6ffe, 0x7000, 0xfff8, 0xffff, 0x12ff0]) + random.below(8);
    const count = random.pick([0, 1, 2, 3, 100, 513, 1500]);
    const flags = random.below(4) === 0 ? L.FL_DF : 0;
    const absent = random.pick([0x7000, 0x8000, 0x1000000]);
    const limit = random.pick([0xffffffff, 0x7fff, 0x600f]);
    const attributes = random.pick([0xc093, 0x4093, 0x4097, 0x0093]);
    const machines = [null, new SeededRandom(round + 1)].map((runs) => {
      const m = isLong ? longMachine() : protectedMachine();
      const written = plug(m, runs);
      for (let at = 0x5000; at < 0x9000; at += 4) m.memory.view.setUint32(at, at * 0x01010101, true);
      m.memory.absent.add(absent);
      if (!isLong) for (const segment of [L.ES, L.DS]) m.cpu.setSegment(segment, 0x10, 0, limit, attributes);
      m.cpu.setGpr(1, mask === 0xffff ? 0xabcd0000 | count : count);
      m.cpu.setGpr(isInput ? 7 : 6, mask === 0xffff ? address & 0xffff : address >>> 0);
      m.cpu.setGpr(2, 0x1f0);
      m.cpu.eflags = flags;
      const outcome = m.run(isInput ? "ins" : "outs", { size, second: 0x100 | L.DS, displacement: mask });
      const registers = [1, 6, 7].map((n) => [m.cpu.gpr(n), m.cpu.gprHigh(n)]);
      return { outcome, registers, written, rip: m.cpu.get(L.RIP), memory: Buffer.from(m.memory.view.buffer) };
    });
    const [single, together] = machines;
    assert.ok(single && together);
    assert.ok(single.memory.equals(together.memory), `memory in round ${round}`);
    assert.deepEqual({ ...together, memory: 0 }, { ...single, memory: 0 }, `round ${round}`);
    if (single.outcome.outcome === 2) faults++;
    moved += single.written.length;
  }
  assert.ok(faults > 50 && moved > 2_500, "the rounds reached what they are for");
});
