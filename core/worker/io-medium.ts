// What the machine's thread sees of the io worker: media that open at once and block backends that answer between slices.
//
// How the run loop uses it (all calls from the machine's thread):
//   const io = IoClient.start({ control, holder: "Debian" });    once; the io thread starts beside this one
//   const medium = io.openMedium({ path, readOnly, throwAway }); before the machine is built and again whenever one is inserted;
//                                                                blocks for some ms; throws MachineError that names the file
//   drive.setMedium(medium.backend)                              the backend is an ordinary BlockBackend
//   if (io.drain() > 0) continue;                                between slices AND before sleeping: delivers completions in order
//   medium.close()                                               after drive.setMedium(null) or an eject: flushes, unlocks
//   io.shutdown()                                                at the end, also after an error: finishes writes, flushes, unlocks
//
// A halted machine wakes by itself: whenever drain() has something new to deliver, the control SIGNAL word has been bumped and
// notified. drain() delivers what is ready when it is called and no more, so that a busy disk cannot hold the CPU up.
import type { BlockBackend } from "../storage/block.ts";

export interface MediumSpec {
  /** Absolute path of a RAW image: a disk, a floppy or an ISO. */
  path: string;
  /** A CD always is. One that may be written is locked: two machines cannot write one image, and none reads one being written. */
  readOnly: boolean;
  /** The guest may write, but into memory only, and the image stays as it is. Opens the image read-only whatever `readOnly` says. */
  throwAway?: boolean;
}

export interface OpenMedium {
  readonly path: string;
  /** Attach one client (a drive); a medium that moves to another drive is attached anew. */
  readonly backend: BlockBackend;
  readonly sizeBytes: number;
  /** As the guest sees it: false with throwAway. */
  readonly isReadOnly: boolean;
  /** Lets go of the file, behind what has been submitted. Forgets (drop) what the client still waits for. Safe to call twice. */
  close(): void;
}

/** What IoClient offers. */
export interface MediaHost {
  /** Throws MachineError: `fileMissing`, `ioFailed`; the message says which file and why. */
  openMedium(spec: MediumSpec): OpenMedium;
  /** A medium in memory, zeroed or with these contents: a RAM disk, a blank floppy for tests. */
  memoryMedium(contents: Uint8Array | number, isReadOnly?: boolean): OpenMedium;
  /** Delivers completions to the devices. How many: while it is not 0 the guest may have work and must not be put to sleep. */
  drain(): number;
  /** True while a request is under way or waits: a machine that is to be paused for good may go on draining. */
  readonly isBusy: boolean;
  shutdown(): void;
}
