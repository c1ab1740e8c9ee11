// Made-up systems and downloads of the scripted bridge: each takes a few seconds, and one breaks off half-way the first time.
import type { CallInput } from "../../core/api/contract.ts";
import type { KnownSystem } from "../../core/api/known-systems.ts";
import type { Download } from "../../core/api/vm-state.ts";
import { BridgeError } from "./bridge.ts";

export const MEDIA_FOLDER = "/home/user/Ringfence/.media";
const STEPS = 12;
const DEVICES = { controller: "virtio", network: "virtio", tablet: true, balloon: true, entropy: true, paravirtual: true } as const;
const OLD_DEVICES = { controller: "ide", network: "ne2000", tablet: false, balloon: false, entropy: false, paravirtual: false } as const;

export const FAKE_SYSTEMS: KnownSystem[] = [
  {
    id: "alpine", name: "Alpine Linux (64 bit)", family: "linux", bits: 64, memoryMiB: { minimum: 128, recommended: 512 }, diskMiB: 4096,
    devices: DEVICES, recognise: [], homePage: "https://alpinelinux.org/downloads/",
    download: { url: "https://dl-cdn.alpinelinux.org/alpine-virt.iso", fileName: "alpine-virt.iso", sizeBytes: 62_914_560, sha256: "0".repeat(64) },
  },
  {
    id: "debian", name: "Debian (64 bit)", family: "linux", bits: 64, memoryMiB: { minimum: 512, recommended: 1024 }, diskMiB: 20480,
    devices: DEVICES, recognise: [], homePage: "https://www.debian.org/",
    download: { url: "https://cdimage.debian.org/netinst.iso", fileName: "netinst.iso", sizeBytes: 662_700_032 },
    note: "Breaks off half-way, the first time.",
  },
  {
    id: "freedos", name: "FreeDOS", family: "dos", bits: 16, memoryMiB: { minimum: 4, recommended: 16 }, diskMiB: 512,
    devices: OLD_DEVICES, recognise: [], homePage: "https://www.freedos.org/download/",
  },
  { id: "other-linux", name: "Other Linux", family: "linux", bits: 64, memoryMiB: { minimum: 64, recommended: 512 }, diskMiB: 4096, devices: DEVICES, recognise: [] },
  { id: "other", name: "Other system", family: "other", bits: 32, memoryMiB: { minimum: 4, recommended: 64 }, diskMiB: 1024, devices: OLD_DEVICES, recognise: [] },
];

export class FakeDownloads {
  readonly #changed: (download: Download) => void;
  readonly #downloads = new Map<string, Download>();
  readonly #timers = new Map<string, ReturnType<typeof setInterval>>();
  #hasBroken = false;

  constructor(changed: (download: Download) => void) {
    this.#changed = changed;
  }

  list(): Download[] {
    return [...this.#downloads.values()];
  }

  start({ url, fileName, sizeBytes = 50_000_000, sha256 }: CallInput<"download.start">): Download {
    const old = this.#downloads.get(fileName);
    const receivedBytes = old?.receivedBytes ?? 0;
    const download: Download = {
      id: fileName, url, path: `${MEDIA_FOLDER}/${fileName}`, state: "running", receivedBytes, totalBytes: sizeBytes, bytesPerSecond: sizeBytes / 3,
      isVerified: false, failure: null,
    };
    this.#set(download);
    clearInterval(this.#timers.get(fileName));
    this.#timers.set(fileName, setInterval(() => this.#step(fileName, sizeBytes, sha256 !== undefined), 250));
    return download;
  }

  pause(id: string): void {
    this.#end(id, { state: "paused", bytesPerSecond: 0 });
  }

  cancel(id: string): void {
    this.#end(id, { state: "cancelled", receivedBytes: 0, bytesPerSecond: 0 });
    this.#downloads.delete(id);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearInterval(timer);
  }

  #step(id: string, sizeBytes: number, isVerified: boolean): void {
    const download = this.#downloads.get(id);
    if (download === undefined) return;
    const receivedBytes = Math.min(sizeBytes, Math.round(download.receivedBytes + sizeBytes / STEPS));
    this.#set({ ...download, receivedBytes });
    if (id === "netinst.iso" && !this.#hasBroken && receivedBytes > sizeBytes / 2) {
      this.#hasBroken = true;
      this.#end(id, { state: "failed", bytesPerSecond: 0, failure: { code: "downloadFailed", message: "The server closed the connection" } });
    } else if (receivedBytes === sizeBytes) this.#end(id, { state: "done", bytesPerSecond: 0, isVerified });
  }

  #end(id: string, changes: Partial<Download>): void {
    const download = this.#downloads.get(id);
    if (download === undefined) throw new BridgeError("notFound", `No download ${id}`);
    clearInterval(this.#timers.get(id));
    this.#set({ ...download, ...changes });
  }

  #set(download: Download): void {
    this.#downloads.set(download.id, download);
    this.#changed(download);
  }
}
