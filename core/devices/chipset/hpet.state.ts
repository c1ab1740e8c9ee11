// Saved state of the HPET.
import { z } from "zod";
import { timeNs, u32, uint } from "../../state/field-schemas.ts";
import { LateTicks } from "./late-ticks.ts";

export const HpetTimerState = z.strictObject({
  configLo: u32,
  comparatorLo: u32,
  comparatorHi: u32,
  periodLo: u32,
  periodHi: u32,
  fsbLo: u32,
  fsbHi: u32,
  /** When it next matches, or 0. */
  matchNs: timeNs,
  /** The level on its line. */
  level: z.boolean(),
  ticks: LateTicks,
});
export type HpetTimerState = z.infer<typeof HpetTimerState>;

export const HpetState = z.strictObject({
  kind: z.literal("hpet"),
  version: z.literal(1),
  enabled: z.boolean(),
  legacy: z.boolean(),
  status: uint(3),
  /** The main counter was this at counter tick `baseTick` of virtual time, and stands still while not enabled. */
  counterLo: u32,
  counterHi: u32,
  baseTick: z.int().min(0).max(2 ** 50),
  timers: z.tuple([HpetTimerState, HpetTimerState, HpetTimerState]),
});
export type HpetState = z.infer<typeof HpetState>;
