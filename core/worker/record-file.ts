// A file of records that is written once and read in parts: the records, of three pieces each, an index with more about each, and a
// trailer with the index's length (32 bits, little-endian) and SHA-256. What was not written like that is not given out.
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { deserialize, serialize } from "node:v8";

const TRAILER_BYTES = 64;
const HASH_BYTES = 32;

/** A record in its file: where it is, how long its three parts are, the SHA-256 of all. */
export interface Place {
  at: number;
  meta: number;
  wire: number;
  native: number;
  hash: Uint8Array;
}

export class RecordFile<E extends Place> {
  readonly entries: readonly E[];
  readonly path: string;
  private readonly file: number;
  private isOpen = true;

  private constructor(path: string, file: number, entries: readonly E[]) {
    this.path = path;
    this.file = file;
    this.entries = entries;
  }
  /** Null: there is none, or it is damaged. */
  static open<E extends Place>(path: string): RecordFile<E> | null {
    let file: number;
    try {
      file = openSync(path, "r");
    } catch {
      return null; // nothing was kept yet
    }
    const entries = readIndex<E>(file);
    if (entries) return new RecordFile(path, file, entries);
    closeSync(file);
    return null;
  }
  /** The record's bytes, or null if they are not what was written. */
  read(entry: Place): Uint8Array<ArrayBuffer> | null {
    if (!this.isOpen) return null;
    if (this.last?.entry === entry) return this.last.bytes;
    const bytes = readAt(this.file, entry.at, entry.meta + entry.wire + entry.native);
    if (!bytes || Buffer.compare(hashOf(bytes), entry.hash) !== 0) return null;
    this.last = { entry, bytes };
    return bytes;
  }
  /** A record's parts are mostly wanted one after the other. */
  private last: { entry: Place; bytes: Uint8Array<ArrayBuffer> } | undefined;
  close(): void {
    if (this.isOpen) closeSync(this.file);
    this.isOpen = false;
  }
}

function readIndex<E>(file: number): E[] | null {
  const { size } = fstatSync(file);
  const trailer = size > TRAILER_BYTES ? readAt(file, size - TRAILER_BYTES, TRAILER_BYTES) : null;
  if (!trailer) return null;
  const view = new DataView(trailer.buffer);
  const length = view.getUint32(0, true);
  if (length > size - TRAILER_BYTES) return null;
  const index = readAt(file, size - TRAILER_BYTES - length, length);
  if (!index || Buffer.compare(hashOf(index), trailer.subarray(TRAILER_BYTES - HASH_BYTES)) !== 0) return null;
  return deserialize(index) as E[];
}
function readAt(file: number, at: number, length: number): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(length);
  return readSync(file, bytes, 0, length, at) === length ? bytes : null;
}
const hashOf = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

export class RecordWriter {
  private readonly path: string;
  private readonly temporary: string;
  private readonly file: number;
  private at = 0;

  constructor(path: string) {
    this.path = path;
    this.temporary = join(dirname(path), `new-${process.pid}-${basename(path)}`);
    this.file = openSync(this.temporary, "wx", 0o600);
  }
  add(meta: Uint8Array, wire: Uint8Array, native: Uint8Array): Place {
    const bytes = Buffer.concat([meta, wire, native]);
    return { at: this.copy(bytes), meta: meta.length, wire: wire.length, native: native.length, hash: hashOf(bytes) };
  }
  copy(record: Uint8Array): number {
    const { at } = this;
    writeSync(this.file, record);
    this.at += record.length;
    return at;
  }
  finish(entries: readonly Place[]): void {
    const index = serialize(entries);
    const trailer = new Uint8Array(TRAILER_BYTES);
    new DataView(trailer.buffer).setUint32(0, index.length, true);
    trailer.set(hashOf(index), TRAILER_BYTES - HASH_BYTES);
    writeSync(this.file, index);
    writeSync(this.file, trailer);
    closeSync(this.file);
    renameSync(this.temporary, this.path);
  }
}
