// Saved state of the interrupt controller pair.
import { z } from "zod";
import { u8, uint } from "../../state/field-schemas.ts";

export const PicChipState = z.strictObject({
  /** Input levels, IR0 in bit 0. */
  lines: u8,
  irr: u8,
  isr: u8,
  imr: u8,
  /** 1 = level-triggered. */
  elcr: u8,
  vectorBase: u8.refine((v) => (v & 7) === 0, "must be a multiple of 8"),
  /** The IR with the lowest priority. */
  lowest: uint(3),
  /** The ICW awaited: 2, 3 or 4, or 0 when initialised. */
  awaitedIcw: z.union([z.literal(0), z.literal(2), z.literal(3), z.literal(4)]),
  wantsIcw4: z.boolean(),
  autoEoi: z.boolean(),
  rotateOnAutoEoi: z.boolean(),
  specialFullyNested: z.boolean(),
  specialMask: z.boolean(),
  /** A read of the even port gives ISR rather than IRR. */
  readsIsr: z.boolean(),
  /** The next read is a poll. */
  poll: z.boolean(),
}).refine((chip) => (chip.irr & ~chip.lines) === 0, "requests without their line");
export type PicChipState = z.infer<typeof PicChipState>;

export const PicPairState = z.strictObject({ kind: z.literal("pic8259"), version: z.literal(1), master: PicChipState, slave: PicChipState });
export type PicPairState = z.infer<typeof PicPairState>;

export function powerOnPicChip(): PicChipState {
  return {
    lines: 0, irr: 0, isr: 0, imr: 0, elcr: 0, vectorBase: 0, lowest: 7, awaitedIcw: 0, wantsIcw4: false, autoEoi: false,
    rotateOnAutoEoi: false, specialFullyNested: false, specialMask: false, readsIsr: false, poll: false,
  };
}
