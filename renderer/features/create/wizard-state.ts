// The new-machine wizard as plain state. Each field knows whether the user has touched it: what was typed is never
// overwritten by a default that changes later, such as one that a recognised medium brings.
import type { CallReply, CallRequest } from "../../../core/api/contract.ts";
import { DISK_MAX_BYTES, DISK_MIN_BYTES } from "../../../core/api/contract.ts";
import type { KnownSystem } from "../../../core/api/known-systems.ts";
import type { MediumInfo } from "../../../core/api/medium-info.ts";
import type { BootDevice, Drive } from "../../../core/api/vm-config.ts";
import { RAM_MAX_MIB, RAM_MIN_MIB } from "../../../core/api/vm-config.ts";
import type { DriveKind } from "../../state/drives.ts";
import { newImageName, withDrive } from "../../state/drives.ts";
import type { NetworkChoice } from "./network-choice.ts";

export const MIB = 2 ** 20;
export const SOURCE_KINDS = ["demo", "medium", "download", "kernel"] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];
export type Step = "source" | "resources" | "disk" | "summary";
export type Probe =
  | { state: "none" }
  | { state: "looking" }
  | { state: "found"; result: CallReply<"file.probe"> }
  | { state: "failed"; message: string };

/** Files that the user names. */
export const PATH_FIELDS = ["kernel", "initrd", "medium", "existing"] as const;
export type PathField = (typeof PATH_FIELDS)[number];

export interface Draft {
  step: Step;
  kind: SourceKind;
  paths: Record<PathField, string>;
  probes: Record<PathField, Probe>;
  append: string;
  /** The drive that the user wants the medium in; null: where it belongs. */
  drive: DriveKind | null;
  /** Id of a known system; null: not known. */
  system: string | null;
  systemTouched: boolean;
  name: string;
  nameTouched: boolean;
  memoryMiB: number;
  memoryTouched: boolean;
  capPercent: number;
  disk: "new" | "existing" | "none";
  diskTouched: boolean;
  diskMiB: number;
  diskMiBTouched: boolean;
  /** What the user chose; null: the default as the networks now have it. */
  network: NetworkChoice | null;
  startNow: boolean;
}

export type Change =
  | { type: "kind"; kind: SourceKind }
  | { type: "path"; field: PathField; path: string }
  | { type: "probe"; field: PathField; path: string; probe: Probe }
  | { type: "append"; append: string }
  | { type: "drive"; drive: DriveKind }
  | { type: "system"; system: string | null }
  /** A medium came by itself, by a drop or a download: of this system, if that is known. */
  | { type: "medium"; path: string; system?: string }
  /** The list of systems has come. */
  | { type: "systems" }
  | { type: "name"; name: string }
  | { type: "memory"; memoryMiB: number }
  | { type: "cap"; capPercent: number }
  | { type: "disk"; disk: Draft["disk"] }
  | { type: "diskMiB"; diskMiB: number }
  | { type: "network"; network: NetworkChoice }
  | { type: "startNow"; startNow: boolean }
  | { type: "step"; step: Step };

export const DEFAULT_MEMORY_MIB: Record<SourceKind, number> = { demo: 64, kernel: 256, medium: 256, download: 256 };
const DEFAULT_DISK_MIB = 4096;

/** What the wizard knows besides its draft. */
export interface Surroundings {
  systems: readonly KnownSystem[];
  /** Translated base name, made unique among the machines there are. */
  nameFor(kind: SourceKind, system: KnownSystem | null): string;
}

export const stepsOf = ({ kind }: Draft): readonly Step[] =>
  kind === "medium" || kind === "download" ? ["source", "resources", "disk", "summary"] : ["source", "resources", "summary"];

export function newDraft(around: Surroundings): Draft {
  return {
    step: "source",
    kind: "demo",
    paths: { kernel: "", initrd: "", medium: "", existing: "" },
    probes: { kernel: { state: "none" }, initrd: { state: "none" }, medium: { state: "none" }, existing: { state: "none" } },
    append: "console=tty0 console=ttyS0",
    drive: null,
    system: null,
    systemTouched: false,
    name: around.nameFor("demo", null),
    nameTouched: false,
    memoryMiB: DEFAULT_MEMORY_MIB.demo,
    memoryTouched: false,
    capPercent: 100,
    disk: "none",
    diskTouched: false,
    diskMiB: DEFAULT_DISK_MIB,
    diskMiBTouched: false,
    network: null,
    startNow: true,
  };
}

