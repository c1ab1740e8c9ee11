// Guest-physical address space below 4 GiB, page by page: which host page backs it and whether it may be written. The table
// lies in the machine's memory, where generated code reads it too; what it does not map is device space or nothing.
import type { DirectDmaView } from "./guest-memory.ts";

export const PAGE_SIZE = 4096;
/** Up to here bytes are copied one by one, which costs less than making views. */
const SMALL = 16;

/** Where the table lies, and the bits of its entries; given by the engine's memory layout. */
export interface PhysicalMapLayout {
  tableOffset: number;
  readOnlyBit: number;
  hasCodeBit: number;
}

export class PhysicalMap implements DirectDmaView {
  readonly sizeBytes: number;
  private readonly bytes: Uint8Array;
  private readonly table: Int32Array;
  private readonly layout: PhysicalMapLayout;
  /** Called before bytes of a page that holds decoded code change. */
  onCodeWritten: (gpa: number, length: number) => void = () => {};
  /** Called after mappings have changed, so that cached translations are dropped; with the pages among them that held decoded code. */
  onRemapped: (codePages: readonly number[]) => void = () => {};

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
    const { readOnlyBit, hasCodeBit } = this.layout;
    const codePages: number[] = [];
    for (const { gpa, length, host, isReadOnly } of changes) {
      const bits = isReadOnly ? readOnlyBit : 0;
      for (let offset = 0; offset < length; offset += PAGE_SIZE) {
        const page = (gpa + offset) / PAGE_SIZE;
        const old = this.table[page] as number;
        const entry = host === null ? 0 : (host + offset) | bits;
        // What stays keeps what the engine knows of it.
        if (old !== 0 && entry !== 0 && ((old ^ entry) & (-PAGE_SIZE | readOnlyBit)) === 0) continue;
        if (old & hasCodeBit) codePages.push(page);
        this.table[page] = entry;
      }
    }
    this.onRemapped(codePages);
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
    for (let from = 0; from < into.length; ) {
      const count = this.run(gpa + from, into.length - from, 0);
      const host = this.hostOf(gpa + from);
      if (host === 0) into.fill(0xff, from, from + count);
      else if (count <= SMALL) for (let i = 0; i < count; i++) into[from + i] = this.bytes[host + i] as number;
      else into.set(this.bytes.subarray(host, host + count), from);
      from += count;
    }
  }

  write(gpa: number, data: Uint8Array): void {
    const { readOnlyBit, hasCodeBit } = this.layout;
    for (let from = 0; from < data.length; ) {
      const at = gpa + from;
      const count = this.run(at, data.length - from, readOnlyBit | hasCodeBit);
      const entry = this.entry(at);
      if (entry !== 0 && (entry & readOnlyBit) === 0) {
        if (entry & hasCodeBit) this.onCodeWritten(at, count);
        const host = this.hostOf(at);
        if (count <= SMALL) for (let i = 0; i < count; i++) this.bytes[host + i] = data[from + i] as number;
        else this.bytes.set(count === data.length ? data : data.subarray(from, from + count), host);
      }
      from += count;
    }
  }

  direct(gpa: number, length: number): Uint8Array | null {
    const { readOnlyBit } = this.layout;
    const entry = this.entry(gpa);
    if (entry === 0 || (entry & readOnlyBit) !== 0 || this.run(gpa, length, readOnlyBit) < length) return null;
    const host = this.hostOf(gpa);
    return this.bytes.subarray(host, host + length);
  }

  changed(gpa: number, length: number): void {
    for (let at = gpa; at < gpa + length; ) {
      const count = Math.min(gpa + length - at, PAGE_SIZE - (at % PAGE_SIZE));
      if (this.entry(at) & this.layout.hasCodeBit) this.onCodeWritten(at, count);
      at += count;
    }
  }

  /** How many of `length` bytes from `gpa` on lie in one piece in the host and agree in `bits` of their entries, to the end of a
   *  page at least. What is not mapped agrees with its like. */
  private run(gpa: number, length: number, bits: number): number {
    const address = ~(PAGE_SIZE - 1);
    const first = this.entry(gpa);
    let count = PAGE_SIZE - (gpa % PAGE_SIZE);
    let host = first & address;
    while (count < length) {
      const next = this.entry(gpa + count);
      if (first === 0 ? next !== 0 : ((next ^ first) & bits) !== 0 || (next & address) !== ((host + PAGE_SIZE) | 0)) break;
      host = next & address;
      count += PAGE_SIZE;
    }
    return Math.min(count, length);
  }
}
