// What a disk controller sees of a medium: sectors that are read and written some time later, never at once. Behind it stands a
// file in the io worker, memory, an overlay, or a wrapper that counts or injects faults.
//
// Rules that keep the guest's view free of the host: submit() never blocks and never completes within the call; completions are
// delivered between slices, in the order in which they became ready; after drop() none of the earlier requests completes.

export type BlockError =
  /** The host could not read or write. */
  | "io"
  /** The host's disk is full. */
  | "noSpace"
  /** Beyond the end of the medium: a device checks first, this is the second line of defence. */
  | "outOfRange"
  | "readOnly"
  /** The medium was taken out while the request was under way. */
  | "removed";

export type BlockOperation = "read" | "write" | "flush" | "discard";

export interface BlockRequest {
  /** Chosen by the device; unique among its own outstanding requests. Plain data, so that a device can save what is under way
   *  as a record and submit it again after load. */
  tag: number;
  operation: BlockOperation;
  /** Bytes from the start of the medium, any alignment. 0 for a flush. */
  offset: number;
  /** Bytes; for reads and writes that of `data`. 0 for a flush. */
  length: number;
  /** Filled by a read before it completes; the bytes to write, copied before submit() returns. Absent for flush and discard. */
  data?: Uint8Array;
}

export interface BlockClient {
  /** A request has ended. Called between slices only. */
  blockDone(tag: number, error: BlockError | null): void;
}

/** One medium as one device uses it. A write that has completed is seen by every later read; it is on the host's disk only once a
 *  flush submitted after it has completed. */
export interface BlockBackend {
  readonly sizeBytes: number;
  readonly isReadOnly: boolean;
  attach(client: BlockClient): void;
  submit(request: BlockRequest): void;
  /** Forgets all outstanding requests: a controller's reset. Writes under way may or may not reach the medium. */
  drop(): void;
}

/** A drive whose medium can change while the machine runs. */
export interface RemovableDrive {
  /** Puts a medium in, or takes it out (null). Requests under way on the old one end with "removed". */
  setMedium(medium: BlockBackend | null): void;
  /** The guest holds the tray shut (ATAPI PREVENT ALLOW MEDIUM REMOVAL). */
  readonly isLocked: boolean;
}

/** What a drive tells its surroundings. */
export interface DriveEvents {
  /** Data moves: for the activity light. */
  onActivity(kind: "read" | "write"): void;
  /** The guest ejected the medium; the drive is empty now. */
  onEjected?(): void;
}
