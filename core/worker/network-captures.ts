// Captures of the network's thread: frames of a link into a pcapng file, into a ring that is shown live, or both. A file is written through
// a buffer of bounded size; what a slow disk leaves no room for is not captured, and counted in the file's statistics.
import { once } from "node:events";
import { open } from "node:fs/promises";
import type { WriteStream } from "node:fs";
import type { FromNetworkWorker } from "../api/network-protocol.ts";
import type { LinkId, PacketDetails } from "../api/network.ts";
import { CaptureRing } from "../network/capture/capture-ring.ts";
import { packetDetails, packetRow } from "../network/capture/decode.ts";
import { PcapngWriter } from "../network/capture/pcapng.ts";
import type { NetworkFabric } from "../network/fabric/network-fabric.ts";

const RING_BYTES = 16 << 20;
const SNAP_LENGTH = 0x1_0000;
const CAPTURES_MAX = 64;
/** Stopped ones that can still be looked at. */
const STOPPED_MAX = 8;
const ROWS_INTERVAL_MS = 100;
/** Of one message; what comes faster than anybody can read is left out. */
const ROWS_MAX = 300;
const FLUSH_BYTES = 1 << 16;
const BUFFERED_MAX = 32 << 20;
const FILE_MAX = 8 * 2 ** 30;

export interface CaptureHost {
  readonly fabric: NetworkFabric;
  nowNs(): number;
  epochMs(): number;
  post(message: FromNetworkWorker): void;
}

export class NetworkCaptures {
  private readonly host: CaptureHost;
  private readonly captures = new Map<string, Capture>();

  constructor(host: CaptureHost) {
    this.host = host;
  }

  /** Settles with why it could not begin. */
  async start(id: string, link: LinkId, path: string | null, isLive: boolean): Promise<string | null> {
    if (this.captures.has(id)) return `There is a capture ${id} already.`;
    if (this.captures.size >= CAPTURES_MAX) return `There are ${CAPTURES_MAX} captures already; stop one first.`;
    const capture = new Capture(id, link, this.host, isLive);
    this.captures.set(id, capture);
    try {
      if (path !== null) await capture.openFile(path);
    } catch (error) {
      this.captures.delete(id);
      return `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
    }
    capture.begin();
    return null;
  }

  /** Settles when its file is whole. What a live one holds can still be asked for. */
  async stop(id: string): Promise<string | null> {
    const capture = this.captures.get(id);
    if (capture === undefined) return `There is no capture ${id}.`;
    await capture.end();
    if (!capture.isLive) this.captures.delete(id);
    const stopped = [...this.captures.values()].filter((each) => each.isStopped);
    for (const old of stopped.slice(0, Math.max(0, stopped.length - STOPPED_MAX))) this.captures.delete(old.id);
    return null;
  }

  packet(id: string, number: number): PacketDetails | null {
    return this.captures.get(id)?.packet(number) ?? null;
  }

  async save(id: string, path: string): Promise<string | null> {
    const capture = this.captures.get(id);
    if (capture === undefined) return `There is no capture ${id}.`;
    try {
      await capture.save(path);
      return null;
    } catch (error) {
      return `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.captures.values()].map((capture) => capture.end()));
  }
}

class Capture {
  readonly id: string;
  readonly isLive: boolean;
  isStopped = false;
  private readonly link: LinkId;
  private readonly host: CaptureHost;
  private readonly startedNs: number;
  private readonly startedEpochNs: bigint;
  private readonly ring: CaptureRing | undefined;
  private file: CaptureFile | undefined;
  private unobserve: (() => void) | undefined;
  private packets = 0;
  private bytes = 0;
  /** Of the ring, shown so far. */
  private shown = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(id: string, link: LinkId, host: CaptureHost, isLive: boolean) {
    this.id = id;
    this.link = link;
    this.host = host;
    this.isLive = isLive;
    this.startedNs = host.nowNs();
    this.startedEpochNs = BigInt(host.epochMs()) * 1_000_000n;
    this.ring = isLive ? new CaptureRing(RING_BYTES, SNAP_LENGTH) : undefined;
  }

  async openFile(path: string): Promise<void> {
    this.file = await CaptureFile.create(path, this.title, this.startedEpochNs, (message) => {
      this.file = undefined;
      this.host.post({ kind: "captureFailed", captureId: this.id, message: `${path} cannot be written any further: ${message}` });
    });
  }

