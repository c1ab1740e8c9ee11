// A block backend between a device and another backend that behaves as badly as real disks may: errors, answers out of order,
// answers that take long. All from a seed. The bytes of a read appear only with its answer, and until then hold rubbish, so that a
// device that looks too early is found out.
import type { BlockBackend, BlockClient, BlockError, BlockOperation, BlockRequest } from "../storage/block.ts";
import type { Deliverable } from "../storage/completions.ts";
import { SeededRandom } from "./seeded-random.ts";

export interface FaultOptions {
  seed: number;
  /** Of 100 requests, how many fail with "io". */
  errorPercent?: number;
  /** An answer is held for up to so many calls of deliver(). */
  maxDelay?: number;
  /** Answers that are due together come in any order. */
  reorder?: boolean;
}

interface Held {
  request: BlockRequest;
  /** What the medium below reads into. */
  data: Uint8Array | undefined;
  error: BlockError | null;
  isDone: boolean;
  delay: number;
}

export class FaultyBackend implements BlockBackend, BlockClient, Deliverable {
  private readonly below: BlockBackend & Deliverable;
  private readonly options: FaultOptions;
  private readonly random: SeededRandom;
  private readonly held = new Map<number, Held>();
  private readonly planned: { operation: BlockOperation; error: BlockError }[] = [];
  private nextTag = 0;
  private client: BlockClient | undefined;

  constructor(below: BlockBackend & Deliverable, options: FaultOptions) {
    this.below = below;
    this.options = options;
    this.random = new SeededRandom(options.seed);
    below.attach(this);
  }

  get sizeBytes(): number {
    return this.below.sizeBytes;
  }

  get isReadOnly(): boolean {
    return this.below.isReadOnly;
  }

  /** Requests submitted and not answered. */
  get outstanding(): number {
    return this.held.size;
  }

  /** The next request of this kind fails. */
  failNext(operation: BlockOperation, error: BlockError): void {
    this.planned.push({ operation, error });
  }

  attach(client: BlockClient): void {
    this.client = client;
  }

  submit(request: BlockRequest): void {
    const tag = this.nextTag++;
    const delay = this.random.below((this.options.maxDelay ?? 0) + 1);
    const error = this.errorFor(request.operation);
    const data = request.operation === "read" && request.data ? new Uint8Array(request.data.length) : request.data;
    if (request.operation === "read") request.data?.fill(0xa5);
    this.held.set(tag, { request, data, error, isDone: error !== null, delay });
    if (error === null) this.below.submit({ ...request, tag, ...(data ? { data } : {}) });
  }

  private errorFor(operation: BlockOperation): BlockError | null {
    const at = this.planned.findIndex((p) => p.operation === operation);
    if (at >= 0) return this.planned.splice(at, 1)[0]?.error ?? null;
    return this.random.below(100) < (this.options.errorPercent ?? 0) ? "io" : null;
  }

  blockDone(tag: number, error: BlockError | null): void {
    const held = this.held.get(tag);
    if (!held) return;
    held.isDone = true;
    held.error = error;
  }

  drop(): void {
    this.held.clear();
    this.below.drop();
  }

  deliver(): number {
    this.below.deliver();
    const due = [...this.held].filter(([, h]) => h.isDone && h.delay-- <= 0);
    if (this.options.reorder) shuffle(due, this.random);
    let count = 0;
    for (const [tag, held] of due) {
      if (!this.held.delete(tag)) continue; // dropped by the client meanwhile
      const { request, data, error } = held;
      if (request.operation === "read" && error === null) request.data?.set(data ?? []);
      count++;
      this.client?.blockDone(request.tag, error);
    }
    return count;
  }
}

function shuffle<T>(items: T[], random: SeededRandom): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const moved = items[i]!; // both are within the array
    items[i] = items[j]!;
    items[j] = moved;
  }
}
