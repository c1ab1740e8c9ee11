// A RAW image open in the io thread: reads and writes at a position, flushes, and the lock of one that may be written. The file is
// as big as it was when it was opened; nothing the guest does makes it grow.
//
// Sparse stays sparse: zeroes that are written where the file reads as zeroes already are not written. Discards are accepted and do
// nothing, because Node cannot punch holes and writing zeroes would take space instead of giving it back.
import { closeSync, constants, fdatasync, fstatSync, openSync, readSync, statSync, writeSync } from "node:fs";
import type { BlockError } from "../storage/block.ts";
import { ImageError } from "../storage/image-error.ts";
import { type ImageLock, lockImage, writerOf } from "./image-lock.ts";

/** Shorter writes are not examined for zeroes: they take no whole block of the host's disk. */
const ZERO_CHECK_BYTES = 4096;

export class ImageFile {
  readonly sizeBytes: number;
  private readonly fd: number;
  private readonly lock: ImageLock | undefined;
  private readonly isWritable: boolean;
  private isDirty = false;
  /** Once the host has failed to flush, it may have thrown the data away: nothing that follows makes that good. */
  private flushError: BlockError | null = null;
  private flushing: Promise<unknown> = Promise.resolve();
  private zeroes = Buffer.alloc(0);
  private present = Buffer.alloc(0);

  private constructor(fd: number, sizeBytes: number, lock: ImageLock | undefined) {
    this.fd = fd;
    this.sizeBytes = sizeBytes;
    this.lock = lock;
    this.isWritable = lock !== undefined;
  }

  /** Throws ImageError with a sentence that names the file. */
  static async open(path: string, isWritable: boolean, holder: string): Promise<ImageFile> {
    let fd: number | undefined;
    try {
      // Opening a pipe or a device can block or have effects, so look first.
      refuseOthers(statSync(path), path);
      // Without O_NONBLOCK a file that has become a pipe meanwhile would hold the thread. Windows has neither.
      fd = openSync(path, (isWritable ? constants.O_RDWR : constants.O_RDONLY) | (constants.O_NONBLOCK ?? 0));
      const info = fstatSync(fd, { bigint: true });
      refuseOthers(info, path);
      if (info.size === 0n) throw new ImageError("ioFailed", `The medium is empty (0 bytes): ${path}`);
      const lock = isWritable ? await lockImage(info, holder) : await writerOf(info);
      const heldBy = typeof lock === "string" ? lock : lock && "heldBy" in lock ? lock.heldBy : undefined;
      if (heldBy !== undefined) throw new ImageError("ioFailed", `The medium is being written by ${heldBy} and cannot be used twice: ${path}`);
      return new ImageFile(fd, Number(info.size), typeof lock === "object" && "release" in lock ? lock : undefined);
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throw openError(error, path, isWritable);
    }
  }

  read(offset: number, into: Uint8Array): BlockError | null {
    if (!this.isWithin(offset, into.length)) return "outOfRange";
    for (let done = 0; done < into.length; ) {
      let count = 0;
      try {
        count = readSync(this.fd, into, done, into.length - done, offset + done);
      } catch (error) {
        return blockErrorOf(error);
      }
      if (count === 0) return "io"; // somebody has cut the file short
      done += count;
    }
    return null;
  }

  write(offset: number, data: Uint8Array): BlockError | null {
    if (!this.isWithin(offset, data.length)) return "outOfRange";
    if (!this.isWritable) return "readOnly";
    if (data.length >= ZERO_CHECK_BYTES && this.isZero(data) && this.readsAsZero(offset, data.length)) return null;
    this.isDirty = true;
    for (let done = 0; done < data.length; ) {
      let count = 0;
      try {
        count = writeSync(this.fd, data, done, data.length - done, offset + done);
      } catch (error) {
        return blockErrorOf(error);
      }
      if (count === 0) return "io";
      done += count;
    }
    return null;
  }

  discard(offset: number, length: number): BlockError | null {
    if (!this.isWithin(offset, length)) return "outOfRange";
    return this.isWritable ? null : "readOnly";
  }

  /** On the host's disk when it settles: everything written before the call. Never rejects. */
  flush(): Promise<BlockError | null> {
    if (!this.isDirty || this.flushError) return Promise.resolve(this.flushError);
    this.isDirty = false;
    const flushed = new Promise<BlockError | null>((resolve) => {
      fdatasync(this.fd, (error) => {
        if (error) this.flushError ??= blockErrorOf(error);
        resolve(this.flushError);
      });
    });
    // A flush that finds nothing new to do must still wait for one under way.
    const both = Promise.all([this.flushing, flushed]).then(() => this.flushError);
    this.flushing = both;
    return both;
  }

  /** Flushes, closes and unlocks. */
  async close(): Promise<void> {
    await this.flush();
    await this.flushing;
    closeSync(this.fd);
    await this.lock?.release();
  }

  private isWithin(offset: number, length: number): boolean {
    return Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.sizeBytes;
  }

  private isZero(data: Uint8Array): boolean {
    if (this.zeroes.length < data.length) this.zeroes = Buffer.alloc(data.length);
    return this.zeroes.compare(data, 0, data.length, 0, data.length) === 0;
  }

  private readsAsZero(offset: number, length: number): boolean {
    if (this.present.length < length) this.present = Buffer.alloc(length);
    const present = this.present.subarray(0, length);
    return this.read(offset, present) === null && this.isZero(present);
  }
}

function refuseOthers(info: { isDirectory(): boolean; isFile(): boolean }, path: string): void {
  if (info.isDirectory()) throw new ImageError("fileMissing", `The medium is a folder, not a file: ${path}`);
  if (!info.isFile()) throw new ImageError("ioFailed", `The medium is not a regular file: ${path}`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function openError(error: unknown, path: string, isWritable: boolean): ImageError {
  if (error instanceof ImageError) return error;
  const cause = { cause: error };
  switch (codeOf(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return new ImageError("fileMissing", `The medium was not found: ${path}`, cause);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new ImageError("ioFailed", `The medium may not be ${isWritable ? "written" : "read"} by you: ${path}`, cause);
    default:
      return new ImageError("ioFailed", `The medium cannot be opened: ${path}: ${error instanceof Error ? error.message : String(error)}`, cause);
  }
}

function blockErrorOf(error: unknown): BlockError {
  const code = codeOf(error);
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG" ? "noSpace" : "io";
}
