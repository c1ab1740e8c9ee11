// Fetches a medium over HTTP into a file that gets its name only when it is whole and, where a checksum is known, verified. Until
// then it is `NAME.part`, with a note beside it (`NAME.part.json`) of which version on the server it belongs to: a download that
// was cancelled or broke off goes on from there if the server still has that version, and starts over if not.
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, readFile, rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { giveName } from "../storage/backends/give-name.ts";
import { writeAtomically, writeError } from "./atomic-file.ts";
import { LockFile } from "./lock-file.ts";
import { messageOf, systemErrorCode, VmError } from "./vm-error.ts";

const MAX_BYTES = 64 * 1024 ** 3;
const PROGRESS_MS = 200;

export interface DownloadSpec {
  url: string;
  /** Absolute path of the file to be. */
  path: string;
  sizeBytes?: number | undefined;
  /** 64 hexadecimal digits. Without it the file cannot be verified, and the result says so. */
  sha256?: string | undefined;
}

export interface DownloadProgress {
  receivedBytes: number;
  /** Null while the server has not said. */
  totalBytes: number | null;
  /** Over the time since this call began. */
  bytesPerSecond: number;
}

export interface DownloadOptions {
  /** Stops it. What has arrived stays for the next time; see discardDownload(). */
  signal?: AbortSignal;
  /** Some five times a second, and at the end. */
  onProgress?: (progress: DownloadProgress) => void;
  holder?: "app" | "command";
  /** Breaks the connection when nothing arrives for so long. */
  idleTimeoutMs?: number;
  /** How often a connection that broke is made again, and after how long. */
  retries?: number;
  retryDelayMs?: number;
}

export interface DownloadResult {
  path: string;
  sizeBytes: number;
  sha256: string;
  /** The checksum was known and is right. False: nobody can say whether the file is what it should be. */
  isVerified: boolean;
}

/** `network` is worth another try; so is `cancelled`. */
export type DownloadReason = "cancelled" | "network" | "refused" | "wrongFile" | "disk" | "busy";

export class DownloadError extends VmError {
  readonly reason: DownloadReason;

  constructor(reason: DownloadReason, message: string, options: { cause?: unknown; code?: VmError["code"] } = {}) {
    super(options.code ?? "ioFailed", message, options);
    this.reason = reason;
  }
}

/** Throws DownloadError. A file that is at `path` already is taken if its checksum is known and right, and never replaced. */
export async function download(spec: DownloadSpec, options: DownloadOptions = {}): Promise<DownloadResult> {
  if (!/^https?:\/\//i.test(spec.url)) throw new DownloadError("refused", `Only http and https addresses can be downloaded: ${spec.url}`, { code: "badRequest" });
  try {
    return (await takePresent(spec)) ?? (await downloadLocked(spec, options));
  } catch (error) {
    throw asDownloadError(error, spec, options.signal);
  }
}

async function downloadLocked(spec: DownloadSpec, options: DownloadOptions): Promise<DownloadResult> {
  const lock = LockFile.acquire(`${partOf(spec.path)}.lock`, options.holder ?? "app");
  if (!(lock instanceof LockFile)) throw new DownloadError("busy", `${basename(spec.path)} is being downloaded by process ${lock.pid} already.`, { code: "libraryBusy" });
  try {
    return await new Transfer(spec, options).run();
  } finally {
    lock.release();
  }
}

/** Removes what an unfinished download has left. */
export async function discardDownload(path: string): Promise<void> {
  for (const file of [partOf(path), noteOf(path)]) await rm(file, { force: true });
}

/** Bytes that an unfinished download has left; 0 if there is none. */
export async function unfinishedBytes(path: string): Promise<number> {
  return (await stat(partOf(path)).catch(() => null))?.size ?? 0;
}

const partOf = (path: string): string => `${path}.part`;
const noteOf = (path: string): string => `${path}.part.json`;

async function takePresent({ path, sha256 }: DownloadSpec): Promise<DownloadResult | null> {
  const info = await stat(path).catch(() => null);
  if (!info) return null;
  if (sha256 !== undefined && info.isFile()) {
    const sum = (await hashFile(path)).digest("hex");
    if (sum === sha256.toLowerCase()) return { path, sizeBytes: info.size, sha256: sum, isVerified: true };
  }
  throw new DownloadError("disk", `There is a file already, and it was left as it is: ${path}`, { code: "badRequest" });
}

async function hashFile(path: string): Promise<Hash> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer); // no encoding is set
  return hash;
}

/** Which version on the server a part belongs to. */
const Note = z.object({ url: z.string(), validator: z.string(), totalBytes: z.number().nullable() });
type Note = z.infer<typeof Note>;

