// The fleet: every machine of one library, on or off, by id. Orders are promises that reject with VmError; what happens is told
// to subscribers. Nothing here knows who asks: app, server or command.
import type { ActivityLight, Failure, InputEvent, ScreenText, TrashEntry, VmRecord, VmStats } from "../api/vm-state.ts";
import type { DirtyRect } from "../api/worker-protocol.ts";
import type { ScreenReader } from "./screen-reader.ts";
import { messageOf, VmError } from "./vm-error.ts";
import { VmHandle, type VmHost } from "./vm-handle.ts";
import type { LibraryEntry, NewVm, VmLibrary, VmPatch } from "./vm-library.ts";

export type HypervisorEvent =
  | { kind: "changed"; record: VmRecord }
  | { kind: "removed"; id: string }
  | { kind: "stats"; id: string; stats: VmStats }
  | { kind: "serial"; id: string; data: Uint8Array }
  | { kind: "activity"; id: string; lights: ActivityLight[] }
  | { kind: "frame"; id: string; rect: DirtyRect; screenWidth: number; screenHeight: number };

export class Hypervisor {
  readonly library: VmLibrary;
  private readonly host: VmHost;
  private readonly handles = new Map<string, VmHandle>();
  private readonly listeners = new Set<(event: HypervisorEvent) => void>();
  /** Caps on their way to the disk: the newest of each machine, and who waits for it. */
  private readonly capSaves = new Map<string, { capPercent: number; done: Promise<void> }>();

  constructor(library: VmLibrary, host: VmHost) {
    this.library = library;
    this.host = host;
  }

  /** Takes the library. Gives back why it can only be read, if so. */
  open(): Failure | undefined {
    try {
      const owner = this.library.open();
      if (!owner) return undefined;
      return {
        code: "libraryBusy",
        message: `Another program (process ${owner.pid}, since ${owner.since}) manages the library ${this.library.path}. Machines can be seen here, but not changed.`,
      };
    } catch (error) {
      return { code: error instanceof VmError ? error.code : "internal", message: messageOf(error) };
    }
  }

  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async list(): Promise<VmRecord[]> {
    const entries = await this.library.list();
    const present = new Set(entries.map((e) => e.id));
    for (const entry of entries) this.adopt(entry);
    for (const [id, handle] of this.handles) if (!present.has(id) && !handle.isOn) this.forget(id);
    return [...this.handles.values()].map((h) => h.record()).sort((a, b) => a.folder.localeCompare(b.folder));
  }

  async create(vm: NewVm): Promise<VmRecord> {
    const handle = this.adopt(await this.library.create(vm));
    this.emit({ kind: "changed", record: handle.record() });
    return handle.record();
  }

  async update(id: string, patch: VmPatch): Promise<VmRecord> {
    const handle = await this.handle(id);
    const before = handle.record().config?.nics;
    // What the network refuses is not saved either.
    if (patch.nics) await handle.rewire(patch.nics);
    try {
      handle.setEntry(await this.library.update(id, patch));
    } catch (error) {
      if (patch.nics && before) await handle.rewire(before).catch(() => undefined); // the first error is the one to tell
      throw error;
    }
    return handle.record();
  }

  async start(id: string): Promise<void> {
    // The folder may have changed since it was listed.
    const entry = await this.library.find(id);
    const handle = this.adopt(entry);
    await handle.start(() => this.library.lockRunning(entry));
  }

  async pause(id: string): Promise<void> {
    await (await this.handle(id)).pause();
  }

  async resume(id: string): Promise<void> {
    await (await this.handle(id)).resume();
  }

  async reset(id: string): Promise<void> {
    (await this.handle(id)).reset();
  }

  async shutdown(id: string): Promise<void> {
    (await this.handle(id)).shutdown();
  }

  async powerOff(id: string): Promise<void> {
    await (await this.handle(id)).powerOff();
  }

  async delete(id: string): Promise<TrashEntry> {
    const handle = await this.handle(id);
    if (handle.isOn) throw new VmError("wrongState", `The machine cannot be deleted while it is ${handle.record().status}.`);
    const trash = await this.library.delete(id);
    this.forget(id);
    return trash;
  }

  async restore(trashId: string): Promise<VmRecord> {
    const handle = this.adopt(await this.library.restore(trashId));
    this.emit({ kind: "changed", record: handle.record() });
    return handle.record();
  }

