// SMBIOS 2.8 (DMTF DSP0134): what the machine is called and made of, for operating systems and their inventories. An entry point that
// firmware places and completes with the table's address, and the table itself.
import { ByteView, joinBytes } from "./byte-view.ts";

export interface SmbiosFacts {
  ramBytes: number;
  /** As text: "00112233-4455-6677-8899-aabbccddeeff". Left out: the machine has none. */
  uuid?: string;
  cpu: { brand: string; signature: number; features: number; megahertz: number };
}

export interface SmbiosFiles {
  /** 31 bytes; address and checksums are for firmware to fill in. */
  entryPoint: Uint8Array;
  table: Uint8Array;
}

const MIB = 0x100000;
const VENDOR = "Ringfence";
const BIOS_DATE = "11/23/2026";
const HANDLE_CHASSIS = 0x300, HANDLE_CPU = 0x400, HANDLE_ARRAY = 0x1000, HANDLE_RANGE = 0x1300;
/** Memory devices are at most this big: what the table's 16-bit size in MiB can say is 32 GiB less one MiB. */
const DIMM_MAX_MIB = 16384;

export function buildSmbios(facts: SmbiosFacts): SmbiosFiles {
  const ramMib = Math.ceil(facts.ramBytes / MIB);
  const dimms: number[] = [];
  for (let left = ramMib; left > 0; left -= DIMM_MAX_MIB) dimms.push(Math.min(left, DIMM_MAX_MIB));
  const structures = [
    biosInformation(),
    systemInformation(facts.uuid ?? ""),
    chassis(),
    processor(facts.cpu),
    structure(16, HANDLE_ARRAY, 0x17, (v) => {
      v.put8(4, 3); // system board
      v.put8(5, 3); // system memory
      v.put8(6, 3); // no error correction
      v.put32(7, ramMib * 1024);
      v.put16(11, 0xfffe);
      v.put16(13, dimms.length);
    }),
    ...dimms.map((sizeMib, i) => memoryDevice(i, sizeMib)),
    structure(19, HANDLE_RANGE, 0x1f, (v) => {
      v.put32(8, ramMib * 1024 - 1);
      v.put16(12, HANDLE_ARRAY);
      v.put8(14, dimms.length);
    }),
    structure(32, 0x2000, 0x0b, () => {}),
    structure(127, 0x7f00, 0x04, () => {}),
  ];
  const table = joinBytes(structures);
  return { entryPoint: entryPoint(table.length, structures), table };
}

function entryPoint(tableBytes: number, structures: readonly Uint8Array[]): Uint8Array {
  const view = new ByteView(new Uint8Array(31));
  view.putText(0, "_SM_");
  view.put8(5, view.length);
  view.put8(6, 2);
  view.put8(7, 8);
  view.put16(8, Math.max(...structures.map((s) => s.length)));
  view.putText(0x10, "_DMI_");
  view.put16(0x16, tableBytes);
  view.put16(0x1c, structures.length);
  view.put8(0x1e, 0x28);
  return view.bytes;
}

/** A structure of `length` bytes with its strings behind it; string numbers are given by order, from 1. */
function structure(type: number, handle: number, length: number, fill: (view: ByteView) => void, ...strings: string[]): Uint8Array {
  const view = new ByteView(new Uint8Array(length));
  view.put8(0, type);
  view.put8(1, length);
  view.put16(2, handle);
  fill(view);
  const text = strings.length === 0 ? "\0\0" : `${strings.map((s) => `${s}\0`).join("")}\0`;
  return joinBytes([view.bytes, Uint8Array.from(text, (c) => c.charCodeAt(0) & 0x7f)]);
}

function biosInformation(): Uint8Array {
  return structure(0, 0x0000, 0x18, (v) => {
    v.put8(4, 1);
    v.put8(5, 2);
    v.put16(6, 0xf000);
    v.put8(8, 3);
    v.put8(9, 0); // 64 KiB
    // PCI, shadowing, boot from CD, selectable boot, EDD; print screen, 8042, serial, printer, CGA services.
    v.put32(10, 0x7c099080);
    v.put8(18, 0x01); // ACPI
    v.put8(19, 0x14); // targeted content distribution, a virtual machine
    v.put8(20, 1);
    v.put8(21, 0);
    v.put8(22, 0xff);
    v.put8(23, 0xff);
  }, VENDOR, "1.0", BIOS_DATE);
}

function systemInformation(uuid: string): Uint8Array {
  return structure(1, 0x0100, 0x1b, (v) => {
    v.put8(4, 1);
    v.put8(5, 2);
    v.put8(6, 3);
    v.bytes.set(uuidBytes(uuid), 8);
    v.put8(24, 6); // wake-up: power switch
  }, VENDOR, "Ringfence PC", "1");
}

/** The first three fields are little-endian (7.2.1). */
function uuidBytes(uuid: string): number[] {
  const bytes = (uuid.replaceAll("-", "").match(/../g) ?? []).slice(0, 16).map((byte) => Number.parseInt(byte, 16));
  return [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => bytes[i] ?? 0);
}

function chassis(): Uint8Array {
  return structure(3, HANDLE_CHASSIS, 0x15, (v) => {
    v.put8(4, 1);
    v.put8(5, 3); // desktop
    v.put8(9, 3); // states: safe
    v.put8(10, 3);
    v.put8(11, 3);
    v.put8(12, 3); // security: none
  }, VENDOR);
}

function processor(cpu: SmbiosFacts["cpu"]): Uint8Array {
  return structure(4, HANDLE_CPU, 0x2a, (v) => {
    v.put8(4, 1);
    v.put8(5, 3); // central processor
    v.put8(6, 1); // family: other
    v.put8(7, 2);
    v.put32(8, cpu.signature);
    v.put32(12, cpu.features);
    v.put8(16, 3);
    v.put16(20, cpu.megahertz);
    v.put16(22, cpu.megahertz);
    v.put8(24, 0x41); // populated, enabled
    v.put8(25, 1);
    for (const offset of [26, 28, 30]) v.put16(offset, 0xffff); // caches: not told
    for (const offset of [35, 36, 37]) v.put8(offset, 1); // cores, enabled cores, threads
    v.put16(38, 0x04); // 64-bit capable
    v.put16(40, 1);
  }, "CPU 0", VENDOR, cpu.brand);
}

function memoryDevice(index: number, sizeMib: number): Uint8Array {
  return structure(17, 0x1100 + index, 0x28, (v) => {
    v.put16(4, HANDLE_ARRAY);
    v.put16(6, 0xfffe);
    v.put16(8, 64);
    v.put16(10, 64);
    v.put16(12, sizeMib);
    v.put8(14, 9); // DIMM
    v.put8(16, 1);
    v.put8(18, 7); // RAM
    v.put16(19, 2); // type detail: other
    v.put8(23, 2);
  }, `DIMM ${index}`, VENDOR);
}
