// What a decoder finds out about a packet: the line of a packet list, and its headers with their fields. Lower layers write first, and
// each higher one overwrites protocol and info, so that what is left is the most that is known.
import type { PacketDetails } from "../../api/network.ts";

export type PacketLayer = PacketDetails["layers"][number];

/** Layers and fields are bounded, whatever a frame claims to hold. */
const FIELDS_MAX = 64;
const TEXT_MAX = 200;

export class PacketText {
  readonly bytes: Uint8Array;
  readonly layers: PacketLayer[] = [];
  vlan: number | null = null;
  source = "";
  destination = "";
  protocol = "";
  info = "";

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  layer(name: string): void {
    this.layers.push({ name, fields: [] });
  }

  /** A field of the last layer. */
  field(name: string, value: string | number, offset: number, length: number): void {
    const fields = this.layers.at(-1)?.fields;
    if (fields === undefined || fields.length >= FIELDS_MAX || offset >= this.bytes.length) return;
    fields.push({ name, value: clean(String(value)), offset, length: Math.min(length, this.bytes.length - offset) });
  }

  /** What the packet is, as known now. */
  is(protocol: string, info: string): void {
    this.protocol = protocol;
    this.info = clean(info);
  }
}

/** Without control characters, and not too long: names in packets are whatever a guest writes. */
function clean(text: string): string {
  const plain = text.slice(0, TEXT_MAX).replace(/[^\x20-\x7e\u00a0-\ufffd]/g, "·");
  return text.length > TEXT_MAX ? `${plain}…` : plain;
}

export function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Octets as characters, one each. */
export function asciiOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let i = from; i < Math.min(to, bytes.length); i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}
