// An ATA hard disk over a block backend: the general feature set of ATA/ATAPI-7 (T13 1532D) with 48-bit addresses, power
// management, SMART, TRIM (ATA8-ACS) and, on serial ATA, queued commands. What is read or written goes through the host's memory
// in chunks, so that no command makes the host allocate more than CHUNK_BYTES. Left out, and aborted: security, HPA, DCO,
// microcode, streaming, the command queue of parallel ATA, TRUSTED commands.
import type { BlockBackend, BlockClient, BlockError, DriveEvents } from "../../storage/block.ts";
import { parseState, StateError } from "../../state/device-state.ts";
import * as A from "./ata-device.ts";
import type { AtaDataPhase, AtaDevice, AtaDeviceState, AtaRegisters, AtaResult, AtaTransport } from "./ata-device.ts";
import { AtaDiskState, type AtaTask, MAX_SECTORS, type QueueError } from "./ata-disk.state.ts";
import { type Geometry, identifyDisk, type TransferMode, transferModeOf, TRIM_BLOCKS } from "./ata-identify.ts";
import * as S from "./ata-smart.ts";

const SECTOR = 512;
const CHUNK_SECTORS = A.CHUNK_BYTES / SECTOR;
const MULTIPLE_LIMIT = 16;
const OK = A.STATUS_DRDY | A.STATUS_DSC;
const FUA = 0x80;

export interface AtaDiskOptions {
  medium: BlockBackend;
  interface: "parallel" | "serial";
  /** Up to 20 printable characters. */
  serialNumber: string;
  /** Up to 40 printable characters. */
  model?: string;
  /** Second drive of a parallel cable. */
  isSecond?: boolean;
  events?: DriveEvents;
}

interface TransferKind {
  operation: "read" | "write" | "verify";
  protocol: "pio" | "dma";
  isExtended: boolean;
  /** READ and WRITE MULTIPLE: a block of sectors for each DRQ. */
  isMultiple?: boolean;
  isDurable?: boolean;
}

/** Commands that move sectors, by code. */
const TRANSFERS = new Map<number, TransferKind>([
  [0x20, { operation: "read", protocol: "pio", isExtended: false }],
  [0x21, { operation: "read", protocol: "pio", isExtended: false }],
  [0x24, { operation: "read", protocol: "pio", isExtended: true }],
  [0x25, { operation: "read", protocol: "dma", isExtended: true }],
  [0x29, { operation: "read", protocol: "pio", isExtended: true, isMultiple: true }],
  [0x30, { operation: "write", protocol: "pio", isExtended: false }],
  [0x31, { operation: "write", protocol: "pio", isExtended: false }],
  [0x34, { operation: "write", protocol: "pio", isExtended: true }],
  [0x35, { operation: "write", protocol: "dma", isExtended: true }],
  [0x39, { operation: "write", protocol: "pio", isExtended: true, isMultiple: true }],
  [0x3d, { operation: "write", protocol: "dma", isExtended: true, isDurable: true }],
  [0x40, { operation: "verify", protocol: "pio", isExtended: false }],
  [0x41, { operation: "verify", protocol: "pio", isExtended: false }],
  [0x42, { operation: "verify", protocol: "pio", isExtended: true }],
  [0xc4, { operation: "read", protocol: "pio", isExtended: false, isMultiple: true }],
  [0xc5, { operation: "write", protocol: "pio", isExtended: false, isMultiple: true }],
  [0xc8, { operation: "read", protocol: "dma", isExtended: false }],
  [0xc9, { operation: "read", protocol: "dma", isExtended: false }],
  [0xca, { operation: "write", protocol: "dma", isExtended: false }],
  [0xcb, { operation: "write", protocol: "dma", isExtended: false }],
  [0xce, { operation: "write", protocol: "pio", isExtended: true, isMultiple: true, isDurable: true }],
]);
const READ_FPDMA_QUEUED = 0x60;
const WRITE_FPDMA_QUEUED = 0x61;
const READ_LOG_EXT = 0x2f;
const SMART = 0xb0;

