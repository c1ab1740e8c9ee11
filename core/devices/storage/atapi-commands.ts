// The packet commands of a CD drive: each looks at its packet and the drive, and says what is to be done. SPC-3 (T10 1416D), MMC-4
// (T10 1545D).
import {
  discInformation, dvdStructure, fromMsf, isDvd, sectorHeader, subChannel, tableOfContents, trackInformation,
} from "./atapi-disc.ts";
import { configuration, eventStatus, inquiry, mechanismStatus, type MediaEvent } from "./atapi-drive-info.ts";
import { type ModePages, PARAMETER_LIST_LIMIT } from "./atapi-mode-pages.ts";
import * as S from "./atapi-sense.ts";

/** What commands see of the drive. */
export interface PacketDrive {
  readonly serialNumber: string;
  readonly isSerialAta: boolean;
  readonly modePages: ModePages;
  /** Null where there is no medium. */
  readonly sectorCount: number | null;
  isTrayOpen: boolean;
  isLocked: boolean;
  mediaEvent: MediaEvent;
  notReady(): S.Sense | null;
  takeAttention(): S.Sense | null;
  takeSense(): S.Sense;
  eject(): void;
}

export type Outcome =
  | { kind: "good" }
  | { kind: "check"; sense: S.Sense }
  /** Data for the host, cut to what it asked for. */
  | { kind: "reply"; data: Uint8Array }
  /** The command has a parameter list, which is fetched first: it is then carried out again with it. */
  | { kind: "parameters"; length: number }
  | { kind: "sectors"; lba: number; count: number; parts: number };

interface Call {
  drive: PacketDrive;
  packet: Uint8Array;
  /** Sectors of the medium; 0 where the command does not need one. */
  sectorCount: number;
  parameters: Uint8Array | null;
}

interface Command {
  run(call: Call): Outcome;
  /** Fails while there is no medium. */
  needsMedium?: boolean;
  /** Is carried out though a unit attention waits. */
  ignoresAttention?: boolean;
}

const GOOD: Outcome = { kind: "good" };
const USER_DATA = 0x10;

function check(sense: S.Sense): Outcome {
  return { kind: "check", sense };
}
function u16(packet: Uint8Array, at: number): number {
  return ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
}
function u32(packet: Uint8Array, at: number): number {
  return u16(packet, at) * 0x10000 + u16(packet, at + 2);
}
/** `data` as far as the host has room; null: the field that chose it was wrong. */
function reply(data: Uint8Array | null, room: number): Outcome {
  return data === null ? check(S.INVALID_FIELD) : { kind: "reply", data: data.slice(0, room) };
}
function isMsf(packet: Uint8Array): boolean {
  return ((packet[1] ?? 0) & 2) !== 0;
}

function read(lba: number, count: number, parts: number, sectorCount: number): Outcome {
  if (lba >= sectorCount || lba + count > sectorCount) return check(S.ADDRESS_OUT_OF_RANGE);
  return { kind: "sectors", lba, count, parts };
}

function readCd({ packet, sectorCount }: Call, lba: number, count: number): Outcome {
  const type = ((packet[1] ?? 0) >>> 2) & 7;
  const wanted = packet[9] ?? 0;
  // Error flags and sub-channels are an audio disc's; there are no sub-headers in mode 1.
  if (type > 5 || (wanted & 0x07) !== 0 || ((packet[10] ?? 0) & 7) !== 0) return check(S.INVALID_FIELD);
  if (type !== 0 && type !== 2) return check(S.ILLEGAL_MODE);
  return read(lba, count, wanted & 0xb8, sectorCount);
}

function modeSense(call: Call, isLong: boolean): Outcome {
  const { drive, packet } = call;
  const page = packet[2] ?? 0;
  const mediumType = drive.isTrayOpen ? 0x71 : drive.sectorCount === null ? 0x70 : 0x01;
  const answer = drive.modePages.sense(page & 0x3f, page >>> 6, isLong, mediumType, drive.isLocked);
  return answer instanceof Uint8Array ? reply(answer, isLong ? u16(packet, 7) : (packet[4] ?? 0)) : check(answer);
}

