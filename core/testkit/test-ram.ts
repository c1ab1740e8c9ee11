// Guest RAM for tests of devices that read and write memory: bytes from 0 on, with holes where the test wants none.
import type { DirectDmaView } from "../memory/guest-memory.ts";

export class TestRam implements DirectDmaView {
  readonly sizeBytes: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly holes: readonly { base: number; end: number }[];
  /** Ranges that changed() has named. */
  readonly changes: { gpa: number; length: number }[] = [];

  constructor(sizeBytes: number, holes: readonly { base: number; end: number }[] = [{ base: 0xa0000, end: 0xc0000 }]) {
    this.sizeBytes = sizeBytes;
    this.bytes = new Uint8Array(sizeBytes);
    this.view = new DataView(this.bytes.buffer);
    this.holes = holes;
  }

  isRam(gpa: number, length: number): boolean {
    return gpa >= 0 && gpa + length <= this.sizeBytes && !this.holes.some((hole) => gpa < hole.end && hole.base < gpa + length);
  }

  read(gpa: number, into: Uint8Array): void {
    if (this.isRam(gpa, into.length)) into.set(this.bytes.subarray(gpa, gpa + into.length));
    else for (let i = 0; i < into.length; i++) into[i] = this.isRam(gpa + i, 1) ? (this.bytes[gpa + i] ?? 0xff) : 0xff;
  }

  write(gpa: number, from: Uint8Array): void {
    if (this.isRam(gpa, from.length)) this.bytes.set(from, gpa);
    else for (let i = 0; i < from.length; i++) if (this.isRam(gpa + i, 1)) this.bytes[gpa + i] = from[i] ?? 0;
  }

  direct(gpa: number, length: number): Uint8Array | null {
    return this.isRam(gpa, length) ? this.bytes.subarray(gpa, gpa + length) : null;
  }

  changed(gpa: number, length: number): void {
    this.changes.push({ gpa, length });
  }
}
