// An ATA hard disk over a block backend: the general feature set of ATA/ATAPI-7 (T13 1532D) with 48-bit addresses, power
// management, SMART, TRIM (ATA8-ACS) and, on serial ATA, queued commands. This is what a command means and how it ends; what it moves
// is in ata-tasks.ts. Left out, and aborted: security, HPA, DCO, microcode, streaming, the command queue of parallel ATA, TRUSTED
// commands.
import type { BlockBackend, DriveEvents } from "../../storage/block.ts";
import { parseState, StateError } from "../../state/device-state.ts";
import * as A from "./ata-device.ts";
import type { AtaDataPhase, AtaDevice, AtaDeviceState, AtaRegisters, AtaResult, AtaTransport } from "./ata-device.ts";
import { AtaDiskState, type AtaTask, MAX_SECTORS, type QueueError } from "./ata-disk.state.ts";
import { type AtaTaskOwner, AtaTasks, SECTOR } from "./ata-tasks.ts";
import { type Geometry, identifyDisk, type TransferMode, transferModeOf, TRIM_BLOCKS } from "./ata-identify.ts";
import * as S from "./ata-smart.ts";

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

export class AtaDisk implements AtaDevice {
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
  private readonly tasks: AtaTasks;

  constructor(id: string, options: AtaDiskOptions, transport: AtaTransport) {
    this.id = id;
    this.options = options;
    this.medium = options.medium;
    this.transport = transport;
    this.sectorCount = Math.min(Math.floor(options.medium.sizeBytes / SECTOR), 2 ** 48 - 1);
    this.defaults = { cylinders: Math.max(1, Math.min(16383, Math.floor(this.sectorCount / (16 * 63)))), heads: 16, sectors: 63 };
    const owner: AtaTaskOwner = {
      dataPhase: (phase) => transport.dataPhase(phase),
      taskDone: (task) => this.taskDone(task),
      taskFailed: (task, error, lba, status) => this.failAt(task.slot, task.registers, task.isExtended, error, lba, status),
    };
    this.tasks = new AtaTasks(options.medium, this.sectorCount, owner, options.events);
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
    this.tasks.drop();
    this.queueError = null;
    this.power = "active";
    if (kind !== "soft") this.restoreDefaults();
    return A.signature(false);
  }

  // ---- commands ------------------------------------------------------------------------------

  start(slot: number, r: AtaRegisters): void {
    const isQueueLog = r.command === READ_LOG_EXT && (r.lba & 0xff) === S.LOG_QUEUE_ERROR;
    const isRefused = this.power === "sleep" || (this.queueError !== null && !isQueueLog) || !this.mayOverlap(slot, r.command);
    const transfer = TRANSFERS.get(r.command);
    if (isRefused) this.abort(slot, r);
    else if (isQueuedCommand(r.command)) this.startQueued(slot, r);
    else if (transfer) this.startTransfer(slot, r, transfer, r.count);
    else this.startOther(slot, r);
  }

  /** Only queued commands may be under way together. */
  private mayOverlap(slot: number, command: number): boolean {
    if (this.tasks.size === 0) return true;
    return isQueuedCommand(command) && !this.tasks.has(slot) && this.tasks.every((task) => isQueuedCommand(task.registers.command));
  }

