// Saved state of the floppy controller and of the mechanics of its drives.
import { z } from "zod";
import { bytes, timeNs, u8, uint } from "../../state/field-schemas.ts";
import { LAST_STEP } from "./floppy-drive.ts";
import { MAX_SECTORS_PER_TRACK, SECTOR_BYTES } from "./floppy-media.ts";

/** A command that moves sectors, or looks for one. */
export const FdcTransferState = z
  .strictObject({
    kind: z.enum(["read", "write", "verify", "readTrack", "format", "readId"]),
    /** `find`: until the head is there and the sector comes by. `block`: the medium works. `turn`: until what it gave has
     *  passed under the head. `move`: bytes go to or from the host. */
    step: z.enum(["find", "block", "turn", "move"]),
    unit: uint(2),
    head: uint(1),
    isMultiTrack: z.boolean(),
    /** FM rather than MFM: nothing is recorded so. */
    isSingleDensity: z.boolean(),
    /** Only sectors with a deleted data mark are wanted, and others are (`skip`) passed over. */
    wantsDeleted: z.boolean(),
    skips: z.boolean(),
    c: u8,
    h: u8,
    r: u8,
    n: u8,
    /** Last sector of a track; of FORMAT, how many there are. */
    eot: u8,
    /** Sectors still to be verified, or 0: to the end of the track. */
    sectorLimit: u8,
    /** READ TRACK: 1 if the sector it compares with is there. FORMAT: what to fill with. */
    extra: u8,
    /** ST0 bit 5: an implied seek was done. */
    hasSought: z.boolean(),
    /** Bytes of the sectors under way, and how many have gone to or come from the host. */
    data: bytes(0, MAX_SECTORS_PER_TRACK * SECTOR_BYTES),
    at: z.int().min(0).max(MAX_SECTORS_PER_TRACK * SECTOR_BYTES),
    /** `at` when the FIFO was last looked after, or -1. */
    seenAt: z.int().min(-1).max(MAX_SECTORS_PER_TRACK * SECTOR_BYTES),
    isTerminal: z.boolean(),
    /** When the DMA channel has kept the controller waiting too long. */
    overrunNs: timeNs,
  })
  .refine(({ at, data }) => at <= data.length, "is past its data");
export type FdcTransferState = z.infer<typeof FdcTransferState>;

const four = <T extends z.ZodType>(item: T): z.ZodTuple<[T, T, T, T], null> => z.tuple([item, item, item, item]);
const DriveState = z.strictObject({ cylinder: z.int().min(0).max(LAST_STEP), isChanged: z.boolean() });

export const FdcState = z
  .strictObject({
    kind: z.literal("fdc82077"),
    version: z.literal(1),
    dor: u8,
    tdr: uint(2),
    rate: uint(2),
    phase: z.enum(["command", "execution", "result"]),
    /** The bytes of the command so far, or the results not read yet. */
    fifo: bytes(0, 16),
    /** INT before the DMA gate. */
    isInterrupting: z.boolean(),
    /** Drives whose change of state at a reset has not been sensed. */
    resetSenses: z.int().min(0).max(4),
    /** ST0 of a finished seek that has not been sensed, or 0. */
    seekEnds: four(u8),
    busyDrives: uint(4),
    specify: z.tuple([u8, u8]),
    config: uint(7),
    precompensation: u8,
    isLocked: z.boolean(),
    perpendicular: uint(6),
    /** What DUMPREG gives as SC/EOT. */
    lastSectorCount: u8,
    presentCylinders: four(u8),
    transfer: FdcTransferState.nullable(),
    /** When each timer fires, or 0. */
    resetNs: timeNs,
    executionNs: timeNs,
    seekNs: four(timeNs),
    drives: z.tuple([DriveState, DriveState]),
  })
  .refine((s) => (s.phase === "execution") === (s.transfer !== null), "has a transfer out of its phase")
  .refine((s) => s.phase !== "result" || s.fifo.length > 0, "has no results")
  .refine((s) => s.transfer === null || s.transfer.step !== "block" || s.executionNs === 0, "waits for two things");
export type FdcState = z.infer<typeof FdcState>;
