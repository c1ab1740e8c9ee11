// The machine's end of the io thread: starts it, opens media while the machine's thread waits, and delivers what has been read and
// written between slices. How the run loop uses it: io-medium.ts. Rings and back-pressure: io-queue.ts.
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { CONTROL_BYTES, ControlWord } from "../api/worker-protocol.ts";
import { MachineError } from "../machine/machine.ts";
import type { Deliverable } from "../storage/completions.ts";
import { MemoryBackend } from "../storage/memory-backend.ts";
import { OverlayBackend } from "../storage/overlay-backend.ts";
import type { MediaHost, MediumSpec, OpenMedium } from "./io-medium.ts";
import { type FromIoWorker, IoBuffer, IoWord, type IoWorkerStart, type ToIoWorker } from "./io-protocol.ts";
import { IoQueue, IoWorkerBackend } from "./io-queue.ts";

/** How long the machine's thread waits for a file to open, and at the end for the last flush. */
const OPEN_TIMEOUT_MS = 30_000;
const SHUTDOWN_TIMEOUT_MS = 10_000;
const GIB = 1024 ** 3;

export interface IoClientOptions {
  /** Words of ControlWord: the SIGNAL word wakes a halted machine. */
  control?: Int32Array;
  /** The machine's name, for whoever finds one of its images locked. */
  holder: string;
  /** What the guest may write to throw-away media, in bytes of memory for each. */
  overlayLimitBytes?: number;
}

export class IoClient implements MediaHost {
  private readonly buffer = new IoBuffer();
  private readonly queue = new IoQueue(this.buffer);
  private readonly control: Int32Array;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly overlayLimitBytes: number;
  /** What is delivered besides the rings: refusals, overlays, media in memory. */
  private readonly local = new Set<Deliverable>();
  private readonly open = new Set<OpenMedium>();
  private nextFile = 1;
  private isOver = false;

  /** The thread starts beside this one; the first openMedium() waits until it is there. */
  static start(options: IoClientOptions): IoClient {
    return new IoClient(options);
  }

  private constructor({ control, holder, overlayLimitBytes }: IoClientOptions) {
    this.control = control ?? new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
    this.overlayLimitBytes = overlayLimitBytes ?? 2 * GIB;
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    // The words that the hypervisor shares with this thread are always in a shared buffer.
    const shared = this.control.buffer as SharedArrayBuffer;
    const workerData: IoWorkerStart = { buffer: this.buffer.shared, control: shared, holder, port: port2 };
    // Beside this file: as source, or bundled.
    const entry = new URL(import.meta.url.endsWith(".ts") ? "./io-worker.ts" : "./io-worker.js", import.meta.url);
    this.worker = new Worker(entry, { workerData, transferList: [port2], name: "io" });
    // It has told all it knows through the buffer; this thread may be asleep and hear of it only at its end.
    this.worker.on("error", () => {});
    this.worker.unref();
    this.port.unref();
  }

  openMedium({ path, readOnly, throwAway = false }: MediumSpec): OpenMedium {
    const isReadOnly = readOnly || throwAway;
    const file = this.nextFile++;
    const sizeBytes = this.openFile(file, path, !isReadOnly);
    const direct = new IoWorkerBackend(this.queue, file, { sizeBytes, isReadOnly }, this.wake);
    const overlay = throwAway ? new OverlayBackend(direct, { limitBytes: this.overlayLimitBytes, onReady: this.wake }) : undefined;
    const deliverables: Deliverable[] = overlay ? [direct.refused, overlay] : [direct.refused];
    for (const d of deliverables) this.local.add(d);
    const medium: OpenMedium = {
      path,
      backend: overlay ?? direct,
      sizeBytes,
      isReadOnly: overlay ? false : isReadOnly,
      close: () => {
        if (!this.open.delete(medium)) return;
        overlay?.drop();
        direct.close();
        for (const d of deliverables) this.local.delete(d);
        this.post({ kind: "close", file, behind: this.queue.submitted });
      },
    };
    this.open.add(medium);
    return medium;
  }

  memoryMedium(contents: Uint8Array | number, isReadOnly = false): OpenMedium {
    const backend = new MemoryBackend(contents, { isReadOnly, onReady: this.wake });
    this.local.add(backend);
    return {
      path: "",
      backend,
      sizeBytes: backend.sizeBytes,
      isReadOnly,
      close: () => {
        backend.drop();
        this.local.delete(backend);
      },
    };
  }

  drain(): number {
    let count = this.queue.drain();
    for (const backend of this.local) count += backend.deliver();
    return count;
  }

  get isBusy(): boolean {
    return this.queue.isBusy;
  }

  /** Finishes what has been submitted, flushes and unlocks every file, ends the thread. No device hears of it any more. */
  shutdown(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const backend of this.local) if (backend instanceof OverlayBackend) backend.drop();
    const endMs = performance.now() + SHUTDOWN_TIMEOUT_MS;
    const { words } = this.buffer;
    this.queue.mute();
    while (this.queue.isBusy && performance.now() < endMs) {
      const completed = Atomics.load(words, IoWord.COMPLETED);
      this.queue.drain();
      if (this.queue.isBusy) Atomics.wait(words, IoWord.COMPLETED, completed, 100);
    }
    this.local.clear();
    this.open.clear();
    this.post({ kind: "shutdown", behind: this.queue.submitted });
    while (Atomics.load(words, IoWord.ENDED) === 0 && performance.now() < endMs) Atomics.wait(words, IoWord.ENDED, 0, endMs - performance.now());
    this.port.close();
    void this.worker.terminate();
  }

  private openFile(file: number, path: string, isWritable: boolean): number {
    if (this.isOver) throw new MachineError("ioFailed", `The machine is ending; the medium was not opened: ${path}`);
    this.post({ kind: "open", file, path, isWritable });
    const answer = this.waitForAnswer(file);
    if (!answer) {
      this.post({ kind: "close", file, behind: this.queue.submitted }); // should it open after all
      throw new MachineError("ioFailed", `The thread for files does not answer; the medium was not opened: ${path}`);
    }
    if (answer.kind === "refused") throw new MachineError(answer.code, answer.message);
    return answer.sizeBytes;
  }

  private waitForAnswer(file: number): FromIoWorker | undefined {
    const { words } = this.buffer;
    const endMs = performance.now() + OPEN_TIMEOUT_MS;
    for (;;) {
      const answered = Atomics.load(words, IoWord.ANSWERED);
      // The io thread posts to this port only, and only what the protocol lists. An earlier answer may have come too late.
      for (let m = receiveMessageOnPort(this.port); m; m = receiveMessageOnPort(this.port)) {
        const answer = m.message as FromIoWorker;
        if (answer.file === file) return answer;
      }
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || Atomics.load(words, IoWord.ENDED) === 1) return undefined;
      Atomics.wait(words, IoWord.ANSWERED, answered, leftMs);
    }
  }

  private post(message: ToIoWorker): void {
    this.port.postMessage(message);
  }

  private readonly wake = (): void => {
    Atomics.add(this.control, ControlWord.SIGNAL, 1);
    Atomics.notify(this.control, ControlWord.SIGNAL);
  };
}
