// The floppy disk controller of a PC: an Intel 82077AA in AT mode with two drives (data sheet 290166, chapters 2 to 6).
// Banks: 0 = 3F0h-3F5h, 1 = 3F7h (of which bit 7 alone is the controller's on a read; port 3F6h belongs to the IDE channel).
// The FIFO's threshold has no effect: bytes are there, or wanted, a run of sectors at a time. An INT that rises while it is high
// pulses, so that the 8259 sees the edge. Not modelled: PS/2 modes (status registers A and B), power down, SCAN, head timing.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, IrqLine, ResetKind } from "../../bus/device.ts";
import type { DmaChannel } from "../../bus/dma-channel.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { type FdcCommandName, fdcCommand, MFM, MULTI_TRACK, SKIP } from "./fdc82077-commands.ts";
import { FdcState, type FdcTransferState } from "./fdc82077.state.ts";
import { FdcTransfer, type FdcTransferHost } from "./fdc82077-transfer.ts";
import type { FloppyDrive } from "./floppy-drive.ts";

const DOR_NOT_RESET = 0x04;
const DOR_DMA_GATE = 0x08;
const DSR_RESET = 0x80;
const MSR_REQUEST = 0x80;
const MSR_TO_HOST = 0x40;
const MSR_NON_DMA = 0x20;
const MSR_BUSY = 0x10;
const DIR_CHANGED = 0x80;
const CONFIG_IMPLIED_SEEK = 0x40;
const CONFIG_NO_FIFO = 0x20;
const CONFIG_NO_POLLING = 0x10;
const ST0_INVALID = 0x80;
const ST0_SEEK_END = 0x20;
const ST0_NOT_AT_TRACK_0 = 0x50;
const ST3_PROTECTED = 0x40;
const ST3_ALWAYS = 0x28; // ready and two sides
const ST3_TRACK_0 = 0x10;
const VERSION_82077 = 0x90;
/** The most step pulses that RECALIBRATE gives. */
const RECALIBRATE_STEPS = 79;

const RESET_NS = 50_000;
const SETTLE_NS = 200_000;
const STEP_NS = 50_000;
const UNITS = [0, 1, 2, 3] as const;

export interface Fdc82077Options {
  irq: IrqLine;
  /** Channel 2. */
  dma: DmaChannel;
  timers: DeviceTimers;
  /** A: and B:, absent where the machine has none. */
  drives: readonly [FloppyDrive?, FloppyDrive?];
}

type Registers = Omit<FdcState, "kind" | "version" | "transfer" | "drives">;

function powerOn(): Registers {
  return {
    dor: 0, tdr: 0, rate: 2, phase: "command", fifo: new Uint8Array(0), isInterrupting: false, resetSenses: 0, seekEnds: [0, 0, 0, 0],
    busyDrives: 0, specify: [0, 0], config: CONFIG_NO_FIFO, precompensation: 0, isLocked: false, perpendicular: 0, lastSectorCount: 0,
    presentCylinders: [0, 0, 0, 0], resetNs: 0, executionNs: 0, seekNs: [0, 0, 0, 0],
  };
}

export class Fdc82077 extends ByteRegisters implements Device, FdcTransferHost {
  readonly id: string;
  readonly kind = "fdc82077";
  readonly dma: DmaChannel;
  private readonly irq: IrqLine;
  private readonly timers: DeviceTimers;
  private readonly drives: readonly (FloppyDrive | undefined)[];
  private s: Registers = powerOn();
  private transfer: FdcTransfer | null = null;

  constructor(id: string, { irq, dma, timers, drives }: Fdc82077Options) {
    super();
    this.id = id;
    this.irq = irq;
    this.dma = dma;
    this.timers = timers;
    this.drives = drives;
    for (const [unit, drive] of drives.entries()) {
      if (!drive) continue;
      drive.onDone = (error) => {
        if (this.transfer?.s.unit === unit) this.transfer.done(error);
      };
      drive.onRemoved = () => {
        if (this.transfer?.s.unit === unit) this.transfer.removed();
      };
    }
  }

  protected override readByte(bank: number, offset: number): number {
    if (bank === 1) return 0x7f | (this.drives[this.s.dor & 3]?.isChanged ? DIR_CHANGED : 0);
    if (offset === 2) return this.s.dor;
    if (offset === 3) return 0xfc | this.s.tdr;
    if (offset === 4) return this.mainStatus();
    return offset === 5 ? this.readFifo() : 0xff;
  }

