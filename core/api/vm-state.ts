// What a virtual machine is doing, and what it has told us: the words that both sides of the contract share.
import { z } from "zod";
import { VmConfig } from "./vm-config.ts";

/** `broken` is a folder whose configuration cannot be read; `error` a machine whose worker or guest crashed (see `failure`). */
export const VmStatus = z.enum(["off", "starting", "running", "paused", "stopping", "error", "broken"]);
export type VmStatus = z.infer<typeof VmStatus>;

/** Codes that the user interface translates; `message` is English and has the details. */
export const ErrorCode = z.enum([
  "badRequest", "notFound", "wrongState", "configUnreadable", "configNewer", "libraryBusy", "diskFull", "ioFailed",
  "fileMissing", "notAKernel", "initrdTooLarge", "notEnoughMemory", "tripleFault", "workerCrashed", "networkFailed", "unsupported", "downloadFailed", "internal",
]);
export type ErrorCode = z.infer<typeof ErrorCode>;

export const Failure = z.object({ code: ErrorCode, message: z.string(), /** Registers and the like, many lines. */ detail: z.string().optional() });
export type Failure = z.infer<typeof Failure>;

export const PendingChange = z.enum(["memoryMiB", "cpuModel", "engine", "boot", "drives", "firmware", "devices", "nics"]);
export type PendingChange = z.infer<typeof PendingChange>;

/** One machine as the list shows it. `config` is null exactly when status is `broken`. */
export const VmRecord = z.object({
  /** The configuration's id, or `folder:NAME` for a broken one. */
  id: z.string(),
  /** Folder name in the library. */
  folder: z.string(),
  /** Absolute path of the folder. */
  path: z.string(),
  status: VmStatus,
  config: VmConfig.nullable(),
  failure: Failure.nullable(),
  /** The CPU cap in force, which a running machine may have changed since it was saved. */
  capPercent: z.number(),
  /** How the running guest takes its pointer: `absolute` once it uses the tablet. Absent: `relative`. */
  pointer: z.enum(["relative", "absolute"]).optional(),
  /** Parts of the configuration that were changed while the machine is on, and wait for its next start. Absent: none. */
  pending: z.array(PendingChange).optional(),
});
export type VmRecord = z.infer<typeof VmRecord>;

/** Sent about twice a second for each running machine. */
export const VmStats = z.object({
  /** Percent of one host core that the machine's worker used since the last sample. */
  hostCpuPercent: z.number(),
  /** Guest instructions retired a second since the last sample. */
  instructionsPerSecond: z.number(),
  /** Virtual time since power-on. */
  uptimeNs: z.number(),
  /** Percent of the time that the guest was halted. */
  haltedPercent: z.number(),
  /** Counters of the engine's tiers since power-on, by name. */
  counters: z.record(z.string(), z.number()).default({}),
});
export type VmStats = z.infer<typeof VmStats>;

/** A file that is fetched from the network. */
export const Download = z.object({
  id: z.string(),
  url: z.string(),
  /** Where the file is, or will be when it is whole. */
  path: z.string(),
  /** `cancelled` is the last that is heard of one. */
  state: z.enum(["running", "paused", "done", "failed", "cancelled"]),
  receivedBytes: z.number(),
  /** Null where the server does not say. */
  totalBytes: z.number().nullable(),
  bytesPerSecond: z.number(),
  /** The checksum was known and is right. */
  isVerified: z.boolean(),
  failure: Failure.nullable(),
});
export type Download = z.infer<typeof Download>;

/** What blinks while it works. */
export const ActivityLight = z.enum(["disk", "cd", "floppy", "network", "sound"]);
export type ActivityLight = z.infer<typeof ActivityLight>;

/** A text screen as lines of Unicode without trailing blanks. */
export const ScreenText = z.object({ columns: z.int().min(1).max(1000), lines: z.array(z.string().max(1000)).max(1000) });
export type ScreenText = z.infer<typeof ScreenText>;

export const TrashEntry = z.object({ /** Folder name in the trash. */ id: z.string(), name: z.string(), deletedAt: z.string(), path: z.string() });
export type TrashEntry = z.infer<typeof TrashEntry>;

export const TABLET_MAX = 32767;

export const InputEvent = z.discriminatedUnion("kind", [
  /** A physical key by its KeyboardEvent.code. */
  z.object({ kind: z.literal("key"), code: z.string().max(32), down: z.boolean() }),
  /** Relative pointer motion in pixels and the buttons held (bit 0 left, 1 right, 2 middle); `wheel` in notches. */
  z.object({ kind: z.literal("pointer"), dx: z.int().min(-4096).max(4096), dy: z.int().min(-4096).max(4096), wheel: z.int().min(-127).max(127), buttons: z.int().min(0).max(7) }),
  /** Place on the whole screen, 0 to TABLET_MAX each way, for guests that use the tablet; the rest as for `pointer`. */
  z.object({ kind: z.literal("tablet"), x: z.int().min(0).max(TABLET_MAX), y: z.int().min(0).max(TABLET_MAX), wheel: z.int().min(-127).max(127), buttons: z.int().min(0).max(7) }),
]);
export type InputEvent = z.infer<typeof InputEvent>;
