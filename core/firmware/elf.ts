// ELF executables for the processor family (System V ABI, chapters 4 and 5): program headers of 32- and 64-bit files, loaded by
// physical address; notes. Everything in the file is checked before anything is written.
import type { ByteView } from "./byte-view.ts";
import { KernelError } from "./kernel-error.ts";
import type { LoadJob } from "./load-options.ts";
import { writeParts } from "./write-image.ts";

const MACHINE_386 = 3;
const MACHINE_X86_64 = 62;
export const PT_LOAD = 1;
const PT_NOTE = 4;
const MAX_HEADERS = 512;

export interface ElfSegment {
  type: number;
  offset: number;
  virtual: number;
  physical: number;
  fileBytes: number;
  memoryBytes: number;
  align: number;
}

export interface ElfFile {
  is64: boolean;
  entry: number;
  segments: ElfSegment[];
}

export function isElf(view: ByteView): boolean {
  return view.u32(0) === 0x464c457f;
}

/** Throws KernelError (notAKernel) if it is not a sound executable for this machine. */
export function parseElf(view: ByteView, name: string): ElfFile {
  const refuse = (why: string): never => {
    throw new KernelError("notAKernel", `${name} is not a kernel that can be started: ${why}`);
  };
  const is64 = view.u8(4) === 2;
  if ((view.u8(4) !== 1 && !is64) || view.u8(5) !== 1) refuse("its ELF header is not that of a little-endian 32- or 64-bit file");
  if (view.u16(18) !== MACHINE_386 && view.u16(18) !== MACHINE_X86_64) refuse("it is an ELF file for another processor");
  const at = is64 ? view.u64(32) : view.u32(28);
  const entryBytes = view.u16(is64 ? 54 : 42);
  const count = view.u16(is64 ? 56 : 44);
  if (entryBytes < (is64 ? 56 : 32)) refuse("its ELF program headers are too small");
  if (count === 0 || count > MAX_HEADERS) refuse(`it has ${count} ELF program headers`);
  if (at + entryBytes * count > view.length) refuse("the file ends within its ELF program headers (is it truncated?)");
  const segments = Array.from({ length: count }, (_, i) => readSegment(view, at + i * entryBytes, is64));
  for (const segment of segments) {
    if (segment.type !== PT_LOAD && segment.type !== PT_NOTE) continue;
    if (segment.offset + segment.fileBytes > view.length) refuse("the file ends within an ELF segment (is it truncated?)");
    if (segment.type === PT_LOAD && segment.fileBytes > segment.memoryBytes) refuse("an ELF segment is larger in the file than in memory");
  }
  return { is64, entry: is64 ? view.u64(24) : view.u32(24), segments };
}

function readSegment(view: ByteView, at: number, is64: boolean): ElfSegment {
  const field = (at32: number, at64: number): number => (is64 ? view.u64(at + at64) : view.u32(at + at32));
  return {
    type: view.u32(at),
    offset: field(4, 8),
    virtual: field(8, 16),
    physical: field(12, 24),
    fileBytes: field(16, 32),
    memoryBytes: field(20, 40),
    align: field(28, 48),
  };
}

/** Loads every PT_LOAD segment at its physical address. */
export function loadSegments(job: LoadJob, view: ByteView, elf: ElfFile): void {
  const loads = elf.segments.filter((segment) => segment.type === PT_LOAD && segment.memoryBytes > 0);
  if (loads.length === 0) throw new KernelError("notAKernel", `${job.image.name} is an ELF file with nothing in it to load`);
  writeParts(
    job,
    loads.map(({ offset, physical, fileBytes, memoryBytes }) => ({
      base: physical,
      data: view.bytes.subarray(offset, offset + fileBytes),
      memoryBytes,
    })),
  );
}

/** The entry point as a physical address: ELF files may give a virtual one. Throws KernelError if it lies in no segment. */
export function physicalEntry(elf: ElfFile, name: string): number {
  for (const { type, virtual, physical, memoryBytes } of elf.segments) {
    if (type === PT_LOAD && elf.entry >= virtual && elf.entry < virtual + memoryBytes) return elf.entry - virtual + physical;
  }
  for (const { type, physical, memoryBytes } of elf.segments) {
    if (type === PT_LOAD && elf.entry >= physical && elf.entry < physical + memoryBytes) return elf.entry;
  }
  throw new KernelError("notAKernel", `${name} is not a kernel that can be started: its entry point lies outside what it loads`);
}

/** The offset of a note's description in the file, and its length; null if the file has no such note. */
export function findNote(view: ByteView, elf: ElfFile, owner: string, type: number): { offset: number; length: number } | null {
  for (const segment of elf.segments) {
    if (segment.type !== PT_NOTE) continue;
    const pad = segment.align === 8 ? 8 : 4;
    const end = segment.offset + segment.fileBytes;
    for (let at = segment.offset; at + 12 <= end; ) {
      const ownerBytes = view.u32(at);
      const length = view.u32(at + 4);
      const offset = at + roundUp(12 + ownerBytes, pad);
      if (offset + length > end) break;
      const found = String.fromCharCode(...view.bytes.subarray(at + 12, at + 12 + Math.min(ownerBytes, 16)));
      if (view.u32(at + 8) === type && found === `${owner}\0`) return { offset, length };
      at = offset + roundUp(length, pad);
    }
  }
  return null;
}

function roundUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
