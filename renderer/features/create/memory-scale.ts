// Memory sizes that the slider offers, and how much of the host's memory is safe to take. The slider moves over stops rather
// than MiB, so that one step is a sensible one at either end.
import { RAM_MAX_MIB, RAM_MIN_MIB } from "../../../core/api/vm-config.ts";

export const MEMORY_STOPS = [4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 2560, 3072, 3584] as const;

/** Where a size stands among the stops, with a fraction between two of them. */
export function stopOf(memoryMiB: number): number {
  const last = MEMORY_STOPS.length - 1;
  if (memoryMiB <= MEMORY_STOPS[0]) return 0;
  for (let i = 1; i <= last; i++) {
    const [low, high] = [MEMORY_STOPS[i - 1] ?? 0, MEMORY_STOPS[i] ?? 0];
    if (memoryMiB <= high) return i - 1 + (memoryMiB - low) / (high - low);
  }
  return last;
}

export function memoryAt(stop: number): number {
  const index = Math.max(0, Math.min(MEMORY_STOPS.length - 1, Math.round(stop)));
  return MEMORY_STOPS[index] ?? RAM_MIN_MIB;
}

export function clampMemory(memoryMiB: number): number {
  return Math.max(RAM_MIN_MIB, Math.min(RAM_MAX_MIB, Math.round(memoryMiB)));
}

export interface HostMemory {
  hostMemoryMiB: number;
  hostFreeMemoryMiB: number;
}

/** Up to here the host keeps a tenth of its memory, and at least 256 MiB, for itself out of what is free now. */
export function safeLimitMiB(host: HostMemory): number {
  return clampMemory(host.hostFreeMemoryMiB - Math.max(256, host.hostMemoryMiB / 10));
}

export function isUnsafe(memoryMiB: number, host: HostMemory | null): boolean {
  return host !== null && memoryMiB > safeLimitMiB(host);
}
