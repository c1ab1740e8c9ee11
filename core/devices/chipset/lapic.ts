// A processor's local APIC in xAPIC mode (Intel SDM vol. 3, chapter 11): interrupt acceptance and priorities, the local vector table,
// the timer in its three modes, and interprocessor messages. The 8259 pair comes in at LINT0 and is acknowledged through it.
// hasInterrupt() only reads a flag; every change of it is told through onOutput.
// Bank 0 = the 4 KiB page. Not modelled: x2APIC, SMI, thermal and performance interrupts (their LVT entries are registers only),
// the arbitration registers (they read 0). The timer's clock is 1 GHz, so one tick is one nanosecond of virtual time.
import { type ApicMessages, EXT_INT, FIXED, INIT, type LocalApicPort, LOWEST_PRIORITY, NMI, STARTUP } from "../../bus/apic-bus.ts";
import type { Device, InterruptSource, ResetKind } from "../../bus/device.ts";
import { DwordRegisters } from "../../bus/dword-registers.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { DeviceTimers } from "../../time/clock.ts";
import { LapicState } from "./lapic.state.ts";

/** What the local APIC drives: pins of its processor, and the bus. */
export interface LapicPorts {
  readonly bus: ApicMessages;
  /** The 8259 pair, whose INTR is wired to LINT0 (see setLint). */
  readonly extInt: InterruptSource;
  /** INTR to the processor, at each change. */
  onOutput(level: boolean): void;
  onNmi(): void;
  /** The local APIC has already reset itself. */
  onInit(): void;
  onStartup(vector: number): void;
  /** IA32_APIC_BASE moved or switched the register page. */
  onBaseChange?(gpa: number, enabled: boolean): void;
  /** Paravirtual end of interrupt: the guest may end an edge-triggered interrupt, with nothing else pending, in its own memory. offer()
   *  is false where it does not want to; withdraw() is true if it has done so since. */
  readonly memoryEoi?: { offer(): boolean; withdraw(): boolean };
  /** A vector was taken into service here (not through the 8259). */
  onAcknowledge?(vector: number): void;
}

export const LAPIC_TIMER_HZ = 1_000_000_000;
const DEFAULT_BASE = 0xfee00000;
const BASE_BSP = 0x100, BASE_ENABLE = 0x800;
const VERSION = 0x0005_0014; // six LVT entries
const SVR_ENABLE = 0x100;
const LVT_TIMER = 0, LVT_LINT0 = 3, LVT_ERROR = 5;
const LVT_MASKED = 0x10000, LVT_REMOTE_IRR = 0x4000, LVT_LEVEL = 0x8000;
const LVT_WRITABLE = [0x700ff, 0x107ff, 0x107ff, 0x1a7ff, 0x1a7ff, 0x100ff] as const;
const TIMER_PERIODIC = 1, TIMER_TSC_DEADLINE = 2;
const ERROR_SENT_ILLEGAL = 0x20, ERROR_RECEIVED_ILLEGAL = 0x40, ERROR_REGISTER = 0x80;
/** Periods shorter than this are served no more often: no processor would keep up with them either. */
const MIN_PERIOD_NS = 20_000;
/** Late periods are kept up to this many, if they are no shorter than 100 us. One that finds its vector waiting is late if it comes
 *  later than this: a machine whose host is not busy fires within some microseconds. */
const MAX_LATE = 1000;
const MIN_KEPT_NS = 100_000;
const HOST_IS_LATE_NS = 50_000;
const TIMER = "timer";

export class Lapic extends DwordRegisters implements Device, InterruptSource, LocalApicPort {
  readonly id: string;
  readonly kind = "lapic";
  private readonly ports: LapicPorts;
  private readonly timers: DeviceTimers;
  private readonly hardwareId: number;
  private readonly isBsp: boolean;
  private readonly irr = new Int32Array(8);
  private readonly isr = new Int32Array(8);
  private readonly tmr = new Int32Array(8);
  private s: Omit<LapicState, "irr" | "isr" | "tmr">;
  /** Derived: highest vector in IRR and ISR (or -1), processor priority, INTR. */
  private topIrr = -1;
  private topIsr = -1;
  private ppr = 0;
  private output = false;

  constructor(id: string, apicId: number, isBsp: boolean, ports: LapicPorts, timers: DeviceTimers) {
    super();
    this.id = id;
    this.hardwareId = apicId;
    this.isBsp = isBsp;
    this.ports = ports;
    this.timers = timers;
    this.s = this.powerOn();
  }

