// Why a packet command failed: sense key, additional sense code and qualifier. SPC-3 (T10 1416D) 4.5, MMC-4 (T10 1545D) Annex F.

export interface Sense {
  key: number;
  asc: number;
  ascq: number;
  /** Address of the sector at fault. */
  information: number | null;
}

function sense(key: number, asc: number, ascq: number): Sense {
  return { key, asc, ascq, information: null };
}

const NOT_READY = 2;
const MEDIUM_ERROR = 3;
const ILLEGAL_REQUEST = 5;
const UNIT_ATTENTION = 6;
const ABORTED_COMMAND = 11;

export const NO_SENSE: Sense = sense(0, 0, 0);
export const NO_MEDIUM_TRAY_CLOSED: Sense = sense(NOT_READY, 0x3a, 0x01);
export const NO_MEDIUM_TRAY_OPEN: Sense = sense(NOT_READY, 0x3a, 0x02);
export const UNRECOVERED_READ_ERROR: Sense = sense(MEDIUM_ERROR, 0x11, 0x00);
export const PARAMETER_LIST_LENGTH: Sense = sense(ILLEGAL_REQUEST, 0x1a, 0x00);
export const INVALID_COMMAND: Sense = sense(ILLEGAL_REQUEST, 0x20, 0x00);
export const ADDRESS_OUT_OF_RANGE: Sense = sense(ILLEGAL_REQUEST, 0x21, 0x00);
export const INVALID_FIELD: Sense = sense(ILLEGAL_REQUEST, 0x24, 0x00);
export const INVALID_PARAMETER: Sense = sense(ILLEGAL_REQUEST, 0x26, 0x00);
export const INCOMPATIBLE_FORMAT: Sense = sense(ILLEGAL_REQUEST, 0x30, 0x02);
export const SAVING_NOT_SUPPORTED: Sense = sense(ILLEGAL_REQUEST, 0x39, 0x00);
export const REMOVAL_PREVENTED: Sense = sense(ILLEGAL_REQUEST, 0x53, 0x02);
export const ILLEGAL_MODE: Sense = sense(ILLEGAL_REQUEST, 0x64, 0x00);
export const MEDIUM_CHANGED: Sense = sense(UNIT_ATTENTION, 0x28, 0x00);
export const POWERED_ON: Sense = sense(UNIT_ATTENTION, 0x29, 0x00);

/** Fixed-format sense data, as REQUEST SENSE gives it. */
export function senseData(sense: Sense): Uint8Array {
  const data = new Uint8Array(18);
  const { information } = sense;
  data[0] = information === null ? 0x70 : 0xf0;
  data[2] = sense.key;
  if (information !== null) new DataView(data.buffer).setUint32(3, information);
  data[7] = 10;
  data[12] = sense.asc;
  data[13] = sense.ascq;
  return data;
}

/** The error register after a packet command: the sense key, and ABRT where the command itself was at fault. */
export function senseError(sense: Sense): number {
  return (sense.key << 4) | (sense.key === ILLEGAL_REQUEST || sense.key === ABORTED_COMMAND ? 0x04 : 0);
}