  private startOther(slot: number, r: AtaRegisters): void {
    if (r.command >= 0x10 && r.command <= 0x1f) {
      this.finish(slot, r, {}); // RECALIBRATE
      return;
    }
    if (r.command >= 0x70 && r.command <= 0x7f) {
      this.seek(slot, r);
      return;
    }
    switch (r.command) {
      case 0x06:
        this.startTrim(slot, r);
        return;
      case 0x27: // READ NATIVE MAX ADDRESS EXT
        this.finish(slot, r, { lba: Math.max(0, this.sectorCount - 1) });
        return;
      case READ_LOG_EXT:
        this.readLog(slot, r);
        return;
      case A.COMMAND_EXECUTE_DIAGNOSTIC:
        this.transport.commandDone(slot, A.signature(false), true);
        return;
      case 0x91: // INITIALIZE DEVICE PARAMETERS
        if ((r.count & 0xff) === 0) {
          this.abort(slot, r);
          return;
        }
        this.heads = (r.device & 15) + 1;
        this.sectors = r.count & 0xff;
        this.finish(slot, r, {});
        return;
      case SMART:
        this.smart(slot, r);
        return;
      case 0xc6: // SET MULTIPLE MODE
        this.setMultiple(slot, r);
        return;
      case 0xe0: case 0x94: case 0xe2: case 0x96: // STANDBY [IMMEDIATE]
        this.power = "standby";
        this.finish(slot, r, {});
        return;
      case 0xe1: case 0x95: case 0xe3: case 0x97: // IDLE [IMMEDIATE]
        this.power = "idle";
        this.finish(slot, r, {});
        return;
      case 0xe5: case 0x98: // CHECK POWER MODE
        this.finish(slot, r, { count: this.power === "standby" ? 0x00 : this.power === "idle" ? 0x80 : 0xff });
        return;
      case 0xe6: case 0x99: // SLEEP
        this.power = "sleep";
        this.finish(slot, r, {});
        return;
      case 0xe7: case 0xea: // FLUSH CACHE [EXT]
        this.tasks.startFlush(slot, r);
        return;
      case 0xec: // IDENTIFY DEVICE
        this.tasks.startReply(slot, r, this.identify());
        return;
      case 0xef:
        this.setFeatures(slot, r);
        return;
      case 0xf8: // READ NATIVE MAX ADDRESS
        this.readNativeMax(slot, r);
        return;
      default:
        this.abort(slot, r);
        return;
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
      this.abort(slot, r);
      return;
    }
    this.multiple = count;
    this.finish(slot, r, {});
  }

  private setFeatures(slot: number, r: AtaRegisters): void {
    switch (r.features & 0xff) {
      case 0x02: case 0x82:
        this.hasWriteCache = (r.features & 0xff) === 0x02;
        // Turning the cache off writes it out.
        if (!this.hasWriteCache) {
          this.tasks.startFlush(slot, r);
          return;
        }
        this.finish(slot, r, {});
        return;
      case 0x03: {
        const mode = transferModeOf(r.count & 0xff, this.transferMode);
        if (mode === null) {
          this.abort(slot, r);
          return;
        }
        this.transferMode = mode;
        this.finish(slot, r, {});
        return;
      }
      case 0x55: case 0xaa:
        this.hasReadAhead = (r.features & 0xff) === 0xaa;
        this.finish(slot, r, {});
        return;
      case 0x66: case 0xcc: // keep, or restore, settings over a soft reset
        this.finish(slot, r, {});
        return;
      default:
        this.abort(slot, r);
        return;
    }
  }

  private seek(slot: number, r: AtaRegisters): void {
    const lba = this.addressOf(r, false);
    if (lba === null || lba >= this.sectorCount) {
      this.fail(slot, r, A.ERROR_IDNF, r.lba & 0xffffff);
      return;
    }
    this.finish(slot, r, {});
  }

  private readNativeMax(slot: number, r: AtaRegisters): void {
    const last = Math.max(0, Math.min(this.sectorCount, 0x0fffffff) - 1);
    this.finish(slot, r, { lba: last & 0xffffff, device: (r.device & 0xf0) | (last >>> 24) });
  }

  private smart(slot: number, r: AtaRegisters): void {
    const feature = r.features & 0xff;
    if ((r.lba & 0xffff00) !== S.SMART_KEY || (!this.hasSmart && feature !== S.SMART_ENABLE)) {
      this.abort(slot, r);
      return;
    }
    switch (feature) {
      case S.SMART_READ_DATA:
        this.tasks.startReply(slot, r, S.smartData());
        return;
      case S.SMART_READ_THRESHOLDS:
        this.tasks.startReply(slot, r, S.smartThresholds());
        return;
      case S.SMART_READ_LOG: {
        const page = S.logPage(r.lba & 0xff, null, false);
        page && (r.count & 0xff) === 1 ? this.tasks.startReply(slot, r, page) : this.abort(slot, r);
        return;
      }
      case S.SMART_ENABLE: case S.SMART_DISABLE:
        this.hasSmart = feature === S.SMART_ENABLE;
        this.finish(slot, r, {});
        return;
      case S.SMART_AUTOSAVE: case S.SMART_SAVE_ATTRIBUTES: case S.SMART_EXECUTE_OFFLINE:
        this.finish(slot, r, {});
        return;
      case S.SMART_RETURN_STATUS:
        this.finish(slot, r, { lba: S.SMART_KEY | (r.lba & 0xff) });
        return;
      default:
        this.abort(slot, r);
        return;
    }
  }

