// Supervises the thread of one machine from start to end: orders with answers in bounded time, output with back-pressure, and
// exactly one end whatever happens, also when the thread crashes, vanishes or no longer answers.
import { Worker } from "node:worker_threads";
import type { ActivityLight, Failure, InputEvent, ScreenText, VmStats } from "../api/vm-state.ts";
import {
  CONTROL_BYTES, ControlWord, type DirtyRect, type EndReason, type FinalScreen, type FromVmWorker, INPUT_PENDING_LIMIT, OUTPUT_PENDING_LIMIT,
  type QueryKind, type ToVmWorker, type VmWorkerStart,
} from "../api/worker-protocol.ts";
import { ScreenReader } from "./screen-reader.ts";
import { messageOf, VmError } from "./vm-error.ts";

/** What this needs of a worker thread; tests put a scripted one in its place. */
export interface VmWorkerPort {
  postMessage(message: ToVmWorker): void;
  terminate(): Promise<unknown>;
  on(event: "message", listener: (message: FromVmWorker) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "exit", listener: (exitCode: number) => void): unknown;
}
export type SpawnVmWorker = (start: VmWorkerStart) => VmWorkerPort;

/** Spawns real threads from the entry file at `entry`. `codeCache`: folder where they keep generated code for later ones. */
export function workerSpawner(entry: URL, codeCache?: string): SpawnVmWorker {
  const kept = codeCache === undefined ? {} : { codeCache };
  return (start) => new Worker(entry, { workerData: { ...kept, ...start }, name: "vm" });
}

export type ThreadEnd =
  | { kind: "ended"; reason: EndReason; screen: FinalScreen }
  | { kind: "failed"; failure: Failure }
  /** Had to be stopped by force, as asked. */
  | { kind: "terminated" };

export interface ThreadEvents {
  /** Bytes of the first serial port. While too many wait for their promise, the guest is held. The promise must not reject. */
  serial?(data: Uint8Array): void | Promise<void>;
  debugConsole?(data: Uint8Array): void | Promise<void>;
  serialDrained?(): void;
  frame?(rect: DirtyRect, screenWidth: number, screenHeight: number): void;
  stats?(stats: VmStats): void;
  activity?(lights: ActivityLight[]): void;
  /** The guest has ejected the medium of a drive. */
  ejected?(driveId: string): void;
  pointer?(mode: "relative" | "absolute"): void;
}

/** How long to wait before giving up on the thread, in milliseconds. */
export interface ThreadTimeouts {
  start: number;
  answer: number;
  powerOff: number;
}
export const DEFAULT_TIMEOUTS: ThreadTimeouts = { start: 120_000, answer: 5000, powerOff: 2000 };

/** What a thread that has ended may take to flush its media. */
const FLUSH_MS = 15_000;

/** ControlWords of a thread that is still to be made. */
export function newControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES);
}

interface Waiter {
  isAnswer(message: FromVmWorker): boolean;
  resolve(message: FromVmWorker): void;
  reject(error: VmError): void;
}

export class VmThread {
  readonly screen = new ScreenReader();
  /** Settles when the first slice is next, or with the reason why not. */
  readonly started: Promise<void>;
  /** Settles once, never rejects. */
  readonly ended: Promise<ThreadEnd>;
  private readonly control: Int32Array;
  private readonly port: VmWorkerPort;
  private readonly events: ThreadEvents;
  private readonly timeouts: ThreadTimeouts;
  private readonly waiters = new Set<Waiter>();
  private settleEnd!: (end: ThreadEnd) => void; // set by the promise's executor, which runs in the constructor
  private lastWords: ThreadEnd | undefined;
  private isOver = false;
  private isPowerOffAsked = false;
  private lastQuery = 0;

