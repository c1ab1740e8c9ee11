// The execution phase of the 82077AA's data commands (data sheet 5.1, and table 5-7 for the address in the results): finding
// sectors, moving them between medium and host by DMA or through the FIFO, and how a command ends.
// A run is what one block request moves: the sectors asked for up to the end of the track, or one where the processor writes them.
import type { DmaChannel } from "../../bus/dma-channel.ts";
import type { BlockError } from "../../storage/block.ts";
import type { FdcTransferState } from "./fdc82077.state.ts";
import type { FloppyDrive } from "./floppy-drive.ts";
import { type FloppyFormat, SECTOR_BYTES, SECTOR_SIZE_CODE } from "./floppy-media.ts";

const ST0_ABNORMAL = 0x40;
const ST0_SEEK_END = 0x20;
export const ST1_END_OF_CYLINDER = 0x80;
export const ST1_DATA_ERROR = 0x20;
export const ST1_OVERRUN = 0x10;
export const ST1_NO_DATA = 0x04;
export const ST1_NOT_WRITABLE = 0x02;
export const ST1_MISSING_ADDRESS_MARK = 0x01;
export const ST2_CONTROL_MARK = 0x40;
export const ST2_DATA_ERROR = 0x20;
export const ST2_WRONG_CYLINDER = 0x10;

/** From a command to its sector, and from one sector to the next: much less than a disk takes to turn. */
const FIND_NS = 200_000;
const SECTOR_NS = 20_000;
/** A disk without address marks is given up after two turns: here a little sooner. */
const GIVE_UP_NS = 10_000_000;
/** How often a masked DMA channel is looked at, and for how long. */
const DMA_POLL_NS = 500_000;
const DMA_PATIENCE_NS = 100_000_000;
/** How long the processor may leave the FIFO alone: much longer than the 16 bytes of the real one last. */
const FIFO_PATIENCE_NS = 20_000_000;
const TURN_NS = 200_000_000;

export interface FdcTransferHost {
  readonly dma: DmaChannel;
  nowNs(): number;
  drive(unit: number): FloppyDrive | undefined;
  rate(): number;
  /** DMA rather than the FIFO moves the bytes, and its outputs are not gated off. */
  usesDma(): boolean;
  isDmaGateOpen(): boolean;
  /** Calls proceed() at that time; 0: not. */
  arm(deadlineNs: number): void;
  /** The FIFO wants the processor, or no longer. */
  fifoChanged(): void;
  /** The result phase begins. */
  finish(results: number[]): void;
}

export class FdcTransfer {
  s: FdcTransferState;
  private readonly host: FdcTransferHost;

  constructor(host: FdcTransferHost, state: FdcTransferState) {
    this.host = host;
    this.s = state;
  }

  start(seekNs: number): void {
    const { host } = this;
    const isReadable = this.format() !== null;
    host.arm(host.nowNs() + seekNs + (isReadable ? FIND_NS : GIVE_UP_NS));
  }

  /** The recording under the heads, or null: no disk, none at this data rate, or the side does not exist. */
  private format(): FloppyFormat | null {
    const { host, s } = this;
    const format = host.drive(s.unit)?.format ?? null;
    if (!format || s.isSingleDensity || !format.rates.includes(host.rate()) || s.head >= format.heads) return null;
    const drive = host.drive(s.unit);
    return drive && drive.cylinderId < format.cylinders ? format : null;
  }

  /** The timer has fired. */
  proceed(): void {
    if (this.s.step === "find") this.find();
    else if (this.s.step === "turn") this.hand();
    else if (this.s.step === "move") this.move();
  }

  private find(): void {
    const { s, host } = this;
    const format = this.format();
    const drive = host.drive(s.unit);
    const refused = this.refusal(drive, format);
    if (refused || !drive || !format) this.fail(...(refused ?? [ST1_MISSING_ADDRESS_MARK]));
    else if (s.kind === "readId") this.foundId(drive, format);
    else if (s.kind === "format") this.expect(s.eot * 4);
    else if (s.kind === "readTrack") {
      s.extra = drive.isAt(s.c) && s.h === s.head && s.r >= 1 && s.r <= format.sectorsPerTrack ? 1 : 0;
      this.begin(Math.min(s.eot, format.sectorsPerTrack));
    } else if (s.kind === "write") this.expect(this.sectorsOfRun(format) * SECTOR_BYTES);
    else this.begin(this.sectorsOfRun(format));
  }

  /** Why the command cannot begin, as ST1 and ST2. */
  private refusal(drive: FloppyDrive | undefined, format: FloppyFormat | null): [st1: number, st2?: number] | null {
    const { s } = this;
    if (!drive || !format) return [ST1_MISSING_ADDRESS_MARK];
    if ((s.kind === "write" || s.kind === "format") && drive.medium?.isReadOnly) return [ST1_NOT_WRITABLE];
    if (s.kind === "readId" || s.kind === "format" || s.kind === "readTrack") return null;
    if (!drive.isAt(s.c)) return [ST1_NO_DATA, ST2_WRONG_CYLINDER];
    if (s.h !== s.head || s.n !== SECTOR_SIZE_CODE || s.r < 1 || s.r > format.sectorsPerTrack) return [ST1_NO_DATA];
    return s.wantsDeleted && s.skips ? [ST1_END_OF_CYLINDER] : null; // no sector has a deleted mark
  }

