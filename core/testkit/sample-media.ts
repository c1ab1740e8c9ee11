// Small media for tests, made field by field: a CD with folders, Joliet, Rock Ridge and El Torito; a FAT12 floppy; partitioned disks.

const CD = 2048;

export interface IsoOptions {
  label?: string;
  /** Text by path. */
  files?: Record<string, string>;
  joliet?: boolean;
  rockRidge?: boolean;
  /** El Torito images, the first one for x86, the others by platform (0xef: EFI). */
  boots?: { platform?: number; media?: number; image: Uint8Array; isBootable?: boolean }[];
  /** Boot code and table in front, as on media for USB sticks too. */
  sector0?: Uint8Array;
}

interface Node {
  name: string;
  children: Node[];
  data: Uint8Array | null;
  /** Where its data or its two folder records are, in sectors. */
  sector: number;
  jolietSector: number;
}

export function sampleIso(options: IsoOptions = {}): Uint8Array {
  const { label = "SAMPLE", files = {}, joliet = false, rockRidge = false, boots = [] } = options;
  const root: Node = { name: "", children: [], data: null, sector: 0, jolietSector: 0 };
  for (const [path, text] of Object.entries(files)) addFile(root, path.split("/").filter(Boolean), new TextEncoder().encode(text));
  const nodes = flatten(root);
  let next = 21;
  for (const node of nodes) {
    node.sector = next;
    next += node.data ? Math.max(1, Math.ceil(node.data.length / CD)) : 1;
    node.jolietSector = node.data ? node.sector : next++;
  }
  const images = boots.map((boot) => {
    const sector = next;
    next += Math.ceil(boot.image.length / CD);
    return { ...boot, sector };
  });
  const iso = new Uint8Array(next * CD);
  const view = new DataView(iso.buffer);
  if (options.sector0) iso.set(options.sector0);
  const descriptor = (sector: number, type: number, id: string) => {
    iso[sector * CD] = type;
    put(iso, sector * CD + 1, id);
    iso[sector * CD + 6] = 1;
  };
  const volume = (sector: number, isJoliet: boolean) => {
    descriptor(sector, isJoliet ? 2 : 1, "CD001");
    const at = sector * CD;
    iso.fill(0x20, at + 40, at + 72);
    if (isJoliet) {
      put(iso, at + 88, "%/E");
      for (const [i, c] of [...label].slice(0, 16).entries()) view.setUint16(at + 40 + i * 2, c.charCodeAt(0));
    } else put(iso, at + 40, label);
    view.setUint32(at + 80, next, true);
    view.setUint16(at + 128, CD, true);
    iso.set(folderRecord("\0", isJoliet ? root.jolietSector : root.sector, CD, true, { joliet: false, rockRidge: false }), at + 156);
  };
  volume(16, false);
  let end = 17;
  if (images.length > 0) {
    descriptor(end, 0, "CD001");
    put(iso, end * CD + 7, "EL TORITO SPECIFICATION");
    view.setUint32(end * CD + 0x47, 20, true);
    iso.set(bootCatalogue(images), 20 * CD);
    end++;
  }
  if (joliet) volume(end++, true);
  descriptor(end, 255, "CD001");
  for (const node of nodes) {
    if (node.data) iso.set(node.data, node.sector * CD);
    else {
      iso.set(folder(node, false, rockRidge), node.sector * CD);
      iso.set(folder(node, true, false), node.jolietSector * CD);
    }
  }
  for (const image of images) iso.set(image.image, image.sector * CD);
  return iso;
}

function addFile(folderNode: Node, parts: string[], data: Uint8Array): void {
  const [first = "", ...rest] = parts;
  let child = folderNode.children.find((c) => c.name === first);
  if (!child) {
    child = { name: first, children: [], data: rest.length === 0 ? data : null, sector: 0, jolietSector: 0 };
    folderNode.children.push(child);
  }
  if (rest.length > 0) addFile(child, rest, data);
}

function flatten(node: Node): Node[] {
  return [node, ...node.children.flatMap(flatten)];
}

function folder(node: Node, joliet: boolean, rockRidge: boolean): Uint8Array {
  const bytes = new Uint8Array(CD);
  let at = 0;
  const self = joliet ? node.jolietSector : node.sector;
  const records = [
    folderRecord("\0", self, CD, true, { joliet: false, rockRidge: false }),
    folderRecord("\x01", self, CD, true, { joliet: false, rockRidge: false }),
    ...node.children.map((child) => {
      const size = child.data ? child.data.length : CD;
      return folderRecord(child.name, joliet ? child.jolietSector : child.sector, size, child.data === null, { joliet, rockRidge });
    }),
  ];
  for (const record of records) {
    bytes.set(record, at);
    at += record.length;
  }
  return bytes;
}

