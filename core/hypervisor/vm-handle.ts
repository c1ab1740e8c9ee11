// One machine of the fleet: what it is doing, which orders that allows, and the thread that runs it while it is on. The reason of
// a failure stays until the next start; so does what was last on the screen and the serial port.
import { setTimeout as sleep } from "node:timers/promises";
import type { NicStart } from "../api/network-protocol.ts";
import type { VmConfig } from "../api/vm-config.ts";
import type { ActivityLight, Failure, InputEvent, ScreenText, VmRecord, VmStats, VmStatus } from "../api/vm-state.ts";
import type { DirtyRect } from "../api/worker-protocol.ts";
import { type OwnFiles, startOf } from "./boot-source.ts";
import { hostPath } from "./host-path.ts";
import { netName } from "./lab-file.ts";
import type { LockFile } from "./lock-file.ts";
import { type NicJoiner, wiringOf } from "./network.ts";
import type { ScreenReader } from "./screen-reader.ts";
import { pendingChanges } from "./pending-changes.ts";
import { keystrokeFor } from "./us-keyboard.ts";
import { messageOf, VmError } from "./vm-error.ts";
import type { LibraryEntry } from "./vm-library.ts";
import { type SpawnVmWorker, type ThreadEnd, type ThreadTimeouts, newControl, VmThread } from "./vm-thread.ts";

/** How long a typed key is down, and up before the next one. */
const KEY_MS = 12;
/** What a guest does at the end of a line takes longer, and its BIOS keeps no more than 15 keys meanwhile. */
const LINE_MS = 150;
const BACKLOG_BYTES = 256 * 1024;

export interface VmHost extends OwnFiles {
  spawn: SpawnVmWorker;
  timeouts?: ThreadTimeouts;
  /** Where network cards are joined to; without it machines have none. */
  network?: NicJoiner;
  /** See VmWorkerStart. */
  machineModule?: string;
}

export interface HandleEvents {
  changed(): void;
  stats(stats: VmStats): void;
  serial(data: Uint8Array): void;
  activity(lights: ActivityLight[]): void;
  /** The guest has ejected the medium of a drive: the configuration is to say so. */
  ejected(driveId: string): void;
  frame(rect: DirtyRect, screenWidth: number, screenHeight: number): void;
}

export class VmHandle {
  private readonly host: VmHost;
  private readonly events: HandleEvents;
  private entry: LibraryEntry;
  private status: Exclude<VmStatus, "broken"> = "off";
  private failure: Failure | null = null;
  private thread: VmThread | undefined;
  private lock: LockFile | undefined;
  private capPercent: number | undefined;
  private pointer: VmRecord["pointer"];
  /** What the running machine was made from. */
  private started: VmConfig | undefined;
  /** Settles when a machine that starts has its thread. */
  private joining: Promise<unknown> = Promise.resolve();
  /** What the running machine's cards are joined to, by card. */
  private readonly wirings = new Map<string, string>();
  private frameIntervalMs = 0;
  private backlog: Uint8Array[] = [];
  private backlogBytes = 0;

  constructor(entry: LibraryEntry, host: VmHost, events: HandleEvents) {
    this.entry = entry;
    this.host = host;
    this.events = events;
  }

  get isOn(): boolean {
    return this.lock !== undefined;
  }

  /** The last picture, also of a machine that has ended. */
  screen: ScreenReader | undefined;

  record(): VmRecord {
    const { id, folder, path, config, failure } = this.entry;
    const capPercent = this.capPercent ?? config?.cpu.capPercent ?? 100;
    if (!config) return { id, folder, path, status: "broken", config: null, failure, capPercent };
    const pointer = this.pointer === undefined ? {} : { pointer: this.pointer };
    const changes = this.started === undefined ? [] : pendingChanges(this.started, config);
    const pending = changes.length === 0 ? {} : { pending: changes };
    return { id, folder, path, status: this.status, config, failure: this.failure, capPercent, ...pointer, ...pending };
  }