export function isQueuedCommand(command: number): boolean {
  return command === READ_FPDMA_QUEUED || command === WRITE_FPDMA_QUEUED;
}

export class AtaDisk implements AtaDevice, BlockClient {
  readonly isPacketDevice = false;
  private readonly id: string;
  private readonly options: AtaDiskOptions;
  private readonly medium: BlockBackend;
  private readonly transport: AtaTransport;
  private readonly sectorCount: number;
  private readonly defaults: Geometry;
  private heads = 0;
  private sectors = 0;
  private multiple = 0;
  private hasWriteCache = true;
  private hasReadAhead = true;
  private hasSmart = true;
  private power: AtaDiskState["power"] = "active";
  private transferMode: TransferMode = { kind: "none", level: 0 };
  private queueError: QueueError | null = null;
  /** By slot. */
  private readonly tasks = new Map<number, AtaTask>();

  constructor(id: string, options: AtaDiskOptions, transport: AtaTransport) {
    this.id = id;
    this.options = options;
    this.medium = options.medium;
    this.transport = transport;
    this.sectorCount = Math.min(Math.floor(options.medium.sizeBytes / SECTOR), 2 ** 48 - 1);
    this.defaults = { cylinders: Math.max(1, Math.min(16383, Math.floor(this.sectorCount / (16 * 63)))), heads: 16, sectors: 63 };
    this.medium.attach(this);
    this.restoreDefaults();
  }

  private restoreDefaults(): void {
    this.heads = this.defaults.heads;
    this.sectors = this.defaults.sectors;
    this.multiple = MULTIPLE_LIMIT;
    this.hasWriteCache = true;
    this.hasReadAhead = true;
    this.hasSmart = true;
    this.transferMode = { kind: "none", level: 0 };
  }

  reset(kind: A.AtaResetKind): AtaResult {
    this.medium.drop();
    this.tasks.clear();
    this.queueError = null;
    this.power = "active";
    if (kind !== "soft") this.restoreDefaults();
    return A.signature(false);
  }

  // ---- commands ------------------------------------------------------------------------------

  start(slot: number, r: AtaRegisters): void {
    if (this.power === "sleep") return this.abort(slot, r);
    const isQueueLog = r.command === READ_LOG_EXT && (r.lba & 0xff) === S.LOG_QUEUE_ERROR;
    if (this.queueError && !isQueueLog) return this.abort(slot, r);
    if (!this.mayOverlap(slot, r.command)) return this.abort(slot, r);
    if (isQueuedCommand(r.command)) return this.startQueued(slot, r);
    const transfer = TRANSFERS.get(r.command);
    if (transfer) {
      this.power = "active";
      return this.startTransfer(slot, r, transfer, r.count);
    }
    this.startOther(slot, r);
  }

  /** Only queued commands may be under way together. */
  private mayOverlap(slot: number, command: number): boolean {
    if (this.tasks.size === 0) return true;
    return isQueuedCommand(command) && !this.tasks.has(slot) && [...this.tasks.values()].every((t) => isQueuedCommand(t.registers.command));
  }

