// The MultiProcessor Specification 1.4 tables, for systems from before ACPI: floating pointer structure, and behind it the
// configuration table with processors, buses, I/O APIC and interrupt wiring. Firmware puts them into the first megabyte and completes
// the pointer.
import type { AcpiBoard } from "./acpi.ts";
import { ByteView, joinBytes } from "./byte-view.ts";

const LAPIC_BASE = 0xfee00000;
const IOAPIC_BASE = 0xfec00000;
const LAPIC_VERSION = 0x14;
const IOAPIC_VERSION = 0x11;
const BUS_PCI = 0, BUS_ISA = 1;
const INT = 0, NMI = 1, EXTINT = 3;
/** Polarity and trigger: as the bus has it; active high, level. */
const AS_BUS = 0x00, HIGH_LEVEL = 0x0d;
const ALL_APICS = 0xff;

export interface MpFacts {
  board: AcpiBoard;
  cpu: { signature: number; features: number };
  /** ISA interrupts of PIRQA to PIRQD. */
  pirqIrqs: readonly number[];
  /** PCI slots that may have devices. */
  slotCount: number;
}

export function buildMpTable({ board, cpu, pirqIrqs, slotCount }: MpFacts): Uint8Array {
  const entries = [
    ...board.apicIds.map((id, i) => processor(id, i === 0, cpu)),
    bus(BUS_PCI, "PCI   "),
    bus(BUS_ISA, "ISA   "),
    Uint8Array.from([2, board.ioApicId, IOAPIC_VERSION, 1, ...word(IOAPIC_BASE)]),
    ...isaInterrupts(board, pirqIrqs),
    ...pciInterrupts(board, pirqIrqs, slotCount),
    interrupt(4, EXTINT, AS_BUS, BUS_ISA, 0, ALL_APICS, 0),
    interrupt(4, NMI, AS_BUS, BUS_ISA, 0, ALL_APICS, 1),
  ];
  const header = new ByteView(new Uint8Array(44));
  header.putText(0, "PCMP");
  header.put16(4, header.length + entries.reduce((sum, entry) => sum + entry.length, 0));
  header.put8(6, 4);
  header.putText(8, "RINGFNCE");
  header.putText(16, "Ringfence PC");
  header.put16(34, entries.length);
  header.put32(36, LAPIC_BASE);
  const table = joinBytes([header.bytes, ...entries]);
  table[7] = -table.reduce((sum, byte) => sum + byte, 0) & 0xff;
  const pointer = new ByteView(new Uint8Array(16));
  pointer.putText(0, "_MP_");
  pointer.put8(8, 1);
  pointer.put8(9, 4);
  return joinBytes([pointer.bytes, table]);
}

function processor(apicId: number, isBoot: boolean, cpu: MpFacts["cpu"]): Uint8Array {
  const flags = isBoot ? 0x03 : 0x01;
  return Uint8Array.from([0, apicId, LAPIC_VERSION, flags, ...word(cpu.signature), ...word(cpu.features), ...new Array<number>(8).fill(0)]);
}

function bus(id: number, name: string): Uint8Array {
  return Uint8Array.from([1, id, ...Array.from(name, (c) => c.charCodeAt(0))]);
}

function interrupt(type: 3 | 4, kind: number, flags: number, source: number, sourceIrq: number, apic: number, pin: number): Uint8Array {
  return Uint8Array.from([type, kind, flags, 0, source, sourceIrq, apic, pin]);
}

/** The timer is on pin 2; interrupts that PCI has are not ISA's. */
function isaInterrupts(board: AcpiBoard, pirqIrqs: readonly number[]): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let irq = 0; irq < 16; irq++) {
    if (irq === 2 || pirqIrqs.includes(irq)) continue;
    const flags = irq === board.sciIrq ? HIGH_LEVEL : AS_BUS;
    all.push(interrupt(3, INT, flags, BUS_ISA, irq, board.ioApicId, irq === 0 ? 2 : irq));
  }
  return all;
}

/** Slots rotate their pins over the PIRQ lines, as pirqOf() of the PCI bus has it. */
function pciInterrupts(board: AcpiBoard, pirqIrqs: readonly number[], slotCount: number): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let slot = 1; slot < slotCount; slot++) {
    for (let pin = 0; pin < 4; pin++) {
      const irq = pirqIrqs[(slot + pin + 3) & 3] ?? 0;
      all.push(interrupt(3, INT, HIGH_LEVEL, BUS_PCI, (slot << 2) | pin, board.ioApicId, irq));
    }
  }
  return all;
}

function word(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}
