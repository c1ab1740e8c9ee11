// Schema pieces for saved device state: registers by width, times, byte arrays.
import { z } from "zod";

export const u8 = z.int().min(0).max(0xff);
export const u16 = z.int().min(0).max(0xffff);
export const u32 = z.int().min(0).max(0xffffffff);
/** Virtual time in nanoseconds; differences and programmed deadlines may lie far ahead. */
export const timeNs = z.int().min(0);

export function uint(bits: number): z.ZodInt {
  return z.int().min(0).max(2 ** bits - 1);
}

/** Between `min` and `max` bytes. */
export function bytes(min: number, max: number = min): z.ZodType<Uint8Array> {
  return z.instanceof(Uint8Array).refine((data) => data.length >= min && data.length <= max, `must be ${min} to ${max} bytes`);
}
