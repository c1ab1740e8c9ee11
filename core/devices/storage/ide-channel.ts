// One IDE channel: the task file and control registers of two drives on one cable, PIO data transfer, the interrupt line, and DMA
// handed to the bus master. ATA/ATAPI-6 (T13 1410D), clauses 5, 7 and 9. Commands take no time of their own: only the medium does.
//
// Writes to the task file reach both drives, as on the cable; a drive that is busy does not take them. Drive 0 answers for a drive 1
// that is not there (status 0); with no drive 0, nothing answers but the resistor that pulls DD7 down.
import { z } from "zod";
import type { AccessSize, IrqLine } from "../../bus/device.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { StateError } from "../../state/device-state.ts";
import { u16, u8 } from "../../state/field-schemas.ts";
import * as A from "./ata-device.ts";
import type { AtaDataPhase, AtaDevice, AtaRegisters, AtaResult, AtaTransport } from "./ata-device.ts";
import { BusMasterState, IdeBusMaster } from "./ide-bus-master.ts";

const DATA = 0;
const ERROR_FEATURES = 1;
const COUNT = 2;
const LBA_LOW = 3;
const LBA_HIGH = 5;
const DEVICE = 6;
const STATUS_COMMAND = 7;
const CONTROL_HOB = 0x80;
const CONTROL_SRST = 0x04;
const CONTROL_NIEN = 0x02;
/** Bits of the device register that always read as one on drives of the time. */
const DEVICE_ONES = 0xa0;
/** What a cable without a drive reads as: DD7 is pulled down. */
const FLOATING = 0x7f;
const READY = A.STATUS_DRDY | A.STATUS_DSC;
/** Interrupt reason of packet commands. */
const REASON_PACKET = 0x01;
const REASON_IN = 0x02;

