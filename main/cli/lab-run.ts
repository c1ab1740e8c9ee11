// `ringfence lab run`: boots the machines of a lab file, joined by its network, until all have ended.
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type CaptureInfo, LabFile, type LabMachine, type LinkId, type Nic } from "../../core/api/network.ts";
import { VmConfig } from "../../core/api/vm-config.ts";
import type { VmWorkerStart } from "../../core/api/worker-protocol.ts";
import { startOf } from "../../core/hypervisor/boot-source.ts";
import { labFault, labMachineParts, labNics, labTopology } from "../../core/hypervisor/lab-file.ts";
import type { LockFile } from "../../core/hypervisor/lock-file.ts";
import { type VirtualNetwork, wiringOf } from "../../core/hypervisor/network.ts";
import { messageOf, VmError } from "../../core/hypervisor/vm-error.ts";
import type { VmLibrary } from "../../core/hypervisor/vm-library.ts";
import { newControl, type ThreadEnd, VmThread } from "../../core/hypervisor/vm-thread.ts";
import { tellOfBridges } from "./bridge-state.ts";
import type { CliHost } from "./cli.ts";
import { UsageError } from "./command-line.ts";
import { STATUS_INTERRUPTED, STATUS_TIMEOUT, STATUS_TRIPLE_FAULT } from "./foreground.ts";
import { networkOf } from "./joined.ts";
import { readJsonFile } from "./json-file.ts";
import { LineOutlet } from "./line-outlet.ts";
import { faultsOf } from "./link.ts";
import { connectionOf } from "./net.ts";
import { demoGuest } from "./run.ts";

type Start = Omit<VmWorkerStart, "control" | "screen">;

export interface LabRunOptions {
  file: string;
  timeoutSeconds?: number;
  /** Folder for `name.0.pcapng` of each card, `name.gateway.pcapng` of each gateway's port and `name.bridge.pcapng` of each bridge's. */
  captureFolder?: string;
  /** Whether the lab's bridges are joined to the host's network. */
  allowsBridges: boolean;
  json: boolean;
}

interface Part {
  name: string;
  start: Start;
  nics: Nic[];
  lock?: LockFile;
}

interface Outcome {
  name: string;
  end: "poweredOff" | "tripleFault" | "failed" | "stopped";
  message?: string;
}

/** Gives the exit status. */
export async function runLab(o: LabRunOptions, library: VmLibrary, host: CliHost): Promise<number> {
  const lab = readLab(o.file);
  const folder = dirname(o.file);
  const parts = await partsOf(lab, folder, library, host);
  if (o.captureFolder !== undefined) mkdirSync(o.captureFolder, { recursive: true });
  const network = networkOf(null, host);
  try {
    const topology = labTopology(lab, (path) => resolve(folder, path));
    await network.update({ ...topology, bridges: topology.bridges.map((each) => ({ ...each, enabled: o.allowsBridges })) });
    if (o.allowsBridges) await tellOfBridges(network, host.streams);
    else {
      for (const { name, interface: to } of topology.bridges) {
        host.streams.stderr.write(`ringfence: Bridge ${name} to the host's interface ${to} is off: --allow-bridge lets the machines of this lab into the host's network.\n`);
      }
    }
    return await new LabRun(o, parts, network, host).run();
  } finally {
    await network.close();
    for (const { lock } of parts) lock?.release();
  }
}

/** Throws UsageError with the line or the field. */
export function readLab(file: string): LabFile {
  const lab = readJsonFile(file, "Lab file", LabFile);
  const fault = labFault(lab);
  if (fault !== undefined) throw new UsageError(`Lab file ${file}: ${fault}`);
  if (lab.machines.length === 0) throw new UsageError(`Lab file ${file}: There are no machines in it.`);
  return lab;
}

async function partsOf(lab: LabFile, folder: string, library: VmLibrary, host: CliHost): Promise<Part[]> {
  const cards = labNics(lab);
  const parts: Part[] = [];
  try {
    for (const machine of lab.machines) {
      const nics = (cards.get(machine.name) ?? []).map((nic) => (nic.rom === undefined ? nic : { ...nic, rom: resolve(folder, nic.rom) }));
      if (machine.vm === undefined) parts.push({ name: machine.name, start: { ...startOfMachine(machine, folder, host), ...host.startExtras }, nics });
      else parts.push(await partOfLibrary(machine, machine.vm, nics, library, host));
    }
  } catch (error) {
    for (const { lock } of parts) lock?.release();
    throw error;
  }
  return parts;
}

/** As a new machine of the app would be. Throws UsageError for a file that is missing. */
function startOfMachine(machine: LabMachine, folder: string, host: CliHost): Start {
  const parts = labMachineParts(machine, (path, what) => {
    const absolute = resolve(folder, path);
    if (!existsSync(absolute)) throw new UsageError(`Machine ${machine.name}: there is no ${what} ${absolute}.`);
    return absolute;
  });
  if (parts.boot.kind === "demo") demoGuest(host);
  const { cpu, devices, firmware } = VmConfig.shape;
  return startOf({ ...parts, cpu: cpu.parse({}), devices: devices.parse(undefined), firmware: firmware.parse(undefined) }, folder, host);
}

