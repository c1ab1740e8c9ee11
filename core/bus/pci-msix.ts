// MSI-X of one PCI function (PCI Local Bus 3.0, 6.8.2): a table of up to 2048 messages and an array of pending bits, both in memory
// that a BAR of the function maps. Masking by vector and for the whole function. Left out: what the specification leaves undefined
// (accesses to the table that are not aligned dwords have no effect).
import { DwordRegisters } from "./dword-registers.ts";
import type { PciCapability } from "./pci-function.ts";
import type { MessagePort } from "./pci-msi.ts";

const MSIX_ID = 0x11;
const CONTROL = 2;
const CONTROL_ENABLE = 0x8000;
const CONTROL_MASK = 0x4000;
const ENTRY_BYTES = 16;
const ENTRY_MASKED = 1;

export interface PciMsixSpec {
  /** Where the capability goes; 12 bytes. */
  offset: number;
  /** The BAR that maps the registers, and where in it they begin. */
  bar: number;
  barOffset?: number;
  registers: MsixRegisters;
}

/** Table and pending bits, as a BAR's bank 0: the table first, the pending bits at `pbaOffset`. Made before the function is. */
export class MsixRegisters extends DwordRegisters {
  readonly vectors: number;
  readonly pbaOffset: number;
  /** A power of two that table and pending bits fit in. */
  readonly sizeBytes: number;
  private readonly table: Uint32Array;
  private readonly pending: Uint32Array;
  /** Called when a vector's mask has changed. */
  onUnmasked: () => void = () => {};

  constructor(vectors: number) {
    super();
    if (!Number.isInteger(vectors) || vectors < 1 || vectors > 2048) throw new RangeError(`MSI-X cannot have ${vectors} vectors`);
    this.vectors = vectors;
    this.table = new Uint32Array(vectors * 4);
    this.pending = new Uint32Array(Math.ceil(vectors / 32));
    const tableBytes = Math.max(2048, 2 ** Math.ceil(Math.log2(vectors * ENTRY_BYTES)));
    this.pbaOffset = tableBytes;
    this.sizeBytes = 2 * tableBytes;
    this.reset();
  }

  reset(): void {
    this.table.fill(0);
    for (let v = 0; v < this.vectors; v++) this.table[4 * v + 3] = ENTRY_MASKED;
    this.pending.fill(0);
  }

  protected override readDword(_bank: number, offset: number): number {
    if (offset < this.vectors * ENTRY_BYTES) return this.table[offset >> 2] ?? 0;
    if (offset >= this.pbaOffset) return this.pending[(offset - this.pbaOffset) >> 2] ?? 0;
    return 0;
  }

  protected override writeDword(_bank: number, offset: number, value: number): void {
    if (offset >= this.vectors * ENTRY_BYTES) return;
    const field = (offset >> 2) & 3;
    this.table[offset >> 2] = field === 0 ? value & ~3 : field === 3 ? value & ENTRY_MASKED : value;
    if (field === 3) this.onUnmasked();
  }

  isMasked(vector: number): boolean {
    return ((this.table[4 * vector + 3] ?? ENTRY_MASKED) & ENTRY_MASKED) !== 0;
  }

  isPending(vector: number): boolean {
    return (((this.pending[vector >> 5] ?? 0) >>> (vector & 31)) & 1) !== 0;
  }

  setPending(vector: number, isPending: boolean): void {
    const bit = 1 << (vector & 31);
    const bits = this.pending[vector >> 5] ?? 0;
    this.pending[vector >> 5] = isPending ? bits | bit : bits & ~bit;
  }

  hasPending(): boolean {
    return this.pending.some((bits) => bits !== 0);
  }

  /** The message of a vector: address bits 63:32 and 31:0, data. */
  message(vector: number): [number, number, number] {
    const at = 4 * vector;
    return [this.table[at + 1] ?? 0, this.table[at] ?? 0, this.table[at + 2] ?? 0];
  }

  /** Bytes of save(). */
  get savedBytes(): number {
    return this.table.byteLength + this.pending.byteLength;
  }

  save(): Uint8Array {
    const saved = new Uint8Array(this.savedBytes);
    const view = new DataView(saved.buffer);
    for (const [i, dword] of [...this.table, ...this.pending].entries()) view.setUint32(4 * i, dword, true);
    return saved;
  }

  /** Takes what save() gave. Bits that a guest could not have set are dropped. */
  load(saved: Uint8Array): void {
    const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
    const { table, pending } = this;
    for (let i = 0; i < table.length; i++) {
      const value = view.getUint32(4 * i, true);
      table[i] = (i & 3) === 0 ? value & ~3 : (i & 3) === 3 ? value & ENTRY_MASKED : value;
    }
    for (let i = 0; i < pending.length; i++) pending[i] = view.getUint32(4 * (table.length + i), true);
    const spare = this.vectors & 31;
    if (spare) pending[pending.length - 1] = (pending[pending.length - 1] ?? 0) & (2 ** spare - 1);
  }
}

export function msixCapability(spec: PciMsixSpec): PciCapability {
  const start = spec.barOffset ?? 0;
  const dword = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
  const size = spec.registers.vectors - 1;
  return {
    offset: spec.offset,
    id: MSIX_ID,
    reset: [size & 0xff, size >> 8, ...dword(start | spec.bar), ...dword((start + spec.registers.pbaOffset) | spec.bar)],
    writable: [0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0],
  };
}

export class PciMsix {
  private readonly spec: PciMsixSpec;
  private readonly port: MessagePort;

  constructor(spec: PciMsixSpec, port: MessagePort) {
    this.spec = spec;
    this.port = port;
    spec.registers.onUnmasked = () => this.flush();
  }

  private get control(): number {
    return this.port.readConfig(this.spec.offset + CONTROL, 2);
  }

  get isEnabled(): boolean {
    return (this.control & CONTROL_ENABLE) !== 0;
  }

  notify(vector: number): void {
    const { registers } = this.spec;
    if (vector >= registers.vectors) return;
    if ((this.control & CONTROL_MASK) !== 0 || registers.isMasked(vector) || !this.port.canSend()) registers.setPending(vector, true);
    else this.port.send(...registers.message(vector));
  }

  /** Sends what has become unmasked. */
  flush(): void {
    const { registers } = this.spec;
    if (!registers.hasPending() || !this.isEnabled || (this.control & CONTROL_MASK) !== 0 || !this.port.canSend()) return;
    for (let vector = 0; vector < registers.vectors; vector++) {
      if (!registers.isPending(vector) || registers.isMasked(vector)) continue;
      registers.setPending(vector, false);
      this.port.send(...registers.message(vector));
    }
  }
}
