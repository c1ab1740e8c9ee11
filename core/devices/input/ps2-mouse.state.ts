// Saved state of a PS/2 mouse.
import { z } from "zod";
import { bytes, u8, uint } from "../../state/field-schemas.ts";

const motion = z.int().min(-32_768).max(32_767);

export const MouseState = z.strictObject({
  kind: z.literal("ps2-mouse"),
  version: z.literal(1),
  /** 0 standard, 3 with wheel (IntelliMouse), 4 with wheel and five buttons (IntelliMouse Explorer). */
  model: z.union([z.literal(0), z.literal(3), z.literal(4)]),
  reporting: z.boolean(),
  remote: z.boolean(),
  wrap: z.boolean(),
  doubleScale: z.boolean(),
  resolution: uint(2),
  sampleRate: u8,
  /** The last three sample rates, oldest first: the knock that changes the model. */
  knock: z.tuple([u8, u8, u8]),
  command: u8,
  lastSent: u8,
  buttons: uint(5),
  /** Motion not yet reported; y upwards. */
  dx: motion,
  dy: motion,
  wheel: motion,
  /** Motion or buttons have changed since the last report. */
  changed: z.boolean(),
  queue: bytes(0, 128),
});
export type MouseState = z.infer<typeof MouseState>;
