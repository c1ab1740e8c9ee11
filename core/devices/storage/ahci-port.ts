// One port of an AHCI controller (AHCI 1.3, 3.3 registers, 5 data transfer, 6 errors, 10.4 resets) with an ATA or ATAPI drive, or
// nothing, at the end of its cable. Commands run when they are issued: the drive may take time, the bus takes none.
// After any error the list stands still until the driver clears ST, as the specification has it.
// Not modelled: port multipliers, link power states, cold presence detect, BIST, asynchronous notification.
import type { DmaView } from "../../memory/guest-memory.ts";
import { StateError } from "../../state/device-state.ts";
import type { AhciCommandState, AhciPortState } from "./ahci.state.ts";
import * as F from "./ahci-fis.ts";
import { movePrd } from "./ahci-prd.ts";
import * as A from "./ata-device.ts";
import type { AtaDataPhase, AtaDevice, AtaResult, AtaTransport } from "./ata-device.ts";

const IS_REGISTER = 0x00000001;
const IS_PIO_SETUP = 0x00000002;
const IS_SET_DEVICE_BITS = 0x00000008;
const IS_DESCRIPTOR = 0x00000020;
const IS_CONNECT = 0x00000040;
const IS_OVERFLOW = 0x01000000;
const IS_INTERFACE = 0x08000000;
const IS_BUS_DATA = 0x10000000;
const IS_BUS = 0x20000000;
const IS_TASK_FILE = 0x40000000;
/** Bits that a write of 1 clears; connect change follows SERR.DIAG.X instead. */
const IS_CLEARABLE = 0xfd8000af;
const IE_WRITABLE = 0xfdc000ff;
const CMD_START = 0x00000001;
const CMD_ALWAYS = 0x00000006; // spun up, powered
const CMD_OVERRIDE = 0x00000008;
const CMD_RECEIVE = 0x00000010;
const CMD_RECEIVING = 0x00004000;
const CMD_RUNNING = 0x00008000;
const CMD_ATAPI = 0x01000000;
const CMD_WRITABLE = CMD_START | CMD_RECEIVE | CMD_ATAPI | 0x02000000;
const SERR_EXCHANGED = 0x04000000;
const SSTS_PRESENT = 0x123; // device, 3 Gbit/s, active
const SSTS_OFFLINE = 0x004;
const TFD_NONE = 0x7f;
const HEADER_BYTES = 32;
const HEADER_CLEAR_BUSY = 0x0400;
const PACKET_AT = 0x40;
const TABLE_AT = 0x80;
const FRAMES_BYTES = 256;

export interface AhciPortHost {
  readonly memory: DmaView;
  /** The function may be a bus master. */
  canDma(): boolean;
  /** Interrupt status may have changed. */
  changed(): void;
}

type Registers = Omit<AhciPortState, "commands" | "drive">;

function powerOn(): Registers {
  return {
    clb: 0, clbu: 0, fb: 0, fbu: 0, is: 0, ie: 0, cmd: 0, tfd: TFD_NONE, sig: 0xffffffff, sctl: 0, serr: 0, sact: 0, ci: 0,
    isHalted: false, hasSignature: false, isInSoftReset: false,
  };
}

export class AhciPort implements AtaTransport {
  private readonly name: string;
  private readonly host: AhciPortHost;
  readonly drive: AtaDevice | null;
  private s: Registers = powerOn();
  /** What the drive is working on, by slot. */
  private readonly commands = new Map<number, AhciCommandState>();
  private isIssuing = false;
  /** The slot that is being handed to the drive. */
  private starting: number | null = null;

  constructor(name: string, host: AhciPortHost, makeDrive: ((transport: AtaTransport) => AtaDevice) | undefined) {
    this.name = name;
    this.host = host;
    this.drive = makeDrive?.(this) ?? null;
    this.reset("power");
  }

