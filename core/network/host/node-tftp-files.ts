// TftpFiles over a folder of the host: regular files inside it only. Links are followed as long as they lead to something inside; a name
// that would lead out, a folder, a device or a pipe is "denied" or "not found", whatever it looks like.
import { constants, close as closeFile, fstat, open as openFile, read as readFile, realpath } from "node:fs";
import { resolve, sep } from "node:path";
import type { TftpFile, TftpFileError, TftpFiles } from "../services/tftp-files.ts";

const NAME_MAX = 512;

export class NodeTftpFiles implements TftpFiles {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  open(name: string, opened: (file: TftpFile | TftpFileError) => void): void {
    // Clients write "/pxelinux.0" and "boot\\x86\\wdsnbp.com" for names below the folder.
    const parts = name.split(/[/\\]/).filter((part) => part !== "" && part !== ".");
    if (parts.length === 0 || name.length > NAME_MAX || name.includes("\0")) {
      opened("not-found");
      return;
    }
    if (parts.includes("..") || parts.some((part) => /^[a-z]:/i.test(part))) {
      opened("denied");
      return;
    }
    const fail = (error: NodeJS.ErrnoException): void =>
      opened(error.code === "ENOENT" || error.code === "ENOTDIR" ? "not-found" : error.code === "EACCES" || error.code === "ELOOP" ? "denied" : "failed");
    realpath(this.folder, (folderError, folder) => {
      if (folderError) return fail(folderError);
      realpath(resolve(folder, ...parts), (pathError, path) => {
        if (pathError) return fail(pathError);
        if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return opened("denied");
        // Not to wait for the other end of a pipe, and not to follow a link that has come since.
        const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
        openFile(path, flags, (openError, descriptor) => {
          if (openError) return fail(openError);
          fstat(descriptor, (statError, stats) => {
            if (!statError && stats.isFile()) return opened(new NodeTftpFile(descriptor, stats.size));
            closeFile(descriptor, () => {});
            if (statError) fail(statError);
            else opened(stats.isDirectory() ? "not-found" : "denied");
          });
        });
      });
    });
  }
}

class NodeTftpFile implements TftpFile {
  readonly sizeBytes: number;
  private readonly descriptor: number;
  private isReading = false;
  private isClosed = false;

  constructor(descriptor: number, sizeBytes: number) {
    this.descriptor = descriptor;
    this.sizeBytes = sizeBytes;
  }

  read(position: number, into: Uint8Array, done: (count: number) => void): void {
    this.isReading = true;
    let filled = 0;
    const step = (): void => {
      readFile(this.descriptor, into, filled, into.length - filled, position + filled, (error, count) => {
        filled += error ? 0 : count;
        if (!error && count > 0 && filled < into.length && !this.isClosed) return step();
        this.isReading = false;
        if (this.isClosed) closeFile(this.descriptor, () => {});
        else done(error ? -1 : filled);
      });
    };
    step();
  }

  /** The descriptor outlives a read under way, which would otherwise read from whatever gets its number. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (!this.isReading) closeFile(this.descriptor, () => {});
  }
}
