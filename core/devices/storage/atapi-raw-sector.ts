// A whole mode 1 CD sector around 2048 bytes of data: sync, header, error detection and correction. ECMA-130, clauses 14 and
// Annex A; READ CD may ask for any of the parts.
import { toMsf } from "./atapi-disc.ts";

export const RAW_SECTOR = 2352;
const DATA_AT = 16;
const EDC_AT = 2064;
const P_AT = 2076;
const Q_AT = 2248;
const EDC_POLYNOMIAL = 0xd8018001; // x^32 + x^31 + x^16 + x^15 + x^4 + x^3 + x + 1, reflected

const edcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let edc = byte;
  for (let bit = 0; bit < 8; bit++) edc = (edc >>> 1) ^ (edc & 1 ? EDC_POLYNOMIAL : 0);
  return edc >>> 0;
});

/** Times 2 in GF(256) with x^8 + x^4 + x^3 + x^2 + 1. */
function double(value: number): number {
  return (value << 1) ^ (value & 0x80 ? 0x11d : 0);
}
/** Divides by 3 in that field. */
const thirds = new Uint8Array(256);
for (let value = 0; value < 256; value++) thirds[double(value) ^ value] = value;

export function rawSector(lba: number, data: Uint8Array): Uint8Array {
  const sector = new Uint8Array(RAW_SECTOR);
  sector.fill(0xff, 1, 11);
  sector.set(toMsf(lba).map((n) => ((Math.floor(n / 10) << 4) | (n % 10)) & 0xff), 12);
  sector[15] = 1;
  sector.set(data, DATA_AT);
  let edc = 0;
  for (let i = 0; i < EDC_AT; i++) edc = (edc >>> 8) ^ (edcTable[(edc ^ (sector[i] ?? 0)) & 0xff] ?? 0);
  new DataView(sector.buffer).setUint32(EDC_AT, edc, true);
  // P: 43 columns of 24 words; Q: 26 diagonals of 43. The words' low and high bytes are coded apart.
  parity(sector, P_AT, 86, 24, (vector, i) => vector + 86 * i);
  parity(sector, Q_AT, 52, 43, (vector, i) => ((vector >> 1) * 86 + i * 88) % 2236 + (vector & 1));
  return sector;
}

/** Two check bytes for each vector, such that the sum and the weighted sum of all its bytes are 0. */
function parity(sector: Uint8Array, at: number, vectors: number, length: number, place: (vector: number, i: number) => number): void {
  for (let vector = 0; vector < vectors; vector++) {
    let sum = 0;
    let weighted = 0;
    for (let i = 0; i < length; i++) {
      const byte = sector[12 + place(vector, i)] ?? 0;
      sum ^= byte;
      weighted = double(weighted ^ byte);
    }
    const first = thirds[double(weighted) ^ sum] ?? 0;
    sector[at + vector] = first;
    sector[at + vectors + vector] = first ^ sum;
  }
}
