// A stretch of function body with what is still to be decided in it: places where bytes are put in later (which registers have to
// be stored is known only when the whole region is written), and hints on branches, by their offsets.
import { ByteWriter } from "../wasm/byte-writer.ts";

export interface Insert {
  at: number;
  /** Key of what goes there. */
  what: number;
}

export class CodeBuffer extends ByteWriter {
  readonly inserts: Insert[] = [];
  /** Offsets of `if` instructions that are seldom taken. */
  readonly unlikely: number[] = [];

  append(other: CodeBuffer): void {
    const base = this.length;
    for (const insert of other.inserts) this.inserts.push({ at: base + insert.at, what: insert.what });
    for (const at of other.unlikely) this.unlikely.push(base + at);
    this.raw(other.bytes.subarray(0, other.length));
  }

  /** The same code with the bytes for each key put in. */
  resolved(pieces: ReadonlyMap<number, CodeBuffer>): CodeBuffer {
    if (this.inserts.length === 0) return this;
    const out = new CodeBuffer();
    let from = 0;
    let hint = 0;
    const copyTo = (to: number): void => {
      const shift = out.length - from;
      for (; hint < this.unlikely.length && (this.unlikely[hint] as number) < to; hint++) out.unlikely.push((this.unlikely[hint] as number) + shift);
      out.raw(this.bytes.subarray(from, to));
      from = to;
    };
    for (const { at, what } of this.inserts) {
      copyTo(at);
      const piece = pieces.get(what);
      if (piece) out.append(piece);
    }
    copyTo(this.length);
    return out;
  }
}
