// Saved state of a local APIC.
import { z } from "zod";
import { timeNs, u32, u8, uint } from "../../state/field-schemas.ts";

/** 256 bits, vector 0 in bit 0 of the first word. */
const bitmap = z.array(u32).length(8);

export const LapicState = z.strictObject({
  kind: z.literal("lapic"),
  version: z.literal(1),
  /** IA32_APIC_BASE. */
  apicBase: z.int().min(0).max(2 ** 52 - 1).refine((v) => (v % 4096 & ~0x900) === 0, "has reserved bits"),
  apicId: u8,
  tpr: u8,
  ldr: u32,
  dfr: u32,
  svr: uint(9),
  esr: u8,
  pendingErrors: u8,
  icrLo: u32,
  icrHi: u32,
  /** Timer, thermal, performance, LINT0, LINT1, error. */
  lvt: z.array(uint(19)).length(6),
  irr: bitmap,
  isr: bitmap,
  tmr: bitmap,
  initialCount: u32,
  divide: uint(4),
  timerStartNs: timeNs,
  /** When the timer next runs out, or 0 when it is stopped. */
  expiryNs: timeNs,
  /** A very short period is not served more often than this allows. */
  notBeforeNs: timeNs,
  /** Periods that are still to be given out, one after the other as the processor takes them. */
  late: z.int().min(0).max(1000),
  lint: z.tuple([z.boolean(), z.boolean()]),
  /** An ExtINT message waits to be acknowledged at the 8259. */
  extIntMessage: z.boolean(),
  /** The guest may end the one interrupt in service in its own memory. */
  isEoiOffered: z.boolean(),
});
export type LapicState = z.infer<typeof LapicState>;
