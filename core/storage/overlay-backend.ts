// Copy on write: reads come from the medium below until a place has been written, writes stay in memory and are forgotten with this
// object. For throw-away drives. The medium below is never written, so it may be read-only.
//
// Memory is kept in clusters of 64 KiB that know, sector by sector, what they hold: nothing, the whole sector, or some of its bytes
// (a mask, for writes that are not aligned). So no write ever has to read the medium below first. A read takes what is missing
// from below and lays the overlay over it when that has arrived.
import type { BlockBackend, BlockClient, BlockError, BlockRequest } from "./block.ts";
import { Completions, type Deliverable, refusal } from "./completions.ts";

const CLUSTER = 64 * 1024;
const SECTOR = 512;
const SECTORS = CLUSTER / SECTOR;

const BELOW = 0;
const WHOLE = 1;
const PARTIAL = 2;

interface Cluster {
  data: Uint8Array;
  /** BELOW, WHOLE or PARTIAL for each sector. */
  held: Uint8Array;
  /** For PARTIAL sectors: 1 for each byte that is held. */
  masks: Map<number, Uint8Array>;
}

/** A cluster that was discarded whole. Shared, so it is replaced by a copy before it is written. */
const ZEROES: Cluster = { data: new Uint8Array(CLUSTER), held: new Uint8Array(SECTORS).fill(WHOLE), masks: new Map() };

interface PendingRead {
  request: BlockRequest;
  partsLeft: number;
  error: BlockError | null;
}

export class OverlayBackend implements BlockBackend, BlockClient, Deliverable {
  readonly isReadOnly = false;
  private readonly below: BlockBackend;
  private readonly limitBytes: number;
  private readonly completions: Completions;
  private readonly clusters = new Map<number, Cluster>();
  private ownedBytes = 0;
  /** Reads of the medium below that are under way, by the tag they have there. */
  private readonly parts = new Map<number, PendingRead>();
  private nextTag = 0;

  /** More than `limitBytes` of written clusters end in "noSpace". */
  constructor(below: BlockBackend, options: { limitBytes?: number; onReady?: () => void } = {}) {
    this.below = below;
    this.limitBytes = options.limitBytes ?? Infinity;
    this.completions = new Completions(options.onReady);
    below.attach(this);
  }

  get sizeBytes(): number {
    return this.below.sizeBytes;
  }

  /** Memory that the overlay takes. */
  get usedBytes(): number {
    return this.ownedBytes;
  }

  attach(client: BlockClient): void {
    this.completions.attach(client);
  }

  submit(request: BlockRequest): void {
    const error = refusal(this, request);
    if (error !== null || request.operation === "flush") this.completions.push(request.tag, error);
    else if (request.operation === "read") this.read(request);
    else if (request.operation === "discard") this.completions.push(request.tag, this.discard(request.offset, request.length));
    else this.completions.push(request.tag, this.write(request.offset, request.data ?? new Uint8Array()));
  }

  drop(): void {
    this.completions.drop();
    this.parts.clear();
    this.below.drop();
  }

  /** Delivers only its own; the medium below is delivered by whoever owns it. */
  deliver(): number {
    return this.completions.deliver();
  }

  private read(request: BlockRequest): void {
    const { offset, length, data } = request;
    if (!data) return;
    const missing = this.missing(offset, length);
    if (missing.length === 0) {
      this.lay(offset, data);
      this.completions.push(request.tag, null);
      return;
    }
    const pending: PendingRead = { request, partsLeft: missing.length, error: null };
    for (const [start, end] of missing) {
      const tag = this.nextTag++;
      this.parts.set(tag, pending);
      const part = data.subarray(start - offset, end - offset);
      this.below.submit({ tag, operation: "read", offset: start, length: part.length, data: part });
    }
  }

  blockDone(tag: number, error: BlockError | null): void {
    const pending = this.parts.get(tag);
    if (!pending) return;
    this.parts.delete(tag);
    pending.error ??= error;
    if (--pending.partsLeft > 0) return;
    const { request } = pending;
    if (request.data) this.lay(request.offset, request.data);
    this.completions.push(request.tag, pending.error);
  }