  /** What the library says now. A machine that runs keeps the configuration it has if the new one cannot be read. */
  setEntry(entry: LibraryEntry): void {
    if (JSON.stringify(entry) === JSON.stringify(this.entry) || (this.isOn && !entry.config)) return;
    this.entry = entry;
    // Where the network refuses, the card stays as it was: hypervisor.update() has asked before.
    if (entry.config) void this.rewire(entry.config.nics).catch(() => undefined);
    this.events.changed();
  }

  /** Joins the cards of a running machine as these say. Rejects with VmError. */
  async rewire(nics: VmConfig["nics"]): Promise<void> {
    for (const nic of nics) {
      const before = this.wirings.get(nic.id);
      const wiring = wiringOf(nic);
      const text = JSON.stringify(wiring);
      if (before === undefined || before === text) continue;
      await this.host.network?.wire(this.entry.id, nic.id, wiring);
      this.wirings.set(nic.id, text);
    }
  }

  /** Settles when the guest runs. `lock` marks the machine as ours and is released at its end. */
  async start(lock: () => LockFile): Promise<void> {
    const { config } = this.entry;
    if (!config) throw new VmError(this.entry.failure?.code ?? "configUnreadable", this.entry.failure?.message ?? "The configuration cannot be read.");
    this.require("start", "off", "error");
    this.lock = lock();
    this.capPercent = config.cpu.capPercent;
    this.started = config;
    this.backlog = [];
    this.backlogBytes = 0;
    this.set("starting", null);
    const made = this.makeThread(config);
    this.joining = made.catch(() => undefined); // told here
    const thread = await made;
    await thread.started;
    if (this.thread === thread && this.status === "starting") this.set("running", null);
  }

  private async makeThread(config: VmConfig): Promise<VmThread> {
    const control = newControl();
    const { network } = this.host;
    try {
      const nics = network && config.nics.length > 0 ? await this.join(network, config, control) : [];
      // What was changed meanwhile.
      if (nics.length > 0) await this.rewire(this.entry.config?.nics ?? []);
      this.thread = this.spawnThread(config, nics, control);
    } catch (error) {
      const crash = { code: "workerCrashed", message: `The machine's thread could not be made: ${messageOf(error)}` } as const;
      this.onEnd({ kind: "failed", failure: error instanceof VmError ? { code: error.code, message: error.message } : crash });
      throw error;
    }
    const { thread } = this;
    this.screen = thread.screen;
    void thread.ended.then((end) => this.onEnd(end));
    thread.setFrameInterval(this.frameIntervalMs);
    return thread;
  }

  private async join(network: NicJoiner, config: VmConfig, control: SharedArrayBuffer): Promise<NicStart[]> {
    const { id, path } = this.entry;
    const started: NicStart[] = [];
    for (const nic of config.nics) {
      const card = nic.rom === undefined ? nic : { ...nic, rom: hostPath(nic.rom, path) };
      started.push(await network.attach(id, netName(config.name), card, control));
      this.wirings.set(nic.id, JSON.stringify(wiringOf(nic)));
    }
    return started;
  }

  private spawnThread(config: VmConfig, nics: NicStart[], control: SharedArrayBuffer): VmThread {
    const { machineModule, spawn, timeouts } = this.host;
    const start = { ...startOf(config, this.entry.path, this.host), nics, ...(machineModule === undefined ? {} : { machineModule }) };
    const events = {
      serial: (data: Uint8Array) => this.onSerial(data),
      stats: (stats: VmStats) => this.events.stats(stats),
      frame: (rect: DirtyRect, width: number, height: number) => this.events.frame(rect, width, height),
      activity: (lights: ActivityLight[]) => this.events.activity(lights),
      ejected: (driveId: string) => this.events.ejected(driveId),
      pointer: (mode: "relative" | "absolute") => {
        this.pointer = mode;
        this.events.changed();
      },
    };
    return new VmThread(spawn, start, events, timeouts, control);
  }

  async pause(): Promise<void> {
    const thread = this.require("pause", "running");
    await thread.pause();
    if (this.status === "running") this.set("paused", null);
  }

  async resume(): Promise<void> {
    const thread = this.require("resume", "paused");
    await thread.resume();
    if (this.status === "paused") this.set("running", null);
  }

  reset(): void {
    this.require("reset", "running", "paused").reset();
  }

