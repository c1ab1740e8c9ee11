// The 64 Ki I/O port space. Ranges map to (device, bank); overlap is an error; what nothing answers reads as all ones, as on a
// bus with pull-ups. An access that straddles a range's end is split into bytes, as the ISA bus does.
import type { AccessSize, BusDevice } from "./device.ts";

interface Mapping {
  base: number;
  length: number;
  device: BusDevice;
  bank: number;
  name: string;
}

export class PortBus {
  /** Mapping number + 1 for each port, 0 where nothing answers. */
  private readonly slots = new Uint16Array(0x10000);
  private readonly mappings: (Mapping | null)[] = [null];

  /** Throws RangeError if the range leaves the port space or overlaps another. */
  map(base: number, length: number, device: BusDevice, bank: number, name: string): void {
    if (base < 0 || length < 1 || base + length > 0x10000) throw new RangeError(`Ports ${hex(base)}+${length} of ${name} leave the port space`);
    for (let p = base; p < base + length; p++) {
      const other = this.mappings[this.slots[p] ?? 0];
      if (other) throw new RangeError(`Port ${hex(p)} of ${name} is already taken by ${other.name}`);
    }
    let slot = this.mappings.indexOf(null, 1);
    if (slot < 0) slot = this.mappings.length;
    this.mappings[slot] = { base, length, device, bank, name };
    this.slots.fill(slot, base, base + length);
  }

  /** True if nothing answers in the range, and it lies in the port space. */
  isFree(base: number, length: number): boolean {
    return base >= 0 && base + length <= 0x10000 && this.slots.subarray(base, base + length).every((slot) => slot === 0);
  }

  /** Takes away the mapping that starts at `base`; nothing happens if there is none. */
  unmap(base: number): void {
    const slot = this.slots[base] ?? 0;
    const m = this.mappings[slot];
    if (!m || m.base !== base) return;
    this.slots.fill(0, base, base + m.length);
    this.mappings[slot] = null;
  }

  read(port: number, size: AccessSize): number {
    const m = this.mappings[this.slots[port] ?? 0];
    if (m && port + size <= m.base + m.length) return m.device.readReg(m.bank, port - m.base, size) >>> 0;
    if (size === 1) return 0xff;
    if (!m && this.isEmpty(port, size)) return size === 2 ? 0xffff : 0xffffffff;
    let value = 0;
    for (let i = 0; i < size; i++) value += this.read((port + i) & 0xffff, 1) * 2 ** (8 * i);
    return value;
  }

  write(port: number, size: AccessSize, value: number): void {
    const m = this.mappings[this.slots[port] ?? 0];
    if (m && port + size <= m.base + m.length) m.device.writeReg(m.bank, port - m.base, size, value);
    else if (size > 1) for (let i = 0; i < size; i++) this.write((port + i) & 0xffff, 1, (value >>> (8 * i)) & 0xff);
  }

  /** As far as the device has a fast way to read one port again and again: bytes put into `into`, 0 for none (BusDevice.readRun). */
  readRun(port: number, size: AccessSize, into: Uint8Array): number {
    const m = this.mappings[this.slots[port] ?? 0];
    return m?.device.readRun && port + size <= m.base + m.length ? m.device.readRun(m.bank, port - m.base, size, into) : 0;
  }

  writeRun(port: number, size: AccessSize, from: Uint8Array): number {
    const m = this.mappings[this.slots[port] ?? 0];
    return m?.device.writeRun && port + size <= m.base + m.length ? m.device.writeRun(m.bank, port - m.base, size, from) : 0;
  }

  private isEmpty(port: number, size: number): boolean {
    for (let i = 0; i < size; i++) if (this.slots[(port + i) & 0xffff]) return false;
    return true;
  }

  /** Every mapping, by address: for the debugger and for tests that touch everything. */
  list(): { base: number; length: number; name: string }[] {
    return this.mappings.filter((m) => m !== null).map(({ base, length, name }) => ({ base, length, name })).sort((a, b) => a.base - b.base);
  }
}

function hex(n: number): string {
  return `${n.toString(16)}h`;
}