/** A machine of the library: its own cards, unless the lab gives it some. */
async function partOfLibrary({ name }: LabMachine, wanted: string, nics: Nic[], library: VmLibrary, host: CliHost): Promise<Part> {
  const entries = await library.list();
  const [entry, another] = entries.filter((e) => e.config?.name === wanted || e.id === wanted);
  if (!entry?.config) throw new VmError("notFound", `Machine ${name}: there is no "${wanted}" in ${library.path}.`);
  if (another) throw new VmError("notFound", `Machine ${name}: "${wanted}" could be ${entry.folder} or ${another.folder}.`);
  const { config } = entry;
  if (config.boot.kind === "demo") demoGuest(host);
  const start = { ...startOf(config, entry.path, host), ...host.startExtras };
  return { name, start, nics: nics.length > 0 ? nics : config.nics, lock: library.lockRunning(entry) };
}

class LabRun {
  private readonly o: LabRunOptions;
  private readonly parts: readonly Part[];
  private readonly network: VirtualNetwork;
  private readonly host: CliHost;
  private readonly threads = new Map<string, VmThread>();
  private readonly outlet: LineOutlet;
  private readonly captures: CaptureInfo[] = [];
  /** Why it is ended before the machines have. */
  private orders: Promise<void> = Promise.resolve();
  private forced: { status: number; say: string } | undefined;

  constructor(o: LabRunOptions, parts: readonly Part[], network: VirtualNetwork, host: CliHost) {
    this.o = o;
    this.parts = parts;
    this.network = network;
    this.host = host;
    const asJson = (name: string, line: Buffer) => Buffer.from(`${JSON.stringify({ machine: name, line: line.toString("latin1") })}\n`);
    const plain = (name: string, line: Buffer) => Buffer.concat([Buffer.from(`[${name}] `), line, Buffer.from("\n")]);
    this.outlet = new LineOutlet(host.streams.stdout, o.json ? asJson : plain);
  }

