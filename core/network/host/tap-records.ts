// Between the network's thread and the program at a tap device (tap-program.ts): records over its standard input and output, each with its
// length before it (32 bits, little-endian). A record is a packet as the device has it; the first from the program is empty and says
// that the device is open.

export const RECORD_HEADER_BYTES = 4;
/** The largest IP packet with its headers, and then some. */
export const RECORD_MAX_BYTES = 128 << 10;

/** Puts records together from the pieces in which they arrive. */
export class RecordReader {
  private readonly waiting = new Uint8Array(RECORD_HEADER_BYTES + RECORD_MAX_BYTES);
  private have = 0;

  /** Gives each record that is complete, borrowed for the call. False for a length that cannot be: there is no going on. */
  push(chunk: Uint8Array, give: (record: Uint8Array) => void): boolean {
    const { waiting } = this;
    let at = 0;
    for (;;) {
      if (this.have === 0) {
        // What is whole need not be copied.
        for (let length = lengthAt(chunk, at); length !== undefined && chunk.length - at - RECORD_HEADER_BYTES >= length; length = lengthAt(chunk, at)) {
          if (length > RECORD_MAX_BYTES) return false;
          at += RECORD_HEADER_BYTES;
          give(chunk.subarray(at, at + length));
          at += length;
        }
      }
      if (at === chunk.length) return true;
      const length = lengthAt(waiting.subarray(0, this.have), 0);
      const wanted = (length === undefined ? RECORD_HEADER_BYTES : RECORD_HEADER_BYTES + length) - this.have;
      const taken = Math.min(wanted, chunk.length - at);
      waiting.set(chunk.subarray(at, at + taken), this.have);
      this.have += taken;
      at += taken;
      const known = lengthAt(waiting.subarray(0, this.have), 0);
      if (known === undefined) continue;
      if (known > RECORD_MAX_BYTES) return false;
      if (this.have < RECORD_HEADER_BYTES + known) continue;
      this.have = 0;
      give(waiting.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + known));
    }
  }
}

function lengthAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at < RECORD_HEADER_BYTES) return undefined;
  return ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}

export function writeRecordLength(bytes: Uint8Array, at: number, length: number): void {
  bytes[at] = length;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 24;
}
