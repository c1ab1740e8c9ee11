// What firmware is told about this machine through fw_cfg: the items and files that QEMU's PC gives (QEMU: hw/i386/fw_cfg.c and
// docs/specs/fw_cfg.rst), as far as this board has something to say.
import type { FwCfgItems } from "../devices/chipset/fw-cfg.ts";
import { E820_RAM } from "../firmware/memory-map.ts";

const RAM_SIZE = 0x03, NO_GRAPHICS = 0x04, CPUS = 0x05, NUMA = 0x0d, BOOT_MENU = 0x0e, MAX_CPUS = 0x0f;
const IRQ0_OVERRIDE = 0x8002;
/** S3 and S4 (types 1 and 2) are not offered; S5 is type 0. */
const SYSTEM_STATES = [128, 0, 0, 1, 2, 128];
const MENU_WAIT_MS = 2500;

export interface FirmwareFacts {
  ramBytes: number;
  /** Open Firmware device paths, first to try first. */
  bootOrder: readonly string[];
  hasBootMenu: boolean;
  /** Tables and the like made elsewhere, by file name. */
  files: ReadonlyMap<string, Uint8Array>;
}

export function firmwareConfig(facts: FirmwareFacts): FwCfgItems {
  const items = new Map<number, Uint8Array>([
    [RAM_SIZE, littleEndian(facts.ramBytes, 8)],
    [NO_GRAPHICS, littleEndian(0, 2)],
    [CPUS, littleEndian(1, 2)],
    [NUMA, new Uint8Array(16)],
    [BOOT_MENU, littleEndian(facts.hasBootMenu ? 1 : 0, 2)],
    [MAX_CPUS, littleEndian(1, 2)],
    [IRQ0_OVERRIDE, littleEndian(1, 4)],
  ]);
  const files = new Map(facts.files);
  files.set("bootorder", new TextEncoder().encode(`${facts.bootOrder.join("\n")}\0`));
  files.set("etc/e820", Uint8Array.of(...littleEndian(0, 8), ...littleEndian(facts.ramBytes, 8), ...littleEndian(E820_RAM, 4)));
  files.set("etc/system-states", Uint8Array.from(SYSTEM_STATES));
  if (facts.hasBootMenu) files.set("etc/boot-menu-wait", littleEndian(MENU_WAIT_MS, 2));
  return { items, files };
}

function littleEndian(value: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
}
