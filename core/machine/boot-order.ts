// The order in which firmware is to try the drives and network cards, as Open Firmware device paths: what QEMU writes into fw_cfg's `bootorder` and
// SeaBIOS compares with what it finds. Slots are those of board.ts.
import type { BootDevice } from "../api/vm-config.ts";
import { AHCI_SLOT, FIRST_VIRTIO_SLOT } from "./drive-bay.ts";
import type { MachineDrive } from "./machine.ts";

const PCI = "/pci@i0cf8";

export function bootPaths(order: readonly BootDevice[], drives: readonly MachineDrive[], nicSlots: readonly number[] = []): string[] {
  const virtio = drives.filter((d) => d.controller === "virtio");
  return order.flatMap((device) => {
    if (device === "network") return nicSlots.map((slot) => `${PCI}/ethernet@${slot.toString(16)}/ethernet-phy@0`);
    const found = drives.filter((d) => d.kind === device).sort((a, b) => rank(a) - rank(b) || a.slot - b.slot);
    return found.map((d) => pathOf(d, virtio.indexOf(d)));
  });
}

/** IDE drives come before others, as a BIOS numbers them. */
function rank({ controller }: MachineDrive): number {
  return ["fdc", "ide", "ahci", "virtio"].indexOf(controller);
}

function pathOf({ controller, slot }: MachineDrive, virtioIndex: number): string {
  switch (controller) {
    case "fdc":
      return `${PCI}/isa@1/fdc@03f0/floppy@${slot & 1}`;
    case "ide":
      return `${PCI}/ide@1,1/drive@${slot >> 1}/disk@${slot & 1}`;
    case "ahci":
      return `${PCI}/pci8086,2922@${AHCI_SLOT.toString(16)}/drive@${slot}/disk@0`;
    case "virtio":
      return `${PCI}/scsi@${(FIRST_VIRTIO_SLOT + virtioIndex).toString(16)}/disk@0,0`;
  }
}
