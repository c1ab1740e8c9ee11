// What a file on the host is, so that a user hears of a mistake before the machine does: a kernel that can be started directly, by
// its first bytes (whether it is sound is for the loader to say), and what medium it is.
import { open, readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { CallReply } from "../../core/api/contract.ts";
import type { KnownSystem } from "../../core/api/known-systems.ts";
import { hostPath } from "../../core/hypervisor/host-path.ts";
import { recognizeFile } from "../../core/hypervisor/media.ts";
import { messageOf, systemErrorCode, VmError } from "../../core/hypervisor/vm-error.ts";

type Probe = CallReply<"file.probe">;
type Listing = CallReply<"file.list">;

/** Multiboot headers lie in the first 8 KiB, ELF notes of a kernel early in the file. */
const HEAD_BYTES = 256 * 1024;
const MULTIBOOT_WITHIN = 8192;
const MOST_ENTRIES = 5000;

export async function probeFile(path: string, systems: readonly KnownSystem[]): Promise<Probe> {
  const absolute = hostPath(path, homedir());
  try {
    const info = await stat(absolute);
    if (info.isDirectory()) return { exists: true, sizeBytes: 0, kind: "folder", medium: null };
    if (!info.isFile()) return { exists: true, sizeBytes: 0, kind: "unknown", medium: null };
    const file = await open(absolute, "r");
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      const medium = await recognizeFile(absolute, systems);
      return { exists: true, sizeBytes: info.size, kind: kindOf(buffer.subarray(0, bytesRead)), medium };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { exists: false, sizeBytes: 0, kind: "missing", medium: null };
    throw new VmError("ioFailed", `${absolute} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function kindOf(head: Buffer): Probe["kind"] {
  const u16 = (at: number) => (at + 2 <= head.length ? head.readUInt16LE(at) : 0);
  // Linux boot protocol: boot flag and "HdrS".
  if (u16(0x1fe) === 0xaa55 && head.toString("latin1", 0x202, 0x206) === "HdrS") return "linux";
  if (hasMultibootHeader(head)) return "multiboot";
  if (hasPvhNote(head)) return "pvh";
  return "unknown";
}

/** Multiboot 0.6.96, 3.1.1: magic, flags and checksum add up to 0. */
function hasMultibootHeader(head: Buffer): boolean {
  for (let at = 0; at + 12 <= Math.min(head.length, MULTIBOOT_WITHIN); at += 4) {
    if (head.readUInt32LE(at) === 0x1badb002 && ((head.readUInt32LE(at) + head.readUInt32LE(at + 4) + head.readUInt32LE(at + 8)) >>> 0) === 0) return true;
  }
  return false;
}

/** ELF with a note of owner "Xen" and type 18 (XEN_ELFNOTE_PHYS32_ENTRY). */
function hasPvhNote(head: Buffer): boolean {
  if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46) return false;
  const is64 = head[4] === 2;
  const at = (offset: number) => (offset + 8 <= head.length ? (is64 ? Number(head.readBigUInt64LE(offset)) : head.readUInt32LE(offset)) : 0);
  const table = is64 ? at(32) : at(28);
  const entrySize = head.readUInt16LE(is64 ? 54 : 42);
  const count = head.readUInt16LE(is64 ? 56 : 44);
  for (let i = 0; i < count && table + (i + 1) * entrySize <= head.length; i++) {
    const entry = table + i * entrySize;
    if (head.readUInt32LE(entry) !== 4) continue; // PT_NOTE
    if (notesHavePvh(head.subarray(at(entry + (is64 ? 8 : 4)), at(entry + (is64 ? 8 : 4)) + at(entry + (is64 ? 32 : 16))))) return true;
  }
  return false;
}

function notesHavePvh(notes: Buffer): boolean {
  for (let at = 0; at + 12 <= notes.length; ) {
    const nameSize = notes.readUInt32LE(at);
    const dataSize = notes.readUInt32LE(at + 4);
    if (notes.readUInt32LE(at + 8) === 18 && notes.toString("latin1", at + 12, at + 16) === "Xen\0") return true;
    at += 12 + ((nameSize + 3) & ~3) + ((dataSize + 3) & ~3);
    if (nameSize > notes.length || dataSize > notes.length) return false;
  }
  return false;
}

/** Visible folders and files, folders first. An empty path is the home folder. */
export async function listFolder(path: string): Promise<Listing> {
  const absolute = path === "" ? homedir() : hostPath(path, homedir());
  try {
    const found = (await readdir(absolute, { withFileTypes: true })).filter((f) => !f.name.startsWith(".")).slice(0, MOST_ENTRIES);
    const entries = await Promise.all(
      found.map(async ({ name }) => {
        // A link counts as what it leads to; one that leads nowhere is left out.
        const info = await stat(join(absolute, name)).catch(() => undefined);
        return info && (info.isDirectory() || info.isFile()) ? { name, isFolder: info.isDirectory(), sizeBytes: info.isDirectory() ? 0 : info.size } : undefined;
      }),
    );
    const known = entries.filter((e) => e !== undefined).sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || a.name.localeCompare(b.name));
    const parent = dirname(absolute);
    return { path: absolute, parent: parent === absolute ? null : parent, entries: known };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw new VmError("fileMissing", `There is no folder ${absolute}.`, { cause: error });
    throw new VmError("ioFailed", `${absolute} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