function modeSelect({ drive, packet, parameters }: Call, isLong: boolean): Outcome {
  const length = isLong ? u16(packet, 7) : (packet[4] ?? 0);
  // Page format as in SPC, and nothing is kept over a power-off.
  if (((packet[1] ?? 0) & 0x11) !== 0x10) return check(S.INVALID_FIELD);
  if (length > PARAMETER_LIST_LIMIT) return check(S.PARAMETER_LIST_LENGTH);
  if (length > 0 && parameters === null) return { kind: "parameters", length };
  const sense = drive.modePages.select(parameters ?? new Uint8Array(0), isLong);
  return sense ? check(sense) : GOOD;
}

function startStopUnit({ drive, packet }: Call): Outcome {
  const action = packet[4] ?? 0;
  if (action >>> 4 !== 0 || (action & 2) === 0) return GOOD; // power conditions, spindle
  if (action & 1) {
    drive.isTrayOpen = false;
    return GOOD;
  }
  if (drive.isLocked) return check(S.REMOVAL_PREVENTED);
  drive.eject();
  return GOOD;
}

function readToc({ packet, sectorCount }: Call): Outcome {
  // Older drives had the format at the top of the control byte.
  const format = ((packet[2] ?? 0) & 15) || (packet[9] ?? 0) >>> 6;
  return reply(tableOfContents(format, isMsf(packet), packet[6] ?? 0, sectorCount), u16(packet, 7));
}

function readTrackInformation({ packet, sectorCount }: Call): Outcome {
  const kind = (packet[1] ?? 0) & 3;
  const address = u32(packet, 2);
  const isThere = kind === 0 ? address < sectorCount : kind === 3 ? false : address === 1;
  return isThere ? reply(trackInformation(sectorCount), u16(packet, 7)) : check(S.INVALID_FIELD);
}

function readDvdStructure({ packet, sectorCount }: Call): Outcome {
  if (!isDvd(sectorCount)) return check(S.INCOMPATIBLE_FORMAT);
  return (packet[6] ?? 0) !== 0 ? check(S.INVALID_FIELD) : reply(dvdStructure(packet[7] ?? 0, sectorCount), u16(packet, 8));
}

function readCapacity({ sectorCount }: Call): Outcome {
  const data = new Uint8Array(8);
  const view = new DataView(data.buffer);
  view.setUint32(0, sectorCount - 1);
  view.setUint32(4, 2048);
  return reply(data, 8);
}

function getEventStatus({ drive, packet }: Call): Outcome {
  if (((packet[1] ?? 0) & 1) === 0) return check(S.INVALID_FIELD); // asynchronous reporting
  const classes = packet[4] ?? 0;
  const data = eventStatus(classes, drive.mediaEvent, drive.sectorCount !== null, drive.isTrayOpen);
  const room = u16(packet, 7);
  if (data.length === 8 && room > 4) drive.mediaEvent = "none";
  return reply(data, room);
}

