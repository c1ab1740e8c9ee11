// What an ATA disk saves: its settings and the commands under way, as records that are carried on after a load.
import { z } from "zod";
import { bytes, u16, u8, uint } from "../../state/field-schemas.ts";
import { CHUNK_BYTES, SLOT_COUNT } from "./ata-device.ts";

export const MAX_SECTORS = 65536;

export const RegistersState = z.strictObject({ command: u8, features: u16, count: u16, lba: uint(48), device: u8 });
export const TransferModeState = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none"), level: z.literal(0) }),
  z.strictObject({ kind: z.literal("multiword"), level: z.int().min(0).max(2) }),
  z.strictObject({ kind: z.literal("ultra"), level: z.int().min(0).max(5) }),
]);

/** One command under way. */
export const AtaTaskState = z.strictObject({
  slot: z.int().min(0).max(SLOT_COUNT - 1),
  registers: RegistersState,
  operation: z.enum(["read", "write", "verify", "flush", "trim", "reply"]),
  protocol: z.enum(["pio", "dma"]),
  /** Who is at work: the transport moves `data`, the medium reads or writes it, or it makes durable what was written. */
  stage: z.enum(["host", "medium", "flush"]),
  isExtended: z.boolean(),
  isDurable: z.boolean(),
  blockBytes: z.int().min(512).max(CHUNK_BYTES),
  /** Next sector on the medium, sectors still to go (this chunk included), and sectors moved before. Of a trim: the next range,
   *  and the ranges to go. */
  lba: uint(48),
  left: z.int().min(0).max(MAX_SECTORS),
  done: z.int().min(0).max(MAX_SECTORS),
  /** Sectors in this chunk, and the most there may be. */
  chunk: z.int().min(0).max(CHUNK_BYTES / 512),
  chunkLimit: z.int().min(1).max(CHUNK_BYTES / 512),
  data: bytes(0, CHUNK_BYTES),
});
export type AtaTask = z.infer<typeof AtaTaskState>;

/** A queued command that failed, until its log page is read. */
export const QueueErrorState = z.strictObject({
  tag: z.int().min(0).max(SLOT_COUNT - 1),
  status: u8,
  error: u8,
  count: u16,
  lba: uint(48),
  device: u8,
});
export type QueueError = z.infer<typeof QueueErrorState>;

export const AtaDiskState = z.strictObject({
  kind: z.literal("ata-disk"),
  version: z.literal(1),
  /** Size of the medium: a disk's state is of no use with another. */
  sectorCount: uint(48),
  heads: z.int().min(1).max(16),
  sectors: z.int().min(1).max(255),
  multiple: z.int().min(0).max(16),
  hasWriteCache: z.boolean(),
  hasReadAhead: z.boolean(),
  hasSmart: z.boolean(),
  power: z.enum(["active", "idle", "standby", "sleep"]),
  transferMode: TransferModeState,
  queueError: QueueErrorState.nullable(),
  tasks: z.array(AtaTaskState).max(SLOT_COUNT),
});
export type AtaDiskState = z.infer<typeof AtaDiskState>;
