// The debug-exit port: a write of V ends the machine with status (V << 1) | 1, as QEMU's isa-debug-exit does.
// Bank 0: four ports. Reads give 0. It has no state.
import { z } from "zod";
import type { AccessSize, BusDevice, Device } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";

const DebugExitState = z.strictObject({ kind: z.literal("debug-exit"), version: z.literal(1) });

export class DebugExit implements Device, BusDevice {
  readonly id: string;
  readonly kind = "debug-exit";
  private readonly onExit: (status: number) => void;

  constructor(id: string, onExit: (status: number) => void) {
    this.id = id;
    this.onExit = onExit;
  }

  readReg(): number {
    return 0;
  }

  writeReg(_bank: number, _offset: number, _size: AccessSize, value: number): void {
    this.onExit(((value << 1) | 1) >>> 0);
  }

  reset(): void {
    // Nothing to reset.
  }

  save(): DeviceState {
    return { kind: "debug-exit", version: 1 };
  }

  load(state: unknown): void {
    parseState(DebugExitState, state, this.id);
  }
}
