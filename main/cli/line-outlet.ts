// Output of several machines on one stream: whole lines, each with its machine's name in front, one machine's line never inside another's.
import type { Writable } from "node:stream";

/** A longer line is cut, so that a guest that never ends one is bounded. */
const LONGEST_LINE = 64 * 1024;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

export class LineOutlet {
  private readonly stream: Writable;
  private readonly format: (name: string, line: Buffer) => Buffer;
  private readonly partial = new Map<string, Buffer>();
  private isGone = false;
  private last: Promise<void> = Promise.resolve();

  constructor(stream: Writable, format: (name: string, line: Buffer) => Buffer) {
    this.stream = stream;
    this.format = format;
    // A reader that has gone takes everything.
    stream.on("error", () => (this.isGone = true));
  }

  /** Settles when the stream wants more. */
  write(name: string, data: Uint8Array): Promise<void> {
    const lines: Buffer[] = [];
    let rest = Buffer.concat([this.partial.get(name) ?? Buffer.alloc(0), data]);
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      if (end < 0 && rest.length < LONGEST_LINE) break;
      const cut = end < 0 || end > LONGEST_LINE ? LONGEST_LINE : end;
      lines.push(this.format(name, withoutReturn(rest.subarray(0, cut))));
      rest = rest.subarray(cut === end ? cut + 1 : cut);
    }
    this.partial.set(name, rest);
    return this.put(lines);
  }

  /** Ends the line that a machine has begun. */
  flush(name: string): Promise<void> {
    const rest = this.partial.get(name);
    this.partial.delete(name);
    return rest && rest.length > 0 ? this.put([this.format(name, withoutReturn(rest))]) : this.last;
  }

  private put(lines: readonly Buffer[]): Promise<void> {
    if (lines.length > 0 && !this.isGone) this.last = new Promise((resolve) => this.stream.write(Buffer.concat(lines), () => resolve()));
    return this.last;
  }
}

function withoutReturn(line: Buffer): Buffer {
  let end = line.length;
  while (end > 0 && line[end - 1] === RETURN) end--;
  return line.subarray(0, end);
}