  constructor(spawn: SpawnVmWorker, start: Omit<VmWorkerStart, "control" | "screen">, events: ThreadEvents, timeouts = DEFAULT_TIMEOUTS, control = newControl()) {
    this.control = new Int32Array(control);
    this.events = events;
    this.timeouts = timeouts;
    this.ended = new Promise((resolve) => (this.settleEnd = resolve));
    this.port = spawn({ ...start, control, screen: this.screen.buffer });
    this.port.on("message", (message) => this.receive(message));
    this.port.on("error", (error) => {
      const detail = error instanceof Error ? (error.stack ?? "") : String(error);
      this.lastWords ??= { kind: "failed", failure: { code: "workerCrashed", message: `The machine's thread crashed: ${messageOf(error)}`, detail } };
    });
    this.port.on("exit", (exitCode) => this.finish(exitCode));
    this.started = this.wait((m) => m.kind === "running", timeouts.start, "did not start").then(() => undefined);
    // Whoever does not care about the start must not make it an unhandled rejection.
    this.started.catch((error: unknown) => {
      if (!this.isOver && error instanceof VmError && error.code === "workerCrashed") this.kill({ code: error.code, message: error.message });
    });
  }

  async pause(): Promise<void> {
    const answer = this.wait((m) => m.kind === "paused", this.timeouts.answer, "does not answer");
    this.send({ kind: "pause" });
    await answer;
  }

  async resume(): Promise<void> {
    const answer = this.wait((m) => m.kind === "resumed", this.timeouts.answer, "does not answer");
    this.send({ kind: "resume" });
    await answer;
  }

  reset(): void {
    this.send({ kind: "reset" });
  }

  pressPowerButton(): void {
    this.send({ kind: "powerButton" });
  }

  /** Ends the machine, by force if its thread does not react. */
  async powerOff(): Promise<ThreadEnd> {
    if (!this.isPowerOffAsked) {
      this.isPowerOffAsked = true;
      this.send({ kind: "powerOff" });
      let timer = setTimeout(() => {
        // One that has said its last word is still writing to its media.
        if (this.lastWords) timer = setTimeout(() => void this.port.terminate(), FLUSH_MS);
        else void this.port.terminate();
      }, this.timeouts.powerOff);
      void this.ended.then(() => clearTimeout(timer));
    }
    return this.ended;
  }

  setCap(capPercent: number): void {
    this.send({ kind: "setCap", capPercent });
  }

  input(events: InputEvent[]): void {
    this.send({ kind: "input", events });
  }

  /** Puts a medium (an absolute path) into a CD or floppy drive, or takes it out (null). Rejects with VmError: no such drive, a file
   *  that cannot be used, `wrongState` while the guest holds the tray and it is not forced. */
  async setMedium(driveId: string, path: string | null, force: boolean): Promise<void> {
    const queryId = ++this.lastQuery;
    const answer = this.wait((m) => m.kind === "mediumSet" && m.queryId === queryId, this.timeouts.answer, "does not answer");
    this.send({ kind: "setMedium", queryId, driveId, path, force });
    const { failure } = (await answer) as Extract<FromVmWorker, { kind: "mediumSet" }>; // what isAnswer accepts
    if (failure) throw VmError.from(failure);
  }

  /** Throws VmError if the guest leaves too much unread. `serialDrained` tells when it has read everything. */
  serialInput(data: Uint8Array): void {
    if (data.length === 0) return;
    const pending = Atomics.load(this.control, ControlWord.INPUT_PENDING);
    if (pending + data.length > INPUT_PENDING_LIMIT) throw new VmError("wrongState", "The guest does not read its serial port.");
    Atomics.add(this.control, ControlWord.INPUT_PENDING, data.length);
    this.send({ kind: "serialInput", data });
  }

  /** 0: nobody watches. */
  setFrameInterval(intervalMs: number): void {
    Atomics.store(this.control, ControlWord.FRAME_INTERVAL_MS, intervalMs);
    this.signal();
  }

