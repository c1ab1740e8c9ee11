import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { AcpiBoard } from "./acpi.ts";
import { firmwareTables } from "./fw-cfg-files.ts";

const BOARD: AcpiBoard = {
  apicIds: [0],
  ioApicId: 1,
  pmBase: 0x600,
  pmTimerBits: 32,
  s5SleepType: 0,
  s1SleepType: 1,
  sciIrq: 9,
  hpetBase: 0xfed00000,
  comPorts: [{ base: 0x3f8, irq: 4 }],
  lptPorts: [{ base: 0x378, irq: 7 }],
  hasFloppy: true,
  hasSleepButton: true,
  smiCommand: { port: 0xb2, enable: 0xf1, disable: 0xf0 },
  pciWindow: { base: 0xe0000000, end: 0xfec00000 },
};
const FACTS = {
  board: BOARD,
  pirqIrqs: [10, 10, 11, 11],
  ramBytes: 256 << 20,
  uuid: "00112233-4455-6677-8899-aabbccddeeff",
  cpu: { brand: "Ringfence Virtual CPU", signature: 0x6f1, features: 0x1783fbff, megahertz: 2000 },
};
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
const text = (bytes: Uint8Array, from: number, length: number): string => Buffer.from(bytes).toString("latin1", from, from + length);

/** Does what the script says, with files at the addresses given. */
function runLoader(files: ReadonlyMap<string, Uint8Array>, addresses: Readonly<Record<string, number>>): Map<string, Buffer> {
  const script = Buffer.from(files.get("etc/table-loader") ?? []);
  const placed = new Map<string, Buffer>();
  const name = (at: number): string => script.toString("latin1", at, script.indexOf(0, at));
  for (let at = 0; at < script.length; at += 128) {
    const file = name(at + 4);
    const bytes = placed.get(file) ?? Buffer.from(files.get(file) ?? assert.fail(`no file ${file}`));
    if (script.readUInt32LE(at) === 1) {
      assert.equal((addresses[file] ?? assert.fail(file)) % script.readUInt32LE(at + 60), 0);
      placed.set(file, bytes);
    } else if (script.readUInt32LE(at) === 2) {
      const offset = script.readUInt32LE(at + 116);
      bytes.writeUInt32LE(bytes.readUInt32LE(offset) + (addresses[name(at + 60)] ?? 0), offset);
    } else {
      const [field, start, length] = [60, 64, 68].map((i) => script.readUInt32LE(at + i)) as [number, number, number];
      bytes[field] = ((bytes[field] ?? 0) - sum(bytes.subarray(start, start + length))) & 0xff;
    }
  }
  return placed;
}

test("the loader's script makes whole ACPI tables wherever the files go", () => {
  const base = 0xffef000;
  const placed = runLoader(firmwareTables(FACTS), { "etc/acpi/tables": base, "etc/acpi/rsdp": 0xf6000 });
  const tables = placed.get("etc/acpi/tables") ?? Buffer.alloc(0);
  const rsdp = placed.get("etc/acpi/rsdp") ?? Buffer.alloc(0);
  assert.equal(sum(rsdp.subarray(0, 20)), 0);
  assert.equal(sum(rsdp), 0);
  const at = (address: number): Buffer => {
    const table = tables.subarray(address - base);
    return table.subarray(0, table.readUInt32LE(4));
  };
  for (const [root, size] of [[at(rsdp.readUInt32LE(16)), 4], [at(rsdp.readUInt32LE(24)), 8]] as const) {
    assert.equal(sum(root), 0);
    const found: string[] = [];
    for (let offset = 36; offset < root.length; offset += size) {
      const table = at(root.readUInt32LE(offset));
      assert.equal(sum(table), 0);
      found.push(text(table, 0, 4));
      if (found.at(-1) !== "FACP") continue;
      for (const facs of [36, 132]) assert.equal(text(at(table.readUInt32LE(facs)), 0, 4), "FACS");
      for (const dsdt of [40, 140]) assert.equal(text(at(table.readUInt32LE(dsdt)), 0, 4), "DSDT");
      assert.deepEqual([table.readUInt32LE(48), table[52], table[53]], [0xb2, 0xf1, 0xf0]);
      assert.equal(table.readUInt32LE(112) & 0x20, 0, "the sleep button is fixed hardware");
    }
    assert.deepEqual(found, ["FACP", "APIC", "HPET"]);
  }
});

