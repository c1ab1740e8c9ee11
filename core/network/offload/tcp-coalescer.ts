// What a card does that hands its guest several TCP segments as one packet (large receive offload, as Linux's GRO defines what may be
// joined): segments of one flow in order, with the same headers but for length, identification, sequence number, PSH and checksums,
// each of the same payload but the last. Their checksums are verified here, so the whole needs none: its field holds the pseudo header's
// sum, as in a packet that a guest hands over for segmentation. Nothing that was not in the segments comes out, and all that was does.
// Left alone: IP options and extension headers, fragments, VLAN tags, segments with other flags than ACK and PSH.
import { readU16, readU32 } from "../wire/bytes.ts";
import { foldChecksum, sumBytes } from "../wire/checksum.ts";

const TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd;
const TCP = 6;
const IP_AT = 14;
const IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20;
const ACK = 0x10, PSH = 0x08;
const MORE_FRAGMENTS = 0x3fff;
/** The largest IP packet, behind its Ethernet header. */
const PACKET_MAX = 0xffff + IP_AT;

/** What a frame is to a coalescer: of no TCP segment, or one with a wrong checksum; of one; of one that may be joined with others. */
export const PLAIN = 0, VERIFIED = 1, JOINABLE = 2;

export class TcpCoalescer {
  /** The packet being put together; nothing while `segments` is 0. */
  segments = 0;
  length = 0;
  /** Payload of each segment but the last. */
  segmentBytes = 0;
  tcpAt = 0;
  /** Length of all headers. */
  headerBytes = 0;
  isIpv4 = false;
  /** Of the frame that was looked at last. */
  frameIsIpv4 = false;
  private readonly bytes = new Uint8Array(PACKET_MAX);
  private nextSequence = 0;
  private isComplete = false;
  // Of the frame that was looked at last.
  private frameEnd = 0;
  private frameTcpAt = 0;
  private framePayloadAt = 0;

  /** Looks at a frame: PLAIN, VERIFIED or JOINABLE. */
  look(frame: Uint8Array): number {
    if (frame.length < IP_AT + IPV4_HEADER + TCP_HEADER) return PLAIN;
    const type = readU16(frame, 12);
    let protocolAt: number, end: number;
    if (type === TYPE_IPV4) {
      if (frame[IP_AT] !== 0x45 || (readU16(frame, IP_AT + 6) & MORE_FRAGMENTS) !== 0) return PLAIN;
      protocolAt = IP_AT + 9;
      end = IP_AT + readU16(frame, IP_AT + 2);
      this.frameTcpAt = IP_AT + IPV4_HEADER;
    } else if (type === TYPE_IPV6) {
      protocolAt = IP_AT + 6;
      end = IP_AT + IPV6_HEADER + readU16(frame, IP_AT + 4);
      this.frameTcpAt = IP_AT + IPV6_HEADER;
    } else return PLAIN;
    const { frameTcpAt } = this;
    if (frame[protocolAt] !== TCP || end > frame.length || end < frameTcpAt + TCP_HEADER) return PLAIN;
    this.frameEnd = end;
    this.framePayloadAt = frameTcpAt + 4 * ((frame[frameTcpAt + 12] as number) >> 4);
    if (this.framePayloadAt < frameTcpAt + TCP_HEADER || this.framePayloadAt > end) return PLAIN;
    const isIpv4 = type === TYPE_IPV4;
    this.frameIsIpv4 = isIpv4;
    if (isIpv4 && foldChecksum(sumBytes(frame, IP_AT, IPV4_HEADER)) !== 0) return PLAIN;
    if (foldChecksum(sumBytes(frame, frameTcpAt, end - frameTcpAt, pseudoSum(frame, isIpv4, end - frameTcpAt))) !== 0) return PLAIN;
    const flags = frame[frameTcpAt + 13] as number;
    return this.framePayloadAt < end && (flags & ~PSH) === ACK ? JOINABLE : VERIFIED;
  }

