// A medium in memory: throw-away RAM disks, and tests. Data moves when a request is submitted, the answer comes with deliver().
import type { BlockBackend, BlockClient, BlockRequest } from "./block.ts";
import { Completions, type Deliverable, refusal } from "./completions.ts";

export class MemoryBackend implements BlockBackend, Deliverable {
  readonly isReadOnly: boolean;
  /** The medium itself; tests look into it. */
  readonly contents: Uint8Array;
  private readonly completions: Completions;

  /** `contents`: the bytes, which the guest may change, or how many zeroes. */
  constructor(contents: Uint8Array | number, options: { isReadOnly?: boolean; onReady?: () => void } = {}) {
    this.contents = typeof contents === "number" ? new Uint8Array(contents) : contents;
    this.isReadOnly = options.isReadOnly ?? false;
    this.completions = new Completions(options.onReady);
  }

  get sizeBytes(): number {
    return this.contents.length;
  }

  attach(client: BlockClient): void {
    this.completions.attach(client);
  }

  submit(request: BlockRequest): void {
    const error = refusal(this, request);
    if (error === null) this.perform(request);
    this.completions.push(request.tag, error);
  }

  private perform({ operation, offset, length, data }: BlockRequest): void {
    if (operation === "read") data?.set(this.contents.subarray(offset, offset + length));
    else if (operation === "write") this.contents.set(data ?? [], offset);
    else if (operation === "discard") this.contents.fill(0, offset, offset + length);
  }

  drop(): void {
    this.completions.drop();
  }

  deliver(): number {
    return this.completions.deliver();
  }
}