  async run(): Promise<number> {
    const { timeoutSeconds, json } = this.o;
    const { streams } = this.host;
    const interrupt = () => this.stop(STATUS_INTERRUPTED, "Interrupted.");
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) process.on(signal, interrupt);
    const timeout =
      timeoutSeconds === undefined
        ? undefined
        : setTimeout(() => this.stop(STATUS_TIMEOUT, `Timeout: ${this.running().join(", ")} still ran after ${timeoutSeconds} s.`), timeoutSeconds * 1000);
    const typed = new TypedLines(streams.stdin, (line) => this.type(line));
    let outcomes: Outcome[];
    let captures: CaptureInfo[];
    try {
      const ends: Promise<Outcome>[] = [];
      const { gateways, bridges } = await this.network.get();
      for (const { name } of gateways) await this.capture(`gateway:${name}`, `${name}.gateway`);
      for (const { name } of bridges) await this.capture(`bridge:${name}`, `${name}.bridge`);
      for (const part of this.parts) ends.push((await this.start(part)).outcome);
      typed.begin();
      outcomes = await Promise.all(ends);
      captures = await Promise.all(this.captures.map(({ id }) => this.network.stopCapture(id)));
    } finally {
      clearTimeout(timeout);
      typed.end();
      for (const signal of signals) process.off(signal, interrupt);
      await Promise.all([...this.threads.values()].map((thread) => thread.powerOff()));
    }
    if (this.forced) streams.stderr.write(`ringfence: ${this.forced.say}\n`);
    const status = this.forced?.status ?? statusOf(outcomes);
    if (json) streams.stdout.write(`${JSON.stringify({ status, machines: outcomes, captures: captures.map(({ link, path }) => ({ link, path })) })}\n`);
    return status;
  }

  /** Settles when the machine's thread is on its way. */
  private async start({ name, start, nics }: Part): Promise<{ outcome: Promise<Outcome> }> {
    const { network, host } = this;
    const control = newControl();
    const cards: NonNullable<Start["nics"]> = [];
    for (const [i, nic] of nics.entries()) {
      cards.push(await network.attach(name, name, nic, control));
      await this.capture(`${name}/${nic.id}`, `${name}.${i}`);
    }
    const events = {
      serial: (data: Uint8Array) => this.outlet.write(name, data),
      debugConsole: (data: Uint8Array) => void host.streams.stderr.write(data),
    };
    const thread = new VmThread(host.spawn, { ...start, nics: cards }, events, undefined, control);
    this.threads.set(name, thread);
    const outcome = thread.ended.then(async (end) => {
      this.threads.delete(name);
      network.detach(name);
      await this.outlet.flush(name);
      return this.outcomeOf(name, end);
    });
    return { outcome };
  }

  /** If captures are wanted. */
  private async capture(link: LinkId, name: string): Promise<void> {
    const { captureFolder } = this.o;
    if (captureFolder !== undefined) this.captures.push(await this.network.startCapture(link, join(captureFolder, `${name}.pcapng`), false));
  }

  private outcomeOf(name: string, end: ThreadEnd): Outcome {
    const say = (text: string) => this.host.streams.stderr.write(`ringfence: ${name}: ${text}\n`);
    if (end.kind === "failed") {
      const { code, message, detail } = end.failure;
      say(message);
      if (detail !== undefined && (code === "internal" || code === "workerCrashed")) say(detail);
      return { name, end: "failed", message };
    }
    if (end.kind === "ended" && end.reason.kind === "tripleFault") {
      say(`The guest crashed with a triple fault.\n${end.reason.dump}`);
      return { name, end: "tripleFault" };
    }
    return { name, end: end.kind === "terminated" || this.forced ? "stopped" : "poweredOff" };
  }

  /** As `ringfence link` and `ringfence fault` have them, on the running lab. */
  private async order([command, verb, link = "", ...rest]: string[]): Promise<void> {
    const [name = "", id = "nic0"] = link.split("/");
    const nics = this.parts.find((part) => part.name === name)?.nics ?? [];
    const nic = nics.find((each) => each.id === id);
    if (!nic) throw new UsageError(`There is no card ${link}.`);
    const changed = changedNic(nic, `${command ?? ""} ${verb ?? ""}`, rest);
    await this.network.wire(name, nic.id, wiringOf(changed));
    nics[nics.indexOf(nic)] = changed;
    this.host.streams.stderr.write(`ringfence: ${name}/${nic.id}: ${command} ${verb} done.\n`);
  }

  private running(): string[] {
    return [...this.threads.keys()];
  }

  private stop(status: number, say: string): void {
    this.forced ??= { status, say };
    for (const thread of this.threads.values()) void thread.powerOff();
  }

  /** `name: text` to that machine's first serial port; `!command` changes a link. */
  private type(line: string): void {
    const { stderr } = this.host.streams;
    if (line.startsWith("!")) {
      this.orders = this.orders.then(() => this.order(line.slice(1).trim().split(/\s+/))).catch((error: unknown) => {
        stderr.write(`ringfence: ${messageOf(error)}\n`);
      });
      return;
    }
    const match = /^([^:\s]+):[ ]?(.*)$/s.exec(line);
    const name = match?.[1] ?? "";
    if (!match || !this.parts.some((part) => part.name === name)) {
      if (line.trim() !== "") stderr.write("ringfence: Not sent: a line for a machine begins with its name and a colon.\n");
      return;
    }
    try {
      this.threads.get(name)?.serialInput(Buffer.from(`${match[2] ?? ""}\n`));
    } catch (error) {
      stderr.write(`ringfence: ${name}: ${messageOf(error)}\n`);
    }
  }
}

function changedNic(nic: Nic, order: string, [first = "", second = "", third, ...more]: string[]): Nic {
  switch (order) {
    case "link plug":
    case "link unplug":
      return { ...nic, cable: order === "link plug" };
    case "link connect":
      return { ...nic, connection: connectionOf(first, second, third) };
    case "link disconnect":
      return { ...nic, connection: null };
    case "fault set":
      return { ...nic, faults: faultsOf([first, second, third ?? "", ...more].filter((text) => text !== "")) };
    case "fault clear":
      return { ...nic, faults: {} };
    default:
      throw new UsageError("A command is !link plug, unplug, connect or disconnect, or !fault set or clear, with a card behind it.");
  }
}

function statusOf(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ end }) => end === "failed")) return 1;
  return outcomes.some(({ end }) => end === "tripleFault") ? STATUS_TRIPLE_FAULT : 0;
}

/** Lines of stdin. */
class TypedLines {
  private readonly stdin: CliHost["streams"]["stdin"];
  private readonly onLine: (line: string) => void;
  private rest = "";

  constructor(stdin: CliHost["streams"]["stdin"], onLine: (line: string) => void) {
    this.stdin = stdin;
    this.onLine = onLine;
  }

  begin(): void {
    this.stdin.on("data", this.onData);
    this.stdin.on("error", this.ignore);
  }

  end(): void {
    this.stdin.off("data", this.onData);
    this.stdin.pause();
  }

  /** A closed stdin is a silent one. */
  private readonly ignore = () => undefined;

  private readonly onData = (chunk: Buffer | string) => {
    const lines = (this.rest + chunk.toString()).split("\n");
    this.rest = (lines.pop() ?? "").slice(0, 65536);
    for (const line of lines) this.onLine(line.replace(/\r$/, ""));
  };
}
