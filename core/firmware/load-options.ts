// What the loaders of all formats are given.
import type { DmaView } from "../memory/guest-memory.ts";
import type { EntryDisplay } from "./entry-state.ts";
import { formatMiB, KernelError } from "./kernel-error.ts";
import type { MemoryRange } from "./memory-map.ts";
import type { Placement } from "./placement.ts";

/** A kernel and what goes with it, read from its files. */
export interface KernelImage {
  /** File name, for messages and for the first word of a Multiboot command line. */
  name: string;
  kernel: Uint8Array;
  initrd?: Uint8Array;
  append: string;
  modules: readonly { data: Uint8Array; commandLine: string }[];
}

export interface LoadOptions {
  map: readonly MemoryRange[];
  /** Where the RSDP lies. */
  rsdp: number;
  /** The processor can enter long mode. */
  hasLongMode: boolean;
  /** Linux boot protocol to use. `real` needs a BIOS behind the interrupt vectors. */
  linuxProtocol?: "auto" | "real" | "protected32" | "long64";
  /** The linear framebuffer, if a kernel may be started in a graphics mode. */
  framebuffer?: { base: number; sizeBytes: number };
}

/** One load in progress. */
export interface LoadJob {
  image: KernelImage;
  memory: DmaView;
  placement: Placement;
  options: LoadOptions;
}

export function linearDisplay(width: number, height: number, bitsPerPixel: 8 | 15 | 16 | 24 | 32): EntryDisplay & { kind: "linear" } {
  return { kind: "linear", width, height, bitsPerPixel };
}

/** Bytes of a line of a linear mode. */
export function pitchBytes(display: { width: number; bitsPerPixel: number }): number {
  return display.width * Math.ceil(display.bitsPerPixel / 8);
}

export function fitsFramebuffer(display: { width: number; height: number; bitsPerPixel: number }, options: LoadOptions): boolean {
  return options.framebuffer !== undefined && pitchBytes(display) * display.height <= options.framebuffer.sizeBytes;
}

/** Modules in the order in which a kernel is to see them: the initial RAM disk, if there is one, first. */
export function allModules(image: KernelImage): { data: Uint8Array; commandLine: string }[] {
  return [...(image.initrd ? [{ data: image.initrd, commandLine: "" }] : []), ...image.modules];
}

/** Puts each module on pages of its own, from 1 MiB up. */
export function placeModules(job: LoadJob): { base: number; length: number; commandLine: string }[] {
  return allModules(job.image).map(({ data, commandLine }, i) => {
    const base = job.placement.takeLowest(data.length, 0x1000, 0x100000);
    if (base === null) {
      const what = `Module ${i + 1} of ${job.image.name} (${formatMiB(data.length)})`;
      throw new KernelError("initrdTooLarge", `${what} does not fit in memory beside the kernel`);
    }
    job.memory.write(base, data);
    return { base, length: data.length, commandLine };
  });
}

/** Structures that a kernel is handed, joined into one block: first added, then placed and filled in with addresses, then read. */
export class InfoBlock {
  private readonly parts: { offset: number; bytes: Uint8Array }[] = [];
  sizeBytes = 0;

  /** Holds on to `bytes`, which may still change; returns the offset at which they will be. */
  add(bytes: Uint8Array): number {
    const offset = this.sizeBytes;
    this.parts.push({ offset, bytes });
    this.sizeBytes = Math.ceil((offset + bytes.length) / 8) * 8;
    return offset;
  }

  bytes(): Uint8Array {
    const joined = new Uint8Array(this.sizeBytes);
    for (const { offset, bytes } of this.parts) joined.set(bytes, offset);
    return joined;
  }
}
