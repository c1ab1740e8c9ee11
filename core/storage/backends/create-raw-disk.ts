// Makes a new, empty RAW disk: a file of the whole size that takes no room until the guest writes (on Windows it takes its size at
// once). Made under another name beside its place and then given its own, so that nobody sees half a disk, and never over a file
// that is there.
import { randomBytes } from "node:crypto";
import { type FileHandle, open, statfs, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DISK_MAX_BYTES, DISK_MIN_BYTES } from "../../api/contract.ts";
import { ImageError } from "../image-error.ts";
import { giveName } from "./give-name.ts";

const SECTOR = 512;

export interface NewDisk {
  path: string;
  sizeBytes: number;
  /** Room on the host's disk for its user, or null where the host does not say. */
  freeBytes: number | null;
  /** The guest can fill the host's disk before it has filled its own: worth a warning, no reason to refuse. */
  isLargerThanFree: boolean;
}

/** Throws ImageError. `size` is rounded up to whole sectors. */
export async function createRawDisk(path: string, size: number): Promise<NewDisk> {
  if (!Number.isFinite(size) || size < DISK_MIN_BYTES || size > DISK_MAX_BYTES) {
    throw new ImageError("badRequest", `A disk has between 1 MiB and 2 TiB, not ${size} bytes: ${path}`);
  }
  const sizeBytes = Math.ceil(size / SECTOR) * SECTOR;
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await fill(file, sizeBytes);
      await giveName(temporary, path);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw createError(error, path);
  } finally {
    await unlink(temporary).catch(() => undefined); // it has its name, or was never made
  }
  const freeBytes = await freeSpace(dirname(path));
  return { path, sizeBytes, freeBytes, isLargerThanFree: freeBytes !== null && freeBytes < sizeBytes };
}

async function fill(file: FileHandle, sizeBytes: number): Promise<void> {
  await file.truncate(sizeBytes);
  await file.sync();
}

async function freeSpace(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function createError(error: unknown, path: string): ImageError {
  const cause = { cause: error };
  switch (codeOf(error)) {
    case "EEXIST":
      return new ImageError("badRequest", `There is a file already, and it was left as it is: ${path}`, cause);
    case "ENOENT":
    case "ENOTDIR":
      return new ImageError("fileMissing", `There is no folder for the disk: ${path}`, cause);
    case "ENOSPC":
    case "EDQUOT":
      return new ImageError("diskFull", `The host's disk is full; the disk was not made: ${path}`, cause);
    case "EFBIG":
      return new ImageError("badRequest", `The host's file system has no files that large: ${path}`, cause);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new ImageError("ioFailed", `You may not write to this folder: ${path}`, cause);
    default:
      return new ImageError("ioFailed", `The disk was not made: ${path}: ${error instanceof Error ? error.message : String(error)}`, cause);
  }
}
