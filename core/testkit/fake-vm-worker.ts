// A machine's thread that is no thread: it answers as the protocol says unless told to play dead, and says what a test wants.
import { type FromVmWorker, SCREEN_PIXELS_OFFSET, ScreenWord, type ToVmWorker, type VmWorkerStart } from "../api/worker-protocol.ts";

type Listener = (value: never) => void;

export class FakeVmWorker {
  readonly start: VmWorkerStart;
  readonly received: ToVmWorker[] = [];
  /** False: takes messages and does nothing, as a thread in an endless loop. */
  isResponsive = true;
  isTerminated = false;
  private readonly listeners = new Map<string, Listener[]>();
  private isGone = false;

  constructor(start: VmWorkerStart, isStarting = true) {
    this.start = start;
    if (isStarting) queueMicrotask(() => this.say({ kind: "running" }));
  }

  on(event: string, listener: Listener): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  postMessage(message: ToVmWorker): void {
    this.received.push(message);
    if (this.isResponsive) queueMicrotask(() => this.react(message));
  }

  async terminate(): Promise<number> {
    this.isTerminated = true;
    this.exit(1);
    return 1;
  }

  say(message: FromVmWorker): void {
    if (!this.isGone) this.emit("message", message);
  }

  /** The thread ends, with or without last words. */
  exit(exitCode: number): void {
    if (this.isGone) return;
    this.isGone = true;
    this.emit("exit", exitCode);
  }

  crash(error: Error): void {
    this.emit("error", error);
    this.exit(1);
  }

  /** Fills the shared screen with one colour and announces it. */
  show(width: number, height: number, colour: number): void {
    const words = new Int32Array(this.start.screen, 0, SCREEN_PIXELS_OFFSET / 4);
    words[ScreenWord.BEGUN] = (words[ScreenWord.BEGUN] ?? 0) + 1;
    words[ScreenWord.WIDTH] = width;
    words[ScreenWord.HEIGHT] = height;
    new Uint8Array(this.start.screen, SCREEN_PIXELS_OFFSET, width * height * 4).fill(colour);
    words[ScreenWord.ENDED] = words[ScreenWord.BEGUN] ?? 0;
    this.say({ kind: "frame", rect: { x: 0, y: 0, width, height }, screenWidth: width, screenHeight: height });
  }

  private react(message: ToVmWorker): void {
    if (message.kind === "pause") this.say({ kind: "paused" });
    else if (message.kind === "resume") this.say({ kind: "resumed" });
    else if (message.kind === "query") this.say({ kind: "answer", queryId: message.queryId, text: "answer", columns: 80, bytes: null });
    else if (message.kind === "powerOff") this.end();
  }

  end(): void {
    this.say({ kind: "ended", reason: { kind: "poweredOff" }, screen: { text: null, screenshot: null, counters: {} } });
    this.exit(0);
  }

  private emit(event: string, value: unknown): void {
    // `on` has no way to tie an event to its listener's type; the caller's overloads do.
    for (const listener of this.listeners.get(event) ?? []) listener(value as never);
  }
}
