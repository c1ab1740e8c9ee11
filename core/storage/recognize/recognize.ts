// What a medium is, from its bytes: CD, floppy, disk or kernel, whether it starts, what is on it, and which known system it belongs
// to. Reads little (byte-source.ts bounds it) and never throws for what the bytes say; it fails only if the source does.
import type { KnownSystem } from "../../api/known-systems.ts";
import type { MediumInfo, MediumProblem } from "../../api/medium-info.ts";
import { BoundedSource, type ByteSource, holds, u8, u32 } from "./byte-source.ts";
import { type BootEntry, readBootCatalogue } from "./el-torito.ts";
import { readFileSystem } from "./file-systems.ts";
import { type IsoVolume, readIsoVolume } from "./iso9660.ts";
import { type Kernel, readKernel } from "./kernels.ts";
import { hasBootSignature, readPartitionTable } from "./partitions.ts";
import { findSystem, type MediumFacts } from "./system-rules.ts";

/** The largest floppy (2.88 M); what is smaller and has no partitions is one. */
export const FLOPPY_MAX_BYTES = 2880 * 1024;
/** Largest partition to be looked into for its file system. */
const PARTITIONS_LOOKED_INTO = 8;

export async function recognizeMedium(bytes: ByteSource, systems: readonly KnownSystem[]): Promise<MediumInfo> {
  const source = new BoundedSource(bytes);
  const start = await source.read(0, 512);
  const info: MediumInfo = {
    kind: "unknown", drives: [], sizeBytes: source.sizeBytes, label: "", isBootable: false, isEfiBootable: false, details: [], partitions: [], problems: [],
    system: null,
  };
  const facts: MediumFacts = { source, kind: "unknown", label: "", iso: null, fileSystems: [], kernel: null };
  const foreign = await foreignFormat(source, start);
  if (foreign) {
    info.details.push(foreign.name);
    info.problems.push(foreign.problem);
    return info;
  }
  facts.iso = await readIsoVolume(source);
  // GRUB lies between a disk's partition table and its first partition, with a Multiboot header of its own.
  const isPartitioned = ((await readPartitionTable(source, start))?.partitions.length ?? 0) > 0;
  if (!facts.iso && !isPartitioned) facts.kernel = await readKernel(source);
  if (facts.iso) await describeCd(facts.iso, facts, info, start);
  else if (facts.kernel) describeKernel(facts.kernel, info);
  else await describeDisk(facts, info, start);
  info.drives = drivesFor(info, start);
  facts.kind = info.kind;
  facts.label = info.label;
  info.system = (await findSystem(facts, systems))?.id ?? null;
  return info;
}

function drivesFor(info: MediumInfo, start: Uint8Array): MediumInfo["drives"] {
  const isFloppySize = info.sizeBytes >= 512 && info.sizeBytes <= FLOPPY_MAX_BYTES;
  switch (info.kind) {
    case "cd":
      return ["cd", ...(hasBootCode(start) ? (isFloppySize ? (["floppy", "disk"] as const) : (["disk"] as const)) : [])];
    case "floppy":
      return ["floppy", "disk"];
    case "disk":
      return ["disk"];
    case "unknown":
      return info.problems.length > 0 ? [] : isFloppySize ? ["floppy", "disk"] : ["disk"];
    case "kernel":
      return [];
  }
}

async function describeCd(iso: IsoVolume, facts: MediumFacts, info: MediumInfo, start: Uint8Array): Promise<void> {
  const { source } = facts;
  info.kind = "cd";
  info.label = iso.volumeId;
  if (iso.trees.length > 0) info.details.push("ISO 9660");
  if (iso.hasJoliet) info.details.push("Joliet");
  if (iso.hasUdf) info.details.push("UDF");
  if (iso.sizeBytes > source.sizeBytes) info.problems.push("truncated");
  if (iso.bootCatalogue !== null) {
    const { entries, isValid } = await readBootCatalogue(source, iso.bootCatalogue);
    const starts = entries.filter((e) => e.isBootable && !e.isPastEnd);
    info.details.push(...entries.map(describeBootEntry));
    info.isBootable = starts.some((e) => e.platform === "x86");
    info.isEfiBootable = starts.some((e) => e.platform === "efi");
    if (!isValid || entries.some((e) => e.isBootable && e.isPastEnd)) info.problems.push("badBootCatalogue");
  }
  // An image for CDs and USB sticks alike. Its partitions may well be odd, so they are shown and not judged.
  const table = await readPartitionTable(source, start);
  if (table) {
    info.details.push(`${table.scheme.toUpperCase()} partitions`);
    info.partitions = table.partitions;
  }
}

