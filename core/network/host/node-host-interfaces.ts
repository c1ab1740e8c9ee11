// HostInterfaces over macvtap devices of Linux. A process of our own (tap-program.ts) sits at each device that is joined. What is not there,
// or goes away, is looked for again: a look is a few short files of /sys, every two seconds; a process that ends by itself is started
// again after ever longer pauses. Frames for the host wait in a bounded queue; when it is full, the switch drops and counts them.
import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { HostInterfaces, JointState } from "../fabric/bridges.ts";
import { TAP_HEADER_BYTES, TapPackets } from "../offload/tap-packets.ts";
import type { NetPort, NetPortClient } from "../port.ts";
import { findMacvtap, forbidden, type InterfaceFault, type Macvtap } from "./macvtap.ts";
import { RECORD_HEADER_BYTES, RecordReader, writeRecordLength } from "./tap-records.ts";

const LOOK_MS = 2000;
/** After a process that ended by itself: doubled each time, unless it had run for the longest. */
const RETRY_MS = 2000;
const LONGEST_RETRY_MS = 60_000;
const QUEUE_BYTES = 1 << 20;
const BATCH_BYTES = 64 << 10;
const LONGEST_REASON = 1000;

/** A process at a device. */
export interface TapProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  kill(signal: "SIGKILL"): unknown;
}

export interface NodeHostInterfacesOptions {
  /** Frames have been handed over: there may be something to do. */
  wake(): void;
  /** What stands for the host's; the real one unless given. */
  find?: (name: string) => Macvtap | InterfaceFault;
  spawn?: (found: Macvtap) => TapProcess;
}

export class NodeHostInterfaces implements HostInterfaces {
  private readonly host: Required<NodeHostInterfacesOptions>;

  constructor({ wake, find = findMacvtap, spawn: start = spawnTapProgram }: NodeHostInterfacesOptions) {
    // Of an interface's name only, whatever else find() could take.
    this.host = { wake, find: (name) => find(name), spawn: start };
  }

  join(name: string, end: NetPort, changed: (state: JointState) => void): { close(): void } {
    const joint = new Joint(name, end, changed, this.host);
    joint.look();
    return joint;
  }
}

/** Node itself runs the program; so does Electron when it is told to be Node. A package's Electron would start the app once more
 *  (electron-builder.yml turns that off): there a Node of the host's has to do. */
export function spawnTapProgram({ device, numbers, index }: Macvtap): TapProcess {
  const program = import.meta.url.includes("/app.asar.unpacked/") ? "node" : process.execPath;
  const entry = new URL(import.meta.url.endsWith(".ts") ? "./tap-program.ts" : "./tap-program.js", import.meta.url);
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: "1" };
  return spawn(program, [fileURLToPath(entry), device, numbers, `ringfence-tap-${index}`], { env, stdio: ["pipe", "pipe", "pipe"] });
}

class Joint implements NetPortClient {
  private readonly name: string;
  private readonly end: NetPort;
  private readonly changed: (state: JointState) => void;
  private readonly host: Required<NodeHostInterfacesOptions>;
  private readonly packets = new TapPackets();
  private at: { found: Macvtap; process: TapProcess } | null = null;
  private isConnected = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;
  private retryMs = RETRY_MS;
  private connectedMs = 0;
  private batch = new Uint8Array(BATCH_BYTES);
  private batched = 0;
  private isFlushing = false;

  constructor(name: string, end: NetPort, changed: (state: JointState) => void, host: Required<NodeHostInterfacesOptions>) {
    this.name = name;
    this.end = end;
    this.changed = changed;
    this.host = host;
  }

  /** How the interface stands: what is there is joined, what has gone is left. */
  look(): void {
    if (this.isClosed) return;
    const found = this.host.find(this.name);
    if ("fault" in found) {
      this.leave();
      this.retryMs = RETRY_MS;
      this.fail(found);
    } else if (this.at === null || this.at.found.index !== found.index) {
      this.leave();
      this.start(found);
    } else if (this.isConnected) {
      this.connectedMs += LOOK_MS;
      if (this.connectedMs >= LONGEST_RETRY_MS) this.retryMs = RETRY_MS;
    }
    this.lookAfter(LOOK_MS);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.leave();
  }