  /** Whether the frame that was looked at last, a JOINABLE one, goes on where the packet ends. */
  follows(frame: Uint8Array): boolean {
    const { bytes, tcpAt, framePayloadAt, frameEnd } = this;
    if (this.segments === 0 || this.isComplete || this.frameTcpAt !== tcpAt) return false;
    const payload = frameEnd - framePayloadAt;
    if (payload > this.segmentBytes || this.length + payload > PACKET_MAX) return false;
    if (readU32(frame, tcpAt + 4) !== this.nextSequence) return false;
    for (let i = 0; i < framePayloadAt; i++) if (bytes[i] !== frame[i] && !this.mayDiffer(i)) return false;
    return true;
  }

  /** Fields of the headers that are the segment's own: lengths, identification, checksums, sequence number, PSH. */
  private mayDiffer(at: number): boolean {
    const { tcpAt } = this;
    if (at >= tcpAt) return (at >= tcpAt + 4 && at < tcpAt + 8) || at === tcpAt + 13 || at === tcpAt + 16 || at === tcpAt + 17;
    if (!this.isIpv4) return at === IP_AT + 4 || at === IP_AT + 5;
    return (at >= IP_AT + 2 && at < IP_AT + 6) || at === IP_AT + 10 || at === IP_AT + 11;
  }

  /** Bytes that the packet would have with the frame that was looked at last. */
  lengthWith(): number {
    return this.segments === 0 ? this.frameEnd : this.length + this.frameEnd - this.framePayloadAt;
  }

  /** Takes the frame that was looked at last: it follows, or there is nothing yet. */
  take(frame: Uint8Array): void {
    const { bytes, framePayloadAt, frameEnd, frameTcpAt } = this;
    const payload = frameEnd - framePayloadAt;
    const flags = frame[frameTcpAt + 13] as number;
    if (this.segments === 0) {
      bytes.set(frameEnd === frame.length ? frame : frame.subarray(0, frameEnd));
      this.tcpAt = frameTcpAt;
      this.isIpv4 = this.frameIsIpv4;
      this.headerBytes = framePayloadAt;
      this.length = frameEnd;
      this.segmentBytes = payload;
    } else {
      bytes.set(frame.subarray(framePayloadAt, frameEnd), this.length);
      this.length += payload;
      bytes[this.tcpAt + 13] = (bytes[this.tcpAt + 13] as number) | flags;
    }
    this.segments++;
    this.nextSequence = (readU32(frame, frameTcpAt + 4) + payload) >>> 0;
    // A shorter one is the last, and what is pushed is waited for.
    this.isComplete = payload < this.segmentBytes || (flags & PSH) !== 0;
  }

  /** The whole packet, which is borrowed until the next is begun. One segment alone is as it came. */
  finish(): Uint8Array {
    const { bytes, length, tcpAt } = this;
    if (this.segments > 1) {
      const put = (at: number, value: number): void => {
        bytes[at] = value >>> 8;
        bytes[at + 1] = value & 0xff;
      };
      if (this.isIpv4) {
        put(IP_AT + 2, length - IP_AT);
        put(IP_AT + 10, 0);
        put(IP_AT + 10, foldChecksum(sumBytes(bytes, IP_AT, IPV4_HEADER)));
      } else put(IP_AT + 4, length - IP_AT - IPV6_HEADER);
      put(tcpAt + 16, ~foldChecksum(pseudoSum(bytes, this.isIpv4, length - tcpAt)) & 0xffff);
    }
    this.segments = 0;
    return bytes.subarray(0, length);
  }

  drop(): void {
    this.segments = 0;
  }
}

function pseudoSum(frame: Uint8Array, isIpv4: boolean, tcpBytes: number): number {
  return isIpv4 ? sumBytes(frame, IP_AT + 12, 8, TCP + tcpBytes) : sumBytes(frame, IP_AT + 8, 32, TCP + tcpBytes);
}
