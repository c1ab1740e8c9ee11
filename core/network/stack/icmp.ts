// ICMP (RFC 792) and the echo and error part of ICMPv6 (RFC 4443): answers to echo requests at the gateway's addresses and errors
// about what guests send, limited in rate (RFC 1812 section 4.3.2.8). Errors from guests are not passed on to host sockets.
import type { IpAddress } from "./address.ts";
import type { IpPacket } from "./ip-packet.ts";
import { ICMP, ICMP6 } from "./ip-packet.ts";
import type { LinkLayer } from "./link-layer.ts";
import { PAYLOAD_AT } from "./link-layer.ts";
import { writeU16, writeU32 } from "../wire/bytes.ts";
import { internetChecksum, transportChecksum } from "../wire/checksum.ts";

export type UnreachableKind = "host" | "port" | "protocol" | "prohibited";
export type IcmpErrorKind = UnreachableKind | "hop-limit" | "too-big";
/** Type and code, in ICMP and in ICMPv6. */
const ERRORS: Record<IcmpErrorKind, readonly [type4: number, code4: number, type6: number, code6: number]> = {
  host: [3, 1, 1, 3], protocol: [3, 2, 4, 1], port: [3, 3, 1, 4], prohibited: [3, 13, 1, 1], "hop-limit": [11, 0, 3, 0], "too-big": [3, 4, 2, 0],
};
const ERRORS_PER_SECOND = 100;

export class IcmpResponder {
  private readonly link: LinkLayer;
  private errorsLeft = 0;
  private windowNs = -Infinity;

  constructor(link: LinkLayer) {
    this.link = link;
  }

  /** A message to one of the gateway's addresses. */
  receive(packet: IpPacket): void {
    const { data, payloadAt: at, payloadLength: length, source, destination } = packet;
    if (length < 8 || length > 65535 - 8) return;
    const is4 = source.length === 4;
    const sum = is4 ? internetChecksum(data, at, length) : transportChecksum(data, at, length, source, destination, ICMP6);
    if (sum !== 0 || data[at] !== (is4 ? 8 : 128) || data[at + 1] !== 0 || !this.link.canSend()) return;
    this.link.frame.set(data.subarray(at, at + length), PAYLOAD_AT);
    this.send(destination.slice(), source.slice(), is4 ? 0 : 129, 0, length);
  }

  /** Tells the sender of `packet`, from our address `from`, what became of it; "too-big" says what MTU it met. */
  error(packet: IpPacket, kind: IcmpErrorKind, from: IpAddress, mtu = 0): void {
    const { data, headerAt, payloadAt, payloadLength, source } = packet;
    const { link } = this;
    // A reassembled packet has lost its header, so there is nothing to quote.
    if (headerAt < 0 || source.every((octet) => octet === 0)) return;
    const is4 = source.length === 4;
    // Errors about errors are never sent.
    const type = data[payloadAt] ?? 0;
    if ((packet.protocol === ICMP && ![0, 8, 13, 14].includes(type)) || (packet.protocol === ICMP6 && type < 128)) return;
    if (link.nowNs - this.windowNs > 1e9) {
      this.windowNs = link.nowNs;
      this.errorsLeft = ERRORS_PER_SECOND;
    }
    if (this.errorsLeft-- <= 0 || !link.canSend()) return;
    const quote = data.subarray(headerAt, Math.min(data.length, payloadAt + Math.min(payloadLength, is4 ? 8 : 512)));
    writeU32(link.frame, PAYLOAD_AT + 4, mtu);
    link.frame.set(quote, PAYLOAD_AT + 8);
    const [type4, code4, type6, code6] = ERRORS[kind];
    this.send(from, source.slice(), is4 ? type4 : type6, is4 ? code4 : code6, 8 + quote.length);
  }

  private send(from: IpAddress, to: IpAddress, type: number, code: number, length: number): void {
    const { frame } = this.link;
    const is4 = from.length === 4;
    writeU16(frame, PAYLOAD_AT, (type << 8) | code);
    writeU16(frame, PAYLOAD_AT + 2, 0);
    const sum = is4 ? internetChecksum(frame, PAYLOAD_AT, length) : transportChecksum(frame, PAYLOAD_AT, length, from, to, ICMP6);
    writeU16(frame, PAYLOAD_AT + 2, sum);
    this.link.sendIp(from, to, is4 ? ICMP : ICMP6, length);
  }
}
