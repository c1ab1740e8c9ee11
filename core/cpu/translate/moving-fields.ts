// Addresses within code that move with it. A kernel of 64 bits is linked for the topmost 2 GiB and relocated there at every boot by another
// distance (KASLR): its code holds absolute addresses, mostly sign-extended from 32 bits, as displacements and immediates. One of 32 bits lies in
// the upper half and does the same. A translation takes those near its head as distances from it, so that it serves wherever the code
// is put. Conversely what is addressed relative to RIP within FS or GS stays where it is (Linux keeps a processor's variables so), and
// the distance to it changes. A constant that only looks like an address is no harm: at the next place it does not fit, and the code
// counts as different.
import { 
  BASE_RIP, D_ADDRSIZE, D_BASE, D_DISP_HI, D_DISP_LO, D_FORM, D_IMM_HI, D_IMM_LO, D_IS_MEM, D_LENGTH, D_SEG, immediateBytes, isSigned32, isWholeAddress,
} from "../../isa/decoder.ts";
import { forms } from "../../isa/forms.ts";
import { FS } from "../state/layout.ts";
import type { MovingField, PortableTranslation } from "./code-cache.ts";

/** How far from the head an address may be: a kernel with its data is smaller. */
const NEAR = 64 << 20;

/** An instruction's fields that change when it moves, by their offset from its start, -1 where there is none. They have four bytes. */
export interface MovingFields {
  readonly displacement: number;
  /** The displacement's: 1 if it grows by the distance, -1 if it shrinks by it. */
  readonly sign: 1 | -1;
  readonly immediate: number;
}
const NOTHING: MovingFields = { displacement: -1, sign: 1, immediate: -1 };

/** `origin`: low word of the head's RIP in the upper half of what 32 bits reach, or in the topmost 2 GiB of 64; undefined elsewhere. */
export function movingFields(d: Int32Array, origin: number | undefined): MovingFields {
  if (origin === undefined) return NOTHING;
  const form = d[D_FORM] as number;
  const isNear = (low: number): boolean => Math.abs((d[low] as number) - origin) < NEAR;
  const isMemory = (d[D_IS_MEM] as number) !== 0;
  const isPinned = isMemory && d[D_BASE] === BASE_RIP && (d[D_SEG] as number) >= FS && Math.abs(origin + (d[D_DISP_LO] as number)) < NEAR;
  const isWhole = isWholeAddress(form);
  const isAddress = isMemory && d[D_BASE] !== BASE_RIP && (isWhole ? d[D_ADDRSIZE] === 4 : d[D_DISP_HI] === -1) && isNear(D_DISP_LO);
  const bytes = immediateBytes(form);
  const isValue = (isSigned32(form) || bytes === 8) && forms[form]?.flow === "next" && d[D_IMM_HI] === -1 && isNear(D_IMM_LO);
  if (!isAddress && !isPinned && !isValue) return NOTHING;
  const length = d[D_LENGTH] as number;
  const displacement = isAddress || isPinned ? length - 4 - bytes : -1;
  return { displacement, sign: isPinned ? -1 : 1, immediate: isValue ? length - bytes : -1 };
}

/** The decode record of the same instruction in code that lies `distance` bytes further on. */
function moved(d: Int32Array, origin: number | undefined, distance: number): Int32Array {
  const { displacement, sign, immediate } = movingFields(d, origin);
  if (distance === 0 || (displacement < 0 && immediate < 0)) return d;
  const copy = d.slice();
  if (displacement >= 0) copy[D_DISP_LO] = (d[D_DISP_LO] as number) + distance * sign;
  if (immediate >= 0) copy[D_IMM_LO] = (d[D_IMM_LO] as number) + distance;
  return copy;
}

/** Bytes of a range [from, ...) with the fields of `moving` (offsets as `from`) moved by `distance`. A field is within one range, or split by a
 *  page's end between two that follow one another. */
function movedRanges<R extends { readonly from: number; readonly bytes: Uint8Array }>(ranges: readonly R[], moving: readonly MovingField[], distance: number): R[] {
  const copies = ranges.map((range) => ({ ...range, bytes: range.bytes.slice() }));
  const place = (offset: number): { bytes: Uint8Array; n: number } | undefined => {
    const range = copies.find(({ from, bytes }) => offset >= from && offset < from + bytes.length);
    return range && { bytes: range.bytes, n: offset - range.from };
  };
  for (const { at, sign } of moving) {
    const parts = [0, 1, 2, 3].map((k) => place(at + k));
    const old = parts.reduce((value, part, k) => value | ((part?.bytes[part.n] ?? 0) << (8 * k)), 0);
    parts.forEach((part, k) => {
      if (part) part.bytes[part.n] = ((old + distance * sign) >> (8 * k)) & 255;
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
