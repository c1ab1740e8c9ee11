// The tables that firmware takes from fw_cfg: ACPI with the script that tells how to place it (QEMU: hw/acpi/bios-linker-loader.c
// describes the commands), SMBIOS, and the MP table. SeaBIOS reads the first two and makes an MP table of its own; the project's BIOS
// reads all.
import { type AcpiBoard, buildAcpi, buildFacs } from "./acpi.ts";
import { ByteView, joinBytes } from "./byte-view.ts";
import { buildMpTable } from "./mp-table.ts";
import { buildSmbios, type SmbiosFacts } from "./smbios.ts";

export interface FirmwareTableFacts extends SmbiosFacts {
  board: AcpiBoard;
  pirqIrqs: readonly number[];
}

const TABLES = "etc/acpi/tables", RSDP = "etc/acpi/rsdp";
const COMMAND_BYTES = 128;
const NAME_BYTES = 56;
const ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3;
const ZONE_HIGH = 1, ZONE_FSEG = 2;
/** The FACS comes first: it must lie on a multiple of 64. */
const FACS_ALIGN = 64;
const RSDP_CHECKSUM = 8, RSDP_CHECKSUM_EXTENDED = 32, RSDP_LENGTH_1 = 20, RSDP_LENGTH_2 = 36;
const TABLE_CHECKSUM = 9, TABLE_HEADER = 36;
const SLOT_COUNT = 32;

/** Files by name. */
export function firmwareTables(facts: FirmwareTableFacts): Map<string, Uint8Array> {
  const smbios = buildSmbios(facts);
  return new Map([
    ...acpiFiles(facts.board),
    ["etc/smbios/smbios-tables", smbios.table],
    ["etc/smbios/smbios-anchor", smbios.entryPoint],
    ["opt/ringfence/mp-table", buildMpTable({ board: facts.board, cpu: facts.cpu, pirqIrqs: facts.pirqIrqs, slotCount: SLOT_COUNT })],
  ]);
}

function acpiFiles(board: AcpiBoard): [string, Uint8Array][] {
  const facs = buildFacs();
  const { rsdp, tables, parts } = buildAcpi(board, facs.length, 0);
  const file = joinBytes([facs, tables]);
  const script = [allocate(TABLES, FACS_ALIGN, ZONE_HIGH), allocate(RSDP, 16, ZONE_FSEG)];
  for (const { signature, offset, length } of parts) {
    const at = facs.length + offset;
    for (const [pointer, size] of pointersOf(signature, length)) script.push(addPointer(TABLES, at + pointer, size));
    script.push(addChecksum(TABLES, at + TABLE_CHECKSUM, at, length));
  }
  script.push(
    addPointer(RSDP, 16, 4),
    addPointer(RSDP, 24, 8),
    addChecksum(RSDP, RSDP_CHECKSUM, 0, RSDP_LENGTH_1),
    addChecksum(RSDP, RSDP_CHECKSUM_EXTENDED, 0, RSDP_LENGTH_2),
  );
  return [
    [TABLES, file],
    [RSDP, rsdp],
    ["etc/table-loader", joinBytes(script)],
  ];
}

/** Where a table points to others, and with how many bytes. */
function pointersOf(signature: string, length: number): [number, 4 | 8][] {
  const list = (size: 4 | 8): [number, 4 | 8][] =>
    Array.from({ length: (length - TABLE_HEADER) / size }, (_, i) => [TABLE_HEADER + size * i, size]);
  if (signature === "FACP") return [[36, 4], [40, 4], [132, 8], [140, 8]];
  if (signature === "RSDT") return list(4);
  return signature === "XSDT" ? list(8) : [];
}

function command(number: number, fill: (view: ByteView) => void): Uint8Array {
  const view = new ByteView(new Uint8Array(COMMAND_BYTES));
  view.put32(0, number);
  fill(view);
  return view.bytes;
}

function allocate(name: string, align: number, zone: number): Uint8Array {
  return command(ALLOCATE, (view) => {
    view.putText(4, name);
    view.put32(4 + NAME_BYTES, align);
    view.put8(8 + NAME_BYTES, zone);
  });
}

/** What lies there is an offset in the tables' file: adds where the file is. */
function addPointer(name: string, offset: number, size: 4 | 8): Uint8Array {
  return command(ADD_POINTER, (view) => {
    view.putText(4, name);
    view.putText(4 + NAME_BYTES, TABLES);
    view.put32(4 + 2 * NAME_BYTES, offset);
    view.put8(8 + 2 * NAME_BYTES, size);
  });
}

function addChecksum(name: string, at: number, start: number, length: number): Uint8Array {
  return command(ADD_CHECKSUM, (view) => {
    view.putText(4, name);
    view.put32(4 + NAME_BYTES, at);
    view.put32(8 + NAME_BYTES, start);
    view.put32(12 + NAME_BYTES, length);
  });
}
