// The machine's end of the rings: cuts requests into slots, holds back what finds none free, and hands completions to the devices
// when the run loop asks. Nothing here waits, so the CPU never does. Requests are served first come, first served over all media.
import type { BlockBackend, BlockClient, BlockError, BlockOperation, BlockRequest } from "../storage/block.ts";
import { Completions, refusal } from "../storage/completions.ts";
import { type IoBuffer, IoOperation, IoWord, SLOT_BYTES, SLOT_COUNT } from "./io-protocol.ts";

const OPERATIONS: Record<BlockOperation, number> = {
  read: IoOperation.READ,
  write: IoOperation.WRITE,
  flush: IoOperation.FLUSH,
  discard: IoOperation.DISCARD,
};

/** A device's request until it is answered. */
interface Pending {
  backend: IoWorkerBackend;
  tag: number;
  partsLeft: number;
  error: BlockError | null;
  /** The backend's when it was submitted: another one means that it has been dropped since. */
  generation: number;
}

/** What goes through one slot. */
interface Part {
  pending: Pending;
  operation: number;
  offset: number;
  length: number;
  /** Where a read goes, or what is written. */
  data: Uint8Array | undefined;
}

export class IoQueue {
  private readonly buffer: IoBuffer;
  /** Free slots, the last used on top: its memory is still in the host's caches. */
  private readonly free = Array.from({ length: SLOT_COUNT }, (_, slot) => SLOT_COUNT - 1 - slot);
  private readonly inFlight = new Map<number, Part>();
  private waiting: Part[] = [];
  private completed: number;

  constructor(buffer: IoBuffer) {
    this.buffer = buffer;
    this.completed = Atomics.load(buffer.words, IoWord.COMPLETED);
  }

  get isBusy(): boolean {
    return this.inFlight.size > 0 || this.waiting.length > 0;
  }

  get submitted(): number {
    return Atomics.load(this.buffer.words, IoWord.SUBMITTED);
  }

  submit(backend: IoWorkerBackend, request: BlockRequest): void {
    const { operation, offset, length, data, tag } = request;
    const step = operation === "read" || operation === "write" ? SLOT_BYTES : Math.max(1, length);
    const count = Math.max(1, Math.ceil(length / step));
    const pending: Pending = { backend, tag, partsLeft: count, error: null, generation: backend.generation };
    for (let at = 0, n = 0; n < count; n++, at += step) {
      const partLength = Math.min(step, length - at);
      const part = { pending, operation: OPERATIONS[operation], offset: offset + at, length: partLength, data: data?.subarray(at, at + partLength) };
      if (this.waiting.length === 0 && this.start(part)) continue;
      // The device may change its buffer as soon as submit() has returned.
      if (operation === "write") part.data = part.data?.slice();
      this.waiting.push(part);
    }
  }

  /** Forgets what a backend waits for. What the io thread has already runs to its end, unheard. */
  drop(backend: IoWorkerBackend): void {
    backend.generation++;
    this.waiting = this.waiting.filter((part) => part.pending.backend !== backend);
  }

  /** From now on nobody is told of anything, but what has been written still reaches the io thread. */
  mute(): void {
    this.waiting = this.waiting.filter((part) => part.operation !== IoOperation.READ);
    for (const part of [...this.inFlight.values(), ...this.waiting]) part.pending.generation = -1;
  }

  /** Takes back what is ready at the moment of the call, delivers it, and starts what waited. How many requests have ended. */
  drain(): number {
    const ready = Atomics.load(this.buffer.words, IoWord.COMPLETED);
    let count = 0;
    for (; this.completed !== ready; this.completed = (this.completed + 1) | 0) {
      const slot = this.buffer.completion(this.completed);
      const part = slot === undefined ? undefined : this.inFlight.get(slot);
      if (slot === undefined || !part) continue;
      this.inFlight.delete(slot);
      const error = this.buffer.status(slot);
      if (part.operation === IoOperation.READ && error === null && isWanted(part.pending)) part.data?.set(this.buffer.data(slot).subarray(0, part.length));
      this.free.push(slot);
      count += this.finish(part.pending, error);
    }
    if (Atomics.load(this.buffer.words, IoWord.ENDED) === 1) count += this.failAll();
    this.startWaiting();
    return count;
  }

  private finish(pending: Pending, error: BlockError | null): number {
    pending.error ??= error;
    if (--pending.partsLeft > 0 || !isWanted(pending)) return 0;
    pending.backend.answer(pending.tag, pending.error);
    return 1;
  }

  /** The io thread is gone: nothing will be answered any more. */
  private failAll(): number {
    const parts = [...this.inFlight.values(), ...this.waiting];
    this.free.push(...this.inFlight.keys());
    this.inFlight.clear();
    this.waiting = [];
    return parts.reduce((count, part) => count + this.finish(part.pending, "io"), 0);
  }

  private startWaiting(): void {
    let started = 0;
    for (let first = this.waiting[0]; first && this.start(first); first = this.waiting[started]) started++;
    if (started > 0) this.waiting.splice(0, started);
  }

  private start(part: Part): boolean {
    const slot = this.free.pop();
    if (slot === undefined) return false;
    const { operation, offset, length, data } = part;
    if (operation === IoOperation.WRITE && data) this.buffer.data(slot).set(data);
    this.buffer.describe(slot, { operation, file: part.pending.backend.file, length, offset });
    this.inFlight.set(slot, part);
    this.buffer.submit(slot);
    return true;
  }
}

const isWanted = (pending: Pending): boolean => pending.generation === pending.backend.generation;

/** One open file as a medium. */
export class IoWorkerBackend implements BlockBackend {
  /** The io thread's number for it. */
  readonly file: number;
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  /** Counts the drops. */
  generation = 0;
  /** Requests that are refused on this side. */
  readonly refused: Completions;
  private readonly queue: IoQueue;
  private client: BlockClient | undefined;
  private isOpen = true;

  constructor(queue: IoQueue, file: number, medium: { sizeBytes: number; isReadOnly: boolean }, onReady: () => void) {
    this.queue = queue;
    this.file = file;
    this.sizeBytes = medium.sizeBytes;
    this.isReadOnly = medium.isReadOnly;
    this.refused = new Completions(onReady);
  }

  attach(client: BlockClient): void {
    this.client = client;
    this.refused.attach(client);
  }

  submit(request: BlockRequest): void {
    const error = this.isOpen ? refusal(this, request) : "removed";
    if (error !== null) this.refused.push(request.tag, error);
    // Nobody writes a medium that cannot be written, so there is nothing to flush.
    else if (request.operation === "flush" && this.isReadOnly) this.refused.push(request.tag, null);
    else this.queue.submit(this, request);
  }

  drop(): void {
    this.refused.drop();
    this.queue.drop(this);
  }

  /** From now on everything is answered with "removed". */
  close(): void {
    this.drop();
    this.isOpen = false;
  }

  answer(tag: number, error: BlockError | null): void {
    this.client?.blockDone(tag, error);
  }
}
