// The serial port carries bytes; the contract carries them as latin-1 text, one character a byte; terminals speak UTF-8.

/** Most characters in one `vm.serialInput` here: well under the contract's 64 KiB, so that a long paste stays interruptible. */
export const SERIAL_CHUNK = 4096;

export function latin1ToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i) & 0xff;
  return bytes;
}

export function bytesToLatin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}

/** What the user typed or pasted, as the guest's UTF-8 bytes. */
export function typedToLatin1(text: string): string {
  return bytesToLatin1(new TextEncoder().encode(text));
}

/** Sends text in chunks, each after the one before was taken, so that order holds and a slow guest is not flooded. */
export class SerialSender {
  readonly #send: (data: string) => Promise<unknown>;
  readonly #onError: (error: unknown) => void;
  #waiting = "";
  #busy = false;

  constructor(send: (data: string) => Promise<unknown>, onError: (error: unknown) => void) {
    this.#send = send;
    this.#onError = onError;
  }

  push(latin1: string): void {
    this.#waiting += latin1;
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting.slice(0, SERIAL_CHUNK);
      this.#waiting = this.#waiting.slice(chunk.length);
      try {
        await this.#send(chunk);
      } catch (error) {
        this.#waiting = "";
        this.#onError(error);
      }
    }
    this.#busy = false;
  }
}
