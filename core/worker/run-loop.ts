// The loop that runs one machine: slices while the guest has work, sleep while it has none, messages between slices, and beside
// that pictures, serial bytes, statistics and the CPU cap. It blocks its thread and returns when the machine has ended.
// Time, mailbox and sleep come from LoopHost, so that tests run it with no thread and no clock.
//
// A halted guest costs nothing: the thread sleeps on the SIGNAL word until the guest's next timer, a message, or the next
// statistics. Nothing here polls, except for a blinking cursor while somebody watches.
import { ControlWord, type EndReason, type FromVmWorker, OUTPUT_PENDING_LIMIT, type ToVmWorker } from "../api/worker-protocol.ts";
import type { ActivityLight, Failure } from "../api/vm-state.ts";
import { textLines } from "../display/text.ts";
import { type ExitReason, type Machine, MachineError, type SliceResult } from "../machine/machine.ts";
import { CpuCap } from "./cpu-cap.ts";
import type { Media } from "./media.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import type { ScreenPublisher } from "./screen-publisher.ts";

export interface LoopHost {
  /** Monotonic host time. */
  nowNs(): number;
  /** CPU time that this thread has used. */
  cpuNs(): number;
  /** The host time that the machine read last, which is what its own clock stands at. */
  sampledNs(): number;
  receive(): ToVmWorker | undefined;
  post(message: FromVmWorker, transfer?: ArrayBuffer[]): void;
  /** Sleeps until the SIGNAL word differs from `seen`, at most `timeoutNs`. */
  sleep(seen: number, timeoutNs: number): void;
}

export interface RunLoopOptions {
  machine: Machine;
  host: LoopHost;
  control: Int32Array;
  screen: ScreenPublisher;
  /** The machine's ports fill these. */
  serial: OutputBuffer;
  debugConsole: OutputBuffer;
  capPercent: number;
  finalScreenshot: boolean;
  media?: Media;
  /** What has worked since the last look; the machine's ports fill it. */
  lights?: Set<ActivityLight>;
  /** Called twice a second. */
  onStats?(): void;
}

const SLICE_NS = 2e6;
const STATS_NS = 500e6;
/** Activity lights are told no more often than this. */
const LIGHTS_NS = 100e6;
/** Pictures take at most one part in so many of the thread's time. */
const PICTURE_SHARE = 20;
/** How often a clean screen is looked at while the guest sleeps: text cursors blink some 4 times a second. */
const BLINK_NS = 100e6;
/** Serial output waits this long for more, unless the guest goes to sleep first. */
const OUTPUT_DELAY_NS = 8e6;
const OUTPUT_BATCH_BYTES = 16 * 1024;
/** A sleep shorter than this takes longer to enter than to spin through. */
const SHORTEST_SLEEP_NS = 30e3;

export class RunLoop {
  private readonly o: RunLoopOptions;
  private readonly cap: CpuCap;
  private input: Uint8Array[] = [];
  private isPaused = false;
  private end: EndReason | undefined;
  private failure: Failure | undefined;
  private frameDueNs = 0;
  private lightsDueNs = 0;
  private outputDueNs = Infinity;
  private sample: { nowNs: number; cpuNs: number; instructions: number; haltedNs: number };

  constructor(options: RunLoopOptions) {
    this.o = options;
    const nowNs = options.host.nowNs();
    const cpuNs = options.host.cpuNs();
    this.cap = new CpuCap(options.capPercent, nowNs, cpuNs);
    this.sample = { nowNs, cpuNs, instructions: 0, haltedNs: 0 };
  }

  /** Runs the machine to its end and posts everything up to and with the last message. */
  run(): void {
    const { control } = this.o;
    let seen: number | undefined;
    while (!this.end && !this.failure) {
      const signal = Atomics.load(control, ControlWord.SIGNAL);
      if (signal !== seen) this.drainMailbox();
      seen = signal;
      if (this.end) break;
      this.step(signal);
    }
    this.finish();
  }