  private powerOn(): Omit<LapicState, "irr" | "isr" | "tmr"> {
    return {
      kind: "lapic", version: 1, apicBase: DEFAULT_BASE + BASE_ENABLE + (this.isBsp ? BASE_BSP : 0), apicId: this.hardwareId,
      tpr: 0, ldr: 0, dfr: 0xffffffff, svr: 0xff, esr: 0, pendingErrors: 0, icrLo: 0, icrHi: 0, lvt: new Array<number>(6).fill(LVT_MASKED),
      initialCount: 0, divide: 0, timerStartNs: 0, expiryNs: 0, notBeforeNs: 0, late: 0, lint: [false, false], extIntMessage: false, isEoiOffered: false,
    };
  }

  // The processor's side.

  hasInterrupt(): boolean {
    return this.output;
  }

  /** Takes the 8259's interrupt if it asks through this APIC, else the highest vector; the spurious vector if there is none. */
  acknowledge(): number {
    this.settleEoi();
    if (this.wantsExtInt()) {
      const vector = this.ports.extInt.acknowledge();
      this.s.extIntMessage = this.s.extIntMessage && this.ports.extInt.hasInterrupt();
      this.update();
      return vector;
    }
    const vector = this.topIrr;
    if (!this.isDeliverable()) return this.s.svr & 0xff;
    clearBit(this.irr, vector);
    setBit(this.isr, vector);
    this.topIrr = highest(this.irr);
    const isAlone = this.topIsr < 0 && this.topIrr < 0 && !hasBit(this.tmr, vector);
    this.topIsr = vector; // it was above all in service
    if (this.s.late > 0 && vector === ((this.s.lvt[LVT_TIMER] ?? 0) & 0xff)) {
      // The next late period waits for the end of this one.
      this.s.late--;
      setBit(this.irr, vector);
      this.topIrr = Math.max(this.topIrr, vector);
    } else this.s.isEoiOffered = isAlone && (this.ports.memoryEoi?.offer() ?? false);
    this.update();
    this.ports.onAcknowledge?.(vector);
    return vector;
  }

  /** Bits 7 to 4 of the task priority, as CR8 shows them. */
  get cr8(): number {
    return this.s.tpr >> 4;
  }

  set cr8(value: number) {
    this.writeTpr((value & 15) << 4);
  }

  get apicBase(): number {
    return this.s.apicBase;
  }

  /** Writes IA32_APIC_BASE; false if the value must raise #GP. */
  writeApicBase(value: number): boolean {
    const flags = value % 4096;
    if (value < 0 || value >= 2 ** 52 || (flags & ~(BASE_BSP | BASE_ENABLE)) !== 0) return false;
    const wasEnabled = this.isEnabled();
    this.s.apicBase = value;
    if (wasEnabled && !this.isEnabled()) this.clearRegisters(); // it comes back as after power-on
    this.update();
    this.ports.onBaseChange?.(value - flags, this.isEnabled());
    return true;
  }

  /** Arms the timer for a moment of virtual time, or disarms it with 0; ignored unless the timer is in TSC-deadline mode. */
  setTscDeadline(deadlineNs: number): void {
    if (this.timerMode() !== TIMER_TSC_DEADLINE) return;
    this.s.expiryNs = Math.max(Math.ceil(deadlineNs), 0);
    if (this.s.expiryNs > 0 && this.s.expiryNs <= this.timers.nowNs()) this.expire();
    this.armTimer();
  }

  /** When the TSC-deadline timer fires, or 0 if it is not armed. */
  get tscDeadlineNs(): number {
    return this.timerMode() === TIMER_TSC_DEADLINE ? this.s.expiryNs : 0;
  }

  /** The LINT0 (0) and LINT1 (1) pins: the 8259's INTR and NMI. */
  setLint(pin: 0 | 1, level: boolean): void {
    if (this.s.lint[pin] === level) return;
    this.s.lint[pin] = level;
    this.followLint(pin, level);
    this.update();
  }

  /** Virtual wire mode, as firmware leaves it before it starts a system: LINT0 passes the 8259 through, LINT1 is NMI. */
  enterVirtualWireMode(): void {
    this.writeDword(0, 0x0f0, SVR_ENABLE | 0xff);
    this.writeDword(0, 0x350, EXT_INT << 8);
    this.writeDword(0, 0x360, NMI << 8);
  }