  private lookAfter(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), ms);
  }

  private fail({ fault, message, remedy }: InterfaceFault): void {
    this.changed({ state: "failed", fault, message, remedy });
  }

  // ---- the process ------------------------------------------------------------------------------

  private start(found: Macvtap): void {
    let started: TapProcess;
    try {
      started = this.host.spawn(found);
    } catch (error) {
      this.fail({ fault: "lost", message: `The program for ${this.name} could not be started: ${String(error)}`, remedy: [] });
      return;
    }
    this.at = { found, process: started };
    this.connectedMs = 0;
    this.changed({ state: "connecting", fault: null, message: "", remedy: [] });
    const records = new RecordReader();
    let reason = "";
    started.stdout.on("data", (chunk: Uint8Array) => {
      if (this.at?.process !== started) return;
      if (!records.push(chunk, this.take)) started.kill("SIGKILL");
      this.host.wake();
    });
    started.stderr.on("data", (chunk: Uint8Array) => {
      if (reason.length < LONGEST_REASON) reason += Buffer.from(chunk).toString();
    });
    started.stdin.on("error", () => undefined); // it ends, and "close" tells of it
    started.stdin.on("drain", () => {
      if (this.at?.process === started) this.end.receiveReady();
    });
    started.on("error", (error: NodeJS.ErrnoException) => {
      reason = `spawn ${error.code ?? error.message}`;
    });
    started.on("close", () => this.ended(started, reason.trim().slice(0, LONGEST_REASON)));
  }

  private readonly take = (record: Uint8Array): void => {
    if (record.length === 0) {
      if (this.isConnected) return;
      this.isConnected = true;
      this.end.connect(this);
      this.changed({ state: "connected", fault: null, message: "", remedy: [] });
    } else if (this.isConnected) this.packets.frames(record, this.give);
  };

  private readonly give = (frame: Uint8Array): void => this.end.send(frame);

  /** Not asked for, unless it is another one by now. */
  private ended(was: TapProcess, reason: string): void {
    if (this.at?.process !== was) return;
    const { device } = this.at.found;
    this.leave();
    this.host.wake();
    if (reason === "EBUSY") {
      this.fail({ fault: "busy", message: `The interface ${this.name} is in use by another program of Ringfence.`, remedy: [] });
    } else if (reason === "spawn ENOENT") {
      this.fail({ fault: "noNode", message: `A bridge of the packaged app needs the program node on this host, for ${this.name}.`, remedy: [] });
    } else if (reason === "EACCES" || reason === "EPERM") this.fail(forbidden(this.name, device));
    else this.fail({ fault: "lost", message: `The program for ${this.name} has ended${reason === "" ? "" : `: ${reason}`}.`, remedy: [] });
    this.lookAfter(this.retryMs);
    this.retryMs = Math.min(LONGEST_RETRY_MS, 2 * this.retryMs);
  }

  private leave(): void {
    const { at } = this;
    this.at = null;
    this.batched = 0;
    if (this.isConnected) {
      this.isConnected = false;
      this.end.connect(null);
    }
    if (at === null) return;
    at.process.stdin.destroy();
    at.process.kill("SIGKILL");
  }

  // ---- frames for the host ----------------------------------------------------------------------

  canReceive(): boolean {
    return this.at !== null && this.at.process.stdin.writableLength + this.batched < QUEUE_BYTES;
  }

  receive(frame: Uint8Array): void {
    const length = TAP_HEADER_BYTES + frame.length;
    if (this.batched + RECORD_HEADER_BYTES + length > BATCH_BYTES) this.flush();
    const { batch } = this;
    let at = this.batched;
    writeRecordLength(batch, at, length);
    at += RECORD_HEADER_BYTES;
    batch.fill(0, at, at + TAP_HEADER_BYTES);
    batch.set(frame, at + TAP_HEADER_BYTES);
    this.batched = at + length;
    if (this.isFlushing) return;
    // With what else is sent in this turn.
    this.isFlushing = true;
    process.nextTick(this.flush);
  }

  private readonly flush = (): void => {
    this.isFlushing = false;
    if (this.batched === 0) return;
    const bytes = this.batch.slice(0, this.batched);
    this.batched = 0;
    this.at?.process.stdin.write(bytes);
  };

  linkChanged(): void {}

  sendReady(): void {}
}
