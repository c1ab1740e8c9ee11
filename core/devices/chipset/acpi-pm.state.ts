// Saved state of the ACPI power management registers.
import { z } from "zod";
import { timeNs, u16, u8 } from "../../state/field-schemas.ts";

export const AcpiPmState = z.strictObject({
  kind: z.literal("acpi-pm"),
  version: z.literal(1),
  pm1Status: u16,
  pm1Enable: u16,
  pm1Control: u16.refine((v) => (v & ~0x1c07) === 0, "has reserved bits"),
  gpeStatus: u16,
  gpeEnable: u16,
  smiCommand: u8,
  smiStatus: u8,
  /** TMR_STS is right up to this time. */
  settledNs: timeNs,
});
export type AcpiPmState = z.infer<typeof AcpiPmState>;
