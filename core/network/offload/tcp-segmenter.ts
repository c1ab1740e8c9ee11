// TCP segmentation as network cards do it: one frame with up to 64 KiB of payload becomes frames of a segment each, with the headers'
// lengths, identification, sequence number, flags and checksums put right (RFC 791, 8200, 9293; CWR as RFC 3168, 6.1.2 wants it).
// Nothing in the frame is trusted but what is checked here. IPv6 extension headers are carried along unchanged.
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES } from "../port.ts";
import { foldChecksum, sumView } from "../wire/checksum.ts";
import { FrameBuffer } from "./frame-buffer.ts";

const TYPE_VLAN = 0x8100, TYPE_SERVICE_VLAN = 0x88a8, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd;
const PROTOCOL_TCP = 6;
const FIN = 0x01, PSH = 0x08, CWR = 0x80;
const IPV4_HEADER = 20, IPV6_HEADER = 40, TCP_HEADER = 20;
const SHORTEST_PACKET = FRAME_HEADER_BYTES + IPV4_HEADER + TCP_HEADER;
/** Linux sends no smaller segments either; a smaller size would make tens of thousands of frames of one. */
const SMALLEST_SEGMENT = 8;

export class TcpSegmenter {
  /** How many frames the packet becomes. */
  count = 0;
  private readonly out = new FrameBuffer(FRAME_MAX_BYTES);
  private packet: Uint8Array = new Uint8Array(0);
  private length = 0;
  private ipAt = 0;
  private tcpAt = 0;
  private headerBytes = 0;
  private segmentBytes = 0;
  private isIpv4 = false;
  private identification = 0;
  private sequence = 0;
  private flags = 0;
  /** Sums of what is the same in all segments: addresses and protocol of the pseudo header. */
  private pseudoSum = 0;

  /** Takes the packet that is the first `length` bytes of a buffer and has its TCP header at `tcpAt`, to be cut into payloads of
   *  `segmentBytes`. False if it is no such packet. The buffer is borrowed until the last segment has been made. */
  begin(packet: Uint8Array, view: DataView, length: number, tcpAt: number, segmentBytes: number): boolean {
    this.count = 0;
    if (segmentBytes < SMALLEST_SEGMENT || length < SHORTEST_PACKET || tcpAt + TCP_HEADER > length || !this.findIp(view, tcpAt)) return false;
    this.headerBytes = tcpAt + 4 * (view.getUint8(tcpAt + 12) >> 4);
    if (this.headerBytes < tcpAt + TCP_HEADER || this.headerBytes > length || this.headerBytes + segmentBytes > FRAME_MAX_BYTES) return false;
    this.packet = packet;
    this.length = length;
    this.tcpAt = tcpAt;
    this.segmentBytes = segmentBytes;
    this.sequence = view.getUint32(tcpAt + 4);
    this.flags = view.getUint8(tcpAt + 13);
    const [addressesAt, addressBytes] = this.isIpv4 ? [this.ipAt + 12, 8] : [this.ipAt + 8, 32];
    this.pseudoSum = sumView(view, addressesAt, addressBytes, PROTOCOL_TCP);
    this.identification = this.isIpv4 ? view.getUint16(this.ipAt + 4) : 0;
    this.count = Math.max(1, Math.ceil((length - this.headerBytes) / segmentBytes));
    return true;
  }

  /** Finds the IP header behind up to two VLAN tags. */
  private findIp(view: DataView, tcpAt: number): boolean {
    let typeAt = 12;
    let type = view.getUint16(typeAt);
    for (let tags = 0; tags < 2 && (type === TYPE_VLAN || type === TYPE_SERVICE_VLAN); tags++) {
      typeAt += 4;
      type = view.getUint16(typeAt);
    }
    this.ipAt = typeAt + 2;
    const room = tcpAt - this.ipAt;
    this.isIpv4 = type === TYPE_IPV4;
    if (type === TYPE_IPV6) return room >= IPV6_HEADER;
    if (!this.isIpv4 || room < IPV4_HEADER) return false;
    return 4 * (view.getUint8(this.ipAt) & 0xf) === room && view.getUint8(this.ipAt + 9) === PROTOCOL_TCP;
  }

  /** The frame of segment `index`, borrowed until the next is made. */
  segment(index: number): Uint8Array {
    const { out, headerBytes, ipAt, tcpAt, packet } = this;
    const { bytes, view } = out;
    const from = headerBytes + index * this.segmentBytes;
    const to = Math.min(this.length, from + this.segmentBytes);
    const length = headerBytes + to - from;
    for (let i = 0; i < headerBytes; i++) bytes[i] = packet[i] as number;
    bytes.set(packet.subarray(from, to), headerBytes);
    const isLast = index === this.count - 1;
    view.setUint32(tcpAt + 4, this.sequence + index * this.segmentBytes);
    view.setUint8(tcpAt + 13, this.flags & ~((index > 0 ? CWR : 0) | (isLast ? 0 : FIN | PSH)));
    if (this.isIpv4) {
      view.setUint16(ipAt + 2, length - ipAt);
      view.setUint16(ipAt + 4, this.identification + index);
      view.setUint16(ipAt + 10, 0);
      view.setUint16(ipAt + 10, foldChecksum(sumView(view, ipAt, tcpAt - ipAt)));
    } else {
      view.setUint16(ipAt + 4, length - ipAt - IPV6_HEADER);
    }
    view.setUint16(tcpAt + 16, 0);
    view.setUint16(tcpAt + 16, foldChecksum(sumView(view, tcpAt, length - tcpAt, this.pseudoSum + length - tcpAt)));
    return out.frame(length);
  }
}

/** Completes a checksum that the driver has begun with the pseudo header's sum: over all of the buffer's first `length` bytes from `from`
 *  on, into the field at `fieldAt`. False if either lies outside. A sum of zero is sent as all ones, which for UDP it must be and for TCP it may. */
export function completeChecksum(view: DataView, length: number, from: number, fieldAt: number): boolean {
  if (from >= length || fieldAt + 2 > length) return false;
  const checksum = foldChecksum(sumView(view, from, length - from));
  view.setUint16(fieldAt, checksum === 0 ? 0xffff : checksum);
  return true;
}
