// Between the hypervisor and the thread that runs one machine: what the thread is started with, the messages both ways, and the
// two shared buffers. Both ends are the app's own code, so these are types and layouts, not schemas.
//
// A message to the thread is posted first and announced second, by adding to the SIGNAL word and notifying: the thread looks at
// its mailbox only when that word has moved, so that a busy guest pays one load a slice and a halted one sleeps on the word.
import type { BootDevice, BootSource, Drive, VmConfig } from "./vm-config.ts";
import type { NicStart } from "./network-protocol.ts";
import type { ActivityLight, Failure, InputEvent, VmStats } from "./vm-state.ts";

/** What to boot, as paths on the host: the thread reads the files itself. */
export type BootFiles =
  | Extract<BootSource, { kind: "kernel" }>
  /** Firmware starts what it finds on the drives. `hasMenu`: it offers a choice first. */
  | { kind: "firmware"; order: BootDevice[]; hasMenu?: boolean }
  | { kind: "none" };

/** ROM images of others, as absolute paths; what is absent is our own. */
export interface FirmwareFiles {
  bios?: string;
  videoBios?: string;
}

/** The thread's `workerData`. */
export interface VmWorkerStart {
  memoryMiB: number;
  cpuModel: string;
  engine: VmConfig["cpu"]["engine"];
  boot: BootFiles;
  firmware?: FirmwareFiles;
  /** With absolute paths. */
  drives?: Drive[];
  devices?: VmConfig["devices"];
  nics?: NicStart[];
  capPercent: number;
  debugExitPort?: number;
  debugConsolePort?: number;
  /** Where printed bytes go; without it there is no printer. */
  printerFile?: string;
  /** Folder for generated code of earlier runs; without it none is kept. */
  codeCache?: string;
  /** Adds a screenshot to the last message. */
  finalScreenshot?: boolean;
  /** Words of ControlWord, shared. */
  control: SharedArrayBuffer;
  /** See ScreenWord, shared. */
  screen: SharedArrayBuffer;
  /** Address of a module with another `buildMachine`; tests put theirs here. */
  machineModule?: string;
}

export const ControlWord = {
  /** Bumped after each message to the thread and after each change of the words below. */
  SIGNAL: 0,
  /** Milliseconds between pictures while somebody watches the screen, 0 while nobody does. */
  FRAME_INTERVAL_MS: 1,
  /** Bytes of serial and debug console output posted and not yet taken by the host. The guest is held while it is too high. */
  OUTPUT_PENDING: 2,
  /** Bytes of serial input posted and not yet taken by the guest. */
  INPUT_PENDING: 3,
} as const;
export const CONTROL_BYTES = 16;

/** The guest stands still while more output than this waits for the host. */
export const OUTPUT_PENDING_LIMIT = 256 * 1024;
/** More serial input than this is refused until the guest has read some. */
export const INPUT_PENDING_LIMIT = 1024 * 1024;

export const SCREEN_MAX_WIDTH = 1920;
export const SCREEN_MAX_HEIGHT = 1200;
/** The shared screen starts with these words and goes on at SCREEN_PIXELS_OFFSET with RGBA rows without padding. The thread sets
 *  BEGUN to a new number before it changes anything and ENDED to the same after; a reader takes ENDED, copies, and has a whole
 *  picture if BEGUN is still the same. */
export const ScreenWord = { BEGUN: 0, ENDED: 1, WIDTH: 2, HEIGHT: 3 } as const;
export const SCREEN_PIXELS_OFFSET = 64;
export const SCREEN_BYTES = SCREEN_PIXELS_OFFSET + SCREEN_MAX_WIDTH * SCREEN_MAX_HEIGHT * 4;

export type QueryKind = "text" | "screenshot" | "dump";

export type ToVmWorker =
  | { kind: "input"; events: InputEvent[] }
  | { kind: "serialInput"; data: Uint8Array }
  | { kind: "pause" }
  | { kind: "resume" }
  | { kind: "reset" }
  | { kind: "powerButton" }
  | { kind: "powerOff" }
  | { kind: "setCap"; capPercent: number }
  /** Puts a medium into a CD or floppy drive or takes it out (null). Answered by `mediumSet`. `force`: whether or not the guest holds the tray. */
  | { kind: "setMedium"; queryId: number; driveId: string; path: string | null; force: boolean }
  | { kind: "query"; queryId: number; what: QueryKind };

/** Changed part of the screen, in pixels. */
export interface DirtyRect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How a machine ended, other than by a fault of ours. */
export type EndReason = { kind: "poweredOff" } | { kind: "debugExit"; status: number } | { kind: "tripleFault"; dump: string };

/** What was on the screen at the end. */
export interface FinalScreen {
  /** Null in a graphics mode. */
  text: string | null;
  /** PNG file. */
  screenshot: Uint8Array | null;
  /** Counters of the engine's tiers, by name. */
  counters: Record<string, number>;
}

export type FromVmWorker =
  /** The machine is built and its first slice is next. */
  | { kind: "running" }
  | { kind: "paused" }
  | { kind: "resumed" }
  | { kind: "serial"; data: Uint8Array }
  | { kind: "debugConsole"; data: Uint8Array }
  /** The guest has taken all serial input. */
  | { kind: "serialDrained" }
  | { kind: "frame"; rect: DirtyRect; screenWidth: number; screenHeight: number }
  | { kind: "stats"; stats: VmStats }
  | { kind: "answer"; queryId: number; text: string | null; /** Of a text screen. */ columns?: number; bytes: Uint8Array | null }
  | { kind: "mediumSet"; queryId: number; failure: Failure | null }
  /** What has worked since the last such message. */
  | { kind: "activity"; lights: ActivityLight[] }
  /** The guest has ejected a medium. */
  | { kind: "ejected"; driveId: string }
  /** The guest has begun or ceased to take the tablet's positions. */
  | { kind: "pointer"; mode: "relative" | "absolute" }
  /** The last message of a machine that ran. */
  | { kind: "ended"; reason: EndReason; screen: FinalScreen }
  /** The last message of one that could not start or not go on. */
  | { kind: "failed"; failure: Failure };
