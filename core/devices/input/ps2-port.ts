// The cable between a PS/2 controller and one device. The device queues bytes; the controller takes them when it can.

export interface Ps2Device {
  /** A byte from the host. */
  writeByte(value: number): void;
  /** True if the device has a byte to send. */
  hasByte(): boolean;
  /** Takes it. Only when hasByte(). */
  takeByte(): number;
}

/** The device's output buffer: answers and events, bounded. */
export class Ps2Queue {
  private bytes: number[] = [];
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get length(): number {
    return this.bytes.length;
  }

  hasRoom(count: number): boolean {
    return this.bytes.length + count <= this.limit;
  }

  /** All or nothing. */
  push(...bytes: number[]): boolean {
    if (!this.hasRoom(bytes.length)) return false;
    this.bytes.push(...bytes);
    return true;
  }

  take(): number {
    return this.bytes.shift() ?? 0;
  }

  clear(): void {
    this.bytes = [];
  }

  save(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }

  load(bytes: Uint8Array): void {
    this.bytes = [...bytes];
  }
}
