// Where in usable RAM a loader may put things: keeps what is taken apart from what is free. Nothing is written here.
import { E820_RAM, type MemoryRange } from "./memory-map.ts";

interface Span {
  base: number;
  end: number;
}

/** The interrupt vectors and BIOS data area, and the boot sector's place, are left alone. */
const LOWEST = 0x1000;

export class Placement {
  private readonly usable: Span[];
  private readonly taken: Span[] = [];

  constructor(map: readonly MemoryRange[]) {
    this.usable = map
      .filter(({ type }) => type === E820_RAM)
      .map(({ base, length }) => ({ base: Math.max(base, LOWEST), end: base + length }));
  }

  /** End of the highest usable RAM. */
  get end(): number {
    return this.usable.at(-1)?.end ?? 0;
  }

  /** True if all of the range is usable RAM, taken or not. */
  isUsable(base: number, length: number): boolean {
    return length >= 0 && this.usable.some((span) => base >= span.base && base + length <= span.end);
  }

  take(base: number, length: number): void {
    this.taken.push({ base, end: base + length });
  }

  /** The lowest free place at or above `from`, taken; null if there is none. `align` is a power of two. */
  takeLowest(length: number, align: number, from = LOWEST, before = Infinity): number | null {
    for (const span of this.usable) {
      let base = roundUp(Math.max(span.base, from), align);
      for (;;) {
        if (base + length > Math.min(span.end, before)) break;
        const blocker = this.blockerOf(base, length);
        if (!blocker) {
          this.take(base, length);
          return base;
        }
        base = roundUp(blocker.end, align);
      }
    }
    return null;
  }

  /** The highest free place that ends at or below `before`, taken; null if there is none. */
  takeHighest(length: number, align: number, before = Infinity): number | null {
    for (const span of [...this.usable].reverse()) {
      let base = roundDown(Math.min(span.end, before) - length, align);
      while (base >= span.base) {
        const blocker = this.blockerOf(base, length);
        if (!blocker) {
          this.take(base, length);
          return base;
        }
        base = roundDown(blocker.base - length, align);
      }
    }
    return null;
  }

  private blockerOf(base: number, length: number): Span | undefined {
    return this.taken.find((span) => base < span.end && span.base < base + length);
  }
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

function roundDown(value: number, align: number): number {
  return Math.floor(value / align) * align;
}
