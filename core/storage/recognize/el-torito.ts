// The boot catalogue of a CD (El Torito Bootable CD-ROM Format 1.0, sections 2.1 to 2.4): which boot images it offers, for which
// platform and as what kind of disk. Leaves out selection criteria, which only a firmware with a menu of its own would use.
import { type BoundedSource, u8, u16, u32 } from "./byte-source.ts";
import { CD_SECTOR } from "./iso9660.ts";

export type BootPlatform = "x86" | "powerpc" | "mac" | "efi" | "other";
export type BootEmulation = "none" | "floppy1200" | "floppy1440" | "floppy2880" | "disk";

export interface BootEntry {
  platform: BootPlatform;
  emulation: BootEmulation;
  isBootable: boolean;
  /** Where the image starts, in bytes, and how many 512-byte sectors the firmware loads. */
  offset: number;
  sectorCount: number;
  /** The image starts beyond the end of the medium. */
  isPastEnd: boolean;
}

export interface BootCatalogue {
  entries: BootEntry[];
  /** The validation entry has its marks and its sum. */
  isValid: boolean;
}

const ENTRY = 32;
const MAX_ENTRIES = 64;
const PLATFORMS: ReadonlyMap<number, BootPlatform> = new Map([[0, "x86"], [1, "powerpc"], [2, "mac"], [0xef, "efi"]]);
const EMULATIONS: readonly BootEmulation[] = ["none", "floppy1200", "floppy1440", "floppy2880", "disk"];

const Header = { VALIDATION: 0x01, EXTENSION: 0x44, BOOTABLE: 0x88, NOT_BOOTABLE: 0x00, SECTION: 0x90, LAST_SECTION: 0x91 } as const;

export async function readBootCatalogue(source: BoundedSource, offset: number): Promise<BootCatalogue> {
  const bytes = await source.read(offset, CD_SECTOR);
  if (!isValidation(bytes)) return { entries: [], isValid: false };
  let platform = u8(bytes, 1);
  const entries = [entryAt(bytes, ENTRY, platform, source.sizeBytes)];
  // Sections follow: a header that says how many entries are its own, then those, each perhaps with extensions.
  let left = 0;
  for (let n = 2; n < MAX_ENTRIES; n++) {
    const at = n * ENTRY;
    const header = u8(bytes, at);
    if (header === Header.EXTENSION) continue;
    if (left > 0) {
      left--;
      entries.push(entryAt(bytes, at, platform, source.sizeBytes));
    } else if (header === Header.SECTION || header === Header.LAST_SECTION) {
      platform = u8(bytes, at + 1);
      left = u16(bytes, at + 2);
    } else break;
  }
  return { entries, isValid: true };
}

function isValidation(bytes: Uint8Array): boolean {
  if (bytes.length < 2 * ENTRY || u8(bytes, 0) !== Header.VALIDATION || u16(bytes, 30) !== 0xaa55) return false;
  let sum = 0;
  for (let at = 0; at < ENTRY; at += 2) sum += u16(bytes, at);
  return (sum & 0xffff) === 0;
}

function entryAt(bytes: Uint8Array, at: number, platform: number, sizeBytes: number): BootEntry {
  const offset = u32(bytes, at + 8) * CD_SECTOR;
  return {
    platform: PLATFORMS.get(platform) ?? "other",
    emulation: EMULATIONS[u8(bytes, at + 1) & 0x0f] ?? "none",
    isBootable: u8(bytes, at) === Header.BOOTABLE,
    offset,
    sectorCount: u16(bytes, at + 6),
    isPastEnd: offset === 0 || offset >= sizeBytes,
  };
}
