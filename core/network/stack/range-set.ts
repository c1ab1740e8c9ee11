// A sorted set of disjoint half-open ranges of stream positions, bounded in number: what arrived out of order (receiver) and what
// the peer holds beyond its acknowledgement (sender's scoreboard, RFC 6675).

export interface Range {
  start: number;
  end: number;
}

export class RangeSet {
  readonly ranges: Range[] = [];
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Adds a range, merging it with those it touches. False, and no change, if that would exceed the limit. */
  add(start: number, end: number): boolean {
    if (end <= start) return true;
    const ranges = this.ranges;
    let first = 0;
    while (first < ranges.length && (ranges[first] as Range).end < start) first++;
    let last = first;
    while (last < ranges.length && (ranges[last] as Range).start <= end) last++;
    if (last === first) {
      if (ranges.length >= this.limit) return false;
      ranges.splice(first, 0, { start, end });
      return true;
    }
    const merged = { start: Math.min(start, (ranges[first] as Range).start), end: Math.max(end, (ranges[last - 1] as Range).end) };
    ranges.splice(first, last - first, merged);
    return true;
  }

  /** Forgets everything below `position`. */
  trim(position: number): void {
    while (this.ranges.length > 0 && (this.ranges[0] as Range).end <= position) this.ranges.shift();
    const first = this.ranges[0];
    if (first !== undefined && first.start < position) first.start = position;
  }

  clear(): void {
    this.ranges.length = 0;
  }

  get total(): number {
    let total = 0;
    for (const range of this.ranges) total += range.end - range.start;
    return total;
  }

  /** How much of [start, end) is in the set. */
  covered(start: number, end: number): number {
    let total = 0;
    for (const range of this.ranges) total += Math.max(0, Math.min(end, range.end) - Math.max(start, range.start));
    return total;
  }

  find(position: number): Range | undefined {
    return this.ranges.find((range) => range.start <= position && position < range.end);
  }
}
