// The commands of an ATA disk that are under way: sectors and ranges on their way between the transport and the medium, a chunk at a
// time, so that no command makes the host allocate more than CHUNK_BYTES. Each is a record that can be saved and carried on.
import type { BlockBackend, BlockClient, BlockError, DriveEvents } from "../../storage/block.ts";
import { CHUNK_BYTES, ERROR_ABRT, ERROR_IDNF, ERROR_UNC, STATUS_DF } from "./ata-device.ts";
import type { AtaDataPhase, AtaRegisters } from "./ata-device.ts";
import { type AtaTask, MAX_SECTORS } from "./ata-disk.state.ts";
import { TRIM_BLOCKS } from "./ata-identify.ts";

export const SECTOR = 512;
const CHUNK_SECTORS = CHUNK_BYTES / SECTOR;

/** What the disk does when a command has come to something. */
export interface AtaTaskOwner {
  dataPhase(phase: AtaDataPhase): void;
  taskDone(task: AtaTask): void;
  /** `lba` is the sector at fault, `status` what to add to the status register. */
  taskFailed(task: AtaTask, error: number, lba: number, status: number): void;
}

export class AtaTasks implements BlockClient {
  private readonly medium: BlockBackend;
  private readonly sectorCount: number;
  private readonly owner: AtaTaskOwner;
  private readonly events: DriveEvents | undefined;
  /** By slot. */
  private readonly tasks = new Map<number, AtaTask>();

  constructor(medium: BlockBackend, sectorCount: number, owner: AtaTaskOwner, events: DriveEvents | undefined) {
    this.medium = medium;
    this.sectorCount = sectorCount;
    this.owner = owner;
    this.events = events;
    medium.attach(this);
  }

  get size(): number {
    return this.tasks.size;
  }
  has(slot: number): boolean {
    return this.tasks.has(slot);
  }
  every(predicate: (task: AtaTask) => boolean): boolean {
    return [...this.tasks.values()].every(predicate);
  }

  /** Forgets them all. */
  drop(): void {
    this.medium.drop();
    this.tasks.clear();
  }

  /** Sectors between the host and the medium, or only from the medium. */
  startTransfer(slot: number, registers: AtaRegisters, given: Partial<AtaTask> & Pick<AtaTask, "operation">): void {
    this.nextChunk(this.task(slot, registers, given));
  }

  /** Data that the disk itself has: one phase, and the end. */
  startReply(slot: number, registers: AtaRegisters, data: Uint8Array): void {
    this.toHost(this.task(slot, registers, { operation: "reply", data }));
  }

  startFlush(slot: number, registers: AtaRegisters): void {
    this.flush(this.task(slot, registers, { operation: "flush" }));
  }

  /** Fetches a list of ranges from the host and discards them. */
  startTrim(slot: number, registers: AtaRegisters, listBytes: number): void {
    const data = new Uint8Array(listBytes);
    this.toHost(this.task(slot, registers, { operation: "trim", protocol: "dma", isExtended: true, data, left: data.length / 8 }));
  }

  private task(slot: number, registers: AtaRegisters, given: Partial<AtaTask> & Pick<AtaTask, "operation">): AtaTask {
    const task: AtaTask = {
      slot, registers: { ...registers }, protocol: "pio", stage: "medium", isExtended: false, isDurable: false, blockBytes: SECTOR, lba: 0,
      left: 0, done: 0, chunk: 0, chunkLimit: CHUNK_SECTORS, data: new Uint8Array(0), ...given,
    };
    this.tasks.set(slot, task);
    return task;
  }

  private nextChunk(task: AtaTask): void {
    task.chunk = Math.min(task.left, task.chunkLimit);
    if (task.operation !== "write") {
      this.submit(task);
      return;
    }
    task.data = new Uint8Array(task.chunk * SECTOR);
    this.toHost(task);
  }

  private toHost(task: AtaTask): void {
    task.stage = "host";
    this.owner.dataPhase(this.phaseOf(task));
  }

  /** Gives the task's request to the medium; also after a load. */
  private submit(task: AtaTask): void {
    const offset = task.lba * SECTOR;
    const length = task.chunk * SECTOR;
    if (task.operation === "trim") {
      const [lba, count] = rangeAt(task);
      this.medium.submit({ tag: task.slot, operation: "discard", offset: lba * SECTOR, length: count * SECTOR });
    } else if (task.operation === "flush" || task.stage === "flush") {
      this.medium.submit({ tag: task.slot, operation: "flush", offset: 0, length: 0 });
    } else if (task.operation === "write") {
      this.events?.onActivity("write");
      this.medium.submit({ tag: task.slot, operation: "write", offset, length, data: task.data });
    } else {
      task.stage = "medium";
      task.data = new Uint8Array(length);
      this.events?.onActivity("read");
      this.medium.submit({ tag: task.slot, operation: "read", offset, length, data: task.data });
    }
  }

  dataMoved(slot: number): void {
    const task = this.tasks.get(slot);
    if (task?.stage !== "host") return;
    if (task.operation === "reply") {
      this.complete(task);
      return;
    }
    if (task.operation === "read") {
      this.advance(task);
      return;
    }
    task.stage = "medium";
    if (task.operation === "trim") {
      this.trimNext(task);
      return;
    }
    this.submit(task);
  }