  /** The controller's own reset, or power-on. */
  reset(kind: "power" | "hard"): void {
    // Where the lists are survives a reset of the controller.
    const { clb, clbu, fb, fbu } = this.s;
    this.s = kind === "power" ? powerOn() : { ...powerOn(), clb, clbu, fb, fbu };
    this.connect(kind);
  }

  /** The link comes up: the drive is reset and sends its signature. */
  private connect(kind: "power" | "hard"): void {
    const { s, drive } = this;
    this.commands.clear();
    if (!drive) return;
    s.serr = (s.serr | SERR_EXCHANGED) >>> 0;
    this.signature(drive.reset(kind));
  }

  private signature(result: AtaResult): void {
    const { s } = this;
    s.tfd = (result.error << 8) | result.status;
    s.sig = ((result.lba & 0xffffff) * 0x100 + (result.count & 0xff)) >>> 0;
    s.hasSignature = true;
    this.deliverSignature();
  }

  private deliverSignature(): void {
    const { s } = this;
    if (!s.hasSignature || !(s.cmd & CMD_RECEIVE)) return;
    s.hasSignature = false;
    const result: AtaResult = { status: s.tfd & 0xff, error: s.tfd >> 8, count: s.sig & 0xff, lba: s.sig >>> 8, device: 0 };
    this.post(F.REGISTER_AT, F.registerFis(result, false));
  }

  // ---- registers -----------------------------------------------------------------------------

  /** Bits that ask for an interrupt. */
  get pending(): number {
    return (this.interruptStatus() & this.s.ie) >>> 0;
  }

  private interruptStatus(): number {
    return (this.s.is | (this.s.serr & SERR_EXCHANGED ? IS_CONNECT : 0)) >>> 0;
  }

  readDword(offset: number): number {
    const { s } = this;
    switch (offset) {
      case 0x00:
        return s.clb;
      case 0x04:
        return s.clbu;
      case 0x08:
        return s.fb;
      case 0x0c:
        return s.fbu;
      case 0x10:
        return this.interruptStatus();
      case 0x14:
        return s.ie;
      case 0x18:
        return this.readCmd();
      case 0x20:
        return s.tfd;
      case 0x24:
        return s.sig;
      case 0x28:
        return this.linkStatus();
      case 0x2c:
        return s.sctl;
      case 0x30:
        return s.serr;
      case 0x34:
        return s.sact;
      case 0x38:
        return s.ci;
      default:
        return 0;
    }
  }

  private readCmd(): number {
    const { cmd } = this.s;
    const slot = this.commands.keys().next().value ?? 0;
    const states = (cmd & CMD_RECEIVE ? CMD_RECEIVING : 0) | (cmd & CMD_START ? CMD_RUNNING : 0);
    return (cmd | CMD_ALWAYS | states | (cmd & CMD_START ? slot << 8 : 0)) >>> 0;
  }

  private linkStatus(): number {
    const detection = this.s.sctl & 15;
    if (detection === 4) return SSTS_OFFLINE;
    return this.drive && detection === 0 ? SSTS_PRESENT : 0;
  }

  writeDword(offset: number, value: number): void {
    const { s } = this;
    switch (offset) {
      case 0x00:
        s.clb = (value & ~0x3ff) >>> 0;
        break;
      case 0x04:
        s.clbu = value;
        break;
      case 0x08:
        s.fb = (value & ~0xff) >>> 0;
        break;
      case 0x0c:
        s.fbu = value;
        break;
      case 0x10:
        s.is = (s.is & ~(value & IS_CLEARABLE)) >>> 0;
        break;
      case 0x14:
        s.ie = (value & IE_WRITABLE) >>> 0;
        break;
      case 0x18:
        this.writeCmd(value);
        break;
      case 0x2c:
        this.writeSctl(value & 0xfff);
        break;
      case 0x30:
        s.serr = (s.serr & ~value) >>> 0;
        break;
      case 0x34:
        if (s.cmd & CMD_START) s.sact = (s.sact | value) >>> 0;
        break;
      case 0x38:
        if (s.cmd & CMD_START) s.ci = (s.ci | value) >>> 0;
        this.issue();
        break;
    }
    this.host.changed();
  }

