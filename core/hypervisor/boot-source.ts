// A boot source as the configuration names it, as files of this host.
import type { BootSource } from "../api/vm-config.ts";
import type { BootFiles } from "../api/worker-protocol.ts";
import { hostPath } from "./host-path.ts";

/** Relative paths are meant from the machine's folder. The first word of a module is its file. */
export function bootFilesFor(boot: Extract<BootSource, { kind: "kernel" }>, folder: string): Extract<BootFiles, { kind: "kernel" }> {
  const modules = boot.modules.map((text) => text.replace(/^\S+/, (path) => hostPath(path, folder)));
  const files = { ...boot, kernel: hostPath(boot.kernel, folder), modules };
  return boot.initrd === undefined ? files : { ...files, initrd: hostPath(boot.initrd, folder) };
}
