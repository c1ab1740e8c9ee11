// Takes files that a browser sends into the media folder: written under another name first, so that half a file is never taken for
// a whole one, and never over one that is there.
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { writeError } from "../../core/hypervisor/atomic-file.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import { makeFolder } from "./downloads.ts";

const LONGEST_NAME = 120;

/** Settles with the path of the file when all of `data` is in it. Rejects with VmError, and leaves nothing. */
export async function receiveFile(folder: string, name: string, data: Readable, sizeBytes: number | null): Promise<string> {
  // It may break off before anybody reads it; the pipeline then says so.
  data.on("error", () => undefined);
  await makeFolder(folder);
  const temporary = join(folder, `.${randomBytes(6).toString("hex")}.upload`);
  try {
    const file = createWriteStream(temporary, { flags: "wx", mode: 0o600, flush: true });
    await pipeline(data, file);
    if (sizeBytes !== null && file.bytesWritten !== sizeBytes) throw new VmError("ioFailed", `${name} broke off after ${file.bytesWritten} of ${sizeBytes} bytes.`);
    const path = await reserve(folder, fileNameFor(name));
    await rename(temporary, path);
    return path;
  } catch (error) {
    await rm(temporary, { force: true });
    throw writeError(error, join(folder, fileNameFor(name)));
  }
}

/** Removes what uploads that broke off with the app have left. */
export async function removeUnfinished(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(names.filter((name) => /^\.[0-9a-f]{12}\.upload$/.test(name)).map((name) => rm(join(folder, name), { force: true })));
}

/** A name that every system can have, without a folder in it. */
function fileNameFor(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const tame = last.replace(/[^\p{L}\p{N} ._+()-]/gu, "_").replace(/^[. ]+|[. ]+$/g, "");
  return tame === "" ? "image" : tame.slice(-LONGEST_NAME);
}

/** Makes an empty file of the name, or of the name with a number, to be replaced. */
async function reserve(folder: string, name: string): Promise<string> {
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  for (let n = 1; ; n++) {
    const path = join(folder, n === 1 ? name : `${stem}-${n}${extension}`);
    try {
      await (await open(path, "wx", 0o600)).close();
      return path;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}
