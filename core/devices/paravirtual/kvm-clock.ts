// The structures of KVM's clock in guest memory (Linux Documentation/virt/kvm/x86/msr.rst: pvclock_vcpu_time_info and
// pvclock_wall_clock). Time is system_time + ((tsc - tsc_timestamp) shifted by tsc_shift) * tsc_to_system_mul / 2^32. An odd version
// says that a structure is being written. Since the time-stamp counter never changes its pace, it is written but once.
import type { DirectDmaView } from "../../memory/guest-memory.ts";

export const SYSTEM_TIME_BYTES = 32, WALL_CLOCK_BYTES = 12;
const FLAGS = 29;
const TSC_STABLE = 1, GUEST_STOPPED = 2;
const TWO_32 = 2 ** 32;
const NS_PER_SECOND = 1_000_000_000;

/** A 64-bit value as unsigned words. */
export type Words = readonly [lo: number, hi: number];

/** tsc_to_system_mul, a fraction of 2^32 from a half up, and the shift that goes before it. */
export function clockScale(tscHz: number): { multiplier: number; shift: number } {
  let ratio = NS_PER_SECOND / tscHz;
  let shift = 0;
  for (; ratio >= 1; ratio /= 2) shift++;
  for (; ratio < 0.5; ratio *= 2) shift--;
  return { multiplier: Math.round(ratio * TWO_32), shift };
}

export interface SystemTime {
  tsc: Words;
  nowNs: number;
  tscHz: number;
  /** The guest has been stopped since: its watchdogs are not to bark. */
  wasStopped: boolean;
}

/** Nothing happens where there is no RAM. */
export function writeSystemTime(memory: DirectDmaView, gpa: number, time: SystemTime): void {
  const fields = new DataView(new ArrayBuffer(SYSTEM_TIME_BYTES));
  if (!memory.isRam(gpa, SYSTEM_TIME_BYTES)) return;
  memory.read(gpa, new Uint8Array(fields.buffer));
  // The guest takes the flag back itself.
  const stopped = time.wasStopped ? GUEST_STOPPED : fields.getUint8(FLAGS) & GUEST_STOPPED;
  const { multiplier, shift } = clockScale(time.tscHz);
  fields.setUint32(4, 0);
  fields.setUint32(8, time.tsc[0], true);
  fields.setUint32(12, time.tsc[1], true);
  fields.setUint32(16, time.nowNs % TWO_32, true);
  fields.setUint32(20, Math.floor(time.nowNs / TWO_32), true);
  fields.setUint32(24, multiplier, true);
  fields.setInt8(28, shift);
  fields.setUint8(FLAGS, TSC_STABLE | stopped);
  fields.setUint16(30, 0);
  writeVersioned(memory, gpa, fields);
}

/** `seconds` and `nanoseconds`: wall time when the system time was 0. */
export function writeWallClock(memory: DirectDmaView, gpa: number, seconds: number, nanoseconds: number): void {
  const fields = new DataView(new ArrayBuffer(WALL_CLOCK_BYTES));
  if (!memory.isRam(gpa, WALL_CLOCK_BYTES)) return;
  memory.read(gpa, new Uint8Array(fields.buffer, 0, 4));
  fields.setUint32(4, seconds, true);
  fields.setUint32(8, nanoseconds, true);
  writeVersioned(memory, gpa, fields);
}

function writeVersioned(memory: DirectDmaView, gpa: number, fields: DataView<ArrayBuffer>): void {
  const odd = ((fields.getUint32(0, true) + 1) | 1) >>> 0;
  const version = new DataView(new ArrayBuffer(4));
  const writeVersion = (value: number): void => {
    version.setUint32(0, value, true);
    memory.write(gpa, new Uint8Array(version.buffer));
  };
  writeVersion(odd);
  memory.write(gpa + 4, new Uint8Array(fields.buffer, 4));
  writeVersion((odd + 1) >>> 0);
}
