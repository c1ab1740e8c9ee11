// An ATAPI CD/DVD-ROM drive over a block backend: the PACKET feature set of ATA/ATAPI-7 (T13 1532D) and the commands of an MMC-4
// (T10 1545D) reader of data discs, with medium changes, a tray that the guest may open or lock, and unit attentions. Left out:
// audio, writing, DVD keys and regions, overlapped commands.
import type { BlockBackend, BlockClient, BlockError, DriveEvents, RemovableDrive } from "../../storage/block.ts";
import { parseState, StateError } from "../../state/device-state.ts";
import * as A from "./ata-device.ts";
import type { AtaDataPhase, AtaDevice, AtaDeviceState, AtaRegisters, AtaResult, AtaTransport } from "./ata-device.ts";
import { identifyPacketDevice, type TransferMode, transferModeOf } from "./ata-identify.ts";
import { AtapiCdState, type AtapiTask, PACKET_BYTES } from "./atapi-cd.state.ts";
import { executePacket, type PacketDrive } from "./atapi-commands.ts";
import type { MediaEvent } from "./atapi-drive-info.ts";
import { ModePages } from "./atapi-mode-pages.ts";
import { RAW_SECTOR, rawSector } from "./atapi-raw-sector.ts";
import * as S from "./atapi-sense.ts";

export const CD_SECTOR = 2048;
const IDENTIFY_BYTES = 512;
const OK = A.STATUS_DRDY | A.STATUS_DSC;
/** Interrupt reason: command or data, and direction to the host. */
const REASON_DONE = 0x03;
const FEATURE_DMA = 0x01;
const COMMAND_PACKET = 0xa0;
const MAX_SECTORS = 2 ** 32 - 1;
/** Parts of a raw sector that READ CD names in its ninth byte. */
export const PART_SYNC = 0x80;
export const PART_HEADER = 0x20;
export const PART_DATA = 0x10;
export const PART_CHECKS = 0x08;

export interface AtapiCdOptions {
  /** Null: the tray is empty. */
  medium: BlockBackend | null;
  interface: "parallel" | "serial";
  /** Up to 20 printable characters. */
  serialNumber: string;
  /** Up to 40 printable characters. */
  model?: string;
  isSecond?: boolean;
  events?: DriveEvents;
}

export class AtapiCd implements AtaDevice, BlockClient, RemovableDrive, PacketDrive {
  readonly isPacketDevice = true;
  readonly serialNumber: string;
  readonly isSerialAta: boolean;
  private readonly id: string;
  private readonly options: AtapiCdOptions;
  private readonly transport: AtaTransport;
  private medium: BlockBackend | null = null;
  readonly modePages = new ModePages();
  isTrayOpen = false;
  isLocked = false;
  mediaEvent: MediaEvent = "none";
  private sense: S.Sense = S.NO_SENSE;
  private hasBeenReset = true;
  private hasMediumChanged = false;
  private power: AtapiCdState["power"] = "active";
  private transferMode: TransferMode = { kind: "none", level: 0 };
  private task: AtapiTask | null = null;

  constructor(id: string, options: AtapiCdOptions, transport: AtaTransport) {
    this.id = id;
    this.options = options;
    this.transport = transport;
    this.serialNumber = options.serialNumber;
    this.isSerialAta = options.interface === "serial";
    this.attach(options.medium);
  }

  private attach(medium: BlockBackend | null): void {
    this.medium = medium && medium.sizeBytes > 0 ? medium : null;
    this.medium?.attach(this);
  }

  /** Sectors of the medium, or null where there is none. A last sector that the image has in part counts. */
  get sectorCount(): number | null {
    return this.medium ? Math.min(Math.ceil(this.medium.sizeBytes / CD_SECTOR), MAX_SECTORS) : null;
  }

