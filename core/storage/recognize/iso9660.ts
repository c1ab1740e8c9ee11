// ISO 9660 (ECMA-119) volumes: descriptors, and files by path through Joliet's tree or the primary one with Rock Ridge names. A path
// is followed part by part and reads each folder once, so folders that contain themselves do no harm. Leaves out: multi-extent
// and interleaved files, extended attributes, Rock Ridge continuation areas, UDF (only its presence is noted).
import { type BoundedSource, holds, latin1, shown, u8, u16, u32, utf16 } from "./byte-source.ts";

export const CD_SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MAX_DESCRIPTORS = 32;
const MAX_FOLDER_BYTES = 1024 * 1024;
const MAX_DEPTH = 16;
const MAX_NAME = 255;

/** Volume descriptor types of ECMA-119 8.1.1. */
const DescriptorType = { BOOT: 0, PRIMARY: 1, SUPPLEMENTARY: 2, TERMINATOR: 255 } as const;

interface Extent {
  offset: number;
  sizeBytes: number;
}

interface Tree {
  root: Extent;
  blockBytes: number;
  isJoliet: boolean;
}

export interface IsoVolume {
  volumeId: string;
  systemId: string;
  publisherId: string;
  applicationId: string;
  /** As the volume says. */
  sizeBytes: number;
  hasJoliet: boolean;
  hasUdf: boolean;
  /** Byte offset of the El Torito boot catalogue, as its boot record says. */
  bootCatalogue: number | null;
  /** Best first. */
  trees: Tree[];
}

export async function readIsoVolume(source: BoundedSource): Promise<IsoVolume | null> {
  const volume: IsoVolume = {
    volumeId: "", systemId: "", publisherId: "", applicationId: "", sizeBytes: 0, hasJoliet: false, hasUdf: false, bootCatalogue: null, trees: [],
  };
  let isIso = false;
  for (let n = 0; n < MAX_DESCRIPTORS; n++) {
    const d = await source.read((FIRST_DESCRIPTOR + n) * CD_SECTOR, CD_SECTOR);
    if (holds(d, 1, "NSR02") || holds(d, 1, "NSR03")) volume.hasUdf = true;
    const isUdf = holds(d, 1, "BEA01") || holds(d, 1, "NSR0") || holds(d, 1, "TEA01");
    if (!holds(d, 1, "CD001") && !isUdf) break;
    if (isUdf) continue;
    const type = u8(d, 0);
    if (type === DescriptorType.PRIMARY && !isIso) {
      isIso = true;
      takePrimary(volume, d);
    } else if (type === DescriptorType.SUPPLEMENTARY && isJoliet(d)) {
      volume.hasJoliet = true;
      volume.trees.unshift(treeOf(d, true));
    } else if (type === DescriptorType.BOOT && holds(d, 7, "EL TORITO SPECIFICATION")) {
      volume.bootCatalogue ??= u32(d, 0x47) * CD_SECTOR;
    }
  }
  return isIso || volume.hasUdf ? volume : null;
}

function takePrimary(volume: IsoVolume, d: Uint8Array): void {
  volume.systemId = shown(latin1(d, 8, 32));
  volume.volumeId = shown(latin1(d, 40, 32));
  volume.publisherId = shown(latin1(d, 318, 128));
  volume.applicationId = shown(latin1(d, 574, 128));
  volume.sizeBytes = u32(d, 80) * (u16(d, 128) || CD_SECTOR);
  volume.trees.push(treeOf(d, false));
}

/** Escape sequences of UCS-2 levels 1 to 3. */
const isJoliet = (d: Uint8Array): boolean => ["%/@", "%/C", "%/E"].some((sequence) => holds(d, 88, sequence));

function treeOf(d: Uint8Array, isJolietTree: boolean): Tree {
  const blockBytes = u16(d, 128) || CD_SECTOR;
  return { root: { offset: u32(d, 156 + 2) * blockBytes, sizeBytes: u32(d, 156 + 10) }, blockBytes, isJoliet: isJolietTree };
}

