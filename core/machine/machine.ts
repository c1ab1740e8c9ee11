// One virtual machine to the thread that runs it: what goes in to build one, what comes out of each slice.
import type { Nic } from "../api/network.ts";
import type { BootDevice, Drive, VmConfig } from "../api/vm-config.ts";
import type { ErrorCode, InputEvent } from "../api/vm-state.ts";
import type { CodeCache, GeneratedCode } from "../cpu/translate/code-cache.ts";
import type { DisplaySource } from "../display/display.ts";
import type { NetPort } from "../network/port.ts";
import type { BlockBackend } from "../storage/block.ts";

/** What to start, with all files already read: nothing in here touches the host. */
export type BootImage =
  | { kind: "kernel"; name: string; kernel: Uint8Array; initrd?: Uint8Array; append: string; modules: { data: Uint8Array; commandLine: string }[] }
  /** Firmware starts what it finds: the processor begins at the reset vector. */
  | { kind: "firmware"; order: readonly BootDevice[]; hasMenu?: boolean }
  | { kind: "none" };

/** ROM images. The system ROM is a multiple of 64 KiB. */
export interface FirmwareImage {
  bios: Uint8Array;
  videoBios: Uint8Array;
}

/** A drive with the medium that is in it at power-on. */
export interface MachineDrive extends Pick<Drive, "id" | "kind" | "controller" | "slot"> {
  medium: BlockBackend | null;
}

/** A network card on its end of a cable. */
export interface MachineNic extends Pick<Nic, "id" | "model"> {
  /** Six octets, of no group. */
  mac: Uint8Array;
  port: NetPort;
  /** Expansion ROM. */
  rom?: Uint8Array;
}

export interface MachineConfig {
  memoryMiB: number;
  cpuModel: string;
  engine: "interpreter" | "translator";
  boot: BootImage;
  /** Images of others in place of our own. */
  firmware?: Partial<FirmwareImage>;
  drives?: readonly MachineDrive[];
  devices?: Partial<VmConfig["devices"]>;
  nics?: readonly MachineNic[];
  /** Wall time at power-on, milliseconds since 1970 UTC, for the RTC. */
  epochMs: number;
  /** Port of the debug-exit device, if there is one: a value V written ends the machine with status (V << 1) | 1. */
  debugExitPort?: number;
  /** Port whose bytes go to ports.debugConsole. */
  debugConsolePort?: number;
}

/** What the machine calls outwards, during a slice, synchronously. */
export interface MachinePorts {
  /** Host time in nanoseconds, monotonic; read some 20 times a slice, and more often where the guest reads its clocks. */
  hostNowNs(): number;
  serialOutput(port: 0 | 1, byte: number): void;
  debugConsole(byte: number): void;
  /** Fills the array with random bytes. Without it there is no entropy device. */
  entropy?(into: Uint8Array): void;
  /** How many pages of 4 KiB the guest has lent back. */
  balloonChanged?(pages: number): void;
  /** The guest has begun or ceased to take the tablet's positions. */
  tabletActive?(isActive: boolean): void;
  /** Bytes that the guest prints. Without it the port has no printer. */
  printer?(byte: number): void;
  /** The tone that the PC speaker begins to sound; 0: silence. */
  speaker?(hertz: number): void;
  driveActivity?(drive: MachineDrive): void;
  /** Hands frames that have arrived to the cards, some dozens at most; how much that was. Called every 200 us of a slice and before the
   *  machine halts, which it does not while there is more. */
  poll?(): number;
  /** The guest has ejected the medium of a drive, which is empty now. */
  driveEjected?(drive: MachineDrive): void;
  /** Generated code of earlier runs. */
  codeCache?: CodeCache;
}

export type { CodeCache, GeneratedCode, KeptModule, KeptTranslation, MadeModule, MadeTranslation, PortableTranslation } from "../cpu/translate/code-cache.ts";
export type { InterpreterParts } from "../cpu/interp/build.ts";

export type ExitReason =
  | { kind: "poweredOff" }
  | { kind: "debugExit"; status: number }
  | { kind: "tripleFault"; dump: string }
  /** The engine met something it cannot go on from. */
  | { kind: "engineError"; message: string; dump: string };

export interface SliceResult {
  /** `ran`: budget used up. `halted`: HLT with nothing to do before wakeNs (virtual). `ended`: see exit. */
  kind: "ran" | "halted" | "ended";
  /** For `halted`: virtual time of the next timer, or Infinity. */
  wakeNs: number;
  instructions: number;
  exit?: ExitReason;
}

export interface Machine {
  readonly display: DisplaySource;
  /** Virtual time. While paused it stands still. */
  nowNs(): number;
  /** Runs for about `hostBudgetNs` of host time (a few ms at most), fires due timers. Never blocks. */
  runSlice(hostBudgetNs: number): SliceResult;
  /** Tells the clock that host time passed without the guest's (pause) so that virtual time does not jump. */
  resumeClock(): void;
  input(event: InputEvent): void;
  /** Bytes for a UART; returns how many were taken (the rest must be offered again later). */
  serialInput(port: 0 | 1, bytes: Uint8Array): number;
  /** Asks the guest to lend back so many pages of 4 KiB. Nothing happens without a balloon. */
  setBalloon(pages: number): void;
  /** Presses the ACPI power button. */
  pressPowerButton(): void;
  reset(): void;
  /** Puts a medium into a CD or floppy drive, or takes it out (null). The one before is no longer used. Throws MachineError: no such
   *  drive, not a medium for it, `wrongState` while the guest holds the tray shut and `force` is not given. */
  setMedium(driveId: string, medium: BlockBackend | null, force: boolean): void;
  /** What a code cache may keep for a later run. */
  generatedCode(): GeneratedCode;
  /** What the engine's tiers have done since power-on, by name. */
  counters(): Record<string, number>;
  /** Registers and the last code bytes, for error reports. */
  dump(): string;
}

/** Thrown by buildMachine: the boot source cannot be started. */
export class MachineError extends Error {
  override readonly name = "MachineError";
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