const EMULATIONS: Record<BootEntry["emulation"], string> = {
  none: "no emulation", floppy1200: "1.2 M floppy", floppy1440: "1.44 M floppy", floppy2880: "2.88 M floppy", disk: "disk",
};

const PLATFORMS: Record<BootEntry["platform"], string> = { x86: "x86", powerpc: "PowerPC", mac: "Mac", efi: "EFI", other: "unknown platform" };

function describeBootEntry(entry: BootEntry): string {
  return `El Torito ${PLATFORMS[entry.platform]}, ${EMULATIONS[entry.emulation]}${entry.isBootable ? "" : ", not bootable"}`;
}

const KERNELS: Record<Kernel["kind"], string> = { linux: "Linux bzImage", multiboot: "Multiboot", multiboot2: "Multiboot 2", pvh: "PVH" };

function describeKernel(kernel: Kernel, info: MediumInfo): void {
  info.kind = "kernel";
  info.isBootable = true;
  info.label = kernel.version;
  info.details.push(KERNELS[kernel.kind], `${kernel.bits} bit`);
}

async function describeDisk(facts: MediumFacts, info: MediumInfo, start: Uint8Array): Promise<void> {
  const { source } = facts;
  const whole = await readFileSystem(source);
  const table = whole ? null : await readPartitionTable(source, start);
  if (whole) facts.fileSystems.push(whole);
  if (table) {
    info.details.push(`${table.scheme.toUpperCase()} partitions`);
    info.partitions = table.partitions;
    if (table.isDamaged) info.problems.push("badPartitionTable");
    if (table.isPastEnd) info.problems.push("truncated");
    for (const partition of table.partitions.slice(0, PARTITIONS_LOOKED_INTO)) {
      const inside = partition.type === "extended" ? null : await readFileSystem(source, partition.offset);
      if (inside) facts.fileSystems.push(inside);
    }
  }
  info.details.push(...facts.fileSystems.map((f) => f.kind));
  info.label = facts.fileSystems.find((f) => f.label !== "")?.label ?? "";
  const isFloppy = !table && source.sizeBytes <= FLOPPY_MAX_BYTES;
  if (isFloppy) info.kind = source.sizeBytes >= 512 && (whole || hasBootSignature(start)) ? "floppy" : "unknown";
  else if (table || whole || hasBootSignature(start)) info.kind = "disk";
  info.isBootable = hasBootCode(start);
  info.isEfiBootable = info.partitions.some((p) => p.type === "EFI system");
}

/** The mark is there and so is something before it. Formatting tools write code that only says that there is nothing to start. */
function hasBootCode(start: Uint8Array): boolean {
  const code = start.subarray(0, 440);
  const isCode = code.some((byte) => byte !== 0) && code.some((byte) => byte !== 0xff);
  return hasBootSignature(start) && isCode && !/not a bootable disk|Non-System disk|no operating system/i.test(String.fromCharCode(...start));
}

/** Files that are no RAW image, by their marks. */
async function foreignFormat(source: BoundedSource, start: Uint8Array): Promise<{ name: string; problem: MediumProblem } | null> {
  const disk = (name: string) => ({ name, problem: "foreignDiskFormat" as const });
  const packed = (name: string) => ({ name, problem: "packed" as const });
  if (holds(start, 0, "QFI\xfb")) return disk("QCOW2");
  if (holds(start, 0, "KDMV") || holds(start, 0, "# Disk DescriptorFile")) return disk("VMDK");
  if (u32(start, 0x40) === 0xbeda107f) return disk("VDI");
  if (holds(start, 0, "vhdxfile")) return disk("VHDX");
  if (holds(start, 0, "conectix")) return disk("VHD");
  if (holds(start, 0, "PK\x03\x04")) return packed("ZIP");
  if (holds(start, 0, "\x1f\x8b")) return packed("gzip");
  if (holds(start, 0, "\xfd7zXZ\0")) return packed("xz");
  if (holds(start, 0, "BZh") && u8(start, 3) >= 0x31) return packed("bzip2");
  if (holds(start, 0, "7z\xbc\xaf\x27\x1c")) return packed("7z");
  if (holds(start, 0, "\x28\xb5\x2f\xfd")) return packed("Zstandard");
  if (holds(start, 0, "Rar!\x1a\x07")) return packed("RAR");
  if (holds(start, 0, "\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0")) return { name: "CD sectors of 2,352 bytes", problem: "rawSectors" };
  // A fixed VHD is a RAW image with a footer.
  if (source.sizeBytes > 512 && holds(await source.read(source.sizeBytes - 512, 512), 0, "conectix")) return disk("VHD");
  return null;
}
