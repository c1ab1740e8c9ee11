// Saved state of the interval timer and of port 61h.
import { z } from "zod";
import { u8, uint } from "../../state/field-schemas.ts";
import { LateTicks } from "./late-ticks.ts";

/** An absolute CLK number: whole CLK periods since power-on. */
const tick = z.int().min(0).max(2 ** 52);
/** A count as the chip counts it: a written 0 is the largest. */
const count = z.int().min(1).max(0x10000);
const element = z.int().min(0).max(0xffff);

export const PitCounterState = z.strictObject({
  mode: z.int().min(0).max(5),
  /** RW bits: 1 low byte, 2 high byte, 3 low then high. */
  access: z.int().min(1).max(3),
  bcd: z.boolean(),
  gate: z.boolean(),
  /** CR: what was last written. */
  reload: count,
  /** A count has been written since the control word. */
  loaded: z.boolean(),
  /** CE is `initial` at `startTick` and counts down from there while running; else it stands at `held`. */
  running: z.boolean(),
  startTick: tick,
  initial: count,
  held: element,
  /** Modes 0 and 4: the count had ended before the gate stopped it. */
  expired: z.boolean(),
  /** Modes 2 and 3: a new count waits for `switchTick`; 0 = none. */
  nextInitial: z.int().min(0).max(0x10000),
  switchTick: tick,
  /** The low byte already written or read of two. */
  writeHigh: z.boolean(),
  writeLow: u8,
  readHigh: z.boolean(),
  isLatched: z.boolean(),
  latch: element,
  isStatusLatched: z.boolean(),
  statusLatch: u8,
});
export type PitCounterState = z.infer<typeof PitCounterState>;

export const PitState = z.strictObject({
  kind: z.literal("pit8254"),
  version: z.literal(1),
  counters: z.tuple([PitCounterState, PitCounterState, PitCounterState]),
  /** Bits 0 to 3 of port 61h as written. */
  port61: uint(4),
  irqLevel: z.boolean(),
  /** The next rise of OUT 0 that has not been given out; 0 = none. */
  nextRiseTick: tick,
  ticks: LateTicks,
});
export type PitState = z.infer<typeof PitState>;

export function powerOnPitCounter(gate: boolean): PitCounterState {
  return {
    mode: 0, access: 3, bcd: false, gate, reload: 0x10000, loaded: false, running: false, startTick: 0, initial: 0x10000, held: 0,
    expired: false, nextInitial: 0, switchTick: 0, writeHigh: false, writeLow: 0, readHigh: false, isLatched: false, latch: 0,
    isStatusLatched: false, statusLatch: 0,
  };
}
