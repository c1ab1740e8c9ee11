// The engine alone on a loop of ordinary 64-bit integer instructions (loads, stores, adds, a multiply, a branch) with 4-level
// paging on: guest instructions a second, without devices or an operating system.
import { buildInterpreter } from "../../core/cpu/interp/build.ts";
import { Engine } from "../../core/cpu/interp/engine.ts";
import { DEFAULT_CPU_MODEL } from "../../core/cpu/models/cpu-model.ts";
import * as L from "../../core/cpu/state/layout.ts";
import { newAddressSpace, updateMode } from "../../core/cpu/system/mode.ts";

const RAM_BYTES = 0x100000;
/** mov rax,[rsi]; add rax,rcx; mov [rdi+8],rax; imul rbx,rax,3; xor rdx,rbx; lea r8,[rdx+rax*4]; dec rcx; jnz */
const LOOP = [
  0x48, 0x8b, 0x06, 0x48, 0x01, 0xc8, 0x48, 0x89, 0x47, 0x08, 0x48, 0x6b, 0xd8, 0x03, 0x48, 0x31, 0xda, 0x4c, 0x8d, 0x04, 0x82, 0x48, 0xff, 0xc9, 0x75, 0xe7, 0xf4,
];

/** Millions of guest instructions a second: the median of several runs after warming up. */
export function integerLoopMips(): number {
  const memory = new WebAssembly.Memory({ initial: (L.RAM + RAM_BYTES) / 65536, maximum: 65536, shared: true });
  const bytes = new Uint8Array(memory.buffer);
  const words = new Int32Array(memory.buffer);
  for (let at = 0; at < RAM_BYTES; at += 4096) words[(L.PAGE_MAP >> 2) + at / 4096] = L.RAM + at;
  const none = (): never => {
    throw new Error("The loop touches no device");
  };
  const engine = new Engine(memory, buildInterpreter(), DEFAULT_CPU_MODEL, {
    physical: { read: none, write: none },
    mmioRead: none,
    mmioWrite: none,
    interrupts: { hasInterrupt: () => false, acknowledge: none },
    tscNow: () => [0, 0],
    setTsc: none,
    readMsr: () => null,
    writeMsr: () => false,
    ioRead: none,
    ioWrite: none,
    cr8: 0,
  });
  const entry = (table: number, value: number): void => {
    words[(L.RAM + table) >> 2] = value;
  };
  entry(0x1000, 0x2007);
  entry(0x2000, 0x3007);
  entry(0x3000, 0x87);
  const { cpu } = engine;
  cpu.set(L.CR0, 0x80000011);
  cpu.set(L.CR4, 0x220);
  cpu.set(L.EFER, 0x500);
  cpu.set(L.CR3, 0x1000);
  for (const segment of [L.ES, L.SS, L.DS]) cpu.setSegment(segment, 0x10, 0, 0xffffffff, 0xc093);
  cpu.setSegment(L.CS, 8, 0, 0xffffffff, 0xa09b);
  updateMode(cpu);
  newAddressSpace(cpu);
  bytes.set(LOOP, L.RAM + 0x10000);
  cpu.setGpr(6, 0x20000);
  cpu.setGpr(7, 0x21000);
  cpu.setGpr(4, 0x30000);
  cpu.setGpr(1, 0xffffffff);
  cpu.setRip(0x10000);
  const rates: number[] = [];
  for (let round = 0; round < 7; round++) {
    const before = engine.retired;
    const started = process.cpuUsage();
    for (let n = 0; n < 20; n++) engine.run(1_000_000);
    const used = process.cpuUsage(started);
    rates.push((engine.retired - before) / (used.user + used.system));
  }
  return rates.sort((a, b) => a - b)[3] ?? 0;
}