export function changeDraft(draft: Draft, change: Change, around: Surroundings): Draft {
  switch (change.type) {
    case "kind":
      return withDefaults({ ...draft, kind: change.kind }, around);
    case "path": {
      const { field, path } = change;
      const changed = withPath(draft, field, path);
      return field === "medium" ? { ...changed, drive: null } : changed;
    }
    case "medium": {
      const changed = withPath({ ...draft, kind: "medium", drive: null }, "medium", change.path);
      if (change.system === undefined) return withDefaults(changed, around);
      return withDefaults({ ...changed, system: change.system, systemTouched: true }, around);
    }
    case "probe":
      // The answer for a path that has been changed since says nothing.
      if (change.path !== draft.paths[change.field]) return draft;
      return withDefaults({ ...draft, probes: { ...draft.probes, [change.field]: change.probe } }, around);
    case "append":
      return { ...draft, append: change.append };
    case "drive":
      return withDefaults({ ...draft, drive: change.drive }, around);
    case "system":
      return withDefaults({ ...draft, system: change.system, systemTouched: true }, around);
    case "systems":
      return withDefaults(draft, around);
    case "name":
      return { ...draft, name: change.name, nameTouched: true };
    case "memory":
      return { ...draft, memoryMiB: change.memoryMiB, memoryTouched: true };
    case "cap":
      return { ...draft, capPercent: change.capPercent };
    case "disk":
      return { ...draft, disk: change.disk, diskTouched: true };
    case "diskMiB":
      return { ...draft, diskMiB: change.diskMiB, diskMiBTouched: true };
    case "network":
      return { ...draft, network: change.network };
    case "startNow":
      return { ...draft, startNow: change.startNow };
    case "step":
      return { ...draft, step: change.step };
  }
}

function withPath(draft: Draft, field: PathField, path: string): Draft {
  const probe: Probe = { state: path.trim() === "" ? "none" : "looking" };
  return { ...draft, paths: { ...draft.paths, [field]: path }, probes: { ...draft.probes, [field]: probe } };
}

/** Every field that the user has not touched, as choice, medium and system now have it. */
function withDefaults(draft: Draft, around: Surroundings): Draft {
  const { kind, systemTouched } = draft;
  const recognised = kind === "medium" ? (mediumOf(draft, "medium")?.system ?? null) : null;
  const id = systemTouched ? draft.system : recognised;
  const system = kind === "medium" || kind === "download" ? systemOf(around.systems, id) : null;
  const needsDisk = driveOf(draft) !== "disk" && (system === null || system.diskMiB > 0);
  return {
    ...draft,
    system: id,
    name: draft.nameTouched ? draft.name : around.nameFor(kind, system),
    memoryMiB: draft.memoryTouched ? draft.memoryMiB : (system?.memoryMiB.recommended ?? DEFAULT_MEMORY_MIB[kind]),
    disk: draft.diskTouched ? draft.disk : stepsOf(draft).includes("disk") && needsDisk ? "new" : "none",
    diskMiB: draft.diskMiBTouched ? draft.diskMiB : system?.diskMiB || DEFAULT_DISK_MIB,
  };
}

export const systemOf = (systems: readonly KnownSystem[], id: string | null): KnownSystem | null => systems.find((s) => s.id === id) ?? null;

export function mediumOf(draft: Draft, field: PathField): MediumInfo | null {
  const probe = draft.probes[field];
  return probe.state === "found" ? probe.result.medium : null;
}

/** The drive that the medium goes into: the user's choice if it can be read there, else where it belongs. */
export function driveOf(draft: Draft): DriveKind {
  const medium = mediumOf(draft, "medium");
  const possible = medium?.drives ?? [];
  if (draft.drive !== null && (possible.length === 0 || possible.includes(draft.drive))) return draft.drive;
  return possible[0] ?? "cd";
}

/** Keys under `create.problem.`; null when the step is complete. */
export type Problem =
  | `${"kernel" | "medium" | "existing"}${"Needed" | "Missing" | "Folder" | "Looking"}`
  | `initrd${"Missing" | "Folder" | "Looking"}`
  | "kernelKind"
  | "mediumKernel"
  | "mediumFormat"
  | "mediumPacked"
  | "mediumRaw"
  | "downloadNeeded"
  | "nameNeeded"
  | "nameLong"
  | "memoryRange"
  | "initrdTooLarge"
  | "diskRange";

export function problemOf(draft: Draft, step: Step): Problem | null {
  switch (step) {
    case "source":
      return sourceProblem(draft);
    case "resources":
      return resourceProblem(draft);
    case "disk":
      return diskProblem(draft);
    case "summary":
      return stepsOf(draft).slice(0, -1).map((s) => problemOf(draft, s)).find((p) => p !== null) ?? null;
  }
}

function sourceProblem(draft: Draft): Problem | null {
  switch (draft.kind) {
    case "demo":
      return null;
    case "download":
      return "downloadNeeded";
    case "medium":
      return fileProblem(draft, "medium") ?? mediumProblem(mediumOf(draft, "medium"));
    case "kernel": {
      const fault = fileProblem(draft, "kernel");
      if (fault !== null) return fault;
      const probe = draft.probes.kernel;
      if (probe.state === "found" && probe.result.kind === "unknown") return "kernelKind";
      return draft.paths.initrd.trim() === "" ? null : (fileProblem(draft, "initrd") as Problem | null); // "initrdNeeded" cannot be
    }
  }
}