  private sectorsOfRun({ sectorsPerTrack }: FloppyFormat): number {
    const { s, host } = this;
    if (s.wantsDeleted || (s.kind === "write" && !host.usesDma())) return 1;
    const sectors = (s.r > s.eot ? sectorsPerTrack : Math.min(s.eot, sectorsPerTrack)) - s.r + 1;
    return s.sectorLimit > 0 ? Math.min(sectors, s.sectorLimit) : sectors;
  }

  private foundId(drive: FloppyDrive, format: FloppyFormat): void {
    const { s, host } = this;
    s.c = drive.cylinderId;
    s.h = s.head;
    s.r = 1 + (Math.floor((host.nowNs() * format.sectorsPerTrack) / TURN_NS) % format.sectorsPerTrack);
    s.n = SECTOR_SIZE_CODE;
    this.end(0, 0, 0);
  }

  /** Takes `length` bytes from the host. */
  private expect(length: number): void {
    const { s } = this;
    s.data = new Uint8Array(length);
    s.at = 0;
    if (length === 0) this.taken();
    else this.hand();
  }

  /** Bytes may now go over the bus. */
  private hand(): void {
    this.s.step = "move";
    this.s.overrunNs = this.host.nowNs() + DMA_PATIENCE_NS;
    this.s.seenAt = -1;
    this.move();
  }

  /** Reads `sectors` from sector r on. */
  private begin(sectors: number): void {
    const { s } = this;
    s.data = new Uint8Array(sectors * SECTOR_BYTES);
    s.at = 0;
    if (sectors === 0) this.ended();
    else this.submit();
  }

  private offset(): number {
    const { s, host } = this;
    const drive = host.drive(s.unit);
    const format = drive?.format;
    if (!format) return 0;
    const isWholeTrack = s.kind === "format" || s.kind === "readTrack";
    const cylinder = isWholeTrack ? drive.cylinderId : s.c;
    const first = isWholeTrack ? 0 : s.r - 1;
    return ((cylinder * format.heads + s.head) * format.sectorsPerTrack + first) * SECTOR_BYTES;
  }

  /** Hands the run to the medium; also after a load, for the request that was under way. */
  submit(): void {
    const { s, host } = this;
    const drive = host.drive(s.unit);
    const isWrite = s.kind === "write" || s.kind === "format";
    if (!drive?.medium) {
      this.fail(ST1_MISSING_ADDRESS_MARK);
      return;
    }
    s.step = "block";
    host.arm(0);
    drive.events?.onActivity(isWrite ? "write" : "read");
    const offset = this.offset();
    // An image that ends early reads as zeroes there, and cannot be written.
    const length = isWrite ? s.data.length : Math.max(Math.min(s.data.length, drive.medium.sizeBytes - offset), 0);
    if (length > 0) drive.medium.submit({ tag: 0, operation: isWrite ? "write" : "read", offset, length, data: s.data.subarray(0, length) });
    else this.done(null);
  }

  /** The medium has answered. */
  done(error: BlockError | null): void {
    const { s, host } = this;
    if (s.step !== "block") return;
    if (error === "readOnly") {
      this.fail(ST1_NOT_WRITABLE);
      return;
    }
    if (error) {
      this.fail(ST1_DATA_ERROR, ST2_DATA_ERROR);
      return;
    }
    s.step = "turn";
    host.arm(host.nowNs() + Math.ceil(s.data.length / SECTOR_BYTES) * SECTOR_NS);
  }

  removed(): void {
    this.fail(ST1_MISSING_ADDRESS_MARK);
  }

  private move(): void {
    const { s, host } = this;
    const isWrite = s.kind === "write" || s.kind === "format";
    if (s.kind === "verify" || s.at === s.data.length) {
      this.ended();
      return;
    }
    if (!host.usesDma()) {
      this.watchFifo();
      return;
    }
    host.dma.request(true);
    const rest = s.data.subarray(s.at);
    const { bytes, isTerminal } = !host.isDmaGateOpen()
      ? { bytes: 0, isTerminal: false }
      : isWrite
        ? host.dma.fromMemory(rest)
        : host.dma.toMemory(rest);
    s.at += bytes;
    if (isTerminal || s.at === s.data.length) {
      host.dma.request(false);
      s.isTerminal = isTerminal;
      if (isWrite) this.taken();
      else this.ended();
    } else if (host.nowNs() >= s.overrunNs) {
      this.overrun();
    } else {
      host.arm(host.nowNs() + DMA_POLL_NS);
    }
  }

  /** Without a TC this is how a processor that has all it wanted ends a command. */
  private watchFifo(): void {
    const { s, host } = this;
    if (s.seenAt === s.at) {
      this.overrun();
      return;
    }
    s.seenAt = s.at;
    host.arm(host.nowNs() + FIFO_PATIENCE_NS);
    host.fifoChanged();
  }

