// Drives with media in memory for the system BIOS's tests; what boots is the monitor of system-bios-bench.ts, other sectors say where
// they are.
import { MemoryBackend } from "../storage/memory-backend.ts";
import { patternedBytes } from "./memory-disk.ts";
import { type BenchDrive, monitorSector, SystemBiosBench, type SystemBiosOptions } from "./system-bios-bench.ts";

export function bootableBytes(sizeBytes: number): Uint8Array {
  const contents = patternedBytes(sizeBytes);
  contents.set(monitorSector());
  return contents;
}

export function diskDrive(controller: BenchDrive["controller"] = "ide", slot = 0, sizeBytes = 8 << 20): BenchDrive {
  return { id: `disk${slot}`, kind: "disk", controller, slot, medium: new MemoryBackend(bootableBytes(sizeBytes)) };
}

export function floppyDrive(contents: Uint8Array | null, slot = 0): BenchDrive {
  return { id: `floppy${slot}`, kind: "floppy", controller: "fdc", slot, medium: contents && new MemoryBackend(contents) };
}

export function cdDrive(contents: Uint8Array | null, controller: BenchDrive["controller"] = "ide", slot = 2): BenchDrive {
  return { id: `cd${slot}`, kind: "cd", controller, slot, medium: contents && new MemoryBackend(contents, { isReadOnly: true }) };
}

export function booted(drives: readonly BenchDrive[] = [diskDrive()], options: SystemBiosOptions = {}): SystemBiosBench {
  return new SystemBiosBench(drives, options).boot();
}
