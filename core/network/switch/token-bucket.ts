// A token bucket in virtual time: a rate with a burst of one tenth of a second, and never less than `leastBurst`.

export class TokenBucket {
  private readonly perNs: number;
  private readonly burst: number;
  private tokens: number;
  private filledNs: number;

  constructor(perSecond: number, leastBurst: number, nowNs: number) {
    this.perNs = perSecond / 1e9;
    this.burst = Math.max(perSecond / 10, leastBurst);
    this.tokens = this.burst;
    this.filledNs = nowNs;
  }

  /** Takes `count` tokens if they are there. */
  take(count: number, nowNs: number): boolean {
    if (nowNs > this.filledNs) {
      this.tokens = Math.min(this.burst, this.tokens + (nowNs - this.filledNs) * this.perNs);
      this.filledNs = nowNs;
    }
    if (this.tokens < count) return false;
    this.tokens -= count;
    return true;
  }
}