  /** Text of a text screen (null in a graphics mode), or registers. */
  async queryText(what: Exclude<QueryKind, "screenshot">): Promise<string | null> {
    return (await this.query(what)).text;
  }

  /** The text screen, null in a graphics mode. */
  async screenText(): Promise<ScreenText | null> {
    const { text, columns } = await this.query("text");
    return text === null || columns === undefined ? null : { columns, lines: text.split("\n") };
  }

  /** A PNG file, or null before the first picture. */
  async screenshot(): Promise<Uint8Array | null> {
    return (await this.query("screenshot")).bytes;
  }

  private async query(what: QueryKind): Promise<Extract<FromVmWorker, { kind: "answer" }>> {
    const queryId = ++this.lastQuery;
    const answer = this.wait((m) => m.kind === "answer" && m.queryId === queryId, this.timeouts.answer, "does not answer");
    this.send({ kind: "query", queryId, what });
    return (await answer) as Extract<FromVmWorker, { kind: "answer" }>; // what isAnswer accepts
  }

  private send(message: ToVmWorker): void {
    if (this.isOver) return;
    this.port.postMessage(message);
    this.signal();
  }

  private signal(): void {
    Atomics.add(this.control, ControlWord.SIGNAL, 1);
    Atomics.notify(this.control, ControlWord.SIGNAL);
  }

  private wait(isAnswer: Waiter["isAnswer"], timeoutMs: number, fault: string): Promise<FromVmWorker> {
    return new Promise((resolve, reject) => {
      if (this.isOver) return reject(new VmError("wrongState", "The machine is off."));
      const settle = () => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
      };
      const waiter: Waiter = {
        isAnswer,
        resolve: (message) => {
          settle();
          resolve(message);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const timer = setTimeout(() => waiter.reject(new VmError("workerCrashed", `The machine's thread ${fault} within ${timeoutMs / 1000} s.`)), timeoutMs);
      this.waiters.add(waiter);
    });
  }

  private receive(message: FromVmWorker): void {
    switch (message.kind) {
      case "serial":
      case "debugConsole":
        void this.deliver(message);
        break;
      case "serialDrained":
        this.events.serialDrained?.();
        break;
      case "frame":
        this.events.frame?.(message.rect, message.screenWidth, message.screenHeight);
        break;
      case "stats":
        this.events.stats?.(message.stats);
        break;
      case "activity":
        this.events.activity?.(message.lights);
        break;
      case "ejected":
        this.events.ejected?.(message.driveId);
        break;
      case "pointer":
        this.events.pointer?.(message.mode);
        break;
      case "ended":
      case "failed":
        this.lastWords ??= message;
        break;
      default:
        for (const waiter of this.waiters) if (waiter.isAnswer(message)) waiter.resolve(message);
    }
  }

  private async deliver(message: Extract<FromVmWorker, { kind: "serial" | "debugConsole" }>): Promise<void> {
    const { length } = message.data;
    try {
      await this.events[message.kind]?.(message.data);
    } finally {
      const before = Atomics.sub(this.control, ControlWord.OUTPUT_PENDING, length);
      if (before > OUTPUT_PENDING_LIMIT && before - length <= OUTPUT_PENDING_LIMIT) this.signal();
    }
  }

  private kill(failure: Failure): void {
    this.lastWords ??= { kind: "failed", failure };
    void this.port.terminate();
  }

  private finish(exitCode: number): void {
    if (this.isOver) return;
    this.isOver = true;
    const end: ThreadEnd =
      this.lastWords ??
      (this.isPowerOffAsked
        ? { kind: "terminated" }
        : { kind: "failed", failure: { code: "workerCrashed", message: `The machine's thread ended without a word (exit code ${exitCode}).` } });
    const error = end.kind === "failed" ? VmError.from(end.failure) : new VmError("wrongState", "The machine has been switched off.");
    for (const waiter of this.waiters) waiter.reject(error);
    this.settleEnd(end);
  }
}