  /** In force at once, then saved; of a quick row of changes only the last is written. */
  async setCap(id: string, capPercent: number): Promise<void> {
    const handle = await this.handle(id);
    if (handle.record().status === "broken") throw new VmError("wrongState", "The machine's configuration cannot be read.");
    handle.setCap(capPercent);
    const pending = this.capSaves.get(id);
    if (pending) {
      pending.capPercent = capPercent;
      return pending.done;
    }
    const save = { capPercent, done: Promise.resolve() };
    save.done = this.saveCap(id, handle, save);
    this.capSaves.set(id, save);
    return save.done;
  }

  private async saveCap(id: string, handle: VmHandle, save: { capPercent: number }): Promise<void> {
    try {
      let saved: number;
      do {
        saved = save.capPercent;
        handle.setEntry(await this.library.update(id, { capPercent: saved }));
      } while (saved !== save.capPercent);
    } finally {
      this.capSaves.delete(id);
    }
  }

  /** Puts a medium into a CD or floppy drive, or takes it out (null), and keeps that in the configuration. */
  async setMedium(id: string, driveId: string, path: string | null, force: boolean): Promise<VmRecord> {
    const handle = await this.handle(id);
    const drives = handle.record().config?.drives ?? [];
    const drive = drives.find((d) => d.id === driveId);
    if (!drive) throw new VmError("notFound", `The machine has no drive ${driveId}.`);
    if (drive.kind === "disk") throw new VmError("wrongState", "The medium of a disk drive cannot be taken out.");
    if (handle.isOn) await handle.setMedium(driveId, path, force);
    await this.saveMedium(id, handle, driveId, path);
    return handle.record();
  }

  private async saveMedium(id: string, handle: VmHandle, driveId: string, path: string | null): Promise<void> {
    const drives = handle.record().config?.drives ?? [];
    handle.setEntry(await this.library.update(id, { drives: drives.map((d) => (d.id === driveId ? { ...d, path } : d)) }));
  }

  async input(id: string, events: InputEvent[]): Promise<void> {
    (await this.handle(id)).input(events);
  }

  /** Presses all keys in order and releases them in reverse. */
  async keys(id: string, codes: string[]): Promise<void> {
    const press = codes.map((code) => ({ kind: "key" as const, code, down: true }));
    const release = codes.toReversed().map((code) => ({ kind: "key" as const, code, down: false }));
    await this.input(id, [...press, ...release]);
  }

  async typeText(id: string, text: string): Promise<string> {
    return (await this.handle(id)).typeText(text);
  }

  async serialInput(id: string, data: Uint8Array): Promise<void> {
    (await this.handle(id)).serialInput(data);
  }

  async serialBacklog(id: string): Promise<string> {
    return (await this.handle(id)).serialBacklog();
  }

  /** The text screen, null in a graphics mode and while the machine is off. */
  async screenText(id: string): Promise<ScreenText | null> {
    return (await this.handle(id)).screenText();
  }

  /** Milliseconds between pictures of this machine, 0 for none. */
  setFrameInterval(id: string, intervalMs: number): void {
    this.handles.get(id)?.setFrameInterval(intervalMs);
  }

  screen(id: string): ScreenReader | undefined {
    return this.handles.get(id)?.screen;
  }

  /** Powers every machine off and gives the library back. */
  async close(): Promise<void> {
    await Promise.all([...this.handles.values()].filter((h) => h.isOn).map((h) => h.powerOff()));
    await this.library.close();
  }

  private async handle(id: string): Promise<VmHandle> {
    return this.handles.get(id) ?? this.adopt(await this.library.find(id));
  }

  private adopt(entry: LibraryEntry): VmHandle {
    const known = this.handles.get(entry.id);
    if (known) {
      known.setEntry(entry);
      return known;
    }
    const { id } = entry;
    const handle: VmHandle = new VmHandle(entry, this.host, {
      changed: () => this.emit({ kind: "changed", record: handle.record() }),
      stats: (stats) => this.emit({ kind: "stats", id, stats }),
      serial: (data) => this.emit({ kind: "serial", id, data }),
      activity: (lights) => this.emit({ kind: "activity", id, lights }),
      // Where the library cannot be written now, the medium is in the drive again at the next start: as after a power failure.
      ejected: (driveId) => void this.saveMedium(id, handle, driveId, null).catch(() => undefined),
      frame: (rect, screenWidth, screenHeight) => this.emit({ kind: "frame", id, rect, screenWidth, screenHeight }),
    });
    this.handles.set(id, handle);
    return handle;
  }

  private forget(id: string): void {
    if (this.handles.delete(id)) this.emit({ kind: "removed", id });
  }

  private emit(event: HypervisorEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}
