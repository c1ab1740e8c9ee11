// What an ATAPI CD drive saves: its settings, what it has still to tell the guest, and the command under way.
import { z } from "zod";
import { bytes, u32, u8, uint } from "../../state/field-schemas.ts";
import { CHUNK_BYTES, SLOT_COUNT } from "./ata-device.ts";
import { RegistersState, TransferModeState } from "./ata-disk.state.ts";
import { MODE_VALUES_BYTES } from "./atapi-mode-pages.ts";

export const PACKET_BYTES = 12;

export const AtapiTaskState = z.strictObject({
  slot: z.int().min(0).max(SLOT_COUNT - 1),
  registers: RegistersState,
  /** `identify`: ATA data to the host. `packet`: the packet from it. `parameters`: a command's data from it. `reply`, `sectors`: data
   *  to it. `medium`: sectors are being read. */
  stage: z.enum(["identify", "packet", "parameters", "reply", "medium", "sectors"]),
  packet: bytes(PACKET_BYTES),
  /** Next sector, sectors to go (this chunk included), bytes moved before. */
  lba: u32,
  left: u32,
  done: uint(45),
  /** Sectors in this chunk, and the most there may be. */
  chunk: z.int().min(0).max(CHUNK_BYTES / 2048),
  chunkLimit: z.int().min(1).max(CHUNK_BYTES / 2048),
  /** Parts of each sector that READ CD wants; 10h, user data, for other reads. */
  parts: u8,
  /** The medium that is being read has gone. */
  isCut: z.boolean(),
  data: bytes(0, CHUNK_BYTES),
});
export type AtapiTask = z.infer<typeof AtapiTaskState>;

export const AtapiCdState = z.strictObject({
  kind: z.literal("atapi-cd"),
  version: z.literal(1),
  /** Size of the medium; null for none. */
  mediumBytes: z.int().min(0).nullable(),
  isTrayOpen: z.boolean(),
  isLocked: z.boolean(),
  sense: z.strictObject({ key: z.int().min(0).max(15), asc: u8, ascq: u8, information: u32.nullable() }),
  /** Unit attentions that wait: power-on or reset, medium changed. */
  hasBeenReset: z.boolean(),
  hasMediumChanged: z.boolean(),
  mediaEvent: z.enum(["none", "ejectRequest", "newMedia", "mediaRemoval"]),
  modeValues: bytes(MODE_VALUES_BYTES),
  power: z.enum(["active", "idle", "standby", "sleep"]),
  transferMode: TransferModeState,
  task: AtapiTaskState.nullable(),
});
export type AtapiCdState = z.infer<typeof AtapiCdState>;
