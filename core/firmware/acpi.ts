// ACPI tables (ACPI 6.4, chapter 5.2) for the 440FX board: RSDP, RSDT, XSDT, FADT, FACS, MADT, HPET, DSDT. Fixed power
// button; S1 and the sleep button where the board has them, soft off always.
import { ByteView, joinBytes } from "./byte-view.ts";
import { dsdtCode } from "./dsdt.ts";

export interface AcpiBoard {
  /** Local APIC ids, one a processor, the boot processor first. */
  apicIds: readonly number[];
  ioApicId: number;
  /** The PM1a event block; control is at +4, the timer at +8. */
  pmBase: number;
  pmTimerBits: 24 | 32;
  /** SLP_TYP that powers off. */
  s5SleepType: number;
  sciIrq: number;
  /** Left out: no HPET. */
  hpetBase?: number;
  comPorts: readonly { base: number; irq: number }[];
  lptPorts?: readonly { base: number; irq: number }[];
  /** A floppy controller at 3F0h. */
  hasFloppy?: boolean;
  /** The sleep button is fixed hardware, like the power button; a board without it says so. */
  hasSleepButton?: boolean;
  /** SLP_TYP of S1; left out: no such state. */
  s1SleepType?: number;
  /** Where ACPI mode is switched on and off; left out: it is always on. */
  smiCommand?: { port: number; enable: number; disable: number };
  /** Memory that the host bridge passes on to PCI. */
  pciWindow: { base: number; end: number };
}

export interface AcpiTables {
  /** To be put where an operating system looks for it. */
  rsdp: Uint8Array;
  /** To be put at the address given. */
  tables: Uint8Array;
  /** Each table's place in `tables`, for tests and the debugger. */
  parts: readonly { signature: string; offset: number; length: number }[];
}

const HEADER_BYTES = 36;
const LAPIC_BASE = 0xfee00000;
const IOAPIC_BASE = 0xfec00000;
const RESET_PORT = 0xcf9;
const RESET_VALUE = 0x06;
/** WBINVD works; C1 on all processors; RTC wake is not a fixed feature; reset register. */
const FADT_FLAGS = 0x01 | 0x04 | 0x40 | 0x400;
const FADT_NO_SLEEP_BUTTON = 0x20;
const FADT_TIMER_32 = 0x100;
const IAPC_LEGACY_DEVICES = 0x01;
const IAPC_8042 = 0x02;
/** Of MADT overrides: active high, level triggered. */
const LEVEL_HIGH = 0x0d;
const PIRQ_IRQS = [5, 10, 11];

/** Tables to lie at `base`, with the FACS at `facsBase` (in memory that the operating system keeps its hands off). */
export function buildAcpi(board: AcpiBoard, base: number, facsBase: number): AcpiTables {
  const parts: { signature: string; offset: number; length: number }[] = [];
  const placed: Uint8Array[] = [];
  let end = 0;
  const place = (bytes: Uint8Array): number => {
    parts.push({ signature: String.fromCharCode(...bytes.subarray(0, 4)), offset: end, length: bytes.length });
    const at = base + end;
    const padded = new Uint8Array(Math.ceil(bytes.length / 16) * 16);
    padded.set(bytes);
    placed.push(padded);
    end += padded.length;
    return at;
  };
  const dsdt = place(table("DSDT", 2, dsdtCode(board)));
  const listed = [place(fadt(board, dsdt, facsBase)), place(madt(board))];
  if (board.hpetBase !== undefined) listed.push(place(hpet(board.hpetBase)));
  const rsdt = place(table("RSDT", 1, pointers(listed, 4)));
  const xsdt = place(table("XSDT", 1, pointers(listed, 8)));
  return { rsdp: rsdp(rsdt, xsdt), tables: joinBytes(placed), parts };
}

function pointers(addresses: readonly number[], size: 4 | 8): Uint8Array {
  const view = new ByteView(new Uint8Array(addresses.length * size));
  for (const [i, address] of addresses.entries()) view.put32(i * size, address);
  return view.bytes;
}

/** A table with its header; the sum of its bytes is 0. */
function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const view = new ByteView(new Uint8Array(HEADER_BYTES + body.length));
  view.putText(0, signature);
  view.put32(4, view.length);
  view.put8(8, revision);
  view.putText(10, "RFENCE");
  view.putText(16, "RINGFNCE");
  view.put32(24, 1);
  view.putText(28, "RFNC");
  view.put32(32, 1);
  view.bytes.set(body, HEADER_BYTES);
  view.put8(9, checksum(view.bytes));
  return view.bytes;
}

