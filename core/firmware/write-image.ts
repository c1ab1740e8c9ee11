// Puts a kernel's bytes into memory where the kernel says, and zeros after them.
import type { DmaView } from "../memory/guest-memory.ts";
import { formatMiB, KernelError } from "./kernel-error.ts";
import type { LoadJob } from "./load-options.ts";
import { ACPI_BYTES, RAM_END_MAX } from "./memory-map.ts";

const CHUNK = 0x100000;

export interface ImagePart {
  base: number;
  data: Uint8Array;
  /** At least data.length; what is more becomes zero. */
  memoryBytes: number;
}

/** Checks all parts against usable memory (KernelError if one does not fit), then takes their places and writes them. */
export function writeParts(job: LoadJob, parts: readonly ImagePart[]): void {
  for (const { base, memoryBytes } of parts) checkPlace(job, base, memoryBytes);
  for (const { base, data, memoryBytes } of parts) {
    job.placement.take(base, memoryBytes);
    job.memory.write(base, data);
    clear(job.memory, base + data.length, memoryBytes - data.length);
  }
}

/** Throws KernelError if the kernel cannot have that memory. */
export function checkPlace(job: LoadJob, base: number, length: number): void {
  if (job.placement.isUsable(base, length)) return;
  const { name } = job.image;
  const isBeyond = base >= 0x100000 && base + length > job.placement.end;
  if (isBeyond && base + length + ACPI_BYTES <= RAM_END_MAX) {
    throw new KernelError("notEnoughMemory", `${name} needs at least ${formatMiB(base + length + ACPI_BYTES)} of memory`);
  }
  const range = `${base.toString(16)}h to ${(base + length).toString(16)}h`;
  throw new KernelError("notAKernel", `${name} cannot be loaded: it wants memory at ${range}, which is not RAM`);
}

/** Zeros a range, leaving alone what is zero: memory never touched costs the host nothing. */
function clear(memory: DmaView, base: number, length: number): void {
  const chunk = new Uint8Array(Math.min(CHUNK, length));
  for (let done = 0; done < length; done += CHUNK) {
    const part = chunk.subarray(0, Math.min(CHUNK, length - done));
    memory.read(base + done, part);
    if (part.some((byte) => byte !== 0)) memory.write(base + done, part.fill(0));
  }
}
