// Reads what a machine boots from the host's files. A path is hostile: it may be missing, a folder, a device that never ends, or
// larger than the machine. Nothing is read before its size is known to make sense.
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { BootFiles, FirmwareFiles } from "../api/worker-protocol.ts";
import { type BootImage, type FirmwareImage, MachineError } from "../machine/machine.ts";

const MIB = 1024 * 1024;
const LARGEST_ROM = 16 * MIB;

/** Throws MachineError with a message that names the file. */
export function readBootImage(boot: BootFiles, memoryMiB: number): BootImage {
  if (boot.kind !== "kernel") return boot;
  const memoryBytes = memoryMiB * MIB;
  const kernel = readWhole(boot.kernel, "kernel", memoryBytes, memoryMiB);
  const modules = boot.modules.map((text) => {
    // The command line of a module begins with its file name, as boot loaders hand it over.
    const end = text.search(/\s/);
    return { data: readWhole(end < 0 ? text : text.slice(0, end), "module", memoryBytes, memoryMiB), commandLine: text };
  });
  const image = { kind: "kernel" as const, name: basename(boot.kernel), kernel, append: boot.append, modules };
  return boot.initrd === undefined ? image : { ...image, initrd: readWhole(boot.initrd, "initrd", memoryBytes, memoryMiB) };
}

/** Throws MachineError with a message that names the file. */
export function readFirmware({ bios, videoBios }: FirmwareFiles): Partial<FirmwareImage> {
  return {
    ...(bios === undefined ? {} : { bios: readRom(bios, "System BIOS") }),
    ...(videoBios === undefined ? {} : { videoBios: readRom(videoBios, "Video BIOS") }),
  };
}

/** Throws MachineError with a message that names the file. */
export function readNicRom(path: string, id: string): Uint8Array {
  return readRom(path, `ROM of network card ${id}`);
}

function readRom(path: string, title: string): Uint8Array {
  return readRegular(path, title, (size) => {
    if (size > LARGEST_ROM) throw new MachineError("badRequest", `${title} is far too large for a ROM: ${path} has ${(size / MIB).toFixed(1)} MiB`);
  });
}

function readWhole(path: string, what: "kernel" | "initrd" | "module", memoryBytes: number, memoryMiB: number): Uint8Array {
  const title = what === "initrd" ? "Initial RAM disk" : what === "kernel" ? "Kernel" : "Module";
  return readRegular(path, title, (size) => {
    if (size < memoryBytes) return;
    const code = what === "kernel" ? "notEnoughMemory" : "initrdTooLarge";
    throw new MachineError(code, `${title} does not fit into ${memoryMiB} MiB of memory: ${path} has ${(size / MIB).toFixed(1)} MiB`);
  });
}

/** `checkSize` may throw. */
function readRegular(path: string, title: string, checkSize: (sizeBytes: number) => void): Uint8Array {
  try {
    const info = statSync(path);
    if (info.isDirectory()) throw new MachineError("fileMissing", `${title} is a folder, not a file: ${path}`);
    if (!info.isFile()) throw new MachineError("ioFailed", `${title} is not a regular file: ${path}`);
    checkSize(info.size);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof MachineError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") throw new MachineError("fileMissing", `${title} not found: ${path}`, { cause: error });
    const reason = code === "EACCES" || code === "EPERM" ? "permission denied" : error instanceof Error ? error.message : String(error);
    throw new MachineError("ioFailed", `${title} cannot be read: ${path}: ${reason}`, { cause: error });
  }
}
