// Runs one machine in the foreground until it ends: its first serial port on stdin and stdout, its debug console on stderr.
import { writeFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import type { VmWorkerStart } from "../../core/api/worker-protocol.ts";
import { messageOf, VmError } from "../../core/hypervisor/vm-error.ts";
import { type SpawnVmWorker, type ThreadEnd, VmThread } from "../../core/hypervisor/vm-thread.ts";
import { Script, type Step } from "./script.ts";

export interface Streams {
  stdin: Readable & { isTTY?: boolean; setRawMode?(mode: boolean): void };
  stdout: Writable;
  stderr: Writable;
}

export interface ForegroundOptions {
  start: Omit<VmWorkerStart, "control" | "screen">;
  spawn: SpawnVmWorker;
  /** ControlWords, where somebody has them already. */
  control?: SharedArrayBuffer;
  streams: Streams;
  serial: "stdio" | "none";
  steps?: Step[];
  timeoutSeconds?: number;
  screenshotPath?: string;
  screenText?: boolean;
  /** Prints the engine's counters at the end. */
  stats?: boolean;
}

export const STATUS_TIMEOUT = 124;
export const STATUS_TRIPLE_FAULT = 125;
export const STATUS_INTERRUPTED = 130;

const CTRL_A = 0x01;
const CTRL_BRACKET = 0x1d;

/** Gives the exit status. */
export async function runInForeground(o: ForegroundOptions): Promise<number> {
  const { streams } = o;
  const script = new Script(o.steps ?? []);
  const over = new AbortController();
  const outlet = new Outlet(streams.stdout);
  let forced: { status: number; say: string } | undefined;
  const input = new SerialInput(streams.stdin, (data) => thread.serialInput(data), () => stop(0, "The machine was powered off."));
  const thread = new VmThread(
    o.spawn,
    { ...o.start, finalScreenshot: o.screenshotPath !== undefined },
    {
      serial: (data) => {
        script.hear(data);
        return o.serial === "stdio" ? outlet.write(data) : undefined;
      },
      debugConsole: (data) => void streams.stderr.write(data),
      serialDrained: () => input.ready(),
    },
    undefined,
    o.control,
  );
  const stop = (status: number, say: string) => {
    forced ??= { status, say };
    void thread.powerOff();
  };
  const interrupt = () => stop(STATUS_INTERRUPTED, "Interrupted.");
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, interrupt);
  const timeout =
    o.timeoutSeconds === undefined
      ? undefined
      : setTimeout(() => {
          const waiting = script.waitingFor === "" ? "" : `; still waiting for ${JSON.stringify(script.waitingFor)}`;
          stop(STATUS_TIMEOUT, `Timeout: the machine still ran after ${o.timeoutSeconds} s${waiting}.`);
        }, o.timeoutSeconds * 1000);
  if (o.serial === "stdio") input.begin(streams.stderr);
  thread.started.then(
    () => script.perform(thread, over.signal).catch((error: unknown) => stop(1, messageOf(error))),
    () => undefined, // told by the end
  );
  const end = await thread.ended;
  over.abort();
  clearTimeout(timeout);
  for (const signal of signals) process.off(signal, interrupt);
  input.end();
  await outlet.drained();
  report(end, o, outlet);
  if (forced && end.kind !== "failed") {
    streams.stderr.write(`ringfence: ${forced.say}\n`);
    return forced.status;
  }
  return statusOf(end, streams.stderr);
}

function statusOf(end: ThreadEnd, stderr: Writable): number {
  if (end.kind === "failed") {
    const { code, message, detail } = end.failure;
    stderr.write(`ringfence: ${message}\n`);
    if (detail !== undefined && (code === "internal" || code === "workerCrashed")) stderr.write(`${detail}\n`);
    return 1;
  }
  if (end.kind === "terminated") return 0;
  if (end.reason.kind === "debugExit") return end.reason.status & 0xff;
  if (end.reason.kind === "poweredOff") return 0;
  stderr.write(`ringfence: The guest crashed with a triple fault.\n${end.reason.dump}\n`);
  return STATUS_TRIPLE_FAULT;
}

