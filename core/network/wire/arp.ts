// ARP for IPv4 over Ethernet (RFC 826). Other hardware and protocol types are not ARP packets as far as this file goes.
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from "./bytes.ts";

export const ARP_BYTES = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** Whether an Ethernet/IPv4 ARP packet lies in full between `offset` and `end`. */
export function isArp(bytes: Uint8Array, offset: number, end: number): boolean {
  return (
    end <= bytes.length &&
    offset + ARP_BYTES <= end &&
    readU16(bytes, offset) === 1 &&
    readU16(bytes, offset + 2) === 0x0800 &&
    bytes[offset + 4] === 6 &&
    bytes[offset + 5] === 4
  );
}

export function arpOperation(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 6);
}

export function arpSenderMac(bytes: Uint8Array, offset: number): number {
  return readU48(bytes, offset + 8);
}

export function arpSenderIp(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 14);
}

export function arpTargetMac(bytes: Uint8Array, offset: number): number {
  return readU48(bytes, offset + 18);
}

export function arpTargetIp(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 24);
}

export function writeArp(
  bytes: Uint8Array,
  offset: number,
  operation: number,
  senderMac: number,
  senderIp: number,
  targetMac: number,
  targetIp: number,
): void {
  writeU16(bytes, offset, 1);
  writeU16(bytes, offset + 2, 0x0800);
  bytes[offset + 4] = 6;
  bytes[offset + 5] = 4;
  writeU16(bytes, offset + 6, operation);
  writeU48(bytes, offset + 8, senderMac);
  writeU32(bytes, offset + 14, senderIp);
  writeU48(bytes, offset + 18, targetMac);
  writeU32(bytes, offset + 24, targetIp);
}