  // The bus's side.

  isAddressed(destination: number, logical: boolean): boolean {
    if (destination === 0xff) return true;
    if (!logical) return destination === this.s.apicId;
    const mine = this.s.ldr >>> 24;
    if (this.s.dfr >>> 28 === 0xf) return (mine & destination) !== 0;
    return mine >> 4 === destination >> 4 && (mine & destination & 0x0f) !== 0;
  }

  receive(mode: number, vector: number, level: boolean): boolean {
    switch (mode) {
      case FIXED:
      case LOWEST_PRIORITY:
        return this.accept(vector, level);
      case NMI:
        this.ports.onNmi();
        return true;
      case INIT:
        this.clearRegisters();
        this.update();
        this.ports.onInit();
        return true;
      case STARTUP:
        this.ports.onStartup(vector);
        return true;
      case EXT_INT:
        this.s.extIntMessage = true;
        this.update();
        return true;
      default:
        return true;
    }
  }

  priority(): number {
    return this.ppr;
  }

  private isEnabled(): boolean {
    return Math.floor(this.s.apicBase / BASE_ENABLE) % 2 === 1;
  }

  private isSoftwareEnabled(): boolean {
    return (this.s.svr & SVR_ENABLE) !== 0;
  }

  private accept(vector: number, level: boolean): boolean {
    this.settleEoi();
    if (!this.isEnabled() || !this.isSoftwareEnabled()) return false;
    if (vector < 16) {
      this.raiseError(ERROR_RECEIVED_ILLEGAL);
      return false;
    }
    setBit(this.irr, vector);
    if (level) setBit(this.tmr, vector);
    else clearBit(this.tmr, vector);
    if (vector > this.topIrr) this.topIrr = vector;
    this.update();
    return true;
  }

  private isDeliverable(): boolean {
    return this.topIrr >= 16 && this.topIrr >> 4 > this.ppr >> 4 && this.isSoftwareEnabled() && this.isEnabled();
  }

  private wantsExtInt(): boolean {
    if (!this.isEnabled()) return this.s.lint[0]; // LINT0 is then plainly INTR
    if (this.s.extIntMessage) return true;
    const lvt = this.s.lvt[LVT_LINT0] ?? LVT_MASKED;
    return this.s.lint[0] && (lvt & (LVT_MASKED | 0x700)) === EXT_INT << 8;
  }

  /** Works out the processor priority and INTR; after every change. */
  private update(): void {
    const inService = this.topIsr < 0 ? 0 : this.topIsr & 0xf0;
    this.ppr = this.s.tpr >> 4 >= inService >> 4 ? this.s.tpr : inService;
    const output = this.isDeliverable() || this.wantsExtInt();
    if (output === this.output) return;
    this.output = output;
    this.ports.onOutput(output);
  }

  private writeTpr(value: number): void {
    this.s.tpr = value;
    this.update();
  }

  /** Hears whether the guest has ended the interrupt that it was allowed to end in memory; from then on it is done here again. To be
   *  called before anybody looks at what is in service. */
  settleEoi(): void {
    if (!this.s.isEoiOffered) return;
    this.s.isEoiOffered = false;
    if (this.ports.memoryEoi?.withdraw()) this.endOfInterrupt();
  }

  private endOfInterrupt(): void {
    const vector = this.topIsr;
    if (vector < 0) return;
    clearBit(this.isr, vector);
    this.topIsr = highest(this.isr);
    this.update();
    if (!hasBit(this.tmr, vector)) return;
    this.ports.bus.endOfInterrupt(vector);
    for (const pin of [0, 1] as const) {
      const lvt = this.s.lvt[LVT_LINT0 + pin] ?? 0;
      if (!(lvt & LVT_REMOTE_IRR) || (lvt & 0xff) !== vector) continue;
      this.s.lvt[LVT_LINT0 + pin] = lvt & ~LVT_REMOTE_IRR;
      this.followLint(pin, false);
    }
  }