  reset(kind: A.AtaResetKind): AtaResult {
    this.medium?.drop();
    this.task = null;
    this.power = "active";
    if (kind !== "soft") {
      this.modePages.reset();
      this.isLocked = false;
      this.sense = S.NO_SENSE;
      this.hasBeenReset = true;
      this.hasMediumChanged = false;
      this.mediaEvent = "none";
      this.transferMode = { kind: "none", level: 0 };
      // The state of the tray is mechanical; after a power-on it has been pulled in.
      if (kind === "power") this.isTrayOpen = false;
    }
    return A.signature(true);
  }

  // ---- the medium ----------------------------------------------------------------------------

  setMedium(medium: BlockBackend | null): void {
    const hadMedium = this.medium !== null;
    this.medium?.drop();
    this.attach(medium);
    const hasMedium = this.medium !== null;
    if (hasMedium) this.isTrayOpen = false;
    if (!hasMedium && !hadMedium) return;
    this.hasMediumChanged = hasMedium;
    this.mediaEvent = hasMedium ? "newMedia" : "mediaRemoval";
    const { task } = this;
    if (task?.stage === "sectors") task.isCut = true;
    else if (task?.stage === "medium") this.cutOff(task);
  }

  /** A user would like the medium out while the guest holds the tray shut: the guest is told at its next look. */
  requestEject(): void {
    if (this.mediaEvent === "none") this.mediaEvent = "ejectRequest";
  }

  /** The guest opens the tray: what was in it is out. */
  eject(): void {
    const hadMedium = this.medium !== null;
    this.isTrayOpen = true;
    this.setMedium(null);
    this.mediaEvent = "none"; // the guest knows
    if (hadMedium) this.options.events?.onEjected?.();
  }

  private cutOff(task: AtapiTask): void {
    const sense = this.notReady() ?? S.MEDIUM_CHANGED;
    if (sense === S.MEDIUM_CHANGED) this.hasMediumChanged = false;
    this.check(task, sense);
  }

  /** Why there is nothing to read, or null. */
  notReady(): S.Sense | null {
    if (this.medium) return null;
    return this.isTrayOpen ? S.NO_MEDIUM_TRAY_OPEN : S.NO_MEDIUM_TRAY_CLOSED;
  }

  /** The unit attention that is to be told next, which is then told; or null. */
  takeAttention(): S.Sense | null {
    if (this.hasBeenReset) {
      this.hasBeenReset = false;
      return S.POWERED_ON;
    }
    if (!this.hasMediumChanged) return null;
    this.hasMediumChanged = false;
    return S.MEDIUM_CHANGED;
  }

  /** What REQUEST SENSE gives, which is then forgotten. */
  takeSense(): S.Sense {
    const sense = this.sense.key === 0 ? (this.takeAttention() ?? S.NO_SENSE) : this.sense;
    this.sense = S.NO_SENSE;
    return sense;
  }

  // ---- ATA commands --------------------------------------------------------------------------

  start(slot: number, r: AtaRegisters): void {
    if (r.command === A.COMMAND_DEVICE_RESET) {
      this.transport.commandDone(slot, this.reset("soft"), false);
      return;
    }
    if (this.task || this.power === "sleep") {
      this.abort(slot, r);
      return;
    }
    switch (r.command) {
      case COMMAND_PACKET: {
        this.power = "active";
        const task = this.newTask(slot, r, "packet", new Uint8Array(PACKET_BYTES));
        this.transport.dataPhase(this.phaseOf(task));
        return;
      }
      case 0xa1: { // IDENTIFY PACKET DEVICE
        const { serialNumber, isSerialAta, options, transferMode } = this;
        const model = options.model ?? "Ringfence CD/DVD-ROM";
        const facts = { serialNumber, model, isSerialAta, isSecond: options.isSecond === true, transferMode };
        this.transport.dataPhase(this.phaseOf(this.newTask(slot, r, "identify", identifyPacketDevice(facts))));
        return;
      }
      case A.COMMAND_EXECUTE_DIAGNOSTIC:
        this.transport.commandDone(slot, A.signature(true), true);
        return;
      case 0x20: case 0xec: // READ SECTORS, IDENTIFY DEVICE: not these, and the signature says why
        this.transport.commandDone(
          slot, { ...A.signature(true), status: OK | A.STATUS_ERR, error: A.ERROR_ABRT, device: r.device }, true,
        );
        return;
      case 0xe0: case 0xe2: case 0x94: case 0x96:
        this.power = "standby";
        this.finish(slot, r, {});
        return;
      case 0xe1: case 0xe3: case 0x95: case 0x97:
        this.power = "idle";
        this.finish(slot, r, {});
        return;
      case 0xe5: case 0x98:
        this.finish(slot, r, { count: this.power === "standby" ? 0x00 : this.power === "idle" ? 0x80 : 0xff });
        return;
      case 0xe6: case 0x99:
        this.power = "sleep";
        this.finish(slot, r, {});
        return;
      case 0xef: { // SET FEATURES
        const mode = (r.features & 0xff) === 0x03 ? transferModeOf(r.count & 0xff, this.transferMode) : null;
        if (mode === null) {
          this.abort(slot, r);
          return;
        }
        this.transferMode = mode;
        this.finish(slot, r, {});
        return;
      }
      default:
        this.abort(slot, r);
        return;
    }
  }

