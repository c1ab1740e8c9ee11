// A drive as its IDE cable sees it: the register file, the status, the data phase in work by PIO or DMA. ATA/ATAPI-6 (T13 1410D),
// clauses 7 and 9.
import { z } from "zod";
import { u16, u8 } from "../../state/field-schemas.ts";
import * as A from "./ata-device.ts";
import type { AtaDataPhase, AtaDevice, AtaRegisters, AtaResult, AtaTransport } from "./ata-device.ts";
import type { IdeBusMaster } from "./ide-bus-master.ts";

/** Offsets in the command block. */
export const ERROR_FEATURES = 1;
const COUNT = 2;
const LBA_LOW = 3;
const LBA_HIGH = 5;
export const DEVICE = 6;
/** Bits of the device register that always read as one on drives of the time. */
const DEVICE_ONES = 0xa0;
const READY = A.STATUS_DRDY | A.STATUS_DSC;
/** Interrupt reason of packet commands. */
const REASON_PACKET = 0x01;
const REASON_IN = 0x02;

export const DriveState = z.strictObject({
  /** As written last, and (15:8) before: features, count, LBA low, mid, high. */
  file: z.array(u16).length(5),
  device: u8,
  status: u8,
  error: u8,
  /** The drive wants to interrupt, and has not been heard. */
  hasInterrupt: z.boolean(),
  /** Bytes of the data phase that have been moved, and where its block in work ends (PIO). */
  position: z.int().min(0).max(A.CHUNK_BYTES),
  blockEnd: z.int().min(0).max(A.CHUNK_BYTES),
  drive: z.unknown(),
});
export type DriveState = z.infer<typeof DriveState>;

/** Makes a drive on the given transport. */
export type DriveMaker = (transport: AtaTransport) => AtaDevice;

export class IdeDrive implements AtaTransport {
  /** Features, count, LBA low, mid and high; what was written before in 15:8. */
  readonly file = [0, 0, 0, 0, 0];
  device = 0;
  status = 0;
  error = 0;
  hasInterrupt = false;
  private readonly drive: AtaDevice;
  private readonly onInterruptChange: () => void;
  private readonly onDma: () => void;
  private phase: AtaDataPhase | null = null;
  private position = 0;
  private blockEnd = 0;

  constructor(make: DriveMaker, onInterruptChange: () => void, onDma: () => void) {
    this.drive = make(this);
    this.onInterruptChange = onInterruptChange;
    this.onDma = onDma;
    this.reset("power");
  }

  get isBusy(): boolean {
    return (this.status & A.STATUS_BSY) !== 0;
  }

  reset(kind: A.AtaResetKind): void {
    this.file.fill(0);
    this.phase = null;
    this.position = this.blockEnd = 0;
    this.hasInterrupt = false;
    this.post(this.drive.reset(kind));
  }

  /** SRST is set: what was under way is gone, and the drive busy until SRST is cleared. */
  hold(): void {
    this.reset("soft");
    this.status |= A.STATUS_BSY;
  }

  release(): void {
    this.post(A.signature(this.drive.isPacketDevice));
  }

  /** Puts a command's outcome into the registers. */
  private post(result: AtaResult): void {
    const { file } = this;
    const byte = (n: number): number => Math.floor(result.lba / 2 ** (8 * n)) & 0xff;
    file[COUNT - 1] = result.count & 0xffff;
    for (let i = 0; i < 3; i++) file[LBA_LOW - 1 + i] = byte(i) | (byte(3 + i) << 8);
    this.device = result.device | DEVICE_ONES;
    this.error = result.error;
    this.status = result.status;
  }

  writeRegister(offset: number, value: number): void {
    if (this.isBusy) return;
    if (offset === DEVICE) this.device = value | DEVICE_ONES;
    else this.file[offset - ERROR_FEATURES] = (((this.file[offset - ERROR_FEATURES] ?? 0) << 8) | value) & 0xffff;
  }

  writeCommand(command: number): void {
    // DEVICE RESET is the one command that a packet device takes while it is at work.
    if (command === A.COMMAND_DEVICE_RESET && this.drive.isPacketDevice) {
      this.reset("soft");
      this.onInterruptChange();
      return;
    }
    if (this.status & (A.STATUS_BSY | A.STATUS_DRQ)) return;
    const [features = 0, count = 0] = this.file;
    let lba = 0;
    for (const high of [8, 0]) for (let i = LBA_HIGH; i >= LBA_LOW; i--) lba = lba * 256 + (((this.file[i - 1] ?? 0) >>> high) & 0xff);
    const registers: AtaRegisters = { command, features, count, lba, device: this.device };
    this.setInterrupt(false);
    this.status = READY | A.STATUS_BSY;
    this.drive.start(0, registers);
  }

