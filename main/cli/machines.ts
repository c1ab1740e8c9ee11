// `ringfence list create show start stop delete`: the machines of a library. The app may be open on the same one: reading and
// starting work beside it, changes are refused while it holds the library, and no machine runs twice.
import { resolve } from "node:path";
import { DISK_MAX_BYTES, DISK_MIN_BYTES } from "../../core/api/contract.ts";
import { type BootSource, VmConfig } from "../../core/api/vm-config.ts";
import { startOf } from "../../core/hypervisor/boot-source.ts";
import { hostPath } from "../../core/hypervisor/host-path.ts";
import { netName } from "../../core/hypervisor/lab-file.ts";
import { VmError } from "../../core/hypervisor/vm-error.ts";
import { type LibraryEntry, VmLibrary } from "../../core/hypervisor/vm-library.ts";
import type { CliHost } from "./cli.ts";
import { BOOT_OPTIONS, type BootValues, bootFilesOf, capOf, memoryOf, outputPath, parse, UsageError } from "./command-line.ts";
import { DRIVE_OPTIONS, type DriveValues, drivesOf, firmwareBootOf, firmwareOf } from "./drive-options.ts";
import { type ForegroundOptions, runInForeground } from "./foreground.ts";
import { networkOf, runJoined } from "./joined.ts";
import { demoGuest } from "./run.ts";

/** The disk that --disk-size makes, in the machine's folder. */
const NEW_DISK = "disk.img";
export const LIBRARY_OPTIONS = { library: { type: "string" }, json: { type: "boolean" } } as const;

export interface LibraryValues {
  library?: string | undefined;
  json?: boolean | undefined;
}

export async function list(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, LIBRARY_OPTIONS);
  if (positionals.length > 0) throw new UsageError("list takes no arguments.");
  const library = libraryOf(values, host);
  const entries = await library.list();
  const rows = entries.map((entry) => describe(entry, library));
  if (values.json) return printJson(host, rows);
  const lines = rows.map((row) => `${row.status.padEnd(8)} ${row.id.padEnd(36)} ${row.name}${row.failure ? `: ${row.failure.message}` : ""}`);
  return print(host, lines.length > 0 ? lines.join("\n") : `No machines in ${library.path}.`);
}

export async function create(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, { ...LIBRARY_OPTIONS, ...BOOT_OPTIONS, ...DRIVE_OPTIONS, "disk-size": { type: "string" }, notes: { type: "string" } });
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new UsageError("create needs one name (in quotes if it has spaces).");
  const newDisk = values["disk-size"] === undefined ? undefined : { name: NEW_DISK, sizeBytes: diskSize(values["disk-size"]) };
  const parts = newDisk ? { ...values, disk: [...(values.disk ?? []), NEW_DISK] } : values;
  // The new disk's path stays relative: it lies in the machine's folder.
  const drives = drivesOf(parts).map((d) => (newDisk && d.path === resolve(NEW_DISK) ? { ...d, path: NEW_DISK } : d));
  const fields = { name, notes: values.notes ?? "", memoryMiB: memoryOf(values), boot: bootSourceOf(parts), drives, firmware: firmwareOf(values) };
  const checked = VmConfig.pick({ name: true, notes: true, memoryMiB: true, boot: true, drives: true, firmware: true }).safeParse(fields);
  if (!checked.success) throw new UsageError(`${checked.error.issues[0]?.path.join(".")}: ${checked.error.issues[0]?.message}`);
  return changing(values, host, async (library) => {
    const entry = await library.create({ ...checked.data, capPercent: capOf(values), ...(newDisk ? { newDisks: [newDisk] } : {}) });
    return values.json ? printJson(host, describe(entry, library)) : print(host, entry.id);
  });
}

