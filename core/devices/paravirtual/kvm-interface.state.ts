// Saved state of the paravirtual interface.
import { z } from "zod";
import { u32 } from "../../state/field-schemas.ts";

const words = z.tuple([u32, u32]);

export const KvmState = z.strictObject({
  kind: z.literal("kvm"),
  version: z.literal(1),
  /** The registers as the guest wrote them. */
  wallClock: words,
  systemTime: words,
  endOfInterrupt: words.refine(([lo]) => (lo & 2) === 0, "is not aligned"),
  /** How long the machine has been paused since power-on: virtual time stood still, wall time did not. */
  pausedNs: z.int().min(0).max(2 ** 53 - 1),
});
export type KvmState = z.infer<typeof KvmState>;