  private newTask(slot: number, registers: AtaRegisters, stage: AtapiTask["stage"], data: Uint8Array): AtapiTask {
    this.task = {
      slot, registers: { ...registers }, stage, packet: new Uint8Array(PACKET_BYTES), lba: 0, left: 0, done: 0, chunk: 0,
      chunkLimit: 1, parts: PART_DATA, isCut: false, data,
    };
    return this.task;
  }

  private finish(slot: number, r: AtaRegisters, values: Partial<AtaResult>, interrupts = true): void {
    this.transport.commandDone(slot, { status: OK, error: 0, count: r.count, lba: r.lba, device: r.device, ...values }, interrupts);
  }

  private abort(slot: number, r: AtaRegisters): void {
    this.finish(slot, r, { status: OK | A.STATUS_ERR, error: A.ERROR_ABRT });
  }

  // ---- packets -------------------------------------------------------------------------------

  dataMoved(slot: number): void {
    const { task } = this;
    if (!task || task.slot !== slot) return;
    switch (task.stage) {
      case "identify":
        this.task = null;
        this.finish(slot, task.registers, {}, false);
        return;
      case "packet":
        task.packet = task.data;
        task.data = new Uint8Array(0);
        if (task.packet[0] !== 0x03) this.sense = S.NO_SENSE;
        this.carryOut(task, null);
        return;
      case "parameters":
        this.carryOut(task, task.data);
        return;
      case "reply":
        this.good(task);
        return;
      case "sectors":
        this.sectorsMoved(task);
        return;
      case "medium":
        return;
    }
  }

  private carryOut(task: AtapiTask, parameters: Uint8Array | null): void {
    const outcome = executePacket(this, task.packet, parameters);
    switch (outcome.kind) {
      case "good":
        this.good(task);
        return;
      case "check":
        this.check(task, outcome.sense);
        return;
      case "reply":
        if (outcome.data.length === 0) {
          this.good(task);
          return;
        }
        task.data = outcome.data;
        this.move(task, "reply");
        return;
      case "parameters":
        task.data = new Uint8Array(outcome.length);
        this.move(task, "parameters");
        return;
      case "sectors":
        if (outcome.count === 0 || partBytes(outcome.parts) === 0) {
          this.good(task);
          return;
        }
        task.lba = outcome.lba;
        task.left = outcome.count;
        task.parts = outcome.parts;
        task.chunkLimit = Math.floor(A.CHUNK_BYTES / RAW_SECTOR);
        this.readSectors(task);
        return;
    }
  }

  /** Asks the transport to move task.data. With PIO, a byte count limit that allows nothing aborts the command. */
  private move(task: AtapiTask, stage: "reply" | "parameters" | "sectors"): void {
    task.stage = stage;
    const phase = this.phaseOf(task);
    if (phase.blockBytes > 0) {
      this.transport.dataPhase(phase);
      return;
    }
    this.task = null;
    this.abort(task.slot, task.registers);
  }

