// Frame information structures between an AHCI port and its drive (Serial ATA 2.6, 10.3; AHCI 1.3, 4.2.1): what the host's command
// FIS says, and the frames that the controller leaves in the receive area.
import { type AtaRegisters, type AtaResult, STATUS_DRDY, STATUS_DSC } from "./ata-device.ts";

export const FIS_HOST_TO_DEVICE = 0x27;
export const FIS_IS_COMMAND = 0x80;
const FIS_REGISTER = 0x34;
const FIS_DMA_SETUP = 0x41;
const FIS_PIO_SETUP = 0x5f;
const FIS_SET_DEVICE_BITS = 0xa1;
const INTERRUPT = 0x40;
const TO_HOST = 0x20;
export const CONTROL_SOFT_RESET = 0x04;

/** Where frames go in the receive area. */
export const DMA_SETUP_AT = 0x00;
export const PIO_SETUP_AT = 0x20;
export const REGISTER_AT = 0x40;
export const SET_DEVICE_BITS_AT = 0x58;

export function commandOf(fis: Uint8Array): AtaRegisters {
  const at = (i: number): number => fis[i] ?? 0;
  return {
    command: at(2),
    features: at(3) | (at(11) << 8),
    count: at(12) | (at(13) << 8),
    lba: at(4) + at(5) * 2 ** 8 + at(6) * 2 ** 16 + at(8) * 2 ** 24 + at(9) * 2 ** 32 + at(10) * 2 ** 40,
    device: at(7),
  };
}

function registers(into: Uint8Array, { lba, device, count }: Pick<AtaResult, "lba" | "device" | "count">): void {
  for (let i = 0; i < 3; i++) {
    into[4 + i] = Math.floor(lba / 2 ** (8 * i)) & 0xff;
    into[8 + i] = Math.floor(lba / 2 ** (8 * i + 24)) & 0xff;
  }
  into[7] = device;
  into[12] = count & 0xff;
  into[13] = count >> 8;
}

export function registerFis(result: AtaResult, interrupts: boolean): Uint8Array {
  const fis = new Uint8Array(20);
  fis.set([FIS_REGISTER, interrupts ? INTERRUPT : 0, result.status, result.error]);
  registers(fis, result);
  return fis;
}

/** `status` is the drive's before the data, the last byte what it will be after it. */
export function pioSetupFis(isToHost: boolean, interrupts: boolean, status: number, bytes: number): Uint8Array {
  const fis = new Uint8Array(20);
  fis.set([FIS_PIO_SETUP, (isToHost ? TO_HOST : 0) | (interrupts ? INTERRUPT : 0), status]);
  fis[15] = STATUS_DRDY | STATUS_DSC;
  fis[16] = bytes & 0xff;
  fis[17] = (bytes >> 8) & 0xff;
  return fis;
}

export function dmaSetupFis(isToHost: boolean, tag: number, offset: number, bytes: number): Uint8Array {
  const fis = new Uint8Array(28);
  fis.set([FIS_DMA_SETUP, isToHost ? TO_HOST : 0]);
  fis[4] = tag;
  const view = new DataView(fis.buffer);
  view.setUint32(16, offset, true);
  view.setUint32(20, bytes, true);
  return fis;
}

/** `done` are the tags that have ended. */
export function setDeviceBitsFis(status: number, error: number, done: number): Uint8Array {
  const fis = new Uint8Array(8);
  fis.set([FIS_SET_DEVICE_BITS, INTERRUPT, status & 0x77, error]);
  new DataView(fis.buffer).setUint32(4, done, true);
  return fis;
}
