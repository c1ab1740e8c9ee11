// Downloads of media, as the contract tells of them: one for each file name, each goes on where it was left. They end with the app;
// what has arrived stays on the disk for the next time.
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CallInput } from "../../core/api/contract.ts";
import type { Download } from "../../core/api/vm-state.ts";
import { writeError } from "../../core/hypervisor/atomic-file.ts";
import { DownloadError, discardDownload, download, unfinishedBytes } from "../../core/hypervisor/downloads.ts";
import { messageOf, VmError } from "../../core/hypervisor/vm-error.ts";

type Source = CallInput<"download.start">;

interface Entry {
  download: Download;
  abort: AbortController | undefined;
  /** Settles when nothing is written any more. */
  ended: Promise<void>;
}

export class Downloads {
  private readonly folder: string;
  private readonly changed: (download: Download) => void;
  /** Those that look at the disk first, so that two starts are one download. */
  private readonly starting = new Map<string, Promise<Download>>();
  private readonly entries = new Map<string, Entry>();

  constructor(folder: string, changed: (download: Download) => void) {
    this.folder = folder;
    this.changed = changed;
  }

  list(): Download[] {
    return [...this.entries.values()].map((entry) => entry.download);
  }

  start(source: Source): Promise<Download> {
    const id = source.fileName;
    const begun = this.starting.get(id) ?? this.begin(id, source).finally(() => this.starting.delete(id));
    this.starting.set(id, begun);
    return begun;
  }

  private async begin(id: string, source: Source): Promise<Download> {
    const old = this.entries.get(id);
    if (old?.download.state === "running") return old.download;
    await old?.ended;
    const path = join(this.folder, id);
    await makeFolder(this.folder);
    const present = source.sha256 === undefined ? await stat(path).catch(() => undefined) : undefined;
    const entry: Entry = {
      download: {
        id, url: source.url, path, state: present ? "done" : "running", receivedBytes: present?.size ?? (await unfinishedBytes(path)),
        totalBytes: present?.size ?? source.sizeBytes ?? null, bytesPerSecond: 0, isVerified: false, failure: null,
      },
      abort: present ? undefined : new AbortController(),
      ended: Promise.resolve(),
    };
    this.entries.set(id, entry);
    this.changed(entry.download);
    if (!present) entry.ended = this.run(entry, source);
    return entry.download;
  }

  async pause(id: string): Promise<void> {
    await this.stop(this.entry(id));
  }

  async cancel(id: string): Promise<void> {
    const entry = this.entry(id);
    await this.stop(entry);
    await discardDownload(entry.download.path);
    this.entries.delete(id);
    this.changed({ ...entry.download, state: "cancelled", receivedBytes: 0 });
  }

  async close(): Promise<void> {
    await Promise.all([...this.entries.values()].map((entry) => this.stop(entry)));
  }

  private entry(id: string): Entry {
    const entry = this.entries.get(id);
    if (!entry) throw new VmError("notFound", `There is no download ${id}.`);
    return entry;
  }

  private async stop(entry: Entry): Promise<void> {
    entry.abort?.abort();
    await entry.ended;
  }

  private async run(entry: Entry, source: Source): Promise<void> {
    const set = (changes: Partial<Download>) => {
      entry.download = { ...entry.download, ...changes };
      this.changed(entry.download);
    };
    const { signal } = entry.abort ?? new AbortController();
    try {
      const { path } = entry.download;
      const spec = { url: source.url, path, sizeBytes: source.sizeBytes, sha256: source.sha256 };
      const result = await download(spec, { signal, onProgress: (progress) => set(progress) });
      set({ state: "done", receivedBytes: result.sizeBytes, totalBytes: result.sizeBytes, bytesPerSecond: 0, isVerified: result.isVerified });
    } catch (error) {
      if (signal.aborted) set({ state: "paused", bytesPerSecond: 0 });
      else {
        const code = error instanceof DownloadError && error.reason === "network" ? "downloadFailed" : error instanceof VmError ? error.code : "internal";
        const failure = { code, message: messageOf(error) };
        set({ state: "failed", bytesPerSecond: 0, receivedBytes: await unfinishedBytes(entry.download.path), failure });
      }
    }
  }
}

export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeError(error, path);
  }
}
