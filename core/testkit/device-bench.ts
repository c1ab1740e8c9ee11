// What one device under test is plugged into: a clock, and interrupt lines by name.
import type { DeviceTimers, TimerOwner } from "../time/clock.ts";
import { FakeClock } from "./fake-clock.ts";
import { IrqRecorder } from "./irq-recorder.ts";

export class DeviceBench {
  readonly clock: FakeClock = new FakeClock();
  private readonly lines = new Map<string, IrqRecorder>();

  /** The line of that name, made on first use. */
  irq(name = "irq"): IrqRecorder {
    const line = this.lines.get(name) ?? new IrqRecorder();
    this.lines.set(name, line);
    return line;
  }

  timers(owner: () => { onTimer?(name: string): void }): DeviceTimers {
    return this.clock.timers(() => owner() as TimerOwner); // a device that arms no timer needs no onTimer
  }

  /** The names of the lines that are high, to compare two benches. */
  highLines(): string[] {
    return [...this.lines].filter(([, line]) => line.level).map(([name]) => name).sort();
  }
}
