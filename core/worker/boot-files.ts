// Reads what a machine boots from the host's files. A path is hostile: it may be missing, a folder, a device that never ends, or
// larger than the machine. Nothing is read before its size is known to make sense.
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { BootFiles } from "../api/worker-protocol.ts";
import { type BootImage, MachineError } from "../machine/machine.ts";

const MIB = 1024 * 1024;

/** Throws MachineError with a message that names the file. */
export function readBootImage(boot: BootFiles, memoryMiB: number): BootImage {
  if (boot.kind === "none") return { kind: "none" };
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

function readWhole(path: string, what: "kernel" | "initrd" | "module", memoryBytes: number, memoryMiB: number): Uint8Array {
  const title = what === "initrd" ? "Initial RAM disk" : what === "kernel" ? "Kernel" : "Module";
  try {
    const info = statSync(path);
    if (info.isDirectory()) throw new MachineError("fileMissing", `${title} is a folder, not a file: ${path}`);
    if (!info.isFile()) throw new MachineError("ioFailed", `${title} is not a regular file: ${path}`);
    if (info.size >= memoryBytes) {
      const code = what === "kernel" ? "notEnoughMemory" : "initrdTooLarge";
      throw new MachineError(code, `${title} does not fit into ${memoryMiB} MiB of memory: ${path} has ${(info.size / MIB).toFixed(1)} MiB`);
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof MachineError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") throw new MachineError("fileMissing", `${title} not found: ${path}`, { cause: error });
    const reason = code === "EACCES" || code === "EPERM" ? "permission denied" : error instanceof Error ? error.message : String(error);
    throw new MachineError("ioFailed", `${title} cannot be read: ${path}: ${reason}`, { cause: error });
  }
}
