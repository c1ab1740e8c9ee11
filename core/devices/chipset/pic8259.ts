// The PC's two 8259A interrupt controllers, slave on IR2, with the chipset's edge/level registers (8259A data sheet; PIIX4, 4D0h).
// As the data sheet has it, a request whose line falls before it is acknowledged is gone, and an acknowledge cycle with nothing
// pending gives IR7 without setting ISR. Banks: 0 = 20h-21h, 1 = A0h-A1h, 2 = 4D0h-4D1h.
// Not modelled: 8080/8085 mode, buffered mode, ICW1's LTIM (as on all chipsets with ELCR), slaves elsewhere than on IR2.
import { ByteRegisters } from "../../bus/byte-registers.ts";
import type { Device, InterruptSource, IrqLine, ResetKind } from "../../bus/device.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import { type PicChipState, PicPairState, powerOnPicChip } from "./pic8259.state.ts";

const CASCADE_IR = 2;
/** IRQs 0, 1, 2, 8 and 13 are edge-triggered on every PC. */
const MASTER_ELCR_WRITABLE = 0xf8;
const SLAVE_ELCR_WRITABLE = 0xde;

/** One chip. Its output must be looked at after every call: pending() >= 0. */
class Pic8259 {
  s: PicChipState = powerOnPicChip();
  private readonly isMaster: boolean;

  constructor(isMaster: boolean) {
    this.isMaster = isMaster;
  }

  setLine(ir: number, level: boolean): void {
    const s = this.s;
    const bit = 1 << ir;
    if (level) {
      if (s.lines & bit) return;
      s.lines |= bit;
      s.irr |= bit;
    } else {
      s.lines &= ~bit;
      s.irr &= ~bit;
    }
  }

  /** The IR that may interrupt now, or -1. */
  pending(): number {
    const s = this.s;
    const requests = s.irr & ~s.imr;
    if (requests === 0) return -1;
    let inService = s.isr;
    if (s.specialMask) inService &= ~s.imr;
    if (s.specialFullyNested && this.isMaster) inService &= ~(1 << CASCADE_IR);
    const rank = this.topRank(requests);
    return rank < this.topRank(inService) ? (s.lowest + 1 + rank) & 7 : -1;
  }

  /** Rank of the highest-priority bit, 0 highest; 8 if there is none. */
  private topRank(bits: number): number {
    if (bits === 0) return 8;
    const first = (this.s.lowest + 1) & 7;
    const rotated = ((bits >> first) | (bits << (8 - first))) & 0xff;
    return 31 - Math.clz32(rotated & -rotated);
  }

  /** First INTA pulse, or a poll. Gives the IR, or -1 if there is none to serve. */
  takeIntoService(): number {
    const s = this.s;
    const ir = this.pending();
    if (ir < 0) return -1;
    const bit = 1 << ir;
    if (!(s.elcr & bit)) s.irr &= ~bit;
    if (!s.autoEoi) s.isr |= bit;
    else if (s.rotateOnAutoEoi) s.lowest = ir;
    return ir;
  }

  readByte(offset: number): number {
    const s = this.s;
    if (s.poll) {
      s.poll = false;
      const ir = this.takeIntoService();
      return ir < 0 ? 0 : 0x80 | ir;
    }
    if (offset === 1) return s.imr;
    return s.readsIsr ? s.isr : s.irr;
  }

  writeByte(offset: number, value: number): void {
    if (offset === 1) this.writeOdd(value);
    else if (value & 0x10) this.startInitialisation(value);
    else if (value & 0x08) this.writeOcw3(value);
    else this.writeOcw2(value);
  }

  private startInitialisation(icw1: number): void {
    const s = this.s;
    s.awaitedIcw = 2;
    s.wantsIcw4 = (icw1 & 1) !== 0;
    s.irr = s.lines & s.elcr; // the edge-sense circuit is reset: an edge line has to rise anew
    s.imr = 0;
    s.isr = 0;
    s.lowest = 7;
    s.specialMask = false;
    s.readsIsr = false;
    s.poll = false;
    s.autoEoi = false;
    s.rotateOnAutoEoi = false;
    s.specialFullyNested = false;
  }

  private writeOdd(value: number): void {
    const s = this.s;
    if (s.awaitedIcw === 0) {
      s.imr = value;
    } else if (s.awaitedIcw === 2) {
      s.vectorBase = value & 0xf8;
      s.awaitedIcw = 3;
    } else if (s.awaitedIcw === 3) {
      s.awaitedIcw = s.wantsIcw4 ? 4 : 0; // ICW3 is given by the wiring
    } else {
      s.autoEoi = (value & 0x02) !== 0;
      s.specialFullyNested = (value & 0x10) !== 0;
      s.awaitedIcw = 0;
    }
  }

  private writeOcw2(value: number): void {
    const s = this.s;
    const ir = value & 7;
    switch (value >> 5) {
      case 0:
        s.rotateOnAutoEoi = false;
        break;
      case 1:
        this.endOfInterrupt(false);
        break;
      case 3:
        s.isr &= ~(1 << ir);
        break;
      case 4:
        s.rotateOnAutoEoi = true;
        break;
      case 5:
        this.endOfInterrupt(true);
        break;
      case 6:
        s.lowest = ir;
        break;
      case 7:
        s.isr &= ~(1 << ir);
        s.lowest = ir;
        break;
    }
  }

