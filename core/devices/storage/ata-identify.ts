// The 512 bytes that IDENTIFY DEVICE and IDENTIFY PACKET DEVICE give. ATA/ATAPI-7 (T13 1532D) volume 1, 6.17 and 6.18; words 69,
// 105, 169 and 217 from ATA8-ACS.

export interface Geometry {
  cylinders: number;
  heads: number;
  sectors: number;
}

/** What stands in IDENTIFY DEVICE and changes from drive to drive or with its settings. */
export interface DiskFacts {
  serialNumber: string;
  model: string;
  isSerialAta: boolean;
  /** Second drive of a parallel cable. */
  isSecond: boolean;
  sectorCount: number;
  defaults: Geometry;
  current: Geometry;
  /** Sectors of a READ MULTIPLE block, 0 when off, and the most there may be. */
  multiple: number;
  multipleLimit: number;
  hasWriteCache: boolean;
  hasReadAhead: boolean;
  hasSmart: boolean;
  transferMode: TransferMode;
}

/** DMA mode in use. */
export interface TransferMode {
  kind: "none" | "multiword" | "ultra";
  level: number;
}

export const FIRMWARE_REVISION = "1.0";
/** 512-byte blocks of ranges that one DATA SET MANAGEMENT may carry. */
export const TRIM_BLOCKS = 8;
const LBA28_LIMIT = 0x0fffffff;
const MULTIWORD_MODES = 0x07;
const ULTRA_MODES = 0x3f;

export function identifyDisk(facts: DiskFacts): Uint8Array {
  const { defaults, current } = facts;
  const words = new Uint16Array(256);
  const set = (index: number, ...values: number[]): void => words.set(values, index);
  set(0, 0x0040); // fixed
  set(1, defaults.cylinders);
  set(3, defaults.heads);
  set(6, defaults.sectors);
  text(words, 10, 10, facts.serialNumber);
  set(20, 3, 512, 4); // buffer: dual-ported with look-ahead, 256 KiB; bytes of ECC
  text(words, 23, 4, FIRMWARE_REVISION);
  text(words, 27, 20, facts.model);
  set(47, 0x8000 | facts.multipleLimit);
  set(49, 0x2f00, 0x4000, 0x0200, 0x0200); // DMA, LBA, IORDY, standby timer; PIO and DMA timing
  set(53, 0x0007);
  set(54, current.cylinders, current.heads, current.sectors, ...dword(current.cylinders * current.heads * current.sectors));
  set(59, facts.multiple === 0 ? 0 : 0x0100 | facts.multiple);
  set(60, ...dword(Math.min(facts.sectorCount, LBA28_LIMIT)));
  set(63, modes(MULTIWORD_MODES, facts.transferMode, "multiword"));
  set(64, 0x0003, 120, 120, 120, 120); // PIO modes 3 and 4; cycle times
  if (facts.isSerialAta) {
    set(75, 31); // queue of 32
    set(76, 0x0106); // NCQ, 1.5 and 3 Gbit/s
  }
  set(80, 0x00f0); // ATA-4 to ATA-7
  // SMART, power management, write cache, look-ahead, NOP; LBA48, FLUSH CACHE [EXT]; FUA writes, general logs.
  const sets = [0x4069, 0x7400, facts.isSerialAta ? 0x4060 : 0x4040] as const;
  set(82, ...sets);
  const off = (facts.hasSmart ? 0 : 0x0001) | (facts.hasWriteCache ? 0 : 0x0020) | (facts.hasReadAhead ? 0 : 0x0040);
  set(85, sets[0] & ~off, sets[1] & ~0x4000, sets[2]);
  set(88, modes(ULTRA_MODES, facts.transferMode, "ultra"));
  if (!facts.isSerialAta) set(93, facts.isSecond ? 0x6b00 : 0x600b); // reset passed, 80-wire cable
  set(100, ...dword(facts.sectorCount), ...dword(Math.floor(facts.sectorCount / 2 ** 32)));
  set(105, TRIM_BLOCKS);
  set(106, 0x4000);
  set(169, 0x0001); // TRIM
  set(217, 0x0001); // does not rotate
  if (facts.isSerialAta) set(222, 0x1010); // SATA 1.0a
  return sealed(words);
}

export interface PacketFacts {
  serialNumber: string;
  model: string;
  isSerialAta: boolean;
  isSecond: boolean;
  transferMode: TransferMode;
}

export function identifyPacketDevice(facts: PacketFacts): Uint8Array {
  const words = new Uint16Array(256);
  const set = (index: number, ...values: number[]): void => words.set(values, index);
  set(0, 0x85c0); // CD-ROM, removable, DRQ within 50 us, 12-byte packets
  text(words, 10, 10, facts.serialNumber);
  text(words, 23, 4, FIRMWARE_REVISION);
  text(words, 27, 20, facts.model);
  set(49, 0x0f00, 0x4000, 0x0200, 0x0200);
  set(53, 0x0006);
  set(63, modes(MULTIWORD_MODES, facts.transferMode, "multiword"));
  set(64, 0x0003, 120, 120, 120, 120);
  if (facts.isSerialAta) set(76, 0x0006);
  set(80, 0x00f0);
  set(82, 0x4218, 0x4000, 0x4000); // NOP, DEVICE RESET, PACKET, power management
  set(85, 0x4218, 0x0000, 0x4000);
  set(88, modes(ULTRA_MODES, facts.transferMode, "ultra"));
  if (!facts.isSerialAta) set(93, facts.isSecond ? 0x6b00 : 0x600b);
  if (facts.isSerialAta) set(222, 0x1010);
  return sealed(words);
}

function modes(supported: number, mode: TransferMode, kind: TransferMode["kind"]): number {
  return supported | (mode.kind === kind ? 0x100 << mode.level : 0);
}

function dword(value: number): [number, number] {
  return [value & 0xffff, Math.floor(value / 0x10000) & 0xffff];
}

/** ATA strings: padded with blanks, the first of two characters in the high byte; what is not printable ASCII becomes "?". */
function text(words: Uint16Array, at: number, length: number, value: string): void {
  const padded = value.replace(/[^ -~]/g, "?").padEnd(2 * length, " ");
  for (let i = 0; i < length; i++) words[at + i] = (padded.charCodeAt(2 * i) << 8) | padded.charCodeAt(2 * i + 1);
}

/** As bytes, with signature and checksum in word 255: all bytes add up to 0. */
function sealed(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(512);
  for (const [i, word] of words.entries()) {
    bytes[2 * i] = word & 0xff;
    bytes[2 * i + 1] = word >>> 8;
  }
  bytes[510] = 0xa5;
  bytes[511] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}

/** SET FEATURES 03h: the mode that a transfer mode number asks for; null if there is no such mode. PIO modes have no DMA. */
export function transferModeOf(value: number, current: TransferMode): TransferMode | null {
  const level = value & 7;
  switch (value >>> 3) {
    case 0: // PIO, default
      return level <= 1 ? current : null;
    case 1: // PIO with flow control
      return level <= 4 ? current : null;
    case 4:
      return (MULTIWORD_MODES >>> level) & 1 ? { kind: "multiword", level } : null;
    case 8:
      return (ULTRA_MODES >>> level) & 1 ? { kind: "ultra", level } : null;
    default:
      return null;
  }
}
