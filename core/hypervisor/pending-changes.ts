// What of a running machine's configuration has been changed since it was started, and so waits for its next start.
import type { VmConfig } from "../api/vm-config.ts";
import type { PendingChange } from "../api/vm-state.ts";

export function pendingChanges(started: VmConfig, now: VmConfig): PendingChange[] {
  const before = parts(started);
  const after = parts(now);
  return (Object.keys(before) as PendingChange[]).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key])); // the keys of a record
}

function parts({ memoryMiB, cpu, boot, drives, firmware, devices, nics }: VmConfig): Record<PendingChange, unknown> {
  // The media of CD and floppy drives change while the machine runs.
  const fixed = drives.map((drive) => (drive.kind === "disk" ? drive : { ...drive, path: null }));
  // So does what a card is joined to.
  const cards = nics.map(({ id, model, mac, rom }) => ({ id, model, mac, rom }));
  return { memoryMiB, cpuModel: cpu.model, engine: cpu.engine, boot, drives: fixed, firmware, devices, nics: cards };
}