  private writeCmd(value: number): void {
    const { s } = this;
    const before = s.cmd;
    s.cmd = value & CMD_WRITABLE;
    if (before & CMD_START && !(s.cmd & CMD_START)) this.stop();
    if (value & CMD_OVERRIDE && !(before & CMD_START)) s.tfd &= ~(A.STATUS_BSY | A.STATUS_DRQ);
    this.deliverSignature();
    this.issue();
  }

  /** ST has been cleared: nothing that was issued is answered any more. */
  private stop(): void {
    const { s } = this;
    s.ci = 0;
    s.sact = 0;
    s.isHalted = false;
    this.abandon();
  }

  private abandon(): void {
    if (this.commands.size > 0) this.drive?.reset("soft");
    this.commands.clear();
  }

  private writeSctl(value: number): void {
    const { s } = this;
    const wasUp = this.linkStatus() === SSTS_PRESENT;
    s.sctl = value;
    const isUp = this.linkStatus() === SSTS_PRESENT;
    if (wasUp && !isUp) {
      this.abandon();
      Object.assign(s, { ci: 0, sact: 0, isHalted: false, isInSoftReset: false, tfd: TFD_NONE, sig: 0xffffffff });
    } else if (isUp && !wasUp) {
      this.connect("hard");
    }
  }

  // ---- issuing commands ----------------------------------------------------------------------

  /** Hands over what waits in CI, as far as the drive takes it. */
  issue(): void {
    if (this.isIssuing) return;
    this.isIssuing = true;
    for (let slot = this.nextSlot(); slot !== null; slot = this.nextSlot()) this.begin(slot);
    this.isIssuing = false;
  }

  private nextSlot(): number | null {
    const { s, commands } = this;
    if (!(s.cmd & CMD_START) || s.isHalted || !this.drive || !this.host.canDma() || this.linkStatus() !== SSTS_PRESENT) return null;
    if (s.tfd & (A.STATUS_BSY | A.STATUS_DRQ)) return null;
    for (let slot = 0; slot < 32; slot++) if ((s.ci >>> slot) & 1 && !commands.has(slot)) return slot;
    return null;
  }

  private begin(slot: number): void {
    const { s, host } = this;
    const header = this.fetch(s.clbu, s.clb + slot * HEADER_BYTES, HEADER_BYTES);
    if (!header) {
      this.halt(IS_BUS);
      return;
    }
    const view = new DataView(header.buffer);
    const flags = view.getUint32(0, true);
    const table = (view.getUint32(8, true) & ~0x7f) >>> 0;
    const fis = this.fetch(view.getUint32(12, true), table, TABLE_AT);
    if (!fis) {
      this.halt(IS_BUS);
      return;
    }
    if ((flags & 31) < 2 || (flags & 31) > 16 || fis[0] !== F.FIS_HOST_TO_DEVICE) {
      this.halt(IS_INTERFACE);
      return;
    }
    view.setUint32(4, 0, true);
    host.memory.write(s.clb + slot * HEADER_BYTES + 4, header.subarray(4, 8));
    if ((fis[1] ?? 0) & F.FIS_IS_COMMAND) this.startCommand(slot, table, flags >>> 16, fis);
    else this.control(slot, fis[15] ?? 0, (flags & HEADER_CLEAR_BUSY) !== 0);
  }

