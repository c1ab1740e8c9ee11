// The media of one machine's drives, as files: opened before it is built, changed while it runs, let go at its end.
import type { Drive } from "../api/vm-config.ts";
import { type Machine, type MachineDrive, MachineError } from "../machine/machine.ts";
import type { MediaHost, OpenMedium } from "./io-medium.ts";

export class Media {
  private readonly drives: readonly Drive[];
  private readonly host: () => MediaHost;
  private started: MediaHost | undefined;
  private readonly open = new Map<string, OpenMedium>();

  /** `host` starts the thread for files, on first use: a machine without media needs none. */
  constructor(drives: readonly Drive[], host: () => MediaHost) {
    this.drives = drives;
    this.host = host;
  }

  /** Opens what is in the drives. Throws MachineError that names the file. */
  insertAll(): MachineDrive[] {
    return this.drives.map(({ id, kind, controller, slot, path }) => {
      if (path === null && kind === "disk") throw new MachineError("fileMissing", `Disk drive ${id} has no image`);
      const medium = path === null ? undefined : this.openFor(id, path);
      if (medium) this.open.set(id, medium);
      return { id, kind, controller, slot, medium: medium?.backend ?? null };
    });
  }

  private openFor(driveId: string, path: string): OpenMedium {
    const drive = this.drives.find((d) => d.id === driveId);
    if (!drive) throw new MachineError("notFound", `The machine has no drive ${driveId}`);
    this.started ??= this.host();
    return this.started.openMedium({ path, readOnly: drive.readOnly || drive.kind === "cd", throwAway: drive.throwAway && drive.kind !== "cd" });
  }

  /** Throws MachineError; then the drive has what it had. */
  set(machine: Machine, driveId: string, path: string | null, force: boolean): void {
    const medium = path === null ? undefined : this.openFor(driveId, path);
    try {
      machine.setMedium(driveId, medium?.backend ?? null, force);
    } catch (error) {
      medium?.close();
      throw error;
    }
    this.letGo(driveId);
    if (medium) this.open.set(driveId, medium);
  }

  /** The drive no longer uses its medium. */
  letGo(driveId: string): void {
    this.open.get(driveId)?.close();
    this.open.delete(driveId);
  }

  /** Between slices: completions reach the devices. How many. */
  drain(): number {
    return this.started?.drain() ?? 0;
  }

  /** Finishes writes and unlocks the files. */
  shutdown(): void {
    this.started?.shutdown();
  }
}