test("ACPICA finds nothing wrong with the DSDT and the devices in it", (t) => {
  if (spawnSync("iasl", ["-v"]).error) return t.skip("there is no iasl");
  const folder = mkdtempSync(join(tmpdir(), "ringfence-dsdt-"));
  try {
    const tables = Buffer.from(firmwareTables(FACTS).get("etc/acpi/tables") ?? []);
    const at = tables.indexOf("DSDT");
    writeFileSync(join(folder, "DSDT.aml"), tables.subarray(at, at + tables.readUInt32LE(at + 4)));
    const listed = spawnSync("iasl", ["-d", "DSDT.aml"], { cwd: folder, encoding: "utf8" });
    assert.equal(listed.status, 0, listed.stderr);
    const compiled = spawnSync("iasl", ["-oa", "-p", "again", "DSDT.dsl"], { cwd: folder, encoding: "utf8" });
    assert.match(compiled.stdout + compiled.stderr, / 0 Errors, 0 Warnings/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("SMBIOS structures follow one another to the end marker, and the entry point counts them", () => {
  const files = firmwareTables({ ...FACTS, ramBytes: 3 * 2 ** 30 });
  const table = files.get("etc/smbios/smbios-tables") ?? new Uint8Array();
  const entry = Buffer.from(files.get("etc/smbios/smbios-anchor") ?? []);
  const types: number[] = [];
  let at = 0;
  let largest = 0;
  while (at < table.length) {
    types.push(table[at] ?? 0);
    let end = at + (table[at + 1] ?? 0);
    while (table[end] !== 0 || table[end + 1] !== 0) end++;
    largest = Math.max(largest, end + 2 - at);
    at = end + 2;
  }
  assert.equal(at, table.length);
  assert.deepEqual(types, [0, 1, 3, 4, 16, 17, 19, 32, 127]);
  assert.deepEqual([text(entry, 0, 4), text(entry, 16, 5), entry.length, entry[5]], ["_SM_", "_DMI_", 31, 31]);
  assert.deepEqual([entry.readUInt16LE(0x16), entry.readUInt16LE(0x1c), entry.readUInt16LE(8)], [table.length, types.length, largest]);
  const system = Buffer.from(table).indexOf(Uint8Array.of(1, 0x1b, 0x00, 0x01));
  assert.deepEqual([...table.subarray(system + 8, system + 16)], [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
});

test("the MP table lists the processor, the I/O APIC and where each PCI pin ends", () => {
  const bytes = Buffer.from(firmwareTables(FACTS).get("opt/ringfence/mp-table") ?? []);
  assert.deepEqual([text(bytes, 0, 4), text(bytes, 16, 4)], ["_MP_", "PCMP"]);
  const table = bytes.subarray(16);
  assert.equal(table.readUInt16LE(4), table.length);
  assert.equal(sum(table), 0);
  const sizes: Record<number, number> = { 0: 20, 1: 8, 2: 8, 3: 8, 4: 8 };
  const entries: Buffer[] = [];
  for (let at = 44; at < table.length; ) {
    const size = sizes[table[at] ?? 9] ?? assert.fail(`an entry of type ${table[at]}`);
    entries.push(table.subarray(at, at + size));
    at += size;
  }
  assert.equal(entries.length, table.readUInt16LE(34));
  const pci = (slot: number, pin: number): number | undefined => entries.find((e) => e[0] === 3 && e[4] === 0 && e[5] === ((slot << 2) | pin))?.[7];
  assert.deepEqual([pci(3, 0), pci(4, 0), pci(5, 0), pci(2, 0)], [11, 11, 10, 10]);
  assert.equal(entries.find((e) => e[0] === 3 && e[4] === 1 && e[5] === 0)?.[7], 2, "the timer is on pin 2");
});
