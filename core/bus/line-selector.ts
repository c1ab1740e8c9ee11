// One interrupt input with two possible sources of which one is connected: legacy replacement takes IRQ 0 and IRQ 8 from the 8254 and
// the RTC and gives them to the HPET. The other source's level is remembered, not passed on.
import type { IrqLine } from "./device.ts";

export class LineSelector {
  readonly first: IrqLine;
  readonly second: IrqLine;
  private readonly output: IrqLine;
  private readonly levels: [boolean, boolean] = [false, false];
  private selected: 0 | 1 = 0;

  constructor(output: IrqLine) {
    this.output = output;
    const input = (index: 0 | 1): IrqLine => ({
      set: (level) => {
        this.levels[index] = level;
        if (index === this.selected) output.set(level);
      },
    });
    this.first = input(0);
    this.second = input(1);
  }

  selectSecond(second: boolean): void {
    this.selected = second ? 1 : 0;
    this.output.set(this.levels[this.selected]);
  }
}