  private good(task: AtapiTask): void {
    this.task = null;
    this.finish(task.slot, task.registers, { count: REASON_DONE });
  }

  private check(task: AtapiTask, sense: S.Sense): void {
    this.task = null;
    this.sense = sense;
    this.finish(task.slot, task.registers, { status: OK | A.STATUS_ERR, error: S.senseError(sense), count: REASON_DONE });
  }

  // ---- reading -------------------------------------------------------------------------------

  private readSectors(task: AtapiTask): void {
    task.chunk = Math.min(task.left, task.chunkLimit);
    task.stage = "medium";
    this.options.events?.onActivity("read");
    this.submit(task);
  }

  private submit(task: AtapiTask): void {
    if (!this.medium) return;
    task.data = new Uint8Array(task.chunk * CD_SECTOR);
    const offset = task.lba * CD_SECTOR;
    // The last sector of an image that was cut off is filled up with zeros.
    const length = Math.min(task.data.length, this.medium.sizeBytes - offset);
    this.medium.submit({ tag: task.slot, operation: "read", offset, length, data: task.data.subarray(0, length) });
  }

  blockDone(tag: number, error: BlockError | null): void {
    const { task } = this;
    if (task?.stage !== "medium" || task.slot !== tag) return;
    if (error === null) {
      if (task.parts !== PART_DATA) task.data = withParts(task);
      this.move(task, "sectors");
      return;
    }
    // Sector by sector, those before the bad one can still be read.
    if (task.chunk > 1) {
      task.chunkLimit = 1;
      this.readSectors(task);
      return;
    }
    this.check(task, error === "removed" ? (this.notReady() ?? S.MEDIUM_CHANGED) : { ...S.UNRECOVERED_READ_ERROR, information: task.lba });
  }

  private sectorsMoved(task: AtapiTask): void {
    task.done += task.data.length;
    task.lba += task.chunk;
    task.left -= task.chunk;
    task.data = new Uint8Array(0);
    if (task.left === 0) {
      this.good(task);
      return;
    }
    if (task.isCut) {
      this.cutOff(task);
      return;
    }
    this.readSectors(task);
  }

  // ---- the transport's view, and saved state -------------------------------------------------

  phase(slot: number): AtaDataPhase | null {
    return this.task && this.task.slot === slot && this.task.stage !== "medium" ? this.phaseOf(this.task) : null;
  }

  private phaseOf(task: AtapiTask): AtaDataPhase {
    const { slot, stage, data, done: offset } = task;
    if (stage === "identify") return { slot, kind: "data", direction: "in", protocol: "pio", blockBytes: IDENTIFY_BYTES, offset, data };
    if (stage === "packet") return { slot, kind: "packet", direction: "out", protocol: "pio", blockBytes: PACKET_BYTES, offset, data };
    const protocol = task.registers.features & FEATURE_DMA ? "dma" : "pio";
    const direction = stage === "parameters" ? "out" : "in";
    const unit = stage === "sectors" ? partBytes(task.parts) : 1;
    const blockBytes = protocol === "dma" ? data.length : blockLimit((task.registers.lba >>> 8) & 0xffff, data.length, unit);
    return { slot, kind: "packetData", direction, protocol, blockBytes, offset, data };
  }

  save(): AtaDeviceState & AtapiCdState {
    const { task } = this;
    const savedTask = task && {
      ...task, registers: { ...task.registers }, packet: Uint8Array.from(task.packet),
      data: task.stage === "medium" ? new Uint8Array(0) : Uint8Array.from(task.data),
    };
    return {
      kind: "atapi-cd", version: 1, mediumBytes: this.medium?.sizeBytes ?? null, isTrayOpen: this.isTrayOpen, isLocked: this.isLocked,
      sense: { ...this.sense }, hasBeenReset: this.hasBeenReset, hasMediumChanged: this.hasMediumChanged,
      mediaEvent: this.mediaEvent, modeValues: Uint8Array.from(this.modePages.values), power: this.power,
      transferMode: { ...this.transferMode } as AtapiCdState["transferMode"], task: savedTask,
    };
  }