  private step(signal: number): void {
    const { host, control } = this.o;
    const nowNs = host.nowNs();
    this.cap.account(nowNs, host.cpuNs());
    this.sendStats(nowNs);
    this.sendFrame(nowNs);
    this.sendLights(nowNs);
    const isHeld = Atomics.load(control, ControlWord.OUTPUT_PENDING) > OUTPUT_PENDING_LIMIT;
    const restNs = this.isPaused || isHeld ? Infinity : this.cap.restNs();
    if (restNs > 0) {
      this.rest(signal, restNs);
      return;
    }
    this.o.media?.drain();
    const slice = this.o.machine.runSlice(this.cap.sliceNs(SLICE_NS));
    this.sample.instructions += slice.instructions;
    if (slice.kind === "ended") {
      this.endBy(slice.exit);
      return;
    }
    const tookInput = this.offerInput();
    // What has come in meanwhile may wake the guest.
    const hasWork = tookInput || (this.o.media?.drain() ?? 0) > 0;
    if (slice.kind === "halted" && !hasWork) this.halt(signal, slice);
    else this.sendOutput(false);
  }

  /** Sleeps until the guest's next timer. The machine's clock stands at the slice's sample, so the time since then is off. */
  private halt(signal: number, slice: SliceResult): void {
    const { host, machine } = this.o;
    const startNs = host.nowNs();
    const untilTimerNs = slice.wakeNs - machine.nowNs() - (startNs - host.sampledNs());
    if (!(untilTimerNs > SHORTEST_SLEEP_NS)) {
      this.sendOutput(false);
      return;
    }
    this.rest(signal, untilTimerNs);
    this.sample.haltedNs += host.nowNs() - startNs;
  }

  /** Sleeps for at most `longestNs`, but not past the next statistics or, while watched, the next look at the screen. */
  private rest(signal: number, longestNs: number): void {
    const { host, control, machine } = this.o;
    this.sendOutput(true);
    const nowNs = host.nowNs();
    let untilNs = Math.min(nowNs + longestNs, this.sample.nowNs + STATS_NS);
    if (Atomics.load(control, ControlWord.FRAME_INTERVAL_MS) > 0) {
      const blinkNs = this.isPaused ? Infinity : nowNs + BLINK_NS;
      untilNs = Math.min(untilNs, Math.max(this.frameDueNs, machine.display.isDirty(machine.nowNs()) ? 0 : blinkNs));
    }
    host.sleep(signal, Math.max(0, untilNs - nowNs));
  }

  private drainMailbox(): void {
    for (let m = this.o.host.receive(); m && !this.end; m = this.o.host.receive()) this.handle(m);
  }

  private handle(message: ToVmWorker): void {
    const { machine, host } = this.o;
    switch (message.kind) {
      case "input":
        for (const event of message.events) machine.input(event);
        break;
      case "serialInput":
        this.input.push(message.data);
        this.offerInput();
        break;
      case "pause":
        this.isPaused = true;
        host.post({ kind: "paused" });
        break;
      case "resume":
        if (this.isPaused) machine.resumeClock();
        this.isPaused = false;
        host.post({ kind: "resumed" });
        break;
      case "reset":
        machine.reset();
        break;
      case "powerButton":
        machine.pressPowerButton();
        break;
      case "powerOff":
        this.end = { kind: "poweredOff" };
        break;
      case "setCap":
        this.cap.set(message.capPercent);
        break;
      case "setMedium":
        this.setMedium(message);
        break;
      case "query":
        this.answer(message.queryId, message.what);
        break;
    }
  }

  private setMedium({ queryId, driveId, path, force }: Extract<ToVmWorker, { kind: "setMedium" }>): void {
    const { machine, media, host } = this.o;
    let failure: Failure | null = null;
    try {
      if (!media) throw new MachineError("notFound", `The machine has no drive ${driveId}`);
      media.set(machine, driveId, path, force);
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      failure = { code: error.code, message: error.message };
    }
    host.post({ kind: "mediumSet", queryId, failure });
  }

  private sendLights(nowNs: number): void {
    const { lights, host } = this.o;
    if (!lights || lights.size === 0 || nowNs < this.lightsDueNs) return;
    this.lightsDueNs = nowNs + LIGHTS_NS;
    host.post({ kind: "activity", lights: [...lights] });
    lights.clear();
  }

  private answer(queryId: number, what: "text" | "screenshot" | "dump"): void {
    const { machine, host } = this.o;
    if (what === "screenshot") {
      const bytes = this.takeScreenshot();
      host.post({ kind: "answer", queryId, text: null, bytes }, bytes ? [bytes.buffer] : []);
    } else if (what === "text") {
      const columns = machine.display.text()?.columns;
      host.post({ kind: "answer", queryId, text: this.text(), ...(columns === undefined ? {} : { columns }), bytes: null });
    } else {
      host.post({ kind: "answer", queryId, text: machine.dump(), bytes: null });
    }
  }

