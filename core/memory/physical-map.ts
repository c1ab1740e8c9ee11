// Guest-physical address space below 4 GiB, page by page: which host page backs it and whether it may be written. The table
// lies in the machine's memory, where generated code reads it too; what it does not map is device space or nothing.
import type { DmaView } from "./guest-memory.ts";

export const PAGE_SIZE = 4096;

/** Where the table lies, and the bits of its entries; given by the engine's memory layout. */
export interface PhysicalMapLayout {
  tableOffset: number;
  readOnlyBit: number;
  hasCodeBit: number;
}

export class PhysicalMap implements DmaView {
  readonly sizeBytes: number;
  private readonly bytes: Uint8Array;
  private readonly table: Int32Array;
  private readonly layout: PhysicalMapLayout;
  /** Called before bytes of a page that holds decoded code change. */
  onCodeWritten: (gpa: number, length: number) => void = () => {};
  /** Called after mappings have changed, so that cached translations are dropped. */
  onRemapped: () => void = () => {};

  /** `buffer`: the machine's whole memory. `sizeBytes`: RAM. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer, layout: PhysicalMapLayout, sizeBytes: number) {
    this.bytes = new Uint8Array(buffer);
    this.table = new Int32Array(buffer, layout.tableOffset, 1 << 20);
    this.layout = layout;
    this.sizeBytes = sizeBytes;
  }

  /** Backs [gpa, gpa+length) with host memory from `host` on. All three are page-aligned. */
  map(gpa: number, length: number, host: number, isReadOnly = false): void {
    this.remap([{ gpa, length, host, isReadOnly }]);
  }
  unmap(gpa: number, length: number): void {
    this.remap([{ gpa, length, host: null }]);
  }
  /** Several changes at the price of one. `host` null: not memory. */
  remap(changes: readonly { gpa: number; length: number; host: number | null; isReadOnly?: boolean }[]): void {
    for (const { gpa, length, host, isReadOnly } of changes) {
      const bits = isReadOnly ? this.layout.readOnlyBit : 0;
      for (let offset = 0; offset < length; offset += PAGE_SIZE) {
        this.table[(gpa + offset) / PAGE_SIZE] = host === null ? 0 : (host + offset) | bits;
      }
    }
    this.onRemapped();
  }

  /** Host address of a byte, or 0. */
  hostOf(gpa: number): number {
    if (gpa < 0 || gpa >= 0x1_0000_0000) return 0;
    const entry = this.table[Math.floor(gpa / PAGE_SIZE)] as number;
    return entry === 0 ? 0 : ((entry & ~(PAGE_SIZE - 1)) >>> 0) + (gpa % PAGE_SIZE);
  }
  private entry(gpa: number): number {
    return gpa < 0 || gpa >= 0x1_0000_0000 ? 0 : (this.table[Math.floor(gpa / PAGE_SIZE)] as number);
  }

  isRam(gpa: number, length: number): boolean {
    for (let at = gpa - (gpa % PAGE_SIZE); at < gpa + length; at += PAGE_SIZE) {
      const entry = this.entry(at);
      if (entry === 0 || (entry & this.layout.readOnlyBit) !== 0) return false;
    }
    return true;
  }

  /** True if a store goes to memory here. */
  isWritable(gpa: number): boolean {
    const entry = this.entry(gpa);
    return entry !== 0 && (entry & this.layout.readOnlyBit) === 0;
  }

  read(gpa: number, into: Uint8Array): void {
    this.eachPage(gpa, into.length, (at, from, count, entry) => {
      if (entry === 0) into.fill(0xff, from, from + count);
      else {
        const host = this.hostOf(at);
        into.set(this.bytes.subarray(host, host + count), from);
      }
    });
  }

  write(gpa: number, data: Uint8Array): void {
    this.eachPage(gpa, data.length, (at, from, count, entry) => {
      if (entry === 0 || (entry & this.layout.readOnlyBit) !== 0) return;
      if (entry & this.layout.hasCodeBit) this.onCodeWritten(at, count);
      this.bytes.set(data.subarray(from, from + count), this.hostOf(at));
    });
  }

  private eachPage(gpa: number, length: number, visit: (at: number, from: number, count: number, entry: number) => void): void {
    for (let from = 0; from < length; ) {
      const at = gpa + from;
      const count = Math.min(length - from, PAGE_SIZE - (at % PAGE_SIZE));
      visit(at, from, count, this.entry(at));
      from += count;
    }
  }
}
