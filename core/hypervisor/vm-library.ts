// The machines on disk: `<library>/<folder>/machine.json`, one folder a machine. The list is what the folders say, read anew each
// time. Deleting moves a folder to `<library>/.trash/`. A folder that cannot be read is listed with the reason and never written.
//
// Two locks. `<library>/.lock`: who may change the list; an app holds it while it runs, a command while it works. Without it the
// list can be read only. `<folder>/.running`: who runs this machine, app or command.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { NewDisk } from "../api/contract.ts";
import { type BootSource, CONFIG_VERSION, VmConfig } from "../api/vm-config.ts";
import type { Failure, TrashEntry } from "../api/vm-state.ts";
import { createRawDisk } from "../storage/backends/create-raw-disk.ts";
import { ImageError } from "../storage/image-error.ts";
import { FILE_CALLS, type FileCalls, writeAtomically, writeError } from "./atomic-file.ts";
import { CONFIG_FILE, formatConfig, readConfig } from "./config-file.ts";
import { folderNameFor } from "./folder-name.ts";
import { makeMac } from "./lab-file.ts";
import { HOST_PROCESSES, LockFile, type LockOwner, type ProcessTable } from "./lock-file.ts";
import { messageOf, systemErrorCode, VmError } from "./vm-error.ts";

const LOCK_FILE = ".lock";
const RUNNING_FILE = ".running";
const TRASH_FOLDER = ".trash";
/** `<folder>.<when>` in the trash. */
const TRASH_NAME = /^(.+)\.(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{3})Z$/s;

export interface LibraryEntry {
  /** The configuration's id, or `folder:NAME`. */
  id: string;
  folder: string;
  path: string;
  /** Null exactly if there is a failure. */
  config: VmConfig | null;
  failure: Failure | null;
}

export interface NewVm {
  name: string;
  notes: string;
  memoryMiB: number;
  boot: BootSource;
  capPercent: number;
  engine?: VmConfig["cpu"]["engine"];
  cpuModel?: string;
  drives?: VmConfig["drives"];
  firmware?: VmConfig["firmware"];
  devices?: VmConfig["devices"];
  nics?: VmConfig["nics"];
  /** Empty disk images to make in the machine's folder. */
  newDisks?: NewDisk[];
}
export type VmPatch = Partial<NewVm>;

export class VmLibrary {
  readonly path: string;
  private readonly holder: LockOwner["holder"];
  private readonly files: FileCalls;
  private readonly processes: ProcessTable;
  private lock: LockFile | undefined;
  /** Changes are made one after another. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(path: string, holder: LockOwner["holder"], files: FileCalls = FILE_CALLS, processes: ProcessTable = HOST_PROCESSES) {
    this.path = path;
    this.holder = holder;
    this.files = files;
    this.processes = processes;
    try {
      mkdirSync(path, { recursive: true });
    } catch (error) {
      throw new VmError("ioFailed", `The library folder ${path} cannot be used: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Takes the right to change the library, for as long as this process lives or until close(). Gives back who has it, if not we. */
  open(): LockOwner | undefined {
    if (this.lock?.isHeld()) return undefined;
    const lock = LockFile.acquire(join(this.path, LOCK_FILE), this.holder, this.processes);
    if (!(lock instanceof LockFile)) return lock;
    this.lock = lock;
    return undefined;
  }

  /** Waits for changes under way and gives the right back. */
  async close(): Promise<void> {
    await this.queue;
    this.lock?.release();
    this.lock = undefined;
  }

  async list(): Promise<LibraryEntry[]> {
    const folders = await this.folders(this.path);
    const entries = await Promise.all(folders.map((folder) => this.entry(folder)));
    return withoutDuplicates(entries);
  }

  private async entry(folder: string): Promise<LibraryEntry> {
    const path = join(this.path, folder);
    const result = await readConfig(join(path, CONFIG_FILE));
    if ("config" in result) return { id: result.config.id, folder, path, config: result.config, failure: null };
    return { id: `folder:${folder}`, folder, path, config: null, failure: result.failure };
  }

  async find(id: string): Promise<LibraryEntry> {
    const entry = (await this.list()).find((e) => e.id === id);
    if (!entry) throw new VmError("notFound", `There is no machine ${id} in ${this.path}.`);
    return entry;
  }

