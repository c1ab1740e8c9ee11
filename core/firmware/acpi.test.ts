import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type AcpiBoard, buildAcpi, buildFacs } from "./acpi.ts";

const BOARD: AcpiBoard = {
  apicIds: [0, 1],
  ioApicId: 2,
  pmBase: 0x600,
  pmTimerBits: 24,
  s5SleepType: 0,
  sciIrq: 9,
  hpetBase: 0xfed00000,
  comPorts: [
    { base: 0x3f8, irq: 4 },
    { base: 0x2f8, irq: 3 },
  ],
  pciWindow: { base: 0xe0000000, end: 0xfec00000 },
};
const BASE = 0x3ff0000;
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

test("every table's bytes and the RSDP's add up to 0, and pointers lead to tables", () => {
  const { rsdp, tables, parts } = buildAcpi(BOARD, BASE, 0x3fff000);
  assert.deepEqual(parts.map((part) => part.signature), ["DSDT", "FACP", "APIC", "HPET", "RSDT", "XSDT"]);
  for (const { offset, length, signature } of parts) assert.equal(sum(tables.subarray(offset, offset + length)), 0, signature);
  assert.equal(sum(rsdp.subarray(0, 20)), 0);
  assert.equal(sum(rsdp), 0);
  const view = Buffer.from(tables);
  const at = (address: number): string => view.toString("latin1", address - BASE, address - BASE + 4);
  const rsdt = Buffer.from(rsdp).readUInt32LE(16) - BASE;
  const xsdt = Buffer.from(rsdp).readUInt32LE(24) - BASE;
  assert.deepEqual([0, 1, 2].map((i) => at(view.readUInt32LE(rsdt + 36 + 4 * i))), ["FACP", "APIC", "HPET"]);
  assert.deepEqual([0, 1, 2].map((i) => at(view.readUInt32LE(xsdt + 36 + 8 * i))), ["FACP", "APIC", "HPET"]);
  const fadt = parts[1]?.offset ?? 0;
  assert.equal(at(view.readUInt32LE(fadt + 40)), "DSDT");
  assert.equal(view.readUInt32LE(fadt + 36), 0x3fff000);
});

test("a board without an HPET has no table for it", () => {
  const { hpetBase: _, ...board } = BOARD;
  assert.ok(!buildAcpi(board, BASE, 0x3fff000).parts.some((part) => part.signature === "HPET"));
});

test("the longest board fits the memory kept for tables", () => {
  const apicIds = Array.from({ length: 64 }, (_, i) => i);
  assert.ok(buildAcpi({ ...BOARD, apicIds }, BASE, 0x3fff000).tables.length <= 0xf000);
});

const iasl = spawnSync("iasl", ["-v"]).error === undefined;
test("ACPICA reads all tables, and its compiler makes the same of the DSDT", { skip: iasl ? false : "iasl is not installed (Debian: acpica-tools)" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-acpi-"));
  try {
    const { tables, parts } = buildAcpi(BOARD, BASE, 0x3fff000);
    for (const { signature, offset, length } of parts) writeFileSync(join(folder, `${signature}.aml`), tables.subarray(offset, offset + length));
    writeFileSync(join(folder, "FACS.aml"), buildFacs());
    for (const { signature } of [...parts, { signature: "FACS" }]) {
      const output = spawnSync("iasl", ["-d", `${signature}.aml`], { cwd: folder, encoding: "utf8" });
      assert.equal(output.status, 0, output.stdout + output.stderr);
      assert.doesNotMatch(output.stdout + output.stderr, /Error|Invalid|Warning|incorrect/i, signature);
    }
    const source = readFileSync(join(folder, "DSDT.dsl"), "utf8");
    for (const expected of ["Device (PCI0)", "_PRT", "PNP0303", "PNP0F13", "PNP0B00", "Device (COM2)", "PNP0103", "Method (_SRS"]) {
      assert.ok(source.includes(expected), expected);
    }
    const compiled = execFileSync("iasl", ["-oa", "-p", "again", "DSDT.dsl"], { cwd: folder, encoding: "utf8", stdio: "pipe" });
    assert.match(compiled, / 0 Errors, 0 Warnings/);
    execFileSync("iasl", ["-d", "again.aml"], { cwd: folder, stdio: "pipe" });
    const code = (text: string): string => text.slice(text.indexOf("{"));
    assert.equal(code(readFileSync(join(folder, "again.dsl"), "utf8")), code(source));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
