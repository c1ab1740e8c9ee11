// One IDE channel: the task file and control registers of two drives on one cable, PIO data transfer, the interrupt line, and DMA
// handed to the bus master. ATA/ATAPI-6 (T13 1410D), clauses 5, 7 and 9. Commands take no time of their own: only the medium does.
//
// Writes to the task file reach both drives, as on the cable; a drive that is busy does not take them. Drive 0 answers for a drive 1
// that is not there (status 0); with no drive 0, nothing answers but the resistor that pulls DD7 down.
import { z } from "zod";
import type { AccessSize, IrqLine } from "../../bus/device.ts";
import type { DmaView } from "../../memory/guest-memory.ts";
import { StateError } from "../../state/device-state.ts";
import { u8 } from "../../state/field-schemas.ts";
import * as A from "./ata-device.ts";
import { BusMasterState, IdeBusMaster } from "./ide-bus-master.ts";
import { DEVICE, type DriveMaker, DriveState, ERROR_FEATURES, IdeDrive } from "./ide-drive.ts";

const DATA = 0;
const STATUS_COMMAND = 7;
const CONTROL_HOB = 0x80;
const CONTROL_SRST = 0x04;
const CONTROL_NIEN = 0x02;
/** What a cable without a drive reads as: DD7 is pulled down. */
const FLOATING = 0x7f;

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
    if (offset === DATA) {
      this.writeData(size, value);
      return;
    }
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
    if (offset === STATUS_COMMAND) {
      this.writeCommand(value);
      return;
    }
    for (const drive of this.drives) drive?.writeRegister(offset, value);
    if (offset === DEVICE) {
      this.selected = value & A.DEVICE_DEV ? 1 : 0;
      this.driveIrq();
    }
  }

  private writeCommand(command: number): void {
    if (command === A.COMMAND_EXECUTE_DIAGNOSTIC) {
      this.diagnose();
      return;
    }
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