  create(vm: NewVm): Promise<LibraryEntry> {
    return this.change(async () => {
      const id = randomUUID();
      const config = VmConfig.parse({
        version: CONFIG_VERSION,
        id,
        name: vm.name,
        notes: vm.notes,
        createdAt: new Date().toISOString(),
        memoryMiB: vm.memoryMiB,
        cpu: { capPercent: vm.capPercent, ...(vm.engine ? { engine: vm.engine } : {}), ...(vm.cpuModel ? { model: vm.cpuModel } : {}) },
        boot: vm.boot,
        drives: vm.drives,
        firmware: vm.firmware,
        devices: vm.devices,
        nics: vm.nics && (await this.withOwnAddresses(vm.nics)),
      });
      const folder = folderNameFor(config.name, id);
      // Made under a hidden name first: a folder without a configuration is never seen.
      const unfinished = join(this.path, `.new-${randomBytes(6).toString("hex")}`);
      try {
        await mkdir(unfinished);
        await makeDisks(unfinished, vm.newDisks);
        await writeAtomically(join(unfinished, CONFIG_FILE), formatConfig(config), this.files);
        await this.files.rename(unfinished, join(this.path, folder));
      } catch (error) {
        await rm(unfinished, { recursive: true, force: true }).catch(() => undefined); // the first error is the one to tell
        throw writeError(error, join(this.path, folder));
      }
      return this.entry(folder);
    });
  }

  /** A card whose address another machine's has, as that of a copied machine, gets one of its own. */
  private async withOwnAddresses(nics: VmConfig["nics"]): Promise<VmConfig["nics"]> {
    const taken = new Set((await this.list()).flatMap((entry) => entry.config?.nics.map((nic) => nic.mac) ?? []));
    return nics.map((nic) => {
      if (taken.has(nic.mac)) return { ...nic, mac: makeMac(nic.mac, taken) };
      taken.add(nic.mac);
      return nic;
    });
  }

  update(id: string, patch: VmPatch): Promise<LibraryEntry> {
    return this.change(async () => {
      const entry = await this.find(id);
      if (!entry.config) throw new VmError(entry.failure?.code ?? "configUnreadable", entry.failure?.message ?? "The configuration cannot be read.");
      const { capPercent, engine, cpuModel, newDisks, ...fields } = patch;
      const cpu = { ...entry.config.cpu, ...defined({ capPercent, engine, model: cpuModel }) };
      const config = VmConfig.parse({ ...entry.config, ...defined(fields), cpu });
      const made = await makeDisks(entry.path, newDisks);
      try {
        await writeAtomically(join(entry.path, CONFIG_FILE), formatConfig(config), this.files);
      } catch (error) {
        await Promise.all(made.map((path) => rm(path, { force: true }))); // nothing names them
        throw error;
      }
      return this.entry(entry.folder);
    });
  }

  /** Moves the folder to the trash. */
  delete(id: string): Promise<TrashEntry> {
    return this.change(async () => {
      const entry = await this.find(id);
      const running = this.lockRunning(entry);
      try {
        const when = new Date().toISOString().replace(/[-:.]/g, "");
        const trash = join(this.path, TRASH_FOLDER);
        await mkdir(trash, { recursive: true });
        const name = `${entry.folder}.${when}`;
        running.release();
        await rename(entry.path, join(trash, name));
        return await trashEntry(trash, name);
      } catch (error) {
        throw moveError(error, entry.path);
      } finally {
        running.release();
      }
    });
  }

  async listTrash(): Promise<TrashEntry[]> {
    const trash = join(this.path, TRASH_FOLDER);
    const entries = await Promise.all((await this.folders(trash)).map((name) => trashEntry(trash, name)));
    return entries.sort((a, b) => b.deletedAt.localeCompare(a.deletedAt));
  }

  restore(trashId: string): Promise<LibraryEntry> {
    return this.change(async () => {
      const trash = join(this.path, TRASH_FOLDER);
      // Only a name that is there is used as one.
      if (!(await this.folders(trash)).includes(trashId)) throw new VmError("notFound", `There is no ${trashId} in the trash.`);
      const from = join(trash, trashId);
      const result = await readConfig(join(from, CONFIG_FILE));
      const present = await this.list();
      if ("config" in result) {
        const twin = present.find((e) => e.id === result.config.id);
        if (twin) throw new VmError("wrongState", `The same machine is in the library as ${twin.folder}; delete that one first.`);
      }
      const original = TRASH_NAME.exec(trashId)?.[1] ?? trashId;
      const isTaken = (name: string) => present.some((e) => e.folder.toLowerCase() === name.toLowerCase());
      let folder = original;
      for (let n = 2; isTaken(folder); n++) folder = `${original}-${n}`;
      try {
        await rename(from, join(this.path, folder));
      } catch (error) {
        throw moveError(error, from);
      }
      return this.entry(folder);
    });
  }

