// Partition tables: the PC's master boot record with its chain of extended ones, and the GUID partition table (UEFI 2.10, 5.3).
// Partitions are for showing what a disk holds; nothing is opened by them.
import { type BoundedSource, holds, shown, u8, u16, u32, u64, utf16 } from "./byte-source.ts";

export interface Partition {
  /** What it is for, as its type says: "Linux", "EFI system", "type 0x9f". */
  type: string;
  /** Of a GUID partition; else empty. */
  name: string;
  offset: number;
  sizeBytes: number;
  /** Marked to be booted. */
  isActive: boolean;
}

export interface PartitionTable {
  scheme: "mbr" | "gpt";
  partitions: Partition[];
  /** A partition lies beyond the end of the medium. */
  isPastEnd: boolean;
  /** The table contradicts itself: a sum that is wrong, a chain that loops. */
  isDamaged: boolean;
}

const SECTOR = 512;
const MAX_LOGICAL = 60;
const MAX_GUID_ENTRIES = 256;
const PROTECTIVE = 0xee;

const MBR_TYPES: ReadonlyMap<number, string> = new Map([
  [0x01, "FAT12"], [0x04, "FAT16"], [0x06, "FAT16"], [0x0e, "FAT16"], [0x0b, "FAT32"], [0x0c, "FAT32"], [0x07, "NTFS or exFAT"],
  [0x05, "extended"], [0x0f, "extended"], [0x85, "extended"], [0x82, "Linux swap"], [0x83, "Linux"], [0x8e, "Linux LVM"], [0xfd, "Linux RAID"],
  [0xa5, "FreeBSD"], [0xa6, "OpenBSD"], [0xa9, "NetBSD"], [0xbf, "Solaris"], [0xeb, "Haiku"], [0xef, "EFI system"], [0x96, "ISO 9660"],
  [0x17, "hidden NTFS"], [0x27, "Windows recovery"],
]);

const GUID_TYPES: Record<string, string> = {
  "C12A7328-F81F-11D2-BA4B-00A0C93EC93B": "EFI system",
  "21686148-6449-6E6F-744E-656564454649": "BIOS boot",
  "0FC63DAF-8483-4772-8E79-3D69D8477DE4": "Linux",
  "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709": "Linux root",
  "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F": "Linux swap",
  "E6D6D379-F507-44C2-A23C-238F2A3DF928": "Linux LVM",
  "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": "Basic data",
  "E3C9E316-0B5C-4DB8-817D-F92DF00215AE": "Microsoft reserved",
  "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC": "Windows recovery",
  "83BD6B9D-7F41-11DC-BE0B-001560B84F0F": "FreeBSD boot",
  "516E7CB6-6ECF-11D6-8FF8-00022D09712B": "FreeBSD",
  "516E7CB5-6ECF-11D6-8FF8-00022D09712B": "FreeBSD swap",
};

export const hasBootSignature = (sector: Uint8Array): boolean => u16(sector, 510) === 0xaa55;

/** Null if sector 0 holds no table that makes sense. */
export async function readPartitionTable(source: BoundedSource, sector0: Uint8Array): Promise<PartitionTable | null> {
  if (!hasBootSignature(sector0)) return null;
  const rows = [0, 1, 2, 3].map((n) => rowAt(sector0, 446 + n * 16));
  const used = rows.filter((row) => row.type !== 0 && row.count > 0);
  // A status is 0 or 80h. Anything else is code or text of a boot sector without a table.
  if (used.length === 0 || rows.some((row) => (row.status & 0x7f) !== 0)) return null;
  if (used.some((row) => row.type === PROTECTIVE)) return (await readGuidTable(source)) ?? tableOf("mbr", used.map((row) => partitionOf(row, 0)), source);
  const table = tableOf("mbr", used.map((row) => partitionOf(row, 0)), source);
  for (const row of used) {
    if (!isExtended(row.type)) continue;
    const { logical, isDamaged } = await readLogical(source, row.start);
    table.partitions.push(...logical);
    table.isDamaged ||= isDamaged;
  }
  return { ...table, isPastEnd: isAnyPastEnd(table.partitions, source) };
}

interface Row {
  status: number;
  type: number;
  start: number;
  count: number;
}