  shutdown(): void {
    this.require("shut down", "running").pressPowerButton();
  }

  async powerOff(): Promise<void> {
    await this.joining;
    const thread = this.require("power off", "starting", "running", "paused", "stopping");
    if (this.status !== "stopping") this.set("stopping", null);
    await thread.powerOff();
  }

  /** In force at once if the machine is on. */
  setCap(capPercent: number): void {
    if (this.isOn) {
      this.capPercent = capPercent;
      this.thread?.setCap(capPercent);
      this.events.changed();
    }
  }

  input(events: InputEvent[]): void {
    this.require("take input", "running").input(events);
  }

  /** Types on a US keyboard, slowly enough for every guest. Settles with the characters that no key of it makes. */
  async typeText(text: string): Promise<string> {
    const untyped = new Set<string>();
    for (const character of text.replaceAll("\r\n", "\n").replaceAll("\r", "\n")) {
      const stroke = keystrokeFor(character);
      if (!stroke) {
        untyped.add(character);
        continue;
      }
      this.input(stroke.map((code) => ({ kind: "key", code, down: true })));
      await sleep(KEY_MS);
      this.input(stroke.toReversed().map((code) => ({ kind: "key", code, down: false })));
      await sleep(character === "\n" ? LINE_MS : KEY_MS);
    }
    return [...untyped].join("");
  }

  serialInput(data: Uint8Array): void {
    this.require("take serial input", "running", "paused").serialInput(data);
  }

  /** Changes the medium of a CD or floppy drive of the running machine; see VmThread. The configuration is the caller's matter. */
  async setMedium(driveId: string, path: string | null, force: boolean): Promise<void> {
    const thread = this.require("change a medium", "running", "paused");
    await thread.setMedium(driveId, path === null ? null : hostPath(path, this.entry.path), force);
  }

  setFrameInterval(intervalMs: number): void {
    if (intervalMs === this.frameIntervalMs) return;
    this.frameIntervalMs = intervalMs;
    this.thread?.setFrameInterval(intervalMs);
  }

  /** Null in a graphics mode and while the machine is off. */
  async screenText(): Promise<ScreenText | null> {
    return (await this.thread?.screenText()) ?? null;
  }

  /** What the first serial port has shown, the last 256 KiB of it, as latin-1 text. */
  serialBacklog(): string {
    return Buffer.concat(this.backlog).subarray(-BACKLOG_BYTES).toString("latin1");
  }

  private onSerial(data: Uint8Array): void {
    this.backlog.push(data);
    this.backlogBytes += data.length;
    for (let first = this.backlog[0]; first && this.backlogBytes - first.length >= BACKLOG_BYTES; first = this.backlog[0]) {
      this.backlog.shift();
      this.backlogBytes -= first.length;
    }
    this.events.serial(data);
  }

  private onEnd(end: ThreadEnd): void {
    this.thread = undefined;
    if (this.wirings.size > 0) this.host.network?.detach(this.entry.id);
    this.wirings.clear();
    this.pointer = undefined;
    this.capPercent = undefined;
    this.started = undefined;
    this.lock?.release();
    this.lock = undefined;
    if (end.kind === "failed") this.set("error", end.failure);
    else if (end.kind === "ended" && end.reason.kind === "tripleFault") {
      const message = "The guest crashed: a fault while handling a double fault (triple fault) shut its processor down.";
      this.set("error", { code: "tripleFault", message, detail: end.reason.dump });
    } else this.set("off", null);
  }

  private set(status: Exclude<VmStatus, "broken">, failure: Failure | null): void {
    this.status = status;
    this.failure = failure;
    this.events.changed();
  }

  /** The thread, if there is one. Throws VmError `wrongState` unless the machine is in one of the states. */
  private require(order: "start", ...states: VmStatus[]): void;
  private require(order: string, ...states: VmStatus[]): VmThread;
  private require(order: string, ...states: VmStatus[]): VmThread | undefined {
    const { status } = this.record();
    if (states.includes(status) && (this.thread !== undefined) === (order !== "start")) return this.thread;
    throw new VmError("wrongState", `The machine cannot ${order} while it is ${status}.`);
  }
}