  private startOther(slot: number, r: AtaRegisters): void {
    if (r.command >= 0x10 && r.command <= 0x1f) return this.finish(slot, r, {}); // RECALIBRATE
    if (r.command >= 0x70 && r.command <= 0x7f) return this.seek(slot, r);
    switch (r.command) {
      case 0x06:
        return this.startTrim(slot, r);
      case 0x27: // READ NATIVE MAX ADDRESS EXT
        return this.finish(slot, r, { lba: Math.max(0, this.sectorCount - 1) });
      case READ_LOG_EXT:
        return this.readLog(slot, r);
      case A.COMMAND_EXECUTE_DIAGNOSTIC:
        return this.transport.commandDone(slot, A.signature(false), true);
      case 0x91: // INITIALIZE DEVICE PARAMETERS
        if ((r.count & 0xff) === 0) return this.abort(slot, r);
        this.heads = (r.device & 15) + 1;
        this.sectors = r.count & 0xff;
        return this.finish(slot, r, {});
      case SMART:
        return this.smart(slot, r);
      case 0xc6: // SET MULTIPLE MODE
        return this.setMultiple(slot, r);
      case 0xe0: case 0x94: case 0xe2: case 0x96: // STANDBY [IMMEDIATE]
        this.power = "standby";
        return this.finish(slot, r, {});
      case 0xe1: case 0x95: case 0xe3: case 0x97: // IDLE [IMMEDIATE]
        this.power = "idle";
        return this.finish(slot, r, {});
      case 0xe5: case 0x98: // CHECK POWER MODE
        return this.finish(slot, r, { count: this.power === "standby" ? 0x00 : this.power === "idle" ? 0x80 : 0xff });
      case 0xe6: case 0x99: // SLEEP
        this.power = "sleep";
        return this.finish(slot, r, {});
      case 0xe7: case 0xea: // FLUSH CACHE [EXT]
        return this.flush(this.task(slot, r, { operation: "flush", isExtended: r.command === 0xea }));
      case 0xec: // IDENTIFY DEVICE
        return this.reply(slot, r, this.identify());
      case 0xef:
        return this.setFeatures(slot, r);
      case 0xf8: // READ NATIVE MAX ADDRESS
        return this.readNativeMax(slot, r);
      default:
        return this.abort(slot, r);
    }
  }

  private identify(): Uint8Array {
    const { options, heads, sectors } = this;
    const total = this.defaults.cylinders * this.defaults.heads * this.defaults.sectors;
    return identifyDisk({
      serialNumber: options.serialNumber, model: options.model ?? "Ringfence hard disk", isSerialAta: options.interface === "serial",
      isSecond: options.isSecond === true, sectorCount: this.sectorCount, defaults: this.defaults,
      current: { cylinders: Math.min(65535, Math.floor(total / (heads * sectors))), heads, sectors },
      multiple: this.multiple, multipleLimit: MULTIPLE_LIMIT, hasWriteCache: this.hasWriteCache, hasReadAhead: this.hasReadAhead,
      hasSmart: this.hasSmart, transferMode: this.transferMode,
    });
  }

  private setMultiple(slot: number, r: AtaRegisters): void {
    const count = r.count & 0xff;
    if (count > MULTIPLE_LIMIT || (count & (count - 1)) !== 0) {
      this.multiple = 0;
      return this.abort(slot, r);
    }
    this.multiple = count;
    this.finish(slot, r, {});
  }

  private setFeatures(slot: number, r: AtaRegisters): void {
    switch (r.features & 0xff) {
      case 0x02: case 0x82:
        this.hasWriteCache = (r.features & 0xff) === 0x02;
        // Turning the cache off writes it out.
        if (!this.hasWriteCache) return this.flush(this.task(slot, r, { operation: "flush" }));
        return this.finish(slot, r, {});
      case 0x03: {
        const mode = transferModeOf(r.count & 0xff, this.transferMode);
        if (mode === null) return this.abort(slot, r);
        this.transferMode = mode;
        return this.finish(slot, r, {});
      }
      case 0x55: case 0xaa:
        this.hasReadAhead = (r.features & 0xff) === 0xaa;
        return this.finish(slot, r, {});
      case 0x66: case 0xcc: // keep, or restore, settings over a soft reset
        return this.finish(slot, r, {});
      default:
        return this.abort(slot, r);
    }
  }

  private seek(slot: number, r: AtaRegisters): void {
    const lba = this.addressOf(r, false);
    if (lba === null || lba >= this.sectorCount) return this.fail(slot, r, A.ERROR_IDNF, r.lba & 0xffffff);
    this.finish(slot, r, {});
  }

  private readNativeMax(slot: number, r: AtaRegisters): void {
    const last = Math.max(0, Math.min(this.sectorCount, 0x0fffffff) - 1);
    this.finish(slot, r, { lba: last & 0xffffff, device: (r.device & 0xf0) | (last >>> 24) });
  }

