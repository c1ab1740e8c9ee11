// A wire that several devices drive: high while any of them holds it high (ISA interrupts shared with PCI through the PIRQ router).
import type { IrqLine } from "./device.ts";

export class LineJunction {
  private readonly target: IrqLine;
  private raised = 0;

  constructor(target: IrqLine) {
    this.target = target;
  }

  /** One driver's end. */
  tap(): IrqLine {
    let level = false;
    return {
      set: (next) => {
        if (next === level) return;
        level = next;
        this.raised += next ? 1 : -1;
        this.target.set(this.raised > 0);
      },
    };
  }
}
