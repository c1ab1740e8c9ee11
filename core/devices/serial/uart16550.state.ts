// Saved state of a UART.
import { z } from "zod";
import { bytes, timeNs, u16, u8, uint } from "../../state/field-schemas.ts";

export const UartState = z.strictObject({
  kind: z.literal("uart16550"),
  version: z.literal(1),
  ier: uint(4),
  /** FIFO enable and trigger bits as written: bits 0, 3, 6 and 7. */
  fcr: u8.refine((v) => (v & 0x36) === 0, "has self-clearing bits"),
  lcr: u8,
  mcr: uint(5),
  scr: u8,
  divisor: u16,
  /** MSR's delta bits. */
  modemDelta: uint(4),
  /** LSR's overrun error. */
  overrun: z.boolean(),
  /** The transmitter-empty interrupt waits. */
  thrEmptyPending: z.boolean(),
  /** Bytes received and not read, oldest first. */
  rx: bytes(0, 16),
  /** The last byte read from RBR. */
  rbr: u8,
  timedOut: z.boolean(),
  /** When the character timeout comes, or 0. */
  timeoutNs: timeNs,
});
export type UartState = z.infer<typeof UartState>;