function bootSourceOf(values: BootValues & DriveValues): BootSource {
  const kernel = bootFilesOf(values);
  if (kernel) return kernel;
  const firmware = firmwareBootOf(values);
  if (firmware?.hasMenu) throw new UsageError("--boot menu is for run; a machine's menu comes with its key.");
  return firmware ? { kind: "firmware", order: firmware.order } : { kind: "demo" };
}

/** A number of bytes, or with K, M, G behind it. */
function diskSize(text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const bytes = Number(match?.[1] ?? Number.NaN) * 1024 ** " KMG".indexOf((match?.[2] || " ").toUpperCase());
  const size = Math.ceil(bytes / 512) * 512;
  if (!(size >= DISK_MIN_BYTES && size <= DISK_MAX_BYTES)) throw new UsageError(`--disk-size needs a size from 1M to 2048G, not "${text}".`);
  return size;
}

export async function show(args: string[], host: CliHost): Promise<number> {
  const { values, library, entry } = await oneMachine("show", args, host);
  const row = describe(entry, library);
  if (values.json) return printJson(host, row);
  const facts = [["name", row.name], ["id", row.id], ["status", row.status], ["folder", row.path]];
  if (row.failure) facts.push(["fault", row.failure.message]);
  if (row.config) {
    const { memoryMiB, cpu, boot, createdAt, notes } = row.config;
    facts.push(["memory", `${memoryMiB} MiB`], ["cpu", `${cpu.model}, ${cpu.engine}, at most ${cpu.capPercent} %`], ["created", createdAt]);
    facts.push(["boot", boot.kind === "demo" ? "demo guest" : boot.kind === "firmware" ? `firmware: ${boot.order.join(", ")}` : boot.kernel]);
    if (boot.kind === "kernel") facts.push(["initrd", boot.initrd ?? "(none)"], ["append", boot.append], ...boot.modules.map((m) => ["module", m]));
    for (const d of row.config.drives) facts.push([d.id, `${d.controller} ${d.slot}: ${d.path ?? "(empty)"}`]);
    if (boot.kind === "firmware") facts.push(["firmware", row.config.firmware.kind === "file" ? row.config.firmware.bios : "Ringfence"]);
    if (notes) facts.push(["notes", notes]);
  }
  return print(host, facts.map(([key, value]) => `${`${key}:`.padEnd(10)}${value}`).join("\n"));
}

export async function start(args: string[], host: CliHost): Promise<number> {
  const { values, library, entry } = await oneMachine("start", args, host);
  return runEntry(entry, library, values.json === true, host);
}

/** As start, and what passes on one of its cards goes to a file. */
export async function capture(args: string[], host: CliHost): Promise<number> {
  const { values, positionals } = parse(args, LIBRARY_OPTIONS);
  const [card, file, ...more] = positionals;
  if (card === undefined || file === undefined || more.length > 0) throw new UsageError("capture needs a machine or its card (MACHINE/nic0) and a file.");
  const path = outputPath(file, "capture");
  const library = libraryOf(values, host);
  const [, machine = card, nic = "nic0"] = /^(.*)\/(nic[0-7])$/s.exec(card) ?? [];
  const entry = matching(await library.list(), machine, library);
  if (entry.config && !entry.config.nics.some(({ id }) => id === nic)) throw new VmError("notFound", `${nameOf(entry)} has no card ${nic}.`);
  return runEntry(entry, library, values.json === true, host, { nic, path });
}

async function runEntry(entry: LibraryEntry, library: VmLibrary, asJson: boolean, host: CliHost, watched?: { nic: string; path: string }): Promise<number> {
  const { config } = entry;
  if (!config) throw new VmError(entry.failure?.code ?? "configUnreadable", entry.failure?.message ?? "The configuration cannot be read.");
  const lock = library.lockRunning(entry);
  try {
    if (config.boot.kind === "demo") demoGuest(host);
    const options: ForegroundOptions = {
      start: { ...startOf(config, entry.path, host), ...host.startExtras },
      spawn: host.spawn,
      // With --json stdout is for the answer alone.
      streams: host.streams,
      serial: asJson ? "none" : "stdio",
    };
    const nics = config.nics.map((nic) => (nic.rom === undefined ? nic : { ...nic, rom: hostPath(nic.rom, entry.path) }));
    const joined = { id: entry.id, name: netName(config.name), nics, ...(watched ? { capture: watched } : {}) };
    const status = nics.length === 0 ? await runInForeground(options) : await runJoined(networkOf(library, host), joined, options);
    if (asJson) printJson(host, { id: entry.id, status });
    return status;
  } finally {
    lock.release();
  }
}

