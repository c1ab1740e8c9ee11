// Addresses within code that move with it. A kernel of 64 bits is linked for the topmost 2 GiB and relocated there at every boot by another
// distance (KASLR): its code holds absolute addresses, sign-extended from 32 bits, as displacements and immediates. A translation
// takes those near its head as distances from it, so that it serves wherever the code is put. A constant that only looks like an
// address is no harm: at the next place it does not fit, and the code counts as different.
import { BASE_RIP, D_BASE, D_DISP_HI, D_DISP_LO, D_FORM, D_IMM_HI, D_IMM_LO, D_IS_MEM, D_LENGTH, immediateBytes, isSigned32, isWholeAddress } from "../../isa/decoder.ts";
import { forms } from "../../isa/forms.ts";
import type { PortableTranslation } from "./code-cache.ts";

/** How far from the head an address may be: a kernel with its data is smaller. */
const NEAR = 64 << 20;

/** Offsets of an instruction's moving fields from its start, -1 where there is none. They have four bytes. */
export interface MovingFields {
  readonly displacement: number;
  readonly immediate: number;
}
const NOTHING: MovingFields = { displacement: -1, immediate: -1 };

/** `origin`: low word of the head's RIP, whose high word is all ones; undefined elsewhere. */
export function movingFields(d: Int32Array, origin: number | undefined): MovingFields {
  if (origin === undefined) return NOTHING;
  const isNear = (low: number, high: number): boolean => d[high] === -1 && Math.abs((d[low] as number) - origin) < NEAR;
  const form = d[D_FORM] as number;
  const isAddress = (d[D_IS_MEM] as number) !== 0 && d[D_BASE] !== BASE_RIP && !isWholeAddress(form) && isNear(D_DISP_LO, D_DISP_HI);
  const isValue = isSigned32(form) && forms[form]?.flow === "next" && isNear(D_IMM_LO, D_IMM_HI);
  if (!isAddress && !isValue) return NOTHING;
  const length = d[D_LENGTH] as number;
  return { displacement: isAddress ? length - immediateBytes(form) - 4 : -1, immediate: isValue ? length - 4 : -1 };
}

/** The decode record of the same instruction in code that lies `distance` bytes further on. */
function moved(d: Int32Array, origin: number | undefined, distance: number): Int32Array {
  const { displacement, immediate } = movingFields(d, origin);
  if (distance === 0 || (displacement < 0 && immediate < 0)) return d;
  const copy = d.slice();
  if (displacement >= 0) copy[D_DISP_LO] = (d[D_DISP_LO] as number) + distance;
  if (immediate >= 0) copy[D_IMM_LO] = (d[D_IMM_LO] as number) + distance;
  return copy;
}

/** Bytes of a range [from, ...) with the fields at `moving` (offsets as `from`) moved by `distance`. A field is within one range, or split by a
 *  page's end between two that follow one another. */
function movedRanges<R extends { readonly from: number; readonly bytes: Uint8Array }>(ranges: readonly R[], moving: readonly number[], distance: number): R[] {
  const copies = ranges.map((range) => ({ ...range, bytes: range.bytes.slice() }));
  const place = (offset: number): { bytes: Uint8Array; n: number } | undefined => {
    const range = copies.find(({ from, bytes }) => offset >= from && offset < from + bytes.length);
    return range && { bytes: range.bytes, n: offset - range.from };
  };
  for (const offset of moving) {
    const parts = [0, 1, 2, 3].map((k) => place(offset + k));
    const old = parts.reduce((value, part, k) => value | ((part?.bytes[part.n] ?? 0) << (8 * k)), 0);
    parts.forEach((part, k) => {
      if (part) part.bytes[part.n] = ((old + distance) >> (8 * k)) & 255;
    });
  }
  return copies;
}

/** The translation for code that lies elsewhere; null if it is not one that moves. */
export function movedTo(kept: PortableTranslation, origin: number | undefined): PortableTranslation | null {
  const { moving } = kept;
  if (moving.length === 0 || origin === kept.origin) return kept;
  if (origin === undefined || kept.origin === undefined) return null;
  const distance = (origin - kept.origin) | 0;
  const calls = kept.calls.map(({ at, decoded }) => ({ at, decoded: moved(decoded, kept.origin, distance) }));
  const { key, mode, instructionCount, dataBytes, sitesAt, imports, pages, tables, wireBytes } = kept;
  return { key, mode, instructionCount, dataBytes, sitesAt, imports, pages, tables, wireBytes, moving, origin, calls, ranges: movedRanges(kept.ranges, moving, distance) };
}
