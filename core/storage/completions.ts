// Completions of a backend that answers from memory: they are held until the run loop delivers them between slices, which keeps the
// rule of block.ts that nothing completes within submit().
import type { BlockBackend, BlockClient, BlockError, BlockRequest } from "./block.ts";

interface Completion {
  tag: number;
  error: BlockError | null;
  sequence: number;
}

/** Something that run loop or test asks to deliver. */
export interface Deliverable {
  /** Delivers what is ready now, in order, and returns how many; what becomes ready meanwhile waits for the next call. */
  deliver(): number;
}

export class Completions implements Deliverable {
  private client: BlockClient | undefined;
  private queue: Completion[] = [];
  private sequence = 0;
  private readonly onReady: () => void;

  /** `onReady` is called when there is something to deliver again, possibly from within submit(). */
  constructor(onReady: () => void = () => {}) {
    this.onReady = onReady;
  }

  attach(client: BlockClient): void {
    this.client = client;
  }

  push(tag: number, error: BlockError | null): void {
    this.queue.push({ tag, error, sequence: this.sequence++ });
    if (this.queue.length === 1) this.onReady();
  }

  drop(): void {
    this.queue = [];
  }

  get isEmpty(): boolean {
    return this.queue.length === 0;
  }

  deliver(): number {
    const end = this.sequence;
    let count = 0;
    // The client may submit or drop while it hears of one.
    for (let first = this.queue[0]; first && first.sequence < end; first = this.queue[0]) {
      this.queue.shift();
      count++;
      this.client?.blockDone(first.tag, first.error);
    }
    if (!this.isEmpty) this.onReady();
    return count;
  }
}

/** Why a backend must refuse this request, whatever its device has checked, or null. */
export function refusal(medium: Pick<BlockBackend, "sizeBytes" | "isReadOnly">, request: BlockRequest): BlockError | null {
  const { operation, offset, length, data } = request;
  if (operation === "flush") return null;
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) return "outOfRange";
  if (offset + length > medium.sizeBytes) return "outOfRange";
  if (operation !== "discard" && data?.length !== length) return "outOfRange";
  if (operation !== "read" && medium.isReadOnly) return "readOnly";
  return null;
}
