// Between a machine's thread and its io thread: one shared buffer with two rings and a pool of data slots, and a few messages for
// what is rare. A request takes a slot, whose number goes through the submission ring and comes back through the completion ring.
// There are as many ring entries as slots, so a ring never overflows; who finds no slot free waits on the machine's side.
//
// Each ring has one writer and one reader. Counters run on and wrap at 2^32; entry n is at n modulo SLOT_COUNT. Descriptor and data
// are written before the counter, which is stored and loaded with Atomics and so publishes them.
import type { MessagePort } from "node:worker_threads";
import type { ErrorCode } from "../api/vm-state.ts";
import type { BlockError } from "../storage/block.ts";

export const SLOT_COUNT = 64;
/** Longest piece of a request; longer ones are cut, so that copying one piece overlaps reading the next. */
export const SLOT_BYTES = 128 * 1024;

export const IoWord = {
  /** Slots submitted so far; the io thread sleeps on it. */
  SUBMITTED: 0,
  /** Slots completed so far. */
  COMPLETED: 1,
  /** Answers posted so far; the machine's thread sleeps on it while it opens a file. */
  ANSWERED: 2,
  /** 1 once the io thread serves no more, and everything it had is closed or lost. */
  ENDED: 3,
} as const;

/** Words of a slot's descriptor. */
const SlotWord = { OPERATION: 0, FILE: 1, LENGTH: 2, STATUS: 3 } as const;
const SLOT_WORDS = 4;

const SUBMISSIONS_AT = 64;
const COMPLETIONS_AT = SUBMISSIONS_AT + SLOT_COUNT * 4;
const DESCRIPTORS_AT = COMPLETIONS_AT + SLOT_COUNT * 4;
const OFFSETS_AT = DESCRIPTORS_AT + SLOT_COUNT * SLOT_WORDS * 4;
const DATA_AT = 4096;
export const IO_BUFFER_BYTES = DATA_AT + SLOT_COUNT * SLOT_BYTES;

export const IoOperation = { READ: 0, WRITE: 1, FLUSH: 2, DISCARD: 3 } as const;

const STATUSES: readonly (BlockError | null)[] = [null, "io", "noSpace", "outOfRange", "readOnly", "removed"];

/** One slot's descriptor as both ends read and write it. */
export interface SlotRequest {
  operation: number;
  file: number;
  length: number;
  offset: number;
}

/** The shared buffer, seen from either end. */
export class IoBuffer {
  readonly shared: SharedArrayBuffer;
  readonly words: Int32Array;
  private readonly submissions: Int32Array;
  private readonly completions: Int32Array;
  private readonly descriptors: Int32Array;
  private readonly offsets: Float64Array;
  private readonly slots: Uint8Array[];

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(IO_BUFFER_BYTES)) {
    this.shared = shared;
    this.words = new Int32Array(shared, 0, SUBMISSIONS_AT / 4);
    this.submissions = new Int32Array(shared, SUBMISSIONS_AT, SLOT_COUNT);
    this.completions = new Int32Array(shared, COMPLETIONS_AT, SLOT_COUNT);
    this.descriptors = new Int32Array(shared, DESCRIPTORS_AT, SLOT_COUNT * SLOT_WORDS);
    this.offsets = new Float64Array(shared, OFFSETS_AT, SLOT_COUNT);
    this.slots = Array.from({ length: SLOT_COUNT }, (_, slot) => new Uint8Array(shared, DATA_AT + slot * SLOT_BYTES, SLOT_BYTES));
  }

  /** The data of a slot, SLOT_BYTES long. */
  data(slot: number): Uint8Array {
    return this.slots[slot]!; // callers have checked the number
  }

  describe(slot: number, request: SlotRequest): void {
    const at = slot * SLOT_WORDS;
    this.descriptors[at + SlotWord.OPERATION] = request.operation;
    this.descriptors[at + SlotWord.FILE] = request.file;
    this.descriptors[at + SlotWord.LENGTH] = request.length;
    this.offsets[slot] = request.offset;
  }

  request(slot: number): SlotRequest {
    const at = slot * SLOT_WORDS;
    return {
      operation: this.descriptors[at + SlotWord.OPERATION] ?? -1,
      file: this.descriptors[at + SlotWord.FILE] ?? -1,
      length: this.descriptors[at + SlotWord.LENGTH] ?? -1,
      offset: this.offsets[slot] ?? -1,
    };
  }

  submit(slot: number): void {
    this.push(this.submissions, IoWord.SUBMITTED, slot);
  }

  /** Entry `n` of the submission ring, or undefined if it is none of ours. */
  submission(n: number): number | undefined {
    return slotOf(this.submissions, n);
  }

  complete(slot: number, error: BlockError | null): void {
    this.descriptors[slot * SLOT_WORDS + SlotWord.STATUS] = STATUSES.indexOf(error);
    this.push(this.completions, IoWord.COMPLETED, slot);
  }

  completion(n: number): number | undefined {
    return slotOf(this.completions, n);
  }

  /** How the request in this slot ended. */
  status(slot: number): BlockError | null {
    const status = STATUSES[this.descriptors[slot * SLOT_WORDS + SlotWord.STATUS] ?? -1];
    return status === undefined ? "io" : status;
  }

  private push(ring: Int32Array, counter: number, slot: number): void {
    const n = Atomics.load(this.words, counter);
    ring[n & (SLOT_COUNT - 1)] = slot;
    Atomics.store(this.words, counter, (n + 1) | 0);
    Atomics.notify(this.words, counter);
  }
}

function slotOf(ring: Int32Array, n: number): number | undefined {
  const slot = ring[n & (SLOT_COUNT - 1)];
  return slot !== undefined && slot >= 0 && slot < SLOT_COUNT ? slot : undefined;
}

/** The io thread's `workerData`. */
export interface IoWorkerStart {
  buffer: SharedArrayBuffer;
  /** Words of ControlWord: SIGNAL is bumped with every completion. */
  control: SharedArrayBuffer;
  /** Who locks the images, for the message that another machine gets. */
  holder: string;
  /** For ToIoWorker and FromIoWorker. */
  port: MessagePort;
}

export type ToIoWorker =
  | { kind: "open"; file: number; path: string; isWritable: boolean }
  /** Comes into force when the requests up to number `behind` of the submission ring are done. */
  | { kind: "close"; file: number; behind: number }
  /** Close everything and end the thread. */
  | { kind: "shutdown"; behind: number };

/** Answer to "open". */
export type FromIoWorker = { kind: "opened"; file: number; sizeBytes: number } | { kind: "refused"; file: number; code: ErrorCode; message: string };