/** What makes the bytes' sum 0, while the checksum byte itself is 0. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}

function rsdp(rsdt: number, xsdt: number): Uint8Array {
  const view = new ByteView(new Uint8Array(36));
  view.putText(0, "RSD PTR ");
  view.putText(9, "RFENCE");
  view.put8(15, 2);
  view.put32(16, rsdt);
  view.put32(20, view.length);
  view.put64(24, xsdt);
  view.put8(8, checksum(view.bytes.subarray(0, 20)));
  view.put8(32, checksum(view.bytes));
  return view.bytes;
}

/** FADT of ACPI 2.0 (244 bytes). Offsets are the table's own. */
function fadt(board: AcpiBoard, dsdt: number, facs: number): Uint8Array {
  const view = new ByteView(new Uint8Array(244));
  const { pmBase } = board;
  view.put32(36, facs);
  view.put32(40, dsdt);
  view.put8(45, 1); // preferred profile: desktop
  view.put16(46, board.sciIrq);
  if (board.smiCommand) {
    view.put32(48, board.smiCommand.port);
    view.put8(52, board.smiCommand.enable);
    view.put8(53, board.smiCommand.disable);
  }
  view.put32(56, pmBase);
  view.put32(64, pmBase + 4);
  view.put32(76, pmBase + 8);
  view.put8(88, 4); // PM1 event length
  view.put8(89, 2); // PM1 control length
  view.put8(91, 4); // PM timer length
  view.put16(96, 0xfff); // C2 and C3 latencies: not supported
  view.put16(98, 0xfff);
  view.put8(106, 0); // day alarm
  view.put8(108, 0x32); // CMOS century
  view.put16(109, IAPC_LEGACY_DEVICES | IAPC_8042);
  const timer = board.pmTimerBits === 32 ? FADT_TIMER_32 : 0;
  view.put32(112, FADT_FLAGS | timer | (board.hasSleepButton ? 0 : FADT_NO_SLEEP_BUTTON));
  putPortAddress(view, 116, RESET_PORT, 8);
  view.put8(128, RESET_VALUE);
  view.put64(132, facs);
  view.put64(140, dsdt);
  putPortAddress(view, 148, pmBase, 32);
  putPortAddress(view, 172, pmBase + 4, 16);
  putPortAddress(view, 208, pmBase + 8, 32);
  return table("FACP", 3, view.bytes.subarray(HEADER_BYTES));
}

/** A generic address structure for an I/O port. */
function putPortAddress(view: ByteView, offset: number, port: number, bits: number): void {
  view.put8(offset, 1);
  view.put8(offset + 1, bits);
  view.put8(offset + 3, bits === 8 ? 1 : bits === 16 ? 2 : 3);
  view.put64(offset + 4, port);
}

/** The firmware control structure, which has no checksum. */
export function buildFacs(): Uint8Array {
  const view = new ByteView(new Uint8Array(64));
  view.putText(0, "FACS");
  view.put32(4, view.length);
  view.put8(32, 1);
  return view.bytes;
}

function madt(board: AcpiBoard): Uint8Array {
  const entries: number[][] = [];
  for (const [uid, apicId] of board.apicIds.entries()) entries.push([0, 8, uid, apicId, 1, 0, 0, 0]);
  entries.push([1, 12, board.ioApicId, 0, ...word(IOAPIC_BASE), 0, 0, 0, 0]);
  entries.push([2, 10, 0, 0, ...word(2), 0, 0]); // the timer is on pin 2
  for (const irq of [board.sciIrq, ...PIRQ_IRQS]) entries.push([2, 10, 0, irq, ...word(irq), LEVEL_HIGH, 0]);
  entries.push([4, 6, 0xff, 0, 0, 1]); // NMI is on LINT1 of every processor
  return table("APIC", 3, Uint8Array.from([...word(LAPIC_BASE), ...word(1), ...entries.flat()]));
}

function hpet(base: number): Uint8Array {
  // Event timer block: vendor 8086h, legacy replacement, 64-bit counter, three comparators, revision 1.
  return table("HPET", 1, Uint8Array.from([...word(0x8086a201), 0, 64, 0, 0, ...word(base), 0, 0, 0, 0, 0, 0x80, 0x0c, 0]));
}

function word(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}