/** Writes what was asked for about the last screen. */
function report(end: ThreadEnd, o: ForegroundOptions, outlet: Outlet): void {
  if (end.kind === "failed") return; // why is told, and matters more
  const screen = end.kind === "ended" ? end.screen : undefined;
  const say = (text: string) => o.streams.stderr.write(`ringfence: ${text}\n`);
  if (o.screenText) {
    if (typeof screen?.text === "string") o.streams.stdout.write(`${outlet.isAtLineStart ? "" : "\n"}${screen.text.trimEnd()}\n`);
    else say(screen ? "The screen is in a graphics mode; there is no text on it." : "There is no screen to show.");
  }
  if (o.stats) o.streams.stderr.write(`${JSON.stringify(screen?.counters ?? {}, null, 1)}\n`);
  if (o.screenshotPath !== undefined) {
    if (!screen?.screenshot) return void say(`There is no screen; ${o.screenshotPath} was not written.`);
    try {
      writeFileSync(o.screenshotPath, screen.screenshot);
    } catch (error) {
      say(`${o.screenshotPath} could not be written: ${messageOf(error)}`);
    }
  }
}

/** stdout with back-pressure: a write settles when the stream wants more. A reader that has gone takes everything. */
class Outlet {
  isAtLineStart = true;
  private readonly stream: Writable;
  private isGone = false;
  private last: Promise<void> = Promise.resolve();

  constructor(stream: Writable) {
    this.stream = stream;
    stream.on("error", () => (this.isGone = true));
  }

  write(data: Uint8Array): Promise<void> {
    this.isAtLineStart = data.at(-1) === 0x0a;
    if (this.isGone) return Promise.resolve();
    this.last = new Promise((resolve) => this.stream.write(data, () => resolve()));
    return this.last;
  }

  drained(): Promise<void> {
    return this.last;
  }
}

/** stdin to the serial port, one chunk at a time: the next is read when the guest has taken the last. */
class SerialInput {
  private readonly stdin: Streams["stdin"];
  private readonly send: (data: Uint8Array) => void;
  private readonly quit: () => void;
  private isAfterPrefix = false;

  constructor(stdin: Streams["stdin"], send: (data: Uint8Array) => void, quit: () => void) {
    this.stdin = stdin;
    this.send = send;
    this.quit = quit;
  }

  begin(stderr: Writable): void {
    if (this.stdin.isTTY) {
      this.stdin.setRawMode?.(true);
      stderr.write("ringfence: Ctrl+] or Ctrl+A x powers the machine off.\r\n");
    }
    this.stdin.on("data", this.onData);
    this.stdin.on("error", this.ignore);
  }

  ready(): void {
    this.stdin.resume();
  }

  end(): void {
    this.stdin.off("data", this.onData);
    this.stdin.pause();
    if (this.stdin.isTTY) this.stdin.setRawMode?.(false);
  }

  /** A closed stdin is a silent one. */
  private readonly ignore = () => undefined;

  private readonly onData = (chunk: Buffer | string) => {
    const data = this.stdin.isTTY ? this.withoutCommands(Buffer.from(chunk)) : Buffer.from(chunk);
    if (data.length === 0) return;
    this.stdin.pause();
    try {
      this.send(data);
    } catch (error) {
      if (!(error instanceof VmError)) throw error;
    }
  };

  private withoutCommands(data: Buffer): Buffer {
    const kept: number[] = [];
    for (const byte of data) {
      if (byte === CTRL_BRACKET || (this.isAfterPrefix && byte === 0x78)) {
        this.quit();
        return Buffer.alloc(0);
      }
      // Ctrl+A twice sends one.
      if (byte === CTRL_A && !this.isAfterPrefix) this.isAfterPrefix = true;
      else {
        this.isAfterPrefix = false;
        kept.push(byte);
      }
    }
    return Buffer.from(kept);
  }
}