class Transfer {
  private readonly spec: DownloadSpec;
  private readonly options: DownloadOptions;
  private readonly startMs = performance.now();
  private file!: FileHandle; // opened by run() before anything uses it
  private hash = createHash("sha256");
  private received = 0;
  private before = 0;
  private total: number | null = null;
  private note: Note | null = null;
  private reportedMs = -Infinity;

  constructor(spec: DownloadSpec, options: DownloadOptions) {
    this.spec = spec;
    this.options = options;
  }

  async run(): Promise<DownloadResult> {
    const { path } = this.spec;
    this.options.signal?.throwIfAborted();
    await this.takeUp();
    this.file = await open(partOf(path), this.received > 0 ? "r+" : "w", 0o600);
    try {
      if (!this.isComplete()) await this.fetchAll();
      await this.file.sync();
    } finally {
      await this.file.close();
    }
    const sha256 = await this.verify();
    await giveName(partOf(path), path);
    await rm(noteOf(path), { force: true });
    this.report(true);
    return { path, sizeBytes: this.received, sha256, isVerified: this.spec.sha256 !== undefined };
  }

  /** Goes on from what an earlier download left, if that can be told apart from another version: by the server, or in the end. */
  private async takeUp(): Promise<void> {
    const part = partOf(this.spec.path);
    const size = (await stat(part).catch(() => null))?.size ?? 0;
    const note = await readNote(noteOf(this.spec.path));
    if (size === 0 || note?.url !== this.spec.url || (note.validator === "" && this.spec.sha256 === undefined)) return;
    this.hash = await hashFile(part);
    this.received = this.before = size;
    this.total = note.totalBytes;
    this.note = note;
  }

  private isComplete(): boolean {
    return this.total !== null && this.received === this.total;
  }

  private async fetchAll(): Promise<void> {
    const retries = this.options.retries ?? 3;
    for (let attempt = 0; ; attempt++) {
      const had = this.received;
      try {
        await this.fetchOnce();
        return;
      } catch (error) {
        if (!(error instanceof DownloadError) || error.reason !== "network") throw error;
        if (this.received > had) attempt = 0; // it gets on
        if (attempt >= retries) throw error;
        await sleep(this.options.retryDelayMs ?? 2000, undefined, { signal: this.options.signal });
      }
    }
  }

