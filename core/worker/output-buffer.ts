// Collects the bytes that a device sends during a slice, to be posted as one message at its edge.

export class OutputBuffer {
  private bytes = new Uint8Array(4096);
  length = 0;

  push(byte: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = byte;
  }

  /** A copy of its own that may be transferred; the buffer is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.length);
    this.length = 0;
    // One slice of heavy output must not pin its memory for the machine's life.
    if (this.bytes.length > 1024 * 1024) this.bytes = new Uint8Array(4096);
    return taken;
  }
}
