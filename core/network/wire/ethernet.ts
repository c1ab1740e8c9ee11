// Ethernet II frames and their tags: IEEE 802.3 clause 3, IEEE 802.1Q clause 9 (C-tags; S-tags are recognised, not interpreted).
import { readU16, writeU16, writeU48 } from "./bytes.ts";

export const ETHERNET_HEADER = 14;
export const TAG_BYTES = 4;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_SERVICE_VLAN = 0x88a8;

export const MAC_BROADCAST = 0xffff_ffff_ffff;
/** VLAN numbers that may be used; 0 marks a priority tag, 4,095 is reserved. */
export const VLAN_MIN = 1;
export const VLAN_MAX = 4094;

export function etherType(bytes: Uint8Array, offset = 0): number {
  return readU16(bytes, offset + 12);
}

/** The group bit: broadcast or multicast. */
export function isGroupAddress(bytes: Uint8Array, offset: number): boolean {
  return (bytes[offset]! & 1) !== 0;
}

/** Whether a type announces a tag of any kind: 802.1Q, 802.1ad, or one of the two numbers in use before 802.1ad. */
export function isTagType(type: number): boolean {
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_VLAN || type === 0x9100 || type === 0x9200;
}

/** 01-80-C2-00-00-00 to -0F: what a bridge never forwards (IEEE 802.1Q table 8-1). */
export function isLinkLocalGroup(bytes: Uint8Array, offset: number): boolean {
  return (
    bytes[offset] === 0x01 &&
    bytes[offset + 1] === 0x80 &&
    bytes[offset + 2] === 0xc2 &&
    bytes[offset + 3] === 0 &&
    bytes[offset + 4] === 0 &&
    bytes[offset + 5]! < 16
  );
}

export function writeEthernet(bytes: Uint8Array, offset: number, destination: number, source: number, type: number): void {
  writeU48(bytes, offset, destination);
  writeU48(bytes, offset + 6, source);
  writeU16(bytes, offset + 12, type);
}

/** Copies `frame` to `out` with a tag after the addresses. Returns the new length. */
export function insertTag(out: Uint8Array, frame: Uint8Array, control: number): number {
  out.set(frame.subarray(0, 12));
  writeU16(out, 12, ETHERTYPE_VLAN);
  writeU16(out, 14, control);
  out.set(frame.subarray(12), 16);
  return frame.length + TAG_BYTES;
}

/** Copies `frame`, which has a tag, to `out` without it. Returns the new length. */
export function removeTag(out: Uint8Array, frame: Uint8Array): number {
  out.set(frame.subarray(0, 12));
  out.set(frame.subarray(16), 12);
  return frame.length - TAG_BYTES;
}

/** "52:54:00:12:34:56" as a number, or undefined. Hyphens do as well as colons. */
export function parseMac(text: string): number | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text) ? Number.parseInt(text.replace(/[:-]/g, ""), 16) : undefined;
}

export function formatMac(mac: number): string {
  return mac.toString(16).padStart(12, "0").replace(/..(?!$)/g, "$&:");
}
