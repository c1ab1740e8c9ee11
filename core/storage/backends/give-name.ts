// Gives a finished file its name, refusing to replace one that is there: a rename would replace it, a link does not. On file systems
// without links an empty file of ours keeps the place meanwhile.
import { link, open, rename, unlink } from "node:fs/promises";

const NO_LINKS: ReadonlySet<unknown> = new Set(["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP", "EXDEV"]);

/** Throws the system's error, EEXIST if the name is taken. Afterwards `temporary` is gone. */
export async function giveName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && NO_LINKS.has(error.code))) throw error;
    await (await open(path, "wx", 0o600)).close();
    try {
      await rename(temporary, path);
    } catch (renameError) {
      await unlink(path);
      throw renameError;
    }
    return;
  }
  await unlink(temporary);
}