  private text(): string | null {
    const screen = this.o.machine.display.text();
    return screen && textLines(screen).join("\n");
  }

  private takeScreenshot(): Uint8Array<ArrayBuffer> | null {
    this.publish();
    return this.o.screen.screenshot();
  }

  /** True if the guest's UART took any, which may have woken the guest. */
  private offerInput(): boolean {
    let taken = 0;
    for (let first = this.input[0]; first && !this.isPaused; first = this.input[0]) {
      const count = this.o.machine.serialInput(0, first);
      taken += count;
      if (count < first.length) {
        this.input[0] = first.subarray(count);
        break;
      }
      this.input.shift();
    }
    if (taken === 0) return false;
    const before = Atomics.sub(this.o.control, ControlWord.INPUT_PENDING, taken);
    if (before - taken <= 0) this.o.host.post({ kind: "serialDrained" });
    return true;
  }

  private sendOutput(isGoingToSleep: boolean): void {
    const { host, serial, debugConsole, control } = this.o;
    const length = serial.length + debugConsole.length;
    if (length === 0) return;
    if (!isGoingToSleep && length < OUTPUT_BATCH_BYTES) {
      const nowNs = host.nowNs();
      if (this.outputDueNs === Infinity) this.outputDueNs = nowNs + OUTPUT_DELAY_NS;
      if (nowNs < this.outputDueNs) return;
    }
    this.outputDueNs = Infinity;
    Atomics.add(control, ControlWord.OUTPUT_PENDING, length);
    for (const [kind, buffer] of [["serial", serial], ["debugConsole", debugConsole]] as const) {
      if (buffer.length === 0) continue;
      const data = buffer.take();
      host.post({ kind, data }, [data.buffer]);
    }
  }

  private sendFrame(nowNs: number): void {
    const intervalMs = Atomics.load(this.o.control, ControlWord.FRAME_INTERVAL_MS);
    // A shorter interval than before counts at once.
    this.frameDueNs = Math.min(this.frameDueNs, nowNs + intervalMs * 1e6);
    if (intervalMs <= 0 || nowNs < this.frameDueNs) return;
    this.publish();
    const spentNs = this.o.host.nowNs() - nowNs;
    this.frameDueNs = nowNs + Math.max(intervalMs * 1e6, spentNs * PICTURE_SHARE);
  }

  private publish(): void {
    const frame = this.o.screen.publish(this.o.machine.nowNs());
    if (frame) this.o.host.post({ kind: "frame", ...frame });
  }

  private sendStats(nowNs: number): void {
    const elapsedNs = nowNs - this.sample.nowNs;
    if (elapsedNs < STATS_NS) return;
    const cpuNs = this.o.host.cpuNs();
    const stats = {
      hostCpuPercent: ((cpuNs - this.sample.cpuNs) / elapsedNs) * 100,
      instructionsPerSecond: (this.sample.instructions / elapsedNs) * 1e9,
      uptimeNs: this.o.machine.nowNs(),
      haltedPercent: Math.min(100, (this.sample.haltedNs / elapsedNs) * 100),
      counters: this.o.machine.counters(),
    };
    this.o.host.post({ kind: "stats", stats });
    this.o.onStats?.();
    this.sample = { nowNs, cpuNs, instructions: 0, haltedNs: 0 };
  }

  private endBy(exit: ExitReason | undefined): void {
    if (exit === undefined || exit.kind === "engineError") {
      const message = exit?.message ?? "The machine ended without a reason.";
      this.failure = { code: "internal", message: `The engine cannot go on: ${message}`, detail: exit?.dump ?? this.o.machine.dump() };
    } else {
      this.end = exit;
    }
  }

  private finish(): void {
    const { host, finalScreenshot } = this.o;
    this.sendOutput(true);
    this.publish();
    if (this.failure) {
      host.post({ kind: "failed", failure: this.failure });
    } else if (this.end) {
      const screenshot = finalScreenshot ? this.o.screen.screenshot() : null;
      host.post({ kind: "ended", reason: this.end, screen: { text: this.text(), screenshot, counters: this.o.machine.counters() } });
    }
  }
}
