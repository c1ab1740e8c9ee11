// What a guest that knows KVM finds here (Linux Documentation/virt/kvm/x86/cpuid.rst and msr.rst): a clock that it reads without
// leaving its own code, and an end of interrupt that is a bit in its own memory. The other features are not offered.
// While the machine is paused, the clock stands still as the time-stamp counter does. Afterwards the guest finds GUEST_STOPPED set and,
// if it asks for the wall clock again, a time that has gone on.
import type { Device, ResetKind } from "../../bus/device.ts";
import type { DirectDmaView } from "../../memory/guest-memory.ts";
import { type DeviceState, parseState } from "../../state/device-state.ts";
import type { Clock } from "../../time/clock.ts";
import { type Words, writeSystemTime, writeWallClock } from "./kvm-clock.ts";
import { KvmState } from "./kvm-interface.state.ts";

export const KVM_MSR_FIRST = 0x4b564d00, KVM_MSR_LAST = 0x4b564dff;
const WALL_CLOCK = 0x4b564d00, SYSTEM_TIME = 0x4b564d01, END_OF_INTERRUPT = 0x4b564d04;
/** Leaf 40000001h EAX: no delays between port accesses, the clock at these registers, PV EOI, and a clock that never goes back. */
export const KVM_FEATURES = (1 << 1) | (1 << 3) | (1 << 6) | (1 << 24);
const ENABLED = 1;
const TWO_32 = 2 ** 32;
const NS_PER_SECOND = 1_000_000_000;

export interface KvmPorts {
  readonly memory: DirectDmaView;
  readonly clock: Clock;
  readonly tscHz: number;
  /** The guest's time-stamp counter at a moment of virtual time. */
  tscAt(ns: number): Words;
  /** Wall time at virtual time 0. */
  readonly epochMs: number;
  /** The word for the end of interrupts is about to move or go: what the guest has said there is to be heard now. */
  beforeEoiMoves(): void;
}

export class KvmInterface implements Device {
  readonly id: string;
  readonly kind = "kvm";
  private readonly ports: KvmPorts;
  private s: KvmState = powerOn();
  private readonly byte = new Uint8Array(1);

  constructor(id: string, ports: KvmPorts) {
    this.id = id;
    this.ports = ports;
  }

  /** Null: there is no such register. */
  readMsr(index: number): Words | null {
    if (index === WALL_CLOCK) return this.s.wallClock;
    if (index === SYSTEM_TIME) return this.s.systemTime;
    if (index === END_OF_INTERRUPT) return this.s.endOfInterrupt;
    return null;
  }

  /** False: there is no such register, or the value is refused. */
  writeMsr(index: number, lo: number, hi: number): boolean {
    switch (index) {
      case WALL_CLOCK:
        this.s.wallClock = [lo, hi];
        this.tellWallTime();
        return true;
      case SYSTEM_TIME:
        this.s.systemTime = [lo, hi];
        this.tellTime(false);
        return true;
      case END_OF_INTERRUPT:
        if (lo & 2) return false;
        this.ports.beforeEoiMoves();
        this.s.endOfInterrupt = [lo, hi];
        return true;
      default:
        return false;
    }
  }

  private tellWallTime(): void {
    const { epochMs, memory } = this.ports;
    const startMs = Math.floor(epochMs) + Math.floor(this.s.pausedNs / 1e6);
    const seconds = Math.floor(startMs / 1000);
    const nanoseconds = (startMs - seconds * 1000) * 1e6 + (this.s.pausedNs % 1e6);
    writeWallClock(memory, addressOf(this.s.wallClock), seconds, Math.min(nanoseconds, NS_PER_SECOND - 1));
  }

  private tellTime(wasStopped: boolean): void {
    const { clock, tscHz, memory } = this.ports;
    if (!isEnabled(this.s.systemTime)) return;
    const nowNs = clock.nowNs();
    writeSystemTime(memory, addressOf(this.s.systemTime), { tsc: this.ports.tscAt(nowNs), nowNs, tscHz, wasStopped });
  }

  /** The guest has set its time-stamp counter. */
  tscChanged(): void {
    this.tellTime(false);
  }

  /** The machine goes on after a pause. */
  resumed(pausedNs: number): void {
    this.s.pausedNs += pausedNs;
    this.tellTime(true);
  }

  /** Tells the guest that it may end the interrupt it is about to get in its memory. False: it has to do it the usual way. */
  offerEoi(): boolean {
    const { endOfInterrupt } = this.s;
    return isEnabled(endOfInterrupt) && this.setEoiBit(addressOf(endOfInterrupt), 1);
  }

  /** Takes the offer back. True: the guest has ended the interrupt meanwhile. */
  withdrawEoi(): boolean {
    const { endOfInterrupt } = this.s;
    const gpa = addressOf(endOfInterrupt);
    if (!isEnabled(endOfInterrupt) || !this.ports.memory.isRam(gpa, 1)) return false;
    this.ports.memory.read(gpa, this.byte);
    return ((this.byte[0] ?? 0) & 1) === 0 || !this.setEoiBit(gpa, 0);
  }

  private setEoiBit(gpa: number, bit: 0 | 1): boolean {
    if (!this.ports.memory.isRam(gpa, 1)) return false;
    this.byte[0] = bit;
    this.ports.memory.write(gpa, this.byte);
    return true;
  }

  reset(_kind: ResetKind): void {
    this.s = { ...powerOn(), pausedNs: this.s.pausedNs };
  }

  save(): DeviceState {
    return { ...this.s, wallClock: [...this.s.wallClock], systemTime: [...this.s.systemTime], endOfInterrupt: [...this.s.endOfInterrupt] };
  }

  load(saved: unknown): void {
    this.s = parseState(KvmState, saved, this.id);
  }

  describe(): Record<string, string | number | boolean> {
    return { clock: isEnabled(this.s.systemTime), endOfInterrupt: isEnabled(this.s.endOfInterrupt) };
  }
}

function isEnabled(register: Words): boolean {
  return (register[0] & ENABLED) !== 0;
}

function addressOf(register: Words): number {
  return register[1] * TWO_32 + ((register[0] & ~ENABLED) >>> 0);
}

function powerOn(): KvmState {
  return { kind: "kvm", version: 1, wallClock: [0, 0], systemTime: [0, 0], endOfInterrupt: [0, 0], pausedNs: 0 };
}
