// Saved state of a PS/2 keyboard.
import { z } from "zod";
import { bytes, u8, uint } from "../../state/field-schemas.ts";

export const KeyboardState = z.strictObject({
  kind: z.literal("ps2-keyboard"),
  version: z.literal(1),
  scanning: z.boolean(),
  scanSet: z.union([z.literal(1), z.literal(2)]),
  leds: uint(3),
  typematic: uint(7),
  /** The command whose argument is awaited, or 0. */
  command: u8,
  lastSent: u8,
  queue: bytes(0, 256),
});
export type KeyboardState = z.infer<typeof KeyboardState>;
