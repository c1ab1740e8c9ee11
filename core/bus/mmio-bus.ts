// Memory-mapped registers: guest-physical ranges that are not RAM. Same rules as the port bus. Addresses are numbers below 2^52.
import type { AccessSize, BusDevice } from "./device.ts";

interface Mapping {
  base: number;
  length: number;
  device: BusDevice;
  bank: number;
  name: string;
}

export class MmioBus {
  /** Sorted by base; a machine has a few dozen at most. */
  private mappings: Mapping[] = [];
  private last: Mapping | undefined;

  /** Throws RangeError if the range overlaps another. */
  map(base: number, length: number, device: BusDevice, bank: number, name: string): void {
    const other = this.mappings.find((m) => base < m.base + m.length && m.base < base + length);
    if (other) throw new RangeError(`Memory ${base.toString(16)}h of ${name} overlaps ${other.name}`);
    this.mappings = [...this.mappings, { base, length, device, bank, name }].sort((a, b) => a.base - b.base);
  }

  unmap(base: number): void {
    this.mappings = this.mappings.filter((m) => m.base !== base);
    this.last = undefined;
  }

  private find(gpa: number): Mapping | undefined {
    const last = this.last;
    if (last && gpa >= last.base && gpa < last.base + last.length) return last;
    const found = this.mappings.find((m) => gpa >= m.base && gpa < m.base + m.length);
    if (found) this.last = found;
    return found;
  }

  read(gpa: number, size: AccessSize): number {
    const m = this.find(gpa);
    if (m && gpa + size <= m.base + m.length) return m.device.readReg(m.bank, gpa - m.base, size) >>> 0;
    if (size === 1) return 0xff;
    let value = 0;
    for (let i = 0; i < size; i++) value += this.read(gpa + i, 1) * 2 ** (8 * i);
    return value;
  }

  write(gpa: number, size: AccessSize, value: number): void {
    const m = this.find(gpa);
    if (m && gpa + size <= m.base + m.length) m.device.writeReg(m.bank, gpa - m.base, size, value);
    else if (size > 1) for (let i = 0; i < size; i++) this.write(gpa + i, 1, (value >>> (8 * i)) & 0xff);
  }

  list(): { base: number; length: number; name: string }[] {
    return this.mappings.map(({ base, length, name }) => ({ base, length, name }));
  }
}
