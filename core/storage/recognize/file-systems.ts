// File systems by their superblocks: FAT12/16/32 with the names in the root folder (Microsoft FAT specification 1.03), ext2/3/4, and a
// few more by their marks alone.
import { type BoundedSource, holds, latin1, shown, u8, u16, u32 } from "./byte-source.ts";

export interface FileSystem {
  kind: "FAT12" | "FAT16" | "FAT32" | "NTFS" | "exFAT" | "ext2" | "ext3" | "ext4" | "XFS" | "Btrfs" | "Linux swap" | "SquashFS" | "UFS";
  label: string;
  /** FAT: who formatted it. */
  oemName: string;
  /** FAT: names in the root folder as "KERNEL.SYS". */
  rootFiles: string[];
}

const MAX_ROOT_BYTES = 64 * 1024;

export async function readFileSystem(source: BoundedSource, offset = 0): Promise<FileSystem | null> {
  const start = await source.read(offset, 4096);
  return (await readFat(source, offset, start)) ?? readExt(start) ?? (await readByMark(source, offset, start));
}

async function readFat(source: BoundedSource, offset: number, boot: Uint8Array): Promise<FileSystem | null> {
  const sectorBytes = u16(boot, 11);
  const clusterSectors = u8(boot, 13);
  const reserved = u16(boot, 14);
  const fats = u8(boot, 16);
  const rootEntries = u16(boot, 17);
  const total = u16(boot, 19) || u32(boot, 32);
  const fatSectors = u16(boot, 22) || u32(boot, 36);
  const isJump = u8(boot, 0) === 0xeb || u8(boot, 0) === 0xe9;
  const isPower = (n: number) => n > 0 && (n & (n - 1)) === 0;
  if (!isJump || !isPower(sectorBytes) || sectorBytes < 512 || sectorBytes > 4096 || !isPower(clusterSectors)) return null;
  if (reserved === 0 || fats < 1 || fats > 2 || total === 0 || fatSectors === 0 || u8(boot, 21) < 0xf0) return null;
  const rootSectors = Math.ceil((rootEntries * 32) / sectorBytes);
  const dataStart = reserved + fats * fatSectors + rootSectors;
  const clusters = Math.floor((total - dataStart) / clusterSectors);
  if (clusters < 1) return null;
  const isFat32 = u16(boot, 22) === 0;
  const rootAt = isFat32 ? dataStart + (u32(boot, 44) - 2) * clusterSectors : dataStart - rootSectors;
  const rootBytes = isFat32 ? clusterSectors * sectorBytes : rootEntries * 32;
  const root = await source.read(offset + rootAt * sectorBytes, Math.min(rootBytes, MAX_ROOT_BYTES));
  const { label, files } = parseRoot(root);
  const labelAt = isFat32 ? 71 : 43;
  const hasLabel = u8(boot, labelAt - 5) === 0x29;
  const bootLabel = hasLabel ? shown(latin1(boot, labelAt, 11)) : "";
  return {
    kind: isFat32 ? "FAT32" : clusters < 4085 ? "FAT12" : "FAT16",
    label: label || (bootLabel === "NO NAME" ? "" : bootLabel),
    oemName: shown(latin1(boot, 3, 8)),
    rootFiles: files,
  };
}

function parseRoot(root: Uint8Array): { label: string; files: string[] } {
  let label = "";
  const files: string[] = [];
  for (let at = 0; at + 32 <= root.length && u8(root, at) !== 0; at += 32) {
    const attributes = u8(root, at + 11);
    if (u8(root, at) === 0xe5 || (attributes & 0x3f) === 0x0f) continue; // deleted, or part of a long name
    if (attributes & 0x08) label ||= shown(latin1(root, at, 11));
    else {
      const extension = shown(latin1(root, at + 8, 3));
      files.push(shown(latin1(root, at, 8)) + (extension ? `.${extension}` : ""));
    }
  }
  return { label, files };
}

/** Superblock at 1024: magic at 56, features at 92 (compatible: journal 4), 96 (incompatible: extents 40h, 64-bit 80h, flex 200h). */
function readExt(start: Uint8Array): FileSystem | null {
  const superblock = start.subarray(1024);
  if (u16(superblock, 56) !== 0xef53 || u32(superblock, 24) > 6) return null;
  const kind = u32(superblock, 96) & 0x2c0 ? "ext4" : u32(superblock, 92) & 4 ? "ext3" : "ext2";
  return plain(kind, shown(latin1(superblock, 120, 16)));
}

async function readByMark(source: BoundedSource, offset: number, start: Uint8Array): Promise<FileSystem | null> {
  if (holds(start, 3, "NTFS    ")) return plain("NTFS");
  if (holds(start, 3, "EXFAT   ")) return plain("exFAT");
  if (holds(start, 0, "XFSB")) return plain("XFS", shown(latin1(start, 108, 12)));
  if (holds(start, 0, "hsqs")) return plain("SquashFS");
  if (holds(start, 4086, "SWAPSPACE2")) return plain("Linux swap", shown(latin1(start, 1052, 16)));
  const btrfs = await source.read(offset + 0x10000, 0x300);
  if (holds(btrfs, 0x40, "_BHRfS_M")) return plain("Btrfs", shown(latin1(btrfs, 0x12b, 256)));
  // UFS2's superblock is at 64 KiB, its magic at 1372.
  if (u32(await source.read(offset + 0x10000 + 1372, 4), 0) === 0x19540119) return plain("UFS");
  return null;
}

const plain = (kind: FileSystem["kind"], label = ""): FileSystem => ({ kind, label, oemName: "", rootFiles: [] });