  private smart(slot: number, r: AtaRegisters): void {
    const feature = r.features & 0xff;
    if ((r.lba & 0xffff00) !== S.SMART_KEY || (!this.hasSmart && feature !== S.SMART_ENABLE)) return this.abort(slot, r);
    switch (feature) {
      case S.SMART_READ_DATA:
        return this.reply(slot, r, S.smartData());
      case S.SMART_READ_THRESHOLDS:
        return this.reply(slot, r, S.smartThresholds());
      case S.SMART_READ_LOG: {
        const page = S.logPage(r.lba & 0xff, null, false);
        return page && (r.count & 0xff) === 1 ? this.reply(slot, r, page) : this.abort(slot, r);
      }
      case S.SMART_ENABLE: case S.SMART_DISABLE:
        this.hasSmart = feature === S.SMART_ENABLE;
        return this.finish(slot, r, {});
      case S.SMART_AUTOSAVE: case S.SMART_SAVE_ATTRIBUTES: case S.SMART_EXECUTE_OFFLINE:
        return this.finish(slot, r, {});
      case S.SMART_RETURN_STATUS:
        return this.finish(slot, r, { lba: S.SMART_KEY | (r.lba & 0xff) });
      default:
        return this.abort(slot, r);
    }
  }

  private readLog(slot: number, r: AtaRegisters): void {
    // Bits 7:0 of the address are the log, 15:8 and 39:32 the page in it.
    const isFirstPage = (r.lba & 0xff00) === 0 && Math.floor(r.lba / 2 ** 32) % 256 === 0;
    const page = r.count === 1 && isFirstPage ? S.logPage(r.lba & 0xff, this.queueError, this.options.interface === "serial") : null;
    if (page === null) return this.abort(slot, r);
    if ((r.lba & 0xff) === S.LOG_QUEUE_ERROR) this.queueError = null;
    this.reply(slot, r, page);
  }

  // ---- moving sectors ------------------------------------------------------------------------

  /** First sector of a command, or null if its CHS address does not exist. */
  private addressOf(r: AtaRegisters, isExtended: boolean): number | null {
    if (isExtended) return r.lba;
    if (r.device & A.DEVICE_LBA) return (r.device & 15) * 2 ** 24 + (r.lba & 0xffffff);
    const sector = r.lba & 0xff;
    const head = r.device & 15;
    if (sector === 0 || sector > this.sectors || head >= this.heads) return null;
    return (((r.lba >>> 8) & 0xffff) * this.heads + head) * this.sectors + sector - 1;
  }

  private startTransfer(slot: number, r: AtaRegisters, kind: TransferKind, count: number): void {
    const { operation, protocol, isExtended } = kind;
    if (kind.isMultiple && this.multiple === 0) return this.abort(slot, r);
    if (operation === "write" && this.medium.isReadOnly) return this.abort(slot, r);
    const lba = this.addressOf(r, isExtended);
    const sectors = isExtended ? count || MAX_SECTORS : (count & 0xff) || 256;
    if (lba === null) return this.fail(slot, r, A.ERROR_IDNF, r.lba & 0xffffff);
    if (lba + sectors > this.sectorCount) return this.failAt(slot, r, isExtended, A.ERROR_IDNF, Math.max(lba, this.sectorCount));
    this.nextChunk(
      this.task(slot, r, {
        operation, protocol, isExtended, lba, left: sectors, isDurable: kind.isDurable === true || !this.hasWriteCache,
        blockBytes: kind.isMultiple ? this.multiple * SECTOR : SECTOR,
      }),
    );
  }

  private startQueued(slot: number, r: AtaRegisters): void {
    if (this.options.interface !== "serial" || slot !== r.count >>> 3) return this.abort(slot, r);
    const isDurable = (r.device & FUA) !== 0;
    const operation = r.command === READ_FPDMA_QUEUED ? "read" : "write";
    this.power = "active";
    this.startTransfer(slot, r, { operation, protocol: "dma", isExtended: true, isDurable }, r.features);
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
    if (task.operation !== "write") return this.submit(task);
    task.data = new Uint8Array(task.chunk * SECTOR);
    this.toHost(task);
  }

