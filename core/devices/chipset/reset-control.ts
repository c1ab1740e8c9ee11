// System control port A, port 92h (IBM PS/2): fast reset and the fast A20 gate. Bank 0 = the port. The chipset's reset register CF9h
// is the PIIX3's.
import { z } from "zod";
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { u8 } from "../../state/field-schemas.ts";

const FAST_RESET = 0x01, A20 = 0x02;

const SystemControlState = z.strictObject({
  kind: z.literal("port92"),
  version: z.literal(1),
  value: u8.refine((v) => (v & FAST_RESET) === 0, "is in reset"),
});

export interface SystemControlPorts {
  /** This port's part of the A20 gate has changed (see `a20`). */
  onA20(enabled: boolean): void;
  /** The guest asks for a reset. */
  onReset(): void;
}

export class SystemControlPort extends ByteRegisters implements Device {
  readonly id: string;
  readonly kind = "port92";
  private readonly ports: SystemControlPorts;
  private value = 0;

  constructor(id: string, ports: SystemControlPorts) {
    super();
    this.id = id;
    this.ports = ports;
  }

  /** Address line 20 is on if this or the keyboard controller says so. To be read after load() and reset(), which tell nobody. */
  get a20(): boolean {
    return (this.value & A20) !== 0;
  }

  protected override readByte(_bank: number, offset: number): number {
    return offset === 0 ? this.value : 0xff;
  }

  protected override writeByte(_bank: number, offset: number, value: number): void {
    if (offset !== 0) return;
    const before = this.a20;
    this.value = value & ~FAST_RESET;
    if (before !== this.a20) this.ports.onA20(this.a20);
    if (value & FAST_RESET) this.ports.onReset();
  }

  reset(_kind: ResetKind): void {
    this.value = 0;
  }

  save(): DeviceState {
    return { kind: "port92", version: 1, value: this.value };
  }

  load(state: unknown): void {
    this.value = parseState(SystemControlState, state, this.id).value;
  }

  describe(): Record<string, string | number | boolean> {
    return { a20: this.a20, value: this.value };
  }
}