  /** What a LINT pin does after it changed (`rose`) or its LVT entry did. */
  private followLint(pin: 0 | 1, rose: boolean): void {
    if (!this.isEnabled()) {
      if (pin === 1 && rose) this.ports.onNmi();
      return;
    }
    const lvt = this.s.lvt[LVT_LINT0 + pin] ?? LVT_MASKED;
    if (lvt & LVT_MASKED || !this.s.lint[pin]) return;
    const mode = (lvt >> 8) & 7;
    if (mode === FIXED && lvt & LVT_LEVEL) {
      if (!(lvt & LVT_REMOTE_IRR) && this.accept(lvt & 0xff, true)) this.s.lvt[LVT_LINT0 + pin] = lvt | LVT_REMOTE_IRR;
    } else if (rose && mode !== EXT_INT) {
      this.receive(mode, lvt & 0xff, false);
    }
  }

  private raiseError(error: number): void {
    if (this.s.pendingErrors & error) return; // also ends the recursion of an error vector that is itself illegal
    this.s.pendingErrors |= error;
    const lvt = this.s.lvt[LVT_ERROR] ?? LVT_MASKED;
    if (!(lvt & LVT_MASKED)) this.accept(lvt & 0xff, false);
  }

  // Registers.

  protected override readDword(_bank: number, offset: number): number {
    if (!this.isEnabled()) return 0xffffffff;
    if (offset & 0xf) return 0;
    this.settleEoi();
    const index = offset >> 4;
    if (index >= 0x10 && index < 0x28) {
      const map = index < 0x18 ? this.isr : index < 0x20 ? this.tmr : this.irr;
      return (map[index & 7] ?? 0) >>> 0;
    }
    if (index >= 0x32 && index <= 0x37) return this.s.lvt[index - 0x32] ?? 0;
    switch (index) {
      case 0x02:
        return (this.s.apicId << 24) >>> 0;
      case 0x03:
        return VERSION;
      case 0x08:
        return this.s.tpr;
      case 0x0a:
        return this.ppr;
      case 0x0d:
        return this.s.ldr;
      case 0x0e:
        return this.s.dfr;
      case 0x0f:
        return this.s.svr;
      case 0x28:
        return this.s.esr;
      case 0x30:
        return this.s.icrLo;
      case 0x31:
        return this.s.icrHi;
      case 0x38:
        return this.s.initialCount;
      case 0x39:
        return this.currentCount();
      case 0x3e:
        return this.s.divide;
      case 0x09:
      case 0x0b:
      case 0x0c:
        return 0;
      default:
        this.raiseError(ERROR_REGISTER);
        return 0;
    }
  }

  protected override writeDword(_bank: number, offset: number, value: number): void {
    if (!this.isEnabled() || offset & 0xf) return;
    this.settleEoi();
    const index = offset >> 4;
    if (index >= 0x32 && index <= 0x37) {
      this.writeLvt(index - 0x32, value);
      return;
    }
    switch (index) {
      case 0x02:
        this.s.apicId = value >>> 24;
        break;
      case 0x08:
        this.writeTpr(value & 0xff);
        break;
      case 0x0b:
        this.endOfInterrupt();
        break;
      case 0x0d:
        this.s.ldr = (value & 0xff000000) >>> 0;
        break;
      case 0x0e:
        this.s.dfr = (value | 0x0fffffff) >>> 0;
        break;
      case 0x0f:
        this.writeSvr(value & 0x1ff);
        break;
      case 0x28:
        this.s.esr = this.s.pendingErrors;
        this.s.pendingErrors = 0;
        break;
      case 0x30:
        this.s.icrLo = value & 0xccfff;
        this.sendIpi();
        break;
      case 0x31:
        this.s.icrHi = (value & 0xff000000) >>> 0;
        break;
      case 0x38:
        this.startTimer(value);
        break;
      case 0x3e:
        this.writeDivide(value & 0x0b);
        break;
      default:
        if (!isReadOnly(index)) this.raiseError(ERROR_REGISTER);
    }
  }

  private writeSvr(value: number): void {
    this.s.svr = value;
    if (!(value & SVR_ENABLE)) for (let i = 0; i < 6; i++) this.s.lvt[i] = (this.s.lvt[i] ?? 0) | LVT_MASKED;
    this.armTimer();
    this.update();
  }

