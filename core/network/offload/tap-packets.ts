// What Linux's tap and macvtap devices hand over for a frame: struct virtio_net_hdr (virtio 1.1, 5.1.6, legacy layout of 10 bytes in the host's
// order, which is little-endian wherever Node runs), and behind it a packet whose checksum may only be begun and which may be cut yet
// (TCP over IPv4 and IPv6, up to 64 KiB). What goes the other way has a header of zeros: it is a whole frame.
import { FRAME_HEADER_BYTES, FRAME_MAX_BYTES } from "../port.ts";
import { completeChecksum, TcpSegmenter } from "./tcp-segmenter.ts";

export const TAP_HEADER_BYTES = 10;
const NEEDS_CHECKSUM = 1;
const GSO_NONE = 0, GSO_TCP4 = 1, GSO_TCP6 = 4, GSO_ECN = 0x80;

export class TapPackets {
  private readonly segmenter = new TcpSegmenter();

  /** Gives the frames of a packet, each borrowed for the call; false if it is none that can be. Writes to the packet. */
  frames(packet: Uint8Array, give: (frame: Uint8Array) => void): boolean {
    const length = packet.length - TAP_HEADER_BYTES;
    if (length < FRAME_HEADER_BYTES) return false;
    const header = new DataView(packet.buffer, packet.byteOffset, TAP_HEADER_BYTES);
    const view = new DataView(packet.buffer, packet.byteOffset + TAP_HEADER_BYTES, length);
    const frame = packet.subarray(TAP_HEADER_BYTES);
    const type = header.getUint8(1) & ~GSO_ECN;
    const start = header.getUint16(6, true);
    if (type === GSO_NONE) {
      if (length > FRAME_MAX_BYTES) return false;
      if ((header.getUint8(0) & NEEDS_CHECKSUM) !== 0 && !completeChecksum(view, length, start, start + header.getUint16(8, true))) return false;
      give(frame);
      return true;
    }
    const { segmenter } = this;
    if ((type !== GSO_TCP4 && type !== GSO_TCP6) || !segmenter.begin(frame, view, length, start, header.getUint16(4, true))) return false;
    for (let i = 0; i < segmenter.count; i++) give(segmenter.segment(i));
    return true;
  }
}
