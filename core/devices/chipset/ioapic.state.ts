// Saved state of an I/O APIC.
import { z } from "zod";
import { u32, u8, uint } from "../../state/field-schemas.ts";

export const IoApicState = z.strictObject({
  kind: z.literal("ioapic"),
  version: z.literal(1),
  apicId: uint(4),
  index: u8,
  /** Input levels, pin 0 in bit 0; true is asserted, whatever the polarity bit says. */
  pins: uint(24),
  redirectionLo: z.array(uint(17)).length(24),
  redirectionHi: z.array(u32).length(24),
});
export type IoApicState = z.infer<typeof IoApicState>;
