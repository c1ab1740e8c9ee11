// Which ROM images a machine gets: the project's own, or those that its configuration names.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Firmware } from "../api/vm-config.ts";
import type { FirmwareFiles } from "../api/worker-protocol.ts";
import { hostPath } from "./host-path.ts";
import { VmError } from "./vm-error.ts";

/** The video BIOS for this board's display adapter that SeaBIOS comes with. */
const NEIGHBOUR = "vgabios-stdvga.bin";

/** Relative paths are meant from the machine's folder. A system BIOS without a video BIOS gets the one that lies beside it, else our
 *  own. Throws VmError if there is no image. */
export function firmwareFilesFor(firmware: Firmware, folder: string, own: FirmwareFiles | undefined): FirmwareFiles {
  if (firmware.kind === "ringfence") {
    if (own) return own;
    throw new VmError("unsupported", "This version has no firmware of its own; name a system BIOS image (--bios, or in the machine's settings).");
  }
  const bios = hostPath(firmware.bios, folder);
  const beside = join(dirname(bios), NEIGHBOUR);
  const videoBios = firmware.vgaBios === undefined ? (existsSync(beside) ? beside : own?.videoBios) : hostPath(firmware.vgaBios, folder);
  return videoBios === undefined ? { bios } : { bios, videoBios };
}
