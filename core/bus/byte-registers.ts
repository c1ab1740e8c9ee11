// Registers that are one byte wide: a wider access is that many byte accesses, low address first, as the ISA bus does it.
import type { AccessSize, BusDevice } from "./device.ts";

export abstract class ByteRegisters implements BusDevice {
  protected abstract readByte(bank: number, offset: number): number;
  protected abstract writeByte(bank: number, offset: number, value: number): void;

  readReg(bank: number, offset: number, size: AccessSize): number {
    if (size === 1) return this.readByte(bank, offset);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.readByte(bank, offset + i) << (8 * i);
    return value >>> 0;
  }

  writeReg(bank: number, offset: number, size: AccessSize, value: number): void {
    if (size === 1) this.writeByte(bank, offset, value & 0xff);
    else for (let i = 0; i < size; i++) this.writeByte(bank, offset + i, (value >>> (8 * i)) & 0xff);
  }
}