function rowAt(sector: Uint8Array, at: number): Row {
  return { status: u8(sector, at), type: u8(sector, at + 4), start: u32(sector, at + 8), count: u32(sector, at + 12) };
}

const isExtended = (type: number): boolean => type === 0x05 || type === 0x0f || type === 0x85;

function partitionOf(row: Row, base: number): Partition {
  const type = MBR_TYPES.get(row.type) ?? `type 0x${row.type.toString(16).padStart(2, "0")}`;
  return { type, name: "", offset: (base + row.start) * SECTOR, sizeBytes: row.count * SECTOR, isActive: row.status === 0x80 };
}

/** Each link of the chain holds one logical partition, counted from the link, and the next link, counted from the first. */
async function readLogical(source: BoundedSource, first: number): Promise<{ logical: Partition[]; isDamaged: boolean }> {
  const logical: Partition[] = [];
  const seen = new Set<number>();
  for (let link = first; !seen.has(link) && seen.size < MAX_LOGICAL; ) {
    seen.add(link);
    const sector = await source.read(link * SECTOR, SECTOR);
    if (!hasBootSignature(sector)) return { logical, isDamaged: true };
    const row = rowAt(sector, 446);
    if (row.type !== 0 && row.count > 0) logical.push(partitionOf(row, link));
    const next = rowAt(sector, 462);
    if (!isExtended(next.type) || next.count === 0) return { logical, isDamaged: false };
    link = first + next.start;
  }
  return { logical, isDamaged: true };
}

async function readGuidTable(source: BoundedSource): Promise<PartitionTable | null> {
  for (const sectorBytes of [512, 4096]) {
    const header = await source.read(sectorBytes, 512);
    if (!holds(header, 0, "EFI PART")) continue;
    const entryBytes = u32(header, 84);
    const count = Math.min(u32(header, 80), MAX_GUID_ENTRIES);
    if (entryBytes < 128 || entryBytes > 4096) return tableOf("gpt", [], source, true);
    const bytes = await source.read(u64(header, 72) * sectorBytes, count * entryBytes);
    const partitions: Partition[] = [];
    for (let at = 0; at + 128 <= bytes.length; at += entryBytes) {
      const guid = guidAt(bytes, at);
      if (/^[0-]*$/.test(guid)) continue;
      const start = u64(bytes, at + 32);
      const end = u64(bytes, at + 40);
      partitions.push({
        type: GUID_TYPES[guid] ?? `type ${guid}`,
        name: shown(utf16(bytes, at + 56, 72, false)),
        offset: start * sectorBytes,
        sizeBytes: Math.max(0, end - start + 1) * sectorBytes,
        isActive: (u8(bytes, at + 48) & 4) !== 0,
      });
    }
    return tableOf("gpt", partitions.filter((p) => Number.isFinite(p.offset + p.sizeBytes)), source, !isHeaderSumRight(header) || bytes.length < count * entryBytes);
  }
  return null;
}

function isHeaderSumRight(header: Uint8Array): boolean {
  const length = u32(header, 12);
  if (length < 92 || length > header.length) return false;
  const summed = header.slice(0, length);
  summed.fill(0, 16, 20);
  return crc32(summed) === u32(header, 16);
}

/** The reflected CRC-32 of IEEE 802.3, bit by bit: it sums 92 bytes. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Mixed-endian, as UEFI writes it. */
function guidAt(bytes: Uint8Array, at: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const tail = [...bytes.subarray(at + 8, at + 16)].map((b) => hex(b, 2)).join("");
  return `${hex(u32(bytes, at), 8)}-${hex(u16(bytes, at + 4), 4)}-${hex(u16(bytes, at + 6), 4)}-${tail.slice(0, 4)}-${tail.slice(4)}`.toUpperCase();
}

function tableOf(scheme: "mbr" | "gpt", partitions: Partition[], source: BoundedSource, isDamaged = false): PartitionTable {
  return { scheme, partitions, isPastEnd: isAnyPastEnd(partitions, source), isDamaged };
}

const isAnyPastEnd = (partitions: Partition[], source: BoundedSource): boolean => partitions.some((p) => p.offset + p.sizeBytes > source.sizeBytes);
