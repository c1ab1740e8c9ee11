// Options that say what drives and firmware a machine has: --cdrom --disk --floppy --bios --vgabios --boot.
import { resolve } from "node:path";
import { BootDevice, type Drive, type Firmware } from "../../core/api/vm-config.ts";
import { UsageError } from "./command-line.ts";

export const DRIVE_OPTIONS = {
  cdrom: { type: "string", multiple: true },
  disk: { type: "string", multiple: true },
  floppy: { type: "string", multiple: true },
  snapshot: { type: "boolean" },
  bios: { type: "string" },
  vgabios: { type: "string" },
  boot: { type: "string" },
} as const;

export interface DriveValues {
  cdrom?: string[] | undefined;
  disk?: string[] | undefined;
  floppy?: string[] | undefined;
  snapshot?: boolean | undefined;
  bios?: string | undefined;
  vgabios?: string | undefined;
  boot?: string | undefined;
}

const MOST_OF: Readonly<Record<Drive["controller"], number>> = { ide: 4, ahci: 6, virtio: 8, fdc: 2 };
const FIRST_CD_SLOT = 2;

/** The drives in the order given. Paths become absolute. */
export function drivesOf(values: DriveValues): Drive[] {
  const drives: Drive[] = [];
  const isFree = (controller: Drive["controller"], slot: number) => !drives.some((d) => d.controller === controller && d.slot === slot);
  const add = (kind: Drive["kind"], text: string, firstSlot = 0) => {
    const { path, controller, readOnly, throwAway } = driveOf(kind, text);
    const slots = Array.from({ length: MOST_OF[controller] }, (_, i) => (i + firstSlot) % MOST_OF[controller]);
    const slot = slots.find((n) => isFree(controller, n));
    if (slot === undefined) throw new UsageError(`There is no room for ${path}: ${controller} takes ${MOST_OF[controller]} drives.`);
    const id = `${kind}${drives.filter((d) => d.kind === kind).length}`;
    drives.push({ id, kind, controller, slot, path, readOnly: readOnly || kind === "cd", throwAway: throwAway || values.snapshot === true });
  };
  // CDs come first, so that the first of them has the place where operating systems of old look for it.
  for (const text of values.cdrom ?? []) add("cd", text, FIRST_CD_SLOT);
  for (const text of values.disk ?? []) add("disk", text);
  for (const text of values.floppy ?? []) add("floppy", text);
  return drives;
}

/** FILE[,if=ide|ahci|virtio][,readonly][,snapshot]; a comma that no option follows is part of the name. */
function driveOf(kind: Drive["kind"], text: string) {
  let rest = text;
  let controller: Drive["controller"] = kind === "floppy" ? "fdc" : "ide";
  let readOnly = false;
  let throwAway = false;
  for (;;) {
    const match = /^(.+),(if=([a-z]+)|readonly|snapshot)$/s.exec(rest);
    if (!match) break;
    rest = match[1] ?? "";
    if (match[2] === "readonly") readOnly = true;
    else if (match[2] === "snapshot") throwAway = true;
    else controller = controllerOf(kind, match[3] ?? "");
  }
  if (rest === "") throw new UsageError(`--${kind === "cd" ? "cdrom" : kind} needs a file.`);
  return { path: resolve(rest), controller, readOnly, throwAway };
}

function controllerOf(kind: Drive["kind"], name: string): Drive["controller"] {
  const allowed: readonly Drive["controller"][] = kind === "disk" ? ["ide", "ahci", "virtio"] : kind === "cd" ? ["ide", "ahci"] : ["fdc"];
  const controller = allowed.find((c) => c === name);
  if (!controller) throw new UsageError(`if= of a ${kind} drive is ${allowed.join(", ")}, not "${name}".`);
  return controller;
}

export function firmwareOf({ bios, vgabios }: DriveValues): Firmware {
  if (bios === undefined) {
    if (vgabios !== undefined) throw new UsageError("--vgabios needs --bios.");
    return { kind: "ringfence" };
  }
  return { kind: "file", bios: resolve(bios), ...(vgabios === undefined ? {} : { vgaBios: resolve(vgabios) }) };
}

/** Boot order, and whether a menu comes first. Undefined: nothing says that firmware is to boot. */
export function firmwareBootOf(values: DriveValues): { order: BootDevice[]; hasMenu: boolean } | undefined {
  const { cdrom, disk, floppy, bios, boot } = values;
  if ([cdrom, disk, floppy, bios, boot].every((value) => value === undefined)) return undefined;
  if (boot === undefined) return { order: ["floppy", "cd", "disk"], hasMenu: false };
  const words = boot.split(",").map((word) => word.trim());
  const order = words.filter((word) => word !== "menu").map((word) => {
    const device = BootDevice.safeParse(word);
    if (!device.success) throw new UsageError(`--boot takes ${BootDevice.options.join(", ")} and menu, with commas between, not "${word}".`);
    return device.data;
  });
  return { order: order.length > 0 ? order : ["floppy", "cd", "disk"], hasMenu: words.includes("menu") };
}
