// Message-signalled interrupts of one PCI function (PCI Local Bus 3.0, 6.8.1): 64-bit message address, 1 to 32 vectors, masking and
// pending bits per vector where the device asks for them. Everything it holds lies in configuration space, so it has no state
// of its own. The bus helps itself to the address: only writes to FEExxxxxh are interrupts, others are dropped.
import type { PciCapability } from "./pci-function.ts";

const MSI_ID = 0x05;
const CONTROL = 2, ADDRESS = 4, ADDRESS_HIGH = 8, DATA = 12, MASK = 16, PENDING = 20;
const CONTROL_ENABLE = 0x0001;
const CONTROL_64BIT = 0x0080;
const CONTROL_MASKING = 0x0100;

/** Takes a message: the write of `data` to `address` that a function does instead of raising its pin. False if nobody took it. */
export interface MsiSink {
  sendMsi(address: number, data: number): boolean;
}

/** What message capabilities need of the function that they are part of. */
export interface MessagePort {
  readConfig(offset: number, size: 1 | 2 | 4): number;
  setConfigByte(offset: number, value: number): void;
  /** The function may write to memory: it is a bus master, and plugged in. */
  canSend(): boolean;
  /** Does the memory write; `addressHigh` is bits 63:32. */
  send(addressHigh: number, address: number, data: number): void;
}

export interface PciMsiSpec {
  /** Where the capability goes; 14 bytes, 24 with masking. */
  offset: number;
  vectors: 1 | 2 | 4 | 8 | 16 | 32;
  /** Masking and pending bits per vector. */
  hasMasking?: boolean;
}

export function msiCapability(spec: PciMsiSpec): PciCapability {
  const log2 = Math.log2(spec.vectors);
  const control = CONTROL_64BIT | (spec.hasMasking ? CONTROL_MASKING : 0) | (log2 << 1);
  const reset = [control & 0xff, control >> 8, ...new Array<number>(10).fill(0)];
  const writable = [0x71, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  if (spec.hasMasking) {
    const bits = 2 ** spec.vectors - 1;
    reset.push(...new Array<number>(10).fill(0));
    writable.push(0, 0, bits & 0xff, (bits >>> 8) & 0xff, (bits >>> 16) & 0xff, (bits >>> 24) & 0xff, 0, 0, 0, 0);
  }
  return { offset: spec.offset, id: MSI_ID, reset, writable };
}

export class PciMsi {
  private readonly spec: PciMsiSpec;
  private readonly port: MessagePort;

  constructor(spec: PciMsiSpec, port: MessagePort) {
    this.spec = spec;
    this.port = port;
  }

  get isEnabled(): boolean {
    return (this.port.readConfig(this.spec.offset + CONTROL, 2) & CONTROL_ENABLE) !== 0;
  }

  /** How many vectors the guest has granted. A device with more events than these folds them. */
  get granted(): number {
    return Math.min(2 ** ((this.port.readConfig(this.spec.offset + CONTROL, 2) >> 4) & 7), this.spec.vectors);
  }

  notify(vector: number): void {
    const bit = vector % this.granted;
    if (this.port.canSend() && !this.isMasked(bit)) this.send(bit);
    else if (this.spec.hasMasking) this.setPending(this.pending() | (2 ** bit));
  }

  /** Sends what has become unmasked. */
  flush(): void {
    if (!this.spec.hasMasking || !this.isEnabled || !this.port.canSend()) return;
    const due = this.pending() & ~this.port.readConfig(this.spec.offset + MASK, 4);
    if (due === 0) return;
    this.setPending(this.pending() & ~due);
    for (let bit = 0; bit < this.granted; bit++) if (due & (2 ** bit)) this.send(bit);
  }

  private send(vector: number): void {
    const { port, spec } = this;
    const data = (port.readConfig(spec.offset + DATA, 2) & ~(this.granted - 1)) | vector;
    port.send(port.readConfig(spec.offset + ADDRESS_HIGH, 4), port.readConfig(spec.offset + ADDRESS, 4), data);
  }

  private isMasked(vector: number): boolean {
    return this.spec.hasMasking === true && ((this.port.readConfig(this.spec.offset + MASK, 4) >>> vector) & 1) !== 0;
  }

  private pending(): number {
    return this.port.readConfig(this.spec.offset + PENDING, 4);
  }

  private setPending(bits: number): void {
    for (let i = 0; i < 4; i++) this.port.setConfigByte(this.spec.offset + PENDING + i, (bits >>> (8 * i)) & 0xff);
  }
}
