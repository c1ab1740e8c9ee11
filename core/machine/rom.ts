// ROM images in the machine's memory: checked, padded and put where the address decoder shows them.
import type { PciRom } from "../bus/pci-function.ts";
import { PAGE_SIZE, type PhysicalMap } from "../memory/physical-map.ts";
import { ROM_MAX_BYTES, ROM_MIN_BYTES, type RomImage, VIDEO_ROM_MAX_BYTES } from "./address-decode.ts";
import { type FirmwareImage, MachineError } from "./machine.ts";

const KIB = 1024;
const OPTION_ROM_UNIT = 512;

/** Bytes that the images take in the machine's memory. Throws MachineError for one that no machine can hold. */
export function romBytes(firmware: FirmwareImage | undefined): { system: number; video: number } {
  if (!firmware) return { system: 0, video: 0 };
  const { bios, videoBios } = firmware;
  if (bios.length < ROM_MIN_BYTES || bios.length > ROM_MAX_BYTES || bios.length % ROM_MIN_BYTES !== 0) {
    const limits = `a multiple of ${ROM_MIN_BYTES / KIB} KiB, at most ${ROM_MAX_BYTES / KIB} KiB`;
    throw new MachineError("badRequest", `The firmware image has ${bios.length} bytes; it must be ${limits}`);
  }
  return { system: bios.length, video: videoRomBytes(videoBios) };
}

/** An expansion ROM's register wants a power of two. */
function videoRomBytes(image: Uint8Array): number {
  const claimed = (image[2] ?? 0) * OPTION_ROM_UNIT;
  if (image[0] !== 0x55 || image[1] !== 0xaa || image.length > VIDEO_ROM_MAX_BYTES || claimed > Math.ceil(image.length / OPTION_ROM_UNIT) * OPTION_ROM_UNIT) {
    const message = `The video BIOS image is not an option ROM of at most ${VIDEO_ROM_MAX_BYTES / KIB} KiB (55h AAh and its length in 512-byte units come first)`;
    throw new MachineError("badRequest", message);
  }
  return Math.max(2 ** Math.ceil(Math.log2(image.length)), PAGE_SIZE);
}

/** Puts the images at `host`, which has romBytes() of room. */
export function placeRoms(firmware: FirmwareImage, bytes: Uint8Array, host: number): { systemRom: RomImage; videoRom: RomImage } {
  const { system, video } = romBytes(firmware);
  bytes.set(firmware.bios, host);
  const systemRom = { host, sizeBytes: system };
  bytes.fill(0xff, host + system, host + system + video);
  bytes.set(firmware.videoBios, host + system);
  return { systemRom, videoRom: { host: host + system, sizeBytes: video } };
}

/** Memory of the machine that a PCI function shows at an address of the guest's choosing. */
export function pciMemory(map: PhysicalMap, ramBytes: number, memory: RomImage, isReadOnly: boolean): PciRom {
  const { host, sizeBytes } = memory;
  let mappedAt: number | null = null;
  return {
    sizeBytes,
    decode: (base) => {
      if (base !== null && (base < ramBytes || base + sizeBytes > 2 ** 32 || base % PAGE_SIZE !== 0)) return false;
      if (mappedAt !== null) map.unmap(mappedAt, sizeBytes);
      mappedAt = base;
      if (base !== null) map.map(base, sizeBytes, host, isReadOnly);
      return true;
    },
  };
}
