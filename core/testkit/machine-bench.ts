// A whole machine under a host clock that the test moves, booting kernels of a few bytes: a Multiboot header with load addresses
// in front of hand-assembled code.
import type { Machine, MachineConfig, SliceResult } from "../machine/machine.ts";
import { buildMachine } from "../machine/build.ts";
import { bytesOf } from "./engine-bench.ts";

/** For tests that move the host's clock themselves. */
export { buildMachine };

const MAGIC = 0x1badb002;
const HAS_ADDRESSES = 0x10000;
const LOAD = 0x100000;
const HEADER_BYTES = 32;
/** Where the code of tinyKernel() starts. */
export const KERNEL_ENTRY = LOAD + HEADER_BYTES;
const SLICE_NS = 2e6;

/** A Multiboot 1 kernel: 32-bit code at KERNEL_ENTRY, with dwords put at offsets of it. */
export function tinyKernel(hex: string, words: Readonly<Record<number, number>> = {}): Uint8Array {
  const code = bytesOf(hex);
  const kernel = new Uint8Array(HEADER_BYTES + code.length);
  const view = new DataView(kernel.buffer);
  const header = [MAGIC, HAS_ADDRESSES, -(MAGIC + HAS_ADDRESSES), LOAD, LOAD, 0, 0, KERNEL_ENTRY];
  for (const [i, word] of header.entries()) view.setUint32(i * 4, word, true);
  kernel.set(code, HEADER_BYTES);
  for (const [offset, word] of Object.entries(words)) view.setUint32(HEADER_BYTES + Number(offset), word, true);
  return kernel;
}

export class MachineBench {
  readonly machine: Machine;
  /** Host time; moves on by a slice's length with each slice. */
  hostNs = 1e9;
  serial = "";
  debug = "";

  constructor(kernel: Uint8Array, options: Partial<MachineConfig> & { append?: string; initrd?: Uint8Array } = {}) {
    const { append = "", initrd, ...config } = options;
    this.machine = buildMachine(
      {
        memoryMiB: 16,
        cpuModel: "ringfence64",
        engine: "interpreter",
        epochMs: 1_700_000_000_000,
        debugConsolePort: 0xe9,
        boot: { kind: "kernel", name: "kernel", kernel, append, modules: [], ...(initrd ? { initrd } : {}) },
        ...config,
      },
      {
        hostNowNs: () => this.hostNs,
        serialOutput: (port, byte) => {
          if (port === 0) this.serial += String.fromCharCode(byte);
        },
        debugConsole: (byte) => {
          this.debug += String.fromCharCode(byte);
        },
      },
    );
  }

  slice(): SliceResult {
    const result = this.machine.runSlice(SLICE_NS);
    this.hostNs += SLICE_NS;
    return result;
  }
  /** Slices until the machine ends or `isDone`; undefined if neither comes within `count`. A halted guest's host time jumps ahead. */
  run(count: number, isDone: () => boolean = () => false): SliceResult | undefined {
    for (let n = 0; n < count; n++) {
      const result = this.slice();
      if (result.kind === "ended" || isDone()) return result;
      if (result.kind === "halted" && result.wakeNs > this.machine.nowNs() && result.wakeNs < Infinity) {
        this.hostNs += result.wakeNs - this.machine.nowNs();
      }
    }
    return undefined;
  }
}