  prepareLoad(state: unknown): () => void {
    const saved = parseState(AtapiCdState, state, this.id);
    const isSameMedium = saved.mediumBytes === (this.medium?.sizeBytes ?? null);
    const isReading = saved.task?.stage === "medium" || saved.task?.stage === "sectors";
    if ((isReading && !isSameMedium) || (saved.task && !this.isPossible(saved.task)) || !ModePages.isPossible(saved.modeValues)) {
      throw new StateError(`Saved state of ${this.id} does not fit the drive or the medium in it`);
    }
    return () => {
      this.isTrayOpen = saved.isTrayOpen && this.medium === null;
      this.isLocked = saved.isLocked;
      this.sense = saved.sense;
      this.hasBeenReset = saved.hasBeenReset;
      this.hasMediumChanged = isSameMedium ? saved.hasMediumChanged : this.medium !== null;
      this.mediaEvent = isSameMedium ? saved.mediaEvent : this.medium ? "newMedia" : "mediaRemoval";
      this.modePages.values = Uint8Array.from(saved.modeValues);
      this.power = saved.power;
      this.transferMode = saved.transferMode;
      this.medium?.drop();
      this.task = saved.task && { ...saved.task, packet: Uint8Array.from(saved.task.packet), data: Uint8Array.from(saved.task.data) };
      if (this.task?.stage === "medium") this.submit(this.task);
    };
  }

  /** What a saved command says of itself fits together and the medium. */
  private isPossible(task: AtapiTask): boolean {
    const { length } = task.data;
    if (task.stage !== "packet" && task.stage !== "identify" && task.registers.command !== COMMAND_PACKET) return false;
    switch (task.stage) {
      case "identify":
        return length === IDENTIFY_BYTES;
      case "packet":
        return length === PACKET_BYTES;
      case "reply": case "parameters":
        return length > 0 && length <= 0x10000 && this.phaseOf(task).blockBytes > 0;
      case "medium": case "sectors": {
        const expected = task.stage === "medium" ? 0 : task.chunk * partBytes(task.parts);
        if (task.chunk === 0 || task.chunk !== Math.min(task.left, task.chunkLimit) || partBytes(task.parts) === 0) return false;
        if (task.chunk * RAW_SECTOR > A.CHUNK_BYTES) return false;
        if (!task.isCut && task.lba + task.left > (this.sectorCount ?? 0)) return false;
        return length === expected && (task.stage === "medium" || this.phaseOf(task).blockBytes > 0);
      }
    }
  }
}

/** Bytes of a PIO block: as many whole units as the host's limit allows, an even number unless it is all there is. */
function blockLimit(limit: number, length: number, unit: number): number {
  if (limit === 0) return 0;
  if (length <= limit && length < 0xffff) return length + (length & 1);
  const units = Math.floor(limit / unit) * unit;
  return (units > 0 ? units : limit) & ~1;
}

export function partBytes(parts: number): number {
  return (parts & PART_SYNC ? 12 : 0) + (parts & PART_HEADER ? 4 : 0) + (parts & PART_DATA ? CD_SECTOR : 0) + (parts & PART_CHECKS ? 288 : 0);
}

/** The parts of each sector that were asked for. */
function withParts(task: AtapiTask): Uint8Array {
  const size = partBytes(task.parts);
  const all = new Uint8Array(task.chunk * size);
  for (let i = 0; i < task.chunk; i++) {
    const sector = rawSector(task.lba + i, task.data.subarray(i * CD_SECTOR, (i + 1) * CD_SECTOR));
    let at = i * size;
    for (const [part, from, to] of [[PART_SYNC, 0, 12], [PART_HEADER, 12, 16], [PART_DATA, 16, 2064], [PART_CHECKS, 2064, 2352]] as const) {
      if ((task.parts & part) === 0) continue;
      all.set(sector.subarray(from, to), at);
      at += to - from;
    }
  }
  return all;
}