  blockDone(tag: number, error: BlockError | null): void {
    const task = this.tasks.get(tag);
    if (!task || task.stage === "host") return;
    if (error !== null) {
      this.mediumFailed(task);
      return;
    }
    if (task.operation === "flush" || task.stage === "flush") {
      this.complete(task);
      return;
    }
    if (task.operation === "trim") {
      task.lba++;
      task.left--;
      this.trimNext(task);
      return;
    }
    if (task.operation === "read") {
      this.toHost(task);
      return;
    }
    this.advance(task);
  }

  /** A chunk is done: on to the next, or to the end. */
  private advance(task: AtaTask): void {
    task.lba += task.chunk;
    task.left -= task.chunk;
    task.done += task.chunk;
    task.data = new Uint8Array(0);
    if (task.left > 0) {
      this.nextChunk(task);
      return;
    }
    task.chunk = 0;
    if (task.operation === "write" && task.isDurable) {
      this.flush(task);
      return;
    }
    this.complete(task);
  }

  private flush(task: AtaTask): void {
    task.stage = "flush";
    this.submit(task);
  }

  /** The host could not do it. Reads are tried again sector by sector: those before the bad one are good, and its address is told. */
  private mediumFailed(task: AtaTask): void {
    const isReading = task.operation === "read" || task.operation === "verify";
    if (isReading && task.chunk > 1) {
      task.chunkLimit = 1;
      this.nextChunk(task);
      return;
    }
    const lba = task.operation === "trim" ? 0 : task.lba;
    if (isReading) this.fail(task, ERROR_UNC, lba);
    else this.fail(task, ERROR_ABRT, lba, STATUS_DF);
  }

  private trimNext(task: AtaTask): void {
    for (; task.left > 0; task.lba++, task.left--) {
      const [lba, count] = rangeAt(task);
      if (count === 0) continue;
      if (lba + count > this.sectorCount) {
        this.fail(task, ERROR_IDNF | ERROR_ABRT, lba);
        return;
      }
      this.submit(task);
      return;
    }
    this.complete(task);
  }

  private complete(task: AtaTask): void {
    this.tasks.delete(task.slot);
    this.owner.taskDone(task);
  }

  private fail(task: AtaTask, error: number, lba: number, status = 0): void {
    this.tasks.delete(task.slot);
    this.owner.taskFailed(task, error, lba, status);
  }

  // ---- the transport's view, and saved state -------------------------------------------------

  phase(slot: number): AtaDataPhase | null {
    const task = this.tasks.get(slot);
    return task?.stage === "host" ? this.phaseOf(task) : null;
  }

  private phaseOf(task: AtaTask): AtaDataPhase {
    const { slot, protocol, blockBytes, data } = task;
    const direction = task.operation === "write" || task.operation === "trim" ? "out" : "in";
    return { slot, kind: "data", direction, protocol, blockBytes, offset: task.done * SECTOR, data };
  }

  /** As plain data. What a read under way will bring is not part of it. */
  save(): AtaTask[] {
    return [...this.tasks.values()].map((task) => {
      const isRefilled = task.stage === "medium" && (task.operation === "read" || task.operation === "verify");
      return { ...task, registers: { ...task.registers }, data: isRefilled ? new Uint8Array(0) : Uint8Array.from(task.data) };
    });
  }

  /** Whether all that the saved commands say of themselves fits together and the medium. */
  arePossible(tasks: readonly AtaTask[]): boolean {
    return new Set(tasks.map((task) => task.slot)).size === tasks.length && tasks.every((task) => this.isPossible(task));
  }

  /** Puts saved commands in the place of all others and submits again what waits for the medium. */
  load(tasks: readonly AtaTask[]): void {
    this.drop();
    for (const task of tasks) this.tasks.set(task.slot, { ...task, data: Uint8Array.from(task.data) });
    for (const task of this.tasks.values()) if (task.stage !== "host") this.submit(task);
  }

  private isPossible(task: AtaTask): boolean {
    const { operation, stage, data } = task;
    if (operation === "reply") return stage === "host" && data.length === SECTOR;
    if (operation === "flush") return stage === "flush" && data.length === 0;
    if (operation === "trim") {
      if (stage === "flush" || data.length === 0 || data.length > TRIM_BLOCKS * SECTOR || data.length % SECTOR !== 0) return false;
      if (task.lba + task.left !== data.length / 8) return false;
      if (stage === "host") return task.lba === 0;
      const [lba, count] = task.left > 0 ? rangeAt(task) : [0, 0];
      return count > 0 && lba + count <= this.sectorCount;
    }
    if (stage === "flush") return operation === "write" && task.left === 0 && task.chunk === 0 && data.length === 0;
    if (task.left + task.done > MAX_SECTORS || task.lba + task.left > this.sectorCount) return false;
    if (task.chunk !== Math.min(task.left, task.chunkLimit) || task.chunk === 0) return false;
    const hasData = operation === "write" || (operation === "read" && stage === "host");
    if (operation === "verify" && stage === "host") return false;
    return data.length === (hasData ? task.chunk * SECTOR : 0);
  }
}

/** The range that a TRIM has come to: first sector and count. */
function rangeAt(task: AtaTask): [lba: number, count: number] {
  const at = 8 * task.lba;
  let lba = 0;
  for (let i = 5; i >= 0; i--) lba = lba * 256 + (task.data[at + i] ?? 0);
  return [lba, (task.data[at + 6] ?? 0) | ((task.data[at + 7] ?? 0) << 8)];
}
