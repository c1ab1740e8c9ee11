// What a configuration names, as files of this host: kernel, firmware images and media. Relative paths are meant from the machine's
// folder.
import type { BootSource, VmConfig } from "../api/vm-config.ts";
import type { BootFiles, VmWorkerStart } from "../api/worker-protocol.ts";
import { firmwareFilesFor } from "./firmware-files.ts";
import { hostPath } from "./host-path.ts";

/** Files of the app itself. */
export interface OwnFiles {
  /** The built-in guest's kernel. */
  demoKernel: string;
}

/** The part of a thread's start that the configuration says. */
export function startOf(config: Pick<VmConfig, "memoryMiB" | "cpu" | "boot" | "firmware" | "drives" | "devices">, folder: string, own: OwnFiles): Omit<VmWorkerStart, "control" | "screen"> {
  const { memoryMiB, cpu, boot, drives, devices } = config;
  return {
    memoryMiB,
    cpuModel: cpu.model,
    engine: cpu.engine,
    capPercent: cpu.capPercent,
    boot: bootFilesFor(boot, folder, own),
    ...(boot.kind === "firmware" ? { firmware: firmwareFilesFor(config.firmware, folder) } : {}),
    drives: drives.map((drive) => ({ ...drive, path: drive.path === null ? null : hostPath(drive.path, folder) })),
    devices,
  };
}

/** The first word of a module is its file. */
function bootFilesFor(boot: BootSource, folder: string, own: OwnFiles): BootFiles {
  if (boot.kind === "demo") return { kind: "kernel", kernel: own.demoKernel, append: boot.append ?? "", modules: [] };
  if (boot.kind === "firmware") return { kind: "firmware", order: boot.order };
  const modules = boot.modules.map((text) => text.replace(/^\S+/, (path) => hostPath(path, folder)));
  const files = { ...boot, kernel: hostPath(boot.kernel, folder), modules };
  return boot.initrd === undefined ? files : { ...files, initrd: hostPath(boot.initrd, folder) };
}