function fileProblem<F extends PathField>(draft: Draft, field: F): `${F}${"Needed" | "Missing" | "Folder" | "Looking"}` | null {
  const probe = draft.probes[field];
  if (draft.paths[field].trim() === "") return `${field}Needed`;
  if (probe.state === "looking") return `${field}Looking`;
  if (probe.state !== "found") return null;
  if (!probe.result.exists || probe.result.kind === "missing") return `${field}Missing`;
  return probe.result.kind === "folder" ? `${field}Folder` : null;
}

/** What keeps the medium from being read in any drive. The app is to decide about a file that could not be looked at. */
function mediumProblem(medium: MediumInfo | null): Problem | null {
  if (medium === null) return null;
  if (medium.kind === "kernel") return "mediumKernel";
  if (medium.problems.includes("foreignDiskFormat")) return "mediumFormat";
  if (medium.problems.includes("packed")) return "mediumPacked";
  return medium.problems.includes("rawSectors") ? "mediumRaw" : null;
}

function resourceProblem({ kind, name, memoryMiB, probes }: Draft): Problem | null {
  if (name.trim() === "") return "nameNeeded";
  if (name.trim().length > 80) return "nameLong";
  if (!Number.isInteger(memoryMiB) || memoryMiB < RAM_MIN_MIB || memoryMiB > RAM_MAX_MIB) return "memoryRange";
  const { initrd } = probes;
  return kind === "kernel" && initrd.state === "found" && initrd.result.sizeBytes > memoryMiB * MIB ? "initrdTooLarge" : null;
}

function diskProblem(draft: Draft): Problem | null {
  if (draft.disk === "existing") return fileProblem(draft, "existing");
  if (draft.disk === "none") return null;
  const bytes = draft.diskMiB * MIB;
  return Number.isInteger(draft.diskMiB) && bytes >= DISK_MIN_BYTES && bytes <= DISK_MAX_BYTES ? null : "diskRange";
}

/** What may be meant, but is worth a word: keys under `create.warning.`. */
export type Warning = "truncated" | "badBootCatalogue" | "badPartitionTable" | "notBootable" | "efiOnly";

export function warningsOf(medium: MediumInfo): Warning[] {
  const faults = (["truncated", "badBootCatalogue", "badPartitionTable"] as const).filter((p) => medium.problems.includes(p));
  if (medium.isBootable || faults.includes("badBootCatalogue")) return faults;
  return [...faults, medium.isEfiBootable ? "efiOnly" : "notBootable"];
}

export function requestOf(draft: Draft, systems: readonly KnownSystem[]): CallRequest<"vm.create"> {
  const initrd = draft.paths.initrd.trim();
  const base = { name: draft.name.trim(), memoryMiB: draft.memoryMiB, capPercent: draft.capPercent };
  if (draft.kind === "demo") return { ...base, boot: { kind: "demo" } };
  if (draft.kind === "kernel") {
    const files = { kernel: draft.paths.kernel.trim(), append: draft.append.trim(), ...(initrd === "" ? {} : { initrd }) };
    return { ...base, boot: { kind: "kernel", modules: [], ...files } };
  }
  const system = systemOf(systems, draft.system);
  const { drives, newDisks } = drivesOf(draft, system);
  const { tablet = true, balloon = true, entropy = true, paravirtual = true } = system?.devices ?? {};
  return { ...base, boot: { kind: "firmware", order: bootOrder(draft) }, drives, newDisks, devices: { tablet, balloon, entropy, paravirtual } };
}

export function drivesOf(draft: Draft, system: KnownSystem | null): { drives: Drive[]; newDisks: { name: string; sizeBytes: number }[] } {
  const kind = driveOf(draft);
  const controller = system?.devices.controller ?? "ide";
  const newDisks = draft.disk === "new" ? [{ name: newImageName([]), sizeBytes: draft.diskMiB * MIB }] : [];
  const own = newDisks[0]?.name ?? (draft.disk === "existing" ? draft.paths.existing.trim() : null);
  let drives = own === null ? [] : withDrive([], "disk", own, controller);
  drives = withDrive(drives, kind, draft.paths.medium.trim(), kind === "disk" ? controller : undefined);
  // Most systems ask for a CD sooner or later, old ones for a floppy too.
  if (kind !== "cd") drives = withDrive(drives, "cd", null);
  if (kind !== "floppy" && (system?.family === "dos" || system?.id === "windows-9x")) drives = withDrive(drives, "floppy", null);
  return { drives, newDisks };
}

/** A new disk goes first: it does not start until a system is on it, and then it shall. */
export function bootOrder(draft: Draft): BootDevice[] {
  const kind = driveOf(draft);
  if (kind === "disk") return ["disk", "cd"];
  return draft.disk === "new" ? ["disk", kind] : [kind, "disk"];
}
