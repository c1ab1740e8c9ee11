// A machine that the project's BIOS starts from a boot sector of ours (bios-monitor.asm), through which a test calls the BIOS: registers
// in, registers out, memory to look at. Host time is the test's.
import type { BootDevice } from "../api/vm-config.ts";
import { decodeBase64 } from "../base/base64.ts";
import type { MachineConfig, MachineDrive } from "../machine/machine.ts";
import type { MemoryBackend } from "../storage/memory-backend.ts";
import { MachineBench } from "./machine-bench.ts";

/** What bios-monitor.asm assembles to, without its end: nasm -f bin bios-monitor.asm. */
const MONITOR =
  "+vwxwI7YjsCO0LwAfPuIFv4FuvsDsIPuuvgDsAHuQrAA7rr7A7AD7rL6sAHusCHo4QDo0AA8Q3Q1PEJ0KVDouQCOwOi0AInH6K8AkVjj4zxXdAsmigVH6LkA4vfr1OikAKri" +
  "+uvMoP4F6KcA68QeB78ABrkkAOiMAKri+qAABqKyfP82IgZmoQIGZoseBgZmiw4KBmaLFg4GZos2EgZmiz4WBmaLLhoGjgYgBo4eHgadzQCcHlAxwI7YWGajAgZmiR4GBmaJ" +
  "DgoGZokWDgZmiTYSBmaJPhYGZokuGgaPBh4GjAYgBo8GIgb7/L4ABrkkAKzoHgDi+uk4/+gIAIjE6AMAhsTDUrr9A+yoAXT4svjsWsNSugIE7lrD";
/** Where each register is in the block that goes with a call. */
const REGISTERS = { eax: 2, ebx: 6, ecx: 10, edx: 14, esi: 18, edi: 22, ebp: 26 } as const;
const BLOCK_BYTES = 36, DS_AT = 30, ES_AT = 32, FLAGS_AT = 34;
const DEBUG_PORT = 0x402;
/** Short, for the monitor polls while nothing comes. */
const SLICE_NS = 1e5;
const SLICES_MAX = 6000;
export const CARRY = 0x01, ZERO = 0x40, INTERRUPTS = 0x0200;

export type Registers = Record<keyof typeof REGISTERS | "ds" | "es" | "flags", number>;
/** A drive whose medium is in memory. */
export type BenchDrive = Omit<MachineDrive, "medium"> & { medium: MemoryBackend | null };
export interface SystemBiosOptions extends Partial<Omit<MachineConfig, "boot" | "drives">> {
  order?: readonly BootDevice[];
  hasMenu?: boolean;
}

/** The boot sector that answers a SystemBiosBench. */
export function monitorSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set(decodeBase64(MONITOR));
  sector.set([0x55, 0xaa], 510);
  return sector;
}

export class SystemBiosBench {
  readonly bench: MachineBench;
  /** Instructions run so far. */
  instructions = 0;
  private readonly drives: readonly BenchDrive[];

  constructor(drives: readonly BenchDrive[], options: SystemBiosOptions = {}) {
    const { order = ["floppy", "cd", "disk"], hasMenu = false, ...config } = options;
    this.drives = drives;
    this.bench = new MachineBench(new Uint8Array(0), {
      memoryMiB: 64,
      debugConsolePort: DEBUG_PORT,
      ...config,
      drives,
      boot: { kind: "firmware", order, hasMenu },
    });
  }

  /** What the BIOS has printed, and the monitor's answers. */
  get output(): string {
    return this.bench.debug;
  }

  /** Runs until `isDone`. Throws if that takes too long. */
  until(isDone: () => boolean): void {
    for (let n = 0; n < SLICES_MAX; n++) {
      if (isDone()) return;
      this.step();
    }
    throw new Error(`It takes too long; so far: ${JSON.stringify(this.output.slice(-300))}`);
  }

  /** One slice; a machine that waits is given the time it waits for. */
  step(): void {
    const result = this.bench.machine.runSlice(SLICE_NS);
    this.bench.hostNs += SLICE_NS;
    this.instructions += result.instructions;
    if (result.kind === "halted" && result.wakeNs < Infinity) this.bench.hostNs += Math.max(result.wakeNs - this.bench.machine.nowNs(), 0);
    if (result.kind === "ended") throw new Error(`The machine has ended: ${JSON.stringify(result.exit)}`);
    for (const { medium } of this.drives) medium?.deliver();
  }

  /** Runs until the boot sector is there. */
  boot(): this {
    this.until(() => this.output.endsWith("!"));
    return this;
  }

  private command(bytes: readonly number[], answerLength: number): number[] {
    const from = this.output.length;
    let rest = Uint8Array.from(bytes);
    while (rest.length > 0) {
      rest = rest.subarray(this.bench.machine.serialInput(0, rest));
      if (rest.length > 0) this.step();
    }
    this.until(() => this.output.length >= from + answerLength);
    return Array.from(this.output.slice(from, from + answerLength), (c) => c.charCodeAt(0));
  }

  /** Begins INT `number`; its answer is in what comes out after. For calls that wait for something. */
  begin(number: number, registers: Partial<Registers>): () => Registers {
    const block = new DataView(new ArrayBuffer(BLOCK_BYTES));
    block.setUint8(0, number);
    for (const [name, at] of Object.entries(REGISTERS)) block.setUint32(at, registers[name as keyof typeof REGISTERS] ?? 0, true);
    block.setUint16(DS_AT, registers.ds ?? 0, true);
    block.setUint16(ES_AT, registers.es ?? 0, true);
    block.setUint16(FLAGS_AT, registers.flags ?? INTERRUPTS, true);
    const from = this.output.length;
    this.command(["C".charCodeAt(0), ...new Uint8Array(block.buffer)], 0);
    return () => {
      this.until(() => this.output.length >= from + BLOCK_BYTES);
      const answer = new DataView(Uint8Array.from(this.output.slice(-BLOCK_BYTES), (c) => c.charCodeAt(0)).buffer);
      const result = { ds: answer.getUint16(DS_AT, true), es: answer.getUint16(ES_AT, true), flags: answer.getUint16(FLAGS_AT, true) };
      const general = Object.entries(REGISTERS).map(([name, at]) => [name, answer.getUint32(at, true)]);
      return { ...result, ...Object.fromEntries(general) } as Registers;
    };
  }

  call(number: number, registers: Partial<Registers>): Registers {
    return this.begin(number, registers)();
  }

  peek(segment: number, offset: number, length: number): Uint8Array {
    return Uint8Array.from(this.command([0x52, ...words(segment, offset, length)], length));
  }

  peek16(segment: number, offset: number): number {
    const [low = 0, high = 0] = this.peek(segment, offset, 2);
    return low + high * 256;
  }

  poke(segment: number, offset: number, bytes: Uint8Array | readonly number[]): void {
    this.command([0x57, ...words(segment, offset, bytes.length), ...bytes], 0);
  }

  /** DL as the BIOS gave it to the boot sector. */
  bootDrive(): number {
    return this.command([0x42], 1)[0] ?? -1;
  }
}

function words(...values: number[]): number[] {
  return values.flatMap((value) => [value & 0xff, value >> 8]);
}
