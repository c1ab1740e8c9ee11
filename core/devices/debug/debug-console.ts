// A debug console port (Bochs E9h, QEMU isa-debugcon): each byte written goes out, a read gives E9h so that firmware can tell
// that it is there. Wider writes send their bytes low first. It has no state.
import { z } from "zod";
import type { AccessSize, BusDevice, Device } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";

const DebugConsoleState = z.strictObject({ kind: z.literal("debug-console"), version: z.literal(1) });

/** What a read gives, whatever port the console is put at. */
const SIGNATURE = 0xe9;

export class DebugConsole implements Device, BusDevice {
  readonly id: string;
  readonly kind = "debug-console";
  private readonly onByte: (byte: number) => void;

  constructor(id: string, onByte: (byte: number) => void) {
    this.id = id;
    this.onByte = onByte;
  }

  readReg(): number {
    return SIGNATURE;
  }

  writeReg(_bank: number, _offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) this.onByte((value >>> (8 * i)) & 0xff);
  }

  reset(): void {
    // Nothing to reset.
  }

  save(): DeviceState {
    return { kind: "debug-console", version: 1 };
  }

  load(state: unknown): void {
    parseState(DebugConsoleState, state, this.id);
  }
}
