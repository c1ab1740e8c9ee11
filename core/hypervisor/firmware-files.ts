// Which ROM images a machine gets besides our own: those that its configuration names.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Firmware } from "../api/vm-config.ts";
import type { FirmwareFiles } from "../api/worker-protocol.ts";
import { hostPath } from "./host-path.ts";

/** The video BIOS for this board's display adapter that SeaBIOS comes with. */
const NEIGHBOUR = "vgabios-stdvga.bin";

/** Relative paths are meant from the machine's folder. A system BIOS without a video BIOS gets the one that lies beside it. */
export function firmwareFilesFor(firmware: Firmware, folder: string): FirmwareFiles {
  if (firmware.kind === "ringfence") return {};
  const bios = hostPath(firmware.bios, folder);
  const beside = join(dirname(bios), NEIGHBOUR);
  const videoBios = firmware.vgaBios === undefined ? (existsSync(beside) ? beside : undefined) : hostPath(firmware.vgaBios, folder);
  return videoBios === undefined ? { bios } : { bios, videoBios };
}
