// A random program in an engine of its own, from a state that follows from its seed, to its end; then everything that it could see.
import { DATA, DATA_BYTES, POINTERS, type RandomProgram } from "./random-program.ts";
import * as L from "../cpu/state/layout.ts";
import type { EngineBench } from "./engine-bench.ts";
import { SeededRandom } from "./seeded-random.ts";

const ROUNDS = 400;

/** Mostly near 1, so that results stay ordinary; zeros, denormals, infinities and NaNs among them. */
function float32(r: SeededRandom): number {
  const sign = r.below(2) ? 0x80000000 : 0;
  const special = [0, 1 + r.below(0x7fffff), 0x7f800000, 0x7f800000 + 1 + r.below(0x7fffff), 0x800000, 0x7f7fffff, r.next() & 0x7fffffff] as const;
  return (sign | (r.below(4) ? 0x3f800000 - (8 << 23) + r.below(16 << 23) : r.pick(special))) >>> 0;
}
/** The upper half of a double of the same kinds. */
function float64High(r: SeededRandom): number {
  const sign = r.below(2) ? 0x80000000 : 0;
  const special = [0, 1 + r.below(0xfffff), 0x7ff00000, 0x7ff00000 + 1 + r.below(0xfffff), 0x100000, 0x7fefffff, r.next() & 0x7fffffff] as const;
  return (sign | (r.below(4) ? 0x3ff00000 - (8 << 20) + r.below(16 << 20) : r.pick(special))) >>> 0;
}

export function prepareProgram(b: EngineBench, program: RandomProgram, seed: number): EngineBench {
  const { cpu } = b;
  const r = new SeededRandom(seed * 7 + 1);
  if (program.bits === 64) b.long();
  else b.protected32();
  cpu.set(L.CR4, cpu.get(L.CR4) | L.CR4_OSFXSR | L.CR4_OSXMMEXCPT);
  b.ring(0);
  b.poke(0x1000, ...program.code);
  for (let n = 0; n < DATA_BYTES; n += 4) b.poke32(DATA + n, r.next());
  // Floats of all kinds among the noise, in both formats.
  for (let n = r.below(8) * 8; n < DATA_BYTES - 8; n += 8 * (1 + r.below(6))) {
    const kind = r.below(2);
    b.poke32(DATA + n, kind ? float32(r) : r.below(3) ? r.next() : 0);
    b.poke32(DATA + n + 4, kind ? float32(r) : float64High(r));
  }
  for (let n = 0; n < 16; n++) cpu.set64(L.GPR + n * 8, r.next(), program.bits === 64 ? r.next() : 0);
  const isDouble = r.below(2);
  for (let n = 0; n < 64; n++) {
    const noise = r.below(3) === 0;
    cpu.set(L.XMM + n * 4, noise ? r.next() : isDouble ? (n & 1 ? float64High(r) : r.below(3) ? r.next() : 0) : float32(r));
  }
  cpu.set(L.MXCSR, 0x1f80 | (r.below(4) ? 0x20 : 0) | (r.below(6) ? 0 : r.next() & 0xe07f));
  cpu.set(L.FPU_CW, 0x37f);
  cpu.set(L.FPU_EMPTY, 0xff);
  cpu.setGpr(5, ROUNDS);
  cpu.setGpr(6, POINTERS.si);
  cpu.setGpr(7, POINTERS.di);
  cpu.setGpr(4, 0x80000);
  cpu.setRip(0x1000);
  return b;
}

/** Everything that the guest could see, by name. */
function visible(b: EngineBench): Record<string, string> {
  const { cpu } = b;
  const wide = (at: number): string => `${cpu.getHigh(at).toString(16).replace("-", "n")}_${(cpu.get(at) >>> 0).toString(16)}`;
  const state: Record<string, string> = { rip: wide(L.RIP), eflags: cpu.eflags.toString(16), mxcsr: String(cpu.get(L.MXCSR)) };
  for (let n = 0; n < 16; n++) state[`gpr${n}`] = wide(L.GPR + n * 8);
  for (let n = 0; n < 16; n++) state[`xmm${n}`] = `${wide(L.XMM + n * 16)} ${wide(L.XMM + n * 16 + 8)}`;
  for (let n = 0; n < 8; n++) state[`st${n}`] = `${wide(L.FPU_REGS + n * 16)} ${cpu.get(L.FPU_REGS + n * 16 + 8) & 0xffff}`;
  for (const [name, at] of [["top", L.FPU_TOP], ["sw", L.FPU_SW], ["cw", L.FPU_CW], ["fip", L.FPU_IP], ["fdp", L.FPU_DP], ["empty", L.FPU_EMPTY], ["cpl", L.CPL]] as const) state[name] = String(cpu.get(at));
  for (let at = 0x7f000; at < 0x80100; at += 4) if (b.peek32(at) !== 0) state[`stack${at.toString(16)}`] = b.peek32(at).toString(16);
  for (let n = 0; n < DATA_BYTES; n += 4) state[`data${n.toString(16)}`] = b.peek32(DATA + n).toString(16);
  state["retired"] = String(b.engine.retired);
  return state;
}

/** To the end, or long enough. */
export function runProgram(b: EngineBench): Record<string, string> {
  let outcome = "budget";
  for (let n = 0; n < 2000 && outcome === "budget"; n++) outcome = b.engine.run(50_000);
  return { ...visible(b), outcome };
}
