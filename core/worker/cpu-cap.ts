// Holds a thread to a share of one host core. A token bucket over measured CPU time: host time fills it at the share's rate, the
// thread's own CPU time drains it. When it is empty the guest rests until a fresh quantum has collected, so that the average is
// exact whatever a slice, a picture or the system's scheduler took, and the rests come every few tens of milliseconds.
// Pure: time is handed in.

/** Host time that one rest lasts, and so the grain of the duty cycle. */
const REST_NS = 25e6;
/** A thread that was idle or was denied its core may catch up on this much host time. More would break the average over 2 s. */
const CATCH_UP_NS = 50e6;
/** Shorter slices cost more in bookkeeping than they give in precision. */
const SHORTEST_SLICE_NS = 200e3;

export class CpuCap {
  private share: number;
  private balanceNs = 0;
  private resting = false;
  private nowNs: number;
  private cpuNs: number;

  constructor(capPercent: number, nowNs: number, cpuNs: number) {
    this.share = capPercent / 100;
    this.nowNs = nowNs;
    this.cpuNs = cpuNs;
  }

  /** What was saved up or is owed under another cap does not count under the new one. */
  set(capPercent: number): void {
    this.share = capPercent / 100;
    this.balanceNs = 0;
    this.resting = false;
  }

  /** Books what happened since the last call. */
  account(nowNs: number, cpuNs: number): void {
    const earned = (nowNs - this.nowNs) * this.share;
    this.balanceNs = Math.min(this.balanceNs + earned - (cpuNs - this.cpuNs), this.share * CATCH_UP_NS);
    this.nowNs = nowNs;
    this.cpuNs = cpuNs;
    if (this.share >= 1) this.resting = false;
    else if (this.balanceNs <= 0) this.resting = true;
    else if (this.balanceNs >= this.share * REST_NS * 0.999) this.resting = false;
  }

  /** Host time to rest before the guest may run again; 0 if it may run now. */
  restNs(): number {
    return this.resting ? (this.share * REST_NS - this.balanceNs) / this.share : 0;
  }

  /** Length of the next slice, which should not overdraw. */
  sliceNs(longestNs: number): number {
    if (this.share >= 1) return longestNs;
    return Math.max(SHORTEST_SLICE_NS, Math.min(longestNs, this.balanceNs));
  }
}
