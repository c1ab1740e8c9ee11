// A small random generator for tests (xorshift32): the same seed gives the same run everywhere.

export class SeededRandom {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0 || 0x9e3779b9;
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  /** 0 to limit - 1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** One of a list that is not empty. */
  pick<T>(items: readonly T[]): T {
    // Within the list by construction.
    return items[this.below(items.length)] as T;
  }
}
