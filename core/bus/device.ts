// What a device is to the rest of the machine: registers on a bus, interrupt lines out, plain state to save.
import type { DeviceState } from "../state/device-state.ts";

/** `power`: all state as after power-on. `warm`: a reset line or port CF9h; what the datasheet says survives, survives. */
export type ResetKind = "power" | "warm";

/** Width of one bus access in bytes. Wider accesses (8 bytes) are split by the bus. */
export type AccessSize = 1 | 2 | 4;

/** Register access. `bank` says which of the device's mapped ranges, `offset` is from that range's start. Values are
 *  unsigned (0 to 2^(8*size)-1). Any size at any offset must be safe: a device never throws for a guest's access. */
export interface BusDevice {
  readReg(bank: number, offset: number, size: AccessSize): number;
  writeReg(bank: number, offset: number, size: AccessSize, value: number): void;
  /** A run of equal reads of one register (REP INS): fills `into` from its start with whole elements of `size` bytes and returns how
   *  many bytes it filled. 0 where the device has no faster way than readReg(), and whenever it does not want to. */
  readRun?(bank: number, offset: number, size: AccessSize, into: Uint8Array): number;
  /** A run of writes (REP OUTS): returns how many bytes of `from` it took. */
  writeRun?(bank: number, offset: number, size: AccessSize, from: Uint8Array): number;
}

export interface Device {
  /** Unique in its machine, stable over saves: "com1", "pic". */
  readonly id: string;
  /** What chip it is: "uart16550". */
  readonly kind: string;
  reset(kind: ResetKind): void;
  save(): DeviceState;
  /** Takes what save() gave; throws StateError and changes nothing if it is not that. Touches nothing outside but re-arms
   *  the device's own timers and drives its own interrupt lines to the saved level. */
  load(state: unknown): void;
  onTimer?(name: string): void;
  /** A few lines for the debugger and the details page. */
  describe?(): Record<string, string | number | boolean>;
}

/** A level- or edge-sensitive wire owned by one device. Setting the level it already has does nothing. */
export interface IrqLine {
  set(level: boolean): void;
}

/** The two pins between an interrupt controller and the CPU: INTR and the acknowledge cycle. */
export interface InterruptSource {
  /** True while an interrupt may be acknowledged. */
  hasInterrupt(): boolean;
  /** Acknowledges: gives the vector (0 to 255) and moves it into service. Only when hasInterrupt(). */
  acknowledge(): number;
}