  private writeLvt(entry: number, value: number): void {
    const before = this.s.lvt[entry] ?? LVT_MASKED;
    let lvt = (value & (LVT_WRITABLE[entry] ?? 0)) | (before & LVT_REMOTE_IRR);
    if (!this.isSoftwareEnabled()) lvt |= LVT_MASKED;
    if (!(lvt & LVT_LEVEL)) lvt &= ~LVT_REMOTE_IRR;
    this.s.lvt[entry] = lvt;
    if (entry === LVT_TIMER) {
      if (((before ^ lvt) >> 17) & TIMER_TSC_DEADLINE) this.stopTimer();
      this.armTimer();
    } else if (entry === LVT_LINT0 || entry === LVT_LINT0 + 1) {
      this.followLint(entry === LVT_LINT0 ? 0 : 1, false);
      this.update();
    }
  }

  private sendIpi(): void {
    const { icrLo, icrHi } = this.s;
    const vector = icrLo & 0xff;
    const mode = (icrLo >> 8) & 7;
    if (mode === INIT && (icrLo & 0xc000) === 0x8000) return; // INIT level de-assert: nothing since the Pentium 4
    if ((mode === FIXED || mode === LOWEST_PRIORITY) && vector < 16) {
      this.raiseError(ERROR_SENT_ILLEGAL);
      return;
    }
    const shorthand = (icrLo >> 18) & 3;
    if (shorthand === 0) this.ports.bus.send(icrHi >>> 24, (icrLo & 0x800) !== 0, mode, vector, false);
    else if (shorthand === 1) this.receive(FIXED, vector, false);
    else this.ports.bus.sendToAll(shorthand === 3 ? this : undefined, mode, vector);
  }

  // The timer.

  private timerMode(): number {
    return ((this.s.lvt[LVT_TIMER] ?? 0) >> 17) & 3;
  }

  /** Nanoseconds for one count. */
  private divider(): number {
    const code = (this.s.divide & 3) | ((this.s.divide & 8) >> 1);
    return 1 << ((code + 1) & 7);
  }

  private currentCount(): number {
    const { initialCount, timerStartNs } = this.s;
    if (initialCount === 0) return 0;
    const elapsed = Math.floor((this.timers.nowNs() - timerStartNs) / this.divider());
    if (this.timerMode() === TIMER_PERIODIC) return initialCount - (elapsed % initialCount);
    return Math.max(initialCount - elapsed, 0);
  }

  private startTimer(initialCount: number): void {
    if (this.timerMode() === TIMER_TSC_DEADLINE) return;
    this.s.initialCount = initialCount;
    this.s.late = 0;
    this.s.timerStartNs = this.timers.nowNs();
    this.s.expiryNs = initialCount === 0 ? 0 : this.s.timerStartNs + initialCount * this.divider();
    this.armTimer();
  }

  private stopTimer(): void {
    this.s.initialCount = 0;
    this.s.expiryNs = 0;
    this.s.late = 0;
  }

  private writeDivide(divide: number): void {
    const left = this.currentCount();
    const wasCounting = left > 0;
    this.s.divide = divide;
    if (!wasCounting || this.timerMode() === TIMER_TSC_DEADLINE) return;
    const now = this.timers.nowNs();
    this.s.late = 0;
    this.s.timerStartNs = Math.max(now - (this.s.initialCount - left) * this.divider(), 0);
    this.s.expiryNs = now + left * this.divider();
    this.armTimer();
  }

  /** Waits for the next expiry only if it can interrupt. An expiry that has passed unseen while masked is not made up for. */
  private armTimer(): void {
    const { s } = this;
    if (s.expiryNs === 0 || (s.lvt[LVT_TIMER] ?? 0) & LVT_MASKED) {
      s.late = 0;
      this.timers.cancel(TIMER);
      return;
    }
    if (s.expiryNs <= this.timers.nowNs()) this.moveExpiry();
    if (s.expiryNs === 0) this.timers.cancel(TIMER);
    else this.timers.arm(TIMER, Math.max(s.expiryNs, s.notBeforeNs));
  }

  private moveExpiry(): void {
    const { s } = this;
    const now = this.timers.nowNs();
    if (this.timerMode() !== TIMER_PERIODIC || s.initialCount === 0) {
      s.expiryNs = 0;
      return;
    }
    const period = s.initialCount * this.divider();
    s.expiryNs = s.timerStartNs + (Math.floor((now - s.timerStartNs) / period) + 1) * period;
    s.notBeforeNs = period < MIN_PERIOD_NS ? now + MIN_PERIOD_NS : 0;
  }