  private toHost(task: AtaTask): void {
    task.stage = "host";
    this.transport.dataPhase(this.phaseOf(task));
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
      this.options.events?.onActivity("write");
      this.medium.submit({ tag: task.slot, operation: "write", offset, length, data: task.data });
    } else {
      task.stage = "medium";
      task.data = new Uint8Array(length);
      this.options.events?.onActivity("read");
      this.medium.submit({ tag: task.slot, operation: "read", offset, length, data: task.data });
    }
  }

  dataMoved(slot: number): void {
    const task = this.tasks.get(slot);
    if (task?.stage !== "host") return;
    if (task.operation === "reply") return this.complete(task);
    if (task.operation === "read") return this.advance(task);
    task.stage = "medium";
    if (task.operation === "trim") return this.trimNext(task);
    this.submit(task);
  }

  blockDone(tag: number, error: BlockError | null): void {
    const task = this.tasks.get(tag);
    if (!task || task.stage === "host") return;
    if (error !== null) return this.mediumFailed(task);
    if (task.operation === "flush" || task.stage === "flush") return this.complete(task);
    if (task.operation === "trim") {
      task.lba++;
      task.left--;
      return this.trimNext(task);
    }
    if (task.operation === "read") return this.toHost(task);
    this.advance(task);
  }

  /** A chunk is done: on to the next, or to the end. */
  private advance(task: AtaTask): void {
    task.lba += task.chunk;
    task.left -= task.chunk;
    task.done += task.chunk;
    task.data = new Uint8Array(0);
    if (task.left > 0) return this.nextChunk(task);
    task.chunk = 0;
    if (task.operation === "write" && task.isDurable) return this.flush(task);
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
      return this.nextChunk(task);
    }
    this.tasks.delete(task.slot);
    const fault = isReading ? A.ERROR_UNC : A.ERROR_ABRT;
    this.failAt(task.slot, task.registers, task.isExtended, fault, task.operation === "trim" ? 0 : task.lba, isReading ? 0 : A.STATUS_DF);
  }

  // ---- TRIM ----------------------------------------------------------------------------------

  private startTrim(slot: number, r: AtaRegisters): void {
    if ((r.features & 0xff) !== 0x01 || r.count === 0 || r.count > TRIM_BLOCKS || this.medium.isReadOnly) return this.abort(slot, r);
    const data = new Uint8Array(r.count * SECTOR);
    this.toHost(this.task(slot, r, { operation: "trim", protocol: "dma", isExtended: true, data, left: data.length / 8 }));
  }

  private trimNext(task: AtaTask): void {
    for (; task.left > 0; task.lba++, task.left--) {
      const [lba, count] = rangeAt(task);
      if (count === 0) continue;
      if (lba + count > this.sectorCount) {
        this.tasks.delete(task.slot);
        return this.failAt(task.slot, task.registers, true, A.ERROR_IDNF | A.ERROR_ABRT, lba);
      }
      return this.submit(task);
    }
    this.complete(task);
  }

  // ---- ends ----------------------------------------------------------------------------------

  /** Data that the disk itself has: one phase of PIO, and the end. */
  private reply(slot: number, r: AtaRegisters, data: Uint8Array): void {
    this.toHost(this.task(slot, r, { operation: "reply", data }));
  }

  private complete(task: AtaTask): void {
    this.tasks.delete(task.slot);
    const { operation, registers: r, protocol } = task;
    const isPioIn = protocol === "pio" && (operation === "read" || operation === "reply");
    const last = operation === "read" || operation === "write" || operation === "verify" ? task.lba - 1 : null;
    const position = last === null || isQueuedCommand(r.command) ? {} : { ...this.positionOf(r, task.isExtended, last), count: 0 };
    this.finish(task.slot, r, position, !isPioIn);
  }

  private finish(slot: number, r: AtaRegisters, values: Partial<AtaResult>, interrupts = true): void {
    this.transport.commandDone(slot, { status: OK, error: 0, count: r.count, lba: r.lba, device: r.device, ...values }, interrupts);
  }

  private abort(slot: number, r: AtaRegisters): void {
    this.fail(slot, r, A.ERROR_ABRT, r.lba);
  }

  /** Address registers that name a sector. */
  private positionOf(r: AtaRegisters, isExtended: boolean, lba: number): Pick<AtaResult, "lba" | "device"> {
    if (isExtended) return { lba, device: r.device };
    if (r.device & A.DEVICE_LBA) return { lba: lba % 2 ** 24, device: (r.device & 0xf0) | (Math.floor(lba / 2 ** 24) & 15) };
    const track = Math.floor(lba / this.sectors);
    const cylinder = Math.floor(track / this.heads) & 0xffff;
    return { lba: cylinder * 256 + (lba % this.sectors) + 1, device: (r.device & 0xf0) | (track % this.heads) };
  }

  private failAt(slot: number, r: AtaRegisters, isExtended: boolean, error: number, lba: number, status = 0): void {
    const position = this.positionOf(r, isExtended, lba);
    this.fail(slot, { ...r, device: position.device }, error, position.lba, status);
  }

  private fail(slot: number, r: AtaRegisters, error: number, lba: number, status = 0): void {
    const result = { status: OK | A.STATUS_ERR | status, error, count: r.count, lba, device: r.device };
    if (isQueuedCommand(r.command) && this.options.interface === "serial" && this.queueError === null) {
      // One failure ends the whole queue; the host reads why from the log.
      this.medium.drop();
      this.tasks.clear();
      this.queueError = { ...result, tag: slot };
    }
    this.transport.commandDone(slot, result, true);
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

  save(): AtaDeviceState & AtaDiskState {
    const tasks = [...this.tasks.values()].map((task) => {
      const isRefilled = task.stage === "medium" && (task.operation === "read" || task.operation === "verify");
      return { ...task, registers: { ...task.registers }, data: isRefilled ? new Uint8Array(0) : Uint8Array.from(task.data) };
    });
    return {
      kind: "ata-disk", version: 1, sectorCount: this.sectorCount, heads: this.heads, sectors: this.sectors, multiple: this.multiple,
      hasWriteCache: this.hasWriteCache, hasReadAhead: this.hasReadAhead, hasSmart: this.hasSmart, power: this.power,
      transferMode: { ...this.transferMode } as AtaDiskState["transferMode"],
      queueError: this.queueError ? { ...this.queueError } : null, tasks,
    };
  }

  prepareLoad(state: unknown): () => void {
    const saved = parseState(AtaDiskState, state, this.id);
    if (saved.sectorCount !== this.sectorCount) {
      throw new StateError(`Saved state of ${this.id} is of a disk with ${saved.sectorCount} sectors; this one has ${this.sectorCount}`);
    }
    const slots = new Set<number>();
    for (const task of saved.tasks) {
      if (slots.has(task.slot) || !this.isPossible(task)) throw new StateError(`Saved state of ${this.id} has a command that cannot be`);
      slots.add(task.slot);
    }
    return () => {
      this.heads = saved.heads;
      this.sectors = saved.sectors;
      this.multiple = saved.multiple;
      this.hasWriteCache = saved.hasWriteCache;
      this.hasReadAhead = saved.hasReadAhead;
      this.hasSmart = saved.hasSmart;
      this.power = saved.power;
      this.transferMode = saved.transferMode;
      this.queueError = saved.queueError;
      this.medium.drop();
      this.tasks.clear();
      for (const task of saved.tasks) {
        this.tasks.set(task.slot, { ...task, data: Uint8Array.from(task.data) });
      }
      for (const task of this.tasks.values()) if (task.stage !== "host") this.submit(task);
    };
  }

  /** What a saved command says of itself fits together and the medium. */
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