  /** Runs of bytes that the overlay does not hold whole, as [start, end). */
  private missing(offset: number, length: number): [number, number][] {
    const runs: [number, number][] = [];
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const cluster = this.clusters.get(Math.floor(at / CLUSTER));
      const next = Math.min(end, cluster ? (Math.floor(at / SECTOR) + 1) * SECTOR : (Math.floor(at / CLUSTER) + 1) * CLUSTER);
      if (cluster?.held[sectorOf(at)] !== WHOLE) {
        const last = runs.at(-1);
        if (last?.[1] === at) last[1] = next;
        else runs.push([at, next]);
      }
      at = next;
    }
    return runs;
  }

  /** Lays what the overlay holds of [offset, offset + data.length) over `data`. */
  private lay(offset: number, data: Uint8Array): void {
    const end = offset + data.length;
    for (let at = offset; at < end; ) {
      const cluster = this.clusters.get(Math.floor(at / CLUSTER));
      if (!cluster) {
        at = Math.min(end, (Math.floor(at / CLUSTER) + 1) * CLUSTER);
        continue;
      }
      const sector = sectorOf(at);
      const next = Math.min(end, (Math.floor(at / SECTOR) + 1) * SECTOR);
      const from = at % CLUSTER;
      if (cluster.held[sector] === WHOLE) {
        data.set(cluster.data.subarray(from, from + next - at), at - offset);
      } else if (cluster.held[sector] === PARTIAL) {
        const mask = cluster.masks.get(sector);
        for (let i = 0; i < next - at; i++) if (mask?.[(from + i) % SECTOR]) data[at - offset + i] = cluster.data[from + i] ?? 0;
      }
      at = next;
    }
  }

  private write(offset: number, data: Uint8Array): BlockError | null {
    for (let done = 0; done < data.length; ) {
      const at = offset + done;
      const from = at % CLUSTER;
      const count = Math.min(data.length - done, CLUSTER - from);
      const cluster = this.own(Math.floor(at / CLUSTER));
      if (!cluster) return "noSpace";
      cluster.data.set(data.subarray(done, done + count), from);
      mark(cluster, from, from + count, this.endWithin(at));
      done += count;
    }
    return null;
  }

  private discard(offset: number, length: number): BlockError | null {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / CLUSTER);
      const from = at % CLUSTER;
      const count = Math.min(end - at, CLUSTER - from);
      if (count === CLUSTER) {
        this.forget(index);
        this.clusters.set(index, ZEROES);
      } else {
        const cluster = this.own(index);
        if (!cluster) return "noSpace";
        cluster.data.fill(0, from, from + count);
        mark(cluster, from, from + count, this.endWithin(at));
      }
      at += count;
    }
    return null;
  }

  /** Where the medium ends within the cluster of `at`. */
  private endWithin(at: number): number {
    return Math.min(CLUSTER, this.sizeBytes - Math.floor(at / CLUSTER) * CLUSTER);
  }

  private own(index: number): Cluster | undefined {
    const present = this.clusters.get(index);
    if (present && present !== ZEROES) return present;
    if (this.ownedBytes + CLUSTER > this.limitBytes) return undefined;
    this.ownedBytes += CLUSTER;
    const cluster = { data: new Uint8Array(CLUSTER), held: new Uint8Array(SECTORS).fill(present ? WHOLE : BELOW), masks: new Map() };
    this.clusters.set(index, cluster);
    return cluster;
  }

  private forget(index: number): void {
    const present = this.clusters.get(index);
    if (present && present !== ZEROES) this.ownedBytes -= CLUSTER;
    this.clusters.delete(index);
  }
}

const sectorOf = (offset: number): number => Math.floor((offset % CLUSTER) / SECTOR);

/** Notes that bytes [from, to) of a cluster are held. A last sector that the medium cuts short is whole when it is held to `end`. */
function mark(cluster: Cluster, from: number, to: number, end: number): void {
  for (let sector = Math.floor(from / SECTOR); sector * SECTOR < to; sector++) {
    const start = sector * SECTOR;
    const isWhole = from <= start && to >= Math.min(start + SECTOR, end);
    if (isWhole) {
      cluster.held[sector] = WHOLE;
      cluster.masks.delete(sector);
    } else if (cluster.held[sector] !== WHOLE) {
      const mask = cluster.masks.get(sector) ?? new Uint8Array(SECTOR);
      mask.fill(1, Math.max(0, from - start), Math.min(SECTOR, to - start));
      cluster.masks.set(sector, mask);
      cluster.held[sector] = PARTIAL;
    }
  }
}