  private startCommand(slot: number, table: number, entries: number, fis: Uint8Array): void {
    const { s } = this;
    const registers = F.commandOf(fis);
    const isQueued = (registers.command & 0xfe) === 0x60 && ((s.sact >>> slot) & 1) !== 0;
    s.tfd = (s.tfd & 0xff00) | A.STATUS_BSY;
    this.commands.set(slot, { slot, isQueued, table, entries });
    this.starting = slot;
    this.drive?.start(slot, registers);
    this.starting = null;
    // A queued command that was not refused leaves the drive ready for the next.
    if (!isQueued || s.isHalted) return;
    s.tfd = A.STATUS_DRDY | A.STATUS_DSC;
    s.ci = (s.ci & ~bit(slot)) >>> 0;
  }

  /** A FIS for the device control register: SRST set holds the drive in reset, SRST cleared lets it give its signature. */
  private control(slot: number, control: number, clearsBusy: boolean): void {
    const { s, drive } = this;
    const wasInReset = s.isInSoftReset;
    s.isInSoftReset = (control & F.CONTROL_SOFT_RESET) !== 0;
    s.ci = (s.ci & ~bit(slot)) >>> 0;
    if (s.isInSoftReset) {
      this.commands.clear();
      drive?.reset("soft");
      s.tfd = clearsBusy ? s.tfd & 0xff7f : s.tfd | A.STATUS_BSY;
    } else if (wasInReset && drive) {
      this.signature(drive.reset("soft"));
    }
  }

  private fetch(high: number, gpa: number, length: number): Uint8Array<ArrayBuffer> | null {
    if (high !== 0 || !this.host.memory.isRam(gpa, length)) return null;
    const bytes = new Uint8Array(length);
    this.host.memory.read(gpa, bytes);
    return bytes;
  }

  /** An error that the driver has to clear up. */
  private halt(cause: number): void {
    this.s.is = (this.s.is | cause) >>> 0;
    this.s.isHalted = true;
    this.host.changed();
  }

  /** The controller itself cannot go on with a transfer: the drive is left without its command. */
  private break(cause: number): void {
    this.abandon();
    this.halt(cause);
  }

  // ---- what the drive calls ------------------------------------------------------------------

  dataPhase(phase: AtaDataPhase): void {
    const command = this.commands.get(phase.slot);
    if (!command) return;
    const isToHost = phase.direction === "in";
    if (phase.kind === "packet") {
      const packet = this.fetch(0, command.table + PACKET_AT, phase.data.length);
      if (!packet) {
        this.break(IS_BUS);
        return;
      }
      phase.data.set(packet);
      this.post(F.PIO_SETUP_AT, F.pioSetupFis(false, false, A.STATUS_DRDY | A.STATUS_DRQ, phase.data.length));
    } else if (!this.moveData(command, phase, isToHost)) {
      return;
    }
    this.drive?.dataMoved(phase.slot);
  }

  /** False if the command has been given up. */
  private moveData(command: AhciCommandState, phase: AtaDataPhase, isToHost: boolean): boolean {
    const { s, host } = this;
    if (command.isQueued) this.post(F.DMA_SETUP_AT, F.dmaSetupFis(isToHost, command.slot, phase.offset, phase.data.length));
    const table = { gpa: command.table + TABLE_AT, entries: command.entries };
    const { bytes, wantsInterrupt, fault } = movePrd(host.memory, table, phase.offset, phase.data, isToHost);
    if (wantsInterrupt) s.is = (s.is | IS_DESCRIPTOR) >>> 0;
    if (fault) {
      this.break(fault === "table" ? IS_BUS : IS_BUS_DATA);
      return false;
    }
    if (bytes < phase.data.length) {
      // Too much for the table. What comes from the drive is dropped; what should go to it does not exist.
      if (!isToHost) {
        this.break(IS_OVERFLOW | IS_INTERFACE);
        return false;
      }
      s.is = (s.is | IS_OVERFLOW) >>> 0;
    }
    if (!command.isQueued) this.countBytes(command.slot, phase.offset + bytes);
    if (phase.protocol === "pio") {
      const status = A.STATUS_DRDY | A.STATUS_DSC | A.STATUS_DRQ;
      this.post(F.PIO_SETUP_AT, F.pioSetupFis(isToHost, isToHost, status, Math.min(phase.blockBytes, phase.data.length)));
      if (isToHost) s.is |= IS_PIO_SETUP;
    }
    this.host.changed();
    return true;
  }

