// Kernels that start without firmware: Linux bzImage (Documentation/arch/x86/boot.rst), Multiboot 1 and 2 headers, and ELF files with
// the note of Xen's PVH entry.
import { type BoundedSource, holds, latin1, shown, u8, u16, u32, u64 } from "./byte-source.ts";

export interface Kernel {
  kind: "linux" | "multiboot" | "multiboot2" | "pvh";
  /** Linux: "6.1.0-50-amd64 (...)". Else empty. */
  version: string;
  bits: 32 | 64;
}

const MULTIBOOT_RANGE = 8192;
const MULTIBOOT2_RANGE = 32768;

export async function readKernel(source: BoundedSource): Promise<Kernel | null> {
  const start = await source.read(0, MULTIBOOT2_RANGE);
  return (await readLinux(source, start)) ?? readMultiboot(start) ?? (await readPvh(source, start));
}

async function readLinux(source: BoundedSource, start: Uint8Array): Promise<Kernel | null> {
  if (u16(start, 0x1fe) !== 0xaa55 || !holds(start, 0x202, "HdrS")) return null;
  const protocol = u16(start, 0x206);
  const versionAt = u16(start, 0x20e);
  const version = versionAt === 0 ? "" : shown(latin1(await source.read(versionAt + 0x200, 200), 0, 200));
  const is64 = protocol >= 0x20c && (u16(start, 0x236) & 1) !== 0;
  return { kind: "linux", version, bits: is64 ? 64 : 32 };
}

function readMultiboot(start: Uint8Array): Kernel | null {
  const bits = holds(start, 0, "\x7fELF") && u8(start, 4) === 2 ? 64 : 32;
  for (let at = 0; at + 12 <= Math.min(start.length, MULTIBOOT_RANGE); at += 4) {
    if (u32(start, at) === 0x1badb002 && sum(start, at, 3) === 0) return { kind: "multiboot", version: "", bits };
  }
  for (let at = 0; at + 16 <= start.length; at += 8) {
    if (u32(start, at) === 0xe85250d6 && sum(start, at, 4) === 0) return { kind: "multiboot2", version: "", bits };
  }
  return null;
}

const PT_NOTE = 4;
const MAX_HEADERS = 64;
const MAX_NOTE_BYTES = 64 * 1024;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;

/** Program headers of an ELF file lead to its notes. */
async function readPvh(source: BoundedSource, start: Uint8Array): Promise<Kernel | null> {
  if (!holds(start, 0, "\x7fELF")) return null;
  const is64 = u8(start, 4) === 2;
  const size = u16(start, is64 ? 54 : 42);
  const count = Math.min(u16(start, is64 ? 56 : 44), MAX_HEADERS);
  const headers = await source.read(is64 ? u64(start, 32) : u32(start, 28), size * count);
  for (let at = 0; size >= 32 && at + size <= headers.length; at += size) {
    if (u32(headers, at) !== PT_NOTE) continue;
    const offset = is64 ? u64(headers, at + 8) : u32(headers, at + 4);
    const length = is64 ? u64(headers, at + 32) : u32(headers, at + 16);
    if (holdsPvhNote(await source.read(offset, Math.min(length, MAX_NOTE_BYTES)))) return { kind: "pvh", version: "", bits: is64 ? 64 : 32 };
  }
  return null;
}

function holdsPvhNote(notes: Uint8Array): boolean {
  for (let at = 0; at + 12 <= notes.length; ) {
    if (u32(notes, at + 8) === XEN_ELFNOTE_PHYS32_ENTRY && holds(notes, at + 12, "Xen\0")) return true;
    at += 12 + Math.ceil(u32(notes, at) / 4) * 4 + Math.ceil(u32(notes, at + 4) / 4) * 4;
  }
  return false;
}

function sum(bytes: Uint8Array, at: number, words: number): number {
  let total = 0;
  for (let n = 0; n < words; n++) total = (total + u32(bytes, at + n * 4)) >>> 0;
  return total;
}