const COMMANDS = new Map<number, Command>([
  [0x00, { needsMedium: true, run: () => GOOD }], // TEST UNIT READY
  [0x03, { ignoresAttention: true, run: ({ drive, packet }) => reply(S.senseData(drive.takeSense()), packet[4] ?? 0) }], // REQUEST SENSE
  [
    0x12, // INQUIRY
    {
      ignoresAttention: true,
      run: ({ drive, packet }) => {
        const hasPage = ((packet[1] ?? 0) & 1) !== 0;
        if (!hasPage && packet[2] !== 0) return check(S.INVALID_FIELD);
        return reply(inquiry(hasPage ? (packet[2] ?? 0) : null, drive.serialNumber), u16(packet, 3));
      },
    },
  ],
  [0x15, { run: (call) => modeSelect(call, false) }],
  [0x1a, { run: (call) => modeSense(call, false) }],
  [0x1b, { run: startStopUnit }],
  [
    0x1e, // PREVENT ALLOW MEDIUM REMOVAL
    {
      run: ({ drive, packet }) => {
        drive.isLocked = ((packet[4] ?? 0) & 1) !== 0;
        return GOOD;
      },
    },
  ],
  [0x25, { needsMedium: true, run: readCapacity }],
  [0x28, { needsMedium: true, run: ({ packet, sectorCount }) => read(u32(packet, 2), u16(packet, 7), USER_DATA, sectorCount) }],
  [0xa8, { needsMedium: true, run: ({ packet, sectorCount }) => read(u32(packet, 2), u32(packet, 6), USER_DATA, sectorCount) }],
  [0x2b, { needsMedium: true, run: ({ packet, sectorCount }) => (u32(packet, 2) < sectorCount ? GOOD : check(S.ADDRESS_OUT_OF_RANGE)) }], // SEEK
  [
    0x2f, // VERIFY: an image is as good as it was
    {
      needsMedium: true,
      run: ({ packet, sectorCount }) => (u32(packet, 2) + u16(packet, 7) <= sectorCount ? GOOD : check(S.ADDRESS_OUT_OF_RANGE)),
    },
  ],
  [
    0x42, // READ SUB-CHANNEL
    {
      needsMedium: true,
      run: ({ packet }) => reply(subChannel(packet[3] ?? 0, isMsf(packet), ((packet[2] ?? 0) & 0x40) !== 0, 0), u16(packet, 7)),
    },
  ],
  [0x43, { needsMedium: true, run: readToc }],
  [
    0x44, // READ HEADER
    {
      needsMedium: true,
      run: ({ packet, sectorCount }) => {
        const lba = u32(packet, 2);
        return lba < sectorCount ? reply(sectorHeader(lba, isMsf(packet)), u16(packet, 7)) : check(S.ADDRESS_OUT_OF_RANGE);
      },
    },
  ],
  [
    0x46, // GET CONFIGURATION
    {
      ignoresAttention: true,
      run: ({ drive, packet }) => {
        const request = (packet[1] ?? 0) & 3;
        if (request === 3) return check(S.INVALID_FIELD);
        return reply(configuration(request, u16(packet, 2), drive.sectorCount, drive.isSerialAta), u16(packet, 7));
      },
    },
  ],
  [0x4a, { ignoresAttention: true, run: getEventStatus }],
  [0x4e, { needsMedium: true, run: () => GOOD }], // STOP PLAY/SCAN
  [
    0x51, // READ DISC INFORMATION
    {
      needsMedium: true,
      run: ({ packet }) => (((packet[1] ?? 0) & 7) === 0 ? reply(discInformation(), u16(packet, 7)) : check(S.INVALID_FIELD)),
    },
  ],
  [0x52, { needsMedium: true, run: readTrackInformation }],
  [0x55, { run: (call) => modeSelect(call, true) }],
  [0x5a, { run: (call) => modeSense(call, true) }],
  [0xad, { needsMedium: true, run: readDvdStructure }],
  [
    0xb9, // READ CD MSF: the end is the sector after the last
    {
      needsMedium: true,
      run: (call) => {
        const p = call.packet;
        const from = fromMsf(p[3] ?? 0, p[4] ?? 0, p[5] ?? 0);
        const to = fromMsf(p[6] ?? 0, p[7] ?? 0, p[8] ?? 0);
        return from === null || to === null || to < from ? check(S.INVALID_FIELD) : readCd(call, from, to - from);
      },
    },
  ],
  [0xbb, { run: () => GOOD }], // SET CD SPEED
  [0xbd, { run: ({ drive, packet }) => reply(mechanismStatus(drive.isTrayOpen), u16(packet, 8)) }],
  [0xbe, { needsMedium: true, run: (call) => readCd(call, u32(call.packet, 2), u32(call.packet, 5) % 2 ** 24) }], // READ CD
]);

/** Carries a packet out. `parameters` is the list that an earlier outcome asked for. */
export function executePacket(drive: PacketDrive, packet: Uint8Array, parameters: Uint8Array | null): Outcome {
  const command = COMMANDS.get(packet[0] ?? 0);
  if (!command) return check(S.INVALID_COMMAND);
  const attention = command.ignoresAttention || parameters ? null : drive.takeAttention();
  const sense = attention ?? (command.needsMedium ? drive.notReady() : null);
  return sense ? check(sense) : command.run({ drive, packet, parameters, sectorCount: drive.sectorCount ?? 0 });
}