  private setInterrupt(wants: boolean): void {
    this.hasInterrupt = wants;
    this.onInterruptChange();
  }

  commandDone(_slot: number, result: AtaResult, interrupts: boolean): void {
    this.post(result);
    if (interrupts) this.setInterrupt(true);
  }

  // ---- data ----------------------------------------------------------------------------------

  dataPhase(phase: AtaDataPhase): void {
    this.phase = phase;
    this.position = 0;
    if (phase.protocol === "dma") {
      this.onDma();
      return;
    }
    this.beginBlock(phase);
  }

  /** Sets DRQ for the next block of PIO. */
  private beginBlock(phase: AtaDataPhase): void {
    const { position } = this;
    const length = Math.min(phase.blockBytes, phase.data.length - position);
    this.blockEnd = position + length;
    this.status = READY | A.STATUS_DRQ;
    if (phase.kind === "packet") this.file[COUNT - 1] = REASON_PACKET;
    if (phase.kind === "packetData") {
      this.file[COUNT - 1] = phase.direction === "in" ? REASON_IN : 0;
      this.file[LBA_LOW] = length & 0xff;
      this.file[LBA_HIGH - 1] = length >>> 8;
    }
    const isFirstOut = phase.kind === "data" && phase.direction === "out" && phase.offset === 0 && position === 0;
    if (phase.kind !== "packet" && !isFirstOut) this.setInterrupt(true);
  }

  readWord(): number {
    const { phase, position } = this;
    if (!phase || position >= this.blockEnd || phase.direction !== "in") return 0xffff;
    const { data } = phase;
    const word = (data[position] as number) | ((data[position + 1] ?? 0) << 8);
    this.moved(phase, 2);
    return word;
  }

  /** Whole elements of `size` bytes between the block and `bytes`; how many bytes that were. */
  moveRun(direction: "in" | "out", size: number, bytes: Uint8Array): number {
    const { phase, position } = this;
    if (!phase || phase.direction !== direction || position >= this.blockEnd) return 0;
    const length = Math.min(bytes.length, this.blockEnd - position) & -size;
    if (length <= 0) return 0;
    if (direction === "in") bytes.set(phase.data.subarray(position, position + length));
    else phase.data.set(bytes.subarray(0, length), position);
    this.moved(phase, length);
    return length;
  }

  writeWord(value: number): void {
    const { phase, position } = this;
    if (!phase || position >= this.blockEnd || phase.direction !== "out") return;
    phase.data[position] = value & 0xff;
    if (position + 1 < phase.data.length) phase.data[position + 1] = value >>> 8;
    this.moved(phase, 2);
  }

  private moved(phase: AtaDataPhase, bytes: number): void {
    this.position += bytes;
    if (this.position < this.blockEnd) return;
    if (this.blockEnd < phase.data.length) {
      this.beginBlock(phase);
      return;
    }
    this.phaseMoved();
  }

  private phaseMoved(): void {
    this.phase = null;
    this.position = this.blockEnd = 0;
    this.status = READY | A.STATUS_BSY;
    this.drive.dataMoved(0);
  }

  moveDma(busMaster: IdeBusMaster): void {
    const { phase } = this;
    if (phase?.protocol !== "dma") return;
    this.position = busMaster.transfer(phase.data, this.position, phase.direction);
    if (this.position >= phase.data.length) this.phaseMoved();
  }

  // ---- saved state ---------------------------------------------------------------------------

  save(): DriveState {
    const { file, device, status, error, hasInterrupt, position, blockEnd } = this;
    return { file: [...file], device, status, error, hasInterrupt, position, blockEnd, drive: this.drive.save() };
  }

  prepareLoad(saved: DriveState): () => void {
    const load = this.drive.prepareLoad(saved.drive);
    return () => {
      load();
      for (const [i, value] of saved.file.entries()) this.file[i] = value;
      this.device = saved.device;
      this.status = saved.status;
      this.error = saved.error;
      this.hasInterrupt = saved.hasInterrupt;
      this.phase = this.drive.phase(0);
      const end = this.phase?.data.length ?? 0;
      this.blockEnd = Math.min(saved.blockEnd, end);
      this.position = Math.min(saved.position, end);
    };
  }
}