  private overrun(): void {
    const { s } = this;
    if (s.kind === "read" || s.kind === "write") s.r = (s.r + Math.floor(s.at / SECTOR_BYTES)) & 0xff;
    this.fail(ST1_OVERRUN);
  }

  /** The FIFO has a byte for the processor, or room for one. */
  wantsProcessor(): boolean {
    const { s, host } = this;
    const isOwn = s.kind !== "verify" && s.step === "move" && s.at < s.data.length;
    return isOwn && !host.usesDma();
  }

  /** Direction of the FIFO: true towards the processor. */
  get isRead(): boolean {
    return this.s.kind !== "write" && this.s.kind !== "format";
  }

  readFifo(): number {
    const { s } = this;
    const value = s.data[s.at++] ?? 0;
    // The results, or the next run, come after the handler of this interrupt has seen the FIFO empty.
    if (s.at === s.data.length) this.host.arm(this.host.nowNs() + SECTOR_NS);
    return value;
  }

  writeFifo(value: number): void {
    const { s } = this;
    s.data[s.at++] = value;
    if (s.at === s.data.length) this.taken();
  }

  /** All bytes of a run to be written are here: the rest of a sector that TC cut short is zeroes. */
  private taken(): void {
    const { s } = this;
    if (s.kind === "format") {
      this.formatTrack();
      return;
    }
    s.data = s.data.slice(0, Math.ceil(s.at / SECTOR_BYTES) * SECTOR_BYTES);
    s.at = s.data.length;
    this.submit();
  }

  /** An image can hold a track only as its format has it: each sector once, in any order. */
  private formatTrack(): void {
    const { s } = this;
    const format = this.format();
    const drive = this.host.drive(s.unit);
    const ids = s.data.subarray(0, s.at);
    const numbers = new Set<number>();
    for (let i = 0; i + 4 <= ids.length; i += 4) {
      const [c, h, r, n] = ids.subarray(i, i + 4);
      if (drive?.isAt(c ?? 0) && h === s.head && n === SECTOR_SIZE_CODE && r !== undefined && r >= 1) numbers.add(r);
    }
    const sectors = format?.sectorsPerTrack ?? 0;
    if (ids.length !== sectors * 4 || numbers.size !== sectors || Math.max(...numbers) !== sectors) {
      this.fail(ST1_DATA_ERROR);
      return;
    }
    s.data = new Uint8Array(sectors * SECTOR_BYTES).fill(s.extra);
    s.at = s.data.length;
    this.submit();
  }

  /** A run is over: sectors from r on have been moved as far as `at` says. */
  private ended(): void {
    const { s } = this;
    if (s.kind === "format") this.end(0, 0, 0);
    else if (s.kind === "readTrack") {
      s.r = Math.ceil(s.at / SECTOR_BYTES);
      this.step();
      this.end(0, s.extra ? 0 : ST1_NO_DATA, 0);
    } else this.sectorsEnded();
  }

  private sectorsEnded(): void {
    const { s } = this;
    const sectors = s.kind === "verify" ? s.data.length / SECTOR_BYTES : Math.ceil(s.at / SECTOR_BYTES);
    const limitLeft = s.sectorLimit - sectors;
    const isComplete = s.isTerminal || s.wantsDeleted || (s.sectorLimit > 0 && limitLeft === 0);
    s.r = (s.r + Math.max(sectors, 1) - 1) & 0xff;
    const wasLast = s.r === s.eot;
    const isEnd = wasLast && !(s.isMultiTrack && s.head === 0);
    const isVerified = s.kind === "verify" && s.sectorLimit === 0 && isEnd;
    if (isEnd && !isComplete && !isVerified) {
      // Without TC the chip stays at its last sector, as Linux's driver knows.
      this.fail(ST1_END_OF_CYLINDER);
      return;
    }
    this.step();
    if (isComplete || isVerified) this.end(0, 0, s.wantsDeleted ? ST2_CONTROL_MARK : 0);
    else {
      if (s.sectorLimit > 0) s.sectorLimit = limitLeft;
      if (wasLast) s.head = 1;
      s.step = "find";
      s.data = new Uint8Array(0);
      s.at = 0;
      this.host.fifoChanged();
      this.host.arm(this.host.nowNs() + SECTOR_NS);
    }
  }

  /** The address after sector r: what the results name. */
  private step(): void {
    const { s } = this;
    if (s.r !== s.eot) {
      s.r = (s.r + 1) & 0xff;
      return;
    }
    s.r = 1;
    if (!s.isMultiTrack) s.c = (s.c + 1) & 0xff;
    else {
      if (s.head === 1) s.c = (s.c + 1) & 0xff;
      s.h ^= 1;
    }
  }

  private fail(st1: number, st2 = 0): void {
    this.end(ST0_ABNORMAL, st1, st2);
  }

  private end(st0: number, st1: number, st2: number): void {
    const { s, host } = this;
    host.dma.request(false);
    host.finish([st0 | (s.hasSought ? ST0_SEEK_END : 0) | (s.head << 2) | s.unit, st1, st2, s.c, s.h, s.r, s.n]);
  }
}