  private get title(): string {
    return this.host.fabric.titleOf(this.link) ?? this.link;
  }

  begin(): void {
    this.unobserve = this.host.fabric.observe(this.link, (frame, direction) => {
      const timeNs = this.host.nowNs() - this.startedNs;
      this.packets++;
      this.bytes += frame.length;
      this.ring?.push(0, timeNs, frame, direction);
      this.file?.frame(timeNs, frame, direction);
      this.timer ??= setTimeout(this.report, ROWS_INTERVAL_MS);
    });
  }

  async end(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    this.unobserve?.();
    clearTimeout(this.timer);
    this.report();
    await this.file?.end(this.host.nowNs() - this.startedNs);
  }

  packet(number: number): PacketDetails | null {
    const [frame] = this.ring?.read(number - 1, 1).frames ?? [];
    return frame === undefined || frame.sequence !== number - 1 ? null : packetDetails(number, frame.bytes, frame.length, frame.timeNs);
  }

  async save(path: string): Promise<void> {
    let failure: string | undefined;
    const file = await CaptureFile.create(path, this.title, this.startedEpochNs, (message) => {
      failure = message;
    });
    let next = 0;
    for (;;) {
      const { frames } = this.ring?.read(next, 256) ?? { frames: [] };
      for (const { timeNs, bytes, direction, length } of frames) file.frame(timeNs, bytes, direction, length);
      const last = frames.at(-1);
      if (last === undefined) break;
      next = last.sequence + 1;
      await file.drained();
    }
    await file.end(this.host.nowNs() - this.startedNs);
    if (failure !== undefined) throw new Error(failure);
  }

  private readonly report = (): void => {
    this.timer = undefined;
    this.file?.flush();
    const { ring } = this;
    const rows = [];
    if (ring !== undefined) {
      this.shown = Math.max(this.shown, ring.total - ROWS_MAX);
      for (const { sequence, timeNs, direction, bytes, length } of ring.read(this.shown, ROWS_MAX).frames) {
        rows.push(packetRow(sequence + 1, timeNs / 1e9, direction, bytes, length));
      }
      this.shown = ring.total;
    }
    this.host.post({ kind: "packets", captureId: this.id, rows, packets: this.packets, bytes: this.bytes });
  };
}

class CaptureFile {
  private readonly stream: WriteStream;
  private readonly writer: PcapngWriter;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private written = 0;
  private captured = 0;
  private dropped = 0;
  private isBroken = false;

  static async create(path: string, title: string, startedNs: bigint, failed: (message: string) => void): Promise<CaptureFile> {
    const handle = await open(path, "w", 0o600);
    return new CaptureFile(handle.createWriteStream({ highWaterMark: 1 << 20 }), title, startedNs, failed);
  }

  private constructor(stream: WriteStream, title: string, startedNs: bigint, failed: (message: string) => void) {
    this.stream = stream;
    stream.on("error", (error) => {
      if (!this.isBroken) failed(error.message);
      this.isBroken = true;
      this.pending = [];
    });
    this.writer = new PcapngWriter(
      (block) => {
        this.pending.push(block);
        this.pendingBytes += block.length;
      },
      { startedNs },
    );
    this.writer.addInterface({ name: title });
  }

  frame(timeNs: number, frame: Uint8Array, direction: "in" | "out", length = frame.length): void {
    this.captured++;
    if (this.isBroken || this.stream.writableLength + this.pendingBytes > BUFFERED_MAX || this.written > FILE_MAX) {
      this.dropped++;
      return;
    }
    this.writer.frame(0, timeNs, frame, direction, undefined, length);
    if (this.pendingBytes >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    if (this.isBroken || this.pending.length === 0) return;
    this.written += this.pendingBytes;
    this.stream.write(Buffer.concat(this.pending));
    this.pending = [];
    this.pendingBytes = 0;
  }

  /** Settles when there is room for more. */
  async drained(): Promise<void> {
    if (!this.isBroken && this.stream.writableNeedDrain) await Promise.race([once(this.stream, "drain"), once(this.stream, "close")]);
  }

  async end(timeNs: number): Promise<void> {
    this.writer.statistics(0, timeNs, this.captured, this.dropped);
    this.flush();
    if (this.stream.closed) return;
    const closed = once(this.stream, "close");
    this.stream.end();
    await closed.catch(() => undefined); // "error" has told of it
  }
}
