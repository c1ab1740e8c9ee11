// Screens as PNG files (W3C PNG, second edition): 8-bit RGB, no filter, no interlace. The screen's alpha is always full and left out.
import { zlibCompress } from "./deflate.ts";
import type { Picture } from "./display.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

export function encodePng(picture: Picture): Uint8Array {
  const { width, height, pixels } = picture;
  const rows = new Uint8Array(height * (1 + width * 3));
  let out = 0;
  let from = 0;
  for (let y = 0; y < height; y++) {
    rows[out++] = 0; // filter: none
    for (let x = 0; x < width; x++, from += 4) {
      rows[out++] = pixels[from] ?? 0;
      rows[out++] = pixels[from + 1] ?? 0;
      rows[out++] = pixels[from + 2] ?? 0;
    }
  }
  const header = Uint8Array.of(...bigEndian(width), ...bigEndian(height), 8, 2, 0, 0, 0);
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", header), chunk("IDAT", zlibCompress(rows)), chunk("IEND", new Uint8Array(0))];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  bytes.set(bigEndian(data.length));
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  bytes.set(bigEndian(crc32(bytes.subarray(4, 8 + data.length))), 8 + data.length);
  return bytes;
}

function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function bigEndian(value: number): [number, number, number, number] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
