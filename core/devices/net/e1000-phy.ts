// The 82540EM's transceiver (8254x manual, 13.5; a Marvell 88E1011): IEEE 802.3 clause 22 registers and the few of its own that drivers
// read, through MDIC. The link partner does 1000 Mbit/s full duplex; negotiation takes no time.
import { z } from "zod";
import { u16 } from "../../state/field-schemas.ts";

const REGISTERS = 32;
const CONTROL = 0, PHY_STATUS = 1, PARTNER = 5, GIGABIT_STATUS = 10, SPECIFIC_STATUS = 17;
const CONTROL_RESET = 0x8000, CONTROL_RESTART = 0x0200;
const STATUS_COMPLETE_AND_LINK = 0x0024;
const MDIC_READ = 2, MDIC_WRITE = 1, MDIC_READY = 0x10000000, MDIC_ERROR = 0x40000000;
const ADDRESS = 1;

const AFTER_RESET: readonly [number, number][] = [
  [CONTROL, 0x1140], [PHY_STATUS, 0x7949], [2, 0x0141], [3, 0x0c20], [4, 0x0de1], [6, 0x0004], [9, 0x0e00], [15, 0x3000], [16, 0x0068], [20, 0x0d60],
];
/** Registers that a driver may write, by bit: control, advertisement, next page, 1000BASE-T control, specific control, interrupts, pages. */
const WRITABLE = [CONTROL, 4, 7, 9, 16, 18, 20, 24, 29, 30].reduce((bits, register) => bits | (1 << register), 0);

export const PhyState = z.strictObject({ registers: z.array(u16).length(REGISTERS) });

export class E1000Phy {
  private readonly registers = new Uint16Array(REGISTERS);

  constructor() {
    this.reset();
  }

  reset(): void {
    this.registers.fill(0);
    for (const [register, value] of AFTER_RESET) this.registers[register] = value;
  }

  /** Does what a write to MDIC asks for. Gives MDIC's new value, and whether the link was negotiated anew. */
  command(mdic: number, hasLink: boolean): { mdic: number; isRestarted: boolean } {
    const register = (mdic >> 16) & 31;
    const operation = (mdic >> 26) & 3;
    const request = mdic & 0x2fffffff;
    if (((mdic >> 21) & 31) !== ADDRESS || (operation !== MDIC_READ && operation !== MDIC_WRITE)) {
      return { mdic: request + MDIC_READY + MDIC_ERROR, isRestarted: false };
    }
    if (operation === MDIC_READ) return { mdic: (request & 0xffff0000) + this.read(register, hasLink) + MDIC_READY, isRestarted: false };
    return { mdic: request + MDIC_READY, isRestarted: this.write(register, mdic & 0xffff) };
  }

  private read(register: number, hasLink: boolean): number {
    const value = this.registers[register] ?? 0;
    if (!hasLink) return value;
    if (register === PHY_STATUS) return value | STATUS_COMPLETE_AND_LINK;
    if (register === PARTNER) return 0x4de1;
    if (register === GIGABIT_STATUS) return 0x3800;
    return register === SPECIFIC_STATUS ? 0xac00 : value;
  }

  private write(register: number, value: number): boolean {
    if (register === CONTROL && (value & CONTROL_RESET) !== 0) {
      this.reset();
      return true;
    }
    if ((WRITABLE >>> register) & 1) this.registers[register] = register === CONTROL ? value & ~CONTROL_RESTART : value;
    return register === CONTROL && (value & CONTROL_RESTART) !== 0;
  }

  save(): z.infer<typeof PhyState> {
    return { registers: [...this.registers] };
  }

  load(saved: z.infer<typeof PhyState>): void {
    this.registers.set(saved.registers);
  }
}
