// A small DEFLATE (RFC 1951) in a zlib wrapper (RFC 1950): greedy matches by hash, one block with the fixed codes. Screens are flat
// areas and repeated rows, for which this comes near to a real compressor.

const MIN_MATCH = 3;
const MAX_MATCH = 258;
const WINDOW_BYTES = 32768;
const HASH_BITS = 15;
const LENGTH_BASES = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const DISTANCE_BASES = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385,
  24577,
];

export function zlibCompress(data: Uint8Array): Uint8Array {
  const out = new BitWriter(data.length);
  out.bits(0x78, 8);
  out.bits(0x01, 8);
  out.bits(1, 1); // last block
  out.bits(1, 2); // fixed codes
  const lastSeen = new Int32Array(1 << HASH_BITS).fill(-1);
  for (let at = 0; at < data.length; ) {
    const { length, distance } = findMatch(data, at, lastSeen);
    if (length < MIN_MATCH) {
      writeLiteral(out, data[at] ?? 0);
      at++;
    } else {
      writeMatch(out, length, distance);
      at += length;
    }
  }
  writeLiteral(out, 256);
  out.align();
  const sum = adler32(data);
  for (const shift of [24, 16, 8, 0]) out.bits((sum >>> shift) & 0xff, 8);
  return out.finish();
}

function findMatch(data: Uint8Array, at: number, lastSeen: Int32Array): { length: number; distance: number } {
  if (at + MIN_MATCH > data.length) return { length: 0, distance: 0 };
  const three = (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8) | ((data[at + 2] ?? 0) << 16);
  const hash = Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
  const from = lastSeen[hash] ?? -1;
  lastSeen[hash] = at;
  if (from < 0 || at - from > WINDOW_BYTES) return { length: 0, distance: 0 };
  const most = Math.min(MAX_MATCH, data.length - at);
  let length = 0;
  while (length < most && data[from + length] === data[at + length]) length++;
  return { length, distance: at - from };
}

/** Literal bytes, the end of block (256) and length codes (257 on) share one alphabet. */
function writeLiteral(out: BitWriter, symbol: number): void {
  if (symbol < 144) out.code(0x30 + symbol, 8);
  else if (symbol < 256) out.code(0x190 + symbol - 144, 9);
  else if (symbol < 280) out.code(symbol - 256, 7);
  else out.code(0xc0 + symbol - 280, 8);
}

function writeMatch(out: BitWriter, length: number, distance: number): void {
  const lengthCode = lastAtMost(LENGTH_BASES, length);
  writeLiteral(out, 257 + lengthCode);
  const lengthExtra = lengthCode < 8 || lengthCode === 28 ? 0 : (lengthCode >> 2) - 1;
  out.bits(length - (LENGTH_BASES[lengthCode] ?? 0), lengthExtra);
  const distanceCode = lastAtMost(DISTANCE_BASES, distance);
  out.code(distanceCode, 5);
  out.bits(distance - (DISTANCE_BASES[distanceCode] ?? 0), distanceCode < 4 ? 0 : (distanceCode >> 1) - 1);
}

function lastAtMost(bases: readonly number[], value: number): number {
  let at = bases.length - 1;
  while ((bases[at] ?? 0) > value) at--;
  return at;
}

class BitWriter {
  private bytes: Uint8Array;
  private length = 0;
  private pending = 0;
  private pendingBits = 0;

  constructor(expectedBytes: number) {
    this.bytes = new Uint8Array(Math.max(64, expectedBytes >> 3));
  }

  /** Low bit first, at most 16 at a time. */
  bits(value: number, count: number): void {
    this.pending |= value << this.pendingBits;
    this.pendingBits += count;
    while (this.pendingBits >= 8) {
      this.push(this.pending & 0xff);
      this.pending >>>= 8;
      this.pendingBits -= 8;
    }
  }

  /** Huffman codes go out high bit first. */
  code(value: number, count: number): void {
    let reversed = 0;
    for (let i = 0; i < count; i++) reversed |= ((value >> i) & 1) << (count - 1 - i);
    this.bits(reversed, count);
  }

  align(): void {
    if (this.pendingBits > 0) this.bits(0, 8 - this.pendingBits);
  }

  private push(byte: number): void {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(this.bytes.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = byte;
  }

  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

function adler32(data: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < data.length; ) {
    // The sums stay below 2^31 for this many bytes.
    const end = Math.min(at + 3800, data.length);
    for (; at < end; at++) {
      a += data[at] ?? 0;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}
