// Replaces a file as a whole or not at all: a temporary file beside it, flushed to the disk, renamed over it, and the folder
// flushed too. A full disk or a crash at any moment leaves the old file as it was.
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, systemErrorCode, VmError } from "./vm-error.ts";

/** The calls that can fail for want of space; tests give ones that do. */
export interface FileCalls {
  open(path: string, flags: string, mode?: number): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
}
export const FILE_CALLS: FileCalls = { open, rename, unlink };

/** Throws VmError `diskFull` or `ioFailed`. */
export async function writeAtomically(path: string, text: string, calls: FileCalls = FILE_CALLS): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await calls.open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text, "utf8");
      await file.sync();
    } finally {
      await file.close();
    }
    await calls.rename(temporary, path);
  } catch (error) {
    await calls.unlink(temporary).catch(() => undefined); // it may never have been made
    throw writeError(error, path);
  }
  await syncFolder(dirname(path), calls);
}

export function writeError(error: unknown, path: string): VmError {
  if (error instanceof VmError) return error;
  const code = systemErrorCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return new VmError("diskFull", `The disk is full; ${path} was not saved.`, { cause: error });
  return new VmError("ioFailed", `${path} could not be saved: ${messageOf(error)}`, { cause: error });
}

/** Makes a rename last. Windows cannot flush a folder, and some network file systems refuse: then the rename must do. */
async function syncFolder(path: string, calls: FileCalls): Promise<void> {
  try {
    const folder = await calls.open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The new file is in place either way.
  }
}