  protected override writeByte(bank: number, offset: number, value: number): void {
    if (bank === 1) this.s.rate = value & 3;
    else if (offset === 2) this.writeDor(value);
    else if (offset === 3) this.s.tdr = value & 3;
    else if (offset === 4) this.writeDsr(value);
    else if (offset === 5) this.writeFifo(value);
  }

  private mainStatus(): number {
    const { s, transfer } = this;
    if (!(s.dor & DOR_NOT_RESET)) return 0;
    if (s.phase === "result") return MSR_REQUEST | MSR_TO_HOST | MSR_BUSY | s.busyDrives;
    if (s.phase === "command") return MSR_REQUEST | (s.fifo.length > 0 ? MSR_BUSY : 0) | s.busyDrives;
    const request = transfer?.wantsProcessor() ? MSR_REQUEST | (transfer.isRead ? MSR_TO_HOST : 0) : 0;
    return MSR_BUSY | s.busyDrives | (this.usesDma() ? 0 : MSR_NON_DMA | request);
  }

  private writeDor(value: number): void {
    const wasReset = !(this.s.dor & DOR_NOT_RESET);
    this.s.dor = value;
    if (!(value & DOR_NOT_RESET)) this.enterReset();
    else if (wasReset) this.leaveReset();
    this.updateIrq();
  }

  private writeDsr(value: number): void {
    this.s.rate = value & 3;
    if (!(value & DSR_RESET) || !(this.s.dor & DOR_NOT_RESET)) return;
    this.enterReset();
    this.leaveReset();
  }

  private enterReset(): void {
    const { s } = this;
    this.abandon();
    const { dor, tdr, rate, specify, isLocked, presentCylinders } = s;
    this.s = { ...powerOn(), dor, tdr, rate, specify, isLocked, presentCylinders, perpendicular: s.perpendicular & 0x3c };
    if (isLocked) Object.assign(this.s, { config: s.config, precompensation: s.precompensation });
    this.applyTimers();
    this.updateIrq();
  }

  private leaveReset(): void {
    this.s.resetNs = this.nowNs() + RESET_NS;
    this.applyTimers();
  }

  /** Lets go of the command under way. */
  private abandon(): void {
    if (!this.transfer) return;
    this.drives[this.transfer.s.unit]?.medium?.drop();
    this.transfer = null;
    this.dma.request(false);
  }

  private readFifo(): number {
    const { s, transfer } = this;
    if (transfer) {
      const value = transfer.wantsProcessor() && transfer.isRead ? transfer.readFifo() : 0;
      this.updateIrq();
      return value;
    }
    if (s.phase !== "result") return 0;
    const [value] = s.fifo;
    s.fifo = s.fifo.slice(1);
    if (s.fifo.length === 0) s.phase = "command";
    s.isInterrupting = false;
    this.updateIrq();
    this.raiseForSeeks();
    return value ?? 0;
  }

  private writeFifo(value: number): void {
    const { s, transfer } = this;
    if (!(s.dor & DOR_NOT_RESET)) return;
    if (transfer) {
      if (transfer.wantsProcessor() && !transfer.isRead) transfer.writeFifo(value);
      this.updateIrq();
    } else if (s.phase === "command") {
      s.fifo = Uint8Array.of(...s.fifo, value);
      const command = fdcCommand(s.fifo[0] ?? 0);
      if (s.fifo.length < command.bytes) return;
      this.execute(command.name, [...s.fifo]);
      this.raiseForSeeks();
    }
  }

  private execute(name: FdcCommandName, bytes: number[]): void {
    const { s } = this;
    s.fifo = new Uint8Array(0);
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
    switch (name) {
      case "specify":
        s.specify = [second, third];
        break;
      case "senseDrive":
        this.result([this.driveStatus(second)]);
        break;
      case "recalibrate":
        this.recalibrate(second & 3);
        break;
      case "seek":
        this.seek(second & 3, (second & 4) | (second & 3), third);
        break;
      case "relativeSeek": {
        const present = s.presentCylinders[second & 3] ?? 0;
        this.seek(second & 3, (second & 4) | (second & 3), (present + (first & 0x40 ? third : -third)) & 0xff);
        break;
      }
      case "senseInterrupt":
        this.senseInterrupt();
        break;
      case "dumpRegisters":
        this.dumpRegisters();
        break;
      case "version":
        this.result([VERSION_82077]);
        break;
      case "perpendicular":
        // Bit 7 allows the drive bits to change.
        s.perpendicular = second & 0x80 ? second & 0x3f : (s.perpendicular & 0x3c) | (second & 3);
        break;
      case "configure":
        s.config = third & 0x7f;
        s.precompensation = fourth;
        break;
      case "lock":
        s.isLocked = (first & 0x80) !== 0;
        this.result([s.isLocked ? 0x10 : 0]);
        break;
      case "invalid":
        this.result([ST0_INVALID]);
        break;
      default:
        this.startTransfer(transferOf(name, bytes));
    }
  }

