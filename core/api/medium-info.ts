// What a medium is, as found in its bytes: for the wizard, the media tray and the command line.
import { z } from "zod";

/** Things that are wrong with a medium; it may be usable all the same. */
export const MediumProblem = z.enum([
  /** Shorter than what is on it says: a download that was cut off. */
  "truncated",
  /** The CD says that it boots, but its boot catalogue is broken or points past the end. */
  "badBootCatalogue",
  /** A partition table with a wrong sum or a chain that loops. */
  "badPartitionTable",
  /** A CD image with 2,352 bytes a sector, which the drive does not read. */
  "rawSectors",
  /** A disk of another program's format (QCOW2, VDI, ...): not a RAW image. */
  "foreignDiskFormat",
  /** Compressed or packed: to be unpacked first. */
  "packed",
]);
export type MediumProblem = z.infer<typeof MediumProblem>;

export const MediumPartition = z.object({
  /** "Linux", "EFI system", "type 0x9f". */
  type: z.string(),
  name: z.string(),
  offset: z.number(),
  sizeBytes: z.number(),
  isActive: z.boolean(),
});
export type MediumPartition = z.infer<typeof MediumPartition>;

export const MediumInfo = z.object({
  /** The drive it belongs into; a kernel is started without firmware; unknown may be a disk that is still empty. */
  kind: z.enum(["cd", "floppy", "disk", "kernel", "unknown"]),
  /** All drives that it starts from or can be read in: a CD image made for USB sticks too is a disk as well. The file's name may
   *  tell which of them is meant. */
  drives: z.array(z.enum(["cd", "floppy", "disk"])),
  sizeBytes: z.number(),
  /** Name of the volume, empty if it has none. */
  label: z.string(),
  /** The system BIOS can start it. For a kernel: it can be started directly. */
  isBootable: z.boolean(),
  /** UEFI firmware can start it. */
  isEfiBootable: z.boolean(),
  /** What was found, in a few words for those who want to know: "ISO 9660", "Joliet", "El Torito x86, no emulation", "ext4". */
  details: z.array(z.string()),
  partitions: z.array(MediumPartition),
  problems: z.array(MediumProblem),
  /** Id of a known system, or null. */
  system: z.string().nullable(),
});
export type MediumInfo = z.infer<typeof MediumInfo>;
