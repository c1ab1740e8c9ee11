// Media as files, for the wizard, the media tray and the command line: what a file is, and the list of known systems as the app ships
// it with the user's own before it.
import { constants } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type KnownSystem, mergeKnownSystems, parseKnownSystems, type SystemList } from "../api/known-systems.ts";
import type { MediumInfo } from "../api/medium-info.ts";
import { recognizeMedium } from "../storage/recognize/recognize.ts";
import { messageOf, systemErrorCode, VmError } from "./vm-error.ts";

/** Throws VmError `fileMissing` or `ioFailed`. */
export async function recognizeFile(path: string, systems: readonly KnownSystem[]): Promise<MediumInfo> {
  try {
    // Without O_NONBLOCK a pipe would hold a thread of Node's pool for ever. Windows has none of this.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const info = await file.stat();
      if (info.isDirectory()) throw new VmError("fileMissing", `This is a folder, not a medium: ${path}`);
      if (!info.isFile()) throw new VmError("ioFailed", `This is not a regular file: ${path}`);
      const read = async (offset: number, length: number) => {
        const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      };
      return await recognizeMedium({ sizeBytes: info.size, read }, systems);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof VmError) throw error;
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw new VmError("fileMissing", `There is no file ${path}.`, { cause: error });
    throw new VmError("ioFailed", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The known systems. What is wrong with either file is in `problems`; nothing is thrown, and a user without a list has none. */
export async function loadKnownSystems(ownPath: string, usersPath: string): Promise<SystemList> {
  return mergeKnownSystems(await loadList(ownPath, true), await loadList(usersPath, false));
}

async function loadList(path: string, isNeeded: boolean): Promise<SystemList> {
  try {
    return parseKnownSystems(await readFile(path, "utf8"), basename(path));
  } catch (error) {
    const isMissing = systemErrorCode(error) === "ENOENT" && !isNeeded;
    return { systems: [], problems: isMissing ? [] : [`${path} cannot be read: ${messageOf(error)}`] };
  }
}
