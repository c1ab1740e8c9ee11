// Registers that are 32 bits wide and aligned. A narrower or crooked read gives the bytes it covers; a write that is not one
// whole aligned register has no effect, which the APIC and HPET specifications leave undefined.
import type { AccessSize, BusDevice } from "./device.ts";

export abstract class DwordRegisters implements BusDevice {
  protected abstract readDword(bank: number, offset: number): number;
  protected abstract writeDword(bank: number, offset: number, value: number): void;

  readReg(bank: number, offset: number, size: AccessSize): number {
    const shift = 8 * (offset & 3);
    if (shift === 0 && size === 4) return this.readDword(bank, offset) >>> 0;
    let value = this.readDword(bank, offset & ~3) >>> shift;
    if (shift + 8 * size > 32) value |= this.readDword(bank, (offset & ~3) + 4) << (32 - shift);
    return (size === 4 ? value : value & (2 ** (8 * size) - 1)) >>> 0;
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    if (size === 4 && (offset & 3) === 0) this.writeDword(bank, offset, value >>> 0);
  }
}
