// Ticks of a periodic timer that come due together, because the machine looks late, or while the tick before still waits at the
// interrupt controller, because it was late. They are given out one after the other: each when the guest has taken the last, if that
// can be heard, else some time apart. Ticks that a guest leaves lying without the machine being late are lost, as in hardware.
import { z } from "zod";
import { timeNs } from "../../state/field-schemas.ts";

/** About a second of a 1000 Hz tick. */
const MAX_LATE = 1000;
/** A timer that is looked at so late has had a busy host: one that is not fires within some microseconds. */
const HOST_IS_LATE_NS = 50_000;

export const LateTicks = z.strictObject({
  /** Still to be given out. */
  late: z.int().min(0).max(MAX_LATE),
  /** The guest has taken the last one given. */
  isTaken: z.boolean(),
  /** It has been heard to take one, so it will be again. */
  isHeard: z.boolean(),
  /** Where nothing is heard: the next not before this. */
  retryNs: timeNs,
});
export type LateTicks = z.infer<typeof LateTicks>;

export function noLateTicks(): LateTicks {
  return { late: 0, isTaken: true, isHeard: false, retryNs: 0 };
}

/** `count` ticks, at least one, have come due, the first `lateNs` ago. True: a pulse is to be given. */
export function ticksDue(s: LateTicks, count: number, lateNs: number, nowNs: number, pauseNs: number): boolean {
  if (s.isHeard && !s.isTaken) {
    // A pulse now is one with that which waits.
    if (s.late > 0 || lateNs >= HOST_IS_LATE_NS) s.late = Math.min(s.late + count, MAX_LATE);
    return true;
  }
  if (s.late > 0) {
    s.late = Math.min(s.late + count, MAX_LATE);
    return isRetryDue(s, nowNs, pauseNs);
  }
  s.late = Math.min(count - 1, MAX_LATE);
  s.retryNs = nowNs + pauseNs;
  s.isTaken = false;
  return true;
}

/** When to look again for a late tick, or Infinity. */
export function retryAt(s: LateTicks): number {
  return s.late > 0 && !s.isHeard ? s.retryNs : Infinity;
}

/** True: a pulse is to be given. */
export function isRetryDue(s: LateTicks, nowNs: number, pauseNs: number): boolean {
  if (nowNs < retryAt(s) || s.late === 0) return false;
  return give(s, nowNs, pauseNs);
}

/** The guest has taken the last tick into service. True: a pulse is to be given for the next. */
export function tickTaken(s: LateTicks, nowNs: number, pauseNs: number): boolean {
  s.isHeard = true;
  s.isTaken = true;
  return s.late > 0 && give(s, nowNs, pauseNs);
}

function give(s: LateTicks, nowNs: number, pauseNs: number): true {
  s.late--;
  s.isTaken = false;
  s.retryNs = nowNs + pauseNs;
  return true;
}