const DriveState = z.strictObject({
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

export const IdeChannelState = z.strictObject({
  selected: z.literal([0, 1]),
  control: u8,
  drives: z.array(DriveState.nullable()).length(2),
  busMaster: BusMasterState,
});
export type IdeChannelState = z.infer<typeof IdeChannelState>;

export interface IdeChannelOptions {
  irq: IrqLine;
  memory: DmaView;
  /** The PCI function may master the bus. */
  isBusMasterEnabled(): boolean;
}

/** Makes a drive on the given transport. */
export type DriveMaker = (transport: AtaTransport) => AtaDevice;

export class IdeChannel {
  readonly busMaster: IdeBusMaster;
  private readonly options: IdeChannelOptions;
  private readonly drives: readonly [IdeDrive | undefined, IdeDrive | undefined];
  private selected: 0 | 1 = 0;
  private control = 0;
  private irqLevel = false;

  constructor(options: IdeChannelOptions, makers: readonly [DriveMaker | undefined, DriveMaker | undefined]) {
    this.options = options;
    this.busMaster = new IdeBusMaster(options.memory, () => this.moveDma());
    const drive = (make: DriveMaker | undefined): IdeDrive | undefined => make && new IdeDrive(make, () => this.driveIrq(), () => this.moveDma());
    this.drives = [drive(makers[0]), drive(makers[1])];
  }

  reset(kind: "power" | "hard"): void {
    this.busMaster.reset();
    this.control = 0;
    this.selected = 0;
    for (const drive of this.drives) drive?.reset(kind);
    this.driveIrq();
  }

  // ---- registers -----------------------------------------------------------------------------

  /** Command block. */
  read(offset: number, size: AccessSize): number {
    if (offset === DATA) return this.readData(size);
    let value = 0;
    for (let i = 0; i < size; i++) value += (offset + i <= STATUS_COMMAND ? this.readByte(offset + i) : 0xff) * 2 ** (8 * i);
    return value;
  }

  write(offset: number, size: AccessSize, value: number): void {
    if (offset === DATA) return this.writeData(size, value);
    for (let i = 0; i < size && offset + i <= STATUS_COMMAND; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  private readData(size: AccessSize): number {
    const drive = this.drives[this.selected];
    if (!drive) return size === 1 ? this.emptyRegister() : size === 2 ? 0xff00 | this.emptyRegister() : (0xff00ff00 | (this.emptyRegister() * 0x10001)) >>> 0;
    const low = drive.readWord();
    if (size === 2) return low;
    return size === 1 ? low & 0xff : low + drive.readWord() * 0x10000;
  }

  private writeData(size: AccessSize, value: number): void {
    const drive = this.drives[this.selected];
    if (!drive) return;
    drive.writeWord(value & 0xffff);
    if (size === 4) drive.writeWord(value >>> 16);
  }

  /** Many accesses of the data port at once, to the end of the block in work. */
  readRun(size: number, into: Uint8Array): number {
    return this.drives[this.selected]?.moveRun("in", size, into) ?? 0;
  }
  writeRun(size: number, from: Uint8Array): number {
    return this.drives[this.selected]?.moveRun("out", size, from) ?? 0;
  }

  private emptyRegister(): number {
    return this.drives[0] ? 0xff : FLOATING;
  }

  private readByte(offset: number): number {
    const drive = this.drives[this.selected];
    if (offset === STATUS_COMMAND) {
      if (drive) drive.hasInterrupt = false;
      this.driveIrq();
      return this.status();
    }
    const answering = drive ?? this.drives[0];
    if (!answering) return FLOATING;
    if (offset === ERROR_FEATURES) return answering.error;
    if (offset === DEVICE) return drive ? answering.device : (answering.device & ~A.DEVICE_DEV) | A.DEVICE_DEV;
    const register = answering.file[offset - ERROR_FEATURES] ?? 0;
    return this.control & CONTROL_HOB ? register >>> 8 : register & 0xff;
  }

  private status(): number {
    const drive = this.drives[this.selected];
    return drive ? drive.status : this.drives[0] ? 0 : FLOATING;
  }

  /** Alternate status: as the status register, without taking the interrupt. */
  readAlternateStatus(): number {
    return this.status();
  }

  private writeByte(offset: number, value: number): void {
    this.control &= ~CONTROL_HOB;
    if (this.control & CONTROL_SRST) return;
    if (offset === STATUS_COMMAND) return this.writeCommand(value);
    for (const drive of this.drives) drive?.writeRegister(offset, value);
    if (offset === DEVICE) {
      this.selected = value & A.DEVICE_DEV ? 1 : 0;
      this.driveIrq();
    }
  }

  private writeCommand(command: number): void {
    if (command === A.COMMAND_EXECUTE_DIAGNOSTIC) return this.diagnose();
    this.drives[this.selected]?.writeCommand(command);
  }

  /** EXECUTE DEVICE DIAGNOSTIC goes to both drives; drive 0 answers for both. */
  private diagnose(): void {
    const busy = this.drives.some((drive) => drive?.isBusy);
    if (busy) return;
    for (const drive of this.drives) {
      drive?.hold();
      drive?.release();
    }
    this.selected = 0;
    if (this.drives[0]) this.drives[0].hasInterrupt = true;
    this.driveIrq();
  }

  /** Device control. */
  writeControl(value: number): void {
    const wasReset = (this.control & CONTROL_SRST) !== 0;
    const isReset = (value & CONTROL_SRST) !== 0;
    this.control = value & (CONTROL_HOB | CONTROL_SRST | CONTROL_NIEN);
    if (isReset && !wasReset) {
      for (const drive of this.drives) drive?.hold();
    } else if (!isReset && wasReset) {
      for (const drive of this.drives) drive?.release();
      this.selected = 0;
    }
    this.driveIrq();
  }

  // ---- interrupt and DMA ---------------------------------------------------------------------

  private driveIrq(): void {
    const level = (this.control & CONTROL_NIEN) === 0 && this.drives[this.selected]?.hasInterrupt === true;
    if (level && !this.irqLevel) this.busMaster.interruptRose();
    this.irqLevel = level;
    this.options.irq.set(level);
  }

  /** Lets the bus master work on whatever DMA is under way. Called when any of its conditions has changed. */
  moveDma(): void {
    if (!this.busMaster.isActive || !this.options.isBusMasterEnabled()) return;
    for (const drive of this.drives) drive?.moveDma(this.busMaster);
  }

  // ---- saved state ---------------------------------------------------------------------------

  save(): IdeChannelState {
    const drives = this.drives.map((drive) => drive?.save() ?? null);
    return { selected: this.selected, control: this.control, drives, busMaster: this.busMaster.save() };
  }

  /** Returns what loads the state, or throws StateError. The interrupt line is driven by it. */
  prepareLoad(saved: IdeChannelState, id: string): () => void {
    const loaders = this.drives.map((drive, n) => {
      const state = saved.drives[n] ?? null;
      if ((drive === undefined) !== (state === null)) throw new StateError(`Saved state of ${id} has other drives`);
      return drive && state ? drive.prepareLoad(state) : () => {};
    });
    return () => {
      this.selected = saved.selected;
      this.control = saved.control & (CONTROL_HOB | CONTROL_SRST | CONTROL_NIEN);
      for (const load of loaders) load();
      this.busMaster.load(saved.busMaster);
      // The line's level is state that was saved: it does not rise now.
      this.irqLevel = (this.control & CONTROL_NIEN) === 0 && this.drives[this.selected]?.hasInterrupt === true;
      this.options.irq.set(this.irqLevel);
    };
  }
}

/** A drive as its cable sees it: register file, status, and the data phase in work. */
class IdeDrive implements AtaTransport {
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
      return this.onInterruptChange();
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
    if (phase.protocol === "dma") return this.onDma();
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
    if (this.blockEnd < phase.data.length) return this.beginBlock(phase);
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

  save(): z.infer<typeof DriveState> {
    const { file, device, status, error, hasInterrupt, position, blockEnd } = this;
    return { file: [...file], device, status, error, hasInterrupt, position, blockEnd, drive: this.drive.save() };
  }

  prepareLoad(saved: z.infer<typeof DriveState>): () => void {
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