  private readLog(slot: number, r: AtaRegisters): void {
    // Bits 7:0 of the address are the log, 15:8 and 39:32 the page in it.
    const isFirstPage = (r.lba & 0xff00) === 0 && Math.floor(r.lba / 2 ** 32) % 256 === 0;
    const page = r.count === 1 && isFirstPage ? S.logPage(r.lba & 0xff, this.queueError, this.options.interface === "serial") : null;
    if (page === null) {
      this.abort(slot, r);
      return;
    }
    if ((r.lba & 0xff) === S.LOG_QUEUE_ERROR) this.queueError = null;
    this.tasks.startReply(slot, r, page);
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
    this.power = "active";
    const { operation, protocol, isExtended } = kind;
    if (kind.isMultiple && this.multiple === 0) {
      this.abort(slot, r);
      return;
    }
    if (operation === "write" && this.medium.isReadOnly) {
      this.abort(slot, r);
      return;
    }
    const lba = this.addressOf(r, isExtended);
    const sectors = isExtended ? count || MAX_SECTORS : (count & 0xff) || 256;
    if (lba === null) {
      this.fail(slot, r, A.ERROR_IDNF, r.lba & 0xffffff);
      return;
    }
    if (lba + sectors > this.sectorCount) {
      this.failAt(slot, r, isExtended, A.ERROR_IDNF, Math.max(lba, this.sectorCount));
      return;
    }
    this.tasks.startTransfer(slot, r, {
      operation, protocol, isExtended, lba, left: sectors, isDurable: kind.isDurable === true || !this.hasWriteCache,
      blockBytes: kind.isMultiple ? this.multiple * SECTOR : SECTOR,
    });
  }

  private startQueued(slot: number, r: AtaRegisters): void {
    if (this.options.interface !== "serial" || slot !== r.count >>> 3) {
      this.abort(slot, r);
      return;
    }
    const isDurable = (r.device & FUA) !== 0;
    const operation = r.command === READ_FPDMA_QUEUED ? "read" : "write";
    this.startTransfer(slot, r, { operation, protocol: "dma", isExtended: true, isDurable }, r.features);
  }

  private startTrim(slot: number, r: AtaRegisters): void {
    if ((r.features & 0xff) !== 0x01 || r.count === 0 || r.count > TRIM_BLOCKS || this.medium.isReadOnly) {
      this.abort(slot, r);
      return;
    }
    this.tasks.startTrim(slot, r, r.count * SECTOR);
  }

  // ---- ends ----------------------------------------------------------------------------------

  private taskDone(task: AtaTask): void {
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
      this.tasks.drop();
      this.queueError = { ...result, tag: slot };
    }
    this.transport.commandDone(slot, result, true);
  }

  // ---- the transport's view, and saved state -------------------------------------------------

  dataMoved(slot: number): void {
    this.tasks.dataMoved(slot);
  }

  phase(slot: number): AtaDataPhase | null {
    return this.tasks.phase(slot);
  }

  save(): AtaDeviceState & AtaDiskState {
    return {
      kind: "ata-disk", version: 1, sectorCount: this.sectorCount, heads: this.heads, sectors: this.sectors, multiple: this.multiple,
      hasWriteCache: this.hasWriteCache, hasReadAhead: this.hasReadAhead, hasSmart: this.hasSmart, power: this.power,
      transferMode: { ...this.transferMode } as AtaDiskState["transferMode"],
      queueError: this.queueError ? { ...this.queueError } : null, tasks: this.tasks.save(),
    };
  }

  prepareLoad(state: unknown): () => void {
    const saved = parseState(AtaDiskState, state, this.id);
    if (saved.sectorCount !== this.sectorCount) {
      throw new StateError(`Saved state of ${this.id} is of a disk with ${saved.sectorCount} sectors; this one has ${this.sectorCount}`);
    }
    if (!this.tasks.arePossible(saved.tasks)) throw new StateError(`Saved state of ${this.id} has a command that cannot be`);
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
      this.tasks.load(saved.tasks);
    };
  }
}
