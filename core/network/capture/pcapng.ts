// A pcapng file as bytes (draft-ietf-opsawg-pcapng): one section, an interface description for each port, enhanced packet blocks.
// Little-endian, times in nanoseconds since `startedNs` of the epoch. Left out: name resolution, decryption secrets.

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const INTERFACE_STATISTICS = 5;
const LINKTYPE_ETHERNET = 1;
const OPTION_COMMENT = 1;
const OPTION_APPLICATION = 4;
const OPTION_NAME = 2;
const OPTION_DESCRIPTION = 3;
const OPTION_RESOLUTION = 9;
const OPTION_FLAGS = 2;
const OPTION_RECEIVED = 4;
const OPTION_DROPPED = 5;

/** As seen from the port that is captured. */
export type CaptureDirection = "in" | "out";

export interface CaptureInterface {
  readonly name: string;
  readonly description?: string;
}

export interface PcapngOptions {
  /** Nanoseconds from the epoch to the zero of the times given with frames. */
  readonly startedNs?: bigint;
  /** Longer frames are cut to this; the block still tells their length. */
  readonly snapLength?: number;
  readonly application?: string;
}

/** Hands each block, as it is complete, to `write`. The array belongs to the receiver. */
export class PcapngWriter {
  private readonly write: (block: Uint8Array) => void;
  private readonly startedNs: bigint;
  private readonly snapLength: number;
  private interfaces = 0;

  constructor(write: (block: Uint8Array) => void, options: PcapngOptions = {}) {
    this.write = write;
    this.startedNs = options.startedNs ?? 0n;
    this.snapLength = options.snapLength ?? 0x4_0000;
    const body = new BlockBody();
    body.u32(BYTE_ORDER_MAGIC);
    body.u16(1);
    body.u16(0);
    body.u64(0xffff_ffff_ffff_ffffn);
    body.text(OPTION_APPLICATION, options.application ?? "Ringfence");
    this.block(SECTION_HEADER, body);
  }

  /** Describes a port. Returns the number by which its frames are written. */
  addInterface(described: CaptureInterface): number {
    const body = new BlockBody();
    body.u16(LINKTYPE_ETHERNET);
    body.u16(0);
    body.u32(this.snapLength);
    body.text(OPTION_NAME, described.name);
    if (described.description !== undefined) body.text(OPTION_DESCRIPTION, described.description);
    body.option(OPTION_RESOLUTION, Uint8Array.of(9));
    this.block(INTERFACE_DESCRIPTION, body);
    return this.interfaces++;
  }

  /** Writes a frame. `length` is what it had on the wire, if `frame` holds less. False: there is no such interface. */
  frame(
    on: number,
    timeNs: number,
    frame: Uint8Array,
    direction?: CaptureDirection,
    comment?: string,
    length: number = frame.length,
  ): boolean {
    if (!(Number.isInteger(on) && on >= 0 && on < this.interfaces)) return false;
    const kept = frame.subarray(0, this.snapLength);
    const body = new BlockBody(kept.length);
    body.u32(on);
    body.time(this.startedNs + BigInt(Math.floor(timeNs)));
    body.u32(kept.length);
    body.u32(Math.max(length, kept.length));
    body.bytes(kept);
    if (comment !== undefined) body.text(OPTION_COMMENT, comment);
    if (direction !== undefined) body.option(OPTION_FLAGS, Uint8Array.of(direction === "in" ? 1 : 2, 0, 0, 0));
    this.block(ENHANCED_PACKET, body);
    return true;
  }

  /** Says at the end how many frames an interface had, and how many the capture lost. */
  statistics(on: number, timeNs: number, received: number, dropped: number): boolean {
    if (!(Number.isInteger(on) && on >= 0 && on < this.interfaces)) return false;
    const body = new BlockBody();
    body.u32(on);
    body.time(this.startedNs + BigInt(Math.floor(timeNs)));
    body.count(OPTION_RECEIVED, received);
    body.count(OPTION_DROPPED, dropped);
    this.block(INTERFACE_STATISTICS, body);
    return true;
  }

  private block(type: number, body: BlockBody): void {
    const content = body.finish();
    const block = new Uint8Array(content.length + 12);
    const view = new DataView(block.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, block.length, true);
    block.set(content, 8);
    view.setUint32(block.length - 4, block.length, true);
    this.write(block);
  }
}

/** The content of a block: fields, then options, each padded to four bytes. */
class BlockBody {
  private data: Uint8Array;
  private view: DataView;
  private length = 0;
  private hasOptions = false;

  constructor(expected = 0) {
    this.data = new Uint8Array(expected + 128);
    this.view = new DataView(this.data.buffer);
  }

  u16(value: number): void {
    const at = this.grow(2);
    this.view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.grow(4);
    this.view.setUint32(at, value, true);
  }

  u64(value: bigint): void {
    const at = this.grow(8);
    this.view.setBigUint64(at, value, true);
  }

  /** High half first, each half in the section's byte order. */
  time(value: bigint): void {
    this.u32(Number((value >> 32n) & 0xffff_ffffn));
    this.u32(Number(value & 0xffff_ffffn));
  }

  bytes(value: Uint8Array): void {
    const at = this.grow((value.length + 3) & ~3);
    this.data.set(value, at);
  }

  option(code: number, value: Uint8Array): void {
    this.hasOptions = true;
    this.u16(code);
    this.u16(value.length);
    this.bytes(value);
  }

  text(code: number, value: string): void {
    this.option(code, utf8(value));
  }

  count(code: number, value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, Math.floor(value))), true);
    this.option(code, bytes);
  }

  finish(): Uint8Array {
    if (this.hasOptions) this.u32(0);
    return this.data.subarray(0, this.length);
  }

  private grow(by: number): number {
    const at = this.length;
    this.length += by;
    if (this.length > this.data.length) {
      const larger = new Uint8Array(this.length * 2);
      larger.set(this.data);
      this.data = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** UTF-8 without the host's encoder, cut so that it fits the 16 bits of an option's length. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text.slice(0, 4096)) {
    const raw = character.codePointAt(0)!;
    const code = raw >= 0xd800 && raw < 0xe000 ? 0xfffd : raw;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x1_0000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}