/** The first `limit` bytes of a file, or null if there is none at `path` ("/isolinux/isolinux.cfg", case does not matter). */
export async function readIsoFile(source: BoundedSource, volume: IsoVolume, path: string, limit: number): Promise<Uint8Array | null> {
  const parts = path.split("/").filter((part) => part !== "").map((part) => part.toLowerCase());
  if (parts.length === 0 || parts.length > MAX_DEPTH) return null;
  for (const tree of volume.trees) {
    const extent = await find(source, tree, parts);
    if (!extent || extent.offset + extent.sizeBytes > source.sizeBytes) continue;
    return source.read(extent.offset, Math.min(extent.sizeBytes, limit));
  }
  return null;
}

/** Whether a file or folder is there. */
export async function isIsoPath(source: BoundedSource, volume: IsoVolume, path: string): Promise<boolean> {
  return (await readIsoFile(source, volume, path, 0)) !== null || (await hasFolder(source, volume, path));
}

async function hasFolder(source: BoundedSource, volume: IsoVolume, path: string): Promise<boolean> {
  const parts = path.split("/").filter((part) => part !== "").map((part) => part.toLowerCase());
  for (const tree of volume.trees) if (parts.length <= MAX_DEPTH && (await find(source, tree, parts, true))) return true;
  return false;
}

async function find(source: BoundedSource, tree: Tree, parts: string[], wantsFolder = false): Promise<Extent | null> {
  let folder = tree.root;
  for (const [depth, part] of parts.entries()) {
    const isLast = depth === parts.length - 1;
    const entries = parseFolder(await source.read(folder.offset, Math.min(folder.sizeBytes, MAX_FOLDER_BYTES)), tree);
    // A plain ISO 9660 name has no dot in front.
    const wanted = [part, part.replace(/^\./, "_")];
    const entry = entries.find((e) => e.isFolder === (wantsFolder || !isLast) && e.names.some((name) => wanted.includes(name)));
    if (!entry) return null;
    if (isLast) return entry.extent;
    folder = entry.extent;
  }
  return null;
}

interface FolderEntry {
  /** In lower case. */
  names: string[];
  isFolder: boolean;
  extent: Extent;
}

/** Directory records of ECMA-119 9.1. */
function parseFolder(bytes: Uint8Array, tree: Tree): FolderEntry[] {
  const entries: FolderEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = u8(bytes, at);
    if (length === 0) {
      // Records do not cross sectors: the rest of this one is empty.
      at = (Math.floor(at / CD_SECTOR) + 1) * CD_SECTOR;
      continue;
    }
    if (length < 34) break;
    const record = bytes.subarray(at, at + length);
    at += length;
    const nameLength = u8(record, 32);
    const isSelfOrParent = nameLength === 1 && u8(record, 33) <= 1;
    if (isSelfOrParent || 33 + nameLength > record.length) continue;
    entries.push({
      names: namesOf(record, nameLength, tree.isJoliet),
      isFolder: (u8(record, 25) & 2) !== 0,
      extent: { offset: u32(record, 2) * tree.blockBytes, sizeBytes: u32(record, 10) },
    });
  }
  return entries;
}

function namesOf(record: Uint8Array, nameLength: number, isJolietTree: boolean): string[] {
  const name = isJolietTree ? utf16(record, 33, nameLength, true) : latin1(record, 33, nameLength);
  // "NAME.EXT;1", and a file without an extension is "NAME.;1".
  const plain = name.replace(/;\d*$/, "").replace(/\.$/, "").toLowerCase();
  const rockRidge = isJolietTree ? "" : rockRidgeName(record, 33 + nameLength + ((nameLength + 1) & 1)).toLowerCase();
  return rockRidge === "" ? [plain] : [rockRidge, plain];
}

/** The NM entries of IEEE P1282 in this record. */
function rockRidgeName(record: Uint8Array, start: number): string {
  let name = "";
  for (let at = start; at + 4 <= record.length; ) {
    const length = u8(record, at + 2);
    if (length < 4 || at + length > record.length) break;
    if (holds(record, at, "NM") && length > 5) name += latin1(record, at + 5, length - 5);
    at += length;
  }
  return name.slice(0, MAX_NAME);
}
