// A disk for tests: memory whose every sector says where it is, and a client that waits for one request at a time or records many.
import type { BlockBackend, BlockClient, BlockError, BlockOperation } from "../storage/block.ts";
import type { Deliverable } from "../storage/completions.ts";
import { MemoryBackend } from "../storage/memory-backend.ts";

export const TEST_SECTOR = 512;

/** Sector n holds n, little-endian, in each of its 32-bit words but the last, which holds n inverted. */
export function patternedBytes(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 4 <= sizeBytes; at += 4) {
    const sector = Math.floor(at / TEST_SECTOR);
    view.setUint32(at, at % TEST_SECTOR === TEST_SECTOR - 4 ? ~sector >>> 0 : sector, true);
  }
  return bytes;
}

export function patternedDisk(sectorCount: number, isReadOnly = false): MemoryBackend {
  return new MemoryBackend(patternedBytes(sectorCount * TEST_SECTOR), { isReadOnly });
}

export interface DoneRecord {
  tag: number;
  error: BlockError | null;
}

/** A backend's client that remembers what it was told. */
export class RecordingClient implements BlockClient {
  readonly done: DoneRecord[] = [];
  /** Called after each completion has been recorded. */
  onDone: (record: DoneRecord) => void = () => {};

  blockDone(tag: number, error: BlockError | null): void {
    const record = { tag, error };
    this.done.push(record);
    this.onDone(record);
  }

  errorOf(tag: number): BlockError | null | undefined {
    return this.done.find((d) => d.tag === tag)?.error;
  }
}

/** Uses a backend from a test as if it answered at once. `deliver` is called until the answer is there. */
export class DirectDisk {
  readonly client = new RecordingClient();
  private readonly backend: BlockBackend;
  private readonly deliver: () => void;
  private nextTag = 1;

  constructor(backend: BlockBackend, deliver: () => void) {
    this.backend = backend;
    this.deliver = deliver;
    backend.attach(this.client);
  }

  static over(backend: BlockBackend & Deliverable): DirectDisk {
    return new DirectDisk(backend, () => backend.deliver());
  }

  /** Throws the BlockError as an Error's message. */
  read(offset: number, length: number): Uint8Array {
    const data = new Uint8Array(length);
    this.run("read", offset, length, data);
    return data;
  }

  write(offset: number, data: Uint8Array): void {
    this.run("write", offset, data.length, data);
  }

  flush(): void {
    this.run("flush", 0, 0);
  }

  discard(offset: number, length: number): void {
    this.run("discard", offset, length);
  }

  private run(operation: BlockOperation, offset: number, length: number, data?: Uint8Array): void {
    const tag = this.nextTag++;
    this.backend.submit({ tag, operation, offset, length, ...(data ? { data } : {}) });
    const before = this.client.done.length;
    if (this.client.errorOf(tag) !== undefined) throw new Error("completed within submit");
    for (let tries = 0; this.client.errorOf(tag) === undefined; tries++) {
      if (tries > 1_000_000) throw new Error(`no answer to ${operation}`);
      this.deliver();
    }
    const error = this.client.errorOf(tag);
    this.client.done.length = before;
    if (error) throw new Error(error);
  }
}
