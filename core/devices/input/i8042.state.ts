// Saved state of the keyboard controller.
import { z } from "zod";
import { bytes, timeNs, u8 } from "../../state/field-schemas.ts";

export const I8042State = z.strictObject({
  kind: z.literal("i8042"),
  version: z.literal(1),
  /** The controller's RAM; byte 0 is the command byte (CTR). */
  ram: bytes(32),
  outputPort: u8,
  /** The command whose argument is awaited, or 0. */
  command: u8,
  /** The last write went to port 64h. */
  lastWasCommand: z.boolean(),
  data: u8,
  isFull: z.boolean(),
  isFromAux: z.boolean(),
  /** The controller's own answers that wait for the output buffer: pairs of value and 1 for the aux side. */
  replies: bytes(0, 32).refine((data) => data.length % 2 === 0, "must be pairs"),
  /** Translation has seen F0h. */
  breakSeen: z.boolean(),
  /** No byte from a device before this. */
  readyNs: timeNs,
});
export type I8042State = z.infer<typeof I8042State>;