  private async fetchOnce(): Promise<void> {
    const watch = new AbortController();
    const signals = this.options.signal ? [this.options.signal, watch.signal] : [watch.signal];
    const idleMs = this.options.idleTimeoutMs ?? 60_000;
    const timer = setTimeout(() => watch.abort(new Error(`Nothing has arrived for ${Math.round(idleMs / 1000)} s.`)), idleMs);
    try {
      const response = await fetch(this.spec.url, { headers: this.requestHeaders(), signal: AbortSignal.any(signals) });
      await this.begin(response);
      if (this.isComplete()) return void (await response.body?.cancel());
      for await (const chunk of response.body ?? []) {
        timer.refresh();
        await this.take(chunk);
      }
    } catch (error) {
      if (error instanceof VmError || this.options.signal?.aborted || isDiskError(error)) throw error;
      const why = watch.signal.aborted ? messageOf(watch.signal.reason) : connectionMessage(error);
      throw new DownloadError("network", `The download of ${basename(this.spec.path)} broke off: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
    if (this.total !== null && this.received < this.total) {
      throw new DownloadError("network", `The download of ${basename(this.spec.path)} broke off: the server sent ${this.received} of ${this.total} bytes.`);
    }
  }

  private requestHeaders(): Record<string, string> {
    const plain = { "accept-encoding": "identity" };
    if (this.received === 0) return plain;
    const range = { ...plain, range: `bytes=${this.received}-` };
    return this.note?.validator ? { ...range, "if-range": this.note.validator } : range;
  }

  /** Looks at the answer: the rest, the whole, or neither. */
  private async begin(response: Response): Promise<void> {
    const { spec } = this;
    if (spec.url.toLowerCase().startsWith("https:") && !response.url.toLowerCase().startsWith("https:") && spec.sha256 === undefined) {
      throw new DownloadError("refused", `The server leads to an address without encryption, and there is no checksum to verify the file by: ${response.url}`);
    }
    if (response.status === 416 && this.received > 0) {
      await response.body?.cancel();
      await this.startOver();
      throw new DownloadError("network", `The server has another version of ${basename(spec.path)} now.`);
    }
    if (!response.ok) throw statusError(response, spec);
    const encoding = response.headers.get("content-encoding");
    if (encoding !== null && encoding !== "identity") throw new DownloadError("refused", `The server sends the file packed (${encoding}): ${spec.url}`);
    if (this.received > 0 && !(response.status === 206 && this.isRest(response))) await this.startOver();
    if (response.status === 206 && this.received === 0) throw new DownloadError("refused", `The server sends a part that nobody asked for: ${spec.url}`);
    if (response.status !== 206) this.total = lengthOf(response);
    await this.writeNote(response);
    this.checkSize();
  }

  private isRest(response: Response): boolean {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
    if (Number(start) !== this.received || (this.total !== null && Number(total) !== this.total)) return false;
    this.total = Number(total);
    return true;
  }

  private async startOver(): Promise<void> {
    await this.file.truncate(0);
    this.hash = createHash("sha256");
    this.received = this.before = 0;
    this.total = null;
    this.note = null;
  }

  private async writeNote(response: Response): Promise<void> {
    // A weak tag does not promise the same bytes, so no range can be asked for by it.
    const tag = response.headers.get("etag");
    const validator = tag !== null && !tag.startsWith("W/") ? tag : (response.headers.get("last-modified") ?? "");
    this.note = { url: this.spec.url, validator, totalBytes: this.total };
    await writeAtomically(noteOf(this.spec.path), JSON.stringify(this.note));
  }

  private async take(chunk: Uint8Array): Promise<void> {
    this.options.signal?.throwIfAborted();
    if (this.received + chunk.length > (this.total ?? this.spec.sizeBytes ?? MAX_BYTES)) {
      throw new DownloadError("wrongFile", `The server sends more than it announced for ${basename(this.spec.path)}.`);
    }
    for (let done = 0; done < chunk.length; ) {
      done += (await this.file.write(chunk, done, chunk.length - done, this.received + done)).bytesWritten;
    }
    this.hash.update(chunk);
    this.received += chunk.length;
    this.report(false);
  }

  private checkSize(): void {
    const { sizeBytes, path } = this.spec;
    if (sizeBytes !== undefined && this.total !== null && this.total !== sizeBytes) {
      throw new DownloadError("wrongFile", `${basename(path)} should have ${sizeBytes} bytes, but the server has ${this.total}.`);
    }
    if ((this.total ?? 0) > MAX_BYTES) throw new DownloadError("wrongFile", `${basename(path)} is larger than any medium: ${this.total} bytes.`);
  }

  /** A file that is not what it should be is removed: it could only be taken up again. */
  private async verify(): Promise<string> {
    const { path, sizeBytes } = this.spec;
    const sha256 = this.hash.digest("hex");
    const wanted = this.spec.sha256?.toLowerCase();
    const isSizeWrong = sizeBytes !== undefined && this.received !== sizeBytes;
    if (!isSizeWrong && (wanted === undefined || wanted === sha256)) return sha256;
    await discardDownload(path);
    const why = isSizeWrong ? `it has ${this.received} bytes instead of ${sizeBytes}` : `its SHA-256 is ${sha256} instead of ${wanted}`;
    throw new DownloadError("wrongFile", `${basename(path)} is not the file it should be and was removed: ${why}.`);
  }

  private report(isLast: boolean): void {
    const nowMs = performance.now();
    if (!isLast && nowMs - this.reportedMs < PROGRESS_MS) return;
    this.reportedMs = nowMs;
    const bytesPerSecond = (this.received - this.before) / Math.max(0.001, (nowMs - this.startMs) / 1000);
    this.options.onProgress?.({ receivedBytes: this.received, totalBytes: this.total, bytesPerSecond });
  }
}

async function readNote(path: string): Promise<Note | null> {
  try {
    return Note.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return null; // none, or half of one: then the download starts over
  }
}

function lengthOf(response: Response): number | null {
  const text = response.headers.get("content-length") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function statusError(response: Response, { url }: DownloadSpec): DownloadError {
  const { status } = response;
  if (status === 404 || status === 410) return new DownloadError("refused", `The server has no such file (${status}): ${url}`, { code: "notFound" });
  // Overload passes; everything else will be the same next time.
  const reason = status >= 500 || status === 408 || status === 429 ? "network" : "refused";
  return new DownloadError(reason, `The server refused with status ${status}: ${url}`);
}

/** fetch() hides the reason in the cause. */
function connectionMessage(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
}

const DISK_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EIO", "EFBIG", "EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "EEXIST"]);
const isDiskError = (error: unknown): boolean => DISK_CODES.has(systemErrorCode(error) ?? "");

function asDownloadError(error: unknown, { path }: DownloadSpec, signal: AbortSignal | undefined): DownloadError {
  if (error instanceof DownloadError) return error;
  if (signal?.aborted) return new DownloadError("cancelled", `The download of ${basename(path)} was cancelled.`, { cause: error, code: "wrongState" });
  if (systemErrorCode(error) === "EEXIST") return new DownloadError("disk", `There is a file already, and it was left as it is: ${path}`, { cause: error, code: "badRequest" });
  const { code, message } = writeError(error, path);
  return new DownloadError("disk", message, { cause: error, code });
}
