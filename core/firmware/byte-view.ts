// Little-endian numbers in and out of bytes, for headers and tables. Reading past the end gives zeros, so that a truncated file is
// refused for what it lacks and not by an exception.

export class ByteView {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    return this.bytes[offset] ?? 0;
  }

  u16(offset: number): number {
    return this.u8(offset) | (this.u8(offset + 1) << 8);
  }

  u32(offset: number): number {
    return this.u16(offset) + this.u16(offset + 2) * 0x10000;
  }

  /** Above 2^53 the low bits are lost; such a number is out of range for everything it is used for. */
  u64(offset: number): number {
    return this.u32(offset) + this.u32(offset + 4) * 0x100000000;
  }

  put8(offset: number, value: number): void {
    this.bytes[offset] = value;
  }

  put16(offset: number, value: number): void {
    this.put8(offset, value & 0xff);
    this.put8(offset + 1, (value >> 8) & 0xff);
  }

  put32(offset: number, value: number): void {
    this.put16(offset, value & 0xffff);
    this.put16(offset + 2, value >>> 16);
  }

  put64(offset: number, value: number): void {
    this.put32(offset, value >>> 0);
    this.put32(offset + 4, Math.floor(value / 0x100000000));
  }

  putText(offset: number, text: string): void {
    for (let i = 0; i < text.length; i++) this.put8(offset + i, text.charCodeAt(i));
  }
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A string as UTF-8 with a zero after it. */
export function cString(text: string): Uint8Array {
  return joinBytes([new TextEncoder().encode(text), new Uint8Array(1)]);
}