function folderRecord(name: string, sector: number, size: number, isFolder: boolean, how: { joliet: boolean; rockRidge: boolean }): Uint8Array {
  const isSpecial = name === "\0" || name === "\x01";
  const plain = isSpecial ? name : `${name.toUpperCase().replace(/^\./, "_")}${isFolder ? "" : ";1"}`;
  const nameBytes = how.joliet ? [...name].flatMap((c) => [c.charCodeAt(0) >> 8, c.charCodeAt(0) & 0xff]) : [...plain].map((c) => c.charCodeAt(0));
  const system = how.rockRidge ? [0x4e, 0x4d, 5 + name.length, 1, 0, ...[...name].map((c) => c.charCodeAt(0))] : [];
  const padded = 33 + nameBytes.length + ((nameBytes.length + 1) & 1);
  const record = new Uint8Array((padded + system.length + 1) & ~1);
  const view = new DataView(record.buffer);
  record[0] = record.length;
  view.setUint32(2, sector, true);
  view.setUint32(10, size, true);
  record[25] = isFolder ? 2 : 0;
  record[32] = nameBytes.length;
  record.set(nameBytes, 33);
  record.set(system, padded);
  return record;
}

function bootCatalogue(images: { platform?: number; media?: number; sector: number; isBootable?: boolean }[]): Uint8Array {
  const bytes = new Uint8Array(CD);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint16(30, 0xaa55, true);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += view.getUint16(at, true);
  view.setUint16(28, -sum & 0xffff, true);
  let at = 32;
  images.forEach((image, n) => {
    if (n > 0) {
      bytes[at] = n === images.length - 1 ? 0x91 : 0x90;
      bytes[at + 1] = image.platform ?? 0;
      view.setUint16(at + 2, 1, true);
      at += 32;
    }
    bytes[at] = image.isBootable === false ? 0 : 0x88;
    bytes[at + 1] = image.media ?? 0;
    view.setUint16(at + 6, 4, true);
    view.setUint32(at + 8, image.sector, true);
    at += 32;
  });
  return bytes;
}

export interface FloppyOptions {
  label?: string;
  oemName?: string;
  /** Names in the root folder, 8.3. */
  files?: string[];
  /** What the boot sector does; without any it has no code. */
  code?: string;
}

/** 1.44 M with FAT12. */
export function sampleFloppy({ label = "", oemName = "SAMPLE", files = [], code = "" }: FloppyOptions = {}): Uint8Array {
  const bytes = new Uint8Array(1440 * 1024);
  const view = new DataView(bytes.buffer);
  bytes.set([0xeb, 0x3c, 0x90]);
  put(bytes, 3, oemName.padEnd(8));
  view.setUint16(11, 512, true);
  bytes[13] = 1;
  view.setUint16(14, 1, true);
  bytes[16] = 2;
  view.setUint16(17, 224, true);
  view.setUint16(19, 2880, true);
  bytes[21] = 0xf0;
  view.setUint16(22, 9, true);
  put(bytes, 62, code);
  view.setUint16(510, 0xaa55, true);
  const entries = [...(label ? [{ name: label.padEnd(11), attributes: 8 }] : []), ...files.map((f) => ({ name: shortName(f), attributes: 0x20 }))];
  entries.forEach(({ name, attributes }, n) => {
    put(bytes, 19 * 512 + n * 32, name);
    bytes[19 * 512 + n * 32 + 11] = attributes;
  });
  return bytes;
}

const shortName = (name: string): string => {
  const [base = "", extension = ""] = name.split(".");
  return base.padEnd(8) + extension.padEnd(3);
};

export interface PartitionRow {
  type: number;
  start: number;
  count: number;
  isActive?: boolean;
}

/** A boot record with a table. */
export function sampleMbr(rows: PartitionRow[], code = "\xfa\x31\xc0"): Uint8Array {
  const sector = new Uint8Array(512);
  const view = new DataView(sector.buffer);
  put(sector, 0, code);
  rows.forEach(({ type, start, count, isActive = false }, n) => {
    const at = 446 + n * 16;
    sector[at] = isActive ? 0x80 : 0;
    sector[at + 4] = type;
    view.setUint32(at + 8, start, true);
    view.setUint32(at + 12, count, true);
  });
  view.setUint16(510, 0xaa55, true);
  return sector;
}

/** The first 4 KiB of an ext file system. */
export function sampleExt(label: string, features: { compatible?: number; incompatible?: number } = {}): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint16(1024 + 56, 0xef53, true);
  view.setUint32(1024 + 92, features.compatible ?? 0, true);
  view.setUint32(1024 + 96, features.incompatible ?? 0, true);
  put(bytes, 1024 + 120, label);
  return bytes;
}

function put(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}
