// Saved state of the real-time clock and its CMOS memory.
import { z } from "zod";
import { bytes, timeNs, uint } from "../../state/field-schemas.ts";

export const RtcState = z.strictObject({
  kind: z.literal("rtc146818"),
  version: z.literal(1),
  index: uint(7),
  nmiMasked: z.boolean(),
  /** All 128 registers as written; the time registers count only while SET holds them. */
  cmos: bytes(128),
  /** Second number `baseSecond` (since 1970, as the guest sets the clock) began at `baseNs`. */
  baseSecond: z.int().min(-(2 ** 40)).max(2 ** 40),
  baseNs: z.int().min(-1_000_000_000).max(2 ** 52),
  /** How far the guest's day of the week is from the calendar's. */
  weekdayShift: z.int().min(0).max(6),
  /** UF, AF and PF of register C. */
  flags: z.int().min(0).max(0x70).refine((v) => (v & 0x0f) === 0, "only UF, AF and PF"),
  /** The flags are right up to this time. */
  settledNs: z.int().min(0),
  /** Periods that are still to be given out, the next not before `retryNs`. */
  backlog: z.int().min(0).max(1000),
  retryNs: timeNs,
});
export type RtcState = z.infer<typeof RtcState>;
