// The formats of floppy disks, and which of them an image file is: an image is its sectors in order of cylinder, head and sector.
// An image of no standard size, up to 2.88 M, is taken for the next larger high-density disk whose end is missing.

export interface FloppyFormat {
  name: string;
  cylinders: number;
  heads: 1 | 2;
  sectorsPerTrack: number;
  /** Data rates at which drives read it, as the rate select bits have them: 0 = 500, 1 = 300, 2 = 250 kbit/s, 3 = 1 Mbit/s. */
  rates: readonly number[];
}

export const SECTOR_BYTES = 512;
/** N of a sector of 512 bytes. */
export const SECTOR_SIZE_CODE = 2;
/** The longest track: 2.88 M. */
export const MAX_SECTORS_PER_TRACK = 36;

const DOUBLE_DENSITY = [2, 1];
const HIGH_DENSITY = [0];
const EXTRA_DENSITY = [3];

function format(name: string, cylinders: number, heads: 1 | 2, sectorsPerTrack: number, rates: readonly number[]): FloppyFormat {
  return { name, cylinders, heads, sectorsPerTrack, rates };
}

const HD_1440 = format("1.44M", 80, 2, 18, HIGH_DENSITY);
const ED_2880 = format("2.88M", 80, 2, 36, EXTRA_DENSITY);

export const FLOPPY_FORMATS: readonly FloppyFormat[] = [
  format("160K", 40, 1, 8, DOUBLE_DENSITY),
  format("180K", 40, 1, 9, DOUBLE_DENSITY),
  format("320K", 40, 2, 8, DOUBLE_DENSITY),
  format("360K", 40, 2, 9, DOUBLE_DENSITY),
  format("640K", 80, 2, 8, DOUBLE_DENSITY),
  format("720K", 80, 2, 9, DOUBLE_DENSITY),
  format("800K", 80, 2, 10, DOUBLE_DENSITY),
  format("1.2M", 80, 2, 15, HIGH_DENSITY),
  HD_1440,
  format("1.6M", 80, 2, 20, HIGH_DENSITY),
  format("1.68M", 80, 2, 21, HIGH_DENSITY),
  format("1.72M", 82, 2, 21, HIGH_DENSITY),
  ED_2880,
];

export function formatBytes({ cylinders, heads, sectorsPerTrack }: FloppyFormat): number {
  return cylinders * heads * sectorsPerTrack * SECTOR_BYTES;
}

/** The format of an image of that many bytes, or null if it cannot be a floppy disk. */
export function floppyFormatOf(sizeBytes: number): FloppyFormat | null {
  const exact = FLOPPY_FORMATS.find((f) => formatBytes(f) === sizeBytes);
  if (exact) return exact;
  if (sizeBytes < 1) return null;
  return [HD_1440, ED_2880].find((f) => sizeBytes < formatBytes(f)) ?? null;
}
