// Bytes of a medium for looking at, and little-endian fields in them. Every field comes from outside: a read past the end gives
// less, a field past the bytes gives 0, and what all recognition of one medium may read is bounded, so that no loop in a
// catalogue or directory runs for long.

export interface ByteSource {
  readonly sizeBytes: number;
  /** May give fewer bytes at the end, or where the host cannot read. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

const MAX_READS = 2000;
const MAX_BYTES = 32 * 1024 * 1024;

export class BoundedSource {
  readonly sizeBytes: number;
  private readonly source: ByteSource;
  private reads = 0;
  private bytes = 0;

  constructor(source: ByteSource) {
    this.source = source;
    this.sizeBytes = Number.isSafeInteger(source.sizeBytes) && source.sizeBytes > 0 ? source.sizeBytes : 0;
  }

  /** What there is of [offset, offset + length), nothing once too much has been read. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const count = Math.min(length, this.sizeBytes - offset);
    if (!Number.isSafeInteger(offset) || offset < 0 || !(count > 0) || ++this.reads > MAX_READS) return new Uint8Array();
    this.bytes += count;
    if (this.bytes > MAX_BYTES) return new Uint8Array();
    return (await this.source.read(offset, count)).subarray(0, count);
  }
}

export const sourceOf = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

export const u8 = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
export const u16 = (bytes: Uint8Array, at: number): number => u8(bytes, at) | (u8(bytes, at + 1) << 8);
export const u32 = (bytes: Uint8Array, at: number): number => (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
/** Exact to 2^53; what is larger points nowhere and is Infinity. */
export const u64 = (bytes: Uint8Array, at: number): number => {
  const high = u32(bytes, at + 4);
  return high < 2 ** 21 ? high * 2 ** 32 + u32(bytes, at) : Infinity;
};

/** One byte a character, as it is. */
export function latin1(bytes: Uint8Array, at: number, length: number): string {
  let text = "";
  for (const byte of bytes.subarray(at, at + length)) text += String.fromCharCode(byte);
  return text;
}

/** Two bytes a character. */
export function utf16(bytes: Uint8Array, at: number, length: number, isBigEndian: boolean): string {
  let text = "";
  for (let i = at; i + 1 < Math.min(at + length, bytes.length); i += 2) {
    const unit = u16(bytes, i);
    text += String.fromCharCode(isBigEndian ? ((unit & 0xff) << 8) | (unit >> 8) : unit);
  }
  return text;
}

/** A label fit to be shown: up to the first NUL, no control or replacement characters, no padding. */
export function shown(text: string): string {
  const end = text.indexOf("\0");
  return (end < 0 ? text : text.slice(0, end)).replace(/[\p{Cc}\p{Cs}\p{Cf}]/gu, "").trim();
}

export function holds(bytes: Uint8Array, at: number, text: string): boolean {
  return latin1(bytes, at, text.length) === text;
}
