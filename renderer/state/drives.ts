// Drives of a machine as its configuration lists them: which controllers a kind may be on, free places, names for new ones. The
// wizard and the settings both ask here.
import type { Drive } from "../../core/api/vm-config.ts";

export type DriveKind = Drive["kind"];
export type Controller = Drive["controller"];

/** The first is what a new drive gets. */
export const CONTROLLERS: Record<DriveKind, readonly Controller[]> = {
  disk: ["ide", "ahci", "virtio"],
  cd: ["ide", "ahci"],
  floppy: ["fdc"],
};

const SLOTS: Record<Controller, number> = { ide: 4, ahci: 6, virtio: 8, fdc: 2 };
/** CD drives are looked for on the secondary channel first, so that disks get the primary one. */
const IDE_CD_FIRST = [2, 3, 1, 0];

/** Null when the controller is full. */
export function freeSlot(drives: readonly Drive[], kind: DriveKind, controller: Controller): number | null {
  const taken = new Set(drives.filter((d) => d.controller === controller).map((d) => d.slot));
  const slots = kind === "cd" && controller === "ide" ? IDE_CD_FIRST : Array.from({ length: SLOTS[controller] }, (_, slot) => slot);
  return slots.find((slot) => !taken.has(slot)) ?? null;
}

export function newId(drives: readonly Drive[], kind: DriveKind): string {
  for (let n = 0; ; n++) if (!drives.some((d) => d.id === `${kind}${n}`)) return `${kind}${n}`;
}

/** With one more drive, on the wanted controller or the next that has room; unchanged when none has. */
export function withDrive(drives: readonly Drive[], kind: DriveKind, path: string | null, wanted?: Controller): Drive[] {
  const order = wanted === undefined ? CONTROLLERS[kind] : [wanted, ...CONTROLLERS[kind].filter((c) => c !== wanted)];
  for (const controller of order) {
    const slot = freeSlot(drives, kind, controller);
    if (slot !== null) return [...drives, { id: newId(drives, kind), kind, controller, slot, path, readOnly: false, throwAway: false }];
  }
  return [...drives];
}

/** On another controller, in a free place there; unchanged when it is full. */
export function moveDrive(drives: readonly Drive[], id: string, controller: Controller): Drive[] {
  return drives.map((drive) => {
    if (drive.id !== id || drive.controller === controller) return drive;
    const slot = freeSlot(drives, drive.kind, controller);
    return slot === null ? drive : { ...drive, controller, slot };
  });
}

/** A name for a new image that no drive uses. */
export function newImageName(drives: readonly Drive[]): string {
  for (let n = 0; ; n++) if (!drives.some((d) => d.path === `disk${n}.img`)) return `disk${n}.img`;
}