  private result(results: number[]): void {
    this.s.phase = "result";
    this.s.fifo = Uint8Array.from(results);
  }

  private driveStatus(second: number): number {
    const drive = this.drives[second & 3];
    const isProtected = drive?.medium?.isReadOnly ? ST3_PROTECTED : 0;
    return ST3_ALWAYS | (second & 7) | isProtected | (drive?.cylinder === 0 ? ST3_TRACK_0 : 0);
  }

  private recalibrate(unit: number): void {
    const drive = this.drives[unit];
    const steps = drive ? Math.min(drive.cylinder, RECALIBRATE_STEPS) : RECALIBRATE_STEPS;
    drive?.step(-steps);
    this.s.presentCylinders[unit] = 0;
    this.endSeekLater(unit, ST0_SEEK_END | (drive?.cylinder === 0 ? 0 : ST0_NOT_AT_TRACK_0) | unit, steps);
  }

  private seek(unit: number, selection: number, cylinder: number): void {
    this.endSeekLater(unit, ST0_SEEK_END | selection, this.moveHead(unit, cylinder));
  }

  /** Steps to `cylinder` as the controller counts, and says how many steps that is. */
  private moveHead(unit: number, cylinder: number): number {
    const steps = cylinder - (this.s.presentCylinders[unit] ?? 0);
    this.drives[unit]?.step(steps);
    this.s.presentCylinders[unit] = cylinder;
    return Math.abs(steps);
  }

  private endSeekLater(unit: number, st0: number, steps: number): void {
    const { s } = this;
    s.busyDrives |= 1 << unit;
    s.seekEnds[unit] = st0;
    s.seekNs[unit] = this.nowNs() + SETTLE_NS + steps * STEP_NS;
    this.applyTimers();
  }

  private senseInterrupt(): void {
    const { s } = this;
    s.isInterrupting = false;
    this.updateIrq();
    const unit = s.resetSenses > 0 ? 4 - s.resetSenses : UNITS.find((n) => this.hasSeekEnded(n));
    if (unit === undefined) {
      this.result([ST0_INVALID]);
      return;
    }
    if (s.resetSenses > 0) {
      s.resetSenses--;
      this.result([0xc0 | unit, s.presentCylinders[unit] ?? 0]);
      return;
    }
    this.result([s.seekEnds[unit] ?? 0, s.presentCylinders[unit] ?? 0]);
    s.seekEnds[unit] = 0;
    s.busyDrives &= ~(1 << unit);
  }

  private hasSeekEnded(unit: number): boolean {
    return (this.s.seekEnds[unit] ?? 0) !== 0 && this.s.seekNs[unit] === 0;
  }

  /** Between commands: the end of a seek that nobody has heard of interrupts. */
  private raiseForSeeks(): void {
    const { phase, fifo, isInterrupting } = this.s;
    if (phase === "command" && fifo.length === 0 && !isInterrupting && UNITS.some((unit) => this.hasSeekEnded(unit))) this.interrupt();
  }

  private dumpRegisters(): void {
    const { s } = this;
    const last = (s.isLocked ? 0x80 : 0) | s.perpendicular;
    this.result([...s.presentCylinders, ...s.specify, s.lastSectorCount, last, s.config, s.precompensation]);
  }

  private startTransfer(transfer: FdcTransferState): void {
    const { s } = this;
    s.phase = "execution";
    s.lastSectorCount = transfer.eot;
    this.transfer = new FdcTransfer(this, transfer);
    let steps = 0;
    const isPlaced = transfer.kind !== "readId" && transfer.kind !== "format";
    if (s.config & CONFIG_IMPLIED_SEEK && isPlaced && transfer.c !== s.presentCylinders[transfer.unit]) {
      steps = this.moveHead(transfer.unit, transfer.c);
      transfer.hasSought = true;
    }
    this.transfer.start(steps * STEP_NS);
  }

  // What a transfer needs of the controller.

  nowNs(): number {
    return this.timers.nowNs();
  }

  drive(unit: number): FloppyDrive | undefined {
    return this.drives[unit];
  }

  rate(): number {
    return this.s.rate;
  }

  usesDma(): boolean {
    return (this.s.specify[1] & 1) === 0;
  }

  isDmaGateOpen(): boolean {
    return (this.s.dor & DOR_DMA_GATE) !== 0;
  }

