// Where the bytes that a guest prints go: a file of the host, appended to line by line.
import { closeSync, openSync, writeSync } from "node:fs";
import { MachineError } from "../machine/machine.ts";

const LINE_FEED = 0x0a, FORM_FEED = 0x0c;
const BUFFER_BYTES = 4096;

export class PrinterFile {
  private readonly buffer = new Uint8Array(BUFFER_BYTES);
  private length = 0;
  private file: number | undefined;

  /** Throws MachineError if the file cannot be written. */
  constructor(path: string) {
    try {
      this.file = openSync(path, "a");
    } catch (error) {
      throw new MachineError("ioFailed", `The printer's file cannot be written: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }

  push(byte: number): void {
    this.buffer[this.length++] = byte;
    if (byte === LINE_FEED || byte === FORM_FEED || this.length === BUFFER_BYTES) this.flush();
  }

  private flush(): void {
    if (this.file === undefined) return;
    try {
      writeSync(this.file, this.buffer, 0, this.length);
    } catch {
      // A full disk: the printer is out of paper, and the guest goes on.
    }
    this.length = 0;
  }

  close(): void {
    this.flush();
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}
