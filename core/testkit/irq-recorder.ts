// An interrupt line that remembers what was done to it.
import type { IrqLine } from "../bus/device.ts";

export class IrqRecorder implements IrqLine {
  level = false;
  /** Low-to-high changes so far. */
  rises = 0;
  /** High-to-low changes so far. */
  falls = 0;

  set(level: boolean): void {
    if (level === this.level) return;
    this.level = level;
    if (level) this.rises++;
    else this.falls++;
  }
}
