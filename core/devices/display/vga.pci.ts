// The display adapter as a PCI function: QEMU's standard VGA, 1234:1111 (QEMU: docs/specs/standard-vga.rst). BAR 0 is the linear
// framebuffer; BAR 2 has the VGA ports 3C0h-3DFh at 400h and the dispi registers at 500h. The legacy ranges answer always.
import type { BusDevice } from "../../bus/device.ts";
import type { MmioBus } from "../../bus/mmio-bus.ts";
import { mmioBar } from "../../bus/pci-bus.ts";
import { type PciBar, PciFunction, type PciRom } from "../../bus/pci-function.ts";

export const VGA_MMIO_BYTES = 0x1000;

export interface VgaPciOptions {
  framebufferBytes: number;
  mmio: MmioBus;
  mmioBank: number;
  /** Puts the framebuffer memory at a guest-physical address, or (null) takes it away. False if it cannot lie there. */
  mapFramebuffer(base: number | null): boolean;
  /** The video BIOS. */
  rom?: PciRom;
}

export function vgaPciFunction(id: string, device: BusDevice, options: VgaPciOptions): PciFunction {
  const bars: PciBar[] = [mmioBar(options.mmio, device, options.mmioBank, { index: 2, sizeBytes: VGA_MMIO_BYTES }, `${id} registers`)];
  if (options.framebufferBytes > 0) {
    const decode = (base: number | null): boolean => options.mapFramebuffer(base);
    bars.unshift({ index: 0, space: "memory", sizeBytes: options.framebufferBytes, prefetchable: true, decode });
  }
  return new PciFunction({
    name: id,
    vendorId: 0x1234,
    deviceId: 0x1111,
    revision: 2,
    classCode: 0x030000,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    command: { reset: 0, writable: 0x0107 },
    bars,
    ...(options.rom ? { rom: options.rom } : {}),
  });
}