  private endOfInterrupt(rotate: boolean): void {
    const s = this.s;
    const rank = this.topRank(s.specialMask ? s.isr & ~s.imr : s.isr);
    if (rank === 8) return;
    const ir = (s.lowest + 1 + rank) & 7;
    s.isr &= ~(1 << ir);
    if (rotate) s.lowest = ir;
  }

  private writeOcw3(value: number): void {
    const s = this.s;
    if (value & 0x40) s.specialMask = (value & 0x20) !== 0;
    if (value & 0x04) s.poll = true;
    else if (value & 0x02) s.readsIsr = (value & 0x01) !== 0;
  }
}

class PicLine implements IrqLine {
  private readonly pair: Pic8259Pair;
  private readonly irq: number;

  constructor(pair: Pic8259Pair, irq: number) {
    this.pair = pair;
    this.irq = irq;
  }

  set(level: boolean): void {
    this.pair.setIrq(this.irq, level);
  }
}

export class Pic8259Pair extends ByteRegisters implements Device, InterruptSource {
  readonly id: string;
  readonly kind = "pic8259";
  private readonly master = new Pic8259(true);
  private readonly slave = new Pic8259(false);
  private readonly lines: readonly PicLine[];
  private output = false;
  private readonly onOutput: (level: boolean) => void;
  private readonly onAcknowledge: ((irq: number) => void) | undefined;

  /** `onOutput` is told each change of INTR; `onAcknowledge` each IRQ that has just been taken into service. */
  constructor(id: string, onOutput: (level: boolean) => void, onAcknowledge?: (irq: number) => void) {
    super();
    this.id = id;
    this.onOutput = onOutput;
    this.onAcknowledge = onAcknowledge;
    this.lines = Array.from({ length: 16 }, (_, irq) => new PicLine(this, irq));
  }

  /** The input of IRQ 0 to 15. IRQ 2 is the cascade and belongs to the pair. */
  line(irq: number): IrqLine {
    const line = this.lines[irq];
    if (!line || irq === CASCADE_IR) throw new RangeError(`The interrupt controllers have no input ${irq}`);
    return line;
  }

  setIrq(irq: number, level: boolean): void {
    if (irq >= 8) this.slave.setLine(irq - 8, level);
    else this.master.setLine(irq, level);
    this.update();
  }

  private update(): void {
    this.master.setLine(CASCADE_IR, this.slave.pending() >= 0);
    const output = this.master.pending() >= 0;
    if (output === this.output) return;
    this.output = output;
    this.onOutput(output);
  }

  hasInterrupt(): boolean {
    return this.output;
  }

  acknowledge(): number {
    const ir = this.master.takeIntoService();
    let irq = ir < 0 ? 7 : ir;
    let vector = this.master.s.vectorBase + irq;
    if (ir === CASCADE_IR) {
      const slaveIr = this.slave.takeIntoService();
      irq = 8 + (slaveIr < 0 ? 7 : slaveIr);
      vector = this.slave.s.vectorBase + irq - 8;
      // The slave's INT drops during INTA, so that its next request is a new edge for the master.
      this.master.setLine(CASCADE_IR, false);
    }
    this.update();
    this.onAcknowledge?.(irq);
    return vector;
  }

  protected override readByte(bank: number, offset: number): number {
    if (bank === 2) return offset === 0 ? this.master.s.elcr : offset === 1 ? this.slave.s.elcr : 0xff;
    if (offset > 1) return 0xff;
    const value = (bank === 0 ? this.master : this.slave).readByte(offset);
    this.update(); // a poll acknowledges
    return value;
  }

  protected override writeByte(bank: number, offset: number, value: number): void {
    if (offset > 1) return;
    if (bank === 2) this.writeElcr(offset === 0 ? this.master : this.slave, value & (offset === 0 ? MASTER_ELCR_WRITABLE : SLAVE_ELCR_WRITABLE));
    else (bank === 0 ? this.master : this.slave).writeByte(offset, value);
    this.update();
  }

  private writeElcr(chip: Pic8259, elcr: number): void {
    chip.s.elcr = elcr;
    chip.s.irr |= chip.s.lines & elcr;
  }

  reset(_kind: ResetKind): void {
    const lines = [this.master.s.lines & ~(1 << CASCADE_IR), this.slave.s.lines];
    this.master.s = powerOnPicChip();
    this.slave.s = powerOnPicChip();
    // The wires belong to other devices, whose own reset lowers them.
    this.master.s.lines = lines[0] ?? 0;
    this.slave.s.lines = lines[1] ?? 0;
    this.update();
  }

  save(): DeviceState {
    const state: PicPairState = { kind: "pic8259", version: 1, master: { ...this.master.s }, slave: { ...this.slave.s } };
    return state;
  }

  load(state: unknown): void {
    const { master, slave } = parseState(PicPairState, state, this.id);
    this.master.s = master;
    this.slave.s = slave;
    this.update();
  }

  describe(): Record<string, string | number | boolean> {
    const hex = (n: number): string => `${n.toString(16).padStart(2, "0")}h`;
    const { master, slave } = { master: this.master.s, slave: this.slave.s };
    return {
      intr: this.output,
      irr: `${hex(master.irr)} ${hex(slave.irr)}`,
      isr: `${hex(master.isr)} ${hex(slave.isr)}`,
      imr: `${hex(master.imr)} ${hex(slave.imr)}`,
      vectors: `${hex(master.vectorBase)} ${hex(slave.vectorBase)}`,
      level: `${hex(master.elcr)} ${hex(slave.elcr)}`,
    };
  }
}
