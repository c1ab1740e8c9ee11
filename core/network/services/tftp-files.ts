// Where a TFTP server has its files from: injected, so that the server has no file system in it. Answers come by callback, within the call
// or later. `../host/node-tftp-files.ts` serves a folder of the host.

export type TftpFileError = "not-found" | "denied" | "failed";

export interface TftpFile {
  readonly sizeBytes: number;
  /** Reads up to `into.length` bytes from `position` on; `done` gets how many (fewer only at the end of the file), or -1. */
  read(position: number, into: Uint8Array, done: (count: number) => void): void;
  /** Nothing is called back any more. */
  close(): void;
}

export interface TftpFiles {
  /** Opens a file by the name a client gave, which may be anything. */
  open(name: string, opened: (file: TftpFile | TftpFileError) => void): void;
}