  private expire(): void {
    const { s } = this;
    const now = this.timers.nowNs();
    const period = s.initialCount * this.divider();
    const vector = (s.lvt[LVT_TIMER] ?? 0) & 0xff;
    if (this.timerMode() === TIMER_PERIODIC && period >= MIN_KEPT_NS) {
      const lateNs = now - s.expiryNs;
      const isMerged = hasBit(this.irr, vector) && (s.late > 0 || lateNs >= HOST_IS_LATE_NS);
      s.late = Math.min(s.late + Math.floor(lateNs / period) + (isMerged ? 1 : 0), MAX_LATE);
    }
    this.moveExpiry();
    const lvt = s.lvt[LVT_TIMER] ?? LVT_MASKED;
    if (!(lvt & LVT_MASKED)) this.accept(vector, false);
  }

  onTimer(_name: string): void {
    if (this.s.expiryNs > 0 && this.s.expiryNs <= this.timers.nowNs()) this.expire();
    this.armTimer();
  }

  // Life.

  /** The state after INIT: everything but the ID, the base register and the pins. */
  private clearRegisters(): void {
    const { apicBase, apicId, lint } = this.s;
    this.s = { ...this.powerOn(), apicBase, apicId, lint };
    for (const map of [this.irr, this.isr, this.tmr]) map.fill(0);
    this.topIrr = -1;
    this.topIsr = -1;
    this.timers.cancel(TIMER);
  }

  reset(_kind: ResetKind): void {
    const before = this.s.apicBase;
    this.clearRegisters();
    const { apicBase, apicId } = this.powerOn();
    this.s.apicBase = apicBase;
    this.s.apicId = apicId;
    this.update();
    if (before !== apicBase) this.ports.onBaseChange?.(DEFAULT_BASE, true);
  }

  save(): DeviceState {
    const words = (map: Int32Array): number[] => [...new Uint32Array(map)];
    const lint: [boolean, boolean] = [this.s.lint[0], this.s.lint[1]];
    const state: LapicState = { ...this.s, lvt: [...this.s.lvt], lint, irr: words(this.irr), isr: words(this.isr), tmr: words(this.tmr) };
    return state;
  }

  /** Also tells onBaseChange if the saved register page is elsewhere. */
  load(saved: unknown): void {
    const { irr, isr, tmr, ...scalars } = parseState(LapicState, saved, this.id);
    const before = this.s.apicBase;
    this.s = scalars;
    this.irr.set(irr);
    this.isr.set(isr);
    this.tmr.set(tmr);
    this.topIrr = highest(this.irr);
    this.topIsr = highest(this.isr);
    this.update();
    const { expiryNs, notBeforeNs, lvt } = this.s;
    if (expiryNs > 0 && !((lvt[LVT_TIMER] ?? 0) & LVT_MASKED)) this.timers.arm(TIMER, Math.max(expiryNs, notBeforeNs));
    else this.timers.cancel(TIMER);
    if (before !== this.s.apicBase) this.ports.onBaseChange?.(this.s.apicBase - (this.s.apicBase % 4096), this.isEnabled());
  }

  describe(): Record<string, string | number | boolean> {
    const hex = (n: number): string => `${n.toString(16)}h`;
    return {
      apicId: this.s.apicId, base: hex(this.s.apicBase), svr: hex(this.s.svr), ppr: hex(this.ppr), intr: this.output, topIrr: this.topIrr,
      topIsr: this.topIsr, lvt: this.s.lvt.map(hex).join(" "), timerCount: this.currentCount(), expiryNs: this.s.expiryNs,
    };
  }
}

function isReadOnly(index: number): boolean {
  return index === 0x03 || (index >= 0x09 && index <= 0x0c) || (index >= 0x10 && index < 0x28) || index === 0x39;
}

function setBit(map: Int32Array, vector: number): void {
  map[vector >> 5] = (map[vector >> 5] ?? 0) | (1 << (vector & 31));
}

function clearBit(map: Int32Array, vector: number): void {
  map[vector >> 5] = (map[vector >> 5] ?? 0) & ~(1 << (vector & 31));
}

function hasBit(map: Int32Array, vector: number): boolean {
  return ((map[vector >> 5] ?? 0) & (1 << (vector & 31))) !== 0;
}

/** The highest vector set, or -1. */
function highest(map: Int32Array): number {
  for (let word = 7; word >= 0; word--) {
    const bits = map[word] ?? 0;
    if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
  }
  return -1;
}
