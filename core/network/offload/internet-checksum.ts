// The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words. Sums are kept as plain numbers and folded at the end;
// long runs are added 32 bits at a time in the host's order, which RFC 1071 (2 B) allows, and turned round once.

/** Adds `length` bytes from `at` on, as big-endian words (an odd last byte counts as if a zero followed), to `sum`. Gives 16 bits. */
export function addBytes(view: DataView, at: number, length: number, sum = 0): number {
  const end = at + length;
  const whole = end - 3;
  let words = 0;
  let from = at;
  for (; from < whole; from += 4) {
    const four = view.getInt32(from, true);
    words += (four & 0xffff) + (four >>> 16);
  }
  if (end - from >= 2) {
    words += view.getUint16(from, true);
    from += 2;
  }
  if (from < end) words += view.getUint8(from);
  const folded = fold(words);
  return fold(sum + (((folded & 0xff) << 8) | (folded >> 8)));
}

/** Brings a sum down to 16 bits by adding the carries. */
export function fold(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest % 0x10000) + Math.floor(rest / 0x10000);
  return rest;
}

/** What goes into a checksum field. */
export function checksumOf(sum: number): number {
  return ~fold(sum) & 0xffff;
}
