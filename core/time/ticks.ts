// Ticks of a fixed-rate counter against virtual nanoseconds, exact for rates up to 9 MHz: whole seconds and the rest are taken
// apart so that no product leaves the 2^53 range. Tick n begins at nsOfTick(n).

const NS_PER_SECOND = 1_000_000_000;

/** Whole ticks since time 0. `ns` must not be negative. */
export function ticksAt(ns: number, hz: number): number {
  const seconds = Math.floor(ns / NS_PER_SECOND);
  return seconds * hz + Math.floor(((ns - seconds * NS_PER_SECOND) * hz) / NS_PER_SECOND);
}

/** The first nanosecond at which ticksAt() gives `tick`. */
export function nsOfTick(tick: number, hz: number): number {
  const seconds = Math.floor(tick / hz);
  return seconds * NS_PER_SECOND + Math.ceil(((tick - seconds * hz) * NS_PER_SECOND) / hz);
}
