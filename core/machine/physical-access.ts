// Guest-physical loads and stores outside the fast path: RAM through the map, everything else on the memory-mapped bus. Accesses
// of up to 16 bytes are cut into what the bus knows.
import type { AccessSize } from "../bus/device.ts";
import type { MmioBus } from "../bus/mmio-bus.ts";
import type { PhysicalAccess } from "../cpu/mmu/linear-memory.ts";
import type { PhysicalMap } from "../memory/physical-map.ts";

export class PhysicalBus implements PhysicalAccess {
  private readonly map: PhysicalMap;
  private readonly mmio: MmioBus;
  private readonly bytes: Uint8Array;
  private readonly scratch = new Uint8Array(4);

  constructor(buffer: SharedArrayBuffer, map: PhysicalMap, mmio: MmioBus) {
    this.bytes = new Uint8Array(buffer);
    this.map = map;
    this.mmio = mmio;
  }

  read(gpa: number, size: 1 | 2 | 4): number {
    const host = this.map.hostOf(gpa);
    if (host === 0) return this.mmio.read(gpa, size);
    const b = this.bytes;
    let value = b[host] as number;
    if (size > 1) value |= (b[host + 1] as number) << 8;
    if (size > 2) value |= ((b[host + 2] as number) << 16) | ((b[host + 3] as number) << 24);
    return value >>> 0;
  }

  write(gpa: number, size: 1 | 2 | 4, value: number): void {
    // What memory does not take goes out on the bus, also a store to ROM.
    if (!this.map.isWritable(gpa)) {
      this.mmio.write(gpa, size, value);
      return;
    }
    for (let i = 0; i < size; i++) this.scratch[i] = value >>> (8 * i);
    this.map.write(gpa, this.scratch.subarray(0, size));
  }

  direct(gpa: number, length: number): Uint8Array | null {
    return this.map.direct(gpa, length);
  }
  changed(gpa: number, length: number): void {
    this.map.changed(gpa, length);
  }

  /** Device load into host memory. */
  load(gpa: number, size: number, host: number): void {
    for (let i = 0; i < size; ) {
      const part = partSize(size - i);
      const value = this.mmio.read(gpa + i, part);
      for (let n = 0; n < part; n++) this.bytes[host + i + n] = value >>> (8 * n);
      i += part;
    }
  }
  store(gpa: number, size: number, host: number): void {
    for (let i = 0; i < size; ) {
      const part = partSize(size - i);
      let value = 0;
      for (let n = 0; n < part; n++) value |= (this.bytes[host + i + n] as number) << (8 * n);
      this.mmio.write(gpa + i, part, value >>> 0);
      i += part;
    }
  }
}

/** The widest access that fits: a misaligned word or dword stays whole, as a register may be read at any offset. */
function partSize(left: number): AccessSize {
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}