export async function stop(args: string[], host: CliHost): Promise<number> {
  const { values, library, entry } = await oneMachine("stop", args, host);
  const runner = library.runner(entry);
  if (!runner) throw new VmError("wrongState", `${nameOf(entry)} does not run.`);
  if (runner.holder === "app") throw new VmError("libraryBusy", `${nameOf(entry)} is run by the app (process ${runner.pid}); stop it there.`);
  process.kill(runner.pid, "SIGTERM");
  return values.json ? printJson(host, { id: entry.id, pid: runner.pid }) : print(host, `Asked process ${runner.pid} to power ${nameOf(entry)} off.`);
}

export async function remove(args: string[], host: CliHost): Promise<number> {
  const { values, entry } = await oneMachine("delete", args, host);
  return changing(values, host, async (library) => {
    const trash = await library.delete(entry.id);
    return values.json ? printJson(host, trash) : print(host, `Moved to ${trash.path}`);
  });
}

function describe(entry: LibraryEntry, library: VmLibrary) {
  const runner = entry.config ? library.runner(entry) : undefined;
  const status = entry.config ? (runner ? "running" : "off") : "broken";
  return { id: entry.id, name: nameOf(entry), status, pid: runner?.pid ?? null, folder: entry.folder, path: entry.path, config: entry.config, failure: entry.failure };
}

export function nameOf(entry: LibraryEntry): string {
  return entry.config?.name ?? entry.folder;
}

export async function oneMachine(command: string, args: string[], host: CliHost) {
  const { values, positionals } = parse(args, LIBRARY_OPTIONS);
  const [wanted, ...more] = positionals;
  if (wanted === undefined || more.length > 0) throw new UsageError(`${command} needs one machine: its id or the start of it, its folder or its name.`);
  const library = libraryOf(values, host);
  return { values, library, entry: matching(await library.list(), wanted, library) };
}

/** The machine that is meant by an id or the start of one, a folder or a name. Throws VmError `notFound`. */
export function matching(entries: readonly LibraryEntry[], wanted: string, library: VmLibrary): LibraryEntry {
  const exact = entries.filter((e) => e.id === wanted || e.folder === wanted);
  const found = exact.length > 0 ? exact : entries.filter((e) => nameOf(e) === wanted || (wanted.length >= 4 && e.id.startsWith(wanted)));
  const [entry] = found;
  if (!entry) throw new VmError("notFound", `There is no machine "${wanted}" in ${library.path}.`);
  if (found.length > 1) throw new VmError("notFound", `"${wanted}" could be ${found.map((e) => e.folder).join(" or ")}.`);
  return entry;
}

/** Holds the library for the length of one change. */
export async function changing(values: LibraryValues, host: CliHost, work: (library: VmLibrary) => Promise<number>): Promise<number> {
  const library = libraryOf(values, host);
  try {
    return await work(library);
  } finally {
    await library.close();
  }
}

export function libraryOf(values: LibraryValues, host: CliHost): VmLibrary {
  return new VmLibrary(values.library === undefined ? host.libraryPath : resolve(values.library), "command");
}

export function print(host: CliHost, text: string): number {
  host.streams.stdout.write(`${text}\n`);
  return 0;
}

export function printJson(host: CliHost, value: unknown): number {
  return print(host, JSON.stringify(value, null, 2));
}