  /** Deletes one entry of the trash for good. */
  removeFromTrash(trashId: string): Promise<void> {
    return this.change(async () => {
      const trash = join(this.path, TRASH_FOLDER);
      if (!(await this.folders(trash)).includes(trashId)) throw new VmError("notFound", `There is no ${trashId} in the trash.`);
      await removeFolder(join(trash, trashId));
    });
  }

  /** Deletes all that is in the trash for good. Gives back how many machines that were. */
  emptyTrash(): Promise<number> {
    return this.change(async () => {
      const trash = join(this.path, TRASH_FOLDER);
      const names = await this.folders(trash);
      for (const name of names) await removeFolder(join(trash, name));
      return names.length;
    });
  }

  /** Marks the machine as run by this process. Throws VmError `libraryBusy` if another runs it. */
  lockRunning(entry: LibraryEntry): LockFile {
    const lock = LockFile.acquire(join(entry.path, RUNNING_FILE), this.holder, this.processes);
    if (lock instanceof LockFile) return lock;
    throw new VmError("libraryBusy", `The machine is being run by process ${lock.pid} since ${lock.since}.`);
  }

  /** Who runs the machine, this process included, if anybody does. */
  runner(entry: LibraryEntry): LockOwner | undefined {
    return LockFile.holder(join(entry.path, RUNNING_FILE), this.processes);
  }

  private change<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      const owner = this.open();
      if (owner) throw new VmError("libraryBusy", `The library ${this.path} is in use by process ${owner.pid} since ${owner.since}; it can be changed only there.`);
      return work();
    });
    this.queue = result.catch(() => undefined); // the caller hears of it; the next change goes on
    return result;
  }

  private async folders(path: string): Promise<string[]> {
    try {
      const found = await readdir(path, { withFileTypes: true });
      const named = found.filter((f) => !f.name.startsWith("."));
      const isFolder = await Promise.all(named.map(async (f) => f.isDirectory() || (f.isSymbolicLink() && (await isFolderAt(join(path, f.name))))));
      return named.filter((_, i) => isFolder[i]).map((f) => f.name).sort();
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return [];
      throw new VmError("ioFailed", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }
}

async function isFolderAt(path: string): Promise<boolean> {
  return stat(path).then((info) => info.isDirectory(), () => false);
}

/** Of folders with one id (a copy made by hand) the one named after the machine, else the first, keeps it. */
function withoutDuplicates(entries: LibraryEntry[]): LibraryEntry[] {
  const owners = new Map<string, LibraryEntry>();
  for (const entry of entries) {
    const owner = owners.get(entry.id);
    if (!owner || (!isNamedAfter(owner) && isNamedAfter(entry))) owners.set(entry.id, entry);
  }
  return entries.map((entry) => {
    const owner = owners.get(entry.id);
    if (!owner || owner === entry) return entry;
    const message = `The machine in this folder has the same id as the one in ${owner.folder}. Give it another id in ${CONFIG_FILE}, or delete the folder.`;
    return { ...entry, id: `folder:${entry.folder}`, config: null, failure: { code: "configUnreadable", message } };
  });
}

function isNamedAfter(entry: LibraryEntry): boolean {
  return entry.folder.endsWith(`-${entry.id.slice(0, 8)}`);
}

async function trashEntry(trash: string, name: string): Promise<TrashEntry> {
  const path = join(trash, name);
  const match = TRASH_NAME.exec(name);
  const result = await readConfig(join(path, CONFIG_FILE));
  const title = "config" in result ? result.config.name : (match?.[1] ?? name);
  if (match) {
    const [, , year, month, day, hour, minute, second, ms] = match;
    return { id: name, name: title, deletedAt: `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`, path };
  }
  const modified = await stat(path).then((info) => info.mtime, () => new Date(0));
  return { id: name, name: title, deletedAt: modified.toISOString(), path };
}

/** None is left if one of them fails. */
async function makeDisks(folder: string, disks: readonly NewDisk[] = []): Promise<string[]> {
  const made: string[] = [];
  try {
    for (const { name, sizeBytes } of disks) made.push((await createRawDisk(join(folder, name), sizeBytes)).path);
    return made;
  } catch (error) {
    await Promise.all(made.map((path) => rm(path, { force: true })));
    throw error instanceof ImageError ? new VmError(error.code, error.message, { cause: error }) : writeError(error, folder);
  }
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>; // entries forget the keys
}

async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true });
  } catch (error) {
    throw new VmError("ioFailed", `${path} could not be deleted: ${messageOf(error)}`, { cause: error });
  }
}

function moveError(error: unknown, path: string): VmError {
  return error instanceof VmError ? error : new VmError("ioFailed", `${path} could not be moved: ${messageOf(error)}`, { cause: error });
}
