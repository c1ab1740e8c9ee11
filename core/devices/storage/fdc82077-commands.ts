// The commands of the 82077AA (data sheet table 5-1) by their first byte: how long each is, and what to call it.
// SCAN (which no PC software uses) and the commands of later chips are invalid here.

export type FdcCommandName =
  | "readTrack" | "specify" | "senseDrive" | "write" | "read" | "recalibrate" | "senseInterrupt" | "writeDeleted" | "readId"
  | "readDeleted" | "format" | "dumpRegisters" | "seek" | "version" | "perpendicular" | "configure" | "lock" | "verify"
  | "relativeSeek" | "invalid";

interface FdcCommand {
  name: FdcCommandName;
  /** Bits of the first byte that are options. */
  options: number;
  opcode: number;
  bytes: number;
}

export const MULTI_TRACK = 0x80;
export const MFM = 0x40;
export const SKIP = 0x20;

const row = (name: FdcCommandName, opcode: number, options: number, bytes: number): FdcCommand => ({ name, opcode, options, bytes });

const COMMANDS: readonly FdcCommand[] = [
  row("readTrack", 0x02, MFM, 9),
  row("specify", 0x03, 0, 3),
  row("senseDrive", 0x04, 0, 2),
  row("write", 0x05, MULTI_TRACK | MFM, 9),
  row("read", 0x06, MULTI_TRACK | MFM | SKIP, 9),
  row("recalibrate", 0x07, 0, 2),
  row("senseInterrupt", 0x08, 0, 1),
  row("writeDeleted", 0x09, MULTI_TRACK | MFM, 9),
  row("readId", 0x0a, MFM, 2),
  row("readDeleted", 0x0c, MULTI_TRACK | MFM | SKIP, 9),
  row("format", 0x0d, MFM, 6),
  row("dumpRegisters", 0x0e, 0, 1),
  row("seek", 0x0f, 0, 3),
  row("version", 0x10, 0, 1),
  row("perpendicular", 0x12, 0, 2),
  row("configure", 0x13, 0, 4),
  row("lock", 0x14, 0x80, 1),
  row("verify", 0x16, MULTI_TRACK | MFM | SKIP, 9),
  row("relativeSeek", 0x8f, 0x40, 3),
];
const INVALID = row("invalid", 0, 0, 1);

export function fdcCommand(first: number): FdcCommand {
  return COMMANDS.find(({ opcode, options }) => (first & ~options) === opcode) ?? INVALID;
}
