// The seam between an ATA or ATAPI drive and what it is plugged into. A drive takes a command as a record of registers, asks its
// transport to move data when there is some, and says how the command ended; an IDE channel (PIO or bus-master DMA) and an AHCI
// port drive the same code. Register contents as in ATA/ATAPI-6 (T13 1410D), clauses 7 and 8.

export const STATUS_ERR = 0x01;
export const STATUS_DRQ = 0x08;
/** Seek complete; SERVICE for packet devices. */
export const STATUS_DSC = 0x10;
export const STATUS_DF = 0x20;
export const STATUS_DRDY = 0x40;
export const STATUS_BSY = 0x80;

export const ERROR_ABRT = 0x04;
export const ERROR_IDNF = 0x10;
export const ERROR_UNC = 0x40;

/** Device register: LBA rather than CHS, and the drive's number. */
export const DEVICE_LBA = 0x40;
export const DEVICE_DEV = 0x10;

export const COMMAND_DEVICE_RESET = 0x08;
export const COMMAND_EXECUTE_DIAGNOSTIC = 0x90;

/** Most bytes that one command holds in the host's memory, however much it transfers in all. */
export const CHUNK_BYTES = 256 * 1024;
export const SLOT_COUNT = 32;

/** A command as it was issued: the task file of an IDE channel, or a register FIS. */
export interface AtaRegisters {
  command: number;
  /** 16 bits: the byte written before is 15:8. */
  features: number;
  /** 16 bits, likewise. */
  count: number;
  /** 48 bits: LBA low, mid and high are 7:0, 15:8 and 23:16, what they held before is 31:24, 39:32 and 47:40. */
  lba: number;
  device: number;
}

/** Registers after a command or a reset. Fields as in AtaRegisters. */
export interface AtaResult {
  status: number;
  error: number;
  count: number;
  lba: number;
  device: number;
}

/** Data that the transport is to move now. It belongs to the drive; the transport copies to or from `data` and then calls
 *  dataMoved(), within the same call or later. */
export interface AtaDataPhase {
  slot: number;
  /** `packet`: the 12 bytes of a command packet, out. `packetData`: data of a packet command. */
  kind: "data" | "packet" | "packetData";
  /** `in`: to the host. */
  direction: "in" | "out";
  protocol: "pio" | "dma";
  /** PIO: most bytes for each time that DRQ is set. Even, but the end of `data` may cut a block to an odd length. */
  blockBytes: number;
  /** Bytes that earlier phases of the same command have moved (the packet itself not counted). */
  offset: number;
  data: Uint8Array;
}

export interface AtaTransport {
  dataPhase(phase: AtaDataPhase): void;
  /** `interrupts` is false where the protocol has no interrupt at the end: a PIO data-in command that went well. */
  commandDone(slot: number, result: AtaResult, interrupts: boolean): void;
}

/** `power` and `hard` (RESET-, COMRESET) restore power-on settings; `soft` (SRST, DEVICE RESET) keeps what SET FEATURES set. */
export type AtaResetKind = "power" | "hard" | "soft";

export interface AtaDevice {
  readonly isPacketDevice: boolean;
  /** Forgets all commands under way, without a commandDone(), and gives the registers with the drive's signature. */
  reset(kind: AtaResetKind): AtaResult;
  /** Starts a command. Slots (0 to 31) may overlap only for READ and WRITE FPDMA QUEUED, whose slot is their tag. May call
   *  dataPhase() and commandDone() before it returns. */
  start(slot: number, registers: AtaRegisters): void;
  /** All of the slot's data phase has been moved. */
  dataMoved(slot: number): void;
  /** The phase that waits for the transport, if there is one: a transport finds its work again after load(). */
  phase(slot: number): AtaDataPhase | null;
  save(): AtaDeviceState;
  /** Checks saved state (StateError) and returns what loads it: commands that waited for the medium are submitted again, and
   *  the transport is not called. */
  prepareLoad(state: unknown): () => void;
}

/** What a drive saves, to be nested in its controller's state. */
export interface AtaDeviceState {
  [field: string]: string | number | boolean | null | Uint8Array | AtaDeviceState | AtaDeviceState[];
}

/** Registers of a drive that has just been reset or diagnosed, with no fault found. */
export function signature(isPacketDevice: boolean): AtaResult {
  return { status: isPacketDevice ? 0 : STATUS_DRDY | STATUS_DSC, error: 0x01, count: 1, lba: isPacketDevice ? 0xeb1401 : 0x000001, device: 0 };
}