  arm(deadlineNs: number): void {
    this.s.executionNs = deadlineNs;
    this.applyTimers();
  }

  fifoChanged(): void {
    this.updateIrq();
  }

  finish(results: number[]): void {
    this.transfer = null;
    this.s.executionNs = 0;
    this.applyTimers();
    this.result(results);
    this.interrupt();
  }

  private interrupt(): void {
    this.s.isInterrupting = true;
    this.irq.set(false);
    this.updateIrq();
  }

  private updateIrq(): void {
    const isWanted = this.s.isInterrupting || (this.transfer?.wantsProcessor() ?? false);
    this.irq.set(isWanted && (this.s.dor & DOR_DMA_GATE) !== 0);
  }

  private applyTimers(): void {
    const { s, timers } = this;
    const apply = (name: string, deadlineNs: number): void => {
      if (deadlineNs > 0) timers.arm(name, deadlineNs);
      else timers.cancel(name);
    };
    apply("reset", s.resetNs);
    apply("execution", s.executionNs);
    for (const unit of UNITS) apply(`seek${unit}`, s.seekNs[unit]);
  }

  onTimer(name: string): void {
    const { s } = this;
    if (name === "reset") {
      s.resetNs = 0;
      if (s.config & CONFIG_NO_POLLING) return;
      s.resetSenses = 4;
      this.interrupt();
    } else if (name === "execution") {
      s.executionNs = 0;
      this.transfer?.proceed();
    } else {
      const unit = UNITS.find((n) => name === `seek${n}`);
      if (unit === undefined) return;
      s.seekNs[unit] = 0;
      this.raiseForSeeks();
    }
  }

  reset(_kind: ResetKind): void {
    this.abandon();
    this.s = powerOn();
    for (const drive of this.drives) drive?.load({ cylinder: 0, isChanged: true });
    this.applyTimers();
    this.updateIrq();
  }

  save(): DeviceState {
    const drive = (unit: number): FdcState["drives"][0] => this.drives[unit]?.save() ?? { cylinder: 0, isChanged: true };
    const transfer = this.transfer && structuredClone(this.transfer.s);
    const state: FdcState = { kind: "fdc82077", version: 1, ...structuredClone(this.s), transfer, drives: [drive(0), drive(1)] };
    return state;
  }

  load(state: unknown): void {
    const { kind: _kind, version: _version, transfer, drives, ...registers } = structuredClone(parseState(FdcState, state, this.id));
    this.abandon();
    this.s = registers;
    for (const [unit, saved] of drives.entries()) this.drives[unit]?.load(saved);
    this.transfer = transfer && new FdcTransfer(this, transfer);
    this.applyTimers();
    this.updateIrq();
    if (transfer?.step === "block") this.transfer?.submit();
  }

  describe(): Record<string, string | number | boolean> {
    const drives = this.drives.map((drive, unit): [string, string] => [
      unit === 0 ? "A:" : "B:",
      drive ? `${drive.format?.name ?? "empty"}, cylinder ${drive.cylinder}` : "none",
    ]);
    return { ...Object.fromEntries(drives), phase: this.s.phase };
  }
}

function transferOf(name: FdcCommandName, bytes: number[]): FdcTransferState {
  const [first = 0, second = 0, third = 0, fourth = 0, fifth = 0, sixth = 0, seventh = 0, , ninth = 0] = bytes;
  const transfer: FdcTransferState = {
    kind: "read", step: "find", unit: second & 3, head: (second >> 2) & 1, isMultiTrack: (first & MULTI_TRACK) !== 0,
    isSingleDensity: (first & MFM) === 0, wantsDeleted: name === "readDeleted", skips: (first & SKIP) !== 0, c: third, h: fourth,
    r: fifth, n: sixth, eot: seventh, sectorLimit: 0, extra: 0, hasSought: false, data: new Uint8Array(0), at: 0, seenAt: -1,
    isTerminal: false, overrunNs: 0,
  };
  switch (name) {
    case "readId":
      return { ...transfer, kind: "readId", c: 0, h: 0, r: 0, n: 0 };
    case "format":
      return { ...transfer, kind: "format", c: 0, h: 0, r: 0, n: third, eot: fourth, extra: sixth };
    case "write":
    case "writeDeleted":
      return { ...transfer, kind: "write" };
    case "readTrack":
      return { ...transfer, kind: "readTrack" };
    case "verify":
      // EC: the last byte counts sectors.
      return { ...transfer, kind: "verify", sectorLimit: second & 0x80 ? ninth : 0 };
    default:
      return transfer;
  }
}