  /** PRDBC of the command's header. */
  private countBytes(slot: number, bytes: number): void {
    const { s, host } = this;
    const count = new Uint8Array(4);
    new DataView(count.buffer).setUint32(0, bytes, true);
    if (s.clbu === 0) host.memory.write(s.clb + slot * HEADER_BYTES + 4, count);
  }

  commandDone(slot: number, result: AtaResult, interrupts: boolean): void {
    const command = this.commands.get(slot);
    if (!command) return;
    this.commands.delete(slot);
    const hasFailed = (result.status & A.STATUS_ERR) !== 0;
    if (command.isQueued && this.starting !== slot) this.queuedDone(slot, result, hasFailed);
    else if (command.isQueued && !hasFailed) this.queuedDone(slot, result, false);
    else this.plainDone(command, result, interrupts || hasFailed, hasFailed);
    this.host.changed();
    this.issue();
  }

  private plainDone(command: AhciCommandState, result: AtaResult, interrupts: boolean, hasFailed: boolean): void {
    const { s } = this;
    const { slot } = command;
    s.tfd = (result.error << 8) | result.status;
    if (interrupts) {
      this.post(F.REGISTER_AT, F.registerFis(result, true));
      s.is |= IS_REGISTER;
    }
    // Queued commands that it had besides are forgotten.
    if (hasFailed && !command.isQueued) this.abandon();
    if (hasFailed) this.fail();
    else s.ci = (s.ci & ~bit(slot)) >>> 0;
  }

  private queuedDone(slot: number, result: AtaResult, hasFailed: boolean): void {
    const { s } = this;
    s.tfd = (result.error << 8) | result.status;
    if (!hasFailed) s.sact = (s.sact & ~bit(slot)) >>> 0;
    this.post(F.SET_DEVICE_BITS_AT, F.setDeviceBitsFis(result.status, result.error, hasFailed ? 0 : bit(slot)));
    s.is |= IS_SET_DEVICE_BITS;
    if (hasFailed) this.fail();
  }

  /** The drive reports an error. What else it had to do it has forgotten; CI and SACT still have it, for the driver. */
  private fail(): void {
    this.commands.clear();
    this.halt(IS_TASK_FILE);
  }

  private post(at: number, fis: Uint8Array): void {
    const { s, host } = this;
    if (!(s.cmd & CMD_RECEIVE) || !host.canDma()) return;
    if (s.fbu !== 0 || !host.memory.isRam(s.fb, FRAMES_BYTES)) this.halt(IS_BUS);
    else host.memory.write(s.fb + at, fis);
  }

  // ---- saved state ---------------------------------------------------------------------------

  save(): AhciPortState {
    return { ...this.s, commands: [...this.commands.values()].map((c) => ({ ...c })), drive: this.drive?.save() ?? null };
  }

  prepareLoad(saved: AhciPortState): () => void {
    const { commands, drive, ...registers } = saved;
    if (!this.drive && (drive !== null || commands.length > 0)) throw new StateError(`Saved state of ${this.name} has a drive; this one has none`);
    const loadDrive = this.drive?.prepareLoad(drive);
    return () => {
      this.s = { ...registers, cmd: registers.cmd & CMD_WRITABLE };
      this.commands.clear();
      for (const command of commands) this.commands.set(command.slot, command);
      loadDrive?.();
    };
  }

  describe(): string {
    if (!this.drive) return "empty";
    return `${this.drive.isPacketDevice ? "CD" : "disk"}, ${this.s.isHalted ? "stopped by an error" : this.s.cmd & CMD_START ? "running" : "stopped"}`;
  }
}

function bit(slot: number): number {
  return (1 << slot) >>> 0;
}
