// The configuration structure of a block device (virtio 1.1, 5.2.4): capacity, limits, geometry, topology, ranges for discard and zeroes.

export const SECTOR = 512;
export const BLOCK_CONFIG_BYTES = 60;
/** Offset of the write-back switch, the one field that the driver writes. */
export const WRITEBACK = 32;
/** A write of zeroes covers at most this; longer ones come as several. */
export const MAX_ZERO_SECTORS = 8192;
const MAX_DISCARD_SECTORS = 0x3fffff;
const HEADS = 16, SECTORS_PER_TRACK = 63;
/** Physical blocks of 4 KiB, which is what hosts' files are made of. */
const PHYSICAL_BLOCK_EXPONENT = 3;

export function blockConfig(sectorCount: number, maxSegments: number, queueCount: number): Uint8Array {
  const config = new Uint8Array(BLOCK_CONFIG_BYTES);
  const view = new DataView(config.buffer);
  view.setUint32(0, sectorCount % 2 ** 32, true);
  view.setUint32(4, Math.floor(sectorCount / 2 ** 32), true);
  view.setUint32(12, maxSegments, true);
  view.setUint16(16, Math.min(Math.floor(sectorCount / (HEADS * SECTORS_PER_TRACK)), 0xffff), true);
  config[18] = HEADS;
  config[19] = SECTORS_PER_TRACK;
  view.setUint32(20, SECTOR, true);
  config[24] = PHYSICAL_BLOCK_EXPONENT;
  view.setUint16(26, 1 << PHYSICAL_BLOCK_EXPONENT, true);
  view.setUint16(34, queueCount, true);
  view.setUint32(36, MAX_DISCARD_SECTORS, true);
  view.setUint32(40, 1, true);
  view.setUint32(44, 1 << PHYSICAL_BLOCK_EXPONENT, true);
  view.setUint32(48, MAX_ZERO_SECTORS, true);
  view.setUint32(52, 1, true);
  return config;
}
