// Saved state of the AHCI controller. Each port's drive is nested, and checks its own.
import { z } from "zod";
import { PciFunctionState } from "../../bus/pci-function.ts";
import { u16, u32, uint } from "../../state/field-schemas.ts";

export const AHCI_PORTS = 6;

/** A command that the drive has and has not finished: what the controller read of its header. */
export const AhciCommandState = z.strictObject({
  slot: uint(5),
  isQueued: z.boolean(),
  /** Command table, and how many entries its PRD table has. */
  table: z.int().min(0).max(0xffffffff).refine((v) => v % 128 === 0, "is not aligned"),
  entries: u16,
});
export type AhciCommandState = z.infer<typeof AhciCommandState>;

export const AhciPortState = z
  .strictObject({
    clb: u32,
    clbu: u32,
    fb: u32,
    fbu: u32,
    is: u32,
    ie: u32,
    cmd: u32,
    tfd: u16,
    sig: u32,
    sctl: uint(12),
    serr: u32,
    sact: u32,
    ci: u32,
    /** An error has stopped the command list until ST is cleared. */
    isHalted: z.boolean(),
    /** The drive's first FIS after a reset waits for FIS receive to be on. */
    hasSignature: z.boolean(),
    /** The last control FIS held the drive in soft reset. */
    isInSoftReset: z.boolean(),
    commands: z.array(AhciCommandState).max(32),
    drive: z.unknown(),
  })
  .refine(({ commands }) => new Set(commands.map((c) => c.slot)).size === commands.length, "has a slot twice");
export type AhciPortState = z.infer<typeof AhciPortState>;

export const AhciState = z.strictObject({
  kind: z.literal("ahci"),
  version: z.literal(1),
  ghc: u32,
  is: u32,
  pci: PciFunctionState,
  ports: z.array(AhciPortState).length(AHCI_PORTS),
});
export type AhciState = z.infer<typeof AhciState>;
